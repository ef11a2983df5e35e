"""What the review sites share: a review with stars, and at most one reply of ours below it.

Sending again replaces our reply (Trustpilot excepted), so an answer may be repeated without harm. Nothing
threads, nothing is private, nobody is addressed.

Only Trustpilot gives its authors an id. On the others a display name is all there is, and two people called
Maria would be one author, in one another's cases. So the author's id is made of the review's: it says no more
than "whoever wrote this review".
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, TypeVar
from urllib.parse import urlsplit

from allhours.domain.errors import Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable
from allhours.domain.personal_data import mask
from allhours.domain.plain_text import plain
from allhours.networks.answering import SOON
from allhours.networks.contract import MOST_LISTED, Cost, DefiniteNo, Permission, Question
from allhours.networks.paging import FetchedPosts, Marks, instant_of, newest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from allhours.domain.handle import Handle

T = TypeVar("T")

OVERLAP = timedelta(days=3)  # the sites hold reviews back for a look, and then show them under their old date
FIRST = timedelta(days=7)  # what the first poll hears; Google Play lists no more
BEFORE_US = "written more than a week before the first poll"
ANSWERED = "answered before the first poll"
LISTED_PAGES = 3  # pages that a re-read goes through before it asks for single reviews
MOST_SINGLY = (
    10  # reviews asked for one by one in a re-read, 960 a day; the others have their turn with the next
)
TURN = timedelta(minutes=15)  # the cadence of re-reads
LONGEST_REPLY = 1_500  # characters of our own reply kept with the review, for whoever is about to replace it


class Gone(Refused):
    """The site knows no such review or reply, or no longer; nobody needs to come."""


class Wrong(Exception):
    """A review is not what its site documents: which field, and how."""

    def __init__(self, field: str, detail: str) -> None:
        """Keep the field's name and what is wrong with it, never what it holds."""
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


def decoded(body: bytes, network: str) -> Mapping[str, object]:
    """Return a body's JSON object; `Malformed` when it is none."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Malformed(network, "the body is not a JSON object")
    return found


# Reading fields; each raises `Wrong` and nothing else, whatever the JSON is.


def part(body: object, name: str) -> Mapping[str, object]:
    """Return the object called `name`."""
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise Wrong(name, "is no object")
    return found


def ident(body: object, name: str) -> str:
    """Return a text that may not be empty."""
    found = words(body, name).strip()
    if not found:
        raise Wrong(name, "is missing")
    return found


def words(body: object, name: str) -> str:
    """Return a text, empty where it is absent or null."""
    found = body.get(name) if isinstance(body, dict) else None
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Wrong(name, "is no text")
    return found


def listed(body: object, name: str) -> list[object]:
    """Return a list, empty where it is absent."""
    found = body.get(name, []) if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise Wrong(name, "is no list")
    return found


def stars(body: Mapping[str, object], name: str) -> int:
    """Return a rating from 1 to 5."""
    found = body.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found not in range(1, 6):
        raise Wrong(name, "is no rating from 1 to 5")
    return found


def instant(body: object, name: str) -> datetime:
    """Return a time with its zone, as UTC."""
    try:
        return instant_of(ident(body, name))
    except (ValueError, OverflowError):
        raise Wrong(name, "is no time with a zone") from None


def titled(title: str, body: str) -> str:
    """Return title and body as one text; a site that made the title of the body's beginning adds nothing."""
    title, body = plain(title).strip(), plain(body).strip()
    if not title or body.startswith(title.rstrip("….")):
        return body
    return f"{title}\n\n{body}".strip()


def nameless(native_id: str, name: str) -> Author:
    """Return an author of whom the site tells a display name only."""
    return Author(author_id=f"review:{native_id}", name=plain(name, limit=200).strip())


def links(found: Iterable[str]) -> tuple[str, ...]:
    """Return what is an address on the web, each once."""
    return tuple(dict.fromkeys(each for each in found if each.startswith("https://")))[:MOST_LISTED]


def our_reply(text: str, replied_at: str = "", **more: str) -> dict[str, str]:
    """Return what `answer_needs` keeps of our reply that stands below the review."""
    kept = {"reply": mask(plain(text, limit=LONGEST_REPLY)).text or "…", "replied_at": replied_at, **more}
    return {name: value for name, value in kept.items() if value}


def as_heard(network: str, handle: Handle, native_id: str, make: Callable[[], Item]) -> Heard:
    """Return the item, or what is wrong with the review."""
    try:
        return make()
    except Wrong as wrong:
        return Unreadable(
            network=network,
            handle=handle.handle,
            native_id=native_id,
            field=wrong.field,
            detail=wrong.detail,
        )


def some_id(body: object, name: str) -> str:
    """Return the id of a review that may be broken; empty when it has none."""
    try:
        return words(body, name)
    except Wrong:
        return ""


# Reading lists: marks are milliseconds as text.


def mark_of(at: datetime) -> str:
    """Return an instant as a mark."""
    return str(milliseconds(at))


def milliseconds(at: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return (at.astimezone(UTC) - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def walk(
    read: Callable[[str | None], FetchedPosts], marks: Marks, *, pages: int, at: datetime
) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Read a list that is newest first, down to three days below its mark.

    A stored page token that the site no longer takes costs the walk, not the poll: it begins again. On the
    very first poll what is older than a week, or answered, is skipped: a quiet place's page goes back years.
    """
    stored = marks.get("resume")
    since = "" if marks.get("low") or stored else mark_of(at - FIRST)

    def page(_floor: str, token: str | None) -> FetchedPosts:
        try:
            fetched = read(token)
        except Refused:
            if token is None or token != stored:
                raise
            fetched = read(None)
        return _not_before(since, fetched) if since else fetched

    return newest_first(
        marks,
        read=page,
        newer=lambda one, other: int(one) >= int(other),
        overlap=lambda mark: str(int(mark) - OVERLAP // timedelta(milliseconds=1)),
        budget=pages,
        start=mark_of(at),
    )


def _not_before(since: str, fetched: FetchedPosts) -> FetchedPosts:
    """Skip what is old, and what we answered on the site itself before Allhours came."""

    def sifted(mark: str, heard: Heard) -> Heard:
        if not isinstance(heard, Item):
            return heard
        if int(mark) < int(since):
            return Skipped(network=heard.network, native_id=heard.native_id, reason=BEFORE_US)
        if heard.answer_needs.get("reply") and heard.change is Change.SAID:
            return Skipped(network=heard.network, native_id=heard.native_id, reason=ANSWERED)
        return heard

    return replace(fetched, posts=tuple((mark, sifted(mark, heard)) for mark, heard in fetched.posts))


def each_page(page: Callable[[str | None], FetchedPosts]) -> Iterator[Sequence[Heard]]:
    """Yield what each page holds, from the newest to the oldest; `page` takes the link to the next one."""
    link: str | None = None
    while True:
        fetched = page(link)
        yield [heard for _mark, heard in fetched.posts]
        link = fetched.older
        if link is None:
            return


def look_again(
    kept: Sequence[Item],
    *,
    pages: Iterator[Sequence[Heard]],
    one: Callable[[Item], Heard | None],
    edited: Callable[[Item, Item], Item | None],
    at: datetime,
) -> Iterator[Heard]:
    """Yield what became of kept reviews: found in the list first, then singly, `None` for one that is gone.

    The list comes first for another reason too: when it cannot be read, the fault is ours and nothing counts
    as deleted.
    """
    wanted = {item.native_id: item for item in kept if item.change is not Change.DELETED}
    if not wanted:
        return
    for _, page in zip(range(LISTED_PAGES), pages, strict=False):
        for now in page:
            before = wanted.pop(now.native_id, None)
            if before and isinstance(now, Item) and (change := edited(before, now)):
                yield change
        if not wanted:
            return
    rest = list(wanted.values())
    turn = int(at.timestamp() // TURN.total_seconds()) * MOST_SINGLY % max(len(rest), 1)
    for before in (*rest[turn:], *rest[:turn])[:MOST_SINGLY]:
        now_or_gone = one(before)
        if now_or_gone is None:
            yield deletion(before)
        elif isinstance(now_or_gone, Item) and (change := edited(before, now_or_gone)):
            yield change


def deletion(before: Item) -> Item:
    """Return the deletion of a kept review."""
    return replace(
        before, change=Change.DELETED, version=before.version + 1, text="", attachments=(), answer_needs={}
    )


def newer(before: Item, now: Item) -> Item | None:
    """Return a state that is newer by the site's own time of modification; the review keeps its birthday."""
    if now.version <= before.version:
        return None
    return replace(now, change=Change.EDITED, created_at=before.created_at)


# Answering.


def without_effect(ask: Callable[[], T], handle: Handle, *, at: datetime) -> T:
    """Return what `ask` returns; its failure comes before anything is published, so it is a definite no."""
    try:
        return ask()
    except DefiniteNo:
        raise
    except NetworkError as error:
        again_at = None
        if isinstance(error, RateLimited):
            again_at = error.retry_at
        elif isinstance(error, Unreachable):
            again_at = at + SOON
        raise DefiniteNo(error.network, error.detail, handle=handle.handle, again_at=again_at) from None


class OneReply:
    """One public reply below each review; `replaces` says whether sending again overwrites it."""

    title: ClassVar[str]
    replaces: ClassVar[bool] = True

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether the review can be answered; a reply that stands is named with its day."""
        del handle, at
        if private:
            why = f"{self.title} has no private answers: write a way to reach us into the public reply"
            return Permission(allowed=False, reason=why)
        if item.kind is not Kind.REVIEW or item.change is Change.DELETED:
            return Permission(allowed=False, reason="there is no review any more that could be answered")
        if not item.answer_needs.get("reply"):
            return Permission(allowed=True, reason="one public reply below the review")
        day = item.answer_needs.get("replied_at", "")[:10]
        since = f"already answered{' on ' + day if day else ''}"
        if self.replaces:
            return Permission(allowed=True, reason=f"{since}: sending replaces that reply")
        why = f"{since}: {self.title} takes one reply; delete it there before writing another"
        return Permission(allowed=False, reason=why)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return that a reply costs nothing."""
        del text, item, private
        return Cost()


class KeySetup:
    """Setting up a site that wants keys and no consent, and calls no webhook."""

    questions: tuple[Question, ...] = ()
    nothing_to_register: ClassVar[str]

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return nothing: there is no such page."""
        del handle, given, redirect, state, verifier
        return ""

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return what was typed for the handle's secret."""
        del handle, code, redirect, verifier, at
        typed = {each.field: given.get(each.field, "").strip() for each in self.questions if not each.of_app}
        return {name: value for name, value in typed.items() if value}

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Return in words that there is nothing to do."""
        del handle, callback, at
        return (self.nothing_to_register,)

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Return false: a key is good until somebody deletes it."""
        del handle, at
        return False


def same_host(url: str, base_url: str) -> bool:
    """Return whether an address that a site told us leads to the site itself."""
    return urlsplit(url)[:2] == urlsplit(base_url)[:2]
