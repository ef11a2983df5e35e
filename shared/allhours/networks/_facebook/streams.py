"""How a Page is read by poll: ranked feeds, comments post by post, conversations, recommendations."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from allhours.networks._facebook import posts, reviews
from allhours.networks._facebook.messages import conversation as messages_of
from allhours.networks._meta import fields
from allhours.networks._meta.errors import Gone, Retired
from allhours.networks._meta.walk import OVERLAP, walk
from allhours.networks.paging import FetchedPosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.item import Heard
    from allhours.networks._meta.graph import Graph
    from allhours.networks._meta.walk import Steps
    from allhours.networks.paging import Marks


PAGE_STREAMS = {"feed", "tagged", "comments", "ratings"}
FIRST_POSTS = 25  # posts whose comments the very first poll reads: one call each
POSTS_A_POLL = 50  # posts whose comments one poll reads; the others wait for the next
WIDE_PAGES = 10  # pages of posts looked through once a day for new comments under old posts
ACTIVE_WITHIN = timedelta(days=7)  # how far back the comments of a post that we never met are read
ANSWERABLE_WITHIN = timedelta(days=7)  # Messenger lets nobody answer an older message (HUMAN_AGENT)
POSTS_KEPT = 800  # whose marks the cursor keeps: 70 bytes each, for a row ends at 400 kB
ASK_AGAIN_AFTER = 7  # days
COMMENTS_SEEN = 1_000  # keys of comments behind those marks, of all posts together: 16 bytes each

POST_FIELDS = (
    "id,message,from,created_time,permalink_url,is_published,attachments{media_type,url,unshimmed_url}"
)
COMMENT_FIELDS = (
    "id,message,from,created_time,parent{id},permalink_url,can_comment,can_hide,can_reply_privately,is_private"
    ",comment_count,attachment,private_reply_conversation"
)
MESSAGE_FIELDS = "id,created_time,from,message,attachments"
CONVERSATION_FIELDS = f"id,updated_time,link,messages.limit(20){{{MESSAGE_FIELDS}}}"


def listed(graph: Graph, place: fields.Place, edge: str, floor: int) -> Iterator[FetchedPosts]:
    """Read the posts on our Page (`feed`), or those elsewhere that tag it (`tagged`)."""
    params = {"fields": POST_FIELDS, "limit": "100", **({"since": str(floor)} if floor else {})}
    for page in graph.pages(f"{place.page}/{edge}", params):
        rows = tuple(
            (_mark(row, place), posts.graph_post(row, place, mention=edge == "tagged")) for row in page.rows
        )
        yield FetchedPosts(posts=rows, older=page.older)


def conversations(graph: Graph, place: fields.Place, floor: int) -> Iterator[FetchedPosts]:
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
    graph: Graph, place: fields.Place, conversation: Mapping[str, object], floor: int, *, rest: str | None
) -> Iterator[FetchedPosts]:
    """Read the messages of a busy conversation that did not fit; `rest` says whether more comes behind it."""
    params = {"fields": MESSAGE_FIELDS, "limit": "100"}
    for page in graph.pages(
        f"{fields.id_or_nothing(conversation.get('id'))}/messages", params, quota="messenger"
    ):
        whole = {"link": conversation.get("link"), "messages": list(page.rows)}
        reached = any(_seconds(row.get("created_time")) < floor for row in page.rows)
        more = None if reached else page.older
        yield FetchedPosts(posts=tuple(_messages(whole, place, floor)), older=more or rest)
        if more is None:
            return


def _messages(
    conversation: Mapping[str, object], place: fields.Place, oldest: int
) -> Iterator[tuple[str, Heard]]:
    rows = fields.listed(conversation, "messages")
    for row, heard in zip(rows, messages_of(conversation, place), strict=True):
        mark = _mark(row, place)
        if int(mark) >= oldest or mark == "0":
            yield mark, heard


def comments(graph: Graph, place: fields.Place, marks: Marks) -> Steps:
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
            for heard, after in walk(partial(_under, graph, place, post_id), before, at=place.at):
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


def _active(graph: Graph, place: fields.Place, *, pages: int) -> dict[str, int]:
    """Return when something last happened to posts of ours and our visitors, from `pages` pages of each."""
    found: dict[str, int] = {}
    for edge in ("published_posts", "feed"):
        params = {"fields": "id,updated_time", "limit": "100"}
        for _page, page in zip(range(pages), graph.pages(f"{place.page}/{edge}", params), strict=False):
            for row in page.rows:
                if post_id := fields.id_or_nothing(row.get("id")):
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


def _with_post(marks: Marks, post_id: str, after: Marks, place: fields.Place) -> Marks:
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


def _under(graph: Graph, place: fields.Place, post_id: str, floor: int) -> Iterator[FetchedPosts]:
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


def _mark(row: Mapping[str, object], place: fields.Place) -> str:
    """Return when it was said in Unix seconds, or 0; never later than now, lest one clock hide the rest."""
    return str(min(_seconds(row.get("created_time")), int(place.at.timestamp())))


def _seconds(value: object) -> int:
    at = fields.moment(value)
    return int(at.timestamp()) if at else 0


def _has_more(conversation: Mapping[str, object]) -> bool:
    messages = conversation.get("messages")
    paging = messages.get("paging") if isinstance(messages, dict) else None
    return isinstance(paging, dict) and bool(paging.get("next"))


def _oldest(conversation: Mapping[str, object]) -> int:
    rows = fields.listed(conversation, "messages")
    return min((_seconds(row.get("created_time")) for row in rows), default=0)


def ratings(graph: Graph, place: fields.Place, marks: Marks) -> Steps:
    """Read recommendations, where the edge is still there: Facebook's pages contradict each other about it.

    Marks beside those of a walk: `gone`, the day when Facebook said that it is; it is asked again next week.
    """
    today = place.at.date().toordinal()
    if today - int(marks.get("gone", 0)) < ASK_AGAIN_AFTER:
        return
    try:
        walked = {key: value for key, value in marks.items() if key != "gone"}
        yield from walk(partial(_rated, graph, place), walked, at=place.at)
    except Retired:
        yield (), {**marks, "gone": today}


def _rated(graph: Graph, place: fields.Place, floor: int) -> Iterator[FetchedPosts]:
    """Read recommendations, newest first as far as anybody knows."""
    params = {"fields": reviews.FIELDS, "limit": "100"}
    for page in graph.pages(f"{place.page}/ratings", params):
        rows = tuple((_mark(row, place), reviews.review(row, place)) for row in page.rows)
        fresh = tuple(row for row in rows if int(row[0]) >= floor or row[0] == "0")
        yield FetchedPosts(posts=fresh, older=page.older)
