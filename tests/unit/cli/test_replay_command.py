"""`allhours replay` and `triage --report` on files: no stack, the model as shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allhours.cli.__main__ import main
from allhours.domain.item import item_to_json
from tests.builders import NOON, an_item

SMALL = str(Path(__file__).resolve().parents[2] / "organisations" / "small.yaml")
TIME = ["--since", "2027-03-01"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """Return a file with one case that a unit no organisation has any more had got."""
    event = {
        "event": "case.opened",
        "at": NOON.isoformat(),
        "unit": "loans",
        "account": "acmeloans",
        "reason": "rule loans, “loan”",
        "step": "rule",
        "case_version": 1,
        "state": "open",
        "revision": "0123456789ab",
        "model": "00000000",
    }
    row = {
        "item": item_to_json(an_item(text="my loan")),
        "deleted": False,
        "case_id": "x-1",
        "events": [event],
    }
    file = tmp_path / "items.jsonl"
    file.write_text(json.dumps(row) + "\n\n", encoding="utf-8")
    return str(file)


def test_a_replay_of_a_file_asks_no_stack(kept: str, capsys: Captured) -> None:
    words = ["replay", *TIME, "--until", "2027-04-01T00:00Z", "--items", kept, "--organisation", SMALL]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "1 decisions judged again, in 1 conversations" in out
    assert "1 were decided with another model than this release's" in out
    assert "loans  →" in out
    assert "was  loans, priority 3: rule loans, “loan”" in out
    assert main([*words, "--before", SMALL, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["judged"], told["moves"][0]["by_model"]) == (1, 1)


def test_a_file_that_holds_no_record_is_refused_with_the_line(kept: str, capsys: Captured) -> None:
    with Path(kept).open("a", encoding="utf-8") as file:
        file.write("{no json\n")
    assert (
        main(["replay", *TIME, "--until", "2027-04-01T00:00Z", "--items", kept, "--organisation", SMALL]) == 1
    )
    assert "items.jsonl, line 3: is no JSON" in capsys.readouterr().err


def test_a_report_of_a_file_asks_no_stack(
    kept: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allhours.cli.triage_report.now", lambda: NOON.replace(month=4))
    assert main(["triage", "--report", *TIME, "--items", kept, "--json"]) == 0
    (sent,) = json.loads(capsys.readouterr().out)["sent"]
    assert (sent["unit"], sent["decided_by"], sent["routed"], sent["moved"]) == ("loans", "rule loans", 1, 0)
