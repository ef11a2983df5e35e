"""Google Play: what people write in reviews of an app, and our one reply below each.

Written from the discovery document androidpublisher v3 (reviews.list, reviews.get, reviews.reply) and
developers.google.com/android-publisher/reply-to-reviews.

What we decided where Google leaves it open:

* **Version.** Google tells the last modification and no birthday, so the version is that instant in
  milliseconds from the first time on, and an overwritten review comes to the top of the list with a larger
  one. It is called an edit where our reply is older than the words, or where a re-read knows them otherwise.
* **Author.** There is a display name and no id: see `_reviews`.
* **One week.** The list reaches back about a week. Older reviews that we keep are asked for one by one.

Skipped: what was answered, or written more than a week, before the first poll. What it does not do:
translations (`translationLanguage`: the desk has its own), ratings without words (the API has none of them),
the monthly files of older reviews in the Console's bucket.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from allhours.domain.errors import Malformed
from allhours.domain.item import Item
from allhours.networks import _reviews
from allhours.networks._google import Google, NotThere, service_account_form
from allhours.networks._googleplay import posts
from allhours.networks.contract import Budget, Capabilities, no, yes
from allhours.networks.paging import FetchedPosts, read_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Connector, Credentials, Cursor, Fetched, Meter, Replier
    from allhours.networks.http import Http

NETWORK = posts.NETWORK
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
MEND = "invite the service account in the Play Console with the right to reply to reviews (it can take a day)"
PAGES = 5  # pages of 100 a poll: 30 calls an hour at a poll every 10 minutes
PAGE = 100

capabilities = Capabilities(
    name=NETWORK,
    title="Google Play",
    base_url="https://androidpublisher.googleapis.com",
    native_id="the app's package name",
    reads=("reviews", "re-read of kept reviews"),
    polls_every=timedelta(minutes=10),
    edits=yes("an overwritten review comes to the top of the list with a later modification"),
    deletes=yes("found by re-reading kept reviews (404)"),
    private_items=no("reviews are public"),
    replies=yes("one public reply below a review"),
    private_replies=no("Google Play has no messages"),
    moves_to_private=no("the API names no author and Google Play has no messages"),
    hides=no("only Google takes reviews down; report one in the Play Console"),
    withdraws=no("the API can replace a reply and not delete it; the Play Console can"),
    length="350 characters (Google says about 350); HTML is taken out",
    found_again=yes("our reply stands below the review"),
    idempotent_replies=True,
    budget=Budget(unit="calls that read reviews", a_day=2_400),  # half of 200 an hour: other tools call too
    needs=(
        "a service account with a key, and the Google Play Android Developer API switched on in its project",
        "that account invited in the Play Console, with the right to reply to reviews",
    ),
    secret_fields=("client_email", "private_key"),
    leaves_alone=(
        "ratings without words: the API has none of them",
        "reviews older than about a week when we begin: only in the Console's monthly files",
        "translations (translationLanguage): the desk shows what was written",
        "reviews of test versions: the API has production only",
    ),
    api_pages=(
        "https://developers.google.com/android-publisher/api-ref/rest/v3/reviews",
        "https://developers.google.com/android-publisher/reply-to-reviews",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str = "", meter: Meter) -> GooglePlay:
    """Return Google Play, ready to read; a service account is its own app, so `app_secret` is not used."""
    del app_secret
    return GooglePlay(signed(credentials, http), meter)


def answering(credentials: Credentials, http: Http, *, app_secret: str = "", meter: Meter) -> Replier:
    """Return Google Play, ready to answer."""
    from allhours.networks._googleplay.answers import PlayReplies

    del app_secret
    return PlayReplies(signed(credentials, http), http, meter)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str = "") -> Connector:
    """Return what leads through the setup."""
    from allhours.networks._googleplay.setup import PlaySetup

    del app_secret
    return PlaySetup(signed(credentials, http))


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every review in a recorded answer; `Malformed` for what is no answer about reviews."""
    told = _reviews.decoded(body, NETWORK)
    if "reviewId" in told:
        return (posts.review(told, handle, at),)
    if told and not {"reviews", "tokenPagination", "pageInfo", "result"} & set(told):
        raise Malformed(NETWORK, "neither a review nor a list of reviews", field="reviews")
    try:
        return posts.page(told, handle, at)
    except _reviews.Wrong as wrong:
        raise Malformed(NETWORK, wrong.detail, field=wrong.field) from None


def signed(credentials: Credentials, http: Http) -> Google:
    """Return Google's API as the handle's service account calls it."""
    return Google(
        credentials,
        http,
        NETWORK,
        usual=capabilities.base_url,
        form=lambda fields, at: service_account_form(fields, SCOPE, at=at),
        mend=MEND,
    )


def address(handle: Handle, review_id: str = "", *, action: str = "") -> str:
    """Return where the app's reviews are, or one of them."""
    app = quote(handle.native_id, safe="")
    reviews = f"{handle.base_url}/androidpublisher/v3/applications/{app}/reviews"
    return f"{reviews}/{quote(review_id, safe=':')}{action}" if review_id else reviews


class GooglePlay:
    """The reviews of apps, polled and re-read; every call is counted."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, google: Google, meter: Meter) -> None:
        """Keep the ports."""
        self._google = google
        self._meter = meter

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield reviews written or overwritten since the last poll."""
        read = partial(self._page, handle, at)
        streams = {"reviews": partial(_reviews.walk, read, pages=PAGES, at=at)}
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
        query = {"maxResults": str(PAGE), **({"token": token} if token else {})}
        body = self._get(handle, address(handle), at, query)
        try:
            heard = posts.page(body, handle, at)
            older = _reviews.words(body.get("tokenPagination"), "nextPageToken") or None
        except _reviews.Wrong as wrong:
            raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None
        newest = max((each.version for each in heard if isinstance(each, Item)), default=0)
        otherwise = str(newest) if newest else _reviews.mark_of(at)  # what is unreadable ends no walk
        marks = [str(each.version) if isinstance(each, Item) else otherwise for each in heard]
        return FetchedPosts(posts=tuple(zip(marks, heard, strict=True)), older=older)

    def _one(self, handle: Handle, before: Item, at: datetime) -> Heard | None:
        try:
            return posts.review(self._get(handle, address(handle, before.native_id), at, {}), handle, at)
        except NotThere:
            return None

    def _get(self, handle: Handle, url: str, at: datetime, query: Mapping[str, str]) -> Mapping[str, object]:
        self._meter.room(handle, 1)
        self._meter.spend(handle, 1)  # before the call: a function that ends in it has counted it
        return self._google.get(handle, url, at=at, params=query, what="reviews")
