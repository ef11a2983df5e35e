"""The reply-from matrix: from which of our handles an item may be answered, in public or in private, and why.

Candidates are the unit's own handles on the network, those that the author addressed or that heard it, and
those of a general account. Where it is not the unit's own the signature names the unit. An answer is never
more public than what it answers, and what was said to one handle in private is answered by no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from allhours.domain.item import Change, Visibility
from allhours.domain.life import may_answer
from allhours.domain.voice import signature

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.domain.organisation import Organisation, Unit
    from allhours.domain.people import Member


class Permit(Protocol):
    """What a network says of one handle and one item."""

    @property
    def allowed(self) -> bool:
        """Return whether the handle may answer."""
        ...

    @property
    def reason(self) -> str:
        """Return why, or why not, in words for the desk."""
        ...

    @property
    def until(self) -> datetime | None:
        """Return when that ends, None where it does not."""
        ...


class Rules(Protocol):
    """What a network lets us do with an item; it is asked nothing over the wire."""

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permit:
        """Return whether this handle may answer the item now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to answer, or why it is none; `until` is when it ends.

    `signature` is how the answer will end; it names the unit where the handle is not the unit's `own`.
    `moves` says that it takes a public conversation to private. Where that cannot be done, `invitation` is
    the public line that asks the author to write to us.
    """

    account: str
    handle: str
    private: bool
    allowed: bool
    reason: str
    until: datetime | None = None
    own: bool = True
    signature: str = ""
    moves: bool = False
    invitation: str = ""


def ways(
    organisation: Organisation,
    unit: str,
    item: Item,
    *,
    member: Member | None,
    rules: Rules | None,
    why_none: str = "",
    why_not_private: str = "",
    veto: str = "",
    at: datetime,
) -> tuple[Way, ...]:
    """Return every way, the best one first: what is allowed, as open as the item, from the unit's own.

    `member` is who will sign. `rules` None says that nobody can answer on the network, `why_none` why;
    `why_not_private` says why a public conversation cannot be moved to private there.
    """
    its_unit = organisation.units[unit]
    is_private = item.visibility is Visibility.PRIVATE
    general = _general_refusal(organisation, item, veto)
    if rules is None:
        general = general or why_none or "nobody can answer there"
    heard = organisation.addressed(item.network, item.handle)
    found: list[Way] = []
    for handle in candidates(organisation, its_unit, item):
        own = handle.account in its_unit.accounts
        end = signature(its_unit.voice, member=member, unit=its_unit.title, names_unit=not own)
        for private in (False, True):
            moves = private and not is_private
            refusal = general
            if is_private and not private:
                refusal = refusal or "this was said in private: the answer must be private too"
            if is_private and heard and handle.key != heard.key:
                refusal = refusal or f"it was said to {heard.handle} in private: answer from there"
            if moves and why_not_private:
                refusal = refusal or f"it cannot be moved to private: {why_not_private}"
            permit = None if refusal or not rules else rules.permission(handle, item, private=private, at=at)
            allowed = bool(permit and permit.allowed)
            found.append(
                Way(
                    account=handle.account,
                    handle=handle.handle,
                    private=private,
                    allowed=allowed,
                    reason=permit.reason if permit else refusal,
                    until=permit.until if permit else None,
                    own=own,
                    signature=end,
                    moves=moves,
                    invitation=invitation(its_unit, item.language) if moves and not allowed else "",
                )
            )
    return tuple(sorted(found, key=lambda way: (not way.allowed, way.private is not is_private)))


def candidates(organisation: Organisation, unit: Unit, item: Item) -> tuple[Handle, ...]:
    """Return the handles that might answer, the unit's own first."""
    return tuple({handle.key: handle for handle in _candidates(organisation, unit, item)}.values())


def _candidates(organisation: Organisation, unit: Unit, item: Item) -> Iterator[Handle]:
    there = organisation.handles_on(item.network)
    yield from (handle for account in unit.accounts for handle in there if handle.account == account)
    for name in (*item.addressed, item.handle):
        if named := organisation.addressed(item.network, name):
            yield named
    yield from (handle for handle in there if organisation.accounts[handle.account].general)


def _general_refusal(organisation: Organisation, item: Item, veto: str) -> str:
    life = may_answer(organisation.life_of(item.network))
    if not life.allowed:
        return f"{item.network}: {life.reason}"
    if item.change is Change.DELETED:
        return "its author deleted it"
    return f"it must not be answered for now ({veto})" if veto else ""


def invitation(unit: Unit, language: str) -> str:
    """Return the public line that asks somebody to write in private, in their language where there is one."""
    lines = unit.voice.invitation
    known = (lines.get(each) for each in (language, language.partition("-")[0], "en"))
    return next((line for line in known if line), next(iter(lines.values()), ""))


def chosen(found: tuple[Way, ...], account: str, handle: str, *, private: bool) -> Way | None:
    """Return the way that somebody chose; the best one where they leave account and handle open."""
    return next(
        (
            way
            for way in found
            if way.private is private and account in {"", way.account} and handle in {"", way.handle}
        ),
        None,
    )
