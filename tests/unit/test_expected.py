"""How often a handle is spoken to, and how improbable a silence is."""

from __future__ import annotations

import csv
import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import BadInput
from allhours.domain.expected import (
    HOUR,
    LEARNT_AFTER,
    STEADY,
    Rate,
    hour_of_week,
    rate_from_json,
    rate_to_json,
)
from tests.shared_material import data

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def learnt(weeks: int, count_of: object, *, began: datetime = MONDAY) -> Rate:
    """Return what is known after so many weeks; `count_of(hour of the week)` conversations in each hour."""
    rate = Rate()
    for hour in range(weeks * 168):
        at = began + hour * HOUR
        rate = rate.learnt(at, count_of(hour_of_week(at)))  # type: ignore[operator]
    return rate


def silent_after(rate: Rate, since: datetime) -> timedelta:
    """Return how long it takes until a silence is called."""
    for minutes in range(0, 60 * 24 * 20, 15):
        if rate.is_silent(since, since + timedelta(minutes=minutes)):
            return timedelta(minutes=minutes)
    return timedelta.max


def test_a_busy_channel_is_missed_within_hours_and_a_slow_one_within_days() -> None:
    after = MONDAY + timedelta(weeks=4)
    busy, slow = learnt(4, lambda _: 40), learnt(4, lambda hour: int(hour % 24 == 9))
    assert silent_after(busy, after) <= timedelta(hours=2)
    assert timedelta(days=3) < silent_after(slow, after) < timedelta(days=14)


def test_the_night_and_the_weekend_are_quiet_without_alarm() -> None:
    office = learnt(4, lambda hour: 20 if hour < 120 and 8 <= hour % 24 < 18 else 0)
    friday_evening = MONDAY + timedelta(weeks=4, days=4, hours=18)
    monday_morning = MONDAY + timedelta(weeks=5, hours=8)
    assert not office.is_silent(friday_evening, monday_morning)
    assert office.is_silent(friday_evening, monday_morning + timedelta(hours=3))


def test_nothing_is_improbable_before_a_week_is_known() -> None:
    rate = Rate()
    for hour in range(LEARNT_AFTER - 1):
        rate = rate.learnt(MONDAY + hour * HOUR, 100)
    until = MONDAY + LEARNT_AFTER * HOUR
    assert not rate.is_silent(until, until + timedelta(days=3))
    assert rate.learnt(until - HOUR, 100).is_silent(until, until + timedelta(days=3))


def test_a_channel_that_nobody_ever_used_is_never_silent() -> None:
    assert not learnt(3, lambda _: 0).is_silent(MONDAY, MONDAY + timedelta(days=300))


def test_what_was_usual_is_forgotten_in_weeks() -> None:
    rate = learnt(4, lambda _: 40)
    for hour in range(8 * 168):
        rate = rate.learnt(MONDAY + timedelta(weeks=4) + hour * HOUR, 1)
    assert 1 <= rate.expected(0) < 9


def test_a_storm_does_not_make_the_channel_look_busier_than_it_is() -> None:
    calm = learnt(4, lambda _: 2)
    stormy = calm.learnt(MONDAY + timedelta(weeks=4, hours=30), 5_000)
    assert stormy.expected(30) < 2.5 * calm.expected(30)
    assert stormy.expected(80) == pytest.approx(calm.expected(80), rel=0.05)


def test_uneven_hours_make_a_silence_less_surprising() -> None:
    chance = random.Random(7)
    even = learnt(6, lambda _: 6)
    uneven = learnt(6, lambda _: chance.choice((0, 0, 0, 0, 15, 15)))
    assert even.index == STEADY
    assert uneven.index < 10
    start = MONDAY + timedelta(weeks=6)
    later = start + timedelta(hours=5)
    assert uneven.chance_of_silence(start, later) > even.chance_of_silence(start, later)


def test_the_chance_is_that_of_poisson_when_hours_and_days_are_steady(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("allhours.domain.expected.DAYS_VARY", 1e9)
    rate = learnt(6, lambda _: 3)
    start = MONDAY + timedelta(weeks=6)
    assert rate.chance_of_silence(start, start + timedelta(hours=2)) == pytest.approx(math.exp(-6), rel=1e-3)


@given(minutes=st.integers(0, 20_000), more=st.integers(0, 5_000))
def test_a_longer_silence_is_never_more_probable(minutes: int, more: int) -> None:
    rate = learnt(1, lambda hour: hour % 5)
    start = MONDAY + timedelta(weeks=1)
    shorter = rate.chance_of_silence(start, start + timedelta(minutes=minutes))
    assert 0 <= rate.chance_of_silence(start, start + timedelta(minutes=minutes + more)) <= shorter <= 1


def test_a_rate_survives_its_row() -> None:
    rate = learnt(2, lambda hour: hour % 7)
    again = rate_from_json(rate_to_json(rate))
    assert again.expected(50) == pytest.approx(rate.expected(50), abs=1e-3)
    assert (again.hours, again.until) == (rate.hours, rate.until)
    with pytest.raises(BadInput, match="168"):
        rate_from_json({**rate_to_json(rate), "sums": [1.0]})


@pytest.mark.parametrize("name", ["AAPL", "CRM", "FB", "IBM", "PFE"])
def test_real_volumes_with_their_storms_raise_no_false_alarm(name: str) -> None:
    """Eight weeks of mentions of five companies, thinned to a hundred conversations a day."""
    with data("spikes", f"Twitter_volume_{name}.csv").open(encoding="utf-8") as file:
        rows = [
            (datetime.fromisoformat(r["timestamp"]).replace(tzinfo=UTC), float(r["value"]))
            for r in csv.DictReader(file)
        ]
    chance = random.Random(1)
    share = 100 * len(rows) / 288 / sum(value for _, value in rows)
    rate, hour, count, last = Rate(), rows[0][0], 0, rows[0][0]
    for at, value in rows:
        while at >= hour + HOUR:
            rate, count, hour = rate.learnt(hour, count), 0, hour + HOUR
        assert not rate.is_silent(last, at), f"{name} was not silent at {at}"
        heard = sum(chance.random() < share for _ in range(int(value)))
        count += heard
        last = at if heard else last
    assert silent_after(rate, rows[-1][0]) < timedelta(hours=16)
