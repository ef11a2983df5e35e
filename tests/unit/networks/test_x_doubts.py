"""What X leaves open: an answer counts as absent, or as taken back, only where X showed all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import Malformed, NetworkError, Refused, Unreachable
from allhours.networks.contract import Answer, CannotTell, DefiniteNo
from infra.local.standins._x_webhooks import problem
from infra.local.standins.base import Told
from infra.local.standins.x import XStandIn
from tests.unit.standins.x_wire import Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from allhours.domain.item import Item
    from infra.local.standins.base import Asked

SORRY = "We are sorry & will look at it: please write to us."


@pytest.fixture
def desk() -> Iterator[Desk]:
    with XStandIn() as stand_in:
        yield Desk(stand_in)


@pytest.fixture
def asked(desk: Desk) -> Item:
    """Return Leela's mention."""
    return desk.hears(desk.stand_in.say("leela_k", "@AcmeBank my card is gone"))


@pytest.fixture
def message(desk: Desk) -> Item:
    """Return what Leela wrote in private."""
    return desk.hears(desk.stand_in.say("leela_k", "my reference is 12345", private=True))


def tells(monkeypatch: pytest.MonkeyPatch, end: str, change: Told | Callable[[Told], Told]) -> None:
    """Let X tell something else at the addresses that end so, or tell it without doing anything."""
    answer = XStandIn.answer

    def changed(self: XStandIn, asked: Asked) -> Told:
        if not asked.path.endswith(end):
            return answer(self, asked)
        return change if isinstance(change, Told) else change(answer(self, asked))

    monkeypatch.setattr(XStandIn, "answer", changed)


def with_body(**fields: object) -> Callable[[Told], Told]:
    def change(told: Told) -> Told:
        body: Any = told.body
        whole = {**body, **fields}
        return replace(told, body={name: value for name, value in whole.items() if value is not None})

    return change


def each(**fields: object) -> Callable[[Told], Told]:
    """Return what changes every entry of a page; None leaves a field out."""

    def change(told: Told) -> Told:
        body: Any = told.body
        entries = [
            {name: value for name, value in {**entry, **fields}.items() if value is not None}
            for entry in body.get("data", [])
        ]
        return replace(told, body={**body, "data": entries}) if entries else told

    return change


ILLEGIBLE = [
    with_body(data=None, meta=None, errors=None),
    with_body(data=None, meta={"result_count": 1}),
    with_body(data=[None], meta={"result_count": 1}),
    with_body(errors=[{"title": "Service Unavailable", "detail": "Timed out"}]),
    with_body(meta={"result_count": 1, "next_token": 5}),
    each(id="unknown"),
]


@pytest.mark.parametrize("change", [*ILLEGIBLE, each(referenced_tweets=None), each(referenced_tweets=["?"])])
def test_an_answer_that_x_does_not_show_legibly_is_not_absent(
    desk: Desk, asked: Item, change: Callable[[Told], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.prepared(asked, SORRY)
    desk.send(answer)
    tells(monkeypatch, "/tweets", lambda told: change(each(text="other words")(told)))
    with pytest.raises(CannotTell):
        desk.find(answer)


@pytest.mark.parametrize("change", [*ILLEGIBLE, each(sender_id=None), each(sender_id="77"), each(text=None)])
def test_a_message_that_x_does_not_show_legibly_is_not_absent(
    desk: Desk, message: Item, change: Callable[[Told], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.prepared(message, SORRY, private=True)
    desk.send(answer)
    assert desk.find(answer) is not None
    tells(monkeypatch, "/dm_events", lambda told: change(each(text="other words")(told)))
    with pytest.raises(CannotTell):
        desk.find(answer)


def test_a_message_is_found_behind_many_others(desk: Desk, message: Item) -> None:
    answer = desk.prepared(message, SORRY, private=True)
    posted = desk.send(answer)
    for number in range(15):
        desk.stand_in.say("leela_k", f"and more {number}", private=True)
    assert desk.find(answer) == posted


def test_what_an_expansion_could_not_bring_leaves_the_look_up_whole(
    desk: Desk, asked: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [{"parameter": "referenced_tweets.id", "title": "Not Found Error"}]
    tells(monkeypatch, "/tweets", with_body(errors=told))
    assert desk.find(desk.prepared(asked, SORRY)) is None


def test_without_our_own_id_nothing_is_absent(desk: Desk, asked: Item) -> None:
    desk.handle = replace(desk.handle, native_id="")
    for private in (False, True):
        with pytest.raises(Refused, match="native_id"):
            desk.find(desk.prepared(asked, SORRY, private=private))


def test_what_must_not_be_reached_is_refused_whoever_asks(desk: Desk, asked: Item, message: Item) -> None:
    elsewhere = replace(message, handle="@AcmeSavings")
    nameless = replace(asked, author=replace(asked.author, author_id="unknown-5"))
    for item, private in (
        (message, False),
        (elsewhere, True),
        (replace(asked, network="bluesky"), False),
        (nameless, True),
    ):
        answer = Answer(reply_id="r", item=item, text=SORRY, approved_at=datetime.now(UTC), private=private)
        permission = desk.answers.permission(desk.handle, item, private=private, at=datetime.now(UTC))
        assert not permission.allowed
        for act in (desk.answers.prepare, desk.answers.send):
            with pytest.raises(DefiniteNo, match=permission.reason):
                act(desk.handle, answer, at=datetime.now(UTC))
    assert not [one for one in desk.stand_in.asked if one.method == "POST"]


@pytest.mark.parametrize(
    "told",
    [
        Told(status=503, body={"type": "https://api.x.com/2/problems/usage-capped"}),
        Told(status=408, body={}),
        Told(status=409, body={"detail": "Conflict"}),
        Told(status=302, body={}),
        Told(status=403, body={"errors": [{"code": 187, "message": "Status is a duplicate."}]}),
        Told(status=201, body={"data": {}}),
    ],
)
def test_what_may_have_had_an_effect_is_a_doubt(
    desk: Desk, asked: Item, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.prepared(asked, SORRY)
    tells(monkeypatch, "/2/tweets", told)
    with pytest.raises((Unreachable, Malformed)):
        desk.send(answer)


def test_what_an_answer_costs_is_counted_before_it_is_sent(desk: Desk, asked: Item) -> None:
    answer, before = desk.prepared(asked, SORRY), len(desk.meter.spent)
    desk.stand_in.fail("cut")
    with pytest.raises(NetworkError):
        desk.send(answer)
    assert desk.meter.spent[before:] == [0.010]


@pytest.mark.parametrize(
    "told",
    [
        Told(status=200, body={"data": {"deleted": False}}),
        Told(status=404, body={}),
        Told(status=404, body={"title": "Not Found", "type": "about:blank"}),
        problem(403, "about:blank", "Forbidden", "You are not authorized to delete this Tweet."),
    ],
)
def test_an_answer_that_is_still_there_is_not_taken_back(
    desk: Desk, asked: Item, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = desk.send(desk.prepared(asked, SORRY))
    tells(monkeypatch, posted.native_id, told)
    with pytest.raises(NetworkError):
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))


@pytest.mark.parametrize(
    "told", [Told(status=409, body={}), Told(status=200, body={"data": {"hidden": False}})]
)
def test_what_x_does_not_say_it_hid_is_a_doubt(
    desk: Desk, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = desk.stand_in.brand_says("our app is new")
    item = desk.hears(desk.stand_in.say("leela_k", "rubbish", reply_to=ours))
    tells(monkeypatch, "/hidden", told)
    with pytest.raises((Unreachable, Malformed)):
        desk.answers.hide(desk.handle, item, hidden=True, at=datetime.now(UTC))
