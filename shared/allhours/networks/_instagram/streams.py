"""How an Instagram account is read by poll: the safety net below the webhook.

Comments of a media are read when its `comments_count` moved: the 50 newest, and older ones where Instagram
gives a cursor. Where it gives none and more came, a dead letter names the media. Of a conversation 20
messages can be read; what is behind them is gone for us, and a dead letter says so. There is no list of
mentions; tagged media have one, without order.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Heard
from allhours.networks._instagram import posts
from allhours.networks._instagram.graph import MESSAGES, inbox_of
from allhours.networks._instagram.messages import NETWORK, messages
from allhours.networks._meta.after import after_pages
from allhours.networks._meta.errors import Gone
from allhours.networks._meta.fields import id_or_nothing, listed, unreadable
from allhours.networks._meta.walk import OVERLAP, PAGES, short_key, walk
from allhours.networks.paging import MOST_SEEN, FetchedPosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.networks._meta.fields import Place
    from allhours.networks._meta.graph import Graph
    from allhours.networks._meta.walk import Steps
    from allhours.networks.paging import Marks

MOST_COMMENTS = 50  # in one answer, whatever is asked for (instagram-graph-api/reference/ig-media/comments)
MOST_MESSAGES = 20  # of a conversation that can be read at all
MEDIA_PAGE = 50  # media in one answer
WIDE_PAGES = 10  # pages of media looked through once a day for new comments below old media
FIRST_MEDIA = 10  # media whose comments the very first poll reads: one call each
WIDE_MEDIA = 20  # newest media whose comments are then read though their count did not move
MEDIA_A_POLL = 40  # media whose comments one poll reads; the others wait for the next
MEDIA_KEPT = 500  # whose marks the cursor keeps, 40 bytes each
COMMENTS_SEEN = 2_000  # keys of comments behind those marks, of all media together: 16 bytes each
CONVERSATIONS_A_POLL = 10  # two calls a second are allowed, and nobody sleeps in a function
TAGGED_PAGES = 20
ACTIVE_WITHIN = timedelta(days=7)  # how far back the comments of a media that we never met are read
ANSWERABLE_WITHIN = timedelta(days=7)  # nobody may answer an older message (HUMAN_AGENT)

COMMENT_FIELDS = (
    "id,text,timestamp,username,from{id,username},like_count,hidden,parent_id,media{id,permalink}"
    ",replies{id,text,timestamp,username,from,hidden}"
)
MEDIA_FIELDS = "id,timestamp,permalink,comments_count"
TAGGED_FIELDS = "id,caption,media_type,permalink,timestamp,username,comments_count"
MESSAGE_FIELDS = "id,created_time,from,to,message,attachments"

_MORE_COMMENTS = "more came between two polls than Instagram lists: look through this media's comments there"
_MORE_MESSAGES = "more came between two polls than Instagram shows: look through this conversation there"


# Comments


def comments(graph: Graph, place: Place, marks: Marks) -> Steps:
    """Read the comments of every media whose count moved; once a day those of old media, and all the newest.

    Marks: `started` (before that, comments are history), `wide` (the day of the last wide look), `media` (the
    count and the marks of each walk, packed). A count is kept only once the walk was whole and showed
    something: an empty answer behind a count of five proves nothing.
    """
    today = place.at.date().isoformat()
    first = "started" not in marks
    wide = not first and marks.get("wide") != today
    shown = _media(graph, place, pages=WIDE_PAGES if wide else 1)
    if first:
        started = int(place.at.timestamp()) - OVERLAP
        marks = {"started": started, "wide": today, "media": {}}
        waiting = [each for each in shown if shown[each][0]][:FIRST_MEDIA]
        for media_id in shown.keys() - set(waiting):
            marks = _with_media(marks, media_id, shown[media_id][0], {"low": started})
        yield (), marks
    else:
        newest = [*shown][:WIDE_MEDIA] if wide else []
        kept = marks["media"]
        moved = [each for each in shown if shown[each][0] != (kept[each][0] if each in kept else 0)]
        waiting = [*dict.fromkeys((*moved, *(each for each in newest if shown[each][0])))]
        # those that showed nothing last time go last, lest they keep the others out
        waiting.sort(key=lambda each: each in kept and kept[each][0] < 0)
    floor = max(int(marks["started"]), int((place.at - ACTIVE_WITHIN).timestamp()))
    for media_id in waiting[:MEDIA_A_POLL]:
        count, permalink = shown[media_id]
        packed = marks["media"].get(media_id)
        before = _unpacked(packed) if packed else {} if first else {"low": floor}
        was = _count(packed)
        listing = _Listing(graph, place, media_id, permalink=permalink, came=count - was)
        try:
            for heard, after in walk(listing.pages, before, at=place.at):
                whole = "pages" not in after and after is not before
                done = whole and bool(listing.rows or not count)
                marks = _with_media(marks, media_id, count if done else ~was, after)
                yield heard, marks
        except Gone:
            continue  # the list of media is older than its deletion
    if wide and len(waiting) <= MEDIA_A_POLL:
        yield (), {**marks, "wide": today}


class _Listing:
    """The comments of one media, newest first, and how many there were."""

    def __init__(self, graph: Graph, place: Place, media_id: str, *, permalink: object, came: int) -> None:
        self._graph = graph
        self._place = place
        self._media_id = media_id
        self._permalink = permalink
        self._came = came
        self.rows = 0

    def pages(self, floor: int) -> Iterator[FetchedPosts]:
        """Read down to `floor`; when the list ends before and comments are missing, say so."""
        params = {"fields": COMMENT_FIELDS, "limit": str(MOST_COMMENTS)}
        fresh = 0
        for page in after_pages(self._graph, f"{self._media_id}/comments", params):
            self.rows += len(page.rows)
            told = [pair for row in page.rows for pair in self._comment(row, floor)]
            fresh += len(told)
            reached = any(0 < posts.seconds(row.get("timestamp")) < floor for row in page.rows)
            ended = reached or page.older is None
            if ended and floor and not reached and self.rows >= MOST_COMMENTS and self._came > fresh > 0:
                lost = unreadable(self._place, self._media_id, "comments", _MORE_COMMENTS)
                told.append((max((mark for mark, _heard in told), key=int), lost))
            yield FetchedPosts(posts=tuple(told), older=None if ended else page.older)
            if ended:
                return

    def _comment(self, row: Mapping[str, Any], floor: int) -> Iterator[tuple[str, Heard]]:
        whole = {"media": {"id": self._media_id}, **row}
        rows = [row, *listed(row, "replies")]
        heard = posts.comments(whole, self._place, permalink=self._permalink)
        for each, said in zip(rows, heard, strict=True):
            mark = _mark(each, "timestamp", self._place)
            if int(mark) >= floor or mark == "0":
                yield mark, said


def _media(graph: Graph, place: Place, *, pages: int) -> dict[str, tuple[int, object]]:
    """Return count and permalink of our media, newest first."""
    found: dict[str, tuple[int, object]] = {}
    params = {"fields": MEDIA_FIELDS, "limit": str(MEDIA_PAGE)}
    listing = graph.pages(f"{place.handle.native_id}/media", params)
    for _number, page in zip(range(pages), listing, strict=False):
        for row in page.rows:
            count = row.get("comments_count")
            if media_id := id_or_nothing(row.get("id")):
                found[media_id] = (count if isinstance(count, int) else 0, row.get("permalink"))
    return found


def _count(packed: list[Any] | None) -> int:
    """Return how many comments were read when the walk was whole last; one that is not has it inverted."""
    count = int(packed[0]) if packed else 0
    return count if count >= 0 else ~count


def _unpacked(packed: list[Any]) -> Marks:
    """Return the marks of a walk: `packed` is count, low, pages and the keys behind low."""
    pages = {"pages": packed[2]} if packed[2] else {}
    return {"low": packed[1], **pages, "seen": packed[3:]}


def _with_media(marks: Marks, media_id: str, count: int, after: Marks) -> Marks:
    """Return the marks with this media's, without those of media that have been still for longest."""
    packed = [count, int(after.get("low", 0)), int(after.get("pages", 0)), *after.get("seen", ())]
    if marks["media"].get(media_id) == packed:
        return marks
    others = [(key, each) for key, each in marks["media"].items() if key != media_id]
    others.sort(key=lambda pair: (-int(pair[1][1]), pair[0]))
    known: dict[str, list[Any]] = {}
    room = COMMENTS_SEEN
    for key, each in [(media_id, packed), *others][:MEDIA_KEPT]:
        known[key] = each[: 3 + room]
        room -= len(known[key]) - 3
    return {**marks, "media": known}


# Tagged media


def tags(graph: Graph, place: Place, marks: Marks) -> Steps:
    """Read the media that tag us until one is known; an old media may be tagged today, so ids are kept."""
    seen: list[str] = list(marks.get("seen", ()))
    known, fresh = set(seen), list[Heard]()
    listing = graph.pages(f"{place.handle.native_id}/tags", {"fields": TAGGED_FIELDS, "limit": "50"})
    for _number, page in zip(range(TAGGED_PAGES), listing, strict=False):
        new = [each for row in page.rows if short_key(each := posts.tagged(row, place)) not in known]
        fresh += new
        if "seen" not in marks or len(new) < len(page.rows):
            break
    yield tuple(fresh), {"seen": [*seen, *map(short_key, fresh)][-MOST_SEEN:]}


# Direct messages


def conversations(graph: Graph, place: Place, marks: Marks) -> Steps:
    """Read the conversations that moved since `low`, the oldest first, and in each what is newer than `low`.

    Marks: `low` (Unix seconds), `seen` (keys behind it), `reached` (how far an unfinished round has come;
    `low` waits for its end, for a conversation that was not read yet may hold messages from its beginning),
    `pages` (of the list, after one that was too short).
    """
    low, allowed = int(marks.get("low", 0)), int(marks.get("pages", PAGES))
    floor = max(low - OVERLAP, 1) if low else int((place.at - ANSWERABLE_WITHIN).timestamp())
    settled = (
        low > 0 and place.at.timestamp() > low + 5 * OVERLAP
    )  # what came late has moved its conversation
    reached: tuple[int, str] = tuple(marks.get("reached", (0, "")))
    start = max(low + 1 if settled else floor, reached[0])
    moved, whole = _moved(graph, place, start, allowed)
    if not whole:
        yield (), {**marks, "pages": allowed * 2}
        return
    seen, at_of = set(marks.get("seen", ())), dict[str, int]()
    oldest_first = sorted((at, each) for each, at in moved.items() if (at, each) > reached)
    for number, (moved_at, conversation_id) in enumerate(oldest_first[:CONVERSATIONS_A_POLL], 1):
        told = [
            (int(mark), heard)
            for mark, heard in _messages(graph, place, conversation_id, floor, seen=seen, alarm=bool(low))
        ]
        fresh = tuple(heard for _at, heard in told if short_key(heard) not in seen)
        at_of |= {short_key(heard): at for at, heard in told}
        seen |= at_of.keys()
        if number < len(oldest_first):
            newest = sorted(seen, key=lambda key: (at_of.get(key, 0), key))[-MOST_SEEN:]
            yield fresh, {"low": low, "reached": [moved_at, conversation_id], "seen": newest}
        else:
            top = max(low, moved_at)
            behind = sorted(key for key, at in at_of.items() if at >= top - OVERLAP or not at)
            yield fresh, {"low": top, "seen": behind[-MOST_SEEN:]}
    if not oldest_first and not low:
        yield (), {"low": int(place.at.timestamp()) - OVERLAP, "seen": []}


def _moved(graph: Graph, place: Place, start: int, pages: int) -> tuple[dict[str, int], bool]:
    """Return when each conversation moved last, from `start` on, and whether these are all."""
    moved: dict[str, int] = {}
    params = {"platform": NETWORK, "fields": "id,updated_time", "limit": "50"}
    listing = graph.pages(f"{inbox_of(graph.handle)}/conversations", params, quota=MESSAGES)
    for _number, page in zip(range(pages), listing, strict=False):
        for row in page.rows:
            at = min(posts.seconds(row.get("updated_time")), int(place.at.timestamp()))
            if at >= start and (conversation_id := id_or_nothing(row.get("id"))):
                moved[conversation_id] = at
        old = any(posts.seconds(row.get("updated_time")) < start for row in page.rows)
        if page.older is None or old:
            return moved, True
    return moved, False


def _messages(
    graph: Graph, place: Place, conversation_id: str, floor: int, *, seen: set[str], alarm: bool
) -> Iterator[tuple[str, Heard]]:
    """Yield what a conversation holds from `floor` on; `alarm` when messages may be behind the twenty."""
    fields = {"fields": f"messages{{{MESSAGE_FIELDS}}}"}
    try:
        conversation = graph.get(conversation_id, fields, quota=MESSAGES)
    except Gone:
        return  # the list is older than its deletion, and the others are waiting
    rows = listed(conversation, "messages")
    told = [
        (mark, heard)
        for row, heard in zip(rows, messages(conversation, place), strict=True)
        if int(mark := _mark(row, "created_time", place)) >= floor or mark == "0"
    ]
    yield from told
    new = [mark for mark, heard in told if short_key(heard) not in seen]
    if alarm and len(new) >= MOST_MESSAGES:
        yield max(new, key=int), unreadable(place, conversation_id, "messages", _MORE_MESSAGES)


def _mark(row: Mapping[str, Any], field: str, place: Place) -> str:
    """Return when it was said in Unix seconds, or 0; never later than now, lest one clock hide the rest."""
    return str(min(posts.seconds(row.get(field)), int(place.at.timestamp())))
