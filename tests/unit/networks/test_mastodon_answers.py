"""What we answer on Mastodon: never wider than what is answered, once, found again; and how it is set up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from jsonschema import Draft202012Validator

from allhours.domain.errors import Malformed, NetworkError, Refused, Unreachable
from allhours.domain.item import Change, Item
from allhours.networks import mastodon
from allhours.networks._mastodon.answers import graphemes
from allhours.networks._mastodon.server import SCOPES
from allhours.networks.contract import (
    Answer,
    CannotTell,
    Connector,
    DefiniteNo,
    Hider,
    Posted,
    ReceiptReader,
    Replier,
    Withdrawer,
)
from allhours.networks.http import Http
from infra.local.standins.mastodon import MastodonStandIn
from tests.shared_material import specs
from tests.unit.standins.mastodon_wire import FLAVOURS, Desk, NoMeter, Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.networks.contract import Permission
    from infra.local.standins.base import Asked, Told

SORRY = "We are sorry & will look at it at once."
REDIRECT = "http://127.0.0.1:9/"


class Answering(Desk):
    """The account that reads, answering."""

    def __init__(self, server: MastodonStandIn) -> None:
        super().__init__(server)
        self.server = server
        self.secrets = Secrets(server.secret)
        meter = NoMeter()
        self.answers: Any = mastodon.answering(self.secrets, Http(), app_secret="", meter=meter)
        self.setup = mastodon.setting_up(self.secrets, Http(), app_secret="")

    def hears(self, native_id: str) -> Item:
        """Return the item that a status becomes."""
        self.poll()
        return next(item for item in self.items if item.native_id == native_id)

    def prepared(
        self, item: Item, text: str = SORRY, *, private: bool = False, at: datetime | None = None
    ) -> Answer:
        at = at or datetime.now(UTC)
        answer = Answer(reply_id="reply-1", item=item, text=text, approved_at=at, private=private)
        prepared: Answer = self.answers.prepare(self.handle, answer, at=at)
        return prepared

    def send(self, answer: Answer, at: datetime | None = None) -> Posted:
        posted: Posted = self.answers.send(self.handle, answer, at=at or datetime.now(UTC))
        return posted

    def find(self, answer: Answer) -> Posted | None:
        found: Posted | None = self.answers.find(self.handle, answer, at=datetime.now(UTC))
        return found

    def may(self, item: Item, *, private: bool = False) -> Permission:
        allowed: Permission = self.answers.permission(
            self.handle, item, private=private, at=datetime.now(UTC)
        )
        return allowed

    def no_from(self, item: Item, text: str = SORRY, *, private: bool = False) -> DefiniteNo:
        with pytest.raises(DefiniteNo) as caught:
            self.send(self.prepared(item, text, private=private))
        assert text not in str(caught.value)
        assert "stand-in-token" not in str(caught.value)
        return caught.value


@pytest.fixture(params=FLAVOURS)
def desk(request: pytest.FixtureRequest) -> Iterator[Answering]:
    with MastodonStandIn(flavour=request.param) as server:
        yield Answering(server)


@pytest.fixture
def one(request: pytest.FixtureRequest) -> Iterator[Answering]:
    del request
    with MastodonStandIn() as server:
        yield Answering(server)


@pytest.fixture
def asked(desk: Answering) -> Item:
    """Return what Leela said on another server."""
    return desk.hears(desk.server.say("leela@other.social", "my card is gone"))


def test_it_answers_and_withdraws_and_nothing_else(desk: Answering) -> None:
    assert isinstance(desk.answers, Replier)
    assert isinstance(desk.answers, Withdrawer)
    assert not isinstance(desk.answers, Hider)
    assert not isinstance(desk.answers, ReceiptReader)
    assert isinstance(desk.setup, Connector)


# How wide, and to whom.


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
@pytest.mark.parametrize("private", [False, True])
def test_an_answer_is_as_wide_as_what_it_answers_or_direct(
    desk: Answering,
    visibility: str,
    private: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    desk.server.private_mentions = "accept"
    item = desk.hears(desk.server.say("leela@other.social", "my card is gone", visibility=visibility))
    allowed = desk.may(item, private=private).allowed
    assert allowed is (private or visibility != "direct")
    if allowed:
        desk.send(desk.prepared(item, private=private))
        body = json.loads(desk.server.asked[-1].body)
        assert body["visibility"] == ("direct" if private else visibility)
        assert body["status"].startswith("@leela@other.social ")
        assert desk.server.shown[0].private is (private or visibility == "direct")


def test_an_answer_names_the_author_once(desk: Answering, asked: Item) -> None:
    text = "Hello @Leela@other.social, we are on it."
    assert desk.prepared(asked, text).fixed["status"] == text
    assert desk.prepared(asked).fixed["status"] == f"@leela@other.social {SORRY}"


def test_a_private_answer_names_nobody_else(desk: Answering, asked: Item) -> None:
    refused = desk.no_from(asked, "as @omar@third.social knows", private=True)
    assert "@omar@third.social" in refused.detail
    assert desk.server.shown == []
    assert desk.send(desk.prepared(asked, "as @omar@third.social knows")).native_id


def test_what_is_deleted_or_unknown_here_is_not_answered(desk: Answering, asked: Item) -> None:
    for item in (replace(asked, change=Change.DELETED), replace(asked, answer_needs={})):
        assert not desk.may(item).allowed
        assert not desk.may(item, private=True).allowed


# How long.


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("hello", 5),
        ("see https://acmebank.com/a/very/long/address/that/goes/on", 27),
        ("see acmebank.com", 16),
        ("@leela@other.social hi", 9),
        ("@leela hi", 9),
        ("leela@other.social is no name", 29),
        ("\U0001f469\u200d\U0001f469\u200d\U0001f467 family", 8),
        ("e\u0301", 1),
    ],
)
def test_a_text_is_as_long_as_a_reader_sees_it(text: str, length: int) -> None:
    assert graphemes(text) == length


def test_the_limit_is_the_servers_own_and_asked_for_once(desk: Answering, asked: Item) -> None:
    longest = 500 if desk.server.mastodon else 5_000
    (length,) = desk.answers.length("x" * (longest - 7), asked, private=False)
    assert (length.used, length.allowed, length.fits) == (longest, longest, True)
    assert not desk.answers.length("x" * (longest - 6), asked, private=False)[0].fits
    again = desk.hears(desk.server.say("omar", "me too"))
    assert desk.answers.length("x", again, private=True)[0].allowed == longest
    assert len([each for each in desk.server.asked if each.path == "/api/v2/instance"]) == 1


def test_a_server_that_does_not_tell_its_limit_is_asked_once_a_poll(
    desk: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(desk.server._showing), "instance", lambda _self: "x" * 6_000_000)
    for number in range(3):
        desk.server.say("leela", f"number {number}")
    desk.poll()
    assert len([each for each in desk.server.asked if each.path == "/api/v2/instance"]) == 1
    assert {desk.answers.length("x", item, private=False)[0].allowed for item in desk.items} == {500}


def test_an_answer_costs_nothing(desk: Answering, asked: Item) -> None:
    assert desk.answers.cost(SORRY, asked, private=False).usd == 0


# Sending, doubts, and how they end.


def test_an_answer_stands_below_the_post_and_is_found(desk: Answering, asked: Item) -> None:
    answer = desk.prepared(asked)
    assert desk.find(answer) is None
    posted = desk.send(answer)
    assert desk.find(answer) == posted
    assert posted.permalink.startswith("http")
    (shown,) = desk.server.shown
    assert (shown.native_id, shown.to, shown.text) == (posted.native_id, asked.native_id, SORRY)
    desk.poll()
    assert [item.native_id for item in desk.items] == [asked.native_id]


def test_a_second_send_is_the_first_one_where_the_server_keeps_the_key(one: Answering) -> None:
    asked = one.hears(one.server.say("leela", "my card is gone"))
    answer = one.prepared(asked)
    assert one.send(answer) == one.send(answer)
    assert len(one.server.shown) == 1
    assert {each.headers["idempotency-key"] for each in one.server.asked if each.method == "POST"} == {
        "reply-1"
    }


def test_from_fifty_minutes_on_the_thread_is_looked_at_first(desk: Answering, asked: Item) -> None:
    answer = desk.prepared(asked)
    posted = desk.send(answer)
    later = answer.approved_at + timedelta(minutes=50)
    desk.server.writes._keys.clear()
    assert desk.send(answer, later) == posted
    assert len(desk.server.shown) == 1


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("fault", ["cut", "server_error", "malformed"])
def test_an_answer_whose_end_is_unclear_is_found(
    desk: Answering,
    asked: Item,
    fault: str,
    private: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    answer = desk.prepared(asked, private=private)
    desk.server.fail(fault)
    with pytest.raises(NetworkError) as caught:
        desk.send(answer)
    assert isinstance(caught.value, (Unreachable, Malformed))
    found = desk.find(answer)
    assert found is not None
    assert found.native_id == desk.server.shown[0].native_id


def test_an_answer_to_a_post_that_is_gone_is_a_no_or_stands_alone(desk: Answering, asked: Item) -> None:
    desk.server.delete(asked.native_id)
    answer = desk.prepared(asked)
    if desk.server.mastodon:
        assert "gone" in desk.no_from(asked).detail
        assert desk.find(answer) is None
    else:
        assert desk.find(desk.prepared(asked, "other words")) is None
        assert desk.send(answer) == desk.find(answer)


def test_an_answer_is_found_among_others(desk: Answering, asked: Item) -> None:
    text = "Look at https://acmebank.com/help, <please> & thank you"
    answer = desk.prepared(asked, text)
    desk.server.brand_says("@leela@other.social by hand", reply_to=asked.native_id)
    posted = desk.send(answer)
    assert desk.find(answer) == posted
    with pytest.raises(CannotTell):
        desk.find(desk.prepared(asked, "words that nobody said"))


def test_what_was_said_before_the_approval_is_not_the_answer(desk: Answering, asked: Item) -> None:
    desk.server.brand_says("@leela@other.social seen", reply_to=asked.native_id)
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert desk.find(desk.prepared(asked, at=later)) is None


def test_what_we_say_to_somebody_else_is_not_the_answer(desk: Answering, asked: Item) -> None:
    other = desk.server.say("omar", "and mine")
    desk.server.brand_says("@omar we are on it", reply_to=other)
    desk.server.brand_says("Good morning everybody")
    assert desk.find(desk.prepared(asked)) is None


def test_who_has_blocked_us_is_told_in_words(desk: Answering, asked: Item) -> None:
    desk.server.writes.blocked_by.add("leela@other.social")
    assert "blocked us" in desk.no_from(asked).detail


def test_a_token_without_the_scope_is_told_in_words(desk: Answering, asked: Item) -> None:
    desk.server.writes.scopes = "read"
    assert "write:statuses" in desk.no_from(asked).detail
    health = desk.setup.health(desk.handle, callback="", at=datetime.now(UTC))
    assert health.notes == ("the token lacks write:statuses: connect the account again",)


def test_a_text_that_is_too_long_is_refused_in_words(desk: Answering, asked: Item) -> None:
    refused = desk.no_from(asked, "x" * 6_000)
    assert "shorten" in refused.detail
    assert refused.again_at is None


@pytest.mark.parametrize(
    ("fault", "words"), [("refused_token", "suspended"), ("expired_token", "connect the account")]
)
def test_a_refusal_is_said_in_words(desk: Answering, asked: Item, fault: str, words: str) -> None:
    answer = desk.prepared(asked)
    desk.server.fail(fault)
    with pytest.raises(DefiniteNo, match=words):
        desk.send(answer)
    assert desk.server.shown == []


def test_a_full_bucket_says_when_it_is_empty_again() -> None:
    at = datetime(2026, 11, 21, 10, 1, tzinfo=UTC)
    with MastodonStandIn(posts=1, clock=lambda: at) as server:
        desk = Answering(server)
        item = desk.hears(server.say("leela", "my card is gone"))
        desk.send(desk.prepared(item, at=at), at)
        with pytest.raises(DefiniteNo) as caught:
            desk.send(desk.prepared(item, "more", at=at), at)
        assert caught.value.again_at == at + timedelta(hours=1)  # what the header says, an hour at most


def test_a_server_that_is_away_or_a_secret_without_a_token_had_no_effect(
    desk: Answering, asked: Item
) -> None:
    answer = desk.prepared(asked)
    desk.server.stop()
    with pytest.raises(DefiniteNo) as caught:
        desk.send(answer)
    assert caught.value.again_at is not None
    desk.secrets.fields = {}
    with pytest.raises(DefiniteNo, match="access_token"):
        desk.send(answer)


def test_an_answer_is_taken_back_once_and_again(desk: Answering, asked: Item) -> None:
    posted = desk.send(desk.prepared(asked))
    for _ in range(2):
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))
    assert desk.server.shown[0].deleted
    assert desk.find(desk.prepared(asked)) is None
    desk.server.fail("refused_token")
    with pytest.raises(Refused):
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))


# Setting up.


def connected(desk: Answering) -> str:
    """Let the owner consent, and store the token; return the page's address."""
    page = desk.setup.consent(desk.handle, {}, redirect=REDIRECT, state="s", verifier="v" * 50)
    back = urlsplit(requests.get(page, allow_redirects=False, timeout=5).headers["location"])
    code = parse_qs(back.query)["code"][0]
    told = {"code": code, "redirect": REDIRECT, "verifier": "v" * 50}
    desk.secrets.fields = desk.setup.exchange(desk.handle, {}, at=datetime.now(UTC), **told)
    with pytest.raises(Refused, match="begin again"):
        desk.setup.exchange(desk.handle, {}, at=datetime.now(UTC), **told)
    return page


def test_consent_registers_an_app_and_leads_to_a_token(desk: Answering) -> None:
    page = parse_qs(urlsplit(connected(desk)).query)
    assert page["scope"] == [SCOPES]
    assert page["state"] == ["s"]
    at = datetime.now(UTC)
    who = desk.setup.identify(desk.handle, at=at)
    assert (who.native_id, who.name, who.note) == (desk.server.brand_id, "@acmebank", "")
    assert "@other" in desk.setup.identify(replace(desk.handle, handle="@other"), at=at).note
    assert len(desk.setup.register(desk.handle, callback="", at=at)) == 1
    health = desk.setup.health(desk.handle, callback="", at=at)
    assert (health.token_expires, health.webhook_ok, health.notes) == (None, None, ())
    assert desk.setup.renew(desk.handle, at=at) is False


def test_health_tells_of_a_policy_that_loses_private_posts(one: Answering) -> None:
    one.server.private_mentions = "drop"
    (note,) = one.setup.health(one.handle, callback="", at=datetime.now(UTC)).notes
    assert "lost" in note


def test_a_code_without_a_consent_and_a_server_without_apps_are_refused(one: Answering) -> None:
    told = {"code": "c", "redirect": REDIRECT, "verifier": "v"}
    with pytest.raises(Refused, match="begin again"):
        one.setup.exchange(one.handle, {}, at=datetime.now(UTC), **told)
    with pytest.raises(Refused, match="base_url"):
        one.setup.consent(one.handle, {}, redirect="", state="s", verifier="v")


# The published description, both ways.


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    described: dict[str, Any] = json.loads(specs("mastodon", "schema.json").read_bytes())
    return described


DESCRIBED = {
    ("POST", "/api/v1/statuses"): "/api/v1/statuses",
    ("DELETE", "/api/v1/statuses/"): "/api/v1/statuses/{id}",
    ("GET", "/api/v1/accounts/verify_credentials"): "/api/v1/accounts/verify_credentials",
    ("GET", "/api/v1/accounts/"): "/api/v1/accounts/{id}/statuses",
    ("GET", "/api/v1/apps/verify_credentials"): "/api/v1/apps/verify_credentials",
    ("GET", "/api/v2/notifications/policy"): "/api/v2/notifications/policy",
    ("POST", "/api/v1/apps"): "/api/v1/apps",
    ("POST", "/oauth/token"): "/oauth/token",
}


def test_what_we_write_and_what_comes_back_is_as_published(
    api: dict[str, Any], one: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime.now(UTC)
    item = one.hears(one.server.say("leela", "my card is gone"))
    answer = one.prepared(item)
    assert one.find(answer) is None
    told: list[tuple[Asked, Told]] = []
    serve = one.server.answer

    def listen(asked: Asked) -> Told:
        told.append((asked, serve(asked)))
        return told[-1][1]

    monkeypatch.setattr(one.server, "answer", listen)
    connected(one)
    posted = one.send(answer)
    one.find(replace(answer, item=replace(item, answer_needs={**item.answer_needs, "status_id": "0"})))
    one.setup.identify(one.handle, at=at)
    one.setup.health(one.handle, callback="", at=at)
    one.answers.withdraw(one.handle, posted, at=at)
    seen = set()
    for asked, said in told:
        for (method, start), path in DESCRIBED.items():
            exact = asked.path == start or (start.endswith("/") and asked.path.startswith(start))
            if asked.method != method or not exact or said.status != 200:
                continue
            seen.add((method, start))
            described = api["paths"][path][method.lower()]
            if asked.body:
                schema = described["requestBody"]["content"]["application/json"]["schema"]
                body: dict[str, Any] = (
                    json.loads(asked.body)
                    if "json" in asked.headers["content-type"]
                    else dict(parse_qsl(asked.body.decode()))
                )
                lists = [name for name, each in schema.get("properties", {}).items() if "items" in each]
                # a form has no lists; older servers take this one as a text only
                body |= {name: [body[name]] for name in lists if name in body}
                validate(api, body, schema)
            named = {each["name"] for each in described.get("parameters", ()) if each["in"] == "query"}
            assert {name.removesuffix("[]") for name, _ in asked.query} <= named
            validate(
                api,
                json.loads(said.raw()),
                described["responses"]["200"]["content"]["application/json"]["schema"],
            )
            break
    assert seen == set(DESCRIBED)


def validate(api: Mapping[str, Any], value: object, schema: Mapping[str, Any]) -> None:
    whole = {**schema, "components": api["components"]}
    errors = [
        f"{list(error.absolute_path)}: {error.message[:200]}"
        for error in Draft202012Validator(whole).iter_errors(value)
    ]
    assert errors == []
