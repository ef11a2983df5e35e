"""YouTube: comments under our channel's videos, and the replies below them.

Written from developers.google.com/youtube/v3: docs/commentThreads/list, docs/comments (list, insert, delete,
setModerationStatus), docs/channels/list, determine_quota_cost, docs/errors, developer-policies; and from the
discovery document youtube v3, revision 20261104.

Everything is found by polling, newest first. What YouTube holds for review is asked for every 15 minutes
with the owner's token and heard as private, for nobody else can read it. A new reply does not lift its
thread, so replies, edits and deletions are found by re-reading the threads that we keep: five replies come
along with a thread, the others are listed where `totalReplyCount` says that there are more than we heard.
A post counts as deleted only when two calls miss it, a third proves that the token is our channel's, and
its thread is not among those that are held or rejected.

Not read: replies to threads that we do not keep any more, other channels' videos.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from allhours.domain.errors import Refused
from allhours.domain.item import Change, Item, Skipped, Visibility
from allhours.networks._youtube import posts
from allhours.networks._youtube.api import (
    BASE_URL,
    NETWORK,
    QUOTA_ZONE,
    UNITS_A_DAY,
    Api,
    Failed,
    Gone,
    TurnedDown,
)
from allhours.networks.contract import Budget, Capabilities, no, yes
from allhours.networks.paging import FetchedPosts, instant_of, newest_first, read_streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Connector, Credentials, Cursor, Fetched, Meter, Replier
    from allhours.networks.http import Http
    from allhours.networks.paging import Marks

    Steps = Iterator[tuple[tuple[Heard, ...], Marks]]

PAGE = "100"  # threads or comments a call, the most that YouTube gives
PAGES = 10  # pages that a poll takes before it leaves the rest to the next
LOOKS_BACK = timedelta(hours=1)  # threads are listed by the time of writing, and some are let through late
HELD_EVERY = timedelta(minutes=15)
BATCH = 50  # ids in one call
REPLY_PAGES = 10  # of one thread: 1,000 replies, more than YouTube's own page shows at once
LISTINGS = 25  # threads whose replies one re-read lists in full; the next goes on with the others
WRONG_PAGE = frozenset({"invalidPageToken", "processingFailure"})

capabilities = Capabilities(
    name="youtube",
    title="YouTube comments",
    base_url=BASE_URL,
    native_id="the channel's id, UC…",
    reads=("comments", "heldForReview", "likelySpam"),
    polls_every=timedelta(minutes=3),
    edits=yes("by re-reading, and by the poll while the thread is on its pages (`updatedAt`)"),
    deletes=yes("by re-reading: a comment that two calls miss, while the token proves to be our channel's"),
    private_items=yes("comments that YouTube holds for review or takes for spam: only the owner reads them"),
    replies=yes("in the comment's thread; an answer to a reply begins with the author's @handle"),
    private_replies=no("YouTube has no private messages; publish a held comment first, then answer it"),
    moves_to_private=no("YouTube has no private messages"),
    hides=yes("setModerationStatus: rejected, and published again"),
    withdraws=yes("comments.delete"),
    length="10,000 characters (widely given, UNCONFIRMED; an emoji counts as two here)",
    found_again=yes("our own comment in the thread with the same words, by comments.list"),
    idempotent_replies=False,
    seen_within=timedelta(minutes=1),
    storage_within=timedelta(days=30),
    cost="nothing; quota units: 1 for a page read, 50 for an answer, a deletion or hiding",
    budget=Budget(unit="quota units", a_day=UNITS_A_DAY, zone=QUOTA_ZONE, of_app=True),
    needs=(
        "a Google Cloud project with the YouTube Data API v3 and an OAuth client of type Desktop app",
        "a consent screen that is published: in Testing, Google ends every consent after 7 days",
        "the consent of the channel's owner to youtube.force-ssl",
    ),
    secret_fields=("refresh_token",),
    optional_secret_fields=("access_token", "expires_at", "refresh_expires_at"),
    app_secret_fields=("client_id", "client_secret"),
    leaves_alone=(
        "an API key: it reads what is public only, and the owner's token is needed anyway",
        "other channels' videos: YouTube has no search through comments",
        "replies to threads that we keep no more: a reply does not lift its thread, and nothing tells it",
        "the hub feed (PubSubHubbub): it announces videos, not comments",
        "comments that one of us has rejected: they were dealt with at YouTube",
        "deletions of comments that are still held: YouTube does not tell them from published or rejected",
        "pictures and GIFs themselves: their address is signed and dies within six hours",
        "followers, likes and profile pictures: they never enter priority",
        "banning authors, editing answers, new threads: a person does that in YouTube Studio",
        "markAsSpam: YouTube supports it no longer",
        "several projects for more quota: the terms forbid it",
    ),
    api_pages=(
        "https://developers.google.com/youtube/v3/docs/commentThreads",
        "https://developers.google.com/youtube/v3/docs/comments",
        "https://developers.google.com/youtube/v3/determine_quota_cost",
        "https://developers.google.com/youtube/terms/developer-policies",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> YouTube:
    """Return YouTube, ready to read; nothing is asked of it or of the secrets yet."""
    return YouTube(credentials, http, app_secret=app_secret, meter=meter)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return YouTube, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._youtube.answers import YouTubeAnswers

    return YouTubeAnswers(credentials, http, app_secret=app_secret, meter=meter)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through YouTube's setup; nothing is asked of it or of the secrets yet."""
    from allhours.networks._youtube.setup import YouTubeSetup

    return YouTubeSetup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every comment in a recorded answer; `Malformed` when it is none of YouTube's."""
    return tuple(posts.body(body, handle, at))


class YouTube:
    """Read a channel's comments by poll, and again what is kept of them."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> None:
        """Take the secrets, the line out and the meter; `app_secret` names the OAuth client's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._meter = meter

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield new comments, and every 15 minutes those that YouTube holds; `Refused` without native_id."""
        api = self._api(handle, at)
        streams = {"comments": partial(_walk, api, handle, at)}
        for status in sorted(posts.HELD):
            streams[status] = partial(_held, api, handle, at, status)
        yield from read_streams(cursor, streams, at=at)

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of the kept comments, and the replies that nothing told."""
        api = self._api(handle, at)
        there = {
            item.native_id: item
            for item in kept
            if item.handle == handle.handle
            and item.change in {Change.SAID, Change.EDITED}
            and "thread_id" in item.answer_needs
        }
        threads: dict[str, list[Item]] = {}
        for item in there.values():
            threads.setdefault(item.answer_needs["thread_id"], []).append(item)
        seen: set[str] = set()
        closed: set[str] = set()
        listings = LISTINGS
        for thread in _by_ids(api, "commentThreads", list(threads), closed):
            root = str(thread.get("id"))
            heard = list(posts.resource(thread, handle, at))
            if listings and (pages := _unheard(thread, threads.get(root, ()))):
                listings -= 1
                heard += _replies(api, thread, pages, handle, at)
            for each in heard:
                if each.native_id not in seen:
                    seen.add(each.native_id)
                    yield from _became(each, there.get(each.native_id), root, at)
        missing = [each for each in there.values() if each.native_id not in seen]
        for comment in _by_ids(api, "comments", [each.native_id for each in missing], closed):
            for each in posts.resource(comment, handle, at):
                seen.add(each.native_id)
                yield from _became(each, there.get(each.native_id), "", at)
        gone = [
            each
            for each in missing
            if "held" not in each.answer_needs
            and not {each.native_id, each.answer_needs["thread_id"]} & closed
            and each.native_id not in seen
        ]
        if gone:
            prove_ours(api, handle)
            away = _out_of_sight(api, handle)
            gone = [each for each in gone if not {each.native_id, each.answer_needs["thread_id"]} & away]
        for item in gone:
            version = int(at.timestamp() * 1000)
            yield replace(item, change=Change.DELETED, version=version, text="", attachments=())

    def _api(self, handle: Handle, at: datetime) -> Api:
        if not handle.native_id:
            detail = "the handle has no native_id: write the channel's id (UC…)"
            raise Refused(NETWORK, detail, handle=handle.handle)
        return Api(
            self._http, self._credentials, handle, app_secret=self._app_secret, meter=self._meter, at=at
        )


# Polling


def _walk(api: Api, handle: Handle, at: datetime, marks: Marks, *, status: str = "published") -> Steps:
    """Walk the channel's threads, newest first."""
    return newest_first(
        marks,
        read=partial(_listed, api, handle, at, status),
        newer=lambda mark, other: instant_of(mark) > instant_of(other),
        overlap=lambda mark: (instant_of(mark) - LOOKS_BACK).isoformat(),
        budget=PAGES,
        start=at.isoformat(),
    )


def _held(api: Api, handle: Handle, at: datetime, status: str, marks: Marks) -> Steps:
    """Walk what YouTube holds, and rest for a quarter of an hour."""
    for heard, after in _walk(api, handle, at, marks, status=status):
        yield heard, {**after, "not_before": (at + HELD_EVERY).timestamp()}


def _listed(
    api: Api, handle: Handle, at: datetime, status: str, _floor: str, token: str | None
) -> FetchedPosts:
    asked = {
        "part": "snippet,replies",
        "allThreadsRelatedToChannelId": handle.native_id,
        "moderationStatus": status,
        "order": "time",
        "textFormat": "plainText",
        "maxResults": PAGE,
    }
    try:
        body = api.listed("commentThreads", **asked, **({"pageToken": token} if token else {}))
    except (TurnedDown, Failed) as error:
        if not token or error.reason not in WRONG_PAGE:
            raise
        body = api.listed("commentThreads", **asked)  # the stored page has run out: from the top again
    listed: list[tuple[str, Heard]] = []
    mark = at.isoformat()
    for thread in body["items"]:
        for position, heard in enumerate(posts.resource(thread, handle, at, held=status in posts.HELD)):
            if isinstance(heard, Item) and not position:
                mark = heard.created_at.isoformat()
            listed.append((mark, heard))  # a reply, or what has no time, goes with its neighbour
    older = body.get("nextPageToken")
    return FetchedPosts(posts=tuple(listed), older=older if isinstance(older, str) and older else None)


# Reading again


def _unheard(thread: Mapping[str, Any], known: Iterable[Item]) -> int:
    """Return how many pages of replies to list: none while what came along, or what we heard, is all."""
    snippet = thread.get("snippet")
    total = snippet.get("totalReplyCount") if isinstance(snippet, dict) else None
    if not isinstance(total, int) or isinstance(total, bool) or total <= len(posts.replies_in(thread)):
        return 0
    heard = max((int(each.answer_needs.get("replies", "0")) for each in known), default=0)
    return min(-(-total // int(PAGE)), REPLY_PAGES) if total > heard else 0


def _replies(api: Api, thread: Mapping[str, Any], pages: int, handle: Handle, at: datetime) -> list[Heard]:
    """Return all replies of a thread."""
    snippet = thread.get("snippet")
    video = snippet.get("videoId") if isinstance(snippet, dict) else None
    bodies: list[object] = []
    token = ""
    for _ in range(pages):
        asked = {
            "part": "snippet",
            "parentId": str(thread["id"]),
            "textFormat": "plainText",
            "maxResults": PAGE,
        }
        body = api.listed("comments", **asked, **({"pageToken": token} if token else {}))
        bodies += body["items"]
        token = body.get("nextPageToken") or ""
        if not token:
            break
    needs = {"replies": str(len(bodies))}
    place = video if isinstance(video, str) else ""
    return [posts.comment(each, handle, at, video=place, needs=needs) for each in bodies]


def _by_ids(api: Api, path: str, ids: Sequence[str], closed: set[str]) -> Iterator[Mapping[str, Any]]:
    """Yield what is there of these ids; a call that one of them spoils is made again in halves.

    Those whose video shows no comments for now are put into `closed`: nobody deleted them.
    """
    part = "snippet,replies" if path == "commentThreads" else "snippet"
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        try:
            body = api.listed(path, part=part, id=",".join(batch), textFormat="plainText")
        except Gone as error:
            half = len(batch) // 2
            if half:
                yield from _by_ids(api, path, batch[:half], closed)
                yield from _by_ids(api, path, batch[half:], closed)
            elif error.reason == "commentsDisabled":
                closed.add(batch[0])
            continue
        yield from (each for each in body["items"] if isinstance(each, dict))


def _became(heard: Heard, was: Item | None, root: str, at: datetime) -> Iterator[Heard]:
    """Yield what is news: an edit, a held comment let through, a reply below `root` that nobody told."""
    if was is None:
        if root and heard.native_id != root and not isinstance(heard, Skipped):
            yield heard
        return
    if not isinstance(heard, Item):
        return
    if heard.version > was.version:
        yield replace(
            was,
            change=Change.EDITED,
            version=heard.version,
            text=heard.text,
            attachments=heard.attachments,
        )
    elif was.visibility is Visibility.PRIVATE and heard.visibility is Visibility.PUBLIC:
        needs = {name: value for name, value in was.answer_needs.items() if name != "held"}
        now = int(at.timestamp() * 1000)
        yield replace(
            was, change=Change.EDITED, version=now, visibility=Visibility.PUBLIC, answer_needs=needs
        )


def _out_of_sight(api: Api, handle: Handle) -> set[object]:
    """Return the newest threads that are held or rejected: nobody deleted them, and they may come back."""
    away: set[object] = set()
    for status in (*sorted(posts.HELD), "rejected"):
        asked = {"allThreadsRelatedToChannelId": handle.native_id, "moderationStatus": status}
        body = api.listed("commentThreads", part="id", maxResults=PAGE, **asked)
        away |= {each.get("id") for each in body["items"] if isinstance(each, dict)}
    return away


def prove_ours(api: Api, handle: Handle) -> Mapping[str, Any]:
    """Return the channel that the token belongs to; `Refused` when it is another than the handle's."""
    body = api.listed("channels", part="snippet", mine="true")
    channel = next((each for each in body["items"] if isinstance(each, dict)), {})
    if not channel.get("id") or (handle.native_id and channel["id"] != handle.native_id):
        wanted = handle.native_id or "that is meant"
        detail = f"the token in secret {handle.secret} is no token of the channel {wanted}: connect again"
        raise Refused(NETWORK, detail, handle=handle.handle)
    return channel
