"""Change the rota by hand: prove it before and after, write it only while what was proved still holds.

What a change opens that was not open before is an objection, and a change that meets one is refused, unless
it is forced; then the record says so. Whoever is overtaken by another change reads and proves again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias

from allhours.domain.changes import expired
from allhours.domain.errors import AllhoursError, BadInput, Busy, StaleRota
from allhours.domain.notice import to_unit
from allhours.domain.own_rota import units_of
from allhours.domain.proof import Kind, utc
from allhours.flows.prove import prove_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from allhours.domain.changes import Change
    from allhours.domain.notice import Notice
    from allhours.domain.organisation import Organisation
    from allhours.domain.proof import Finding
    from allhours.flows.cover_ports import Gaps, KnownChanges, RotaChanges

Proposal: TypeAlias = "Callable[[Organisation], Change]"
"""What is proposed, made anew from the organisation as it is; `BadInput` where it makes no sense."""

_MARGIN = 86_400  # seconds beyond the rest; a change in one shift shows in the rest beside the next
_TRIES = 5  # times that others may be faster before it is said to be busy
_TOLD = 10  # objections that are kept and told: enough to see what is wrong, few enough for the row
_MOST_PROPOSED = 20  # at a time by one member; all that waits for consent has to fit the row too


class Prove(Protocol):
    """The proof."""

    def __call__(
        self, organisation: Organisation, start: int, end: int, *, units: Collection[str]
    ) -> Sequence[Finding]:
        """List what is wrong with the cover of the units over the UTC seconds [start, end)."""
        ...


class ChangeRefused(AllhoursError):
    """Say what a change would break, each with who could fill it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Keep the findings beside their sentences."""
        self.findings = tuple(findings)
        self.objections = tuple(map(sentence, findings))
        super().__init__("the rota would not hold: " + "; ".join(self.objections))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The change as it is on record, and the organisation as it is with it."""

    change: Change
    organisation: Organisation


def change(
    proposal: Proposal,
    *,
    organisation: Organisation,
    changes: RotaChanges,
    prove: Prove,
    by: str,
    force: bool,
    at: datetime,
) -> Changed:
    """Put a proposal on record, with its notices; `ChangeRefused` says what stands against it.

    What only waits for consent is not proved yet; proposals that nobody can agree to any more are forgotten.
    `Busy` when others keep changing the rota meanwhile.
    """
    tried: Change | None = None
    for _ in range(_TRIES):
        known = changes.read()
        now = replace(organisation, changes=tuple(one for one in known.changes if not expired(one, at)))
        if tried and _stands(tried, known):  # written, and only the answer was lost
            return Changed(change=tried, organisation=now)
        proposed = proposal(now)
        before = next((one for one in now.changes if one.change_id == proposed.change_id), None)
        if before and _is_same(before, proposed):  # tapped twice
            return Changed(change=before, organisation=now)
        if not before:
            _check_proposals(now.changes, proposed)
        then = replace(organisation, changes=_with(now.changes, proposed))
        moved = _moved(before, proposed)
        objections = _objections(now, then, proposed, moved, prove)
        if objections and not force:
            raise ChangeRefused(objections)
        if objections:
            proposed = _forced(proposed, objections)
            then = replace(organisation, changes=_with(now.changes, proposed))
        tried, told = proposed, _notices(then, proposed, moved, by, at)
        try:
            changes.write(known, then.changes, proposed, at, by=by, told=told)
        except StaleRota:
            continue
        return Changed(change=proposed, organisation=then)
    raise Busy("the rota is being changed by others: try again")


def recheck(changed: Changed, *, gaps: Gaps, at: datetime, unreachable: frozenset[str] = frozenset()) -> bool:
    """Bring the record of holes up to date for the units touched; return whether that could be done now.

    The change is on record already, so trouble with this is not its failure: the night's proof does the rest.
    """
    if changed.change.state == "proposed":
        return True
    try:
        for unit in touched(changed.organisation, changed.change):
            prove_unit(changed.organisation, gaps, unit, at, unreachable=unreachable)
    except Busy:
        return False
    return True


def touched(organisation: Organisation, change: Change) -> tuple[str, ...]:
    """Name the units whose duty a change moves."""
    return (change.unit,) if change.unit else units_of(organisation, change.remove)


def sentence(finding: Finding) -> str:
    """Say what would be wrong, where and when, and who could fill it at the least cost."""
    where = f"{finding.unit}, {utc(finding.start)} to {utc(finding.end)}"
    fill = f" (could fill it: {finding.fill.sentence})" if finding.fill else ""
    return f"{where}: {finding.sentence}{fill}"


def _check_proposals(changes: Sequence[Change], proposed: Change) -> None:
    theirs = sum(one.state == "proposed" and one.by == proposed.by for one in changes)
    if proposed.state == "proposed" and theirs >= _MOST_PROPOSED:
        raise BadInput(
            f"{proposed.by} has proposed {theirs} swaps that wait for an answer: take one of them back first"
        )


def _moved(before: Change | None, changed: Change) -> tuple[int, int]:
    """Return the stretch in which duty moves: of what is taken back after it had begun, the rest."""
    if before and changed.end < before.end:
        return changed.end, before.end
    return max(changed.start, changed.agreed_at), changed.end


def _forced(change: Change, objections: Sequence[Finding]) -> Change:
    return replace(
        change,
        forced=True,
        objections=tuple(map(sentence, objections[:_TOLD])),
        more_objections=len(objections[_TOLD:]),
    )


def _objections(
    now: Organisation, then: Organisation, change: Change, moved: tuple[int, int], prove: Prove
) -> list[Finding]:
    """List the holes, and whom no page reaches, that there are with the change and not without it."""
    if change.state == "proposed":
        return []
    people = [name for name in (change.remove, change.add) if name in now.members]
    units = {*touched(then, change), *(unit for name in people for unit in units_of(then, name))}
    around = now.rest + _MARGIN
    start, end = moved[0] - around, moved[1] + around
    before = prove(now, start, end, units=units)
    after = [one for one in prove(then, start, end, units=units) if _counts(one)]
    return [one for one in after if not _was_there(one, before)]


def _counts(finding: Finding) -> bool:
    return finding.severity == "hole" or finding.kind is Kind.UNREACHABLE


def _was_there(finding: Finding, before: Sequence[Finding]) -> bool:
    """Tell whether it was as bad before, at every instant of it."""
    if finding.kind is Kind.REST:
        return any(
            one.kind is Kind.REST
            and one.member == finding.member
            and one.start < finding.end
            and one.end > finding.start
            and one.seconds <= finding.seconds
            for one in before
        )
    left = finding.start
    for one in sorted(before, key=lambda one: one.start):
        if _as_bad(one, finding) and one.start <= left:
            left = max(left, one.end)
    return left >= finding.end


def _as_bad(one: Finding, finding: Finding) -> bool:
    """Tell whether what was found before says as much against the rota while it lasts."""
    if finding.kind is Kind.THIN and one.kind is Kind.GAP and one.unit == finding.unit:
        return True
    if finding.kind is Kind.UNREACHABLE and one.sentence != finding.sentence:  # on a ladder is not on duty
        return False
    return (one.kind, one.unit, one.member) == (finding.kind, finding.unit, finding.member) and (
        one.need - one.staff >= finding.need - finding.staff
    )


def _with(changes: Sequence[Change], changed: Change) -> tuple[Change, ...]:
    """Put the change in its place, or behind the others when it is new."""
    if any(one.change_id == changed.change_id for one in changes):
        return tuple(changed if one.change_id == changed.change_id else one for one in changes)
    return (*changes, changed)


def _is_same(one: Change, other: Change) -> bool:
    """Tell whether two states of a change say the same."""
    return (one.standing, one.agreed, one.end) == (other.standing, other.agreed, other.end)


def _stands(tried: Change, known: KnownChanges) -> bool:
    found = next((one for one in known.changes if one.change_id == tried.change_id), None)
    return found is None if tried.state == "withdrawn" else found == tried


def _notices(
    organisation: Organisation, changed: Change, moved: tuple[int, int], by: str, at: datetime
) -> tuple[Notice, ...]:
    """Tell every unit that is touched; why somebody is away is nobody's business there."""
    more = (f"and {changed.more_objections} more",) if changed.more_objections else ()
    body = {
        "change_id": changed.change_id,
        "kind": changed.kind,
        "state": changed.standing,
        "from": _instant(moved[0]),
        "until": _instant(moved[1]),
        "remove": changed.remove,
        "add": changed.add,
        "shift": changed.shift,
        "reason": "" if changed.kind == "leave" else changed.reason,
        "by": by,
        "forced": changed.forced,
        "objections": [*changed.objections, *more],
    }
    return tuple(
        to_unit(
            f"rota.changed#{changed.change_id}#{changed.standing}#{unit}",
            "rota.changed",
            organisation,
            unit,
            at,
            body,
        )
        for unit in touched(organisation, changed)
    )


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
