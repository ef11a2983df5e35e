"""Show everything that happened to a case, or of late to a unit, from the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.cli import deployed
from allhours.cli.explain import sentences
from allhours.cli.terminal import say, tell
from allhours.domain.case import case_to_json
from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from allhours.domain.case import Case

LATELY = timedelta(days=7)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the case's id."""
    parser.add_argument(
        "case",
        metavar="CASE",
        help="the case's id, as in an event or a page; or a unit's, for its handovers, gaps and changes",
    )
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell the case, each item in it as it was said, and what was told of it; or what a unit was told."""
    records = deployed.records(arguments)
    case = records.case(arguments.case)
    if case is None:
        notices = records.notices(arguments.case, since=(datetime.now(UTC) - LATELY).isoformat())
        if not notices:
            message = (
                f"no case {arguments.case!r} is on record here, and no unit of that name was told anything"
            )
            raise BadInput(message)
        if arguments.json:
            tell({"unit": arguments.case, "notices": [dict(notice) for notice in notices]})
        else:
            for notice in notices:
                say(told(notice))
        return 0
    trail, notices = records.trail(case), records.notices(case.case_id)
    if arguments.json:
        tell(
            {
                "case": case_to_json(case),
                "trail": [dict(row) for row in trail],
                "notices": [dict(notice) for notice in notices],
            }
        )
        return 0
    author = case.author_handle or case.author_id
    deleted = sum(bool(row["deleted"]) for row in trail)
    say(
        f"case {case.case_id}: {case.state.value}, with {case.unit} as {case.account}, "
        f"priority {case.priority}, by {author} on {case.network}, "
        f"first said {case.opened_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"{case.items} posts ({case.bystanders} by others, {deleted} deleted)"
    )
    for sentence in (
        *_promises(case),
        *(sentence for row in trail for sentence in sentences(row)),
        *map(told, notices),
    ):
        say("  " + sentence)
    return 0


def _promises(case: Case) -> Iterator[str]:
    """Yield who has the case, what is promised, and what was broken."""
    if case.owner:
        since = f" since {case.owner_since:%Y-%m-%d %H:%M} UTC" if case.owner_since else ""
        yield f"owner: {case.owner}{since}"
    if case.answered_at:
        yield f"answered: {case.answered_at:%Y-%m-%d %H:%M} UTC"
    for kind, ends_at in sorted(case.due.items(), key=lambda each: each[1]):
        yield f"due: {kind} by {ends_at:%Y-%m-%d %H:%M} UTC"
    for kind, ended_at in case.missed.items():
        yield f"overdue: {kind} since {ended_at:%Y-%m-%d %H:%M} UTC"


def told(notice: Mapping[str, Any]) -> str:
    """Return what a notice says, in a sentence."""
    at, event = notice["at"], notice["event"]
    match event:
        case "case.assigned":
            says = f"{notice['owner_before'] or 'nobody'} → {notice['owner']}, because {notice['reason']}"
        case "case.overdue" | "case.due_soon":
            says = f"{notice['kind']} {notice['due_at']}, with {notice['owner']}"
        case "case.answered":
            late = ", later than promised" if notice["late"] else ""
            says = f"{notice['answered_at']}, {notice['waited'] // 60} min after it began to wait{late}, "
            says += f"says {notice['by']}"
        case "handover":
            left, joined = (", ".join(map(_seat, notice[side])) or "nobody" for side in ("left", "joined"))
            new, next_due = notice["new"], notice["due_next"][:1]
            says = (
                f"at {notice['changed_at']}: {left} left, {joined} came; {notice['open']} open, "
                f"{notice['urgent']} urgent, {notice['overdue']} overdue; since {notice['since']} "
                f"{new['opened']} opened, {new['reopened']} reopened, {new['overdue']} became overdue"
                + "".join(f"; next: {one['case_id']} {one['kind']} {one['due_at']}" for one in next_due)
            )
        case "gap.met":
            says = f"{notice['from']} to {notice['until']}, met by {notice['case_id']}, "
            says += f"{notice['stands_in']} stood in"
        case _:
            usual = {"schema", "notice_id", "event", "unit", "at", "accounts"}
            says = ", ".join(
                f"{name} {value}" for name, value in notice.items() if name not in usual and value
            )
    return f"{at}  {event}: {says}"


def _seat(seat: Mapping[str, str]) -> str:
    return seat.get("member") or f"desk {seat['desk']}"
