from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.cli.organisation_file import load
from allhours.cli.patterns import fault_of
from allhours.domain.escalation import Step
from allhours.domain.organisation import TestPages
from allhours.domain.organisation_json import organisation_from_json, organisation_to_json
from allhours.domain.people import Certificate, Leave
from allhours.domain.service_level import ServiceLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.cli.yaml_lines import Place
    from allhours.domain.organisation import Organisation

FOLDER = Path(__file__).resolve().parents[2] / "organisations"
SMALL = (FOLDER / "small.yaml").read_text()
AT = datetime(2026, 11, 21, tzinfo=UTC)


def utc(written: str) -> int:
    return int(datetime.fromisoformat(written).timestamp())


def organisation_in(folder: Path, text: str) -> Organisation:
    path = folder / "bank.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load([path], AT)
    assert loaded.mistakes == ()
    assert loaded.organisation is not None
    return loaded.organisation


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


def changed(old: str, new: str, text: str = SMALL) -> str:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


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
    tmp_path: Path, mistake: dict[str, Any]
) -> None:
    text = changed(mistake["replace"], mistake["by"])
    if second := mistake.get("and"):
        text = changed(second["replace"], second["by"], text)
    found = mistakes_of(tmp_path, text)
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
    assert organisation.escalation["cards"] == (
        Step(after=0, notify="on_shift"),
        Step(after=600, notify="member:ana"),
        Step(after=3_600, notify="member:ben", alarm=True),
    )


def test_pages_about_the_system_climb_to_the_company_duty_and_those_of_a_unit_without_a_ladder_too(
    tmp_path: Path,
) -> None:
    organisation = load([FOLDER / "small.yaml"], AT).organisation
    assert organisation is not None
    usual = (Step(after=0, notify="member:ben", repeat=1_800, times=3, alarm=True),)
    assert organisation.escalation["operations"] == usual
    assert organisation.escalation["payments"] == usual
    own = "company_duty: ben\noperations_escalation: [{after: 30s, notify: 'member:cy', alarm: true}]"
    organisation = organisation_in(tmp_path, changed("company_duty: ben", own))
    assert organisation.escalation["operations"] == (Step(after=30, notify="member:cy", alarm=True),)
    assert organisation.company_duty == "ben"


def test_a_ladder_may_call_a_desk_of_its_unit(tmp_path: Path) -> None:
    organisation = organisation_in(tmp_path, changed("notify: on_shift", "notify: 'desk:london'"))
    assert organisation.escalation["cards"][0].notify == "desk:london"


SITES = """sites:
  manila: {tz: Asia/Manila, country: PH}
  london: {tz: Europe/London, country: GB, subdiv: ENG, add: [2026-12-24]}
members:
"""


def at_sites(text: str = SMALL) -> str:
    """Let Priya and her desk be in Manila, and Ben and his in London."""
    text = changed("members:\n", SITES, text)
    text = changed("priya: {name: Priya, tz: Asia/Kolkata,", "priya: {name: Priya, site: manila,", text)
    text = changed("kolkata: {tz: Asia/Kolkata,", "kolkata: {site: manila,", text)
    text = changed("ben: {name: Ben, tz: Europe/London,", "ben: {name: Ben, site: london,", text)
    desk = "{tz: Europe/London, members: [ana], holidays: {country: GB, subdiv: ENG}}"
    return changed(desk, "{site: london, members: [ana]}", text)


def test_desks_and_members_have_the_zone_and_holidays_of_their_site(tmp_path: Path) -> None:
    organisation = organisation_in(tmp_path, at_sites())
    london = organisation.sites["london"]
    assert (london.zone, london.country) == ("Europe/London", "GB")
    assert {date(2026, 12, 24), date(2026, 12, 25), date(2028, 1, 3)} <= london.holidays
    desk = organisation.units["cards"].rota.desks["london"]
    assert (desk.zone, desk.holidays) == (london.zone, london.holidays)
    assert organisation.units["payments"].rota.desks["kolkata"].zone == "Asia/Manila"
    members = organisation.members
    assert (members["ben"].site, members["ben"].zone) == ("london", "Europe/London")
    assert (members["ana"].site, members["ana"].zone) == ("", "Europe/London")
    assert date(2026, 12, 30) in organisation.sites["manila"].holidays  # Rizal Day


def test_leave_is_kept_in_utc_from_the_members_midnight_to_the_first_day_back(tmp_path: Path) -> None:
    away = """ben: {name: Ben, leave: [{from: 2027-03-28, until: 2027-03-30, reason: moving},
      {from: "2027-05-03T12:00+02:00", until: 2027-05-04}],"""
    ben = organisation_in(tmp_path, changed("ben: {name: Ben,", away)).members["ben"]
    assert ben.leave == (
        Leave(start=utc("2027-03-28T00:00Z"), end=utc("2027-03-29T23:00Z"), reason="moving"),
        Leave(start=utc("2027-05-03T10:00Z"), end=utc("2027-05-03T23:00Z")),
    )


def test_a_certificate_ends_when_its_day_begins_where_the_member_is(tmp_path: Path) -> None:
    written = "ben: {name: Ben, languages: [en, tl], certificates: [fca, {id: cfpb, until: 2027-05-01}],"
    ben = organisation_in(tmp_path, changed("ben: {name: Ben,", written)).members["ben"]
    ends = utc("2027-04-30T23:00Z")
    assert ben.certificates == (
        Certificate(certificate_id="fca"), Certificate(certificate_id="cfpb", valid_until=ends),
    )  # fmt: skip
    assert ben.holds(["fca", "cfpb"], ends - 1)
    assert not ben.holds(["cfpb"], ends)
    assert ben.speaks(["tl", "en"])


@pytest.mark.parametrize("written", ["paris", "[paris]"])
def test_a_holiday_may_move_the_cover_to_other_desks(tmp_path: Path, written: str) -> None:
    text = changed('days: [all], start: "08:00"', f'days: [all], on_holiday: {{cover_from: {written}}}, start: "08:00"')  # fmt: skip # noqa: E501
    text = changed("    desks:\n", "    desks:\n      paris: {tz: Europe/Paris, members: [priya]}\n", text)
    text = changed("{name: Priya,", "{name: Priya, units_at_once: true,", text)
    shift = organisation_in(tmp_path, text).units["cards"].rota.shifts[0]
    assert (shift.on_holiday, shift.cover_from) == ("cover", ("paris",))


def test_a_desk_whose_people_stand_in_a_rotation_may_cover(tmp_path: Path) -> None:
    text = changed('days: [all], start: "08:00"', 'days: [all], on_holiday: {cover_from: paris}, start: "08:00"')  # fmt: skip # noqa: E501
    text = changed("    desks:\n", "    desks:\n      paris: {tz: Europe/Paris}\n", text)
    text = changed("- {id: night, desk: london", "- {id: night, desk: paris", text)
    text = changed("members: [cy]", "members: [cy, priya]", text)  # one of them is free by day
    text = changed("{name: Priya,", "{name: Priya, units_at_once: true,", text)
    assert mistakes_of(tmp_path, text) == []


def test_accepted_gaps_are_compiled_with_their_unit(tmp_path: Path) -> None:
    gap = 'accepted_gaps: [{from: "2027-12-24T18:00Z", until: "2027-12-24T22:00+01:00", reason: all}]'
    organisation = organisation_in(tmp_path, changed("    title: Cards\n", f"    title: Cards\n    {gap}\n"))
    wanted = ((utc("2027-12-24T18:00Z"), utc("2027-12-24T21:00Z")),)
    assert organisation.units["cards"].accepted_gaps == wanted
    again = organisation_from_json(json.loads(json.dumps(organisation_to_json(organisation))))
    assert again.units["cards"].accepted_gaps == wanted


def test_a_unit_has_its_own_service_levels_or_those_of_all(tmp_path: Path) -> None:
    text = changed(
        "company_duty: ben",
        "company_duty: ben\nservice_levels: [{priority: 3, resolution: 3d, clock: staffed}]",
    )
    own = "head: ana\n    service_levels: [{priority: 1, first_answer: 15m, resolution: 4h}]"
    units = organisation_in(tmp_path, changed("head: ana", own, text)).units
    assert units["cards"].service_levels == (
        ServiceLevel(priority=1, first_answer=900, resolution=14_400, clock="wall"),
    )
    assert units["payments"].service_levels == (
        ServiceLevel(priority=3, first_answer=0, resolution=259_200, clock="staffed"),
    )


def test_what_is_left_out_at_the_top_has_its_usual_value(tmp_path: Path) -> None:
    rested = changed('end: "24:00"', 'end: "12:00"', changed("rest: 0m", ""))  # even Priya
    organisation = organisation_in(tmp_path, rested)
    assert {organisation.rest, *(unit.rota.rest for unit in organisation.units.values())} == {11 * 3_600}
    assert organisation.announce_gaps == (14 * 86_400, 72 * 3_600, 86_400, 0)
    assert organisation.test_pages is None
    own = 'company_duty: ben\nrest: 10h\nannounce_gaps: [30s, 2d]\ntest_pages: {day: wed, at: "09:30"}'
    organisation = organisation_in(tmp_path, changed("company_duty: ben", own, rested))
    assert {organisation.rest, *(unit.rota.rest for unit in organisation.units.values())} == {10 * 3_600}
    assert organisation.announce_gaps == (172_800, 30, 0)
    assert organisation.test_pages == TestPages(weekday=2, minute=570, within=8 * 3_600)


def test_a_member_on_whom_nobody_counts_needs_no_contact(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, changed("members:\n", "members:\n  zoe: {name: Zoe, tz: UTC}\n")) == []


def test_holidays_are_laid_down_for_this_year_and_the_next_two(tmp_path: Path) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text(changed("subdiv: ENG", 'subdiv: ENG, add: ["2026-12-24"], drop: ["2026-12-28"]'))
    organisation = load([path], AT).organisation
    assert organisation is not None
    days = organisation.units["cards"].rota.desks["london"].holidays
    assert {day.year for day in days} == {2026, 2027, 2028}
    assert {date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)} <= days
    assert date(2026, 12, 28) not in days


def test_a_short_rest_is_a_mistake_unless_less_is_asked_for(tmp_path: Path) -> None:
    text = changed(
        '"20:00",\n         rotation: {members: [ana, ben]',
        '"18:00",\n         rotation: {members: [ana, ben]',
        changed('end: "24:00"', 'end: "12:00"', changed("rest: 0m", "rest: 11h")),
    )
    text = text.replace('start: "20:00", end: "08:00",\n         rotation: {members: [cy]', 'start: "23:00", end: "08:00",\n         rotation: {members: [ana]')  # fmt: skip # noqa: E501
    found = mistakes_of(tmp_path, text)
    assert (
        "bank.yaml:28 units.cards.shifts[1]: Ana rests 5 h after 'day': 11 h are due, first before "
        "2026-11-23T23:00Z: take Ana off one of them, or: Ben (desk london) comes in, 23:00 to 08:00 in "
        "Europe/London"
    ) in found
    assert warnings_of(tmp_path, changed("rest: 11h", "rest: 0m", text)) == []


def test_duty_for_two_units_at_once_is_a_mistake_unless_the_member_may(tmp_path: Path) -> None:
    text = changed("members: [cy]", "members: [priya]")
    told = "Priya is on duty for unit 'payments' at the same time, first at 2026-11-20T20:00Z"
    (first, *_) = [each for each in mistakes_of(tmp_path, text) if told in each]
    assert first == (
        f"bank.yaml:28 units.cards.shifts[1]: {told}: take Priya off one of them, "
        "or say `units_at_once: true` of them, or: Ana (desk london) comes in, "
        "20:00 to 08:00 in Europe/London"
    )
    allowed = changed("{name: Priya,", "{name: Priya, units_at_once: true,", text)
    assert any(told in each for each in warnings_of(tmp_path, allowed))


def test_a_rest_that_is_no_rule_still_reads_zero(tmp_path: Path) -> None:
    organisation = organisation_in(tmp_path, SMALL)
    assert (organisation.rest, organisation.units["cards"].rota.rest) == (0, 0)


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


def test_a_file_is_laid_over_those_that_it_includes(tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text(
        "answers:\n  hours: {unit: cards, title: Hours, url: 'https://small.example/hours'}\n", "utf-8"
    )
    (tmp_path / "bank.yaml").write_text(f"include: [answers.yaml]\n{SMALL}", "utf-8")
    loaded = load([tmp_path / "bank.yaml"], AT)
    assert loaded.organisation is not None, loaded.mistakes
    assert loaded.organisation.answers["hours"].title == "Hours"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("include: answers.yaml", "must be a list of files beside this one"),
        ("include: [nowhere.yaml]", "cannot be read: no such file"),
        ("include: [again.yaml]", "is for the file that you name"),
    ],
)
def test_an_include_that_cannot_be_is_told(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / "again.yaml").write_text("include: [answers.yaml]\n", "utf-8")
    (tmp_path / "bank.yaml").write_text(f"{written}\n{SMALL}", "utf-8")
    assert any(told in mistake.text for mistake in load([tmp_path / "bank.yaml"], AT).mistakes)
