from __future__ import annotations

import random
from heapq import heapreplace
from math import inf, isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.domain.errors import BadInput
from allhours.domain.staffing import Work, curve, erlang_b, erlang_c, outcome, pays_up_to, people_needed

HALF_HOUR = 1_800
PUBLISHED = [  # servers, erlang, Erlang B, Erlang C
    (2, 1, 0.20000, 0.33333),
    (3, 2, 0.21053, 0.44444),
    (5, 3, 0.11005, 0.23615),
    (10, 8, 0.12166, 0.40918),
    (14, 10, 0.05682, 0.17413),
    (20, 16, 0.06441, 0.25608),
    (24, 20, 0.06610, 0.29807),
    (55, 48, 0.03837, 0.23870),
]


def work(**changes: Any) -> Work:
    return Work(**({"aht": 180, "target": 0.8, "within": 20} | changes))


@pytest.mark.parametrize(("servers", "erlangs", "b", "c"), PUBLISHED)
def test_erlang_b_and_c_are_the_published_ones(servers: int, erlangs: float, b: float, c: float) -> None:
    assert round(erlang_b(servers, erlangs), 5) == b
    assert round(erlang_c(servers, erlangs), 5) == c


def test_a_hundred_contacts_of_three_minutes_need_fourteen_servers_and_twenty_people() -> None:
    (need,) = people_needed([100], HALF_HOUR, work(shrinkage=0.3))
    assert (need.erlangs, need.servers, need.people) == (10, 14, 20)
    assert round(need.outcome.waits, 5) == 0.17413
    assert round(need.outcome.answered, 5) == 0.88835
    assert round(need.outcome.occupancy, 3) == 0.714


def test_the_classic_example_of_360_calls() -> None:
    told = outcome(360 / HALF_HOUR, 55, work(aht=240, within=15))
    assert round(told.waits, 5) == 0.23870
    assert round(100 * told.answered, 3) == 84.588
    assert round(told.mean_wait, 3) == 8.184


def test_those_who_leave_shorten_the_queue_of_the_others() -> None:
    patient, impatient = work(aht=60), work(aht=60, patience=120)
    told = outcome(48 / 60, 50, impatient)
    assert round(100 * told.leaves, 3) == 3.091
    assert round(told.mean_wait, 3) == 3.709
    assert round(outcome(48 / 60, 50, patient).mean_wait, 2) == 20.83


def test_customers_who_hardly_leave_fare_as_those_who_never_do() -> None:
    ever, hardly = outcome(0.8, 50, work(aht=60)), outcome(0.8, 50, work(aht=60, patience=1e9))
    assert hardly.answered == pytest.approx(ever.answered, abs=1e-6)
    assert hardly.mean_wait == pytest.approx(ever.mean_wait, rel=1e-5)
    assert hardly.waits == pytest.approx(ever.waits, abs=1e-6)


@pytest.mark.parametrize(
    ("rate", "servers", "patience"), [(0.8, 50, 120.0), (0.05, 2, 90.0), (0.2, 8, 40.0), (0.1, 9, 600.0)]
)
def test_erlang_a_is_what_a_simulated_desk_does(rate: float, servers: int, patience: float) -> None:
    told = outcome(rate, servers, work(aht=60, within=15, patience=patience))
    answered, left, waited, waits = simulated(rate, servers, 60, patience, 15, customers=120_000)
    assert told.answered == pytest.approx(answered, abs=0.012)
    assert told.leaves == pytest.approx(left, abs=0.012)
    assert told.mean_wait == pytest.approx(waited, rel=0.06)
    assert told.waits == pytest.approx(waits, abs=0.02)


def simulated(
    rate: float, servers: int, aht: float, patience: float, within: float, *, customers: int
) -> tuple[float, float, float, float]:
    """Let customers come one by one to the server that is free first; who would wait too long leaves."""
    chance = random.Random(2027)
    free = [0.0] * servers
    at, answered, left, waited, waits = 0.0, 0, 0, 0.0, 0
    for _ in range(customers):
        at += chance.expovariate(rate)
        wait, stays = max(0.0, free[0] - at), chance.expovariate(1 / patience)
        waits += wait > 0
        waited += min(wait, stays)
        if wait > stays:
            left += 1
            continue
        answered += wait <= within
        heapreplace(free, at + wait + chance.expovariate(1 / aht))
    return answered / customers, left / customers, waited / customers, waits / customers


@settings(deadline=None)
@given(st.floats(0.001, 2), st.integers(0, 600), st.floats(1, 900), st.floats(0, 3600), st.floats(1, 900))
def test_shares_are_shares_however_large_the_desk(
    rate: float, servers: int, aht: float, within: float, patience: float
) -> None:
    told = outcome(rate, servers, work(aht=aht, within=within, patience=patience))
    for share in (told.waits, told.answered, told.leaves):
        assert -1e-9 <= share <= 1 + 1e-9
    assert told.answered <= 1 - told.leaves + 1e-9
    assert isfinite(told.mean_wait)
    assert told.occupancy <= 1 + 1e-9


@settings(deadline=None)
@given(st.floats(0.01, 60), st.integers(1, 4), st.floats(0, 0.5), st.one_of(st.none(), st.floats(60, 3600)))
def test_the_fewest_people_keep_the_promise_and_one_less_breaks_it(
    arrivals: float, concurrency: int, shrinkage: float, patience: float | None
) -> None:
    how = work(aht=300, within=60, concurrency=concurrency, shrinkage=shrinkage, patience=patience)
    (need,) = people_needed([arrivals], HALF_HOUR, how)
    assert need.outcome.answered >= how.target
    fewer = outcome(arrivals / HALF_HOUR, how.servers(need.people - 1), how)
    assert fewer.answered < how.target


def test_nobody_is_needed_where_nobody_comes() -> None:
    (need,) = people_needed([0], HALF_HOUR, work())
    assert (need.servers, need.people, need.outcome.answered) == (0, 0, 1)


def test_members_with_several_cases_in_hand_are_several_servers() -> None:
    assert work(concurrency=4, shrinkage=0.3).servers(3) == 8
    assert work(concurrency=4, shrinkage=0.3).people(8) == 3
    assert work(shrinkage=0.3).people(14) == 20


def test_a_queue_without_end_is_told_as_such() -> None:
    told = outcome(10 / 60, 10, work(aht=60))
    assert (told.waits, told.answered, told.mean_wait, told.occupancy) == (1, 0, inf, 1)


def test_the_curve_says_what_each_further_person_saves() -> None:
    steps = curve(0.8, work(aht=60), range(48, 53))
    assert [step.people for step in steps] == [48, 49, 50, 51, 52]
    assert steps[0].saves == 0  # still a queue without end
    assert steps[1].saves == inf
    assert steps[2].saves == pytest.approx(60 * (steps[1].outcome.waiting - steps[2].outcome.waiting))
    later = [step.saves for step in steps[2:]]
    assert later == sorted(later, reverse=True)


def test_it_pays_until_one_more_saves_less_than_a_customer_hour_an_hour() -> None:
    how = work(aht=60)
    people = pays_up_to(0.8, how)
    last, more = curve(0.8, how, range(people, people + 2))
    assert last.saves >= 60 > more.saves


def test_dear_people_and_cheap_minutes_pay_less_far() -> None:
    how = work(aht=60)
    assert pays_up_to(0.8, how, worth=1_000) < pays_up_to(0.8, how, worth=60) < pays_up_to(0.8, how, worth=1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"aht": 0}, "aht"),
        ({"target": 1.0}, "write 0.8"),
        ({"target": 0.0}, "write 0.8"),
        ({"within": -1}, "within"),
        ({"concurrency": 0}, "concurrency"),
        ({"shrinkage": 1.0}, "write 0.3"),
        ({"patience": 0}, "patience"),
    ],
)
def test_figures_that_no_desk_can_have_are_refused(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        work(**wrong)


def test_arrivals_that_no_desk_can_take_are_refused() -> None:
    with pytest.raises(BadInput, match="which no desk has"):
        people_needed([1e9], HALF_HOUR, work())
