"""A stand-in for the App Store's reviews (App Store Connect API)."""

from __future__ import annotations

import json
import re
from datetime import timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.local.standins._reviews_world import Review, ReviewSite
from infra.local.standins.base import Asked, Told

KEY_ID, ISSUER = "2X9R4HXF34", "57246542-96fe-1a63-e053-0824d011072a"
LONGEST_TOKEN = 1_200  # seconds
LONGEST = 5_970
PACIFIC = timezone(timedelta(hours=-8))
_ONE = re.compile(r"/v1/customerReviews/([^/]+)(/response)?")


@cache
def team_key() -> str:
    """Return a .p8 file's text; one for all stand-ins."""
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
        .strip()
    )


class AppStoreStandIn(ReviewSite):
    """App Store Connect as a client meets it.

    Quirks kept: ES256 tokens of at most 20 minutes with `kid`, `iss` and `aud`; dates with an offset; no
    author's id, no date of modification, a territory of three letters; `links.next` is a whole address;
    X-Rate-Limit counts the hour, and a burst is 429 all the same; errors are a list; a response replaces,
    has an id of its own and is PENDING_PUBLISH until `publish`; a wrong role is 403 (`role`).
    """

    name = "appstore"
    usual_id = "310633997"

    def __init__(self, port: int = 0, **more: Any) -> None:  # noqa: ANN401 - handed on to ReviewSite
        """Open the shop with one app."""
        super().__init__(port, **more)
        self.role = "CUSTOMER_SUPPORT"
        self._turned_down = False

    @property
    def secret(self) -> dict[str, str]:
        """Return a team's key."""
        return {"key_id": KEY_ID, "issuer_id": ISSUER, "private_key": team_key()}

    def make_id(self, number: int) -> str:
        """Return an id as Apple makes them."""
        return f"{number:08x}-{self.place:04x}-4a5b-8c6d-00000000aaaa"

    def reply_id(self, review: Review) -> str:
        """Return the response's own id."""
        return f"res-{review.native_id}"

    def publish(self) -> None:
        """Let the App Store show what waits."""
        for review in self.posts:
            if review.reply:
                review.reply.state = "PUBLISHED"

    def answer(self, asked: Asked) -> Told:
        """Answer as the API does, with the hour's count."""
        if not self._lets_in(asked):
            return _error(401, "NOT_AUTHORIZED", "Authentication credentials are missing or invalid.")
        if self.role not in {"CUSTOMER_SUPPORT", "ADMIN"}:
            return _error(403, "FORBIDDEN_ERROR", "This request is forbidden for security reasons")
        if not self.bucket.take():
            return self.limited()
        told = self._answer(asked)
        hourly = f"user-hour-lim:{self.bucket.size};user-hour-rem:{self.bucket.left};"
        return Told(status=told.status, body=told.body, headers={"X-Rate-Limit": hourly})

    def limited(self) -> Told:
        """Turn down for a burst: the hour's count says nothing of it."""
        return _error(429, "RATE_LIMIT_EXCEEDED", "The request rate limit has been reached.")

    def broken(self) -> Told:
        """Fail inside."""
        return _error(500, "UNEXPECTED_ERROR", "An unexpected error occurred.")

    def expire(self) -> None:
        """Turn the next token down: the clock has moved on."""
        self._turned_down = True

    def _lets_in(self, asked: Asked) -> bool:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        turned_down, self._turned_down = self._turned_down or self.refuses(), False
        if turned_down:
            return False
        key = serialization.load_pem_private_key(team_key().encode(), None).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - made above
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                audience="appstoreconnect-v1",
                issuer=ISSUER,
                options={"verify_exp": False, "verify_iat": False, "require": ["iat", "exp", "iss"]},
            )
        except jwt.PyJWTError:
            return False
        known = jwt.get_unverified_header(token).get("kid") == KEY_ID
        return known and claims["exp"] - claims["iat"] <= LONGEST_TOKEN

    def _answer(self, asked: Asked) -> Told:
        if asked.path == f"/v1/apps/{self.native_id}/customerReviews":
            return self._list(asked)
        if asked.path == "/v1/customerReviewResponses" and asked.method == "POST":
            return self._respond(json.loads(asked.body)["data"])
        if asked.path.startswith("/v1/customerReviewResponses/") and asked.method == "DELETE":
            return self._withdraw(asked.path.rpartition("/")[2])
        found = _ONE.fullmatch(asked.path)
        review = self.review(found[1]) if found else None
        if found and review and not found[2]:
            return Told(body={"data": _shape(review), "included": _included([review])})
        if review and review.reply:
            return Told(body={"data": _response(review)})
        return _error(404, "NOT_FOUND", "The specified resource does not exist")

    def _list(self, asked: Asked) -> Told:
        found = self.visible(lambda each: each.said_at)
        size = min(int(asked.first("limit", "50")), 200)
        start = self.page_start(asked.first("cursor"))
        if start is None:
            return _error(400, "PARAMETER_ERROR.INVALID", "A parameter has an invalid value")
        page = found[start : start + size]
        query = [(name, value) for name, value in asked.query if name != "cursor"]
        here = f"{self.base_url}{asked.path}?{urlencode(query)}"
        body: dict[str, Any] = {
            "data": [_shape(each) for each in page],
            "links": {"self": here},
            "meta": {"paging": {"total": len(found), "limit": size}},
        }
        if asked.first("include") == "response":
            body["included"] = _included(page)
        if start + size < len(found):
            body["links"]["next"] = f"{here}&cursor={self.page_token(start + size)}"
        return Told(body=body)

    def _respond(self, sent: dict[str, Any]) -> Told:
        text = str(sent["attributes"]["responseBody"])
        review = self.review(sent["relationships"]["review"]["data"]["id"])
        if review is None:
            return _error(404, "NOT_FOUND", "There is no resource of type 'customerReviews' with this id")
        if not text or len(text) > LONGEST:
            return _error(422, "ENTITY_UNPROCESSABLE.ATTRIBUTE.INVALID", "The response is too long")
        self.put_reply(review, text, by=self.native_id, state="PENDING_PUBLISH")
        return Told(status=201, body={"data": _response(review)})

    def _withdraw(self, response_id: str) -> Told:
        review = self.review(response_id.removeprefix("res-"))
        if review is None or review.reply is None:
            return _error(404, "NOT_FOUND", "The specified resource does not exist")
        self.take_reply(review)
        return Told(status=204)


def _shape(review: Review) -> dict[str, Any]:
    linked = {"type": "customerReviewResponses", "id": review.reply.native_id} if review.reply else None
    return {
        "type": "customerReviews",
        "id": review.native_id,
        "attributes": {
            "rating": review.stars,
            "title": review.title or None,
            "body": review.text,
            "reviewerNickname": review.author,
            "createdDate": review.said_at.astimezone(PACIFIC).isoformat(timespec="milliseconds"),
            "territory": "DEU",
        },
        "relationships": {"response": {"data": linked}},
    }


def _included(page: list[Review]) -> list[dict[str, Any]]:
    return [_response(each) for each in page if each.reply]


def _response(review: Review) -> dict[str, Any]:
    reply = review.reply
    assert reply  # noqa: S101 - asked by whoever looked
    return {
        "type": "customerReviewResponses",
        "id": reply.native_id,
        "attributes": {
            "responseBody": reply.text,
            "lastModifiedDate": reply.replied_at.astimezone(PACIFIC).isoformat(timespec="seconds"),
            "state": reply.state or "PUBLISHED",
        },
        "relationships": {"review": {"data": {"type": "customerReviews", "id": review.native_id}}},
    }


def _error(status: int, code: str, title: str) -> Told:
    first = {"id": "6d6c", "status": str(status), "code": code, "title": title, "detail": f"{title}."}
    return Told(status=status, body={"errors": [first]})
