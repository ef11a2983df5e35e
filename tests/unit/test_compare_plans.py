"""The plan moves by itself: told once with who was planned and who is, and never because time went on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain import rota
from allhours.domain.changes import Change
from allhours.domain.errors import BadInput
from allhours.domain.notice import Notice, notice_to_json
from allhours.domain.people import Leave
from allhours.domain.plan import Plan, moved, plan_of
from allhours.flows.compare_plans import Compared, compare_plans
from allhours.flows.cover_ports import KnownPlan
from tests.case_events import assert_published
from tests.proofs import a_shift, a_unit, at, bank_of

if TYPE_CHECKING:
    import pytest

    from allhours.domain.organisation import Organisation

TONIGHT = datetime(2027, 3, 15, 2, 15, tzinfo=UTC)
DAY = timedelta(days=1)
SHIFTS = (a_shift("day", "08:00", "20:00", ["ana", "ben"]), a_shift("night", "20:00", "08:00", ["cy"]))
BANK = bank_of(a_unit(*SHIFTS))


@dataclass(kw_only=True)
class FakePlans:
    """Rows by unit; `notices` lists what was told, `overtaken` lets another night be faster."""

    rows: dict[str, KnownPlan] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    overtaken: bool = False

    def load(self, unit: str) -> KnownPlan | None:
        if unit == "newer":
            raise BadInput("PROVED#newer: this release cannot read the row")
        return self.rows.get(unit)

    def keep(self, plan: Plan, told: Notice | None, *, replaces: KnownPlan | None, at: datetime) -> bool:
        del at
        if self.overtaken:
            return False
        self.rows[plan.unit] = KnownPlan(plan=plan, version=(replaces.version if replaces else 0) + 1)
        self.notices += [told] if told else []
        return True


def another_file(bank: Organisation = BANK, *, until: date | None = None) -> Organisation:
    """Deploy a file in which Dee works Ben's weeks."""
    day = a_shift("day", "08:00", "20:00", ["ana", "dee"], valid_until=until)
    return replace(bank, units={"cards": a_unit(day, SHIFTS[1])}, revision="another")


def test_that_time_goes_on_is_no_change() -> None:
    plans = FakePlans()
    for night in range(10):
        assert compare_plans(BANK, plans, TONIGHT + night * DAY) == Compared(moved=0, troubles=())
    assert plans.notices == []
    assert plans.rows["cards"].version == 10


def test_another_file_that_plans_the_same_people_is_no_change_either() -> None:
    plans = FakePlans()
    compare_plans(BANK, plans, TONIGHT)
    assert compare_plans(replace(BANK, revision="another"), plans, TONIGHT + DAY).moved == 0
    assert plans.rows["cards"].plan.revision == "another"


def test_a_deployment_that_moves_the_plan_is_told_once_with_who_was_planned_and_who_is() -> None:
    plans = FakePlans()
    compare_plans(BANK, plans, TONIGHT)
    assert compare_plans(another_file(), plans, TONIGHT + DAY).moved == 1
    assert compare_plans(another_file(), plans, TONIGHT + 2 * DAY).moved == 0
    (notice,) = plans.notices
    assert_published(notice_to_json(notice))
    assert (notice.event, notice.unit, notice.body["kind"]) == ("rota.changed", "cards", "plan")
    assert (notice.body["revision_before"], notice.body["revision"]) == (BANK.revision, "another")
    assert notice.body["moved"][0] == {
        "from": "2027-03-22T08:00:00+00:00",
        "until": "2027-03-22T20:00:00+00:00",
        "was": [{"desk": "london", "member": "ben"}],
        "now": [{"desk": "london", "member": "dee"}],
    }
    assert (len(notice.body["moved"]), notice.body["more"]) == (10, 4 * 7 - 10)


def test_leave_that_the_file_has_now_is_told() -> None:
    plans, ana = FakePlans(), BANK.members["ana"]
    compare_plans(BANK, plans, TONIGHT)
    away = Leave(start=at("2027-03-18T12:00"), end=at("2027-03-19T00:00"))
    with_leave = replace(BANK, members=dict(BANK.members) | {"ana": replace(ana, leave=(away,))})
    compare_plans(with_leave, plans, TONIGHT + DAY)
    assert [(one["from"], one["now"]) for one in plans.notices[0].body["moved"]] == [
        ("2027-03-18T12:00:00+00:00", [])
    ]


def test_a_change_by_hand_moves_no_plan() -> None:
    plans = FakePlans()
    compare_plans(BANK, plans, TONIGHT)
    sick = Change(
        change_id="s",
        kind="leave",
        unit="",
        start=at("2027-03-18T00:00"),
        end=at("2027-03-19T00:00"),
        by="ana",
        made_at=at("2027-03-15T12:00"),
        remove="ana",
    )
    assert compare_plans(replace(BANK, changes=(sick,)), plans, TONIGHT + DAY).moved == 0


def test_other_clocks_are_told_with_both_versions_of_tzdata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vancouver keeps summer time from 2026 on, says tzdata 2026; older data put the clocks back."""
    by_old = replace(
        BANK, units={"cards": a_unit(*SHIFTS, zones={"london": "Etc/GMT+8"})}
    )  # as 2025b had it in winter
    by_new = replace(BANK, units={"cards": a_unit(*SHIFTS, zones={"london": "Etc/GMT+7"})})
    plans = FakePlans()
    monkeypatch.setattr(rota, "tzdata_version", lambda: "2025b")
    compare_plans(by_old, plans, TONIGHT)
    monkeypatch.setattr(rota, "tzdata_version", lambda: "2026f")
    compare_plans(by_new, plans, TONIGHT + DAY)
    body = plans.notices[0].body
    assert (body["tzdata_before"], body["tzdata"]) == ("2025b", "2026f")
    assert body["revision_before"] == body["revision"]
    assert (body["moved"][0]["from"], body["moved"][0]["until"]) == (
        "2027-03-16T03:00:00+00:00",
        "2027-03-16T04:00:00+00:00",
    )


def test_what_moves_is_looked_for_where_both_nights_looked() -> None:
    before = plan_of(BANK, "cards", at("2027-03-15T02:15"))
    later = plan_of(another_file(), "cards", at("2027-05-09T02:15"))
    assert [(one.start, one.end) for one in moved(before, later)] == [
        (at("2027-05-09T08:00"), at("2027-05-09T20:00"))  # the last day that the first saw
    ]
    assert list(moved(before, plan_of(another_file(), "cards", before.end))) == []
    ended = plan_of(another_file(until=date(2027, 3, 16)), "cards", before.start)
    assert ended.on(at("2027-03-15T12:00")) == {("london", "ana")}
    assert ended.on(at("2027-03-16T12:00")) == frozenset()


def test_the_first_night_and_a_night_that_was_overtaken_tell_nothing() -> None:
    plans = FakePlans(overtaken=True)
    assert compare_plans(BANK, plans, TONIGHT).moved == 0
    plans.overtaken = False
    compare_plans(BANK, plans, TONIGHT)
    plans.overtaken = True
    assert compare_plans(another_file(), plans, TONIGHT + DAY).moved == 0
    assert plans.notices == []


def test_a_row_that_this_release_cannot_read_stops_no_other_unit() -> None:
    newer = replace(a_unit(*SHIFTS, name="newer"), unit_id="newer")
    plans = FakePlans()
    done = compare_plans(bank_of(newer, a_unit(*SHIFTS)), plans, TONIGHT)
    assert done.troubles == ("PROVED#newer: this release cannot read the row",)
    assert list(plans.rows) == ["cards"]
