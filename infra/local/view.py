"""The live view of a run: what was said, where it went and why, who is called, how long it took."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local.ledger import FATES, LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from allhours.domain import alike
    from infra.local.climbs import CalledFor
    from infra.local.ledger import Arrival
    from infra.local.scene import Scene

WIDE, HIGH = 110, 34  # columns and rows from which there is room for everything
FREQUENT = "polls and the clock: by schedule each minute, and every 2 to 3 s from here (faster than AWS can)"
COLUMNS = ("posted", "queued", "masked", "routed", "light", "filtered", "deleted", "open")


def live_view(scene: Scene, console: Console) -> RenderableType:
    """Draw everything that fits the terminal."""
    with scene.lock:
        wide = console.width >= WIDE and console.height >= HIGH
        return _whole(scene) if wide else _small(scene, console.height)


def progress_line(scene: Scene) -> str:
    """Say in one line how things stand, for whoever reads a file or a pipe."""
    with scene.lock:
        balance, ledger = scene.balance, scene.ledger
        fates = " ".join(f"{fate} {balance.total(fate)}" for fate in FATES)
        return (
            f"{_elapsed(scene)} {scene.phase}: posted {balance.posted.total()} {fates} "
            f"· {scene.answers.in_short()} "
            f"· pages {len(scene.calls)}, {sum(each.open for each in scene.calls)} open "
            f"· post to inbox p50 {ledger.delay(0.5):.1f} s p99 {ledger.delay(0.99):.1f} s · {_errors(scene)}"
            f"{_last_arrival(ledger.arrivals)}{'; ' if slept_through(scene) else ''}{slept_through(scene)}"
        )


def _last_arrival(arrivals: list[Arrival]) -> str:
    """Say what came last: `; last: mastodon to cards, rule cards, “card”`."""
    if not arrivals:
        return ""
    event = arrivals[-1].event
    return f"; last: {event['item']['network']} to {event['unit']}, {event['reason']}"


def summary(scene: Scene) -> RenderableType:
    """Count every post, name those that are open or came twice, and say whether it adds up."""
    balance, ledger = scene.balance, scene.ledger
    parts: list[RenderableType] = [_networks(scene, title="Every post, counted from outside"), Text()]
    sums = (
        f"posted {balance.posted.total()} = routed {balance.total('routed')}"
        f" + light {balance.total('light')}"
        f" + filtered {balance.total('filtered')}"
        f" + deleted {balance.total('deleted')}"
    )
    open_posts = f" + open {len(balance.open)}" if balance.open else ""
    parts.append(Text(sums + open_posts, style="bold green" if balance.adds_up else "bold red"))
    parts += [
        Text(f"  open: {network} {native_id}: {why}", style="red") for network, native_id, why in balance.open
    ]
    parts += [Text(f"  wrong: {each}", style="red") for each in balance.wrong]
    parts.append(Text(f"came twice: {len(ledger.twice)}", style="red" if ledger.twice else "green"))
    parts += [Text(f"  {each}", style="red") for each in ledger.twice]
    parts.append(
        Text(
            f"post to inbox: p50 {ledger.delay(0.5):.2f} s, p99 {ledger.delay(0.99):.2f} s "
            f"({len(ledger.delays)} posts); {_errors(scene)}"
        )
    )
    parts += _answers_in_all(scene)
    parts.append(Text(_pages_in_all(scene)))
    if slept := slept_through(scene):
        parts.append(Text(f"  the first of {scene.on_call.asleep_in if scene.on_call else ''}: {slept}"))
    parts += [Text(f"  {each}", style="red") for each in list(dict.fromkeys(scene.errors))[:8]]
    parts += [Text(f"  {each}", style="yellow") for each in list(dict.fromkeys(scene.latest_troubles))[:8]]
    return Group(*parts)


def _answers_in_all(scene: Scene) -> Iterator[Text]:
    """Count the answers, name each that a customer got twice or wrongly, and why others did not go out."""
    answers = scene.answers
    yield Text(answers.in_short(), style="bold green" if answers.holds else "bold red")
    yield from (Text(f"  {each}", style="red") for each in (*answers.twice, *answers.wrong))
    yield Text(f"  customers see {answers.shown} answers")
    yield from (Text(f"  {count} times {why}", style="yellow") for why, count in answers.reasons.items())
    if scene.staff:
        for what, count in scene.staff.troubles.most_common(5):
            yield Text(f"  the desk refused {count} times {what}", style="yellow")


def _pages_in_all(scene: Scene) -> str:
    """Count the pages: `pages: 7, 2 climbed; 5 acknowledged, each by opening its link; 2 open; 1 warning`."""
    asking = [each for each in scene.calls if each.page.asks]
    counts = {
        "climbed": sum(bool(each.climb and any(one.step for one in each.climb.told)) for each in asking),
        "acknowledged by opening the link": sum(not each.open for each in asking),
        "open": sum(each.open for each in asking),
        "warnings": len(scene.calls) - len(asking),
        "held back for a later one": sum(each.count for each in scene.held.values()),
    }
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"pages: {len(scene.calls)}{': ' if told else ''}{told}"


def _whole(scene: Scene) -> Layout:
    layout = Layout()
    layout.split_column(
        Layout(_title(scene), size=1),
        Layout(name="top", size=len(scene.networks) + 5),
        Layout(name="bottom"),
        Layout(_foot(scene), size=4),
    )
    layout["top"].split_row(Layout(_panel(_networks(scene), "networks"), size=76), Layout(name="people"))
    layout["people"].split_column(
        Layout(_panel(_duty(scene), "on duty"), size=len(scene.organisation.units) + 3),
        Layout(_panel(_pages(scene), _pages_title(scene))),
    )
    layout["bottom"].split_row(
        Layout(_panel(_latest(scene), "latest in an inbox, and why"), ratio=7),
        Layout(_panel(_inboxes(scene), "inboxes, and open cases that ask the same"), ratio=5),
    )
    return layout


def _small(scene: Scene, height: int) -> Group:
    rows = len(scene.networks) + len(scene.organisation.units) + 6
    calls = Text("\n", overflow="ellipsis", no_wrap=True).join(
        [
            Text(
                f"{each.page.unit} {each.page.why}: {each.told}: {each.how_it_stands(datetime.now(UTC))}",
                style=_urgency(each),
            )
            for each in scene.calls[-max(1, height - rows - 4) :]
        ]
    )
    calls.overflow, calls.no_wrap = "ellipsis", True
    heading = Text("pages", style="bold")
    return Group(_title(scene), _networks(scene), _inboxes(scene), heading, calls, _foot(scene))


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=f"[bold]{title}", title_align="left", border_style="grey42", padding=(0, 1))


def _elapsed(scene: Scene) -> str:
    minutes, seconds = divmod(int(time.time() - scene.started_at), 60)
    return f"{minutes:02d}:{seconds:02d}"


def _title(scene: Scene) -> Text:
    title = Text("Allhours", style="bold cyan", no_wrap=True, overflow="ellipsis")
    title.append(f" on a local cloud · {scene.organisation.name} · ", style="default")
    title.append(f"{_elapsed(scene)} {scene.phase}", style="bold")
    title.append(" · Ctrl-C ends it", style="dim")
    return title


def _foot(scene: Scene) -> Group:
    ledger = scene.ledger
    times = Text("post to inbox ", no_wrap=True, overflow="ellipsis")
    times.append(f"p50 {ledger.delay(0.5):.1f} s  p99 {ledger.delay(0.99):.1f} s", style="bold green")
    twice = len(ledger.twice)
    times.append(f" · came twice {twice} · ", style="bold red" if twice else "default")
    broken = bool(scene.errors or scene.dead_letters)
    times.append(_errors(scene), style="bold red" if broken else "default")
    answers = Text(scene.answers.in_short(), no_wrap=True, overflow="ellipsis")
    answers.stylize("bold green" if scene.answers.holds else "bold red")
    desk = Text(scene.desk, style="bold cyan", no_wrap=True, overflow="ellipsis")
    return Group(answers, times, desk, Text(FREQUENT, style="dim", no_wrap=True, overflow="ellipsis"))


def _errors(scene: Scene) -> str:
    counts = {
        "on the queue": scene.waiting,
        "errors": len(scene.errors),
        "dead letters": scene.dead_letters,
        "network troubles": scene.troubles.total(),
    }
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _grid(*columns: str, widths: Mapping[str, int] | None = None) -> Table:
    """Begin a table; a column without a width takes what is left."""
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for column in columns:
        width = (widths or {}).get(column)
        table.add_column(column, no_wrap=True, overflow="ellipsis", width=width, ratio=None if width else 1)
    return table


def _networks(scene: Scene, *, title: str | None = None) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD if title else None,
        pad_edge=False,
        expand=not title,
        header_style="dim",
        show_footer=True,
        title=title,
        padding=(0, 1, 0, 0),
    )
    balance = scene.balance
    counts = {
        "posted": balance.posted, "queued": scene.queued, "masked": scene.ledger.masked, **balance.fates,
    }  # fmt: skip
    table.add_column("network", footer="all", footer_style="bold", no_wrap=True, width=14)
    for name in COLUMNS:
        table.add_column(
            name,
            footer=str(counts[name].total()),
            justify="right",
            footer_style="bold",
            no_wrap=True,
        )
    for network in scene.networks:
        table.add_row(network, *(str(counts[name][network] or "·") for name in COLUMNS))
    return table


def _duty(scene: Scene) -> Table:
    table = _grid("unit", "now", "until", "next", widths={"unit": 14, "until": 10, "next": 7})
    at = datetime.now(UTC)
    for unit in scene.organisation.units:
        now, after = scene.duty(unit, at)
        until = datetime.fromtimestamp(now.until, UTC)
        who = Text("nobody", style="bold red") if now.gap else Text(", ".join(now.members), style="green")
        table.add_row(unit, who, f"{until:%a %H:%M}Z", "nobody" if after.gap else ", ".join(after.members))
    return table


def _inboxes(scene: Scene) -> Table:
    """Draw one row per unit: how much it got, how much of that is no case, and what is asked most."""
    table = _grid(
        "unit", "got", "light", "open", "asked most", widths={"unit": 14, "got": 4, "light": 5, "open": 4}
    )
    for unit in scene.organisation.units:
        got = [each for each in scene.ledger.arrivals if each.unit == unit]
        light = sum(each.event["event"] == LIGHT for each in got)
        groups = scene.questions.get(unit, ())
        cases = sum(len(group.cases) for group in groups)
        table.add_row(unit, *(str(count or "·") for count in (len(got), light, cases)), _asked_most(groups))
    return table


def _asked_most(groups: Sequence[alike.Group]) -> Text:
    """Say how many ask the commonest question, and where; nothing while everybody asks another one."""
    most = max(groups, key=lambda group: len(group.cases), default=None)
    if most is None or len(most.cases) == 1:
        return Text("·")
    return Text(f"{len(most.cases)} alike: {', '.join(most.networks)}", style="yellow")


def _why(arrival: Arrival) -> Text:
    urgent = arrival.event["priority"] == 1
    return Text(f"{'! ' if urgent else ''}{arrival.event['reason']}", style="red" if urgent else "")


def _told(arrival: Arrival) -> Text:
    """Say what happened, unless it is that a case opened, by which step, why, and what more was found."""
    event = arrival.event
    happened = str(event["event"]).replace("item.", "")
    told = Text() if happened == "case.opened" else Text(f"{happened}: ", style="bold")
    step = str(event.get("step", ""))
    if step != happened and not event["reason"].startswith(step):
        told.append(f"{step}: ", style="cyan")
    told.append_text(_why(arrival))
    grounds = " · ".join(_grounds(event))
    return told.append(f"\n  {grounds}", style="dim") if grounds else told


def _grounds(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a post was judged by beside its reason: urgency, policy, odds, cards, shadow rules."""
    if urgent := event.get("urgent"):
        yield f"urgent: {urgent['kind']}"
    elif policy := event.get("policy"):
        yield f"{policy}: {event.get('stance', 'must').replace('_', ' ')} answer"
    if odds := event.get("odds"):
        likeliest = sorted(odds, key=lambda topic: -odds[topic])[:2]
        yield ", ".join(f"{topic} {odds[topic]:.0%}" for topic in likeliest)
    if answers := event.get("answers"):
        yield f"answer: {', '.join(answers)}"
    if shadow := event.get("shadow"):
        yield f"in shadow: {shadow['unit']}, {shadow['lane']}"


def _latest(scene: Scene) -> Table:
    table = _grid("at", "network", "unit", "why", widths={"at": 8, "network": 14, "unit": 14})
    for arrival in reversed(scene.ledger.arrivals[-20:]):
        event = arrival.event
        at = datetime.fromtimestamp(arrival.at, UTC)
        table.add_row(f"{at:%H:%M:%S}", event["item"]["network"], event["unit"], _told(arrival))
    return table


def _pages_title(scene: Scene) -> str:
    waiting = sum(each.open for each in scene.calls)
    return f"pages ({len(scene.calls)}, {waiting} wait for somebody)"


def _pages(scene: Scene) -> Group:
    """Draw what waits first, then the newest; above them the one that was slept through, and the bundles."""
    table = _grid("unit", "told", "how it stands", widths={"unit": 14, "how it stands": 18})
    at, held = datetime.now(UTC), frozenset[str]().union(*(each.page_ids for each in scene.held.values()))
    alone = [each for each in scene.calls if each.page.page_id not in held]
    for each in sorted(alone, key=lambda each: (not each.open, -each.page.at.timestamp())):
        style = _urgency(each)
        table.add_row(Text(each.page.unit, style=style), each.told, Text(each.how_it_stands(at), style=style))
    parts: list[RenderableType] = [Text(slept_through(scene), style="bold")] if slept_through(scene) else []
    if scene.held:
        told = ", ".join(f"{member} {each.count}" for member, each in scene.held.items())
        parts.append(Text(f"held back for one later page: {told}", style="yellow"))
    return Group(*parts, table)


def _urgency(called: CalledFor) -> str:
    if not called.page.asks:
        return "yellow"
    return "red" if called.open else "green"


def slept_through(scene: Scene) -> str:
    """Tell of the page that found its first people asleep: how it climbed, who stopped it and how."""
    people = scene.on_call
    if not people or not people.slept_through:
        return ""
    asleep = f"{', '.join(dict.fromkeys(people.sleepers))} slept"
    called = next((each for each in scene.calls if each.page.page_id == people.slept_through), None)
    opened = next((each for each in people.opened if each.page_id == people.slept_through), None)
    climb = called.climb if called else None
    if not climb or not any(one.step for one in climb.told):
        return f"{asleep}: the page waits for its next step"
    began, second = climb.told[0].at, next(one for one in climb.told if one.step)
    after = f"{asleep}; {(second.at - began).total_seconds():.0f} s later {second.member} was called"
    if not opened:
        return after
    stopped = "it stopped" if climb.acknowledged_by else "it has not stopped"
    return f"{after}, opened the link (HTTP {opened.said}): {stopped}"


def picture(scene: Scene, *, width: int = 140, height: int = 46) -> str:
    """Return the live view as an SVG image, without the passwords that are on the screen."""
    console = Console(record=True, width=width, height=height, file=io.StringIO(), force_terminal=True)
    told, scene.desk = scene.desk, scene.desk.partition(" · ")[0]
    console.print(live_view(scene, console), height=height)
    scene.desk = told
    return console.export_svg(title="make run")
