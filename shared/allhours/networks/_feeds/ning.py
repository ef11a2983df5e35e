"""Ning communities: which feeds a community has, by its known paths or by what its page names.

Ning 2 answers at the paths below (seen in use; Ning's own documentation is gone). `xn_auth=no` keeps it from
redirecting to its login page. A community of another make (Ning 3, whose paths nobody could confirm) is asked
for its page, which names feeds by `<link rel="alternate">`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from html.parser import HTMLParser
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit, urlunsplit

from allhours.networks._feeds.window import digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle

FORUM, BLOG, TOPIC = "/forum/topic/list", "/profiles/blog/feed", "/forum/topics/"
MOST_FOUND = 4  # feeds of one page: its forum, its blog, and two that we do not know of
LOOK_AGAIN_AFTER = timedelta(days=1)
_LONGEST_HEAD = 200_000  # bytes of a page in which its links stand
_TYPES = frozenset({"application/atom+xml", "application/rss+xml", "application/feed+json"})


def is_community(handle: Handle) -> bool:
    """Return whether the handle's address is a Ning community's, or one topic's, and no feed's."""
    where = urlsplit(handle.base_url)
    if where.query:
        return False
    bare = (where.hostname or "").endswith(".ning.com") and where.path in {"", "/"}
    return bare or handle.settings.get("community") == "ning"


def feeds_of(handle: Handle, cursor: Mapping[str, Any]) -> dict[str, str]:
    """Return a community's feeds by the name of their stream: those its page named, else the known ones."""
    named = cursor.get("found", {}).get("feeds", ())
    if named:
        return {f"feed {digest(address, length=8)}": address for address in named}
    base = handle.base_url.rstrip("/")
    if TOPIC in base:
        return {"topic": f"{base}?feed=yes&xn_auth=no"}
    return {"forum": f"{base}{FORUM}?feed=yes&xn_auth=no", "blog": f"{base}{BLOG}?xn_auth=no"}


def looks_lost(handle: Handle, cursor: Mapping[str, Any], at: datetime) -> bool:
    """Return whether none of the feeds answers as one, and the page was not asked today."""
    looked = float(cursor.get("found", {}).get("at", 0))
    if looked + LOOK_AGAIN_AFTER.total_seconds() > at.timestamp():
        return False
    return all(cursor.get(name, {}).get("failures") for name in feeds_of(handle, cursor))


def alternates(page: bytes, address: str) -> tuple[str, ...]:
    """Return the feeds that a web page names, on its own host only."""
    links = _Links()
    with suppress(AssertionError):  # Python's parser gives up so on some broken declarations
        links.feed(page[:_LONGEST_HEAD].decode("utf-8", "replace"))
    host = urlsplit(address).netloc
    found: dict[str, None] = {}
    for href in links.found:
        try:
            where = urlsplit(urldefrag(urljoin(address, href)).url)
        except ValueError:
            continue
        if where.scheme in {"http", "https"} and where.netloc == host:
            query = {**dict(parse_qsl(where.query, keep_blank_values=True)), "xn_auth": "no"}
            found[urlunsplit(where._replace(query=urlencode(query)))] = None
    return tuple(islice(found, MOST_FOUND))


class _Links(HTMLParser):
    """Collect where `<link rel="alternate">` points, if a feed is there by its type."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        given = {name: value or "" for name, value in attrs}
        kind = given.get("type", "").partition(";")[0].strip().lower()
        if tag == "link" and "alternate" in given.get("rel", "").lower().split() and kind in _TYPES:
            self.found.append(given.get("href", ""))
