from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from allhours.cli.cover import holes
from allhours.cli.organisation_file import compiled, load
from allhours.cli.organisation_schema import SCHEMA, published
from allhours.domain.item import Author, Item, Kind
from allhours.domain.organisation import Organisation, organisation_from_json
from allhours.domain.routing import Rules, no_classifier, route

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


@pytest.mark.parametrize("month", range(1, 13, 3))
def test_the_example_bank_has_no_gap_in_400_days_whenever_it_is_checked(
    acme: Organisation, month: int
) -> None:
    assert holes(acme, (), datetime(2027, month, 1, tzinfo=UTC)) == []


def test_the_example_bank_has_the_seven_units_and_hears_on_every_network(acme: Organisation) -> None:
    assert set(acme.units) == {
        "cards",
        "payments",
        "online_banking",
        "accounts",
        "lending",
        "fraud_security",
        "customer_care",
    }
    assert {handle.network for handle in acme.handles} == {"x", "facebook", "mastodon", "bluesky", "feeds"}
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
        ("locked out of my account since this morning", "online_banking", 2),
        ("card declined at the till, so embarrassing", "cards", 2),
        ("my wages have not arrived", "payments", 2),
        ("when does my mortgage rate end?", "lending", 3),
        ("how do I set a new PIN", "cards", 3),
        ("what's the limit for a transfer to Kenya", "payments", 3),
        ("my statement shows the wrong balance", "accounts", 3),
        ("forty minutes on hold!", "customer_care", 3),
        ("good morning", "customer_care", 3),
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
    decided = route(acme, Rules(acme.rules), item, None, no_classifier)
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
    return re.sub(r"(?<=anchor: )(\d{4}-\d{2}-\d{2})", r'"\1"', text)


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


# any organisation survives compiling

CLOCKS = st.builds(
    lambda hour, quarter: f"{hour:02}:{quarter * 15:02}", st.integers(0, 23), st.integers(0, 3)
)
ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
DAYS = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20
).filter(str.strip)


@st.composite
def organisations(draw: st.DrawFn) -> dict[str, object]:
    members = draw(st.lists(st.sampled_from(["ana", "ben", "cy"]), min_size=1, unique=True))
    start = draw(CLOCKS)
    end = draw(CLOCKS.filter(lambda clock: clock != start))
    rotation = {"members": members, "anchor": "2026-01-05", "unit": draw(st.sampled_from(["day", "week"]))}
    shift = {
        "id": "only",
        "desk": "here",
        "days": draw(DAYS),
        "start": start,
        "end": end,
        "rotation": rotation,
    }
    desk = {
        "tz": draw(ZONES),
        "members": members,
        "holidays": {"country": draw(st.sampled_from(["GB", "US", "IN"]))},
    }
    handles = {
        "mastodon": draw(TEXTS),
        "x": {"handle": "@us", "native_id": "1", "settings": {"note": draw(TEXTS)}},
    }
    unit = {
        "title": draw(TEXTS),
        "fallback": draw(st.sampled_from(["here", *members])),
        "accounts": {"us": {"general": draw(st.booleans()), "handles": handles}},
        "desks": {"here": desk},
        "shifts": [shift],
        "escalation": [{"after": "5m", "notify": "on_shift", "alarm": True}],
    }
    return {
        "version": 1,
        "organisation": {"name": draw(TEXTS)},
        "fallback_unit": "cards",
        "retention": draw(st.sampled_from(["30d", "800h", "90d"])),
        "members": {member: {"name": draw(TEXTS), "tz": draw(ZONES)} for member in members},
        "units": {"cards": unit},
        "rules": [{"id": "r", "unit": "cards", "words": [draw(TEXTS)], "priority": draw(st.integers(1, 4))}],
    }


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
