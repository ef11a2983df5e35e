"""Instagram professional accounts: comments, mentions and tags, and direct messages.

Written from developers.facebook.com/documentation/instagram-platform (webhooks, comment moderation,
ig-comment, ig-media/comments, private replies) and business-messaging/instagram-messaging, pages of 2026-07.

Webhooks tell within seconds; a poll below them finds what they missed, as far as Instagram lists it. A
mention is told by its ids only; its words come when it is read again. `settings.login` chooses between the
two logins.

What is skipped, and why, is named at the top of `_instagram.posts` and `_instagram.messages`.
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
from allhours.networks._instagram import posts, streams
from allhours.networks._instagram.graph import BASE_URL, MESSAGES, NETWORK, graph_for
from allhours.networks._instagram.messages import IGSID, named
from allhours.networks._meta import fields
from allhours.networks._meta.errors import Gone, TokenRefused
from allhours.networks._meta.walk import anywhere, patient
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

MOST_REREAD = 100  # posts a call reads again, one request each; another call takes others
PUBLIC_STREAMS = {"comments", "tags"}
NOT_VISIBLE = "not visible to our app"

capabilities = Capabilities(
    name="instagram",
    title="Instagram",
    base_url=BASE_URL,
    native_id="the account's id: `user_id` of /me",
    reads=("comments", "tags", "conversations"),
    pushes=(
        *("comments", "live_comments", "mentions", "messages", "message_edit", "message_reactions"),
        *("messaging_seen", "messaging_postbacks", "messaging_referral", "standby"),
    ),
    polls_every=timedelta(minutes=5),
    edits=yes("of messages told by webhook; of comments found by re-reading"),
    deletes=yes("unsent messages are told by webhook; deleted comments are found by re-reading"),
    private_items=yes("direct messages"),
    authors_by_look_up=True,
    replies=yes("comments below our media, mentions in captions and comments of other people"),
    private_replies=yes("direct messages within 24 hours, by a person within 7 days"),
    moves_to_private=yes("one message for each comment below our media, within 7 days of it"),
    hides=yes("comments below our media"),
    withdraws=yes("our comments; messages cannot be taken back by an app"),
    length="2,200 characters for a comment (not confirmed by Instagram), 1,000 bytes for a message",
    answer_within="messages: 24 hours after the customer's last one, 7 days with HUMAN_AGENT",
    answer_windows=ANSWER_WINDOWS[NETWORK],
    found_again=yes(
        "among the comment's replies or in the conversation; an answer to a mention is not shown"
    ),
    idempotent_replies=False,
    cost="nothing but quota",
    needs=(
        "a professional account that is public, and an app that is Live",
        "Instagram Login: Advanced Access to instagram_business_basic, _manage_comments and _manage_messages",
        "Facebook Login: a linked Page, Advanced Access to instagram_basic, _manage_comments, _messages",
        "Facebook Login: Advanced Access to pages_show_list, pages_read_engagement, pages_manage_metadata",
        "the Human Agent feature for answers after 24 hours",
        "a redirect address with https: Meta takes no loopback address of a Live app",
    ),
    secret_fields=("access_token",),
    optional_secret_fields=("expires_at", "renewed_at", "user_token"),
    app_secret_fields=("app_id", "app_secret", "verify_token"),
    leaves_alone=(
        "comments on advertisements: they need the Marketing API",
        "mentions that no webhook told: Instagram has no list of them",
        "stories, and the media in messages to them: they must not be kept; the id leads there",
        "postbacks, reactions, seen marks, referrals, opt-ins, handovers: nothing was said",
        "closing the comments of a whole media, and taking over conversations: a person does that",
        "messages behind the 20 newest of a conversation, and requests older than 30 days: not readable",
        "the callbacks for data deletion and deauthorisation: they are for people who sign in to our app",
        "hashtag search: public hashtags only, 30 a week, and it names no author",
    ),
    api_pages=(
        "https://developers.facebook.com/docs/instagram-platform",
        "https://developers.facebook.com/docs/instagram-platform/webhooks",
        "https://developers.facebook.com/docs/instagram-platform/comment-moderation",
        "https://developers.facebook.com/docs/messenger-platform/instagram",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Instagram:
    """Return Instagram, ready to read; nothing is asked of it or of the secrets yet."""
    del meter  # nothing is paid for, and quotas are told in headers
    return Instagram(credentials, http, app_secret=app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Instagram, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._instagram.answers import InstagramAnswers

    del meter
    return InstagramAnswers(credentials, http, app_secret=app_secret)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through the setup of an account."""
    from allhours.networks._instagram.setup import InstagramSetup

    return InstagramSetup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in a recorded answer or webhook body, as if the account it names were the handle's.

    `Malformed` when the body is no JSON, or a webhook body of something that is no Instagram account.
    """
    told = fields.decoded(NETWORK, body)
    if isinstance(told, dict) and ("object" in told or "entry" in told):
        return posts.webhook(body, lambda account: fields.Place(handle=handle, page=account, at=at))
    if not isinstance(told, dict | list):
        raise Malformed(NETWORK, "neither a webhook body nor an answer of the Graph API")
    return tuple(posts.graph(told, fields.Place(handle=handle, page=handle.native_id, at=at)))


class Instagram:
    """Read accounts by poll and webhook, re-read what is kept, and look up who wrote a message."""

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

        Which of two apps signs is not documented, so both count where both are given.
        """
        app = self._credentials.read(self._app_secret)
        secrets = secrets_of(app, "app_secret", "instagram_app_secret")
        verified(NETWORK, delivery, secrets, secret=self._app_secret)

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body, for the handles whose accounts it names."""
        places = {each.native_id: fields.Place(handle=each, page=each.native_id, at=at) for each in handles}
        return posts.webhook(body, places.get)

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield what is new below our media, what tags us and what was written to us; trouble once."""
        place = fields.Place(handle=handle, page=handle.native_id, at=at)
        waits = max((int(marks.get("throttled", 0)) for marks in cursor.values()), default=0)
        graph = self._graph(handle, at, waits=waits)
        reads: dict[str, Callable[[Marks], Steps]] = {
            "comments": partial(streams.comments, graph, place),
            "tags": partial(streams.tags, graph, place),
            "conversations": partial(streams.conversations, graph, place),
        }
        resting = {
            name for name, marks in cursor.items() if float(marks.get("not_before", 0)) > at.timestamp()
        }
        if (
            resting & PUBLIC_STREAMS
        ):  # they share a quota, and calling while it is used up makes the block longer
            resting |= PUBLIC_STREAMS
        awake = {name: partial(patient, read) for name, read in reads.items() if name not in resting}
        told: list[NetworkError] = []
        for step in read_streams(cursor, awake, at=at):
            again = any(step.trouble is each for each in told)
            told += [step.trouble] if step.trouble and not again else []
            yield replace(step, trouble=None) if again else step

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield what became of kept comments and mentions, and answers below them that we have not.

        Each costs a request, so a call takes a part of them, another call another.
        """
        graph = self._graph(handle, at)
        place = fields.Place(handle=handle, page=handle.native_id, at=at)
        public = [
            item
            for item in kept
            if item.kind is not Kind.MESSAGE
            and item.change is not Change.DELETED
            and "tagged" not in item.answer_needs  # other people's media cannot be read by their ids
        ]
        # The account comes first: when it cannot be read, the fault is ours, and nobody deleted anything.
        graph.get("me", {"fields": "id"})
        known = {item.native_id for item in kept}
        start = anywhere(at, len(public))
        probed = False
        for item in [*public[start:], *public[:start]][:MOST_REREAD]:
            try:
                yield from _became(item, graph, place, known)
                probed = probed or "mention" not in item.answer_needs
            except TokenRefused:
                raise
            except _Deleted:
                probed = probed or _sees_comments(graph, handle)
                version = fields.version(at)
                yield replace(
                    item, change=Change.DELETED, version=version, text="", attachments=(), masked=()
                )
            except Refused:
                yield Skipped(network=NETWORK, native_id=item.native_id, reason=NOT_VISIBLE)

    # AuthorBook

    def authors(self, handle: Handle, author_ids: Sequence[str], *, at: datetime) -> Mapping[str, Author]:
        """Return the names behind message ids and unread mentions; nobody else can be looked up."""
        graph = self._graph(handle, at)
        found: dict[str, Author] = {}
        for author_id in author_ids:
            try:
                if author_id.startswith(IGSID):
                    asked = {"fields": "name,username"}
                    person = graph.get(author_id.removeprefix(IGSID), asked, quota=MESSAGES)
                elif author_id.startswith(posts.UNKNOWN):
                    asked = {"fields": mention_fields(author_id.removeprefix(posts.UNKNOWN), "username")}
                    person = fields.dict_of(graph.get(handle.native_id, asked).get("mentioned_comment"))
                else:
                    continue
            except TokenRefused:
                raise
            except Refused:
                continue  # the person has not written first, or the mention is in a caption
            if username := fields.word(person.get("username")):
                name = plain(fields.word(person.get("name")), limit=fields.LONGEST_NAME)
                found[author_id] = replace(named(author_id, username), name=name)
        return found

    def _graph(self, handle: Handle, at: datetime, *, waits: int = 0) -> Graph:
        return graph_for(
            self._http, self._credentials, handle, app_secret=self._app_secret, at=at, waits=waits
        )


# Re-reading


def mention_fields(native_id: str, wanted: str, *, media: bool = False) -> str:
    """Return the field by which a mention is looked up: a comment, or the caption of a media."""
    what = "mentioned_media.media_id" if media else "mentioned_comment.comment_id"
    return f"{what}({native_id}){{{wanted}}}"


class _Deleted(Refused):
    """A comment below our media that is not there by its id."""


def _sees_comments(graph: Graph, handle: Handle) -> bool:
    """Return true, or say that a permission is missing: that answers as a deleted comment does (100/33)."""
    media = fields.listed(graph.get(f"{handle.native_id}/media", {"fields": "id,comments_count"}), "data")
    told = next((row for row in media if row.get("comments_count")), {})
    if media_id := fields.id_or_nothing(told.get("id")):
        listed = graph.get(f"{media_id}/comments", {"fields": "id", "limit": "1"})
        for row in fields.listed(listed, "data"):
            try:
                graph.get(fields.id_or_nothing(row.get("id")), {"fields": "id"})
            except Gone:
                why = "comments that are listed cannot be read by their ids: a permission is missing"
                raise Refused(NETWORK, why, handle=handle.handle) from None
    return True


def _became(item: Item, graph: Graph, place: fields.Place, known: set[str]) -> Iterator[Heard]:
    """Yield the edit or deletion that one look shows, and answers to the comment that are new to us."""
    version = fields.version(place.at)
    if item.answer_needs.get("mention"):
        comment = "comment_id" in item.answer_needs
        wanted = "id,text,timestamp,username,media{id,permalink}" if comment else streams.TAGGED_FIELDS
        asked = mention_fields(item.native_id, wanted, media=not comment)
        heard = list(posts.mentioned(graph.get(place.page, {"fields": asked}), place))
    else:
        try:
            row = graph.get(item.native_id, {"fields": streams.COMMENT_FIELDS})
        except Gone as gone:
            raise _Deleted(NETWORK, gone.detail, handle=gone.handle) from None
        media = {"id": item.answer_needs.get("media_id", "")}
        heard = list(posts.comments({"media": media, **row}, place, permalink=item.permalink))
    for number, each in enumerate(heard):
        if number:
            yield from [] if each.native_id in known else [each]
        elif not isinstance(each, Item):
            yield each
        elif mask(each.text).text != mask(item.text).text:  # what we keep is masked
            author = each.author if item.author.author_id.startswith(posts.UNKNOWN) else item.author
            yield replace(
                item,
                change=Change.EDITED,
                version=version,
                text=each.text,
                author=author,
                permalink=each.permalink or item.permalink,
                attachments=each.attachments,
            )
