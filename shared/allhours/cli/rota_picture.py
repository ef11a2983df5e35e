"""Draw the rota as a manager would pin it to the wall: units and days, people as colours, gaps in red.

A page is A4 across at 200 dots an inch, four weeks at most and fewer where shifts are short; more weeks or
units make more pages. Every measure is in inches from the upper left corner. Each bar carries its member's
name or, where it is narrow, the letters that the legend explains, upright where it is narrower still, so that
a page printed in grey can be read. What the font cannot write goes by its id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby
from math import ceil, cos, pi, sin
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import bidirectional

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath

from allhours.cli.terminal import visible
from allhours.domain.calendar import rota_of, stints
from allhours.domain.instants import instant, local_date, tzdata_version, zone_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from allhours.domain.calendar import Stint
    from allhours.domain.organisation import Organisation, Unit
    from allhours.domain.rota import Desk, Rota

WIDTH, HEIGHT, DPI = 11.69, 8.27, 200  # A4; letter's 11 x 8.5 takes it at 94 %
_EDGE = 0.4  # no printer needs more
_LEFT = 2.45  # where the days begin
_MARGIN = 0.24  # left of them, for the letters of a bar that the page's edge cuts off
_DAYS = (28, 14, 7)  # on a page: the most that leaves four bars in five the room for letters
_BAR = 0.15  # that room
_READ = 5  # points: the least that is read on paper
_UPRIGHT = 0.73  # of a letter's size, what it takes of the bar that it stands in upright
_TITLE, _RIBBON, _LEGEND = 0.62, 0.19, 0.2  # heights
_THIN, _THICK = 0.17, 0.34  # the least and the greatest height of a lane
_PAD = 0.05  # above and below a unit
_POINT = 1 / 72
_HOURS_APART, _CHANGE_TAKES = 0.21, 0.42
_LONG = 24  # letters of a name
_NIGHT = (22, 6)  # o'clock
_HATCHED, _COVERS = "hatched", "#d98200"
_INK, _FAINT, _RED, _AMBER, _DUSK = "#1d2733", "#6b7785", "#c8102e", "#ffcf70", "#d3dae6"


class _Lane(NamedTuple):
    desk: Desk
    stints: list[Stint]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Band:
    """A unit on a page: its lanes, one below the other, and its rota."""

    unit: Unit
    rota: Rota
    lanes: list[_Lane]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where people work: the clock along the edge, and its holidays."""

    name: str
    zone: str
    holidays: frozenset[date]


def draw(
    organisation: Organisation, units: Sequence[Unit], first: date, last: date, *, zone: str, file: Path
) -> list[Path]:
    """Write the pages for the zone's dates [first, last] and return their names, numbered if several."""
    pages: list[tuple[date, date, list[_Band]]] = []
    days = _days_a_page(organisation, units, first, last, zone)
    while first <= last:
        until = min(last, first + timedelta(days=days - 1))
        start, end = instant(zone, first, 0), instant(zone, until + timedelta(days=1), 0)
        bands = [_band(organisation, unit, start, end) for unit in units]
        pages += ((first, until, those) for those in _shared_out(bands))
        first = until + timedelta(days=1)
    written: list[Path] = []
    for number, (begin, until, bands) in enumerate(pages, start=1):
        path = file.with_stem(f"{file.stem}-{number}") if len(pages) > 1 else file
        numbered = f"page {number} of {len(pages)}" if len(pages) > 1 else ""
        _Page(organisation=organisation, bands=bands, first=begin, last=until, zone=zone).save(path, numbered)
        written.append(path)
    return written


def _days_a_page(
    organisation: Organisation, units: Sequence[Unit], first: date, last: date, zone: str
) -> int:
    """Return the most days on which most bars have room for letters, a week at least."""
    start, end = instant(zone, first, 0), instant(zone, last + timedelta(days=1), 0)
    rotas = [rota_of(organisation, unit.unit_id, start, end) for unit in units]
    lengths = sorted(stint.end - stint.start for rota in rotas for stint in stints(rota))
    usual = lengths[len(lengths) // 5] if lengths else end - start
    day = (WIDTH - _EDGE - _LEFT) * usual / 86_400  # wide, if it had the page for itself
    asked = (last - first).days + 1
    return next((days for days in _DAYS if day / min(days, asked) >= _BAR), _DAYS[-1])


def _shared_out(bands: Sequence[_Band]) -> Iterator[list[_Band]]:
    """Lay as many units on each page as can be read, about as much on one as on the other."""
    room = HEIGHT - 2 * _EDGE - _TITLE - 5 * _RIBBON - 5 * _LEGEND
    whole = sum(map(_least, bands))
    share = whole / ceil(whole / room)
    page: list[_Band] = []
    for band in bands:
        filled = sum(map(_least, page))
        if page and (filled + _least(band) > room or filled + _least(band) / 2 > share):
            yield page
            page = []
        page.append(band)
    yield page


def _least(band: _Band) -> float:
    return len(band.lanes) * _THIN + 2 * _PAD


def _band(organisation: Organisation, unit: Unit, start: int, end: int) -> _Band:
    """Pack each desk's duties into the fewest lanes, a member's of a shift in the same where it can be."""
    rota = rota_of(organisation, unit.unit_id, start, end)
    lanes: list[_Lane] = []
    for desk in unit.rota.desks.values():
        theirs: list[_Lane] = []
        usual: dict[tuple[str, str | None], _Lane] = {}
        for stint in stints(rota):
            if stint.duty.desk != desk.desk_id:
                continue
            free = [each for each in theirs if each.stints[-1].end <= stint.start]
            if not free:
                free = [_Lane(desk, [])]
                theirs += free
            because, member = stint.duty.because, stint.duty.member
            wished = [usual.get((because, member)), usual.get((because, None))]
            lane = next((each for each in wished if any(each is one for one in free)), None) or free[0]
            lane.stints.append(stint)
            usual[because, member] = usual[because, None] = lane
        lanes += theirs
    return _Band(unit=unit, rota=rota, lanes=lanes or [_Lane(next(iter(unit.rota.desks.values())), [])])


@dataclass(kw_only=True)
class _Page:
    """One sheet of paper."""

    organisation: Organisation
    bands: list[_Band]
    first: date
    last: date
    zone: str
    _figure: Figure = field(init=False)
    _axes: Any = field(init=False)
    _codes: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Measure what the sheet has to hold."""
        self._start = instant(self.zone, self.first, 0)
        self._end = instant(self.zone, self.last + timedelta(days=1), 0)
        self._people = sorted(
            {s.duty.member for b in self.bands for lane in b.lanes for s in lane.stints if s.duty.member},
            key=list(self.organisation.members).index,
        )
        self._by_hand = {change.change_id for change in self.organisation.changes}
        self._codes = _codes({each: self._name(each) for each in self._people})
        self._places = self._all_places()
        lanes = sum(len(band.lanes) for band in self.bands)
        columns, cells = self._legend()
        legend = -(-len(cells) // columns) * _LEGEND + 0.16
        self._top = _EDGE + _TITLE + _RIBBON * (1.6 + len(self._places)) + 0.06
        room = HEIGHT - _EDGE - self._top - legend - 2 * _PAD * len(self.bands)
        self._lane = min(_THICK, max(_THIN, room / lanes))
        self._bottom = self._top + lanes * self._lane + 2 * _PAD * len(self.bands)
        self._height = self._bottom + legend + _EDGE

    def save(self, path: Path, numbered: str) -> None:
        """Draw the sheet and write it."""
        self._figure = Figure(figsize=(WIDTH, self._height), dpi=DPI, facecolor="white")
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, WIDTH), ylim=(self._height, 0))
        self._axes.axis("off")
        self._draw_title(numbered)
        self._draw_days()
        for row, place in enumerate(self._places):
            self._draw_ribbon(place, _EDGE + _TITLE + _RIBBON * (1.6 + row))
        y = self._top
        for band in self.bands:
            y = self._draw_band(band, y)
        self._line(_EDGE, y, WIDTH - _EDGE, y, _INK, 0.8)
        self._draw_legend()
        FigureCanvasAgg(self._figure)
        self._figure.savefig(path, format="png", dpi=DPI)

    def _draw_title(self, numbered: str) -> None:
        gaps = [gap for band in self.bands for gap in band.rota.gaps()]
        hours = sum(gap.end - gap.start for gap in gaps) / 3_600
        found = f"{len(gaps)} gap{'s' * (len(gaps) > 1)}, {hours:g} h" if gaps else "no gap"
        right = WIDTH - _EDGE
        name = self.organisation.name
        title = _cut(f"{name}: rota" if _is_drawable(name) else "Rota", 17, 8)
        self._text(_EDGE, _EDGE + 0.16, title, 17, weight="bold")
        self._text(_EDGE, _EDGE + 0.42, _period(self.first, self.last), 11, color=_FAINT)
        self._text(
            right, _EDGE + 0.16, found, 13, weight="bold", color=_RED if gaps else "#2b7a3d", at="right"
        )
        facts = [
            f"{len(self._people)} people in {len(self.bands)} unit{'s' * (len(self.bands) > 1)}",
            f"revision {self.organisation.revision}",
            f"tzdata {tzdata_version()}",
            f"days of {self.zone}",
            *filter(None, [numbered]),
        ]
        self._text(right, _EDGE + 0.42, "  \N{MIDDLE DOT}  ".join(facts), 7.5, color=_FAINT, at="right")

    def _draw_days(self) -> None:
        """Name the days, shade the weekends, draw a line at each midnight."""
        y = _EDGE + _TITLE
        days = list(self._days(self.zone))
        forms = [
            [f"{day:%A} {day.day} {day:%B}" for day, _, _ in days],
            [f"{day:%a} {day.day} {day:%b}" for day, _, _ in days],
        ]
        each_width = (WIDTH - _EDGE - _LEFT) / len(days) - 0.1
        fitting = [
            names for names in forms if max(_wide(name, 8.5, bold=True) for name in names) < each_width
        ]
        for place, (day, begin, end) in enumerate(days):
            x, width = self._x(begin), self._x(end) - self._x(begin)
            if day.weekday() >= 5:  # noqa: PLR2004 - Saturday and Sunday
                self._box(x, y, width, self._bottom - y, "#f3f4f6")
            self._line(x, y, x, self._bottom, "#c3cad3", 0.6)
            if fitting:
                self._text(x + width / 2, y + 0.15, fitting[0][place], 8.5, weight="bold", at="center")
            else:
                self._text(x + width / 2, y + 0.08, f"{day:%a}"[:2], 6, color=_FAINT, at="center")
                self._text(x + width / 2, y + 0.21, f"{day.day}", 8, weight="bold", at="center")

    def _draw_ribbon(self, place: _Place, y: float) -> None:
        """Draw a site's clock: nights grey, holidays amber, the hours, and where the clock is changed."""
        height = _RIBBON - 0.03
        middle = y + height / 2
        self._text(_EDGE, middle, _cut(place.name, 7.5, 0.95), 7.5, weight="bold")
        self._text(_LEFT - 0.08, middle, _cut(place.zone, 5.5, 0.95), 5.5, color=_FAINT, at="right")
        self._box(_LEFT, y, WIDTH - _EDGE - _LEFT, height, "white", edge="#aab3bf")
        for day, _, _ in self._days(place.zone, before=1):
            dawn = instant(place.zone, day + timedelta(days=1), _NIGHT[1] * 60)
            self._span(instant(place.zone, day, _NIGHT[0] * 60), dawn, y, height, _DUSK)
        changes = list(self._clock_changes(place.zone))
        self._draw_hours(place, middle, [self._x(at) for at, _ in changes])
        for day, begin, end in self._days(place.zone):
            if day in place.holidays:
                width = self._x(end) - self._x(begin)
                fits = [f"{place.name}: holiday", "holiday", "H"]
                text = next((each for each in fits if _wide(each, 6, bold=True) < width - 0.04), "")
                self._span(begin, end, y, height, _AMBER)
                self._text(self._x(begin) + width / 2, middle, text, 6, weight="bold", at="center")
        for at, moved in changes:
            self._line(self._x(at), y, self._x(at), self._bottom, "#1f5fbf", 0.7, dashed=True)
            sign = "+" if moved > 0 else "\N{MINUS SIGN}"
            told = f" clocks {sign}{abs(moved) / 3_600:g} h "
            self._text(
                self._x(at), middle, told, 5.5, weight="bold", color="white", at="center", on="#1f5fbf"
            )

    def _draw_hours(self, place: _Place, middle: float, changes: Sequence[float]) -> None:
        """Write the local hours, as many as there is room for: noon alone where it is little."""
        width = 86_400 / (self._end - self._start) * (WIDTH - _EDGE - _LEFT)
        step = next((hours for hours in (3, 6) if width * hours / 24 > _HOURS_APART), 0)
        for day, _, _ in self._days(place.zone):
            for hour in range(0, 24, step) if step else (12,):
                at = instant(place.zone, day, hour * 60)
                x = self._x(at)
                if day in place.holidays or not _LEFT <= x < WIDTH - _EDGE - 0.1:
                    continue
                if any(abs(x + 0.05 - change) < _CHANGE_TAKES for change in changes):
                    continue
                if step:
                    self._line(x, middle - 0.08, x, middle + 0.08, "#aab3bf", 0.4)
                    self._text(x + 0.02, middle, f"{hour}" if hour else f"{day:%a}", 5)
                else:
                    self._text(x, middle, f"{hour}", 5, color=_FAINT, at="center")

    def _draw_band(self, band: _Band, y: float) -> float:
        """Draw a unit and return where the next begins."""
        height = len(band.lanes) * self._lane + 2 * _PAD
        self._line(_EDGE, y, WIDTH - _EDGE, y, _INK, 0.8)
        title = band.unit.title if _is_drawable(band.unit.title) else _named(band.unit.unit_id)
        title = _wrapped(title, 7, 1.25, bold=True)
        self._text(_EDGE, y + height / 2, title, 7, weight="bold")
        top = y + _PAD
        for desk, lanes in groupby(band.lanes, key=lambda lane: lane.desk):
            drawn = list(lanes)
            tall = len(drawn) * self._lane
            self._text(
                _LEFT - _MARGIN, top + tall / 2, _cut(_named(desk.desk_id, desk.zone), 7, 0.55), 7, at="right"
            )
            for day, begin, end in self._days(desk.zone):
                if day in desk.holidays:
                    self._span(begin, end, top, tall, _AMBER, alpha=0.35)
            for lane in drawn:
                self._draw_lane(band.unit, lane, top)
                top += self._lane
        self._draw_gaps(band, y, height)
        return y + height

    def _draw_lane(self, unit: Unit, lane: _Lane, y: float) -> None:
        planned = {shift.shift_id for shift in unit.rota.shifts}
        height = self._lane - 0.03
        size = min(8.0, height / _POINT * 0.62)
        for stint in lane.stints:
            begin, end = max(stint.start, self._start), min(stint.end, self._end)
            x, width = self._x(begin), self._x(end) - self._x(begin)
            bar = FancyBboxPatch(
                (x + 0.008, y + 0.015),
                max(width - 0.016, 0.01),
                height,
                boxstyle=f"round,pad=0,rounding_size={min(0.04, width / 4)}",
                facecolor=self._colour(stint.duty.member),
                **{"linewidth": 0.4} | self._edge(stint.duty.because, planned),
            )
            bar.set_hatch_linewidth(0.35)
            self._axes.add_patch(bar)
            self._label(stint, y + self._lane / 2, size)

    def _edge(self, because: str, planned: set[str]) -> dict[str, Any]:
        """Mark what is not the plan's: hatched what was changed by hand, edged who covers a holiday."""
        if because in planned:
            return {"edgecolor": "#00000055"}
        if because in self._by_hand:
            return {"edgecolor": _INK, "hatch": "/////"}
        return {"edgecolor": _COVERS, "linewidth": 1.3}

    def _label(self, stint: Stint, y: float, size: float) -> None:
        """Write the name or the letters inside the bar, whatever can be read."""
        member = stint.duty.member
        name = self._name(member) if member else _named(stint.duty.desk)
        code = self._codes.get(member or "", name[:2])
        halo = stint.duty.because in self._by_hand
        left, right = self._x(max(stint.start, self._start)), self._x(min(stint.end, self._end))
        middle, width = (left + right) / 2, right - left
        smaller = max(_READ, size * 0.85)
        for form in ((name, size), (name, smaller), (code, size), (code, smaller), (code, _READ)):
            if _wide(*form) < width - 0.05:
                self._text(middle, y, *form, at="center", halo=halo)
                return
        is_cut = (
            stint.start < self._start or stint.end > self._end
        )  # by the page's edge, which has room beside
        room = width - 0.02 if is_cut else width
        sizes = [points for points in (smaller, _READ, _READ - 1) if points * _POINT * _UPRIGHT < room]
        upright = next((points for points in sizes if _wide(code, points) < self._lane - 0.03), None)
        if upright:
            self._text(middle, y, code, upright, at="center", halo=halo, upright=True)
        elif stint.end > self._end:
            self._text(right + 0.03, y, code, _READ)
        elif stint.start < self._start:
            self._text(left - 0.03, y, code, _READ, at="right")

    def _draw_gaps(self, band: _Band, y: float, height: float) -> None:
        """Draw where somebody is missing: red over the whole unit, or a red edge where only some are."""
        for gap in band.rota.gaps():
            x = self._x(gap.start)
            width = max(self._x(gap.end) - x, 0.025)
            if gap.staff:
                self._box(x, y + height - 0.06, width, 0.06, _RED)
                told = f"{gap.staff} of {gap.need}"
                if _wide(told, 5, bold=True) < width:
                    self._text(
                        x + width / 2, y + height - 0.03, told, 4.5, color="white", weight="bold", at="center"
                    )
                continue
            self._box(x, y + 0.01, width, height - 0.02, _RED)
            corners = [
                (x + width / 2 - 0.05, y - 0.03),
                (x + width / 2 + 0.05, y - 0.03),
                (x + width / 2, y + 0.06),
            ]
            self._axes.add_patch(Polygon(corners, facecolor=_RED, edgecolor="white", linewidth=0.4))
            told = f"gap {(gap.end - gap.start) / 3_600:.3g} h"
            if _wide(told, 7, bold=True) < width - 0.04:
                self._text(x + width / 2, y + height / 2, told, 7, color="white", weight="bold", at="center")

    def _legend(self) -> tuple[int, list[tuple[str, str, str]]]:
        """Return how many columns the legend has, and its cells: colour, letters, words."""
        people = [(self._colour(each), self._codes[each], self._name(each)) for each in self._people]
        marks = [
            (_RED, "", "gap"),
            (_HATCHED, "", "changed by hand"),
            (_AMBER, "H", "holiday of the site"),
            (_COVERS, "", "covers a holiday"),
            (_DUSK, "", "night there, 22 to 6"),
        ]
        widest = max(_wide(words, 7) for _, _, words in (*people, *marks))
        columns = max(1, int((WIDTH - 2 * _EDGE) / (0.42 + widest)))
        empty = -len(people) % columns  # the marks begin a row of their own
        return columns, [*people, *[("none", "", "")] * empty, *marks]

    def _draw_legend(self) -> None:
        columns, cells = self._legend()
        width = (WIDTH - 2 * _EDGE) / columns
        for number, (colour, code, words) in enumerate(cells):
            if not words:
                continue
            x = _EDGE + number % columns * width
            y = self._bottom + 0.16 + number // columns * _LEGEND
            plain = colour in {_HATCHED, _COVERS}
            chip = Rectangle(
                (x, y),
                0.28,
                0.14,
                facecolor="white" if plain else colour,
                edgecolor=_INK if colour == _HATCHED else _COVERS if plain else "#00000055",
                linewidth=1.3 if colour == _COVERS else 0.4,
                hatch="/////" if colour == _HATCHED else None,
            )
            chip.set_hatch_linewidth(0.35)
            self._axes.add_patch(chip)
            self._text(x + 0.14, y + 0.07, code, 6, at="center")
            self._text(x + 0.34, y + 0.07, words, 7)

    # where things are

    def _x(self, at: int) -> float:
        share = (at - self._start) / (self._end - self._start)
        return _LEFT + share * (WIDTH - _EDGE - _LEFT)

    def _days(self, zone: str, before: int = 0) -> Iterator[tuple[date, int, int]]:
        """Yield the zone's dates that touch the page, with where they begin and end on it."""
        day = local_date(zone, self._start) - timedelta(days=before)
        while (begin := instant(zone, day, 0)) < self._end:
            end = instant(zone, day + timedelta(days=1), 0)
            if before or begin < end:
                yield day, max(begin, self._start), min(end, self._end)
            day += timedelta(days=1)

    def _clock_changes(self, zone: str) -> Iterator[tuple[int, int]]:
        """Yield when the zone's clock is changed, and by how many seconds."""
        was = None
        for at in range(self._start, self._end, 900):
            now = datetime.fromtimestamp(at, zone_named(zone)).utcoffset() or timedelta()
            if was is not None and now != was:
                yield at, int((now - was).total_seconds())
            was = now

    def _all_places(self) -> list[_Place]:
        """List the sites of the desks on the page; a zone without a site goes by its desk's name."""
        places: dict[str, _Place] = {}
        for desk in (lane.desk for band in self.bands for lane in band.lanes):
            site = next((one for one in self.organisation.sites.values() if one.zone == desk.zone), None)
            known = places.get(desk.zone)
            places[desk.zone] = _Place(
                name=known.name if known else _named(site.site_id if site else desk.desk_id, desk.zone),
                zone=desk.zone,
                holidays=(known.holidays if known else frozenset())
                | desk.holidays
                | (site.holidays if site else frozenset()),
            )
        noon = datetime.fromtimestamp(self._start, UTC)
        return sorted(
            places.values(),
            key=lambda one: -(noon.astimezone(zone_named(one.zone)).utcoffset() or timedelta()),
        )

    # how things look

    def _name(self, member: str) -> str:
        name = " ".join(visible(self.organisation.members[member].name).split())
        name = name if name and _is_drawable(name) else member
        return name if len(name) <= _LONG else name[: _LONG - 1] + "…"

    def _colour(self, member: str | None) -> str:
        return colour_of(list(self.organisation.members).index(member)) if member else "#cdd3da"

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        at: str = "left",
        color: str = _INK,
        weight: str = "normal",
        halo: bool = False,
        on: str = "",
        upright: bool = False,
    ) -> None:
        self._axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=color,
            fontweight=weight,
            ha=at,
            va="center" if upright or "\n" in text else "center_baseline",
            rotation=90 if upright else 0,
            parse_math=False,
            linespacing=1.05,
            path_effects=[withStroke(linewidth=1.4, foreground="#ffffffcc")] if halo else None,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": on, "edgecolor": "none"} if on else None,
        )

    def _box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: str,
        *,
        edge: str = "none",
        alpha: float = 1,
    ) -> None:
        self._axes.add_patch(
            Rectangle((x, y), width, height, facecolor=colour, edgecolor=edge, linewidth=0.5, alpha=alpha)
        )

    def _span(self, begin: int, end: int, y: float, height: float, colour: str, *, alpha: float = 1) -> None:
        begin, end = max(begin, self._start), min(end, self._end)
        if begin < end:
            self._box(self._x(begin), y, self._x(end) - self._x(begin), height, colour, alpha=alpha)

    def _line(  # noqa: PLR0917 - from, to
        self, x: float, y: float, x2: float, y2: float, colour: str, width: float, *, dashed: bool = False
    ) -> None:
        self._axes.plot(
            [x, x2],
            [y, y2],
            color=colour,
            linewidth=width,
            linestyle=(0, (4, 3)) if dashed else "-",
            solid_capstyle="butt",
            zorder=1,
        )


@cache
def colour_of(number: int) -> str:
    """Return the colour of the organisation's member of that number: as unlike its neighbours' as can be.

    In OKLCH, where equal steps look equal; the hues around red are the gaps' own.
    """
    hue = (55 + number * 0.618034 % 1 * 300) * pi / 180
    light, chroma = (0.86, 0.77, 0.82)[number % 3], 0.095
    a, b = chroma * cos(hue), chroma * sin(hue)
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    curved = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in linear)  # noqa: PLR2004 - sRGB's
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, c))):02x}" for c in curved)


@cache
def _wide(text: str, size: float, *, bold: bool = False) -> float:
    if not text.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text.replace("$", "S"), size=size, prop=font).get_extents().width) * _POINT


@cache
def _is_drawable(text: str) -> bool:
    """Say whether the font has every letter; scripts that run leftwards would come out backwards."""
    known = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    return all(ord(letter) in known and bidirectional(letter) not in {"R", "AL"} for letter in visible(text))


def _cut(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """Shorten what does not fit."""
    text = visible(text)
    if _wide(text, size, bold=bold) <= width:
        return text
    return next(
        (
            text[:kept] + "…"
            for kept in range(min(len(text), _LONG), 0, -1)
            if _wide(text[:kept] + "…", size, bold=bold) <= width
        ),
        "…",
    )


def _wrapped(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """Break a title in two where it is too wide."""
    lines = [""]
    for word in visible(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) == 1 and _wide(longer, size, bold=bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(_cut(line, size, width, bold=bold) for line in lines)


def _named(name: str, zone: str = "") -> str:
    """Write an id as people do: the zone's city where it is that, for newyork is New York."""
    city = zone.rpartition("/")[2].replace("_", " ")
    if city.replace(" ", "").casefold() == name.replace("_", "").replace("-", "").casefold():
        return city
    return name.replace("_", " ").replace("-", " ").title()


def _codes(names: dict[str, str]) -> dict[str, str]:
    """Give each member the fewest letters, two at least, that nobody else on the page has."""
    codes: dict[str, str] = {}
    for member, name in names.items():
        lengths: Iterable[int] = range(2, len(name) + 1)
        taken = codes.values()
        codes[member] = next(
            (name[:length] for length in lengths if name[:length] not in taken), f"{name[:1]}{len(codes)}"
        )
    return codes


def _period(first: date, last: date) -> str:
    begin = f"{first:%A} {first.day} {first:%B} {first.year}"
    return begin if first == last else f"{begin} to {last:%A} {last.day} {last:%B} {last.year}"
