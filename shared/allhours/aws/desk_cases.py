"""The lists of cases that a desk reads: open ones as they are due, closed ones, answers that wait.

A list is read from several partitions of an index at once, one call each. Its cursor says for each of them
where to go on, so that no row is shown twice or left out while others come and go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from heapq import merge
from typing import TYPE_CHECKING, Any, Literal

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.drafts import draft_in, draft_key
from allhours.aws.due import FAR
from allhours.aws.records import case_in
from allhours.aws.table import BATCH, get_rows
from allhours.domain.case import Case, State
from allhours.domain.draft import Draft, DraftState
from allhours.domain.errors import BadInput
from allhours.domain.item import Kind, item_from_json
from allhours.flows.desk_ports import Asked, Found, Listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allhours.aws.table import Row
    from allhours.domain.item import Item

MOST = 100  # cases of one answer
_AT_ONCE = BATCH // 2  # rows looked through at a time; of a draft two keys of a batch are read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """One partition of an index, and how far it is read."""

    index: Literal["due", "lists"]
    partition: str
    newest_first: bool = False
    until: str = FAR

    @property
    def at(self) -> str:
        return "due_at" if self.index == "due" else "list_at"

    @property
    def name(self) -> str:
        return "due" if self.index == "due" else "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A row in a partition."""

    at: str
    key: str
    partition: str


class DynamoDeskLists:
    """Lists of cases, for one page of which a call a partition and two for the rows are made."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def listed(self, asked: Asked) -> Listed:
        """Return one page: at most so many as asked for, fewer where others were looked through in vain."""
        parts = list(self._partitions(asked))
        most = min(asked.most, MOST)
        looked = most if _is_plain(asked) else max(most, _AT_ONCE)
        cursor = _cursor_in(asked.cursor, {part.partition for part in parts})
        places, ended = self._places(parts, cursor, looked)
        cases, drafts, troubles = self._read([place.key for place in places])
        found: dict[str, Case] = {}
        left = list(places)
        while left and len(found) < most:
            place = left.pop(0)
            cursor[place.partition] = [place.at, place.key]
            case = cases.get(place.key)
            if case and _fits(case, drafts.get(case.case_id), asked):
                found[case.case_id] = case
        return Listed(
            found=self.found(list(found.values())),
            next="" if ended and not left else json.dumps(cursor, separators=(",", ":")),
            troubles=tuple(troubles),
        )

    def found(self, cases: Sequence[Case]) -> tuple[Found, ...]:
        """Return cases, each with its draft and the newest post of its author's."""
        drafts, items = self._beside(cases)
        return tuple(
            Found(case=case, draft=drafts.get(case.case_id), item=items.get(case.case_id)) for case in cases
        )

    def _partitions(self, asked: Asked) -> Iterable[_Index]:
        until = asked.due_before.isoformat() if asked.due_before else FAR
        for unit in asked.units:
            if asked.state == "waiting":
                yield _Index(index="lists", partition=f"DRAFTS#{unit}")
            elif asked.state == "closed":
                yield _Index(index="due", partition=f"CLOSED#{unit}", newest_first=True)
            else:
                yield _Index(index="due", partition=f"CASES#{unit}", until=until)

    def _places(
        self, parts: Sequence[_Index], cursor: Mapping[str, list[str]], most: int
    ) -> tuple[list[_Place], bool]:
        """Return the next rows of all partitions in one order, and whether there are no more."""
        read = [self._page(part, cursor.get(part.partition), most) for part in parts]
        newest_first = any(part.newest_first for part in parts)
        every = list(merge(*(places for places, _ in read), key=lambda place: place.at, reverse=newest_first))
        return every[:most], len(every) <= most and not any(more for _, more in read)

    def _page(self, part: _Index, after: list[str] | None, most: int) -> tuple[list[_Place], bool]:
        """Return a partition's next rows in the index's own order, and whether there may be more."""
        more: dict[str, Any] = {}
        if after:
            more["ExclusiveStartKey"] = {
                part.name: {"S": part.partition},
                part.at: {"S": after[0]},
                "key": {"S": after[1]},
            }
        with passing_trouble(f"listing {part.partition}"):
            answer = dynamodb().query(
                TableName=self._table,
                IndexName=part.index,
                KeyConditionExpression="#name = :name AND #at <= :until",
                ExpressionAttributeNames={"#name": part.name, "#at": part.at},
                ExpressionAttributeValues={":name": {"S": part.partition}, ":until": {"S": part.until}},
                ScanIndexForward=not part.newest_first,
                Limit=most,
                **more,
            )
        places = [
            _Place(at=row[part.at]["S"], key=row["key"]["S"], partition=part.partition)
            for row in answer["Items"]
        ]
        return places, "LastEvaluatedKey" in answer

    def _read(self, keys: Sequence[str]) -> tuple[dict[str, Case], dict[str, Draft], list[str]]:
        """Return the cases that listed keys stand for, by key, and the drafts that were listed, by case."""
        drafted = [key for key in keys if key.startswith("DRAFT#")]
        wanted = dict.fromkeys([*filter(None, map(_case_key, keys)), *drafted])
        rows = {row["key"]["S"]: row for row in get_rows(self._table, list(wanted), consistent=False)}
        cases: dict[str, Case] = {}
        troubles: list[str] = []
        for key in keys:
            if row := rows.get(_case_key(key)):
                try:
                    cases[key] = case_in(row)
                except BadInput as wrong:
                    troubles.append(str(wrong))
        drafts = [draft_in(rows[key]) for key in drafted if key in rows]
        return cases, {draft.case_id: draft for draft in drafts}, troubles

    def _beside(self, cases: Sequence[Case]) -> tuple[dict[str, Draft], dict[str, Item]]:
        """Return by case its draft, and the newest post of its author's that it names and that is there."""
        named = {case.case_id: dict.fromkeys((case.item_keys[-1], case.first_item)) for case in cases}
        keys = [f"ITEM#{key}" for each in named.values() for key in each]
        keys += [draft_key(case.case_id) for case in cases]
        rows = {row["key"]["S"]: row for row in get_rows(self._table, keys, consistent=False)}
        drafts: dict[str, Draft] = {}
        items: dict[str, Item] = {}
        for case in cases:
            if row := rows.get(draft_key(case.case_id)):
                drafts[case.case_id] = draft_in(row)
            posts = (_post_in(rows.get(f"ITEM#{key}")) for key in named[case.case_id])
            own = (item for item in posts if item and item.author.author_id == case.author_id)
            if item := next(own, None):
                items[case.case_id] = item
        return drafts, items


def _is_plain(asked: Asked) -> bool:
    """Return whether every row of the partitions is wanted."""
    return asked.state != "waiting" and not (asked.account or asked.owner)


def _fits(case: Case, draft: Draft | None, asked: Asked) -> bool:
    """Return whether a case is what was asked for, as it is now: an index may be a moment behind."""
    is_state = {
        "open": case.state is State.OPEN,
        "closed": case.state is State.CLOSED,
        "waiting": bool(draft and draft.state is DraftState.WAITING and case.state is State.OPEN),
    }[asked.state]
    return (
        is_state
        and case.unit in asked.units
        and asked.account in {"", case.account}
        and asked.owner in {"", case.owner}
        and (asked.due_before is None or asked.state == "closed" or _is_due(case, asked.due_before))
    )


def _is_due(case: Case, before: datetime) -> bool:
    return case.next_due_at is not None and case.next_due_at <= before


def _case_key(key: str) -> str:
    """Return the key of the case that a listed row stands for; "" for a post that opened none."""
    if key.startswith("DRAFT#"):
        return f"CASE#{key.removeprefix('DRAFT#').partition('.')[0]}"
    return key if key.startswith(("CASE#", "OLD#")) else ""


def _post_in(row: Row | None) -> Item | None:
    if row is None or row["deleted"]["BOOL"]:
        return None
    item = item_from_json(json.loads(row["item"]["S"]))
    return None if item.kind is Kind.PROFILE else item


def _cursor_in(text: str, partitions: set[str]) -> dict[str, list[str]]:
    """Return where each partition goes on; one that is listed no longer is left out."""
    if not text:
        return {}
    try:
        places = {str(name): [str(at), str(key)] for name, (at, key) in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):
        raise BadInput("cursor: take it from `next` as it is, or leave it out") from None
    return {name: place for name, place in places.items() if name in partitions}
