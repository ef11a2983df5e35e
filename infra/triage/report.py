"""Score the model that ships, through the code that ships, and write docs/triage.md.

The experiments at its end train other models in memory, on rows that no shipped model may see.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from allhours.domain import classifier
from allhours.domain.judgement import NOBODY, TOPICS
from allhours.domain.word_lists import words_of
from infra.triage import cards, measure, train
from infra.triage.fit import fitted, softmax, targets
from infra.triage.material import HOME, OURS, SHIPPED, MaterialError, Row, shared_rows, word_lists
from infra.triage.measure import Judged
from infra.triage.samples import Eye, Sample, material, samples
from infra.triage.scores import Target, cost_targets, judged_files, shipped, shipped_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from allhours.domain.features import Features
    from infra.triage.fit import Fitted, Numbers

DOCUMENT = HOME / "docs" / "triage.md"
PROSE = HOME / "infra" / "triage" / "card.md"
WORST = 10
_FEW_WORDS = 5
_CLOSE = 0.25
_SEEDS = (5, 6, 7)  # of the models that every row of train may teach
# --- what is wrong, and why ------------------------------------------------------------------------


def worst(rows: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Return the worst of each kind of mistake, the surest first."""
    threshold = classifier.URGENT
    kinds: dict[str, tuple[Callable[[Judged], bool], Callable[[Judged], float]]] = {
        "a case taken for chatter": (
            lambda each: each.row.unit != NOBODY and each.top == NOBODY,
            lambda each: each.odds[NOBODY],
        ),
        "chatter taken for a case": (
            lambda each: each.row.unit == NOBODY and each.top != NOBODY,
            lambda each: 1 - each.odds[NOBODY],
        ),
        "the wrong unit": (
            lambda each: not each.right and NOBODY not in {each.row.unit, each.top},
            lambda each: each.sure,
        ),
        "urgent, and not seen": (
            lambda each: each.row.urgent and each.urgent < threshold,
            lambda each: 1 - each.urgent,
        ),
        "alarm for nothing": (
            lambda each: not each.row.urgent and each.urgent >= threshold,
            lambda each: each.urgent,
        ),
    }
    return {
        kind: sorted(filter(wrong, rows), key=badness, reverse=True)[:WORST]
        for kind, (wrong, badness) in kinds.items()
    }


def cause(each: Judged) -> str:  # noqa: PLR0911  # a ladder: the first that fits
    """Say why a row is probably judged so, without its words."""
    words = words_of(each.row.text)
    hits = shipped().lists.hits(words)
    spoken = sum(word != "." for word in words)
    if not each.sure:
        return "no English word in it that every text has, so it is left to humans"
    if each.row.source == "cfpb":
        return (
            "a letter is labelled by the product on its form; the 300 characters kept tell of another matter"
        )
    if spoken <= _FEW_WORDS:
        return f"{spoken} words say too little"
    label, top = each.row.unit, each.top
    if each.right:
        lists = sorted(name for name in hits if name not in TOPICS and name not in {"banks", "companies"})
        return f"the lists {', '.join(lists)} are hit" if lists else "no list of urgent words is hit"
    if top in hits and label not in hits:
        return f"it has words of {top} and none of {label}"
    if label in hits and top not in hits:
        return f"it has words of {label}; its turn of phrase is that of {top}"
    if each.odds[label] >= _CLOSE:
        return f"close: {label} has {each.odds[label]:.2f}"
    if label in hits:
        return f"it has words of both {label} and {top}"
    return (
        f"no word of the lists of {label} is in it"
        if label != NOBODY
        else "no word of any topic's list is in it"
    )


# --- experiments -----------------------------------------------------------------------------------


def _less(made: Sequence[Sample]) -> Fitted:
    """Return a model learned without teachers in a third of the rounds, to compare with its like."""
    return train.learned(made, rounds=train.ROUNDS // 3, teachers=0)


def _seeded(made: Sequence[Sample], seed: int) -> Fitted:
    """Return a model of the shipped one's size, learned without teachers from a seed of its own."""
    return fitted(
        [each.features for each in made],
        targets([each.row.unit for each in made], [each.row.urgent for each in made]),
        [each.weight for each in made],
        rounds=train.ROUNDS,
        seed=seed,
        teachers=0,
    )


@dataclass(frozen=True, slots=True)
class _Several:
    """Models side by side: their scores are averaged, so that a figure does not hang on one seed."""

    models: Sequence[Fitted]

    def scores(self, features: Sequence[Features]) -> Numbers:
        """Return the mean of their scores."""
        return np.mean([each.scores(features) for each in self.models], axis=0)


def _told(model: Fitted | _Several, rows: Sequence[Row]) -> list[Judged]:
    """Return what a model in memory thinks of rows."""
    see = Eye(word_lists())
    scores = model.scores([see(row.text) for row in rows])
    return [
        Judged(row=row, odds=dict(zip(TOPICS, map(float, odds), strict=True)), urgent=float(urgent))
        for row, odds, urgent in zip(rows, softmax(scores[:, :-1]), scores[:, -1], strict=True)
    ]


def trained_on_all() -> list[Target]:
    """Return the figures of models trained on every row of train, licensed or not."""
    rows = shared_rows("train")
    made = samples(material({row.source for row in rows}), word_lists())
    dev = _told(_Several([_seeded(made, seed) for seed in _SEEDS]), shared_rows("dev"))
    return [
        Target(what="all of dev: accuracy", value=measure.accuracy(dev), asked=0.955),
        Target(what="all of dev: macro-F1", value=measure.macro_f1(dev), asked=0.920),
        Target(
            what="all of dev: none recall where 5 % of cases are dropped",
            value=measure.none_at(dev, 0.05)[0],
            asked=0.990,
        ),
        Target(
            what="all of dev: calibration error", value=measure.calibration_error(dev), asked=0.02, most=True
        ),
        *_five_folds(),
    ]


def _five_folds() -> list[Target]:
    """Return the figures of real posts, each judged by a model that saw four fifths of the others."""
    posts = shared_rows("tweets_dev")
    rest = _shipped_samples()
    fold = [random.Random(f"post {row.group}").randrange(5) for row in posts]
    told: list[Judged] = []
    for held in range(5):
        seen = [row for row, part in zip(posts, fold, strict=True) if part != held]
        model = _less([*rest, *samples(seen, word_lists())])
        told += _told(model, [row for row, part in zip(posts, fold, strict=True) if part == held])
    found = measure.detection(told)
    return [
        Target(what="real posts, 5 folds: balanced accuracy", value=found.balanced, asked=0.83),
        Target(what="real posts, 5 folds: AUROC of P(none)", value=found.auroc, asked=0.945),
        Target(what="real posts, 5 folds: right unit or an accepted one", value=found.lenient, asked=0.82),
    ]


@cache
def _shipped_samples() -> list[Sample]:
    """Return what the shipped model is learned from."""
    return samples(material(), word_lists())


def left_out() -> list[tuple[str, ...]]:
    """Return for each source how a model does on it that was trained without it."""
    rows: list[tuple[str, ...]] = []
    made = _shipped_samples()
    dev = shared_rows("dev")
    for source in ("banking77", "clinc150", "multidogo", "seed_patterns"):
        model = _less([each for each in made if each.row.source != source])
        told = _told(model, [row for row in dev if row.source == source])
        rows.append((source, f"{measure.accuracy(told):.3f}", f"{measure.macro_f1(told):.3f}"))
    without = _less([each for each in made if not each.row.source.startswith(OURS)])
    found = measure.detection(_told(without, shared_rows("tweets_dev")))
    rows.append(
        (
            "our own posts (judged on the real ones)",
            f"{found.balanced:.3f} balanced",
            f"{found.auroc:.3f} AUROC",
        )
    )
    return rows


# --- the document ----------------------------------------------------------------------------------


def main() -> int:
    """Measure everything, print the targets, write the document."""
    try:
        judged_files()
    except MaterialError as error:
        sys.stderr.write(f"triage: {error}\n")
        return 1
    ours, costs, others = [*shipped_targets(), *cards.score()], cost_targets(), trained_on_all()
    for target in (*ours, *costs, *others):
        sys.stdout.write("  ".join(target.cells).replace("**", "") + "\n")
    DOCUMENT.write_text(_document(ours, costs, others), encoding="utf-8")
    sys.stdout.write(f"written to {DOCUMENT.relative_to(HOME)}\n")
    return 0


def _document(ours: Sequence[Target], costs: Sequence[Target], others: Sequence[Target]) -> str:
    """Return the document: the prose of card.md with the tables in its places."""
    dev, own, posts = judged_files()
    heading = ("what", "measured", "target", "met")
    places = {
        "version": shipped().model.version,
        "targets": _table(heading, [each.cells for each in (*ours, *costs)]),
        "experiments": _table(heading, [each.cells for each in others]),
        "sources": _table(("source", "rows", "accuracy", "macro-F1"), _by_source((*dev, *posts))),
        "units": _table(("unit", "rows", "F1"), _by_unit(own)),
        "confusion": _confusion(own),
        "posts": _table(
            ("real posts", "casual seen", "unit right or accepted", "balanced", "AUROC"), _posts(posts)
        ),
        "urgent": _table(("alerts on the rest", "dev", "real posts"), _urgent(dev, posts)),
        "thresholds": _table(("P(none) from which a post is casual", *_THRESHOLDS), _thresholds(own, posts)),
        "left_out": _table(("left out", "accuracy", "macro-F1"), left_out()),
        "worst": _worst(own, posts),
        "CASUAL": str(classifier.CASUAL),
        "UNSURE": str(classifier.UNSURE),
        "URGENT": str(classifier.URGENT),
        "BLOCKED": str(classifier.URGENT_IF_BLOCKED),
    }
    text = PROSE.read_text(encoding="utf-8")
    for name, value in places.items():
        text = text.replace(f"<{name}>", value)
    return text


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _by_source(rows: Sequence[Judged]) -> list[tuple[str, ...]]:
    """Return the figures of each source; those it was not trained on say so."""
    found: list[tuple[str, ...]] = []
    for source in sorted({each.row.source for each in rows}):
        own = [each for each in rows if each.row.source == source]
        name = source if source in SHIPPED else f"{source} (never seen)"
        found.append((name, f"{len(own):,}", f"{measure.accuracy(own):.3f}", f"{measure.macro_f1(own):.3f}"))
    return found


def _by_unit(rows: Sequence[Judged]) -> list[tuple[str, ...]]:
    """Return F1 of each unit."""
    counts = Counter(each.row.unit for each in rows)
    return [(unit, f"{counts[unit]:,}", f"{f1:.3f}") for unit, f1 in measure.f1_by_unit(rows).items()]


def _confusion(rows: Sequence[Judged]) -> str:
    """Return the confusion table: labels down, judgements across."""
    table = measure.confusion(rows)
    return _table(
        ("label \\ judged", *TOPICS),
        [(unit, *(str(table[unit][top] or "") for top in TOPICS)) for unit in TOPICS],
    )


def _posts(rows: Sequence[Judged]) -> list[tuple[str, ...]]:
    """Return how real posts are told apart, by source and together."""
    found: list[tuple[str, ...]] = []
    for source in (*sorted({each.row.source for each in rows}), ""):
        own = [each for each in rows if source in {each.row.source, ""}]
        seen = measure.detection(own)
        figures = (seen.none_recall, seen.lenient, seen.balanced, seen.auroc)
        found.append((source or "together", *(f"{figure:.3f}" for figure in figures)))
    return found


def _urgent(dev: Sequence[Judged], posts: Sequence[Judged]) -> list[tuple[str, ...]]:
    """Return the recall of urgent at several rates of alerts."""
    return [
        (
            f"{alerts:.0%}",
            f"{measure.urgent_recall(dev, alerts):.3f}",
            f"{measure.urgent_recall(posts, alerts):.3f}",
        )
        for alerts in (0.01, 0.02, 0.05)
    ]


_THRESHOLDS = (
    "cases dropped, dev",
    "chatter seen, dev",
    "cases dropped, real posts",
    "chatter seen, real posts",
)


def _thresholds(own: Sequence[Judged], posts: Sequence[Judged]) -> list[tuple[str, ...]]:
    """Return what each threshold would drop and see."""
    found: list[tuple[str, ...]] = []
    for threshold in (0.4, 0.5, 0.6, 0.7, 0.8):
        shares = []
        for rows in (own, posts):
            casual, cases = measure.none_scores(rows)
            shares += [sum(each >= threshold for each in group) / len(group) for group in (cases, casual)]
        name = f"{threshold}{' (CASUAL)' if threshold == classifier.CASUAL else ''}"
        found.append((name, *(f"{share:.3f}" for share in shares)))
    return found


def _worst(own: Sequence[Judged], posts: Sequence[Judged]) -> str:
    """Return the worst of each kind, by source and row, with a cause."""
    parts = []
    for title, rows in (("dev", own), ("real posts", posts)):
        for kind, found in worst(rows).items():
            lines = [
                (
                    each.row.group,
                    each.row.source,
                    f"{each.row.unit}{', urgent' if each.row.urgent else ''}",
                    f"{each.top} {each.sure:.2f}, urgent {each.urgent:.2f}",
                    cause(each),
                )
                for each in found
            ]
            parts.append(
                f"### {kind[:1].upper()}{kind[1:]}: {title}\n\n"
                + (
                    _table(("row", "source", "label", "judged", "probable cause"), lines)
                    if lines
                    else "None."
                )
            )
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
