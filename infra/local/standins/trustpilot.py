"""A stand-in for Trustpilot's service reviews, with its webhooks."""

from __future__ import annotations

import base64
import json
import re
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from infra.local.standins._reviews_world import Bucket, Review, ReviewSite, zulu
from infra.local.standins.base import Asked, Pusher, Told

API_KEY, API_SECRET = "tpApiKey00allhours", "tpSecret00"
BUSINESS_USER = "5f3a1b2c3d4e5f6071829301"
WEBHOOK_TOKEN = "tp-webhook-word-0123456789abcdef"
GRANTS = "/v1/oauth/oauth-business-users-for-applications/"
TOKENS_LAST = timedelta(hours=100)
_REVIEW = re.compile(r"/v1/private/reviews/([0-9a-f]+)(/reply)?")


class TrustpilotStandIn(ReviewSite):
    """Trustpilot as a client meets it.

    Quirks kept: an API key beside a business token of 100 hours (seconds as text), refreshed at a path of its
    own; asking for one while the last is fresh is 429; the private list has e-mail and reference id, pages by
    number and is ordered by creation; `updatedAt` is null until an edit; a wrong business user may not reply
    (403); a second reply is 409 (Trustpilot tells no rule, so the stand-in keeps the strictest); webhooks are
    unsigned, name no company and carry the reviewer as `name`; other events come too (`product_review`).
    """

    name = "trustpilot"
    refusals = 3  # by refresh token, and by key and secret
    usual_id = "46f3c5a800006400050074d1"

    def __init__(self, port: int = 0, **more: Any) -> None:  # noqa: ANN401 - handed on to ReviewSite
        """Open with one company."""
        super().__init__(port, **more)
        self.bucket = Bucket(self.bucket.size, timedelta(minutes=5), self.clock)
        self.refresh_token = secrets.token_hex(16)
        self._access: dict[str, datetime] = {}

    @property
    def secret(self) -> dict[str, str]:
        """Return key, secret and business user."""
        return {"api_key": API_KEY, "api_secret": API_SECRET, "business_user_id": BUSINESS_USER}

    @property
    def app_secret(self) -> dict[str, str]:
        """Return the word in the webhook's address."""
        return {"webhook_token": WEBHOOK_TOKEN}

    def register(self, url: str) -> None:
        """Subscribe, as a person does in the dashboard, with the word in the address."""
        self.pushes = Pusher(f"{url}?token={WEBHOOK_TOKEN}", lambda _raw: {})

    def make_id(self, number: int) -> str:
        """Return an id as Trustpilot makes them."""
        return f"655b{self.place:04x}{number:016x}"

    def told(self, what: str, native_id: str) -> None:
        """Knock."""
        if self.pushes:
            self.pushes.push(self.event(f"service-review-{what}", native_id))

    def product_review(self) -> None:
        """Send an event that is none of ours."""
        if self.pushes:
            self.pushes.push(
                {"events": [{"eventName": "product-review-created", "eventData": {"id": "77aa"}}]}
            )

    def event(self, name: str, native_id: str) -> dict[str, Any]:
        """Return a webhook's body."""
        review = self._reviews[native_id]
        told = self._shape(review)
        about: dict[str, Any] = {
            "id": native_id,
            "language": "de",
            "title": told["title"],
            "text": told["text"],
            "stars": review.stars,
            "referenceId": told["referenceId"],
            "createdAt": told["createdAt"],
            "updatedAt": told["updatedAt"],
            "isVerified": True,
            "link": f"https://api.trustpilot.com/v1/reviews/{native_id}",
            "consumer": {"id": review.author_id, "name": review.author},
            "tags": [],
        }
        return {"events": [{"eventName": name, "version": "1", "eventData": about}]}

    def answer(self, asked: Asked) -> Told:
        """Answer as the API does."""
        if asked.path.startswith(GRANTS):
            return self._grant(asked)
        if asked.headers.get("apikey") != API_KEY:
            return _fault(401, "Failed to resolve API Key variable request.header.apikey")
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.refuses() or self._access.get(token, self.clock()) <= self.clock():
            self._access.pop(token, None)
            return _fault(401, "Invalid Access Token")
        return self._answer(asked) if self.bucket.take() else self.limited()

    def may_fail(self, asked: Asked) -> bool:
        """Spare the grants, and the look before a reply, so that a fault for a reply hits the reply."""
        look = asked.method == "GET" and _REVIEW.fullmatch(asked.path)
        return not asked.path.startswith(GRANTS) and not look

    def limited(self) -> Told:
        """Turn down for coming too often."""
        return _fault(429, "Rate limit exceeded")

    def broken(self) -> Told:
        """Fail inside."""
        return _fault(502, "Bad Gateway")

    def expire(self) -> None:
        """Let every access token run out."""
        self._access.clear()

    def _grant(self, asked: Asked) -> Told:
        basic = base64.b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()
        if self.refuses() or asked.headers.get("authorization") != f"Basic {basic}":
            return _fault(401, "ClientId is Invalid")
        form = dict(parse_qsl(asked.body.decode()))
        if any(ends - self.clock() > timedelta(hours=1) for ends in self._access.values()):
            return self.limited()
        refresh = asked.path.endswith("/refresh")
        if refresh and form.get("refresh_token") != self.refresh_token:
            return _fault(401, "Invalid Refresh Token")
        if form.get("grant_type") != ("refresh_token" if refresh else "client_credentials"):
            return _fault(400, "Invalid grant_type")
        token = secrets.token_hex(16)
        self._access[token] = self.clock() + TOKENS_LAST
        body = {"access_token": token, "refresh_token": self.refresh_token, "token_type": "BearerToken"}
        return Told(body={**body, "expires_in": str(int(TOKENS_LAST.total_seconds()) - 1)})

    def _answer(self, asked: Asked) -> Told:
        if asked.path == f"/v1/private/business-units/{self.native_id}/reviews":
            return self._list(asked)
        found = _REVIEW.fullmatch(asked.path)
        review = self.review(found[1]) if found else None
        if found is None or review is None:
            return _fault(404, "Not Found")
        return self._reply(review, asked) if found[2] else Told(body=self._shape(review))

    def _list(self, asked: Asked) -> Told:
        size = min(int(asked.first("perPage", "20")), 100)
        start = (int(asked.first("page", "1")) - 1) * size
        found = self.visible(lambda each: each.said_at)
        return Told(
            body={"links": [], "reviews": [self._shape(each) for each in found[start : start + size]]}
        )

    def _reply(self, review: Review, asked: Asked) -> Told:
        if asked.headers.get("x-business-user-id") != BUSINESS_USER:
            return _fault(403, "Forbidden")
        if asked.method == "DELETE":
            if review.reply is None:
                return _fault(404, "Not Found")
            self.take_reply(review)
            return Told(status=204)
        sent = json.loads(asked.body)
        if sent.get("authorBusinessUserId") != BUSINESS_USER:
            return _fault(403, "Forbidden")
        if review.reply:
            return _fault(409, "Conflict")
        self.put_reply(review, str(sent["message"]), by=BUSINESS_USER)
        return Told(status=201)

    def _shape(self, review: Review) -> dict[str, Any]:
        reply = review.reply and {
            "text": review.reply.text,
            "authorBusinessUserId": BUSINESS_USER,
            "authorBusinessUserName": "Acme",
            "createdAt": zulu(review.reply.replied_at),
            "updatedAt": None,
        }
        return {
            "id": review.native_id,
            "consumer": {"id": review.author_id, "displayName": review.author, "numberOfReviews": 1},
            "businessUnit": {"id": self.native_id, "displayName": "Acme"},
            "stars": review.stars,
            "title": review.title or review.text[:30],
            "text": review.text,
            "language": "de",
            "createdAt": zulu(review.said_at),
            "updatedAt": zulu(review.changed_at) if review.edited else None,
            "companyReply": reply,
            "isVerified": True,
            "status": "active",
            "referenceId": f"ord-{review.number}",
            "referralEmail": f"reviewer{review.number}@example.org",
        }


def _fault(status: int, message: str) -> Told:
    return Told(status=status, body={"fault": {"faultstring": message}})
