"""A desk on Bluesky without sockets: it reads as the poller does, and answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from allhours.networks import bluesky
from allhours.networks.contract import Answer, DefiniteNo
from infra.local.standins.base import now
from infra.local.standins.bluesky import BlueskyStandIn
from tests.unit.standins.bluesky_wire import FakeCredentials, NoMeter, Poller

if TYPE_CHECKING:
    from allhours.domain.item import Item
    from allhours.networks._bluesky.answers import BlueskyAnswers
    from allhours.networks.contract import Permission, Posted
    from allhours.networks.http import Http

SECOND = timedelta(seconds=1)
SORRY = "We are sorry, and have sent you a new one."


class Desk(Poller):
    """The poller's account, answering."""

    def __init__(self, stand_in: BlueskyStandIn | None = None, **settings: str) -> None:
        super().__init__(stand_in or BlueskyStandIn(), listen=("acme bank",), **settings)
        self.answers = answers(self.credentials, self.http)
        self.setup = bluesky.setting_up(self.credentials, self.http, app_secret="")
        self.poll(now() - SECOND)

    def hears(self, native_id: str) -> Item:
        """Return the item that a post or message becomes."""
        self.poll(now() + SECOND)
        return next(item for item in self.queue if item.native_id == native_id)

    def prepared(self, item: Item, text: str = SORRY, *, private: bool = False, reply: str = "r1") -> Answer:
        answer = Answer(reply_id=reply, item=item, text=text, approved_at=now(), private=private)
        return self.answers.prepare(self.handle, answer, at=now())

    def send(self, answer: Answer) -> Posted:
        return self.answers.send(self.handle, answer, at=now())

    def find(self, answer: Answer) -> Posted | None:
        return self.answers.find(self.handle, answer, at=now())

    def says_no(self, item: Item, text: str = SORRY, *, private: bool = False) -> str:
        with pytest.raises(DefiniteNo) as caught:
            self.prepared(item, text, private=private)
        assert caught.value.again_at is None
        return caught.value.detail

    def permission(self, item: Item, *, private: bool = False) -> Permission:
        return self.answers.permission(self.handle, item, private=private, at=now())


def answers(credentials: FakeCredentials, http: Http) -> BlueskyAnswers:
    return cast("BlueskyAnswers", bluesky.answering(credentials, http, app_secret="", meter=NoMeter()))
