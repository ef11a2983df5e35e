"""Our reply below a review on Trustpilot."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from allhours.domain.errors import Malformed
from allhours.networks import _reviews
from allhours.networks._trustpilot import posts
from allhours.networks._trustpilot.api import MEND, REST, Trustpilot, headers
from allhours.networks.answering import SOON, judged, post_once, same_words
from allhours.networks.contract import Answer, DefiniteNo, Length, Posted
from allhours.networks.http import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.http import Http

NETWORK = posts.NETWORK
LONGEST = 2_000  # characters; Trustpilot tells no limit, and nobody reads more
NO = {
    400: "Trustpilot turned the text down: shorten it, or leave out links",
    403: f"Trustpilot does not let this business user reply: {MEND}",
    404: "the review is gone: its author or Trustpilot removed it",
    422: "Trustpilot turned the text down: shorten it, or leave out links",
}


class TrustpilotReplies(_reviews.OneReply):
    """One reply a review, and it is looked for before one is written."""

    title = "Trustpilot"
    replaces = False

    def __init__(self, api: Trustpilot, http: Http) -> None:
        """Keep the ports."""
        self._api = api
        self._http = http

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in characters."""
        del item, private
        return (Length(used=len(text), allowed=LONGEST, unit="characters (our own limit)", least=1),)

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Renew the token when it is due, so that sending is one call."""
        self._api.fields(handle, at=at)
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Look what stands below the review, then write the reply."""
        review = _reviews.without_effect(lambda: self._review(handle, answer, at), handle, at=at)
        if (reply := posts.reply_in(review)) is not None:
            if same_words(answer.text, self._words(reply, handle)):
                return _posted(answer)
            detail = "the review has a reply already, with other words: delete that one on Trustpilot first"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle)
        fields = _reviews.without_effect(lambda: self._api.fields(handle, at=at), handle, at=at)
        sent = post_once(
            self._http,
            NETWORK,
            "POST",
            f"{handle.base_url}{_path(answer.item.native_id)}/reply",
            handle=handle.handle,
            at=at,
            headers=headers(fields),
            json_body={
                "authorBusinessUserId": fields.get("business_user_id", ""),
                "message": answer.text,
            },
        )
        if sent.status == 429:  # noqa: PLR2004 - Too Many Requests
            until = retry_after(sent.headers.get("retry-after", ""), at, otherwise=REST)
            raise DefiniteNo(NETWORK, "too many calls", handle=handle.handle, again_at=until)
        if sent.status == 401:  # noqa: PLR2004 - the token was revoked before its time
            _reviews.without_effect(lambda: self._api.renewed(handle, fields, at=at), handle, at=at)
            raise DefiniteNo(NETWORK, "the token ended early", handle=handle.handle, again_at=at + SOON)
        judged(sent, NETWORK, handle=handle.handle, at=at, words=NO)
        if sent.status != 201:  # noqa: PLR2004 - Created, with an empty body; a page at 200 proves nothing
            raise Malformed(NETWORK, f"HTTP {sent.status} in place of 201", handle=handle.handle)
        return _posted(answer)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our reply if it stands below the review with these words."""
        try:
            reply = posts.reply_in(self._review(handle, answer, at))
        except _reviews.Gone:
            return None
        if reply is None or not same_words(answer.text, self._words(reply, handle)):
            return None
        return _posted(answer)

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete the reply."""
        reply = self._api.call(handle, "DELETE", f"{_path(posted.native_id)}/reply", at=at)
        if reply.status not in {200, 202, 204, 404, 410}:
            raise self._api.trouble(reply, handle=handle, at=at)

    def _review(self, handle: Handle, answer: Answer, at: datetime) -> Mapping[str, object]:
        return self._api.get(handle, _path(answer.item.native_id), at=at)

    def _words(self, reply: Mapping[str, object], handle: Handle) -> str:
        try:
            return _reviews.words(reply, "text")
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None


def _path(review_id: str) -> str:
    return f"/v1/private/reviews/{quote(review_id, safe='')}"


def _posted(answer: Answer) -> Posted:
    """Return the reply under the review's id: there is only one, and it has none of its own."""
    return Posted(native_id=answer.item.native_id, permalink=answer.item.permalink)
