"""TikTok: comments under our own account's videos, and the replies below them.

Written from the TikTok API for Business v1.3, part "Accounts" (business-api.tiktok.com/portal/docs): video
list, comment list and reply list, create, hide and delete, OAuth of account holders, webhook "COMMENT". The
portal was not reachable; sns-sdks/python-tiktok's documentation and bububa/tiktok-business (parameters and
fields, in TikTok's words) stand in for it. What only those tell: `comment_ids`, `reply_list`, `UNHIDE`.

The webhook wakes us within minutes but tells neither the words nor whether we said it ourselves, so the
comment is fetched at once; a fetch that fails has TikTok send the event again. Polls are the sweep beside
it: one call a video, so young videos are read at every poll, older ones by the hour, old ones by the day.
A list goes back 500 comments by time, and not further; a walk is therefore never left half way. New replies
below old comments, and deletions, are found by reading again what we keep.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import BadSignature, Busy, RateLimited, Refused, Unreachable
from allhours.domain.item import Skipped
from allhours.networks._tiktok import posts
from allhours.networks._tiktok.api import BASE_URL, CALLS_A_DAY, NETWORK, Api, Gone
from allhours.networks._tiktok.reread import reply_rows, reread, rows_by_id
from allhours.networks._tiktok.sweep import sweep
from allhours.networks.contract import Budget, Capabilities, Greeting, no, yes
from allhours.networks.paging import read_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard, Item
    from allhours.networks.contract import Connector, Credentials, Cursor, Delivery, Fetched, Meter, Replier
    from allhours.networks.http import Http

SIGNED_WITHIN = timedelta(minutes=15)  # minutes, not seconds: a product that allowed 5 s lost the repeats
TRIED_WITHIN = timedelta(hours=73)  # TikTok repeats an event for 72 hours

capabilities = Capabilities(
    name="tiktok",
    title="TikTok comments",
    base_url=BASE_URL,
    native_id="the account's open_id",
    reads=("comments",),
    pushes=("comment.update",),
    polls_every=timedelta(minutes=5),
    edits=no("TikTok lets nobody edit a comment"),
    deletes=yes("told by webhook, and found by re-reading"),
    private_items=yes("hidden comments: only the account's owner and the author read them"),
    replies=yes("in the comment's thread; an answer to a reply begins with the author's @username"),
    private_replies=no("direct messages are not for accounts in the EEA, Switzerland and the UK"),
    moves_to_private=no("direct messages are not for accounts in the EEA, Switzerland and the UK"),
    hides=yes("business/comment/hide, and shown again"),
    withdraws=yes("business/comment/delete"),
    length="150 characters, with the @username where there is one; an emoji counts as two here",
    found_again=yes("a reply of the owner with the same words, in the comment's replies"),
    idempotent_replies=False,
    seen_within=timedelta(minutes=1),
    cost="nothing; calls are counted",
    budget=Budget(
        unit="calls (a third party's figure, TikTok publishes none)", a_day=CALLS_A_DAY, of_app=True
    ),
    needs=(
        "a Business Account at TikTok",
        "a reviewed app of TikTok API for Business with the permission TikTok Accounts",
        "the account owner's consent to comment.list, comment.list.manage, video.list, user.info.basic",
    ),
    secret_fields=("refresh_token",),
    optional_secret_fields=("access_token", "expires_at", "refresh_expires_at", "open_id", "scope"),
    app_secret_fields=("app_id", "app_secret", "authorise_url"),
    leaves_alone=(
        "direct messages: not for accounts in the EEA, Switzerland and the UK, by partners elsewhere",
        "mentions in other accounts' videos: the sheet names an endpoint and shows none of its fields",
        "comments under ads: another API with an advertiser's token; Spark ads are the account's own videos",
        "comments beyond the newest 500 of a video: TikTok sorts those by likes and repeats them",
        "liking, pinning, and comments of our own that answer nobody: a person does that in the app",
        "revoking a consent: the owner does that in the app, and the webhook tells us",
        "the webhook's state: TikTok tells it only to an address with the app's secret in it",
        "followers, likes and profile pictures: they never enter priority",
        "the Research API: not for companies",
    ),
    api_pages=(
        "https://business-api.tiktok.com/portal/docs",
        "https://github.com/sns-sdks/python-tiktok/tree/main/docs/docs/usage/business_account",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> TikTok:
    """Return TikTok, ready to read; nothing is asked of it or of the secrets yet."""
    return TikTok(credentials, http, app_secret=app_secret, meter=meter)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return TikTok, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._tiktok.answers import TikTokAnswers

    return TikTokAnswers(credentials, http, app_secret=app_secret, meter=meter)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through TikTok's setup; nothing is asked of it or of the secrets yet."""
    from allhours.networks._tiktok.setup import TikTokSetup

    return TikTokSetup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in a recorded answer or webhook body, as if it were the handle's."""
    return tuple(posts.body(body, handle, at))


class TikTok:
    """Hear comments by webhook and by sweeps, and read again what is kept of them."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> None:
        """Take the secrets, the line out and the meter; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._meter = meter

    # Push

    def greet(self, delivery: Delivery) -> Greeting:
        """Refuse: TikTok sets no challenge."""
        raise BadSignature(NETWORK, f"TikTok calls webhooks by POST only, not by {delivery.method}")

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless our app's secret signed time and raw body, not long before it came."""
        secret = self._credentials.read(self._app_secret).get("app_secret", "")
        header = delivery.headers.get("tiktok-signature", "")
        told = {name.strip(): value for name, _, value in (each.partition("=") for each in header.split(","))}
        signed_at, theirs = told.get("t", ""), told.get("s", "")
        if not signed_at or not theirs:
            raise BadSignature(NETWORK, "delivery without a whole Tiktok-Signature")
        ours = signature(secret, signed_at, delivery.body)
        if not secret or not hmac.compare_digest(theirs.encode(errors="replace"), ours.encode()):
            raise BadSignature(
                NETWORK, f"signature is not by our app (app_secret in secret {self._app_secret})"
            )
        signed = posts.moment(signed_at)
        came_at = delivery.came_at
        if signed is None or (came_at and abs(came_at - signed) > SIGNED_WITHIN):
            raise BadSignature(NETWORK, "signed too long ago: somebody replays it, or a clock is wrong")

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return what a verified event tells, the comment itself fetched; `Busy` when that fails for now."""
        told = posts.decoded(body)
        account = told.get("user_openid")
        handle = next((each for each in handles if each.native_id and each.native_id == account), None)
        if handle is None:
            native_id = account if isinstance(account, str) else ""
            return (Skipped(network=NETWORK, native_id=native_id, reason=posts.OTHER_ACCOUNT),)
        told_at = posts.moment(told.get("create_time"))
        if told_at and at - told_at > TRIED_WITHIN:
            return (Skipped(network=NETWORK, native_id=handle.native_id, reason=posts.REPLAY),)
        woken = posts.woken(told, handle)
        return self._fetched(woken, at) if woken else (posts.event(told, handle, at),)

    def _fetched(self, woken: posts.Woken, at: datetime) -> tuple[Heard, ...]:
        """Return the comment that an event tells of."""
        api = self._api(woken.handle, at)
        try:
            rows = rows_by_id(api, woken.video_id, [woken.comment_id])
            heard = [each for row in rows for each in posts.with_replies(row, woken.handle, at)]
            if woken.parent_id and all(each.native_id != woken.comment_id for each in heard):
                replies = reply_rows(api, woken.video_id, woken.parent_id)
                heard += [posts.comment(each, woken.handle, at) for each in replies]
        except Gone:
            heard = []
        except (RateLimited, Unreachable) as error:
            message = f"{error.detail}: TikTok sends the event again"
            raise Busy(message) from None
        found = tuple(each for each in heard if each.native_id == woken.comment_id)
        return found or (Skipped(network=NETWORK, native_id=woken.comment_id, reason=posts.NOT_THERE),)

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield new comments of the videos whose turn it is; `Refused` without native_id."""
        yield from read_streams(
            cursor, {"comments": partial(sweep, self._api(handle, at), handle, at)}, at=at
        )

    # Rereader

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield deletions of the kept comments, those shown again, and replies that nothing told."""
        yield from reread(self._api(handle, at), handle, kept, at)

    def _api(self, handle: Handle, at: datetime) -> Api:
        if not handle.native_id:
            detail = (
                "the handle has no native_id: write the account's open_id, which `allhours connect` tells"
            )
            raise Refused(NETWORK, detail, handle=handle.handle)
        return Api(
            self._http, self._credentials, handle, app_secret=self._app_secret, meter=self._meter, at=at
        )


def signature(secret: str, signed_at: str, body: bytes) -> str:
    """Return what TikTok writes behind `s=`: hex in lower case, over the time, a dot and the raw bytes."""
    return hmac.new(
        secret.encode(), f"{signed_at}.".encode(errors="replace") + body, hashlib.sha256
    ).hexdigest()
