"""HTTP as every network needs it: one attempt, bounded in time and size, and errors that hide no secret."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any

import requests
from requests.exceptions import ConnectTimeout
from urllib3.exceptions import NewConnectionError, SSLError

from allhours.domain.errors import Malformed, NotSent, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

CONNECT_WITHIN = 3.05  # seconds; just over a TCP retransmission, as requests' documentation advises
READ_WITHIN = 10.0  # seconds between two bytes
ANSWER_WITHIN = 20.0  # seconds for a whole answer; one byte every nine seconds would hold a function for ever
LARGEST_BODY = 5_000_000  # bytes after decompression; a gzip bomb ends here
NO_HEADER = "the secret holds a character that no header can carry: store the token again"
_HEADER = re.compile(r"(?:[!-~\xa0-\xff][\t -~\xa0-\xff]*)?")  # RFC 9110 §5.5; a feed's ETag may be Latin-1
USER_AGENT = "Allhours/0.1 (+https://github.com/allhours/allhours)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = field(repr=False)  # some networks want the token in it

    def json(self) -> Any:  # noqa: ANN401 - foreign JSON, checked by `parse`
        """Return the body as JSON; `ValueError` when it is none (a block page in HTML, say)."""
        return json.loads(self.body)


class Http:
    """One warm session; no retries, no redirects unless asked, no cookies kept."""

    def __init__(self, session: requests.Session | None = None) -> None:
        """Take a session so that a caller can mount adapters of its own."""
        self._session = session or requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.trust_env = False  # neither a proxy nor a .netrc of the machine may see tokens

    def call(
        self,
        network: str,
        method: str,
        url: str,
        *,
        handle: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        json_body: object = None,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Reply:
        """Make one request.

        `NotSent` when no connection came about, `Unreachable` for anything else without a whole answer,
        `Malformed` for one that is too large, `Refused` when a header cannot be written: what goes wrong in
        one of ours is the secret it carries.
        """
        latin = all(ord(character) <= 0xFF for character in "".join(auth or ()))  # noqa: PLR2004 - Latin-1's end
        if not latin or not all(map(_HEADER.fullmatch, (headers or {}).values())):
            raise Refused(network, NO_HEADER, handle=handle)
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                params=params,
                json=json_body,
                data=form,
                auth=auth,
                timeout=(CONNECT_WITHIN, READ_WITHIN),
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = _read(network, handle, answer)
                return Reply(
                    status=answer.status_code,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=body,
                    url=url,
                )
        except requests.RequestException as error:
            # the exception's own text may carry the address with its query, so only its kind is told
            kind = NotSent if _never_left(error) else Unreachable
            raise kind(network, f"no answer ({type(error).__name__})", handle=handle) from None
        finally:
            self._session.cookies.clear()


def _never_left(error: requests.RequestException) -> bool:
    """Return whether the request cannot have reached the network."""
    if isinstance(error, ConnectTimeout):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    # TLS may also fail after the request went out; a certificate that is turned down comes before it for sure
    cause = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    return isinstance(reason, NewConnectionError) or isinstance(cause, SSLCertVerificationError)


def _read(network: str, handle: str, answer: requests.Response) -> bytes:
    body = bytearray()
    late = time.monotonic() + ANSWER_WITHIN
    for chunk in answer.iter_content(65_536):
        body += chunk
        if time.monotonic() > late:
            raise Unreachable(network, f"the answer took longer than {ANSWER_WITHIN:.0f} s", handle=handle)
        if len(body) > LARGEST_BODY:
            raise Malformed(network, f"the answer is larger than {LARGEST_BODY} bytes", handle=handle)
    return bytes(body)


def retry_after(value: str, at: datetime, *, otherwise: timedelta) -> datetime:
    """Return the instant a `Retry-After` header names, in seconds or as an HTTP date (RFC 9110 §10.2.3)."""
    try:
        if value.strip().isdigit():
            return at + timedelta(seconds=min(int(value), 86_400))
        return max(at, parsedate_to_datetime(value).astimezone(UTC))
    except (ValueError, TypeError, IndexError):
        return at + otherwise


def host_for(handle: Handle, usual: str, other: str) -> str:
    """Return a network's other host (for tokens, say), or the handle's own server where it has one.

    A self-hosted server, or a stand-in, serves the paths of every host.
    """
    return other if handle.base_url == usual else handle.base_url
