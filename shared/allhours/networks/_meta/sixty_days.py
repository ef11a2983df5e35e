"""Tokens that live for sixty days, as Instagram Login and Threads have them: made, and renewed once a week.

A token can be renewed when it is a day old and has not run out; after that a person has to consent again.
The endpoints take tokens and the app's secret as parameters only; nothing of ours writes an address down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed, Refused
from allhours.networks._meta.errors import Judge, number
from allhours.networks._meta.fields import dict_of, dicts
from allhours.networks.http import host_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks._meta.errors import Meta
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply

LIVES = timedelta(days=60)
RENEWED_EVERY = timedelta(days=7)
_NO_TOKEN = "the token endpoint answered without a token"  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class SixtyDays:
    """One network's endpoints: `prefix` of its grants (`ig`, `th`), its host, and where codes are taken."""

    meta: Meta
    prefix: str
    host: str
    code_host: str

    def exchange(
        self,
        http: Http,
        handle: Handle,
        *,
        app_id: str,
        app_secret: str,
        code: str,
        redirect: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return the secret's fields for a consent's code, with the long-lived token at once."""
        reply = http.call(
            self.meta.network,
            "POST",
            f"{host_for(handle, self.host, self.code_host)}/oauth/access_token",
            handle=handle.handle,
            form={
                "client_id": app_id,
                "client_secret": app_secret,
                "grant_type": "authorization_code",
                "redirect_uri": redirect,
                "code": code.removesuffix("#_"),  # Meta appends it; it is no part of the code
            },
        )
        short = self._answer(reply, handle, at)
        first = next(iter(dicts(short.get("data"))), short)
        grant = {"grant_type": f"{self.prefix}_exchange_token", "client_secret": app_secret}
        return self._fields(
            self._get(
                http, handle, "access_token", {**grant, "access_token": self._token(first, handle)}, at
            ),
            handle,
            at,
        )

    def renew(self, http: Http, credentials: Credentials, handle: Handle, *, at: datetime) -> bool:
        """Renew the handle's token when it is a week old; return whether it was time."""
        fields = credentials.read(handle.secret)
        if not is_due(fields, at):
            return False

        def ask(now: Mapping[str, str]) -> Mapping[str, str]:
            grant = {
                "grant_type": f"{self.prefix}_refresh_token",
                "access_token": now.get("access_token", ""),
            }
            answer = self._get(http, handle, "refresh_access_token", grant, at)
            return {**now, **self._fields(answer, handle, at)}

        credentials.renew(handle.secret, fields, ask)
        return True

    def _get(
        self, http: Http, handle: Handle, path: str, params: Mapping[str, str], at: datetime
    ) -> Mapping[str, Any]:
        url = f"{handle.base_url}/{path}"
        reply = http.call(self.meta.network, "GET", url, handle=handle.handle, params=params)
        return self._answer(reply, handle, at)

    def _answer(self, reply: Reply, handle: Handle, at: datetime) -> Mapping[str, Any]:
        try:
            answer: object = reply.json()
        except (ValueError, RecursionError):
            answer = {}
        judge = Judge(meta=self.meta, handle=handle, app_secret="", at=at)
        if error := judge.error(reply.status, answer, reply.headers):
            raise error
        return dict_of(answer)

    def _token(self, answer: Mapping[str, Any], handle: Handle) -> str:
        token = answer.get("access_token")
        if isinstance(token, str) and token:
            return token
        raise Malformed(self.meta.network, _NO_TOKEN, handle=handle.handle, field="access_token")

    def _fields(self, answer: Mapping[str, Any], handle: Handle, at: datetime) -> Mapping[str, str]:
        lives = timedelta(seconds=number(answer.get("expires_in"))) or LIVES
        return {
            "access_token": self._token(answer, handle),
            "expires_at": (at + lives).isoformat(),
            "renewed_at": at.isoformat(),
        }


def is_due(fields: Mapping[str, str], at: datetime) -> bool:
    """Return whether the token is a week old; one that was stored by hand shows its age by being renewed."""
    renewed_at, expires_at = moment_of(fields, "renewed_at"), moment_of(fields, "expires_at")
    if expires_at and expires_at <= at:
        return False  # the network would refuse: a person is needed, and health says so
    if renewed_at:
        return at >= renewed_at + RENEWED_EVERY
    return expires_at is None or expires_at - at <= LIVES - RENEWED_EVERY


def renew_if_due(
    sixty: SixtyDays, http: Http, credentials: Credentials, handle: Handle, *, at: datetime
) -> None:
    """Renew before an answer goes out; a token that cannot be renewed today may well send it all the same."""
    try:
        sixty.renew(http, credentials, handle, at=at)
    except Refused:
        return


def moment_of(fields: Mapping[str, str], name: str) -> datetime | None:
    """Return an instant that a secret keeps as ISO text, None for none or another text."""
    try:
        at = datetime.fromisoformat(fields.get(name, ""))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
