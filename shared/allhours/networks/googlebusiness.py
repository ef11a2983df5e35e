"""Google Business Profile: what people write in reviews of a place, and our one reply below each.

Written from the discovery documents mybusiness v4.9 (accounts.locations.reviews) and mybusinessnotifications
v1, developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews and the change log there
(2026: media, state of our reply, policy violation, address for replying).

What we decided where Google leaves it open:

* **Polls, no Pub/Sub.** A handle is one location, and a poll of it is one call of the 300 a minute. A push
  subscription would be one more thing to set up (topic, publisher's right, subscription, Google's keys to
  check each token) and names a review only, which must be asked for all the same.
* **Version.** `updateTime` in milliseconds once it differs from `createTime`.
* **Author.** A display name and no id, or "A Google User": see `_reviews`.
* **Translations.** "(Translated by Google) … (Original) …" is one text; what the author wrote is kept.
* **Moderation.** Google answers a reply with 200 and looks at it later. A refusal told at once is a definite
  no; one told later is found by `receipts` in what a read shows.

Skipped: a review with neither words nor stars; what was answered, or written more than a week, before the
first poll.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import Malformed, Refused
from allhours.domain.item import Item
from allhours.networks import _reviews
from allhours.networks._google import Google, NotThere, refresh_form
from allhours.networks._googlebusiness import posts
from allhours.networks.contract import Capabilities, no, yes
from allhours.networks.paging import FetchedPosts, read_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Connector, Credentials, Cursor, Fetched, Meter, Replier
    from allhours.networks.http import Http, Reply

NETWORK = posts.NETWORK
SCOPE = "https://www.googleapis.com/auth/business.manage"
MEND = "let a manager of the verified location connect it again"
NOT_APPROVED = (
    "Google has not approved this Cloud project for the Business Profile APIs, so its quota is 0: "
    "fill in Google's request form and wait"
)
PAGES = 5  # of 50 a poll
PAGE = 50  # Google's most
LOCATION = re.compile(r"accounts/[^/?#]+/locations/[^/?#]+")

capabilities = Capabilities(
    name=NETWORK,
    title="Google Business Profile",
    base_url="https://mybusiness.googleapis.com",
    native_id="the location: accounts/…/locations/…",
    reads=("reviews", "re-read of kept reviews"),
    polls_every=timedelta(minutes=5),
    edits=yes("an edited review comes to the top of the list with a later updateTime"),
    deletes=yes("found by re-reading kept reviews (404)"),
    private_items=no("reviews are public"),
    replies=yes("one public reply below a review; Google looks at it before it shows it"),
    private_replies=no("Business Profile has no messages any more"),
    moves_to_private=no("reviewers cannot be written to"),
    hides=no("only Google takes reviews down; report one in the Business Profile"),
    withdraws=yes("the reply is deleted"),
    length="4,096 bytes of UTF-8",
    found_again=yes("our reply stands below the review, also while Google looks at it"),
    idempotent_replies=True,
    needs=(
        "a verified location, and a manager of it who consents",
        "a Cloud project that Google approved for these APIs (request form; until then the quota is 0)",
        "an OAuth client of type Desktop app in that project; its consent screen published, not in testing",
    ),
    secret_fields=("refresh_token",),
    optional_secret_fields=("expires_at",),
    app_secret_fields=("client_id", "client_secret"),
    leaves_alone=(
        "Pub/Sub notifications: much to set up and to watch, and a message names a review only; we poll",
        "batchGetReviews: one handle is one location, so that each branch has its own route",
        "questions and answers: Google shut that API on 2025-11-03",
        "a service account: the API takes a manager's consent only",
    ),
    api_pages=(
        "https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews",
        "https://developers.google.com/my-business/content/review-data",
        "https://developers.google.com/my-business/content/latest-updates",
        "https://developers.google.com/identity/protocols/oauth2/native-app",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> GoogleBusiness:
    """Return Google Business Profile, ready to read; its quota is far away, so nothing is metered."""
    del meter
    return GoogleBusiness(signed(credentials, http, app_secret))


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Google Business Profile, ready to answer."""
    from allhours.networks._googlebusiness.answers import BusinessReplies

    del meter
    return BusinessReplies(signed(credentials, http, app_secret), http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through the setup."""
    from allhours.networks._googlebusiness.setup import BusinessSetup

    return BusinessSetup(credentials, signed(credentials, http, app_secret), http)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every review in a recorded answer; `Malformed` for what is no answer about reviews."""
    told = _reviews.decoded(body, NETWORK)
    if "reviewId" in told:
        return (posts.review(told, handle, at),)
    known = {"reviews", "locationReviews", "averageRating", "totalReviewCount", "nextPageToken", "comment"}
    if told and not known & set(told):
        raise Malformed(NETWORK, "neither a review nor a list of reviews", field="reviews")
    try:
        return (*posts.page(told, handle, at), *posts.batch(told, handle, at))
    except _reviews.Wrong as wrong:
        raise Malformed(NETWORK, wrong.detail, field=wrong.field) from None


def signed(credentials: Credentials, http: Http, app_secret: str) -> Google:
    """Return Google's API as a manager of the location calls it."""
    return Google(
        credentials,
        http,
        NETWORK,
        usual=capabilities.base_url,
        form=lambda fields, _at: refresh_form(fields, credentials.read(app_secret)),
        mend=MEND,
    )


def address(handle: Handle, path: str) -> str:
    """Return an address of the API; `Refused` when the handle's native_id is no location."""
    if not LOCATION.fullmatch(handle.native_id):
        raise Refused(
            NETWORK,
            "native_id must be accounts/…/locations/…: `allhours connect googlebusiness` names yours",
            handle=handle.handle,
        )
    return f"{handle.base_url}/v4/{path}"


def read(google: Google, handle: Handle, path: str, *, at: datetime, **query: str) -> Mapping[str, object]:
    """Return the JSON object at a path; a quota of 0 is a refusal and no rate limit that passes."""
    reply = google.ask(handle, "GET", address(handle, path), at=at, params=query)
    if reply.status != 200:  # noqa: PLR2004 - OK
        if not_approved(reply):
            raise Refused(NETWORK, NOT_APPROVED, handle=handle.handle)
        raise google.trouble(reply, "reviews", handle=handle, at=at)
    return google.body(reply, "reviews", handle=handle)


def not_approved(reply: Reply) -> bool:
    """Return whether a 429 says that the project's quota is 0: it was never approved."""
    try:
        details = _reviews.listed(_reviews.part(reply.json(), "error"), "details")
    except (ValueError, RecursionError, _reviews.Wrong):
        return False
    metadata = [each.get("metadata") for each in details if isinstance(each, dict)]
    return any(isinstance(each, dict) and each.get("quota_limit_value") == "0" for each in metadata)


class GoogleBusiness:
    """The reviews of locations, polled and re-read."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, google: Google) -> None:
        """Keep the port."""
        self._google = google

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield reviews written or edited since the last poll."""
        one_page = partial(self._page, handle, at)
        streams = {"reviews": partial(_reviews.walk, one_page, pages=PAGES, at=at)}
        return read_streams(cursor, streams, at=at)

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
        query = {
            "pageSize": str(PAGE),
            "orderBy": "updateTime desc",
            **({"pageToken": token} if token else {}),
        }
        body = read(self._google, handle, f"{handle.native_id}/reviews", at=at, **query)
        try:
            heard = posts.page(body, handle, at)
            older = _reviews.words(body, "nextPageToken") or None
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None
        instants = [_changed(each) for each in heard]
        otherwise = max((each for each in instants if each), default=_reviews.milliseconds(at))
        marks = [str(each or otherwise) for each in instants]  # what is unreadable ends no walk
        return FetchedPosts(posts=tuple(zip(marks, heard, strict=True)), older=older)

    def _one(self, handle: Handle, before: Item, at: datetime) -> Heard | None:
        try:
            body = read(self._google, handle, posts.path_of(handle, before.native_id), at=at)
        except NotThere:
            return None
        return posts.review(body, handle, at)


def _changed(heard: Heard) -> int:
    """Return when a review was last changed, in milliseconds; 0 where that is not known."""
    if not isinstance(heard, Item):
        return 0
    return heard.version or _reviews.milliseconds(heard.created_at)
