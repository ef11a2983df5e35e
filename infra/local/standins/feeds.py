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
    from typing import Self

    from allhours.domain.handle import Handle

ATOM, RSS, JSON_FEED = "/atom.xml", "/rss.xml", "/feed.json"
NING, NING_BLOG, NING_TOPIC = "/forum/topic/list", "/profiles/blog/feed", "/forum/topics/"
NING_3 = ("/feeds/discussions", "/feeds/articles")
LOGIN = "/main/authorization/signIn"
_LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign In</title></head><body><form>Sign in "
    b"<input type='password' name='passwd'></form></body></html>"
)
_TYPES = {
    ATOM: "application/atom+xml; charset=utf-8",
    RSS: "application/rss+xml; charset=utf-8",
    JSON_FEED: "application/feed+json; charset=utf-8",
}


@dataclass(slots=True, kw_only=True)
class Said:
    """One entry and what became of it; `native_id` is Allhours' name of it, `entry_id` the feed's own."""

    native_id: str
    entry_id: str
    author: str
    text: str
    said_at: datetime
    edited_at: datetime | None = None
    deleted: bool = False
    by_brand: bool = False
    reply_to: str = ""
    waits: bool = False
    blog: bool = False

    @property
    def updated_at(self) -> datetime:
        """Return when it last changed."""
        return self.edited_at or self.said_at


class FeedsStandIn(StandIn):
    """A forum whose feed shows its latest entries, newest first, and nothing older.

    One list of entries in three formats (`/atom.xml`, `/rss.xml`, `/feed.json`). With `community` it is a
    Ning network besides: forum, blog and each topic have feeds of their own, which without `xn_auth=no`
    redirect to a login page in HTML at status 200, and always do on a network made `private`; as `Ning 3` it
    has none of these paths, and its page names others. ETags are strong or `weak`, Last-Modified is real;
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
        handle: str = "Money forum",
        community: bool = False,
        listen: tuple[str, ...] = (),
        window: int = 500,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take what the handle reads and says, the brand's name as an author, and how much is shown."""
        super().__init__(port)
        self.path = "" if community else path
        self.brand = brand
        self.handle = handle
        self.listen = listen
        self.community = community
        self.ning_3 = False
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
        if self.community:
            settings["community"] = "ning"
        return {"handle": self.handle, "base_url": self.address, "settings": settings}

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the feed or the community that the handle reads; its port keeps its ids apart."""
        del place
        own, _, _ = handle.settings.get("own_authors", "").partition(",")
        return cls(
            port,
            path=RSS if handle.base_url.endswith("rss") else ATOM,
            brand=own.strip() or "Acme Bank",
            handle=handle.handle,
            community=handle.settings.get("community") == "ning",
            listen=handle.listen,
        )

    # What customers and the brand do.

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer post; one of the words we listen for is put before a text that has none."""
        if private:
            raise NotImplementedError("nothing is private in a feed")
        named = not self.listen or any(word.casefold() in text.casefold() for word in self.listen)
        return self.say(author, text if named else f"{self.listen[0]}: {text}", reply_to=reply_to)

    @property
    def posts(self) -> list[Said]:
        """Return every customer post ever said, with its state."""
        return [said for said in self._said.values() if not said.by_brand]

    def say(
        self, author: str, text: str, *, reply_to: str = "", late: bool = False, blog: bool = False
    ) -> str:
        """Start a topic, or answer one, or write in a `blog`; `late` keeps it out of the next answer."""
        return self._add(author, text, reply_to=reply_to, waits=late, blog=blog)

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
        self,
        author: str,
        text: str,
        *,
        reply_to: str,
        by_brand: bool = False,
        waits: bool = False,
        blog: bool = False,
    ) -> str:
        with self.lock:
            where = NING_TOPIC if self.community else "/topics/"
            entry_id = f"{self.base_url}{where}{len(self._said) + 1}"
            native_id = f"{_digest(self.address)[:10]}:{entry_id.removeprefix('http://')}"
            self._said[native_id] = Said(
                native_id=native_id,
                entry_id=entry_id,
                author=author,
                text=text,
                said_at=self.clock(),
                by_brand=by_brand,
                reply_to=self._said[reply_to].entry_id if reply_to else "",
                waits=waits,
                blog=blog,
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
        path = asked.path if asked.path in _TYPES else ATOM
        return self._turned_away(asked) or self._shown(
            path, asked, copies=copies, without_newest=without_newest, whole=whole
        )

    def _holds(self, path: str, said: Said) -> bool:
        """Return whether an entry stands in the feed at a path."""
        if path.startswith(NING_TOPIC):
            return f"{self.base_url}{path}" in {said.entry_id, said.reply_to}
        if path in {NING, NING_BLOG, *NING_3}:
            return said.blog is (path in {NING_BLOG, NING_3[1]})
        return True

    def _is_ning(self, asked: Asked) -> bool:
        """Return whether this is one of Ning's feeds; without `feed=yes` a web page is there."""
        if self.ning_3:
            return asked.path in NING_3
        forum = asked.path == NING or asked.path.startswith(NING_TOPIC)
        return asked.path == NING_BLOG or (forum and asked.first("feed") == "yes")

    def _turned_away(self, asked: Asked) -> Told | None:
        page = "text/html; charset=utf-8"
        if asked.path in self.moved:
            status, where = self.moved[asked.path]
            return Told(status=status, headers={"Location": where})
        if self.password and asked.headers.get("authorization") != _basic("reader", self.password):
            return Told(status=401, headers={"WWW-Authenticate": 'Basic realm="forum"'})
        front = _page(self.base_url) if self.ning_3 else _LOGIN_PAGE
        pages = {LOGIN: _LOGIN_PAGE, **({"/": front} if self.community else {})}
        if asked.path in pages:
            return Told(body=pages[asked.path], content_type=page)
        if self._is_ning(asked) and (self.private or asked.first("xn_auth") != "no"):
            return Told(status=302, headers={"Location": LOGIN})
        if self.gone or self.missing or not (asked.path in _TYPES or self._is_ning(asked)):
            return Told(
                status=410 if self.gone else 404, body=b"<html>no such page</html>", content_type=page
            )
        return None

    def _shown(self, path: str, asked: Asked, *, copies: int, without_newest: bool, whole: bool) -> Told:
        entries = [
            said
            for said in reversed(self._said.values())
            if not said.deleted and not said.waits and self._holds(asked.path, said)
        ]
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


def _page(base_url: str) -> bytes:
    """Return a community's page, which names its feeds and one of somebody else's."""
    feeds = (f"{base_url}{NING_3[0]}", NING_3[1], "https://elsewhere.example/feed")
    links = "".join(f'<link href="{feed}" rel="alternate" type="application/atom+xml">' for feed in feeds)
    return f"<!DOCTYPE html><html><head><title>Money</title>{links}</head><body></body></html>".encode()


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
