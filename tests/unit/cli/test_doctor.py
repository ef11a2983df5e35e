"""`allhours doctor`: a line for everything that can be not as it should be, and a verdict at the end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import rates
from allhours.cli import arguments as shared
from allhours.cli import deployed, doctor
from allhours.cli.__main__ import main
from allhours.cli.doctor import Finding, _reach, examine, verdict
from allhours.domain.errors import Refused
from allhours.domain.expected import LEARNT_AFTER, Rate
from allhours.domain.life import Life
from allhours.domain.organisation import Organisation, TestPages
from allhours.flows.care import Cared
from allhours.flows.ports import Bookmark
from allhours.flows.silence import Learnt
from allhours.networks import network_module
from allhours.networks.contract import Health
from tests.builders import NOON, FakeCursors, a_handle, an_organisation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allhours.domain.handle import Handle

Captured = pytest.CaptureFixture[str]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Bank:
    """A deployed stack with one handle, on which all is well until a test changes something."""

    handle: Handle = field(default_factory=lambda: a_handle("@acmepay"))
    organisation: Organisation = field(init=False)
    cursors: FakeCursors = field(default_factory=FakeCursors)
    cared: dict[str, Cared] = field(default_factory=dict)
    learnt: dict[str, Learnt] = field(default_factory=dict)
    newest_at: datetime | None = None
    spent: dict[tuple[str, str], float] = field(default_factory=dict)
    kept: dict[str, Mapping[str, str]] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    letters: tuple[object, ...] = ()
    unsent: tuple[object, ...] = ()
    subscribed: int = 2
    phones: int = 0
    looked_at: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        can = network_module(self.handle.network).capabilities
        founded = an_organisation(silent_after={"x": 2 * HOUR})
        account = replace(founded.accounts["acmepay"], handles=(self.handle,))
        self.organisation = replace(founded, accounts={"acmepay": account})
        self.kept = {
            self.handle.secret: dict.fromkeys(can.secret_fields, "hush hush"),
            f"{self.handle.network}/app": dict.fromkeys(can.app_secret_fields, "hush hush"),
        }
        self.heard(NOON - HOUR)
        self.care(Health())

    def heard(self, at: datetime | None, **cursor: Any) -> None:
        self.cursors.bookmarks[self.handle.key] = Bookmark(cursor=cursor, version=1, heard_at=at)

    def care(self, health: Health, at: datetime = NOON - HOUR) -> None:
        self.cared = {self.handle.key: Cared(health=health, at=at)}

    @property
    def stack(self) -> Any:
        return SimpleNamespace(
            cursors=self.cursors,
            connections=SimpleNamespace(load=lambda _handles: self.cared),
            spendings=SimpleNamespace(total=lambda purse, day: self.spent.get((purse, day), 0.0)),
            credentials=SimpleNamespace(read=self.read),
            waiting=lambda name: self.waiting.get(name, 0),
            subscribers=lambda _topic: self.subscribed,
            phones=lambda: self.phones,
            sms_limit=lambda: 1.0,
            reaches=SimpleNamespace(unreachable=lambda _bank, _at: frozenset()),
            dead_letters=SimpleNamespace(kept=lambda: iter(self.letters)),
            pages=SimpleNamespace(unsent=lambda _at: iter(self.unsent)),
            table="records",
        )

    def read(self, secret: str) -> Mapping[str, str]:
        self.looked_at.append(secret)
        if secret not in self.kept:
            raise Refused("x", f"the secret {secret} cannot be read: create it")
        return self.kept[secret]

    def load(self, _handles: Iterable[Handle]) -> Mapping[str, Learnt]:
        return self.learnt

    def newest(self, _handle: Handle) -> datetime | None:
        return self.newest_at

    @property
    def findings(self) -> list[Finding]:
        doctor: Any = self  # reads only: whatever would change something is not even there
        return [*examine(self.stack, self.organisation, NOON, rates=doctor, conversations=doctor)]

    def found(self, what: str) -> tuple[bool, str]:
        """Return the one finding of that name."""
        (one,) = [finding for finding in self.findings if finding.what == what]
        return one.well, one.how


CONNECTION = "x @acmepay connection"


def test_a_bank_on_which_all_is_well_needs_nobody() -> None:
    findings = Bank().findings
    assert [finding for finding in findings if not finding.well] == []
    assert verdict(findings) == f"All {len(findings)} things looked at are as they should be."


# Tokens


@pytest.mark.parametrize(
    ("left", "well", "told"),
    [
        (60 * DAY, True, "a person must renew its token in 60 days, before 2027-05-14"),
        (15 * DAY, True, "a person must renew its token in 15 days, before 2027-03-30"),
        (14 * DAY, False, "in 14 days, before 2027-03-29; run allhours connect x acmepay"),
        (HOUR, False, "in 0 days, before 2027-03-15; run allhours connect x acmepay"),
        (-HOUR, False, "its token ran out on 2027-03-15; run allhours connect x acmepay"),
        (-3 * DAY, False, "its token ran out on 2027-03-12; run allhours connect x acmepay"),
    ],
)
def test_a_token_is_counted_down_and_is_an_alarm_two_weeks_ahead(
    left: timedelta, told: str, *, well: bool
) -> None:
    bank = Bank()
    bank.care(Health(token_expires=NOON + left))
    assert bank.found(CONNECTION)[0] == well
    assert bank.found(CONNECTION)[1].endswith(told)


def test_a_connection_with_nothing_to_say_is_as_it_should_be() -> None:
    assert Bank().found(CONNECTION) == (True, "as it should be")


def test_what_the_network_finds_wrong_needs_somebody() -> None:
    bank = Bank()
    bank.care(Health(notes=("the token lacks dm.read",)))
    assert bank.found(CONNECTION) == (False, "the token lacks dm.read")


@pytest.mark.parametrize(
    ("works", "well", "told"),
    [
        (True, True, "webhook: valid, 4 subscriptions"),
        (None, True, "webhook: valid, 4 subscriptions"),
        (False, False, "webhook: valid, 4 subscriptions; run allhours connect x acmepay"),
    ],
)
def test_a_webhook_that_is_not_called_needs_somebody(*, works: bool | None, told: str, well: bool) -> None:
    bank = Bank()
    bank.care(Health(webhook="valid, 4 subscriptions", webhook_ok=works))
    assert bank.found(CONNECTION) == (well, told)


@pytest.mark.parametrize(
    ("used", "quota", "well", "told"),
    [
        (0.79, "79 of 100 posts", True, "quota: 79 of 100 posts"),
        (0.8, "80 of 100 posts", False, "quota: 80 of 100 posts"),
        (0.93, "", False, "quota: 93%"),
        (None, "counted by us", True, "quota: counted by us"),
    ],
)
def test_a_quota_of_which_four_fifths_are_used_needs_somebody(
    used: float | None, quota: str, told: str, *, well: bool
) -> None:
    bank = Bank()
    bank.care(Health(quota=quota, quota_used=used))
    assert bank.found(CONNECTION) == (well, told)


def test_a_connection_that_was_never_looked_at_is_told() -> None:
    bank = Bank()
    bank.cared = {}
    assert bank.found(CONNECTION) == (False, "never looked at yet: is the network on?")


def test_a_connection_that_nobody_looks_at_any_more_is_told() -> None:
    bank = Bank()
    bank.care(Health(), at=NOON - 4 * HOUR)
    assert bank.found(CONNECTION) == (
        False,
        "not looked at since 2027-03-15 08:00 UTC: does it page, is its function on?",
    )


# Secrets


def test_a_secret_is_named_with_what_it_lacks_and_never_shown() -> None:
    bank = Bank()
    bank.kept["x/acmepay"] = {"access_token": "", "refresh_token": "hush hush"}
    assert bank.found("secret x/acmepay") == (False, "without access_token: allhours connect x acmepay")
    del bank.kept["x/app"]
    assert bank.found("secret x/app") == (False, "the secret x/app cannot be read: create it")
    assert "hush" not in str(bank.findings)


def test_a_feed_without_a_secret_is_not_missing_one() -> None:
    bank = Bank(a_handle("https://acme.example/feed", "feeds", secret=""))
    bank.cared = {}
    assert [finding for finding in bank.findings if not finding.well] == []
    assert bank.looked_at == []


# Silence


def test_the_last_item_is_told_with_how_long_ago() -> None:
    assert Bank().found("x @acmepay") == (True, "last heard 2027-03-15 11:00 UTC, 60 min ago")


@pytest.mark.parametrize(
    ("ago", "told"), [(timedelta(seconds=59), "0 min"), (3 * HOUR, "3 hours"), (47 * HOUR, "47 hours")]
)
def test_a_time_ago_is_as_exact_as_a_person_needs_it(ago: timedelta, told: str) -> None:
    assert doctor._ago(ago) == f"{told} ago"
    assert doctor._ago(ago + 2 * DAY) == "2 days ago" if ago < DAY else "3 days ago"


def test_a_handle_that_is_silent_for_longer_than_its_limit_is_told() -> None:
    bank = Bank()
    bank.heard(NOON - 3 * HOUR)
    assert bank.found("x @acmepay") == (
        False,
        "last heard 2027-03-15 09:00 UTC, 3 hours ago: longer than silent_after",
    )


def test_a_conversation_by_webhook_breaks_the_silence_of_the_poll() -> None:
    bank = Bank()
    bank.heard(NOON - 3 * HOUR)
    bank.newest_at = NOON - HOUR
    assert bank.found("x @acmepay") == (True, "last heard 2027-03-15 11:00 UTC, 60 min ago")


def test_a_handle_that_is_quiet_beyond_chance_is_told_with_what_was_to_be_expected() -> None:
    bank = Bank()
    bank.organisation = replace(bank.organisation, silent_after={})
    bank.heard(NOON - 3 * HOUR)
    busy = Rate(sums=(40.0,) * 168, weights=(4.0,) * 168, hours=LEARNT_AFTER)
    bank.learnt = {bank.handle.key: Learnt(rate=busy, version=1)}
    well, how = bank.found("x @acmepay")
    assert not well
    assert how.endswith("3 hours ago: quiet beyond chance, 30 conversations were to be expected")


def test_a_handle_that_was_never_read_is_told() -> None:
    bank = Bank()
    bank.heard(None)
    assert bank.found("x @acmepay") == (False, "never read yet: is the network on?")


def test_a_network_that_is_heard_by_webhook_only_need_not_be_polled() -> None:
    bank = Bank(a_handle("+44 20 7946 0000", "whatsapp"))
    bank.heard(None)
    name = "whatsapp +44 20 7946 0000"
    assert bank.found(name) == (True, "nobody has written yet; webhook only")
    bank.newest_at = NOON - 3 * HOUR
    assert bank.found(name) == (True, "last heard 2027-03-15 09:00 UTC, 3 hours ago, by webhook only")


def test_a_stream_that_rests_is_told_with_how_long() -> None:
    bank = Bank()
    bank.heard(NOON - HOUR, mentions={"not_before": NOON.timestamp() + 90}, search={"since": "1"})
    assert bank.found("x @acmepay mentions") == (False, "rests for 90 s, told so by the network")


# The life of a network


@pytest.mark.parametrize("life", [Life.FROZEN, Life.ARCHIVED])
def test_a_network_that_is_not_read_is_shown_as_such_and_not_as_silent(life: Life) -> None:
    bank = Bank()
    bank.heard(NOON - 90 * DAY)
    bank.cared, bank.kept = {}, {}
    bank.organisation = replace(bank.organisation, lives={"x": life})
    well, how = bank.found("x")
    assert (well, how.partition(":")[0]) == (True, str(life))
    assert [finding for finding in bank.findings if not finding.well] == []
    assert bank.looked_at == []


def test_a_network_on_which_nobody_answers_is_still_looked_over() -> None:
    bank = Bank()
    bank.organisation = replace(bank.organisation, lives={"x": Life.LISTEN_ONLY})
    bank.heard(NOON - 3 * HOUR)
    assert bank.found("x")[1].startswith("listen only: it is read and watched")
    assert not bank.found("x @acmepay")[0]


# Budgets


@pytest.mark.parametrize(
    ("spent", "well", "told"),
    [
        (3.99, True, "3.99 of 5.00 US dollars (80%) today"),
        (4.0, False, "4.00 of 5.00 US dollars (80%) today"),
        (5.0, False, "5.00 of 5.00 US dollars (100%) today: nothing more until midnight UTC"),
    ],
)
def test_a_budget_of_which_four_fifths_are_spent_needs_somebody(
    spent: float, told: str, *, well: bool
) -> None:
    bank = Bank()
    bank.spent = {("x#acmepay", "2027-03-15"): spent}
    assert bank.found("x acmepay budget") == (well, told)


def test_the_organisations_own_ceiling_counts() -> None:
    bank = Bank()
    bank.organisation = replace(bank.organisation, daily_budgets={"x": 100.0})
    bank.spent = {("x#acmepay", "2027-03-15"): 5.0}
    assert bank.found("x acmepay budget") == (True, "5.00 of 100.00 US dollars (5%) today")


def test_what_an_app_spends_for_all_is_counted_by_the_networks_own_day() -> None:
    bank = Bank(a_handle("@acmepay", "youtube"))
    bank.spent = {("youtube", "2027-03-15"): 9_000.0}
    assert bank.found("youtube budget")[0] is False


# Queues, pages


@pytest.mark.parametrize(
    ("changes", "what", "told"),
    [
        ({"waiting": {"CommonQueueUrl": 1_000}}, "common queue", "1000 items wait"),
        ({"waiting": {"DeadLetterQueueUrl": 1}}, "dead-letter queue", "1 messages: see the runbook"),
        ({"waiting": {"ForwardFailuresUrl": 2}}, "forward failures", "2 messages: see the runbook"),
        ({"letters": ("one",)}, "dead letters", "1 kept: mend the cause, then allhours redrive"),
        ({"unsent": ("one",)}, "pages unsent", "1 wait: look at the function Forward"),
        ({"subscribed": 0}, "pages", "nobody is subscribed: nobody would be paged"),
    ],
)
def test_what_waits_or_reaches_nobody_needs_somebody(changes: dict[str, Any], what: str, told: str) -> None:
    bank = Bank(**changes)
    assert bank.found(what) == (False, told)
    assert [finding.what for finding in bank.findings if not finding.well] == [what]


@pytest.mark.parametrize(
    ("silent", "tests", "well", "told"),
    [
        ({"ben", "ana"}, TestPages(), False, "no answer from ana, ben: see A test page was not answered"),
        (set(), TestPages(), True, "everybody answered"),
        (set(), None, True, "none are sent: set test_pages in the file"),
    ],
)
def test_whom_the_test_page_did_not_reach_is_named(
    silent: set[str], tests: TestPages | None, told: str, *, well: bool
) -> None:
    stack: Any = SimpleNamespace(reaches=SimpleNamespace(unreachable=lambda _bank, _at: frozenset(silent)))
    found = _reach(stack, an_organisation(test_pages=tests), NOON)
    assert (found.what, found.well) == ("test pages", well)
    assert found.how.startswith(told)


# The command


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    """Return a bank whose stack and file the command finds, at noon."""
    bank = Bank()
    monkeypatch.setattr(deployed, "stack", lambda _arguments: bank.stack)
    monkeypatch.setattr(shared, "organisation_of", lambda _arguments: bank.organisation)
    monkeypatch.setattr(doctor, "now", lambda: NOON)
    monkeypatch.setattr(rates, "DynamoRates", lambda _table: bank)
    monkeypatch.setattr(rates, "DynamoConversations", lambda _table: bank)
    return bank


def test_the_command_ends_with_a_verdict_for_people(bank: Bank, capsys: Captured) -> None:
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("are as they should be.")
    bank.letters, bank.subscribed = ("one",), 0
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == f"2 of {len(bank.findings)} things need somebody: pages, dead letters."
    assert [line.split()[1] for line in out if line.startswith("!!")] == ["pages", "dead"]


def test_machines_get_every_finding_a_line_and_no_verdict(bank: Bank, capsys: Captured) -> None:
    bank.unsent = ("one",)
    assert main(["doctor", "--json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == [{"what": one.what, "well": one.well, "how": one.how} for one in bank.findings]
