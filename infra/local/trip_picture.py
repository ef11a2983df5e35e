"""A picture of one post's trip, with the times that were measured."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.align import Align
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.ledger import Arrival
    from infra.local.scene import Scene

WIDTH = 132  # columns


def trip_picture(scene: Scene) -> str:
    """Draw the trip of the first urgent post that paged as an SVG image; "" when there was none."""
    for arrival in scene.ledger.arrivals:
        said_at = scene.town.said_at.get(arrival.item_key)
        if arrival.event["event"] != "case.opened":
            continue
        paged = next((each for each in scene.pages if arrival.event["case_id"] in each[1]["story"]), None)
        if said_at and paged and paged[1]["why"] == "urgent":
            return _drawn(scene, arrival, said_at, paged)
    return ""


def _drawn(scene: Scene, arrival: Arrival, said_at: float, paged: tuple[float, Mapping[str, Any]]) -> str:
    event, item = arrival.event, arrival.event["item"]
    routed_at = datetime.fromisoformat(event["at"]).timestamp()
    # A function's line is stamped at its end, and the router is often quicker than that.
    queued_at = [
        at for network, at in scene.queued_at if network == item["network"] and said_at <= at <= routed_at + 1
    ]
    duty, name = event["on_duty"], arrival.event["account"]
    stops = [
        ("a customer posts", item["network"], [item["text"][:160], f"to {item['handle']}"], 0.0),
        ("ingest", f"ingest_{item['network']}", ["guard masks personal data", "then the common queue"],
         min(*queued_at, routed_at, routed_at) - said_at),
        ("route", event["unit"], [f"because: {event['reason']}", f"priority {event['priority']}"],
         routed_at - said_at),
        ("inbox", f"{event['unit']}, {name}", [f"for {', '.join(duty['members'])}", f"({duty['because']})"],
         arrival.at - said_at),
        ("page", f"{paged[1]['why']}: {paged[1]['member']}", [paged[1]["text"]], paged[0] - said_at),
    ]  # fmt: skip
    grid = Table.grid(expand=True)
    cells: list[Align | Panel] = []
    for place, (title, subject, lines, after) in enumerate(stops):
        if place:
            grid.add_column(width=3)
            cells.append(Align.center(Text("\n\n\n→", style="bold cyan")))
        grid.add_column(ratio=1)
        body = Text(f"{subject}\n", style="bold")
        body.append("\n".join(lines), style="not bold")
        body.append(f"\n\n+{max(after, 0.0):.2f} s", style="bold green")
        cells.append(Panel(body, title=f"[bold cyan]{title}", box=box.ROUNDED, height=14))
    grid.add_row(*cells)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(grid)
    return console.export_svg(title="the trip of one post, as it was measured in `make run`")
