"""Score what masks personal data on the shared texts, by the rules of their README; standard library only."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

MUST = frozenset(
    {"PAN", "IBAN", "EMAIL", "PHONE", "US_SSN", "US_ITIN", "UK_NINO", "ACCOUNT", "ROUTING", "CVV", "PIN"}
)
SHOULD = frozenset({"EXPIRY", "OTP", "DOB", "PASSPORT"})
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Shares from 0 to 1; recall is of spans whose every letter and digit is covered.

    Bank posts count with their hard negatives, so that a false alarm costs precision.
    """

    recall: Mapping[tuple[str, str], float]  # by (kind of text, type of span)
    bank: float
    bank_should: float
    foreign: float
    precision: float
    hard_negative: float
    background: float


def rows(path: Path) -> list[Row]:
    """Return the texts with their spans."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def scores(texts: Iterable[Row], find: Callable[[str], Sequence[tuple[int, int]]]) -> Scores:
    """Return how well `find` does, which returns the (start, end) of each span it would mask."""
    gold: Counter[tuple[str, str]] = Counter()
    covered: Counter[tuple[str, str]] = Counter()
    masks: Counter[str] = Counter()
    right: Counter[str] = Counter()
    alarms: dict[str, list[bool]] = {}
    for row in texts:
        kind, text = row["kind"], row["text"]
        spans = find(text)
        alarms.setdefault(kind, []).append(bool(spans))
        masks[row["source"]] += len(spans)
        right[row["source"]] += sum(
            any(start < span["end"] and span["start"] < end for span in row["spans"]) for start, end in spans
        )
        places = {place for start, end in spans for place in range(start, end)}
        for span in row["spans"]:
            gold[kind, span["type"]] += 1
            letters = {place for place in range(span["start"], span["end"]) if text[place].isalnum()}
            covered[kind, span["type"]] += letters <= places

    def recall(kind: str, types: frozenset[str]) -> float:
        wanted = [key for key in gold if key[0] == kind and key[1] in types]
        return sum(covered[key] for key in wanted) / sum(gold[key] for key in wanted)

    return Scores(
        recall={key: covered[key] / gold[key] for key in gold},
        bank=recall("positive", MUST),
        bank_should=recall("positive", SHOULD),
        foreign=recall("synth_presidio", MUST),
        precision=right["bank_posts"] / max(1, masks["bank_posts"]),
        hard_negative=sum(alarms["hard_negative"]) / len(alarms["hard_negative"]),
        background=sum(alarms["background"]) / len(alarms["background"]),
    )
