"""LinkedIn's URNs and fields: each is what the documentation shows, or `WrongError` names it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from allhours.domain.item import Author

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.handle import Handle

NETWORK = "linkedin"
NAMELESS = "LinkedIn member"  # what to show when the actor is missing (MicrosoftDocs/feedback #971)
URN = re.compile(r"urn:li:[A-Za-z]{1,40}:[A-Za-z0-9_-]{1,100}", re.ASCII)
_COMMENT = re.compile(
    r"urn:li:comment:\((?:urn:li:)?(?P<kind>[A-Za-z]{1,40}):(?P<thread>[0-9]{1,40}),(?P<id>[0-9]{1,40})\)",
    re.ASCII,
)
_LAST_MILLISECOND = 253_402_300_799_000  # the year 9999


class WrongError(Exception):
    """Say which field is missing or mistyped; it never leaves LinkedIn's files."""

    def __init__(self, field: str) -> None:
        """Keep the field's name."""
        super().__init__(field)
        self.field = field


def page_urn(handle: Handle) -> str:
    """Return the page's URN; `native_id` is its number, or the whole URN of a brand page."""
    native_id = handle.native_id
    return native_id if native_id.startswith("urn:li:") else f"urn:li:organization:{native_id}"


def encoded(urn: str) -> str:
    """Return a URN as paths and queries carry it, its colons, commas and brackets percent-encoded."""
    return quote(urn, safe="")


def comment_urn(value: object) -> str:
    """Return a comment's URN in its one full form, or nothing.

    Webhooks also write `urn:li:comment:(activity:1,2)` for `urn:li:comment:(urn:li:activity:1,2)`.
    """
    found = _COMMENT.fullmatch(value) if isinstance(value, str) else None
    return f"urn:li:comment:(urn:li:{found['kind']}:{found['thread']},{found['id']})" if found else ""


def thread_of(urn: str) -> str:
    """Return the URN of the post that a comment stands under, or nothing."""
    found = _COMMENT.fullmatch(urn)
    return f"urn:li:{found['kind']}:{found['thread']}" if found else ""


def number_of(urn: str) -> str:
    """Return a comment's own number, or nothing."""
    found = _COMMENT.fullmatch(urn)
    return found["id"] if found else ""


def urn_in(value: object) -> str:
    """Return a URN that is no comment's, or nothing."""
    return value if isinstance(value, str) and URN.fullmatch(value) else ""


def permalink(urn: str) -> str:
    """Return where everybody can read a comment or a post."""
    thread = thread_of(urn)
    if not thread:
        return f"https://www.linkedin.com/feed/update/{urn}"
    return f"https://www.linkedin.com/feed/update/{thread}?commentUrn={encoded(urn)}"


def author_in(value: object, native_id: str, field: str) -> Author:
    """Return who said it; ids mean our app only, names need another permission, and some have no actor."""
    if value is None:
        return Author(author_id=f"unknown:{native_id}", name=NAMELESS)
    if not urn_in(value):
        raise WrongError(field)
    return Author(author_id=str(value))


def text_in(value: object, field: str) -> str:
    """Return words; none are as good as empty ones, anything else is wrong."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongError(field)
    return value


def instant_in(value: object, field: str) -> datetime:
    """Return an instant that LinkedIn tells in milliseconds."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _LAST_MILLISECOND:
        raise WrongError(field)
    return datetime.fromtimestamp(value // 1_000, UTC).replace(microsecond=value % 1_000 * 1_000)


def milliseconds(at: datetime) -> int:
    """Return an instant as LinkedIn tells it."""
    return int(at.timestamp()) * 1_000 + at.microsecond // 1_000


def look(value: object, path: str) -> Any:  # noqa: ANN401 - foreign JSON, checked by who asked
    """Return what stands at a dotted path, None where any step is missing."""
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def rows_in(value: object, name: str) -> list[Any]:
    """Return a list field's rows; no list has none."""
    rows = look(value, name)
    return rows if isinstance(rows, list) else []


def has_next(page: object, asked: int) -> bool:
    """Return whether more rows follow: a page may be short, so its link to the next one counts, too."""
    links = rows_in(look(page, "paging"), "links")
    return len(rows_in(page, "elements")) >= asked or any(look(each, "rel") == "next" for each in links)


def texts_below(value: object) -> Iterator[str]:
    """Yield every text in a JSON value, however deep; no recursion."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            waiting += current.values()
        elif isinstance(current, list):
            waiting += current


def needs(**what: str) -> Mapping[str, str]:
    """Return what is known of it."""
    return {name: value for name, value in what.items() if value}
