"""What a person sees at the desk: the inbox by due time, one case whole, who is on duty, the cards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allhours.domain.access import Action, actions_on, may_see
from allhours.domain.alike import grouped
from allhours.domain.approval import may_agree
from allhours.domain.cards import offered
from allhours.domain.case import DESK
from allhours.domain.conversation import Line as Line  # noqa: PLC0414 - part of what is read here
from allhours.domain.conversation import conversation
from allhours.domain.errors import NotAllowed, NotThere
from allhours.domain.explained import in_short
from allhours.domain.recorded import FILTERED, Conversation
from allhours.domain.seen import changes_since, seen_of
from allhours.domain.voice import Voice, signature, signed
from allhours.flows.desk_deeds import on_record
from allhours.flows.desk_settle import reply_for
from allhours.flows.desk_words import answered_item, ways_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.audit import Audit
    from allhours.domain.case import Case
    from allhours.domain.draft import Draft
    from allhours.domain.organisation import AnswerCard, OnDuty
    from allhours.domain.reply import Reply
    from allhours.domain.reply_from import Way
    from allhours.flows.desk_ports import Asked, Desk, OnRecord

EXCERPT = 140  # characters of a post in a list
MOST_SIMILAR = 10  # cases that ask the same, as shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A case in a list; `excerpt` is the start of its author's newest post, `alike` counts its group here."""

    case: Case
    owner_name: str
    excerpt: str
    alike: int
    draft: Draft | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Rows in due order (closed ones: newest first), and where the list goes on; a page may be short."""

    rows: tuple[Row, ...]
    next: str
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """An answer card, with its text for the case's network."""

    card: AnswerCard
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One case and all that somebody needs who answers it.

    `seen` stands for the conversation as shown; `changed` is what happened since the draft was written.
    `answers` is the post that is answered by default, `signed` the draft's text as it goes out. `why` has the
    newest decision first, `ways` the best way first. `signature` is how this person's answers end. `on_duty`
    is None where there is no such unit. `similar` are cases that ask the same, with the start of their post.
    """

    row: Row
    seen: str
    changed: tuple[str, ...]
    conversation: tuple[Line, ...]
    answers: str
    why: tuple[str, ...]
    ways: tuple[Way, ...]
    cards: tuple[Suggested, ...]
    voice: Voice
    signature: str
    signed: str
    on_duty: OnDuty | None
    protocol: str
    actions: tuple[Action, ...]
    similar: tuple[tuple[Case, str], ...]


def inbox(asked: Asked, *, who: Who, desk: Desk) -> Inbox:
    """Return a page of cases of those units asked for that may be seen; of all where none is named."""
    seen = who.units(desk.organisation)
    units = tuple(unit for unit in seen if unit in asked.units or not asked.units)
    if not units:
        named = ", ".join(asked.units) or "any unit"
        raise NotAllowed(f"{who.member} may not see the cases of {named}")
    listed = desk.store.listed(replace(asked, units=units))
    groups = {
        case.case_id: len(group.cases)
        for group in grouped(one.case for one in listed.found)
        for case in group.cases
    }
    rows = (
        Row(
            case=one.case,
            owner_name=owner_name(desk, one.case.owner),
            excerpt=_excerpt(one.item.text) if one.item else "",
            alike=groups[one.case.case_id],
            draft=one.draft,
        )
        for one in listed.found
    )
    return Inbox(rows=tuple(rows), next=listed.next, troubles=listed.troubles)


def one(case_id: str, *, who: Who, desk: Desk, at: datetime) -> Whole:
    """Return a case whole; `NotThere` where it is not on record, or is none that may be seen."""
    on = on_record(case_id, Action.SEE, who=who, desk=desk, whole=True)
    case, bank = on.case, desk.organisation
    unit = bank.units.get(case.unit)
    item = answered_item(on) if _is_answerable(on) else None
    excerpt = _excerpt(item.text) if item else ""
    kind = bank.urgent.get(case.urgent)
    member = bank.members.get(who.member)
    return Whole(
        row=Row(
            case=case,
            owner_name=owner_name(desk, case.owner),
            excerpt=excerpt,
            alike=len(on.alike) + 1,
            draft=on.draft,
        ),
        seen=seen_of(case, on.rows, on.replies),
        changed=_changed(on),
        conversation=conversation(case, on.rows, on.replies, on.notes, bank.members),
        answers=item.key if item else "",
        why=why(on),
        ways=ways_of(on, item, writer=who, desk=desk, at=at) if item and unit else (),
        cards=_cards(on, desk, at),
        voice=unit.voice if unit else Voice(),
        signature=signature(unit.voice, member=member, unit=unit.title) if unit else "",
        signed=_signed(on, desk),
        on_duty=bank.on_duty(case.unit, at, case=case_id) if unit else None,
        protocol=kind.protocol if kind else "",
        actions=_actions(on, who),
        similar=tuple(
            (other.case, _excerpt(other.item.text) if other.item else "") for other in on.alike[:MOST_SIMILAR]
        ),
    )


def why(on: OnRecord) -> tuple[str, ...]:
    """Return why the case is here: each decision in short, the newest first; `allhours explain` says all."""
    told = Conversation(key=on.case.conversation_key, rows=on.rows).decisions()
    return tuple(
        f"{each.at:%b %d %H:%M} UTC, {in_short(each.told)}"
        for each in reversed(told)
        if each.kind != FILTERED
    )


def audits(subject: str, *, who: Who, desk: Desk) -> Sequence[Audit]:
    """Return what was done to a case, or at a unit beside its cases."""
    if subject not in desk.organisation.units:
        on_record(subject, Action.SEE, who=who, desk=desk)
    elif not may_see(who, subject):
        raise NotThere(f"there is no unit {subject}")
    return desk.store.audits(subject)


def reply(reply_id: str, *, who: Who, desk: Desk) -> Reply:
    """Return a reply of a unit that may be seen."""
    return reply_for(reply_id, who=who, desk=desk)


def cards(unit: str, *, who: Who, desk: Desk, at: datetime) -> tuple[AnswerCard, ...]:
    """Return the unit's answer cards that are not over and whose link leads somewhere."""
    if not may_see(who, unit):
        raise NotThere(f"there is no unit {unit}")
    theirs = [card for card in desk.organisation.answers.values() if card.unit == unit]
    return tuple(_offered(theirs, desk, at))


def duty(unit: str, *, who: Who, desk: Desk, at: datetime) -> OnDuty:
    """Return who is on duty; whoever sees one unit may ask it of every unit."""
    if unit not in desk.organisation.units or not who.units(desk.organisation):
        raise NotThere(f"there is no unit {unit}")
    return desk.organisation.on_duty(unit, at)


def owner_name(desk: Desk, owner: str) -> str:
    """Return what people call an owner."""
    member = desk.organisation.members.get(owner)
    return member.name if member else owner.removeprefix(DESK)


def _actions(on: OnRecord, who: Who) -> tuple[Action, ...]:
    """Return what this person may do now; nobody agrees to a draft of their own."""
    own = bool(on.draft and not may_agree(who, on.case, on.draft).allowed)
    return tuple(each for each in actions_on(who, on.case) if not (own and each is Action.APPROVE))


def _is_answerable(on: OnRecord) -> bool:
    return any(not row.deleted for row in on.rows)


def _changed(on: OnRecord) -> tuple[str, ...]:
    if on.draft is None or not on.draft.seen:
        return ()
    return changes_since(on.draft.seen, on.case, on.rows, on.replies)


def _signed(on: OnRecord, desk: Desk) -> str:
    """Return the draft's text with its writer's signature; "" where there is no draft."""
    draft, unit = on.draft, desk.organisation.units.get(on.case.unit)
    if draft is None or unit is None:
        return ""
    return signed(
        draft.text,
        unit.voice,
        member=desk.organisation.members.get(draft.by),
        unit=unit.title,
        network=on.case.network,
        names_unit=bool(draft.account) and draft.account not in unit.accounts,
    )


def _cards(on: OnRecord, desk: Desk, at: datetime) -> tuple[Suggested, ...]:
    """Return the cards that triage found to fit, the likeliest of the newest post first."""
    events = (told for row in reversed(on.rows) if not row.deleted for told in reversed(row.events))
    ids = dict.fromkeys(str(card) for told in events for card in told.get("answers", ()))
    found = [desk.organisation.answers[each] for each in ids if each in desk.organisation.answers]
    return tuple(Suggested(card=card, text=card.on(on.case.network)) for card in _offered(found, desk, at))


def _offered(found: Sequence[AnswerCard], desk: Desk, at: datetime) -> Iterator[AnswerCard]:
    """Yield the cards that are not over and whose link was not found broken."""
    healths = desk.cards.healths([card.card_id for card in found]) if found else {}
    return (card for card in found if offered(card, healths.get(card.card_id), at.date()).allowed)


def _excerpt(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= EXCERPT else said[: EXCERPT - 1].rstrip() + "…"
