"""How long a text is on a network, asked of the network's own rule, without an account or a call."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from allhours.domain.item import Author, Item, Kind
from allhours.networks.rules import rules_of

if TYPE_CHECKING:
    from allhours.networks.contract import Length


def lengths(network: str, text: str) -> tuple[Length, ...]:
    """Return the length of a public answer by every measure of the network; none where we do not answer."""
    replier = rules_of(network)
    return replier.length(text, _somebodys(network), private=False) if replier else ()


@cache
def _somebodys(network: str) -> Item:
    """Return a plain comment to answer, whose author has a name of usual length."""
    return Item(
        network=network,
        native_id="1",
        account="",
        handle="",
        conversation_id="1",
        author=Author(author_id="1", handle="@leela_writes", name="Leela"),
        created_at=datetime(2027, 1, 1, tzinfo=UTC),
        kind=Kind.COMMENT,
        text="",
    )
