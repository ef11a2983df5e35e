"""Who works here: members, what they speak and may do, where they live, when they are away."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place where people work; its public holidays are laid down when the file is compiled."""

    site_id: str
    zone: str
    country: str = ""
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What somebody is allowed to do; `valid_until` is the first UTC second without it, None for never."""

    certificate_id: str
    valid_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """A planned absence over the UTC seconds [start, end)."""

    start: int
    end: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of us: a name for the desk, a time zone, and where pages reach them.

    With `units_at_once` they may be on duty for several units at a time. `initials` sign their answers
    (`^AB`), `sign_in` is who they are to the OIDC provider: its `sub`, or a verified e-mail address.
    """

    member_id: str
    name: str
    zone: str
    contact: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    site: str = ""
    languages: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    leave: tuple[Leave, ...] = ()
    units_at_once: bool = False
    initials: str = ""
    sign_in: str = ""

    def speaks(self, languages: Iterable[str]) -> bool:
        """Tell whether the member has all of these languages."""
        return set(languages) <= set(self.languages)

    def holds(self, certificates: Iterable[str], at: int) -> bool:
        """Tell whether the member has all of these certificates at an instant in UTC seconds."""
        valid = {
            each.certificate_id
            for each in self.certificates
            if each.valid_until is None or at < each.valid_until
        }
        return set(certificates) <= valid
