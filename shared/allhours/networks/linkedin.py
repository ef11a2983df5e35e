"""LinkedIn pages: comments under a page's posts, and posts that mention the page.

Written from Microsoft Learn (organization social action notifications, webhooks, comments API, programmatic
refresh tokens, versioning, data storage requirements) and LinkedIn's Postman collections for version 202607.

A webhook brings notifications in batches of ten, several times and in any order; a list of notifications of
the last 60 days is read as the safety net, and is all there is in the Development tier. Both tell of edits
and deletions, so nothing is read again. A window of that list is walked with a fixed end, so its pages do
not move while we turn them. Members' words may be kept for 48 hours only.

What is skipped, and why, is named at the top of `_linkedin.posts`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import BadSignature, Malformed
from allhours.networks._linkedin import posts
from allhours.networks._linkedin.api import BASE_URL, Api
from allhours.networks._linkedin.fields import (
    NETWORK,
    encoded,
    has_next,
    look,
    milliseconds,
    page_urn,
    rows_in,
)
from allhours.networks.contract import Budget, Capabilities, Greeting, no, yes
from allhours.networks.paging import MOST_SEEN, read_streams, seen_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import (
        Connector,
        Credentials,
        Cursor,
        Delivery,
        Fetched,
        Meter,
        Replier,
    )
    from allhours.networks.http import Http
    from allhours.networks.paging import Marks

ACTIONS = ("COMMENT", "COMMENT_EDIT", "COMMENT_DELETE", "SHARE_MENTION")
COUNT = 50  # notifications a call
CALLS = 4  # that one poll makes: 96 polls a day share 500 calls with everything else
BACK = 5  # rows that each page looks back, should one above it have gone meanwhile
OVERLAP = timedelta(minutes=10)  # that every walk looks back: notifications come a little late
FIRST = timedelta(days=1)  # what the very first poll reads
_CHALLENGE = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

capabilities = Capabilities(
    name="linkedin",
    title="LinkedIn pages",
    base_url=BASE_URL,
    native_id="the organization's number",
    reads=("notifications",),
    pushes=(*ACTIONS, "LIKE", "SHARE", "ADMIN_COMMENT"),
    polls_every=timedelta(minutes=15),
    edits=yes("told by webhook and list (COMMENT_EDIT)"),
    deletes=yes("told by webhook and list (COMMENT_DELETE)"),
    private_items=no("page messaging is for selected partners; everything heard is public"),
    replies=yes("comments below the comment, one level deep, or below the post that mentions the page"),
    private_replies=no("nothing private is heard"),
    moves_to_private=no("LinkedIn has no private way for pages: name a contact path in the answer"),
    hides=no("the API hides no comments"),
    withdraws=yes("our own comments"),
    length="1 to 1,250 characters, escaping backslashes counted (unconfirmed; several tools agree)",
    found_again=yes(
        "in the comment list below its target, by our page and when; words decide between several"
    ),
    idempotent_replies=False,
    storage_within=timedelta(hours=48),
    budget=Budget(unit="calls", a_day=500, zone="UTC", of_app=True),
    needs=(
        "the product Community Management API (a registered organisation; Development tier, then Standard)",
        "a member who is ADMINISTRATOR of the page and grants the scopes in docs/networks/linkedin.md",
        "Standard tier for webhooks; in the Development tier polling within 500 calls a day is all there is",
    ),
    secret_fields=("access_token",),
    optional_secret_fields=("expires_at", "refresh_token", "refresh_expires_at"),
    app_secret_fields=("client_id", "client_secret", "application_id"),
    leaves_alone=(
        "likes and shares: no words to us",
        "names of members: another permission, and a cache of 24 hours",
        "reading kept comments again: edits and deletions are told",
        "keyword search: there is none",
        "pictures in answers: LinkedIn turns them down (403)",
        "editing an answer (PARTIAL_UPDATE): it is taken back and given anew",
        "automatic answers: the terms ask for a person's approval of each",
        "page messaging: for selected partners, details unconfirmed",
    ),
    api_pages=(
        "https://learn.microsoft.com/linkedin/marketing/community-management/organizations/organization-social-action-notifications",
        "https://learn.microsoft.com/linkedin/marketing/community-management/shares/comments-api",
        "https://learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens",
        "https://learn.microsoft.com/linkedin/marketing/data-storage-requirements",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> LinkedIn:
    """Return LinkedIn, ready to read; nothing is asked of it or of the secrets yet."""
    return LinkedIn(credentials, http, app_secret=app_secret, meter=meter)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return LinkedIn, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._linkedin.answers import Answers

    return Answers(credentials, http, app_secret=app_secret, meter=meter)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through LinkedIn's setup; nothing is asked of it or of the secrets yet."""
    from allhours.networks._linkedin.setup import Setup

    return Setup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in a webhook's body or an answer's list, as if its page were the handle's."""
    told, place = posts.decoded(body), posts.Place(handle=handle, at=at)
    if isinstance(told, dict) and "type" in told:
        return tuple(posts.delivery(told, lambda _page: place))
    if isinstance(told, dict) and isinstance(told.get("elements"), list):
        return tuple(posts.listed(told["elements"], place))
    raise Malformed(NETWORK, "neither a delivery nor a list of LinkedIn's")


class LinkedIn:
    """Hear pages by webhook, and by the list of notifications as the safety net."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._meter = meter

    # Push

    def greet(self, delivery: Delivery) -> Greeting:
        """Return the challenge with its proof.

        Anybody may ask, so nothing but a UUID is ever signed: else a body of their own making could be.
        """
        challenge = delivery.query.get("challengeCode", "")
        if not _CHALLENGE.fullmatch(challenge):
            raise BadSignature(NETWORK, "a challengeCode that is no UUID")
        proof = hmac.new(self._key(), challenge.encode(), hashlib.sha256).hexdigest()
        body = json.dumps({"challengeCode": challenge, "challengeResponse": proof})
        return Greeting(body=body, content_type="application/json")

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless `X-LI-Signature` is that of `hmacsha256=` and the raw body."""
        theirs = delivery.headers.get("x-li-signature", "")
        ours = signature(self._key(), delivery.body)
        if not hmac.compare_digest(theirs.encode(errors="replace"), ours.encode()):
            raise BadSignature(NETWORK, f"not signed by our app (client_secret in secret {self._app_secret})")

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body, for the handles whose pages it names."""
        places = {page_urn(handle): posts.Place(handle=handle, at=at) for handle in handles}
        return tuple(posts.delivery(posts.decoded(body), places.get))

    def _key(self) -> bytes:
        key = self._credentials.read(self._app_secret).get("client_secret", "")
        if not key:
            raise BadSignature(NETWORK, f"client_secret in secret {self._app_secret} is missing")
        return key.encode()

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield what the list of notifications has that is new."""
        api = Api(
            self._http, self._credentials, handle, app_secret=self._app_secret, at=at, meter=self._meter
        )
        streams = {"notifications": partial(_walk, api, posts.Place(handle=handle, at=at))}
        return read_streams(cursor, streams, at=at)


def signature(key: bytes, body: bytes) -> str:
    """Return what LinkedIn writes into `X-LI-Signature`: the prefix is part of what is signed."""
    return hmac.new(key, b"hmacsha256=" + body, hashlib.sha256).hexdigest()


# Reading


def _walk(api: Api, place: posts.Place, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Walk a window of the list, from a little before `low` to a fixed end, and move `low` when it is whole.

    Marks: `low` (ms, up to which everything is queued), `seen` (keys behind it), and of an unfinished walk
    `end` (ms), `start` (rows done) and `top` (the newest met).
    """
    now = milliseconds(place.at)
    low = int(marks.get("low", 0))
    begin = (low - milliseconds_of(OVERLAP)) if low else now - milliseconds_of(FIRST)
    end, start, top = int(marks.get("end", now)), int(marks.get("start", 0)), int(marks.get("top", low))
    seen = list(marks.get("seen", ()))
    for _ in range(CALLS if low else 1):
        page = api.ask("GET", _query(page_urn(place.handle), begin, end, start))
        rows = rows_in(page, "elements")
        heard = list(posts.listed(rows, place))
        known = set(seen)
        fresh = tuple(each for each in heard if _short_key(each) not in known)
        seen = [*seen, *map(_short_key, fresh)][-MOST_SEEN:]
        top = max([top, *(min(time, end) for time in map(_modified, rows))])
        start += max(len(rows) - BACK, BACK)  # a short page may have a next one
        if not has_next(page, COUNT) or not low:
            yield fresh, {"low": top or now, "seen": seen}
            return
        yield fresh, {"low": low, "seen": seen, "end": end, "start": start, "top": top}


def _short_key(heard: Heard) -> str:
    """Return what makes one state of one post, unreadable: a cursor outlives the 48 hours of words."""
    return hashlib.blake2b(seen_key(heard).encode(), digest_size=8).hexdigest()


def _query(page: str, begin: int, end: int, start: int) -> str:
    return (
        f"organizationalEntityNotifications?q=criteria&actions=List({','.join(ACTIONS)})"
        f"&organizationalEntity={encoded(page)}&timeRange=(start:{begin},end:{end})&start={start}&count={COUNT}"
    )


def _modified(row: object) -> int:
    time = look(row, "lastModifiedAt")
    return time if isinstance(time, int) and not isinstance(time, bool) else 0


def milliseconds_of(length: timedelta) -> int:
    """Return a length of time as LinkedIn counts."""
    return int(length.total_seconds() * 1_000)
