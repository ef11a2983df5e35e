"""The holes in the rota in the table: open ones in the index `due`, each row guarded by its version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allhours.aws import wiring
from allhours.aws.organisation import organisation
from allhours.aws.prove import prove_tonight
from allhours.domain.notice import Notice
from allhours.flows import prove
from allhours.flows.cover_ports import OPEN_END, KnownGap
from tests.builders import NOON
from tests.crash.seen import rows

pytestmark = pytest.mark.usefixtures("world")
START = int((NOON + timedelta(days=20)).timestamp())
GAP = KnownGap(
    unit="cards",
    kind="gap",
    start=START,
    end=START + 3_600,
    fill="Ben stays on",
    leads=(1_209_600, 86_400, 0),
)


def a_notice(number: int = 1) -> Notice:
    return Notice(
        notice_id=f"gap.found#{number}",
        event="gap.found",
        unit="cards",
        at=NOON,
        accounts=(),
        body={"kind": "gap"},
    )


def known() -> list[KnownGap]:
    return list(wiring.gaps().known())


def due_by(at: datetime) -> list[KnownGap]:
    return [one for one in wiring.gaps().due(at) if isinstance(one, KnownGap)]


def test_a_gap_is_put_on_record_once_with_its_notice() -> None:
    assert wiring.gaps().found(GAP, a_notice(), at=NOON)
    assert not wiring.gaps().found(GAP, a_notice(2), at=NOON)
    assert known() == [replace(GAP, version=1)]
    assert [key for key in rows() if key.startswith(("GAP#", "NOTICE#"))] == [
        f"GAP#cards#gap#{START}#{START + 3_600}",
        "NOTICE#gap.found#1",
    ]


def test_a_gap_is_due_at_its_next_announcement_and_after_the_last_when_it_is_over() -> None:
    wiring.gaps().found(GAP, a_notice(), at=NOON)
    for leads, due in (((1_209_600, 86_400, 0), START - 1_209_600), ((0,), START), ((), START + 3_600)):
        wiring.gaps().announced(known()[0], leads, at=NOON)
        second = datetime.fromtimestamp(due, UTC)
        assert wiring.gaps().due(second - timedelta(seconds=1)) == []
        assert [gap.leads for gap in due_by(second)] == [leads]


def test_gaps_come_soonest_first_and_one_without_an_end_waits_for_ever() -> None:
    later = replace(GAP, unit="loans", leads=(0,))
    endless = replace(GAP, unit="payments", end=OPEN_END, leads=())
    for number, gap in enumerate((later, endless, GAP)):
        assert wiring.gaps().found(gap, a_notice(number), at=NOON)
    far = datetime(2200, 1, 1, tzinfo=UTC)
    assert [gap.unit for gap in due_by(far)] == ["cards", "loans"]
    assert {gap.unit for gap in known()} == {"cards", "loans", "payments"}


def test_a_filled_gap_leaves_the_index_and_keeps_its_row_until_it_opens_again() -> None:
    wiring.gaps().found(GAP, a_notice(), at=NOON)
    wiring.gaps().gone(known()[0], at=NOON)
    assert known() == []
    row = rows()[f"GAP#cards#gap#{START}#{START + 3_600}"]
    assert row["closed_at"] == {"S": NOON.isoformat()}
    assert wiring.gaps().found(GAP, a_notice(2), at=NOON)
    assert known() == [replace(GAP, again=2, version=3)]


def test_of_two_ticks_at_one_gap_the_second_changes_nothing() -> None:
    wiring.gaps().found(GAP, a_notice(), at=NOON)
    (seen,) = known()
    wiring.gaps().announced(seen, (86_400, 0), at=NOON)
    wiring.gaps().announced(seen, (0,), at=NOON)
    wiring.gaps().gone(seen, at=NOON)
    assert [gap.leads for gap in known()] == [(86_400, 0)]


def test_a_row_is_kept_ninety_days_beyond_its_gap_and_not_for_ever() -> None:
    wiring.gaps().found(GAP, a_notice(), at=NOON)
    row = rows()[f"GAP#cards#gap#{START}#{START + 3_600}"]
    assert int(row["expires_at"]["N"]) == START + 3_600 + 90 * 86_400


def test_the_night_puts_what_it_finds_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "AHEAD", 7 * 86_400)  # moto takes its time for 400 nights
    prove_tonight()
    found = known()
    prove_tonight()
    assert known() == found
    assert {gap.unit for gap in found} == {"fraud"}, "the small bank leaves fraud alone at night"


def test_the_night_names_whom_pages_do_not_reach_and_keeps_what_is_planned(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prove, "AHEAD", 2 * 86_400)
    monkeypatch.setattr(type(wiring.reaches()), "unreachable", lambda *_: frozenset({"ana"}))
    prove_tonight()
    (line,) = [one for one in caplog.records if "do not reach" in one.message]
    assert vars(line)["members"] == ["ana"]
    assert {gap.unit for gap in known() if gap.kind == "unreachable"}
    assert {key for key in rows() if key.startswith("PROVED#")} == {
        f"PROVED#{unit}" for unit in organisation().units
    }
