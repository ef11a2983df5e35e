"""Reddit: mentions, replies to us, our own subreddits, and posts with our words anywhere.

Written from PRAW's and prawcore's code and recorded answers (2016 to 2025), reddit.com/dev/api, the
Responsible Builder Policy and Devvit's rules; all as of 2026-11.

What we decided where Reddit leaves it open:

* **No `before`.** Where it points at a deleted post, the answer is empty for ever. So every poll asks for the
  newest page and walks back with `after`, to a little below its mark; what is known is dropped. `after` has
  the same weakness: where a page comes empty behind a name, the walk begins again at the top.
* **Conversation.** Inbox entries do not say whose post they stand under, so it always names the author:
  `<post>:<author>`. Two customers never share a case, and one customer's thread is one.
* **Version** is `edited` in seconds, 0 when it was never edited (the inbox does not tell; a re-read does).
* **Gone.** `[deleted]`, `[removed]` and a deleted account all count as deleted: Reddit asks that we let go of
  all three. Reddit still names what was deleted; what it leaves out of an answer altogether counts as deleted
  only beside others that it shows.
* **30 days.** Reddit recommends to keep nothing longer, and that is also how far we re-read: of an older post
  we would never learn that its author took it back. So `storage_within` is 30 days.

What it does not do: private messages (moved to a chat without an API in 2025; their endpoints lead to the
login page), modmail, Devvit (an app of its own that Reddit runs), votes, RSS (throttled from data centres),
words in comments outside our own subreddits (search finds posts only). Skipped posts name one of the
reasons in `_reddit.posts`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import RateLimited
from allhours.networks._reddit.api import API, SCOPES, Session, children, text_of
from allhours.networks._reddit.posts import (
    NETWORK,
    became,
    created_of,
    fullname_of,
    gone,
    heard_thing,
    parse,
)
from allhours.networks.contract import Capabilities, Connector, Cursor, Fetched, Meter, Replier, no, yes
from allhours.networks.paging import FetchedPosts, newest_first, read_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard, Item
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http
    from allhours.networks.paging import Marks

__all__ = ["Reddit", "answering", "capabilities", "connect", "parse", "setting_up"]

PAGE = "100"  # the most a listing gives
PAGES = 5  # a stream and poll: half of the thousand that a listing shows in all
OVERLAP = 900  # seconds: AutoModerator and moderators let posts through late, at their old time
SEARCH_OVERLAP = 7_200  # seconds: the search index lags
NAMES = 100  # full names that /api/info takes
_SUBREDDIT = re.compile("[A-Za-z0-9_]{2,30}")
INBOX = {"mentions": "mentions", "comment replies": "comments", "post replies": "selfreply"}

capabilities = Capabilities(
    name=NETWORK,
    title="Reddit",
    base_url=API,
    reads=("mentions", "replies to us", "own subreddits", "search for posts", "re-read of kept posts"),
    polls_every=timedelta(minutes=2),
    edits=yes("found by re-reading kept posts: `edited`"),
    deletes=yes("found by re-reading kept posts: [deleted], [removed], or the account gone"),
    private_items=no("private messages moved to a chat without an API in 2025"),
    replies=yes("a comment below the comment or post"),
    private_replies=no("there is no API for private messages"),
    moves_to_private=no("there is no API for private messages: post a link to our own secure channel"),
    hides=no("removing a comment in our own subreddit is a moderator's decision, taken on Reddit"),
    withdraws=yes("POST /api/del, always HTTP 200"),
    length="10,000 characters of Markdown",
    found_again=yes("in our account's own comments, by the parent"),
    idempotent_replies=False,
    seen_within=timedelta(seconds=60),
    storage_within=timedelta(days=30),
    cost="nothing below the free limit; commercial use needs a contract, whose price Reddit does not publish",
    needs=(
        "an app that Reddit approved (Responsible Builder Policy) and, for a business, a written agreement",
        "the account labelled as App and old enough not to be filtered",
        f"consent with the scopes {SCOPES}, duration permanent",
    ),
    secret_fields=("refresh_token",),
    optional_secret_fields=("access_token", "expires_at"),  # written by us beside it
    app_secret_fields=("client_id", "client_secret"),
    leaves_alone=(
        "private messages and chat: no API since 2025",
        "modmail: moderators answer it on Reddit",
        "Devvit triggers: an app of its own that Reddit runs and reviews, for our own subreddit only",
        "comments elsewhere that neither mention nor answer us: search finds posts only",
        "RSS: throttled to uselessness from data centres",
        "karma and profiles: Reddit forbids profiling",
    ),
    api_pages=(
        "https://www.reddit.com/dev/api/",
        "https://github.com/reddit-archive/reddit/wiki/OAuth2",
        "https://support.reddithelp.com/hc/en-us/articles/42728983564564-Responsible-Builder-Policy",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Reddit:
    """Return Reddit, ready to read; its calls cost no quota of ours."""
    del meter
    return Reddit(credentials, http, app_secret=app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Reddit, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._reddit.answers import RedditAnswers

    del meter
    return RedditAnswers(credentials, http, app_secret=app_secret)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through Reddit's setup; nothing is asked of it or of the secrets yet."""
    from allhours.networks._reddit.setup import RedditSetup

    return RedditSetup(credentials, http, app_secret=app_secret)


class Reddit:
    """Read what concerns one account and its subreddits, and read again what is kept."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Keep the ports; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield the inbox, our subreddits and search hits, a page at a time."""
        session = self._session(handle, at)
        streams: dict[str, Callable[[Marks], Iterator[tuple[tuple[Heard, ...], Marks]]]] = {}
        for name, path in INBOX.items():
            streams[name] = _stream(session, f"/message/{path}", {}, OVERLAP)
        if ours := _joined(handle, "subreddits"):
            streams["own comments"] = _stream(session, f"/r/{ours}/comments", {}, OVERLAP)
            streams["own posts"] = _stream(session, f"/r/{ours}/new", {}, OVERLAP)
        where = _joined(handle, "search_in")
        for words in handle.listen:
            quoted = f'"{words}"' if " " in words else words
            query = {"q": quoted, "sort": "new", "t": "week", "type": "link"}
            query |= {"restrict_sr": "1"} if where else {}
            path = f"/r/{where}/search" if where else "/search"
            streams[f"search {words}"] = _stream(session, path, query, SEARCH_OVERLAP)
        yield from read_streams(cursor, streams, at=at)

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of the kept posts, a hundred a call."""
        session = self._session(handle, at)
        names = {item.native_id: item for item in kept}
        ids = list(names)
        for start in range(0, len(ids), NAMES):
            asked = ids[start : start + NAMES]
            there = _info(session, asked)
            if missing := [name for name in asked if name not in there]:
                # asked once more beside one that is there: an answer without all that there is deletes nobody
                shown = [name for name in there if name in asked][:1]
                again = _info(session, [*missing[: NAMES - 1], *shown]) if shown else {}
                proof = bool(shown) and shown[0] in again and "" not in {*there, *again}
                there |= again
                for name in missing[: NAMES - 1]:
                    if proof and name not in there:
                        yield gone(names[name], at)
            for name in asked:
                if name in there and (heard := became(names[name], there[name], handle, at)):
                    yield heard

    def _session(self, handle: Handle, at: datetime) -> Session:
        return Session(self._credentials, self._http, handle, at, app_secret=self._app_secret)


def _info(session: Session, names: Sequence[str]) -> dict[str, object]:
    """Return what Reddit shows of these things by name; what has no legible name is at the empty one."""
    found, _after = children(session.get("/api/info", {"id": ",".join(names)}))
    return {fullname_of(thing): thing for thing in found}


def _joined(handle: Handle, setting: str) -> str:
    """Return subreddits from the settings ("acmebank, r/acmehelp") as Reddit takes several at once."""
    names = (
        each.strip().strip("/").removeprefix("r/") for each in handle.settings.get(setting, "").split(",")
    )
    return "+".join(name for name in names if _SUBREDDIT.fullmatch(name))


def _stream(
    session: Session, path: str, query: Mapping[str, str], overlap: int
) -> Callable[[Marks], Iterator[tuple[tuple[Heard, ...], Marks]]]:
    def walk(marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        steps = newest_first(
            marks,
            read=partial(_page, session, path, query),
            newer=lambda mark, other: int(mark) > int(other),
            overlap=lambda mark: str(int(mark) - overlap),
            budget=PAGES,
            start=text_of(session.at),
        )
        for heard, after in steps:
            yield heard, after
            if session.rests_until:
                raise RateLimited(
                    NETWORK, "no call is left", handle=session.handle.handle, retry_at=session.rests_until
                )

    return walk


def _page(
    session: Session, path: str, query: Mapping[str, str], floor: str, token: str | None
) -> FetchedPosts:
    """Read one page; an empty one behind a name means that the name is gone, and the top comes instead."""
    newest = {**query, "limit": PAGE}
    found, after = children(session.get(path, {**newest, "after": token} if token else newest))
    if token and not found:
        found, after = children(session.get(path, newest))
    mark = str(int(floor) + 1) if floor else text_of(session.at)  # one without a time ends no walk
    posts: list[tuple[str, Heard]] = []
    for thing in found:
        said_at = created_of(thing)
        mark = min(str(said_at), text_of(session.at), key=int) if said_at is not None else mark
        posts.append((mark, heard_thing(thing, session.handle, session.at)))
    return FetchedPosts(posts=tuple(posts), older=after)
