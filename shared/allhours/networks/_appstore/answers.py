"""Our response to a review in the App Store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed
from allhours.networks import _reviews
from allhours.networks._appstore import posts
from allhours.networks._appstore.api import MEND, REST, AppStore, body_of
from allhours.networks.answering import judged, post_once, same_words
from allhours.networks.appstore import NETWORK, address
from allhours.networks.contract import Answer, DefiniteNo, Length, Posted
from allhours.networks.http import retry_after

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.http import Http

LONGEST = 5_970  # characters; libraries agree on it, Apple does not say
NO = {
    400: "Apple turned the text down: it may be too long, or hold something that responses may not",
    401: f"Apple does not know this key: {MEND}",
    403: f"this key may not respond: {MEND}",
    404: "the review is gone: its author or Apple removed it",
    422: "Apple turned the text down: it may be too long, or hold something that responses may not",
}


class AppStoreReplies(_reviews.OneReply):
    """One response a review; sending again replaces it."""

    title = "the App Store"

    def __init__(self, api: AppStore, http: Http) -> None:
        """Keep the ports."""
        self._api = api
        self._http = http

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in characters."""
        del item, private
        return (Length(used=len(text), allowed=LONGEST, unit="characters (not confirmed by Apple)", least=1),)

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Try the key, so that sending is one call."""
        self._api.headers(handle, at=at)
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Write the response, over one that stands; the App Store shows it within a day."""
        headers = _reviews.without_effect(lambda: self._api.headers(handle, at=at), handle, at=at)
        to = {"data": {"type": posts.REVIEW, "id": answer.item.native_id}}
        reply = post_once(
            self._http,
            NETWORK,
            "POST",
            address(handle, posts.RESPONSE),
            handle=handle.handle,
            at=at,
            headers=headers,
            json_body={
                "data": {
                    "type": posts.RESPONSE,
                    "attributes": {"responseBody": answer.text},
                    "relationships": {"review": to},
                }
            },
        )
        if reply.status == 429:  # noqa: PLR2004 - Too Many Requests, of the hour or of a burst
            until = retry_after(reply.headers.get("retry-after", ""), at, otherwise=REST)
            raise DefiniteNo(NETWORK, "too many calls", handle=handle.handle, again_at=until)
        judged(reply, NETWORK, handle=handle.handle, at=at, words=NO, again=frozenset({401}))
        native_id, _ = self._response(body_of(reply, handle), handle)
        return Posted(native_id=native_id, permalink=answer.item.permalink)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our response if it stands by the review with these words, pending or published."""
        url = address(handle, posts.REVIEW, answer.item.native_id, "response")
        try:
            body = self._api.get(handle, url, at=at)
        except _reviews.Gone:
            return None
        if body.get("data") is None:
            return None
        native_id, shown = self._response(body, handle)
        if not same_words(answer.text, shown):
            return None
        return Posted(native_id=native_id, permalink=answer.item.permalink)

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete the response."""
        url = address(handle, posts.RESPONSE, posted.native_id)
        reply = self._http.call(
            NETWORK, "DELETE", url, handle=handle.handle, headers=self._api.headers(handle, at=at)
        )
        if reply.status not in {200, 204, 404, 410}:
            raise self._api.trouble(reply, handle=handle, at=at)

    def _response(self, body: object, handle: Handle) -> tuple[str, str]:
        try:
            return posts.response(_reviews.part(body, "data"))
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None
