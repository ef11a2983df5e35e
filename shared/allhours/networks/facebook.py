"""Facebook Pages and Messenger: posts, comments, mentions, recommendations, and what people write in private.

Written from developers.facebook.com: docs/graph-api (overview/rate-limiting, guides/error-handling,
batch-requests, results, reference/page/feed, /tagged, /ratings, webhooks/getting-started,
webhooks/reference/page), documentation/pages-api (comments-mentions, webhooks-for-pages),
documentation/business-messaging/messenger-platform (send-messages, discovery/private-replies, error-codes).

Webhooks tell within seconds; polls fill the gaps (`_facebook.streams`). Version 26 took away `GET /?ids=`
(restfb/restfb #1692), so re-reading and profiles go through batch requests. What is skipped, and why, is
named at the top of `_facebook.items`; what we leave alone, in `capabilities`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import Malformed, NetworkError, Refused
from allhours.domain.item import Author, Change, Item, Kind, Skipped
from allhours.domain.personal_data import mask
from allhours.domain.plain_text import plain
from allhours.networks._facebook import items, posts, streams
from allhours.networks._facebook.graph import NETWORK, graph_for
from allhours.networks._meta import fields
from allhours.networks._meta.errors import Gone
from allhours.networks._meta.walk import patient, walk
from allhours.networks._meta.webhook import greeting, secrets_of, verified
from allhours.networks.contract import Capabilities, yes
from allhours.networks.paging import read_streams
from allhours.networks.windows import ANSWER_WINDOWS

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

BATCH = 50  # operations in one batch request (docs/graph-api/batch-requests)

capabilities = Capabilities(
    name="facebook",
    title="Facebook Pages and Messenger",
    base_url="https://graph.facebook.com",
    native_id="the Page's id",
    reads=("feed", "tagged", "comments", "conversations", "ratings"),
    pushes=(
        *("feed", "mention", "ratings", "messages", "message_echoes", "message_edits", "standby"),
        *("message_deliveries", "messaging_handovers", "messaging_policy_enforcement"),
    ),
    polls_every=timedelta(minutes=2),
    edits=yes("told by webhook; comments and posts are also found by re-reading"),
    deletes=yes("told by webhook (remove, is_deleted); comments and posts are also found by re-reading"),
    private_items=yes("Messenger conversations and private comments"),
    authors_by_look_up=True,
    replies=yes("a comment below a post, a comment or a recommendation"),
    private_replies=yes("Messenger within 24 hours, by a person within 7 days"),
    moves_to_private=yes("one Messenger message for each comment or visitor post, within 7 days of it"),
    hides=yes("comments on our Page"),
    withdraws=yes("our comments; Messenger messages cannot be taken back"),
    length="8,000 characters for a comment, 2,000 for a message (library values, not confirmed by Facebook)",
    answer_within="Messenger: 24 hours after the customer's last message, 7 days with HUMAN_AGENT",
    answer_windows=ANSWER_WINDOWS["facebook"],
    found_again=yes("a comment below its target, a message in its conversation: by our Page and the words"),
    idempotent_replies=False,
    needs=(
        "an app that is Live, subscribed to object `page` and to each Page (`allhours connect` does both)",
        "Advanced Access to pages_read_engagement, pages_read_user_content, pages_manage_metadata",
        "Advanced Access to pages_manage_engagement for answers, to pages_messaging for Messenger",
        "the Human Agent feature for answers after 24 hours",
        "a Page token, better the user token of a Business System User that may make one",
    ),
    secret_fields=("page_token",),
    optional_secret_fields=("user_token",),
    app_secret_fields=("app_id", "app_secret", "verify_token"),
    leaves_alone=(
        "postbacks: a tapped button; the payload is the bot's word, not the customer's",
        "reactions, read receipts, deliveries, referrals, opt-ins, handovers: nothing was said",
        "comments under other people's posts that mention us: not listed for us, only the mention is",
        "edits of Messenger messages and of recommendations by poll: only the webhook tells them",
        "taking over a conversation that another app owns: whose it is, a person decides in Business Suite",
        "the callbacks for data deletion and deauthorisation: they are for people who sign in to our app",
        "client certificates of deliveries (mTLS): the signature over the raw body proves the sender",
    ),
    api_pages=(
        "https://developers.facebook.com/docs/graph-api",
        "https://developers.facebook.com/docs/graph-api/webhooks/reference/page",
        "https://developers.facebook.com/documentation/pages-api",
        "https://developers.facebook.com/documentation/business-messaging/messenger-platform",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Facebook:
    """Return Facebook, ready to read; nothing is asked of it or of the secrets yet."""
    del meter  # nothing is paid for, and quotas are told in headers
    return Facebook(credentials, http, app_secret=app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Facebook, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._facebook.answers import FacebookAnswers

    del meter
    return FacebookAnswers(credentials, http, app_secret=app_secret)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through the setup of a Page."""
    from allhours.networks._facebook.setup import FacebookSetup

    return FacebookSetup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in a recorded answer or webhook body, as if the Page it names were the handle's.

    `Malformed` when the body is no JSON, or a webhook body of something that is no Page.
    """
    told = fields.decoded(NETWORK, body)
    if isinstance(told, dict) and ("object" in told or "entry" in told):
        return posts.webhook(body, lambda page: fields.Place(handle=handle, page=page, at=at))
    if not isinstance(told, dict | list):
        raise Malformed(NETWORK, "neither a webhook body nor an answer of the Graph API")
    return tuple(posts.graph(told, fields.Place(handle=handle, page=handle.native_id, at=at)))


class Facebook:
    """Read Pages by poll and webhook, re-read what is kept, and look up who wrote in Messenger."""

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
        """Raise `BadSignature` unless `X-Hub-Signature-256` is the raw body's; SHA-1 does not count."""
        app = self._credentials.read(self._app_secret)
        verified(NETWORK, delivery, secrets_of(app), secret=self._app_secret)

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body, for the handles whose Pages it names."""
        places = {each.native_id: fields.Place(handle=each, page=each.native_id, at=at) for each in handles}
        return posts.webhook(body, places.get)

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield what is new on the Page and in its conversations; one trouble is told once."""
        place = fields.Place(handle=handle, page=handle.native_id, at=at)
        waits = max((int(marks.get("throttled", 0)) for marks in cursor.values()), default=0)
        graph = self._graph(handle, at, waits=waits)
        reads: dict[str, Callable[[Marks], Steps]] = {
            "feed": partial(walk, partial(streams.listed, graph, place, "feed"), at=at),
            "tagged": partial(walk, partial(streams.listed, graph, place, "tagged"), at=at),
            "comments": partial(streams.comments, graph, place),
            "conversations": partial(walk, partial(streams.conversations, graph, place), at=at),
            "ratings": partial(streams.ratings, graph, place),
        }
        resting = {
            name for name, marks in cursor.items() if float(marks.get("not_before", 0)) > at.timestamp()
        }
        # Page streams share a quota, and calling while it is used up makes the block longer
        if resting & streams.PAGE_STREAMS:
            resting |= streams.PAGE_STREAMS
        awake = {name: partial(patient, read) for name, read in reads.items() if name not in resting}
        told: list[NetworkError] = []
        for step in read_streams(cursor, awake, at=at):
            again = any(step.trouble is each for each in told)
            told += [step.trouble] if step.trouble and not again else []
            yield replace(step, trouble=None) if again else step

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield what became of kept comments and posts: edited, deleted, or unchanged and then nothing."""
        graph = self._graph(handle, at)
        place = fields.Place(handle=handle, page=handle.native_id, at=at)
        told = {Kind.MESSAGE, Kind.REVIEW}  # these two only the webhook tells
        public = [item for item in kept if item.kind not in told and item.change is not Change.DELETED]
        for start in range(0, len(public), BATCH - 1):
            part = public[start : start + BATCH - 1]
            # The Page comes first: when it cannot be read, the fault is ours, and nobody deleted anything.
            page, *answers = graph.batch([f"{place.page}?fields=id", *(_path(item) for item in part)])
            if isinstance(page, NetworkError):
                raise page
            shown = any(isinstance(answer, dict) for answer in answers)
            if not shown and any(isinstance(answer, Gone) for answer in answers):
                _prove_sight(graph, place)
            for item, answer in zip(part, answers, strict=True):
                yield from _became(item, answer, place)

    # AuthorBook

    def authors(self, handle: Handle, author_ids: Sequence[str], *, at: datetime) -> Mapping[str, Author]:
        """Return the names behind Messenger ids; nobody else can be looked up, and no id is another's."""
        wanted = [each for each in author_ids if each.startswith(items.PSID)]
        graph = self._graph(handle, at)
        found: dict[str, Author] = {}
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            paths = [f"{each.removeprefix(items.PSID)}?fields=first_name,last_name" for each in part]
            for author_id, profile in zip(part, graph.batch(paths, quota="messenger"), strict=True):
                if isinstance(profile, dict):
                    names = (profile.get("first_name"), profile.get("last_name"))
                    name = plain(" ".join(each for each in names if isinstance(each, str)), limit=200)
                    found[author_id] = Author(author_id=author_id, name=name)
        return found

    def _graph(self, handle: Handle, at: datetime, *, waits: int = 0) -> Graph:
        return graph_for(
            self._http, self._credentials, handle, app_secret=self._app_secret, at=at, waits=waits
        )


# Re-reading


def _path(item: Item) -> str:
    comment_id = item.answer_needs.get("comment_id")
    asked = streams.COMMENT_FIELDS if comment_id else streams.POST_FIELDS
    return f"{comment_id or item.native_id}?fields={asked}"


def _prove_sight(graph: Graph, place: fields.Place) -> None:
    """Raise `Refused` where listed objects cannot be read by their ids: a lost permission is no deletion."""
    listed = next(graph.pages(f"{place.page}/feed", {"fields": "id", "limit": "5"})).rows
    ids = [post_id for row in listed if (post_id := fields.id_or_nothing(row.get("id")))]
    if not ids:
        return
    below = next(graph.pages(f"{ids[0]}/comments", {"fields": "id", "filter": "stream", "limit": "1"})).rows
    seen = [comment_id for row in below if (comment_id := fields.id_or_nothing(row.get("id")))]
    try:
        graph.get((seen or ids)[0], {"fields": "id"})
    except Gone:
        told = "what is listed cannot be read by its id: a permission is missing, nobody deleted anything"
        raise Refused(NETWORK, told, handle=place.handle.handle) from None


def _became(item: Item, answer: object, place: fields.Place) -> Iterator[Heard]:
    """Yield the edit or deletion that one operation of a batch shows; what failed for now yields nothing."""
    version = fields.version(place.at)
    never_seen = item.kind is Kind.MENTION and item.author.author_id.startswith(items.UNKNOWN)
    if isinstance(answer, Gone) and not never_seen:
        yield replace(item, change=Change.DELETED, version=version, text="", attachments=(), masked=())
    elif isinstance(answer, Refused):
        yield Skipped(network=NETWORK, native_id=item.native_id, reason=items.NOT_VISIBLE)
    elif isinstance(answer, dict):
        if item.answer_needs.get("comment_id"):
            heard = posts.graph_comment(answer, place, post_id=item.answer_needs.get("post_id", ""))
        else:
            heard = posts.graph_post(answer, place, mention=item.kind is Kind.MENTION)
        if not isinstance(heard, Item):
            yield heard
        elif mask(heard.text).text != mask(item.text).text:  # what we keep is masked
            author = heard.author if item.author.author_id.startswith(items.UNKNOWN) else item.author
            yield replace(item, change=Change.EDITED, version=version, text=heard.text, author=author)
