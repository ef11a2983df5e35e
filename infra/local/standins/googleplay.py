"""A stand-in for Google Play's reviews (androidpublisher v3)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from infra.local.standins._google import EMAIL, GoogleSignIn, error, service_key, signed_in
from infra.local.standins._reviews_world import Review, ReviewSite, seconds
from infra.local.standins.base import Asked, Told

_PATH = re.compile(r"/androidpublisher/v3/applications/([^/]+)/reviews(?:/([^/:]+(?::[^/:]+)?))?(:reply)?")
_TAG = re.compile(r"<[^<>]*>")
ABOUT = 350  # characters of a reply; "approximately", Google says
WEEK = timedelta(days=7)


class GooglePlayStandIn(ReviewSite):
    """Google Play as a client meets it.

    Quirks kept: seconds are text; title and body are one text with a TAB; no author's id, no birthday; only
    a week is listed, newest created or modified first; nothing new is an empty object; tokens page; stars
    without words are not listed; HTML is taken out of replies; a reply of more than 350 characters is 400; a
    reply overwrites; 200 reads an hour and app, told as 403 with RESOURCE_EXHAUSTED; another app is 403.
    """

    name = "googleplay"
    usual_id = "com.acme.bank"

    def __init__(self, port: int = 0, **more: Any) -> None:  # noqa: ANN401 - handed on to ReviewSite
        """Open the shop with one app."""
        super().__init__(port, **more)
        self.sign_in = GoogleSignIn(clock=self.clock)

    @property
    def secret(self) -> dict[str, str]:
        """Return the key of the service account."""
        return {"client_email": EMAIL, "private_key": service_key()}

    def make_id(self, number: int) -> str:
        """Return an id as the shop makes them."""
        return f"gp:AOqp{self.place:03x}T{number:06x}"

    def may_fail(self, asked: Asked) -> bool:
        """Spare the sign-in."""
        return bool(_PATH.fullmatch(unquote(asked.path)))

    def answer(self, asked: Asked) -> Told:
        """Answer as the API does."""
        return signed_in(self, self.sign_in, asked) or self._answer(asked)

    def _answer(self, asked: Asked) -> Told:
        found = _PATH.fullmatch(unquote(asked.path))
        if not found:
            return error(404, "NOT_FOUND", "Requested entity was not found.", reason="notFound")
        app, review_id, reply = found.groups()
        if app != self.native_id:
            return error(403, "PERMISSION_DENIED", "The caller does not have permission", reason="forbidden")
        if asked.method == "GET" and not self.bucket.take():
            return self.limited()
        if not review_id:
            return self._list(asked)
        review = self.review(review_id)
        if review is None:
            return error(404, "NOT_FOUND", "The review was not found.", reason="reviewNotFound")
        return self._reply(review, asked) if reply else Told(body=self._shape(review))

    def limited(self) -> Told:
        """Turn down for the hour's quota."""
        return error(403, "RESOURCE_EXHAUSTED", "Quota exceeded.", reason="rateLimitExceeded")

    def broken(self) -> Told:
        """Fail inside."""
        return error(503, "UNAVAILABLE", "The service is currently unavailable.", reason="backendError")

    def expire(self) -> None:
        """Let every access token run out."""
        self.sign_in.expire()

    def _list(self, asked: Asked) -> Told:
        since = self.clock() - WEEK
        found = [each for each in self.visible(lambda each: each.changed_at) if each.changed_at >= since]
        found = [each for each in found if each.text]
        size = min(int(asked.first("maxResults", "10")), 100)
        start = self.page_start(asked.first("token"))
        if start is None:
            return error(400, "INVALID_ARGUMENT", "Invalid token.", reason="invalidToken")
        page = found[start : start + size]
        if not page:
            return Told(body={})
        body: dict[str, Any] = {"reviews": [self._shape(each) for each in page]}
        if start + size < len(found):
            body["tokenPagination"] = {"nextPageToken": self.page_token(start + size)}
        return Told(body=body)

    def _reply(self, review: Review, asked: Asked) -> Told:
        text = str(json.loads(asked.body).get("replyText", ""))
        if not text or len(text) > ABOUT:
            return error(400, "INVALID_ARGUMENT", "The reply is too long.", reason="replyTextTooLong")
        reply = self.put_reply(review, _TAG.sub("", text), by=self.native_id)
        return Told(body={"result": {"replyText": reply.text, "lastEdited": seconds(reply.replied_at)}})

    def _shape(self, review: Review) -> dict[str, Any]:
        words = f"{review.title}\t{review.text}" if review.title else review.text
        said: dict[str, Any] = {
            "text": words,
            "lastModified": seconds(review.changed_at),
            "starRating": review.stars,
            "reviewerLanguage": "de",
            "device": "bluejay",
            "androidOsVersion": 35,
            "appVersionCode": 4120,
            "appVersionName": "4.12.0",
        }
        comments: list[dict[str, Any]] = [{"userComment": said}]
        if review.reply:
            ours = {"text": review.reply.text, "lastModified": seconds(review.reply.replied_at)}
            comments.append({"developerComment": ours})
        return {"reviewId": review.native_id, "authorName": review.author, "comments": comments}
