"""Read RSS, Atom, RDF, CDF and JSON Feed documents into entries; foreign markup and JSON stop here.

XML goes through feedparser, which is given bytes and never an address, after `_feeds.safety` has let them
pass.
"""

from __future__ import annotations

import html
import io
import json
import re
from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import feedparser
import feedparser.mixin

from allhours.domain.errors import Malformed
from allhours.domain.plain_text import from_html, plain
from allhours.networks._feeds.safety import MOST_ENTRIES, NoFeedError, refuse_bombs, settled
from allhours.networks.contract import LONGEST_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NETWORK = "feeds"
LONGEST_AUTHOR = 500  # characters

Json = object
"""Any JSON value, or anything feedparser makes of a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry in plain terms: `native` is its guid or id, `answers` the id it replies to (RFC 4685)."""

    native: str
    link: str
    title: str
    body: str
    author: str
    author_mark: str
    published_at: datetime | None
    updated_at: datetime | None
    language: str
    answers: str = ""
    attachments: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return title and body, the title only once (blog engines cut one out of a comment's beginning)."""
        opening = self.title.rstrip(".… ")
        if self.body.startswith(opening):
            return self.body
        return "\n\n".join(filter(None, (self.title, self.body)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Misread:
    """An entry that breaks the format: which (`native` if it has one) and where; `trace` is all of it."""

    native: str
    field: str
    detail: str
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a feed shows now, and how it asks to be polled: `rest` in seconds, hours (UTC) to skip."""

    entries: tuple[Entry | Misread, ...]
    rest: int = 0
    skip_hours: tuple[int, ...] = ()


def read_document(
    body: bytes, *, address: str, content_type: str = "", location: str = "", handle: str = ""
) -> Document:
    """Read a document of any feed format; `Malformed` says what came instead of one.

    `address` is the one that the organisation file names, `location` the one that answered.
    """
    if not body.strip(b"\0 \t\r\n"):
        raise Malformed(NETWORK, "the answer is empty", handle=handle)
    if body[:16].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n")[:1] == b"{":
        return _read_json(body, handle)
    try:
        document, content_type = settled(body, content_type)
        refuse_bombs(document)
        return _read_xml(document, content_type, location)
    except NoFeedError as no:
        raise Malformed(NETWORK, str(no), handle=handle) from None
    except _WebPageError:
        raise Malformed(NETWORK, _web_page(body, address), handle=handle) from None


# JSON Feed 1.0 and 1.1


def _read_json(body: bytes, handle: str) -> Document:
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(NETWORK, "the JSON is broken", handle=handle) from None
    if not isinstance(feed, dict) or "jsonfeed.org/version/1" not in str(feed.get("version")):
        raise Malformed(NETWORK, "this JSON is no JSON Feed 1", handle=handle, field="version")
    items = feed.get("items")
    if not isinstance(items, list):
        raise Malformed(NETWORK, "a JSON Feed holds a list of items", handle=handle, field="items")
    if len(items) > MOST_ENTRIES:
        raise Malformed(NETWORK, f"the feed holds more than {MOST_ENTRIES} entries", handle=handle)
    return Document(entries=tuple(_json_entry(place, item, feed) for place, item in enumerate(items)))


class _WrongFieldError(Exception):
    """Name the field whose value is not of the documented type."""


def _json_entry(place: int, item: Json, feed: Mapping[str, Json]) -> Entry | Misread:
    trace = json.dumps(item)
    if not isinstance(item, dict):
        return Misread(native="", field=f"items[{place}]", detail="an item is a JSON object", trace=trace)
    native = item.get("id")
    native = "" if native is None else native
    if isinstance(native, bool) or not isinstance(native, (str, int, float)):
        return Misread(native="", field=f"items[{place}].id", detail="an id is a text", trace=trace)
    native = clean(str(native)).strip()
    try:
        people = _people(item) or _people(feed)
        html_body = _text(item, "content_html")
        plain_body = _text(item, "content_text") or _text(item, "summary")
        body = from_html(html_body) if html_body else plain(plain_body)
        return Entry(
            native=native,
            link=web(_text(item, "url") or _text(item, "external_url")),
            title=_title(_text(item, "title"), "text/plain"),
            body=body,
            author=person(_text(people, "name")),
            author_mark=_text(people, "url") or _text(people, "name"),
            published_at=_instant(_text(item, "date_published")),
            updated_at=_instant(_text(item, "date_modified")),
            language=_language(_text(item, "language") or feed.get("language")),
            attachments=tuple(
                filter(None, (web(_text(each, "url")) for each in _objects(item, "attachments")))
            ),
        )
    except _WrongFieldError as wrong:
        return Misread(native=native, field=str(wrong), detail="not of the documented type", trace=trace)


def _text(holder: Mapping[str, Json], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongFieldError(name)
    return clean(value)


def _objects(holder: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _WrongFieldError(name)
    return value


def _people(holder: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the first author: `authors` in 1.1, `author` in 1.0."""
    for each in _objects(holder, "authors"):
        return each
    single = holder.get("author")
    if single is not None and not isinstance(single, dict):
        raise _WrongFieldError("author")
    return single or {}


def _instant(value: str) -> datetime | None:
    """Return an RFC 3339 text as UTC, which a missing zone is taken for; None for what is no date."""
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# XML


_WEB_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_LOGIN = re.compile(rb"type\s*=\s*[\"']?password\b|/main/authorization/sign(?:In|Up)", re.IGNORECASE)
_GAVE_UP = (
    # what feedparser, sgmllib and urllib let escape on hostile input
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def _bound_authors() -> None:
    """Make feedparser look for a mail address in an author's beginning only: it takes quadratic time."""
    mixin = feedparser.mixin._FeedParserMixin  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way
    whole = mixin._sync_author_detail  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    def bounded(self: Any, key: str = "author") -> None:  # noqa: ANN401 - feedparser ships no types
        context = self._get_context()
        if len(context.get(key) or "") > LONGEST_AUTHOR:
            context[key] = context[key][:LONGEST_AUTHOR]
        whole(self, key)

    mixin._sync_author_detail = bounded  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


_bound_authors()


def _read_xml(body: bytes, content_type: str, location: str) -> Document:
    headers = {"content-type": content_type} if content_type else {}
    if location:
        headers["content-location"] = location
    try:
        # HTML is read by `from_html`; cleaning it here would take quadratic time
        parsed = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except _GAVE_UP as error:
        raise NoFeedError(f"the parser gave up ({type(error).__name__})") from None
    entries, feed = parsed["entries"], parsed["feed"]
    if not entries and not parsed.get("version"):
        if _WEB_PAGE.search(body[:4_000]) or "html" in content_type:
            raise _WebPageError
        raise NoFeedError("the answer is no feed")
    inherits = str(parsed.get("version") or "").startswith(
        "atom"
    )  # RFC 4287 §4.1.1; an RSS editor is no author
    return Document(
        entries=tuple(_xml_entry(entry, feed if inherits else {}, feed) for entry in entries),
        rest=60 * _number(_value(feed, "ttl")),
        skip_hours=tuple(_skip_hours(body)),
    )


class _WebPageError(Exception):
    """HTML came, at status 200: the commonest of a feed's errors."""


def _web_page(page: bytes, address: str) -> str:
    """Return what to tell a person when HTML came at status 200; the address itself is never told."""
    text = "a web page came instead of a feed: is the address right, and readable without a login?"
    if _LOGIN.search(page):
        text = "a login page came instead of a feed: only members may read it."
    if any(
        mark in address for mark in (".ning.com", "/profiles/blog/feed", "/forum/topic", "/activity/log/")
    ):
        ours = "xn_auth=no" in address
        return text + (" This Ning network is private." if ours else " A Ning address needs xn_auth=no.")
    return text


def _xml_entry(entry: Mapping[str, Json], giver: Mapping[str, Json], feed: Mapping[str, Json]) -> Entry:
    content = _content(entry)
    title = _mapping(entry, "title_detail")
    credited = entry if _value(entry, "author") else giver
    author = _value(credited, "author")  # whole: feedparser cuts addresses out of it at the wrong place
    return Entry(
        native=_value(entry, "id").strip(),
        link=web(_value(entry, "link")),
        title=_title(_value(entry, "title"), _value(title, "type")),
        body=_words(_value(content, "value"), _value(content, "type")),
        author=person(author),
        author_mark=_value(_mapping(credited, "author_detail"), "href") or author,
        published_at=_parsed(entry, "published_parsed") or _parsed(entry, "created_parsed"),
        updated_at=_parsed(entry, "updated_parsed"),
        language=_language(
            _value(entry, "language")
            or _value(content, "language")
            or _value(title, "language")
            or _value(feed, "language")
        ),
        answers=_answers(entry),
        attachments=tuple(
            address
            for link in _mappings(entry, "links")
            if _value(link, "rel") == "enclosure" and (address := web(_value(link, "href")))
        ),
    )


def _raw(holder: Mapping[str, Json], name: str) -> Json:
    """Return a field as it stands: feedparser's own look-up makes `updated` of `published`, and warns."""
    return dict.get(cast("dict[str, Json]", holder), name)


def _value(holder: Mapping[str, Json], name: str) -> str:
    value = _raw(holder, name)
    return clean(value) if isinstance(value, str) else ""


def _mapping(holder: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    value = _raw(holder, name)
    return value if isinstance(value, dict) else {}


def _mappings(holder: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    value = _raw(holder, name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _content(entry: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the fullest text: Atom's content or content:encoded, else the summary or description."""
    words = ("text/", "application/xhtml")
    texts = (each for each in _mappings(entry, "content") if _value(each, "type").startswith(words))
    summary = _mapping(entry, "summary_detail") or {"value": _value(entry, "summary"), "type": "text/html"}
    return max((*texts, summary), key=lambda each: len(_value(each, "value")))


def _answers(entry: Mapping[str, Json]) -> str:
    for name in entry:
        if name.endswith("in-reply-to"):
            reply = _mapping(entry, name)
            return (_value(reply, "ref") or _value(reply, "href")).strip()
    return ""


def _parsed(entry: Mapping[str, Json], name: str) -> datetime | None:
    """Return a date that feedparser understood; it gives UTC, or None for local month names and the like."""
    value = _raw(entry, name)
    try:
        return datetime.fromtimestamp(timegm(value), UTC) if isinstance(value, tuple) else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _skip_hours(body: bytes) -> Iterator[int]:
    """Yield the hours of RSS's skipHours, of which feedparser keeps only the last."""
    start = body.find(b"<skipHours")
    end = body.find(b"</skipHours", start)
    if 0 <= start < end < start + 4_000:
        for hour in re.findall(rb"<hour>\s*(\d{1,2})\s*</hour>", body[start:end]):
            if int(hour) <= 24:  # noqa: PLR2004 - 24 is midnight in RSS 0.9x
                yield int(hour) % 24


# Both


_EMAIL = re.compile(r"[(<]?\b[^\s@<>()]{1,64}@[^\s@<>()]{1,255}[)>]?")
_ESCAPED = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_LANGUAGE = re.compile(r"([a-zA-Z]{2,3})(?:[-_].{0,30})?")


def clean(text: str) -> str:
    """Return the text without lone surrogates, which no encoding carries."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def web(address: str) -> str:
    """Return the address if a person may click on it, else nothing (`javascript:` and kin)."""
    address = address.strip()
    harmless = address.lower().startswith(("https://", "http://")) and len(address) <= LONGEST_ADDRESS
    return address if harmless and address.isprintable() and " " not in address else ""


def person(name: str) -> str:
    """Return the name in RSS's `mail@host (Name)` and Atom's names, never the address."""
    return plain(_EMAIL.sub(" ", name[:1_000]), limit=100).replace("\n", " ").strip(" ()<>")


def _title(value: str, kind: str) -> str:
    title = _words(value, kind)
    if _ESCAPED.search(title):  # escaped twice, as many engines do
        title = from_html(html.unescape(title))
    return " ".join(title.split())


def _words(value: str, kind: str) -> str:
    return plain(value) if kind == "text/plain" else from_html(value)


def _language(value: Json) -> str:
    found = _LANGUAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    return found.group(1).lower() if found else ""


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() and len(text) < 8 else 0  # noqa: PLR2004 - ten million minutes are none
