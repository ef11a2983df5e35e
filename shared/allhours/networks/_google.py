"""What the networks of Google share: grants for access tokens, signed calls, and errors told by their reason.

Written from developers.google.com/identity/protocols/oauth2 (native-app, web-server, service-account) and
cloud.google.com/apis/design/errors.

Access tokens live an hour and stay in the memory of the function that asked for them. Google's grants may be
repeated: neither a refresh token nor a key is used up, so there is nothing to store, no lock to take, and no
right to write secrets to give.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Expired, Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.networks.answering import SOON, judged
from allhours.networks.contract import DefiniteNo
from allhours.networks.http import Http, Reply, host_for, retry_after
from allhours.networks.oauth import challenge_of, consent_address, tokens_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials

TOKENS = "https://oauth2.googleapis.com"
CONSENT = "https://accounts.google.com"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EARLY = timedelta(minutes=2)  # a token is left this long before it ends: clocks differ, calls take time
USUAL_LIFE = 3_600.0  # seconds, where the answer does not say
REST = timedelta(minutes=1)  # the window of Google's per-minute quotas
TOO_MANY = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_DELAY = re.compile(r"([0-9]{1,6})(?:\.[0-9]+)?s")


class NotThere(Refused):
    """What was asked for does not exist, or no longer; nobody needs to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleError:
    """What an error body of Google's names: never its message, which may quote the request."""

    status: int
    name: str = ""
    reason: str = ""
    again_in: timedelta | None = None

    @property
    def words(self) -> str:
        """Return it for a person."""
        return " ".join(part for part in (f"HTTP {self.status}", self.name, self.reason) if part)


def google_error(reply: Reply) -> GoogleError:
    """Return what the body says: the older shape has `errors[].reason`, google.rpc has `details[]`."""
    try:
        body: object = reply.json()
    except (ValueError, RecursionError):
        return GoogleError(status=reply.status)
    told = _at(body, "error")
    if isinstance(told, str):  # the token endpoint: {"error": "invalid_grant"}
        return GoogleError(status=reply.status, reason=_named(told))
    details = [*_list(told, "errors"), *_list(told, "details")]
    reasons = [reason for each in details if (reason := _named(_at(each, "reason")))]
    delays = [
        _DELAY.fullmatch(delay) for each in details if isinstance(delay := _at(each, "retryDelay"), str)
    ]
    waits = [timedelta(seconds=int(found[1])) for found in delays if found]
    return GoogleError(
        status=reply.status,
        name=_named(_at(told, "status")),
        reason=reasons[0] if reasons else "",
        again_in=max(waits, default=None),
    )


def trouble(reply: Reply, network: str, what: str, *, handle: str, at: datetime, mend: str) -> NetworkError:
    """Return what a bad answer means; `mend` tells a person what to do about a refusal.

    `Expired` for 401, `RateLimited` for 429 and for a 403 that names a rate, `NotThere` for 404 and 410,
    `Unreachable` for 5xx. What else a network reads out of a reason it looks at first (`google_error`).
    """
    error = google_error(reply)
    status = reply.status
    if status == 429 or _is_rate(error):  # noqa: PLR2004 - Too Many Requests
        until = retry_after(reply.headers.get("retry-after", ""), at, otherwise=error.again_in or REST)
        return RateLimited(network, f"{what}: {error.words}", handle=handle, retry_at=until)
    if status == 401:  # noqa: PLR2004 - Unauthorized
        return Expired(network, f"{what}: {error.words}", handle=handle)
    if status in {404, 410}:
        return NotThere(network, f"{what}: there is no such thing ({error.words})", handle=handle)
    if status >= 500:  # noqa: PLR2004 - the network's own failures
        return Unreachable(network, f"{what}: {error.words}", handle=handle)
    return Refused(network, f"{what} was turned down ({error.words}); {mend}", handle=handle)


def _is_rate(error: GoogleError) -> bool:
    return bool({error.name, error.reason} & TOO_MANY)


def refresh_form(fields: Mapping[str, str], app: Mapping[str, str]) -> Mapping[str, str]:
    """Return the form that asks for an access token with the refresh token of the handle's secret."""
    return {
        "grant_type": "refresh_token",
        "refresh_token": fields.get("refresh_token", ""),
        "client_id": app.get("client_id", ""),
        "client_secret": app.get("client_secret", ""),
    }


def service_account_form(fields: Mapping[str, str], scope: str, *, at: datetime) -> Mapping[str, str]:
    """Return the form that asks for an access token with a JWT signed by a service account's key.

    `ValueError` when `private_key` is no RSA key.
    """
    import jwt  # noqa: PLC0415 - drags in cryptography, and most networks of Google's sign nothing

    claims = {
        "iss": fields.get("client_email", ""),
        "scope": scope,
        "aud": f"{TOKENS}/token",
        "iat": int(at.timestamp()),
        "exp": int((at + timedelta(hours=1)).timestamp()),
    }
    key = fields.get("private_key", "").replace("\\n", "\n")  # as it stands in the JSON key file
    try:
        return {"grant_type": JWT_GRANT, "assertion": jwt.encode(claims, key, algorithm="RS256")}
    except (jwt.PyJWTError, TypeError) as error:
        message = "private_key is no RSA key"
        raise ValueError(message) from error


class Google:
    """The signed calls of one network; `form` makes the token request out of the handle's secret."""

    def __init__(
        self,
        credentials: Credentials,
        http: Http,
        network: str,
        *,
        usual: str,
        form: Callable[[Mapping[str, str], datetime], Mapping[str, str]],
        mend: str,
    ) -> None:
        """Ask nothing yet; `usual` is the network's base URL, `mend` what a person does about a refusal."""
        self._credentials = credentials
        self._http = http
        self._network = network
        self._usual = usual
        self._form = form
        self._mend = mend
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def headers(self, handle: Handle, *, at: datetime) -> Mapping[str, str]:
        """Return the header of a call, with a token that holds; asks for one when none is at hand."""
        fields = self._credentials.read(handle.secret)
        key = hashlib.sha256(
            repr(sorted(fields.items())).encode()
        ).hexdigest()  # another secret, another token
        token, until = self._tokens.get(key, ("", at))
        if until <= at:
            token, until = self._granted(handle, fields, at)
            self._tokens[key] = (token, until)
        return {"authorization": f"Bearer {token}"}

    def forget(self) -> None:
        """Drop all tokens: one was turned down before its time."""
        self._tokens.clear()

    def get(
        self,
        handle: Handle,
        url: str,
        *,
        at: datetime,
        params: Mapping[str, str] | None = None,
        what: str,
    ) -> Mapping[str, Any]:
        """Return the JSON object at `url`; a token turned down is replaced once."""
        reply = self.ask(handle, "GET", url, at=at, params=params)
        if reply.status != 200:  # noqa: PLR2004 - OK
            raise self.trouble(reply, what, handle=handle, at=at)
        return self.body(reply, what, handle=handle)

    def ask(
        self,
        handle: Handle,
        method: str,
        url: str,
        *,
        at: datetime,
        params: Mapping[str, str] | None = None,
        json_body: object = None,
    ) -> Reply:
        """Return the answer, whatever its status, asking once more with a new token after a 401.

        Only for calls that may be repeated.
        """
        reply = self._call(handle, method, url, at=at, params=params, json_body=json_body)
        if reply.status == 401:  # noqa: PLR2004 - Unauthorized
            self.forget()
            reply = self._call(handle, method, url, at=at, params=params, json_body=json_body)
        return reply

    def trouble(self, reply: Reply, what: str, *, handle: Handle, at: datetime) -> NetworkError:
        """Return what a bad answer to `ask` means; a 401 that outlived a new token is a refusal."""
        error = trouble(
            reply,
            self._network,
            what,
            handle=handle.handle,
            at=at,
            mend=f"{self._mend} (secret {handle.secret})",
        )
        if isinstance(error, Expired):
            return self._refused(handle, f"{what}: a fresh access token was turned down")
        return error

    def judge(self, reply: Reply, *, handle: Handle, at: datetime, words: Mapping[int, str]) -> None:
        """Return when a publishing call was taken; raise what any other answer means (`answering.judged`).

        A rate that Google calls 403, and a token that ran out, had no effect and may be tried again.
        """
        error = google_error(reply)
        if reply.status in {401, 403, 429} and (reply.status == 401 or _is_rate(error)):  # noqa: PLR2004
            if reply.status == 401:  # noqa: PLR2004 - Unauthorized
                self.forget()
            until = at + (error.again_in or SOON)
            raise DefiniteNo(self._network, error.words, handle=handle.handle, again_at=until)
        judged(reply, self._network, handle=handle.handle, at=at, words=words)

    def body(self, reply: Reply, what: str, *, handle: Handle) -> Mapping[str, Any]:
        """Return the JSON object of an answer; an empty body is an empty object."""
        try:
            body = reply.json() if reply.body.strip() else {}
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise Malformed(self._network, f"{what}: the answer is not a JSON object", handle=handle.handle)
        return body

    def _call(
        self,
        handle: Handle,
        method: str,
        url: str,
        *,
        at: datetime,
        params: Mapping[str, str] | None,
        json_body: object,
    ) -> Reply:
        return self._http.call(
            self._network,
            method,
            url,
            handle=handle.handle,
            headers=self.headers(handle, at=at),
            params=list(params.items()) if params else None,
            json_body=json_body,
        )

    def _granted(self, handle: Handle, fields: Mapping[str, str], at: datetime) -> tuple[str, datetime]:
        try:
            form = self._form(fields, at)
        except ValueError as error:
            raise self._refused(handle, str(error)) from None
        url = f"{host_for(handle, self._usual, TOKENS)}/token"
        reply = self._http.call(self._network, "POST", url, handle=handle.handle, form=form)
        if reply.status != 200:  # noqa: PLR2004 - OK
            told = google_error(reply)
            if reply.status == 429 or reply.status >= 500:  # noqa: PLR2004 - not about this grant
                raise trouble(
                    reply, self._network, "access token", handle=handle.handle, at=at, mend=self._mend
                )
            raise self._refused(handle, f"no access token ({told.words})")
        body = self.body(reply, "access token", handle=handle)
        token, life = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not token:
            raise Malformed(
                self._network, "the token answer is incomplete", handle=handle.handle, field="access_token"
            )
        return token, at + timedelta(seconds=_seconds(life)) - EARLY

    def _refused(self, handle: Handle, detail: str) -> Refused:
        return Refused(
            self._network, f"{detail}; {self._mend} (secret {handle.secret})", handle=handle.handle
        )


def consent_page(
    handle: Handle, usual: str, client_id: str, *, scope: str, redirect: str, state: str, verifier: str
) -> str:
    """Return Google's consent page; `offline` and `consent` together always bring a refresh token."""
    return consent_address(
        f"{host_for(handle, usual, CONSENT)}/o/oauth2/v2/auth",
        client_id=client_id,
        redirect_uri=redirect,
        scope=scope,
        state=state,
        code_challenge=challenge_of(verifier),
        code_challenge_method="S256",
        access_type="offline",
        prompt="consent",
    )


def exchanged(
    http: Http,
    network: str,
    handle: Handle,
    usual: str,
    given: Mapping[str, str],
    *,
    code: str,
    redirect: str,
    verifier: str,
    at: datetime,
) -> Mapping[str, str]:
    """Return `refresh_token` for a consent's code, and `expires_at` where Google says that it runs out.

    It does after 7 days while the consent screen is in testing, and where the owner limited the time.
    """
    body = tokens_for(
        http,
        network,
        f"{host_for(handle, usual, TOKENS)}/token",
        handle=handle.handle,
        form={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": given.get("client_id", ""),
            "client_secret": given.get("client_secret", ""),
            "code_verifier": verifier,
        },
    )
    token = body.get("refresh_token")
    if not isinstance(token, str) or not token:
        raise Refused(
            network,
            "no refresh token came: remove the app at myaccount.google.com/permissions, and begin again",
            handle=handle.handle,
        )
    life = body.get("refresh_token_expires_in")
    if isinstance(life, int) and life > 0:
        return {"refresh_token": token, "expires_at": (at + timedelta(seconds=life)).isoformat()}
    return {"refresh_token": token}


def _at(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _list(value: object, name: str) -> list[object]:
    found = _at(value, name)
    return found if isinstance(found, list) else []


def _named(value: object) -> str:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int) and 0 < value <= 86_400 else USUAL_LIFE  # noqa: PLR2004 - a day
