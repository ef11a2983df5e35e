"""Facebook Pages and Messenger: posts, comments and mentions, and what people write to a Page in private.

Written from developers.facebook.com: docs/graph-api (overview/rate-limiting, guides/error-handling,
batch-requests, results, reference/page/feed and /tagged, webhooks/getting-started, webhooks/reference/page),
documentation/pages-api (comments-mentions, webhooks-for-pages), documentation/business-messaging.

Webhooks tell within seconds; polls fill the gaps. Feeds are ranked and cursors must not be stored, so an
unfinished walk cannot be resumed: `low` stays, and the next poll walks again with twice the pages. Version 26
took away `GET /?ids=` (restfb/restfb #1692), so re-reading and profiles go through batch requests.

Not read: recommendations (a later issue), reactions, comments under other people's posts that mention us.
What is skipped, and why, is named at the top of `_facebook_posts`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from allhours.domain.errors import BadSignature, Malformed, NetworkError, RateLimited, Refused
from allhours.domain.item import Author, Change, Item, Kind, Skipped
from allhours.domain.personal_data import mask
from allhours.domain.plain_text import plain
from allhours.networks import _facebook_posts as posts
from allhours.networks._facebook_graph import Gone, Graph
from allhours.networks.contract import Capabilities, Greeting
from allhours.networks.paging import MOST_SEEN, FetchedPosts, read_streams, seen_key
from allhours.networks.windows import ANSWER_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Credentials, Cursor, Delivery, Fetched
    from allhours.networks.http import Http
    from allhours.networks.paging import Marks

    Steps = Iterator[tuple[tuple[Heard, ...], Marks]]

PAGE_STREAMS = {"feed", "tagged", "comments"}
PAGES = 5  # pages with something new that a walk takes before it leaves the rest to the next poll
OVERLAP = 120  # seconds that every walk looks back: Facebook shows new posts a little late, and not in order
FIRST_POSTS = 25  # posts whose comments the very first poll reads: one call each
POSTS_A_POLL = 50  # posts whose comments one poll reads; the others wait for the next
WIDE_PAGES = 10  # pages of posts looked through once a day for new comments under old posts
ACTIVE_WITHIN = timedelta(days=7)  # how far back the comments of a post that we never met are read
ANSWERABLE_WITHIN = timedelta(days=7)  # Messenger lets nobody answer an older message (HUMAN_AGENT)
POSTS_KEPT = 800  # whose marks the cursor keeps: 70 bytes each, for a row ends at 400 kB
COMMENTS_SEEN = 1_000  # keys of comments behind those marks, of all posts together: 16 bytes each
BATCH = 50  # operations in one batch request (docs/graph-api/batch-requests)

POST_FIELDS = (
    "id,message,from,created_time,permalink_url,is_published,attachments{media_type,url,unshimmed_url}"
)
COMMENT_FIELDS = (
    "id,message,from,created_time,parent{id},permalink_url,can_reply_privately,is_private,comment_count"
    ",attachment"
)
MESSAGE_FIELDS = "id,created_time,from,message,attachments"
CONVERSATION_FIELDS = f"id,updated_time,link,messages.limit(20){{{MESSAGE_FIELDS}}}"

capabilities = Capabilities(
    name="facebook",
    title="Facebook Pages and Messenger",
    base_url="https://graph.facebook.com",
    reads=("feed", "tagged", "comments", "conversations"),
    pushes=("feed", "mention", "messages", "message_echoes", "message_edits", "standby"),
    polls_every=timedelta(minutes=2),
    edits="told by webhook; comments and posts are also found by re-reading",
    deletes="told by webhook (remove, is_deleted); comments and posts are also found by re-reading",
    private_items="Messenger conversations and private comments",
    authors_by_look_up=True,
    replies="comments under posts and comments; Messenger within 24 hours, by a person within 7 days",
    private_replies="one Messenger message per comment, within 7 days of it",
    hides="comments",
    length="8,000 characters for a comment, 2,000 for a message (library values, not confirmed by Facebook)",
    answer_within="Messenger: 24 hours after the customer's last message, 7 days with HUMAN_AGENT",
    answer_windows=ANSWER_WINDOWS["facebook"],
    found_again="a comment below its target, by our Page and text; a message by its metadata in the echo",
    idempotent_replies=False,
    needs=(
        "an app that is Live, subscribed to object `page` (dashboard) and to each Page (`subscribed_apps`)",
        "Advanced Access to pages_read_engagement, pages_read_user_content, pages_manage_metadata",
        "Advanced Access to pages_messaging for Messenger",
        "a Page token, better the user token of a Business System User that may make one",
    ),
    secret_fields=("page_token",),
    optional_secret_fields=("user_token",),
    app_secret_fields=("app_secret", "verify_token"),
    leaves_alone=(
        "recommendations and ratings: a later issue",
        "postbacks: a tapped button; the payload is the bot's word, not the customer's",
        "reactions, read receipts, deliveries, referrals, opt-ins, handovers: nothing was said",
        "comments under other people's posts that mention us: not listed for us, only the mention is",
        "edits of Messenger messages by poll: the network shows the newest text only; the webhook tells",
    ),
    api_pages=(
        "https://developers.facebook.com/docs/graph-api",
        "https://developers.facebook.com/docs/graph-api/webhooks/reference/page",
        "https://developers.facebook.com/documentation/pages-api",
        "https://developers.facebook.com/documentation/business-messaging/messenger-platform",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str) -> Facebook:
    """Return Facebook, ready to read; nothing is asked of it or of the secrets yet."""
    return Facebook(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in a recorded answer or webhook body, as if the Page it names were the handle's.

    `Malformed` when the body is no JSON, or a webhook body of something that is no Page.
    """
    told = posts.decoded(body)
    if isinstance(told, dict) and ("object" in told or "entry" in told):
        return posts.webhook(body, lambda page: posts.Place(handle=handle, page=page, at=at))
    if not isinstance(told, dict | list):
        raise Malformed(posts.NETWORK, "neither a webhook body nor an answer of the Graph API")
    return tuple(posts.graph(told, posts.Place(handle=handle, page=handle.native_id, at=at)))


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
        ours = self._credentials.read(self._app_secret).get("verify_token", "")
        theirs, challenge = (
            delivery.query.get("hub.verify_token", ""),
            delivery.query.get("hub.challenge", ""),
        )
        if delivery.query.get("hub.mode") != "subscribe" or not ours or not _same(theirs, ours):
            raise BadSignature(
                posts.NETWORK, f"verification without our verify token (secret {self._app_secret})"
            )
        if not re.fullmatch(r"[\w-]{1,200}", challenge, re.ASCII):
            raise BadSignature(posts.NETWORK, "verification without a usable hub.challenge")
        return Greeting(body=challenge, content_type="text/plain")

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless `X-Hub-Signature-256` is the raw body's; SHA-1 does not count."""
        secret = self._credentials.read(self._app_secret).get("app_secret", "")
        theirs = delivery.headers.get("x-hub-signature-256", "")
        if not theirs:
            raise BadSignature(posts.NETWORK, "delivery without X-Hub-Signature-256")
        if not secret or not _same(theirs, f"sha256={signature(secret, delivery.body)}"):
            raise BadSignature(
                posts.NETWORK, f"signature is not by our app (app_secret in secret {self._app_secret})"
            )

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body, for the handles whose Pages it names."""
        places = {each.native_id: posts.Place(handle=each, page=each.native_id, at=at) for each in handles}
        return posts.webhook(body, places.get)

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield what is new on the Page and in its conversations; one trouble is told once."""
        place = posts.Place(handle=handle, page=handle.native_id, at=at)
        waits = max((int(marks.get("throttled", 0)) for marks in cursor.values()), default=0)
        graph = self._graph(handle, at, waits=waits)
        streams: dict[str, Callable[[Marks], Steps]] = {
            "feed": partial(_walk, partial(_listed, graph, place, "feed"), at=at),
            "tagged": partial(_walk, partial(_listed, graph, place, "tagged"), at=at),
            "comments": partial(_comments, graph, place),
            "conversations": partial(_walk, partial(_conversations, graph, place), at=at),
        }
        resting = {
            name for name, marks in cursor.items() if float(marks.get("not_before", 0)) > at.timestamp()
        }
        if (
            resting & PAGE_STREAMS
        ):  # they share a quota, and calling while it is used up makes the block longer
            resting |= PAGE_STREAMS
        awake = {name: partial(_patient, read) for name, read in streams.items() if name not in resting}
        told: list[NetworkError] = []
        for step in read_streams(cursor, awake, at=at):
            again = any(step.trouble is each for each in told)
            told += [step.trouble] if step.trouble and not again else []
            yield replace(step, trouble=None) if again else step

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield what became of kept comments and posts: edited, deleted, or unchanged and then nothing."""
        graph = self._graph(handle, at)
        place = posts.Place(handle=handle, page=handle.native_id, at=at)
        public = [
            item for item in kept if item.kind is not Kind.MESSAGE and item.change is not Change.DELETED
        ]
        for start in range(0, len(public), BATCH - 1):
            part = public[start : start + BATCH - 1]
            # The Page comes first: when it cannot be read, the fault is ours, and nobody deleted anything.
            page, *answers = graph.batch([f"{place.page}?fields=id", *(_path(item) for item in part)])
            if isinstance(page, NetworkError):
                raise page
            for item, answer in zip(part, answers, strict=True):
                yield from _became(item, answer, place)

    # AuthorBook

    def authors(self, handle: Handle, author_ids: Sequence[str], *, at: datetime) -> Mapping[str, Author]:
        """Return the names behind Messenger ids; nobody else can be looked up, and no id is another's."""
        wanted = [each for each in author_ids if each.startswith(posts.PSID)]
        graph = self._graph(handle, at)
        found: dict[str, Author] = {}
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            paths = [f"{each.removeprefix(posts.PSID)}?fields=first_name,last_name" for each in part]
            for author_id, profile in zip(part, graph.batch(paths, quota="messenger"), strict=True):
                if isinstance(profile, dict):
                    names = (profile.get("first_name"), profile.get("last_name"))
                    name = plain(" ".join(each for each in names if isinstance(each, str)), limit=200)
                    found[author_id] = Author(author_id=author_id, name=name)
        return found

    def _graph(self, handle: Handle, at: datetime, *, waits: int = 0) -> Graph:
        return Graph(self._http, self._credentials, handle, app_secret=self._app_secret, at=at, waits=waits)


def signature(secret: str, body: bytes) -> str:
    """Return what Facebook writes behind `sha256=`: hex in lower case, over the raw bytes."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _same(theirs: str, ours: str) -> bool:
    return hmac.compare_digest(theirs.encode(errors="replace"), ours.encode())


# Streams


def _patient(read: Callable[[Marks], Steps], marks: Marks) -> Steps:
    """Count how often in a row a stream was throttled, so that the wait grows where Facebook names none."""
    latest: Marks = {key: value for key, value in marks.items() if key != "throttled"}
    try:
        for heard, after in read(latest):
            latest = after
            yield heard, after
    except RateLimited:
        yield (), {**latest, "throttled": int(marks.get("throttled", 0)) + 1}
        raise


def _walk(pages: Callable[[int], Iterator[FetchedPosts]], marks: Marks, *, at: datetime) -> Steps:
    """Walk what is newer than `low`, in whatever order it comes, and move `low` only when the walk is whole.

    Marks: `low` (Unix seconds), `seen` (keys behind it), `pages` (what this walk may take, after one that was
    cut short). The very first walk takes one page and starts from there.
    """
    low, allowed = int(marks.get("low", 0)), int(marks.get("pages", PAGES))
    floor = max(low - OVERLAP, 1) if low else 0
    known = set(marks.get("seen", ()))
    at_of: dict[str, int] = {}
    fresh: tuple[Heard, ...] = ()
    whole = False
    spent = 0
    for page in pages(floor):
        fresh = tuple(heard for _mark, heard in page.posts if _short_key(heard) not in known)
        known |= {_short_key(heard) for heard in fresh}
        spent += bool(fresh)  # the overlap is not what a budget is for
        at_of |= {_short_key(heard): int(mark) for mark, heard in page.posts}
        whole = page.older is None or not low
        if whole or spent >= allowed:
            break
        yield fresh, marks
    if not whole:
        newest = sorted(at_of, key=lambda key: (at_of[key], key))
        kept = [*(key for key in marks.get("seen", ()) if key not in at_of), *newest][-MOST_SEEN:]
        yield fresh, {"low": low, "pages": allowed * 2, "seen": kept}
    else:
        top = max(low, 0, *at_of.values()) or int(at.timestamp()) - OVERLAP
        # what has no readable time is kept in mind as long as `low` stands, so that it is told once
        behind = sorted(key for key, mark in at_of.items() if mark >= top - OVERLAP or not mark)
        yield fresh, {"low": top, "seen": behind[-MOST_SEEN:]}


def _short_key(heard: Heard) -> str:
    """Return what tells one state of a post apart, in 12 characters: the cursor holds thousands."""
    return hashlib.blake2s(seen_key(heard).encode(errors="replace"), digest_size=6).hexdigest()


def _listed(graph: Graph, place: posts.Place, edge: str, floor: int) -> Iterator[FetchedPosts]:
    """Read the posts on our Page (`feed`), or those elsewhere that tag it (`tagged`)."""
    params = {"fields": POST_FIELDS, "limit": "100", **({"since": str(floor)} if floor else {})}
    for page in graph.pages(f"{place.page}/{edge}", params):
        rows = tuple(
            (_mark(row, place), posts.graph_post(row, place, mention=edge == "tagged")) for row in page.rows
        )
        yield FetchedPosts(posts=rows, older=page.older)


def _conversations(graph: Graph, place: posts.Place, floor: int) -> Iterator[FetchedPosts]:
    """Read conversations, newest first, down to the watermark, and in each its messages down to the same."""
    oldest = floor or int((place.at - ANSWERABLE_WITHIN).timestamp())
    params = {"platform": "messenger", "fields": CONVERSATION_FIELDS, "limit": "25"}
    for page in graph.pages(f"{place.page}/conversations", params, quota="messenger"):
        fresh = [row for row in page.rows if _seconds(row.get("updated_time")) >= oldest]
        more = page.older if len(fresh) == len(page.rows) else None
        deeper = [row for row in fresh if floor and _has_more(row) and _oldest(row) >= floor]
        rows = tuple(row for each in fresh for row in _messages(each, place, oldest))
        yield FetchedPosts(posts=rows, older=more or ("deeper" if deeper else None))
        for number, conversation in enumerate(deeper, 1):
            rest = more or ("deeper" if number < len(deeper) else None)
            yield from _older_messages(graph, place, conversation, floor, rest=rest)
        if more is None:
            return


def _older_messages(
    graph: Graph, place: posts.Place, conversation: Mapping[str, object], floor: int, *, rest: str | None
) -> Iterator[FetchedPosts]:
    """Read the messages of a busy conversation that did not fit; `rest` says whether more comes behind it."""
    params = {"fields": MESSAGE_FIELDS, "limit": "100"}
    for page in graph.pages(f"{posts.path(conversation.get('id'))}/messages", params, quota="messenger"):
        whole = {"link": conversation.get("link"), "messages": list(page.rows)}
        reached = any(_seconds(row.get("created_time")) < floor for row in page.rows)
        more = None if reached else page.older
        yield FetchedPosts(posts=tuple(_messages(whole, place, floor)), older=more or rest)
        if more is None:
            return


def _messages(
    conversation: Mapping[str, object], place: posts.Place, oldest: int
) -> Iterator[tuple[str, Heard]]:
    rows = posts.listed(conversation, "messages")
    for row, heard in zip(rows, posts.conversation(conversation, place), strict=True):
        mark = _mark(row, place)
        if int(mark) >= oldest or mark == "0":
            yield mark, heard


def _comments(graph: Graph, place: posts.Place, marks: Marks) -> Steps:
    """Read the comments of every post that something happened to, a walk for each.

    Marks: `started` (before that, comments are history), `wide` (the day of the last look at old posts),
    `posts` (the marks of each walk, with `read`, the post's `updated_time` when its walk was whole, packed),
    `forgotten` (until when a post without marks may be one whose marks we dropped).

    The marks of the 800 posts that were active last are kept. A comment that comes later under another post
    is read when it makes that post active again; what is missed there, webhook and re-reading find.
    """
    today = place.at.date().isoformat()
    wide = marks.get("wide") != today and "started" in marks
    active = _active(graph, place, pages=WIDE_PAGES if wide else 1)
    newest_first = sorted(active, key=lambda post_id: (-active[post_id], post_id))
    if "started" not in marks:
        started = max(active.values(), default=int(place.at.timestamp())) - OVERLAP
        marks = {"started": started, "wide": today, "posts": {}}
        waiting = newest_first[:FIRST_POSTS]
        fresh_start: Marks = {}
        yield (), marks
    else:
        floor = max(int(marks["started"]), int((place.at - ACTIVE_WITHIN).timestamp()))
        fresh_start = {"low": floor}
        waiting = [
            each
            for each in newest_first
            if _is_waiting(marks["posts"].get(each), active[each], max(floor, marks.get("forgotten", 0)))
        ]
    for post_id in reversed(waiting[-POSTS_A_POLL:]):
        before = _unpacked(marks["posts"][post_id]) if post_id in marks["posts"] else fresh_start
        after = before
        try:
            for heard, after in _walk(partial(_under, graph, place, post_id), before, at=place.at):
                marks = _with_post(marks, post_id, after, place)
                yield heard, marks
        except Gone:
            after = {"low": active[post_id]}
        # within the overlap a comment may come without moving `updated_time`, so the post is read again
        if "pages" not in after and active[post_id] < place.at.timestamp() - OVERLAP:
            after = {**after, "read": active[post_id]}
        marks = _with_post(marks, post_id, after, place)
        yield (), marks
    if wide and len(waiting) <= POSTS_A_POLL:
        yield (), {**marks, "wide": today}


def _active(graph: Graph, place: posts.Place, *, pages: int) -> dict[str, int]:
    """Return when something last happened to posts of ours and our visitors, from `pages` pages of each."""
    found: dict[str, int] = {}
    for edge in ("published_posts", "feed"):
        params = {"fields": "id,updated_time", "limit": "100"}
        for _page, page in zip(range(pages), graph.pages(f"{place.page}/{edge}", params), strict=False):
            for row in page.rows:
                if post_id := posts.path(row.get("id")):
                    found[post_id] = _seconds(row.get("updated_time")) or int(place.at.timestamp())
    return found


def _is_waiting(packed: list[Any] | None, updated: int, floor: int) -> bool:
    """Return whether the post may have comments that we did not read; `floor` is for one without marks."""
    return updated > floor if packed is None else _read_at(packed) != updated


def _packed(marks: Marks) -> list[Any]:
    """Return a post's marks without their names, of which there may be hundreds: low, read, pages, seen."""
    return [*(int(marks.get(name, 0)) for name in ("low", "read", "pages")), *marks.get("seen", ())]


def _unpacked(packed: list[Any]) -> Marks:
    numbers = {name: value for name, value in zip(("low", "read", "pages"), packed, strict=False) if value}
    return {**numbers, "seen": packed[3:]}


def _read_at(packed: list[Any]) -> int:
    return int(packed[1])


def _with_post(marks: Marks, post_id: str, after: Marks, place: posts.Place) -> Marks:
    """Return the marks with this post's, without those of posts that have been still for longest."""
    if marks["posts"].get(post_id) == _packed(after):
        return marks
    still = int((place.at - ACTIVE_WITHIN).timestamp())
    others = ((key, each) for key, each in marks["posts"].items() if key != post_id)
    lively = [(key, each) for key, each in others if (_read_at(each) or still) >= still]
    # a walk that is not whole goes last, for it stands for comments that nobody has read
    lively.sort(key=lambda pair: (not _read_at(pair[1]), _read_at(pair[1]) or pair[1][0], pair[0]))
    dropped, kept = lively[: 1 - POSTS_KEPT], lively[1 - POSTS_KEPT :]
    forgotten = max((marks.get("forgotten", 0), *(_read_at(each) for _key, each in dropped)))
    known: dict[str, list[Any]] = {}
    room = COMMENTS_SEEN
    for key, each in [(post_id, _packed(after)), *reversed(kept)]:
        known[key] = each[: 3 + room]
        room -= len(known[key]) - 3
    return {**marks, "posts": known, **({"forgotten": forgotten} if forgotten else {})}


def _under(graph: Graph, place: posts.Place, post_id: str, floor: int) -> Iterator[FetchedPosts]:
    """Read the comments under a post, replies to comments among them (`stream`; the default hides those)."""
    params = {
        "fields": COMMENT_FIELDS,
        "filter": "stream",
        "order": "reverse_chronological",
        "limit": "100",
        **({"since": str(floor)} if floor else {}),
    }
    for page in graph.pages(f"{post_id}/comments", params):
        rows = ((_mark(row, place), posts.graph_comment(row, place, post_id=post_id)) for row in page.rows)
        yield FetchedPosts(posts=tuple(rows), older=page.older)


def _mark(row: Mapping[str, object], place: posts.Place) -> str:
    """Return when it was said in Unix seconds, or 0; never later than now, lest one clock hide the rest."""
    return str(min(_seconds(row.get("created_time")), int(place.at.timestamp())))


def _seconds(value: object) -> int:
    at = posts.moment(value)
    return int(at.timestamp()) if at else 0


def _has_more(conversation: Mapping[str, object]) -> bool:
    messages = conversation.get("messages")
    paging = messages.get("paging") if isinstance(messages, dict) else None
    return isinstance(paging, dict) and bool(paging.get("next"))


def _oldest(conversation: Mapping[str, object]) -> int:
    rows = posts.listed(conversation, "messages")
    return min((_seconds(row.get("created_time")) for row in rows), default=0)


# Re-reading


def _path(item: Item) -> str:
    comment_id = item.answer_needs.get("comment_id")
    fields = COMMENT_FIELDS if comment_id else POST_FIELDS
    return f"{comment_id or item.native_id}?fields={fields}"


def _became(item: Item, answer: object, place: posts.Place) -> Iterator[Heard]:
    """Yield the edit or deletion that one operation of a batch shows; what failed for now yields nothing."""
    version = int(place.at.timestamp() * 1000)
    if isinstance(answer, Gone):
        yield replace(item, change=Change.DELETED, version=version, text="", attachments=(), masked=())
    elif isinstance(answer, Refused):
        yield Skipped(network=posts.NETWORK, native_id=item.native_id, reason=posts.NOT_VISIBLE)
    elif isinstance(answer, dict):
        if item.answer_needs.get("comment_id"):
            heard = posts.graph_comment(answer, place, post_id=item.answer_needs.get("post_id", ""))
        else:
            heard = posts.graph_post(answer, place, mention=item.kind is Kind.MENTION)
        if not isinstance(heard, Item):
            yield heard
        elif mask(heard.text).text != mask(item.text).text:  # what we keep is masked
            author = heard.author if item.author.author_id.startswith(posts.UNKNOWN) else item.author
            yield replace(item, change=Change.EDITED, version=version, text=heard.text, author=author)
