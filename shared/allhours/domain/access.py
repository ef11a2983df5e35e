"""Who may do what at which unit's desk: roles from the organisation file and the rota, and one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.case import State
from allhours.domain.errors import NotAllowed
from allhours.domain.life import Ruling
from allhours.domain.rota import works_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation, Unit


class Role(StrEnum):
    """What somebody is to a unit; a lead is a member too."""

    MEMBER = "member"
    LEAD = "lead"
    ON_CALL = "on_call"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SYSTEM = "system"


class Action(StrEnum):
    """What can be done at a desk, as the API's paths and the page's keys call it."""

    SEE = "see"
    TAKE = "take"
    ASSIGN = "assign"
    MOVE = "move"
    CLOSE = "close"
    REOPEN = "reopen"
    NOTE = "note"
    WRITE = "write"
    SEND = "send"
    APPROVE = "approve"
    SETTLE = "settle"
    HOLD = "hold"
    VETO = "veto"
    LINK = "link"
    PROMOTE = "promote"
    ACKNOWLEDGE = "acknowledge"
    OVERRIDE = "override"
    ANSWER_ANYWAY = "answer_anyway"  # where only a person who knows why may answer


NOBODY: frozenset[Role] = frozenset()
_DESK = frozenset({Role.MEMBER, Role.LEAD, Role.ON_CALL, Role.ADMIN})
_LEADS = frozenset({Role.LEAD, Role.ADMIN})
_SYSTEMS = _DESK | {Role.SYSTEM}

MAY: Mapping[Action, frozenset[Role]] = MappingProxyType(
    {
        Action.SEE: frozenset(Role),
        Action.TAKE: _DESK,
        Action.ASSIGN: _SYSTEMS,
        Action.MOVE: _DESK,
        Action.CLOSE: _SYSTEMS,
        Action.REOPEN: _DESK,
        Action.NOTE: _SYSTEMS,
        Action.WRITE: _DESK,
        Action.SEND: _DESK,
        Action.APPROVE: frozenset({Role.MEMBER, Role.LEAD, Role.ADMIN}),
        Action.SETTLE: _DESK,
        Action.HOLD: _LEADS,
        Action.VETO: _SYSTEMS,
        Action.LINK: _SYSTEMS,
        Action.PROMOTE: _DESK,
        Action.ACKNOWLEDGE: _DESK,
        Action.OVERRIDE: frozenset({Role.LEAD, Role.ON_CALL, Role.ADMIN}),
        Action.ANSWER_ANYWAY: _LEADS,
    }
)
"""Which roles may do it; one of them is enough. Auditors see everything and write nothing."""

_OF_CLOSED = frozenset({Action.SEE, Action.REOPEN, Action.NOTE, Action.HOLD, Action.LINK})
_OF_CASES = frozenset(Action) - {Action.PROMOTE, Action.ACKNOWLEDGE, Action.OVERRIDE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Somebody who signed in: a member with roles by unit and everywhere, or another system by its id.

    `member` is what goes on record; that of a system is its id.
    """

    member: str
    roles: Mapping[str, frozenset[Role]] = field(default_factory=lambda: MappingProxyType({}))
    everywhere: frozenset[Role] = NOBODY
    system: str = ""

    def at(self, unit: str) -> frozenset[Role]:
        """Return the roles that count at a unit."""
        return self.roles.get(unit, NOBODY) | self.everywhere

    def units(self, organisation: Organisation) -> tuple[str, ...]:
        """Return the units that may be seen, in the order of the file."""
        return tuple(unit for unit in organisation.units if self.at(unit))


def who_is(organisation: Organisation, claims: Mapping[str, object], at: datetime) -> Who:
    """Return who a token's verified claims name, with the roles of that instant; `NotAllowed` for nobody.

    A member is found by `sub`, or by an `email` that the provider has verified. A system is found by `sub`
    alone: `client_id` and `azp` name the client of people's tokens too (RFC 9068, 2.2).
    """
    sub, email = str(claims.get("sub", "")), ""
    if str(claims.get("email_verified", "")).lower() == "true":
        email = str(claims.get("email", "")).casefold()
    for member in organisation.members.values():
        if member.sign_in and (member.sign_in == sub or member.sign_in.casefold() == email):
            return as_member(organisation, member.member_id, at)
    for system in organisation.systems.values():
        if sub and system.sign_in == sub:
            roles = dict.fromkeys(system.units, frozenset({Role.SYSTEM}))
            return Who(member=system.system_id, roles=roles, system=system.system_id)
    raise NotAllowed("nobody in the organisation file signs in like this: ask an administrator for `sign_in`")


def as_member(organisation: Organisation, member: str, at: datetime) -> Who:
    """Return a member with the roles of that instant."""
    roles = {
        unit.unit_id: found
        for unit in organisation.units.values()
        if (found := frozenset(_roles(organisation, unit, member, at)))
    }
    everywhere = {
        role
        for role, names in ((Role.AUDITOR, organisation.auditors), (Role.ADMIN, organisation.admins))
        if member in names
    }
    return Who(member=member, roles=roles, everywhere=frozenset(everywhere))


def _roles(organisation: Organisation, unit: Unit, member: str, at: datetime) -> Iterator[Role]:
    leads = member == unit.head or member in unit.leads
    if leads:
        yield Role.LEAD
    if leads or member in unit.members or member in works_in(unit.rota):
        yield Role.MEMBER
    duties = organisation.segment(unit.unit_id, at).duties
    on = {duty.member for duty in duties} if duties else organisation.on_duty(unit.unit_id, at).members
    if member in on:
        yield Role.ON_CALL


def may_see(who: Who, unit: str) -> bool:
    """Return whether somebody may see what a unit has."""
    return bool(who.at(unit))


def may(who: Who, action: Action, unit: str) -> Ruling:
    """Return whether somebody may do it at a unit, and why not."""
    roles = who.at(unit)
    if roles & MAY[action]:
        return Ruling(allowed=True, reason=f"{who.member} is {' and '.join(sorted(roles & MAY[action]))}")
    needed = " or ".join(sorted(MAY[action] - {Role.ADMIN}))
    has = " and ".join(sorted(roles)) or "nothing there"
    return Ruling(allowed=False, reason=f"{action} takes {needed} of {unit}, and {who.member} is {has}")


def must(who: Who, action: Action, unit: str) -> None:
    """Raise `NotAllowed` with the reason unless somebody may do it at the unit."""
    ruling = may(who, action, unit)
    if not ruling.allowed:
        raise NotAllowed(ruling.reason)


def actions_on(who: Who, case: Case) -> tuple[Action, ...]:
    """Return what somebody may do with a case as it is now; nobody takes what they have."""
    fitting = _OF_CLOSED if case.state is State.CLOSED else _OF_CASES - {Action.REOPEN}
    if case.owner == who.member:
        fitting = fitting - {Action.TAKE}
    return tuple(action for action in Action if action in fitting and may(who, action, case.unit).allowed)
