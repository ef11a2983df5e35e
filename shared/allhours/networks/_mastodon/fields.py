"""Mastodon's JSON, read field by field; what is missing or wrong is named by its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.item import UNKNOWN_AUDIENCE
from allhours.networks.contract import LONGEST_ADDRESS
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from datetime import datetime

_LONGEST = 1_000  # bytes of an id or address: two of them make a key, and a table's key ends at 2,048


class WrongError(Exception):
    """A field is missing or not what the network documents."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field, detail)
        self.field = field
        self.detail = detail


class Fields:
    """An object of the network's JSON, read field by field; `WrongError` names the field by its path."""

    def __init__(self, body: object, path: str) -> None:
        if not isinstance(body, dict):
            raise WrongError(path or "body", f"an object was expected, not {type(body).__name__}")
        self._body = body
        self._path = path

    def _named(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        return self._body.get(name) is not None

    def prose(self, name: str) -> str:
        """Return a text of any length and kind; null and absent are empty."""
        value = self._body.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise WrongError(self._named(name), f"a text was expected, not {type(value).__name__}")
        return value

    def optional(self, name: str) -> str:
        """Return an id, an address or a word; null and absent are empty."""
        value = self.prose(name)
        if not is_id(value):
            raise WrongError(self._named(name), f"more than {_LONGEST} bytes, or characters that no id has")
        return value

    def text(self, name: str) -> str:
        """Return an id, an address or a word that must be there."""
        if value := self.optional(name):
            return value
        raise WrongError(self._named(name), "missing")

    def address(self, name: str) -> str:
        """Return a web address; anything a browser would not open as a page is empty."""
        value = self.optional(name)
        return value if value.startswith(("https://", "http://")) else ""

    def link(self, name: str) -> str:
        """Return a web address that we only show; one that is no link, or too long to be one, is empty."""
        value = self.prose(name)
        fits = len(value) <= LONGEST_ADDRESS and value.isprintable()
        return value if fits and value.startswith(("https://", "http://")) else ""

    def instant(self, name: str) -> datetime:
        try:
            return instant_of(self.text(name))
        except (ValueError, OverflowError):
            raise WrongError(self._named(name), "no ISO 8601 time with a zone") from None

    def count(self, name: str) -> int:
        """Return a whole number; what is none is unknown, for no item is worth losing over it."""
        value = self._body.get(name)
        return value if type(value) is int and value >= 0 else UNKNOWN_AUDIENCE

    def object(self, name: str) -> Fields:
        return Fields(self._body.get(name), self._named(name))

    def objects(self, name: str) -> tuple[Fields, ...]:
        value = self._body.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise WrongError(self._named(name), f"a list was expected, not {type(value).__name__}")
        return tuple(Fields(each, f"{self._named(name)}[{place}]") for place, each in enumerate(value))


def is_id(value: str) -> bool:
    return value.isprintable() and len(value.encode()) <= _LONGEST  # what is printable can be encoded
