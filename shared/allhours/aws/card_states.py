"""How each answer card's link is, in the records table: a row a card, written with the notice about it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.aws.notices import DynamoNotices, put_notice
from allhours.aws.table import Row, commit, compact, get_rows, put_if, readable
from allhours.domain.cards import health_from_json, health_to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from allhours.domain.cards import Health
    from allhours.domain.notice import Notice

KEPT = timedelta(days=90)  # after the last look: of a card that left the organisation file nothing stays


class DynamoCardStates:
    """One row a card; the night is the only one that writes it."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table
        self._notices = DynamoNotices(table)

    def healths(self, card_ids: Collection[str]) -> Mapping[str, Health]:
        """Return what is known, by card; `BadInput` names a row that this release cannot read."""
        rows = get_rows(self._table, [f"CARD#{card}" for card in card_ids], consistent=False)
        return dict(map(_health_in, rows))

    def health(self, card_id: str) -> Health | None:
        """Return how a card's link is, None where nobody has looked."""
        return self.healths([card_id]).get(card_id)

    def put(self, card_id: str, health: Health, told: Notice | None, *, at: datetime) -> None:
        """Put it on record with the notice that it is a cause of; the notice is written once."""
        row: Row = {
            "key": {"S": f"CARD#{card_id}"},
            "health": {"S": compact(health_to_json(health))},
            "expires_at": {"N": str(int((at + KEPT).timestamp()))},
        }
        writes = [("health", put_if(self._table, row, "", None))]
        if told:
            writes.append(("notice", put_notice(self._table, told, at)))
        commit(writes, "recording a card's health")

    def tell(self, notice: Notice) -> bool:
        """Tell once; return whether it was new."""
        return self._notices.tell(notice)


def _health_in(row: Row) -> tuple[str, Health]:
    key = row["key"]["S"]
    with readable(key):
        return key.removeprefix("CARD#"), health_from_json(json.loads(row["health"]["S"]))
