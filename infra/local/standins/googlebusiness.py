"""A stand-in for Google Business Profile's reviews (My Business v4)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from infra.local.standins._google import CLIENT, GoogleSignIn, error, signed_in
from infra.local.standins._reviews_world import Bucket, Review, ReviewSite, zulu
from infra.local.standins.base import Asked, Told

_PATH = re.compile(r"/v4/(accounts/[^/]+/locations/[^/]+)/reviews(?:/([^/]+)(/reply)?)?")
STARS = ("ONE", "TWO", "THREE", "FOUR", "FIVE")
MOST_BYTES = 4_096
BAD_WORD = "voucher"  # what this stand-in's moderation does not let pass


class GoogleBusinessStandIn(ReviewSite):
    """Google Business Profile as a client meets it.

    Quirks kept: ratings are words; no author's id, and none but "A Google User" for who stays anonymous
    (an author called "anonymous"); stars alone have no comment; a foreign comment is "(Translated by Google)
    … (Original) …" (`translated`); pages of 50 at most, newest updated first; a reply is an upsert and
    counted in bytes; `moderating` keeps replies PENDING until `moderate`, and a reply that promises a voucher
    is REJECTED; an unapproved project (`approved`) has the quota 0, told as 429 with quota_limit_value.
    """

    name = "googlebusiness"
    usual_id = "accounts/101/locations/202"

    def __init__(self, port: int = 0, *, testing: bool = False, **more: Any) -> None:  # noqa: ANN401
        """Open with one verified location."""
        super().__init__(port, **more)
        if "/locations/" not in self.native_id:  # an organisation that has not looked its location up yet
            self.native_id = f"accounts/101/locations/{self.native_id}"
        self.sign_in = GoogleSignIn(testing=testing, clock=self.clock)
        self.bucket = Bucket(self.bucket.size, timedelta(minutes=1), self.clock)
        self.approved = True
        self.moderating = False
        self.translated: set[str] = set()

    @property
    def secret(self) -> dict[str, str]:
        """Return what a consent leaves."""
        return {"refresh_token": self.sign_in.refresh_token}

    @property
    def app_secret(self) -> dict[str, str]:
        """Return the OAuth client."""
        return dict(CLIENT)

    def make_id(self, number: int) -> str:
        """Return an id as Google makes them."""
        return f"AbFvOq{self.place:03x}n{number:06x}"

    def may_fail(self, asked: Asked) -> bool:
        """Spare the sign-in."""
        return bool(_PATH.fullmatch(unquote(asked.path)))

    def moderate(self) -> None:
        """Let moderation look at what waits."""
        for review in self.posts:
            if review.reply and review.reply.state == "PENDING":
                review.reply.state = _judged(review.reply.text)

    def answer(self, asked: Asked) -> Told:
        """Answer as the API does."""
        return signed_in(self, self.sign_in, asked) or self._setup(asked) or self._answer(asked)

    def limited(self) -> Told:
        """Turn down for the minute's quota, or for there being none."""
        limit = "300" if self.approved else "0"
        metadata = {"quota_metric": "mybusiness.googleapis.com/requests", "quota_limit_value": limit}
        message = "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'"
        return error(429, "RESOURCE_EXHAUSTED", message, reason="RATE_LIMIT_EXCEEDED", metadata=metadata)

    def broken(self) -> Told:
        """Fail inside."""
        return error(500, "INTERNAL", "Internal error encountered.", reason="backendError")

    def expire(self) -> None:
        """Let every access token run out."""
        self.sign_in.expire()

    def _setup(self, asked: Asked) -> Told | None:
        """Answer on the two hosts that name accounts and locations."""
        account, location = self.native_id.split("/locations/")
        if asked.path == "/v1/accounts":
            return Told(
                body={"accounts": [{"name": account, "accountName": "Acme", "type": "LOCATION_GROUP"}]}
            )
        if asked.path == f"/v1/{account}/locations":
            if not asked.first("readMask"):
                return error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
            return Told(body={"locations": [{"name": f"locations/{location}", "title": "Acme, Main Street"}]})
        return None

    def _answer(self, asked: Asked) -> Told:
        found = _PATH.fullmatch(unquote(asked.path))
        if not self.approved or not self.bucket.take():
            return self.limited()
        if not found or found[1] != self.native_id:
            return error(403, "PERMISSION_DENIED", "The caller does not have permission", reason="forbidden")
        if not found[2]:
            return self._list(asked)
        review = self.review(found[2])
        if review is None:
            return error(404, "NOT_FOUND", "Requested entity was not found.", reason="notFound")
        return self._reply(review, asked) if found[3] else Told(body=self._shape(review))

    def _list(self, asked: Asked) -> Told:
        found = self.visible(lambda each: each.changed_at)
        size = min(int(asked.first("pageSize", "50")), 50)
        start = self.page_start(asked.first("pageToken"))
        if start is None:
            return error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        page = found[start : start + size]
        if not page:
            return Told(body={})
        body: dict[str, Any] = {
            "reviews": [self._shape(each) for each in page],
            "averageRating": sum(each.stars for each in found) / len(found),
            "totalReviewCount": len(found),
        }
        if start + size < len(found):
            body["nextPageToken"] = self.page_token(start + size)
        return Told(body=body)

    def _reply(self, review: Review, asked: Asked) -> Told:
        if asked.method == "DELETE":
            if review.reply is None:
                return error(404, "NOT_FOUND", "Requested entity was not found.", reason="notFound")
            self.take_reply(review)
            return Told(body={})
        text = str(json.loads(asked.body).get("comment", ""))
        if not text or len(text.encode()) > MOST_BYTES:
            return error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        state = "PENDING" if self.moderating else _judged(text)
        self.put_reply(review, text, by=self.native_id, state=state)
        return Told(body=self._shape(review)["reviewReply"])

    def _shape(self, review: Review) -> dict[str, Any]:
        anonymous = review.author == "anonymous"
        body: dict[str, Any] = {
            "name": f"{self.native_id}/reviews/{review.native_id}",
            "reviewId": review.native_id,
            "reviewer": {"displayName": "A Google User" if anonymous else review.author},
            "starRating": STARS[review.stars - 1],
            "createTime": zulu(review.said_at),
            "updateTime": zulu(review.changed_at),
        }
        if anonymous:
            body["reviewer"]["isAnonymous"] = True
        if review.text:
            body["comment"] = review.text
        if review.native_id in self.translated:
            body["comment"] = f"(Translated by Google) In other words.\n\n(Original)\n{review.text}"
        if review.reply:
            body["reviewReply"] = {
                "comment": review.reply.text,
                "updateTime": zulu(review.reply.replied_at),
                "reviewReplyState": review.reply.state or "APPROVED",
            }
            if review.reply.state == "REJECTED":
                body["reviewReply"]["policyViolation"] = "PROMOTIONAL_CONTENT"
        return body


def _judged(text: str) -> str:
    return "REJECTED" if BAD_WORD in text else "APPROVED"
