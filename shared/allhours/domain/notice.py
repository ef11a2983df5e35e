"""A notice: what units are told beside case events, versioned; its schema is `docs/notice.schema.json`.

Names, counts and instants, never a customer's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain.case import owner_of
from allhours.domain.priority import URGENT
from allhours.domain.service_level import FIRST_ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation
    from allhours.domain.plan import Moved, Plan
    from allhours.domain.reply import Reply
    from allhours.domain.segments import Handover, Seat

NOTICE_SCHEMA = "allhours.notice/1"
MOST_MOVED = 10  # stretches of a plan that moved; `allhours rota` shows them all
MOST_DUE_NEXT = 10  # deadlines in a packet; who wants more looks into the inbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that a unit is told; `notice_id` is the same for the same cause, so it is told once.

    `accounts` are the unit's; their inboxes receive it. `body` is what belongs to this kind of event.
    """

    notice_id: str
    event: str
    unit: str
    at: datetime
    accounts: tuple[str, ...]
    body: Mapping[str, Any]


def notice_to_json(notice: Notice) -> dict[str, Any]:
    """Return the notice as it is stored and published."""
    return {
        "schema": NOTICE_SCHEMA,
        "notice_id": notice.notice_id,
        "event": notice.event,
        "unit": notice.unit,
        "at": _instant(notice.at),
        "accounts": list(notice.accounts),
        **notice.body,
    }


def to_unit(  # noqa: PLR0917 - which, what, whom, when, how: as one says it
    notice_id: str, event: str, organisation: Organisation, unit: str, at: datetime, body: Mapping[str, Any]
) -> Notice:
    """Return a notice to all of a unit's accounts; a unit without any (`operations`) is told by its name."""
    accounts = organisation.units[unit].accounts if unit in organisation.units else ()
    return Notice(notice_id=notice_id, event=event, unit=unit, at=at, accounts=accounts, body=body)


def gap_met(organisation: Organisation, case: Case, at: datetime) -> Notice:
    """Record that a case met an empty rota: an incident, once for each gap."""
    gap = organisation.segment(case.unit, at)
    body = {
        "from": _seconds(gap.start),
        "until": _seconds(gap.end),
        "case_id": case.case_id,
        "stands_in": owner_of(organisation.on_duty(case.unit, at)),
    }
    return to_unit(f"gap.met#{case.unit}#{gap.start}", "gap.met", organisation, case.unit, at, body)


def overdue(organisation: Organisation, case: Case, kind: str, due_at: datetime, at: datetime) -> Notice:
    """Tell that a case missed a promise: `kind` is first_answer or resolution."""
    return to_unit(
        f"case.overdue#{case.case_id}#{kind}#{case.reopened}",
        "case.overdue",
        organisation,
        case.unit,
        at,
        {**_of_case(case), "kind": kind, "due_at": _instant(due_at)},
    )


def due_soon(organisation: Organisation, case: Case, kind: str, ends_at: datetime, at: datetime) -> Notice:
    """Tell that a network will soon take no answer any more: `kind` names the window."""
    return to_unit(
        f"case.due_soon#{case.case_id}#{kind}#{int(ends_at.timestamp())}",
        "case.due_soon",
        organisation,
        case.unit,
        at,
        {**_of_case(case), "kind": kind, "due_at": _instant(ends_at)},
    )


def assigned(organisation: Organisation, case: Case, before: str, because: str, at: datetime) -> Notice:
    """Tell that a case has another owner than `before`."""
    return to_unit(
        f"case.assigned#{case.case_id}#{case.version}",
        "case.assigned",
        organisation,
        case.unit,
        at,
        {**_of_case(case), "owner_before": before, "reason": because},
    )


def answered(organisation: Organisation, case: Case, answered_at: datetime, by: str, at: datetime) -> Notice:
    """Tell that a customer has had an answer; `late` says that it was promised for before."""
    return to_unit(
        f"case.answered#{case.case_id}#{case.version}",
        "case.answered",
        organisation,
        case.unit,
        at,
        {
            **_of_case(case),
            "by": by,
            "answered_at": _instant(answered_at),
            "waited": max(0, int((answered_at - case.promised_from).total_seconds())),
            "late": FIRST_ANSWER in case.missed,
        },
    )


def reply_told(organisation: Organisation, reply: Reply, unit: str, at: datetime) -> Notice:
    """Tell what became of an answer: `case.reply_posted`, `case.reply_rejected`, `case.reply_needs_human`.

    Only POSTED says that the customer has it.
    """
    event = f"case.reply_{reply.state.value}"
    body = {
        "case_id": reply.case_id,
        "reply_id": reply.reply_id,
        "item_key": reply.item_key,
        "network": reply.network,
        "account": reply.account,
        "handle": reply.handle,
        "private": reply.private,
        "automatic": reply.automatic,
        "by": reply.by,
        "approved_by": reply.approved_by,
        "attempts": reply.attempts,
    }
    if reply.posted_at:
        body |= {
            "post_id": reply.post_id,
            "permalink": reply.permalink,
            "posted_at": _instant(reply.posted_at),
        }
    else:
        body["reason"] = reply.reason
    return to_unit(f"{event}#{reply.reply_id}#{reply.version}", event, organisation, unit, at, body)


def by_hand(  # noqa: PLR0917 - as above
    organisation: Organisation,
    case: Case,
    event: str,
    by: str,
    because: str,
    at: datetime,
    *,
    external: Mapping[str, str] | None = None,
) -> Notice:
    """Tell what a person or another system did to a case at the desk: `event` says what, `because` why."""
    return to_unit(
        f"{event}#{case.case_id}#{case.version}#{int(at.timestamp() * 1000)}",
        event,
        organisation,
        case.unit,
        at,
        {
            **_of_case(case),
            "state": case.state.value,
            "by": by,
            "reason": because,
            **({"external": dict(external)} if external is not None else {}),
        },
    )


def handover(  # noqa: PLR0917 - as above
    organisation: Organisation, unit: str, change: Handover, cases: Sequence[Case], since: int, at: datetime
) -> Notice:
    """Hand the new shift what it has to know of the unit's open cases.

    `since` is when duty last changed hands: what is new since then is counted.
    """
    began, changed_at = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(change.at, UTC)
    waiting = sorted(
        ((ends_at, kind, case) for case in cases for kind, ends_at in case.due.items()),
        key=lambda each: (each[0], each[2].case_id, each[1]),
    )
    body = {
        "changed_at": _instant(changed_at),
        "since": _instant(began),
        "left": _seats(change.left),
        "joined": _seats(change.joined),
        "open": len(cases),
        "urgent": sum(case.priority == URGENT for case in cases),
        "overdue": sum(bool(case.missed) for case in cases),
        "promised": sum(case.held for case in cases),
        "due_next": [
            {**_of_case(case), "kind": kind, "due_at": _instant(ends_at)}
            for ends_at, kind, case in waiting[:MOST_DUE_NEXT]
        ],
        "new": {
            "opened": sum(not case.reopened and case.opened_at > began for case in cases),
            "reopened": sum(bool(case.reopened) and case.promised_from > began for case in cases),
            "overdue": sum(any(missed_at > began for missed_at in case.missed.values()) for case in cases),
        },
    }
    return to_unit(f"handover#{unit}#{change.at}", "handover", organisation, unit, at, body)


def plan_moved(
    organisation: Organisation, before: Plan, now: Plan, moved: Sequence[Moved], at: datetime
) -> Notice:
    """Tell that others are planned than before, by another file or other clocks and not by hand."""
    body = {
        "kind": "plan",
        "tzdata_before": before.tzdata,
        "tzdata": now.tzdata,
        "revision_before": before.revision,
        "revision": now.revision,
        "moved": [
            {
                "from": _seconds(each.start),
                "until": _seconds(each.end),
                "was": _seats(each.was),
                "now": _seats(each.now),
            }
            for each in moved[:MOST_MOVED]
        ],
        "more": len(moved[MOST_MOVED:]),
    }
    notice_id = f"rota.changed#plan#{now.unit}#{int(at.timestamp())}"
    return to_unit(notice_id, "rota.changed", organisation, now.unit, at, body)


def _of_case(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "case_version": case.version,
        "owner": case.owner,
        "network": case.network,
        "priority": case.priority,
    }


def _seats(seats: Iterable[Seat]) -> list[dict[str, str]]:
    """Return who sits where, in an order that is always the same."""
    return [
        {"desk": desk, "member": member} if member else {"desk": desk}
        for desk, member in sorted((desk, member or "") for desk, member in seats)
    ]


def _seconds(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
