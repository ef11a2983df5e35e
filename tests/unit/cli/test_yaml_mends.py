from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.cli.yaml_lines import read

SMALL = (Path(__file__).resolve().parents[2] / "organisations" / "small.yaml").read_text(encoding="utf-8")
INDENTED = "the line is indented by"
NO_COLON = "no colon and space stand here: write `key: value`"
NOT_CLOSED = "is not closed: put a"


def told(folder: Path, text: str) -> str:
    """Return the line and the words of the file's only mistake."""
    path = folder / "bank.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    (mistake,) = read(path).mistakes
    return f"{mistake.line} {mistake.text.removeprefix('cannot be read here: ')}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:\n\tb: 1\n", "2 a tab stands here: write spaces instead"),
        ("a: {x: 1,\n\ty: 2}\n", "2 a tab stands here"),
        ("a: 1\nb: @mob\n", '2 a value may not begin with @: put it in quotes, "@mob"'),
        ("a: [@mob, b]\n", '1 a value may not begin with @: put it in quotes, "@mob"'),
        ("a: {b: %5, c: 1}\n", '1 a value may not begin with %: put it in quotes, "%5"'),
        ("a: [*.x]\n", '1 a value may not begin with *: put it in quotes, "*.x"'),
        ("a: & b", '1 a value may not begin with &: put it in quotes, "& b"'),
    ],
)
def test_a_letter_that_yaml_keeps_for_itself_is_told(text: str, words: str, tmp_path: Path) -> None:
    assert told(tmp_path, text).startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v: 1\na: [x, y\nb: 1\n", f"2 the [ {NOT_CLOSED} ]"),
        ("v: 1\na: [x, y", f"2 the [ {NOT_CLOSED} ]"),
        ("u:\n  d: {a: [x, y, b: 1}\n  e: 2\n", f"2 the [ {NOT_CLOSED} ]"),
        ("s:\n  - {x: 1, r: {y: 2}\n  - {x: 2, y: 3}\nt: 1\n", f"2 the {{ {NOT_CLOSED} }}"),
        ("a: [x, # y]\nb: 1\n", f"1 the [ {NOT_CLOSED} ]"),
        ('a: [x, "]"\nb: 1\n', f"1 the [ {NOT_CLOSED} ]"),
        ("a: [x]]\nb: 1\n", "1 this ] closes nothing: take it out"),
        ("a: {x: 1 y: 2}\n", "1 a comma is missing before y:"),
        ('a: {x: "1" y: 2}\n', "1 a comma is missing before y"),
        ("a: {x: 1,\n    y: [1, 2]\n    z: 3}\n", "3 a comma is missing before z"),
        ("a: [x, ,y]\n", "1 a value is missing before this"),
    ],
)
def test_a_bracket_is_told_on_the_line_that_lacks_its_end(text: str, words: str, tmp_path: Path) -> None:
    assert told(tmp_path, text).startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('v: 1\na: "x\nb: 1\nc: 2\n', '2 the quote that opens here is never closed: put a second "'),
        ("v: 1\na: 'x\nb: 1\nc: 2\n", "2 the quote that opens here is never closed: put a second '"),
        ('v: 1\na: "x\nb: "y"\n', '2 the quote that opens here is not closed: put a second "'),
        ('s:\n  - {a: "x}\n  - {b: "y"}\n', '2 the quote that opens here is not closed: put a second "'),
        ('s:\n  - {start: "07:00, end: "16:00"}\n  - {x: 1}\n', "2 a quote is missing or one too many"),
        ("a: 'it's'\nb: 1\n", "1 text goes on behind the closing quote: put all of it in quotes"),
        ('a: "\\d+"\n', '1 a \\ between "…" begins a special letter'),
    ],
)  # fmt: skip
def test_a_quote_is_told_where_it_opens(text: str, words: str, tmp_path: Path) -> None:
    assert told(tmp_path, text).startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:\n  b: 1\n    c: 2\n", f"3 {INDENTED} 4 below one that has its value already: indent it by 2"),
        ("s:\n  - b: 1\n      c: 2\n", f"3 {INDENTED} 6 below one that has its value already: indent"),
        ("a:\n    b: 1\n  c: 2\n", f"3 {INDENTED} 2, which fits none above it: indent it by 4, as above,"),
        ("a:\n  - x: 1\n    y: 1\n - z: 1\n", f"4 {INDENTED} 1, which fits none above it: indent it by 2,"),
        ("a:\n  b: 1\n  - c: 2\n", "3 a - begins a list where `key: value` goes on: take the - out"),
        ("a:\n  - x\n  b: 1\n", "3 `key: value` stands where a list goes on: begin it with -"),
        ("a: - x\n", "1 a list begins behind its key: begin it on the next line"),
        ("a:\n  b 1\n  # c\n\n  c: 2\n", f"2 {NO_COLON}"),
        ("a:1\nb: 2\n", f"1 {NO_COLON}"),
        ("b: 1\nc 2\n", f"2 {NO_COLON}"),
        ("a: 1\nb: C: a, b\n", '2 a value may not hold a colon and a space: put it in quotes, "C: a, b"'),
        ("a: 1\n---\nb: 1\n", "2 --- begins a second document: take that line out"),
        ("a: 1\nb: \x01\n", "2 holds a control character: take it out"),
    ],
)  # fmt: skip
def test_a_line_that_stands_wrong_is_told_with_where_it_belongs(
    text: str, words: str, tmp_path: Path
) -> None:
    assert told(tmp_path, text).startswith(words)


@given(
    st.integers(0, len(SMALL)),
    st.integers(0, 3),
    st.text("\t\n @%*&!|>?-:,[]{}\"'\\#ax", max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_any_slip_of_the_hand_is_told_on_a_line_of_the_file(at: int, gone: int, typed: str) -> None:
    text = SMALL[:at] + typed + SMALL[at + gone :]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bank.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        for mistake in read(path).mistakes:
            assert 1 <= mistake.line <= text.count("\n") + 1
            assert mistake.text
