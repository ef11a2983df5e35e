"""A page calls a person: what happened, to whom it matters, what to do. Never a customer's words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.case import Case
    from allhours.domain.errors import NetworkError
    from allhours.domain.organisation import OnDuty

SMS_LIMIT = 140  # characters; one SMS part of GSM 03.38 text minus the sender's prefix


class Why(StrEnum):
    """The kinds of page; people subscribe to them by filter policy."""

    URGENT = "urgent"
    NOBODY_ON_DUTY = "nobody_on_duty"
    DEAD_LETTER = "dead_letter"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a kind of page, no password
    NETWORK_SILENT = "network_silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One call to a person; `page_id` is the same for the same cause, so a cause pages once."""

    page_id: str
    why: Why
    severity: str  # "critical" wakes somebody, "warning" waits for the morning
    unit: str
    member: str
    sms: str
    subject: str
    story: str
    at: datetime


def urgent(case: Case, duty: OnDuty, because: str, at: datetime) -> Page:
    """Call the person on duty to an urgent case."""
    return Page(
        page_id=f"urgent#{case.case_id}#{case.reopened}",
        why=Why.URGENT,
        severity="critical",
        unit=case.unit,
        member=duty.person,
        sms=_sms(
            f"URGENT {case.unit}, {duty.person}",
            because,
            f"Answer now: case {case.case_id} on {case.network}",
        ),
        subject=f"Urgent case for {case.unit} on {case.network}",
        story=(
            f"An urgent post on {case.network} is in case {case.case_id}.\n"
            f"Why: {because}.\nUnit: {case.unit}, account {case.account} ({case.reason}).\n"
            f"On duty: {duty.person} ({duty.because}).\nFirst said at {case.opened_at:%Y-%m-%d %H:%M} UTC.\n"
            f"Do: answer it from the unit's inbox; `allhours trace {case.case_id}` shows all that happened."
        ),
        at=at,
    )


def nobody_on_duty(case: Case, duty: OnDuty, at: datetime) -> Page:
    """Tell that a case met an empty rota; once an hour and unit, while cases keep coming."""
    return Page(
        page_id=f"nobody#{case.unit}#{at:%Y-%m-%dT%H}",
        why=Why.NOBODY_ON_DUTY,
        severity="critical",
        unit=case.unit,
        member=duty.person,
        sms=_sms(
            f"NOBODY ON DUTY for {case.unit}",
            f"{duty.person} stands in for case {case.case_id}",
            "Take it, or find cover",
        ),
        subject=f"Nobody is on duty for {case.unit}",
        story=(
            f"Case {case.case_id} from {case.network} reached {case.unit} at {at:%Y-%m-%d %H:%M} UTC "
            "and the rota names nobody.\n"
            f"It went to the fallback, {duty.person}.\n"
            f"Do: take the case, then fill the gap "
            f"(until {datetime.fromtimestamp(duty.until, UTC):%Y-%m-%d %H:%M} UTC at least): "
            f"`allhours check` lists who could."
        ),
        at=at,
    )


def dead_letter(where: str, reason: str, at: datetime) -> Page:
    """Tell that something could not be handled; once a day for the same place."""
    return Page(
        page_id=f"dead#{where}#{at:%Y-%m-%d}",
        why=Why.DEAD_LETTER,
        severity="warning",
        unit="operations",
        member="operations",
        sms=_sms(f"DEAD LETTER {where}"[:60], reason, "Operations: mend it, then allhours redrive"),
        subject=f"Dead letter: {where}",
        story=(
            f"Something from {where} could not be handled: {reason}.\n"
            "What had passed the guard is kept whole; of anything else its id or digest is kept.\n"
            "Do: see runbook heading “Dead letters”; mend the cause, then run `allhours redrive`, "
            "which is safe to run twice."
        ),
        at=at,
    )


def token_refused(error: NetworkError, at: datetime) -> Page:
    """Tell that a network turned us down; once an hour and handle until somebody mends it."""
    return Page(
        page_id=f"refused#{error.network}#{error.handle}#{at:%Y-%m-%dT%H}",
        why=Why.TOKEN_REFUSED,
        severity="critical",
        unit="operations",
        member="operations",
        sms=_sms(
            f"{error.network.upper()} REFUSES {error.handle}"[:50],
            error.detail,
            "Customers are not heard: mend the token",
        ),
        subject=f"{error.network} refuses {error.handle}",
        story=(
            f"{error.network} turned our calls for {error.handle} down: {error.detail}.\n"
            "Customers there are not heard until this is mended; what they say is read afterwards.\n"
            "Do: see runbook heading “A token is refused”."
        ),
        at=at,
    )


def network_silent(network: str, handle: str, since: datetime, at: datetime) -> Page:
    """Tell that a channel has said nothing for longer than the organisation finds normal.

    Once a day and handle.
    """
    hours = int((at - since).total_seconds() // 3600)
    return Page(
        page_id=f"silent#{network}#{handle}#{at:%Y-%m-%d}",
        why=Why.NETWORK_SILENT,
        severity="warning",
        unit="operations",
        member="operations",
        sms=_sms(
            f"SILENT {network} {handle}"[:50],
            f"nothing heard for {hours} h",
            "Operations: post a test there, run allhours doctor",
        ),
        subject=f"{network} {handle} is silent",
        story=(
            f"Nothing has been heard for {handle} on {network} "
            f"since {since:%Y-%m-%d %H:%M} UTC ({hours} hours).\n"
            "Either nobody wrote, or we do not hear them.\nDo: see runbook heading “A network is silent”."
        ),
        at=at,
    )


_SMS_CHARACTERS = str.maketrans({"“": '"', "”": '"', "\u2019": "'", "…": "...", "`": "'", "\n": " "})


def _sms(what: str, why: str, do: str) -> str:
    """Return what happened, why, and what to do, in one SMS; when it is too long the why gives way."""
    what, why, do = (part.translate(_SMS_CHARACTERS) for part in (what, why, do))  # others halve an SMS
    room = SMS_LIMIT - 1 - len(what) - len(do) - len(": . ")
    if len(why) > room:
        why = why[: max(0, room - 3)] + "..."
    return f"{what}: {why}. {do}"[: SMS_LIMIT - 1]


def page_to_json(page: Page) -> dict[str, Any]:
    """Return the page as its row keeps it."""
    return {**asdict(page), "at": page.at.isoformat()}


def page_from_json(body: Mapping[str, Any]) -> Page:
    """Return the page that `page_to_json` wrote."""
    values: dict[str, Any] = {**body, "why": Why(body["why"]), "at": datetime.fromisoformat(body["at"])}
    return Page(**values)
