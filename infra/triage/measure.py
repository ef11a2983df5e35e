"""The figures of `shared/data/README.md`, in plain Python, so that a test can ask for them without numpy."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allhours.domain.judgement import NOBODY, TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from allhours.domain.judgement import Opinion
    from infra.triage.material import Row

_BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row and what the model thinks of it."""

    row: Row
    odds: dict[str, float]
    urgent: float
    top: str = field(init=False)

    def __post_init__(self) -> None:
        """Find the likeliest topic."""
        object.__setattr__(self, "top", max(TOPICS, key=self.odds.__getitem__))

    @property
    def right(self) -> bool:
        """Tell whether the likeliest topic is the label."""
        return self.top == self.row.unit

    @property
    def sure(self) -> float:
        """Return the odds of the likeliest topic."""
        return self.odds[self.top]


def judged(rows: Sequence[Row], judge: Callable[[str], Opinion | None]) -> list[Judged]:
    """Return what a judge thinks of rows; a text left to humans counts as wrong and as no chatter."""
    found = []
    for row in rows:
        opinion = judge(row.text)
        odds = dict(opinion.odds) if opinion else dict.fromkeys(TOPICS, 0.0)
        found.append(Judged(row=row, odds=odds, urgent=opinion.urgent if opinion else 0.0))
    return found


def accuracy(rows: Sequence[Judged]) -> float:
    """Return the share of rows whose likeliest topic is the label."""
    return sum(each.right for each in rows) / len(rows)


def f1_by_unit(rows: Sequence[Judged]) -> dict[str, float]:
    """Return F1 of each unit that has rows."""
    labels = Counter(each.row.unit for each in rows)
    tops = Counter(each.top for each in rows)
    right = Counter(each.top for each in rows if each.right)
    return {unit: 2 * right[unit] / (labels[unit] + tops[unit]) for unit in TOPICS if labels[unit]}


def macro_f1(rows: Sequence[Judged]) -> float:
    """Return the mean F1 of the units that have rows."""
    each = f1_by_unit(rows).values()
    return sum(each) / len(each)


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Return how often a positive scores above a negative, a tie counting half."""
    ordered = sorted(negatives)
    above = sum(bisect_left(ordered, each) + _right_of(ordered, each) for each in positives)
    return above / 2 / len(positives) / len(negatives)


def _right_of(ordered: Sequence[float], value: float) -> int:
    """Return how many are at most a value."""
    at = bisect_left(ordered, value)
    while at < len(ordered) and ordered[at] == value:
        at += 1
    return at


def none_scores(rows: Sequence[Judged]) -> tuple[list[float], list[float]]:
    """Return P(none) of the casual rows and of the others."""
    casual = [each.odds[NOBODY] for each in rows if each.row.unit == NOBODY]
    return casual, [each.odds[NOBODY] for each in rows if each.row.unit != NOBODY]


def above_share(values: Sequence[float], share: float) -> float:
    """Return the threshold that so large a share of the values is above."""
    ordered = sorted(values, reverse=True)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def none_at(rows: Sequence[Judged], dropped: float) -> tuple[float, float]:
    """Return recall and precision of casual where such a share of the cases is dropped."""
    casual, others = none_scores(rows)
    threshold = above_share(others, dropped)
    caught, wrong = sum(each > threshold for each in casual), sum(each > threshold for each in others)
    return caught / len(casual), caught / (caught + wrong)


def calibration_error(rows: Sequence[Judged]) -> float:
    """Return the expected calibration error over 15 bins."""
    bins: dict[int, list[Judged]] = {}
    for each in rows:
        bins.setdefault(min(int(each.sure * _BINS), _BINS - 1), []).append(each)
    return sum(abs(sum(each.right - each.sure for each in found)) for found in bins.values()) / len(rows)


def urgent_recall(rows: Sequence[Judged], alerts: float) -> float:
    """Return the share of urgent rows above the threshold that so large a share of the others is above."""
    urgent = [each.urgent for each in rows if each.row.urgent]
    threshold = above_share([each.urgent for each in rows if not each.row.urgent], alerts)
    return sum(each > threshold for each in urgent) / len(urgent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Casual or case, on real posts: `lenient` counts every accepted unit."""

    none_recall: float
    lenient: float
    auroc: float

    @property
    def balanced(self) -> float:
        """Return the mean of both recalls."""
        return (self.none_recall + self.lenient) / 2


def detection(rows: Sequence[Judged]) -> Detection:
    """Return how well casual posts are told from cases, and cases from each other."""
    casual = [each for each in rows if each.row.unit == NOBODY]
    cases = [each for each in rows if each.row.unit != NOBODY]
    return Detection(
        none_recall=accuracy(casual),
        lenient=sum(each.top in {each.row.unit, *each.row.accepted} for each in cases) / len(cases),
        auroc=auroc(*none_scores(rows)),
    )


def confusion(rows: Sequence[Judged]) -> dict[str, Counter[str]]:
    """Return for each label how often each topic came out on top."""
    table: dict[str, Counter[str]] = {unit: Counter() for unit in TOPICS}
    for each in rows:
        table[each.row.unit][each.top] += 1
    return table
