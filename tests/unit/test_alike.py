"""The same question: near for copies and paraphrases, far for other complaints; and groups of cases."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.alike import FAR, NEAR, Group, apart, fingerprint, grouped
from allhours.domain.case import Case, State
from allhours.domain.errors import BadInput
from allhours.domain.item import Change
from allhours.domain.router import Router
from allhours.flows.alike import alike
from tests.builders import NOON, STRANGER, FakeOpenCases, a_case, a_general_item, an_item, an_organisation
from tests.shared_material import data

if TYPE_CHECKING:
    from collections.abc import Iterable

OUTAGE = "The app has been down since this morning, I can't log in and nobody answers the phone"
SAME = [
    (OUTAGE, "App is down again since this morning, can't log in, nobody answering the phone @acmebank"),
    (OUTAGE, f"RT @leela: “{OUTAGE.upper()}” https://x.test/1 #acmebank"),
    (OUTAGE, "the app has been down since this morning and I cant log in. nobody answers the phone!!! 😡😡"),
    (
        "my direct debit for the council tax was taken twice this month",
        "Direct debits taken twice for my council tax this month!!",
    ),
    (
        "cash machine on the high street swallowed my card and the branch is closed",
        "The branch is closed and the cash machine on High Street has swallowed my card, again",
    ),
    (
        "waiting 3 weeks for the mortgage offer letter",
        "Waiting 4 weeks for my mortgage offer letter @acmebank",
    ),
    ("card declined abroad", "Card declined abroad 😩 https://x.test/2"),
    (
        "mi tarjeta no funciona en el cajero de la plaza mayor",
        "Mi tarjeta no funciona en el cajero de plaza mayor!!",
    ),
    ("我的信用卡被盗了 怎么办 请帮我冻结", "我的信用卡被盗了怎么办 请帮我冻结 谢谢"),
    ("charged twice at the petrol station, [card …1111]", "charged twice at the petrol station"),
]
OTHER = [
    ("my card was declined at the shop this morning", "my card was stolen at the shop this morning"),
    ("how do I activate my new debit card in the app", "how do I cancel my old debit card in the app"),
    (
        "what is the fee for a transfer to another bank abroad",
        "how long does a transfer to another bank abroad take",
    ),
    ("the app crashes when I open my statement", "the app shows the wrong balance when I open it"),
    ("card declined abroad", "card declined online"),
    ("waiting 3 weeks for the mortgage offer letter", "waiting 3 weeks for the new chequebook to be sent"),
    ("我的信用卡被盗了 怎么办 请帮我冻结", "我的账户登录不了 应用程序一直崩溃"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_copies_quotes_and_paraphrases_are_near(one: str, other: str) -> None:
    assert apart(fingerprint(one), fingerprint(other)) <= NEAR


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_complaints_in_the_same_words_are_not(one: str, other: str) -> None:
    assert apart(fingerprint(one), fingerprint(other)) > NEAR


@pytest.mark.parametrize(
    "said",
    ["", "hello there", "thanks!", "@acmebank help please", "12345 999 [card …1111] https://x.test/card"],
)
def test_where_too_little_is_said_nothing_is_told(said: str) -> None:
    assert not fingerprint(said)
    assert apart(fingerprint(said), fingerprint(said)) == 64


def test_the_fingerprint_is_the_same_in_every_process_and_release() -> None:
    ours = fingerprint(OUTAGE)
    code = f"from allhours.domain.alike import fingerprint; print(fingerprint({OUTAGE!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ours == "720b5f73809504db"


@given(st.text(max_size=3_000))
def test_any_text_has_sixteen_digits_or_none(said: str) -> None:
    told = fingerprint(said)
    assert told == "" or (len(told) == 16 and int(told, 16) >= 0)


# Cases


def cases_of(*said: str, **changes: object) -> list[Case]:
    """Let people ask one after the other, each in a conversation of their own."""
    return [
        a_case(
            case_id=f"x-{n}",
            conversation_key=f"x#{n}",
            first_item=f"x#{n}",
            author_id=str(n),
            opened_at=NOON + timedelta(minutes=n),
            alike=fingerprint(text),
            **changes,
        )
        for n, text in enumerate(said)
    ]


def ids(groups: Iterable[Group]) -> list[list[str]]:
    return [[case.case_id for case in group.cases] for group in groups]


def test_the_oldest_leads_those_who_ask_the_same_and_others_stay_alone() -> None:
    first, other, copy, short = cases_of(OUTAGE, SAME[3][0], SAME[0][1], "hello there")
    groups = grouped([copy, short, other, first])
    assert ids(groups) == [["x-0", "x-2"], ["x-1"], ["x-3"]]
    assert groups[0].lead == first


def test_a_group_tells_on_which_networks_it_is_asked() -> None:
    one, other = cases_of(OUTAGE, OUTAGE)
    assert grouped([one, replace(other, network="mastodon")])[0].networks == ("mastodon", "x")


def test_who_is_near_to_a_member_belongs_to_the_group_but_no_chain_leads_anywhere() -> None:
    def at_distance(bits: int, place: int) -> Case:
        one = cases_of(*[OUTAGE] * (place + 1))[place]
        return replace(one, alike=f"{(1 << bits) - 1:016x}")

    step = NEAR - 1
    chain = [at_distance(0, 0), at_distance(step, 1), at_distance(FAR, 2), at_distance(FAR + 1, 3)]
    assert apart(chain[0].alike, chain[2].alike) > NEAR
    assert ids(grouped(chain)) == [["x-0", "x-1", "x-2"], ["x-3"]]


def test_those_in_a_thread_that_a_customer_began_are_together_whatever_their_words() -> None:
    began, joined, elsewhere = cases_of(OUTAGE, "same for me", "same for me")
    joined = replace(joined, conversation_key="x#0:1")
    assert ids(grouped([began, joined, elsewhere])) == [["x-0", "x-1"], ["x-2"]]


def test_below_our_own_post_only_words_count_and_in_chats_nobody_is_thrown_together() -> None:
    post = [
        replace(case, conversation_key=f"x#our-post:{case.author_id}")
        for case in cases_of(OUTAGE, SAME[3][0])
    ]
    assert ids(grouped(post)) == [["x-0"], ["x-1"]]
    chat = [replace(case, conversation_key=f"whatsapp#1099:{case.author_id}") for case in cases_of("", "")]
    assert ids(grouped(chat)) == [["x-0"], ["x-1"]]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=25), st.randoms())
def test_every_case_is_in_one_group_in_whatever_order_they_are_found(
    made: list[tuple[int, int]], chance: random.Random
) -> None:
    cases = [
        replace(
            case,
            alike=f"{(1 << bits) - 1:016x}" if bits else "",
            conversation_key=f"x#{thread}:{case.author_id}",
        )
        for case, (bits, thread) in zip(cases_of(*[OUTAGE] * len(made)), made, strict=True)
    ]
    groups = grouped(cases)
    assert sorted(case.case_id for group in groups for case in group.cases) == sorted(
        each.case_id for each in cases
    )
    for group in groups:
        assert group.lead.opened_at == min(case.opened_at for case in group.cases)
    mixed = list(cases)
    chance.shuffle(mixed)
    assert ids(grouped(mixed)) == ids(groups)


def test_a_case_that_leaves_the_unit_leaves_the_others_grouping_right() -> None:
    desk = FakeOpenCases()
    lead, *others = cases_of(OUTAGE, OUTAGE, SAME[0][1])
    desk.put(lead, *others)
    assert ids(alike("cards", desk).groups) == [["x-0", "x-1", "x-2"]]
    desk.put(replace(lead, state=State.CLOSED, closed_at=NOON))
    assert ids(alike("cards", desk).groups) == [["x-1", "x-2"]]
    desk.put(replace(others[0], unit="fraud"))
    assert ids(alike("cards", desk).groups) == [["x-2"]]


def test_a_row_that_cannot_be_read_is_told_and_the_others_are_listed() -> None:
    desk = FakeOpenCases(unreadable={"cards": [BadInput("CASE#x-9 holds no case")]})
    desk.put(*cases_of(OUTAGE))
    listed = alike("cards", desk)
    assert (ids(listed.groups), listed.troubles) == ([["x-0"]], ("CASE#x-9 holds no case",))


# Where it is kept and told

ROUTER = Router(an_organisation())


def opened(text: str) -> tuple[Case, dict[str, object]]:
    decision = ROUTER.decide(a_general_item(text=text), None, None, "x#1", NOON)
    assert decision.case is not None
    assert decision.entry is not None
    return decision.case, decision.entry.event or {}


def test_a_case_keeps_its_question_and_its_event_tells_it_once() -> None:
    case, event = opened(OUTAGE)
    assert case.alike == event["alike"] == fingerprint(OUTAGE)
    more = ROUTER.decide(a_general_item("2", text=SAME[3][0]), None, case, "x#1", NOON)
    assert more.case is not None
    assert more.case.alike == case.alike
    assert more.entry is not None
    assert "alike" not in (more.entry.event or {})


def test_who_begins_with_a_greeting_is_understood_by_the_next_post_and_not_by_a_bystanders() -> None:
    case, event = opened("hello there")
    assert (case.alike, "alike" in event) == ("", False)
    beside = ROUTER.decide(a_general_item("2", text=OUTAGE, author=STRANGER), None, case, "x#1", NOON)
    assert beside.case is not None
    assert not beside.case.alike
    own = ROUTER.decide(a_general_item("3", text=OUTAGE), None, case, "x#1", NOON)
    assert own.entry is not None
    assert (own.entry.event or {})["alike"] == fingerprint(OUTAGE)


def test_other_words_are_another_question_and_words_that_are_gone_are_none() -> None:
    case = a_case(alike=fingerprint(OUTAGE))
    edited = an_item(text=SAME[3][0], change=Change.EDITED, version=1)
    assert case.edited(edited).alike == fingerprint(SAME[3][0])
    assert case.edited(replace(edited, native_id="2")).alike == case.alike
    assert not case.expired().alike
    assert not replace(case, live=2).without_one(NOON).alike


# Other people's words


def labelled() -> list[tuple[str, str]]:
    with data("routing", "dev.csv").open(encoding="utf-8", newline="") as lines:
        return [(row["source_label"], row["text"]) for row in csv.DictReader(lines)]


def test_of_random_pairs_about_different_things_hardly_one_in_fifty_thousand_is_grouped() -> None:
    chance = random.Random(5)
    marks = [(label, fingerprint(text)) for label, text in labelled()]
    wrong = pairs = 0
    while pairs < 500_000:
        (label, one), (another, other) = chance.choice(marks), chance.choice(marks)
        if label != another:
            pairs += 1
            wrong += apart(one, other) <= NEAR
    assert wrong <= 10


def test_copies_with_a_word_more_and_a_word_less_are_grouped() -> None:
    chance = random.Random(7)
    found = tried = 0
    for _, text in labelled():
        words = text.split()
        if len(words) < 14:
            continue
        del words[chance.randrange(len(words))]
        words.insert(chance.randrange(len(words)), "honestly")
        tried += 1
        found += apart(fingerprint(text), fingerprint("@acmebank " + " ".join(words))) <= NEAR
    assert found / tried > 0.8
