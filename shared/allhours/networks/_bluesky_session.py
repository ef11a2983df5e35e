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
from allhours.networks.http import Http, Reply, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials

NETWORK = "bluesky"
CHAT = {"atproto-proxy": "did:web:api.bsky.chat#bsky_chat"}
REST = timedelta(minutes=5)  # the length of Bluesky's rate-limit window, for a 429 that names no end
LONGEST_REST = timedelta(days=1)  # its longest window
APP_PASSWORD = "make an app password (Settings, Privacy and security, App passwords)"  # noqa: S105 - advice
_ERROR = re.compile(r"[A-Za-z0-9]{1,60}")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_OK, _BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY, _BROKEN = 200, 400, 401, 429, 500


class NotThere(Refused):
    """The post was deleted between two of our calls; nobody needs to come."""


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
        fields = self._open()
        try:
            return self._ask(method, params, fields, chat=chat)
        except Expired:
            fields = self._renew(fields)
        try:
            return self._ask(method, params, fields, chat=chat)
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

    def _ask(
        self, method: str, params: Sequence[tuple[str, str]], fields: Mapping[str, str], *, chat: bool
    ) -> dict[str, object]:
        if self._spent_until and self._spent_until > self._at:
            raise RateLimited(
                NETWORK,
                "the calls of this window are spent",
                handle=self._handle.handle,
                retry_at=self._spent_until,
            )
        answer = self._call(
            "GET",
            f"{self._host(fields)}/xrpc/{method}",
            headers={**_bearer(fields["accessJwt"]), **(CHAT if chat else {})},
            params=list(params),
        )
        if answer.headers.get("ratelimit-remaining") == "0":
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
        error, is_bad_method = _error(answer)
        if answer.status == _TOO_MANY:
            raise RateLimited(
                NETWORK, f"{what}: too many calls", handle=handle, retry_at=_retry_at(answer, self._at)
            )
        if answer.status >= _BROKEN:
            raise Unreachable(NETWORK, f"{what}: HTTP {answer.status}", handle=handle)
        if is_bad_method:
            raise self._refused(
                f"the app password may not read direct messages; {APP_PASSWORD} that allows direct messages "
                f"and put it into the secret {self._handle.secret}, or set direct_messages: off"
            )
        if error in {"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"}:
            raise Expired(NETWORK, f"{what}: {error}", handle=handle)
        if error == "NotFound":
            raise NotThere(NETWORK, f"{what}: there is no such post", handle=handle)
        raise self._refused(f"{what} was turned down: HTTP {answer.status} {error}")

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


def _error(answer: Reply) -> tuple[str, bool]:
    """Return the error's name, and whether it says that the app password may not read direct messages."""
    body = _json(answer) or {}
    name, message = body.get("error"), body.get("message")
    known = name if isinstance(name, str) and _ERROR.fullmatch(name) else "without a reason (an edge block?)"
    return known, known == "InvalidToken" and message == "Bad token method"


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
