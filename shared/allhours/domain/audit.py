"""The audit trail: one row for every write by a person or another system, and never a customer's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

MACHINE = "allhours"  # who did what no person did


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Who did what to what, when: `did` is a word of the trade (taken, moved, sent, approved, closed ...).

    `subject` is the case's id, or the unit's where there is none; `audit_id` is the same for the same cause,
    so that a repeated write leaves one row. `details` are ids, states and reasons in members' own words.
    """

    audit_id: str
    at: datetime
    by: str
    did: str
    subject: str
    unit: str
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def audit_to_json(audit: Audit) -> dict[str, Any]:
    """Return the row's JSON."""
    return {
        "audit_id": audit.audit_id,
        "at": audit.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "by": audit.by,
        "did": audit.did,
        "subject": audit.subject,
        "unit": audit.unit,
        **({"details": dict(audit.details)} if audit.details else {}),
    }


def audit_from_json(body: Mapping[str, Any]) -> Audit:
    """Return the audit that `audit_to_json` wrote."""
    try:
        known: dict[str, Any] = {**body, "at": datetime.fromisoformat(body["at"])}
        return Audit(**known)
    except (KeyError, TypeError, ValueError) as wrong:
        name = body.get("audit_id", "?")
        raise BadInput(f"the audit row {name} is not one of ours ({type(wrong).__name__})") from None
