"""A session with a Bluesky server (PDS): signed calls, one renewal at most, Bluesky's own signs of trouble.

Logging in is rationed to a few a day, so the session lives in the handle's secret beside the identifier and
the app password, and is renewed with its refresh token; the app password is used only where that fails
(networks/bluesky.md §2, §3, §9).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allhours.domain.errors import Expired, Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.networks.answering import DEFINITE, SOON, post_once
from allhours.networks.contract import DefiniteNo
from allhours.networks.http import Http, Reply, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials

NETWORK = "bluesky"
CHAT = {"atproto-proxy": "did:web:api.bsky.chat#bsky_chat"}
REST = timedelta(minutes=5)  # the length of Bluesky's rate-limit window, for a 429 that names no end
LONGEST_REST = timedelta(days=1)  # its longest window
APP_PASSWORD = "make an app password (Settings, Privacy and security, App passwords)"  # noqa: S105 - advice
_ERROR = re.compile(r"[A-Za-z0-9]{1,60}")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NOT_THERE = ("NotFound", "RecordNotFound", "HandleNotFound")
_NOT_LOCATED = ("Could not locate record", "Unable to resolve handle")  # as InvalidRequest, of older servers
_UNCLEAR = (408, 409)  # these may have had an effect
_OK, _BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY, _BROKEN = 200, 400, 401, 429, 500


class NotThere(Refused):
    """The post or record is not there (any more); nobody needs to come."""


class TurnedDown(Refused):
    """The request itself was turned down; `error` is the name that Bluesky gives the reason."""

    def __init__(self, detail: str, *, handle: str, error: str) -> None:
        """Keep the name."""
        super().__init__(NETWORK, detail, handle=handle)
        self.error = error


class Session:
    """The calls of one poll: the secret is read once and renewed at most once; its trouble is everyone's."""

    def __init__(self, credentials: Credentials, http: Http, handle: Handle, at: datetime) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http
        self._handle = handle
        self._at = at
        self._fields: Mapping[str, str] = {}
        self._renewed = False
        self._trouble: NetworkError | None = None
        self._spent_until: datetime | None = None
        self.calls_left: tuple[int, int] | None = None
        """What the last answer said is left of the window's calls, and of how many."""

    def us(self) -> Handle:
        """Return the handle with its DID; `Refused` when the secret is another account's."""
        did = self._open()["did"]
        if self._handle.native_id not in {"", did}:
            raise self._refused(
                f"the secret {self._handle.secret} belongs to {did}, "
                f"the organisation file says {self._handle.native_id}"
            )
        return replace(self._handle, native_id=did)

    def get(self, method: str, params: Sequence[tuple[str, str]], *, chat: bool = False) -> dict[str, object]:
        """Return the answer of one query; a token that ran out is renewed and the query asked once more."""
        return self._twice_at_most(lambda fields: self._ask("GET", method, fields, params=params, chat=chat))

    def post(self, method: str, body: object) -> dict[str, object]:
        """Return the answer of a procedure that may be repeated without harm, asked as `get` asks."""
        return self._twice_at_most(lambda fields: self._ask("POST", method, fields, body=body))

    def post_once(self, method: str, body: object, *, chat: bool = False) -> dict[str, object]:
        """Make the one request that publishes; `TurnedDown` and `DefiniteNo` say that it had no effect.

        A token that ran out is renewed, and the same request may then be made again at once.
        """
        where = self._handle.handle
        try:
            fields = self._open()
        except NetworkError as error:
            raise self._not_now(error) from None
        answer = post_once(
            self._http,
            NETWORK,
            "POST",
            self._address(method, fields),
            handle=where,
            at=self._at,
            headers={**_bearer(fields["accessJwt"]), **(CHAT if chat else {})},
            json_body=body,
        )
        if answer.status != _OK and answer.status not in DEFINITE:
            detail = f"{method}: HTTP {answer.status}: whether the answer is out is not known"
            raise Unreachable(NETWORK, detail, handle=where)
        try:
            return self._read(answer, method)
        except Expired:
            try:
                self._renew(fields)
            except NetworkError as error:
                raise self._not_now(error) from None
            detail = "the session had ended and is renewed"
            raise DefiniteNo(NETWORK, detail, handle=where, again_at=self._at) from None
        except RateLimited as error:
            raise self._not_now(error) from None

    def _not_now(self, error: NetworkError) -> DefiniteNo:
        """Return what trouble means before anything was sent, or with a request that had no effect."""
        again_at = error.retry_at if isinstance(error, RateLimited) else self._at + SOON
        never = isinstance(error, Refused)
        return DefiniteNo(
            NETWORK, error.detail, handle=self._handle.handle, again_at=None if never else again_at
        )

    def _twice_at_most(self, ask: Callable[[Mapping[str, str]], dict[str, object]]) -> dict[str, object]:
        fields = self._open()
        try:
            return ask(fields)
        except Expired:
            fields = self._renew(fields)
        try:
            return ask(fields)
        except Expired:
            raise self._refused(
                f"a fresh session was turned down; {APP_PASSWORD} for {self._handle.secret}"
            ) from None

    def _open(self) -> Mapping[str, str]:
        if not self._fields:
            fields = self._credentials.read(self._handle.secret)
            self._fields = fields if fields.get("accessJwt") and fields.get("did") else self._renew(fields)
        return self._fields

    def _renew(self, stale: Mapping[str, str]) -> Mapping[str, str]:
        if self._trouble:
            raise self._trouble
        if self._renewed:
            raise self._refused(
                f"the session ends as soon as it begins; {APP_PASSWORD} for {self._handle.secret}"
            )
        self._renewed = True
        try:
            self._fields = self._credentials.renew(self._handle.secret, stale, self._new_session)
        except NetworkError as error:
            self._trouble = error
            raise
        return self._fields

    def _new_session(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Return the secret's fields with a session refreshed, or else begun with the app password."""
        if token := fields.get("refreshJwt", ""):
            answer = self._call(
                "POST", f"{self._host(fields)}/xrpc/com.atproto.server.refreshSession", headers=_bearer(token)
            )
            if answer.status not in {_BAD_REQUEST, _UNAUTHORIZED}:
                return self._kept(fields, answer)
        identifier, password = fields.get("identifier", "").removeprefix("@"), fields.get("app_password", "")
        if not identifier or not password:
            raise self._refused(f"the secret {self._handle.secret} needs identifier and app_password")
        answer = self._call(
            "POST",
            f"{self._handle.base_url}/xrpc/com.atproto.server.createSession",
            json_body={"identifier": identifier, "password": password},
        )
        if answer.status in {_BAD_REQUEST, _UNAUTHORIZED}:
            raise self._refused(
                f"identifier or app password was turned down ({_error(answer)[0]}); "
                f"{APP_PASSWORD} and put it into the secret {self._handle.secret}"
            )
        return self._kept(fields, answer)

    def _kept(self, fields: Mapping[str, str], answer: Reply) -> Mapping[str, str]:
        session = self._read(answer, "the session")
        tokens: dict[str, str] = {}
        for name in ("accessJwt", "refreshJwt", "did"):
            value = session.get(name)
            if not isinstance(value, str) or not value:
                raise Malformed(NETWORK, "the session is incomplete", handle=self._handle.handle, field=name)
            tokens[name] = value
        return {**fields, **tokens, "pds": _pds(session.get("didDoc")) or fields.get("pds", "")}

    def _host(self, fields: Mapping[str, str]) -> str:
        """Return the account's own server; a base URL on loopback is a stand-in or a tunnel and is meant."""
        base = self._handle.base_url
        return base if urlsplit(base).hostname in _LOOPBACK else fields.get("pds", "") or base

    def _address(self, method: str, fields: Mapping[str, str]) -> str:
        return f"{self._host(fields)}/xrpc/{method}"

    def _ask(
        self,
        verb: str,
        method: str,
        fields: Mapping[str, str],
        *,
        params: Sequence[tuple[str, str]] = (),
        body: object = None,
        chat: bool = False,
    ) -> dict[str, object]:
        if self._spent_until and self._spent_until > self._at:
            raise RateLimited(
                NETWORK,
                "the calls of this window are spent",
                handle=self._handle.handle,
                retry_at=self._spent_until,
            )
        answer = self._call(
            verb,
            self._address(method, fields),
            headers={**_bearer(fields["accessJwt"]), **(CHAT if chat else {})},
            params=list(params),
            json_body=body,
        )
        left, of = (answer.headers.get(f"ratelimit-{name}", "") for name in ("remaining", "limit"))
        if left.isdecimal() and of.isdecimal():
            self.calls_left = (int(left), int(of))
        if left == "0":
            self._spent_until = _reset(answer, self._at)
        return self._read(answer, method)

    def _call(
        self,
        verb: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: list[tuple[str, str]] | None = None,
        json_body: object = None,
    ) -> Reply:
        return self._http.call(
            NETWORK,
            verb,
            url,
            handle=self._handle.handle,
            headers=headers,
            params=params,
            json_body=json_body,
        )

    def _read(self, answer: Reply, what: str) -> dict[str, object]:
        """Return the JSON object of a good answer; raise what any other means."""
        handle = self._handle.handle
        if answer.status == _OK:
            body = _json(answer)
            if body is None:
                raise Malformed(NETWORK, f"{what}: the answer is not a JSON object", handle=handle)
            return body
        error, message = _error(answer)
        if answer.status == _TOO_MANY:
            raise RateLimited(
                NETWORK, f"{what}: too many calls", handle=handle, retry_at=_retry_at(answer, self._at)
            )
        if answer.status >= _BROKEN or answer.status in _UNCLEAR:
            raise Unreachable(NETWORK, f"{what}: HTTP {answer.status}", handle=handle)
        if (error, message) == ("InvalidToken", "Bad token method"):
            raise self._refused(
                f"the app password may not read direct messages; {APP_PASSWORD} that allows direct messages "
                f"and put it into the secret {self._handle.secret}, or set direct_messages: off"
            )
        if error in {"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"}:
            raise Expired(NETWORK, f"{what}: {error}", handle=handle)
        if error in _NOT_THERE or message.startswith(_NOT_LOCATED):
            raise NotThere(NETWORK, f"{what}: there is no such post or record", handle=handle)
        detail = f"{what} was turned down: HTTP {answer.status} {error}"
        raise TurnedDown(detail, handle=handle, error=error)

    def _refused(self, detail: str) -> Refused:
        return Refused(NETWORK, detail, handle=self._handle.handle)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _json(answer: Reply) -> dict[str, object] | None:
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _error(answer: Reply) -> tuple[str, str]:
    """Return the error's name, which may be shown, and its message, which is only for comparing."""
    body = _json(answer) or {}
    name, message = body.get("error"), body.get("message")
    known = name if isinstance(name, str) and _ERROR.fullmatch(name) else "without a reason (an edge block?)"
    return known, message if isinstance(message, str) else ""


def _pds(document: object) -> str:
    """Return the PDS that a DID document names; only https, for the document comes from outside."""
    services = document.get("service") if isinstance(document, dict) else None
    for service in services if isinstance(services, list) else ():
        if not isinstance(service, dict):
            continue
        name, address = service.get("id"), service.get("serviceEndpoint")
        if isinstance(name, str) and name.endswith("#atproto_pds") and isinstance(address, str):
            return address.rstrip("/") if address.startswith("https://") else ""
    return ""


def _reset(answer: Reply, at: datetime) -> datetime | None:
    """Return when the window ends, from RateLimit-Reset in epoch seconds; None when it is missing or past."""
    value = answer.headers.get("ratelimit-reset", "")
    if not re.fullmatch("[0-9]{1,11}", value):
        return None
    end = datetime.fromtimestamp(int(value), UTC)
    return min(end, at + LONGEST_REST) if end > at else None


def _retry_at(answer: Reply, at: datetime) -> datetime:
    named = answer.headers.get("retry-after", "")
    return _reset(answer, at) or min(retry_after(named, at, otherwise=REST), at + LONGEST_REST)
