"""Read feeds: RSS, Atom, RDF and JSON Feed of blogs, news pages, forums and Ning communities.

Written from RFC 9110 (conditional requests, redirects, Retry-After), RFC 4287 (Atom), RFC 4685 (threads), the
RSS 2.0 specification, JSON Feed 1.0 and 1.1, and feedparser's documentation; the pages stand in the manifest.

One handle is one feed, or one Ning community. `base_url` is the feed's whole address; where the address is
itself a secret, `base_url` is any name for it, and the secret's `address` is asked. With `community: ning`
(or `https://<name>.ning.com`) it is the community's address, whose forum and blog are read, or that of one
topic (`/forum/topics/<slug>`). Settings of a handle: `private: allowed` lets this feed, and only on its own
host, be on a private address (an intranet forum, the local run); `own_authors` names our own authors,
comma-separated.

A post is skipped as `own post`, because it `names none of the words` (of `listen`), because it has `no words`
(a bare enclosure, an empty entry), or as `shown twice` (an earlier state of an entry that its feed still
holds).

Left alone: WebSub, comment feeds that an entry points to (name them as handles), Ning's REST API, deletions
(a feed has no word for them: entries just drop out) and answers (a feed takes none).
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

from allhours.domain.errors import NetworkError, RateLimited, Refused, Unreachable
from allhours.networks._feeds.entries import NETWORK, read_document
from allhours.networks._feeds.ning import alternates, feeds_of, is_community, looks_lost
from allhours.networks._feeds.posts import OLDEST, oldest_first, shown_in, threads, without_scheme
from allhours.networks._feeds.window import digest, sift
from allhours.networks._public_only import NotPublic, public_only
from allhours.networks.contract import Capabilities, Fetched, no, yes
from allhours.networks.http import Http, Reply, retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Connector, Credentials, Cursor, Meter

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, "
    "application/json;q=0.9, text/xml;q=0.8, */*;q=0.1"
)
MOST_REDIRECTS = 5
MOVED_AFTER = 3  # successes through a permanent redirect before its target is asked directly
MANY_FAILURES = 3  # from here on each further failure doubles the rest
TELL_AFTER = 8  # failures with 404, about two hours: a person is told once that the address is wrong
LONGEST_REST = 6 * 3_600  # seconds; a feed fills up and drops entries unseen, whatever its ttl says
SHORTEST_REST = 60  # seconds; below the polls' own cadence nothing needs to be remembered

capabilities = Capabilities(
    name=NETWORK,
    title="Feeds (RSS, Atom, JSON Feed, Ning)",
    base_url="the feed's own address",
    reads=("feed", "forum and blog of a Ning community"),
    polls_every=timedelta(minutes=5),
    edits=yes("a later `updated`, or other words under the same id"),
    deletes=no("a feed has no word for it: entries just drop out"),
    private_items=no("there are none; a feed behind a password is for its members"),
    replies=no("a feed takes none: staff answer at the entry's own page"),
    private_replies=no("there are no private items"),
    moves_to_private=no("a feed takes no messages"),
    hides=no("a feed takes no orders"),
    withdraws=no("nothing is sent"),
    length="an extract of 2,000 characters is kept, with the link",
    found_again=no("nothing is sent"),
    idempotent_replies=False,
    needs=("nothing; for some feeds a password or an address that is itself a secret",),
    secret_fields=(),
    optional_secret_fields=("address", "user", "password"),
    leaves_alone=(
        "WebSub: a lease to renew per feed, and polling beside it; every five minutes is enough for blogs",
        "comment feeds that an entry points to: name each as a handle of its own",
        "Ning's REST API: old, and whether it still answers is unconfirmed; its feeds are read",
        "Ning's activity feed: it tells of what the forum and the blog feeds say",
    ),
    api_pages=(
        "https://www.rfc-editor.org/rfc/rfc9110",
        "https://www.rfc-editor.org/rfc/rfc4287",
        "https://www.rfc-editor.org/rfc/rfc4685",
        "https://www.rssboard.org/rss-specification",
        "https://www.jsonfeed.org/version/1.1/",
        "https://feedparser.readthedocs.io/",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Feeds:
    """Return the network; `http` serves feeds that may be private, all others have a way of their own."""
    del app_secret, meter  # feeds call no webhook and cost nothing
    return Feeds(credentials, public=Http(public_only()), anywhere=http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through a feed's setup."""
    from allhours.networks._feeds.setup import FeedsSetup

    del app_secret
    return FeedsSetup(Feeds(credentials, public=Http(public_only()), anywhere=http))


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every entry of a feed document as it stands; `Malformed` for what is no feed."""
    document = read_document(body, address=handle.base_url, handle=handle.handle)
    return tuple(shown.heard for shown in shown_in(document.entries, handle, {}, at=at, undated=at))


class Feeds:
    """Feeds that are polled with conditional requests; the cursor remembers what each has shown."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, *, public: Http, anywhere: Http) -> None:
        """Take the way out to public addresses, and the one that may also reach private ones."""
        self._credentials = credentials
        self._public = public
        self._anywhere = anywhere

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield what the feed shows and has not shown before, at most `MOST_AT_ONCE` a run, oldest first."""
        if not is_community(handle):
            yield from self._read("feed", handle.base_url, handle, cursor, at)
            return
        for name, address in feeds_of(handle, cursor).items():
            for step in self._read(name, address, handle, cursor, at):
                cursor = step.cursor
                yield step
        if looks_lost(handle, cursor, at):
            named = self._named_by_its_page(handle)
            yield Fetched(cursor={**cursor, "found": {"at": int(at.timestamp()), "feeds": list(named)}})

    def _read(
        self, name: str, address: str, handle: Handle, cursor: Cursor, at: datetime
    ) -> Iterator[Fetched]:
        """Yield the steps of one feed, whose marks stand in the cursor under a name."""
        marks: Mapping[str, Any] = cursor.get(name, {})
        of = digest(without_scheme(handle.base_url), length=16)
        if marks.get("of") != of:  # another address: its ids, validators and 410 are its own
            marks = {"of": of}
        if marks.get("gone") or float(marks.get("not_before", 0)) > at.timestamp():
            return
        marks = {key: value for key, value in marks.items() if key != "not_before"}
        try:
            for heard, after in self._steps(address, handle, marks, at):
                if after != cursor.get(name):
                    cursor = {**cursor, name: after}
                yield Fetched(heard=heard, cursor=cursor)
        except RateLimited as error:
            rests = {**marks, "not_before": int(error.retry_at.timestamp())}
            yield Fetched(cursor={**cursor, name: rests}, trouble=error)
        except Unreachable as error:
            yield Fetched(cursor=cursor, trouble=error)
        except _GoneError as error:
            yield Fetched(cursor={**cursor, name: {"of": of, "gone": True}}, trouble=error)
        except NetworkError as error:
            after, trouble = self._set_back(handle, marks, error, at)
            yield Fetched(cursor={**cursor, name: after}, trouble=trouble)

    def _named_by_its_page(self, handle: Handle) -> tuple[str, ...]:
        """Return the feeds that a community's own page names; none when it cannot be read."""
        try:
            address, auth = self._address(handle, handle.base_url)
            answer, asked, _ = self._ask(handle, {}, address, auth)
        except NetworkError:  # what is wrong has been told of each feed
            return ()
        return alternates(answer.body, asked)

    def _steps(
        self, address: str, handle: Handle, marks: Mapping[str, Any], at: datetime
    ) -> Iterator[tuple[tuple[Heard, ...], Mapping[str, Any]]]:
        named, (address, auth) = address, self._address(handle, address)
        try:
            answer, asked, lasting = self._ask(handle, marks, address, auth)
            _check(answer, handle, at)
        except (_GoneError, _MissingError):
            if "moved_to" not in marks:
                raise
            yield (), {name: value for name, value in marks.items() if name != "moved_to"}
            raise Unreachable(
                NETWORK, "it is no longer where it moved to; the old address is next", handle=handle.handle
            ) from None
        after = {name: value for name, value in marks.items() if name not in {"failures", "moving"}}
        if not handle.secret:  # where a secret address moved to is a secret too
            after |= _moved(marks, lasting)
        if answer.status == 304:  # noqa: PLR2004 - HTTP Not Modified: the validators stay as they are
            yield (), after | _rest(answer, after, at)
            return
        shows = hashlib.sha256(answer.body).hexdigest()
        if shows == marks.get("shows"):
            yield (), after | _rest(answer, after, at)
            return
        document = read_document(
            answer.body,
            address=named,
            content_type=answer.headers.get("content-type", ""),
            location=answer.url,
            handle=handle.handle,
        )
        shown = shown_in(document.entries, handle, marks, at=at, undated=_last_modified(answer, at))
        sifted = sift(oldest_first(shown, document.entries), marks.get("seen", {}), marks.get("edits", {}))
        if sifted.pending and sifted.pending != marks.get("edits"):
            yield (), {**marks, "edits": dict(sifted.pending)}
        after |= {"ttl": document.rest, "skip": list(document.skip_hours), "seen": dict(sifted.seen)}
        after |= {"threads": threads(shown, marks, sifted.seen)}
        for name in ("edits", "etag", "modified", "from", "shows"):
            after.pop(name, None)
        if not sifted.more:  # a rest that is not heard yet must come again whole
            after |= _validators(answer, asked)
            unchanged = dict(sifted.seen) == marks.get("seen") and "from" not in after
            after["shows"] = marks.get("shows") if unchanged else shows
            after |= _rest(answer, after, at)
        yield sifted.heard, {name: value for name, value in after.items() if value}

    def _address(self, handle: Handle, named: str) -> tuple[str, tuple[str, str] | None]:
        """Return the address to ask, and the name and password where the feed wants them."""
        if not handle.secret:
            return named, None
        fields = self._credentials.read(handle.secret)
        auth = (fields["user"], fields.get("password", "")) if fields.get("user") else None
        return fields.get("address") or named, auth

    def _ask(
        self, handle: Handle, marks: Mapping[str, Any], address: str, auth: tuple[str, str] | None
    ) -> tuple[Reply, str, str]:
        """Return the answer, who gave it, and where permanent redirects led ("" if nowhere)."""
        url, lasting, led_to = marks.get("moved_to") or address, True, ""
        for _ in range(MOST_REDIRECTS + 1):
            headers = {"Accept": ACCEPT}
            if marks.get("from") == digest(url, length=16):
                headers |= {name: marks[key] for name, key in _CONDITIONS if marks.get(key)}
            answer = self._call(handle, url, address, headers, auth)
            if answer.status not in {301, 302, 303, 307, 308} or "location" not in answer.headers:
                return answer, url, led_to
            try:
                url = urldefrag(urljoin(url, answer.headers["location"])).url
            except ValueError:
                raise Refused(NETWORK, "it redirects to what is no address", handle=handle.handle) from None
            lasting = lasting and answer.status in {301, 308}
            led_to = url if lasting else led_to
        raise Refused(
            NETWORK, f"more than {MOST_REDIRECTS} redirects: mend its address", handle=handle.handle
        )

    def _call(
        self, handle: Handle, url: str, address: str, headers: Mapping[str, str], auth: tuple[str, str] | None
    ) -> Reply:
        here, home = _split(url), _split(address)
        if here is None or home is None:
            raise Refused(NETWORK, "it leads to no web address: mend its base_url", handle=handle.handle)
        own = _split(handle.base_url) if handle.settings.get("private") == "allowed" else None
        way = self._anywhere if own and _same_host(here, own) else self._public
        try:
            return way.call(
                NETWORK,
                "GET",
                url,
                handle=handle.handle,
                headers=headers,
                auth=auth if _same_host(here, home) and here.scheme >= home.scheme else None,
            )
        except NotPublic:
            raise Refused(
                NETWORK,
                "it leads into a private network: mend its base_url (private: allowed is for hosts of yours)",
                handle=handle.handle,
            ) from None

    @staticmethod
    def _set_back(
        handle: Handle, marks: Mapping[str, Any], error: NetworkError, at: datetime
    ) -> tuple[Mapping[str, Any], NetworkError]:
        """Return the marks with a longer rest after each failure, and the trouble."""
        failures = int(marks.get("failures", 0)) + 1
        after: dict[str, Any] = {**marks, "failures": failures}
        if failures >= MANY_FAILURES:
            rest = min(LONGEST_REST, 60 * 2 ** min(failures - MANY_FAILURES + 1, 20))
            after["not_before"] = int(at.timestamp()) + rest
        trouble = error
        if isinstance(error, _MissingError):
            kind = Refused if failures == TELL_AFTER else Unreachable
            trouble = kind(NETWORK, error.detail, handle=handle.handle)
        return after, trouble


# What an answer says besides the feed


class _GoneError(Refused):
    """The feed has ended for good."""


class _MissingError(NetworkError):
    """There is no feed at this address, perhaps for now."""


_CONDITIONS = (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
_HEADER_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[\x20-\x7e\xa0-\xff]{0,498}[\x21-\x7e\xa0-\xff])?")
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})")


def _check(answer: Reply, handle: Handle, at: datetime) -> None:
    """Return when the answer holds a feed or says that nothing changed; raise what any other status means."""
    status, where = answer.status, handle.handle
    if status in {200, 203, 226, 304}:
        return
    wait = answer.headers.get("retry-after", "")
    if status == 429 or (status == 503 and wait):  # noqa: PLR2004 - Too Many Requests, Service Unavailable
        retry_at = retry_after(wait, at, otherwise=timedelta(minutes=15))
        retry_at = min(retry_at, at + timedelta(days=1))
        raise RateLimited(NETWORK, f"asked too often (HTTP {status})", handle=where, retry_at=retry_at)
    if status == 410:  # noqa: PLR2004 - Gone
        raise _GoneError(
            NETWORK, "the feed has ended (HTTP 410): take it out of the organisation file", handle=where
        )
    if status == 404:  # noqa: PLR2004 - Not Found
        raise _MissingError(
            NETWORK, "there is no feed at its address (HTTP 404): mend its base_url", handle=where
        )
    if status >= 500 or status in {408, 425}:  # noqa: PLR2004 - the server's own failures
        raise Unreachable(NETWORK, f"the server failed (HTTP {status})", handle=where)
    if status in {401, 407}:
        raise Refused(NETWORK, f"it wants a password (HTTP {status}): mend the handle's secret", handle=where)
    raise Refused(NETWORK, f"it turned us down (HTTP {status}): ask its owner, or drop it", handle=where)


def _moved(marks: Mapping[str, Any], led_to: str) -> dict[str, Any]:
    """Return where the feed lives now, once a permanent redirect has worked often enough to be believed."""
    if not led_to:
        return {}
    before = marks.get("moving", {})
    times = 1 + (before.get("times", 0) if before.get("to") == led_to else 0)
    return {"moved_to": led_to} if times >= MOVED_AFTER else {"moving": {"to": led_to, "times": times}}


def _validators(answer: Reply, asked: str) -> dict[str, str]:
    """Return ETag and Last-Modified exactly as received, with the address that they are true of."""
    found = {
        key: value
        for key, name in (("etag", "etag"), ("modified", "last-modified"))
        if _HEADER_VALUE.fullmatch(value := answer.headers.get(name, ""))
    }
    return {**found, "from": digest(asked, length=16)} if found else {}


def _rest(answer: Reply, marks: Mapping[str, Any], at: datetime) -> dict[str, int]:
    """Return the instant before which it is not polite to ask again: max-age, ttl, skipHours."""
    age = _MAX_AGE.search(answer.headers.get("cache-control", "").lower())
    rest = min(max(int(age.group(1)) if age else 0, int(marks.get("ttl", 0))), LONGEST_REST)
    then = at + timedelta(seconds=rest)
    skipped = set(marks.get("skip", ()))
    while then.hour in skipped and then - at < timedelta(seconds=LONGEST_REST):
        then = then.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return {"not_before": int(then.timestamp())} if then - at > timedelta(seconds=SHORTEST_REST) else {}


def _last_modified(answer: Reply, at: datetime) -> datetime:
    try:
        modified = parsedate_to_datetime(answer.headers.get("last-modified", "")).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return at
    return modified if modified > OLDEST else at


# Addresses


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # a ValueError unless it is one
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None


def _same_host(one: SplitResult, other: SplitResult) -> bool:
    """Return whether both are one host's: the same port, or the usual ones."""
    usual = {None, 80, 443}
    return one.hostname == other.hostname and (one.port == other.port or {one.port, other.port} <= usual)
