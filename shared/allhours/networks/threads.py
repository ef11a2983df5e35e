"""Threads: mentions, answers to our posts, and posts with words we search for. Everything there is public.

Written from developers.facebook.com/docs/threads (webhooks 2026-06-30, threads-mentions, reply-management,
posts, retrieve-and-discover-posts, reference/user, troubleshooting) and Meta's Postman collection of 2026-01.

Webhooks tell within seconds, a poll below them finds the rest. Threads names people by username only. Without
a permission it answers with empty lists and no error; `allhours doctor` compares the token's scopes.

What is skipped, and why, is named at the top of `_threads.posts`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import Malformed, NetworkError, Refused
from allhours.domain.item import Change, Item, Kind, Skipped
from allhours.domain.personal_data import mask
from allhours.networks._meta import fields
from allhours.networks._meta.errors import Gone, TokenRefused
from allhours.networks._meta.walk import anywhere, patient
from allhours.networks._meta.webhook import greeting, secrets_of, verified
from allhours.networks._threads import posts, streams
from allhours.networks._threads.graph import BASE_URL, NETWORK, graph_for
from allhours.networks.contract import Capabilities, no, yes
from allhours.networks.paging import read_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks._meta.graph import Graph
    from allhours.networks._meta.walk import Steps
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

MOST_REREAD = 100  # posts a call reads again, one request each; another call takes others
NOT_VISIBLE = "not visible to our app"

capabilities = Capabilities(
    name="threads",
    title="Threads",
    base_url=BASE_URL,
    native_id="the profile's id",
    reads=("mentions", "replies", "search"),
    pushes=("replies", "mentions", "delete"),
    polls_every=timedelta(minutes=5),
    edits=yes("found by re-reading; nothing tells of them"),
    deletes=yes("found by re-reading; nothing tells of them"),
    private_items=no("Threads has no private messages"),
    replies=yes("below any post that we heard: a container first, then its publication"),
    private_replies=no("Threads has no private messages"),
    moves_to_private=no("Threads has no private messages: an answer can name another channel"),
    hides=yes("answers below our own posts"),
    withdraws=yes("our answers, 100 in 24 hours"),
    length="500 characters, emoji counted as their bytes (not confirmed by Threads), and 5 links",
    found_again=yes("by the status of the container, then among our own replies by target and words"),
    idempotent_replies=False,
    cost="nothing but quota: 1,000 replies in 24 hours",
    needs=(
        "a public profile, a verified business, and an app with the Threads use case that is Live",
        "Advanced Access to threads_read_replies, threads_manage_replies, threads_manage_mentions",
        "Advanced Access to threads_content_publish, threads_delete; threads_keyword_search for `listen`",
        "a redirect address with https: Meta takes no loopback address",
        "the webhook typed in at the app's dashboard: there is no call for it",
    ),
    secret_fields=("access_token",),
    optional_secret_fields=("expires_at", "renewed_at"),
    app_secret_fields=("app_id", "app_secret", "verify_token"),
    leaves_alone=(
        "reposts: no words of their own",
        "profile_lookup: the username is all that the desk needs",
        "longer texts as attachments: an answer on Threads is read as a post",
        "posts of private profiles: Threads never shows them to an app",
        "the callbacks for data deletion and deauthorisation: they are for people who sign in to our app",
    ),
    api_pages=(
        "https://developers.facebook.com/docs/threads",
        "https://developers.facebook.com/docs/threads/webhooks",
        "https://developers.facebook.com/docs/threads/reply-management",
        "https://developers.facebook.com/docs/threads/threads-mentions",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Threads:
    """Return Threads, ready to read; nothing is asked of it or of the secrets yet."""
    del meter  # nothing is paid for
    return Threads(credentials, http, app_secret=app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Threads, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._threads.answers import ThreadsAnswers

    del meter
    return ThreadsAnswers(credentials, http, app_secret=app_secret)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through the setup of a profile."""
    from allhours.networks._threads.setup import ThreadsSetup

    return ThreadsSetup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in a recorded answer or webhook body, as if it were for this handle.

    `Malformed` when the body is no JSON, or neither of the two.
    """
    told = fields.decoded(NETWORK, body)
    place = fields.Place(handle=handle, page=handle.native_id, at=at)
    if isinstance(told, dict) and ("values" in told or "topic" in told):
        return posts.webhook(body, lambda _delivery: place)
    if not isinstance(told, dict | list):
        raise Malformed(NETWORK, "neither a webhook body nor an answer of the Threads API")
    return tuple(posts.graph(told, place))


class Threads:
    """Read profiles by poll and webhook, and re-read what is kept."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    # Push

    def greet(self, delivery: Delivery) -> Greeting:
        """Return the challenge when the verify token is ours; `BadSignature` otherwise."""
        app = self._credentials.read(self._app_secret)
        return greeting(NETWORK, delivery, app, secret=self._app_secret)

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless the raw body was signed with one of our secrets.

        Whether the Threads app's or the Meta app's signs is not documented, so `app_secret` may list both.
        """
        app = self._credentials.read(self._app_secret)
        verified(NETWORK, delivery, secrets_of(app), secret=self._app_secret)

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body, for the handle that it is for; a single handle takes all."""
        places = [fields.Place(handle=each, page=each.native_id, at=at) for each in handles]
        table = {place.handle.handle.lstrip("@").casefold(): place for place in places}
        table |= {place.handle.settings.get("target_id", ""): place for place in places}
        table |= {place.page: place for place in places}
        alone = places[0] if len(places) == 1 else None

        def place_of(delivery: Mapping[str, object]) -> fields.Place | None:
            return next((table[each] for each in posts.owners(delivery) if each in table), alone)

        return posts.webhook(body, place_of)

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield mentions, answers to us and what is searched for; one trouble is told once."""
        place = fields.Place(handle=handle, page=handle.native_id, at=at)
        waits = max((int(marks.get("throttled", 0)) for marks in cursor.values()), default=0)
        graph = self._graph(handle, at, waits=waits)
        reads: dict[str, Callable[[Marks], Steps]] = {
            "mentions": partial(streams.mentions, graph, place),
            "replies": partial(streams.replies, graph, place),
        }
        reads |= {f"search:{each}": partial(streams.search, graph, place, each) for each in handle.listen}
        if any(float(marks.get("not_before", 0)) > at.timestamp() for marks in cursor.values()):
            return  # all share one quota, and calling while it is used up makes the block longer
        awake = {name: partial(patient, read) for name, read in reads.items()}
        told: list[NetworkError] = []
        for step in read_streams(cursor, awake, at=at):
            again = any(step.trouble is each for each in told)
            told += [step.trouble] if step.trouble and not again else []
            yield replace(step, trouble=None) if again else step

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield what became of kept posts: edited, deleted, or unchanged and then nothing.

        Each costs a request, so a call takes a part of them, another call another.
        """
        graph = self._graph(handle, at)
        place = fields.Place(handle=handle, page=handle.native_id, at=at)
        standing = [item for item in kept if item.change is not Change.DELETED]
        # The profile comes first: when it cannot be read, the fault is ours, and nobody deleted anything.
        graph.get("me", {"fields": "id"})
        start = anywhere(at, len(standing))
        probed = False
        for item in [*standing[start:], *standing[:start]][:MOST_REREAD]:
            try:
                yield from _became(item, graph, place)
            except TokenRefused:
                raise
            except Gone:
                probed = probed or _sees_posts(graph, handle)
                version = fields.version(at)
                yield replace(
                    item, change=Change.DELETED, version=version, text="", attachments=(), masked=()
                )
            except Refused:
                yield Skipped(network=NETWORK, native_id=item.native_id, reason=NOT_VISIBLE)

    def _graph(self, handle: Handle, at: datetime, *, waits: int = 0) -> Graph:
        return graph_for(
            self._http, self._credentials, handle, app_secret=self._app_secret, at=at, waits=waits
        )


def _became(item: Item, graph: Graph, place: fields.Place) -> Iterator[Heard]:
    """Yield the edit that one look shows."""
    row = graph.get(item.native_id, {"fields": streams.FIELDS})
    below_ours = "below_ours" in item.answer_needs
    heard = posts.post(row, place, mention=item.kind is Kind.MENTION, below_ours=below_ours)
    if not isinstance(heard, Item):
        yield heard
    elif mask(heard.text).text != mask(item.text).text:  # what we keep is masked
        yield replace(item, change=Change.EDITED, version=fields.version(place.at), text=heard.text)


def _sees_posts(graph: Graph, handle: Handle) -> bool:
    """Return true, or say that a permission is missing: that answers as a deleted post does (100/33)."""
    listed = fields.listed(graph.get("me/mentions", {"fields": "id", "limit": "1"}), "data")
    for row in listed:
        try:
            graph.get(fields.id_or_nothing(row.get("id")), {"fields": "id"})
        except Gone:
            told = "posts that are listed cannot be read by their ids: a permission is missing"
            raise Refused(NETWORK, told, handle=handle.handle) from None
    return True
