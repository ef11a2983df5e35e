"""The proof: every instant without cover is named, by its kind, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allhours.domain.changes import Change
from allhours.domain.escalation import Step
from allhours.domain.people import Certificate, Leave, Site
from allhours.domain.proof import Finding, Kind, duty_findings, prove, utc
from tests.proofs import HOUR, PEOPLE, a_need, a_shift, a_unit, at, bank_of

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation, Unit

MONDAY = at("2027-03-15T00:00")
DAY = 24 * HOUR
WEEK = MONDAY, MONDAY + 7 * DAY


def a_change(kind: str = "override", unit: str = "cards", **changes: object) -> Change:
    change = Change(
        change_id="c1",
        kind="override",
        unit=unit,
        start=MONDAY,
        end=MONDAY + DAY,
        by="ana",
        made_at=MONDAY - DAY,
    )
    return replace(change, kind=kind, **changes)  # type: ignore[arg-type]


def told(findings: tuple[Finding, ...], *kinds: Kind) -> list[tuple[str, str, str]]:
    return [
        (one.kind, utc(one.start)[5:16], utc(one.end)[5:16])
        for one in findings
        if one.kind in kinds or not kinds
    ]


def changed(bank: Organisation, member: str, **changes: object) -> Organisation:
    new = replace(bank.members[member], **changes)  # type: ignore[arg-type]
    return replace(bank, members=dict(bank.members) | {member: new})


DAY_AND_NIGHT = (a_shift("day", "08:00", "20:00", ["ana"]), a_shift("night", "20:00", "08:00", ["ben"]))
WHOLE = a_unit(*DAY_AND_NIGHT)


def test_a_rota_that_covers_every_hour_has_no_finding() -> None:
    assert prove(bank_of(WHOLE), *WEEK) == ()


def test_a_shift_less_leaves_exactly_its_hours_open() -> None:
    findings = prove(bank_of(a_unit(DAY_AND_NIGHT[0], members=("ana", "ben"))), MONDAY, MONDAY + 2 * DAY)
    assert told(findings) == [
        ("gap", "03-15T00:00", "03-15T08:00"),
        ("gap", "03-15T20:00", "03-16T08:00"),
        ("gap", "03-16T20:00", "03-17T00:00"),
    ]
    assert {one.severity for one in findings} == {"hole"}
    assert [one.fill and one.fill.member for one in findings] == ["ben"] * 3


def test_fewer_than_needed_is_thin_and_nobody_is_a_gap() -> None:
    unit = a_unit(a_shift("day", "08:00", "20:00", ["ana"]), needs=[a_need(2, "10:00", "22:00")])
    findings = prove(bank_of(unit), MONDAY, MONDAY + DAY)
    assert [(*each, one.staff, one.need) for each, one in zip(told(findings), findings, strict=True)] == [
        ("thin", "03-15T10:00", "03-15T20:00", 1, 2),
        ("gap", "03-15T20:00", "03-15T22:00", 0, 2),
    ]


def test_the_members_leave_and_changes_in_force_open_gaps_and_proposed_ones_do_not() -> None:
    bank = changed(bank_of(WHOLE), "ana", leave=(Leave(start=MONDAY, end=MONDAY + DAY),))
    assert told(prove(bank, *WEEK)) == [("gap", "03-15T08:00", "03-15T20:00")]
    off = a_change(remove="ben", start=MONDAY, end=MONDAY + DAY)
    assert told(prove(bank_of(WHOLE, changes=(off,)), *WEEK)) == [
        ("gap", "03-15T00:00", "03-15T08:00"),
        ("gap", "03-15T20:00", "03-16T00:00"),
    ]
    assert prove(bank_of(WHOLE, changes=(replace(off, state="proposed"),)), *WEEK) == ()
    sick = a_change("leave", unit="", remove="ben")
    assert len(prove(bank_of(WHOLE, changes=(sick,)), *WEEK)) == 2


def test_only_the_units_that_are_asked_for_are_proved() -> None:
    bank = bank_of(WHOLE, a_unit(a_shift("day", "08:00", "20:00", ["cy"]), name="loans"))
    assert {one.unit for one in prove(bank, *WEEK)} == {"loans"}
    assert prove(bank, *WEEK, units=["cards"]) == ()


# qualified


def test_a_member_without_the_units_certificate_is_told_shift_by_shift() -> None:
    bank = bank_of(replace(WHOLE, certificates=("complaints",), languages=("en",)))
    bank = changed(bank, "ana", certificates=(Certificate(certificate_id="complaints"),), languages=("en",))
    findings = prove(bank, MONDAY, MONDAY + DAY)
    assert told(findings) == [
        ("uncertified", "03-15T00:00", "03-15T08:00"),
        ("uncertified", "03-15T20:00", "03-16T00:00"),
    ]
    assert {(one.severity, one.sentence, one.shift) for one in findings} == {
        ("hole", "Ben is on duty without en, complaints", "night")
    }


def test_a_certificate_that_runs_out_in_a_shift_makes_the_rest_of_it_a_hole() -> None:
    bank = bank_of(replace(WHOLE, certificates=("complaints",)))
    noon = MONDAY + 12 * HOUR
    bank = changed(bank, "ana", certificates=(Certificate(certificate_id="complaints", valid_until=noon),))
    bank = changed(bank, "ben", certificates=(Certificate(certificate_id="complaints"),))
    assert told(prove(bank, MONDAY, MONDAY + DAY)) == [("uncertified", "03-15T12:00", "03-15T20:00")]


def test_a_need_for_a_language_that_nobody_on_duty_speaks_is_a_hole_whose_fill_speaks_it() -> None:
    spanish = a_need(1, "09:00", "11:00", languages=("es",))
    bank = bank_of(a_unit(*DAY_AND_NIGHT, needs=[a_need(1), spanish], members=("ana", "ben", "cy", "dee")))
    bank = changed(bank, "dee", languages=("es",))
    (finding,) = prove(bank, MONDAY, MONDAY + DAY)
    assert told((finding,)) == [("uncertified", "03-15T09:00", "03-15T11:00")]
    assert finding.sentence == "0 of 1 people with es are on duty"
    assert [fill.member for fill in (finding.fill, *finding.runners_up) if fill] == ["dee", ""]


def test_a_need_for_a_language_where_nobody_is_on_duty_at_all_is_one_hole_and_not_two() -> None:
    spanish = a_need(1, "09:00", "11:00", languages=("es",))
    unit = a_unit(a_shift("late", "12:00", "20:00", ["ana"]), needs=[a_need(1, "08:00", "20:00"), spanish])
    assert told(prove(bank_of(unit), MONDAY, MONDAY + DAY)) == [("gap", "03-15T08:00", "03-15T12:00")]


# members over all units


def test_two_shifts_at_once_are_a_hole_unless_the_member_may_be_on_for_two_units() -> None:
    late = a_shift("late", "18:00", "21:00", ["ana"])
    findings = prove(bank_of(a_unit(*DAY_AND_NIGHT, late)), MONDAY, MONDAY + DAY)
    assert [(one.kind, one.severity, one.shift, one.other, one.sentence) for one in findings] == [
        ("double", "hole", "late", ("cards", "day"), "Ana is on shift 'day' at the same time")
    ]
    assert told(findings) == [("double", "03-15T18:00", "03-15T20:00")]
    whole_day = replace(WHOLE, unit_id="loans", rota=replace(WHOLE.rota, unit="loans"))
    bank = bank_of(WHOLE, whole_day)
    findings = prove(changed(bank, "ben", units_at_once=True), MONDAY + HOUR, MONDAY + DAY)
    assert {(one.kind, one.severity, one.member) for one in findings} == {
        ("double", "hole", "ana"),
        ("double", "warning", "ben"),
    }
    assert {one.sentence for one in findings} == {
        f"{name} is on duty for unit 'cards' at the same time" for name in ("Ana", "Ben")
    }


def test_a_short_rest_is_a_hole_across_units_too() -> None:
    early = a_unit(
        a_shift("early", "04:00", "07:00", ["ana"]), name="loans", needs=[a_need(1, "04:00", "07:00")]
    )
    findings = [one for one in prove(bank_of(WHOLE, early), *WEEK) if one.kind is Kind.REST]
    assert {(one.unit, one.sentence, one.severity) for one in findings} == {
        ("loans", "Ana rests 8 h after 'day': 11 h are due", "hole"),
        ("cards", "Ana rests 1 h after 'early': 11 h are due", "hole"),
    }
    assert prove(bank_of(WHOLE, early, rest=0), *WEEK) == ()


def test_a_rest_of_nothing_lets_people_work_on_end() -> None:
    always = a_unit(a_shift("always", "00:00", "24:00", ["ana"]))
    assert {one.kind for one in prove(bank_of(always), *WEEK)} == {Kind.REST}
    assert prove(bank_of(always, rest=0), *WEEK) == ()


def test_of_a_double_duty_a_short_rest_and_who_is_unreachable_it_is_said_who_could_take_it() -> None:
    late = a_shift("late", "18:00", "21:00", ["ana"], days=frozenset({0}))
    unit = a_unit(*DAY_AND_NIGHT, late, members=("ana", "ben", "cy"))
    (double, *_) = prove(bank_of(unit), MONDAY, MONDAY + DAY)
    assert double.fill is not None
    assert double.fill.action == "Cy (desk london) comes in, 18:00 to 20:00 in UTC"
    early = a_shift("early", "04:00", "07:00", ["ana"], days=frozenset({1}))
    unit = a_unit(*DAY_AND_NIGHT, early, members=("ana", "cy"))
    rest = next(one for one in prove(bank_of(unit), *WEEK) if one.kind is Kind.REST)
    assert rest.fill is not None
    assert rest.fill.action == "Cy (desk london) comes in, 04:00 to 07:00 in UTC"
    unit = a_unit(*DAY_AND_NIGHT, members=("ana", "cy", "dee"))
    found = prove(bank_of(unit), MONDAY, MONDAY + DAY, unreachable=frozenset({"ana", "cy"}))
    assert [(one.severity, one.fill and one.fill.member, one.runners_up) for one in found] == [
        ("hole", "dee", ()),
        ("warning", "dee", ()),
    ]
    alone = a_unit(*DAY_AND_NIGHT, late)
    assert [one.fill for one in prove(bank_of(alone), MONDAY, MONDAY + DAY) if one.kind is Kind.DOUBLE] == [
        None
    ]


def test_of_a_duty_that_never_ends_somebody_could_take_the_part_that_is_too_long() -> None:
    shifts = [a_shift(f"at{hour}", f"{hour:02}:00", f"{hour + 6:02}:00", ["ana"]) for hour in range(0, 24, 6)]
    unit = a_unit(*(replace(shift, days=frozenset({0})) for shift in shifts), members=("ana", "ben"))
    (found,) = [one for one in prove(bank_of(unit), MONDAY, MONDAY + DAY) if one.kind is Kind.REST]
    assert (found.shift, found.fill and found.fill.member) == ("at12", "ben")


def test_an_afternoon_off_is_no_short_rest_when_the_night_is_long_enough() -> None:
    split = (a_shift("one", "08:00", "12:00", ["ana"]), a_shift("two", "14:00", "18:00", ["ana"]))
    needs = [a_need(1, "08:00", "12:00"), a_need(1, "14:00", "18:00")]
    assert prove(bank_of(a_unit(*split, needs=needs)), *WEEK) == ()
    assert {one.kind for one in prove(bank_of(a_unit(*split, needs=needs), rest=16 * HOUR), *WEEK)} == {
        Kind.REST
    }


def test_whoever_never_rests_long_enough_is_found_however_short_each_duty_is() -> None:
    hours = [a_shift(f"at{hour}", f"{hour:02}:00", f"{hour + 2:02}:00", ["ana"]) for hour in range(0, 24, 8)]
    unit = a_unit(*hours, needs=[a_need(1, "00:00", "02:00")])
    assert len([one for one in prove(bank_of(unit), *WEEK) if one.kind is Kind.REST]) == 3 * 7


def test_two_shifts_that_touch_are_no_day_without_rest() -> None:
    night, day = a_shift("night", "20:00", "08:00", ["ana"]), a_shift("day", "08:00", "20:00", ["ben"])
    bank = bank_of(a_unit(replace(night, days=frozenset({0})), replace(day, days=frozenset({1})), needs=[]))
    assert not [one for one in prove(bank, *WEEK) if one.kind is Kind.REST]
    both = a_unit(
        replace(night, days=frozenset({0})),
        replace(a_shift("day", "08:00", "20:00", ["ana"]), days=frozenset({1})),
        needs=[],
    )
    found = [one.sentence for one in prove(bank_of(both), *WEEK) if one.kind is Kind.REST]
    assert found == ["Ana works 24 h on end: 13 h leave room for the rest"]


def test_duty_findings_are_those_of_the_whole_proof() -> None:
    bank = bank_of(a_unit(*DAY_AND_NIGHT, a_shift("late", "19:00", "23:00", ["ana", "ben"])))
    whole = [one for one in prove(bank, *WEEK) if one.kind in {Kind.DOUBLE, Kind.REST}]
    assert set(duty_findings(bank, *WEEK)) == set(whole) != set()


# reach


def test_a_member_without_contact_is_a_warning_and_a_hole_while_alone() -> None:
    unit = a_unit(*DAY_AND_NIGHT, a_shift("second", "08:00", "14:00", ["cy"]))
    findings = prove(changed(bank_of(unit), "ana", contact={}), MONDAY, MONDAY + DAY)
    assert [(*each, one.severity) for each, one in zip(told(findings), findings, strict=True)] == [
        ("unreachable", "03-15T08:00", "03-15T20:00", "warning"),
        ("unreachable", "03-15T14:00", "03-15T20:00", "hole"),
    ]
    assert findings[0].sentence == "Ana is on duty and has no contact"


def test_who_did_not_acknowledge_the_test_page_counts_as_unreachable_on_the_ladder_too() -> None:
    ladder = (Step(after=0, notify="on_shift"), Step(after=600, notify="member:cy"))
    bank = bank_of(WHOLE, escalation={"cards": ladder, "operations": (Step(after=0, notify="member:dee"),)})
    findings = prove(bank, *WEEK, unreachable=frozenset({"cy", "dee"}))
    assert [(one.unit, one.severity, one.sentence) for one in findings] == [
        ("cards", "warning", "Cy is on the escalation ladder and has not acknowledged the test page"),
        ("operations", "warning", "Dee is on the escalation ladder and has not acknowledged the test page"),
    ]
    assert prove(bank, *WEEK) == ()


def test_a_desk_that_names_nobody_is_not_called_unreachable() -> None:
    assert prove(bank_of(a_unit(a_shift("always", "00:00", "24:00"))), *WEEK) == ()


# what the file leaves open


def with_fallback(unit: Unit, name: str) -> Unit:
    return replace(unit, rota=replace(unit.rota, fallback=name))


def test_a_fallback_that_is_the_unit_itself_is_a_hole_and_its_own_desk_a_warning_where_there_are_gaps() -> (
    None
):
    (finding,) = prove(bank_of(with_fallback(WHOLE, "cards")), *WEEK)
    assert (finding.kind, finding.severity) == ("fallback_itself", "hole")
    assert prove(bank_of(with_fallback(WHOLE, "london")), *WEEK) == ()
    gappy = with_fallback(a_unit(DAY_AND_NIGHT[0]), "london")
    findings = [one for one in prove(bank_of(gappy), *WEEK) if one.kind is Kind.FALLBACK_ITSELF]
    assert [one.severity for one in findings] == ["warning"]


def test_a_proof_beyond_the_known_holidays_says_so_for_shifts_that_heed_them() -> None:
    site = Site(site_id="london", zone="UTC", country="GB", holidays=frozenset({date(2027, 12, 27)}))
    heeding = a_unit(*(replace(shift, on_holiday="skip") for shift in DAY_AND_NIGHT))
    start, end = at("2027-12-20T00:00"), at("2028-01-10T00:00")
    (finding,) = prove(bank_of(heeding, sites={"london": site}), start, end)
    assert told((finding,)) == [("unknown_holidays", "01-01T00:00", "01-10T00:00")]
    assert finding.severity == "warning"
    assert prove(bank_of(WHOLE, sites={"london": site}), start, end) == ()
    assert prove(bank_of(heeding, sites={"london": site}), start, at("2028-01-01T00:00")) == ()


# brute force

ZONES = {
    "london": "UTC",
    "kolkata": "Asia/Kolkata",
    "phoenix": "America/Phoenix",
}  # no clock changes: any wall will do
clocks = st.integers(0, 47).map(lambda half: half * 30)


@st.composite
def banks(draw: st.DrawFn) -> Organisation:
    shifts = []
    for number in range(draw(st.integers(0, 4))):
        start, length = draw(clocks), draw(st.integers(1, 24)) * 60
        shift = a_shift(
            f"s{number}",
            "00:00",
            "01:00",
            draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=3)),
            desk=draw(st.sampled_from(list(ZONES))),
            days=frozenset(draw(st.sets(st.integers(0, 6), min_size=1))),
        )
        shifts.append(replace(shift, start=start, end=(start + length - 1) % 1440 + 1))
    needs = [
        replace(a_need(draw(st.integers(0, 3))), start=start, end=start + 60 * draw(st.integers(1, 4)))
        for start in draw(st.lists(st.integers(0, 19).map(lambda hour: hour * 60), max_size=2))
    ]
    changes = []
    for number in range(draw(st.integers(0, 3))):
        start = MONDAY + draw(st.integers(0, 96)) * 1800
        changes.append(
            a_change(
                change_id=f"c{number}",
                made_at=number,
                start=start,
                end=start + draw(st.integers(1, 48)) * 1800,
                remove=draw(st.sampled_from(PEOPLE)),
            )
        )
    unit = a_unit(*shifts, needs=needs, zones=ZONES, members=PEOPLE)
    return bank_of(unit, changes=tuple(changes))


def on_duty(bank: Organisation, second: int) -> set[str]:
    """Look at each shift's wall clock; a desk that names nobody counts as one."""
    people: set[str] = set()
    for shift in bank.units["cards"].rota.shifts:
        shown = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(ZONES[shift.desk]))
        for back in (0, 1):  # began today, or yesterday
            day = date.fromordinal(shown.toordinal() - back)
            clock = shown.hour * 60 + shown.minute + back * 1440
            end = shift.end if shift.end > shift.start else shift.end + 1440
            if day.weekday() in shift.days and shift.start <= clock < end:
                desk = bank.units["cards"].rota.desks[shift.desk].members or (f"desk {shift.desk}",)
                people |= set(shift.rotation.on(day) if shift.rotation else desk)
    return people - {change.remove for change in bank.changes if change.start <= second < change.end}


def needed(bank: Organisation, second: int) -> int:
    needs = bank.units["cards"].rota.needs
    if not needs:
        return 1
    clock = second % DAY // 60
    return max((need.need for need in needs if need.start <= clock < need.end), default=0)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(banks())
def test_the_proof_says_of_every_minute_what_a_walk_along_the_wall_clocks_says(bank: Organisation) -> None:
    start, end = MONDAY, MONDAY + 2 * DAY
    findings = prove(bank, start, end)
    for second in range(start, end, 60):
        staff, need = len(on_duty(bank, second)), needed(bank, second)
        expected = None if staff >= need else Kind.THIN if staff else Kind.GAP
        there = [
            (one.kind, one.staff, one.need)
            for one in findings
            if one.kind in {Kind.GAP, Kind.THIN} and one.start <= second < one.end
        ]
        assert there == ([(expected, staff, need)] if expected else []), utc(second)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(banks())
def test_whoever_fills_a_hole_fills_it_and_breaks_nothing_else(bank: Organisation) -> None:
    before = prove(bank, MONDAY, MONDAY + 2 * DAY)
    clashes = {
        replace(one, fill=None, runners_up=()) for one in before if one.kind in {Kind.DOUBLE, Kind.REST}
    }
    for finding in before:
        if finding.kind is not Kind.GAP or finding.fill is None or not finding.fill.member:
            continue
        fill = a_change(
            change_id="fill", made_at=99, start=finding.start, end=finding.end, add=finding.fill.member
        )
        after = prove(replace(bank, changes=(*bank.changes, fill)), MONDAY, MONDAY + 2 * DAY)
        assert not [
            one
            for one in after
            if one.kind is Kind.GAP and one.start < finding.end and one.end > finding.start
        ]
        then = (replace(one, fill=None, runners_up=()) for one in after)
        new = {one for one in then if one.kind in {Kind.DOUBLE, Kind.REST}} - clashes
        assert not [one for one in new if one.member == finding.fill.member], new
