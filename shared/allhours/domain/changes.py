"""What changes by the hour: overrides, swaps and leave, with who and when; the plan itself is the file's.

Proposals are checked here for what makes no sense at all; whether they leave a gap is for the proof to say.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from allhours.domain.errors import BadInput
from allhours.domain.people import Leave
from allhours.domain.rota import Override, compile_rota, every_duty, homes, shift_on, works_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from allhours.domain.organisation import Organisation, Unit
    from allhours.domain.people import Member
    from allhours.domain.rota import Duty, Rota, UnitRota

Kind = Literal["override", "swap", "leave"]
State = Literal["proposed", "in_force", "withdrawn"]

FARTHEST = timedelta(days=400)  # as far as the rota is proved
OPEN_FOR = timedelta(days=30)  # a proposal that nobody has agreed to by then is forgotten
_LATE = timedelta(hours=1)  # so long ago a change may begin: people need a while to write down what happened
_SLACK = timedelta(days=2)  # the last day off ends with the shift that begins on it, in every zone
_LONGEST_REASON = 500  # characters
_END_OF_TIME = 253_370_764_800  # UTC seconds, the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change by hand over the UTC seconds [start, end), made by `by` at `made_at`.

    An override takes a desk or member off (`remove`), puts one on (`add`), or both; with `desk` a member goes
    off and on at that desk only. A swap is an override of one shift on one local day that counts when both
    sides have agreed, and not before (`agreed_at`). Leave takes its member (`remove`) off in every unit
    (`unit` is ""). Only what is in force counts; what was taken back after it had begun stays in force until
    then. `forced` says that it was made although the proof objected, `objections` what it said first and
    `more_objections` how much more.
    """

    change_id: str
    kind: Kind
    unit: str
    start: int
    end: int
    by: str
    made_at: int
    remove: str = ""
    add: str = ""
    desk: str = ""
    reason: str = ""
    shift: str = ""
    day: date | None = None
    agreed: tuple[str, ...] = ()
    agreed_at: int = 0
    state: State = "in_force"
    withdrawn_by: str = ""
    forced: bool = False
    objections: tuple[str, ...] = ()
    more_objections: int = 0

    @property
    def standing(self) -> State:
        """Return how it stands on the record: withdrawn also where only the rest of it was taken back."""
        return "withdrawn" if self.withdrawn_by else self.state


def overrides_of(
    changes: Iterable[Change], unit_rota: UnitRota, members: Mapping[str, Member]
) -> tuple[Override, ...]:
    """Say what the members' leave and the changes in force mean for a unit, in the order in which they count.

    The file's leave comes first, then the changes as they were made. A change is passed over where the file
    no longer has the shift that it swaps, the desk, or whom it puts on: there the plan holds. So nobody whom
    the file does not know is ever on duty.
    """
    theirs = _counting(changes, unit_rota, members)
    people = {*works_in(unit_rota), *(each.add for each in theirs)}
    away = (
        Override(
            override_id=f"leave of {name}",
            unit=unit_rota.unit,
            from_at=leave.start,
            until_at=leave.end,
            remove=name,
            add=None,
            reason=leave.reason,
            by=name,
        )
        for name, member in members.items()
        if name in people
        for leave in member.leave
    )
    overrides = (
        each for n, change in enumerate(theirs) for each in _override_of(change, unit_rota, theirs[:n])
    )
    return (*away, *overrides)


def _counting(changes: Iterable[Change], unit_rota: UnitRota, members: Mapping[str, Member]) -> list[Change]:
    """List the changes in force for a unit that put on nobody unknown, in the order in which they count."""
    known = {"", *members, *unit_rota.desks}
    in_force = (each for each in changes if each.state == "in_force" and each.add in known)
    theirs = (each for each in in_force if each.unit in ("", unit_rota.unit))
    return sorted(theirs, key=lambda each: (each.made_at, each.change_id))


class _Held(NamedTuple):
    """A shift of one local day in somebody's hands: why, whose (a member or a desk), since when."""

    because: str
    name: str
    since: int


def _held(shift: str, day: date, duties: Sequence[Duty], changes: Iterable[Change]) -> list[_Held]:
    """Follow a shift of one local day from hand to hand: as planned, then by the changes in their order.

    A swap of it hands it on, and so does an override that replaces one who has it up to its very end.
    """
    since, until, desk = duties[0].since, duties[0].until, duties[0].desk
    held = [_Held(duty.because, duty.member or desk, since) for duty in duties]
    for each in changes:
        theirs = [one.since for one in held if each.remove in (one.name, desk)]
        replaces = each.kind == "override" and each.add and each.desk in ("", desk)
        if each.kind == "swap" and (each.shift, each.day) == (shift, day):
            held.append(_Held(each.change_id, each.add, min(theirs, default=since)))
        elif replaces and theirs and min(theirs) <= each.start < each.end == until:
            held.append(_Held(each.change_id, each.add, each.start))
    return held


def _override_of(change: Change, unit_rota: UnitRota, earlier: Sequence[Change]) -> Iterator[Override]:
    start, end, desk = change.start, change.end, change.desk or None
    because: tuple[str, ...] = ()
    if change.kind == "swap":
        if change.day is None or all(change.shift != shift.shift_id for shift in unit_rota.shifts):
            return
        duties = shift_on(unit_rota, change.shift, change.day)
        if not duties:
            return
        held = _held(change.shift, change.day, duties, earlier)
        because = tuple(dict.fromkeys(one.because for one in held))
        start = min((one.since for one in held if one.name == change.remove), default=duties[0].since)
        start, end, desk = max(start, change.agreed_at), duties[0].until, duties[0].desk
        end = min(end, change.end) if change.withdrawn_by else end
    has_a_desk = desk in unit_rota.desks if desk else not change.add or homes(unit_rota, change.add)
    if has_a_desk:
        yield Override(
            override_id=change.change_id,
            unit=unit_rota.unit,
            from_at=start,
            until_at=end,
            remove=change.remove or None,
            add=change.add or None,
            reason=change.reason,
            by=change.by,
            desk=desk,
            because=because,
        )


def absences_of(member: Member, changes: Iterable[Change]) -> Iterator[Leave]:
    """Yield when a member is away: the file's leave, and that which is in force by a change."""
    yield from member.leave
    for each in changes:
        if each.kind == "leave" and each.state == "in_force" and each.remove == member.member_id:
            yield Leave(start=each.start, end=each.end, reason=each.reason)


def override(
    organisation: Organisation,
    unit: str,
    *,
    start: int,
    end: int,
    by: str,
    at: datetime,
    remove: str = "",
    add: str = "",
    desk: str = "",
    reason: str = "",
) -> Change:
    """Take a desk or member off, put one on, or both, over the UTC seconds [start, end).

    Raises BadInput for a stretch that is none, names that are unknown, or one to take off who is not on then.
    """
    where = f"override of {unit}"
    its_unit = _unit(organisation, unit)
    _stretch(where, start, end, at)
    _recent(where, start, at)
    if not remove and not add:
        raise BadInput(f"{where}: it changes nothing: say whom to take off (remove), put on (add), or both")
    if remove == add:
        raise BadInput(f"{where}: {add} cannot replace {add}: name somebody else")
    if desk and desk not in its_unit.rota.desks:
        raise BadInput(f"{where}: desk {desk!r} is unknown; there are {', '.join(its_unit.rota.desks)}")
    if remove and not _is_on(_live(organisation, its_unit, start, end), remove, desk):
        raise BadInput(
            f"{where}: {remove} is not on duty then, so nobody is taken off: leave remove out or move it"
        )
    if add and not homes(its_unit.rota, add):
        if add not in organisation.members:
            raise BadInput(f"{where}: {add!r} is no desk of the unit and no member")
        desk = desk or next(iter(homes(its_unit.rota, remove)), "")
        if not desk:
            raise BadInput(f"{where}: {add} works at no desk of the unit: say at which desk")
    return _made(
        Change(
            change_id="",
            kind="override",
            unit=unit,
            start=start,
            end=end,
            by=by,
            made_at=_seconds(at),
            remove=remove,
            add=add,
            desk=desk,
            reason=reason,
        )
    )


def swap(
    organisation: Organisation,
    unit: str,
    *,
    shift: str,
    day: date,
    remove: str,
    add: str,
    by: str,
    at: datetime,
    reason: str = "",
) -> Change:
    """Propose that `add` works the shift of `remove` on a local day; it counts when both have agreed.

    Raises BadInput where there is no such shift that day, or the one is not on it, or the other cannot be.
    """
    where, its_unit = f"swap of {shift} on {day}", _unit(organisation, unit)
    if abs(day - at.date()) > FARTHEST:
        raise BadInput(f"{where}: that is more than {FARTHEST.days} days from today: choose a nearer day")
    duties = shift_on(its_unit.rota, shift, day)
    if not duties:
        raise BadInput(f"{where}: the shift does not start on that day: choose one on which it does")
    start, end, desk = duties[0].since, duties[0].until, duties[0].desk
    _stretch(where, start, end, at)
    on = _on_it(organisation, its_unit, shift, day, duties, at=at)
    if remove not in on:
        raise BadInput(f"{where}: {remove} is not on it; on it: {', '.join(on) or 'nobody by name'}")
    if add not in its_unit.members and add not in works_in(its_unit.rota):
        raise BadInput(f"{where}: {add!r} is no member of unit {unit}: name one of its members")
    if add in on:
        raise BadInput(f"{where}: {add} is on it already: name somebody who is not")
    proposed = _made(
        Change(
            change_id="",
            kind="swap",
            unit=unit,
            start=start,
            end=end,
            by=by,
            made_at=_seconds(at),
            remove=remove,
            add=add,
            desk=desk,
            reason=reason,
            shift=shift,
            day=day,
            state="proposed",
        )
    )
    return agreed_by(proposed, by, at) if by in (remove, add) else proposed


def swap_back(organisation: Organisation, change: Change, by: str, at: datetime) -> Change:
    """Propose the reverse of a swap in force, by one of its sides; it counts when both have agreed."""
    if change.kind != "swap" or change.state != "in_force" or change.day is None:
        raise BadInput(f"change {change.change_id}: it is no swap in force: withdraw it instead")
    if by not in (change.remove, change.add):
        raise BadInput(f"change {change.change_id}: {by} is no side of it")
    return swap(
        organisation,
        change.unit,
        shift=change.shift,
        day=change.day,
        remove=change.add,
        add=change.remove,
        by=by,
        at=at,
    )


def leave(
    organisation: Organisation,
    member: str,
    *,
    start: int,
    end: int,
    by: str,
    at: datetime,
    reason: str = "leave",
) -> Change:
    """Take a member off in every unit over the UTC seconds [start, end): on leave, or sick."""
    where = f"leave of {member}"
    if member not in organisation.members:
        raise BadInput(f"{where}: there is no such member")
    _stretch(where, start, end, at)
    _recent(where, start, at)
    return _made(
        Change(
            change_id="",
            kind="leave",
            unit="",
            start=start,
            end=end,
            by=by,
            made_at=_seconds(at),
            remove=member,
            reason=reason,
        )
    )


def takeover(
    organisation: Organisation, unit: str, member: str, at: datetime, *, instead_of: str = "", by: str = ""
) -> Change:
    """Let a member take the running shift: an override from now until the end of the running duty.

    It takes off who is on now, the first of them unless `instead_of` names another, and puts the member on at
    that desk. In a gap nobody is taken off, and it lasts until somebody comes on. Raises BadInput where the
    member is on duty there already, or `instead_of` is not.
    """
    where, its_unit, now = f"takeover of {unit}", _unit(organisation, unit), _seconds(at)
    if member not in organisation.members:
        raise BadInput(f"{where}: there is no member {member!r}")
    segment = organisation.segment(unit, at)
    if any(duty.member == member for duty in segment.duties):
        raise BadInput(f"{where}: {member} is on duty already: there is nothing to take")
    if not segment.duties:
        if instead_of:
            raise BadInput(f"{where}: nobody is on duty, so nobody is taken off: leave {instead_of} out")
        desk, remove, end = (*homes(its_unit.rota, member), *its_unit.rota.desks)[0], "", segment.end
    else:
        first = organisation.on_duty(unit, at)
        wanted = instead_of or first.person
        theirs = [duty for duty in segment.duties if wanted in (duty.member, duty.desk)]
        if not theirs:
            raise BadInput(f"{where}: {wanted} is not on duty: name one who is, or nobody")
        duty = theirs[0]
        desk, remove, end = duty.desk, duty.member or duty.desk, duty.until
    return _made(
        Change(
            change_id="",
            kind="override",
            unit=unit,
            start=now,
            end=min(end, _seconds(at + FARTHEST)),
            by=by or member,
            made_at=now,
            remove=remove,
            add=member,
            desk=desk,
            reason="takes the shift",
        )
    )


def agreed_by(change: Change, member: str, at: datetime) -> Change:
    """Note that one side of a swap agrees; with both it counts from now on.

    Agreeing again changes nothing.
    """
    sides = (change.remove, change.add)
    if change.kind != "swap" or member not in sides:
        raise BadInput(
            f"change {change.change_id}: {member} is no side of a swap: {' and '.join(sides)} agree"
        )
    if change.state == "withdrawn":
        raise BadInput(
            f"change {change.change_id}: it was withdrawn by {change.withdrawn_by}: propose a new one"
        )
    agreed = tuple(side for side in sides if side == member or side in change.agreed)
    if change.state == "in_force" or len(agreed) < len(sides):
        return replace(change, agreed=agreed)
    return replace(change, agreed=agreed, agreed_at=_seconds(at), state="in_force")


def withdrawn(change: Change, by: str, at: datetime) -> Change:
    """Take a change back; what has been of it stays as it was, so one that has begun ends now.

    Who withdrew it first stays on the record. Raises BadInput where it is over.
    """
    now = _seconds(at)
    if not by:
        raise BadInput(f"change {change.change_id}: say who withdraws it")
    if change.state == "withdrawn":
        return change
    if change.end <= now:
        raise BadInput(
            f"change {change.change_id}: it was over at {_utc(change.end)}: what has been is not changed"
        )
    if change.state == "in_force" and max(change.start, change.agreed_at) < now:
        return replace(change, end=now, withdrawn_by=by)
    return replace(change, state="withdrawn", withdrawn_by=by)


def expired(change: Change, at: datetime) -> bool:
    """Tell whether nobody can agree to a proposal any more: it would be over, or is 30 days old."""
    now = _seconds(at)
    return change.state == "proposed" and (
        change.end <= now or change.made_at + OPEN_FOR.total_seconds() <= now
    )


def change_to_json(change: Change) -> dict[str, Any]:
    """Write a change; equal changes give equal JSON."""
    body = asdict(change)
    return body | {"day": change.day.isoformat() if change.day else None}


def change_from_json(body: Mapping[str, Any]) -> Change:
    """Read what `change_to_json` wrote, in another release too: a field that is unknown here is left out.

    Raises BadInput for what is no change that this release understands.
    """
    names = {one.name for one in fields(Change)}
    try:
        read: dict[str, Any] = {name: value for name, value in dict(body).items() if name in names}
        read |= {name: tuple(read.get(name, ())) for name in ("agreed", "objections")}
        read["day"] = date.fromisoformat(read["day"]) if read.get("day") else None
        change = Change(**read)
    except (TypeError, ValueError):
        raise BadInput("a change to the rota cannot be read: its fields are not those of a change") from None
    if not _is_sound(change):
        raise BadInput("a change to the rota cannot be read: a field of it is not of its kind")
    return change


def _is_sound(change: Change) -> bool:
    read = [(one.type, getattr(change, one.name)) for one in fields(Change)]
    texts = [value for kind, value in read if kind == "str"]
    numbers = [value for kind, value in read if kind == "int"]
    return (
        change.kind in get_args(Kind)
        and change.state in get_args(State)
        and all(isinstance(value, bool) for kind, value in read if kind == "bool")
        and all(isinstance(text, str) for text in (*texts, *change.agreed, *change.objections))
        and all(isinstance(number, int) and 0 <= number < _END_OF_TIME for number in numbers)
    )


def _made(change: Change) -> Change:
    """Name a change after what it says, so that the same tap twice in a second is one change."""
    if not change.by:
        raise BadInput(f"{change.kind}: say who makes it (by)")
    if len(change.reason) > _LONGEST_REASON:
        raise BadInput(f"{change.kind}: the reason has more than {_LONGEST_REASON} characters: shorten it")
    told = repr(
        (
            change.kind,
            change.unit,
            change.start,
            change.end,
            change.remove,
            change.add,
            change.by,
            change.made_at,
        )
    )
    return replace(change, change_id=f"{change.kind}-{sha256(told.encode()).hexdigest()[:12]}")


def _unit(organisation: Organisation, unit: str) -> Unit:
    try:
        return organisation.units[unit]
    except KeyError:
        raise BadInput(f"no unit is called {unit!r}; there are {', '.join(organisation.units)}") from None


def _live(organisation: Organisation, unit: Unit, start: int, end: int) -> Rota:
    overrides = overrides_of(organisation.changes, unit.rota, organisation.members)
    return compile_rota(unit.rota, overrides, start, end)


def _on_it(
    organisation: Organisation, unit: Unit, shift: str, day: date, duties: Sequence[Duty], *, at: datetime
) -> list[str]:
    """Name who works a shift of one local day, as it is now, from an instant on: planned or by a change."""
    changes, members, rota = organisation.changes, organisation.members, unit.rota
    start, end = duties[0].since, duties[0].until
    because = {one.because for one in _held(shift, day, duties, _counting(changes, rota, members))}
    live = every_duty(rota, overrides_of(changes, rota, members), start, end)
    since = max(start, _seconds(at))
    theirs = (one.member for one in live if one.because in because and one.since < end and one.until > since)
    return list(filter(None, dict.fromkeys(theirs)))


def _is_on(live: Rota, name: str, desk: str) -> bool:
    """Tell whether a member, or a desk, is on at some instant, at that desk if one is given."""
    return any(
        name in (duty.member, duty.desk) and desk in ("", duty.desk)
        for segment in live.segments
        for duty in segment.duties
    )


def _stretch(where: str, start: int, end: int, at: datetime) -> None:
    if end <= start:
        raise BadInput(f"{where}: it ends at {_utc(end)}, not after it begins at {_utc(start)}: mend the two")
    if end <= _seconds(at):
        raise BadInput(f"{where}: it was over at {_utc(end)}: what has been is not changed")
    if end > _seconds(at + FARTHEST + _SLACK):
        raise BadInput(
            f"{where}: it ends more than {FARTHEST.days} days ahead, further than the rota is proved: "
            "end it sooner, or put it into the file"
        )


def _recent(where: str, start: int, at: datetime) -> None:
    if start < _seconds(at - _LATE):
        raise BadInput(
            f"{where}: it begins at {_utc(start)}, more than an hour ago: what has been is not changed, "
            f"so let it begin now, {_utc(_seconds(at))}"
        )


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
