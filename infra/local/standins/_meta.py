"""What the stand-ins of Meta's networks share: error bodies, proofs, signatures, quotas, the verification."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from infra.local.standins.base import Told

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER = datetime.min.replace(tzinfo=UTC)
BUSY_FROM = 10  # percent; below that the usage headers are absent


@dataclass(kw_only=True)
class Bucket:
    """Calls within the last hour; calling while it is full makes the block longer."""

    size: int
    calls: list[datetime] = field(default_factory=list)
    shut_until: datetime = NEVER

    def take(self, at: datetime) -> bool:
        """Return whether one more call is let through."""
        self.calls = [call for call in self.calls if call > at - timedelta(hours=1)]
        if self.shut_until > at or len(self.calls) >= self.size:
            self.shut_until = max(self.shut_until, at) + timedelta(minutes=1)
            return False
        self.calls.append(at)
        return True

    def percent(self) -> int:
        """Return how much is used."""
        return min(100, 100 * len(self.calls) // self.size)

    def usage(self, owner: str, quota: str, *, minutes: int = 0) -> dict[str, str]:
        """Return the usage header, absent at low use; `minutes` says how long the owner is shut out."""
        percent = 100 if minutes else self.percent()
        if percent < BUSY_FROM:
            return {}
        told = {"type": quota, "call_count": percent, "total_cputime": 1, "total_time": 1}
        told["estimated_time_to_regain_access"] = minutes
        return {"X-Business-Use-Case-Usage": json.dumps({owner: [told]})}


def error(
    status: int,
    code: int,
    text: str,
    *,
    subcode: int = 0,
    kind: str = "OAuthException",
    is_transient: bool = False,
    details: str = "",
) -> Told:
    """Return an error as the Graph API words it."""
    told: dict[str, Any] = {"message": text, "type": kind, "code": code, "fbtrace_id": "AstandIn"}
    if subcode:
        told["error_subcode"] = subcode
    if is_transient:
        told["is_transient"] = True
    if details:
        told["error_data"] = {"messaging_product": "whatsapp", "details": details}
    return Told(status=status, body={"error": told})


def gone(path: str) -> Told:
    """Return what Meta says of an object that is not there, or not for this token."""
    text = f"Unsupported get request. Object with ID '{path}' does not exist"
    return error(400, 100, text, subcode=33, kind="GraphMethodException")


def wrong_proof(app_secret: str, token: str, proof: str) -> Told | None:
    """Return the refusal of a call whose proof is not of this very token."""
    right = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    if hmac.compare_digest(proof, right):
        return None
    return error(
        400, 100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException"
    )


def signed(app_secret: str, raw: bytes) -> dict[str, str]:
    """Return the headers of a delivery: the signature, and the old one that proves nothing."""
    secret = app_secret.encode()
    return {
        "X-Hub-Signature-256": f"sha256={hmac.new(secret, raw, hashlib.sha256).hexdigest()}",
        "X-Hub-Signature": f"sha1={hmac.new(secret, raw, hashlib.sha1).hexdigest()}",
    }


def greet(url: str, verify_token: str) -> None:
    """Verify a webhook as Meta does; `ValueError` when it does not give the challenge back."""
    challenge = "1158201444"
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    with urllib.request.urlopen(f"{url}?{urlencode(query)}", timeout=10) as answer:
        if answer.read().decode() != challenge:
            message = "the webhook did not give the challenge back"
            raise ValueError(message)


def fields_of(params: Mapping[str, str], *, otherwise: str = "id") -> set[str]:
    """Return the outermost names of a `fields` parameter."""
    depth, names = 0, [""]
    for letter in params.get("fields", otherwise):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and not depth:
            names.append("")
        elif not depth and letter != "}":
            names[-1] += letter
    return {name.partition(".")[0].strip() for name in names}


def iso(at: datetime) -> str:
    """Return a time as the Graph API writes it, with an offset that has no colon."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def milliseconds(at: datetime) -> int:
    """Return a time as Messenger's webhook writes it."""
    return int(at.timestamp() * 1000)
