"""Page an edge by `paging.cursors.after`: Threads gives no `next`, and Instagram's comments not always."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.networks._meta.fields import dict_of, moment
from allhours.networks._meta.graph import FetchedRows
from allhours.networks.contract import CannotTell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from allhours.networks._meta.graph import Graph


def after_pages(
    graph: Graph, path: str, params: Mapping[str, str], *, after: str = "", quota: str = ""
) -> Iterator[FetchedRows]:
    """Yield pages while they have rows and a cursor that leads on; `older` is that cursor."""
    while True:
        answer = graph.get(path, {**params, "after": after} if after else params, quota=quota)
        rows = answer.get("data")
        if not isinstance(rows, list):
            raise graph.malformed(f"no list came from {path}", "data")
        told = dict_of(dict_of(answer.get("paging")).get("cursors")).get("after")
        older = told if rows and isinstance(told, str) and told and told != after else None
        yield FetchedRows(rows=tuple(dict_of(row) for row in rows), older=older)
        if older is None:
            return
        after = older


def looked_through(
    graph: Graph, pages: Iterator[FetchedRows], *, most: int, said_at: str = "", since: datetime | None = None
) -> Iterator[Mapping[str, Any]]:
    """Yield the rows in which an answer of ours may stand; `CannotTell` when more are left than `most` pages.

    `said_at` names the time in a list that has the newest first: what follows something older than `since` is
    none of ours.
    """
    for number, page in enumerate(pages, 1):
        yield from page.rows
        times = (moment(row.get(said_at)) for row in page.rows)
        if since and any(at is not None and at < since for at in times):
            return
        if number == most and page.older:
            told = "so much has been said since that our answer may be further back: look there"
            raise CannotTell(graph.handle.network, told, handle=graph.handle.handle)
