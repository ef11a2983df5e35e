"""Moves, labels, replays and reports on the table, and the commands that ask for them."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import wiring
from allhours.aws.moves import DynamoMoves
from allhours.aws.replayed import DynamoPast
from allhours.aws.stack import Stack
from allhours.cli import arguments as shared
from allhours.cli import deployed, explain, labels, move, replay, triage_report
from allhours.domain.errors import BadInput
from allhours.domain.item import Change
from allhours.domain.organisation import Rule
from allhours.domain.router import Router
from allhours.flows.promote import promote
from allhours.flows.replay import replay as replayed
from allhours.flows.route import route
from tests.builders import NOON, a_general_item, an_item, an_organisation
from tests.crash.seen import events, rows

if TYPE_CHECKING:
    from pathlib import Path

    from allhours.domain.item import Item
    from allhours.domain.organisation import Organisation
    from tests.crash.harness import World

STACK = Stack("bank", "test", {"RecordsTable": "records"})
BANK = replace(
    an_organisation(),
    word_lists={"thanks": ("thank you",), "troll": ("clowns",)},
    rules=(
        Rule(rule_id="new-fees", unit="fraud", words=("fee",), shadow=True),
        *an_organisation().rules,
    ),
)
LONG = timedelta(days=40)
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    del world
    monkeypatch.setattr(deployed, "stack", lambda _: STACK)
    monkeypatch.setattr(deployed, "records", lambda _: wiring.records())


def chosen(monkeypatch: pytest.MonkeyPatch, bank: Organisation) -> None:
    monkeypatch.setattr(shared, "organisation_of", lambda _: bank)


def heard(*items: Item, at: datetime = NOON) -> None:
    done = route(list(enumerate(items)), router=Router(BANK), records=wiring.records(), at=at)
    assert not done.again


def moves() -> DynamoMoves:
    return DynamoMoves("records", wiring.records(), BANK.retention)


def case_of(number: str) -> str:
    return str(wiring.records().read((), (f"x#{number}",)).cases[f"x#{number}"].case_id)


def moved(monkeypatch: pytest.MonkeyPatch, number: str, unit: str, **more: Any) -> int:
    chosen(monkeypatch, BANK)
    usual = {"by": "ana", "because": "", "json": False, "stack": "bank"}
    return move.run(Namespace(case=case_of(number), unit=unit, **(usual | more)))


def a_post(number: int, text: str, **more: Any) -> Item:
    return a_general_item(str(number), conversation_id=str(number), text=text, **more)


def test_a_move_is_one_transaction_that_keeps_nothing_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    heard(a_post(1, "my card is late"))
    before = rows()
    assert moved(monkeypatch, "1", "payments", because="a transfer") == 0
    after = rows()
    case_key = f"CASE#{case_of('1')}"
    for key in ("ITEM#x#1", case_key):
        assert after[key]["expires_at"] == before[key]["expires_at"]
    assert after[case_key]["due"]["S"] == "CASES#payments"
    (label,) = [row for key, row in after.items() if key.startswith("LABEL#")]
    assert "late" not in str(label)
    kept = datetime.fromtimestamp(int(label["expires_at"]["N"]), UTC) - NOON
    assert timedelta(days=89) < kept < timedelta(days=91)


def test_the_event_leaves_by_the_outbox_with_the_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    heard(a_post(1, "my card is late"))
    moved(monkeypatch, "1", "payments")
    world.forward()
    (told,) = [one for one in events() if one["event"] == "case.moved"]
    assert (told["unit"], told["moved_from"], told["item"]["text"]) == (
        "payments",
        "cards",
        "my card is late",
    )


def test_a_move_after_an_edit_is_decided_again(monkeypatch: pytest.MonkeyPatch) -> None:
    heard(a_post(1, "my card is late"))
    cases, save = moves(), DynamoMoves.save
    stale: list[str] = []

    def late(self: DynamoMoves, one: Any, *, at: datetime) -> str:
        if not stale:
            heard(a_post(1, "my card is here", change=Change.EDITED, version=5))
        stale.append(save(self, one, at=at))
        return stale[-1]

    monkeypatch.setattr(DynamoMoves, "save", late)
    from allhours.flows.move import move as move_  # noqa: PLC0415 - the command has the same name

    case = move_(case_of("1"), "payments", by="ana", organisation=BANK, cases=cases, at=NOON)
    assert stale == ["known", "done"]
    assert case.version == 3


def test_labels_are_lines_for_the_trainer_while_the_words_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    heard(a_post(1, "my card is late"), a_post(2, "my card, to be taken back"))
    moved(monkeypatch, "1", "payments")
    moved(monkeypatch, "2", "payments")
    heard(a_post(2, "", change=Change.DELETED, version=9))
    capsys.readouterr()
    assert labels.run(Namespace(since=NOON - LONG, stack="bank", json=False)) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["text"], line["unit"], line["from"], line["decided"]) == (
        "my card is late",
        "payments",
        "cards",
        "rule cards",
    )
    assert "taken back" not in str(rows())


# Replay


def past() -> DynamoPast:
    return DynamoPast("records", wiring.records())


def a_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let days go by: cases, light posts, trolls, edits, deletions, a promotion, a move."""
    heard(a_post(1, "my card is late"), a_post(2, "thank you"), a_post(3, "giveaway for clowns"))
    heard(
        a_post(4, "a fee"), an_item("1b", conversation_id="1", text="and a fee"), at=NOON + timedelta(days=1)
    )
    moved(monkeypatch, "4", "payments")
    heard(a_post(1, "my card came", change=Change.EDITED, version=5), at=NOON + timedelta(days=2))
    heard(a_post(5, "gone"), at=NOON + timedelta(days=2))
    heard(a_post(5, "", change=Change.DELETED, version=9), at=NOON + timedelta(days=3))
    promote(
        "x#3",
        unit="",
        by="ana",
        because="she means us",
        router=Router(BANK),
        records=wiring.records(),
        at=NOON + timedelta(days=3),
    )


def test_with_the_same_file_nothing_on_record_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    a_story(monkeypatch)
    done = replayed(
        past().conversations(NOON - LONG, NOON + LONG),
        router=Router(BANK),
        since=NOON - LONG,
        until=NOON + LONG,
    )
    assert (done.differences, done.judged) == ([], 5)
    assert done.stands == {"edited": 1, "deleted": 1, "decided by a person": 2}


def test_a_case_from_before_the_time_is_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    a_story(monkeypatch)
    heard(an_item("9", conversation_id="1", text="hello?", addressed=()), at=NOON + timedelta(days=20))
    since = NOON + timedelta(days=19)
    (conversation,) = past().conversations(since, NOON + LONG)
    assert {row.item.key for row in conversation.rows} == {"x#1", "x#1b", "x#9"}
    assert list(past().conversations(NOON + LONG, NOON + 2 * LONG)) == []


def asked(**more: Any) -> Namespace:
    usual: dict[str, Any] = {
        "since": NOON - LONG,
        "until": NOON + LONG,
        "items": None,
        "examples": 2,
        "before": None,
        "json": False,
        "stack": "bank",
    }
    return Namespace(**(usual | more))


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_router", Router)


@pytest.mark.usefixtures("no_model")
def test_a_changed_file_is_shown_with_ways_counts_and_examples(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    a_story(monkeypatch)
    capsys.readouterr()
    changed = replace(BANK, rules=(replace(BANK.rules[0], shadow=False), *BANK.rules[1:]), revision="f" * 16)
    chosen(monkeypatch, changed)
    assert replay.run(asked()) == 0
    out = capsys.readouterr().out
    for line in (
        "5 decisions judged again, in 5 conversations; 4 stand as they are: ",
        "this file is ffffffffffff; decided by other files: 0123456789ab 4",
        "x#4  “a fee”",
        "was  customer_care, priority 3: no rule matched, so the fallback unit decides",
        "new  fraud, priority 3: rule new-fees, “fee”",
    ):
        assert line in out
    assert replay.run(asked(json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["moves"] == [{"by_model": 0, "from": "customer_care", "posts": 1, "to": "fraud"}]
    assert told["differences"][0]["after"]["reason"] == "rule new-fees, “fee”"


@pytest.mark.usefixtures("no_model")
def test_the_same_file_says_that_nothing_would_move(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    a_story(monkeypatch)
    capsys.readouterr()
    before = rows()
    assert replay.run(asked()) == 0
    assert "nothing would move" in capsys.readouterr().out
    assert rows() == before


@pytest.mark.usefixtures("no_model")
def test_a_file_of_rows_or_of_an_inbox_stands_for_the_stack(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    a_story(monkeypatch)
    world.forward()
    lines = [wiring.records().item(f"x#{number}") for number in ("1", "1b", "2", "3", "4", "5")]
    for name, kept in (("rows", lines), ("events", events())):
        file = tmp_path / f"{name}.jsonl"
        file.write_text("\n".join(json.dumps(one) for one in kept))
        capsys.readouterr()
        assert replay.run(asked(items=file)) == 0
        out = capsys.readouterr().out
        assert "nothing would move" in out, name
    file = tmp_path / "events.jsonl"
    file.write_text('{"text": "no record"}')
    with pytest.raises(BadInput, match=r"events.jsonl, line 1: an item is a JSON object"):
        replay.run(asked(items=file))


def test_a_time_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadInput, match="is not before --until"):
        replay.run(asked(until=NOON - 2 * LONG))


# The report


def test_the_report_tells_misroutes_promotions_and_shadows(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    a_story(monkeypatch)
    capsys.readouterr()
    monkeypatch.setattr(triage_report, "now", lambda: NOON + LONG)
    assert triage_report.run(asked(json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    by = {(one["unit"], one["decided_by"]): (one["routed"], one["moved"]) for one in told["sent"]}
    assert by["customer_care", "fallback"] == (3, 1)
    assert by["cards", "rule cards"] == (1, 0)
    assert told["moves"] == [{"cases": 1, "from": "customer_care", "to": "payments"}]
    assert told["promoted"] == [{"posts": 1, "was": "rule giveaway"}]
    assert told["shadow"] == [{"change": "customer_care → fraud", "posts": 1, "rule": "new-fees"}]
    assert triage_report.run(asked()) == 0
    assert "customers missed at first: 1 were promoted by people" in capsys.readouterr().out


# Explain


def explained(capsys: Captured, item: str) -> str:
    capsys.readouterr()
    assert explain.run(Namespace(item=item, json=False)) == 0
    return capsys.readouterr().out


def test_each_decision_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    a_story(monkeypatch)
    heard(a_post(6, "stolen, I am desperate"))
    assert "opened no case (lane none), and nobody was told, because rule giveaway" not in explained(
        capsys, "x#3"
    )
    told = explained(capsys, "x#3")
    assert "was made case x-" in told
    assert "by ana (it was no case: rule giveaway, “giveaway”) and went to customer_care" in told
    told = explained(capsys, "x#4")
    assert "in shadow it would have gone to fraud with priority 3, because rule new-fees, “fee”" in told
    assert "handed from customer_care to payments as acmepay, because moved by ana (step moved)" in told
    told = explained(capsys, "x#6")
    assert "went to fraud as acmesafe, because rule stolen, “stolen”" in told
    assert "on duty: " in told
    assert "decided by organisation 0123456789ab" in told
    assert "a tombstone is kept" in explained(capsys, "x#5")


def test_a_post_that_opened_none_is_explained_too(capsys: Captured) -> None:
    heard(a_post(7, "giveaway"))
    told = explained(capsys, "x#7")
    assert (
        "x#7 opened no case (lane none), and nobody was told, because rule giveaway, “giveaway” (step rule)"
        in told
    )
