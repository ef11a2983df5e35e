"""The webhook as all of Meta's networks have it: its verification, and the signature of every delivery.

Written from developers.facebook.com/docs/graph-api/webhooks/getting-started.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from allhours.domain.errors import BadSignature
from allhours.networks.contract import Greeting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.networks.contract import Delivery


def greeting(network: str, delivery: Delivery, app: Mapping[str, str], *, secret: str) -> Greeting:
    """Return the challenge when the verify token is ours; `BadSignature` otherwise.

    `app` holds the app secret's fields, `secret` is its name, for the person who must mend it.
    """
    ours, theirs = app.get("verify_token", ""), delivery.query.get("hub.verify_token", "")
    challenge = delivery.query.get("hub.challenge", "")
    if delivery.query.get("hub.mode") != "subscribe" or not ours or not _same(theirs, ours):
        raise BadSignature(network, f"verification without our verify token (secret {secret})")
    if not re.fullmatch(r"[\w-]{1,200}", challenge, re.ASCII):
        raise BadSignature(network, "verification without a usable hub.challenge")
    return Greeting(body=challenge, content_type="text/plain")


def verified(network: str, delivery: Delivery, secrets: Sequence[str], *, secret: str) -> None:
    """Raise `BadSignature` unless `X-Hub-Signature-256` is the raw body's by one of `secrets`.

    SHA-1 does not count, nor does an empty secret. `secret` is the name of the secret that holds them.
    """
    theirs = delivery.headers.get("x-hub-signature-256", "")
    if not theirs:
        raise BadSignature(network, "delivery without X-Hub-Signature-256")
    # every secret is compared, so that the time tells nothing of which one it was
    matches = [_same(theirs, f"sha256={signature(each, delivery.body)}") for each in secrets if each]
    if not any(matches):
        raise BadSignature(network, f"signature is not by our app (app_secret in secret {secret})")


def secrets_of(app: Mapping[str, str], *fields: str) -> tuple[str, ...]:
    """Return the secrets in these fields (`app_secret` where none is named); a comma separates several."""
    told = (app.get(name, "") for name in fields or ("app_secret",))
    return tuple(part.strip() for each in told for part in each.split(",") if part.strip())


def signature(secret: str, body: bytes) -> str:
    """Return what Meta writes behind `sha256=`: hex in lower case, over the raw bytes."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _same(theirs: str, ours: str) -> bool:
    return hmac.compare_digest(theirs.encode(errors="replace"), ours.encode())
