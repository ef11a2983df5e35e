"""Mastodon on loopback, in two flavours that differ as the real servers do (see the class)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from infra.local.standins._mastodon_json import JSON, Said, Shown, iso
from infra.local.standins.base import Asked, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's 32, as ULIDs use them
_PATHS = ("min_id", "max_id", "since_id", "page")


@dataclass(slots=True, kw_only=True)
class _Notice:
    id: str
    kind: str
    said: Said
    at: datetime
    filtered: bool = False


@dataclass(slots=True, kw_only=True)
class _Bucket:
    size: int
    lasts: timedelta
    used: int = 0
    until: datetime | None = field(default=None)


class MastodonStandIn(StandIn):
    """A server with one brand on it and customers here and elsewhere.

    Both flavours: status ids follow the time of writing, so a post that federates late is filed in the
    past; notification ids are another sequence; lists are shown newest first and page with `min_id`,
    `since_id`, `max_id` and the `Link` header, which an empty list lacks; a reply without the brand's
    @handle notifies nobody; an edit changes the text in the old notification; what was deleted is 404;
    buckets are fixed slots of the clock, their headers describe the bucket of that call, and reset is an
    ISO time; error bodies are `{"error": …}`; a token that is missing, wrong or revoked is 401, an account
    that is disabled 403.

    `mastodon` (4.6): numbers; private mentions from strangers are filtered and make a notification request
    (`private_mentions` is the policy: accept, filter, drop); `GET /api/v1/statuses?id[]=`; the notification
    of a deleted post is dropped; edits notify nobody; search finds every public post.

    `gotosocial`: ULIDs; accounts have no `uri`; no requests and no list of statuses (404); a deleted post
    leaves its notification without a status; edits send `update`; search finds the brand's own posts only;
    `>` stands bare in HTML; a 429 says nothing in its headers.
    """

    name = "mastodon"

    def __init__(
        self,
        port: int = 0,
        *,
        flavour: str = "mastodon",
        brand: str = "acmebank",
        calls: int = 300,
        paged_calls: int = 300,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the flavour, the brand's name, and the sizes of the buckets (5 and 15 minutes)."""
        super().__init__(port)
        self.mastodon = flavour == "mastodon"
        self.brand = brand
        self.clock = clock
        self.private_mentions = "filter"
        self.token = "stand-in-token"
        self._buckets = {
            "calls": _Bucket(size=calls, lasts=timedelta(minutes=5)),
            "paged": _Bucket(size=paged_calls, lasts=timedelta(minutes=15)),
        }
        self._count = 0
        self._said: dict[str, Said] = {}
        self._notices: list[_Notice] = []
        self._accounts: dict[str, str] = {}
        self.brand_id = self._account_id(brand)

    # What the organisation file and the secret must say.

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret."""
        return {"access_token": self.token}

    @property
    def handle_settings(self) -> dict[str, str]:
        """Return what the organisation file says about the handle."""
        return {"base_url": self.base_url, "handle": f"@{self.brand}", "native_id": self.brand_id}

    # What customers and the brand do.

    @property
    def posts(self) -> list[Said]:
        """Return every customer post ever said, with its state."""
        return [said for said in self._said.values() if not said.by_brand]

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        private: bool = False,
        visibility: str = "public",
        warning: str = "",
        mention: bool = True,
        written_at: datetime | None = None,
    ) -> str:
        """Post as a customer (`leela`, or `maria@other.social`) and name the brand unless told not to."""
        named = f"@{self.brand}" in text or f"#{self.brand}" in text
        text = text if named or not mention else f"@{self.brand} {text}"
        with self.lock:
            said = self._keep(author, text, reply_to, "direct" if private else visibility, written_at)
            said.warning = warning
            if self.brand in said.mentions and not (private and self.private_mentions == "drop"):
                self._notify("mention", said, filtered=private and self.private_mentions == "filter")
        return said.id

    def brand_says(self, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Post as the brand."""
        with self.lock:
            said = self._keep(self.brand, text, reply_to, "direct" if private else "public", None)
            said.by_brand = True
        return said.id

    def edit(self, native_id: str, text: str) -> None:
        """Change a post; the old notification shows the new text."""
        with self.lock:
            said = self._said[native_id]
            named = self.brand in said.mentions
            said.text = f"@{self.brand} {text}" if named and f"@{self.brand}" not in text else text
            last = said.edited_at or said.said_at
            said.edited_at = max(self.clock(), last + timedelta(milliseconds=1))
            if named and not self.mastodon:
                self._notify("update", said)

    def delete(self, native_id: str) -> None:
        """Delete a post; one flavour drops its notification, the other keeps it without a status."""
        with self.lock:
            self._said[native_id].deleted = True
            if self.mastodon:
                self._notices = [notice for notice in self._notices if not notice.said.deleted]

    def _keep(
        self, author: str, text: str, reply_to: str, visibility: str, written_at: datetime | None
    ) -> Said:
        at = written_at or self.clock()
        status_id = self._status_id(at)
        name, _, host = author.partition("@")
        base = f"https://{host}" if host else self.base_url
        uri = f"{base}/users/{name}/statuses/{status_id}"
        said = Said(
            id=uri,
            status_id=status_id,
            author=author,
            text=text,
            said_at=at,
            visibility=visibility,
            reply_to=reply_to,
        )
        self._said[uri] = said
        return said

    @property
    def _shown(self) -> Shown:
        return Shown(base_url=self.base_url, mastodon=self.mastodon, account_id=self._account_id)

    def _status(self, said: Said) -> JSON:
        return self._shown.status(said, self._said.get(said.reply_to))

    def _notify(self, kind: str, said: Said, *, filtered: bool = False) -> None:
        at = self.clock()
        self._count += 1
        notice_id = str(self._count) if self.mastodon else self._ulid(at)
        stranger = filtered and self.mastodon
        self._notices.append(_Notice(id=notice_id, kind=kind, said=said, at=at, filtered=stranger))

    def _status_id(self, at: datetime) -> str:
        self._count += 1
        return str((int(at.timestamp() * 1000) << 16) + self._count) if self.mastodon else self._ulid(at)

    def _ulid(self, at: datetime) -> str:
        self._count += 1
        number = (int(at.timestamp() * 1000) << 80) + self._count
        return "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(26)))

    def _account_id(self, author: str) -> str:
        if author not in self._accounts:
            self._accounts[author] = self._status_id(self.clock())
        return self._accounts[author]

    # What the API answers.

    def answer(self, asked: Asked) -> Told:
        """Answer as the server does."""
        headers = self._counted(asked)
        if headers.get("X-RateLimit-Remaining") == "-1":
            return self._too_many(headers)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        public = asked.path == "/api/v2/instance" or "/timelines/tag/" in asked.path
        if token != self.token and (token or not public):
            sentence = (
                "The access token is invalid" if token else "This method requires an authenticated user"
            )
            return Told(status=401, body={"error": sentence}, headers=headers)
        body, link = self._found(asked) if asked.method == "GET" else (None, "")
        if body is None:
            sentence = "Record not found" if self.mastodon else "Not Found"
            return Told(status=404, body={"error": sentence}, headers=headers)
        return Told(body=body, headers={**headers, "Link": link} if link else headers)

    def failed(self, fault: str, asked: Asked) -> Told:  # noqa: PLR0911 - one answer a fault
        """Fail as the server does."""
        match fault:
            case "rate_limited":
                return self._too_many(self._counted(asked))
            case "server_error":
                return Told(status=503, body={"error": "Remote data could not be fetched"})
            case "expired_token":
                return Told(status=401, body={"error": "The access token expired"})
            case "refused_token":
                return Told(status=403, body={"error": "Your login is currently disabled"})
        told = self.answer(asked)
        if fault == "malformed":
            return Told(body=told.raw()[:-1] or b"<html>", headers=told.headers)
        if fault == "duplicate" and isinstance(told.body, list):
            return Told(body=[each for each in told.body for _ in range(2)], headers=told.headers)
        if fault == "late" and isinstance(told.body, list) and told.body:
            late = 1 if len(told.body) > 1 else 0  # its place is taken, but it is shown from the next call on
            return Told(body=told.body[:late] + told.body[late + 1 :], headers=told.headers)
        return told

    def _counted(self, asked: Asked) -> dict[str, str]:
        """Return the headers of the bucket that this call is taken from; -1 remain when it was empty."""
        at = self.clock()
        bucket = self._buckets["paged" if any(asked.first(name) for name in _PATHS) else "calls"]
        if bucket.until is None or at >= bucket.until:
            slot = int(at.timestamp() // bucket.lasts.total_seconds()) + 1
            bucket.until = datetime.fromtimestamp(slot * bucket.lasts.total_seconds(), at.tzinfo)
            bucket.used = 0
        bucket.used += 1
        return {
            "X-RateLimit-Limit": str(bucket.size),
            "X-RateLimit-Remaining": str(max(bucket.size - bucket.used, -1)),
            "X-RateLimit-Reset": bucket.until.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }

    def _too_many(self, headers: Mapping[str, str]) -> Told:
        told = {**headers, "X-RateLimit-Remaining": "0"} if self.mastodon else {}
        return Told(status=429, body={"error": "Too many requests"}, headers=told)

    def _found(self, asked: Asked) -> tuple[Any, str]:  # noqa: PLR0911 - one answer a path
        parts = tuple(unquote(part) for part in asked.path.strip("/").split("/")[1:])
        there = {said.status_id: said for said in self._said.values() if not said.deleted}
        match parts:
            case ("v2", "instance"):
                return self._shown.instance(), ""
            case ("v1", "accounts", "verify_credentials"):
                return self._shown.account(self.brand), ""
            case ("v1", "notifications"):
                return self._notifications(asked)
            case ("v1", "notifications", "requests") if self.mastodon:
                return self._requests(asked)
            case ("v1", "timelines", "tag", tag):
                tagged = [said for said in there.values() if said.visibility == "public" and tag in said.tags]
                return self._page(asked, {said.status_id: self._status(said) for said in tagged}, 20)
            case ("v2", "search"):
                return self._search(asked, there), ""
            case ("v1", "statuses") if self.mastodon:
                wanted = [there[each] for each in asked.every("id[]") if each in there]
                return [self._status(said) for said in wanted], ""
            case ("v1", "statuses", status_id) if status_id in there:
                return self._status(there[status_id]), ""
            case ("v1", "statuses", status_id, "context") if status_id in there:
                return self._context(there[status_id]), ""
        return None, ""

    def _notifications(self, asked: Asked) -> tuple[Any, str]:
        kinds = asked.every("types[]")
        filtered = asked.first("include_filtered") == "true"
        shown = {
            notice.id: self._notification(notice)
            for notice in self._notices
            if (not kinds or notice.kind in kinds) and (filtered or not notice.filtered)
        }
        return self._page(asked, shown, 40)

    def _notification(self, notice: _Notice) -> JSON:
        body: JSON = {
            "id": notice.id,
            "type": notice.kind,
            "created_at": iso(notice.at),
            "group_key": f"ungrouped-{notice.id}",
            "account": self._shown.account(notice.said.author),
        }
        if not notice.said.deleted:
            body["status"] = self._status(notice.said)
        return body

    def _requests(self, asked: Asked) -> tuple[Any, str]:
        by_author: dict[str, list[_Notice]] = {}
        for notice in self._notices:
            if notice.filtered:
                by_author.setdefault(notice.said.author, []).append(notice)
        shown = {
            notices[0].id: {
                "id": notices[0].id,
                "created_at": iso(notices[0].at),
                "updated_at": iso(notices[-1].at),
                "notifications_count": str(len(notices)),
                "account": self._shown.account(author),
                "last_status": self._status(notices[-1].said),
            }
            for author, notices in by_author.items()
        }
        return self._page(asked, shown, 40)

    def _search(self, asked: Asked, there: Mapping[str, Said]) -> JSON:
        word, offset = asked.first("q").strip('"').lower(), int(asked.first("offset", "0"))
        known = [said for said in there.values() if said.visibility == "public" and word in said.text.lower()]
        known = [said for said in known if self.mastodon or said.by_brand]
        known.sort(key=lambda said: said.said_at, reverse=True)
        chosen = known[offset : offset + min(int(asked.first("limit", "20")), 40)]
        return {"accounts": [], "statuses": [self._status(said) for said in chosen], "hashtags": []}

    def _context(self, said: Said) -> JSON:
        ancestors: list[Said] = []
        parent = self._said.get(said.reply_to)
        while parent:
            ancestors.insert(0, parent)
            parent = self._said.get(parent.reply_to)
        below = [said.id]
        for other in self._said.values():  # in the order of saying, so parents come first
            if other.reply_to in below:
                below.append(other.id)
        shown = ([self._said[each] for each in below[1:]], ancestors)
        descendants, ancestors = ([each for each in group if not each.deleted] for group in shown)
        return {
            "ancestors": list(map(self._status, ancestors)),
            "descendants": list(map(self._status, descendants)),
        }

    def _page(
        self, asked: Asked, entries: Mapping[str, JSON], most_by_default: int
    ) -> tuple[list[JSON], str]:
        """Return one page, newest first, and its Link header."""

        def rank(entry_id: str) -> int | str:
            return (int(entry_id) if entry_id.isdigit() else 0) if self.mastodon else entry_id

        limit = min(int(asked.first("limit", str(most_by_default))), most_by_default * 2)
        ids = sorted(entries, key=rank, reverse=True)
        if since := asked.first("min_id") or asked.first("since_id"):
            ids = [each for each in ids if rank(each) > rank(since)]  # type: ignore[operator] # one kind a server
        if before := asked.first("max_id"):
            ids = [each for each in ids if rank(each) < rank(before)]  # type: ignore[operator] # one kind a server
        ids = ids[-limit:] if asked.first("min_id") else ids[:limit]
        if not ids:
            return [], ""
        kept = [(name, value) for name, value in asked.query if name not in _PATHS]
        links = (("next", "max_id", ids[-1]), ("prev", "min_id", ids[0]))
        address = f"{self.base_url}{asked.path}"
        link = ", ".join(
            f'<{address}?{urlencode([*kept, (name, mark)])}>; rel="{rel}"' for rel, name, mark in links
        )
        return [entries[each] for each in ids], link
