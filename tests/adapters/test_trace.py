"""`allhours trace` and `explain`: who has a case, what is promised, handovers, and what would be sent."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allhours.aws import wiring
from allhours.aws.notices import DynamoNotices
from allhours.cli import deployed, explain, trace
from allhours.domain import notice
from allhours.domain.errors import BadInput
from allhours.domain.router import Router
from allhours.domain.segments import Handover
from allhours.domain.service_level import ServiceLevel
from tests.builders import NIGHT, a_case, a_general_item, an_organisation

BANK = an_organisation()
LEVELS = (ServiceLevel(priority=1, first_answer=3600, resolution=7200, clock="wall"),)
FRAUD = replace(BANK.units["fraud"], service_levels=LEVELS, holding_answer={"en": "We are back at {time}."})
BANK = replace(BANK, units={**BANK.units, "fraud": FRAUD})
STOLEN = a_general_item(text="stolen", created_at=NIGHT)


@pytest.fixture(autouse=True)
def record(world: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a case come in fraud's night, be overdue and handed over; return its id."""
    del world
    monkeypatch.setattr(deployed, "records", lambda _: wiring.records())
    decision = Router(BANK).decide(STOLEN, None, None, "x#1", NIGHT)
    assert wiring.records().commit(decision, at=NIGHT) == "done"
    case = decision.case
    assert case is not None
    late = case.told(["first_answer"])
    overdue = notice.overdue(BANK, late, "first_answer", case.due["first_answer"], NIGHT)
    assert wiring.open_cases().save(late, case, at=NIGHT, notices=[overdue])
    after = late.handed_to("ana", NIGHT)
    moved = notice.assigned(BANK, after, "ben", "ben is not on duty, ana is", NIGHT + timedelta(hours=9))
    assert wiring.open_cases().save(after, late, at=moved.at, notices=[moved])
    return case.case_id


def shown(capsys: pytest.CaptureFixture[str], case: str, *, json: bool = False) -> str:
    assert trace.run(Namespace(case=case, json=json)) == 0
    return capsys.readouterr().out


def test_a_trace_tells_owner_promises_notices_and_what_would_be_sent(
    record: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, record)
    for line in (
        "owner: ana since 2027-03-15 23:30 UTC",
        "due: resolution by 2027-03-16 01:30 UTC",
        "overdue: first_answer since 2027-03-16 00:30 UTC",
        "would send (en, nobody is there until 2027-03-16T08:00:00+00:00): We are back at 08:00 on Tuesday",
        "case.overdue: first_answer 2027-03-16T00:30:00.000+00:00, with ben",
        "case.assigned: ben → ana, because ben is not on duty, ana is",
    ):
        assert line in text
    told = json.loads(shown(capsys, record, json=True))
    assert [one["event"] for one in told["notices"]] == ["case.overdue", "case.assigned"]
    assert told["case"]["owner"] == "ana"


def test_an_explanation_tells_what_would_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.run(Namespace(item=STOLEN.key, json=False)) == 0
    assert "would send (en" in capsys.readouterr().out


def test_a_units_trace_tells_its_handovers_and_gaps_of_the_last_days(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = datetime.now(UTC)
    change = Handover(
        at=int(at.timestamp()), left=frozenset({("london", "ana")}), joined=frozenset({("ny", None)})
    )
    cases = [a_case(unit="fraud", due={"resolution": at}, owner="ben")]
    packet = notice.handover(BANK, "fraud", change, cases, change.at - 60, at)
    assert DynamoNotices("records").tell(packet)
    text = shown(capsys, "fraud")
    assert "ana left, desk ny came; 1 open, 0 urgent, 0 overdue" in text
    assert f"next: {cases[0].case_id} resolution" in text
    assert "gap.met" in shown(capsys, "fraud", json=True)


def test_what_is_neither_a_case_nor_a_unit_is_told_so() -> None:
    with pytest.raises(BadInput, match="no case 'x-nothing'"):
        trace.run(Namespace(case="x-nothing", json=False))
