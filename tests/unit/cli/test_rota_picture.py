from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.transforms import Bbox

from allhours.cli import deployed
from allhours.cli.__main__ import main
from allhours.cli.organisation_file import load
from allhours.cli.rota_picture import HEIGHT, WIDTH, colour_of, draw
from allhours.domain.changes import Change
from tests.builders import an_organisation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from allhours.domain.organisation import Organisation

SMALL = str(Path(__file__).resolve().parents[2] / "organisations" / "small.yaml")
MONDAY, SUNDAY = date(2027, 3, 15), date(2027, 3, 21)
RED = (0xC8, 0x10, 0x2E)
DOTS = 200  # an inch
SLIVER = 0.05  # inches; what the page's edge leaves of a bar has its letters beside it
Rgb = tuple[int, ...]


def drawn(organisation: Organisation, path: Path, *units: str, last: date = SUNDAY) -> NDArray[np.uint8]:
    chosen = [organisation.units[unit] for unit in units]
    assert draw(organisation, chosen, MONDAY, last, zone="UTC", file=path) == [path]
    return (imread(path)[:, :, :3] * 255).round().astype(np.uint8)


def share_of(colour: tuple[int, ...], picture: NDArray[np.uint8]) -> float:
    """Return how much of the picture has this very colour."""
    return float(np.mean(np.all(picture == np.array(colour), axis=2)))


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def test_the_picture_is_as_wide_as_a_sheet_of_a4_and_no_higher(tmp_path: Path) -> None:
    picture = drawn(an_organisation(), tmp_path / "rota.png", *an_organisation().units)
    assert picture.shape[1] == int(WIDTH * DOTS)
    assert picture.shape[0] <= HEIGHT * DOTS + 1


def test_a_gap_is_red_and_a_complete_rota_is_not(tmp_path: Path) -> None:
    complete = drawn(an_organisation(), tmp_path / "cards.png", "cards")
    holed = drawn(an_organisation(), tmp_path / "fraud.png", "fraud")
    assert share_of(RED, complete) < 0.002  # what the legend shows
    assert share_of(RED, holed) > 0.02


def test_who_is_on_duty_is_drawn_in_their_colour(tmp_path: Path) -> None:
    ana, ben = rgb(colour_of(0)), rgb(colour_of(1))
    picture = drawn(an_organisation(), tmp_path / "ana.png", "cards")  # it is Ana's week
    assert share_of(ana, picture) > 0.05
    assert share_of(ben, picture) == 0
    swap = Change(
        change_id="c",
        kind="override",
        unit="cards",
        start=1805068800,
        end=1805673600,
        by="ana",
        made_at=0,
        remove="ana",
        add="ben",
    )
    changed = drawn(an_organisation(changes=(swap,)), tmp_path / "ben.png", "cards")
    assert share_of(ben, changed) > 0.05 > share_of(ana, changed)


def test_neighbours_in_the_file_have_colours_that_are_told_apart() -> None:
    colours = [np.array(rgb(colour_of(number)), dtype=int) for number in range(40)]
    for number, colour in enumerate(colours):
        for other in colours[number + 1 : number + 5]:
            assert np.abs(colour - other).sum() > 40
        assert np.abs(colour - np.array(RED)).sum() > 150  # a person is no gap


EXAMPLE = load(
    [Path(__file__).resolve().parents[3] / "infra" / "organisation" / "acme.yaml"],
    datetime(2026, 11, 1, tzinfo=UTC),
).organisation


def figures_of(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch, first: date, last: date, *units: str
) -> list[Figure]:
    """Draw, and keep the pages instead of writing them."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    chosen = [organisation.units[unit] for unit in units]
    draw(organisation, chosen, first, last, zone="UTC", file=Path("rota.png"))
    return figures


def written_on(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return each text with the box that its ink takes, in inches."""
    (axes,), inches = figure.axes, figure.axes[0].transData.inverted()
    return [(text.get_text(), text.get_window_extent().transformed(inches)) for text in axes.texts]


def bars_of(figure: Figure) -> list[tuple[Rgb, Bbox]]:
    """Return each bar's colour and box, in inches; bars that are cut to slivers by the edge are left out."""
    bars = [each for each in figure.axes[0].patches if isinstance(each, FancyBboxPatch)]
    boxes = [
        Bbox.from_bounds(each.get_x(), each.get_y(), each.get_width(), each.get_height()) for each in bars
    ]
    colours = [rgb(to_hex(each.get_facecolor())) for each in bars]
    return [(colour, box) for colour, box in zip(colours, boxes, strict=True) if box.width > SLIVER]


def labels_by_bar(figure: Figure) -> list[tuple[Rgb, list[str]]]:
    """Return each bar's colour and what stands on it; a text on two bars stands on both."""
    texts = written_on(figure)
    return [
        (
            colour,
            [
                text
                for text, its in texts
                if its.x0 < box.x1 - 0.01
                and its.x1 > box.x0 + 0.01
                and box.y0 < (its.y0 + its.y1) / 2 < box.y1
            ],
        )
        for colour, box in bars_of(figure)
    ]


@pytest.mark.parametrize(
    ("first", "last", "pages"),
    [
        (date(2026, 12, 21), date(2027, 1, 3), 1),
        (date(2027, 3, 1), date(2027, 3, 28), 2),  # with bars of eight hours, four weeks would be too small
    ],
)
def test_each_bar_says_whose_it_is_and_nobody_elses_name_touches_it(
    first: date, last: date, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert EXAMPLE is not None
    figures = figures_of(EXAMPLE, monkeypatch, first, last, *EXAMPLE.units)
    assert len(figures) == pages
    names = {rgb(colour_of(number)): one.name for number, one in enumerate(EXAMPLE.members.values())}
    for figure in figures:
        for colour, labels in labels_by_bar(figure):
            (label,) = labels
            assert names[colour].startswith(label)
            assert len(label) > 1


def test_two_hours_changed_by_hand_carry_their_letters_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXAMPLE is not None
    start = int(datetime(2027, 3, 2, 9, tzinfo=UTC).timestamp())
    swap = Change(
        change_id="c",
        kind="override",
        unit="cards",
        start=start,
        end=start + 7_200,
        by="ana",
        made_at=0,
        remove="ana",
        add="ben",
    )
    changed = replace(EXAMPLE, changes=(swap,))
    (figure,) = figures_of(changed, monkeypatch, date(2027, 3, 1), date(2027, 3, 14), "cards", "payments")
    upright = [text.get_text() for text in figure.axes[0].texts if text.get_rotation()]
    assert "Be" in upright


def test_what_the_edge_cuts_off_has_its_letters_beside_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXAMPLE is not None
    (figure,) = figures_of(EXAMPLE, monkeypatch, date(2027, 3, 22), date(2027, 4, 4), "cards")
    beside = [text for text, box in written_on(figure) if box.x0 > WIDTH - 0.4]
    assert beside == ["Li"]  # Liza, whose shift begins in the last hour


def test_no_name_is_written_across_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXAMPLE is not None
    cards = EXAMPLE.units["cards"]
    shifts = tuple(shift for shift in cards.rota.shifts if shift.desk != "london")
    holed = replace(EXAMPLE, units={"cards": replace(cards, rota=replace(cards.rota, shifts=shifts))})
    (figure,) = figures_of(holed, monkeypatch, date(2027, 3, 22), date(2027, 4, 4), "cards")
    gaps = [
        each.get_bbox()
        for each in figure.axes[0].patches
        if isinstance(each, Rectangle) and rgb(to_hex(each.get_facecolor())) == RED
    ]
    gaps = [gap for gap in gaps if gap.height > 0.3]  # the legend's is lower
    assert len(gaps) == 14
    names = {one.name for one in holed.members.values()}
    for text, box in written_on(figure):
        assert text not in names or not any(box.overlaps(gap) for gap in gaps)


@pytest.mark.parametrize("name", ["李安娜", "ليلى", "अनिता", "Ana 🙂"])
def test_a_name_that_the_font_cannot_write_goes_by_its_id(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    organisation = an_organisation(name=name)
    members = {**organisation.members, "ana": replace(organisation.members["ana"], name=name)}
    cards = replace(organisation.units["cards"], title=name)
    organisation = replace(organisation, members=members, units={"cards": cards})
    (figure,) = figures_of(organisation, monkeypatch, MONDAY, SUNDAY, "cards")
    words = {text for text, _ in written_on(figure)}
    assert {"ana", "Cards", "Rota"} <= words
    assert not any(name in text for text in words)


def test_a_name_of_another_alphabet_that_the_font_has_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    organisation = an_organisation()
    members = {**organisation.members, "ana": replace(organisation.members["ana"], name="Łucja Ωμέγα Жук")}
    organisation = replace(organisation, members=members)
    (figure,) = figures_of(organisation, monkeypatch, MONDAY, SUNDAY, "cards")
    assert "Łucja Ωμέγα Жук" in {text for text, _ in written_on(figure)}


def test_many_weeks_make_many_pages(tmp_path: Path) -> None:
    organisation = an_organisation()
    units = [organisation.units["cards"]]
    pages = draw(
        organisation, units, date(2027, 3, 1), date(2027, 4, 30), zone="UTC", file=tmp_path / "r.png"
    )
    assert [page.name for page in pages] == ["r-1.png", "r-2.png", "r-3.png"]
    assert all(page.stat().st_size > 10_000 for page in pages)


def test_many_units_make_many_pages_and_none_is_cut_in_two(tmp_path: Path) -> None:
    organisation = an_organisation()
    cards = organisation.units["cards"]
    units = [replace(cards, title=f"Unit {number}") for number in range(60)]
    pages = draw(organisation, units, MONDAY, MONDAY, zone="UTC", file=tmp_path / "r.png")
    assert len(pages) > 1
    assert all(imread(page).shape[0] <= HEIGHT * DOTS + 1 for page in pages)


@pytest.mark.parametrize("name", ["$x_1$ & Söhne", "B" * 90, "\x1b[2J", "9"])
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    organisation = an_organisation(name=name)
    ana = replace(organisation.members["ana"], name=name)
    unit = replace(organisation.units["cards"], title=name)
    organisation = replace(organisation, members={**organisation.members, "ana": ana}, units={"cards": unit})
    drawn(organisation, tmp_path / "r.png", "cards")
    drawn(organisation, tmp_path / "r.png", "cards", last=date(2027, 4, 11))


def test_the_command_draws_a_week_with_a_clock_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "week.png"
    words = f"rota --from 2027-03-22 --to 2027-03-28 --zone Europe/London --organisation {SMALL} --png {path}"
    assert main(words.split()) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--from 2027-01-01 --to 2028-12-31 --png r.png", "more than 400 days apart, too long for a picture"),
        ("--from 2027-01-01 --to 2027-01-02 --member ana", "--member is for a calendar: add --ics"),
        ("--from 2027-01-01 --to 2027-01-02 --member zoe --ics", "no member is called 'zoe'"),
        ("--from 2027-01-01 --to 2027-01-02 --zone Europe/Londn", "zone 'Europe/Londn' is unknown"),
        ("--from 2027-01-01 --to 2027-01-02 --png no/such/place.png", "no/such/place.png: no such file"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_a_line(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rota", *words.split(), "--organisation", SMALL]) != 0
    assert told in capsys.readouterr().err


def test_a_members_calendar_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    words = f"rota --from 2027-03-22 --to 2027-03-22 --ics --member priya --organisation {SMALL}"
    assert main(words.split()) == 0
    assert "SUMMARY:Payments (kolkata)" in capsys.readouterr().out


def test_the_changes_of_a_deployed_stack_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"rota --from 2027-01-03 --to 2027-01-03 --unit cards --organisation {SMALL}".split()
    assert main(words) == 0
    assert "Ana" not in capsys.readouterr().out
    swapped = Change(
        change_id="c-7",
        kind="override",
        unit="cards",
        start=1798963200,  # 2027-01-03T08:00Z
        end=1799006400,
        by="ben",
        made_at=0,
        remove="ben",
        add="ana",
    )
    known = SimpleNamespace(changes=(swapped,))
    stack = SimpleNamespace(rota_changes=SimpleNamespace(read=lambda: known))
    monkeypatch.setattr(deployed, "stack", lambda _: stack)
    assert main([*words, "--stack", "bank"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["2027-01-03T08:00Z", "2027-01-03T20:00Z", "london", "Ana", "c-7"] in rows
