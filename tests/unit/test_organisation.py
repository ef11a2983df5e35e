from __future__ import annotations

import json
import re
from collections import defaultdict
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from allhours import models
from allhours.cli.__main__ import main
from allhours.cli.cover import holes, window
from allhours.cli.organisation_file import compiled, load
from allhours.cli.organisation_schema import SCHEMA, published
from allhours.domain.item import Author, Item, Kind
from allhours.domain.organisation_json import organisation_from_json
from allhours.domain.rota import compile_rota
from allhours.domain.router import Router
from allhours.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.organisation import Organisation
    from allhours.domain.proof import Finding
    from allhours.domain.segments import Duty

FOLDER = Path(__file__).resolve().parents[2]
ACME = FOLDER / "infra" / "organisation" / "acme.yaml"
AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def acme() -> Organisation:
    loaded = load([ACME], AT)
    assert loaded.mistakes == ()
    assert loaded.warnings == ()
    assert loaded.organisation is not None
    return loaded.organisation


STARTS = [datetime(2026, 11, 22, tzinfo=UTC)] + [
    datetime(year, month, 1, tzinfo=UTC) for year in (2027, 2028) for month in range(1, 13, 4)
]


@pytest.fixture(scope="module", params=STARTS, ids=lambda at: at.date().isoformat())
def proved(
    request: pytest.FixtureRequest,
) -> tuple[Organisation, list[Finding], Mapping[str, Sequence[Duty]]]:
    """Check the example bank from one of several days on: what it is then, its holes, who does what."""
    at: datetime = request.param
    loaded = load([ACME], at)
    assert loaded.mistakes == ()
    assert [warning for warning in loaded.warnings if "expired on 2027-" not in warning.text] == []
    assert loaded.organisation is not None
    duties: defaultdict[str, set[Duty]] = defaultdict(set)
    for unit in loaded.organisation.units.values():
        for segment in compile_rota(unit.rota, (), *window(at)).segments:
            for duty in segment.duties:
                assert duty.member, f"{unit.unit_id}: nobody of desk {duty.desk} by {duty.because}"
                duties[duty.member].add(duty)
    in_order = {member: sorted(theirs, key=lambda duty: duty.since) for member, theirs in duties.items()}
    return loaded.organisation, holes(loaded.organisation, at), in_order


def test_the_example_bank_has_no_gap_in_400_days_whenever_it_is_checked(
    proved: tuple[Organisation, list[Finding], Mapping[str, Sequence[Duty]]],
) -> None:
    assert proved[1] == []


def test_nobody_of_the_example_bank_is_on_twice_at_once_or_rests_too_short(
    proved: tuple[Organisation, list[Finding], Mapping[str, Sequence[Duty]]],
) -> None:
    acme, _, duties = proved
    short = [
        (member, before, after)
        for member, theirs in duties.items()
        for before, after in pairwise(theirs)
        if after.since - before.until < acme.rest
    ]
    assert short == []


def test_nobody_of_the_example_bank_is_on_duty_while_away_or_without_the_certificates(
    proved: tuple[Organisation, list[Finding], Mapping[str, Sequence[Duty]]],
) -> None:
    acme, _, duties = proved
    for member, theirs in ((acme.members[name], theirs) for name, theirs in duties.items()):
        (unit,) = [unit for unit in acme.units.values() if member.member_id in unit.members]
        for duty in theirs:
            assert not any(away.start < duty.until and duty.since < away.end for away in member.leave)
            assert member.holds(unit.certificates, duty.until)
            assert member.speaks(unit.languages)


def test_a_holiday_of_the_example_bank_moves_the_cover_to_another_site() -> None:
    acme = load([ACME], AT).organisation
    assert acme is not None
    boxing_day = datetime(2026, 12, 28, tzinfo=UTC)
    for unit in ("cards", "online_banking", "fraud_security", "customer_care"):
        morning = acme.on_duty(unit, boxing_day + timedelta(hours=10))
        assert morning.desk == "manila", unit
        assert {acme.members[member].site for member in morning.members} == {"manila"}
    assert acme.on_duty("payments", boxing_day + timedelta(hours=10)).desk == "london"
    assert acme.on_duty("cards", boxing_day - timedelta(days=3, hours=-10)).desk == "london", (
        "Christmas Day is a holiday everywhere, and worked"
    )


# one line less

BODY: dict[str, Any] = yaml.safe_load(ACME.read_text(encoding="utf-8"))
WEEK = datetime(2027, 6, 21, tzinfo=UTC)  # a Monday; no holiday at any of the three sites
MINUTES = range(int(WEEK.timestamp()) // 60, int((WEEK + timedelta(days=7)).timestamp()) // 60)


LINES = ACME.read_text(encoding="utf-8").splitlines(keepends=True)


def shifts_of(body: dict[str, Any]) -> list[tuple[str, int, int]]:
    """List the shifts by unit and number, each with the one line of the file that it is."""
    shifts = [(unit, number) for unit, each in body["units"].items() for number in range(len(each["shifts"]))]
    lines = [number for number, line in enumerate(LINES) if re.match(r" +- \{id: \S+, desk: ", line)]
    return [(*shift, line) for shift, line in zip(shifts, lines, strict=True)]


def minutes_of(shift: dict[str, Any], zone: str) -> set[int]:
    """Walk a week without a holiday minute by minute, with the clock on the wall and no engine of ours."""
    clock = ZoneInfo(zone)
    minutes = set()
    for minute in MINUTES:
        shown = f"{datetime.fromtimestamp(minute * 60, clock):%H:%M}"
        start, end = shift["start"], shift["end"]
        if start <= shown < end if start < end else shown >= start or shown < end:
            minutes.add(minute)
    return minutes


@pytest.mark.parametrize(("unit", "number", "line"), shifts_of(BODY))
def test_the_example_bank_without_the_line_of_a_shift_has_exactly_that_hole(
    unit: str, number: int, line: int, tmp_path: Path
) -> None:
    shifts = [*BODY["units"][unit]["shifts"]]
    shift = shifts.pop(number)
    path = tmp_path / "bank.yaml"
    path.write_text("".join(LINES[:line] + LINES[line + 1 :]), encoding="utf-8")
    (tmp_path / "answers.yaml").symlink_to(ACME.with_name("answers.yaml"))
    loaded = load([path], WEEK)
    assert loaded.organisation is not None
    found = holes(loaded.organisation, WEEK)
    assert {hole.unit for hole in found} == {unit}
    told = {minute for hole in found for minute in range(hole.start // 60, hole.end // 60)}
    told &= set(MINUTES)
    zone_of = {desk: BODY["sites"][each["site"]]["tz"] for desk, each in BODY["units"][unit]["desks"].items()}
    lost = minutes_of(shift, zone_of[shift["desk"]])
    for other in shifts:
        lost -= minutes_of(other, zone_of[other["desk"]])
    if (unit, shift["desk"]) == ("fraud_security", "london"):  # where two are needed on weekdays
        lost |= set(filter(_is_weekday, minutes_of({"start": "09:00", "end": "16:00"}, "Europe/London")))
    assert told == lost


def _is_weekday(minute: int) -> bool:
    return datetime.fromtimestamp(minute * 60, ZoneInfo("Europe/London")).weekday() < 5


def test_check_names_the_hole_that_a_missing_shift_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = deepcopy(BODY)
    del body["units"]["cards"]["shifts"][0]
    path = tmp_path / "bank.yaml"
    path.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
    (tmp_path / "answers.yaml").symlink_to(ACME.with_name("answers.yaml"))
    assert main(["check", str(path), "--at", "2027-06-21T00:00Z"]) == 1
    out = capsys.readouterr().out
    assert "2027-06-21T22:00Z" in out
    assert "2027-06-22T06:00Z" in out


def test_the_example_bank_has_the_eight_units_and_hears_on_every_network(acme: Organisation) -> None:
    assert set(acme.units) == {
        "cards",
        "payments",
        "online_banking",
        "accounts",
        "lending",
        "insurance",
        "fraud_security",
        "customer_care",
    }
    assert {handle.network for handle in acme.handles} == set(NETWORKS)
    assert [name for name, account in acme.accounts.items() if account.general] == ["acmebank"]
    assert set(acme.silent_after) == {"x", "facebook", "mastodon", "bluesky", "feeds"}


def test_somebody_with_a_name_is_on_duty_for_every_unit_of_the_example_bank(acme: Organisation) -> None:
    for unit in acme.units:
        for hours in range(0, 24 * 60, 7):
            duty = acme.on_duty(unit, AT + timedelta(hours=hours))
            assert duty.members
            assert not duty.gap


def test_the_example_bank_compiles_to_json_and_back_again(acme: Organisation) -> None:
    again = organisation_from_json(json.loads(compiled(acme)))
    assert again == acme
    assert compiled(again) == compiled(acme)


@pytest.mark.parametrize(
    ("text", "unit", "priority"),
    [
        ("My wallet was STOLEN on the tube", "fraud_security", 1),
        ("I've lost my debit card, please help", "fraud_security", 1),
        ("I did not make this payment of £40", "fraud_security", 1),
        ("somebody has used my card in Lisbon", "fraud_security", 1),
        ("is your app down again?", "online_banking", 1),
        ("They are about to have us evicted and the transfer is stuck", "payments", 1),
        ("locked out of my app since this morning", "online_banking", 2),
        ("card declined at the till, so embarrassing", "cards", 2),
        ("my wages have not arrived", "payments", 2),
        ("when does my mortgage rate end?", "lending", 3),
        ("how do I set a new PIN", "cards", 3),
        ("what's the limit for a transfer to Kenya", "payments", 3),
        ("how do I get a statement of my account", "accounts", 3),
        ("forty minutes on hold!", "customer_care", 3),
        ("does my travel insurance cover a cancelled flight?", "insurance", 3),
    ],
)
def test_the_example_banks_rules_send_a_post_to_its_desk(
    acme: Organisation, text: str, unit: str, priority: int
) -> None:
    item = Item(
        network="x",
        native_id="1",
        account="acmebank",
        handle="@acmebank",
        conversation_id="1",
        author=Author(author_id="leela"),
        created_at=AT,
        kind=Kind.MENTION,
        text=text,
        addressed=("@acmebank",),
    )
    decided = Router(acme, judge=models.judge(acme)).way(item, None)
    assert (decided.unit, decided.priority) == (unit, priority), decided.reason


# the schema and the code agree


def test_the_published_schema_is_the_one_that_checks() -> None:
    assert (FOLDER / "docs" / "organisation.schema.json").read_text(encoding="utf-8") == published(), (
        "run: python -m allhours.cli.organisation_schema > docs/organisation.schema.json"
    )


def test_the_schema_is_a_schema_and_takes_the_example_bank() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert (
        list(Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(_with_quoted_dates(ACME.read_text()))))
        == []
    )


def _with_quoted_dates(text: str) -> str:
    return re.sub(r"(?<=: )(\d{4}-\d{2}-\d{2})", r'"\1"', text)


def test_the_example_bank_names_its_schema_to_editors() -> None:
    first = ACME.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (ACME.parent / named).resolve() == FOLDER / "docs" / "organisation.schema.json"


def test_every_key_of_the_schema_stands_in_the_documentation() -> None:
    documented = (FOLDER / "docs" / "organisation.md").read_text(encoding="utf-8")
    missing = [key for key in sorted(set(_keys(SCHEMA))) if f"`{key}`" not in documented]
    assert missing == []


def _keys(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [key for each in schema for key in _keys(each)]
    if not isinstance(schema, dict):
        return []
    own = list(schema["properties"]) if isinstance(schema.get("properties"), dict) else []
    inner = [*schema.get("properties", {}).values()] if own else []
    inner += [schema[name] for name in ("items", "anyOf", "additionalProperties") if name in schema]
    return own + [key for each in inner for key in _keys(each)]


def test_somebody_stands_for_every_answer_card_of_the_example_bank(acme: Organisation) -> None:
    for card in acme.answers.values():
        assert 0 < len(card.text) <= 230, card.card_id
        assert card.owner == acme.units[card.unit].head, card.card_id
        assert card.approved_by not in {"", card.owner}, card.card_id
        assert card.expires.startswith("2027-"), card.card_id
    assert [card.card_id for card in acme.answers.values() if card.automatic] == [
        "visa_or_mastercard",
        "card_acceptance",
        "exchange_rate",
        "branch_hours",
    ]


def test_everybody_of_the_example_bank_can_sign_in_and_signs_as_nobody_else_of_the_unit(
    acme: Organisation,
) -> None:
    assert all(member.sign_in == f"{name}@acmebank.example" for name, member in acme.members.items())
    for unit in acme.units.values():
        signs = [acme.members[member].initials for member in unit.members]
        assert len(set(signs)) == len(signs), unit.unit_id


# any organisation survives compiling

CLOCKS = st.builds(
    lambda hour, quarter: f"{hour:02}:{quarter * 15:02}", st.integers(0, 23), st.integers(0, 3)
)
ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
DAYS = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20
).filter(str.strip)


LANGUAGES = st.lists(st.sampled_from(["en", "es", "tl"]), unique=True)
LENGTHS = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 500), st.sampled_from("smh"))
DATES = st.dates(datetime(2026, 1, 1).date(), datetime(2030, 1, 1).date())  # noqa: DTZ001 - of no zone
WHERE = st.one_of(st.fixed_dictionaries({"tz": ZONES}), st.just({"site": "home"}))


@st.composite
def people(draw: st.DrawFn) -> dict[str, object]:
    begin = draw(DATES)
    return {
        "name": draw(TEXTS),
        "contact": {"sns": draw(TEXTS)},
        "languages": ["fr", *draw(LANGUAGES)],
        "certificates": ["fca", {"id": "cfpb", "until": draw(DATES).isoformat()}],
        "leave": [
            {"from": begin.isoformat(), "until": f"{begin + timedelta(days=3)}T12:00Z", "reason": draw(TEXTS)}
        ],
        **draw(WHERE),
    }


@st.composite
def organisations(draw: st.DrawFn) -> dict[str, object]:
    members = draw(st.lists(st.sampled_from(["ana", "ben", "cy"]), min_size=1, unique=True))
    start = draw(CLOCKS)
    hours = {"days": draw(DAYS), "start": start, "end": draw(CLOCKS.filter(lambda clock: clock != start))}
    rotation = {
        "members": members,
        "anchor": "2026-01-05",
        "every": draw(st.integers(1, 9)),
        "unit": draw(st.sampled_from(["day", "week"])),
    }
    covered = draw(st.sampled_from(["keep", "skip", {"cover_from": "there"}, {"cover_from": ["there"]}]))
    shift = {"id": "only", "desk": "here", **hours, "rotation": rotation, "on_holiday": covered}
    country = draw(st.sampled_from(["GB", "US", "IN", "PH"]))
    need = {**hours, "tz": draw(ZONES), "need": 0, "certificates": ["fca"], "languages": ["fr"]}
    level = {"priority": draw(st.integers(1, 3)), "clock": draw(st.sampled_from(["wall", "staffed"]))}
    level |= {draw(st.sampled_from(["first_answer", "resolution"])): draw(LENGTHS)}
    handles = {
        "mastodon": draw(TEXTS),
        "x": {"handle": "@us", "native_id": "1", "settings": {"note": draw(TEXTS)}},
    }
    unit = {
        "title": draw(TEXTS),
        "head": members[0],
        "fallback": draw(st.sampled_from(["here", *members])),
        "accounts": {"us": {"general": draw(st.booleans()), "handles": handles}},
        "certificates": ["fca"],
        "languages": ["fr"],
        "handover": draw(st.sampled_from(["move", "queue"])),
        "holding_answer": {"en": draw(TEXTS.map(lambda text: re.sub(r"[{}]", "", text) + " {time}"))},
        "service_levels": [level],
        "min_staff": [need],
        "desks": {
            "here": {"tz": draw(ZONES), "members": members, "holidays": {"country": country}},
            "there": {"site": "home", "members": members},
        },
        "shifts": [shift],
        "escalation": [
            {"after": "5m", "notify": "on_shift"},
            {
                "after": draw(LENGTHS.map(lambda text: f"{300 + int(text[:-1])}s")),
                "notify": "unit_head",
                "repeat": draw(LENGTHS),
                "times": 3,
                "alarm": True,
            },
        ],
    }
    return {
        "version": 1,
        "organisation": {"name": draw(TEXTS)},
        "fallback_unit": "cards",
        "company_duty": members[0],
        "rest": "0m",  # with any other, most of what is drawn would be refused
        "announce_gaps": draw(st.lists(LENGTHS)),
        "test_pages": {"day": draw(DAYS)[0], "at": draw(CLOCKS), "within": draw(LENGTHS.filter(_is_short))},
        "retention": draw(st.sampled_from(["30d", "800h", "90d"])),
        "sites": {"home": {"tz": draw(ZONES), "country": country, "add": [draw(DATES).isoformat()]}},
        "members": {member: draw(people()) for member in members},
        "units": {"cards": unit},
        "rules": [{"id": "r", "unit": "cards", "words": [draw(TEXTS)], "priority": draw(st.integers(1, 4))}],
    }


def _is_short(length: str) -> bool:
    return length[-1] != "h" or int(length[:-1]) < 7 * 24


@given(organisations())
@settings(max_examples=40, deadline=None)
def test_any_organisation_survives_being_compiled(
    tmp_path_factory: pytest.TempPathFactory, body: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("any") / "bank.yaml"
    path.write_text(json.dumps(body), encoding="utf-8")  # JSON is YAML
    loaded = load([path], AT)
    assert loaded.mistakes == ()
    assert loaded.organisation is not None
    again = organisation_from_json(json.loads(compiled(loaded.organisation)))
    assert again == loaded.organisation
    assert again.on_duty("cards", AT) == loaded.organisation.on_duty("cards", AT)
