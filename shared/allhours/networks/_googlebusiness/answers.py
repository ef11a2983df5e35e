"""Our reply below a review on Google Business Profile, and what Google's moderation makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed
from allhours.networks import _reviews
from allhours.networks._google import NotThere
from allhours.networks._googlebusiness import posts
from allhours.networks.answering import post_once, same_words
from allhours.networks.contract import Answer, DefiniteNo, Length, Posted, Receipt
from allhours.networks.googlebusiness import MEND, NETWORK, NOT_APPROVED, address, not_approved, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks._google import Google
    from allhours.networks.http import Http

MOST_BYTES = 4_096  # mybusiness v4.9, ReviewReply.comment
NO = {
    400: "Google turned the text down: it may be too long",
    403: f"this account may not reply for the location: {MEND}",
    404: "the review is gone: its author or Google removed it",
}
STATES = {"PENDING": "sent", "APPROVED": "delivered", "REJECTED": "failed"}


class BusinessReplies(_reviews.OneReply):
    """One reply a review; sending again replaces it, and Google looks at it anew."""

    title = "Google Business Profile"

    def __init__(self, google: Google, http: Http) -> None:
        """Keep the ports."""
        self._google = google
        self._http = http

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in bytes: an umlaut is two, an emoji four or more."""
        del item, private
        return (Length(used=len(text.encode()), allowed=MOST_BYTES, unit="bytes", least=1),)

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
            "PUT",
            f"{address(handle, posts.path_of(handle, answer.item.native_id))}/reply",
            handle=handle.handle,
            at=at,
            headers=headers,
            json_body={"comment": answer.text},
        )
        if not_approved(reply):
            raise DefiniteNo(NETWORK, NOT_APPROVED, handle=handle.handle)
        self._google.judge(reply, handle=handle, at=at, words=NO)
        told = self._google.body(reply, "reply", handle=handle)
        if "comment" not in told:
            raise Malformed(NETWORK, "the answer holds no reply", handle=handle.handle, field="comment")
        if told.get("reviewReplyState") == "REJECTED":
            raise DefiniteNo(NETWORK, _rejected(told), handle=handle.handle)
        return _posted(answer)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our reply if it stands below the review with these words, in whatever state."""
        try:
            review = read(self._google, handle, posts.path_of(handle, answer.item.native_id), at=at)
        except NotThere:
            return None
        try:
            shown = _reviews.words(posts.reply_in(review), "comment")
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None
        return _posted(answer) if shown and same_words(answer.text, shown) else None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete the reply."""
        url = f"{address(handle, posts.path_of(handle, posted.native_id))}/reply"
        reply = self._google.ask(handle, "DELETE", url, at=at)
        if reply.status not in {200, 204, 404, 410}:
            raise self._google.trouble(reply, "deleting the reply", handle=handle, at=at)

    def receipts(self, body: bytes) -> tuple[Receipt, ...]:
        """Return what Google made of our replies, out of a review or a list of them."""
        told = _reviews.decoded(body, NETWORK)
        try:
            found = [told, *_reviews.listed(told, "reviews")]
        except _reviews.Wrong:
            return ()
        return tuple(receipt for each in found if (receipt := _receipt(each)))


def _receipt(review: object) -> Receipt | None:
    reply, native_id = posts.reply_in(review), _reviews.some_id(review, "reviewId")
    state = STATES.get(_reviews.some_id(reply, "reviewReplyState"))
    if not reply or not native_id or not state:
        return None
    detail = _rejected(reply) if state == "failed" else ""
    return Receipt(network=NETWORK, native_id=native_id, state=state, detail=detail)


def _rejected(reply: Mapping[str, object]) -> str:
    why = _reviews.some_id(reply, "policyViolation")[:60].replace("_", " ").lower()
    return (
        f"Google's moderation refused the reply{f' ({why})' if why.isascii() and why else ''}: word it anew"
    )


def _posted(answer: Answer) -> Posted:
    """Return the reply under the review's id: there is only one, and it has none of its own."""
    return Posted(native_id=answer.item.native_id, permalink=answer.item.permalink)
