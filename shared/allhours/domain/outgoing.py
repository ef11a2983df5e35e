"""What must not go out in public: the guard at the door, turned on what we write ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.domain.personal_data import spans

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place in an answer, and what its member does about it; the value itself is never repeated."""

    name: str
    start: int
    end: int
    advice: str


_REACH_US = "leave it out, or add it to what the organisation publishes if it is ours"
_ADVICE = {
    "card": "leave the number out; even its last four digits belong in a private message",
    "iban": "leave the IBAN out; ask for it in a private message",
    "account": "leave the account number out; say “your account”, and go on in a private message",
    "sort code": "leave the sort code out; together with an account number it takes payments",
    "routing number": "leave the routing number out; link the page of our site that has it",
    "e-mail": f"leave the e-mail address out; {_REACH_US}",
    "phone": f"leave the telephone number out; {_REACH_US}",
    "expiry": "leave the card's expiry date out; nobody needs it in an answer",
    "cvv": "leave the security code out, and never ask for one",
    "pin": "leave the PIN out, and tell its owner to change it",
    "password": "leave the password out, and tell its owner to change it",
    "one-time code": "leave the code out; nobody but its receiver may see one",
    "date of birth": "leave the date of birth out; it is asked for when people prove who they are",
}
_IDENTITY = "leave the number out; it proves who somebody is, so ask for it only in a private message"
_TELLING = 9  # digits at the end of a telephone number that are the same however its beginning is written


def findings(text: str, *, published: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return what may not go out in public, in order.

    `published` are the organisation's own e-mail addresses and numbers, in any spelling; they may.
    """
    ours = {_plain(each) for each in published}
    return tuple(
        Finding(name=hit.name, start=hit.start, end=hit.end, advice=_ADVICE.get(hit.name, _IDENTITY))
        for hit in spans(text)
        if _plain(text[hit.start : hit.end]) not in ours
    )


def _plain(contact: str) -> str:
    """Return what stays the same when an address or a number is written otherwise."""
    if "@" in contact:
        return contact.strip().casefold()
    plain = "".join(character for character in contact.casefold() if character.isalnum())
    return plain[-_TELLING:] if plain.isdecimal() else plain
