"""Replaying what is on record: exact where nothing has changed, and telling where something has."""

from __future__ import annotations

import contextlib
import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from allhours import models
from allhours.cli.organisation_file import load
from allhours.domain.case import State
from allhours.domain.errors import BadInput
from allhours.domain.event import case_event
from allhours.domain.item import Author, Change, Item, Kind, Visibility, item_to_json
from allhours.domain.judgement import NOBODY, TOPICS, Opinion, Said
from allhours.domain.organisation import Rule
from allhours.domain.recorded import (
    Conversation,
    Recorded,
    conversations,
    recorded_from_events,
    recorded_from_json,
)
from allhours.domain.router import Router
from allhours.flows.promote import promote
from allhours.flows.replay import Replayed, judged_again, replay
from allhours.flows.route import route
from allhours.networks.windows import ANSWER_WINDOWS, STORAGE_LIMITS
from tests.builders import NOON, FakeRecords, a_general_item, an_item, an_organisation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.decision import Entry
    from allhours.domain.organisation import Organisation

LONG = timedelta(days=400)
ACME = Path(__file__).resolve().parents[2] / "infra" / "organisation" / "acme.yaml"


def judge(said: Said, words: Sequence[str], hits: Mapping[str, Sequence[str]], /) -> Opinion | None:
    """Be as sure as the words are long, so that every step of the ladder has its posts."""
    del hits
    if said.language == "de":
        return None
    topic = TOPICS[sum(map(len, words)) % len(TOPICS)]
    likely = 0.95 if len(words) % 2 else 0.45
    rest = (1 - likely) / (len(TOPICS) - 1)
    odds = {each: likely if each == topic else rest for each in TOPICS}
    return Opinion(odds=odds, urgent=0.9 if "now" in words else 0.1, model="0123456789abcdef")


def a_bank(*more: Rule, **changes: Any) -> Organisation:
    bank = an_organisation()
    lists = {
        "theft": ("robbed me",),
        "self_harm": ("end my life",),
        "thanks": ("thank you", "thanks"),
        "legal_threat": ("my lawyer",),
        "troll": ("clowns",),
        "blocked": ("locked out",),
    }
    units = {
        **bank.units,
        "fraud": replace(bank.units["fraud"], topics=("fraud_security", "lending")),
        "cards": replace(bank.units["cards"], topics=("cards", "accounts")),
    }
    return replace(bank, rules=(*more, *bank.rules), word_lists=lists, units=units, **changes)


def router_of(bank: Organisation) -> Router:
    return Router(bank, judge=judge, answer_windows=ANSWER_WINDOWS, short_lived=frozenset(STORAGE_LIMITS))


class Bookkeeper(FakeRecords):
    """Records that can be read as rows, as the table shows them."""

    def item(self, item_key: str) -> Mapping[str, Any] | None:
        last = next(
            (one for one in reversed(self.decisions) if one.entry and one.entry.item.key == item_key), None
        )
        if last is None or last.entry is None:
            return None
        found = self._row(last.entry)
        return {
            "item": item_to_json(found.item),
            "deleted": found.deleted,
            "case_id": found.case_id,
            "events": list(found.events),
            "why": found.why,
        }

    def rows(self) -> list[Recorded]:
        """Return each item's row as it was written last."""
        return [
            self._row(one)
            for one in {each.entry.item.key: each.entry for each in self.decisions if each.entry}.values()
        ]

    def _row(self, entry: Entry) -> Recorded:
        return Recorded(
            item=entry.item,
            conversation_key=entry.conversation_key or entry.item.conversation_key,
            deleted=entry.deleted,
            case_id=entry.case_id,
            events=tuple(json.loads(each) for each in self.known[entry.item.key].told),
            why=entry.why,
        )

    def conversations(self) -> list[Conversation]:
        """Return all that is on record."""
        return list(conversations(self.rows()))


WORDS = (
    "my card was stolen",
    "I am desperate",
    "giveaway",
    "thank you",
    "thanks but where is my transfer?",
    "hello there now",
    "hello",
    "what a day it is today",
    "they robbed me",
    "I want to end my life",
    "you are clowns",
    "my lawyer will call",
    "locked out of everything",
    "@acmepay and @acmecards please",
    "my transfer is late",
    "",
)
PEOPLE = tuple(Author(author_id=str(7000 + n), handle=f"@a{n}", name=f"A{n}") for n in range(3))


def a_long_story(seed: int, posts: int = 400, router: Router | None = None) -> Bookkeeper:
    """Let customers speak, edit, delete and come back; people promote what was missed."""
    dice, records, router = random.Random(seed), Bookkeeper(), router or router_of(a_bank())
    at, said = NOON, list[Item]()
    for number in range(posts):
        at += timedelta(seconds=dice.randrange(1, 90_000))
        batch = [
            _said(dice, number * 10 + n, at - timedelta(seconds=40 - n))
            for n in range(dice.choice((1, 1, 3)))
        ]
        if said and dice.random() < 0.3:
            batch.append(_changed(dice, dice.choice(said), at))
        said += [one for one in batch if one.change is Change.SAID]
        dice.shuffle(batch)
        assert not route(list(enumerate(batch)), router=router, records=records, at=at).again
        if dice.random() < 0.2:
            _promoted(dice, records, router, at)
    return records


def _said(dice: random.Random, number: int, at: datetime) -> Item:
    network = dice.choice(("x", "x", "mastodon", "youtube"))
    kind = dice.choice((Kind.POST, Kind.MENTION, Kind.REVIEW, Kind.MESSAGE))
    return a_general_item(
        str(number),
        network=network,
        conversation_id=str(dice.randrange(1 + number // 40)),
        author=dice.choice(PEOPLE[: 1 if dice.random() < 0.6 else 3]),
        created_at=at,
        text=dice.choice(WORDS) + dice.choice(("", " x", " and so on")),
        language=dice.choice(("en", "de", "fr", "")),
        kind=kind,
        rating=dice.choice((1, 5)) if kind is Kind.REVIEW else 0,
        visibility=Visibility.PRIVATE if kind is Kind.MESSAGE else Visibility.PUBLIC,
        addressed=dice.choice(((), ("@acmebank",), ("@acmepay",), ("@acmecards", "@acmebank"))),
    )


def _changed(dice: random.Random, item: Item, at: datetime) -> Item:
    change = dice.choice((Change.EDITED, Change.EDITED, Change.DELETED, Change.EXPIRED))
    text = dice.choice(WORDS) if change is Change.EDITED else ""
    return replace(item, change=change, text=text, version=int(at.timestamp()))


def _promoted(dice: random.Random, records: Bookkeeper, router: Router, at: datetime) -> None:
    none = [one.entry for one in records.decisions if one.entry and not one.case]
    if none:
        with contextlib.suppress(BadInput):  # its conversation has a case by now
            promote(
                dice.choice(none).item.key,
                unit=dice.choice(("", "payments")),
                by="ana",
                because="a customer",
                router=router,
                records=records,
                at=at + timedelta(seconds=1),
            )


def replayed(records: Bookkeeper, bank: Organisation, **more: Any) -> Replayed:
    return replay(
        records.conversations(), router=router_of(bank), since=NOON - LONG, until=NOON + 5 * LONG, **more
    )


@pytest.mark.parametrize("seed", range(6))
def test_with_the_organisation_that_decided_nothing_moves(seed: int) -> None:
    records = a_long_story(seed)
    done = replayed(records, a_bank())
    assert done.differences == []
    assert done.other_model == 0
    assert done.judged > 300
    assert set(done.stands) == {"edited", "deleted", "expired", "not kept", "decided by a person"}


def test_with_the_model_that_is_shipped_and_the_example_bank_nothing_moves() -> None:
    bank = load([ACME], NOON).organisation
    assert bank is not None
    router = Router(
        bank, judge=models.judge(bank), answer_windows=ANSWER_WINDOWS, short_lived=frozenset(STORAGE_LIMITS)
    )
    records = a_long_story(11, router=router)
    done = replay(records.conversations(), router=router, since=NOON - LONG, until=NOON + 5 * LONG)
    assert (done.differences, done.other_model) == ([], 0)
    assert done.judged > 300


@pytest.mark.parametrize("days", [60, 150])
@pytest.mark.parametrize("forgotten", [False, True])
def test_nothing_moves_in_a_part_of_the_time_either_nor_when_its_beginning_is_forgotten(
    days: int, *, forgotten: bool
) -> None:
    records, since = a_long_story(7), NOON + timedelta(days=days)
    past = records.conversations()
    if forgotten:
        kept = [replace(one, rows=tuple(r for r in one.rows if r.item.created_at > since)) for one in past]
        past = [one for one in kept if one.rows]
    done = replay(past, router=router_of(a_bank()), since=since, until=since + LONG)
    assert done.differences == []
    assert done.judged > 30


def test_what_is_exported_as_rows_or_as_events_replays_alike() -> None:
    records = a_long_story(8, posts=150)
    events = {
        row.item.key: [case_event(one, item_to_json(row.item), row.case_id) for one in row.events]
        for row in records.rows()
        if row.events
    }
    dice = random.Random(8)
    rows = []
    for told in events.values():
        inbox = [*told, *told]
        dice.shuffle(inbox)
        rows.append(recorded_from_events(inbox))
    inboxes = replay(
        list(conversations(rows)), router=router_of(a_bank()), since=NOON - LONG, until=NOON + LONG
    )
    assert inboxes.differences == []
    assert inboxes.judged > 100
    shown = [records.item(row.item.key) for row in records.rows()]
    again = [recorded_from_json(json.loads(json.dumps(one))) for one in shown if one]
    table = replay(
        list(conversations(again)), router=router_of(a_bank()), since=NOON - LONG, until=NOON + LONG
    )
    assert table.differences == []


# What moves


def heard(*items: Item, bank: Organisation | None = None, at: datetime = NOON) -> Bookkeeper:
    records = Bookkeeper()
    assert not route(list(enumerate(items)), router=router_of(bank or a_bank()), records=records, at=at).again
    return records


def a_post(number: int, text: str, **more: Any) -> Item:
    return a_general_item(str(number), conversation_id=str(number), text=text, language="de", **more)


FEES = Rule(rule_id="fees", unit="payments", words=("fee",))


def test_a_new_rule_moves_what_it_finds_and_what_follows_in_the_case() -> None:
    records = heard(
        a_post(1, "my card has a fee"),
        an_item("1b", conversation_id="1", text="nobody answers", language="de", addressed=()),
        a_post(2, "my card has none"),
    )
    done = replayed(records, a_bank(FEES))
    assert [(one.item, one.before.name, one.after.name) for one in done.differences] == [
        ("x#1b", "cards", "payments") if n else ("x#1", "cards", "payments") for n in range(2)
    ]
    first, second = done.differences
    assert first.before.reason == "rule cards, “card”"
    assert first.after.reason == "rule fees, “fee”"
    assert second.after.reason == "the case is with payments"


def test_a_rule_that_goes_makes_cases_of_what_it_silenced() -> None:
    records = heard(a_post(1, "giveaway of my money"))
    bank = a_bank()
    done = replayed(records, replace(bank, rules=tuple(r for r in bank.rules if r.rule_id != "giveaway")))
    (one,) = done.differences
    assert (one.before.name, one.after.lane) == ("nobody", "case")


def test_urgent_pages_gained_and_lost_are_told() -> None:
    records = heard(a_post(1, "they robbed me"), a_post(2, "all is frozen"))
    bank = a_bank()
    done = replayed(records, replace(bank, word_lists={**bank.word_lists, "theft": ("all is frozen",)}))
    assert [(one.item, one.before.urgent, one.after.urgent) for one in done.differences] == [
        ("x#1", True, False),
        ("x#2", False, True),
    ]


def test_a_rule_in_shadow_moves_nothing() -> None:
    records = heard(a_post(1, "my card has a fee"))
    assert replayed(records, a_bank(replace(FEES, shadow=True))).differences == []


def test_what_a_person_decided_stands() -> None:
    records = heard(a_post(1, "giveaway"))
    promote(
        "x#1",
        unit="fraud",
        by="ana",
        because="a customer",
        router=router_of(a_bank()),
        records=records,
        at=NOON,
    )
    done = replayed(records, a_bank(Rule(rule_id="more", unit="payments", words=("giveaway",))))
    (one,) = done.differences  # the missed customer would have been heard, and the promotion changes nothing
    assert (one.before.name, one.after.name) == ("nobody", "payments")
    assert done.stands == {"decided by a person": 1}


def test_what_the_model_alone_moves_is_told_apart() -> None:
    records = heard(a_post(1, "my card has a fee"), a_general_item("2", conversation_id="2", text="hello"))

    def other(said: Said, words: Sequence[str], hits: Mapping[str, Sequence[str]], /) -> Opinion | None:
        if judge(said, words, hits) is None:
            return None
        odds = dict.fromkeys(TOPICS, 0.01) | {"payments": 0.92, NOBODY: 0.0}
        return Opinion(odds=odds, model="fedcba9876543210")

    done = replay(
        records.conversations(),
        router=Router(a_bank(FEES), judge=other),
        since=NOON - LONG,
        until=NOON + LONG,
        as_it_was=Router(a_bank(), judge=other),
    )
    assert {one.item: one.by_model for one in done.differences} == {"x#1": False, "x#2": True}
    assert done.other_model == 1


def test_nothing_is_written_and_nobody_is_called() -> None:
    records = a_long_story(9, posts=50)
    before = (len(records.decisions), len(records.pages), dict(records.cases))
    replayed(records, a_bank(FEES))
    assert (len(records.decisions), len(records.pages), dict(records.cases)) == before


def test_a_case_that_was_closed_by_hand_is_met_closed() -> None:
    records = heard(a_post(1, "my card"))
    case = records.cases["x#1"]
    records.cases["x#1"] = replace(case, state=State.CLOSED, closed_at=NOON, version=case.version + 1)
    later = a_general_item(
        "9", conversation_id="1", text="again", language="de", created_at=NOON + timedelta(days=30)
    )
    route([(0, later)], router=router_of(a_bank()), records=records, at=NOON + timedelta(days=30))
    assert records.cases["x#1"].generation == 2
    done = replayed(records, a_bank())
    assert (done.differences, done.judged) == ([], 2)


def test_an_edit_told_again_of_a_case_that_was_replaced_decides_nothing() -> None:
    records = heard(a_post(1, "my card"))
    case = records.cases["x#1"]
    records.cases["x#1"] = replace(case, state=State.CLOSED, closed_at=NOON, version=case.version + 1)
    month = NOON + timedelta(days=30)
    later = a_general_item("9", conversation_id="1", text="again", language="de", created_at=month)
    edited = a_post(1, "my old card", change=Change.EDITED, version=5)
    for item in (later, edited):
        route([(0, item)], router=router_of(a_bank()), records=records, at=month)
    done = replayed(records, a_bank())
    assert (done.differences, done.judged, done.stands) == ([], 1, {"edited": 1})


def test_of_two_routers_at_work_the_one_that_wrote_first_decided_first() -> None:
    records = Bookkeeper()
    for number, text, second in (
        (1, "thanks everybody ok", 2),
        (2, "my card", 1),
    ):  # who began later was quicker
        item = an_item(str(number), conversation_id="1", text=text, addressed=())
        at = NOON + timedelta(seconds=second)
        route([(0, item)], router=router_of(a_bank()), records=records, at=at)
    assert [event["event"] for event in records.events] == ["item.light", "case.opened"]
    done = replayed(records, a_bank())
    assert (done.differences, done.judged) == ([], 2)


def test_what_was_decided_before_the_time_leads_to_it_and_is_not_told() -> None:
    records = heard(a_post(1, "my card has a fee"))
    more = an_item("9", conversation_id="1", text="again", language="de", addressed=())
    later = NOON + timedelta(hours=1)
    route([(0, more)], router=router_of(a_bank()), records=records, at=later)
    done = replay(records.conversations(), router=router_of(a_bank(FEES)), since=later, until=NOON + LONG)
    assert (done.differences, done.judged) == ([], 1)


def test_a_case_that_the_clock_moved_is_met_where_it_was() -> None:
    records = heard(a_post(1, "my card"))
    case = records.cases["x#1"]
    records.cases["x#1"] = replace(case, unit="payments", account="acmepay", version=case.version + 1)
    more = an_item("9", conversation_id="1", text="again", language="de", addressed=())
    route([(0, more)], router=router_of(a_bank()), records=records, at=NOON)
    assert replayed(records, a_bank()).differences == []


def test_judged_again_stops_where_the_time_ends() -> None:
    records = heard(a_post(1, "my card"))
    (conversation,) = records.conversations()
    assert list(judged_again(conversation, router_of(a_bank()), NOON - LONG, NOON)) == []


@pytest.mark.parametrize(
    "body", [{}, {"item": {"network": "x"}}, {"item": None, "events": 3}], ids=["empty", "half", "wrong"]
)
def test_what_is_no_row_of_ours_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        recorded_from_json(body)
    with pytest.raises(BadInput):
        recorded_from_events([body])
