"""What the stand-ins of Instagram and Threads share: tokens of sixty days, consent, checks, faults, pages."""

from __future__ import annotations

import base64
import json
import re
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from infra.local.standins import _meta as meta
from infra.local.standins.base import Asked, Pusher, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

LIVES = timedelta(days=60)


@dataclass(kw_only=True)
class Said:
    """One post, comment or message, by a customer or (author "") by us, with all that the network knows."""

    id: str
    author: str
    text: str
    said_at: datetime
    kind: str
    root: str = ""
    parent: str = ""
    edits: int = 0
    deleted: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def native_id(self) -> str:
        """Return the id as the stand-ins' common interface calls it."""
        return self.id


class SixtyDayStandIn(StandIn):
    """Serve tokens and their exchange, check them on every call, throttle, fail, and sign deliveries."""

    prefix: str
    error_type: str
    throttle_code: int
    version: str
    proven = False
    """Whether calls must carry `appsecret_proof`."""

    def __init__(self, port: int = 0, *, page_size: int = 50, calls_an_hour: int = 1_000_000) -> None:
        """Serve pages of at most `page_size`, and so many calls an hour."""
        super().__init__(port)
        self.page_size = page_size
        self.bucket = meta.Bucket(size=calls_an_hour)
        self.clock: Callable[[], datetime] = now
        self._codes: dict[str, str] = {}
        self._tokens = {f"{self.prefix.upper()}long0": self.clock()}
        self._said: dict[str, Said] = {}

    @property
    def app_secret(self) -> dict[str, str]:
        """Return the app's fields."""
        word = f"stand-in-{self.name}"
        return {"app_id": "700800900", "app_secret": f"{word}-secret", "verify_token": f"{word}-word"}

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret."""
        token, made_at = list(self._tokens.items())[-1]
        dates = {"expires_at": (made_at + LIVES).isoformat(), "renewed_at": made_at.isoformat()}
        return {"access_token": token, **dates}

    @property
    def posts(self) -> list[Said]:
        """Return everything that customers ever said, deleted or not."""
        with self.lock:
            return [said for said in self._said.values() if said.author]

    def age_token(self, by: timedelta) -> None:
        """Let the token in use be older than it is."""
        token = list(self._tokens)[-1]
        self._tokens[token] -= by

    def register(self, url: str) -> None:
        """Call this webhook from now on, after the verification that Meta makes."""
        meta.greet(url, self.app_secret["verify_token"])
        self.pushes = Pusher(url, lambda raw: meta.signed(self.app_secret["app_secret"], raw))

    # Answers

    @abstractmethod
    def call(self, method: str, path: str, params: Mapping[str, Any]) -> Told:
        """Answer a call whose token is good."""

    def may_fail(self, asked: Asked) -> bool:
        """Keep consent, tokens and subscriptions up."""
        return not re.search("subscri|oauth|access_token", asked.path)

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as Meta does: by code, in HTTP 400; after the effect where it is the answer that fails."""
        if fault == "rate_limited":
            return self.throttled(minutes=1)
        if fault in {"expired_token", "refused_token"}:
            return self.error(
                400, 190, "Error validating access token.", subcode=463 if "x" in fault else 458
            )
        told = self.answer(asked)
        if fault == "server_error":
            return self.error(500, 2, "An unexpected error has occurred.", is_transient=True)
        if fault == "malformed":
            return Told(body=told.raw()[: len(told.raw()) // 2])
        if isinstance(told.body, dict) and isinstance(rows := told.body.get("data"), list):
            told.body["data"] = (
                [*rows, *rows] if fault == "duplicate" else rows[1:] if fault == "late" else rows
            )
        return told

    def answer(self, asked: Asked) -> Told:
        """Answer consent and token calls, and any other call with a good token."""
        params: dict[str, Any] = dict(asked.query)
        if asked.body:
            is_json = asked.headers.get("content-type", "").startswith("application/json")
            params |= json.loads(asked.body) if is_json else dict(parse_qsl(asked.body.decode()))
        if told := self.grant(asked.path, params):
            return told
        found = re.fullmatch(rf"/{self.version}/(.+)", asked.path)
        if not found:
            return self.error(400, 2635, "You are calling a version that there is not.")
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        token = token or str(params.get("access_token", ""))
        if token not in self.good_tokens():
            return self.error(400, 190, "Error validating access token.", subcode=463)
        if self.proven and token in self.proven_tokens():
            proof = str(params.get("appsecret_proof", ""))
            if refusal := meta.wrong_proof(self.app_secret["app_secret"], token, proof):
                return refusal
        if not self.bucket.take(self.clock()):
            wait = self.bucket.shut_until - self.clock()
            return self.throttled(minutes=max(1, round(wait.total_seconds() / 60)))
        told = self.call(asked.method, found[1], {**params, "token": token})
        return Told(status=told.status, body=told.body, headers=self.bucket.usage("1", self.name))

    def good_tokens(self) -> set[str]:
        """Return every token that is accepted now."""
        return {token for token, made_at in self._tokens.items() if made_at + LIVES > self.clock()}

    def proven_tokens(self) -> set[str]:
        """Return the tokens that need a proof where any does."""
        return self.good_tokens()

    # Tokens

    def grant(self, path: str, params: Mapping[str, Any]) -> Told | None:
        """Answer a call about consent and tokens, None for any other."""
        doors = {"/oauth/access_token": self._short, "/access_token": self._exchange}
        doors["/refresh_access_token"] = self._refresh
        if path.endswith(("/oauth/authorize", "/dialog/oauth")):
            return self._consent(params)
        return doors[path](params) if path in doors else None

    def _consent(self, params: Mapping[str, Any]) -> Told:
        code = f"AQ{len(self.asked)}code"
        self._codes[code] = params["redirect_uri"]
        query = urlencode({"code": code, "state": params["state"]})
        return Told(status=302, headers={"Location": f"{params['redirect_uri']}?{query}#_"})

    def _short(self, params: Mapping[str, Any]) -> Told:
        known = self._codes.pop(params.get("code", ""), None)
        ours = tuple(params.get(f"client_{name}") for name in ("id", "secret"))
        if known is None or known != params.get("redirect_uri") or ours != self._app:
            return self.error(400, 100, "This authorization code has been used or does not match.")
        return Told(body={"access_token": f"{self.prefix}short", "user_id": 12_345})

    def _exchange(self, params: Mapping[str, Any]) -> Told:
        right = (f"{self.prefix}_exchange_token", self._app[1], f"{self.prefix}short")
        if tuple(params.get(each) for each in ("grant_type", "client_secret", "access_token")) != right:
            return self.error(400, 190, "Error validating access token.", subcode=460)
        return self._long()

    def _refresh(self, params: Mapping[str, Any]) -> Told:
        token = params.get("access_token", "")
        if params.get("grant_type") != f"{self.prefix}_refresh_token" or token not in self.good_tokens():
            return self.error(400, 190, "Error validating access token.", subcode=463)
        if self.clock() - self._tokens[token] < timedelta(days=1):
            return self.error(400, 100, "The token is not a day old.")
        return self._long()

    @property
    def _app(self) -> tuple[str, str]:
        return self.app_secret["app_id"], self.app_secret["app_secret"]

    def _long(self) -> Told:
        token = f"{self.prefix.upper()}long{len(self._tokens)}"
        self._tokens[token] = self.clock()
        lives = int(LIVES.total_seconds())
        return Told(body={"access_token": token, "token_type": "bearer", "expires_in": lives})

    # Shapes

    def paged(self, rows: Sequence[object], params: Mapping[str, Any], *, path: str = "") -> Told:
        """Return a page of rows with cursors; with an address of the next one where `path` is given."""
        limit = min(int(params.get("limit", 25)), self.page_size)
        start = int(base64.b64decode(params["after"])) if params.get("after") else 0
        body: dict[str, Any] = {"data": list(rows[start : start + limit])}
        if body["data"]:
            after = base64.b64encode(str(start + limit).encode()).decode()
            body["paging"] = {"cursors": {"before": "QVFIUi", "after": after}}
            if path and start + limit < len(rows):
                kept = {name: value for name, value in params.items() if name != "token"}
                query = urlencode({**kept, "access_token": params["token"], "after": after})
                body["paging"]["next"] = f"{self.base_url}/{path}?{query}"
        return Told(body=body)

    def error(
        self, status: int, code: int, text: str, *, subcode: int = 0, is_transient: bool = False
    ) -> Told:
        """Return an error in Meta's envelope, of this network's type."""
        return meta.error(
            status, code, text, subcode=subcode, is_transient=is_transient, kind=self.error_type
        )

    def gone(self, native_id: str) -> Told:
        """Return what an object that is not there answers."""
        return self.error(400, 100, f"Object with ID '{native_id}' does not exist", subcode=33)

    def throttled(self, *, minutes: int) -> Told:
        """Return that there were too many calls; only the usage header says for how long."""
        code = self.throttle_code
        told = self.error(400, code, f"(#{code}) There have been too many calls.")
        usage = self.bucket.usage("1", self.name, minutes=minutes)
        return Told(status=told.status, body=told.body, headers=usage)


def chosen(row: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were asked for; an id always comes."""
    names = {"id", *meta.fields_of(params)}
    return {name: value for name, value in row.items() if name in names and value is not None}
