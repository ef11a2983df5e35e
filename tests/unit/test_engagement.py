"""Whether we answer: must, may or must not; what is a case, a light thing or nothing, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.case import Case, State
from allhours.domain.decision import Decision, Known, Outcome
from allhours.domain.engagement import MUST, NONE, Policy
from allhours.domain.item import Author, Change, Item, Kind, Visibility
from allhours.domain.judgement import Judge, Opinion, Said, no_judge
from allhours.domain.organisation import Rule
from allhours.domain.router import Router
from tests.builders import LEELA, NIGHT, NOON, RULES, STRANGER, a_case, a_general_item, an_organisation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.organisation import Organisation

LISTS = {
    "legal_threat": ("my lawyer",),
    "press": ("im a journalist",),
    "minor": ("im 14",),
    "staff": ("i work for you",),
    "troll": ("get lost",),
    "praise": ("love you guys", "great"),
    "thanks": ("thank you", "thanks"),
    "news": ("breaking news",),
    "theft": ("stole my card",),
    "self_harm": ("kill myself",),
    "blocked": ("locked out",),
    "wants_person": ("real person",),
    "other_brand": ("acme bricks",),
}
BANK = an_organisation(word_lists=LISTS)
CLOSED = a_case(state=State.CLOSED, closed_at=NOON - timedelta(days=1), closed_because="answered")


def sure(_said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion:
    """Be sure of every post that it is nobody's business."""
    return Opinion(odds={"none": 0.97, "cards": 0.02, "payments": 0.01}, urgent=0.004, model="0123456789")


def knows_cards(_said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion:
    """Be sure of every post that it is about cards."""
    return Opinion(odds={"none": 0.03, "cards": 0.97}, urgent=0.01, model="0123456789")


def decided(
    text: str,
    judge: Judge = sure,
    case: Case | None = None,
    bank: Organisation = BANK,
    at: datetime = NOON,
    **more: Any,
) -> Decision:
    item = a_general_item(**({"text": text} | more))
    return Router(bank, judge=judge).decide(item, None, case, "x#1", at)


def grounds_of(decision: Decision) -> dict[str, Any]:
    entry = decision.entry
    assert entry is not None
    return entry.event or entry.why or {}


# Praise, thanks and chat


@pytest.mark.parametrize(
    ("text", "policy"),
    [("Thank you, all sorted", "thanks"), ("love you guys!", "praise"), ("what a match last night", "chat")],
)
def test_praise_thanks_and_chat_go_to_the_inbox_without_a_case(text: str, policy: str) -> None:
    decision = decided(text)
    assert (decision.outcome, decision.case, decision.pages) == (Outcome.LIGHT, None, ())
    event = grounds_of(decision)
    assert (event["event"], event["unit"], event["account"]) == ("item.light", "customer_care", "acmebank")
    assert (event["policy"], event["stance"], event["lane"], event["priority"]) == (policy, "may", "light", 4)
    assert event["reason"].startswith(policy)
    assert event["reason"].endswith("97% sure that it is nobody's business")
    assert event["odds"] == {"cards": 0.02, "payments": 0.01, "none": 0.97}
    assert (event["model"], event["revision"]) == ("01234567", "0123456789ab")


def test_chat_that_names_nobody_of_ours_is_kept_with_its_reason_and_told_to_nobody() -> None:
    decision = decided("breaking news: rates rise", addressed=())
    assert decision.outcome is Outcome.FILTERED
    assert decision.entry is not None
    assert decision.entry.event is None
    assert decision.entry.why is not None
    assert decision.entry.why["lane"] == "none"
    assert decision.entry.why["reason"].startswith("chat, “breaking news”")


@pytest.mark.parametrize(
    "text",
    [
        "thank you, and when does it arrive?",
        "thanks but it still fails",
        "Thanks. How do I set a PIN",
        "great, now I am locked out",
        "thanks, let me talk to a real person",
        "love you guys, they stole my card",
        "thank you for my new card",  # a rule of the organisation claims it
        "",
        "@acmebank !!",
    ],
)
def test_who_asks_is_a_customer_however_polite(text: str) -> None:
    assert decided(text).outcome is Outcome.ROUTED


@pytest.mark.parametrize(
    "more",
    [
        {"visibility": Visibility.PRIVATE},
        {"kind": Kind.REVIEW, "rating": 1},
        {"kind": Kind.REVIEW, "rating": 3},
        {"judge": no_judge},
        {"judge": knows_cards},
    ],
)
def test_private_words_bad_reviews_and_a_model_without_an_opinion_open_a_case(more: dict[str, Any]) -> None:
    assert decided("thank you", **more).outcome is Outcome.ROUTED


def test_a_good_review_that_says_thanks_is_light() -> None:
    assert decided("thank you", kind=Kind.REVIEW, rating=5).outcome is Outcome.LIGHT


def test_an_organisation_may_want_all_praise_as_cases() -> None:
    bank = an_organisation(word_lists=LISTS, engagement={"praise": Policy(stance=MUST)})
    assert decided("love you guys", bank=bank).outcome is Outcome.ROUTED
    quiet = an_organisation(word_lists=LISTS, engagement={"praise": Policy(stance="may", lane=NONE)})
    assert decided("love you guys", bank=quiet).outcome is Outcome.FILTERED


def test_where_words_may_not_be_kept_long_a_light_item_is_told_to_nobody_and_keeps_none() -> None:
    router = Router(BANK, judge=sure, short_lived=frozenset({"x"}))
    decision = router.decide(a_general_item(text="thank you"), None, None, "x#1", NOON)
    assert decision.outcome is Outcome.FILTERED
    assert decision.entry is not None
    assert (decision.entry.item.text, decision.entry.event) == ("", None)
    assert grounds_of(decision)["lane"] == "none"


# What is not simply answered


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("you will hear from my lawyer", "legal_threat"),
        ("I'm a journalist", "press"),
        ("I'm 14 and want an account", "minor"),
        ("I work for you and it is awful", "staff"),
    ],
)
def test_a_person_looks_at_what_must_not_be_answered_and_the_stance_is_on_record(
    text: str, policy: str
) -> None:
    decision = decided(text)
    event = grounds_of(decision)
    assert (decision.outcome, event["policy"], event["stance"]) == (Outcome.ROUTED, policy, "must_not")
    assert "nobody but a person of the unit answers" in event["reason"]
    assert decision.case is not None
    assert decision.case.stance == "must_not"


def test_the_unit_that_the_file_names_gets_it_below_the_rules() -> None:
    bank = an_organisation(
        word_lists=LISTS, engagement={"legal_threat": Policy(stance="must_not", unit="fraud")}
    )
    way = grounds_of(decided("my lawyer calls you", bank=bank))
    assert (way["unit"], way["step"]) == ("fraud", "engagement")
    assert way["reason"] == "legal_threat, “my lawyer”: nobody but fraud answers"
    ruled = grounds_of(decided("my lawyer has my card", bank=bank))
    assert (ruled["unit"], ruled["step"], ruled["stance"]) == ("cards", "rule", "must_not")
    assert ruled["reason"] == "rule cards, “card”; legal_threat, “my lawyer”: nobody but fraud answers"


def test_no_holding_answer_goes_to_who_must_not_be_answered() -> None:
    units = {
        name: replace(unit, holding_answer={"en": "Back at {time}."}) for name, unit in BANK.units.items()
    }
    bank = replace(BANK, units=units)
    held = [
        "holding_answer" in grounds_of(decided(text, no_judge, bank=bank, at=NIGHT, addressed=("@acmesafe",)))
        for text in ("where are you", "my lawyer will write", "I will kill myself")
    ]
    assert held == [True, False, False]


@pytest.mark.parametrize(
    ("text", "judge", "more", "outcome"),
    [
        ("get lost", sure, {}, Outcome.FILTERED),
        ("get lost", no_judge, {}, Outcome.FILTERED),
        ("get lost, where is it", knows_cards, {}, Outcome.ROUTED),
        ("get lost, you stole my card", sure, {}, Outcome.ROUTED),
        ("get lost, locked out again", sure, {}, Outcome.ROUTED),
        ("get lost", sure, {"visibility": Visibility.PRIVATE}, Outcome.ROUTED),
        ("my Acme Bricks order", sure, {}, Outcome.FILTERED),
        ("my Acme Bricks order", no_judge, {}, Outcome.ROUTED),
        ("my Acme Bricks order", no_judge, {"addressed": ()}, Outcome.FILTERED),
        ("left Acme Bricks, open me an account", knows_cards, {}, Outcome.ROUTED),
    ],
)
def test_trolls_and_other_brands_customers_are_left_alone_unless_they_need_us(
    text: str, judge: Judge, more: dict[str, Any], outcome: Outcome
) -> None:
    decision = decided(text, judge, **more)
    assert decision.outcome is outcome
    if outcome is Outcome.FILTERED:
        assert grounds_of(decision)["stance"] == "must_not"
        assert grounds_of(decision)["reason"]


def test_what_a_rule_ignores_has_its_reason_on_record() -> None:
    decision = decided("giveaway", no_judge)
    assert decision.outcome is Outcome.FILTERED
    assert grounds_of(decision) == {
        "at": "2027-03-15T12:00:00.000+00:00",
        "reason": "rule giveaway, “giveaway”",
        "step": "rule",
        "revision": "0123456789ab",
        "lane": "none",
    }


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("giveaway! I will kill myself", {}),
        ("giveaway", {"visibility": Visibility.PRIVATE}),
        ("giveaway", {"kind": Kind.REVIEW, "rating": 2}),
    ],
)
def test_no_rule_can_ignore_a_life_private_words_or_a_bad_review(text: str, more: dict[str, Any]) -> None:
    assert decided(text, no_judge, **more).outcome is Outcome.ROUTED


# In a conversation


def test_thanks_after_the_close_is_added_and_the_case_stays_closed() -> None:
    decision = decided("thank you!", case=CLOSED, native_id="2")
    event = grounds_of(decision)
    assert (event["event"], event["step"], event["policy"]) == ("item.added", "engagement", "thanks")
    assert event["reason"].endswith("the case stays closed")
    assert decision.case is not None
    assert (decision.case.state, decision.case.items, decision.case.reopened) == (State.CLOSED, 2, 0)


@pytest.mark.parametrize("text", ["thank you, but it is back", "it is back"])
def test_anything_else_of_its_author_opens_it_again(text: str) -> None:
    assert grounds_of(decided(text, case=CLOSED, native_id="2"))["event"] == "case.reopened"


def test_in_an_open_case_nothing_is_casual() -> None:
    decision = decided("thank you", case=a_case(), native_id="2")
    assert decision.outcome is Outcome.ROUTED
    assert grounds_of(decision)["event"] == "item.added"
    assert "lane" not in grounds_of(decision)


def test_a_later_post_of_a_conversation_that_was_casual_opens_its_case() -> None:
    first = decided("what a match")
    assert first.case is None
    second = decided("and my card is declined", native_id="2", author=LEELA)
    assert grounds_of(second)["event"] == "case.opened"
    assert grounds_of(second)["reason"] == "rule cards, “card”"


def edited(text: str, judge: Judge = sure) -> Decision:
    light = decided("thank you").entry
    assert light is not None
    item = a_general_item(text=text, version=5, change=Change.EDITED)
    return Router(BANK, judge=judge).decide(item, light.as_known(), None, "x#1", NOON)


def test_a_light_item_that_is_edited_is_judged_anew_and_what_was_told_stays_on_record() -> None:
    still, case = edited("thank you so much"), edited("my card!")
    assert (still.outcome, case.outcome) == (Outcome.LIGHT, Outcome.ROUTED)
    for one in (still, case):
        assert one.entry is not None
        assert (one.entry.replaces, len(one.entry.told)) == (0, 1)
    assert grounds_of(case)["event"] == "case.opened"


def test_the_inbox_of_a_light_item_is_told_of_its_deletion() -> None:
    light = decided("thank you").entry
    assert light is not None
    gone = a_general_item(change=Change.DELETED)
    decision = Router(BANK).decide(gone, light.as_known(), None, "x#1", NOON)
    event = grounds_of(decision)
    assert (event["event"], event["unit"], event["account"]) == ("item.deleted", "customer_care", "acmebank")
    assert decision.entry is not None
    assert (decision.entry.deleted, decision.entry.item.text) == (True, "")
    silent = Router(BANK).decide(gone, Known(version=0, deleted=False), None, "x#1", NOON)
    assert grounds_of(silent) == {}


# Rules in shadow


def in_shadow(*rules: Rule) -> Organisation:
    return an_organisation(word_lists=LISTS, rules=(*(replace(rule, shadow=True) for rule in rules), *RULES))


def test_a_rule_in_shadow_changes_nothing_and_says_what_it_would_have() -> None:
    bank = in_shadow(Rule(rule_id="new", unit="payments", words=("card",), priority=2))
    decision = decided("my card", bank=bank)
    event = grounds_of(decision)
    assert (event["unit"], event["reason"]) == ("cards", "rule cards, “card”")
    assert decision.case is not None
    assert decision.case.priority == 3
    assert event["shadow"] == {
        "unit": "payments",
        "priority": 2,
        "lane": "case",
        "because": "rule new, “card”",
    }
    assert decision.moved_in_shadow


def test_a_shadow_that_would_ignore_or_hear_is_told_by_its_lane() -> None:
    ignoring = in_shadow(Rule(rule_id="new", words=("card",), ignore=True))
    assert grounds_of(decided("my card", bank=ignoring))["shadow"]["lane"] == "none"
    hearing = in_shadow(Rule(rule_id="new", unit="cards", words=("match",)))
    light = decided("what a match", bank=hearing)
    assert (light.outcome, grounds_of(light)["shadow"]["lane"]) == (Outcome.LIGHT, "case")


def test_a_shadow_that_would_change_nothing_is_not_told() -> None:
    bank = in_shadow(Rule(rule_id="same", unit="cards", words=("card",)))
    decision = decided("my card", bank=bank)
    assert "shadow" not in grounds_of(decision)
    assert not decision.moved_in_shadow


# A life


def test_self_harm_calls_whoever_is_on_shift_and_the_company_duty_with_the_protocol() -> None:
    bank = replace(BANK, company_duty="ben")
    decision = decided("I will kill myself", bank=bank)
    (page,) = decision.pages
    assert (page.member, page.also, page.severity) == ("ana", ("ben",), "critical")
    assert 'self-harm, "kill myself"' in page.sms
    assert "Keep to the protocol" in page.sms
    assert len(page.sms) < 140
    protocol = bank.urgent["self_harm"].protocol
    assert protocol in page.story
    told = grounds_of(decision)["urgent"]
    assert told == {"kind": "self_harm", "words": ["kill myself"], "protocol": protocol}
    assert decision.case is not None
    assert decision.case.due["first_answer"] == decision.case.opened_at + timedelta(minutes=5)


def test_self_harm_said_by_a_bystander_calls_those_who_know_the_protocol() -> None:
    kinds = {**BANK.urgent, "self_harm": replace(BANK.urgent["self_harm"], unit="customer_care")}
    bank = replace(BANK, urgent=kinds, company_duty="ben")
    case = a_case(owner="ben")
    first = decided("me too, I will kill myself", case=case, bank=bank, native_id="2", author=STRANGER)
    assert first.case is not None
    assert (first.case.unit, first.case.priority, first.case.urgent) == ("cards", 1, "self_harm")
    assert [(page.unit, page.also) for page in first.pages] == [("customer_care", ("ben",))]
    own = decided("I will kill myself", case=first.case, bank=bank, native_id="3")
    assert own.case is not None
    assert (own.case.unit, grounds_of(own)["step"]) == ("customer_care", "urgent")
    other = decided("kill myself", case=case, bank=bank, native_id="4", author=Author(author_id="7003"))
    ids = {page.page_id for decision in (first, own, other) for page in decision.pages}
    assert len(ids) == 3, "each person is a cause of their own"


# Clocks


def test_an_urgent_kind_has_a_first_answer_of_its_own_from_the_post_that_said_so() -> None:
    later = NOON + timedelta(hours=3)
    case = a_case(owner="ana", due={"first_answer": NOON + timedelta(hours=4)})
    decision = decided("they stole my card", case=case, native_id="2", created_at=later, at=later)
    assert decision.case is not None
    assert decision.case.due["first_answer"] == later + timedelta(minutes=10)
    assert decision.case.opened_at == case.opened_at
    again = decided(
        "they stole my card!",
        case=decision.case,
        native_id="3",
        created_at=later + timedelta(hours=1),
        at=later,
    )
    assert again.case is not None
    assert again.case.due["first_answer"] == later + timedelta(minutes=10), "it only becomes sooner"


def test_a_case_that_moves_keeps_the_first_answer_that_urgency_promised() -> None:
    urgent = decided("they stole my card").case
    assert urgent is not None
    moved = decided("hello @acmepay", case=urgent, native_id="2", addressed=("@acmepay",)).case
    assert moved is not None
    assert (moved.unit, moved.due["first_answer"]) == ("payments", urgent.due["first_answer"])


def test_the_next_unit_is_called_as_well_when_an_urgent_case_moves() -> None:
    kinds = {**BANK.urgent, "theft": replace(BANK.urgent["theft"], unit="fraud")}
    bank = replace(BANK, urgent=kinds)
    first = decided("this is urgent, desperate", bank=bank)
    second = decided("they stole my card", case=first.case, bank=bank, native_id="2")
    third = decided("stole my card!!", case=second.case, bank=bank, native_id="3")
    ids = [page.page_id for decision in (first, second, third) for page in decision.pages]
    assert [grounds_of(one)["unit"] for one in (first, second)] == ["customer_care", "fraud"]
    assert (len(ids), len(set(ids))) == (3, 2)


def test_an_edit_that_tells_of_theft_moves_the_case_to_the_unit_for_it() -> None:
    kinds = {**BANK.urgent, "theft": replace(BANK.urgent["theft"], unit="fraud")}
    router = Router(replace(BANK, urgent=kinds))
    known = Known(version=0, deleted=False, case_id=a_case().case_id, conversation_key="x#1")
    item: Item = a_general_item(version=2, change=Change.EDITED, text="they stole my card")
    decision = router.decide(item, known, a_case(owner="ana"), "x#1", NOON)
    assert decision.case is not None
    assert (decision.case.unit, decision.case.priority) == ("fraud", 1)
    assert decision.pages
