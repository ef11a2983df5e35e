"""Our reply below a review on Google Play."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed
from allhours.networks import _reviews
from allhours.networks._google import Google, NotThere
from allhours.networks._googleplay import posts
from allhours.networks.answering import post_once, same_words
from allhours.networks.contract import Answer, Length, Posted
from allhours.networks.googleplay import MEND, NETWORK, address

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Meter
    from allhours.networks.http import Http

LONGEST = 350  # the discovery document: "more than approximately 350 characters will be rejected"
_TAG = re.compile(r"<[^<>]*>")  # "HTML tags will be stripped"
NO = {
    400: "Google Play turned the text down: it may be too long; shorten it",
    403: f"this service account may not reply: {MEND}",
    404: "the review is gone: its author or Google removed it",
}


class PlayReplies(_reviews.OneReply):
    """One reply a review; sending again replaces it."""

    title = "Google Play"

    def __init__(self, google: Google, http: Http, meter: Meter) -> None:
        """Keep the ports; replies have a quota of their own, which nobody reaches by hand."""
        self._google = google
        self._http = http
        self._meter = meter

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in characters; Google says "approximately", so its figure is taken as the end."""
        del item, private
        return (Length(used=len(text), allowed=LONGEST, unit="characters", least=1),)

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Get a token, so that sending is one call."""
        self._google.headers(handle, at=at)
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Write the reply, over one that stands."""
        headers = _reviews.without_effect(lambda: self._google.headers(handle, at=at), handle, at=at)
        reply = post_once(
            self._http,
            NETWORK,
            "POST",
            address(handle, answer.item.native_id, action=":reply"),
            handle=handle.handle,
            at=at,
            headers=headers,
            json_body={"replyText": answer.text},
        )
        self._google.judge(reply, handle=handle, at=at, words=NO)
        told = self._google.body(reply, "reply", handle=handle)
        if not isinstance(told.get("result"), dict):
            raise Malformed(NETWORK, "the answer holds no result", handle=handle.handle, field="result")
        return _posted(answer)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our reply if it stands below the review with these words."""
        self._meter.room(handle, 1)
        try:
            review = self._google.get(
                handle, address(handle, answer.item.native_id), at=at, what="the review"
            )
        except NotThere:
            return None
        finally:
            self._meter.spend(handle, 1)
        try:
            reply = posts.reply_in(review)
            shown = _reviews.words(reply, "text") if reply else ""
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None
        return _posted(answer) if reply and same_words(_TAG.sub("", answer.text), shown) else None


def _posted(answer: Answer) -> Posted:
    """Return the reply under the review's id: there is only one, and it has none of its own."""
    return Posted(native_id=answer.item.native_id, permalink=answer.item.permalink)
