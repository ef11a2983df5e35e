"""What answering a review promises on all four sites: one reply, found again, and every no in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed, Refused, Unreachable
from allhours.domain.item import Change, Item
from allhours.networks.contract import Connector, DefiniteNo, Hider, Replier, Withdrawer
from infra.local.standins.googleplay import GooglePlayStandIn
from tests.unit.networks.test_reviews import SITES
from tests.unit.standins.reviews_wire import Clock, CountedCalls, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.standins._reviews_world import ReviewSite


@pytest.fixture(params=SITES, ids=lambda site: site.name)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A handle at a running site on which nobody has written, read once."""
    site: ReviewSite = request.param(clock=Clock())
    with site:
        desk = Desk(site)
        desk.poll()
        yield desk


def said(desk: Desk, text: str = "The app is slow") -> Item:
    """Let Leela write a review, and hear it."""
    native_id = desk.site.say("Leela", text, stars=2)
    return next(item for item in desk.heard() if item.native_id == native_id)


def standing(desk: Desk) -> list[str]:
    """Return our replies as the site shows them."""
    return [each.text for each in desk.site.shown if not each.deleted]


def test_what_the_manifest_promises_is_there(desk: Desk) -> None:
    promised = desk.module.capabilities
    assert isinstance(desk.replier, Replier)
    assert isinstance(desk.replier, Withdrawer) == promised.withdraws.can
    assert isinstance(desk.replier, Hider) == promised.hides.can
    assert isinstance(desk.setup, Connector)
    assert promised.replies.can
    assert not promised.private_replies.can
    assert not promised.moves_to_private.can


def test_a_reply_is_shown_below_its_review_and_found_again(desk: Desk) -> None:
    item = said(desk)
    answer = desk.answer(item, "Thank you, Leela: 4.12.1 is faster.")
    assert desk.replier.find(desk.handle, answer, at=desk.now()) is None
    posted = desk.replier.send(desk.handle, answer, at=desk.now())
    assert [(each.to, each.text) for each in desk.site.shown] == [(item.native_id, answer.text)]
    assert posted.native_id == desk.site.shown[0].native_id
    assert desk.replier.find(desk.handle, answer, at=desk.now()) == posted


def test_sending_is_one_call_that_writes(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Thank you")
    before = len(desk.site.asked)
    desk.replier.send(desk.handle, answer, at=desk.now())
    writes = [asked for asked in desk.site.asked[before:] if asked.method != "GET"]
    assert len(writes) == 1


def test_sending_twice_shows_one_reply(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Thank you")
    first = desk.replier.send(desk.handle, answer, at=desk.now())
    assert desk.replier.send(desk.handle, answer, at=desk.now()) == first
    assert standing(desk) == ["Thank you"]


@pytest.mark.parametrize("fault", ["cut", "server_error"])
def test_a_doubt_after_the_effect_is_resolved_by_looking(desk: Desk, fault: str) -> None:
    answer = desk.answer(said(desk), "Thank you")
    sending = Trouble(desk, fault)
    with pytest.raises((Unreachable, Malformed)) as doubt:
        sending.send(answer)
    assert not isinstance(doubt.value, DefiniteNo)
    assert desk.replier.find(desk.handle, answer, at=desk.now()) is not None
    assert standing(desk) == ["Thank you"]


def test_a_doubt_without_an_effect_is_found_absent(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Thank you")
    with pytest.raises((Unreachable, Malformed)) as doubt:
        Trouble(desk, "malformed").send(answer)
    assert not isinstance(doubt.value, DefiniteNo)
    assert desk.replier.find(desk.handle, answer, at=desk.now()) is None


class Trouble:
    """Arm a fault for the next call that writes, not for those that look."""

    def __init__(self, desk: Desk, fault: str) -> None:
        self.desk = desk
        site, may_fail = desk.site, desk.site.may_fail
        site.may_fail = lambda asked: asked.method != "GET" and may_fail(asked)  # type: ignore[method-assign]
        site.fail(fault)

    def send(self, answer: object) -> object:
        try:
            return self.desk.replier.send(self.desk.handle, answer, at=self.desk.now())  # type: ignore[arg-type]
        finally:
            del self.desk.site.may_fail


def test_a_site_that_takes_no_connection_had_no_effect(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Thank you")
    desk.site.stop()
    with pytest.raises(DefiniteNo) as no:
        desk.replier.send(desk.handle, answer, at=desk.now())
    assert no.value.again_at is not None
    desk.site.start()
    assert standing(desk) == []


def test_a_review_that_is_gone_can_not_be_answered(desk: Desk) -> None:
    item = said(desk)
    answer = desk.answer(item, "Thank you")
    desk.site.delete(item.native_id)
    with pytest.raises(DefiniteNo, match=r"gone|no such thing") as no:
        desk.replier.send(desk.handle, answer, at=desk.now())
    assert no.value.again_at is None
    assert desk.replier.find(desk.handle, answer, at=desk.now()) is None


def test_too_many_calls_are_a_no_for_now(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Thank you")
    with pytest.raises(DefiniteNo) as no:
        Trouble(desk, "rate_limited").send(answer)
    assert no.value.again_at is not None
    assert no.value.again_at > desk.site.clock.at  # type: ignore[attr-defined]


def test_a_refused_key_is_a_no_that_tells_a_person_what_to_mend(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Thank you")
    desk.site.expire()
    desk.site.fail("refused_token")
    with pytest.raises(DefiniteNo) as no:
        desk.replier.send(desk.handle, answer, at=desk.now())
    assert standing(desk) == []
    for value in desk.site.secret.values():
        assert value not in str(no.value)


def test_a_token_that_ran_out_is_no_loss(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Thank you")
    desk.site.expire()
    refusals: list[DefiniteNo] = []
    for _ in range(2):
        try:
            desk.replier.send(desk.handle, answer, at=desk.now())
        except DefiniteNo as no:
            refusals.append(no)
    assert all(no.again_at for no in refusals)
    assert standing(desk) == ["Thank you"]


def test_there_is_no_private_answer_to_a_review(desk: Desk) -> None:
    item = said(desk)
    never = desk.replier.permission(desk.handle, item, private=True, at=desk.now())
    public = desk.replier.permission(desk.handle, item, private=False, at=desk.now())
    assert not never.allowed
    assert "public reply" in never.reason
    assert public.allowed
    assert public.until is None


def test_a_deleted_review_is_not_answered(desk: Desk) -> None:
    gone = replace(said(desk), change=Change.DELETED)
    assert not desk.replier.permission(desk.handle, gone, private=False, at=desk.now()).allowed


def test_a_reply_that_stands_is_named_with_its_day(desk: Desk) -> None:
    native_id = desk.site.say("Leela", "Slow")
    desk.site.brand_says("Thank you", reply_to=native_id)
    (item,) = desk.heard()
    told = desk.replier.permission(desk.handle, item, private=False, at=desk.now())
    assert "already answered on 2026-11-20" in told.reason
    assert told.allowed == desk.module.capabilities.idempotent_replies


def test_a_reply_costs_nothing_and_an_empty_one_does_not_go_out(desk: Desk) -> None:
    item = said(desk)
    assert desk.replier.cost("Thank you", item, private=False).usd == 0
    assert all(each.fits for each in desk.replier.length("Thank you", item, private=False))
    assert not all(each.fits for each in desk.replier.length("", item, private=False))


@pytest.mark.parametrize(
    ("network", "text", "used", "allowed", "fits"),
    [
        ("googleplay", "a" * 350, 350, 350, True),
        ("googleplay", "a" * 351, 351, 350, False),
        ("googleplay", "ü" * 350, 350, 350, True),
        ("appstore", "a" * 5_970, 5_970, 5_970, True),
        ("appstore", "a" * 5_971, 5_971, 5_970, False),
        ("googlebusiness", "a" * 4_096, 4_096, 4_096, True),
        ("googlebusiness", "ü" * 2_048, 4_096, 4_096, True),
        ("googlebusiness", "ü" * 2_049, 4_098, 4_096, False),
        ("googlebusiness", "😀" * 1_025, 4_100, 4_096, False),
        ("trustpilot", "a" * 2_000, 2_000, 2_000, True),
        ("trustpilot", "a" * 2_001, 2_001, 2_000, False),
    ],
    ids=lambda value: None if not isinstance(value, str) or len(value) < 20 else value[:1],
)
def test_the_length_is_counted_as_the_site_counts(
    network: str, text: str, used: int, allowed: int, *, fits: bool
) -> None:
    site = next(each for each in SITES if each.name == network)(clock=Clock())
    with site:
        desk = Desk(site)
        (length,) = desk.replier.length(text, said(desk), private=False)
    assert (length.used, length.allowed, length.fits) == (used, allowed, fits)


def test_a_text_that_the_site_finds_too_long_is_a_no(desk: Desk) -> None:
    if desk.site.name == "trustpilot":
        pytest.skip("Trustpilot tells no limit")
    answer = desk.answer(said(desk), "ü" * 6_000)
    with pytest.raises(DefiniteNo, match="too long") as no:
        desk.replier.send(desk.handle, answer, at=desk.now())
    assert no.value.again_at is None


def test_a_reply_is_taken_back_and_once_more_is_no_error(desk: Desk) -> None:
    if not isinstance(desk.replier, Withdrawer):
        pytest.skip("the API has no call that deletes a reply")
    answer = desk.answer(said(desk), "Thank you")
    posted = desk.replier.send(desk.handle, answer, at=desk.now())
    for _ in range(2):
        desk.replier.withdraw(desk.handle, posted, at=desk.now())
        assert standing(desk) == []
    assert desk.replier.find(desk.handle, answer, at=desk.now()) is None


def test_a_reply_by_hand_meanwhile_is_replaced_only_where_the_site_replaces(desk: Desk) -> None:
    item = said(desk)
    answer = desk.answer(item, "Thank you")
    desk.site.brand_says("Ana wrote this on the site", reply_to=item.native_id)
    assert desk.replier.find(desk.handle, answer, at=desk.now()) is None
    if desk.module.capabilities.idempotent_replies:
        desk.replier.send(desk.handle, answer, at=desk.now())
        assert desk.replier.find(desk.handle, answer, at=desk.now()) is not None
    else:
        with pytest.raises(DefiniteNo, match="has a reply already"):
            desk.replier.send(desk.handle, answer, at=desk.now())


def test_a_first_read_proves_the_keys_and_a_wrong_place_is_refused(desk: Desk) -> None:
    assert desk.setup.identify(desk.handle, at=desk.now()).native_id == desk.handle.native_id
    elsewhere = replace(desk.handle, native_id=desk.handle.native_id + "9")
    with pytest.raises(Refused):
        desk.setup.identify(elsewhere, at=desk.now())


def test_a_handle_without_an_id_is_told_what_is_missing(desk: Desk) -> None:
    if desk.site.name == "googlebusiness":
        pytest.skip("Google Business Profile names the locations")
    with pytest.raises(Refused, match="native_id"):
        desk.setup.identify(replace(desk.handle, native_id=""), at=desk.now())


def test_health_tells_a_refusal_in_words_and_changes_nothing(desk: Desk) -> None:
    well = desk.setup.health(desk.handle, callback="", at=desk.now())
    assert (well.notes, well.webhook_ok, well.token_expires) == ((), None, None)
    desk.site.expire()
    desk.site.fail("refused_token")
    ill = desk.setup.health(desk.handle, callback="", at=desk.now())
    assert f"{desk.site.name}/acme" in ill.notes[0]


@pytest.mark.parametrize("site", [each for each in SITES if each.name != "googlebusiness"])
def test_keys_are_typed_and_there_is_no_consent(site: type[ReviewSite]) -> None:
    with site(clock=Clock()) as running:
        desk = Desk(running)
        given = {**running.secret, **running.app_secret, "else": "typed by mistake"}
        same = {"redirect": "http://127.0.0.1:1/", "verifier": "v"}
        assert desk.setup.consent(desk.handle, given, state="s", **same) == ""
        stored = desk.setup.exchange(desk.handle, given, code="", at=desk.now(), **same)
        assert stored == running.secret
        assert {each.field for each in desk.setup.questions} == set(running.secret) | set(running.app_secret)
        assert desk.setup.renew(desk.handle, at=desk.now()) == (running.name == "trustpilot")


def test_looking_on_google_play_is_counted_too() -> None:
    with GooglePlayStandIn(clock=Clock()) as site:
        meter = CountedCalls()
        desk = Desk(site, meter=meter)
        answer = desk.answer(said(desk), "Thank you")
        before = len(meter.spent)
        desk.replier.find(desk.handle, answer, at=desk.now())
        assert meter.spent[before:] == [1]
