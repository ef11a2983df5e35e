"""A LinkedIn on loopback: the versioned API in front of one page's world, and its sign-in."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from infra.local.standins._linkedin_world import LinkedInWorld, Said, milliseconds
from infra.local.standins.base import Asked, Shown, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSIONS = ("202607", "202606")
LONGEST = 1_250
DAY = 5_000  # calls that the app may make here before the daily quota is used up
READERS = ("ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER")
SUBSCRIPTION = re.compile(
    r"\(developerApplication:(?P<app>[^,:]+),user:(?P<user>[^,:]+),entity:(?P<page>[^,:]+)"
    r",eventType:ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS\)"
)
_RESERVED = re.compile(r"(?<!\\)[()\[\]{}@#*~<>_|]")


class LinkedInStandIn(LinkedInWorld):
    """The versioned API with state.

    Quirks kept: every call names a version and the protocol, a retired version is 426; a member's one-minute
    limit and the daily quota are both 429 and differ by their message; 401 is a gone grant, 403 a role or
    a product; the comment list is empty with 200 for a role that may not read; new ids come in
    `x-restli-id`; a picture in a comment is 403; a text is cut off silently at the first reserved character
    that is not escaped; replies are one level deep; there is no idempotency key; the refresh token is never
    extended; `List(...)` and `(key:value)` must be literal with encoded URNs; webhooks name a comment in a
    short form, and one post by share and activity; some comments have no actor; a notification does not tell
    below which comment a reply stands.
    """

    name = "linkedin"

    def __init__(self, port: int = 0, *, page: str = "1111", place: int = 0) -> None:
        """Make the world and its subscriptions' door."""
        super().__init__(port, page=page, place=place)
        self.calls = 0
        self.webhooks_on = True
        self.comments_closed = False

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as LinkedIn does; on a comment a cut or a server error comes after the effect."""
        if fault == "rate_limited":
            return _error(
                429,
                0,
                "TOO_MANY_REQUESTS",
                "Comment create throttled: creation rate limit exceeded for member",
            )
        if fault == "expired_token":
            self.tokens += 1
            return _error(
                401, 65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked"
            )
        if fault == "refused_token":
            return _error(403, 100, "ACCESS_DENIED", "Not enough permissions to access")
        told = self.answer(asked)
        if fault == "server_error":
            return _error(500, 0, "INTERNAL_SERVER_ERROR", "Internal Server Error")
        if fault == "malformed":
            return Told(body=told.raw()[: len(told.raw()) // 2])
        rows = told.body.get("elements") if isinstance(told.body, dict) else None
        if isinstance(rows, list):
            told.body["elements"] = {"duplicate": [*rows, *rows], "late": []}.get(fault, rows)
        return told

    def may_fail(self, asked: Asked) -> bool:
        """Keep the sign-in up."""
        return not asked.path.startswith("/oauth")

    def answer(self, asked: Asked) -> Told:  # noqa: PLR0911 - one return for each door
        """Answer one call."""
        if asked.path == "/oauth/v2/authorization":
            query = urlencode({"code": "standin-code", "state": asked.first("state")})
            return Told(status=302, headers={"Location": f"{asked.first('redirect_uri')}?{query}"})
        if asked.path == "/oauth/v2/accessToken":
            return self._token(dict(parse_qsl(asked.body.decode())))
        if refusal := self._refusal(asked):
            return refusal
        path = asked.path.removeprefix("/rest/")
        name, _, rest = path.partition("/")
        if name == "organizationalEntityNotifications":
            return self._listed(asked)
        if name == "socialActions":
            return self._comments(asked, rest)
        if name == "eventSubscriptions":
            return self._subscriptions(asked, rest)
        if name == "organizationAcls":
            row = {
                "role": self.role,
                "state": "APPROVED",
                "roleAssignee": self.member,
                "organization": self.page,
            }
            return Told(body={"paging": {}, "elements": [row]})
        if name == "organizations" and rest == self.page.rpartition(":")[2]:
            return Told(body={"id": int(rest), "localizedName": "Acme Bank"})
        return _error(404, 0, "RESOURCE_NOT_FOUND", f"No virtual resource found for {name}")

    def _refusal(self, asked: Asked) -> Told | None:
        if asked.headers.get("authorization") != f"Bearer {self.secret['access_token']}":
            return _error(401, 65600, "INVALID_ACCESS_TOKEN", "Invalid access token")
        version = asked.headers.get("linkedin-version", "")
        if version not in VERSIONS:
            return _error(426, 0, "NONEXISTENT_VERSION", f"Requested version {version}01 is not active")
        if asked.headers.get("x-restli-protocol-version") != "2.0.0":
            return _error(400, 0, "ILLEGAL_ARGUMENT", "the protocol version is missing")
        self.calls += 1
        if self.calls > DAY:
            return _error(
                429, 101, "TOO_MANY_REQUESTS", "Resource level throttle APPLICATION DAY limit reached"
            )
        return None

    def _token(self, form: dict[str, str]) -> Told:
        known = form.get("client_secret") == self.app_secret["client_secret"]
        code, refresh = form.get("code") == "standin-code", form.get("refresh_token") == "standin-refresh"
        if not known or not (code or (refresh and self.refreshes)):
            return Told(status=400, body={"error": "invalid_grant", "error_description": "not valid"})
        self.tokens += not code
        told: dict[str, Any] = {"access_token": self.secret["access_token"], "expires_in": 5_184_000}
        if self.refreshes:
            told |= {"refresh_token": "standin-refresh", "refresh_token_expires_in": 31_536_000}
        return Told(body=told)

    # Notifications and subscriptions

    def _listed(self, asked: Asked) -> Told:
        actions = re.fullmatch(r"List\(([A-Z_,]+)\)", asked.first("actions"))
        window = re.fullmatch(r"\(start:(\d+),end:(\d+)\)", asked.first("timeRange"))
        if asked.first("q") != "criteria" or not actions or not window:
            return _error(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameters passed to request")
        if asked.first("organizationalEntity") != self.page or self.role != "ADMINISTRATOR":
            return _error(403, 100, "ACCESS_DENIED", "Member is not an administrator of the organization")
        rows = [
            row
            for row in reversed(self.notifications)
            if row["action"] in actions[1].split(",")
            and int(window[1]) <= row["lastModifiedAt"] <= int(window[2])
        ]
        return self._paged(asked, rows)

    def _paged(self, asked: Asked, rows: Sequence[dict[str, Any]]) -> Told:
        start, count = int(asked.first("start", "0")), int(asked.first("count", "10"))
        paging = {"start": start, "count": count, "links": [], "total": len(rows)}
        return Told(body={"paging": paging, "elements": list(rows[start : start + count])})

    def _subscriptions(self, asked: Asked, key: str) -> Told:
        found = SUBSCRIPTION.fullmatch(key)
        wanted = {"app": "urn:li:developerApplication:4242", "user": self.member, "page": self.page}
        if not found or {name: unquote(value) for name, value in found.groupdict().items()} != wanted:
            return _error(400, 0, "ILLEGAL_ARGUMENT", "Invalid complex key")
        if not self.webhooks_on:
            return _error(403, 100, "ACCESS_DENIED", "Not enough permissions to access: eventSubscriptions")
        if asked.method == "PUT":
            ends = milliseconds(self.clock() + timedelta(days=365))
            self.subscription = {"webhook": json.loads(asked.body)["webhook"], "expiresAt": ends}
            return Told(status=204)
        if asked.method == "DELETE":
            self.subscription = {}
            return Told(status=204)
        if not self.subscription:
            return _error(404, 0, "RESOURCE_NOT_FOUND", "no such subscription")
        return Told(body=self.subscription)

    # Comments

    def _comments(self, asked: Asked, rest: str) -> Told:
        target, _, number = rest.partition("/comments")
        target, number = unquote(target), number.lstrip("/")
        if "%" not in rest.partition("/")[0]:
            return _error(400, 0, "ILLEGAL_ARGUMENT", "URNs must be encoded")
        if asked.method == "POST":
            return self._comment(target, json.loads(asked.body))
        if asked.method == "DELETE":
            return self._take_back(f"urn:li:comment:({target},{number})", asked.first("actor"))
        everything = [*self._said.values(), *self._own.values()]
        below = [said for said in everything if said.thread and not said.deleted]
        if number:
            one = next(
                (each for each in below if each.native_id == f"urn:li:comment:({target},{number})"), None
            )
            return (
                Told(body=self._row(one)) if one else _error(404, 0, "RESOURCE_NOT_FOUND", "no such comment")
            )
        below = [said for said in below if target in {said.parent, "" if said.parent else said.thread}]
        return self._paged(asked, [self._row(said) for said in below] if self.role in READERS else [])

    def _comment(self, target: str, body: dict[str, Any]) -> Told:  # noqa: PLR0911 - one for each refusal
        if body.get("content"):
            return _error(403, 100, "ACCESS_DENIED", "Unpermitted fields present in REQUEST_BODY: /content")
        if self.comments_closed:
            return _error(403, 100, "ACCESS_DENIED", "Comments are disabled on this post")
        above, text = self._said.get(target) or self._own.get(target), body["message"]["text"]
        if (target.startswith("urn:li:comment:") and not above) or (above and above.deleted):
            return _error(404, 0, "RESOURCE_NOT_FOUND", "the comment does not exist")
        if above and above.parent:
            return _error(400, 0, "ILLEGAL_ARGUMENT", "replies are one level deep")
        if body["actor"] != self.page or body.get("parentComment", "") != (
            target if above and above.thread else ""
        ):
            return _error(400, 0, "ILLEGAL_ARGUMENT", "actor or parentComment does not fit")
        if len(text) > LONGEST:
            return _error(422, 0, "MESSAGE_TOO_LONG", "the text is too long")
        cut = _RESERVED.search(text)
        shown_text = re.sub(r"\\(.)", r"\1", text[: cut.start()] if cut else text)
        said = self._commented("", shown_text, reply_to=target)
        self._own[said.native_id] = said
        self.shown.append(Shown(native_id=said.native_id, to=target, text=shown_text, by=self.page))
        self._notify("ADMIN_COMMENT", said)
        number = said.native_id.rpartition(",")[2].rstrip(")")
        return Told(status=201, body=self._row(said), headers={"x-restli-id": number})

    def _take_back(self, urn: str, actor: str) -> Told:
        said = self._own.get(urn)
        if actor != self.page:
            return _error(403, 100, "ACCESS_DENIED", "not the author")
        if said is None or said.deleted:
            return _error(404, 0, "RESOURCE_NOT_FOUND", "the comment does not exist")
        said.deleted = True
        for shown in self.shown:
            shown.deleted = shown.deleted or shown.native_id == urn
        return Told(status=204)

    def _row(self, said: Said) -> dict[str, Any]:
        created, modified = milliseconds(said.said_at), milliseconds(said.edited_at or said.said_at)
        row: dict[str, Any] = {"id": said.native_id.rpartition(",")[2].rstrip(")"), "$URN": said.native_id}
        row |= {"commentUrn": said.native_id, "object": said.thread, "actor": self._actor(said)}
        row |= {"message": {"text": said.text, "attributes": []}, "created": {"time": created}}
        row |= {"lastModified": {"time": modified}} | ({"parentComment": said.parent} if said.parent else {})
        if said.nameless:
            del row["actor"]
        return row


def _error(status: int, number: int, code: str, message: str) -> Told:
    return Told(
        status=status, body={"status": status, "serviceErrorCode": number, "code": code, "message": message}
    )
