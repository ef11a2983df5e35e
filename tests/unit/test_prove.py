"""The proof by night and after a change: what it finds is kept, announced, and dropped when it is filled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from allhours.domain.changes import Change
from allhours.domain.errors import BadInput, Busy
from allhours.domain.notice import notice_to_json
from allhours.domain.page import SMS_LIMIT
from allhours.domain.people import Leave
from allhours.flows.cover_ports import OPEN_END, KnownGap
from allhours.flows.prove import AHEAD, AT_ONCE, announce, prove_night, prove_unit
from tests.builders import FakePages
from tests.proofs import HOUR, a_need, a_shift, a_unit, at, bank_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allhours.domain.notice import Notice
    from allhours.domain.organisation import Organisation
    from allhours.domain.page import Page

TONIGHT = datetime(2027, 3, 15, 2, 15, tzinfo=UTC)
DAY = timedelta(days=1)
LEADS = (1_209_600, 259_200, 86_400, 0)


@dataclass(kw_only=True)
class FakeGaps:
    """Rows by key; `notices` lists what units were told, `crash` raises before the next write."""

    rows: dict[tuple[str, str, int, int], KnownGap] = field(default_factory=dict)
    closed: list[KnownGap] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    crash: int = 0

    def known(self) -> Sequence[KnownGap]:
        return list(self.rows.values())

    def due(self, at: datetime) -> Sequence[KnownGap]:
        return sorted(
            (gap for gap in self.rows.values() if gap.due_at <= at.timestamp()), key=lambda gap: gap.due_at
        )

    def found(self, gap: KnownGap, told: Notice, *, at: datetime) -> bool:
        del at
        if self._key(gap) in self.rows:
            return False
        self.rows[self._key(gap)] = replace(
            gap, again=sum(self._key(gap) == self._key(one) for one in self.closed)
        )
        self.notices.append(told)
        return True

    def announced(self, gap: KnownGap, leads: tuple[int, ...], *, at: datetime) -> None:
        del at
        if self.crash:
            self.crash -= 1
            raise Busy("writing a gap")
        self.rows[self._key(gap)] = replace(gap, leads=leads)

    def gone(self, gap: KnownGap, *, at: datetime) -> None:
        del at
        self.closed.append(self.rows.pop(self._key(gap)))

    @staticmethod
    def _key(gap: KnownGap) -> tuple[str, str, int, int]:
        return gap.unit, gap.kind, gap.start, gap.end


DAY_SHIFT = a_shift("day", "08:00", "20:00", ["ana"])
COVERED = a_unit(DAY_SHIFT, needs=[a_need(1, "08:00", "20:00")], members=("ana", "cy"), head="dee")


def a_bank(*starts: str, hours: int = 4) -> Organisation:
    """Let Ana be away from these instants on."""
    bank = bank_of(COVERED)
    away = tuple(Leave(start=at(start), end=at(start) + hours * HOUR) for start in starts)
    ana = replace(bank.members["ana"], leave=away)
    return replace(bank, members=dict(bank.members) | {"ana": ana})


def minutes_of(
    bank: Organisation, gaps: FakeGaps, pages: FakePages, since: datetime, until: datetime, *, step: int = 60
) -> list[Page]:
    """Let the clock tick over some time; return what was paged."""
    before = len(pages.written)
    tick = since
    while tick <= until:
        announced = announce(gaps.due(tick), organisation=bank, gaps=gaps, pages=pages, at=tick)
        assert announced.troubles == ()
        tick += timedelta(minutes=step)
    return pages.written[before:]


def leads_of(pages: Sequence[Page]) -> list[int]:
    return [int(page.page_id.split("#")[4]) for page in pages]


def test_a_new_gap_is_put_on_record_with_its_notice_once() -> None:
    bank, gaps = a_bank("2027-04-20T10:00"), FakeGaps()
    assert prove_night(bank, gaps, TONIGHT).new == 1
    assert prove_night(bank, gaps, TONIGHT + DAY).new == 0
    (gap,) = gaps.known()
    assert (gap.unit, gap.kind, gap.leads) == ("cards", "gap", LEADS)
    (notice,) = gaps.notices
    assert notice.event == "gap.found"
    assert dict(notice.body) == {
        "kind": "gap",
        "from": "2027-04-20T10:00:00+00:00",
        "until": "2027-04-20T14:00:00+00:00",
        "staff": 0,
        "need": 1,
        "reason": "nobody is on duty",
        "fill": gap.fill,
    }
    assert gap.fill.startswith("Cy (desk london) comes in, 10:00 to 14:00 in UTC: +4 h")


def test_the_notice_keeps_to_its_schema_and_the_page_to_one_sms() -> None:
    schema = json.loads(
        (Path(__file__).parents[2] / "docs" / "notice.schema.json").read_text(encoding="utf-8")
    )
    beyond = bank_of(a_unit(replace(DAY_SHIFT, valid_until=TONIGHT.date()), members=("ana",)))
    texts = []
    for bank in (a_bank("2027-03-18T10:00"), beyond):
        gaps, pages = FakeGaps(), FakePages()
        prove_night(bank, gaps, TONIGHT)
        Draft202012Validator(schema).validate(notice_to_json(gaps.notices[0]))
        (page,) = minutes_of(bank, gaps, pages, TONIGHT, TONIGHT)
        assert len(page.sms) < SMS_LIMIT
        texts.append(page.sms)
    assert texts == [
        (
            "GAP cards in 79 h, 2027-03-18 10:00 UTC: nobody on duty. "
            "Cy (desk london) comes in, 10:00 to 14:00 in UTC"
        ),
        (
            "GAP cards now, 2027-03-15 02:15 UTC: nobody on duty. "
            "a shift of desk london, 2027-03-14 20:00 to 2027-04-13 02:15 in UTC"
        ),
    ]


def test_a_gap_is_announced_two_weeks_three_days_and_a_day_ahead_and_at_its_start() -> None:
    bank, gaps, pages = a_bank("2027-04-20T10:00"), FakeGaps(), FakePages()
    prove_night(bank, gaps, TONIGHT)
    minutes_of(bank, gaps, pages, TONIGHT, datetime(2027, 4, 21, tzinfo=UTC), step=15)
    assert [
        (page.page_id, f"{page.at:%m-%d %H:%M}", page.severity, page.member) for page in pages.written
    ] == [
        ("gap#cards#1808215200#1808229600#1209600", "04-06 10:00", "warning", "dee"),
        ("gap#cards#1808215200#1808229600#259200", "04-17 10:00", "critical", "dee"),
        ("gap#cards#1808215200#1808229600#86400", "04-19 10:00", "critical", "dee"),
        ("gap#cards#1808215200#1808229600#0", "04-20 10:00", "critical", "dee"),
    ]
    assert gaps.known() == []
    assert len(gaps.closed) == 1


@pytest.mark.parametrize(
    ("start", "announced"),
    [
        ("2027-03-22T10:00", [1_209_600, 259_200, 86_400, 0]),
        ("2027-03-17T10:00", [259_200, 86_400, 0]),
        ("2027-03-15T19:00", [86_400, 0]),
        ("2027-03-15T01:00", [0]),
    ],
)
def test_leads_that_have_passed_when_a_gap_is_found_are_one_announcement_at_once(
    start: str, announced: list[int]
) -> None:
    bank, gaps, pages = a_bank(start, hours=9), FakeGaps(), FakePages()
    bank = replace(bank, units={"cards": a_unit(replace(DAY_SHIFT, start=0, end=1440), head="dee")})
    prove_night(bank, gaps, TONIGHT)
    assert leads_of(minutes_of(bank, gaps, pages, TONIGHT, TONIGHT)) == announced[:1]
    minutes_of(bank, gaps, pages, TONIGHT, TONIGHT + 9 * DAY, step=30)
    assert leads_of(pages.written) == announced


def test_a_gap_that_was_filled_pages_nobody_even_before_the_night_notices() -> None:
    gaps, pages = FakeGaps(), FakePages()
    prove_night(a_bank("2027-03-18T10:00"), gaps, TONIGHT)
    assert minutes_of(bank_of(COVERED), gaps, pages, TONIGHT, TONIGHT + 5 * DAY, step=60) == []
    assert gaps.known() == []


def test_a_filled_gap_is_gone_after_the_proof_of_its_unit() -> None:
    gaps = FakeGaps()
    prove_night(a_bank("2027-04-20T10:00"), gaps, TONIGHT)
    done = prove_unit(bank_of(COVERED), gaps, "cards", TONIGHT + DAY)
    assert (done.new, done.gone, gaps.known()) == (0, 1, [])


def test_after_a_change_the_nearest_holes_go_on_record_and_the_night_does_the_rest() -> None:
    nights = a_unit(DAY_SHIFT, needs=[], members=("ana", "cy"), head="dee")  # a hole every night
    gaps = FakeGaps()
    assert prove_unit(bank_of(nights), gaps, "cards", TONIGHT).new == AT_ONCE
    last = max(gap.start for gap in gaps.known())
    assert last < TONIGHT.timestamp() + (AT_ONCE + 1) * 86_400
    assert prove_night(bank_of(nights), gaps, TONIGHT).new == 401 - AT_ONCE  # both ends are cut nights


def test_the_proof_of_one_unit_leaves_the_gaps_of_others_alone() -> None:
    loans = replace(COVERED, unit_id="loans", rota=replace(COVERED.rota, unit="loans"))
    bank, gaps = replace(a_bank("2027-04-20T10:00"), units={"cards": COVERED, "loans": loans}), FakeGaps()
    assert prove_night(bank, gaps, TONIGHT).new == 2
    assert prove_unit(bank_of(COVERED, loans), gaps, "cards", TONIGHT).gone == 1
    assert [gap.unit for gap in gaps.known()] == ["loans"]


def test_a_gap_that_opens_again_is_announced_again() -> None:
    bank, gaps, pages = a_bank("2027-03-25T10:00"), FakeGaps(), FakePages()
    prove_night(bank, gaps, TONIGHT)
    assert leads_of(minutes_of(bank, gaps, pages, TONIGHT, TONIGHT)) == [1_209_600]
    prove_unit(bank_of(COVERED), gaps, "cards", TONIGHT + DAY)
    prove_unit(bank, gaps, "cards", TONIGHT + 2 * DAY)
    (page,) = minutes_of(bank, gaps, pages, TONIGHT + 2 * DAY, TONIGHT + 2 * DAY)
    assert page.page_id.endswith("#1209600#1")


def test_a_crash_between_page_and_record_pages_once_and_goes_on() -> None:
    bank, gaps, pages = a_bank("2027-03-18T10:00"), FakeGaps(), FakePages()
    prove_night(bank, gaps, TONIGHT)
    gaps.crash = 1
    done = announce(gaps.due(TONIGHT), organisation=bank, gaps=gaps, pages=pages, at=TONIGHT)
    assert (done.count, done.troubles) == (0, ("gap of cards at 1805364000: writing a gap",))
    minutes_of(bank, gaps, pages, TONIGHT, TONIGHT + 4 * DAY, step=60)
    assert leads_of(pages.written) == [1_209_600, 259_200, 86_400, 0]


def test_one_gap_that_is_in_trouble_does_not_stop_the_next() -> None:
    bank, gaps, pages = a_bank("2027-03-18T10:00", "2027-03-25T10:00"), FakeGaps(), FakePages()
    prove_night(bank, gaps, TONIGHT)
    gaps.crash = 1
    newer = BadInput("GAP#cards#late: this release cannot read the row")
    done = announce([newer, *gaps.due(TONIGHT)], organisation=bank, gaps=gaps, pages=pages, at=TONIGHT)
    assert (done.count, len(pages.written)) == (1, 2)
    assert done.troubles == (str(newer), "gap of cards at 1805364000: writing a gap")
    assert len(gaps.due(TONIGHT)) == 1, "the one in trouble is due again"


def test_a_gap_that_the_file_accepts_is_told_and_wakes_nobody() -> None:
    bank, pages = a_bank("2027-03-18T10:00"), FakePages()
    start = at("2027-03-18T10:00")
    gap = KnownGap(
        unit="cards",
        kind="gap",
        start=start,
        end=start + 4 * HOUR,
        fill="",
        leads=(86_400, 0),
        accepted=True,
    )
    begins = datetime(2027, 3, 18, 10, 0, tzinfo=UTC)
    assert announce([gap], organisation=bank, gaps=FakeGaps(), pages=pages, at=begins - DAY).count == 1
    assert announce([gap], organisation=bank, gaps=FakeGaps(), pages=pages, at=begins).count == 1
    assert [page.severity for page in pages.written] == ["warning", "warning"]
    assert "The organisation file accepts it" in pages.written[0].story


def test_a_clock_that_stood_still_announces_what_it_missed_as_one() -> None:
    bank, gaps, pages = a_bank("2027-04-20T10:00"), FakeGaps(), FakePages()
    prove_night(bank, gaps, TONIGHT)
    late = datetime(2027, 4, 19, 12, 0, tzinfo=UTC)
    assert leads_of(minutes_of(bank, gaps, pages, late, late)) == [86_400]
    assert next(iter(gaps.known())).leads == (0,)


def test_a_gap_under_way_and_one_beyond_the_horizon_are_the_same_the_next_night() -> None:
    bank, gaps = bank_of(a_unit(replace(DAY_SHIFT, valid_until=TONIGHT.date()), members=("ana",))), FakeGaps()
    assert prove_night(bank, gaps, TONIGHT).new == 1
    (gap,) = gaps.known()
    assert (gap.end, gap.leads) == (OPEN_END, (0,))
    pages = FakePages()
    minutes_of(bank, gaps, pages, TONIGHT, TONIGHT + DAY, step=60)
    again = prove_night(bank, gaps, TONIGHT + DAY)
    assert (again.new, again.gone) == (0, 0)
    assert leads_of(pages.written) == [0]
    assert "until further notice" in pages.written[0].story


def test_a_gap_of_a_unit_that_is_no_more_is_dropped() -> None:
    gaps, pages = FakeGaps(), FakePages()
    prove_night(a_bank("2027-03-18T10:00"), gaps, TONIGHT)
    loans = replace(COVERED, unit_id="loans", rota=replace(COVERED.rota, unit="loans"))
    assert minutes_of(bank_of(loans), gaps, pages, TONIGHT, TONIGHT) == []
    assert gaps.known() == []


def test_thin_and_unqualified_stretches_are_announced_and_short_rests_are_not() -> None:
    needs = [
        a_need(1, "08:00", "20:00"),
        a_need(1, "09:00", "10:00", languages=("es",)),
        a_need(2, "12:00", "13:00"),
    ]
    early = a_shift("early", "06:00", "07:00", ["cy"])
    unit = a_unit(DAY_SHIFT, early, a_shift("late", "15:00", "22:00", ["cy"]), needs=needs)
    gaps = FakeGaps()
    findings = prove_night(bank_of(unit), gaps, TONIGHT).findings
    assert {finding.kind for finding in findings} == {"thin", "uncertified", "rest"}
    assert {gap.kind for gap in gaps.known()} == {"thin", "uncertified"}


def test_a_week_in_which_nobody_on_duty_is_reachable_is_announced_until_somebody_is() -> None:
    bank, gaps, pages, silent = bank_of(COVERED), FakeGaps(), FakePages(), frozenset({"ana"})
    assert prove_night(bank, gaps, TONIGHT, unreachable=silent).new == 7, "until the next test page"
    assert {gap.kind for gap in gaps.known()} == {"unreachable"}
    schema = json.loads(
        (Path(__file__).parents[2] / "docs" / "notice.schema.json").read_text(encoding="utf-8")
    )
    Draft202012Validator(schema).validate(notice_to_json(gaps.notices[0]))
    done = announce(
        gaps.due(TONIGHT),
        organisation=bank,
        gaps=gaps,
        pages=pages,
        at=TONIGHT,
        unreachable=lambda: silent,
    )
    assert (done.troubles, len(pages.written)) == ((), 7)
    assert min(pages.written, key=lambda page: page.page_id).sms == (
        "GAP cards in 5 h, 2027-03-15 08:00 UTC: nobody whom pages reach on duty. "
        "Cy (desk london) comes in, 08:00 to 20:00 in UTC"
    )
    assert prove_unit(bank, gaps, "cards", TONIGHT, unreachable=silent).gone == 0
    assert prove_unit(bank, gaps, "cards", TONIGHT).gone == 7, "she answered"


def test_a_change_that_opens_a_gap_today_pages_within_the_minute() -> None:
    gaps, pages = FakeGaps(), FakePages()
    noon = TONIGHT.replace(hour=12, minute=0)
    sick = Change(
        change_id="s",
        kind="leave",
        unit="",
        start=int(noon.timestamp()),
        end=int((noon + DAY).timestamp()),
        by="ana",
        made_at=int(noon.timestamp()),
        remove="ana",
    )
    bank = bank_of(COVERED, changes=(sick,))
    prove_unit(bank, gaps, "cards", noon)
    (now, tomorrow) = sorted(gaps.known(), key=lambda gap: gap.start)
    assert (now.leads, tomorrow.leads) == ((0,), (86_400, 0))
    pages_now = minutes_of(bank, gaps, pages, noon, noon)
    assert [page.subject for page in pages_now] == [
        "Nobody on duty for cards in 20 h",
        "Nobody on duty for cards now",
    ]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 30 * 24), min_size=1, max_size=3, unique=True),
    st.integers(1, 12),
    st.lists(st.integers(1, 2_000), min_size=1, max_size=12),
)
def test_however_late_and_often_the_clock_ticks_each_gap_is_paged_ahead_and_never_twice(
    begins: list[int], hours: int, pauses: list[int]
) -> None:
    starts = [f"{TONIGHT + timedelta(hours=hour):%Y-%m-%dT%H:00}" for hour in begins]
    bank, gaps, pages = a_bank(*starts, hours=hours), FakeGaps(), FakePages()
    prove_night(bank, gaps, TONIGHT)
    known = list(gaps.known())
    ticks = [TONIGHT]
    for pause in pauses * 40:
        ticks.append(ticks[-1] + timedelta(minutes=pause))
    for tick in ticks:
        for _ in range(2):
            announce(gaps.due(tick), organisation=bank, gaps=gaps, pages=pages, at=tick)
    ids = [page.page_id for page in pages.written]
    assert len(ids) == len(set(ids))
    for gap in known:
        seen = [tick for tick in ticks if gap.start - LEADS[0] <= tick.timestamp() < gap.end]
        paged = [page for page in pages.written if page.page_id.startswith(f"gap#{gap.unit}#{gap.start}#")]
        assert [page.at for page in paged][:1] == seen[:1]  # at the first tick that could


def accepted(bank: Organisation, start: str, end: str) -> Organisation:
    """Let the file accept a gap of cards."""
    return replace(bank, units={"cards": replace(COVERED, accepted_gaps=((at(start), at(end)),))})


def test_a_gap_that_the_file_accepts_is_told_a_day_before_and_when_it_begins_and_wakes_nobody() -> None:
    gaps, pages = FakeGaps(), FakePages()
    bank = accepted(a_bank("2027-04-20T10:00"), "2027-04-20T00:00", "2027-04-21T00:00")
    prove_night(bank, gaps, TONIGHT)
    (gap,) = gaps.known()
    assert (gap.accepted, gap.leads) == (True, (86_400, 0))
    minutes_of(bank, gaps, pages, TONIGHT, datetime(2027, 4, 21, tzinfo=UTC), step=15)
    assert leads_of(pages.written) == [86_400, 0]
    assert {page.severity for page in pages.written} == {"warning"}


def test_a_gap_that_reaches_beyond_what_is_accepted_is_told_like_any_other() -> None:
    gaps = FakeGaps()
    bank = accepted(a_bank("2027-04-20T10:00"), "2027-04-20T10:00", "2027-04-20T13:59")
    prove_night(bank, gaps, TONIGHT)
    assert [(gap.accepted, gap.leads) for gap in gaps.known()] == [(False, LEADS)]


def test_what_the_file_has_come_to_accept_is_known_the_next_night_and_the_other_way_round() -> None:
    gaps, plain = FakeGaps(), a_bank("2027-04-20T10:00")
    known_well = accepted(plain, "2027-04-20T00:00", "2027-04-21T00:00")
    for night, (bank, told) in enumerate(((plain, LEADS), (known_well, (86_400, 0)), (plain, LEADS))):
        prove_night(bank, gaps, TONIGHT + night * DAY)
        assert [(gap.accepted, gap.leads) for gap in gaps.known()] == [(bank is known_well, told)]
    assert len(gaps.notices) == 1


def test_the_night_looks_as_far_as_the_check() -> None:
    assert timedelta(days=400) == timedelta(seconds=AHEAD)
