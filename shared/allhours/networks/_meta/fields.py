"""What Meta's JSON is made of: ids, texts, times, addresses; a wrong field becomes an `Unreadable`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Heard, Skipped, Unreadable
from allhours.domain.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from allhours.domain.handle import Handle

_ID = re.compile(r"[A-Za-z0-9_.:=+-]{1,512}")  # no slash: ids go into URLs
LONGEST_NAME = 200  # characters of a person's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we listen: our handle, the network's id of it and the instant of hearing."""

    handle: Handle
    page: str
    at: datetime

    def is_ours(self, author_id: str) -> bool:
        """Return whether we said it ourselves."""
        return author_id in {self.page, self.handle.native_id}


class WrongError(Exception):
    """Say which field is missing or mistyped; `guarded` turns it into a value."""

    def __init__(self, field: str, detail: str) -> None:
        """Keep the field's name, never what it holds."""
        super().__init__(field)
        self.field = field
        self.detail = detail


def guarded(place: Place, native_id: str, make: Callable[[], Heard]) -> Heard:
    """Return what `make` makes, or an `Unreadable` that names the field it found wrong."""
    try:
        return make()
    except WrongError as wrong:
        return unreadable(place, native_id, wrong.field, wrong.detail)


def unreadable(place: Place, native_id: str, field: str, detail: str) -> Unreadable:
    """Return a post that is not as documented."""
    return Unreadable(
        network=place.handle.network,
        handle=place.handle.handle,
        native_id=native_id,
        field=field,
        detail=detail,
    )


def attributed(heard: Iterable[Heard]) -> tuple[Heard, ...]:
    """Give what names no handle to the one that the rest of the body names, so that it is told once."""
    whole = tuple(heard)
    named = next((each.handle for each in whole if not isinstance(each, Skipped) and each.handle), "")
    return tuple(
        replace(each, handle=each.handle or named) if isinstance(each, Unreadable) else each for each in whole
    )


def skipped(place: Place, native_id: str, reason: str) -> Skipped:
    """Return a post that is none of our business, and why."""
    return Skipped(network=place.handle.network, native_id=native_id, reason=reason)


def decoded(network: str, body: bytes) -> object:
    """Return the JSON in `body`; `Malformed` when it is none."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(network, "the body is no JSON") from None
    return value


def id_of(value: object, field: str) -> str:
    """Return an id as text; it may be a number, and stands in URLs."""
    if native_id := id_or_nothing(value):
        return native_id
    raise WrongError(field, "is missing" if value is None else "must be an id, as text or whole number")


def id_or_nothing(value: object) -> str:
    """Return an id as text, else nothing."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**30:
        return str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def text_of(value: object, field: str, *, limit: int = 20_000) -> str:
    """Return a text without what could harm a screen; a missing one is empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongError(field, "must be a text")
    return plain(value, limit=limit)


def clamped(value: object, field: str, place: Place, *, otherwise: datetime | None = None) -> datetime:
    """Return the instant, never later than we heard of it."""
    at = otherwise if value is None else moment(value)
    if at is None:
        raise WrongError(field, "must be a time")
    return min(at, place.at)


def told_at(value: object, place: Place) -> datetime:
    """Return when a delivery was made, as far as it says so."""
    return min(moment(value) or place.at, place.at)


def moment(value: object) -> datetime | None:
    """Return one of Meta's times: ISO with `+0000`, Unix seconds or milliseconds; else None."""
    if isinstance(value, str) and not value.isdecimal():
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        return at.astimezone(UTC) if at.tzinfo and 1970 < at.year < 9999 else None  # noqa: PLR2004 - a zone may move it
    if isinstance(value, str) and len(value) < len("1763547198627") + 1:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**14:
        return None
    return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)


def version(at: datetime) -> int:
    """Return milliseconds, for Meta numbers neither edits nor states."""
    return int(at.timestamp() * 1000)


def https(value: object) -> str:
    """Return an address that starts with https, else nothing."""
    return plain(value, limit=2_000) if isinstance(value, str) and value.startswith("https://") else ""


def attachment(kind: object, url: object) -> str:
    """Return what stands for a file: its address, else its kind."""
    return https(url) or (plain(kind, limit=50) if isinstance(kind, str) and kind else "attachment")


def listed(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects of an edge: `{"data": [...]}` or a bare list, as older recordings have it."""
    edge = value.get(name)
    return dicts(edge.get("data") if isinstance(edge, dict) else edge)


def rows(value: Mapping[str, Any], name: str) -> list[object]:
    """Return a webhook's updates; one that is no list is kept as one row, so that it is reported."""
    told = value.get(name, [])
    return told if isinstance(told, list) else [told]


def word(value: object) -> str:
    """Return a text as it is, nothing for anything else."""
    return value if isinstance(value, str) else ""


def dict_of(value: object) -> Mapping[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def dicts(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
