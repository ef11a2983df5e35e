"""The guard at the door: nothing durable is written before it has passed here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.domain.personal_data import mask

if TYPE_CHECKING:
    from allhours.domain.item import Item


def guarded(item: Item) -> Item:
    """Return the item with personal data masked wherever an author can write.

    Guarding twice is guarding once.
    """
    text = mask(item.text)
    name = mask(item.author.name)
    found = (*text.found, *name.found)
    links = tuple(mask(link).text for link in item.attachments)
    if not found and links == item.attachments:
        return item
    return replace(
        item.masked_as(text.text, name.text, tuple(dict.fromkeys((*item.masked, *found)))), attachments=links
    )
