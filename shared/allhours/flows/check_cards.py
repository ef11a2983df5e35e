"""Check, each night, that the link of every answer card leads somewhere, and that no card runs out unseen.

A link that gives trouble is tried once more when all others are done. What is found is on record with the
notice that tells of it, so a card's owner hears of it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from allhours.domain.cards import Health, broken, expires
from allhours.domain.errors import Busy
from allhours.domain.lint import host_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.notice import Notice
    from allhours.domain.organisation import AnswerCard, Organisation
    from allhours.networks.links import Found

RESERVED = ".example"  # RFC 2606: nothing is there, as with the pages of the example bank


class Links(Protocol):
    """What looks at links."""

    def look(self, urls: Collection[str], domains: Sequence[str]) -> Mapping[str, Found]:
        """Return what is found at each; redirects lead on below the domains only."""
        ...


class CardStates(Protocol):
    """How each card's link is, on record."""

    def healths(self, card_ids: Collection[str]) -> Mapping[str, Health]:
        """Return what is known, by card."""
        ...

    def put(self, card_id: str, health: Health, told: Notice | None, *, at: datetime) -> None:
        """Put it on record with the notice that it is a cause of, which is told once; `Busy` to try again."""
        ...

    def tell(self, notice: Notice) -> bool:
        """Tell once; return whether it was new."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CardsChecked:
    """How many links were looked at, which cards are broken, how many run out soon, and what went wrong."""

    checked: int
    broken: tuple[str, ...]
    expiring: int
    troubles: tuple[str, ...]


def check_cards(
    organisation: Organisation, *, links: Links, states: CardStates, at: datetime
) -> CardsChecked:
    """Look at every card's link and put on record how it is."""
    cards = [card for card in organisation.answers.values() if not host_of(card.url).endswith(RESERVED)]
    found = _look(organisation, {card.url for card in cards}, links)
    known = states.healths([card.card_id for card in cards])
    troubles = list[str]()
    for card in cards:
        health = _health(card, known.get(card.card_id), found[card.url], at)
        told = None if health.ok else broken(organisation, card, health, at)
        try:
            states.put(card.card_id, health, told, at=at)
        except Busy as busy:
            troubles.append(f"card {card.card_id}: {busy}")
    soon = [told for card in organisation.answers.values() if (told := expires(organisation, card, at))]
    for each in soon:
        try:
            states.tell(each)
        except Busy as busy:
            troubles.append(f"{each.notice_id}: {busy}")
    return CardsChecked(
        checked=len(cards),
        broken=tuple(card.card_id for card in cards if not found[card.url].ok),
        expiring=len(soon),
        troubles=tuple(troubles),
    )


def _look(organisation: Organisation, urls: set[str], links: Links) -> Mapping[str, Found]:
    first = links.look(urls, organisation.domains)
    bad = {url for url, found in first.items() if not found.ok}
    return {**first, **links.look(bad, organisation.domains)} if bad else first


def _health(card: AnswerCard, known: Health | None, found: Found, at: datetime) -> Health:
    if known is None or known.url != card.url:
        return Health(url=card.url, ok=found.ok, since=at, found=found.found, checked_at=at)
    return known.next(ok=found.ok, found=found.found, at=at)
