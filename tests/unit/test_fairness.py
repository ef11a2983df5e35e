"""Fairness: what counts as a night, a weekend or a holiday, and Jain's index."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.fairness import LocalHours, Worked, fairness, jain, records_of
from allhours.domain.people import Leave, Site
from tests.proofs import HOUR, a_shift, a_unit, at, bank_of

MONDAY = at("2027-03-15T00:00")
WEEK = 7 * 24 * HOUR


@pytest.mark.parametrize(
    ("shares", "index"),
    [([3, 3, 3], 1.0), ([1, 0], 0.5), ([4, 0, 0, 0], 0.25), ([1, 3], 0.8), ([0, 0], 1.0), ([], 1.0)],
)
def test_jains_index_is_one_for_equal_shares_and_one_of_n_for_a_single_bearer(
    shares: list[int], index: float
) -> None:
    assert jain(shares) == pytest.approx(index)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20), st.integers(1, 9))
def test_jains_index_lies_between_one_of_n_and_one_and_knows_no_unit(shares: list[int], factor: int) -> None:
    assert 1 / len(shares) - 1e-9 <= jain(shares) <= 1 + 1e-9
    assert jain(share * factor for share in shares) == pytest.approx(jain(shares))


@given(
    st.sampled_from(["Europe/London", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata"]),
    st.integers(0, 400 * 24 * 60),
    st.integers(0, 3 * 24 * 60),
)
def test_unsocial_time_is_what_a_walk_by_the_minute_over_the_local_clock_counts(
    zone: str, begins: int, minutes: int
) -> None:
    holiday = date(2027, 12, 27)
    since = MONDAY + begins * 60
    local = LocalHours(zone, frozenset({holiday}), MONDAY, MONDAY + 410 * 24 * HOUR)
    walked = Worked()
    for minute in range(minutes):
        shown = datetime.fromtimestamp(since + minute * 60, UTC).astimezone(ZoneInfo(zone))
        night, weekend = not 6 <= shown.hour < 22, shown.weekday() >= 5
        off = shown.date() == holiday
        walked = walked.plus(Worked(60, 60 * night, 60 * weekend, 60 * off, 60 * (night or weekend or off)))
    assert local.worked(since, since + minutes * 60) == walked


def test_a_member_without_duty_makes_the_unit_unfair() -> None:
    day = a_shift("day", "08:00", "16:00", ["ana", "ben"])
    (fair,) = fairness(bank_of(a_unit(day)), MONDAY, MONDAY + 4 * WEEK)
    assert [(member, worked.hours // HOUR) for member, worked in fair.shares] == [("ana", 112), ("ben", 112)]
    (unfair,) = fairness(bank_of(a_unit(day, members=("ana", "ben", "cy"))), MONDAY, MONDAY + 4 * WEEK)
    assert (fair.index("hours"), fair.is_met) == (1.0, True)
    assert unfair.index("hours") == pytest.approx(2 / 3)
    assert not unfair.is_met


def test_shares_are_those_of_four_weeks_however_long_one_looks() -> None:
    bank = bank_of(a_unit(a_shift("day", "08:00", "16:00", ["ana"])))
    for weeks in (1, 4, 12):
        (one,) = fairness(bank, MONDAY, MONDAY + weeks * WEEK)
        assert one.shares[0][1].hours == 28 * 8 * HOUR
        assert one.shares[0][1].weekend == 8 * 8 * HOUR


def test_nights_alone_miss_the_unsocial_target_and_keep_the_regular_one() -> None:
    unit = a_unit(a_shift("day", "08:00", "16:00", ["ana"]), a_shift("night", "22:00", "06:00", ["cy"]))
    (one,) = fairness(bank_of(unit), MONDAY, MONDAY + 4 * WEEK)
    assert one.index("hours") >= 0.95
    assert one.index("unsocial") < 0.9
    assert not one.is_met


def test_holidays_are_those_of_the_members_site() -> None:
    bank = bank_of(a_unit(a_shift("day", "08:00", "16:00", ["ana"])))
    site = Site(site_id="london", zone="UTC", holidays=frozenset({date(2027, 3, 16)}))
    bank = replace(
        bank,
        sites={"london": site},
        members=dict(bank.members) | {"ana": replace(bank.members["ana"], site="london")},
    )
    assert records_of(bank, MONDAY, MONDAY + WEEK)["ana"].worked(MONDAY, MONDAY + WEEK).holiday == 8 * HOUR


def test_duty_for_two_units_at_once_is_counted_once_and_leave_not_at_all() -> None:
    day = a_shift("day", "08:00", "16:00", ["ana"])
    bank = bank_of(a_unit(day), a_unit(day, name="loans"))
    tuesday = MONDAY + 24 * HOUR
    away = replace(bank.members["ana"], leave=(Leave(start=tuesday, end=tuesday + 24 * HOUR),))
    bank = replace(bank, members=dict(bank.members) | {"ana": away})
    assert records_of(bank, MONDAY, MONDAY + WEEK)["ana"].worked(MONDAY, MONDAY + WEEK).hours == 6 * 8 * HOUR


def test_a_short_duty_within_a_long_one_adds_nothing() -> None:
    long, short = a_shift("day", "08:00", "16:00", ["ana"]), a_shift("noon", "11:00", "13:00", ["ana"])
    record = records_of(bank_of(a_unit(long), a_unit(short, name="loans")), MONDAY, MONDAY + WEEK)["ana"]
    assert record.worked(MONDAY, MONDAY + WEEK).hours == 7 * 8 * HOUR


def test_a_part_of_a_stretch_is_counted_as_a_part() -> None:
    record = records_of(bank_of(a_unit(a_shift("day", "08:00", "16:00", ["ana"]))), MONDAY, MONDAY + WEEK)[
        "ana"
    ]
    for since, until, hours in ((9, 10, 1), (7, 9, 1), (15, 20, 1), (8, 16, 8), (0, 48, 16), (16, 24, 0)):
        assert record.worked(MONDAY + since * HOUR, MONDAY + until * HOUR).hours == hours * HOUR
