"""`allhours who`: the answer, the ladder that led to it, who is next; the plan's, or a stack's."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from allhours.cli import deployed
from allhours.cli.__main__ import main
from allhours.domain.changes import override
from allhours.domain.organisation_json import organisation_to_json
from allhours.flows.cover_ports import KnownChanges
from tests.builders import NIGHT, NOON, an_organisation

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from allhours.domain.organisation import Organisation

Captured = pytest.CaptureFixture[str]
BANK = replace(an_organisation(), company_duty="ana")


def a_file(folder: Path, bank: Organisation = BANK) -> str:
    """Keep a bank as it is compiled."""
    file = folder / "organisation.json"
    file.write_text(json.dumps(organisation_to_json(bank)))
    return str(file)


def lines(text: str) -> list[str]:
    """Read what was printed, columns one space apart."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_who_names_the_member_the_hours_the_ladder_and_who_is_next(tmp_path: Path, capsys: Captured) -> None:
    assert main(["who", "cards", "--at", NOON.isoformat(), "--organisation", a_file(tmp_path)]) == 0
    assert lines(capsys.readouterr().out) == [
        "Cards: Ana at desk london, by day, 2027-03-15T00:00Z to 2027-03-16T00:00Z",
        "layer whom why",
        "→ day Ana turn 0 of its rotation",
        "fallback desk london Ben not asked",
        "company duty Ana not asked",
        "next, at 2027-03-22T00:00Z: Ben at desk london, by day, 2027-03-22T00:00Z to 2027-03-23T00:00Z",
    ]


def test_who_says_who_stands_in_for_nobody(tmp_path: Path, capsys: Captured) -> None:
    assert main(["who", "fraud", "--at", NIGHT.isoformat(), "--organisation", a_file(tmp_path)]) == 1
    hours = "2027-03-15T16:00Z to 2027-03-16T08:00Z"
    told = lines(capsys.readouterr().out)
    assert told[0] == f"Fraud: nobody is on duty: fallback desk london stands in (Ben), {hours}"
    assert "→ fallback desk london Ben stands in" in told
    assert told[-1].startswith("next, at 2027-03-16T08:00Z: Ana at desk london")


def test_who_never_changes_is_told(tmp_path: Path, capsys: Captured) -> None:
    cards = BANK.units["cards"]
    always = replace(cards.rota, shifts=(replace(cards.rota.shifts[0], rotation=None),))
    bank = replace(BANK, units={**BANK.units, "cards": replace(cards, rota=always)})
    assert main(["who", "cards", "--at", NOON.isoformat(), "--organisation", a_file(tmp_path, bank)]) == 0
    assert lines(capsys.readouterr().out)[-1] == "next: the same people for 400 days"


def test_who_for_machines_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    file = a_file(tmp_path)
    assert main(["who", "fraud", "--at", NIGHT.isoformat(), "--organisation", file, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ladder"][0] == {
        "kind": "stand_in",
        "name": "fallback desk london",
        "says": "stands in",
        "people": ["ben"],
        "won": True,
    }
    assert (told["next"]["at"], told["next"]["members"]) == ("2027-03-16T08:00:00+00:00", ["ana"])
    del told["ladder"], told["next"]
    assert told == {
        "unit": "fraud",
        "at": "2027-03-15T23:30:00+00:00",
        "desk": "london",
        "members": ["ben"],
        "names": ["Ben"],
        "because": "nobody is on duty: fallback desk london stands in",
        "since": "2027-03-15T16:00Z",
        "until": "2027-03-16T08:00Z",
        "gap": True,
        "steps": ["nobody is on shift"],
    }


def test_the_changes_of_a_stack_count(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = int(NOON.timestamp())
    change = override(
        BANK,
        "cards",
        start=noon,
        end=noon + 7200,
        by="leela",
        at=NOON,
        remove="ana",
        add="ben",
        reason="dentist",
    )

    def stack(arguments: argparse.Namespace) -> SimpleNamespace:
        assert arguments.stack == "bank"
        changes = KnownChanges(changes=(change,), version=1)
        return SimpleNamespace(rota_changes=SimpleNamespace(read=lambda: changes))

    monkeypatch.setattr(deployed, "stack", stack)
    asked = ["who", "cards", "--at", NOON.isoformat(), "--organisation", a_file(tmp_path)]
    assert main([*asked, "--stack", "bank"]) == 0
    told = lines(capsys.readouterr().out)
    until = "2027-03-15T14:00Z"
    assert told[0] == f"Cards: Ben at desk london, by {change.change_id}, 2027-03-15T12:00Z to {until}"
    assert told[2] == f"→ {change.change_id} Ben ana off, ben on, by leela (dentist), until {until}"
    assert main(asked) == 0
    assert lines(capsys.readouterr().out)[0].startswith("Cards: Ana")
