"""The weekly test page: by each member's own clock, once a week, and it shows who cannot be reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import BadInput, Busy
from allhours.domain.organisation import Organisation, TestPages
from allhours.domain.people import Leave
from allhours.domain.reach import Reach, last_trial
from allhours.flows.try_members import Tried, try_members
from tests.builders import NOON, FakePages, FakeReaches, an_organisation

if TYPE_CHECKING:
    from allhours.domain.page import Page

BANK = an_organisation(test_pages=TestPages(weekday=0, minute=600, within=28_800))  # Mondays at 10:00
TEN = datetime(2027, 3, 15, 10, 0, tzinfo=UTC)  # a Monday


def living_in(zone: str, bank: Organisation = BANK) -> Organisation:
    return replace(bank, members={name: replace(one, zone=zone) for name, one in bank.members.items()})


def tried(reaches: FakeReaches, at: datetime, bank: Organisation = BANK) -> Tried:
    done = try_members(reaches=reaches, organisation=bank, at=at)
    done.check()
    return done


def test_each_member_is_tried_once_a_week_however_often_the_clock_ticks() -> None:
    reaches = FakeReaches()
    counts = [tried(reaches, TEN + timedelta(minutes=minute)).count for minute in range(-3, 60 * 24 * 14, 7)]
    assert sum(counts) == 4
    assert {one.page_id for one in reaches.pages.written} == {
        f"test#{name}#2027-W{week}" for name in ("ana", "ben") for week in (11, 12)
    }


def test_a_member_is_tried_by_the_members_own_clock_also_when_it_changes() -> None:
    manila = living_in("Asia/Manila")
    assert tried(FakeReaches(), datetime(2027, 3, 15, 2, 0, tzinfo=UTC), manila).count == 2
    assert tried(FakeReaches(), TEN, manila).count == 0
    tests = TestPages(weekday=6, minute=90)  # Sundays at 01:30, which London skips on 28 March
    trial = last_trial(tests, "Europe/London", datetime(2027, 3, 28, 1, 0, tzinfo=UTC))
    assert trial.at == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_a_test_that_the_clock_missed_by_long_is_left_to_the_next_week() -> None:
    assert tried(FakeReaches(), TEN + timedelta(minutes=59)).count == 2
    assert tried(FakeReaches(), TEN + timedelta(hours=1)).count == 0


def test_a_member_whose_row_this_release_cannot_read_does_not_stop_the_next() -> None:
    reaches = FakeReaches()
    newer = {"ana": BadInput("REACH#ana: this release cannot read the row"), "ben": Reach(member="ben")}
    reaches.load = lambda _: newer  # type: ignore[method-assign, assignment, return-value]
    done = try_members(reaches=reaches, organisation=BANK, at=TEN)
    assert (done.count, [one.member for one in reaches.pages.written]) == (1, ["ben"])
    with pytest.raises(Busy, match="the test page of ana: REACH#ana"):
        done.check()


def test_who_is_away_is_not_tried() -> None:
    leave = Leave(start=0, end=4_000_000_000)
    bank = replace(BANK, members={**BANK.members, "ana": replace(BANK.members["ana"], leave=(leave,))})
    reaches = FakeReaches()
    assert tried(reaches, TEN, bank).count == 1
    assert [one.member for one in reaches.pages.written] == ["ben"]


def test_who_has_not_answered_within_eight_hours_is_unreachable_until_an_answer_comes() -> None:
    reaches = FakeReaches()
    tried(reaches, TEN)
    reaches.reached("ana", TEN + timedelta(hours=2))
    deadline = TEN + timedelta(hours=8)
    assert tried(reaches, deadline - timedelta(minutes=1)).unanswered == 0
    assert tried(reaches, deadline).unanswered == 1
    assert reaches.known["ben"].unreachable_since(28_800, deadline) == deadline
    assert reaches.known["ana"].unreachable_since(28_800, deadline) is None
    reaches.reached("ben", deadline + timedelta(hours=30))
    assert reaches.known["ben"].unreachable_since(28_800, deadline + timedelta(hours=31)) is None


def test_a_member_who_was_never_tried_is_not_called_unreachable() -> None:
    assert Reach(member="ana").unreachable_since(60, NOON) is None


def test_an_organisation_without_test_pages_tries_nobody() -> None:
    assert tried(FakeReaches(), TEN, an_organisation()) == Tried(count=0, unanswered=0, troubles=())


def test_a_member_who_cannot_be_tried_now_is_tried_by_the_next_tick_and_holds_up_nobody() -> None:
    class Flaky(FakePages):
        def call(self, page: Page) -> bool:
            if page.member == "ana" and len(self.written) < 1:
                raise Busy("writing a test page")
            return super().call(page)

    reaches = FakeReaches(pages=Flaky())
    done = try_members(reaches=reaches, organisation=BANK, at=TEN)
    assert done.count == 1
    with pytest.raises(Busy, match="the test page of ana"):
        done.check()
    assert tried(reaches, TEN + timedelta(minutes=1)).count == 1


zones = st.sampled_from(("UTC", "Asia/Manila", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"))


@given(zones, st.integers(0, 6), st.integers(0, 1439), st.integers(0, 40_000_000))
def test_the_last_trial_is_within_a_week_and_stays_the_same_until_the_next(
    zone: str, weekday: int, minute: int, seconds: int
) -> None:
    tests, at = TestPages(weekday=weekday, minute=minute), NOON + timedelta(seconds=seconds)
    trial = last_trial(tests, zone, at)
    assert trial.at <= at
    assert at - trial.at < timedelta(days=7, hours=2)
    assert last_trial(tests, zone, trial.at) == trial
