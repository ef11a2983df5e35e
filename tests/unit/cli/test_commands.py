from __future__ import annotations

import io
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from allhours.cli.__main__ import COMMANDS, main
from allhours.domain.judgement import TOPICS
from allhours.domain.organisation_json import organisation_from_json

TESTS = Path(__file__).resolve().parents[2]
SMALL = str(TESTS / "organisations" / "small.yaml")
SUN = str(TESTS / "organisations" / "follow_the_sun.yaml")
AT = ["--at", "2027-01-01T00:00Z"]

Captured = pytest.CaptureFixture[str]


def typed(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def test_allhours_alone_lists_its_commands_one_a_line(capsys: Captured) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in COMMANDS:
        assert sum(line.split()[:1] == [name] for line in lines) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_of_a_command_what_its_module_says_of_itself(name: str) -> None:
    told = (import_module(f"allhours.cli.{name.replace('-', '_')}").__doc__ or "").partition("\n")[0]
    assert told == f"{COMMANDS[name]}."


def test_allhours_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "allhours.cli", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "allhours 0.1.0\n")


def test_an_unknown_command_is_told(capsys: Captured) -> None:
    assert main(["chek"]) == 2
    assert "invalid choice: 'chek'" in capsys.readouterr().err


# check


def test_check_praises_a_bank_without_a_hole(capsys: Captured) -> None:
    assert main(["check", SMALL, *AT]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "Small Bank: 2 units, 2 accounts, 4 handles, 4 members, 2 rules; no hole in 400 days; revision "
    )
    assert "tzdata 20" in out


def test_check_lists_gaps_with_the_cheapest_fill(capsys: Captured) -> None:
    assert main(["check", SUN, *AT]) == 1
    out = capsys.readouterr().out
    assert "cards: 238 gaps, 238 h" in out
    assert "desk newyork stays on after ny-day, 20:00 to 21:00 in America/New_York" in out
    assert "and 228 more until 2027-11-07T01:00Z" in out


def test_check_tells_machines_every_gap_with_every_fill(capsys: Captured) -> None:
    assert main(["check", SUN, *AT, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], len(report["gaps"]), report["findings"]) == (False, 238, [])
    first = report["gaps"][0]
    assert [(fill["how"], fill["desk"], fill["cost_minutes"]) for fill in first.pop("fills")] == [
        ("begins", "kolkata", 90),  # half of it before six in the morning
        ("stays", "newyork", 120),  # on a Sunday evening
        ("shift", "kolkata", 90),
        ("shift", "london", 120),
        ("shift", "newyork", 120),
    ]
    assert first == {
        "kind": "gap",
        "severity": "hole",
        "unit": "cards",
        "from": "2027-03-15T00:00Z",
        "until": "2027-03-15T01:00Z",
        "text": "nobody is on duty",
        "member": None,
        "shift": None,
        "staff": 0,
        "need": 1,
        "fill": "desk kolkata begins kol-day earlier, 05:30 to 06:30 in Asia/Kolkata",
        "accepted": False,
    }


def test_the_cheapest_fill_names_the_member_and_the_cost_in_fairness(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text(Path(SMALL).read_text().replace('start: "20:00"', 'start: "21:00"'))
    assert main(["check", str(path), "--at", "2027-01-04T00:00Z", "--json"]) == 1
    first = json.loads(capsys.readouterr().out)["gaps"][0]
    assert first["fill"] == (
        "Ana (desk london) stays on after day, 20:00 to 21:00 in Europe/London: "
        "+1 h, 169 h in 4 weeks against a mean of 214.7 h; Jain index 0.91 → 0.91"
    )


def test_what_is_no_gap_is_told_apart_and_accepting_gaps_does_not_excuse_it(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "bank.yaml"
    accepted = 'accepted_gaps: [{from: "2026-01-01T00:00Z", until: "2029-01-01T00:00Z", reason: all}]'
    text = (
        Path(SMALL)
        .read_text()
        .replace("    head: ana\n", f"    head: ana\n    languages: [en]\n    {accepted}\n")
    )
    path.write_text(text.replace("ana: {name: Ana,", "ana: {name: Ana, languages: [en],"))
    assert main(["check", str(path), *AT]) == 1
    out = capsys.readouterr().out
    assert "cards: 600 unqualified duties" in out
    assert "Ben is on duty without en" in out
    assert main(["check", str(path), *AT, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert {finding["kind"] for finding in report["findings"]} == {"uncertified"}
    assert report["gaps"] == []


def test_a_warning_is_said_once_with_its_hours_and_fails_nothing(tmp_path: Path, capsys: Captured) -> None:
    overlay = tmp_path / "overlay.yaml"
    gap = '{from: "2027-03-15T00:00Z", until: "2027-11-07T01:00Z", reason: summer}'
    overlay.write_text(f"units: {{cards: {{fallback: london, accepted_gaps: [{gap}]}}}}\n")
    assert main(["check", SUN, str(overlay), *AT]) == 0
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if "(warning)" in line]
    assert warning == (
        "cards: in a gap the work goes to desk 'london' of the unit, where nobody is then: name a member, "
        "first at 2027-01-01T00:00Z (warning)"
    )


def test_an_accepted_gap_does_not_fail_the_check(tmp_path: Path, capsys: Captured) -> None:
    overlay = tmp_path / "accepted.yaml"
    gap = '{from: "2027-03-15T00:00Z", until: "2027-11-07T01:00Z", reason: summer}'
    overlay.write_text(f"units: {{cards: {{accepted_gaps: [{gap}]}}}}\n")
    assert main(["check", SUN, str(overlay), *AT]) == 0
    assert "no hole in 400 days (238 accepted)" in capsys.readouterr().out


def test_check_prints_every_mistake_and_how_many(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text(
        Path(SMALL).read_text().replace("head: ana", "head: zoe").replace("version: 1", "version: 2")
    )
    assert main(["check", str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}:2 version: must be 1: this version of allhours reads no other",
        f"{path}:16 units.cards.head: no member is called 'zoe'; there are ana, ben, cy, priya",
        "2 mistakes",
    ]


# compile


def test_compile_writes_the_package_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        assert main(["compile", SMALL, "-o", str(tmp_path / name), *AT]) == 0
        written.append((tmp_path / name / "allhours_organisation" / "organisation.json").read_bytes())
        assert (tmp_path / name / "allhours_organisation" / "__init__.py").exists()
    assert written[0] == written[1]
    assert organisation_from_json(json.loads(written[0])).name == "Small Bank"


def test_compile_refuses_a_hole_and_writes_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert main(["compile", SUN, "-o", str(tmp_path / "out"), *AT]) == 1
    told = capsys.readouterr().err
    hole = "cards: nobody is on duty from 2027-03-15T00:00Z to 2027-03-15T01:00Z, 238 holes in all: "
    assert told.startswith(f"allhours: {hole}allhours check ")
    assert not (tmp_path / "out").exists()


def test_compile_refuses_a_mistake_and_writes_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert main(["compile", str(tmp_path / "gone.yaml"), "-o", str(tmp_path / "out")]) == 1
    assert (
        capsys.readouterr().err
        == f"allhours: {tmp_path}/gone.yaml:1 cannot be read: no such file or directory\n"
    )
    assert not (tmp_path / "out").exists()


# mistakes on the command line


GONE = "gone.yaml:1 cannot be read: no such file or directory"
ZONELESS = "'2027-07-01T09:30' has no zone: write 2027-07-01T09:30Z for UTC"
WRONG_WORDS = [
    ("who cards --at 2027-07-01T09:30", 2, ZONELESS),
    ("who cards --at noon", 2, "'noon' is no instant: write 2027-03-28T01:00Z"),
    (f"who loans --organisation {SMALL}", 1, "no unit is called 'loans'; there are cards, payments"),
    ("who cards --organisation gone.yaml", 1, GONE),
    ("who cards --organisation gone.json", 2, "gone.json: no such file or directory"),
    ("rota --from 2027-01-02 --to 2027-01-01", 1, "--to 2027-01-01 is before --from 2027-01-02"),
    ("who cards --at 9999-12-31T00:00Z", 2, "year 9999 is not between 1970 and 2200"),
    ("rota --from 0001-01-01 --to 2027-01-01", 2, "year 1 is not between 1970 and 2200"),
    ("rota --from 1987-01-02 --to 2027-01-01", 1, "--from and --to are more than ten years apart"),
    ("rota --from 2027-02-30 --to 2027-01-01", 2, "'2027-02-30' is no date: write 2027-03-28"),
    ("parse myspace", 2, "invalid choice: 'myspace'"),
]


@pytest.mark.parametrize(("words", "code", "told"), WRONG_WORDS)
def test_a_wrong_word_is_told_in_one_line_without_a_traceback(
    words: str, code: int, told: str, capsys: Captured
) -> None:
    assert main(words.split()) == code
    err = capsys.readouterr().err
    assert told in err
    assert "Traceback" not in err


def test_a_file_that_is_no_compiled_organisation_is_told(tmp_path: Path, capsys: Captured) -> None:
    for body in ("[]", "{", '{"format": 4}', "\x00"):
        (tmp_path / "o.json").write_text(body)
        assert main(["who", "cards", "--organisation", str(tmp_path / "o.json")]) == 1
        assert (
            capsys.readouterr().err
            == f"allhours: {tmp_path}/o.json: is no compiled organisation, make it with allhours compile\n"
        )


def test_an_organisation_compiled_by_another_version_says_to_deploy_both(
    tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "o.json").write_text('{"format": 1}')
    assert main(["who", "cards", "--organisation", str(tmp_path / "o.json")]) == 1
    told = "the organisation is compiled in format 1, not 4: deploy both together"
    assert told in capsys.readouterr().err


# rota


def test_the_rota_is_a_table_of_who_from_when_and_why(capsys: Captured) -> None:
    assert (
        main(
            ["rota", "--unit", "cards", "--from", "2027-01-03", "--to", "2027-01-04", "--organisation", SMALL]
        )
        == 0
    )
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["Cards", "(cards)"]
    assert rows[2:] == [
        ["2027-01-03T00:00Z", "2027-01-03T08:00Z", "london", "Cy", "night"],
        ["2027-01-03T08:00Z", "2027-01-03T20:00Z", "london", "Ben", "day"],
        ["2027-01-03T20:00Z", "2027-01-04T08:00Z", "london", "Cy", "night"],
        ["2027-01-04T08:00Z", "2027-01-04T20:00Z", "london", "Ana", "day"],
        ["2027-01-04T20:00Z", "2027-01-05T00:00Z", "london", "Cy", "night"],
    ]


def test_the_rota_shows_a_gap(capsys: Captured) -> None:
    assert main(["rota", "--from", "2027-07-01", "--to", "2027-07-01", "--organisation", SUN]) == 0
    assert "2027-07-01T00:00Z  2027-07-01T01:00Z           nobody" in capsys.readouterr().out


def test_the_rota_for_machines_is_one_line_a_unit(capsys: Captured) -> None:
    assert (
        main(["rota", "--from", "2027-01-03", "--to", "2027-01-03", "--organisation", SMALL, "--json"]) == 0
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["unit"] for line in lines] == ["cards", "payments"]
    assert lines[0]["segments"][1] == {
        "from": "2027-01-03T08:00Z",
        "until": "2027-01-03T20:00Z",
        "duties": [{"desk": "london", "member": "ben", "because": "day"}],
    }


def test_a_calendar_holds_utc_instants_over_a_clock_change(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    words = [
        "rota",
        "--ics",
        "--unit",
        "cards",
        "--from",
        "2027-03-28",
        "--to",
        "2027-03-28",
        "--organisation",
        SMALL,
    ]
    assert main(words) == 0
    calendar = capfdbinary.readouterr().out.decode()
    assert calendar.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
    assert calendar.count("BEGIN:VEVENT") == calendar.count("END:VEVENT") == 3
    assert "DTSTART:20270328T070000Z\r\nDTEND:20270328T190000Z\r\nSUMMARY:Cards: Ben (london)\r\n" in calendar
    assert "TZID" not in calendar
    assert all(len(line.encode()) <= 75 for line in calendar.split("\r\n"))


def test_a_long_line_of_a_calendar_is_folded_between_characters(tmp_path: Path, capsys: Captured) -> None:
    overlay = tmp_path / "long.yaml"
    overlay.write_text(f"units: {{cards: {{title: {'é' * 60}}}}}\n", encoding="utf-8")
    files = ["--organisation", SMALL, "--organisation", str(overlay)]
    assert (
        main(["rota", "--ics", "--unit", "cards", "--from", "2027-03-28", "--to", "2027-03-28", *files]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.encode()) for line in lines) in {74, 75}
    assert f"SUMMARY:{'é' * 60}: Ben (london)" in "\n".join(lines).replace("\n ", "")


# parse


def test_parse_prints_the_items_in_a_recorded_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    typed(monkeypatch, (TESTS / "fixtures" / "bluesky" / "mention.json").read_bytes())
    assert main(["parse", "bluesky", "--handle", "@bank.example.com", *AT]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["item"]["network"] == "bluesky"


def test_parse_tells_what_is_unreadable_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    typed(monkeypatch, (TESTS / "fixtures" / "facebook" / "out_of_shape.json").read_bytes())
    assert main(["parse", "facebook", "--handle", "Example Bank", "--native-id", "5550001112223", *AT]) == 1
    captured = capsys.readouterr()
    kinds = [next(iter(json.loads(line))) for line in captured.out.splitlines()]
    assert kinds.count("unreadable") > 1
    told = f"allhours: facebook: {kinds.count('unreadable')} of {len(kinds)} unreadable, the first is "
    assert captured.err.startswith(told)
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("network", ["x", "facebook", "mastodon", "bluesky", "feeds"])
def test_parse_says_in_one_line_that_a_body_is_none_of_the_networks(
    network: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    typed(monkeypatch, b"\xff{nothing")
    assert main(["parse", network, *AT]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"allhours: {network}")
    assert told.count("\n") == 1


# triage


def test_triage_masks_and_names_unit_priority_and_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    typed(monkeypatch, b'{"text": "Stolen! My card 4111 1111 1111 1111 is gone"}\n\n{"text": "hello"}\n')
    assert main(["triage", "--organisation", SMALL, *AT, "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["unit"], first["priority"], first["kind"], first["lane"]) == ("cards", 1, "case", "case")
    assert first["urgent"]["kind"] in {"rule", "theft", "loss"}
    assert first["text"] == "Stolen! My card [card …1111] is gone"
    assert first["masked"] == ["card"]
    assert "stolen" in first["reason"]
    assert second["line"] == 3
    assert (
        set(first)
        == set(second)
        == {
            *("line", "text", "masked", "unit", "kind", "lane", "engagement", "policy", "priority", "reason"),
            *("step", "urgent", "urgent_odds", "odds", "answers", "model"),
        }
    )
    assert set(first["odds"]) == set(TOPICS)


NOTHING: dict[str, object] = {}


def test_triage_takes_what_else_is_known_of_a_post(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    post: dict[str, object] = {"text": "hi", "network": "x", "language": "en", "kind": "review"}
    post |= {"visibility": "private", "rating": 2}
    bad: list[dict[str, object]] = [
        {"kind": "rant"},
        {"visibility": "secret"},
        {"rating": 6},
        {"rating": True},
        {"rating": "5"},
    ]
    broken: dict[str, object] = {"text": "half \ud83d"}
    lines = [json.dumps(post | one) for one in (NOTHING, *bad, broken)]
    typed(monkeypatch, "\n".join(lines).encode())
    assert main(["triage", "--organisation", SMALL, *AT, "--json"]) == 1
    captured = capsys.readouterr()
    first, last = map(json.loads, captured.out.splitlines())
    assert (first["kind"], last["text"], last["line"]) == ("case", "half ?", 7)
    assert [line.split(": ")[1] for line in captured.err.splitlines()] == [f"line {n}" for n in range(2, 7)]


def test_a_malformed_line_is_told_by_its_number_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    typed(
        monkeypatch,
        b'{"text": 7}\nnope\n[]\n{}\n\xff\n{"text": "x", "language": 1}\n{"text": "my transfer"}\n',
    )
    assert main(["triage", "--organisation", SMALL, *AT]) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "allhours: line 1: text must be a text",
        "allhours: line 2: is no JSON",
        'allhours: line 3: is no JSON object: write {"text": "..."}',
        "allhours: line 4: text must be a text",
        "allhours: line 5: is no JSON",
        "allhours: line 6: language must be a text",
    ]
    assert captured.out.splitlines()[1].split()[:3] == ["7", "payments", "3"]


def test_rules_see_the_masked_text(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    typed(monkeypatch, b'{"text": "I sent 4111 1111 1111 1111"}\n{"text": "I sent 4111"}\n')
    assert main(["triage", "--organisation", SMALL, *AT, "--json"]) == 0
    steps = [json.loads(line)["step"] for line in capsys.readouterr().out.splitlines()]
    assert steps[1] == "rule"
    assert steps[0] != "rule"


def test_a_post_cannot_command_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    typed(monkeypatch, json.dumps({"text": "\x1b[2J [bold]transfer[/] \u202eevil\x07"}).encode())
    assert main(["triage", "--organisation", SMALL, *AT]) == 0
    out = capsys.readouterr().out
    assert "[bold]transfer[/]" in out
    assert not {"\x1b", "\u202e", "\x07"} & set(out)


# fairness


def test_fairness_shows_each_members_hours_and_whether_the_targets_are_met(capsys: Captured) -> None:
    words = ["fairness", SMALL, "--unit", "cards", "--from", "2027-01-04", "--to", "2027-03-28"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "Cards (cards): hours of four weeks" in out
    assert "hours: 0.889, target 0.95 missed" in out
    assert main([*words, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    assert report["members"]["ana"]["hours"] == report["members"]["ben"]["hours"] == 168
    assert report["members"]["cy"]["hours"] == 336
    assert (report["days"], report["met"], report["jain"]["hours"]) == (84, False, 0.8889)


def test_fairness_refuses_dates_that_make_no_sense(capsys: Captured) -> None:
    assert main(["fairness", SMALL, "--from", "2027-01-02", "--to", "2027-01-01"]) == 1
    assert "--to 2027-01-01 is before --from 2027-01-02" in capsys.readouterr().err
    assert main(["fairness", SMALL, "--from", "2027-01-01", "--to", "2029-01-01"]) == 1
    assert "more than 400 days apart" in capsys.readouterr().err
    assert main(["fairness", SMALL, "--unit", "loans"]) == 1
    assert "no unit is called 'loans'" in capsys.readouterr().err
