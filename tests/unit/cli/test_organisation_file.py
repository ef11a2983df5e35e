from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.cli.organisation_file import load
from allhours.cli.patterns import fault_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.cli.yaml_lines import Place

FOLDER = Path(__file__).resolve().parents[2] / "organisations"
SMALL = (FOLDER / "small.yaml").read_text()
AT = datetime(2026, 11, 21, tzinfo=UTC)


def places(value: object, place: Place = ()) -> Iterator[Place]:
    if place:
        yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*place, key))


def mistakes_of(folder: Path, text: str | bytes) -> list[str]:
    path = folder / "bank.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [str(mistake).removeprefix(f"{folder}/") for mistake in load([path], AT).mistakes]


def warnings_of(folder: Path, text: str) -> list[str]:
    path = folder / "bank.yaml"
    path.write_text(text)
    loaded = load([path], AT)
    assert loaded.mistakes == ()
    return [warning.text for warning in loaded.warnings]


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) >= 1, old
    return SMALL.replace(old, new, 1)


FAST = (
    r"(?:\d{4}[ -]?){4}",
    r"\b(?:app|site)\sis\sdown\b",
    "(ab)+",
    "[(a+)+]x",
    r"\(a+\)+",
    "a{2,3}b",
    "card.{0,40}stolen",
    "card.{0,40}stolen.{0,40}gone",
    r"\bsent\s\d+\b",
    r"\d+[.,]\d+ ?eur",
    r"(?:\w+\s){1,5}card",
    r"https?://\S+/pay",
    r"\bpay(?:ment|ments|ing)?\b.{0,30}(?:fail|failed|declin)\w*",
)
EXAMPLES = tuple(
    pattern
    for rule in yaml.safe_load((FOLDER.parents[1] / "infra" / "organisation" / "acme.yaml").read_text())[
        "rules"
    ]
    for pattern in rule.get("patterns", ())
)
MISTAKES = yaml.safe_load((FOLDER / "mistakes.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["told"].partition(": ")[2])
def test_a_mistake_is_named_with_its_line_its_path_and_the_mend(
    tmp_path: Path, mistake: dict[str, str]
) -> None:
    found = mistakes_of(tmp_path, changed(mistake["replace"], mistake["by"]))
    told = mistake["told"]
    assert any(each == told or each.endswith((f" {told}", f".{told}")) for each in found), found
    assert all(each.startswith("bank.yaml:") for each in found)


def test_the_small_bank_has_no_mistake(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, SMALL) == []
    assert warnings_of(tmp_path, SMALL) == []


def test_every_mistake_is_told_in_one_go_in_the_files_order(tmp_path: Path) -> None:
    text = changed("tz: Europe/London, contact", "tz: Europe/Londn, contact").replace(
        "alarm: true", "alarm: false"
    )
    text = (
        text.replace("priority: 1", "priority: 9")
        .replace("head: ana", "head: zoe")
        .replace("title: Payments\n", "tittle: x\n")
    )
    found = mistakes_of(tmp_path, text)
    assert [mistake.split()[1].rstrip(":") for mistake in found] == [
        "members.ana.tz",
        "units.cards.head",
        "units.cards.escalation[2]",
        "units.payments.title",
        "units.payments.tittle",
        "rules[0].priority",
    ]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "bank.yaml:1 is empty"),
        (b"- a\n", "bank.yaml:1 must be a mapping: `version: 1` and so on"),
        (b"version: 1\nname: \xff\n", "bank.yaml:2 is not UTF-8: save it as UTF-8"),
        (b"#" * 1_000_001, "bank.yaml:1 is larger than 1 MB: an organisation takes a few thousand lines"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, raw: bytes, told: str) -> None:
    assert mistakes_of(tmp_path, raw) == [told]


def test_a_bomb_of_aliases_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"] + [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert mistakes_of(tmp_path, "\n".join(lines)) == ["bank.yaml:2 alias *a is refused: write the value out"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = load([tmp_path / "gone.yaml"], AT).mistakes
    assert [str(mistake) for mistake in found] == [
        f"{tmp_path}/gone.yaml:1 cannot be read: no such file or directory"
    ]


def test_a_later_file_is_laid_over_the_earlier_and_lists_are_replaced() -> None:
    organisation = load([FOLDER / "small.yaml", FOLDER / "stand_ins.yaml"], AT).organisation
    assert organisation is not None
    (x,) = organisation.handles_on("x")
    assert (x.base_url, x.native_id, x.secret, dict(x.settings)) == (
        "http://127.0.0.1:9001", "41", "x/smallcards", {"vocabulary": "v2"},
    )  # fmt: skip
    (feed,) = organisation.handles_on("feeds")
    assert (feed.handle, feed.base_url, dict(feed.settings)) == (
        "Forum", "http://127.0.0.1:9005/feed", {"private": "allowed"},
    )  # fmt: skip
    assert organisation.handles_on("bluesky")[0].base_url == "https://bsky.social"


def test_a_mistake_in_the_overlay_is_named_in_the_overlay(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("# over\nunits:\n  cards: {head: zoe}\n")
    (mistake,) = load([FOLDER / "small.yaml", overlay], AT).mistakes
    assert (mistake.file, mistake.line, mistake.path) == (str(overlay), 3, "units.cards.head")


def test_a_feed_is_its_own_address_unless_it_says_otherwise() -> None:
    organisation = load([FOLDER / "small.yaml"], AT).organisation
    assert organisation is not None
    assert organisation.handles_on("feeds")[0].base_url == "https://forum.example/feed"


def test_hashtags_are_compiled_as_posts_are_compared() -> None:
    organisation = load([FOLDER / "small.yaml"], AT).organisation
    assert organisation is not None
    assert organisation.rules[1].hashtags == ("transfer",)


def test_heads_and_company_duty_are_compiled_to_the_members_they_are() -> None:
    organisation = load([FOLDER / "small.yaml"], AT).organisation
    assert organisation is not None
    assert [step["notify"] for step in organisation.escalation["cards"]] == [
        "on_shift",
        "member:ana",
        "member:ben",
    ]
    assert organisation.escalation["payments"] == []


def test_holidays_are_laid_down_for_this_year_and_the_next_two(tmp_path: Path) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text(changed("subdiv: ENG", 'subdiv: ENG, add: ["2026-12-24"], drop: ["2026-12-28"]'))
    organisation = load([path], AT).organisation
    assert organisation is not None
    days = organisation.units["cards"].rota.desks["london"].holidays
    assert {day.year for day in days} == {2026, 2027, 2028}
    assert {date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)} <= days
    assert date(2026, 12, 28) not in days


def test_a_short_rest_is_a_warning(tmp_path: Path) -> None:
    text = changed(
        '"20:00",\n         rotation: {members: [ana, ben]',
        '"18:00",\n         rotation: {members: [ana, ben]',
    )
    text = text.replace('start: "20:00", end: "08:00",\n         rotation: {members: [cy]', 'start: "23:00", end: "08:00",\n         rotation: {members: [ana]')  # fmt: skip # noqa: E501
    assert "Ana rests 5 h after 'day', first before 2026-11-23T23:00Z: 11 h are due" in warnings_of(
        tmp_path, text
    )


def test_duty_for_two_units_at_once_is_a_warning(tmp_path: Path) -> None:
    text = changed("members: [cy]", "members: [priya]")
    assert "Priya is on duty for unit 'payments' at the same time, first at 2026-11-20T20:00Z" in warnings_of(
        tmp_path, text
    )


def test_a_rule_that_an_earlier_one_narrows_is_not_hidden(tmp_path: Path) -> None:
    narrow = (
        "rules:\n  - {id: theft, unit: payments, priority: 1, words: [robbed, stolen], languages: [en]}\n"
    )
    assert mistakes_of(tmp_path, changed("rules:\n", narrow)) == []
    milder = "rules:\n  - {id: theft, unit: payments, words: [robbed, stolen]}\n"
    assert mistakes_of(tmp_path, changed("rules:\n", milder)) == []


@pytest.mark.parametrize(
    "pattern",
    [*FAST, *EXAMPLES],
)
def test_a_pattern_of_plain_shape_is_taken(pattern: str) -> None:
    assert fault_of(pattern) == ""


def test_every_pattern_that_is_taken_is_through_with_the_worst_texts_in_seconds() -> None:
    worst = ("a", "1", "card stolen ", "lost my ", "pay ")
    texts = [text * (20_000 // len(text)) for text in worst]
    asked = [(pattern, text) for pattern in (*FAST, *EXAMPLES) for text in texts]
    program = "import json, re, sys; [re.search(*each, re.I) for each in json.load(sys.stdin)]"
    # a slow one takes hours, so a minute and a half tells them apart on any machine
    subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(asked), text=True, check=True, timeout=90
    )  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        "(a|aa)+b",
        "(a*)*b",
        "((a+))+b",
        r"(\w+\s?)*x",
        "(a+){2,}b",
        "(?:a?){30}b",
        "(?P<n>a+)+b",
        "(x+x+)+y",
        ".*card.*stolen",
        ".*.*.*.*x",
        "[a-z]+[a-z0-9]+[a-z]+!",
        "a{1,1000}a{1,1000}a{1,1000}b",
        r"\d+\d+\d+\d+x",
        r"\s*\s*\s*x",
        r"(?:\w+\s?){16}!",
        r"(?:a+b?){2}c",
        r"(?:\w+|\d+)\w+x",
        "(?:ab)+(?:ba)+x",
        r"\x61+A+b",
        "(a|a)" * 25 + "b",
        "a+" + "a" * 100 + "b",
        "a{0,50}a{0,50}a{0,50}b",
        ".{0,40}[a-z]+x",
        r".*-\d+-.*x",
        ".*a+$",
        "(?s:.)*(?i:.)*x",
        "(?=.*x).*y",
    ],
)
def test_a_pattern_that_may_take_for_ever_is_refused(pattern: str) -> None:
    assert "may take for ever" in fault_of(pattern)


def test_lengths_are_read_in_minutes_hours_and_days(tmp_path: Path) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text(changed("fallback_unit: cards", "fallback_unit: cards\nretention: 30d").replace("    head: ana\n", "    head: ana\n    reopen_within: 90m\n"))  # fmt: skip # noqa: E501
    organisation = load([path], AT).organisation
    assert organisation is not None
    assert organisation.retention == timedelta(days=30)
    assert organisation.units["cards"].reopen_within == timedelta(minutes=90)
    assert organisation.silent_after == {"x": timedelta(hours=2)}


PLACES = list(places(yaml.safe_load(SMALL)))
ODD: list[object] = [
    None,
    True,
    -1,
    1e308,
    "",
    " ",
    "x",
    "24:00",
    "9999-12-31",
    "99999d",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"a": 1},
    "(((",
]


@given(st.sampled_from(PLACES), st.sampled_from(ODD), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_stands_anywhere_is_taken_or_told(place: Place, odd: object, without: bool) -> None:  # noqa: FBT001
    body = yaml.safe_load(SMALL.replace("2026-01-05", '"2026-01-05"'))
    inner = body
    for part in place[:-1]:
        inner = inner[part]
    if without:
        del inner[place[-1]]
    else:
        inner[place[-1]] = odd
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bank.json"
        path.write_text(json.dumps(body))  # JSON is YAML
        loaded = load([path], AT)
    assert (loaded.organisation is None) == bool(loaded.mistakes)
