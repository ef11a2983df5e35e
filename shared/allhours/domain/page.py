"""A page calls a person: what happened, to whom it matters, what to do.

Of a customer's words, masked as they are, it has those alone that a list or rule of ours names as urgent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from allhours.domain.case import DESK
from allhours.domain.notice import Notice, to_unit
from allhours.domain.service_level import FIRST_ANSWER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.budget import Budget
    from allhours.domain.case import Case
    from allhours.domain.errors import NetworkError
    from allhours.domain.escalation import Climb
    from allhours.domain.organisation import OnDuty, Organisation
    from allhours.domain.reply import Reply

SMS_LIMIT = 140  # characters; one SMS part of GSM 03.38 text minus the sender's prefix
SMS_PART, SMS_TWO_PARTS = 160, 306  # septets of GSM 03.38; each of two parts gives 7 to the joint


class Why(StrEnum):
    """The kinds of page; people subscribe to them by filter policy."""

    URGENT = "urgent"
    NOBODY_ON_DUTY = "nobody_on_duty"
    OVERDUE = "overdue"
    DEAD_LETTER = "dead_letter"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a kind of page, no password
    NETWORK_SILENT = "network_silent"
    BUDGET = "budget"
    CONNECTION = "connection"
    BUNDLE = "bundle"
    TEST = "test"
    GAP_AHEAD = "gap_ahead"
    REPLY_STUCK = "reply_stuck"
    REPLY_REJECTED = "reply_rejected"
    ANSWERED_TWICE = "answered_twice"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One call to a person; `page_id` is the same for the same cause, so a cause pages once.

    `about` names the pages that a bundle stands for, oldest first; `also` are called beside the ladder.
    """

    page_id: str
    why: Why
    severity: str  # "critical" climbs until somebody has it, "warning" waits for the morning, "test" tries
    unit: str
    member: str
    sms: str
    subject: str
    story: str
    at: datetime
    about: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Tell whether there is something to acknowledge: the page, or those that a bundle stands for."""
        return self.severity in {"critical", "test"} or bool(self.about)


def urgent(
    case: Case,
    duty: OnDuty,
    because: str,
    at: datetime,
    *,
    protocol: str = "",
    cause: str = "",
    also: tuple[str, ...] = (),
) -> Page:
    """Call the person on duty to an urgent case, and `also` those who are called at once beside the ladder.

    It is sent once for a `cause`, which is the unit if nothing else: the next unit is called as well.
    """
    do = f"{'Keep to the protocol' if protocol else 'Answer now'}: case {case.case_id} on {case.network}"
    return Page(
        page_id=f"urgent#{case.case_id}#{case.reopened}#{cause or duty.unit}",
        why=Why.URGENT,
        severity="critical",
        unit=duty.unit,
        member=duty.person,
        sms=_sms(f"URGENT {duty.unit}, {duty.person}", because, do),
        subject=f"Urgent case for {duty.unit} on {case.network}",
        story=(
            f"An urgent post on {case.network} is in case {case.case_id}.\n"
            f"Why: {because}.\nUnit: {case.unit}, account {case.account} ({case.reason}).\n"
            f"On duty: {duty.person} ({duty.because}).\nFirst said at {case.opened_at:%Y-%m-%d %H:%M} UTC.\n"
            + (f"Protocol: {protocol}\n" if protocol else "")
            + f"Do: answer it from the unit's inbox; `allhours trace {case.case_id}` shows all that happened."
        ),
        at=at,
        also=also,
    )


def overdue(case: Case, duty: OnDuty, kind: str, due_at: datetime, at: datetime) -> Page:
    """Call the case's owner to a promise that was broken; once for each, and again when it was reopened."""
    promise = kind.replace("_", " ")
    member = duty.person if case.owner.startswith(DESK) or not case.owner else case.owner
    return Page(
        page_id=f"overdue#{case.case_id}#{kind}#{case.reopened}",
        why=Why.OVERDUE,
        severity="critical" if kind == FIRST_ANSWER else "warning",
        unit=case.unit,
        member=member,
        sms=_sms(
            f"OVERDUE {case.unit}, {member}",
            f"{promise} was due {due_at:%H:%M} UTC",
            f"Answer case {case.case_id} on {case.network}",
        ),
        subject=f"Overdue: {promise} for {case.unit}",
        story=(
            f"Case {case.case_id} on {case.network}, priority {case.priority}, is overdue.\n"
            f"Promised: {promise} by {due_at:%Y-%m-%d %H:%M} UTC; "
            f"first said at {case.opened_at:%Y-%m-%d %H:%M} UTC.\n"
            f"Unit: {case.unit}, account {case.account}. Owner: {case.owner}. "
            f"On duty: {duty.person} ({duty.because}).\n"
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


def network_silent(network: str, handle: str, since: datetime, at: datetime, *, awaited: float = 0.0) -> Page:
    """Tell that a channel has said nothing for longer than the organisation, or chance, finds normal.

    Once a day and handle. `awaited` is how many conversations were to be expected, 0 where nobody knows.
    """
    usual = f" In that time about {awaited:.0f} conversations begin as a rule.\n" if awaited else "\n"
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
            f"since {since:%Y-%m-%d %H:%M} UTC ({hours} hours).{usual}"
            "Either nobody wrote, or we do not hear them.\nDo: see runbook heading “A network is silent”."
        ),
        at=at,
    )


def budget(network: str, whose: str, amount: str, day: str, at: datetime, *, over: bool) -> Page:
    """Tell that paid reads or quota units run out, at four fifths and at the ceiling; once each a day."""
    what = "is used up" if over else "is nearly used up"
    then = "Nothing is read there until tomorrow" if over else "At the ceiling reading stops until tomorrow"
    return Page(
        page_id=f"budget#{network}#{whose}#{day}#{'over' if over else 'near'}",
        why=Why.BUDGET,
        severity="critical" if over else "warning",
        unit="operations",
        member="operations",
        sms=_sms(f"BUDGET {network} {whose}"[:50], amount, "Raise networks.daily_budget, or find the cause"),
        subject=f"The day's budget for {network} {what}",
        story=(
            f"{whose[:1].upper()}{whose[1:]} on {network} spent {amount} on {day}.\n"
            f"{then}, unless `networks.{network}.daily_budget` in the organisation file is raised.\n"
            "Do: see runbook heading “A budget runs out”."
        ),
        at=at,
    )


def connection(
    network: str, handle: str, what: str, *, mend: str, stamp: str, at: datetime, soon: bool
) -> Page:
    """Tell that a token will run out, or that the network no longer calls our webhook; once for a `stamp`."""
    return Page(
        page_id=f"connection#{network}#{handle}#{stamp}",
        why=Why.CONNECTION,
        severity="critical" if soon else "warning",
        unit="operations",
        member="operations",
        sms=_sms(f"CONNECTION {network} {handle}"[:50], what, mend),
        subject=f"{network} {handle}: {what}"[:100],
        story=(
            f"{handle} on {network}: {what}.\n"
            "Customers are still heard. If nobody does anything, they will not be.\n"
            f"Do: {mend}. See runbook heading “A connection runs out”."
        ),
        at=at,
    )


def webhook_off(webhook_id: str, reason: str, at: datetime) -> Page:
    """Tell that another system wants no events any more; once a day and webhook."""
    return Page(
        page_id=f"webhook#{webhook_id}#{at:%Y-%m-%d}",
        why=Why.WEBHOOK,
        severity="warning",
        unit="operations",
        member="operations",
        sms=_sms(f"WEBHOOK {webhook_id} OFF"[:50], reason, "Ask who runs it, then redrive --webhooks"),
        subject=f"Webhook {webhook_id} is switched off"[:100],
        story=(
            f"The receiver of webhook {webhook_id} turned it off: {reason}.\n"
            "Nothing is sent there any more; what happens stays in the webhooks' dead letters for 14 days.\n"
            "Do: see runbook heading “A webhook is switched off”."
        ),
        at=at,
    )


def gap_ahead(
    unit: str,
    *,
    kind: str,
    start: int,
    end: int,
    lead: int,
    fill: str,
    member: str,
    at: datetime,
    again: int = 0,
    accepted: bool = False,
) -> Page:
    """Tell that the rota has a hole, `lead` seconds before it begins: once, and `again` when it reopened.

    In the last three days before it, it wakes somebody, unless the organisation file accepts it.
    """
    begin, last = (datetime.fromtimestamp(one, UTC) for one in (start, end))
    until = f"{last:%Y-%m-%d %H:%M} UTC" if last.year < NEVER else "further notice"
    what = _WHO_IS_THERE.get(kind, "nobody")
    ahead = start - int(at.timestamp())
    when = f"in {ahead // _HOUR} h" if ahead >= _HOUR else "now"
    mend = f"{fill}." if fill else "nobody who works there can: ask another unit, or accept it in the file."
    known = " The organisation file accepts it, so nobody is woken for it." if accepted else ""
    return Page(
        page_id=f"{kind}#{unit}#{start}#{end}#{lead}" + (f"#{again}" if again else ""),
        why=Why.GAP_AHEAD,
        severity="critical" if ahead <= _SOON and not accepted else "warning",
        unit=unit,
        member=member,
        sms=_sms(
            f"GAP {unit} {when}, {begin:%Y-%m-%d %H:%M} UTC",
            f"{what} on duty",
            fill.partition(": ")[0] or "Find somebody",
        ),
        subject=f"{what.capitalize()} on duty for {unit} {when}",
        story=(
            f"From {begin:%Y-%m-%d %H:%M} UTC until {until} the rota has {what} on duty for {unit}.{known}\n"
            f"Cheapest fill: {mend}\n"
            "Do: put somebody on with `allhours change`, or ask for a swap; each change is proved first.\n"
            "docs/cover.md says what each finding means."
        ),
        at=at,
    )


_WHO_IS_THERE = {
    "thin": "too few people",
    "uncertified": "nobody qualified",
    "unreachable": "nobody whom pages reach",
}
_HOUR, _SOON = 3_600, 72 * 3_600  # seconds
NEVER = 9999  # the year in which a hole ends that reaches beyond what is proved


def reply_stuck(reply: Reply, duty: OnDuty, at: datetime) -> Page:
    """Call a person to an answer of which no machine can tell whether the customer has it."""
    return _of_reply(
        reply,
        duty,
        Why.REPLY_STUCK,
        severity="critical",
        what=f"LOOK whether an answer is out on {reply.network}",
        because=reply.reason,
        do="Look there, then say at the desk whether it is out. See runbook heading “An answer is stuck”.",
        at=at,
    )


def reply_rejected(reply: Reply, duty: OnDuty, at: datetime) -> Page:
    """Tell that an approved answer will not go out; who waits for it is watched by the promises."""
    return _of_reply(
        reply,
        duty,
        Why.REPLY_REJECTED,
        severity="warning",
        what=f"NOT SENT on {reply.network}",
        because=reply.reason,
        do="Answer anew where that is still possible. See runbook heading “An answer was not sent”.",
        at=at,
    )


def reply_lost(reply: Reply, duty: OnDuty, because: str, at: datetime) -> Page:
    """Call a person to an answer that the network took and did not bring: nobody else waits for it now."""
    return _of_reply(
        reply,
        duty,
        Why.REPLY_REJECTED,
        severity="critical",
        what=f"NOT DELIVERED on {reply.network}",
        because=because,
        do="Answer anew, or by another way. See runbook heading “An answer was not sent”.",
        at=at,
    )


def answered_twice(reply: Reply, duty: OnDuty, other: str, at: datetime) -> Page:
    """Call a person to a second post of ours below one item; `other` is the network's id of it."""
    return _of_reply(
        reply,
        duty,
        Why.ANSWERED_TWICE,
        severity="critical",
        what=f"TWO ANSWERS on {reply.network}",
        because=f"{other} is there beside {reply.post_id}",
        do="Delete one of them on the network. See runbook heading “A customer was answered twice”.",
        at=at,
    )


def _of_reply(
    reply: Reply, duty: OnDuty, why: Why, *, severity: str, what: str, because: str, do: str, at: datetime
) -> Page:
    return Page(
        page_id=f"{why.value}#{reply.reply_id}#{reply.version}",
        why=why,
        severity=severity,
        unit=duty.unit,
        member=duty.person,
        sms=_sms(what, because, f"Case {reply.case_id}"),
        subject=f"{what[:1].upper()}{what[1:].lower()}"[:100],
        story=(
            f"Answer {reply.reply_id} from {reply.handle} on {reply.network}, in case {reply.case_id}, "
            f"is {reply.state.replace('_', ' ')}.\nWhy: {because}.\n"
            f"Let go by {reply.approved_by} at {reply.approved_at:%Y-%m-%d %H:%M} UTC, "
            f"tried {reply.attempts} times.\nDo: {do}"
        ),
        at=at,
    )


def bundle(member: str, budget: Budget, at: datetime) -> Page:
    """Tell a member at once of all that was over the budget; once for each time that it frees."""
    waiting, count = budget.waiting, len(budget.waiting) + budget.more
    units = {call.kind.partition("#")[2] for call in waiting}
    others = f"\nand {budget.more} more: `allhours page list` shows what is open" if budget.more else ""
    return Page(
        page_id=f"bundle#{member}#{at:%Y-%m-%dT%H:%M:%S}",
        why=Why.BUNDLE,
        severity="warning",
        unit=units.pop() if len(units) == 1 else "operations",
        member=member,
        sms=_sms(f"{count} MORE PAGES for {member}", waiting[-1].sentence, "The link takes them all"),
        subject=f"{count} more pages for {member}",
        story=(
            f"{count} more pages came for {member} than one person is sent at once:\n"
            + "\n".join(f"- {call.sentence} ({call.page_id})" for call in waiting)
            + f"{others}\nEach of them climbs its ladder all the same.\n"
            "Do: open the link, which takes all that are named here and nobody has."
        ),
        at=at,
        about=tuple(call.page_id for call in waiting),
    )


def trial(member: str, unit: str, week: str, within: int, at: datetime) -> Page:
    """Try whether pages reach a member; once a week."""
    until = at + timedelta(seconds=within)
    return Page(
        page_id=f"test#{member}#{week}",
        why=Why.TEST,
        severity="test",
        unit=unit,
        member=member,
        sms=_sms(f"TEST for {member}", f"this week's test page, {week}", "Open the link: that is all"),
        subject=f"Test page for {member}",
        story=(
            f"This is the test page of {week} for {member}; nothing has happened.\n"
            f"Whoever has not acknowledged it by {until:%Y-%m-%d %H:%M} UTC counts as unreachable, "
            "and the proof of cover says so.\n"
            "Do: open the link, and press the button if there is one."
        ),
        at=at,
    )


def with_link(page: Page, link: str) -> str:
    """Return the SMS with its link: what happened and the link first, then as much more as one part takes.

    Where what and link alone are longer than one part, there are two; what is too long for these loses words,
    never the link.
    """
    if not link:
        return page.sms
    what, _, more = page.sms.partition(": ")
    what = _cut(what, SMS_TWO_PARTS - _septets(link) - 2)
    start = f"{what}: {link}"
    limit = SMS_PART if _septets(start) <= SMS_PART else SMS_TWO_PARTS
    more = _cut(more, limit - _septets(start) - 1)
    return f"{start} {more}" if more else start


_TWICE = frozenset("^{}[]~|\\\f€")  # GSM 03.38 escapes these, so that each is two septets


def _septets(text: str) -> int:
    return len(text) + sum(character in _TWICE for character in text)


def _cut(text: str, room: int) -> str:
    """Return the text, or as much of it as fits with an ellipsis; nothing where that would say nothing."""
    if _septets(text) <= room:
        return text
    while text and _septets(text) > room - 3:
        text = text[:-1]
    return f"{text}..." if len(text) > _WORD else ""


_WORD = 8  # characters; less of a sentence tells nothing


_SMS_CHARACTERS = str.maketrans({"“": '"', "”": '"', "\u2019": "'", "…": "...", "`": "'", "\n": " "})


def _sms(what: str, why: str, do: str) -> str:
    """Return what happened, why, and what to do, in one SMS; when it is too long the why gives way."""
    what, why, do = (part.translate(_SMS_CHARACTERS) for part in (what, why, do))  # others halve an SMS
    room = SMS_LIMIT - 1 - len(what) - len(do) - len(": . ")
    if len(why) > room:
        why = why[: max(0, room - 3)] + "..."
    return f"{what}: {why}. {do}"[: SMS_LIMIT - 1]


def page_notice(
    event: str, page: Page, climb: Climb, organisation: Organisation, at: datetime, *, by: str = ""
) -> Notice:
    """Tell a unit what became of a page: `page.acknowledged`, `page.released` or `page.exhausted`."""
    body = {
        "page_id": page.page_id,
        "why": page.why.value,
        "severity": page.severity,
        "subject": page.subject,
        "by": by or climb.acknowledged_by,
        "told": list(dict.fromkeys(one.member for one in climb.told)),
    }
    return to_unit(f"{event}#{page.page_id}#{climb.released}", event, organisation, page.unit, at, body)


def page_to_json(page: Page) -> dict[str, Any]:
    """Return the page as its row keeps it."""
    body = {**asdict(page), "at": page.at.isoformat()}
    if not page.also:
        del body["also"]
    return body


def page_from_json(body: Mapping[str, Any]) -> Page:
    """Return the page that `page_to_json` wrote."""
    values: dict[str, Any] = {
        **body,
        "why": Why(body["why"]),
        "at": datetime.fromisoformat(body["at"]),
        "about": tuple(body.get("about", ())),
        "also": tuple(body.get("also", ())),
    }
    return Page(**values)
