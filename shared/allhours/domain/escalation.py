"""Escalation: the ladder that a page climbs until somebody acknowledges it.

Pure: what is due is executed by whoever holds the page, at an instant that it is told.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.changes import absences_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.organisation import Organisation

PATIENCE = 600  # seconds that the last one called has, when the step itself names no `repeat`


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, `after` seconds from the page's beginning.

    `notify` is on_shift, member:<id> or desk:<id>; heads and duties are resolved when the file is compiled.
    It is repeated every `repeat` seconds until it was made `times` times in all.
    """

    after: int
    notify: str
    repeat: int = 0
    times: int = 1
    alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who was called, when, by which step (0 is the first)."""

    member: str
    at: datetime
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A step that had nobody to call, when, and why."""

    step: int
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """Where a page stands on its ladder.

    `step` is made next, for the `round`-th time after the first, at `next_at`; None when the page is
    acknowledged or its ladder is `exhausted`. `calling` are those whom Forward has yet to reach. `released`
    counts how often it was handed back, and is the serial of its links.
    """

    started_at: datetime
    next_at: datetime | None
    step: int = 0
    round: int = 0
    calling: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    released: int = 0
    exhausted: bool = False

    @property
    def is_open(self) -> bool:
        """Tell whether nobody has the page yet."""
        return not self.acknowledged_by

    def is_due(self, at: datetime) -> bool:
        """Tell whether the next step is to be made."""
        return self.next_at is not None and self.next_at <= at

    def acknowledged(self, by: str, at: datetime) -> Climb:
        """Return the climb stopped: somebody has it, nobody more is called."""
        return replace(self, acknowledged_by=by, acknowledged_at=at, next_at=None, calling=())

    def handed_back(self, at: datetime) -> Climb:
        """Return the climb begun anew, at once, with links of its own; what was told stays on record."""
        return replace(
            self,
            started_at=at,
            next_at=at,
            step=0,
            round=0,
            calling=(),
            acknowledged_by="",
            acknowledged_at=None,
            released=self.released + 1,
            exhausted=False,
        )


def ladder(organisation: Organisation, unit: str) -> tuple[Step, ...]:
    """Return the unit's steps; a page about the system, or of a unit without any, climbs `operations`."""
    return organisation.escalation.get(unit) or organisation.escalation.get("operations", ())


def begun(steps: Sequence[Step], at: datetime) -> Climb:
    """Return the climb before its first step, which `climbed` makes when it is due."""
    return Climb(started_at=at, next_at=at + timedelta(seconds=steps[0].after))


def climbed(
    climb: Climb, steps: Sequence[Step], organisation: Organisation, unit: str, at: datetime
) -> tuple[Climb, tuple[str, ...]]:
    """Make every step that is due; return the climb after them, and whom they call.

    A step that has nobody to call is passed over at once, to the next; the spacing of the steps stays.
    """
    recipients: dict[str, None] = {}
    while climb.next_at is not None and climb.next_at <= at:
        if climb.step >= len(
            steps
        ):  # the ladder was shortened meanwhile, or the last one called was waited for
            return replace(climb, next_at=None, exhausted=True), tuple(recipients)
        people, why = _people(steps[climb.step].notify, organisation, unit, at)
        recipients |= dict.fromkeys(people)
        told = tuple(Told(member=one, at=at, step=climb.step) for one in people)
        passed = () if people else (PassedOver(step=climb.step, at=at, why=why),)
        climb = replace(
            _after_step(climb, climb.next_at, steps, at, empty=not people),
            told=climb.told + told,
            passed_over=climb.passed_over + passed,
        )
    return climb, tuple(recipients)


def _after_step(climb: Climb, due_at: datetime, steps: Sequence[Step], at: datetime, *, empty: bool) -> Climb:
    """Return the climb with what is next: the same step again, the next one, or the end.

    Steps follow each other as planned however late the clock is; nobody is called twice at one instant. A
    ladder that ends with nobody to call is over at once, for there is nobody to wait for.
    """
    number, step = climb.step, steps[climb.step]
    last = number + 1 == len(steps)
    again_at = max(due_at, at) + timedelta(seconds=step.repeat or PATIENCE)
    rounds_left = climb.round + 1 < step.times
    if last:
        called = any(one.at >= climb.started_at for one in climb.told)
        if rounds_left and (called or not empty):
            return replace(climb, round=climb.round + 1, next_at=again_at)
        return replace(climb, step=number + 1, round=0, next_at=due_at if empty else again_at)
    began_at = due_at - timedelta(seconds=climb.round * (step.repeat or PATIENCE))
    next_step_at = began_at + timedelta(seconds=max(0, steps[number + 1].after - step.after))
    if empty:
        return replace(climb, step=number + 1, round=0, next_at=due_at)
    if rounds_left and again_at < next_step_at:
        return replace(climb, round=climb.round + 1, next_at=again_at)
    return replace(climb, step=number + 1, round=0, next_at=next_step_at)


def _people(notify: str, organisation: Organisation, unit: str, at: datetime) -> tuple[tuple[str, ...], str]:
    """Return whom a step calls at the instant; nobody, and why."""
    kind, _, name = notify.partition(":")
    if kind == "member":
        people: tuple[str, ...] = (name,)
    elif unit not in organisation.units:
        return (), f"{unit} has no rota"
    elif kind == "desk":
        desk = organisation.units[unit].rota.desks.get(name)
        people = desk.members if desk else ()
    else:
        duty = organisation.on_duty(unit, at)
        if duty.gap:
            return (), "nobody is on duty"
        desk = organisation.units[unit].rota.desks.get(duty.desk)
        people = duty.members or (desk.members if desk else ())
    here = tuple(one for one in people if one in organisation.members and not away(organisation, one, at))
    if here:
        return here, ""
    return (), f"{', '.join(people)} away" if people else f"{name or notify} names nobody"


def away(organisation: Organisation, member: str, at: datetime) -> bool:
    """Tell whether a member is on leave at the instant, by the file or by a change in force."""
    now = int(at.timestamp())
    return any(
        one.start <= now < one.end for one in absences_of(organisation.members[member], organisation.changes)
    )


def climb_to_json(climb: Climb) -> dict[str, Any]:
    """Return the climb as its row keeps it."""
    told: dict[str, Any] = asdict(climb)
    for name in ("started_at", "next_at", "acknowledged_at"):
        told[name] = told[name].isoformat() if told[name] else None
    for one in (*told["told"], *told["passed_over"]):
        one["at"] = one["at"].isoformat()
    return told


def climb_from_json(body: Mapping[str, Any]) -> Climb:
    """Return the climb that `climb_to_json` wrote."""
    values = dict(body)
    for name in ("started_at", "next_at", "acknowledged_at"):
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    values["calling"] = tuple(values["calling"])
    values["told"] = tuple(Told(**_dated(one)) for one in values["told"])
    values["passed_over"] = tuple(PassedOver(**_dated(one)) for one in values["passed_over"])
    return Climb(**values)


def _dated(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "at": datetime.fromisoformat(body["at"])}
