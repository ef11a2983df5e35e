"""The shipped bytes, asked through the shipped code, beside what was asked of them. Needs no numpy."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from allhours.domain.classifier import Classifier
from allhours.domain.judgement import Opinion, Said
from allhours.domain.organisation import Organisation
from allhours.domain.personal_data import mask
from allhours.domain.priority import URGENT
from allhours.domain.triage import Triage
from allhours.domain.word_lists import WordLists, words_of
from infra.triage import measure
from infra.triage.material import MODEL, SHIPPED, shared_rows, word_lists

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.triage.measure import Judged

_ROUNDS = 5  # over all of dev when time is taken; the best one counts
_MEMORY = """
import sys
from pathlib import Path
from allhours import models
from allhours.domain.judgement import Said
from allhours.domain.word_lists import words_of
model = models.triage()
for line in sys.stdin:
    model(Said(text=line), words_of(line), {})
most = [line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM')]
print(most[0].split()[1])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure beside what was asked of it; `most` when less is better."""

    what: str
    value: float
    asked: float
    most: bool = False
    shown: str = ".3f"

    @property
    def met(self) -> bool:
        """Tell whether it was met."""
        return self.value <= self.asked if self.most else self.value >= self.asked

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        sign = "≤" if self.most else "≥"
        return (
            self.what,
            f"{self.value:{self.shown}}",
            f"{sign} {self.asked:{self.shown}}",
            "yes" if self.met else "**no**",
        )


class Shipped:
    """The shipped bytes and word lists, asked as the router asks them."""

    def __init__(self) -> None:
        """Read both."""
        self.blob = MODEL.read_bytes()
        self.lists = WordLists(word_lists())
        self.model = Classifier(self.blob)

    def __call__(self, text: str) -> Opinion | None:
        """Return what the model thinks of a text."""
        words = words_of(text)
        return self.model(Said(text=text), words, self.lists.hits(words))


@cache
def shipped() -> Shipped:
    """Return the shipped model, read once."""
    return Shipped()


@cache
def judged_files() -> tuple[list[Judged], list[Judged], list[Judged]]:
    """Return what the model thinks of dev, of the dev rows of its own sources, and of the real posts."""
    dev = measure.judged(shared_rows("dev"), shipped())
    own = [each for each in dev if each.row.source in SHIPPED]
    return dev, own, measure.judged(shared_rows("tweets_dev"), shipped())


@cache
def rung() -> tuple[float, float]:
    """Return which share of dev's urgent rows a bank with no word of its own pages for, and of the others."""
    plain = Organisation(
        name="",
        revision="",
        tzdata="",
        fallback_unit="",
        members={},
        units={},
        accounts={},
        rules=(),
        silent_after={},
        retention=timedelta(days=90),
        word_lists={name: tuple(phrases) for name, phrases in word_lists().items()},
    )
    triage = Triage(plain, shipped().model)
    pages: dict[bool, list[bool]] = {True: [], False: []}
    for row in shared_rows("dev"):
        verdict = triage.judged(Said(text=mask(row.text).text))
        pages[row.urgent].append(verdict.priority == URGENT)
    return sum(pages[True]) / len(pages[True]), sum(pages[False]) / len(pages[False])


def shipped_targets() -> list[Target]:
    """Return the figures of the shipped model that have a target and do not depend on the machine."""
    _, own, posts = judged_files()
    found = measure.detection(posts)
    recall, alerts = rung()
    return [
        Target(what="dev rows of its sources: accuracy", value=measure.accuracy(own), asked=0.960),
        Target(what="dev rows of its sources: macro-F1", value=measure.macro_f1(own), asked=0.930),
        Target(
            what="none recall where 5 % of cases are dropped",
            value=measure.none_at(own, 0.05)[0],
            asked=0.990,
        ),
        Target(
            what="calibration error, 15 bins", value=measure.calibration_error(own), asked=0.02, most=True
        ),
        Target(what="urgent recall, as decided by lists and model: dev", value=recall, asked=0.96),
        Target(what="what else rings with them", value=alerts, asked=0.02, most=True),
        Target(what="real posts, none in training: balanced accuracy", value=found.balanced, asked=0.70),
        Target(what="real posts, none in training: AUROC of P(none)", value=found.auroc, asked=0.86),
        Target(
            what="size of the model, kB", value=len(shipped().blob) / 1000, asked=720, most=True, shown=".0f"
        ),
    ]


def cost_targets() -> list[Target]:
    """Return what it costs on this machine, in processor time."""
    rows = shared_rows("dev")
    texts = [row.text for row in rows]
    ours = shipped()
    heard = [(Said(text=text), words, ours.lists.hits(words)) for text in texts for words in [words_of(text)]]
    judging = _least(lambda: [ours.model(*each) for each in heard]) / len(texts)
    guarded = _least(lambda: [ours(mask(text).text) for text in texts]) / len(texts)
    loading = _least(lambda: [Classifier(ours.blob)])
    memory = subprocess.run(
        [sys.executable, "-c", _MEMORY], input="\n".join(texts), capture_output=True, text=True, check=True
    )
    return [
        Target(what="features and model, µs a post", value=judging * 1e6, asked=130, most=True, shown=".0f"),
        Target(
            what="guard, words, lists, features and model, µs a post",
            value=guarded * 1e6,
            asked=300,
            most=True,
            shown=".0f",
        ),
        Target(what="loading the model, ms", value=loading * 1e3, asked=15, most=True, shown=".1f"),
        Target(
            what="memory of a process that judged all of dev, MB",
            value=int(memory.stdout) / 1024,
            asked=60,
            most=True,
            shown=".0f",
        ),
    ]


def _least(work: Callable[[], object]) -> float:
    """Return the least processor time that some work takes, in seconds."""
    times = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)
