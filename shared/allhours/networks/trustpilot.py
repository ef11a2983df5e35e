"""Trustpilot: what people write in service reviews of a company, and our one reply below each.

Written from developers.trustpilot.com (authentication, service reviews, private reviews, webhooks, rate
limiting), support.trustpilot.com (webhook notifications, with a sample body), airbyte #42854 and
trustpilot/node-trustpilot #104.

What we decided where Trustpilot leaves it open:

* **Webhook.** No signature is documented. So the subscription's address carries a long random word
  (`?token=`), compared in constant time, and a delivery is only a knock: the review that it names is asked
  for by its id, and what the API says counts. A forged body brings nothing but a call. What could not be
  asked for makes the delivery fail, and Trustpilot sends it again. Only a `deleted` event makes a deletion,
  and only of a review that the API no longer has.
* **Version.** `updatedAt` in milliseconds, 0 while it is null.
* **Replies.** One a review, and a second POST is not known to replace the first. So we look first: our words
  there already count as posted, other words are a definite no.
* **Paging.** By number, so a walk that goes on later begins one page earlier: deletions move reviews forward.

Skipped: reviews of products (they have conversations of their own), events of another kind, reviews of
another company, reviews announced before the API has them, what goes beyond 20 events in one delivery, and
what was answered, or written more than a week, before the first poll.
What it does not do: find-reviewer requests, tags, invitations, reports.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from allhours.domain.errors import BadSignature, Busy, Malformed, RateLimited, Refused, Unreachable
from allhours.domain.item import Item, Skipped, Unreadable
from allhours.networks import _reviews
from allhours.networks._trustpilot import posts
from allhours.networks._trustpilot.api import Trustpilot
from allhours.networks.contract import Capabilities, no, yes
from allhours.networks.paging import FetchedPosts, read_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import (
        Connector,
        Credentials,
        Cursor,
        Delivery,
        Fetched,
        Greeting,
        Meter,
        Replier,
    )
    from allhours.networks.http import Http
    from allhours.networks.paging import Marks

NETWORK = posts.NETWORK
PAGES = 5  # of 100 a poll
PAGE = 100  # Trustpilot's most
LAST_PAGE = 1_000  # the private list ends at 100,000 reviews
MOST_EVENTS = 20  # of one delivery: each is a call, and a delivery has seconds
NOT_OURS = "review of another company"
NOT_THERE = "announced, and not there yet: the poll finds it"
LEFT_TO_POLL = "more events than one delivery is worth: the poll finds them"

capabilities = Capabilities(
    name=NETWORK,
    title="Trustpilot",
    base_url="https://api.trustpilot.com",
    native_id="the business unit's id",
    reads=("reviews", "re-read of kept reviews"),
    pushes=("service reviews: created, updated, deleted",),
    polls_every=timedelta(minutes=15),
    edits=yes("told by webhook, and found by re-reading kept reviews (updatedAt)"),
    deletes=yes("told by webhook, and found by re-reading kept reviews (404)"),
    private_items=no("reviews are public; the e-mail address beside them is never read"),
    replies=yes("one public reply below a review"),
    private_replies=no("Trustpilot has no messages"),
    moves_to_private=no("only by Trustpilot's find-reviewer request, which a person makes on its site"),
    hides=no("only Trustpilot takes reviews down; report one in Trustpilot Business"),
    withdraws=yes("the reply is deleted"),
    length="2,000 characters (ours: Trustpilot tells no limit)",
    found_again=yes("our reply (companyReply) stands below the review"),
    idempotent_replies=False,
    cost="a paid plan with API access; calls cost nothing",
    needs=(
        "a paid plan with the API module: api_key and api_secret",
        "the id of the business user in whose name replies are written",
        "three webhook subscriptions (created, updated, deleted), made by hand in Trustpilot Business",
    ),
    secret_fields=("api_key", "api_secret", "business_user_id"),
    optional_secret_fields=("access_token", "refresh_token", "expires_at"),  # written by us beside the others
    app_secret_fields=("webhook_token",),
    leaves_alone=(
        "e-mail address and reference id of the private list: personal data that no reply needs",
        "product reviews: conversations and comments of their own, in an API of their own",
        "find-reviewer requests: a person makes them on Trustpilot's site",
        "reviews beyond the newest 100,000: the list ends there",
    ),
    api_pages=(
        "https://developers.trustpilot.com/service-reviews-api",
        "https://developers.trustpilot.com/authentication",
        "https://developers.trustpilot.com/rate-limiting",
        "https://support.trustpilot.com/hc/en-us/articles/115015822068",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> TrustpilotReviews:
    """Return Trustpilot, ready to read; `app_secret` names the secret with the webhook's word."""
    del meter
    return TrustpilotReviews(credentials, Trustpilot(credentials, http), app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Trustpilot, ready to answer."""
    from allhours.networks._trustpilot.answers import TrustpilotReplies

    del app_secret, meter
    return TrustpilotReplies(Trustpilot(credentials, http), http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through the setup."""
    from allhours.networks._trustpilot.setup import TrustpilotSetup

    return TrustpilotSetup(credentials, Trustpilot(credentials, http), app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every review in a recorded answer or webhook body, taken at its word."""
    told = _reviews.decoded(body, NETWORK)
    try:
        if "events" in told:
            return tuple(posts.event(each, handle, at) for each in _reviews.listed(told, "events"))
        if "reviews" in told:
            return posts.page(told, handle, at)
    except _reviews.Wrong as wrong:
        raise Malformed(NETWORK, wrong.detail, field=wrong.field) from None
    if "stars" in told or "consumer" in told:
        return (posts.review(told, handle, at),)
    raise Malformed(NETWORK, "neither a review, nor a list of them, nor a webhook body")


class TrustpilotReviews:
    """The reviews of business units: knocked for by webhook, polled, re-read."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, api: Trustpilot, app_secret: str) -> None:
        """Keep the ports."""
        self._credentials = credentials
        self._api = api
        self._app_secret = app_secret

    # Push

    def greet(self, delivery: Delivery) -> Greeting:
        """Refuse: Trustpilot asks nothing before it calls."""
        del delivery
        raise BadSignature(NETWORK, "Trustpilot makes no verification request")

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless the address carried our word."""
        ours = self._credentials.read(self._app_secret).get("webhook_token", "")
        theirs = delivery.query.get("token", "")
        if not ours or not hmac.compare_digest(theirs.encode(errors="replace"), ours.encode()):
            raise BadSignature(
                NETWORK, f"delivery without our token (webhook_token in secret {self._app_secret})"
            )

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return the reviews that the events name, as the API has them; `Busy` when it cannot be asked."""
        try:
            events = _reviews.listed(_reviews.decoded(body, NETWORK), "events")
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, field=wrong.field) from None
        return tuple(
            self._told(event, handles, at)
            if number < MOST_EVENTS
            else Skipped(network=NETWORK, native_id="", reason=LEFT_TO_POLL)
            for number, event in enumerate(events)
        )

    def _told(self, event: object, handles: Sequence[Handle], at: datetime) -> Heard:
        kind = posts.kind_of(event)
        if isinstance(kind, Skipped):
            return kind
        told = event.get("eventData") if isinstance(event, dict) else None
        native_id = _reviews.some_id(told, "id")
        if not native_id or not handles:
            return Unreadable(
                network=NETWORK, handle="", native_id="", field="eventData.id", detail="is missing"
            )
        elsewhere, refused = False, None
        for handle in handles:
            try:
                body = self._api.get(handle, _path(native_id), at=at)
            except _reviews.Gone:
                continue
            except Refused as error:  # one handle's keys are no reason not to ask with another's
                refused = error
                continue
            except (RateLimited, Unreachable) as error:
                message = f"{NETWORK}: review {native_id[:100]} could not be asked for: {error.detail}"
                raise Busy(message) from None
            unit = body.get("businessUnit")
            if not isinstance(unit, dict) or unit.get("id") in (None, handle.native_id):  # it may be a list
                return posts.review(body, handle, at)
            elsewhere = True
        if refused:
            raise refused
        if kind == posts.DELETED and not elsewhere:
            return posts.event(event, handles[0], at)
        reason = NOT_OURS if elsewhere else NOT_THERE
        return Skipped(network=NETWORK, native_id=native_id, reason=reason)

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield reviews written since the last poll."""

        def reviews(marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
            if resume := marks.get("resume"):
                marks = {**marks, "resume": str(max(int(resume) - 1, 1))}
            return _reviews.walk(partial(self._page, handle, at), marks, pages=PAGES, at=at)

        return read_streams(cursor, {"reviews": reviews}, at=at)

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of kept reviews."""
        return _reviews.look_again(
            kept,
            pages=_reviews.each_page(partial(self._page, handle, at)),
            one=lambda before: self._one(handle, before, at),
            edited=_reviews.newer,
            at=at,
        )

    def _page(self, handle: Handle, at: datetime, token: str | None) -> FetchedPosts:
        number = int(token or "1")
        path = f"/v1/private/business-units/{quote(handle.native_id, safe='')}/reviews"
        query = {"perPage": str(PAGE), "page": str(number), "orderBy": "createdat.desc"}
        body = self._api.get(handle, path, at=at, params=query)
        heard = self._read(body, handle, at)
        born = [_reviews.mark_of(each.created_at) for each in heard if isinstance(each, Item)]
        otherwise = max(born, key=int, default=_reviews.mark_of(at))  # what is unreadable ends no walk
        marks = [_reviews.mark_of(each.created_at) if isinstance(each, Item) else otherwise for each in heard]
        older = str(number + 1) if len(heard) >= PAGE and number < LAST_PAGE else None
        return FetchedPosts(posts=tuple(zip(marks, heard, strict=True)), older=older)

    def _read(self, body: Mapping[str, object], handle: Handle, at: datetime) -> tuple[Heard, ...]:
        try:
            return posts.page(body, handle, at)
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None

    def _one(self, handle: Handle, before: Item, at: datetime) -> Heard | None:
        try:
            return posts.review(self._api.get(handle, _path(before.native_id), at=at), handle, at)
        except _reviews.Gone:
            return None


def _path(review_id: str) -> str:
    return f"/v1/private/reviews/{quote(review_id, safe='')}"
