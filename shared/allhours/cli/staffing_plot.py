"""Draw who is needed when, against who is there, and what one more person would save."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter

from allhours.cli.terminal import visible
from allhours.domain.instants import zone_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from allhours.cli.staffing import Interval
    from allhours.domain.staffing import OneMore, Work

_SIZE, _DPI = (11.69, 8.27), 200  # A4 across
_INK, _FAINT, _RED, _BLUE, _PALE, _GREEN = "#1d2733", "#6b7785", "#c8102e", "#1f5fbf", "#cfdcf2", "#2b7a3d"


def draw(
    intervals: Sequence[Interval],
    busiest: Interval,
    steps: Sequence[OneMore],
    work: Work,
    *,
    worth: float,
    interval: int,
    zone: str,
    title: str,
    file: Path,
) -> None:
    """Write one sheet: the people of each interval above, the curve of the busiest below."""
    figure = Figure(
        figsize=_SIZE,
        dpi=_DPI,
        facecolor="white",
        layout=ConstrainedLayoutEngine(w_pad=0.25, h_pad=0.2, hspace=0.06, wspace=0.05),
    )
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.25, 1))
    figure.suptitle(
        f"{visible(title)}: people needed for {work.target:.0%} within {work.within / 60:g} min",
        x=0.025,
        ha="left",
        fontsize=16,
        fontweight="bold",
        color=_INK,
        parse_math=False,
    )
    _draw_need(figure.add_subplot(grid[0, :]), intervals, interval, zone)
    _draw_waits(figure.add_subplot(grid[1, 0]), busiest, steps, work)
    _draw_savings(figure.add_subplot(grid[1, 1]), busiest, steps, worth)
    figure.savefig(file, format="png", dpi=_DPI)


def _draw_need(axes: Axes, intervals: Sequence[Interval], interval: int, zone: str) -> None:
    times = [each.start for each in intervals]
    edges = [*times, times[-1] + interval]
    need = [each.need.people for each in intervals]
    loads = axes.twinx()
    loads.bar(
        times,
        [each.need.arrivals for each in intervals],
        width=interval,
        align="edge",
        color=_PALE,
        linewidth=0,
        label="arrivals",
    )
    loads.set_ylabel("arrivals an interval", color=_FAINT, fontsize=9)
    loads.set_ylim(0, 1.15 * max(1, *(each.need.arrivals for each in intervals)))
    loads.tick_params(colors=_FAINT, labelsize=8)
    axes.set_zorder(loads.get_zorder() + 1)
    axes.patch.set_visible(False)
    has = [each.has for each in intervals if each.has is not None]
    if has:
        axes.stairs(has, edges, color=_GREEN, linewidth=1.6, label="planned in the rota", baseline=None)
        short = [each.need.people if each.short else each.has or 0 for each in intervals]
        axes.stairs(short, edges, baseline=has, fill=True, color=_RED, alpha=0.55, label="too few")
    axes.stairs(need, edges, color=_INK, linewidth=1.6, label="needed", baseline=None)
    days_alone = len(times) * interval > 2 * 86_400  # with fewer, hours have room too
    hours = 24 if days_alone else 3
    ticks = [
        (at, clock)
        for at in times
        if not (clock := datetime.fromtimestamp(at, zone_named(zone))).hour % hours
    ]
    ticks = [(at, clock) for at, clock in ticks if clock.minute == 0]
    axes.set_xticks(
        [at for at, _ in ticks],
        [f"{clock:%a} {clock.day} {clock:%b}" if clock.hour == 0 else f"{clock:%H:%M}" for _, clock in ticks],
        ha="left" if days_alone else "center",
    )
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(*need, *has, 1) + 1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("people on duty", color=_INK)
    axes.set_title(f"Each interval of {interval / 60:g} min, {zone}", loc="left", fontsize=10, color=_FAINT)
    handles, names = axes.get_legend_handles_labels()
    more, others = loads.get_legend_handles_labels()
    axes.legend(
        [*handles, *more],
        [*names, *others],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=4,
        frameon=False,
        fontsize=8.5,
    )
    for side in (axes, loads):
        side.spines["top"].set_visible(False)


def _draw_waits(axes: Axes, busiest: Interval, steps: Sequence[OneMore], work: Work) -> None:
    people = [step.people for step in steps]
    axes.plot(
        people,
        [step.outcome.answered for step in steps],
        color=_INK,
        marker="o",
        markersize=4,
        label="answered in time",
    )
    axes.axhline(work.target, color=_GREEN, linewidth=1, linestyle="--")
    axes.annotate(
        "promised",
        (people[-1], work.target),
        xytext=(0, -11),
        textcoords="offset points",
        ha="right",
        color=_GREEN,
        fontsize=8.5,
    )
    axes.axvline(busiest.need.people, color=_GREEN, linewidth=1, linestyle="--")
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylabel("answered in time")
    told = f"The busiest interval: {busiest.need.arrivals:g} arrivals, {busiest.need.erlangs:.1f} erlang"
    _finish(axes, told)


def _draw_savings(axes: Axes, busiest: Interval, steps: Sequence[OneMore], worth: float) -> None:
    finite = [step for step in steps if isfinite(step.saves)]
    colours = [_BLUE if step.people <= busiest.pays else _PALE for step in finite]
    bars = axes.bar(
        [step.people for step in finite], [step.saves for step in finite], color=colours, width=0.7
    )
    axes.bar_label(bars, [f"{step.saves:,.0f}" for step in finite], fontsize=8, color=_INK, padding=2)
    axes.axhline(worth, color=_GREEN, linewidth=1, linestyle="--")
    axes.set_ylabel("customer-minutes saved an hour")
    axes.margins(y=0.15)
    _finish(axes, f"What the last person saves; from {worth:,.0f} on it pays: up to {busiest.pays} people")


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_FAINT)
    axes.set_xlabel("people on duty")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e9ee", linewidth=0.8)
    axes.set_axisbelow(True)
