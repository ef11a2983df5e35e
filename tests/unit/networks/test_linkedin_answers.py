"""Answering on LinkedIn and setting a page up, against the stand-in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import NetworkError, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Author, Change, Item, Kind, Visibility
from allhours.networks import linkedin
from allhours.networks._linkedin.answers import RESERVED, escaped
from allhours.networks.contract import (
    Answer,
    CannotTell,
    Connector,
    DefiniteNo,
    Posted,
    Replier,
    Withdrawer,
)
from allhours.networks.http import Http
from infra.local.standins.linkedin import LinkedInStandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CALLBACK = "http://127.0.0.1:9/webhooks/linkedin"


class Secrets:
    """What the stand-in gave out, and what became of it."""

    def __init__(self, there: LinkedInStandIn) -> None:
        self.fields: Mapping[str, str] = there.secret
        self.app = there.app_secret
        self.renewals = 0

    def read(self, secret: str) -> Mapping[str, str]:
        return self.app if secret == "app" else self.fields

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        assert secret == "page"
        self.renewals += 1
        self.fields = ask(stale)
        return self.fields


class FakeMeter:
    def __init__(self) -> None:
        self.spent: list[float] = []

    def room(self, handle: Handle, cost: float) -> None:
        assert handle.network == "linkedin"
        assert cost == 1

    def spend(self, handle: Handle, cost: float) -> None:
        assert handle.network == "linkedin"
        self.spent.append(cost)


class Desk:
    """Our side: one handle, what it hears, and the answering of it."""

    def __init__(self, there: LinkedInStandIn) -> None:
        self.there = there
        told = there.handle_settings
        self.handle = Handle(network="linkedin", account="acme-care", unit="care", secret="page", **told)
        self.secrets = Secrets(there)
        self.meter = FakeMeter()
        common: dict[str, Any] = {"app_secret": "app", "meter": self.meter}
        self.source: Any = linkedin.connect(self.secrets, Http(), **common)
        self.replier: Any = linkedin.answering(self.secrets, Http(), **common)
        self.setup: Any = linkedin.setting_up(self.secrets, Http(), app_secret="app")

    @property
    def at(self) -> datetime:
        return datetime.now(UTC)

    def heard(self, native_id: str) -> Item:
        steps = self.source.fetch(self.handle, {}, at=self.at)
        items = [each for step in steps for each in step.heard if isinstance(each, Item)]
        return next(each for each in items if each.native_id == native_id)

    def answer(self, native_id: str, text: str = "We are on it", *, by_person: bool = True) -> Answer:
        answer = Answer(
            reply_id="r1", item=self.heard(native_id), text=text, approved_at=self.at, by_person=by_person
        )
        done: Answer = self.replier.prepare(self.handle, answer, at=self.at)
        return done

    def send(self, answer: Answer) -> Posted:
        posted: Posted = self.replier.send(self.handle, answer, at=self.at)
        return posted

    def find(self, answer: Answer) -> Posted | None:
        found: Posted | None = self.replier.find(self.handle, answer, at=self.at)
        return found


@pytest.fixture
def there() -> Iterator[LinkedInStandIn]:
    with LinkedInStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(there: LinkedInStandIn) -> Desk:
    return Desk(there)


def an_item(visibility: Visibility = Visibility.PUBLIC, **needs: str) -> Item:
    return Item(
        network="linkedin",
        native_id="urn:li:comment:(urn:li:activity:2,3)",
        account="acme-care",
        handle="Acme Bank",
        conversation_id="c",
        author=Author(author_id="urn:li:person:AbC"),
        created_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
        kind=Kind.COMMENT,
        visibility=visibility,
        answer_needs={"posts": "urn:li:activity:2"} | needs,
    )


def test_it_keeps_the_contract(desk: Desk) -> None:
    assert isinstance(desk.replier, Replier)
    assert isinstance(desk.replier, Withdrawer)
    assert isinstance(desk.setup, Connector)


@pytest.mark.parametrize(
    ("item", "private", "allowed", "words"),
    [
        (an_item(), False, True, "public comment"),
        (an_item(), True, False, "no private way"),
        (an_item(Visibility.PRIVATE), False, False, "no private way"),
        (replace(an_item(), change=Change.DELETED), False, False, "deleted"),
        (replace(an_item(), answer_needs={}), False, False, "which post"),
    ],
)
def test_who_may_be_answered(desk: Desk, item: Item, *, private: bool, allowed: bool, words: str) -> None:
    permission = desk.replier.permission(desk.handle, item, private=private, at=desk.at)
    assert permission.allowed is allowed
    assert words in permission.reason


@pytest.mark.parametrize(
    ("text", "used", "fits"),
    [
        ("", 0, False),
        ("  ", 0, False),
        ("a" * 1250, 1250, True),
        ("a" * 1251, 1251, False),
        ("(" * 625, 1250, True),
        ("(" * 626, 1252, False),
        ("💳" * 1250, 1250, True),
    ],
)
def test_the_length_counts_what_is_sent(desk: Desk, text: str, used: int, *, fits: bool) -> None:
    [length] = desk.replier.length(text, an_item(), private=False)
    assert (length.used, length.fits) == (used, fits)


def test_an_answer_costs_quota_and_no_money(desk: Desk) -> None:
    cost = desk.replier.cost("x", an_item(), private=False)
    assert (cost.usd, cost.units) == (0, 2)


def test_every_reserved_character_is_escaped() -> None:
    assert escaped(r"_|()[]{}@#*~<>\ ok") == r"\_\|\(\)\[\]\{\}\@\#\*\~\<\>\\ ok"


@given(text=st.text())
def test_an_escaped_text_reads_as_it_was(text: str) -> None:
    shown, rest = "", iter(escaped(text))
    for character in rest:
        shown += next(rest) if character == "\\" else character
    assert shown == text
    assert len(escaped(text)) == len(text) + len(RESERVED.findall(text))


# Sending


def test_a_comment_is_answered_below_it(desk: Desk, there: LinkedInStandIn) -> None:
    native_id = there.speak("leela", "My card is blocked")
    desk.meter.spent.clear()
    answer = desk.answer(native_id, "See #42 (page_1) @ acme.example")
    posted = desk.send(answer)
    [shown] = there.shown
    assert (shown.native_id, shown.to) == (posted.native_id, native_id)
    assert shown.text == "See #42 (page_1) @ acme.example"
    assert posted.permalink.startswith(
        f"https://www.linkedin.com/feed/update/{there.post}?commentUrn=urn%3Ali"
    )
    sent = json.loads(there.asked[-1].body)
    assert sent == {
        "actor": there.page,
        "object": there.post,
        "message": {"text": r"See \#42 \(page\_1\) \@ acme.example"},
        "parentComment": native_id,
    }
    assert len(desk.meter.spent) == 1 + desk.replier.cost("", answer.item, private=False).units


def test_a_reply_deep_in_a_thread_is_answered_one_level_deep(desk: Desk, there: LinkedInStandIn) -> None:
    root = there.speak("leela", "My card is blocked")
    deep = there.speak("ben", "mine too", reply_to=root)
    desk.send(desk.answer(deep))
    assert [shown.to for shown in there.shown] == [root]


def test_a_mention_is_answered_below_the_post(desk: Desk, there: LinkedInStandIn) -> None:
    share = there.mention("leela", "Acme Bank kept me waiting")
    answer = desk.answer(share)
    posted = desk.send(answer)
    assert [shown.to for shown in there.shown] == [share]
    assert desk.find(answer) == posted


def test_unescaped_a_text_would_be_cut_off_and_the_setting_shows_it(
    desk: Desk, there: LinkedInStandIn
) -> None:
    native_id = there.speak("leela", "hello")
    desk.handle = replace(desk.handle, settings={"escape": "no"})
    desk.send(desk.answer(native_id, "Yes (always)"))
    assert there.shown[0].text == "Yes "


def test_an_automatic_answer_is_refused_in_words(desk: Desk, there: LinkedInStandIn) -> None:
    with pytest.raises(DefiniteNo, match="a person's approval") as no:
        desk.answer(there.speak("leela", "hello"), by_person=False)
    assert no.value.again_at is None


@pytest.mark.parametrize(
    ("change", "words"),
    [("closed", "closed on this post"), ("deleted", "gone"), ("long", "shorter")],
)
def test_a_refusal_is_told_in_words(desk: Desk, there: LinkedInStandIn, change: str, words: str) -> None:
    native_id = there.speak("leela", "hello")
    answer = desk.answer(native_id, "x" * (2_000 if change == "long" else 1))
    there.comments_closed = change == "closed"
    if change == "deleted":
        there.delete(native_id)
    with pytest.raises(DefiniteNo, match=words) as no:
        desk.send(answer)
    assert no.value.again_at is None
    assert there.shown == []


def test_a_limit_names_when_it_is_over(desk: Desk, there: LinkedInStandIn) -> None:
    answer = desk.answer(there.speak("leela", "hello"))
    there.fail("rate_limited")
    at = desk.at
    with pytest.raises(DefiniteNo) as no:
        desk.replier.send(desk.handle, answer, at=at)
    assert no.value.again_at == at + timedelta(minutes=1)


def test_an_expired_token_is_renewed_and_the_answer_may_go_again(desk: Desk, there: LinkedInStandIn) -> None:
    answer = desk.answer(there.speak("leela", "hello"))
    there.fail("expired_token")
    with pytest.raises(DefiniteNo, match="renewed") as no:
        desk.send(answer)
    assert no.value.again_at is not None
    desk.send(answer)
    assert desk.secrets.renewals == 1
    assert len(there.shown) == 1


def test_without_a_refresh_token_a_person_is_told(desk: Desk, there: LinkedInStandIn) -> None:
    answer = desk.answer(there.speak("leela", "hello"))
    desk.secrets.fields = {"access_token": "ended"}
    with pytest.raises(DefiniteNo, match="allhours connect linkedin") as no:
        desk.send(answer)
    assert no.value.again_at is None


def test_a_token_that_ends_soon_is_renewed_while_preparing(desk: Desk, there: LinkedInStandIn) -> None:
    soon = (desk.at + timedelta(hours=23)).isoformat()
    desk.secrets.fields = {**there.secret, "expires_at": soon}
    desk.answer(there.speak("leela", "hello"))
    assert desk.secrets.renewals == 1


def test_a_retired_version_is_no_verdict_on_the_answer(desk: Desk, there: LinkedInStandIn) -> None:
    answer = desk.answer(there.speak("leela", "hello"))
    desk.handle = replace(desk.handle, settings={"version": "202401"})
    with pytest.raises(Refused, match=r"settings\.version") as refused:
        desk.send(answer)
    assert not isinstance(refused.value, DefiniteNo)


@pytest.mark.parametrize("fault", ["cut", "server_error", "malformed"])
def test_a_doubt_after_the_effect_is_resolved_by_finding_it(
    desk: Desk, there: LinkedInStandIn, fault: str
) -> None:
    answer = desk.answer(there.speak("leela", "hello"), "Yes (of course)")
    there.fail(fault)
    with pytest.raises(NetworkError) as doubt:
        desk.send(answer)
    assert not isinstance(doubt.value, DefiniteNo)
    found = desk.find(answer)
    assert found is not None
    assert found.native_id == there.shown[0].native_id


def test_what_was_never_sent_is_not_found(desk: Desk, there: LinkedInStandIn) -> None:
    native_id = there.speak("leela", "hello")
    there.brand_says("answered last week by hand")
    answer = desk.answer(native_id)
    assert desk.find(answer) is None


def test_an_older_answer_of_ours_is_not_taken_for_it(desk: Desk, there: LinkedInStandIn) -> None:
    native_id = there.speak("leela", "hello")
    there.clock = lambda: datetime.now(UTC) - timedelta(hours=1)
    there.brand_says("we look into it", reply_to=native_id)
    assert desk.find(desk.answer(native_id)) is None


def test_words_decide_between_several_of_ours(desk: Desk, there: LinkedInStandIn) -> None:
    native_id = there.speak("leela", "hello")
    answer = desk.answer(native_id, "We are on it")
    by_hand = there.brand_says("somebody else's words", reply_to=native_id)
    assert desk.find(answer) == Posted(native_id=by_hand, permalink=linkedin_permalink(by_hand))
    posted = desk.send(answer)
    assert desk.find(answer) == posted
    there.brand_says("a third", reply_to=native_id)
    with pytest.raises(CannotTell, match="r1"):
        desk.find(replace(answer, text="none of them"))


def linkedin_permalink(native_id: str) -> str:
    from allhours.networks._linkedin.fields import permalink  # noqa: PLC0415 - beside the one test that needs it

    return permalink(native_id)


def test_an_empty_list_proves_nothing_to_who_may_not_read_comments(
    desk: Desk, there: LinkedInStandIn
) -> None:
    answer = desk.answer(there.speak("leela", "hello"))
    desk.send(answer)
    there.role = "RECRUITING_POSTER"
    with pytest.raises(CannotTell, match="may not read"):
        desk.find(answer)


def test_sent_twice_is_shown_twice_for_there_is_no_key(desk: Desk, there: LinkedInStandIn) -> None:
    answer = desk.answer(there.speak("leela", "hello"))
    assert desk.send(answer) != desk.send(answer)
    assert len(there.shown) == 2


def test_an_answer_is_taken_back_and_twice_is_no_error(desk: Desk, there: LinkedInStandIn) -> None:
    posted = desk.send(desk.answer(there.speak("leela", "hello")))
    desk.replier.withdraw(desk.handle, posted, at=desk.at)
    desk.replier.withdraw(desk.handle, posted, at=desk.at)
    assert there.shown[0].deleted


def test_what_is_no_comment_cannot_be_taken_back(desk: Desk) -> None:
    with pytest.raises(DefiniteNo):
        desk.replier.withdraw(desk.handle, Posted(native_id="urn:li:share:1"), at=desk.at)


# Setting up


def connected(desk: Desk, there: LinkedInStandIn) -> Mapping[str, str]:
    given = dict(there.app_secret)
    redirect = "http://127.0.0.1:53682/"
    address = desk.setup.consent(desk.handle, given, redirect=redirect, state="s1", verifier="v")
    query = parse_qs(urlsplit(address).query)
    assert query["state"] == ["s1"]
    assert set(query["scope"][0].split()) == {
        "r_organization_social_feed",
        "w_organization_social_feed",
        "rw_organization_admin",
    }
    reply = Http().call("linkedin", "GET", address)
    code = parse_qs(urlsplit(reply.headers["location"]).query)["code"][0]
    fields: Mapping[str, str] = desk.setup.exchange(
        desk.handle, given, code=code, redirect=redirect, verifier="v", at=desk.at
    )
    return fields


def test_a_page_is_set_up_from_consent_to_a_healthy_subscription(desk: Desk, there: LinkedInStandIn) -> None:
    desk.secrets.fields = connected(desk, there)
    who = desk.setup.identify(desk.handle, at=desk.at)
    assert (who.native_id, who.name) == ("1111", "Acme Bank")
    assert desk.setup.health(desk.handle, callback=CALLBACK, at=desk.at).webhook_ok is False
    [done] = desk.setup.register(desk.handle, callback=CALLBACK, at=desk.at)
    assert "subscribed" in done
    put = next(asked for asked in there.asked if asked.method == "PUT")
    assert put.path == (
        "/rest/eventSubscriptions/(developerApplication:urn%3Ali%3AdeveloperApplication%3A4242"
        ",user:urn%3Ali%3Aperson%3AadMin0,entity:urn%3Ali%3Aorganization%3A1111"
        ",eventType:ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS)"
    )
    health = desk.setup.health(desk.handle, callback=CALLBACK, at=desk.at)
    assert (health.webhook_ok, health.notes) == (True, ())


def test_the_countdown_is_the_refresh_tokens_where_there_is_one(desk: Desk, there: LinkedInStandIn) -> None:
    desk.secrets.fields = connected(desk, there)
    ends = desk.setup.health(desk.handle, callback="", at=desk.at).token_expires
    assert abs(ends - desk.at - timedelta(days=365)) < timedelta(minutes=1)
    there.refreshes = False
    desk.secrets.fields = connected(desk, there)
    ends = desk.setup.health(desk.handle, callback="", at=desk.at).token_expires
    assert abs(ends - desk.at - timedelta(days=60)) < timedelta(minutes=1)


def test_a_token_is_renewed_in_its_last_week_and_its_year_is_not_extended(
    desk: Desk, there: LinkedInStandIn
) -> None:
    desk.secrets.fields = connected(desk, there)
    year = desk.secrets.fields["refresh_expires_at"]
    assert desk.setup.renew(desk.handle, at=desk.at + timedelta(days=52)) is False
    assert desk.setup.renew(desk.handle, at=desk.at + timedelta(days=54)) is True
    assert desk.secrets.fields["refresh_expires_at"] == year
    assert desk.secrets.renewals == 1


def test_a_token_without_a_refresh_token_is_not_renewed(desk: Desk, there: LinkedInStandIn) -> None:
    there.refreshes = False
    desk.secrets.fields = connected(desk, there)
    assert desk.setup.renew(desk.handle, at=desk.at + timedelta(days=59)) is False


def test_a_member_who_is_no_administrator_is_refused(desk: Desk, there: LinkedInStandIn) -> None:
    there.role = "CONTENT_ADMINISTRATOR"
    with pytest.raises(Refused, match="no administrator of page 1111"):
        desk.setup.identify(desk.handle, at=desk.at)


def test_health_tells_that_the_role_is_gone(desk: Desk, there: LinkedInStandIn) -> None:
    desk.setup.register(desk.handle, callback=CALLBACK, at=desk.at)
    there.role = "CONTENT_ADMINISTRATOR"
    health = desk.setup.health(desk.handle, callback=CALLBACK, at=desk.at)
    assert health.webhook_ok is False
    assert "administrator" in health.notes[0]


@pytest.mark.parametrize(
    ("subscription", "words"),
    [
        ({}, "not subscribed"),
        ({"webhook": "https://elsewhere.example/"}, "another address"),
        ({"webhook": CALLBACK, "expiresAt": 1}, "has ended"),
    ],
)
def test_health_tells_what_is_wrong_with_the_subscription(
    desk: Desk, there: LinkedInStandIn, subscription: dict[str, Any], words: str
) -> None:
    there.subscription = subscription
    health = desk.setup.health(desk.handle, callback=CALLBACK, at=desk.at)
    assert health.webhook_ok is False
    assert words in health.webhook


def test_in_the_development_tier_polling_goes_on(desk: Desk, there: LinkedInStandIn) -> None:
    there.webhooks_on = False
    done = desk.setup.register(desk.handle, callback=CALLBACK, at=desk.at)
    assert "ACCESS_DENIED" in done[0]
    assert "Development tier" in done[1]
    assert "polled" in desk.setup.health(desk.handle, callback="", at=desk.at).webhook


def test_a_consent_that_does_not_hold_is_refused(desk: Desk, there: LinkedInStandIn) -> None:
    with pytest.raises(Refused, match="invalid_grant"):
        desk.setup.exchange(desk.handle, there.app_secret, code="wrong", redirect="", verifier="", at=desk.at)


def test_an_app_without_its_secret_names_it(desk: Desk) -> None:
    desk.secrets.app = {}
    soon = (desk.at + timedelta(hours=1)).isoformat()
    desk.secrets.fields = {**desk.secrets.fields, "expires_at": soon}
    with pytest.raises(Refused, match="client_id in secret app"):
        desk.setup.renew(desk.handle, at=desk.at)
