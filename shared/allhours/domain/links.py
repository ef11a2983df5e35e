"""Signed links: what a tap on a phone may do, for whom, until when; nothing has to be looked up to check one.

A token is `kind.subject.expiry.mac` in base64url without padding; the mac is HMAC-SHA-256 (RFC 2104) over all
that stands before it. Whether it was used already, or taken back, is for the record to say.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from allhours.domain.errors import BadInput

_MAC_BYTES = 16  # 128 bits, half of the digest: short enough for an SMS, and no less guessable in practice


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a token says: the kind of thing (page, member, calendar), which one, and from when on it is void."""

    kind: str
    subject: str
    expires_at: datetime


def signed(link: Link, key: bytes) -> str:
    """Return the token of a link, safe in an address."""
    said = ".".join((link.kind, _packed(link.subject.encode()), f"{int(link.expires_at.timestamp()):x}"))
    return f"{said}.{_packed(_mac(said, key))}"


def verified(token: str, key: bytes, kind: str, at: datetime) -> Link:
    """Return what a token says; `BadInput` when it is not ours, of another kind, or its time is over."""
    said, _, mac = token.rpartition(".")
    try:
        if not hmac.compare_digest(_unpacked(mac), _mac(said, key)):
            raise BadInput("this link is not one of ours: open it exactly as it was sent")
        found, subject, expiry = said.split(".")
        link = Link(
            kind=found,
            subject=_unpacked(subject).decode(),
            expires_at=datetime.fromtimestamp(int(expiry, 16), UTC),
        )
    except (ValueError, binascii.Error):
        raise BadInput("this link is not whole: open it exactly as it was sent") from None
    if link.kind != kind:
        raise BadInput("this link is for something else")
    if at >= link.expires_at:
        raise BadInput("this link has expired: ask for a new one")
    return link


def _mac(said: str, key: bytes) -> bytes:
    return hmac.new(key, said.encode(), hashlib.sha256).digest()[:_MAC_BYTES]


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
