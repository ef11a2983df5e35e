"""What else the records table keeps of items that ended: pages' quotes, letters, drafts, notes, names."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.due import due_attributes, due_rows
from allhours.aws.forgetting import PARTITION
from allhours.aws.packed import packed
from allhours.aws.records import case_in, events_of
from allhours.aws.table import Row, compact, get_rows, put_if, query_list
from allhours.domain.case import case_to_json
from allhours.domain.erasing import page_without_words
from allhours.domain.errors import Busy
from allhours.domain.event import unquoted
from allhours.domain.item import Kind
from allhours.domain.page import page_from_json, page_to_json
from allhours.domain.urgency import SELF_HARM
from allhours.flows.erase import Ending

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from allhours.domain.case import Case


class DynamoEndings:
    """Rows that the deletion's transaction could not know of."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def due(self, at: datetime, *, most: int) -> Sequence[Ending]:
        """Return endings that are due, soonest first."""
        keys = list(islice(due_rows(self._table, PARTITION, at), most))
        return [
            Ending(
                item_key=row["key"]["S"].removeprefix("FORGET#"),
                case_id=row["in_case"]["S"],
                deleted=row["ended"]["S"] == "deleted",
            )
            for row in get_rows(self._table, keys)
        ]

    def held(self, ending: Ending) -> str:
        """Return the hold of the conversation: that of its present case, or of the only one there is."""
        if not ending.case_id:
            return ""
        rows = {row["key"]["S"]: row for row in get_rows(self._table, _case_keys(ending.case_id))}
        row = next((rows[key] for key in _case_keys(ending.case_id) if key in rows), None)
        return case_in(row).hold if row else ""

    def later(self, ending: Ending, until: datetime) -> None:
        """Move the row's instant."""
        due_at = due_attributes(PARTITION, until)["due_at"]
        with passing_trouble("putting an ending off"):
            dynamodb().update_item(
                TableName=self._table,
                Key=_key(f"FORGET#{ending.item_key}"),
                UpdateExpression="SET due_at = :at",
                ExpressionAttributeValues={":at": due_at},
            )

    def done(self, ending: Ending) -> None:
        """Delete the row."""
        self._delete(f"FORGET#{ending.item_key}")

    def forget(self, ending: Ending, units: Collection[str]) -> None:
        """Remove what an ending leaves; an expired item's drafts, notes and letters are not its words."""
        left = True
        if ending.case_id:
            self._pages(ending, units)
            left = self._old_case(ending)
        if not ending.deleted:
            return
        self._release(ending)
        for key in query_list(self._table, "DEAD"):
            if key.startswith(f"DEAD#{ending.item_key}@"):
                self._delete(key)
        if ending.case_id:
            self._draft(ending, left=left)
            if not left:
                self._notes_and_names(ending)

    def _pages(self, ending: Ending, units: Collection[str]) -> None:
        """Take the quotes out of the pages that called people to the case."""
        causes = (*units, SELF_HARM, f"{SELF_HARM}#{ending.item_key}")
        times = max((case_in(row).reopened for row in self._cases(ending)), default=0) + 1
        keys = [f"PAGE#urgent#{ending.case_id}#{time}#{cause}" for time in range(times) for cause in causes]
        for row in get_rows(self._table, keys):
            if news := without_quotes(row):
                self._put(news, row)

    def _old_case(self, ending: Ending) -> bool:
        """Return whether anything of the case is left; a replaced one lets go of what the router does not."""
        left = any(not gone and kind is not Kind.PROFILE for _, kind, gone in self._posts(ending))
        for row in self._cases(ending):
            if row["key"]["S"].startswith("OLD#"):
                case = case_in(row)
                bare = case.bare() if not left else case
                news = compact(case_to_json(_unquoted(bare)))
                if news != row["case"]["S"]:
                    self._put({**row, "case": {"S": news}}, row)
        return left

    def _release(self, ending: Ending) -> None:
        """Delete the words that a legal hold kept; the units were told when their author took them back."""
        for row in get_rows(self._table, [f"ITEM#{ending.item_key}"]):
            if "held" in row:
                self._put(told({name: value for name, value in row.items() if name != "held"}), row)

    def _draft(self, ending: Ending, *, left: bool) -> None:
        for row in get_rows(self._table, [f"DRAFT#{ending.case_id}"]):
            if not left or json.loads(row["draft"]["S"]).get("item_key") == ending.item_key:
                self._delete(row["key"]["S"])

    def _notes_and_names(self, ending: Ending) -> None:
        """Delete notes, which may quote what is gone, and what a look-up told of who said it."""
        for key in list(query_list(self._table, f"NOTES#{ending.case_id}")):
            self._delete(key)
        for row, kind, gone in self._posts(ending):
            item = json.loads(row["item"]["S"])
            if kind is Kind.PROFILE and not gone:
                self._put(_nameless(row, item), row)
            self._delete(f"AUTHOR#{item['network']}#{item['author']['id']}")

    def _posts(self, ending: Ending) -> Iterator[tuple[Row, Kind, bool]]:
        """Yield the rows of the case's items."""
        keys = [f"ITEM#{key}" for row in self._cases(ending) for key in case_in(row).item_keys]
        keys += query_list(self._table, f"CASE#{ending.case_id}")
        for row in get_rows(self._table, list(dict.fromkeys(keys))):
            if row.get("in_case", {}).get("S") == ending.case_id:
                yield row, Kind(json.loads(row["item"]["S"])["kind"]), row["deleted"]["BOOL"]

    def _cases(self, ending: Ending) -> list[Row]:
        """Return the row of this case, which is the present one or an earlier one."""
        rows = get_rows(self._table, _case_keys(ending.case_id))
        return [row for row in rows if case_in(row).case_id == ending.case_id]

    def _put(self, row: Row, was: Row) -> None:
        put_over(self._table, row, was)

    def _delete(self, key: str) -> None:
        with passing_trouble("forgetting"):
            dynamodb().delete_item(TableName=self._table, Key=_key(key))


def put_over(table: str, row: Row, was: Row) -> None:
    """Write a row over what was read; `Busy` when somebody else has changed it meanwhile.

    A row without a version is guarded by the whole of the text that it keeps.
    """
    put: dict[str, Any] = (
        dict(put_if(table, packed(row), "v", int(was["v"]["N"]))["Put"]) if "v" in was else {}
    )
    if not put:
        name = next(each for each in was if each not in _ABOUT and "S" in was[each])
        put = {
            "TableName": table,
            "Item": row,
            "ConditionExpression": "#name = :was",
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": {":was": was[name]},
        }
    try:
        with passing_trouble("forgetting"):
            dynamodb().put_item(**put)
    except dynamodb().exceptions.ConditionalCheckFailedException:
        raise Busy(f"{was['key']['S']} changed while it was being forgotten: try again") from None


_ABOUT = frozenset({"key", "list", "list_at", "due", "due_at", "expires_at"})


def without_quotes(row: Row) -> Row | None:
    """Return a page's row without what it quotes of a post, one version on; None where it quotes nothing."""
    page = page_from_json(json.loads(row["page"]["S"]))
    after = page_without_words(page)
    if after == page:
        return None
    return {**row, "page": {"S": compact(page_to_json(after))}, "v": {"N": str(int(row["v"]["N"]) + 1)}}


def told(row: Row) -> Row:
    """Return an item's row whose last event is past: written like this, the stream does not tell it again."""
    past = events_of(row)
    rest = {name: value for name, value in row.items() if name not in {"event", "told"}}
    return {**rest, "told": {"L": [{"S": one} for one in past]}} if past else rest


def _nameless(row: Row, item: dict[str, Any]) -> Row:
    """Return the row of a look-up's answer without the name."""
    events = [json.loads(one) for one in events_of(row)]
    past = [{"S": compact({**one, "author": {}} if "author" in one else one)} for one in events]
    nameless = {**item, "author": {"id": item["author"]["id"]}}
    news = {**told(row), "item": {"S": compact(nameless)}, "deleted": {"BOOL": True}}
    return {**news, "told": {"L": past}} if past else news


def _unquoted(case: Case) -> Case:
    return replace(case, alike="", reason=unquoted(case.reason))


def _case_keys(case_id: str) -> list[str]:
    return [f"CASE#{case_id.partition('.')[0]}", f"OLD#{case_id}"]


def _key(key: str) -> dict[str, Any]:
    return {"key": {"S": key}}
