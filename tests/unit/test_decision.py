"""What one item changes: tombstones, versions, duplicates, bystanders, reopening, pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.case import Case, State
from allhours.domain.decision import Decision, Known, Outcome
from allhours.domain.item import Author, Change, Item, Kind
from allhours.domain.page import Why
from allhours.domain.router import Router
from tests.builders import LEELA, NIGHT, NOON, STRANGER, a_case, a_general_item, an_item, an_organisation

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation

ROUTER = Router(an_organisation())
HEARD = Known(version=0, deleted=False, case_id=a_case().case_id, conversation_key="x#1", author_id="7001")
CLOSED = a_case(state=State.CLOSED, closed_at=NOON - timedelta(days=1), closed_because="answered")


def decided(item: Item, known: Known | None = None, case: Case | None = None, at: object = NOON) -> Decision:
    return ROUTER.decide(item, known, case, item.conversation_key, at)  # type: ignore[arg-type]


def event_of(decision: Decision) -> dict[str, object]:
    assert decision.entry is not None
    assert decision.entry.event is not None
    return decision.entry.event


def test_the_first_post_opens_a_case_with_unit_person_and_reason() -> None:
    decision = decided(an_item())
    event = event_of(decision)
    assert decision.outcome is Outcome.ROUTED
    assert decision.case_was is None
    assert (event["event"], event["unit"], event["account"]) == ("case.opened", "cards", "acmecards")
    assert event["reason"] == "addressed @acmecards"
    assert event["on_duty"]["members"] == ["ana"]  # type: ignore[index]


def test_the_clock_starts_when_the_network_says_it_was_said() -> None:
    case = decided(an_item(created_at=NOON - timedelta(hours=5))).case
    assert case is not None
    assert case.opened_at == NOON - timedelta(hours=5)


@pytest.mark.parametrize("version", [0, 3])
def test_a_copy_or_an_older_state_changes_nothing(version: int) -> None:
    known = Known(version=3, deleted=False, case_id="c", conversation_key="x#1")
    decision = decided(an_item(version=version, change=Change.EDITED), known, a_case())
    assert (decision.outcome, decision.entry) == (Outcome.DUPLICATE, None)


def test_a_newer_state_is_applied_over_the_version_that_was_read() -> None:
    decision = decided(an_item(version=5, change=Change.EDITED, text="stolen"), HEARD, a_case())
    assert decision.outcome is Outcome.EDITED
    assert decision.entry is not None
    assert decision.entry.replaces == 0
    assert decision.case is not None
    assert (decision.case.items, decision.case.version, decision.case.priority) == (1, 2, 1)
    assert [page.why for page in decision.pages] == [Why.URGENT]


@pytest.mark.parametrize("change", list(Change))
def test_a_tombstone_wins_over_everything(change: Change) -> None:
    known = Known(version=0, deleted=True)
    assert decided(an_item(version=9, change=change), known, a_case()).outcome is Outcome.DUPLICATE


def test_an_item_never_heard_of_leaves_a_tombstone_and_no_event() -> None:
    decision = decided(an_item(change=Change.DELETED, text="words", author=LEELA))
    assert decision.entry is not None
    assert (decision.entry.deleted, decision.entry.event, decision.case) == (True, None, None)
    assert decision.entry.item.text == ""
    assert decision.entry.item.author == Author(author_id="7001")


def test_a_deletion_takes_the_words_and_tells_the_inbox() -> None:
    decision = decided(an_item(change=Change.DELETED, text="words"), HEARD, a_case(items=2, live=2))
    assert event_of(decision)["event"] == "item.deleted"
    assert decision.entry is not None
    assert decision.entry.item.text == ""
    assert decision.case is not None
    assert (decision.case.state, decision.case.live) == (State.OPEN, 1)


@pytest.mark.parametrize("change", [Change.DELETED, Change.EXPIRED])
def test_no_reason_on_record_quotes_words_that_are_gone(change: Change) -> None:
    organisation = replace(an_organisation(), word_lists={"theft": ("stole my card",)})
    router = Router(organisation)
    opened = router.decide(a_general_item(text="they stole my card!"), None, None, "x#1", NOON)
    assert opened.entry is not None
    assert opened.case is not None
    known = opened.entry.as_known()
    assert "stole my card" in known.told[0]
    gone = a_general_item(change=change, version=9)
    ended = router.decide(gone, known, opened.case, "x#1", NOON)
    assert ended.entry is not None
    assert ended.case is not None
    assert not any("stole my" in told for told in ended.entry.told)
    assert "stole my" not in ended.case.reason
    assert json.loads(ended.entry.told[0])["urgent"]["kind"] == "theft"


def test_a_deletion_counts_whatever_its_version() -> None:
    known = Known(version=7, deleted=False, case_id=a_case().case_id, conversation_key="x#1")
    decision = decided(an_item(change=Change.DELETED, version=1), known, a_case())
    assert decision.entry is not None
    assert (decision.outcome, decision.entry.item.version) == (Outcome.DELETED, 8)  # above any edit beside it


def test_an_edit_in_a_case_that_was_replaced_changes_the_words_and_no_case() -> None:
    told = (json.dumps({"unit": "cards", "account": "acmecards", "case_version": 1, "priority": 1}),)
    known = Known(version=0, deleted=False, case_id="x-of-last-year", conversation_key="x#1", told=told)
    decision = decided(an_item(change=Change.EDITED, version=1), known, a_case())
    assert (decision.outcome, decision.case) == (Outcome.EDITED, None)
    assert decision.entry is not None
    assert decision.entry.case_id == "x-of-last-year"
    assert event_of(decision)["unit"] == "cards"


def test_a_strangers_edit_raises_no_priority() -> None:
    known = Known(version=0, deleted=False, case_id=a_case().case_id, conversation_key="x#1")
    edit = an_item("2", author=STRANGER, change=Change.EDITED, version=1, text="stolen")
    decision = decided(edit, known, a_case())
    assert decision.case is not None
    assert decision.case.priority == a_case().priority


def test_the_author_who_addresses_the_same_handle_again_moves_nothing() -> None:
    first = decided(an_item("2", addressed=("@acmepay",)), None, a_case()).case
    assert first is not None
    back = replace(first, unit="cards", account="acmecards", version=first.version + 1)
    again = decided(an_item("3", addressed=("@acmepay",)), None, back).case
    assert again is not None
    assert again.unit == "cards"


def test_an_edit_keeps_the_events_before_it_on_record() -> None:
    told = ('{"event": "case.opened"}',)
    known = Known(version=0, deleted=False, case_id=a_case().case_id, conversation_key="x#1", told=told)
    decision = decided(an_item(change=Change.EDITED, version=1), known, a_case())
    assert decision.entry is not None
    after = decision.entry.as_known().told
    assert [json.loads(one)["event"] for one in after] == ["case.opened", "item.edited"]


def test_a_name_before_a_full_stop_is_still_a_name() -> None:
    decision = decided(an_item(text="I asked @acmepay.", addressed=()), None, None)
    assert decision.case is not None
    assert decision.case.unit == "payments"


def test_a_name_that_comes_after_everything_was_deleted_is_not_kept() -> None:
    gone = replace(a_case(), live=0)
    profile = an_item(
        "profile:7001:1", kind=Kind.PROFILE, version=5, author=Author(author_id="7001", name="Leela")
    )
    assert decided(profile, None, gone).entry is None


def test_a_stranger_is_attached_as_a_bystander_and_moves_nothing() -> None:
    decision = decided(an_item("2", author=STRANGER, addressed=("@acmepay",)), None, a_case())
    assert decision.case is not None
    assert (decision.case.unit, decision.case.bystanders) == ("cards", 1)
    assert event_of(decision)["bystander"] is True


def test_the_author_moves_a_case_by_addressing_another_handle_and_both_units_hear_of_it() -> None:
    decision = decided(an_item("2", addressed=("@acmepay",)), None, a_case())
    assert (event_of(decision)["unit"], event_of(decision)["moved_from"]) == ("payments", "cards")


def test_the_author_reopens_within_the_window() -> None:
    decision = decided(an_item("2"), None, CLOSED)
    assert event_of(decision)["event"] == "case.reopened"
    assert decision.case is not None
    assert (decision.case.state, decision.case.reopened, decision.case.items) == (State.OPEN, 1, 2)


def test_a_stranger_does_not_reopen() -> None:
    decision = decided(an_item("2", author=STRANGER), None, CLOSED)
    assert event_of(decision)["event"] == "item.added"
    assert decision.case is not None
    assert decision.case.state is State.CLOSED


def test_after_the_window_the_author_opens_the_next_case() -> None:
    long_ago = a_case(state=State.CLOSED, closed_at=NOON - timedelta(days=8))
    decision = decided(an_item("2"), None, long_ago)
    assert decision.case is not None
    assert decision.case.case_id == long_ago.case_id + ".2"
    assert (decision.case.version, decision.case.items, decision.case_was) == (2, 1, long_ago)


def test_an_urgent_post_pages_the_person_on_duty() -> None:
    decision = decided(an_item(text="they stole my card"))
    assert [(page.why, page.member, page.severity) for page in decision.pages] == [
        (Why.URGENT, "ana", "critical")
    ]


def test_nobody_on_duty_pages_the_fallback_beside_the_urgent_page() -> None:
    decision = decided(a_general_item(text="stolen"), at=NIGHT)
    assert [page.why for page in decision.pages] == [Why.URGENT, Why.NOBODY_ON_DUTY]
    assert event_of(decision)["on_duty"]["gap"] is True  # type: ignore[index]
    assert decision.pages[1].member == "ben"


def test_what_no_rule_wants_is_kept_without_a_case() -> None:
    decision = decided(a_general_item(text="giveaway"))
    assert decision.outcome is Outcome.FILTERED
    assert decision.entry is not None
    assert (decision.entry.event, decision.case) == (None, None)


def test_an_edit_makes_a_filtered_post_a_new_one() -> None:
    filtered = Known(version=0, deleted=False, conversation_key="x#1", author_id="7001")
    edited = a_general_item(text="my card", version=5, change=Change.EDITED)
    opened, added = decided(edited, filtered), decided(edited, filtered, a_case())
    assert event_of(opened)["event"] == "case.opened"
    assert event_of(added)["event"] == "item.added"
    assert added.case is not None
    assert added.case.items == 2
    assert opened.entry is not None
    assert added.entry is not None
    assert (opened.entry.replaces, added.entry.replaces) == (0, 0)


def test_a_name_found_by_look_up_is_put_on_the_case_of_that_author_only() -> None:
    profile = an_item("profile:7001:1", kind=Kind.PROFILE, version=5)
    assert decided(profile).outcome is Outcome.DUPLICATE
    assert decided(profile, None, a_case(author_id="other")).outcome is Outcome.DUPLICATE
    named = decided(profile, None, a_case(author_handle="", author_name=""))
    assert named.outcome is Outcome.NAMED
    assert named.case is not None
    assert (named.case.author_handle, named.case.items) == ("@leela", 1)


def test_a_new_case_belongs_to_the_person_on_duty_since_it_was_routed() -> None:
    case = decided(an_item()).case
    assert case is not None
    assert (case.owner, case.owner_since) == ("ana", NOON)


def test_a_case_that_moves_to_another_unit_gets_an_owner_there_and_further_posts_leave_it() -> None:
    case = a_case(owner="ben", owner_since=NOON)
    stays = decided(an_item("2"), None, case).case
    moves = decided(an_item("2", addressed=("@acmepay",)), None, case).case
    assert stays is not None
    assert moves is not None
    assert (stays.owner, moves.owner) == ("ben", "ana")


def test_where_a_desk_names_nobody_the_case_is_the_desks() -> None:
    bank = an_organisation()
    cards = bank.units["cards"]
    shifts = tuple(replace(shift, rotation=None) for shift in cards.rota.shifts)
    desks = {"london": replace(cards.rota.desks["london"], members=())}
    rota = replace(cards.rota, shifts=shifts, desks=desks)
    bank = replace(bank, units={**bank.units, "cards": replace(cards, rota=rota)})
    case = Router(bank).decide(an_item(), None, None, "x#1", NOON).case
    assert case is not None
    assert case.owner == "desk:london"


def test_a_case_in_a_gap_goes_to_who_stands_in_and_the_gap_is_an_incident() -> None:
    first = decided(a_general_item(text="stolen"), at=NIGHT)
    later = decided(a_general_item("2", conversation_id="2", text="stolen"), at=NIGHT + timedelta(hours=1))
    assert first.case is not None
    assert first.case.owner == "ben"
    assert [notice.event for notice in first.notices] == ["gap.met"]
    assert [notice.notice_id for notice in first.notices] == [notice.notice_id for notice in later.notices]
    assert decided(an_item()).notices == ()


HELD = an_organisation(
    units={
        name: replace(
            unit, holding_answer={"de": "Wir sind da: {time}", "en": "We are back at {time}.", "fr": "{time}"}
        )
        for name, unit in an_organisation().units.items()
    }
)


def held(decision: Decision) -> dict[str, str] | None:
    return event_of(decision).get("holding_answer")  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-GB", "We are back at 08:00 on Tuesday 16 March, UTC time."),
        ("de", "Wir sind da: 2027-03-16 08:00 (UTC)"),
        ("es", "We are back at 08:00 on Tuesday 16 March, UTC time."),
    ],
)
def test_while_nobody_is_there_the_customer_may_be_told_when(language: str, text: str) -> None:
    decision = Router(HELD).decide(a_general_item(text="stolen", language=language), None, None, "x#1", NIGHT)
    assert held(decision) == {
        "language": "en" if text.startswith("We") else "de",
        "text": text,
        "until": "2027-03-16T08:00:00+00:00",
    }


def test_a_holding_answer_is_given_once_a_case_and_to_its_author_only() -> None:
    router = Router(HELD)
    first = router.decide(a_general_item(text="stolen"), None, None, "x#1", NIGHT)
    assert first.case is not None
    assert first.case.held
    more = router.decide(a_general_item("2", text="stolen"), None, first.case, "x#1", NIGHT)
    stranger = router.decide(a_general_item("3", author=STRANGER), None, first.case, "x#1", NIGHT)
    closed = replace(first.case, state=State.CLOSED, closed_at=NIGHT)
    again = router.decide(a_general_item("4", text="stolen"), None, closed, "x#1", NIGHT)
    assert event_of(again)["event"] == "case.reopened"
    assert [held(one) for one in (more, stranger, again)] == [None, None, None]


def test_no_holding_answer_where_somebody_is_there_or_the_unit_has_no_words() -> None:
    assert held(Router(HELD).decide(an_item(), None, None, "x#1", NOON)) is None
    assert held(decided(a_general_item(text="stolen"), at=NIGHT)) is None


# What a deployment has removed


def without_cards() -> Organisation:
    bank = an_organisation()
    units = {name: unit for name, unit in bank.units.items() if name != "cards"}
    accounts = {name: account for name, account in bank.accounts.items() if name != "acmecards"}
    rules = tuple(rule for rule in bank.rules if rule.unit != "cards")
    return replace(bank, units=units, accounts=accounts, rules=rules)


def after_the_deployment(item: Item, case: Case | None = None, known: Known | None = None) -> Decision:
    """Decide about an item, as a rule in the case of a unit that is none any more."""
    case = case or a_case(owner="ben", due={"resolution": NOON})
    return Router(without_cards()).decide(item, known, case, "x#1", NOON)


@pytest.mark.parametrize(
    ("item", "unit", "account", "step"),
    [
        (an_item("2", text="are you there?"), "customer_care", "acmebank", "fallback"),
        (an_item("2", text="my transfer"), "payments", "acmepay", "rule"),
        (an_item("2", addressed=("@acmesafe",)), "fraud", "acmesafe", "addressed"),
        (an_item("2", author=STRANGER, text="my transfer"), "customer_care", "acmebank", "fallback"),
    ],
)
def test_a_post_in_a_case_of_a_unit_that_is_removed_moves_it_to_one_that_is_there(
    item: Item, unit: str, account: str, step: str
) -> None:
    decision = after_the_deployment(item)
    assert decision.case is not None
    assert (decision.case.unit, decision.case.account, decision.case.owner) == (unit, account, "ana")
    assert decision.case.due == {}  # the old unit's promise is gone, and this bank makes none
    event = event_of(decision)
    assert (event["moved_from"], event["moved_from_account"]) == ("cards", "acmecards")
    assert (event["unit"], event["account"], event["step"]) == (unit, account, step)


def test_edits_deletions_and_names_in_a_case_of_a_removed_unit_are_written() -> None:
    edit = after_the_deployment(an_item(version=5, change=Change.EDITED, text="edited"), known=HEARD)
    assert (event_of(edit)["unit"], event_of(edit)["reason"]) == (
        "customer_care",
        "cards is no unit any more",
    )
    gone = after_the_deployment(an_item(version=5, change=Change.DELETED), known=HEARD)
    named = after_the_deployment(an_item("2", kind=Kind.PROFILE, author=replace(LEELA, name="L")))
    assert (gone.outcome, named.outcome) == (Outcome.DELETED, Outcome.NAMED)


def test_the_author_reopens_a_case_of_a_removed_unit_and_a_stranger_is_heard() -> None:
    closed = a_case(state=State.CLOSED, closed_at=NOON - timedelta(days=1))
    again = after_the_deployment(an_item("2", text="hello?", created_at=NOON), closed)
    assert (event_of(again)["event"], event_of(again)["unit"]) == ("case.reopened", "customer_care")
    late = replace(closed, closed_at=NOON - timedelta(days=30))
    assert event_of(after_the_deployment(an_item("2"), late))["event"] == "case.opened"
    stranger = after_the_deployment(an_item("2", author=STRANGER), closed)
    assert (event_of(stranger)["unit"], stranger.case and stranger.case.state) == ("customer_care", "closed")


def test_a_case_of_an_account_that_is_removed_is_answered_from_another_of_its_unit() -> None:
    for author in (LEELA, STRANGER):
        decision = decided(an_item("2", author=author), None, a_case(account="acmegold", owner="ben"))
        assert decision.case is not None
        assert (decision.case.unit, decision.case.account) == ("cards", "acmecards")
        assert decision.case.owner == "ben"
        assert event_of(decision)["moved_from_account"] == "acmegold"


def test_an_account_to_answer_from_is_found_for_any_names() -> None:
    bank = an_organisation()
    names = [
        bank.account_for(unit, "x", preferred)
        for unit, preferred in (("cards", "acmegold"), ("loans", "acmepay"), ("loans", "acmegold"))
    ]
    assert names == ["acmecards", "acmepay", ""]


# Reviews have no thread: to overwrite one is the only way to say something again.


def test_a_review_that_is_overwritten_after_the_close_opens_its_case_again() -> None:
    now = NOON + timedelta(days=60)
    words = an_item(version=5, change=Change.EDITED, kind=Kind.REVIEW, rating=1, text="Still twice")
    decision = decided(words, HEARD, CLOSED, at=now)
    assert decision.outcome is Outcome.EDITED
    assert event_of(decision)["event"] == "case.reopened"
    assert decision.entry is not None
    assert decision.entry.replaces == 0
    case = decision.case
    assert case is not None
    assert (case.state, case.closed_at, case.reopened, case.items) == (State.OPEN, None, 1, 1)
    assert case.promised_from == now
    assert case.opened_at == CLOSED.opened_at
    assert case.owner == "ana"


def test_an_edit_of_anything_else_leaves_a_closed_case_closed() -> None:
    decision = decided(an_item(version=5, change=Change.EDITED, text="typo"), HEARD, CLOSED)
    assert event_of(decision)["event"] == "item.edited"
    assert decision.case is not None
    assert decision.case.state is State.CLOSED


def test_a_review_that_is_overwritten_in_an_open_case_is_an_edit() -> None:
    words = an_item(version=5, change=Change.EDITED, kind=Kind.REVIEW, rating=1, text="Still twice")
    decision = decided(words, HEARD, a_case())
    assert event_of(decision)["event"] == "item.edited"
