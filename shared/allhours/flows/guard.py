"""The guard at the door: nothing durable is written before it has passed here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.domain.item import Kind
from allhours.domain.personal_data import mask

if TYPE_CHECKING:
    from allhours.domain.item import Item

LONGEST_KEY = 1_000  # bytes of an id; DynamoDB allows 2,048 for a whole key
MOST = 20  # attachments, and handles addressed; nobody at a desk opens more
LONGEST = 2_000  # characters of a link; browsers cut there
LONGEST_NAME = 200  # characters of a name; no network allows more


def fits(item: Item) -> bool:
    """Return whether the ids can be keys; hostile ones are for a person to look at."""
    return max(len(text.encode()) for text in (item.native_id, item.conversation_id)) <= LONGEST_KEY


def guarded(item: Item) -> Item:
    """Return the item with personal data masked wherever an author can write, no longer than queues carry.

    Guarding twice is guarding once.
    """
    text = mask(item.text)
    name = mask(item.author.name[:LONGEST_NAME])
    links = tuple(mask(link).text for link in item.attachments if len(link) <= LONGEST)[:MOST]
    needs = {what: need for what, need in item.answer_needs.items() if len(need) <= LONGEST}
    permalink = _address(item)
    handle = item.author.handle[:LONGEST_NAME]
    if (
        not text.found
        and name.text == item.author.name
        and handle == item.author.handle
        and links == item.attachments
        and permalink == item.permalink
        and len(needs) == len(item.answer_needs)
        and len(item.addressed) <= MOST
    ):
        return item
    return replace(
        item,
        text=text.text,
        author=replace(item.author, handle=handle, name=name.text),
        masked=tuple(dict.fromkeys((*item.masked, *text.found, *name.found))),
        attachments=links,
        permalink=permalink,
        addressed=item.addressed[:MOST],
        answer_needs=needs,
    )


def _address(item: Item) -> str:
    """Return where the post is; only a feed's author can write that, others are made of ids."""
    if len(item.permalink) > LONGEST:
        return ""
    return mask(item.permalink).text if item.kind is Kind.ENTRY else item.permalink
