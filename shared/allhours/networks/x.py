"""Read X: mentions, keyword search and direct messages by polling, activity events by webhook.

Written from docs.x.com: x-api/posts (mentions, recent search, lookup), x-api/direct-messages, x-api/users,
x-api/activity and x-api/webhooks, and from the OpenAPI files 2.159 and 2.167. `_x.api` asks, `_x.posts` and
`_x.events` read what comes back and list the reasons for leaving a post alone.

What it does not do: OAuth 1.0a (its tokens cannot subscribe to private events), the activity stream (a
function cannot hold it open), encrypted XChat messages (no API shows them). Quotes that name nobody come by
webhook only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import BadSignature, Malformed, Refused
from allhours.domain.item import Author, Change, Item, Unreadable, Visibility
from allhours.networks._x.api import VOCABULARIES, Reader, Vocabulary
from allhours.networks._x.call import Caller, Paid
from allhours.networks._x.events import hear_answer, hear_event
from allhours.networks._x.posts import (
    NAME,
    entries_of,
    gone_ids,
    hear_post,
    includes_of,
    is_id,
    loads,
    newest_version,
    snowflake,
    users_of,
)
from allhours.networks.contract import (
    Budget,
    Capabilities,
    Connector,
    Credentials,
    Cursor,
    Delivery,
    Fetched,
    Greeting,
    Meter,
    Replier,
    yes,
)
from allhours.networks.paging import read_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.http import Http

_CHALLENGE = re.compile(r"[A-Za-z0-9_=+/.-]{1,200}")
_MANY = 100  # ids in one look-up
_QUERY = 512  # characters of a search query on self-serve tiers

capabilities = Capabilities(
    name=NAME,
    title="X",
    base_url="https://api.x.com",
    native_id="the user id, digits",
    reads=("mentions", "search", "messages"),
    pushes=(
        "post.mention.create",
        "post.reply.create",
        "post.quote.create",
        "dm.received",
        "post.delete",
        "oauth.revoke",
    ),
    polls_every=timedelta(minutes=1),
    edits=yes("a new id per edit; told with the next mention, else found by re-reading"),
    deletes=yes("found by re-reading; pushed only for authors whose post.delete we subscribed to"),
    private_items=yes("direct messages, unless encrypted"),
    authors_by_look_up=True,
    replies=yes("if the author mentioned or quoted this very handle; enterprise access has no such rule"),
    private_replies=yes("a direct message"),
    moves_to_private=yes("a direct message, if the author accepts ours; X tells when we send"),
    hides=yes("replies in conversations that we began"),
    withdraws=yes("posts; a direct message cannot be taken back"),
    length="280 weighted characters: most scripts 1, others and emoji 2, a link 23; a message 10,000",
    found_again=yes("own posts since the approval that answer the item; of messages, those with our words"),
    idempotent_replies=False,
    cost="a mention $0.001, another post $0.005, a message or an author $0.010; "
    "an answer $0.010 to $0.015, with a link $0.200",
    # 1,000 mentions, 200 search hits, 100 messages and 100 authors are $4
    budget=Budget(unit="US dollars", a_day=5.0),
    needs=("a developer app with credit, owned by the brand's account", "a user token of each handle"),
    secret_fields=("access_token",),
    optional_secret_fields=(
        "refresh_token",
        "client_id",
        "client_secret",
        "scope",
        "bearer_token",
        "expires_at",
    ),
    app_secret_fields=("consumer_secret",),
    leaves_alone=(
        "OAuth 1.0a tokens: they cannot subscribe to private events",
        "encrypted XChat messages: no API shows their words",
        "badge and picture; followers are for one report, where an event brings them, and for no priority",
        "the activity stream: a function cannot hold it open",
        "quote posts, likes and follows by us: closed to self-serve apps",
        "a link into a direct message: it makes the post cost thirteen times as much",
        "batch compliance jobs: kept posts are read again one by one",
        "replaying missed deliveries: the poll hears them",
    ),
    api_pages=(
        "https://docs.x.com/x-api/users/get-mentions",
        "https://docs.x.com/x-api/posts/search-recent-posts",
        "https://docs.x.com/x-api/posts/get-posts-by-ids",
        "https://docs.x.com/x-api/posts/create-post",
        "https://docs.x.com/x-api/posts/hide-reply",
        "https://docs.x.com/x-api/direct-messages/get-dm-events",
        "https://docs.x.com/x-api/direct-messages/create-dm-message-by-participant-id",
        "https://docs.x.com/x-api/activity/introduction",
        "https://docs.x.com/x-api/webhooks/introduction",
        "https://docs.x.com/fundamentals/rate-limits",
        "https://docs.x.com/fundamentals/counting-characters",
        "https://docs.x.com/x-api/getting-started/pricing",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> X:
    """Return X, ready to read; nothing is asked of it or of the secrets yet."""
    return X(credentials, http, app_secret=app_secret, meter=meter)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return X, ready to answer."""
    from allhours.networks._x.answers import Answers

    del app_secret  # it signs what X tells us
    return Answers(credentials, http, meter=meter)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through X's setup."""
    from allhours.networks._x.setup import Setup

    del app_secret  # only the webhook reads it
    return Setup(credentials, http)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return what a recorded answer or webhook body holds; `Malformed` when it is none of X's."""
    document = loads(body, handle=handle.handle)
    data = document.get("data")
    if isinstance(data, dict) and "event_type" in data and "event_uuid" in data:
        return hear_event(document, (handle,), at)
    return hear_answer(document, handle, at)


class X:
    """X for any number of handles; tokens belong to the handle, the webhook's secret to the app."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> None:
        """Keep what calls will need."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._meter = meter
        self._spoken: dict[str, Vocabulary] = {}
        self._paid: dict[str, Paid] = {}

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield new mentions, then search hits, then direct messages, page by page."""
        for marks in cursor.values():
            spoken = VOCABULARIES.get(marks.get("vocabulary", ""))
            if spoken:
                self._spoken.setdefault(handle.key, spoken)
        reader = self._reader(handle, at)
        streams = {"mentions": partial(reader.walk, read=reader.mentions)}
        for number, query in enumerate(_queries(handle)):
            name = f"search {number + 1}" if number else "search"
            streams[name] = partial(reader.walk, read=partial(reader.search, query))
        if reader.may_read_messages:
            streams["messages"] = partial(reader.walk, read=reader.messages)
        yield from read_streams(cursor, streams, at=at)

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of the kept posts; X tells neither of direct messages."""
        reader = self._reader(handle, at)
        public = {_version_id(item): item for item in kept if item.visibility is not Visibility.PRIVATE}
        edited: list[str] = []
        for ids in _in_portions(list(public)):
            document = reader.look_up(ids)
            # Of an author who locks the account or is suspended we may keep nothing either (developer terms).
            for gone in gone_ids(document):
                if gone in public:
                    yield _deleted(public[gone], at)
            newest = [newest_version(entry) for entry in entries_of(document, handle=handle.handle)]
            edited += [each for each in newest if each and each not in public]
        for ids in _in_portions(edited):
            document = reader.look_up(ids)
            users = includes_of(document)
            for entry in entries_of(document, handle=handle.handle):
                yield hear_post(entry, handle, at, users=users)

    def authors(self, handle: Handle, author_ids: Sequence[str], *, at: datetime) -> Mapping[str, Author]:
        """Return names and handles by id; each author costs as much as ten mentions."""
        reader = self._reader(handle, at)
        found: dict[str, Author] = {}
        for ids in _in_portions([each for each in dict.fromkeys(author_ids) if is_id(each)]):
            document = reader.people(ids)
            found |= users_of(entries_of(document, handle=handle.handle))
        return found

    def greet(self, delivery: Delivery) -> Greeting:
        """Answer the challenge-response check; `BadSignature` when there is no challenge.

        The answer signs whatever the challenge is, with the key that signs events. An event begins with a
        brace, which no challenge has, so nobody can have one signed here.
        """
        token = delivery.query.get("crc_token", "")
        if not _CHALLENGE.fullmatch(token):
            raise BadSignature(NAME, "the greeting has no crc_token that X would send")
        answer = {"response_token": f"sha256={self._signed(token.encode())}"}
        return Greeting(body=json.dumps(answer), content_type="application/json")

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless the raw body was signed with the app's consumer secret."""
        told = delivery.headers.get("x-twitter-webhooks-signature", "")
        if not hmac.compare_digest(
            told.encode(errors="replace"), f"sha256={self._signed(delivery.body)}".encode()
        ):
            raise BadSignature(NAME, "x-twitter-webhooks-signature does not fit the body")

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified event; `Malformed` when the body is no event at all."""
        document = loads(body)
        if not isinstance(document.get("data"), dict):
            raise Malformed(NAME, "the delivery is no event", field="data")
        if not handles:
            detail = "the organisation file has no handle on X"
            return (Unreadable(network=NAME, handle="", native_id="", field="handles", detail=detail),)
        return hear_event(document, handles, at)

    def _reader(self, handle: Handle, at: datetime) -> Reader:
        caller = Caller(
            credentials=self._credentials,
            http=self._http,
            handle=handle,
            at=at,
            meter=self._meter,
            paid=self._paid,
        )
        return Reader(caller=caller, spoken=self._spoken)

    def _signed(self, raw: bytes) -> str:
        secret = self._credentials.read(self._app_secret).get("consumer_secret", "")
        if not secret:
            raise Refused(
                NAME, f"secret {self._app_secret} has no consumer_secret (the app's API key secret)"
            )
        return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def _queries(handle: Handle) -> list[str]:
    """Return queries for all that we listen for, each short enough for X; own posts are not paid for."""
    without = f" -is:retweet -from:{handle.handle.lstrip('@')}"
    queries: list[str] = []
    terms = ""
    for word in handle.listen:
        term = (
            word
            if word.startswith(("#", "@", "$")) and " " not in word
            else '"' + word.replace('"', "") + '"'
        )
        longer = f"{terms} OR {term}" if terms else term
        if terms and len(longer) + len(without) + 2 > _QUERY:
            queries.append(f"({terms}){without}")
            longer = term
        terms = longer
    return [*queries, f"({terms}){without}"] if terms else []


def _version_id(item: Item) -> str:
    return str(item.version) if item.version else item.native_id


def _deleted(item: Item, at: datetime) -> Item:
    """Return the item's deletion, without its words."""
    author = Author(author_id=item.author.author_id)
    version = max(snowflake(at), item.version + 1)
    return replace(
        item, change=Change.DELETED, version=version, author=author, text="", attachments=(), masked=()
    )


def _in_portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _MANY):
        yield ids[start : start + _MANY]
