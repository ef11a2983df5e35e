"""What the model is trained and judged on: the shared rows by source, our own posts, the clerks' word lists.

The rows lie in the `shared` folder beside the checkout, or in the one that `ALLHOURS_SHARED` names; they are
read and never copied. What may be in a shipped model is decided here, in `SHIPPED`.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from allhours.domain.judgement import NOBODY, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HOME = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ALLHOURS_SHARED") or HOME.parent / "shared")
PATTERNS = Path(__file__).with_name("patterns")
MODEL = HOME / "shared" / "allhours" / "models" / "triage.bin"
WORDS = HOME / "shared" / "allhours" / "cli" / "words" / "en.yaml"

SHIPPED = ("banking77", "clinc150", "multidogo", "cfpb", "cfpb_stripped", "seed_patterns")
"""Sources whose licence lets a shipped model be trained on them. `tweeteval` may be under somebody else's
terms (its own page sends one to Twitter's), so it is left out; `app_reviews` and `bankfaqs` state none."""

OURS = "patterns"
DESKS = "desks"
_SLOT = re.compile(r"\{(\w+)\}")
_NESTED = 4  # slots within slots; more is a circle


class MaterialError(Exception):
    """Say in one line which material is missing or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A labelled text. `group` is what its variants share: no fold sees the sibling of what it judges."""

    text: str
    unit: str
    priority: int
    source: str
    group: str
    accepted: tuple[str, ...] = ()

    @property
    def urgent(self) -> bool:
        """Tell whether it cannot wait."""
        return self.priority == 1


def shared_rows(name: str) -> list[Row]:
    """Return the rows of `train`, `dev` or `tweets_dev`; `MaterialError` says where the file should be."""
    path = SHARED / "data" / "routing" / f"{name}.csv"
    if not path.exists():
        raise MaterialError(
            f"{path} is not there: put the shared folder beside the checkout or name it in ALLHOURS_SHARED"
        )
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                text=each["text"],
                unit=each["unit"],
                priority=int(each["priority"]),
                source=each["source"],
                group=f"{name}:{number}",
                accepted=tuple(filter(None, (each.get("alt_unit") or "").split("|"))),
            )
            for number, each in enumerate(csv.DictReader(file), start=2)  # as a spreadsheet counts its rows
        ]


def word_lists() -> dict[str, list[str]]:
    """Return the word lists that every organisation starts with."""
    lists: dict[str, list[str]] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return lists


def our_posts(copies: int, seed: int) -> list[Row]:
    """Return the posts that we wrote, those with slots filled up to so many times each."""
    rows = []
    for path in sorted(PATTERNS.glob("*.yaml")):
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        slots = {name: list(map(str, choices)) for name, choices in (written.get("slots") or {}).items()}
        for number, group in enumerate(written["posts"]):
            where = f"{path.name}, group {number + 1}"
            if group["unit"] not in TOPICS or group["priority"] not in {1, 2, 3, 4}:
                raise MaterialError(
                    f"{where}: no such unit or priority: {group['unit']}, {group['priority']}"
                )
            for line in group["says"]:
                texts = dict.fromkeys(filled(str(line), slots, copies, random.Random(f"{seed}{line}"), where))
                rows += [
                    Row(
                        text=text,
                        unit=group["unit"],
                        priority=group["priority"],
                        source=f"{OURS}/{path.stem}",
                        group=f"{OURS}:{line}",
                    )
                    for text in texts
                ]
    return rows


def filled(
    line: str, slots: Mapping[str, Sequence[str]], copies: int, chance: random.Random, where: str
) -> Iterator[str]:
    """Give a line with its slots filled by chance, so many times; itself once when it has none."""
    if not _SLOT.search(line):
        yield line
        return
    for _ in range(copies):
        text = line
        for _ in range(_NESTED):
            text = _SLOT.sub(lambda slot: chance.choice(_choices(slot.group(1), slots, where)), text)
        yield text.strip()


def _choices(name: str, slots: Mapping[str, Sequence[str]], where: str) -> Sequence[str]:
    """Return what a slot can be."""
    if name not in slots:
        raise MaterialError(f"{where}: no such slot: {name}")
    return slots[name]


def desk_labels(path: Path) -> list[Row]:
    """Return what desks labelled by handing a case over: lines of `{text, unit}`, masked."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        label = json.loads(line)
        if label["unit"] not in TOPICS:
            raise MaterialError(f"{path.name}, line {number}: no such topic: {label['unit']}")
        rows.append(
            Row(
                text=label["text"],
                unit=label["unit"],
                priority=4 if label["unit"] == NOBODY else 3,
                source=DESKS,
                group=f"{DESKS}:{label['text']}",
            )
        )
    return rows
