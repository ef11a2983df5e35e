"""Answer times: who waits, how long, and a difference is told when it is more than chance, and not before."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.answer_times import UNKNOWN, Figures, Wait, answer_times, answered_within, waits
from allhours.domain.case import State
from tests.builders import NOON, a_case

HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)


def a_wait(seconds: float = 60.0, **changes: object) -> Wait:
    wait = Wait(
        unit="cards",
        priority=3,
        network="x",
        language="en",
        audience=-1,
        seconds=seconds,
        answered=True,
        late=False,
    )
    return replace(wait, **changes)  # type: ignore[arg-type]


def of(told: list[Figures], group: str, unit: str = "") -> Figures:
    (found,) = [one for one in told if (one.unit, one.group) == (unit, group)]
    return found


# Who waits


def test_a_wait_begins_where_the_promises_do_and_ends_with_the_answer() -> None:
    case = a_case(opened_at=NOON, language="en-GB", audience=12)
    came_back = case.answered(NOON + HOUR).reopened_again(NOON + 5 * HOUR)
    found = list(
        waits(
            [case.answered(NOON + HOUR), came_back, case], since=NOON, until=NOON + MONTH, at=NOON + 8 * HOUR
        )
    )
    assert [(each.seconds / 3600, each.answered) for each in found] == [(1, True), (3, False), (8, False)]
    assert {(each.language, each.audience) for each in found} == {("en", 12)}


def test_who_took_it_back_waits_no_longer_and_another_month_is_another_report() -> None:
    gone = a_case(opened_at=NOON, state=State.CLOSED, closed_at=NOON)
    later, before = a_case(opened_at=NOON + MONTH), a_case(opened_at=NOON - HOUR)
    assert not list(waits([gone, later, before], since=NOON, until=NOON + MONTH, at=NOON + 2 * MONTH))


def test_a_broken_promise_counts_answered_or_not_and_one_that_runs_still_counts_for_neither() -> None:
    kept, late = a_wait(), a_wait(late=True)
    overdue, running = a_wait(answered=False, late=True), a_wait(answered=False)
    figures = of(answer_times([kept, late, overdue, running]), "x")
    assert (figures.count, figures.waiting) == (4, 2)
    assert figures.in_time == pytest.approx(1 / 3)
    assert of(answer_times([running]), "x").in_time is None


# How long


def test_where_everybody_was_answered_a_share_is_answered_within_its_quantile() -> None:
    found = [a_wait(float(seconds)) for seconds in range(1, 101)]
    assert (answered_within(found, 0.5), answered_within(found, 0.9)) == (50.0, 90.0)


def test_who_waits_still_is_not_left_out() -> None:
    quick, waiting = [a_wait(10.0)] * 4, [a_wait(1000.0, answered=False)] * 6
    assert answered_within([*quick, *waiting], 0.4) == 10.0
    assert answered_within([*quick, *waiting], 0.5) is None


def test_who_began_to_wait_a_moment_ago_says_nothing_about_long_waits() -> None:
    # Kaplan and Meier: after the one who left at 1 there are three, each a third of what is left.
    found = [a_wait(1.0, answered=False), a_wait(2.0), a_wait(3.0), a_wait(4.0)]
    assert [answered_within(found, share) for share in (0.3, 0.5, 0.7)] == [2.0, 3.0, 4.0]


# Who they are


def test_followers_are_shown_by_tenths_of_all_that_are_known_and_the_unknown_apart() -> None:
    found = [a_wait(audience=each) for each in (*range(100), -1, -1)]
    told = [one for one in answer_times(found) if one.by == "followers" and not one.unit]
    assert [one.group for one in told][:2] == ["1: 0 to 9", "2: 10 to 19"]
    assert [one.count for one in told] == [10] * 10 + [2]
    assert told[-1].group == UNKNOWN


def test_equal_numbers_of_followers_share_a_tenth() -> None:
    told = answer_times([a_wait(audience=each) for each in (0, 0, 0, 0, 0, 0, 0, 5, 5, 9)])
    assert sorted(one.count for one in told if one.by == "followers" and not one.unit) == [1, 2, 7]


def test_a_language_that_is_not_told_is_a_group_of_its_own() -> None:
    (wait,) = waits([a_case(opened_at=NOON)], since=NOON, until=NOON + HOUR, at=NOON)
    assert wait.language == UNKNOWN


# More than chance


def test_a_network_that_waits_longer_is_told_with_both_medians() -> None:
    chance = random.Random(1)
    found = [a_wait(chance.expovariate(1 / 600)) for _ in range(200)]
    found += [a_wait(300 + chance.expovariate(1 / 600), network="mastodon") for _ in range(40)]
    told = of(answer_times(found), "mastodon")
    assert told.is_unlike
    assert told.longer
    assert told.median is not None
    assert told.rest_median is not None
    assert told.median > told.rest_median


def test_who_is_never_answered_is_told_too() -> None:
    found = [a_wait(float(n)) for n in range(100)]
    found += [a_wait(500.0, answered=False, language="fr") for _ in range(12)]
    told = of(answer_times(found), "fr")
    assert (told.is_unlike, told.longer, told.median) == (True, True, None)


def test_only_like_is_compared_with_like() -> None:
    """Let those with many followers have urgent cases, which are answered sooner: nothing is odd in that."""
    chance = random.Random(2)
    found = [
        a_wait(
            chance.expovariate(1 / (60 if urgent else 3600)), priority=1 if urgent else 3, audience=audience
        )
        for audience in range(300)
        for urgent in [chance.random() < audience / 300]
    ]
    assert not [one for one in answer_times(found) if one.is_unlike]
    as_one = [replace(wait, priority=3) for wait in found]
    assert [one for one in answer_times(as_one) if one.is_unlike]


def test_where_nothing_differs_a_whole_report_hardly_ever_says_so() -> None:
    chance = random.Random(3)
    alarms = 0
    for _ in range(60):
        found = [
            a_wait(
                chance.expovariate(1 / 600),
                unit=chance.choice(("cards", "fraud")),
                network=chance.choice(("x", "mastodon", "bluesky")),
                language=chance.choice(("en", "es", "")),
                audience=chance.randrange(-1, 500),
                answered=chance.random() < 0.8,
            )
            for _ in range(250)
        ]
        alarms += any(one.is_unlike for one in answer_times(found))
    assert alarms <= 7  # one in twenty is allowed by chance: three


def test_few_cases_are_no_evidence() -> None:
    found = [a_wait(1.0) for _ in range(100)] + [a_wait(9_999.0, network="mastodon") for _ in range(9)]
    assert of(answer_times(found), "mastodon").chance is None


def test_the_test_is_that_of_mann_and_whitney_where_everybody_was_answered() -> None:
    ours, theirs = [float(n) for n in range(3, 15)], [n + 0.5 for n in range(20)]
    wins = sum((a > b) - (a < b) for a, b in product(ours, theirs)) / 2
    z = wins / (len(ours) * len(theirs) * (len(ours) + len(theirs) + 1) / 12) ** 0.5
    found = [*(a_wait(each, network="mastodon") for each in ours), *(a_wait(each) for each in theirs)]
    told = of(answer_times(found), "mastodon", "cards")
    # Four comparisons are made of the same thing: this network and the other, in the unit and in all.
    assert told.chance == pytest.approx(min(1.0, 4 * two_sided(z)), rel=1e-9)


def two_sided(z: float) -> float:
    from statistics import NormalDist  # noqa: PLC0415 - only here

    return 2 * NormalDist().cdf(-abs(z))


@given(
    st.lists(
        st.builds(
            a_wait,
            st.floats(0, 1e6),
            unit=st.sampled_from(("cards", "fraud")),
            priority=st.integers(1, 3),
            network=st.sampled_from(("x", "mastodon")),
            audience=st.integers(-1, 30),
            answered=st.booleans(),
        ),
        max_size=60,
    )
)
def test_every_wait_is_in_one_group_of_each_sort(found: list[Wait]) -> None:
    told = answer_times(found)
    for by in {one.by for one in told}:
        assert sum(one.count for one in told if one.by == by and not one.unit) == len(found)
        assert sum(one.count for one in told if one.by == by and one.unit) == len(found)
    assert all(one.chance is None or 0 <= one.chance <= 1 for one in told)
