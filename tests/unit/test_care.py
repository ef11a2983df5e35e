"""Care for connections: renewed in time, subscribed again, and paged before they die."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import NetworkError, Refused, Unreachable
from allhours.domain.page import Why
from allhours.flows.care import Cared, care
from allhours.flows.ingest import Intake
from allhours.networks.contract import Health, Identity, Question
from tests.builders import NOON, FakePages, a_handle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allhours.domain.handle import Handle

HANDLE = a_handle()
CALLBACK = "https://api.test/webhooks/x"


@dataclass
class FakeConnector:
    """A network whose webhook is healed by registering it `heals` times."""

    expires: datetime | None = None
    webhook_ok: bool | None = True
    heals: int = 1
    fails: NetworkError | None = None
    blind: NetworkError | None = None
    turned_down: NetworkError | None = None
    did: list[str] = field(default_factory=list)
    questions: tuple[Question, ...] = ()

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        del handle, at
        self.did.append("renew")
        if self.fails:
            raise self.fails
        return True

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        del handle, callback, at
        self.did.append("look")
        if self.blind:
            raise self.blind
        return Health(token_expires=self.expires, webhook="dropped yesterday", webhook_ok=self.webhook_ok)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        del handle, at
        self.did.append(f"register {callback}")
        if self.turned_down:
            raise self.turned_down
        self.heals -= 1
        self.webhook_ok = self.heals <= 0
        return ("subscribed",)

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        del handle, given, redirect, state, verifier
        return ""

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        del handle, code, redirect, verifier, at
        return given

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        del at
        return Identity(native_id=handle.native_id, name=handle.handle)


@dataclass
class FakeConnections:
    """Keeps what was seen."""

    seen: dict[str, Cared] = field(default_factory=dict)

    def save(self, handle: Handle, health: Health, *, at: datetime) -> None:
        self.seen[handle.key] = Cared(health=health, at=at)

    def load(self, handles: Iterable[Handle]) -> Mapping[str, Cared]:
        return {one.key: self.seen[one.key] for one in handles if one.key in self.seen}


@dataclass
class Cares:
    """One handle that is cared for."""

    connector: FakeConnector = field(default_factory=FakeConnector)
    connections: FakeConnections = field(default_factory=FakeConnections)
    pages: FakePages = field(default_factory=FakePages)
    intake: Intake = field(default_factory=Intake)

    def at(self, at: datetime = NOON, callback: str = CALLBACK) -> Cares:
        care(
            HANDLE,
            connector=self.connector,
            callback=callback,
            connections=self.connections,
            pages=self.pages,
            intake=self.intake,
            at=at,
        )
        return self


def test_a_healthy_connection_is_renewed_looked_at_and_kept_for_doctor() -> None:
    cared = Cares().at()
    assert cared.connector.did == ["renew", "look"]
    assert cared.connections.seen[HANDLE.key].at == NOON
    assert cared.pages.written == []


def test_a_lost_webhook_is_subscribed_again_before_anybody_is_called() -> None:
    cared = Cares(FakeConnector(webhook_ok=False)).at()
    assert cared.connector.did == ["renew", "look", f"register {CALLBACK}", "look"]
    assert cared.pages.written == []


def test_a_webhook_that_stays_lost_pages_once_a_day_with_the_command_that_mends_it() -> None:
    cared = Cares(FakeConnector(webhook_ok=False, heals=9)).at().at(NOON + timedelta(hours=1))
    (page,) = cared.pages.written
    assert (page.why, page.severity) == (Why.CONNECTION, "warning")
    assert "allhours connect x acmecards --webhook" in page.story


def test_a_network_that_calls_nobody_is_not_asked_about_a_webhook() -> None:
    cared = Cares(FakeConnector(webhook_ok=False)).at(callback="")
    assert cared.connector.did == ["renew", "look"]
    assert cared.pages.written == []


@pytest.mark.parametrize(
    ("days", "severity"), [(14.1, ""), (13.9, "warning"), (6, "warning"), (2.9, "critical"), (-1, "critical")]
)
def test_a_token_that_only_a_person_can_renew_is_told_before_it_dies(days: float, severity: str) -> None:
    cared = Cares(FakeConnector(expires=NOON + timedelta(days=days))).at()
    assert [page.severity for page in cared.pages.written] == ([severity] if severity else [])


def test_the_countdown_pages_at_each_of_its_four_steps_and_not_between() -> None:
    cared = Cares(FakeConnector(expires=NOON + timedelta(days=20)))
    for hours in range(0, 24 * 20, 6):
        cared.at(NOON + timedelta(hours=hours))
    assert [page.severity for page in cared.pages.written] == ["warning", "warning", "critical", "critical"]
    assert "(14 days)" in cared.pages.written[0].story


def test_a_refusal_pages_and_an_outage_is_counted() -> None:
    refused = Cares(FakeConnector(fails=Refused("x", "its refresh_token was revoked"))).at()
    assert [page.why for page in refused.pages.written] == [Why.TOKEN_REFUSED]
    away = Cares(FakeConnector(blind=Unreachable("x", "no answer"))).at()
    assert away.pages.written == []
    assert len(away.intake.troubles) == 1
    assert away.connections.seen == {}


def test_a_token_that_cannot_be_renewed_for_days_is_counted_down_all_the_same() -> None:
    away = Unreachable("x", "no answer")
    cared = Cares(FakeConnector(expires=NOON + timedelta(days=3), fails=away)).at()
    assert [page.severity for page in cared.pages.written] == ["critical"]
    assert cared.connections.seen[HANDLE.key].health.token_expires == NOON + timedelta(days=3)


def test_a_token_that_nobody_can_look_at_is_counted_down_from_when_it_was_last_seen() -> None:
    cared = Cares(FakeConnector(expires=NOON + timedelta(days=20))).at()
    cared.connector.blind = Unreachable("x", "no answer")
    cared.at(NOON + timedelta(days=18))
    assert [page.severity for page in cared.pages.written] == ["critical"]
    assert "(2 days)" in cared.pages.written[0].story
    assert cared.connections.seen[HANDLE.key].at == NOON


def test_a_lost_webhook_that_cannot_be_subscribed_again_pages_too() -> None:
    cared = Cares(FakeConnector(webhook_ok=False, turned_down=Unreachable("x", "no answer"))).at()
    assert [page.why for page in cared.pages.written] == [Why.CONNECTION]
    assert cared.connections.seen[HANDLE.key].health.webhook_ok is False
