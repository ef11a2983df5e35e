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
from datetime import UTC, datetime, timedelta

from allhours.domain.errors import BadInput

_MAC_BYTES = 16  # 128 bits, half of the digest: short enough for an SMS, and no less guessable in practice


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a token says: the kind of thing (page, member, calendar), which one, from when on it is void."""

    kind: str
    subject: str
    expires_at: datetime


MEMBER_LINK_FOR = timedelta(days=90)
CALENDAR_LINK_FOR = timedelta(days=400)  # as far as the proof looks ahead


def member_link(member_id: str, serial: int, at: datetime) -> Link:
    """Return a member's private link: own shifts, and what they may change."""
    return Link(kind="member", subject=f"{member_id}:{serial}", expires_at=at + MEMBER_LINK_FOR)


def calendar_link(owner: str, serial: int, at: datetime) -> Link:
    """Return the link of a calendar; `owner` is `member:ana` or `unit:cards`."""
    return Link(kind="calendar", subject=f"{owner}:{serial}", expires_at=at + CALENDAR_LINK_FOR)


def owner_and_serial(link: Link) -> tuple[str, int]:
    """Return whose link it is and the serial that it was made with; `BadInput` when it names neither."""
    owner, _, serial = link.subject.rpartition(":")
    if not owner or not serial.isdecimal():
        raise BadInput("this link names nobody")
    return owner, int(serial)


def signed(link: Link, key: bytes) -> str:
    """Return the token of a link, safe in an address."""
    said = ".".join((link.kind, _packed(link.subject.encode()), f"{int(link.expires_at.timestamp()):x}"))
    return f"{said}.{_packed(_mac(said, key))}"


def verified(token: str, key: bytes, kind: str, at: datetime) -> Link:
    """Return what a token says; `BadInput` when it is not ours, of another kind, or its time is over."""
    said, _, mac = token.rpartition(".")
    try:
        if not hmac.compare_digest(mac.encode(), _packed(_mac(said, key)).encode()):
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
