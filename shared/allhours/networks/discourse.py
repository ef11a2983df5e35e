"""Discourse forums: every post of our own forum, or what names us on one that gives us a key.

Written from docs.discourse.org (openapi.json of 2026-08), Discourse's code of the web hook job, the posts
controller and the latest posts, and recorded answers. One handle is one account on one forum; `base_url` is
the forum.

What we decided where Discourse leaves it open:

* **Ids.** Numbers repeat from forum to forum, so a post's id is its short address `<forum>/p/<number>`, and
  an author's is `<host>#<number>`, which outlasts a change of name.
* **Webhook and sweep.** The webhook tells within seconds, but is tried again only where the forum allows it,
  and 404 or 410 switches it off; the sweep of `/posts.json` every ten minutes fills its gaps. Its body does
  not name the forum, the header `X-Discourse-Instance` does. It is not signed, so a forum that could sign for
  another has its secret named after it (`forum.example=word`).
  `/private-posts.json` lists our private messages like `/posts.json` does; openapi.json leaves it out.
* **Private.** A private message is; so is what stands in a category of `private_categories`, which
  `allhours doctor` holds against the forum; and a post of which nothing tells what sort of topic it is in.
* **Conversation.** A post does not say who began its topic, so it always names the author:
  `<topic>:<author>`. A private message is one conversation.
* **Version** counts edits twice, so that a deletion fits between two (`version`: 1 is 0, 2 is 2, deleted is
  one more). An edit within the forum's grace period (five minutes) has no version, and changes nothing here;
  nor does the second `post_edited` that first posts may give. A recovered post stays deleted here.
* **Words** are those of `cooked`, which every answer has, quotes marked as such.

What it does not do: topics, users, likes and reviewables (webhooks name them, nobody said anything), chat,
search, notifications. Skipped posts name one of the reasons in `_discourse.posts`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import BadSignature, Malformed, RateLimited, Refused
from allhours.domain.item import Change, Item, Skipped
from allhours.networks._discourse.api import Forum, Gone
from allhours.networks._discourse.posts import (
    FORGET,
    NETWORK,
    NO_POST,
    Place,
    decoded,
    heard_event,
    heard_post,
    parse,
    post_id_of,
    posts_in,
)
from allhours.networks.contract import (
    Capabilities,
    Connector,
    Cursor,
    Fetched,
    Greeting,
    Meter,
    Replier,
    no,
    yes,
)
from allhours.networks.paging import FetchedPosts, newest_first, read_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Credentials, Delivery
    from allhours.networks.http import Http
    from allhours.networks.paging import Marks

__all__ = ["Discourse", "answering", "capabilities", "connect", "parse", "setting_up"]

PAGES = 8  # of 50 posts, a stream and poll: a quarter of a usual key's 60 calls a minute for both streams
OVERLAP = 40  # ids; less than a page, so that an idle sweep costs one call a stream
TOPICS = 30  # re-read in one go: half of a usual key's calls a minute
POSTS = 20  # of one topic in one call, as the forum's own page asks
WINDOW = 50  # ids that an older release looks through for a page, however few of them are posts for us
FORGOTTEN = frozenset({"user_destroyed", "user_anonymized"})
_NAMED = re.compile(r"(?P<forum>[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/[\w/-]*)?)=(?P<secret>\S+)")

capabilities = Capabilities(
    name=NETWORK,
    title="Discourse forums",
    base_url="the forum's own address",
    reads=("posts", "private messages", "re-read of kept posts"),
    pushes=("post",),
    polls_every=timedelta(minutes=10),
    edits=yes("told by webhook, else found by re-reading kept posts: `version`"),
    deletes=yes("told by webhook, else found by re-reading kept posts: left out, or `deleted_at`"),
    private_items=yes("private messages, and the categories named in private_categories"),
    replies=yes("a post in the topic that replies to theirs"),
    private_replies=yes("a post in the same private message or restricted category"),
    moves_to_private=yes("a private message to the author with a link to the public topic"),
    hides=no("hiding a customer's post is the forum moderators' decision, taken on the forum"),
    withdraws=yes("DELETE /posts/{id}.json; a post that waits for approval is taken back from the queue"),
    length="20 to 32,000 characters, 10 in private messages; the forum's own limits by settings",
    found_again=yes(
        "among the replies to the post, then in the queue for approval; a new private message by "
        "its external id"
    ),
    idempotent_replies=False,
    cost="nothing",
    needs=(
        "an account on the forum and an API key for it (global, or granular: posts, topics, users to read)",
        "an administrator who adds the webhook, with a secret",
    ),
    secret_fields=("api_key",),
    optional_secret_fields=("api_username",),
    app_secret_fields=("webhook_secret",),
    leaves_alone=(
        "whispers: staff among themselves, never to be quoted",
        "chat, notifications, likes, reviewables: no posts",
        "search: the sweep shows everything that our account may read",
        "recovered posts: what was deleted once stays deleted here",
        "edits within the grace period: the forum gives them no version",
        "OAuth and user API keys: for apps of end users",
        "registering the webhook: the official API does not have it",
    ),
    api_pages=("https://docs.discourse.org/", "https://meta.discourse.org/t/setting-up-webhooks/49045"),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Discourse:
    """Return the forums, ready to read; their calls cost no quota of ours."""
    del meter
    return Discourse(credentials, http, app_secret=app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return the forums, ready to answer; nothing is asked of them or of the secrets yet."""
    from allhours.networks._discourse.answers import DiscourseAnswers

    del app_secret, meter
    return DiscourseAnswers(credentials, http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through a forum's setup; nothing is asked of it or of the secrets yet."""
    from allhours.networks._discourse.setup import DiscourseSetup

    return DiscourseSetup(credentials, http, app_secret=app_secret)


class Discourse:
    """Read forums by sweep and webhook, and read again what is kept."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Keep the ports; `app_secret` names the secret of the webhooks."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    # Push

    def greet(self, delivery: Delivery) -> Greeting:
        """Raise `BadSignature`: a forum asks no webhook whether it is ours."""
        raise BadSignature(NETWORK, f"a forum sends no {delivery.method}")

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless the raw body was signed with one of our secrets.

        Several, with spaces between them, are several forums' or an old and a new one; `forum.example=word`
        counts for that forum only.
        """
        instance = delivery.headers.get("x-discourse-instance", "")
        theirs = delivery.headers.get("x-discourse-event-signature", "")
        words = self._credentials.read(self._app_secret).get("webhook_secret", "").split()
        if not theirs:
            raise BadSignature(NETWORK, "delivery without a signature: give the webhook a secret")
        ours = [signature(secret, delivery.body).encode() for secret in _secrets(words, instance)]
        good = [hmac.compare_digest(theirs.encode(errors="replace"), each) for each in ours]
        if not any(good):
            raise BadSignature(NETWORK, f"signature is by none of webhook_secret in {self._app_secret}")

    def addressed(self, delivery: Delivery, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Return the handles on the forum that a verified delivery names.

        None where the event is one of `user` that we leave alone: their bodies all look the same.
        """
        kind, event = (delivery.headers.get(f"x-discourse-event{name}", "") for name in ("-type", ""))
        if kind == "user" and event not in FORGOTTEN:
            return ()
        instance = delivery.headers.get("x-discourse-instance", "")
        if not instance and len({each.base_url for each in handles}) == 1:
            return handles  # a proxy dropped the header, and there is one forum only
        return [each for each in handles if _same_address(each.base_url, instance)]

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return the post in a verified body, for the first of the addressed handles that listens to it."""
        told = decoded(body)
        if not handles:
            return (Skipped(network=NETWORK, native_id="", reason=NO_POST),)
        if isinstance(told, dict) and "user" in told and "post" not in told:
            return (Skipped(network=NETWORK, native_id="", reason=FORGET),)
        heard: tuple[Heard, ...] = ()
        for handle in handles:
            heard = tuple(heard_event(told, Place(handle=handle, at=at)))
            if any(not isinstance(each, Skipped) for each in heard):
                return heard
        return heard

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield the forum's newest posts and our private messages, a page at a time."""
        forum = Forum(self._credentials, self._http, handle, at)
        streams: dict[str, Callable[[Marks], Iterator[tuple[tuple[Heard, ...], Marks]]]] = {
            "posts": partial(_walk, forum, "/posts.json", "latest_posts")
        }
        if forum.has_key and handle.settings.get("private_messages") != "off":
            streams["private messages"] = partial(_walk, forum, "/private-posts.json", "private_posts")
        yield from read_streams(cursor, streams, at=at)

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of kept posts, topic by topic, others first at each call.

        The webhook tells them, too; so a limit of calls that is reached ends this quietly.
        """
        forum = Forum(self._credentials, self._http, handle, at)
        topics: dict[str, list[Item]] = {}
        for item in kept:
            if "topic_id" in item.answer_needs and item.change is not Change.DELETED:
                topics.setdefault(item.answer_needs["topic_id"], []).append(item)
        names = list(topics)
        turn = int(at.timestamp()) // 60 * TOPICS % len(names) if len(names) > TOPICS else 0
        for topic_id in [*names[turn:], *names[:turn]][:TOPICS]:
            try:
                yield from _became(forum, topic_id, topics[topic_id])
            except RateLimited:
                return


def signature(secret: str, body: bytes) -> str:
    """Return what a forum writes into its header: over the raw bytes, in small hex digits."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _secrets(words: Sequence[str], instance: str) -> list[str]:
    """Return the secrets that count for a forum: those without a name before them, and its own."""
    found = []
    for word in words:
        named = _NAMED.fullmatch(word)
        if not named:
            found.append(word)
        elif _same_address(named["forum"], instance.partition("://")[2]):
            found.append(named["secret"])
    return found


def _same_address(one: str, other: str) -> bool:
    return one.rstrip("/").casefold() == other.rstrip("/").casefold()


def _walk(forum: Forum, path: str, root: str, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Read newest first by number; a forum without posts begins at 1, so that its first burst is heard."""
    return newest_first(
        marks,
        read=partial(_page, forum, path, root),
        newer=lambda mark, other: int(mark) > int(other),
        overlap=lambda mark: str(max(int(mark) - OVERLAP, 1)),
        budget=PAGES,
        start="1",
    )


def _page(forum: Forum, path: str, root: str, floor: str, token: str | None) -> FetchedPosts:
    """Read one page of posts below a number; an older release shows that post itself again.

    A page without progress is no end: all in its window may be for others' eyes only, so we step over it.
    """
    answer = forum.get(path, [("before", token)] if token else [])
    if not isinstance(answer, dict) or not isinstance(answer.get(root), list):
        raise Malformed(NETWORK, f"{path}: no list of posts", handle=forum.handle.handle, field=root)
    found = posts_in(answer, Place(handle=forum.handle, at=forum.at)) or []
    mark = str(int(floor) + 1) if floor else "1"  # one without a number ends no walk
    posts: list[tuple[str, Heard]] = []
    for body, place in found:
        number = post_id_of(body)
        mark = str(number) if number else mark
        posts.append((mark, heard_post(body, place)))
    numbers = [number for body, _place in found if (number := post_id_of(body))]
    lowest = min(numbers, default=int(token or 0))
    if str(lowest) == token and floor:
        lowest = max(lowest - WINDOW, int(floor))
    older = str(lowest) if lowest > int(floor or 1) and str(lowest) != token else None
    return FetchedPosts(posts=tuple(posts), older=older)


def _became(forum: Forum, topic_id: str, kept: Sequence[Item]) -> Iterator[Heard]:
    """Yield what changed in one topic; a post that neither it nor the forum shows any more is deleted.

    Moderators move posts and merge topics, so each that is missing is asked for by itself; that our key still
    reads is shown first.
    """
    place = Place(handle=forum.handle, at=forum.at)
    for start in range(0, len(kept), POSTS):
        part = {item.answer_needs["post_id"]: item for item in kept[start : start + POSTS]}
        try:
            answer = forum.get(f"/t/{int(topic_id)}/posts.json", [("post_ids[]", each) for each in part])
        except Refused as error:
            forum.get("/site.json")  # our key is good, so it is about this topic
            if not isinstance(error, Gone):
                return  # it was moved to where we may not read
            answer = {"post_stream": {"posts": []}}
        shown = posts_in(answer, place)
        if shown is None:
            raise Malformed(NETWORK, "no posts of a topic", handle=forum.handle.handle, native_id=topic_id)
        there = {str(post_id_of(body)): (body, inside) for body, inside in shown}
        for post_id, item in part.items():
            try:
                body, inside = there.get(post_id) or (forum.get(f"/posts/{int(post_id)}.json"), place)
            except Gone:
                yield _gone(item)
                continue
            except Refused:
                continue  # it was moved to where we may not read
            heard = heard_post(body, replace(inside, archetype=item.answer_needs.get("archetype", "regular")))
            if isinstance(heard, Item) and heard.change is Change.DELETED:
                yield _gone(item)
            elif isinstance(heard, Item) and heard.version > item.version:
                title = item.text.partition("\n\n")[0] if item.answer_needs["post_number"] == "1" else ""
                text = "\n\n".join(each for each in (title, heard.text) if each)  # this list has no titles
                yield replace(item, change=heard.change, version=heard.version, text=text)


def _gone(item: Item) -> Item:
    """Return the deletion of a kept post."""
    version = item.version + 1
    return replace(item, change=Change.DELETED, version=version, text="", attachments=())
