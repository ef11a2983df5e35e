"""Pages that nobody has taken yet: list them, take one, hand one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.errors import BadInput
from allhours.flows.acknowledge import acknowledge, release

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from allhours.flows.acknowledge import Acknowledged
    from allhours.flows.cover_ports import Called

SAID = {
    "acknowledged": "{by} has it now; nobody more is called",
    "released": "it climbs again from its first step",
    "already": "nothing has changed",
    "gone": "no such page is on record here",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, with which page, in whose name."""
    parser.add_argument("do", choices=("list", "ack", "release"), help="what to do")
    parser.add_argument("page", nargs="?", metavar="ID", help="the page's id, as `list` shows it")
    parser.add_argument("--by", metavar="MEMBER", help="who takes it, or hands it back")
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; 1 when there is no such page."""
    stack = deployed.stack(arguments)
    if arguments.do == "list":
        _show(stack.pages.unacknowledged(), in_json=arguments.json)
        return 0
    organisation = shared.organisation_of(arguments)
    page_id, by, at = arguments.page, arguments.by, now()
    if not page_id or by not in organisation.members:
        names = ", ".join(organisation.members)
        raise BadInput(f"write `allhours page {arguments.do} ID --by MEMBER`, with one of {names}")
    if arguments.do == "ack":
        done = acknowledge(
            page_id, None, by, pages=stack.pages, reaches=stack.reaches, organisation=organisation, at=at
        )
    else:
        done = release(page_id, None, by, pages=stack.pages, organisation=organisation, at=at)
    _tell(page_id, by, done, in_json=arguments.json)
    return 1 if done.outcome == "gone" else 0


def _tell(page_id: str, by: str, done: Acknowledged, *, in_json: bool) -> None:
    climb = done.called.climb if done.called else None
    holder = climb.acknowledged_by if climb else ""
    if in_json:
        tell({"page_id": page_id, "outcome": done.outcome, "acknowledged_by": holder})
    else:
        more = f" ({holder} has it)" if done.outcome == "already" and holder else ""
        say(f"{page_id}: {SAID[done.outcome].format(by=by)}{more}")


def _show(open_pages: Iterable[Called | BadInput], *, in_json: bool) -> None:
    found = list(open_pages)
    _list([one for one in found if not isinstance(one, BadInput)], in_json=in_json)
    if unread := [str(one) for one in found if isinstance(one, BadInput)]:
        raise BadInput("; ".join(unread))


def _list(open_pages: Iterable[Called], *, in_json: bool) -> None:
    shown = sorted(open_pages, key=lambda called: called.page.at)
    if in_json:
        for called in shown:
            tell(_document(called))
        return
    rows = [
        (
            called.page.page_id,
            called.page.unit,
            f"{called.page.at:%Y-%m-%d %H:%M} UTC",
            ", ".join(_told(called)) or "nobody yet",
            _next(called),
        )
        for called in shown
    ]
    table(("page", "unit", "since", "told", "next"), rows)


def _told(called: Called) -> list[str]:
    return list(dict.fromkeys(one.member for one in called.climb.told)) if called.climb else []


def _next(called: Called) -> str:
    climb = called.climb
    if climb is None:
        return "is being sent"
    if climb.next_at is None:
        return "at its end: nobody answered"
    return f"step {climb.step + 1} at {climb.next_at:%H:%M} UTC"


def _document(called: Called) -> dict[str, object]:
    climb = called.climb
    return {
        "page_id": called.page.page_id,
        "unit": called.page.unit,
        "severity": called.page.severity,
        "subject": called.page.subject,
        "at": called.page.at.isoformat(),
        "told": _told(called),
        "passed_over": [one.why for one in climb.passed_over] if climb else [],
        "next_at": climb.next_at.isoformat() if climb and climb.next_at else None,
        "exhausted": bool(climb and climb.exhausted),
    }
