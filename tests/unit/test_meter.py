"""The meter: paid reads and quota units, counted per account and day, with a ceiling that holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from allhours.domain.errors import OverBudget
from allhours.domain.page import Why
from allhours.domain.spending import Ceiling
from allhours.flows.meter import DayMeter, NoMeter
from tests.builders import NOON, FakePages, a_handle

CARDS, PAY = a_handle(), a_handle("@acmepay", account="acmepay")


@dataclass
class FakeSpendings:
    """Keeps sums by purse and day; `read` lists what was asked for."""

    sums: dict[tuple[str, str], float] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    def total(self, purse: str, day: str) -> float:
        self.read.append(purse)
        return self.sums.get((purse, day), 0.0)

    def add(self, purse: str, day: str, cost: float) -> float:
        self.sums[purse, day] = self.sums.get((purse, day), 0.0) + cost
        return self.sums[purse, day]


@dataclass
class Counted:
    """A meter of ten dollars a day, and the clock that it looks at."""

    now: datetime = NOON
    of_app: bool = False
    spendings: FakeSpendings = field(default_factory=FakeSpendings)
    pages: FakePages = field(default_factory=FakePages)
    zone: str = "UTC"

    def __post_init__(self) -> None:
        self.meter = self.another()

    def another(self, *, reserve: float = 0.0) -> DayMeter:
        """Return the meter of a second function."""
        return DayMeter(
            "x",
            Ceiling(a_day=10, unit="US dollars", zone=self.zone),
            of_app=self.of_app,
            spendings=self.spendings,
            pages=self.pages,
            clock=lambda: self.now,
            reserve=reserve,
        )


def test_an_account_at_its_ceiling_is_stopped_and_the_others_are_not() -> None:
    counted = Counted()
    for _ in range(10):
        counted.meter.room(CARDS, 1)
        counted.meter.spend(CARDS, 1)
    with pytest.raises(OverBudget, match=r"10\.00 of 10\.00 US dollars \(100%\)") as over:
        counted.meter.room(CARDS, 0.001)
    assert over.value.retry_at == NOON + timedelta(minutes=15)
    counted.meter.room(PAY, 5)


def test_four_fifths_page_as_a_warning_and_the_ceiling_as_critical_once_a_day() -> None:
    counted = Counted()
    counted.meter.spend(CARDS, 7.99)
    assert counted.pages.written == []
    for cost in (0.02, 0.5, 1.49):
        counted.meter.spend(CARDS, cost)
    for _ in range(3):
        with pytest.raises(OverBudget):
            counted.meter.room(CARDS, 1)
        with pytest.raises(OverBudget):
            counted.another().room(CARDS, 1)
    assert [(page.why, page.severity) for page in counted.pages.written] == [
        (Why.BUDGET, "warning"),
        (Why.BUDGET, "critical"),
    ]
    assert "x.daily_budget" in counted.pages.written[1].story


def test_a_new_day_begins_at_the_networks_own_midnight() -> None:
    counted = Counted(now=datetime(2026, 11, 20, 7, 55, tzinfo=UTC), zone="America/Los_Angeles")
    counted.meter.spend(CARDS, 10)
    with pytest.raises(OverBudget) as over:
        counted.meter.room(CARDS, 1)
    assert over.value.retry_at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    counted.now = over.value.retry_at
    counted.meter.room(CARDS, 1)


def test_what_others_spent_counts_from_the_first_call_on() -> None:
    counted = Counted()
    counted.another().spend(CARDS, 9.5)
    with pytest.raises(OverBudget):
        counted.meter.room(CARDS, 1)
    counted.meter.room(CARDS, 0.5)


def test_the_total_is_read_once_a_day_and_function() -> None:
    counted = Counted()
    for _ in range(5):
        counted.meter.room(CARDS, 1)
        counted.meter.spend(CARDS, 0.1)
    assert counted.spendings.read == ["x#acmecards"]


def test_where_the_app_is_counted_all_accounts_share_a_ceiling_and_each_is_told_apart() -> None:
    counted = Counted(of_app=True)
    counted.meter.spend(CARDS, 6)
    counted.meter.spend(PAY, 4)
    with pytest.raises(OverBudget):
        counted.meter.room(PAY, 1)
    day = NOON.date().isoformat()
    assert counted.spendings.sums == {("x", day): 10, ("x#acmecards", day): 6, ("x#acmepay", day): 4}


def test_a_call_that_cost_nothing_writes_nothing() -> None:
    counted = Counted()
    counted.meter.spend(CARDS, 0)
    NoMeter().room(CARDS, 1e9)
    NoMeter().spend(CARDS, 1e9)
    assert counted.spendings.sums == {}


def test_tenths_of_a_cent_add_up_to_the_ceiling() -> None:
    counted = Counted()
    for _ in range(10_000):
        counted.meter.room(CARDS, 0.001)
        counted.meter.spend(CARDS, 0.001)
    with pytest.raises(OverBudget):
        counted.meter.room(CARDS, 0.001)


def test_a_page_names_the_account_as_the_organisation_file_does() -> None:
    counted = Counted()
    counted.meter.spend(a_handle(account="acmeUK"), 9)
    assert "AcmeUK on x spent" in counted.pages.written[0].story


def test_reading_again_leaves_its_reserve_to_what_is_new_and_calls_nobody() -> None:
    counted = Counted()
    rereading = counted.another(reserve=0.6)
    rereading.room(CARDS, 4)
    rereading.spend(CARDS, 4)
    with pytest.raises(OverBudget):
        rereading.room(CARDS, 0.1)
    assert counted.pages.written == []
    counted.meter.room(CARDS, 6)
