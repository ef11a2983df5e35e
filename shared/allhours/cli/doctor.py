"""Look over a deployed stack: what is not well, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.errors import Refused
from allhours.domain.life import MEANS, Life, may_read
from allhours.domain.spending import NEAR, Ceiling
from allhours.networks import network_module

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from allhours.aws.stack import Stack
    from allhours.domain.handle import Handle
    from allhours.domain.organisation import Organisation
    from allhours.flows.care import Cared
    from allhours.flows.silence import Conversations, Learnt, Rates

_LOOKED_AT_WITHIN = timedelta(hours=3)  # connections are cared for every hour
_RENEW_WITHIN = 14  # days
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
    from allhours.aws.rates import DynamoConversations, DynamoRates  # noqa: PLC0415 - boto3, see deployed.stack

    organisation, stack = shared.organisation_of(arguments), deployed.stack(arguments)
    rates, conversations = DynamoRates(stack.table), DynamoConversations(stack.table)
    findings = [*examine(stack, organisation, now(), rates=rates, conversations=conversations)]
    if arguments.json:
        for finding in findings:
            tell({"what": finding.what, "well": finding.well, "how": finding.how})
    else:
        table(("", "what", "how"), [("ok" if f.well else "!!", f.what, f.how) for f in findings])
        say(verdict(findings))
    return 0 if all(finding.well for finding in findings) else 1


def verdict(findings: Sequence[Finding]) -> str:
    """Return in one line whether anybody is needed, and for what."""
    ill = [finding.what for finding in findings if not finding.well]
    if not ill:
        return f"All {len(findings)} things looked at are as they should be."
    return f"{len(ill)} of {len(findings)} things need somebody: {', '.join(ill)}."


def examine(
    stack: Stack,
    organisation: Organisation,
    at: datetime,
    *,
    rates: Rates,
    conversations: Conversations,
) -> Iterator[Finding]:
    """Yield what is found, the things that hurt customers first.

    Of a network that is not read any more, nothing is expected but that it is so.
    """
    networks = list(dict.fromkeys(handle.network for handle in organisation.handles))
    lives = {network: organisation.life_of(network) for network in networks}
    read = [network for network in networks if may_read(lives[network]).allowed]
    handles = [handle for handle in organisation.handles if handle.network in read]
    for network, life in lives.items():
        if life is not Life.LIVE:
            yield Finding(what=network, well=True, how=f"{life.replace('_', ' ')}: {MEANS[life]}")
    learnt, cared = rates.load(handles), stack.connections.load(handles)
    for handle in handles:
        if handle.secret:
            yield _secret(
                stack, handle.secret, network_module(handle.network).capabilities.secret_fields, handle
            )
        newest = conversations.newest(handle)
        yield from _heard(stack, organisation, handle, learnt=learnt.get(handle.key), newest=newest, at=at)
        yield from _connection(handle, cared.get(handle.key), at)
    for network in read:
        if fields := network_module(network).capabilities.app_secret_fields:
            yield _secret(stack, f"{network}/app", fields)
    yield from _spent(stack, organisation, read, at)
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


def _heard(
    stack: Stack,
    organisation: Organisation,
    handle: Handle,
    *,
    learnt: Learnt | None,
    newest: datetime | None,
    at: datetime,
) -> Iterator[Finding]:
    """Yield when something last came, by poll or webhook, and which streams rest."""
    what, bookmark = f"{handle.network} {handle.handle}", stack.cursors.load(handle)
    polled = network_module(handle.network).capabilities.polls_every is not None
    last = max(filter(None, (bookmark.heard_at, newest)), default=None)
    limit = organisation.silent_after.get(handle.network)
    if last is None or (polled and bookmark.heard_at is None):
        never = "never read yet: is the network on?" if polled else "nobody has written yet; webhook only"
        yield Finding(what=what, well=not polled, how=never)
        return
    silent = bool(limit is not None and at - last > limit)
    how = f"last heard {last:%Y-%m-%d %H:%M} UTC, {_ago(at - last)}{'' if polled else ', by webhook only'}"
    if learnt and learnt.rate.is_silent(last, at):
        silent = True
        how += f": quiet beyond chance, {learnt.rate.awaited(last, at):.0f} conversations were to be expected"
    elif silent:
        how += ": longer than silent_after"
    yield Finding(what=what, well=not silent, how=how)
    for stream, marks in bookmark.cursor.items():
        wait = float(marks.get("not_before", 0)) - at.timestamp() if isinstance(marks, dict) else 0.0
        if wait > 0:
            yield Finding(
                what=f"{what} {stream}", well=False, how=f"rests for {wait:.0f} s, told so by the network"
            )


def _ago(length: timedelta) -> str:
    """Return a length of time in words, as exact as a person needs it."""
    minutes = int(length.total_seconds()) // 60
    for unit, size in (("days", 1_440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit} ago"
    return f"{minutes} min ago"


def _connection(handle: Handle, seen: Cared | None, at: datetime) -> Iterator[Finding]:
    """Yield how a connection was when it was last looked at: token, webhook, and quota."""
    what = f"{handle.network} {handle.handle} connection"
    if seen is None:
        if handle.secret:
            yield Finding(what=what, well=False, how="never looked at yet: is the network on?")
        return
    health, parts, reconnect = seen.health, list(seen.health.notes), seen.health.webhook_ok is False
    if expires := health.token_expires:
        days = (expires - at) // timedelta(days=1)
        reconnect = reconnect or days <= _RENEW_WITHIN
        parts.append(
            f"its token ran out on {expires:%Y-%m-%d}"
            if expires <= at
            else f"a person must renew its token in {days} days, before {expires:%Y-%m-%d}"
        )
    if health.webhook:
        parts.append(f"webhook: {health.webhook}")
    full = health.quota_used is not None and health.quota_used >= NEAR
    if health.quota or full:
        parts.append(f"quota: {health.quota or format(health.quota_used, '.0%')}")
    old = at - seen.at > _LOOKED_AT_WITHIN
    if reconnect:
        parts.append(f"run allhours connect {handle.network} {handle.account}")
    if old:
        parts.append(f"not looked at since {seen.at:%Y-%m-%d %H:%M} UTC: does it page, is its function on?")
    yield Finding(
        what=what,
        well=not (old or reconnect or full or health.notes),
        how="; ".join(parts) or "as it should be",
    )


def _spent(
    stack: Stack, organisation: Organisation, networks: Iterable[str], at: datetime
) -> Iterator[Finding]:
    """Yield what paid reads and quota units have cost today."""
    for network in networks:
        budget = network_module(network).capabilities.budget
        if budget is None:
            continue
        a_day = organisation.daily_budgets.get(network, budget.a_day)
        ceiling = Ceiling(a_day=a_day, unit=budget.unit, zone=budget.zone)
        accounts = dict.fromkeys(handle.account for handle in organisation.handles_on(network))
        purses = [network] if budget.of_app else [f"{network}#{account}" for account in accounts]
        for purse in purses:
            spent = stack.spendings.total(purse, ceiling.day(at))
            stopped = "" if spent < a_day else f": nothing more until midnight {budget.zone}"
            yield Finding(
                what=f"{purse.replace('#', ' ')} budget",
                well=not ceiling.is_near(spent),
                how=f"{ceiling.amount(spent)} today{stopped}",
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


def _secret(stack: Stack, secret: str, fields: tuple[str, ...], handle: Handle | None = None) -> Finding:
    """Return whether a secret is there with the fields its network needs; its values are never shown."""
    what = f"secret {secret}"
    try:
        there = stack.credentials.read(secret)
    except Refused as error:
        return Finding(what=what, well=False, how=error.detail)
    missing = [field for field in fields if not there.get(field)]
    mend = f": allhours connect {handle.network} {handle.account}" if handle else ""
    how = f"without {', '.join(missing)}{mend}" if missing else "there"
    return Finding(what=what, well=not missing, how=how)


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
