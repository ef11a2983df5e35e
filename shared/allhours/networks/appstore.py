"""App Store: what people write in reviews of an app, and our one response to each.

Written from developer.apple.com/documentation/appstoreconnectapi (customer reviews, customer review
responses, generating tokens, identifying rate limits) and Apple developer forum 731014 and 817212.

What we decided where Apple leaves it open:

* **Version.** A review has a date of creation and none of modification. `_appstore.posts.edited` counts the
  states that re-reads find by a digest of words and stars, as Bluesky's do.
* **Author.** A nickname and no id: see `_reviews`.
* **Paging.** `links.next` is a whole address; it is followed only to the host that we asked.

Skipped: what was answered, or written more than a week, before the first poll. What it does not do: webhooks
(none of their event types is about reviews), reviews by version of the app (the same reviews again), the RSS
feed (empty for most apps).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from allhours.domain.errors import Malformed
from allhours.domain.item import Item
from allhours.networks import _reviews
from allhours.networks._appstore import posts
from allhours.networks._appstore.api import AppStore
from allhours.networks.contract import Capabilities, no, yes
from allhours.networks.paging import FetchedPosts, read_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Connector, Credentials, Cursor, Fetched, Meter, Replier
    from allhours.networks.http import Http

NETWORK = posts.NETWORK
PAGES = 5  # of 200 a poll
PAGE = 200  # Apple's most

capabilities = Capabilities(
    name=NETWORK,
    title="App Store",
    base_url="https://api.appstoreconnect.apple.com",
    native_id="the app's id, digits",
    reads=("reviews", "re-read of kept reviews"),
    polls_every=timedelta(minutes=15),
    edits=yes("found by re-reading kept reviews: other words or stars"),
    deletes=yes("found by re-reading kept reviews (404)"),
    private_items=no("reviews are public"),
    replies=yes("one public response to a review; the App Store shows it within a day"),
    private_replies=no("the App Store has no messages"),
    moves_to_private=no("the API names no author and the App Store has no messages"),
    hides=no("only Apple takes reviews down; report a concern in App Store Connect"),
    withdraws=yes("the response is deleted"),
    length="5,970 characters (a library's value, not confirmed by Apple)",
    found_again=yes("our response stands by the review, pending or published"),
    idempotent_replies=True,
    needs=("an API key (.p8) of a team or a person with the role Customer Support or Admin",),
    secret_fields=("key_id", "private_key"),
    optional_secret_fields=("issuer_id",),
    leaves_alone=(
        "webhooks: none of Apple's event types is about reviews",
        "reviews by version of the app: the same reviews, in many more calls",
        "ratings without words: the API has none of them",
    ),
    api_pages=(
        "https://developer.apple.com/documentation/appstoreconnectapi/customer-reviews",
        "https://developer.apple.com/documentation/appstoreconnectapi/customer-review-responses",
        "https://developer.apple.com/documentation/appstoreconnectapi/identifying-rate-limits",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str = "", meter: Meter) -> AppStoreReviews:
    """Return the App Store, ready to read; a key is its own app, and Apple's hourly limit is far away."""
    del app_secret, meter
    return AppStoreReviews(AppStore(credentials, http))


def answering(credentials: Credentials, http: Http, *, app_secret: str = "", meter: Meter) -> Replier:
    """Return the App Store, ready to answer."""
    from allhours.networks._appstore.answers import AppStoreReplies

    del app_secret, meter
    return AppStoreReplies(AppStore(credentials, http), http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str = "") -> Connector:
    """Return what leads through the setup."""
    from allhours.networks._appstore.setup import AppStoreSetup

    del app_secret
    return AppStoreSetup(AppStore(credentials, http))


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every review in a recorded answer; `Malformed` for what is no JSON:API document."""
    told = _reviews.decoded(body, NETWORK)
    if "data" not in told:
        raise Malformed(NETWORK, "no JSON:API document with data", field="data")
    return _read(told, handle, at)


def address(handle: Handle, *path: str) -> str:
    """Return an address of the API."""
    return "/".join([f"{handle.base_url}/v1", *(quote(step, safe="") for step in path)])


class AppStoreReviews:
    """The reviews of apps, polled and re-read."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, api: AppStore) -> None:
        """Keep the port."""
        self._api = api

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield reviews written since the last poll."""
        read = partial(self._page, handle, at)
        streams = {"reviews": partial(_reviews.walk, read, pages=PAGES, at=at)}
        return read_streams(cursor, streams, at=at)

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of kept reviews."""
        return _reviews.look_again(
            kept,
            pages=_reviews.each_page(partial(self._page, handle, at)),
            one=lambda before: self._one(handle, before, at),
            edited=posts.edited,
            at=at,
        )

    def _page(self, handle: Handle, at: datetime, link: str | None) -> FetchedPosts:
        if link is None:
            url = address(handle, "apps", handle.native_id, posts.REVIEW)
            query = {"sort": "-createdDate", "limit": str(PAGE), "include": "response"}
            body = self._api.get(handle, url, at=at, params=query)
        elif _reviews.same_host(link, handle.base_url):
            body = self._api.get(handle, link, at=at)
        else:
            raise Malformed(
                NETWORK, "the next page is on another host", handle=handle.handle, field="links.next"
            )
        heard = _read(body, handle, at)
        links = body.get("links")
        older = links.get("next") if isinstance(links, dict) else None
        born = [_reviews.mark_of(each.created_at) for each in heard if isinstance(each, Item)]
        otherwise = max(born, key=int, default=_reviews.mark_of(at))  # what is unreadable ends no walk
        marks = [_reviews.mark_of(each.created_at) if isinstance(each, Item) else otherwise for each in heard]
        return FetchedPosts(
            posts=tuple(zip(marks, heard, strict=True)), older=older if isinstance(older, str) else None
        )

    def _one(self, handle: Handle, before: Item, at: datetime) -> Heard | None:
        url = address(handle, posts.REVIEW, before.native_id)
        try:
            body = self._api.get(handle, url, at=at, params={"include": "response"})
        except _reviews.Gone:
            return None
        return next(iter(_read(body, handle, at)), None)


def _read(body: Mapping[str, object], handle: Handle, at: datetime) -> tuple[Heard, ...]:
    try:
        return posts.page(body, handle, at)
    except _reviews.Wrong as wrong:
        raise Malformed(NETWORK, wrong.detail, handle=handle.handle, field=wrong.field) from None
