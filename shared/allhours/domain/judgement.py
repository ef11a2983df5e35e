"""What is judged of a post, and what a judge may say of it.

`Said` is all that any judgement sees. It has no author: no name, handle, picture, badge or follower count can
matter, because there is no field to read them from (DESIGN.md, promise 7). Handles in the words are not read
either, but for our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from allhours.domain.item import Kind, Visibility

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from allhours.domain.item import Item

NOBODY = "none"
"""The topic of a post that is no unit's business."""

AT_NAME = re.compile(r"@[\w.-]*\w(?:@[\w.-]*\w)?")
"""A handle in a text, on one server or on many."""

_IN_A_PLACE_OF_OURS = frozenset({Kind.COMMENT, Kind.MESSAGE, Kind.REVIEW})

TOPICS = (
    "cards",
    "payments",
    "online_banking",
    "accounts",
    "lending",
    "insurance",
    "fraud_security",
    "customer_care",
    NOBODY,
)
"""What a model can say a post is about; a unit takes the topic of its name, or those it lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The words and their circumstances, without who wrote them.

    `text` is masked; `language` is the network's code or ""; `rating` is that of a review, 1 to 5 stars, else
    0; `to_us` tells that the post names one of our handles or was written in a place of ours.
    """

    text: str
    language: str = ""
    network: str = ""
    kind: Kind = Kind.POST
    visibility: Visibility = Visibility.PUBLIC
    rating: int = 0
    to_us: bool = False

    @staticmethod
    def of(item: Item, text: str | None = None) -> Said:
        """Return what of an item may be judged, or of another text in its place."""
        return Said(
            text=item.text if text is None else text,
            language=item.language,
            network=item.network,
            kind=item.kind,
            visibility=item.visibility,
            rating=item.rating,
            to_us=bool(item.addressed) or item.kind in _IN_A_PLACE_OF_OURS,
        )


NO_ODDS: Mapping[str, float] = MappingProxyType({})

Cards = tuple[tuple[str, float], ...]
"""Answer cards by id, the likeliest first, each with its probability."""


def no_cards() -> Cards:
    """Suggest no card."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a model thinks, calibrated: `odds` are probabilities by topic (with `none`), and sum to 1.

    `urgent` is the probability that it cannot wait. `cards` finds the answer cards that fit, if any does; it
    takes a quarter of the time that an opinion does, so it is called only for whom they are shown to. `model`
    is the version that thought so.
    """

    odds: Mapping[str, float] = field(default_factory=lambda: NO_ODDS)
    urgent: float = 0.0
    cards: Callable[[], Cards] = no_cards
    model: str = ""


class Judge(Protocol):
    """The port for a trained model. It is given the post's words already split, and what lists they hit."""

    def __call__(
        self, said: Said, words: Sequence[str], hits: Mapping[str, Sequence[str]], /
    ) -> Opinion | None:
        """Return an opinion, or None on what it was not made for (another language, say)."""
        ...


def no_judge(_said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion | None:
    """Have no opinion on any post: rules only."""
    return None
