"""Look over a deployed stack: what is not well, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import table, tell
from allhours.domain.errors import Refused
from allhours.networks import network_module

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime

    from allhours.aws.stack import Stack
    from allhours.domain.organisation import Organisation


_SMS_A_PHONE = 5.0  # US dollars a month; about a hundred SMS where they are dear


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: how it is, and what to do when it is not well."""

    what: str
    well: bool
    how: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the stack and the organisation that it should be."""
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell every finding; 1 when one is not well."""
    organisation = shared.organisation_of(arguments)
    findings = [*examine(deployed.stack(arguments), organisation, now())]
    if arguments.json:
        for finding in findings:
            tell({"what": finding.what, "well": finding.well, "how": finding.how})
    else:
        table(("", "what", "how"), [("ok" if f.well else "!!", f.what, f.how) for f in findings])
    return 0 if all(finding.well for finding in findings) else 1


def examine(stack: Stack, organisation: Organisation, at: datetime) -> Iterator[Finding]:
    """Yield what is found, the things that hurt customers first."""
    for handle in organisation.handles:
        fields = network_module(handle.network).capabilities.secret_fields
        if handle.secret:
            yield _secret(stack, handle.secret, fields)
        bookmark = stack.cursors.load(handle)
        limit = organisation.silent_after.get(handle.network)
        silent = bookmark.heard_at is None or (limit is not None and at - bookmark.heard_at > limit)
        heard = (
            f"last heard {bookmark.heard_at:%Y-%m-%d %H:%M} UTC"
            if bookmark.heard_at
            else "never read yet: is the network on?"
        )
        yield Finding(what=f"{handle.network} {handle.handle}", well=not silent, how=heard)
        for stream, marks in bookmark.cursor.items():
            wait = float(marks.get("not_before", 0)) - at.timestamp() if isinstance(marks, dict) else 0.0
            if wait > 0:
                yield Finding(
                    what=f"{handle.network} {handle.handle} {stream}",
                    well=False,
                    how=f"rests for {wait:.0f} s, told so by the network",
                )
    for network in dict.fromkeys(handle.network for handle in organisation.handles):
        if fields := network_module(network).capabilities.app_secret_fields:
            yield _secret(stack, f"{network}/app", fields)
    yield from _queues(stack)
    pagers = stack.subscribers("PagesTopicArn")
    yield Finding(
        what="pages",
        well=pagers > 0,
        how=f"{pagers} subscriptions" if pagers else "nobody is subscribed: nobody would be paged",
    )
    yield _reach(stack, organisation, at)
    yield _sms(stack)
    letters = sum(1 for _ in stack.dead_letters.kept())
    yield Finding(
        what="dead letters",
        well=not letters,
        how=f"{letters} kept: mend the cause, then allhours redrive" if letters else "none",
    )
    late = sum(1 for _ in stack.pages.unsent(at))
    yield Finding(
        what="pages unsent",
        well=not late,
        how=f"{late} wait: look at the function Forward" if late else "none",
    )


def _reach(stack: Stack, organisation: Organisation, at: datetime) -> Finding:
    """Return who did not acknowledge the last test page in time."""
    silent = sorted(stack.reaches.unreachable(organisation, at))
    if silent:
        how = f"no answer from {', '.join(silent)}: see A test page was not answered in the runbook"
    else:
        how = "everybody answered" if organisation.test_pages else "none are sent: set test_pages in the file"
    return Finding(what="test pages", well=not silent, how=how)


def _sms(stack: Stack) -> Finding:
    """Return whether SMS can be paid for: beyond the limit SNS drops them, and tells nobody."""
    phones = stack.phones()
    if not phones:
        return Finding(what="SMS", well=True, how="no phone is subscribed")
    limit = stack.sms_limit()
    enough = limit >= phones * _SMS_A_PHONE
    return Finding(
        what="SMS",
        well=enough,
        how=f"{phones} phones, at most ${limit:g} a month"
        + ("" if enough else ": pages beyond it are dropped, have it raised (docs/escalation.md)"),
    )


def _secret(stack: Stack, secret: str, fields: tuple[str, ...]) -> Finding:
    """Return whether a secret is there with the fields its network needs; its values are never shown."""
    what = f"secret {secret}"
    try:
        there = stack.credentials.read(secret)
    except Refused as error:
        return Finding(what=what, well=False, how=error.detail)
    missing = [field for field in fields if field not in there]
    return Finding(what=what, well=not missing, how=f"without {', '.join(missing)}" if missing else "there")


def _queues(stack: Stack) -> Iterator[Finding]:
    waiting = stack.waiting("CommonQueueUrl")
    yield Finding(what="common queue", well=waiting < 1_000, how=f"{waiting} items wait")  # noqa: PLR2004 - a second's work
    for name, output in (
        ("dead-letter queue", "DeadLetterQueueUrl"),
        ("forward failures", "ForwardFailuresUrl"),
    ):
        count = stack.waiting(output)
        yield Finding(
            what=name, well=not count, how=f"{count} messages: see the runbook" if count else "empty"
        )
