from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allhours.aws.stack import Stack
from allhours.cli import deployed
from allhours.cli.__main__ import main
from allhours.cli.arrivals import read_arrivals
from allhours.domain.errors import BadInput

Captured = pytest.CaptureFixture[str]
SMALL = str(Path(__file__).resolve().parents[2] / "organisations" / "small.yaml")
PROMISE = ["--aht", "3m", "--target", "0.8", "--within", "20s", "--shrinkage", "30%"]
HALF_HOUR = 1_800


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "arrivals.csv"
    path.write_text(text, encoding="utf-8")
    return path


def document(capsys: Captured, *words: str) -> dict[str, Any]:
    main(["staffing", *PROMISE, "--json", *words])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_hundred_arrivals_in_half_an_hour_are_twenty_people(tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, "start,arrivals\n2027-03-15T09:00Z,100\n2027-03-15T09:30Z,0\n")
    told = document(capsys, "--csv", str(path))
    assert len(told["intervals"]) == 48  # the whole day
    nine = told["intervals"][18]
    assert (nine["from"], nine["people"], nine["servers"], nine["rota"]) == (
        "2027-03-15T09:00Z",
        20,
        14,
        None,
    )
    assert told["busiest"] == nine["from"]
    assert sum(each["people"] for each in told["intervals"]) == 20
    assert [step["people"] for step in told["curve"]][:2] == [16, 17]  # of whom 11 are there for 10 erlang


def test_instants_are_counted_into_their_intervals(tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, "2027-03-15T09:00Z\n2027-03-15T10:29:59+01:00\n\n2027-03-15T09:30:00Z\n")
    told = document(capsys, "--csv", str(path))
    assert [each["arrivals"] for each in told["intervals"]][17:20] == [0, 2, 1]


def test_weeks_of_arrivals_become_the_typical_week_after_them(tmp_path: Path, capsys: Captured) -> None:
    mondays = [datetime(2027, 3, 1, 8, tzinfo=UTC) + timedelta(weeks=week) for week in range(3)]
    lines = [f"{at.isoformat()},{count}" for at, count in zip(mondays, (3, 6, 9), strict=True)]
    path = written(tmp_path, "start,arrivals\n" + "\n".join(lines) + "\n2027-03-21T23:30Z,1\n")
    told = document(capsys, "--csv", str(path), "--interval", "1h", "--zone", "UTC")
    assert (len(told["intervals"]), told["intervals"][0]["from"]) == (168, "2027-03-22T00:00Z")
    assert told["intervals"][8]["arrivals"] == 6


def test_the_typical_week_follows_the_clock_and_not_utc(tmp_path: Path, capsys: Captured) -> None:
    at = [datetime(2027, 3, 22, 8, tzinfo=UTC), datetime(2027, 3, 29, 7, tzinfo=UTC)]  # eight in London
    path = written(
        tmp_path, "".join(f"{each.isoformat()}\n" for each in (*at, datetime(2027, 4, 4, 12, tzinfo=UTC)))
    )
    told = document(capsys, "--csv", str(path), "--zone", "Europe/London")
    busy = [each["from"] for each in told["intervals"] if each["arrivals"]]
    assert busy == ["2027-04-05T07:00Z", "2027-04-11T12:00Z"]


def test_the_rota_is_compared_and_too_few_are_told(tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, "start,arrivals\n2027-03-15T09:00Z,100\n2027-03-15T09:30Z,1\n")
    words = ["staffing", *PROMISE, "--csv", str(path), "--organisation", SMALL, "--unit", "cards"]
    assert main(words) == 1
    out = capsys.readouterr().out
    assert "19 short" in out
    assert "The rota has too few in 2 of 48 intervals, 10 hours of people." in out
    assert "an outage's storm is neither" in " ".join(out.split())


def test_enough_people_are_no_trouble(tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, "2027-03-15T09:00Z\n")
    words = ["staffing", "--aht", "3m", "--target", "0.8", "--within", "10m", "--organisation"]
    assert main([*words, SMALL, "--unit", "cards", "--csv", str(path)]) == 0
    assert "short" not in capsys.readouterr().out


def test_prices_move_where_it_stops_paying(tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, "start,arrivals\n2027-03-15T09:00Z,100\n")
    knee = document(capsys, "--csv", str(path))
    dear = document(capsys, "--csv", str(path), "--cost-per-hour", "500", "--value-per-minute", "1")
    assert (knee["worth"], dear["worth"]) == (60, 500)
    assert dear["intervals"][18]["pays_up_to"] < knee["intervals"][18]["pays_up_to"]


def test_a_member_with_two_cases_in_hand_halves_the_people(tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, "start,arrivals\n2027-03-15T09:00Z,100\n")
    one, two = (
        document(capsys, "--csv", str(path), "--concurrency", each)["intervals"][18] for each in ("1", "2")
    )
    assert (one["people"], two["people"]) == (20, 10)


def test_it_is_drawn(tmp_path: Path) -> None:
    path = written(tmp_path, "start,arrivals\n2027-03-15T09:00Z,100\n")
    picture = tmp_path / "staffing.png"
    words = ["staffing", *PROMISE, "--csv", str(path), "--png", str(picture)]
    assert main([*words, "--organisation", SMALL, "--unit", "cards"]) == 1
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_cases_of_a_deployed_stack_are_its_arrivals(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    nine = datetime(2027, 3, 15, 9, tzinfo=UTC)
    cases = [(nine, "cards"), (nine, "cards"), (nine, "payments"), (nine + timedelta(minutes=45), "cards")]
    asked: list[tuple[datetime, datetime]] = []

    class FakeStack(Stack):
        def arrivals(self, since: datetime, until: datetime) -> Any:
            asked.append((since, until))
            return iter(cases)

    monkeypatch.setattr(deployed, "stack", lambda _: FakeStack("bank", "test", {}))
    told = document(capsys, "--from", "2027-03-15", "--to", "2027-03-15", "--unit", "cards")
    assert asked == [(datetime(2027, 3, 15, tzinfo=UTC), datetime(2027, 3, 16, tzinfo=UTC))]
    assert [each["arrivals"] for each in told["intervals"]][18:21] == [2, 1, 0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("start,arrivals\n2027-03-15T09:00Z,many\n", ":2 arrivals 'many' is no number of cases: write 12"),
        ("2027-03-15T09:00Z,-1\n", ":1 arrivals '-1' is no number of cases"),
        ("2027-03-15T09:00Z,nan\n", ":1 arrivals 'nan' is no number of cases"),
        (
            "2027-03-15T09:00Z\n2027-03-15T09:00\n",
            ":2 start '2027-03-15T09:00' has no zone: write 2027-03-15T09:00Z",
        ),
        ("\nyesterday\n", ":2 start 'yesterday' is no instant"),
        ("2027-03-15T09:00Z,1\n2027-03-15T10:00Z\n", ":2 is written unlike the lines before"),
        (
            "2027-03-15T09:00Z,1\n2027-03-15T10:00+01:00,2\n",
            ":2 start 2027-03-15T10:00+01:00 stands there twice",
        ),
        ("2027-03-15T09:00Z,1,2\n", ":1 has 3 columns"),
        ("1066-03-15T09:00Z,1\n", ":1 start '1066-03-15T09:00Z' is not between 1970 and 2200"),
        ("start,arrivals\n", ":1 holds no arrivals"),
        ("2027-03-15T09:00Z,1\n2027-03-15T10:00Z,2\n", "its lines are 60 min apart: give --interval 60m"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_arrivals(path, HALF_HOUR)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="is not UTF-8"):
        read_arrivals(path, HALF_HOUR)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "give --csv FILE, or --from DATE and --to DATE"),
        ("--from 2027-03-16 --to 2027-03-15", "--to 2027-03-15 is before --from 2027-03-16"),
        ("--csv {csv} --interval 7m", "--interval must divide the day"),
        ("--csv {csv} --interval 90.5s", "--interval must divide the day"),
        (f"--csv {{csv}} --interval {'9' * 400}s", "is no length: write 90s, 6m or 1h"),
        ("--csv {csv} --concurrency 0", "'0' is no number of cases: write 1 or more"),
        ("--csv {csv} --concurrency -2", "'-2' is no number of cases: write 1 or more"),
        ("--csv {csv} --concurrency 1.5", "'1.5' is no number of cases: write 1 or more"),
        ("--csv {csv} --shrinkage 1", "shrinkage: 1 is not between 0 and 1: write 0.3"),
        ("--csv {csv} --shrinkage -0.1", "shrinkage: -0.1 is not between 0 and 1"),
        ("--csv {csv} --shrinkage nan", "shrinkage: nan is not between 0 and 1"),
        ("--csv {csv} --target nan", "target: nan is not between 0 and 1"),
        ("--csv {csv} --aht 0m", "aht: a case takes 0 s, which must be more than nothing"),
        ("--csv {csv} --aht=-3m", "'-3m' is no length"),
        ("--csv {csv} --patience 0s", "patience: 0 s must be more than nothing"),
        ("--csv {csv} --cost-per-hour nan --value-per-minute 1", "must be more than nothing"),
        ("--csv {csv} --interval soon", "'soon' is no length: write 90s, 6m or 1h"),
        ("--csv {csv} --shrinkage some", "'some' is no share: write 0.8 or 80%"),
        ("--csv {csv} --target 80", "target: 80 is not between 0 and 1: write 0.8"),
        ("--csv {csv} --cost-per-hour 30", "go together: give both or neither"),
        ("--csv {csv} --cost-per-hour 0 --value-per-minute 1", "must be more than nothing"),
        ("--csv {csv} --organisation {small}", "add --unit UNIT"),
        ("--csv gone.csv", "gone.csv: no such file or directory"),
    ],
)
def test_a_wrong_word_is_told_in_a_line(words: str, told: str, tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, "2027-03-15T09:00Z\n")
    filled = words.format(csv=path, small=SMALL).split()
    assert main(["staffing", *PROMISE, *filled]) != 0
    assert told in capsys.readouterr().err
