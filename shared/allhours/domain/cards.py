"""An answer card's state: whether its link leads somewhere, whether it is offered, how often it was used."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput
from allhours.domain.life import Ruling
from allhours.domain.notice import to_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allhours.domain.notice import Notice
    from allhours.domain.organisation import AnswerCard, Organisation
    from allhours.domain.reply import Reply

TOLD_BEFORE = timedelta(days=14)  # a card's last day: time to read it again and have it approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a card's link was when it was last looked at; `since` is when it came to be so.

    `found` is what was found: a status, or why there was none. Of another `url` it says nothing.
    """

    url: str
    ok: bool
    since: datetime
    found: str
    checked_at: datetime

    def next(self, *, ok: bool, found: str, at: datetime) -> Health:
        """Return the health after another look at the same link."""
        since = self.since if ok is self.ok else at
        return Health(url=self.url, ok=ok, since=since, found=found, checked_at=at)


def offered(card: AnswerCard, health: Health | None, on: date) -> Ruling:
    """Return whether a card may be offered on a day, in words for the desk; one never looked at may."""
    if card.expires and on.isoformat() >= card.expires:
        return Ruling(allowed=False, reason=f"it expired on {card.expires}")
    if health and health.url == card.url and not health.ok:
        when = f"{health.since:%Y-%m-%d}"
        return Ruling(allowed=False, reason=f"its link is broken since {when}: {health.found}")
    return Ruling(allowed=True, reason="it is approved" if card.approved_by else "nobody has approved it yet")


def broken(organisation: Organisation, card: AnswerCard, health: Health, at: datetime) -> Notice:
    """Tell a card's unit that its link leads nowhere: once, until it has been well again."""
    body = {
        **_of(card),
        "url": card.url,
        "since": health.since.astimezone(UTC).isoformat(timespec="milliseconds"),
        "reason": health.found,
    }
    notice_id = f"card.broken#{card.card_id}#{int(health.since.timestamp())}"
    return to_unit(notice_id, "card.broken", organisation, card.unit, at, body)


def expires(organisation: Organisation, card: AnswerCard, at: datetime) -> Notice | None:
    """Tell a card's unit, once for each date, that it is about to expire; None where that is far or over."""
    if not card.expires:
        return None
    left = date.fromisoformat(card.expires) - at.astimezone(UTC).date()
    if not timedelta(0) < left <= TOLD_BEFORE:
        return None
    body = {**_of(card), "expires": card.expires}
    notice_id = f"card.expires#{card.card_id}#{card.expires}"
    return to_unit(notice_id, "card.expires", organisation, card.unit, at, body)


def _of(card: AnswerCard) -> dict[str, str]:
    return {"card_id": card.card_id, "title": card.title, "owner": card.owner}


def health_to_json(health: Health) -> dict[str, Any]:
    """Return the health as its row keeps it."""
    return {
        "url": health.url,
        "ok": health.ok,
        "since": health.since.isoformat(),
        "found": health.found,
        "checked_at": health.checked_at.isoformat(),
    }


def health_from_json(body: Mapping[str, Any]) -> Health:
    """Return the health that `health_to_json` wrote."""
    try:
        since, checked_at = (datetime.fromisoformat(body[name]) for name in ("since", "checked_at"))
        return Health(url=body["url"], ok=body["ok"], since=since, found=body["found"], checked_at=checked_at)
    except (KeyError, TypeError, ValueError) as wrong:
        raise BadInput(f"a card's health is none of ours ({type(wrong).__name__})") from None


# How often cards are used


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How many answers a card was in, and how many of those no person let go; "" stands for no card."""

    card_id: str
    answers: int
    automatic: int


def used(replies: Iterable[Reply]) -> tuple[Used, ...]:
    """Return how often each card was in an answer that went out, the most used first, and last no card."""
    answers, automatic = Counter[str](), Counter[str]()
    for reply in replies:
        answers[reply.card] += 1
        automatic[reply.card] += reply.automatic
    found = (Used(card_id=card, answers=n, automatic=automatic[card]) for card, n in answers.items())
    return tuple(sorted(found, key=lambda each: (not each.card_id, -each.answers, each.card_id)))
