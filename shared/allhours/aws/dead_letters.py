"""What could not be handled, in the records table."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.pages import put_page
from allhours.aws.table import Row, commit, compact, get_rows, put_if, query_list
from allhours.domain.errors import Busy
from allhours.domain.page import dead_letter
from allhours.flows.ports import Committed, DeadLetter
from allhours.networks.windows import STORAGE_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LETTER_KEPT = timedelta(days=90)
TTL_LATE = timedelta(days=3)  # the table may take so long to delete what has expired


def _lasting(body: Mapping[str, Any] | None) -> tuple[Mapping[str, Any] | None, timedelta]:
    """Return what is kept of a letter's body, and how long: no longer than its network allows.

    Where that is shorter than the table takes to delete a row, the words stay out: the post is found by its
    address.
    """
    if body is None or (limit := STORAGE_LIMITS.get(str(body.get("network")))) is None:
        return body, LETTER_KEPT
    if limit > TTL_LATE:
        return body, min(LETTER_KEPT, limit - TTL_LATE)
    author = body.get("author")
    nameless = {"id": author["id"]} if isinstance(author, dict) and "id" in author else author
    wordless = {name: value for name, value in body.items() if name not in {"text", "attachments"}}
    return {**wordless, "author": nameless}, LETTER_KEPT


class DynamoDeadLetters:
    """What could not be handled, kept with its page in one transaction until it is redriven."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def park(self, letters: Sequence[DeadLetter], *, at: datetime) -> int:
        """Keep each letter once."""
        return sum(self._park_one(letter, at) for letter in letters)

    def _park_one(self, letter: DeadLetter, at: datetime) -> bool:
        body, kept = _lasting(letter.body)
        row: Row = {
            "key": {"S": f"DEAD#{letter.letter_id}"},
            "where": {"S": letter.where},
            "reason": {"S": letter.reason},
            "list": {"S": "DEAD"},
            "list_at": {"S": at.isoformat()},
            "expires_at": {"N": str(int((at + kept).timestamp()))},
        }
        if body:
            row["body"] = {"S": compact(body)}
        writes = [
            ("item", put_if(self._table, row, "key", None)),
            ("page", put_page(self._table, dead_letter(letter.where, letter.reason, at), at)),
        ]
        answer = commit(writes, "keeping a dead letter")
        if answer == Committed.STALE:  # another letter's page is being written: nothing has been kept yet
            message = f"keeping a dead letter: {letter.letter_id} met another, try again"
            raise Busy(message)
        return answer == Committed.DONE

    def kept(self) -> Iterator[tuple[str, DeadLetter]]:
        """Yield each letter with its key."""
        for row in get_rows(self._table, list(query_list(self._table, "DEAD"))):
            key = row["key"]["S"]
            letter = DeadLetter(
                letter_id=key.removeprefix("DEAD#"),
                where=row["where"]["S"],
                reason=row["reason"]["S"],
                body=json.loads(row["body"]["S"]) if "body" in row else None,
            )
            yield key, letter

    def forget(self, key: str) -> None:
        """Delete a letter that has been dealt with."""
        with passing_trouble("forgetting a dead letter"):
            dynamodb().delete_item(TableName=self._table, Key={"key": {"S": key}})
