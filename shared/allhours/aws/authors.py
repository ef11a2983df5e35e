"""What look-ups told of authors, in the records table."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.table import Row, compact, get_rows
from allhours.domain.item import Author
from allhours.domain.personal_data import mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

AUTHOR_KEPT = timedelta(days=7)


class DynamoAuthors:
    """What look-ups told of authors, for a week."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def known(self, network: str, author_ids: Sequence[str]) -> Mapping[str, Author]:
        """Return those on record, in one call for up to a hundred."""
        rows = get_rows(self._table, [f"AUTHOR#{network}#{author_id}" for author_id in author_ids])
        told = (json.loads(row["author"]["S"]) for row in rows)
        return {
            one["id"]: Author(author_id=one["id"], handle=one["handle"], name=one["name"]) for one in told
        }

    def remember(self, network: str, authors: Iterable[Author], *, at: datetime) -> None:
        """Keep each for a week, with what the guard leaves of a name."""
        expires = str(int((at + AUTHOR_KEPT).timestamp()))
        for author in authors:
            body = {"id": author.author_id, "handle": author.handle, "name": mask(author.name).text}
            row: Row = {
                "key": {"S": f"AUTHOR#{network}#{author.author_id}"},
                "author": {"S": compact(body)},
                "expires_at": {"N": expires},
            }
            with passing_trouble("remembering an author"):
                dynamodb().put_item(TableName=self._table, Item=row)
