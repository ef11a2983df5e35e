"""What Mastodon leaves open: an answer counts as absent, or as taken back, only where the server is sure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import NetworkError, Refused
from allhours.networks.contract import Answer, CannotTell, DefiniteNo
from infra.local.standins.base import Told
from infra.local.standins.mastodon import MastodonStandIn
from tests.unit.networks.test_mastodon_answers import SORRY, Answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from allhours.domain.item import Item
    from infra.local.standins.base import Asked


@pytest.fixture
def desk() -> Iterator[Answering]:
    with MastodonStandIn() as server:
        yield Answering(server)


@pytest.fixture
def asked(desk: Answering) -> Item:
    """Return what Leela said on another server."""
    return desk.hears(desk.server.say("leela@other.social", "my card is gone"))


def tells(
    desk: Answering,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    change: Callable[[Any], Any],
    *,
    status: int = 200,
) -> None:
    """Let the server tell something else at the addresses that end so."""
    serve = desk.server.answer

    def changed(asked: Asked) -> Told:
        told = serve(asked)
        if not asked.path.endswith(end) or asked.method == "POST":
            return told
        return replace(told, body=change(told.body), status=status)

    monkeypatch.setattr(desk.server, "answer", changed)


def each(**fields: object) -> Callable[[Any], Any]:
    return lambda body: [{**entry, **fields} for entry in body]


def without_the_newest(body: Any) -> Any:
    return [None, *body[1:]]


def away(_: Asked) -> Told:
    return Told(status=404, body={})


@pytest.mark.parametrize(
    "change",
    [
        without_the_newest,
        each(id=None),
        each(account=None),
        each(in_reply_to_id=5),
        each(visibility=None),
        each(in_reply_to_id=None, mentions=None),
    ],
)
def test_an_answer_that_the_server_does_not_show_legibly_is_not_absent(
    desk: Answering, asked: Item, change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.prepared(asked)
    desk.send(answer)
    tells(desk, monkeypatch, "/context", lambda _: {}, status=404)
    tells(desk, monkeypatch, "/statuses", change)
    with pytest.raises(CannotTell):
        desk.find(answer)


def test_an_answer_is_not_absent_where_neither_thread_nor_list_is_shown(
    desk: Answering, asked: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.prepared(asked)
    desk.send(answer)
    for end in ("/context", "/statuses"):
        tells(desk, monkeypatch, end, lambda _: {}, status=404)
    with pytest.raises(CannotTell):
        desk.find(answer)


def test_the_same_words_to_somebody_else_are_not_the_answer(
    desk: Answering, asked: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = desk.server.say("omar", "and mine")
    desk.server.brand_says(f"@omar {SORRY}", reply_to=other)
    tells(desk, monkeypatch, "/statuses", each(in_reply_to_id=None))  # Omar deleted what he had said
    assert desk.find(desk.prepared(asked)) is None


def test_a_public_answer_is_not_the_private_one(desk: Answering, asked: Item) -> None:
    public = desk.send(desk.prepared(asked))
    assert desk.find(desk.prepared(asked, private=True)) is None
    assert desk.find(desk.prepared(asked)) == public


def test_a_token_of_another_account_tells_nothing(desk: Answering, asked: Item) -> None:
    answer = desk.prepared(asked)
    posted = desk.send(answer)
    desk.handle = replace(desk.handle, native_id="4711")
    with pytest.raises(Refused, match="another account"):
        desk.find(answer)
    desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))
    with pytest.raises(Refused, match="another account"):
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))


def test_what_must_not_be_reached_is_refused_whoever_asks(desk: Answering, asked: Item) -> None:
    desk.server.private_mentions = "accept"
    hush = desk.hears(desk.server.say("leela@other.social", "hush", visibility="direct"))
    for item in (hush, replace(asked, handle="@acme@other.social"), replace(asked, network="x")):
        answer = Answer(
            reply_id="r",
            item=item,
            text=SORRY,
            approved_at=datetime.now(UTC),
            fixed={"status": SORRY, "visibility": "public", "key": "r"},
        )
        assert not desk.may(item).allowed
        for act in (desk.answers.prepare, desk.answers.send):
            with pytest.raises(DefiniteNo):
                act(desk.handle, answer, at=datetime.now(UTC))
    assert desk.server.shown == []


def test_an_answer_that_is_still_there_is_not_taken_back(
    desk: Answering, asked: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = desk.send(desk.prepared(asked))
    serve = desk.server.answer

    def keeps(asked: Asked) -> Told:
        return Told(status=404, body={}) if asked.method == "DELETE" else serve(asked)

    monkeypatch.setattr(desk.server, "answer", keeps)
    with pytest.raises(Refused, match="though it is there"):
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))
    monkeypatch.setattr(desk.server, "answer", away)
    with pytest.raises(NetworkError):
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))


def test_what_another_accounts_token_does_not_see_is_not_deleted(desk: Answering) -> None:
    desk.server.private_mentions = "accept"
    hush = desk.hears(desk.server.say("leela@other.social", "hush", visibility="direct"))
    desk.server.delete(hush.native_id)
    assert len(list(desk.network.reread(desk.handle, [hush], at=datetime.now(UTC)))) == 1
    other = replace(desk.handle, native_id="4711")
    with pytest.raises(Refused, match="another account"):
        list(desk.network.reread(other, [hush], at=datetime.now(UTC)))
