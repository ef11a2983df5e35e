"""Answering on Reddit, and setting it up, against the stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from allhours.domain.errors import Malformed, Refused, Unreachable
from allhours.domain.item import Change, Item
from allhours.networks._reddit import answers as _reddit_answers
from allhours.networks._reddit.answers import LONGEST
from allhours.networks.contract import Answer, CannotTell, Connector, DefiniteNo, Posted, Replier, Withdrawer
from allhours.networks.http import Http
from allhours.networks.reddit import answering, connect, setting_up
from infra.local.standins.base import Told, now
from infra.local.standins.reddit import RedditStandIn
from tests.unit.standins.forum_wire import FakeCredentials, FreeMeter, Poller, credentials_for, handle_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.handle import Handle
    from infra.local.standins._reddit_world import Said

SECOND = timedelta(seconds=1)
HELLO = "Thank you, we are looking into it."


class Desk:
    """A customer's comment as it was heard, and what answers it."""

    def __init__(self, stand_in: RedditStandIn) -> None:
        self.stand_in = stand_in
        self.credentials = credentials_for(stand_in)
        self.handle: Handle = handle_for(stand_in)
        self.network: Replier = answering(
            self.credentials, Http(), app_secret="reddit/app", meter=FreeMeter()
        )
        root = stand_in.say("tomas", "Banks", subreddit="acmebank")
        self.item = self.hear(stand_in.say("leela", "u/acme_bank my card", reply_to=root))

    def hear(self, native_id: str) -> Item:
        reader = connect(self.credentials, Http(), app_secret="reddit/app", meter=FreeMeter())
        poller = Poller(reader, self.handle)
        poller.poll(now() + SECOND)
        return next(item for item in poller.queue if item.native_id == native_id)

    def answer(self, text: str = HELLO, *, private: bool = False) -> Answer:
        return Answer(reply_id="r1", item=self.item, text=text, approved_at=now(), private=private)

    def send(self, text: str = HELLO) -> Posted:
        answer = self.network.prepare(self.handle, self.answer(text), at=now())
        return self.network.send(self.handle, answer, at=now())

    def find(self, text: str = HELLO) -> Posted | None:
        return self.network.find(self.handle, self.answer(text), at=now())


@pytest.fixture
def desk() -> Iterator[Desk]:
    with RedditStandIn() as stand_in:
        yield Desk(stand_in)


def test_it_answers_and_takes_back_and_can_be_set_up(desk: Desk) -> None:
    assert isinstance(desk.network, Replier)
    assert isinstance(desk.network, Withdrawer)
    assert isinstance(setting_up(desk.credentials, Http(), app_secret="reddit/app"), Connector)


def test_a_public_answer_stands_below_the_comment(desk: Desk) -> None:
    posted = desk.send()
    (shown,) = desk.stand_in.shown
    assert (shown.to, shown.text, shown.by) == (desk.item.native_id, HELLO, "acme_bank")
    assert shown.native_id == posted.native_id
    assert posted.permalink.startswith("https://www.reddit.com/r/acmebank/comments/")
    assert posted.permalink.endswith(f"/{posted.native_id[3:]}/")


def test_markdown_entities_and_emoji_arrive_as_they_were_typed(desk: Desk) -> None:
    text = "Fees < 5 € & *no* surprises 🙂\n\nsecond line"
    desk.send(text)
    assert desk.stand_in.shown[0].text == text
    assert desk.find(text) is not None


def test_there_is_no_private_answer(desk: Desk) -> None:
    permission = desk.network.permission(desk.handle, desk.item, private=True, at=now())
    assert not permission.allowed
    assert "no private messages" in permission.reason
    with pytest.raises(DefiniteNo):
        desk.network.prepare(desk.handle, desk.answer(private=True), at=now())
    with pytest.raises(DefiniteNo):
        desk.network.send(desk.handle, desk.answer(private=True), at=now())
    assert desk.stand_in.shown == []


@pytest.mark.parametrize(("state", "words"), [("locked", "locked"), ("archived", "too old")])
def test_a_closed_thread_is_known_before_anybody_types(desk: Desk, state: str, words: str) -> None:
    needs = {**desk.item.answer_needs, state: "yes"}
    permission = desk.network.permission(
        desk.handle, replace(desk.item, answer_needs=needs), private=False, at=now()
    )
    assert not permission.allowed
    assert words in permission.reason
    assert desk.network.permission(desk.handle, desk.item, private=False, at=now()).allowed


def test_what_the_author_took_back_is_not_answered(desk: Desk) -> None:
    gone = replace(desk.item, change=Change.DELETED)
    assert not desk.network.permission(desk.handle, gone, private=False, at=now()).allowed


@pytest.mark.parametrize(
    ("text", "fits"), [("", False), ("a", True), ("🙂" * LONGEST, True), ("a" * (LONGEST + 1), False)]
)
def test_the_length_is_counted_in_characters(desk: Desk, text: str, fits: bool) -> None:  # noqa: FBT001
    (length,) = desk.network.length(text, desk.item, private=False)
    assert (length.used, length.allowed, length.unit, length.fits) == (len(text), 10_000, "characters", fits)
    assert desk.network.cost(text, desk.item, private=False).usd == 0


@pytest.mark.parametrize(
    ("state", "words"), [("locked", "locked"), ("archived", "archived"), ("deleted", "took it back")]
)
def test_what_changed_since_it_was_read_is_told_while_preparing(desk: Desk, state: str, words: str) -> None:
    setattr(desk.stand_in.said[desk.item.native_id], state, True)
    with pytest.raises(DefiniteNo, match=words) as told:
        desk.network.prepare(desk.handle, desk.answer(), at=now())
    assert told.value.again_at is None


@pytest.mark.parametrize(
    ("state", "words"), [("locked", "locked"), ("archived", "too old"), ("deleted", "deleted")]
)
def test_a_refusal_hidden_in_http_200_is_a_no_in_words(desk: Desk, state: str, words: str) -> None:
    setattr(desk.stand_in.said[desk.item.native_id], state, True)
    with pytest.raises(DefiniteNo, match=words) as told:
        desk.network.send(desk.handle, desk.answer(), at=now())
    assert told.value.again_at is None
    assert desk.stand_in.shown == []


def test_a_text_that_is_too_long_or_empty_is_refused_by_reddit_too(desk: Desk) -> None:
    with pytest.raises(DefiniteNo, match="10,000"):
        desk.network.send(desk.handle, desk.answer("a" * (LONGEST + 1)), at=now())
    with pytest.raises(DefiniteNo, match="empty"):
        desk.network.send(desk.handle, desk.answer(""), at=now())


def test_a_rate_limit_in_http_200_says_when_to_try_again(desk: Desk) -> None:
    desk.stand_in.writes_too_fast = 1
    at = now()
    with pytest.raises(DefiniteNo, match="too often") as told:
        desk.network.send(desk.handle, desk.answer(), at=at)
    assert told.value.again_at == at + timedelta(minutes=4)  # "in 3 minutes", and one to be sure
    assert desk.send().native_id


def test_a_success_that_names_nothing_is_a_doubt_that_find_resolves(desk: Desk) -> None:
    desk.stand_in.forget_things = 1
    with pytest.raises(Malformed):
        desk.send()
    found = desk.find()
    assert found is not None
    assert found.native_id == desk.stand_in.shown[0].native_id


@pytest.mark.parametrize(("fault", "doubt"), [("cut", Unreachable), ("server_error", Unreachable)])
def test_a_doubt_after_the_effect_is_found(desk: Desk, fault: str, doubt: type[Exception]) -> None:
    answer = desk.network.prepare(desk.handle, desk.answer(), at=now())
    desk.stand_in.fail(fault)
    with pytest.raises(doubt):
        desk.network.send(desk.handle, answer, at=now())
    found = desk.find()
    assert found is not None
    assert found.native_id == desk.stand_in.shown[0].native_id


def test_a_broken_answer_is_a_doubt(desk: Desk) -> None:
    answer = desk.network.prepare(desk.handle, desk.answer(), at=now())
    desk.stand_in.fail("malformed")
    with pytest.raises(Malformed):
        desk.network.send(desk.handle, answer, at=now())
    assert desk.find() is not None


def test_without_an_effect_nothing_is_found(desk: Desk) -> None:
    assert desk.find() is None
    other = desk.stand_in.say("maria", "same here", reply_to=desk.item.parent_id)
    desk.stand_in.brand_says(HELLO, reply_to=other)
    assert desk.find() is None


def test_an_older_answer_to_the_same_comment_is_not_taken_for_this_one(desk: Desk) -> None:
    old = now() - timedelta(hours=1)
    desk.stand_in.say("acme_bank", HELLO, reply_to=desk.item.native_id, said_at=old)
    assert desk.find() is None


def test_a_list_that_ends_too_early_proves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.send()
    for number in range(101):  # what our account said elsewhere since
        desk.stand_in.brand_says(f"elsewhere {number}", reply_to=desk.item.parent_id)
    assert desk.find() is not None
    monkeypatch.setattr(_reddit_answers, "PAGES", 1)
    with pytest.raises(CannotTell, match="by hand"):
        desk.find()


def test_a_list_whose_name_is_gone_is_looked_at_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.send()
    for number in range(101):
        desk.stand_in.brand_says(f"elsewhere {number}", reply_to=desk.item.parent_id)
    whole = desk.stand_in.answer
    nothing = Told(body={"kind": "Listing", "data": {"children": [], "after": None}})
    monkeypatch.setattr(
        desk.stand_in, "answer", lambda asked: nothing if asked.first("after") else whole(asked)
    )
    with pytest.raises(Unreachable, match="half way"):
        desk.find()


def test_a_comment_without_a_legible_time_may_be_the_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = desk.send()
    whole = desk.stand_in.thing

    def undated(said: Said, **told: Any) -> dict[str, Any]:
        row = whole(said, **told)
        return {**row, "data": {**row["data"], "created_utc": None}}

    monkeypatch.setattr(desk.stand_in, "thing", undated)
    found = desk.find()
    assert found is not None
    assert found.native_id == posted.native_id


def test_the_words_break_a_tie(desk: Desk) -> None:
    first, second = desk.send("first words"), desk.send("second words")
    found = [desk.find("first  words"), desk.find("second words")]
    assert [each.native_id for each in found if each] == [first.native_id, second.native_id]


def test_sending_twice_answers_twice_for_reddit_has_no_key(desk: Desk) -> None:
    desk.send()
    desk.send()
    assert len(desk.stand_in.shown) == 2


def test_an_expired_token_is_renewed_and_the_same_attempt_made_again(desk: Desk) -> None:
    answer = desk.network.prepare(desk.handle, desk.answer(), at=now())
    desk.stand_in.fail("expired_token")
    at = now()
    with pytest.raises(DefiniteNo) as told:
        desk.network.send(desk.handle, answer, at=at)
    assert told.value.again_at == at
    assert desk.network.send(desk.handle, answer, at=at).native_id


def test_a_consent_that_was_taken_back_is_no_doubt(desk: Desk) -> None:
    desk.stand_in.revoke()
    with pytest.raises(DefiniteNo, match="reddit/cards") as told:
        desk.network.send(desk.handle, desk.answer(), at=now())
    assert told.value.again_at is None


def test_a_forbidden_reply_says_why(desk: Desk) -> None:
    answer = desk.network.prepare(desk.handle, desk.answer(), at=now())
    desk.stand_in.fail("refused_token")
    with pytest.raises(DefiniteNo, match="banned") as told:
        desk.network.send(desk.handle, answer, at=now())
    assert told.value.again_at is None


def test_a_network_that_is_not_there_is_a_no_until_later(desk: Desk) -> None:
    answer = desk.network.prepare(desk.handle, desk.answer(), at=now())
    desk.stand_in.stop()
    with pytest.raises(DefiniteNo) as told:
        desk.network.send(desk.handle, answer, at=now())
    assert told.value.again_at is not None


def test_an_answer_is_taken_back_and_doing_so_again_is_no_error(desk: Desk) -> None:
    assert isinstance(desk.network, Withdrawer)
    posted = desk.send()
    desk.network.withdraw(desk.handle, posted, at=now())
    assert [shown.deleted for shown in desk.stand_in.shown] == [True]
    desk.network.withdraw(desk.handle, posted, at=now())
    assert desk.find() is None


# Setting up


def consented(stand_in: RedditStandIn, credentials: FakeCredentials) -> dict[str, str]:
    setup = setting_up(credentials, Http(), app_secret="reddit/app")
    redirect = "http://127.0.0.1:8910/"
    page = setup.consent(
        handle_for(stand_in), stand_in.app_secret, redirect=redirect, state="s1", verifier="v"
    )
    assert {"duration": "permanent", "state": "s1"}.items() <= _query(page).items()
    answer = requests.get(page, allow_redirects=False, timeout=5)
    told = _query(answer.headers["location"])
    assert told["state"] == "s1"
    return dict(
        setup.exchange(
            handle_for(stand_in),
            stand_in.app_secret,
            code=told["code"],
            redirect=redirect,
            verifier="v",
            at=now(),
        )
    )


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_consent_exchange_identify_register_health() -> None:
    with RedditStandIn() as stand_in:
        credentials = FakeCredentials({"reddit/app": stand_in.app_secret})
        fields = consented(stand_in, credentials)
        assert fields.keys() == {"refresh_token", "access_token", "expires_at"}
        credentials.secrets["reddit/cards"] = fields
        setup, handle = setting_up(credentials, Http(), app_secret="reddit/app"), handle_for(stand_in)
        identity = setup.identify(handle, at=now())
        assert (identity.native_id, identity.name) == (stand_in.native_id, "u/acme_bank")
        assert "no webhooks" in setup.register(handle, callback="", at=now())[0]
        health = setup.health(handle, callback="", at=now())
        assert health.token_expires is None
        assert health.webhook_ok is None
        assert health.quota_used is not None
        assert 0 < health.quota_used < 0.1
        assert health.notes == ()
        assert {question.field for question in setup.questions} == stand_in.app_secret.keys()


def test_a_wrong_code_is_refused_although_it_comes_with_http_200() -> None:
    with RedditStandIn() as stand_in:
        setup = setting_up(credentials_for(stand_in), Http(), app_secret="reddit/app")
        with pytest.raises(Refused, match="invalid_grant"):
            setup.exchange(
                handle_for(stand_in), stand_in.app_secret, code="x", redirect="", verifier="", at=now()
            )


def test_another_accounts_consent_is_refused() -> None:
    with RedditStandIn() as stand_in:
        setup = setting_up(credentials_for(stand_in), Http(), app_secret="reddit/app")
        with pytest.raises(Refused, match="u/acme_bank"):
            setup.identify(replace(handle_for(stand_in), handle="u/other_bank"), at=now())


def test_replies_that_only_we_can_see_are_a_note(desk: Desk) -> None:
    hidden = desk.send("hidden by a rule")
    desk.send("seen by all")
    desk.stand_in.remove_quietly(hidden.native_id)
    setup = setting_up(desk.credentials, Http(), app_secret="reddit/app")
    (note,) = setup.health(desk.handle, callback="", at=now()).notes
    assert "1 of our last 2 replies are shown to nobody but us (r/acmebank)" in note


def test_a_token_is_renewed_when_due_and_not_before(desk: Desk) -> None:
    setup = setting_up(desk.credentials, Http(), app_secret="reddit/app")
    desk.send()
    assert not setup.renew(desk.handle, at=now())
    assert setup.renew(desk.handle, at=now() + timedelta(hours=23, minutes=56))
