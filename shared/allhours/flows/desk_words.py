"""Words on their way out: signed, measured, linted, with the ways they may take and who has to agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allhours.domain.approval import needed
from allhours.domain.errors import BadInput
from allhours.domain.item import Change, Kind
from allhours.domain.lint import lint
from allhours.domain.reply_from import chosen, ways
from allhours.domain.voice import signed
from allhours.networks.contract import Cost

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.item import Item
    from allhours.domain.lint import Finding
    from allhours.domain.reply_from import Way
    from allhours.flows.desk_ports import Desk, OnRecord
    from allhours.networks.contract import Length


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What somebody wants to answer: `item_key` "" is the author's newest post, `account` "" the best way."""

    text: str
    item_key: str = ""
    private: bool = False
    account: str = ""
    handle: str = ""
    card: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Words as they would go out.

    `text` is signed. `way` is the one they would take, None where there is none; `ways` are all. `blocked`
    are the reasons why they cannot go, `needs_approval` says why a second person has to agree, "" for nobody.
    """

    text: str
    item_key: str
    way: Way | None
    ways: tuple[Way, ...]
    findings: tuple[Finding, ...]
    lengths: tuple[Length, ...]
    cost: Cost
    needs_approval: str
    blocked: tuple[str, ...]

    @property
    def may_send(self) -> bool:
        """Return whether they may go out, a second person's word aside."""
        return not self.blocked


def checked(on: OnRecord, words: Words, *, writer: Who, desk: Desk, at: datetime) -> Checked:
    """Return the words as they would go out with the writer's signature; nothing is asked of a network."""
    case, item = on.case, answered_item(on, words.item_key)
    unit, replier = desk.organisation.units[case.unit], desk.networks.replier(case.network)
    member = desk.organisation.members.get(writer.member)
    found = ways_of(on, item, writer=writer, desk=desk, at=at)
    way = chosen(found, words.account, words.handle, private=words.private)
    text = signed(
        words.text,
        unit.voice,
        member=member,
        unit=unit.title,
        network=case.network,
        names_unit=bool(way and not way.own),
    )
    lengths = replier.length(text, item, private=words.private) if replier else ()
    findings = lint(text, linting=unit.linting, ours=desk.ours, private=words.private, lengths=lengths)
    warnings = [each.kind for each in findings if each.ruling == "warn"]
    blocked = [each.message for each in findings if each.ruling == "block"]
    if way is None:
        blocked.append(f"{words.handle or words.account or case.unit} has no handle that could say this")
    elif not way.allowed:
        blocked.append(f"{way.handle}: {way.reason}")
    if not words.text.strip():
        blocked.append("it has no words")
    if words.card and words.card not in desk.organisation.answers:
        blocked.append(f"there is no answer card {words.card!r}")
    return Checked(
        text=text,
        item_key=item.key,
        way=way,
        ways=found,
        findings=findings,
        lengths=lengths,
        cost=replier.cost(text, item, private=words.private) if replier else Cost(),
        needs_approval=needed(unit, case, warnings, writer=writer),
        blocked=tuple(blocked),
    )


def ways_of(on: OnRecord, item: Item, *, writer: Who, desk: Desk, at: datetime) -> tuple[Way, ...]:
    """Return every way to answer the item, and why the others are none."""
    can = desk.networks.capabilities(item.network)
    return ways(
        desk.organisation,
        on.case.unit,
        item,
        member=desk.organisation.members.get(writer.member),
        rules=desk.networks.replier(item.network),
        why_none=can.replies.how,
        why_not_private="" if can.moves_to_private.can else can.moves_to_private.how,
        veto=on.case.veto,
        at=at,
    )


def answered_item(on: OnRecord, item_key: str = "") -> Item:
    """Return the post that is answered, its author's newest by default; `BadInput` where there is none."""
    posts = [row for row in on.rows if row.item.kind is not Kind.PROFILE]
    if item_key:
        row = next((row for row in posts if row.item.key == item_key), None)
        if row is None:
            raise BadInput(f"item_key: {item_key} is no post of case {on.case.case_id}")
        return replace(row.item, change=Change.DELETED) if row.deleted else row.item
    kept = [row.item for row in posts if not row.deleted]
    own = [item for item in kept if item.author.author_id == on.case.author_id] or kept
    if not own:
        raise BadInput(f"case {on.case.case_id} has no post that is still there: nothing can be answered")
    return own[-1]


def fit_to_keep(text: str, findings: tuple[Finding, ...]) -> str:
    """Return a draft as it may be kept: without personal data that could not go out."""
    for one in sorted(findings, key=lambda each: each.start, reverse=True):
        if one.kind == "personal_data" and one.ruling == "block":
            text = f"{text[: one.start]}[…]{text[one.end :]}"
    return text
