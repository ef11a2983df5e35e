"""How well triage sent what came: `allhours triage --report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli import past
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.misroutes import reported

if TYPE_CHECKING:
    import argparse

    from allhours.domain.misroutes import Report, Sent


def run(arguments: argparse.Namespace) -> int:
    """Tell what desks moved on, what had to be promoted, and what rules in shadow would have moved."""
    until = now()
    report = reported(past.of(arguments, arguments.since, until), arguments.since, until)
    if arguments.json:
        tell({"since": arguments.since.isoformat(), "until": until.isoformat(), **_document(report)})
        return 0
    say(
        f"since {arguments.since:%Y-%m-%d %H:%M} UTC: {report.decisions} decisions, "
        f"{report.all_sent.routed} cases sent to a unit, {report.casual} posts that opened none"
    )
    _show(report)
    return 0


def _show(report: Report) -> None:
    rows = [(unit, decider, *_figures(sent)) for (unit, decider), sent in _worst_first(report)]
    if rows:
        table(
            ("unit", "decided by", "routed", "moved by desks", "misrouted", "95 % between"),
            [*rows, ("all", "", *_figures(report.all_sent))],
        )
    if report.moves:
        ways = [(start, "→", end, str(count)) for (start, end), count in report.moves.most_common()]
        table(("desks moved from", "", "to", "cases"), ways)
    if report.promoted:
        say(f"customers missed at first: {report.promoted.total()} were promoted by people")
        table(
            ("was no case because", "promoted"), [(was, str(n)) for was, n in report.promoted.most_common()]
        )
    if report.shadow:
        say("rules in shadow would have moved:")
        rules = [(rule, change, str(count)) for (rule, _, change), count in report.shadow.most_common()]
        table(("rule", "what", "posts"), rules)


def _worst_first(report: Report) -> list[tuple[tuple[str, str], Sent]]:
    return sorted(report.sent.items(), key=lambda each: (-each[1].moved, -each[1].routed, each[0]))


def _figures(sent: Sent) -> tuple[str, str, str, str]:
    low, high = sent.interval
    return str(sent.routed), str(sent.moved), f"{sent.rate:.1%}", f"{low:.1%} and {high:.1%}"


def _document(report: Report) -> dict[str, object]:
    return {
        "decisions": report.decisions,
        "casual": report.casual,
        "sent": [
            {"unit": unit, "decided_by": decider, **_of(sent)}
            for (unit, decider), sent in _worst_first(report)
        ],
        "all": _of(report.all_sent),
        "moves": [{"from": start, "to": end, "cases": n} for (start, end), n in report.moves.most_common()],
        "promoted": [{"was": was, "posts": count} for was, count in report.promoted.most_common()],
        "shadow": [
            {"rule": rule, "change": change, "posts": count}
            for (rule, _, change), count in report.shadow.most_common()
        ],
    }


def _of(sent: Sent) -> dict[str, object]:
    return {
        "routed": sent.routed,
        "moved": sent.moved,
        "rate": round(sent.rate, 4),
        "interval": [round(edge, 4) for edge in sent.interval],
    }
