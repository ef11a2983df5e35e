"""Signing what we send to other systems, by the Standard Webhooks specification 1.0.0.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the headers
webhook-id, webhook-timestamp and webhook-signature, HMAC-SHA256 over id, instant and body with full stops
between them. The id has no full stop in it and is the same for every delivery of one event.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a key, as the specification asks
NAMES = ("key", "key_before")
"""The fields of a webhook's secret; the second signs too while receivers change from it to the first."""


def keys_of(fields: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the keys that sign, the present one first; `BadInput` names the field that is none."""
    keys = tuple(_key(name, fields[name]) for name in NAMES if fields.get(name))
    if not fields.get(NAMES[0]):
        raise BadInput(f"the webhook's secret has no field {NAMES[0]}")
    return keys


def _key(name: str, text: str) -> bytes:
    try:
        key = b64decode(text.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise BadInput(
            f"the webhook's secret: {name} is not {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64"
        )
    return key


def message_id(cause: str) -> str:
    """Return the id under which an event is sent: the same for the same event or notice id."""
    return f"evt_{hashlib.sha256(cause.encode()).hexdigest()[:32]}"


def signed(name: str, body: bytes, keys: Sequence[bytes], at: datetime) -> dict[str, str]:
    """Return the three headers of one attempt; a signature for every key, with spaces between."""
    instant = str(int(at.timestamp()))
    content = b".".join((name.encode(), instant.encode(), body))
    signatures = (hmac.digest(key, content, "sha256") for key in keys)
    return {
        "webhook-id": name,
        "webhook-timestamp": instant,
        "webhook-signature": " ".join(f"v1,{b64encode(one).decode()}" for one in signatures),
    }
