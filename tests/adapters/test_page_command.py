"""`allhours page`: what nobody has yet, taken and handed back in a member's name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from allhours.aws import wiring
from allhours.aws.clients import dynamodb
from allhours.aws.stack import Stack
from allhours.cli import deployed
from allhours.cli.__main__ import main
from allhours.cli.doctor import _sms
from allhours.domain import page
from allhours.domain.organisation import OnDuty
from allhours.domain.organisation_json import organisation_to_json
from tests.builders import NOON, a_case
from tests.crash.harness import SETTINGS, World, small_bank

if TYPE_CHECKING:
    from pathlib import Path

STACK = Stack("allhours", "test", {"RecordsTable": "records", "PagesTopicArn": SETTINGS["PAGES_TOPIC_ARN"]})
DUTY = OnDuty(unit="cards", desk="london", members=("ana",), because="day", since=0, until=1)
URGENT = page.urgent(a_case(), DUTY, "rule stolen", NOON)


@pytest.fixture
def files(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Write an urgent page that was sent; return the arguments that find stack and organisation."""
    wiring.pages().call(URGENT)
    wiring.pages().call(page.dead_letter("x", "no time", NOON))
    world.forward()
    monkeypatch.setattr(deployed, "stack", lambda _: STACK)
    path = tmp_path / "organisation.json"
    path.write_text(json.dumps(organisation_to_json(small_bank())))
    return ["--organisation", str(path), "--json"]


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_a_page_is_listed_until_somebody_takes_it_and_again_when_it_is_handed_back(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def listed() -> list[object]:
        capsys.readouterr()
        assert main(["page", "list", *files]) == 0
        return [one["page_id"] for one in told(capsys) if "page_id" in one]

    assert listed() == [URGENT.page_id]
    assert main(["page", "ack", URGENT.page_id, "--by", "ben", *files]) == 0
    assert told(capsys)[-1] == {
        "page_id": URGENT.page_id,
        "outcome": "acknowledged",
        "acknowledged_by": "ben",
    }
    assert listed() == []
    assert main(["page", "release", URGENT.page_id, "--by", "ben", *files]) == 0
    assert listed() == [URGENT.page_id]


def test_a_page_of_another_release_is_named_after_the_others_were_listed(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    newer = {"key": {"S": "PAGE#newer"}, "page": {"S": "{}"}, "v": {"N": "1"}, "list": {"S": "PAGES"}}
    dynamodb().put_item(TableName="records", Item={**newer, "list_at": {"S": NOON.isoformat()}})
    capsys.readouterr()
    assert main(["page", "list", *files[:-1]]) != 0
    shown = capsys.readouterr()
    assert URGENT.page_id in shown.out
    assert "PAGE#newer: this release cannot read the row" in shown.out + shown.err


def test_for_people_it_says_whom_it_told_and_what_is_next(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    main(["page", "list", *files[:-1]])
    shown = capsys.readouterr().out
    assert "ana" in shown
    assert "step 2 at 12:10 UTC" in shown
    main(["page", "ack", URGENT.page_id, "--by", "ana", *files[:-1]])
    main(["page", "ack", URGENT.page_id, "--by", "ben", *files[:-1]])
    shown = capsys.readouterr().out
    assert "ana has it now; nobody more is called" in shown
    assert "nothing has changed (ana has it)" in shown


def test_a_page_that_is_not_there_and_a_stranger_are_said(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["page", "ack", "nowhere", "--by", "ana", *files]) == 1
    assert main(["page", "ack", URGENT.page_id, "--by", "zoe", *files]) == 1
    assert "one of ana, ben" in capsys.readouterr().err
    assert main(["page", "ack", *files]) == 1


def test_the_doctor_says_when_phones_are_subscribed_and_sms_cannot_be_paid_for(world: World) -> None:
    from allhours.aws.clients import sns  # noqa: PLC0415 - only here

    del world
    assert _sms(STACK).well
    sns().subscribe(TopicArn=SETTINGS["PAGES_TOPIC_ARN"], Protocol="sms", Endpoint="+441632960000")
    assert not _sms(STACK).well
    sns().set_sms_attributes(attributes={"MonthlySpendLimit": "50"})
    assert _sms(STACK).well
