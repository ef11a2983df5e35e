"""Ask a network who an author is, once a case has opened and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Busy, NetworkError, RateLimited, Unreachable
from allhours.domain.item import Author, Item, Kind
from allhours.flows.ingest import Intake, report, take_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.flows.cover_ports import Pages
    from allhours.flows.ports import DeadLetters, ItemQueue, KnownAuthors
    from allhours.networks.contract import AuthorBook


def look_up(
    asked: Mapping[str, Sequence[str]],
    *,
    handle: Handle,
    book: AuthorBook,
    authors: KnownAuthors,
    queue: ItemQueue,
    dead_letters: DeadLetters,
    pages: Pages,
    intake: Intake,
    ours: frozenset[str],
    at: datetime,
) -> None:
    """Queue a profile item for each (author, conversations) that can be named.

    Those looked up in the last days are not asked for again; the others take one call for all of them.
    """
    found = dict(authors.known(handle.network, tuple(asked)))
    if strangers := tuple(author_id for author_id in asked if author_id not in found):
        try:
            told = book.authors(handle, strangers, at=at)
        except (RateLimited, Unreachable) as error:
            intake.troubles.append(error)
            raise Busy(str(error)) from error  # the topic's delivery comes again
        except NetworkError as error:
            report(error, handle=handle, pages=pages, intake=intake, at=at)
        else:
            authors.remember(handle.network, told.values(), at=at)
            found |= told
    profiles = [
        _profile(handle, author, conversation, at)
        for author_id, author in found.items()
        for conversation in asked.get(author_id, ())
    ]
    take_in(profiles, queue=queue, dead_letters=dead_letters, pages=pages, intake=intake, ours=ours, at=at)


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
