"""The guard at the door: what it masks, what it leaves alone, and how well it does on the shared texts."""

# ruff: noqa: RUF001 - lookalike characters are what these tests are about
from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain import personal_data
from allhours.domain.detectors import Hit, luhn, mod97
from allhours.domain.personal_data import mask
from tests.shared_material import data

if TYPE_CHECKING:
    from collections.abc import Iterator

MASKED = [
    ("4111 1111 1111 1111", "[card …1111]"),
    ("card 4111-1111-1111-1111!", "card [card …1111]!"),
    ("it is 4111.1111.1111.1111.", "it is [card …1111]."),
    ("4111\u00a01111\u00a01111\u00a01111", "[card …1111]"),
    ("4\u200b111\u200b111111111111", "[card …1111]"),
    ("4️⃣1️⃣1️⃣1️⃣ 1111 1111 1111", "[card …1111]"),
    ("４１１１１１１１１１１１１１１１", "[card …1111]"),
    ("٤١١١ ١١١١ ١١١١ ١١١١", "[card …1111]"),
    ("my card4111111111111111", "my card[card …1111]"),
    ("3782 822463 10005 exp 04/29", "[card …0005] exp 04/29"),
    ("4111 1111\n1111 1111", "[card …1111]"),
    ("4111 1111 1111 1111 0429", "[card …1111] 0429"),
    ("GB82 WEST 1234 5698 7654 32", "[iban …5432]"),
    ("de89370400440532013000 please", "[iban …3000] please"),
    ("NO93-8601-1117-947", "[iban …7947]"),
    ("write to leela@example.com.", "write to [e-mail]."),
    ("l.turner+bank@post.example.co.uk", "[e-mail]"),
    ("leela＠example.com", "[e-mail]"),
    ("leela (at) example (dot) com", "[e-mail]"),
    ("leela[at]example.com now", "[e-mail] now"),
    ("leela@example[dot]com", "[e-mail]"),
    ("leela dot turner at example dot com", "[e-mail]"),
    ("leela at gmail.com", "[e-mail]"),
    ("+44 7700 900123", "[phone …23]"),
    ("+44 (0)20 7946 0958 now", "[phone …58] now"),
    ("0049 151 23456789", "[phone …89]"),
    ("07700 900123", "[phone …23]"),
    ("020 7946 0958", "[phone …58]"),
    ("(555) 123-4567", "[phone …67]"),
    ("555-123-4567", "[phone …67]"),
    ("06 12 34 56 78", "[phone …78]"),
    ("call me on 5552345678", "call me on [phone …78]"),
]
LEFT_ALONE = [
    "4111 1111 1111 1112",  # Luhn
    "order 1234567890123452",  # Luhn, but no scheme issues 1234
    "tracking 94001111111111111111111",
    "1Z999AA10123456784",
    "DE89 3704 0044 0532 0130 01",  # MOD 97
    "DE8937040044",
    "at 24 hours notice nobody is here at 9",
    "@leela@social.example said so",
    "look at gmail, it works; meet me at gmail.com",
    "@acmebank at 9 on 2026-11-21 10:15:22",
    "since 21/11/2026, from 2019-2024, on 21.11.2026",
    "call me on 21.11.2026 or 2026-11-21",
    "charged $1,234,567.89 and £12345678",
    "order 5552345678 and order no. 07700900123",
    "FedEx 718322342620",
    "log 20260209224441",
    "call 159",
    "dispute PP-331-235-4889",
    "+100 points, +12.5 %",
    "app version 12.26.3 on 10.0.19045.3693",
    "card **** **** **** 1111 declined",
]


@pytest.mark.parametrize(("said", "stored"), MASKED)
def test_personal_data_is_masked_in_the_forms_people_write(said: str, stored: str) -> None:
    assert mask(said).text == stored


@pytest.mark.parametrize("said", LEFT_ALONE)
def test_numbers_that_are_nobodys_secret_stay(said: str) -> None:
    assert mask(said).text == said


def test_found_names_each_span_in_order_and_never_its_value() -> None:
    masked = mask("leela@example.com, 555-123-4567, 4111111111111111, GB82WEST12345698765432")
    assert masked.found == ("e-mail", "phone", "card", "iban")
    assert masked.text == "[e-mail], [phone …67], [card …1111], [iban …5432]"


def test_overlapping_hits_leave_no_digit_of_either() -> None:
    masked = mask("4111 1111 1111 1111@example.com")
    assert masked.found == ("card",)
    assert masked.text == "[card …1111]"


def test_a_text_in_which_each_mask_uncovers_the_next_hit_is_masked_whole() -> None:
    masked = mask("leela@example.com+447700900123" * 500)
    assert "7700" not in masked.text
    assert mask(masked.text).found == ()


def test_no_detector_ever_reads_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    def any_number(text: str) -> Iterator[Hit]:
        for found in re.finditer("[0-9]+", text):
            yield Hit(start=found.start(), end=found.end(), name="phone", shown=found.group()[-2:])

    monkeypatch.setattr(personal_data, "DETECTORS", (any_number,))
    assert mask("[card …1111] 5678").text == "[card …1111] [phone …78]"


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "4 ",
        "@",
        "a@b.",
        "a dot ",
        "(at)",
        "+44 ",
        "(555) ",
        "\u202e1",
        "4\u200b",
        "GB82 ",
        "my number is 5551234567 ",
    ],
)
def test_hostile_repetition_is_only_text(unit: str) -> None:
    once = mask(unit * (20_000 // len(unit)))
    assert mask(once.text).found == ()


MASK = re.compile(r"\[(?:card …[0-9]{4}|iban …[0-9A-Z]{4}|phone …[0-9]{2}|e-mail)\]")
PIECES = [
    *(said for said, _ in MASKED), *(stored for _, stored in MASKED), *LEFT_ALONE,
    "[", "]", "[card …", "[phone …67", "+", "@", "a", ".", "-", " ", "0", "4", "\u200b", "\u0301",
    "my number is ", "order ",
]  # fmt: skip
POSTS = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=5), st.text("0123456789 +().-", max_size=12)),
    max_size=8,
).map("".join)


@given(POSTS)
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    again = mask(once.text)
    assert (again.text, again.found) == (once.text, ())


@given(POSTS)
def test_everything_outside_the_masks_stays_as_it_was(text: str) -> None:
    masked = mask(text)
    assert len(masked.found) == len(MASK.findall(masked.text)) - len(MASK.findall(text))
    kept = MASK.split(masked.text)
    place = 0
    for piece in kept:
        place = text.index(piece, place) + len(piece)


def _with_luhn(body: str) -> str:
    return next(body + last for last in "0123456789" if luhn(body + last))


CARDS = st.tuples(
    st.sampled_from(["4", "51", "55", "2221", "6011"]), st.text("0123456789", min_size=15, max_size=15)
).map(lambda parts: _with_luhn("".join(parts)[:15]))
IBANS = st.tuples(
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4, max_size=4),
    st.text("0123456789", min_size=14, max_size=14),
).map(
    lambda parts: next(iban for check in range(2, 99) if mod97(iban := f"GB{check:02}{parts[0]}{parts[1]}"))
)
GAPS = st.sampled_from(["", " ", "-", ".", "\u00a0", "\u200b", "\u2013", " \u200e"])
DIGITS = st.sampled_from(["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९"])
AROUND = st.text().filter(lambda text: not re.search(r"[\d\w]", text))


@given(CARDS, GAPS, DIGITS, AROUND, AROUND)
def test_no_planted_card_survives(card: str, gap: str, digits: str, before: str, after: str) -> None:
    written = gap.join(card[place : place + 4] for place in range(0, 16, 4)).translate(
        str.maketrans("0123456789", digits)
    )
    masked = mask(f"{before}{written}{after}")
    assert f"[card …{card[-4:]}]" in masked.text
    assert not any(group in masked.text for group in {written, written[:12]})


@given(IBANS, GAPS, st.booleans(), AROUND, AROUND)
def test_no_planted_iban_survives(iban: str, gap: str, lower: bool, before: str, after: str) -> None:  # noqa: FBT001
    written = gap.join(iban[place : place + 4] for place in range(0, 22, 4))
    masked = mask(f"{before} {written.lower() if lower else written} {after}")
    assert f"[iban …{iban[-4:]}]" in masked.text
    assert written.lower() not in masked.text.lower()


KINDS = {"card": "PAN", "iban": "IBAN", "e-mail": "EMAIL", "phone": "PHONE"}
# Share of spans wholly masked on bank posts, the same on the foreign set, share of masks that touch a span.
FLOORS = {
    "card": (0.99, 0.98, 0.99),
    "iban": (0.99, 0.98, 0.99),
    "e-mail": (0.99, 0.98, 0.99),
    "phone": (0.98, 0.85, 0.99),
}


def _covered(text: str, masked: str) -> list[tuple[int, int, str]]:
    """Return the spans of `text` that `masked` replaced, found by walking along what was kept."""
    spans, place, cursor = [], 0, 0
    masks = list(re.finditer(r"\[(card|iban|phone|e-mail)(?: …\w+)?\]", masked))
    for number, found in enumerate(masks):
        start = place + found.start() - cursor
        cursor = found.end()
        following = masked[cursor : masks[number + 1].start() if number + 1 < len(masks) else len(masked)]
        place = text.index(following, start + 1) if number + 1 < len(masks) else len(text) - len(following)
        spans.append((start, place, found[1]))
    return spans


def test_the_guard_keeps_its_scores_on_the_shared_texts() -> None:
    rows = [
        json.loads(line) for line in data("pii", "pii_dev.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    gold: Counter[tuple[str, str]] = Counter()
    hit: Counter[tuple[str, str]] = Counter()
    masks: Counter[str] = Counter()
    right: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    touched: Counter[str] = Counter()
    for row in rows:
        spans = _covered(row["text"], mask(row["text"]).text)
        texts[row["kind"]] += 1
        touched[row["kind"]] += bool(spans)
        for start, end, name in spans:
            masks[name] += 1
            right[name] += any(start < span["end"] and span["start"] < end for span in row["spans"])
        covered = {place for start, end, _ in spans for place in range(start, end)}
        for span in row["spans"]:
            letters = {place for place in range(span["start"], span["end"]) if row["text"][place].isalnum()}
            gold[row["kind"], span["type"]] += 1
            hit[row["kind"], span["type"]] += letters <= covered
    for name, (bank, foreign, precision) in FLOORS.items():
        assert hit["positive", KINDS[name]] >= bank * gold["positive", KINDS[name]], name
        assert hit["synth_presidio", KINDS[name]] >= foreign * gold["synth_presidio", KINDS[name]], name
        assert right[name] >= precision * masks[name] > 0, name
    assert touched["hard_negative"] <= 0.01 * texts["hard_negative"]
    assert touched["background"] <= 0.002 * texts["background"]
