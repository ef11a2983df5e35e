"""`allhours cases`, `answered` and `fairness --answers`: what waits, what was answered, and how soon."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import wiring
from allhours.aws.clients import dynamodb
from allhours.aws.stack import Stack
from allhours.cli import answered, deployed, fairness
from allhours.cli.__main__ import main
from allhours.domain.alike import fingerprint
from allhours.domain.organisation_json import organisation_to_json
from allhours.domain.router import Router
from allhours.domain.service_level import ServiceLevel
from tests.builders import LEELA, NOON, STRANGER, an_item, an_organisation

if TYPE_CHECKING:
    from pathlib import Path

    from allhours.domain.case import Case
    from allhours.domain.item import Item

pytestmark = pytest.mark.usefixtures("world")
MINUTE = timedelta(minutes=1)
STACK = Stack("bank", "test", {"RecordsTable": "records"})
LEVELS = (ServiceLevel(priority=3, first_answer=3600, resolution=7200, clock="wall"),)
BANK = an_organisation()
BANK = replace(BANK, units={**BANK.units, "cards": replace(BANK.units["cards"], service_levels=LEVELS)})
OUTAGE = "The app has been down since this morning, I can't log in and nobody answers the phone"
COPY = "@acmecards app is down again since this morning, can't log in, nobody answering the phone"

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def organisation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Let the stack be ours, and the minute after noon; return the arguments that name the organisation."""
    monkeypatch.setattr(deployed, "stack", lambda _: STACK)
    for command in (answered, fairness):
        monkeypatch.setattr(command, "now", lambda: NOON + 30 * MINUTE)
    path = tmp_path / "organisation.json"
    path.write_text(json.dumps(organisation_to_json(BANK)))
    return ["--organisation", str(path)]


def heard(item: Item) -> Case:
    decision = Router(BANK).decide(item, None, None, item.conversation_key, NOON)
    assert wiring.records().commit(decision, at=NOON) == "done"
    assert decision.case is not None
    return decision.case


def three() -> tuple[Case, Case, Case]:
    """Let Leela tell of an outage, a stranger on Mastodon of the same; Leela had asked something before."""
    first = heard(an_item("1", text=OUTAGE, audience=70))
    copy = an_item("2", text=COPY, network="mastodon", conversation_id="2", author=STRANGER, created_at=NOON)
    other = an_item("3", text="my new card has not come", conversation_id="3", created_at=NOON - 5 * MINUTE)
    return first, heard(copy), heard(other)


def lines(capsys: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


AT_NOON = ["--at", NOON.isoformat()]


def test_a_units_cases_are_listed_by_when_they_are_due_with_their_question(capsys: Captured) -> None:
    first, copy, other = three()
    assert main(["cases", "cards", "--json", *AT_NOON]) == 0
    told = lines(capsys)
    assert [one["case_id"] for one in told] == [other.case_id, first.case_id, copy.case_id]
    assert [one["due"]["left"] // 60 for one in told] == [55, 59, 60]
    question = {"lead": first.case_id, "count": 2, "networks": ["mastodon", "x"]}
    assert [one["group"] for one in told[1:]] == [question, question]
    assert told[0]["group"]["count"] == 1
    assert main(["cases", "cards", *AT_NOON]) == 0
    shown = capsys.readouterr().out
    assert shown.count(f"2 with {first.case_id}") == 2
    assert "55 min" in shown
    assert "card has not come" not in shown


def test_grouped_a_question_is_one_line_with_its_count_networks_and_first_deadline(capsys: Captured) -> None:
    first, copy, other = three()
    assert main(["cases", "cards", "--grouped", "--json", *AT_NOON]) == 0
    told = lines(capsys)
    assert [(one["lead"], one["cases"]) for one in told] == [
        (other.case_id, [other.case_id]),
        (first.case_id, [first.case_id, copy.case_id]),
    ]
    assert told[1]["due"]["left"] == 59 * 60
    assert main(["cases", "cards", "--grouped", "--at", (NOON + 120 * MINUTE).isoformat()]) == 0
    shown = capsys.readouterr().out
    assert "mastodon, x" in shown
    assert "1 h 1 min late" in shown


def test_a_unit_without_cases_is_told_so(capsys: Captured) -> None:
    assert main(["cases", "fraud"]) == 0
    assert "fraud has no open case" in capsys.readouterr().out


def test_a_row_of_another_release_is_told_and_the_rest_is_listed(capsys: Captured) -> None:
    first, *_ = three()
    dynamodb().update_item(
        TableName="records",
        Key={"key": {"S": f"CASE#{first.case_id}"}},
        UpdateExpression="SET #case = :odd",
        ExpressionAttributeNames={"#case": "case"},
        ExpressionAttributeValues={":odd": {"S": "{}"}},
    )
    assert main(["cases", "cards", "--json", *AT_NOON]) == 1
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert f"CASE#{first.case_id}" in told.err


def test_an_answer_from_another_desk_is_on_record_and_due_no_longer(
    organisation: list[str], capsys: Captured
) -> None:
    first, *_ = three()
    said = ["answered", first.case_id, "--by", "ana", "--at", (NOON + 9 * MINUTE).isoformat(), *organisation]
    assert main(said) == 0
    assert "after 10 min" in capsys.readouterr().out
    kept = STACK.records(timedelta(0)).case(first.case_id)
    assert kept is not None
    assert (kept.answered_at, "first_answer" in kept.due) == (NOON + 9 * MINUTE, False)
    (notice,) = STACK.records(timedelta(0)).notices(first.case_id)
    assert (notice["event"], notice["by"]) == ("case.answered", "ana")
    monkey = ["answered", first.case_id, "--by", "zoe", *organisation]
    assert main(monkey) == 1
    assert "no such member" in capsys.readouterr().err


def test_the_answer_times_of_a_month_are_told_for_all_and_for_each_unit(
    organisation: list[str], capsys: Captured
) -> None:
    first, *_ = three()
    assert main(["answered", first.case_id, "--by", "ana", *organisation]) == 0
    capsys.readouterr()
    assert main(["fairness", "--answers", "--month", "2027-03", "--json"]) == 0
    told = lines(capsys)
    assert {one["unit"] for one in told} == {None, "cards"}
    (known,) = [one for one in told if one["group"] == "1: 70 to 70" and not one["unit"]]
    assert (known["cases"], known["waiting"], known["median"], known["in_time"]) == (1, 0, 31 * 60, 1.0)
    assert main(["fairness", "--answers", "--month", "2027-03", "--unit", "cards"]) == 0
    shown = capsys.readouterr().out
    assert "cards, March 2027" in shown
    assert "no group waits longer" in shown
    assert main(["fairness", "--answers"]) == 0
    assert "nobody began to wait in February 2027" in capsys.readouterr().out


def test_a_month_is_asked_for_with_answers_and_written_as_one(capsys: Captured) -> None:
    assert main(["fairness", "--month", "2027-03"]) == 1
    assert "--month goes with --answers" in capsys.readouterr().err
    assert main(["fairness", "--answers", "--month", "March"]) == 2


def test_followers_are_in_the_case_and_neither_in_the_items_row_nor_in_what_an_inbox_gets() -> None:
    first, *_ = three()
    assert first.audience == 70
    kept = STACK.records(timedelta(0)).case(first.case_id)
    assert kept is not None
    assert (kept.audience, kept.alike) == (70, fingerprint(OUTAGE))
    row = dynamodb().get_item(TableName="records", Key={"key": {"S": "ITEM#x#1"}})["Item"]
    assert "audience" not in str(row)
    events = list(STACK.events_since(datetime(2027, 1, 1, tzinfo=UTC)))
    assert len(events) == 3
    assert "audience" not in str(events)


def test_followers_are_forgotten_with_the_name() -> None:
    first, *_ = three()
    assert first.author_name == LEELA.name
    for after in (first.expired(), first.without_one(NOON)):
        assert (after.author_name, after.audience) == ("", -1)
