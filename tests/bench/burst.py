"""P5: a thousand mentions between two polls, pages of a hundred, a crash after any call.

A crash ends the process after a call has had its effect and before its answer is seen. Then a new process
polls until nothing is left. What was queued twice is routed by the real handler upon what the first copies
left behind: an event more is a duplicate in the inbox.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter

from allhours.aws.intake import intake
from functions.route.app import handler as route
from tests.bench.cloud import Cloud, Wire
from tests.bench.installation import INVOCATION, QUEUE_URL, SECRETS, sqs_event
from tests.bench.items import TEXTS
from tests.bench.measure import written

BURST = 1000
PAGE = 100
POLLS = 2  # until nothing is left: 800 posts a poll
_EPOCH_MS = 1_288_834_974_657


Posts = list[dict[str, Any]]


class Mentions:
    """X's timeline of mentions: newest first, a page of a hundred, ids that tell the time."""

    def __init__(self, cloud: Cloud, posts: list[dict[str, Any]]) -> None:
        self.cloud = cloud
        self.posts = posts

    def page(self, since: str, until: str = "", token: str = "") -> tuple[list[dict[str, Any]], str]:
        """Return a page of what is newer than `since` and older than `until`, and the token of the next."""
        newer = [post for post in reversed(self.posts) if int(post["id"]) > int(since or 0)]
        there = [post for post in newer if not until or int(post["id"]) < int(until)]
        begin = int(token or 0)
        rest = len(there) > begin + PAGE
        self.cloud.step()
        return there[begin : begin + PAGE], str(begin + PAGE) if rest else ""

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        """Answer in place of the network."""
        asked = dict(parse_qsl(urlsplit(request.url or "").query))
        posts, token = self.page(
            asked.get("since_id", ""), asked.get("until_id", ""), asked.get("pagination_token", "")
        )
        answer = requests.Response()
        answer.status_code = 200
        answer.url = request.url or ""
        answer.request = request
        told = {
            "data": posts,
            "meta": {"result_count": len(posts), **({"next_token": token} if token else {})},
        }
        answer.raw = io.BytesIO(json.dumps(told).encode())
        return answer


def posts_at(begin: datetime, count: int, every: timedelta, first: int = 0) -> list[dict[str, Any]]:
    """Return mentions, oldest first."""
    posts = []
    for number in range(count):
        said = begin + number * every
        post = str(((int(said.timestamp() * 1000) - _EPOCH_MS) << 22) + number)
        posts.append(
            {
                "id": post,
                "text": f"@acmebank {TEXTS[number % len(TEXTS)]}",
                "author_id": f"33{first + number:017d}",
                "created_at": said.isoformat(timespec="milliseconds"),
                "conversation_id": post,
                "edit_history_tweet_ids": [post],
                "lang": "en",
            }
        )
    return posts


Make = Callable[[Mentions], Callable[[], object]]


def our_poller(mentions: Mentions) -> Callable[[], object]:
    """Return one poll of ours, in a new process, with the network in place of requests' adapter."""
    HTTPAdapter.send = mentions.send  # type: ignore[assignment,method-assign]
    handler = intake("x")
    return lambda: handler({"do": "poll"}, INVOCATION)


def explored(wire: Wire, make: Make, history: Posts, burst: Posts) -> list[list[str]]:
    """Return what was queued in all, first without a crash, then for a crash after each call.

    A new process knows only the table and the network, so one recovery stands for every crash that left the
    same table behind.
    """
    begun = Cloud(SECRETS)
    wire.behind = begun.answer
    make(Mentions(begun, history))()
    posts = [*history, *burst]
    whole = drained(wire, make, begun, posts)
    recovered: dict[str, list[str]] = {}
    runs = [[*begun.sent, *whole.sent]]
    for rows, queued in whole.trace:
        state = json.dumps(sorted(rows.items()))
        if state not in recovered:
            left = Cloud(SECRETS)
            left.rows = rows
            recovered[state] = drained(wire, make, left, posts).sent
        runs.append([*begun.sent, *whole.sent[:queued], *recovered[state]])
    return runs


def drained(wire: Wire, make: Make, left: Cloud, posts: Posts) -> Cloud:
    """Return the cloud after a new process polled until nothing was left."""
    cloud = Cloud(SECRETS)
    cloud.rows, cloud.traced = dict(left.rows), True
    wire.behind = cloud.answer
    poll = make(Mentions(cloud, posts))
    for _ in range(POLLS):
        poll()
    return cloud


def routed(wire: Wire, base: Cloud, bodies: list[str]) -> Cloud:
    """Return the cloud after routing; its stream holds an event for each thing that an inbox gets."""
    cloud = Cloud()
    cloud.rows = dict(base.rows)
    wire.behind = cloud.answer
    for start in range(0, len(bodies), 10):
        route(sqs_event(bodies[start : start + 10]), INVOCATION)
    return cloud


def figures() -> dict[str, Any]:
    """Return what ours and the published poller lose and double."""
    wire = Wire()
    from tests.bench.tutorial import Poller  # noqa: PLC0415 - its clients are made here, on the wire

    def their_poller(mentions: Mentions) -> Callable[[], object]:
        def search(since: str) -> list[tuple[str, str]]:
            return [(post["id"], json.dumps(post)) for post in mentions.page(since)[0]]

        return Poller(search, QUEUE_URL).poll

    now = datetime.now(UTC)
    history = posts_at(now - timedelta(hours=2), 5, timedelta(seconds=1), first=5000)
    burst = posts_at(now - timedelta(seconds=50), BURST, timedelta(milliseconds=45))
    with written():
        ours = explored(wire, our_poller, history, burst)
        theirs = explored(wire, their_poller, history, burst)
        of = {_id(body): body for body in ours[0]}
        counts = [Counter(map(_id, run)) for run in ours]
        first = routed(wire, Cloud(), list(of.values()))
        most = Counter[str]()
        for count in counts:
            most |= count
        copies = [of[post] for post, times in most.items() for _ in range(times - 1)]
        again = routed(wire, first, copies)
    wanted = {post["id"] for post in burst}
    their_counts = [Counter(map(_id, run)) for run in theirs]
    return {
        "crash_points": len(ours) - 1,
        "inbox": _events(first) - len(history),
        "lost": max(len(wanted - set(count)) for count in counts),
        "duplicated": _events(again),
        "queued_twice": max(count.total() - len(count) for count in counts),
        "their_crash_points": len(theirs) - 1,
        "their_lost": len(wanted - set(their_counts[0])),
        "their_lost_most": max(len(wanted - set(count)) for count in their_counts),
        "their_points_with_duplicates": sum(count.total() > len(count) for count in their_counts[1:]),
    }


def _id(body: str) -> str:
    return str(json.loads(body)["id"])


def _events(cloud: Cloud) -> int:
    return sum("event" in row for row in cloud.stream)
