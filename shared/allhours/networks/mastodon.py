"""Mastodon: mentions, private mentions, hashtags and searches of one account on one server.

Written from docs.joinmastodon.org (methods/notifications, timelines, search, statuses; api/rate-limits;
entities) for servers up to 4.6 and for others that speak the same API, GoToSocial above all.

**The id.** `native_id` is the status' `uri`, not its id: a status id is valid on one server only, so two
handles of ours on two servers would hear one post as two (a customer answered twice), and two servers may
give one id to two posts (one of them lost). What calls need, the id on the server that heard it, is
`answer_needs["status_id"]`. Authors likewise go by the `uri` of their account.

**Reading on.** Ids are opaque (numbers here, ULIDs there) and are never compared. Notifications and tag
timelines are read forwards with `min_id` and the `Link` header. The overlap is one page: the cursor keeps the
newest 40 entries, oldest first, and every poll begins behind the oldest of them, because a post that
federates late is filed under the time at which it was written. An entry whose key is known costs nothing; one
that was edited has a new key. Searches come newest first and use the marks of `paging.newest_first`, by time.

**Conversations.** Statuses do not name their thread's root, so an answer costs one `/context` read (one for
all answers in the same thread). Without it (deleted, too large) the parent's address on this server stands
in.

It does not stream (Lambda), take Web Push (encrypted, one per token), read conversations (mentions show the
same posts), change the notification policy (`drop` loses private mentions for good), or read polls. Answers
right below our own posts that drop our @handle are not found. Skipped posts name one of the reasons in
`_mastodon.posts`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from allhours.domain.item import Change, Heard, Item, Skipped, Unreadable
from allhours.networks._mastodon.found import our_id
from allhours.networks._mastodon.posts import (
    NETWORK,
    TO_OTHERS,
    Knot,
    heard_status,
    milliseconds,
    parse,
    placed,
    thread,
)
from allhours.networks._mastodon.server import SCOPES, Limits, Server, server_of
from allhours.networks._mastodon.streams import Reading, context_of, own_id
from allhours.networks.contract import (
    Capabilities,
    Connector,
    Credentials,
    Cursor,
    Fetched,
    Meter,
    Replier,
    no,
    yes,
)
from allhours.networks.paging import Marks, read_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from allhours.domain.handle import Handle
    from allhours.networks.http import Http

__all__ = ["Mastodon", "answering", "capabilities", "connect", "parse", "setting_up"]

BATCH = 20  # statuses a re-read: servers may cut longer lists, and what is missing would look deleted

capabilities = Capabilities(
    name=NETWORK,
    title="Mastodon",
    base_url="https://mastodon.social",
    reads=("mentions", "filtered private mentions", "hashtags", "search", "threads of kept posts"),
    polls_every=timedelta(seconds=60),
    edits=yes("told by some servers, else found by reading kept posts again; edited_at is the version"),
    deletes=yes("found by reading kept posts again: 404"),
    private_items=yes("statuses of visibility direct; the servers' administrators can read them"),
    replies=yes("in the parent's own visibility, always sent explicitly and never wider"),
    private_replies=yes("a direct status that mentions the person and nobody else"),
    moves_to_private=yes("a direct status below the public one"),
    hides=no("no server hides an answer below a post of ours"),
    withdraws=yes("copies on other servers may stay"),
    length="graphemes of the whole text, a link 23, @user@host as @user; 500, or what the server allows",
    found_again=yes("in the parent's thread, else among our newest statuses, by what they answer"),
    idempotent_replies=False,  # Idempotency-Key: an hour on Mastodon, ignored elsewhere
    needs=("an account on the server", f"an access token of it with {SCOPES}"),
    secret_fields=("access_token",),
    leaves_alone=(
        "streaming: a function cannot hold a connection",
        "Web Push: one encrypted subscription a token, and polling is within a minute anyway",
        "conversations: the same posts come as mentions",
        "replies without our @handle directly under our own posts: nothing tells of them",
        "polls: votes are not speech",
        "edits of our own answers: what was approved stays as it was sent, or is deleted",
        "content warnings and pictures in our answers: an answer is text",
        "the notification policy: it is the account owner's choice, and health tells when it loses posts",
    ),
    api_pages=(
        "https://docs.joinmastodon.org/methods/notifications/",
        "https://docs.joinmastodon.org/methods/timelines/#tag",
        "https://docs.joinmastodon.org/methods/search/",
        "https://docs.joinmastodon.org/methods/statuses/",
        "https://docs.joinmastodon.org/methods/apps/",
        "https://docs.joinmastodon.org/methods/oauth/",
        "https://docs.joinmastodon.org/methods/instance/#v2",
        "https://docs.joinmastodon.org/api/rate-limits/",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Mastodon:
    """Return the network, ready to read."""
    del app_secret, meter  # servers do not call us, and charge nothing
    return Mastodon(credentials, http)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return the network, ready to answer."""
    from allhours.networks._mastodon.answers import Answers

    del app_secret, meter
    return Answers(credentials, http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through a server's setup."""
    from allhours.networks._mastodon.setup import Setup

    del app_secret
    return Setup(credentials, http)


class Mastodon:
    """One reader for every handle, whichever server it is on."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http
        self._limits = Limits()

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield mentions, filtered ones too, and what the handle listens for; `Refused` without a token."""
        reading = Reading(server_of(self._credentials, self._http, handle, at), self._limits)
        streams: dict[str, Callable[[Marks], Iterable[tuple[tuple[Heard, ...], Marks]]]] = {
            "mentions": reading.mentions,
            "requests": reading.requests,
        }
        for word in handle.listen:
            read = reading.hashtag if word.startswith("#") else reading.search
            streams[word] = partial(read, word)
        yield from read_streams(cursor, streams, at=at)

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of the kept posts, then what was said below them."""
        server = server_of(self._credentials, self._http, handle, at)
        heard_here = [
            item for item in kept if item.handle == handle.handle and "status_id" in item.answer_needs
        ]
        by_status = {item.answer_needs["status_id"]: item for item in heard_here}
        there: list[Item] = []
        for status_id, body in _statuses(server, list(by_status)):
            item = by_status[status_id]
            if body is None:
                yield replace(item, change=Change.DELETED, version=milliseconds(at), text="", attachments=())
                continue
            there.append(item)
            heard = heard_status(body, handle, at)
            if isinstance(heard, Unreadable):
                yield heard
            elif isinstance(heard, Item) and heard.version > item.version:
                needs = MappingProxyType({**item.answer_needs, **heard.answer_needs})
                yield replace(
                    heard,
                    conversation_id=item.conversation_id,
                    parent_id=item.parent_id,
                    answer_needs=needs,
                )
        for heard in _below(server, there, known={item.native_id for item in kept}):
            yield self._limits.told(heard, server)


def _statuses(server: Server, status_ids: list[str]) -> Iterator[tuple[str, object]]:
    """Yield each status by id, None when it is gone: in batches (Mastodon 4.3), singly what those leave out.

    `Refused` when the server is none of this API: a wrong base_url must not look like deletions.
    """
    batches, sure, rest = True, False, iter(status_ids)
    while batch := list(islice(rest, BATCH)):
        listed = server.list_of("/api/v1/statuses", *(("id[]", each) for each in batch)) if batches else None
        batches = listed is not None
        bodies = {own_id(body): body for body in (listed[0] if listed else [])}
        for status_id in batch:
            if status_id in bodies:
                yield status_id, bodies[status_id]
            elif answer := server.get(f"/api/v1/statuses/{quote(status_id, safe='')}"):
                yield status_id, answer.body
            elif sure or server.get("/api/v2/instance"):
                if not sure:
                    our_id(server)  # to another account's token every private post looks deleted
                sure = True
                yield status_id, None
            else:
                raise server.lacks("/api/v2/instance")


def _below(server: Server, there: Sequence[Item], *, known: set[str]) -> Iterator[Heard]:
    """Yield what is new below the kept posts; a post below another one is covered by its thread."""
    authors: dict[str, set[str]] = {}
    for item in there:
        authors.setdefault(item.conversation_id, set()).add(item.author.author_id)
    covered: set[str] = set()
    for item in sorted(there, key=lambda each: each.created_at):
        if item.answer_needs["status_id"] in covered:
            continue
        context = context_of(server, item)
        knots = thread(context, server.handle, asked=item)
        below = context.get("descendants") if isinstance(context, dict) else []
        for body in below if isinstance(below, list) else []:
            covered.add(own_id(body))
            heard = placed(heard_status(body, server.handle, server.at), knots)
            if heard.native_id in known:
                continue
            known.add(heard.native_id)
            if _concerns_us(heard, knots, authors):
                yield heard
            else:
                yield Skipped(network=NETWORK, native_id=heard.native_id, reason=TO_OTHERS)


def _concerns_us(heard: Heard, knots: Mapping[str, Knot], authors: Mapping[str, set[str]]) -> bool:
    """Return whether a post names us, answers us, or goes on with a case of its author."""
    if not isinstance(heard, Item):
        return True
    parent = knots.get(heard.answer_needs.get("parent_status_id", ""))
    answers_us = parent is not None and parent.ours
    return (
        bool(heard.addressed)
        or answers_us
        or heard.author.author_id in authors.get(heard.conversation_id, ())
    )
