"""What the stand-ins of the review sites share: people who write reviews, and one reply of ours to each."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from infra.local.standins.base import Asked, Shown, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from allhours.domain.handle import Handle

BLOCK_PAGE = b"<!doctype html><title>Sorry</title><h1>We are sorry</h1>"


@dataclass(slots=True, kw_only=True)
class Reply:
    """Our reply below a review."""

    native_id: str
    text: str
    replied_at: datetime
    state: str = ""


@dataclass(slots=True, kw_only=True)
class Review:
    """One review and what became of it."""

    native_id: str
    author: str
    author_id: str
    title: str
    text: str
    stars: int
    said_at: datetime
    changed_at: datetime
    number: int
    deleted: bool = False
    reply: Reply | None = None

    @property
    def edited(self) -> bool:
        """Return whether it was changed since it was said."""
        return self.changed_at > self.said_at


class Bucket:
    """So many calls a window."""

    def __init__(self, size: int, window: timedelta, clock: Callable[[], datetime]) -> None:
        """Begin full."""
        self.size = size
        self.left = size
        self._window = window
        self._clock = clock
        self._ends = clock() + window

    def take(self) -> bool:
        """Return whether one more call is within the limit."""
        if self._clock() >= self._ends:
            self.left, self._ends = self.size, self._clock() + self._window
        self.left -= 1
        return self.left >= 0


class ReviewSite(StandIn):
    """A review site with one app, place or company; each site adds paths, shapes, tokens and limits.

    `hold` keeps a review back for a look, as all of them do: it appears later under its old date.
    """

    usual_id: str
    refusals = 2  # calls that a revoked token spoils: the call itself, and the attempts to mend it

    def __init__(
        self,
        port: int = 0,
        *,
        native_id: str = "",
        place: int = 0,
        calls: int = 100_000,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Open the site; `calls` is what its limit allows in its window."""
        super().__init__(port)
        self.native_id = native_id or self.usual_id
        self.place = place
        self.clock = clock
        self.bucket = Bucket(calls, timedelta(hours=1), clock)
        self.handle_name = ""
        self._reviews: dict[str, Review] = {}
        self._numbers = 0
        self._held: set[str] = set()
        self._newest_withheld = False
        self._refusals = 0
        self._pages = 0

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the site as this handle meets it."""
        site = cls(port, native_id=handle.native_id, place=place)
        site.handle_name = handle.handle
        return site

    @property
    def handle_settings(self) -> dict[str, Any]:
        """Return what the organisation file says of the handle."""
        return {
            "handle": self.handle_name or self.native_id,
            "base_url": self.base_url,
            "native_id": self.native_id,
        }

    # What customers and the brand do.

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Write a review; nobody can answer one but the brand, so `reply_to` is another review."""
        del reply_to
        if private:
            message = f"{self.name} has no private messages"
            raise NotImplementedError(message)
        return self.say(author, text, stars=1 + len(text) % 5)

    def say(
        self, author: str, text: str, *, stars: int = 2, title: str = "", at: datetime | None = None
    ) -> str:
        """Write a review, empty words for stars only; return its id. `at` backdates it."""
        with self.lock:
            self._numbers += 1
            said_at = at or self.clock()
            native_id = self.make_id(self._numbers)
            self._reviews[native_id] = Review(
                native_id=native_id,
                author=author,
                author_id=f"{self.place:04x}{sum(author.encode()):08x}{len(author):012x}",
                title=title,
                text=text,
                stars=stars,
                said_at=said_at,
                changed_at=said_at,
                number=self._numbers,
            )
        self.told("created", native_id)
        return native_id

    def edit(self, native_id: str, text: str) -> None:
        """Let the author write the review anew."""
        with self.lock:
            review = self._reviews[native_id]
            review.text = text
            review.changed_at = max(self.clock(), review.said_at + timedelta(milliseconds=1))
        self.told("updated", native_id)

    def delete(self, native_id: str) -> None:
        """Let the author delete the review, our reply with it."""
        with self.lock:
            self._reviews[native_id].deleted = True
            for each in self.shown:
                each.deleted = each.deleted or each.to == native_id
        self.told("deleted", native_id)

    def hold(self, native_id: str, *, held: bool = True) -> None:
        """Keep a review back, or let it appear."""
        (self._held.add if held else self._held.discard)(native_id)

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Reply by hand on the site itself, below a review or below the newest."""
        with self.lock:
            review = self._reviews[reply_to] if reply_to else self.visible(lambda each: each.said_at)[0]
            review.reply = Reply(native_id=self.reply_id(review), text=text, replied_at=self.clock())
            return f"{review.native_id}/reply"

    @property
    def posts(self) -> list[Review]:
        """Return every review ever written, as it is now."""
        return list(self._reviews.values())

    def told(self, what: str, native_id: str) -> None:
        """Let the site tell whoever subscribed; most tell nobody."""

    # What the sites' own paths use.

    @abstractmethod
    def make_id(self, number: int) -> str:
        """Return the id of the review with this number, in the site's own shape."""

    def reply_id(self, review: Review) -> str:
        """Return the id of our reply; only Apple gives it one of its own."""
        return review.native_id

    def visible(self, when: Callable[[Review], datetime]) -> list[Review]:
        """Return the reviews that the site shows, newest first."""
        shown = [each for each in self._reviews.values() if self.review(each.native_id)]
        shown.sort(key=lambda each: (when(each), each.number), reverse=True)
        return shown[1:] if self._newest_withheld else shown

    def review(self, native_id: str) -> Review | None:
        """Return one review that the site shows."""
        found = self._reviews.get(native_id)
        return None if found is None or found.deleted or native_id in self._held else found

    def end_pages(self) -> None:
        """Let every page token that was given out hold no longer."""
        self._pages += 1

    def page_token(self, start: int) -> str:
        """Return a token for the page that begins there."""
        return f"{self._pages}.{start}"

    def page_start(self, token: str) -> int | None:
        """Return where the page of a token begins; None when the token holds no longer."""
        pages, _, start = (token or self.page_token(0)).partition(".")
        return int(start) if pages == str(self._pages) else None

    def put_reply(self, review: Review, text: str, *, by: str, state: str = "") -> Reply:
        """Write our reply below a review, over one that stands: one stays one."""
        reply = Reply(native_id=self.reply_id(review), text=text, replied_at=self.clock(), state=state)
        review.reply = reply
        standing = next(
            (each for each in self.shown if each.to == review.native_id and not each.deleted), None
        )
        if standing:
            standing.text = text
        else:
            self.shown.append(Shown(native_id=reply.native_id, to=review.native_id, text=text, by=by))
        return reply

    def take_reply(self, review: Review) -> None:
        """Delete our reply."""
        review.reply = None
        for each in self.shown:
            each.deleted = each.deleted or each.to == review.native_id

    # Trouble.

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as told; what goes wrong on the way back goes wrong after the effect."""
        if fault == "rate_limited":
            return self.limited()
        if fault == "server_error":
            if asked.method != "GET":
                self.answer(asked)
            return self.broken()
        if fault == "malformed":
            return Told(body=BLOCK_PAGE, content_type="text/html")
        if fault == "expired_token":
            self.expire()
        if fault == "refused_token":
            self._refusals = self.refusals
        self._newest_withheld = fault == "late"
        told = self.answer(asked)
        self._newest_withheld = False
        return self.doubled(told) if fault == "duplicate" else told

    def refuses(self) -> bool:
        """Return whether a revoked token is still in use: for the call and for the attempt to mend it."""
        self._refusals = max(self._refusals - 1, -1)
        return self._refusals >= 0

    def doubled(self, told: Told) -> Told:
        """Return a list in which every review stands twice."""
        if isinstance(told.body, dict):
            for name in ("reviews", "data"):
                if isinstance(told.body.get(name), list):
                    told.body[name] = [each for each in told.body[name] for _ in range(2)]
        return told

    @abstractmethod
    def limited(self) -> Told:
        """Turn a call down for coming too often."""

    @abstractmethod
    def broken(self) -> Told:
        """Fail on the site's side."""

    @abstractmethod
    def expire(self) -> None:
        """Let every access token run out now."""


def seconds(at: datetime) -> dict[str, object]:
    """Return a time as Google Play writes it: the seconds are text."""
    return {"seconds": str(int(at.timestamp())), "nanos": at.microsecond * 1_000}


def zulu(at: datetime) -> str:
    """Return a time in UTC with milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
