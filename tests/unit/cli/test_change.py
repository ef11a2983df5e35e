"""`allhours change`: what goes on record, what is refused, and the links that members get."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from allhours.cli import change, deployed
from allhours.cli.__main__ import main
from allhours.domain.links import owner_and_serial, verified
from allhours.flows.cover_ports import ChangeState, RecordedChange
from tests.rotas import FakeGaps, FakeRotaChanges

SMALL = str(Path(__file__).resolve().parents[2] / "organisations" / "small.yaml")
AT = datetime(2027, 3, 15, 12, 0, tzinfo=UTC)  # a Monday; Ana is on duty for cards, then Cy by night
KEY = "a key of the tests"
HOLE = ["leave", "ana", "--from", "2027-03-16T08:00Z", "--until", "2027-03-16T20:00Z", "--by", "ana"]
COVERED = [
    "override",
    "cards",
    "--from",
    "2027-03-16T14:00Z",
    "--until",
    "2027-03-16T16:00Z",
    "--remove",
    "ana",
]
COVERED += ["--add", "ben", "--reason", "a party", "--by", "ana"]
SWAP = ["swap", "cards", "day", "2027-03-17", "--from", "ana", "--to", "ben", "--by", "ana"]

SILENT: set[str] = set()  # whom the last test page did not reach

Captured = pytest.CaptureFixture[str]


class FakeSerials(dict[str, int]):
    def current(self, owner: str) -> int:
        return self.get(owner, 0)

    def revoke(self, owner: str, at: datetime) -> int:
        assert at == AT
        self[owner] = self.current(owner) + 1
        return self[owner]


class History(FakeRotaChanges):
    def history(self, since: datetime) -> list[RecordedChange]:
        assert since < AT
        return [
            RecordedChange(
                change=one,
                states=(
                    ChangeState(
                        state=one.state, by=by, at=AT, agreed=(), forced=one.forced, objections=one.objections
                    ),
                ),
            )
            for one, by in self.recorded
        ]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = SimpleNamespace(
        rota_changes=History(),
        gaps=FakeGaps(),
        reaches=SimpleNamespace(unreachable=lambda _organisation, _at: frozenset(SILENT)),
        link_serials=FakeSerials(),
        credentials=SimpleNamespace(read={"links": {"key": KEY}}.__getitem__),
        output={"PublicUrl": "https://api.test"}.__getitem__,
    )
    monkeypatch.setattr(deployed, "stack", lambda _arguments: made)
    monkeypatch.setattr(change, "now", lambda: AT)
    return made


def typed(*words: str) -> int:
    return main(["change", *words, "--organisation", SMALL])


def test_a_covered_change_goes_on_record_with_who(stack: Any, capsys: Captured) -> None:
    assert typed(*COVERED) == 0
    ((made, by),) = stack.rota_changes.recorded
    assert (made.kind, made.remove, made.add, made.reason, by) == ("override", "ana", "ben", "a party", "ana")
    assert "cards: ben instead of ana, 2027-03-16T14:00Z to 2027-03-16T16:00Z" in capsys.readouterr().out


def test_a_change_onto_somebody_whom_pages_do_not_reach_is_refused(
    stack: Any, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SILENT", {"ben"})
    assert typed(*COVERED) == 1
    assert "Ben is on duty and has not acknowledged the test page" in capsys.readouterr().out
    assert stack.rota_changes.recorded == []


def test_a_change_that_leaves_a_hole_is_refused_with_the_reasons(stack: Any, capsys: Captured) -> None:
    assert typed(*HOLE) == 1
    told = capsys.readouterr()
    assert "cards, 2027-03-16T08:00Z to 2027-03-16T20:00Z: nobody is on duty" in told.out
    assert "nothing was changed" in told.err
    assert stack.rota_changes.recorded == []
    assert typed(*HOLE, "--json") == 1
    assert "nobody is on duty" in json.loads(capsys.readouterr().out)["refused"][0]


def test_force_makes_it_and_says_so(stack: Any, capsys: Captured) -> None:
    assert typed(*HOLE, "--force") == 0
    assert "made all the same: cards" in capsys.readouterr().out
    assert stack.rota_changes.recorded[0][0].forced
    assert [unit for unit, *_ in stack.gaps.found_holes] == ["cards"]


def test_a_swap_waits_for_the_other_side(stack: Any, capsys: Captured) -> None:
    assert typed(*SWAP) == 0
    told = capsys.readouterr().out
    change_id = stack.rota_changes.known.changes[0].change_id
    assert f"allhours change agree {change_id} --by ben" in told
    assert typed("agree", change_id, "--by", "ben") == 0
    assert stack.rota_changes.known.changes[0].state == "in_force"
    assert typed("withdraw", change_id, "--by", "cy") == 1
    assert "propose the reverse swap" in capsys.readouterr().err
    assert typed("withdraw", change_id, "--by", "cy", "--force") == 0
    assert stack.rota_changes.known.changes == ()
    assert stack.rota_changes.recorded[-1][0].forced


def test_the_running_shift_is_taken(stack: Any, capsys: Captured) -> None:
    assert typed("take", "cards", "--by", "ben", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["remove"], made["add"], made["start"]) == ("ana", "ben", int(AT.timestamp()))
    assert stack.rota_changes.known.version == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["take", "cards", "--by", "nobody"], "no such member"),
        (["take", "nothing", "--by", "ben"], "no unit"),
        (["agree", "x", "--by", "ben"], "no change is called"),
        ([*COVERED[:3], "2027-03-15T09:00Z", *COVERED[4:]], "so let it begin now, 2027-03-15T12:00Z"),
        ([*COVERED[:5], "2199-12-31T00:00Z", *COVERED[6:]], "more than 400 days ahead"),
        ([*SWAP[:3], "2199-12-31", *SWAP[4:]], "more than 400 days from today"),
        (["link", "nobody"], "neither a member nor a unit"),
    ],
)
def test_what_makes_no_sense_is_one_line(words: list[str], why: str, stack: Any, capsys: Captured) -> None:
    assert typed(*words) == 1
    assert why in capsys.readouterr().err
    assert stack.rota_changes.recorded == []


def test_the_list_shows_what_counts_and_the_history_who_made_it_so(stack: Any, capsys: Captured) -> None:
    typed(*COVERED)
    change_id = stack.rota_changes.known.changes[0].change_id
    typed("withdraw", change_id, "--by", "cy")
    typed(*SWAP)
    capsys.readouterr()
    assert typed("list") == 0
    told = capsys.readouterr().out
    assert "proposed" in told
    assert change_id not in told
    assert typed("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["agreed"] == ["ana"]
    assert typed("list", "--since", "2027-03-01T00:00Z") == 0
    told = capsys.readouterr().out
    assert "2027-03-15 12:00Z withdrawn by cy" in told
    assert typed("list", "--since", "2027-03-01T00:00Z", "--json") == 0
    states = [json.loads(line)["states"][0]["by"] for line in capsys.readouterr().out.splitlines()]
    assert states == ["ana", "cy", "ana"]


def test_a_members_links_hold_and_are_void_once_taken_back(stack: Any, capsys: Captured) -> None:
    del stack
    assert typed("link", "ana", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    for name, kind, owner in (("page", "member", "ana"), ("calendar", "calendar", "member:ana")):
        token = told[name].rpartition("/")[2]
        assert owner_and_serial(verified(token, KEY.encode(), kind, AT)) == (owner, 0)
    assert told["page"].startswith("https://api.test/members/")
    assert typed("link", "ana", "--revoke", "--json") == 0
    assert json.loads(capsys.readouterr().out)["serial"] == 1


def test_a_unit_has_a_calendar_only(stack: Any, capsys: Captured) -> None:
    del stack
    assert typed("link", "cards") == 0
    told = capsys.readouterr().out
    assert "calendar: https://api.test/calendars/" in told
    assert "members/" not in told
