"""Mastodon on loopback, in two flavours that differ as the real servers do (see the class)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from infra.local.standins._mastodon_json import JSON, Said, Showing, iso
from infra.local.standins._mastodon_limits import Limits, page_of
from infra.local.standins._mastodon_writes import Writes
from infra.local.standins.base import Asked, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.handle import Handle

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's 32, as ULIDs use them
_PLACE = 16  # bits of a number for what one place says
_OFTEN = 100_000


@dataclass(slots=True, kw_only=True)
class _Notice:
    id: str
    kind: str
    said: Said
    at: datetime
    filtered: bool = False


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
    private_sayable = True

    def __init__(
        self,
        port: int = 0,
        *,
        flavour: str = "mastodon",
        brand: str = "acmebank",
        calls: int = 300,
        paged_calls: int = 300,
        posts: int = 300,
        deletions: int = 30,
        clock: Callable[[], datetime] = now,
        place: int = 0,
    ) -> None:
        """Take the flavour, the brand's name, and the buckets' sizes (5, 15, 180 and 30 minutes)."""
        super().__init__(port)
        self.mastodon = flavour == "mastodon"
        self.brand = brand
        self.clock = clock
        self.private_mentions = "filter"
        self.token = "stand-in-token"
        self._limits = Limits(calls=calls, paged_calls=paged_calls, posts=posts, deletions=deletions)
        self._count = place << _PLACE
        self.writes = Writes(self)
        self._said: dict[str, Said] = {}
        self._notices: list[_Notice] = []
        self._accounts: dict[str, str] = {}
        self.brand_id = self._account_id(brand)

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return a Mastodon server as this handle meets it."""
        brand = handle.handle.removeprefix("@").partition("@")[0]
        server = cls(port, brand=brand, place=place)
        server._limits = Limits(calls=_OFTEN, paged_calls=_OFTEN, posts=_OFTEN, deletions=_OFTEN)
        if handle.native_id:
            server.brand_id = server._accounts[brand] = handle.native_id
        return server

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

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer say something that names the brand."""
        name = re.sub(r"[^\w.@-]", "_", author.lower(), flags=re.ASCII)
        return self.say(name, text, reply_to=reply_to, private=private)

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
            said = self.keep(author, text, reply_to, "direct" if private else visibility, written_at)
            said.warning = warning
            if self.brand in said.mentions and not (private and self.private_mentions == "drop"):
                self._notify("mention", said, filtered=private and self.private_mentions == "filter")
        return said.id

    def brand_says(self, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Post as the brand."""
        with self.lock:
            said = self.keep(self.brand, text, reply_to, "direct" if private else "public", None)
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

    def keep(
        self, author: str, text: str, reply_to: str, visibility: str, written_at: datetime | None
    ) -> Said:
        """Keep a status, whoever writes it."""
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
    def longest(self) -> int:
        """Return how many characters a status may have."""
        return 500 if self.mastodon else 5_000

    def known(self, status_id: str) -> Said | None:
        """Return a status by its id on this server, deleted or not."""
        return next((said for said in self._said.values() if said.status_id == status_id), None)

    @property
    def _showing(self) -> Showing:
        return Showing(base_url=self.base_url, mastodon=self.mastodon, account_id=self._account_id)

    def status_of(self, said: Said) -> JSON:
        """Return a status as the API shows it."""
        return self._showing.status(said, self._said.get(said.reply_to))

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
        headers = self._limits.taken(asked, self.clock())
        if headers.get("X-RateLimit-Remaining") == "-1":
            return self._too_many(headers)
        if told := self.writes.open_to_all(asked):
            return Told(status=told.status, body=told.body, headers={**headers, **told.headers})
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        public = asked.path == "/api/v2/instance" or "/timelines/tag/" in asked.path
        if token != self.token and (token or not public):
            sentence = (
                "The access token is invalid" if token else "This method requires an authenticated user"
            )
            return Told(status=401, body={"error": sentence}, headers=headers)
        if asked.method == "GET":
            body, link = self._found(asked)
            if body is not None:
                return Told(body=body, headers={**headers, "Link": link} if link else headers)
        elif told := self.writes.answer(asked):
            return Told(status=told.status, body=told.body, headers=headers)
        sentence = "Record not found" if self.mastodon else "Not Found"
        return Told(status=404, body={"error": sentence}, headers=headers)

    def may_fail(self, asked: Asked) -> bool:
        """Spare apps and consent."""
        return not asked.path.startswith(("/oauth/", "/api/v1/apps"))

    def failed(self, fault: str, asked: Asked) -> Told:  # noqa: PLR0911 - one answer a fault
        """Fail as the server does; what is written has had its effect where the answer is lost."""
        match fault:
            case "rate_limited":
                return self._too_many(self._limits.taken(asked, self.clock()))
            case "server_error":
                if asked.method != "GET":
                    self.answer(asked)
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

    def _too_many(self, headers: Mapping[str, str]) -> Told:
        told = {**headers, "X-RateLimit-Remaining": "0"} if self.mastodon else {}
        return Told(status=429, body={"error": "Too many requests"}, headers=told)

    def _found(self, asked: Asked) -> tuple[Any, str]:
        parts = tuple(unquote(part) for part in asked.path.strip("/").split("/")[1:])
        there = {said.status_id: said for said in self._said.values() if not said.deleted}
        found = self._about_us(parts)
        return (found, "") if found is not None else self._spoken(asked, parts, there)

    def _about_us(self, parts: tuple[str, ...]) -> JSON | None:
        """Return what the server tells of itself, the account and the app."""
        match parts:
            case ("v2", "instance"):
                return self._showing.instance()
            case ("v1", "accounts", "verify_credentials"):
                return self._showing.own_account(self.brand)
            case ("v1", "apps", "verify_credentials"):
                return self._showing.app(self.writes.scopes)
            case ("v2", "notifications", "policy") if self.mastodon:
                return self._showing.policy(self.private_mentions)
        return None

    def _spoken(  # noqa: PLR0911 - one answer a path
        self, asked: Asked, parts: tuple[str, ...], there: Mapping[str, Said]
    ) -> tuple[Any, str]:
        """Return what was said, as the path asks for it."""
        match parts:
            case ("v1", "accounts", self.brand_id, "statuses"):
                ours = [said for said in there.values() if said.by_brand]
                return self._page(asked, {said.status_id: self.status_of(said) for said in ours}, 20)
            case ("v1", "notifications"):
                return self._notifications(asked)
            case ("v1", "notifications", "requests") if self.mastodon:
                return self._requests(asked)
            case ("v1", "timelines", "tag", tag):
                tagged = [said for said in there.values() if said.visibility == "public" and tag in said.tags]
                return self._page(asked, {said.status_id: self.status_of(said) for said in tagged}, 20)
            case ("v2", "search"):
                return self._search(asked, there), ""
            case ("v1", "statuses") if self.mastodon:
                wanted = [there[each] for each in asked.every("id[]") if each in there]
                return [self.status_of(said) for said in wanted], ""
            case ("v1", "statuses", status_id) if status_id in there:
                return self.status_of(there[status_id]), ""
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
            "account": self._showing.account(notice.said.author),
        }
        if not notice.said.deleted:
            body["status"] = self.status_of(notice.said)
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
                "account": self._showing.account(author),
                "last_status": self.status_of(notices[-1].said),
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
        return {"accounts": [], "statuses": [self.status_of(said) for said in chosen], "hashtags": []}

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
            "ancestors": list(map(self.status_of, ancestors)),
            "descendants": list(map(self.status_of, descendants)),
        }

    def _page(
        self, asked: Asked, entries: Mapping[str, JSON], most_by_default: int
    ) -> tuple[list[JSON], str]:
        def rank(entry_id: str) -> int | str:
            return (int(entry_id) if entry_id.isdigit() else 0) if self.mastodon else entry_id

        return page_of(asked, entries, most_by_default, rank=rank, base_url=self.base_url)
