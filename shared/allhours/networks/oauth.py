"""The authorization code grant as the networks' setups share it (RFC 6749 §4.1, with PKCE of RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from allhours.domain.errors import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.networks.http import Http


_OUTAGE, _TOO_MANY = 500, 429  # the token endpoint's own trouble, which is no refusal


def consent_address(authorise: str, **parameters: str) -> str:
    """Return the address at which the owner of an account consents."""
    return f"{authorise}?{urlencode({'response_type': 'code', **parameters})}"


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def tokens_for(
    http: Http,
    network: str,
    url: str,
    *,
    handle: str,
    form: Mapping[str, str],
    auth: tuple[str, str] | None = None,
) -> Mapping[str, Any]:
    """Return the token endpoint's answer; `Refused` with its own error name when the code does not hold.

    Some networks answer a refusal with HTTP 200, so the body decides.
    """
    reply = http.call(network, "POST", url, handle=handle, form=form, auth=auth)
    try:
        body = reply.json()
    except ValueError:
        raise Unreachable(
            network, f"{url} answered HTTP {reply.status} without JSON", handle=handle
        ) from None
    if isinstance(body, dict) and isinstance(body.get("access_token"), str):
        return body
    if reply.status >= _OUTAGE or reply.status == _TOO_MANY:
        raise Unreachable(network, f"{url} answered HTTP {reply.status}", handle=handle)
    error = body.get("error") if isinstance(body, dict) else None
    name = error if isinstance(error, str) else f"HTTP {reply.status}"
    raise Refused(network, f"no token for this consent ({name[:80]}): begin again", handle=handle)
