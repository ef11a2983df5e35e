"""The handler of the verified accounts: a page for people, a signed document for programs, and the key.

Nothing is looked up for a request: the statement is made of the deployed organisation, signed once a day by
each warm function, and may be kept by whoever stands between.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.accounts_page import POLICY, accounts_page
from allhours.aws.organisation import organisation
from allhours.domain.errors import Busy
from allhours.domain.verified import statement
from allhours.networks.profiles import NAMES, NOT_OURS, profile

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = Logger()

DOCUMENT, KEYS = "verified-accounts.json", "allhours-jwks.json"
_KEPT = "public, max-age=300, stale-while-revalidate=86400, stale-if-error=86400"  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What is published, by the last word of its path, and the tag that changes with it."""

    bodies: Mapping[str, tuple[str, str]]  # content type and text
    tag: str


def publish(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page, the document or the keys; 503 when KMS has no time."""
    name = str(event["rawPath"]).rpartition("/")[2]
    headers = {each.lower(): value for each, value in event.get("headers", {}).items()}
    try:
        published = _published(datetime.now(UTC).date().isoformat())
    except Busy as busy:
        logger.warning("the accounts could not be signed", reason=str(busy))
        return _answer(503, {"retry-after": "10", "cache-control": "no-store"})
    if name not in published.bodies:
        return _answer(404, {"cache-control": "no-store"})
    kind, text = published.bodies[name]
    told = {
        "content-type": kind,
        "cache-control": _KEPT,
        "etag": f'W/"{published.tag}"',
        "content-security-policy": POLICY if kind.startswith("text/html") else "default-src 'none'",
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=31536000",
        "x-content-type-options": "nosniff",
    }
    if not kind.startswith("text/html"):
        told["access-control-allow-origin"] = "*"  # a browser's page may check us too
    known = {each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")}
    same = f'"{published.tag}"' in known
    logger.info("accounts", what=name, outcome=304 if same else 200)
    return _answer(304, told) if same else _answer(200, told, text)


@lru_cache(maxsize=1)
def _published(day: str) -> Published:
    """Return what is published that day; the statement in it is signed anew each day."""
    key = wiring.statement_key()
    said = statement(organisation(), datetime.now(UTC), profile=profile, left_out=NOT_OURS)
    kid = key.jwk["kid"]
    page = accounts_page(
        said, names=NAMES, kid=kid, document=f".well-known/{DOCUMENT}", keys=f".well-known/{KEYS}"
    )  # beside the page, also where a custom domain puts a word before them
    bodies = {
        "accounts": ("text/html; charset=utf-8", page),
        DOCUMENT: ("application/json", _json({**said, "jws": key.signed(said)})),
        KEYS: ("application/jwk-set+json", _json({"keys": [dict(key.jwk)]})),
    }
    return Published(bodies=bodies, tag=f"{said['revision'][:16]}.{day}.{kid[:8]}")


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _answer(status: int, headers: Mapping[str, str], body: str = "") -> dict[str, Any]:
    return {"statusCode": status, "headers": dict(headers), "body": body}
