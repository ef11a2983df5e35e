"""How a Threads profile is read by poll: mentions, answers below our posts, and words we search for.

Lists come newest first with a cursor and no address of the next page. Answers cost a call for each post of
ours that has some: the newest posts are read at every poll, the others in turn.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Refused
from allhours.networks._meta.after import after_pages
from allhours.networks._meta.errors import Gone, TokenRefused
from allhours.networks._meta.fields import dict_of, id_or_nothing, moment
from allhours.networks._meta.walk import OVERLAP, walk
from allhours.networks._threads.posts import post
from allhours.networks.paging import FetchedPosts, newest_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.item import Heard
    from allhours.networks._meta.fields import Place
    from allhours.networks._meta.graph import FetchedRows, Graph
    from allhours.networks._meta.walk import Steps
    from allhours.networks.paging import Marks

READS = 5  # of two pages of 50 each, that a poll makes of one list
NEWEST_POSTS = 8  # posts of ours whose answers every poll reads
POSTS_IN_TURN = 8  # and so many of the others
ACTIVE_WITHIN = timedelta(days=7)  # how far back the answers to a post that we never met are read
POSTS_KEPT = 300  # whose marks the cursor keeps
KEYS_SEEN = 2_000  # keys of answers behind those marks: 16 bytes each
SEARCHED_EVERY = timedelta(minutes=15)  # the quota of searches is not documented

FIELDS = (
    "id,text,timestamp,media_product_type,media_type,permalink,shortcode,username,is_quote_post,has_replies"
    ",is_reply,is_reply_owned_by_me,root_post,replied_to,hide_status,reply_audience,link_attachment_url,gif_url"
    ",poll_attachment"
)
MENTION_FIELDS = (
    "id,text,timestamp,media_product_type,media_type,permalink,shortcode,username,is_quote_post,has_replies"
    ",is_reply,root_post,replied_to,link_attachment_url,gif_url,poll_attachment"
)


def mentions(graph: Graph, place: Place, marks: Marks) -> Steps:
    """Read who mentioned us."""
    return _newest_first(graph, place, marks, "me/mentions", {"fields": MENTION_FIELDS}, mention=True)


def search(graph: Graph, place: Place, wanted: str, marks: Marks) -> Steps:
    """Search for a word now and then. Marks: those of the walk, and `asked`, when it was searched last."""
    if int(marks.get("asked", 0)) + SEARCHED_EVERY.total_seconds() > place.at.timestamp():
        return
    asked = {"q": wanted.removeprefix("#"), "search_type": "RECENT", "fields": MENTION_FIELDS}
    before = {name: each for name, each in marks.items() if name != "asked"}
    for heard, after in _newest_first(graph, place, before, "keyword_search", asked):
        yield heard, {**after, "asked": int(place.at.timestamp())}


def _newest_first(
    graph: Graph, place: Place, marks: Marks, path: str, asked: Mapping[str, str], *, mention: bool = False
) -> Steps:
    params = {**asked, "limit": "50"}

    def read(floor: str, after: str | None) -> FetchedPosts:
        try:
            return _two_pages(floor, after_pages(graph, path, params, after=after or ""))
        except TokenRefused:
            raise
        except Refused:
            if not after:
                raise
            return _two_pages(floor, after_pages(graph, path, params))  # the last poll's cursor is forgotten

    def _two_pages(floor: str, pages: Iterator[FetchedRows]) -> FetchedPosts:
        """Read one page, and the next one at once: only an empty one tells that the list has ended."""
        told: list[tuple[str, Heard]] = []
        older: str | None = None
        for _number, page in zip(range(2), pages, strict=False):
            young = [row for row in page.rows if not 0 < _seconds(row) < int(floor or 0)]
            told += [(_mark(row, place), post(row, place, mention=mention)) for row in young]
            older = page.older if len(young) == len(page.rows) else None
            if older is None:
                break
        return FetchedPosts(posts=tuple(told), older=older)

    return newest_first(
        marks,
        read=read,
        newer=lambda one, other: int(one) > int(other),
        overlap=lambda mark: str(max(int(mark) - OVERLAP, 1)),
        budget=READS,
        start=str(int(place.at.timestamp()) - OVERLAP),
    )


def replies(graph: Graph, place: Place, marks: Marks) -> Steps:
    """Read the answers below our posts, and those to our answers below other people's posts.

    Marks: `started` (before that, answers are history), `posts` (the marks of each walk, packed), `turn`
    (which of the older posts come next).
    """
    first = "started" not in marks
    if first:
        marks = {"started": int(place.at.timestamp()) - OVERLAP, "posts": {}}
    floor = max(int(marks["started"]), int((place.at - ACTIVE_WITHIN).timestamp()))
    answered, turn = _answered(graph, int(marks.get("turn", 0)))
    moved = turn != marks.get("turn", 0)
    marks = {**marks, "turn": turn} if moved else marks
    for post_id, edge in answered:
        packed = marks["posts"].get(post_id)
        before: Marks = _unpacked(packed) if packed else {} if first else {"low": floor}
        pages = partial(_below, graph, place, post_id, edge)
        try:
            for heard, after in walk(pages, before, at=place.at):
                marks = _with_post(marks, post_id, after)
                yield heard, marks
        except Gone:
            continue  # deleted since it was listed
    if first or moved:
        yield (), marks


def _answered(graph: Graph, turn: int) -> tuple[list[tuple[str, str]], int]:
    """Return our posts that have answers, each with its edge: the newest, some others; and the next turn."""
    fields = {"fields": "id,timestamp,has_replies,root_post", "limit": "50"}
    own = next(after_pages(graph, "me/threads", fields)).rows
    roots = {id_or_nothing(row.get("id")) for row in own}
    told = [(row, "conversation") for row in own]
    told += [
        (row, "replies")  # below somebody else's post; `conversation` is for roots of ours
        for row in next(after_pages(graph, "me/replies", fields)).rows
        if id_or_nothing(dict_of(row.get("root_post")).get("id")) not in roots
    ]
    told.sort(key=lambda pair: -_seconds(pair[0]))
    answered = [
        (post_id, edge)
        for row, edge in told
        if row.get("has_replies") is True and (post_id := id_or_nothing(row.get("id")))
    ]
    newest, others = answered[:NEWEST_POSTS], answered[NEWEST_POSTS:]
    if len(others) <= POSTS_IN_TURN:
        return answered, 0
    turn %= len(others)
    return [*newest, *[*others[turn:], *others[:turn]][:POSTS_IN_TURN]], (turn + POSTS_IN_TURN) % len(others)


def _below(graph: Graph, place: Place, post_id: str, edge: str, floor: int) -> Iterator[FetchedPosts]:
    """Read what stands below a post, newest first, down to `floor`."""
    params = {"fields": FIELDS, "reverse": "true", "limit": "50"}
    for page in after_pages(graph, f"{post_id}/{edge}", params):
        told = [
            (mark, post(row, place, below_ours=edge == "conversation"))
            for row in page.rows
            if int(mark := _mark(row, place)) >= floor or mark == "0"
        ]
        older = page.older if len(told) == len(page.rows) else None
        yield FetchedPosts(posts=tuple(told), older=older)
        if older is None:
            return


def _unpacked(packed: list[Any]) -> Marks:
    """Return the marks of a walk: `packed` is low, pages and the keys behind low."""
    pages = {"pages": packed[1]} if packed[1] else {}
    return {"low": packed[0], **pages, "seen": packed[2:]}


def _with_post(marks: Marks, post_id: str, after: Marks) -> Marks:
    """Return the marks with this post's, without those of posts that have been still for longest."""
    packed = [int(after.get("low", 0)), int(after.get("pages", 0)), *after.get("seen", ())]
    if marks["posts"].get(post_id) == packed:
        return marks
    others = [(key, each) for key, each in marks["posts"].items() if key != post_id]
    others.sort(key=lambda pair: (-int(pair[1][0]), pair[0]))
    known: dict[str, list[Any]] = {}
    room = KEYS_SEEN
    for key, each in [(post_id, packed), *others][:POSTS_KEPT]:
        known[key] = each[: 2 + room]
        room -= len(known[key]) - 2
    return {**marks, "posts": known}


def _mark(row: Mapping[str, Any], place: Place) -> str:
    """Return when it was said in Unix seconds, or 0; never later than now, lest one clock hide the rest."""
    return str(min(_seconds(row), int(place.at.timestamp())))


def _seconds(row: Mapping[str, Any]) -> int:
    at = moment(row.get("timestamp"))
    return int(at.timestamp()) if at else 0
