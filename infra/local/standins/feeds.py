"""A forum on loopback that is read by feed only: Atom, RSS, JSON Feed, and Ning's paths."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from infra.local.standins.base import Asked, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable

ATOM, RSS, JSON_FEED = "/atom.xml", "/rss.xml", "/feed.json"
NING = "/forum/topic/list"
LOGIN = "/main/authorization/signIn"
_LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign In</title></head><body><form>Sign in</form></body></html>"
)
_TYPES = {
    ATOM: "application/atom+xml; charset=utf-8",
    RSS: "application/rss+xml; charset=utf-8",
    JSON_FEED: "application/feed+json; charset=utf-8",
}


@dataclass(slots=True, kw_only=True)
class Said:
    """One entry and what became of it; `id` is the name that Allhours gives it, `entry_id` the feed's own."""

    id: str
    entry_id: str
    author: str
    text: str
    said_at: datetime
    edited_at: datetime | None = None
    deleted: bool = False
    by_brand: bool = False
    reply_to: str = ""
    waits: bool = False

    @property
    def updated_at(self) -> datetime:
        """Return when it last changed."""
        return self.edited_at or self.said_at


class FeedsStandIn(StandIn):
    """A forum whose feed shows its latest entries, newest first, and nothing older.

    One list of entries in three formats (`/atom.xml`, `/rss.xml`, `/feed.json`) and at Ning's
    `/forum/topic/list?feed=yes`, which without `xn_auth=no` redirects to a login page in HTML at status 200,
    and always does on a network made `private`. ETags are strong or `weak`, Last-Modified is real;
    If-None-Match wins over If-Modified-Since; a 304 has no body; without `validators` every answer is whole.
    Bodies are gzipped for whoever accepts it. `moved` redirects (path to status and address), `gone` is 410
    for good, `missing` 404, `ttl` (minutes, RSS) and `max_age` (seconds) ask for rest, `password` wants HTTP
    Basic. Deleted entries just drop out; answers are told by RFC 4685 (Atom); RSS escapes titles twice and
    has authors as `mail (Name)`.

    Faults: 429 with Retry-After in seconds, the next time as a date; 503; a cut body; a web page at status
    200; every entry twice; an answer without the newest entry; 401 and 403.
    """

    name = "feeds"

    def __init__(
        self,
        port: int = 0,
        *,
        path: str = ATOM,
        brand: str = "Acme Bank",
        window: int = 500,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the path the handle reads, the brand's name as an author, and how many entries are shown."""
        super().__init__(port)
        self.path = path
        self.brand = brand
        self.window = window
        self.clock = clock
        self.validators = True
        self.weak = False
        self.private = False
        self.gone = False
        self.missing = False
        self.password = ""
        self.ttl = 0
        self.max_age = 0
        self.moved: dict[str, tuple[int, str]] = {}
        self._said: dict[str, Said] = {}
        self._limited = 0

    @property
    def address(self) -> str:
        """Return the whole address of the feed."""
        return self.base_url + self.path

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret; none while the feed is open."""
        return {"user": "reader", "password": self.password} if self.password else {}

    @property
    def handle_settings(self) -> dict[str, Any]:
        """Return what the organisation file says about the handle."""
        settings = {"private": "allowed", "own_authors": self.brand}
        return {"handle": "Money forum", "base_url": self.address, "settings": settings}

    # What customers and the brand do.

    @property
    def posts(self) -> list[Said]:
        """Return every customer post ever said, with its state."""
        return [said for said in self._said.values() if not said.by_brand]

    def say(self, author: str, text: str, *, reply_to: str = "", late: bool = False) -> str:
        """Start a topic, or answer one; `late` keeps it out of the next answer."""
        return self._add(author, text, reply_to=reply_to, waits=late)

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Write as the brand."""
        return self._add(self.brand, text, reply_to=reply_to, by_brand=True)

    def edit(self, native_id: str, text: str) -> None:
        """Change the words; `updated` follows."""
        with self.lock:
            said = self._said[native_id]
            said.text = text
            said.edited_at = max(self.clock(), said.updated_at + timedelta(seconds=1))

    def delete(self, native_id: str) -> None:
        """Take the entry out of the feed, which tells nobody."""
        with self.lock:
            self._said[native_id].deleted = True

    def _add(
        self, author: str, text: str, *, reply_to: str, by_brand: bool = False, waits: bool = False
    ) -> str:
        with self.lock:
            entry_id = f"{self.base_url}/topics/{len(self._said) + 1}"
            native_id = f"{_digest(self.address)[:10]}:{entry_id.removeprefix('http://')}"
            self._said[native_id] = Said(
                id=native_id,
                entry_id=entry_id,
                author=author,
                text=text,
                said_at=self.clock(),
                by_brand=by_brand,
                reply_to=self._said[reply_to].entry_id if reply_to else "",
                waits=waits,
            )
            return native_id

    # The server.

    def answer(self, asked: Asked) -> Told:
        """Answer a poll."""
        return self._fed(asked)

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as feeds do."""
        page = Told(body=_LOGIN_PAGE, content_type="text/html; charset=utf-8")
        if fault == "rate_limited":
            self._limited += 1
            at = self.clock() + timedelta(seconds=1)
            wait = "1" if self._limited % 2 else format_datetime(at, usegmt=True)
            return Told(
                status=429, body=b"slow down", headers={"Retry-After": wait}, content_type="text/plain"
            )
        if fault == "duplicate":
            return self._fed(asked, copies=2)
        if fault == "late":
            return self._fed(asked, without_newest=True)
        statuses = {"server_error": 503, "expired_token": 401, "refused_token": 403}
        if fault in statuses:
            return Told(status=statuses[fault], body=_LOGIN_PAGE, content_type="text/html")
        return page if fault == "malformed" else self._fed(asked, whole=True)

    def _fed(
        self, asked: Asked, *, copies: int = 1, without_newest: bool = False, whole: bool = False
    ) -> Told:
        path = ATOM if asked.path == NING else asked.path
        return self._turned_away(asked) or self._shown(
            path, asked, copies=copies, without_newest=without_newest, whole=whole
        )

    def _turned_away(self, asked: Asked) -> Told | None:
        page = "text/html; charset=utf-8"
        if asked.path in self.moved:
            status, where = self.moved[asked.path]
            return Told(status=status, headers={"Location": where})
        if self.password and asked.headers.get("authorization") != _basic("reader", self.password):
            return Told(status=401, headers={"WWW-Authenticate": 'Basic realm="forum"'})
        if asked.path == LOGIN:
            return Told(body=_LOGIN_PAGE, content_type=page)
        if asked.path == NING and (self.private or asked.first("xn_auth") != "no"):
            return Told(status=302, headers={"Location": LOGIN})
        if self.gone or self.missing or asked.path not in {*_TYPES, NING}:
            return Told(
                status=410 if self.gone else 404, body=b"<html>no such page</html>", content_type=page
            )
        return None

    def _shown(self, path: str, asked: Asked, *, copies: int, without_newest: bool, whole: bool) -> Told:
        entries = [said for said in reversed(self._said.values()) if not said.deleted and not said.waits]
        for said in self._said.values():
            said.waits = False
        entries = [
            said for said in entries[1 if without_newest else 0 :][: self.window] for _ in range(copies)
        ]
        raw = {ATOM: self._atom, RSS: self._rss, JSON_FEED: self._json}[path](entries)
        changed_at = max((said.updated_at for said in entries), default=self.clock())
        headers = {"Cache-Control": f"max-age={self.max_age}"} if self.max_age else {}
        if self.validators:
            etag = ("W/" if self.weak else "") + f'"{hashlib.sha256(raw).hexdigest()[:16]}"'
            headers |= {"ETag": etag, "Last-Modified": format_datetime(changed_at, usegmt=True)}
            if not whole and _unchanged(asked, etag, changed_at):
                return Told(status=304, headers=headers)
        if not whole and "gzip" in asked.headers.get("accept-encoding", ""):
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            raw = gzip.compress(raw, mtime=0)
        return Told(body=raw, headers=headers, content_type=_TYPES[path])

    def _atom(self, entries: list[Said]) -> bytes:
        shown = "".join(
            f"<entry><id>{escape(said.entry_id)}</id><title>{escape(_title(said.text))}</title>"
            f"<link rel='alternate' href={quoteattr(said.entry_id)}/>"
            f"<published>{said.said_at.isoformat()}</published><updated>{said.updated_at.isoformat()}</updated>"
            f"<author><name>{escape(said.author)}</name><uri>{escape(self._profile(said.author))}</uri></author>"
            + (f"<thr:in-reply-to ref={quoteattr(said.reply_to)}/>" if said.reply_to else "")
            + f"<content type='html'>{escape(f'<p>{escape(said.text)}</p>')}</content></entry>"
            for said in map(_printable, entries)
        )
        return (
            "<?xml version='1.0' encoding='utf-8'?><feed xmlns='http://www.w3.org/2005/Atom'"
            " xmlns:thr='http://purl.org/syndication/thread/1.0' xml:lang='en'>"
            f"<id>{self.address}</id><title>Money forum</title><updated>2026-01-01T00:00:00Z</updated>"
            f"<link rel='self' href={quoteattr(self.address)}/>{shown}</feed>"
        ).encode()

    def _rss(self, entries: list[Said]) -> bytes:
        shown = "".join(
            f"<item><guid>{escape(said.entry_id)}</guid><link>{escape(said.entry_id)}</link>"
            f"<title>{escape(escape(_title(said.text)))}</title>"
            f"<author>noreply@forum.example ({escape(said.author)})</author>"
            f"<pubDate>{format_datetime(said.said_at, usegmt=True)}</pubDate>"
            f"<description>{escape(f'<p>{escape(said.text)}</p>')}</description></item>"
            for said in map(_printable, entries)
        )
        ttl = f"<ttl>{self.ttl}</ttl>" if self.ttl else ""
        return (
            "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>Money forum</title>"
            f"<link>{self.base_url}/</link><description>Money</description><language>en</language>{ttl}"
            f"{shown}</channel></rss>"
        ).encode()

    def _json(self, entries: list[Said]) -> bytes:
        return json.dumps(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "title": "Money forum",
                "feed_url": self.address,
                "language": "en",
                "items": [
                    {
                        "id": said.entry_id,
                        "url": said.entry_id,
                        "title": _title(said.text),
                        "content_text": said.text,
                        "date_published": said.said_at.isoformat(),
                        "date_modified": said.updated_at.isoformat(),
                        "authors": [{"name": said.author, "url": self._profile(said.author)}],
                    }
                    for said in entries
                ],
            }
        ).encode()

    def _profile(self, author: str) -> str:
        return f"{self.base_url}/profile/{_digest(author)[:8]}"


def _unchanged(asked: Asked, etag: str, changed_at: datetime) -> bool:
    """Return whether the reader has this state; If-None-Match goes before the date (RFC 9110 §13.1.3)."""
    if match := asked.headers.get("if-none-match"):
        return etag.removeprefix("W/") in [each.strip().removeprefix("W/") for each in match.split(",")]
    since = asked.headers.get("if-modified-since")
    return bool(since) and changed_at.replace(microsecond=0) <= parsedate_to_datetime(str(since))


def _title(text: str) -> str:
    """Return the beginning of the text, as forums make titles of it."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:40].rsplit(' ', 1)[0]}..."  # noqa: PLR2004 - a title's length


def _printable(said: Said) -> Said:
    """Return the entry without what XML cannot say, as forum software strips it."""
    said.text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", said.text)
    return said


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _digest(address: str) -> str:
    """Return the hash of an address or name, the scheme left out."""
    return hashlib.sha256(address.removeprefix("http://").encode()).hexdigest()
