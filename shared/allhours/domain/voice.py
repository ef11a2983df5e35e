"""How a unit speaks, what it must not say, who has to agree: the values that the organisation file sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.people import Member

Ruling = Literal["block", "warn", "off"]
SignedBy = Literal["initials", "name", "persona", "unit", "none"]
AgreedBy = Literal["none", "second", "risk"]

INVITATION = "We can look into this with you. Please write to us in private."
"""The public line that moves a conversation to private; it confirms to nobody that they are a customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A name that a unit answers by; a `retired` one signs nothing any more, and stays on what it signed."""

    name: str
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a unit sounds: `tone` and `promise` are for the composer, `signed_by` is how an answer ends.

    `invitation` is the public line that asks somebody to write in private, by language.
    """

    tone: str = ""
    promise: str = ""
    signed_by: SignedBy = "initials"
    personas: tuple[Persona, ...] = ()
    invitation: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"en": INVITATION}))

    @property
    def persona(self) -> str:
        """Return the name that answers are signed by today: the first that is not retired, or ""."""
        return next((persona.name for persona in self.personas if not persona.retired), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linting:
    """What the linter does about each kind of finding in a draft: block, warn, or nothing.

    `phrases` are this unit's forbidden phrases, in the grammar of word lists, beside those of the word lists
    `forbidden` and `promises`.
    """

    personal_data: Ruling = "block"
    promises: Ruling = "warn"
    forbidden: Ruling = "block"
    links: Ruling = "block"
    shorteners: Ruling = "block"
    length: Ruling = "block"
    capitals: Ruling = "warn"
    relationship: Ruling = "block"
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who has to agree to an answer: nobody, a second person always, or a second person where it is risky.

    Risky are urgent cases, those that only who knows why may answer, and drafts with a warning. `by_kind`
    says otherwise for kinds of urgency by name.
    """

    usual: AgreedBy = "none"
    by_kind: Mapping[str, AgreedBy] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where another system is told of events: signed, tried again, and parked when it takes none.

    `secret` names the secret whose field `key` signs; `units` narrows, all where empty.
    """

    webhook_id: str
    url: str
    secret: str
    units: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Another system that may write through the API: `sign_in` is its client id at the OIDC provider."""

    system_id: str
    sign_in: str
    units: tuple[str, ...]
    case_url: str = ""  # with {id}: where a person opens its side of a case


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """A handle that was ours and is not any more: whoever asks is told so."""

    network: str
    handle: str
    since: str  # date
    note: str = ""


_ON_A_LINE = frozenset({"reddit", "discourse", "googleplay", "appstore", "googlebusiness", "trustpilot"})
"""Networks whose answers are letters rather than lines: there the signature stands below, on its own."""


def signature(voice: Voice, *, member: Member | None, unit: str, names_unit: bool = False) -> str:
    """Return how an answer ends: `^AB`, or `^AB, Cards` where another's account speaks and `names_unit`.

    `unit` is its title. Nobody's answer (`member` None: an automatic one) and that of a unit whose personas
    are all retired is signed by the unit.
    """
    signs = {
        "initials": member.initials if member else "",
        "name": member.name if member else "",
        "persona": voice.persona,
    }.get(voice.signed_by, "")
    if voice.signed_by == "none":
        return f"^{unit}" if names_unit else ""
    return f"^{signs}, {unit}" if signs and names_unit else f"^{signs or unit}"


def signed(
    text: str, voice: Voice, *, member: Member | None, unit: str, network: str, names_unit: bool = False
) -> str:
    """Return the text as it goes out; one that ends with the signature already is not signed again."""
    end = signature(voice, member=member, unit=unit, names_unit=names_unit)
    said = text.rstrip()
    if not end:
        return said
    for written in (end, signature(voice, member=member, unit=unit)):
        if written and said.casefold().endswith(written.casefold()):
            said = said[: -len(written)].rstrip()
            break
    return said + ("\n\n" if network in _ON_A_LINE else " ") + end if said else end
