"""`allhours networks`: the manifest, whole for machines and short enough for people."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from allhours.cli.__main__ import main
from allhours.networks import NETWORKS, RETIRED, network_module
from allhours.networks.contract import Ability, Budget, Capabilities

ALL = (*NETWORKS, *RETIRED)
Captured = pytest.CaptureFixture[str]


def manifest(network: str, capsys: Captured) -> dict[str, Any]:
    assert main(["networks", network, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def in_json(value: object) -> object:
    """Write by hand what a part of a manifest should be in JSON."""
    if isinstance(value, Ability):
        return {"can": value.can, "how": value.how}
    if isinstance(value, Budget):
        return {"unit": value.unit, "a_day": value.a_day, "zone": value.zone, "of_app": value.of_app}
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return [in_json(each) for each in value] if isinstance(value, tuple) else value


def shown(arguments: list[str], capsys: Captured, monkeypatch: pytest.MonkeyPatch, columns: int) -> list[str]:
    """Show it on a terminal of so many columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert main(["networks", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("network", ALL)
def test_every_field_of_a_manifest_survives_json(network: str, capsys: Captured) -> None:
    can = network_module(network).capabilities
    expected = {field.name: in_json(getattr(can, field.name)) for field in fields(Capabilities)}
    assert manifest(network, capsys) == expected


def test_json_is_one_network_a_line_in_the_order_of_the_code(capsys: Captured) -> None:
    assert main(["networks", "--json"]) == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == [*ALL]


def test_a_program_may_rely_on_these_names(capsys: Captured) -> None:
    told = manifest("x", capsys)
    abilities = {name for name, value in told.items() if isinstance(value, dict) and "can" in value}
    assert abilities == {
        *("edits", "deletes", "private_items", "replies", "private_replies", "moves_to_private", "hides"),
        *("withdraws", "found_again"),
    }
    assert all(set(told[name]) == {"can", "how"} for name in abilities)
    assert (told["polls_every"], told["storage_within"]) == (60, None)


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_has_one_line_a_network_and_fits_the_terminal(
    columns: int, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    heading, *lines = shown([], capsys, monkeypatch, columns)
    assert heading.split()[0] == "network"
    assert [line.split()[0] for line in lines[: len(ALL)]] == [*ALL]
    assert all(len(line.rstrip()) <= columns for line in (heading, *lines[: len(ALL)]))


def test_the_table_says_what_the_manifest_says(capsys: Captured) -> None:
    assert main(["networks"]) == 0
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines["whatsapp"][:3] == ["webhook", "-", "yes"], "answers in private only"
    assert lines["bluesky"][-1] == "safe"
    assert lines["myspace"][0] == "archived"
    assert lines["feeds"] == ["poll", *"------"]


def test_one_network_is_shown_whole_with_times_in_words(capsys: Captured) -> None:
    assert main(["networks", "linkedin"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "LinkedIn pages"
    rows = {line[:28].strip(): line[28:].strip() for line in lines}
    assert rows["may be kept for"] == "2 days"
    assert rows["polls, as we advise, every"] == "15 minutes"
    assert rows["safe to send twice"] == "no"


@pytest.mark.parametrize("network", ALL)
def test_one_network_leaves_nothing_out(network: str, capsys: Captured) -> None:
    assert main(["networks", network]) == 0
    out = " ".join(capsys.readouterr().out.split())
    can = network_module(network).capabilities
    for field in fields(can):
        value = getattr(can, field.name)
        for each in value if isinstance(value, tuple) else (value,):
            words = each.how if isinstance(each, Ability) else each
            if isinstance(words, str):
                folded = "".join(words.split())
                assert folded in out.replace(" ", ""), field.name


def test_a_network_that_there_is_not_is_told_by_name(capsys: Captured) -> None:
    assert main(["networks", "friendster"]) == 2
    assert "friendster" in capsys.readouterr().err
