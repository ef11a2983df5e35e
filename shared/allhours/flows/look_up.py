"""Ask a network who an author is, once a case has opened and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import NetworkError
from allhours.domain.item import Author, Item, Kind
from allhours.flows.ingest import Intake, report, take_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.flows.ports import DeadLetters, ItemQueue, Pages
    from allhours.networks.contract import AuthorBook


def look_up(
    asked: Mapping[str, Sequence[str]],
    *,
    handle: Handle,
    book: AuthorBook,
    queue: ItemQueue,
    dead_letters: DeadLetters,
    pages: Pages,
    intake: Intake,
    ours: frozenset[str],
    at: datetime,
) -> None:
    """Queue a profile item for each (author, conversations) that the network can name.

    One call for all of them.
    """
    try:
        found = book.authors(handle, tuple(asked), at=at)
    except NetworkError as error:
        report(error, pages=pages, intake=intake, at=at)
        return
    profiles = [
        _profile(handle, author, conversation, at)
        for author_id, author in found.items()
        for conversation in asked.get(author_id, ())
    ]
    take_in(profiles, queue=queue, dead_letters=dead_letters, intake=intake, ours=ours, at=at)


def _profile(handle: Handle, author: Author, conversation_id: str, at: datetime) -> Item:
    return Item(
        network=handle.network,
        native_id=f"profile:{author.author_id}:{conversation_id}",
        account=handle.account,
        handle=handle.handle,
        conversation_id=conversation_id,
        author=author,
        created_at=at,
        kind=Kind.PROFILE,
        version=int(at.timestamp()),
    )
