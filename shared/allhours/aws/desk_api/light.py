"""What was told to a unit without a case, found by the list of what its handles heard."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.records import shown
from allhours.aws.table import LAST, Row, get_rows
from allhours.domain.item import Item, item_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from allhours.domain.organisation import Organisation

Told: TypeAlias = tuple[Item, Mapping[str, Any]]
"""An item, and the event that told it."""

LIGHT = "item.light"
LOOKED_THROUGH = 100  # rows a handle and answer: cases are listed there as well, so a list may be short


class DynamoLight:
    """Items in the light lane; a handle's list has them among its cases, and only the rows say which unit."""

    def __init__(self, table: str, organisation: Organisation) -> None:
        """Remember the table, and which handles there are."""
        self._table = table
        self._organisation = organisation

    def of_units(self, units: Sequence[str], *, before: str, most: int) -> tuple[Sequence[Told], str]:
        """Return items, newest first, said before an instant ("" for now), and where the list goes on."""
        keys, whole_from = self._keys(units, before or LAST)
        rows = {
            row["key"]["S"]: row for row in get_rows(self._table, [key for _, key in keys], consistent=False)
        }
        found = list[Told]()
        last = before
        for at, key in keys:
            if len(found) == most or at < whole_from:
                return found, last
            last = at
            if key in rows and (told := _light(rows[key], units)):
                found.append(told)
        return found, whole_from

    def _keys(self, units: Sequence[str], until: str) -> tuple[list[tuple[str, str]], str]:
        """Return instants and keys of items without a case, newest first, and back to when that is all.

        "" for all there are.
        """
        accounts = self._organisation.accounts.values()
        handles = [h for each in accounts if each.general or each.unit in units for h in each.handles]
        lists = [self._listed(f"KEPT#{handle.network}#{handle.handle}", until) for handle in handles]
        back_to = max((one[-1][0] for one in lists if len(one) == LOOKED_THROUGH), default="")
        merged: Iterator[tuple[str, str]] = heapq.merge(*lists, reverse=True)
        return [(at, key) for at, key in merged if key.startswith("ITEM#")], back_to

    def _listed(self, name: str, until: str) -> list[tuple[str, str]]:
        with passing_trouble("listing what opened no case"):
            answer = dynamodb().query(
                TableName=self._table,
                IndexName="lists",
                KeyConditionExpression="#list = :list AND list_at < :until",
                ExpressionAttributeNames={"#list": "list"},
                ExpressionAttributeValues={":list": {"S": name}, ":until": {"S": until}},
                ScanIndexForward=False,
                Limit=LOOKED_THROUGH,
            )
        return [(row["list_at"]["S"], row["key"]["S"]) for row in answer["Items"]]


def _light(row: Row, units: Sequence[str]) -> Told | None:
    """Return it if it was told to one of these units, is still there, and nobody made a case of it."""
    there = shown(row)
    last: Mapping[str, Any] = next(iter(reversed(there["events"])), {})
    if there["deleted"] or there["case_id"] or last.get("event") != LIGHT or last.get("unit") not in units:
        return None
    return item_from_json(there["item"]), last
