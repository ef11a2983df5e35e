"""Call the Graph API for one poll, answer or setup: the token and its proof, throttling, paging, batches.

Calling while throttled makes the block longer, so after the first such answer a `Graph` makes no more calls
of that quota. What an answer means, and what differs between Meta's networks, is in `_meta.errors`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from allhours.domain.errors import (
    Expired,
    Malformed,
    NetworkError,
    NotSent,
    RateLimited,
    Refused,
    Unreachable,
)
from allhours.networks._meta.errors import LONGEST_WAIT, Gone, Judge, TokenRefused, used_share
from allhours.networks.answering import DEFINITE, SOON
from allhours.networks.contract import DefiniteNo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks._meta.errors import Meta
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedRows:
    """One page of an edge; `older` is set while there is more, even behind an empty page."""

    rows: tuple[Mapping[str, Any], ...]
    older: str | None


class Graph:
    """The Graph API as one handle's token sees it, for the length of one poll or answer."""

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        handle: Handle,
        meta: Meta,
        *,
        app_secret: str,
        at: datetime,
        waits: int = 0,
    ) -> None:
        """Take the line out; `waits` says how often in a row the handle was throttled before."""
        self._http = http
        self._credentials = credentials
        self.handle = handle
        self._meta = meta
        self._app_secret = app_secret
        self._at = at
        wait = min(meta.first_wait * 2 ** min(waits, 10), LONGEST_WAIT)
        self._judge = Judge(meta=meta, handle=handle, app_secret=app_secret, at=at, wait=wait)
        self._ended: dict[str, NetworkError] = {}
        self.used: dict[str, float] = {}
        """The share of each quota that is used, as far as the answers told."""

    # Reading

    def get(self, path: str, params: Mapping[str, str], *, quota: str = "") -> Mapping[str, Any]:
        """Return one object."""
        answer = self._call("GET", path, params, quota=quota)
        if not isinstance(answer, dict):
            raise self.malformed(f"no object came from {path}", "body")
        return answer

    def pages(self, path: str, params: Mapping[str, str], *, quota: str = "") -> Iterator[FetchedRows]:
        """Yield the pages of an edge until `paging.next` is missing; an empty page may still have one."""
        asked = dict(params)
        while True:
            answer = self._call("GET", path, asked, quota=quota)
            if not isinstance(answer, dict) or not isinstance(rows := answer.get("data"), list):
                raise self.malformed(f"no list came from {path}", "data")
            paging = answer.get("paging")
            address = paging.get("next") if isinstance(paging, dict) else None
            older = address if isinstance(address, str) and address else None
            yield FetchedRows(rows=tuple(row if isinstance(row, dict) else {} for row in rows), older=older)
            if older is None:
                return
            # Only parameters are taken over: the address has the token in it, and its host could be any.
            told = parse_qsl(urlsplit(older).query)
            before = dict(asked)
            asked |= {key: value for key, value in told if key not in {"access_token", "appsecret_proof"}}
            if asked == before:
                raise self.malformed(f"the next page of {path} is the same page", "paging.next")

    def batch(self, paths: Sequence[str], *, quota: str = "") -> list[object]:
        """Return what up to 50 GETs answered: JSON, a `NetworkError`, or None for one out of time."""
        operations = json.dumps([{"method": "GET", "relative_url": path} for path in paths])
        form = {"batch": operations, "include_headers": "false"}
        answers = self._call("POST", "", form, quota=quota)
        if not isinstance(answers, list) or len(answers) != len(paths):
            raise self.malformed(f"{len(paths)} operations were asked for, other than that came", "batch")
        return [self._operation(answer, quota) for answer in answers]

    # Writing

    def write(
        self, method: str, path: str, params: Mapping[str, str], *, quota: str = ""
    ) -> Mapping[str, Any]:
        """Change something that may be changed twice: hide, delete, subscribe."""
        answer = self._call(method, path, params, quota=quota)
        return answer if isinstance(answer, dict) else {"success": answer}

    def remove(self, native_id: str) -> None:
        """Delete what we said; one that is gone is no error, and `DefiniteNo` says why it still stands."""
        try:
            told = self.write("DELETE", native_id, {})
            if told.get("success") is not False:
                return
        except Gone:  # Meta also says so where the token may not delete what it may see
            try:
                self.get(native_id, {"fields": "id"})
            except Gone:
                return
        except (RateLimited, Refused) as error:
            raise self.definite(error) from None
        raise self._no("it still stands: the token may not delete it", None)

    def publish(
        self,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        json_body: object = None,
        params: Mapping[str, str] | None = None,
        quota: str = "",
    ) -> Mapping[str, Any]:
        """Make the one POST that shows something to somebody, never again, and return what came back.

        `DefiniteNo` when it had no effect, any other `NetworkError` when that is not known. A token that ran
        out is renewed first, so that the next attempt has a good one.
        """
        quota = quota or self._meta.quotas[0]
        try:
            if quota in self._ended:
                raise self._ended[quota]
            fields = self._fields()
            token = fields[self._meta.token_field]
            reply = self._send("POST", path, params or {}, token, form=form, json_body=json_body)
        except NotSent as error:
            raise self._no(error.detail, self._at + SOON) from None
        except (RateLimited, Refused) as error:
            raise self.definite(error) from None
        try:
            answer = self._decoded(reply)
        except Malformed as error:
            if reply.status in DEFINITE:
                raise self._no(error.detail, None) from None
            raise
        error_told = self._judge.error(reply.status, answer, reply.headers)
        if error_told is not None:
            raise self._outcome(error_told, reply.status, fields) from None
        if not isinstance(answer, dict):
            raise self.malformed(f"no object came from {path}", "body")
        return answer

    def _outcome(self, error: NetworkError, status: int, fields: Mapping[str, str]) -> NetworkError:
        """Return what an error of a publishing POST means for its effect."""
        if status not in DEFINITE:
            return Unreachable(self._meta.network, error.detail, handle=self.handle.handle)
        if isinstance(error, Expired) and self._renewable(fields):
            try:
                self._renew(fields)
            except NetworkError as failed:
                return self._no(failed.detail, None if isinstance(failed, Refused) else self._at + SOON)
            return self._no("the token ran out and was renewed", self._at)
        return self.definite(error) if isinstance(error, RateLimited | Refused) else error

    def definite(self, error: RateLimited | Refused) -> DefiniteNo:
        """Return the refusal as the answering side says it: when to try again, or what to do instead."""
        return self._no(error.detail, error.retry_at if isinstance(error, RateLimited) else None)

    def _no(self, detail: str, again_at: datetime | None) -> DefiniteNo:
        return DefiniteNo(self._meta.network, detail, handle=self.handle.handle, again_at=again_at)

    # With a token of the caller's, for setups

    def ask(
        self, method: str, path: str, params: Mapping[str, str], *, token: str = "", proven: bool = True
    ) -> Mapping[str, Any]:
        """Make one call with this token, or none; no renewal."""
        reply = self._send(method, path, params, token, proven=proven)
        answer = self._decoded(reply)
        if error := self._judge.error(reply.status, answer, reply.headers):
            raise error
        return answer if isinstance(answer, dict) else {"success": answer}

    # The call

    def _operation(self, answer: object, quota: str) -> object:
        if not isinstance(answer, dict):
            return None
        try:
            body = json.loads(answer["body"])
        except (KeyError, TypeError, ValueError, RecursionError):
            return None
        error = self._judge.error(answer.get("code"), body, {})
        if isinstance(error, RateLimited | Expired):
            self._ended[quota or self._meta.quotas[0]] = error
            raise error
        return error or body

    def _call(self, method: str, path: str, params: Mapping[str, str], *, quota: str) -> object:
        quota = quota or self._meta.quotas[0]
        if quota in self._ended:
            raise self._ended[quota]
        try:
            fields = self._fields()
            try:
                return self._answer(method, path, params, fields, quota)
            except Expired:
                if not self._renewable(fields):
                    raise
                return self._answer(method, path, params, self._renew(fields), quota)
        except RateLimited as error:
            self._ended[quota] = error
            raise
        except (Expired, TokenRefused) as error:
            self._ended = dict.fromkeys(self._meta.quotas, error)
            raise

    def _answer(
        self, method: str, path: str, params: Mapping[str, str], fields: Mapping[str, str], quota: str
    ) -> object:
        reply = self._send(method, path, params, fields[self._meta.token_field])
        answer = self._decoded(reply)
        if error := self._judge.error(reply.status, answer, reply.headers):
            raise error
        self.used[quota] = used_share(reply.headers, quota)
        if (full := self._judge.nearly_used(reply.headers, quota)) is not None:
            self._ended[quota] = full
        return answer

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        token: str,
        *,
        form: Mapping[str, str] | None = None,
        json_body: object = None,
        proven: bool = True,
    ) -> Reply:
        version = self.handle.settings.get("graph_version", self._meta.version)
        if not re.fullmatch(r"v\d{1,3}\.\d{1,2}", version):
            raise self._judge.refused(f"setting graph_version must look like {self._meta.version}")
        url = f"{self.handle.base_url}/{version}/{path}"
        proof = self._proof(token) if proven and token else {}
        name, headers = self.handle.handle, {"Authorization": f"Bearer {token}"} if token else {}
        if json_body is not None:
            return self._http.call(
                self._meta.network,
                method,
                url,
                handle=name,
                headers=headers,
                params={**params, **proof},
                json_body=json_body,
            )
        if method == "POST":  # a form, and a batch, take their token as a field; it stays out of the address
            own = {
                **(params if form is None else form),
                **proof,
                **({"access_token": token} if token else {}),
            }
            query = params if form is not None and params else None
            return self._http.call(self._meta.network, method, url, handle=name, params=query, form=own)
        return self._http.call(
            self._meta.network, method, url, handle=name, headers=headers, params={**params, **proof}
        )

    def _proof(self, token: str) -> Mapping[str, str]:
        if not self._app_secret or not self._meta.proves:
            return {}
        # where several are valid during a rotation, the first is the app's current one
        secret = self._credentials.read(self._app_secret).get("app_secret", "").split(",")[0].strip()
        return {"appsecret_proof": appsecret_proof(secret, token)} if secret else {}

    def _fields(self) -> Mapping[str, str]:
        try:
            fields = self._credentials.read(self.handle.secret)
        except Refused as error:
            raise TokenRefused(self._meta.network, error.detail, handle=self.handle.handle) from None
        if not fields.get(self._meta.token_field):
            raise self._judge.token_refused(f"it has no {self._meta.token_field}")
        return fields

    def _renewable(self, fields: Mapping[str, str]) -> bool:
        return self._meta.new_token is not None and bool(fields.get(self._meta.renews_with))

    def _renew(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        return self._credentials.renew(self.handle.secret, fields, self._new_fields)

    def _new_fields(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        make = self._meta.new_token
        if make is None:
            raise self._judge.token_refused("its token ran out and cannot be renewed")
        try:
            made = make(self, fields)
        except Refused:
            made = {}
        if not made.get(self._meta.token_field):
            field, by = self._meta.token_field, self._meta.renews_with
            raise self._judge.token_refused(f"its {field} ran out and its {by} makes no new one")
        return {**fields, **made}

    def _decoded(self, reply: Reply) -> object:
        try:
            value: object = reply.json()
        except (ValueError, RecursionError):
            if reply.status >= 500:  # noqa: PLR2004 - HTTP's own border
                raise Unreachable(
                    self._meta.network, f"status {reply.status} without JSON", handle=self.handle.handle
                ) from None
            raise self.malformed(f"status {reply.status} without JSON", "body") from None
        return value

    def malformed(self, detail: str, field: str) -> Malformed:
        """Return the error for an answer that is not what Meta documents."""
        return Malformed(self._meta.network, detail, handle=self.handle.handle, field=field)


def appsecret_proof(secret: str, token: str) -> str:
    """Return the proof that the app itself uses this very token: hex HMAC-SHA256, another for each token."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
