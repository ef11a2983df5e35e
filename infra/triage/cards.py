"""What answer cards are learned from and judged on: shared questions, our own, and chatter.

The banking77 rows (CC BY 4.0) are read from the shared folder and never copied; `cards_fit.py` learns.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

import yaml

from allhours.domain.answer_cards import CARD, SUGGESTED, AnswerCards, CardModel, ids_of
from allhours.domain.features import features_of
from allhours.domain.judgement import NOBODY, Said
from allhours.domain.word_lists import words_of
from infra.triage import vary
from infra.triage.material import (
    HOME,
    PATTERNS,
    SHARED,
    MaterialError,
    Row,
    filled,
    our_posts,
    shared_rows,
    word_lists,
)
from infra.triage.scores import Target, shipped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


MODEL = HOME / "shared" / "allhours" / "models" / "cards.bin"
ANSWERS = HOME / "infra" / "organisation" / "answers.yaml"
QUESTIONS = PATTERNS / "cards_questions.yaml"
SOURCE = "banking77"
NO_CARD = ""
SEED = 5
COPIES = 3  # of one of our questions with slots
_VARIANTS = 2  # of a row
_VARIED = 0.5  # what each counts beside it
_UNSHARED = (
    4.0  # what our words count for a card that no shared row asks for: the others have a hundred rows each
)
_UNANSWERED = 1.0  # what one of our questions counts that no card answers: few of many that may come
_CHATTER = 0.3  # what one of our posts counts that no card answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What of a card in answers.yaml finds it."""

    card_id: str
    unit: str
    title: str
    url: str
    says: Sequence[str] = ()
    topics: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A text and the card that answers it; `group` is what its variants share."""

    text: str
    card: str
    weight: float
    group: str
    original: bool = True

    @property
    def ids(self) -> list[int]:
        """Return the model's rows for it."""
        words = words_of(self.text)
        return ids_of(features_of(self.text, words, {}), words)


@cache
def answers() -> Mapping[str, Written]:
    """Return the example bank's cards by id."""
    found = yaml.safe_load(ANSWERS.read_text(encoding="utf-8"))["answers"]
    known = {each.name for each in fields(Written)}
    return {
        card: Written(card_id=card, **{name: value for name, value in body.items() if name in known})
        for card, body in found.items()
    }


def shared_questions(name: str) -> list[tuple[str, str]]:
    """Return the banking77 rows of a routing file with the card of each."""
    path = SHARED / "data" / "routing" / f"{name}.csv"
    if not path.exists():
        raise MaterialError(
            f"{path} is not there: put the shared folder beside the checkout or name it in ALLHOURS_SHARED"
        )
    with path.open(encoding="utf-8", newline="") as file:
        return [
            (each["text"], each["source_label"].lower().rstrip("?"))
            for each in csv.DictReader(file)
            if each["source"] == SOURCE
        ]


def material() -> list[Asked]:
    """Return everything to learn from, without variants."""
    shared = shared_questions("train")
    rows = [Asked(text=text, card=card, weight=1.0, group=text) for text, card in shared]
    return rows + our_material({card for _, card in shared})


def our_material(asked: Collection[str]) -> list[Asked]:
    """Return what we wrote to learn from, given the cards that shared rows ask for."""
    rows = []
    for text, card in _our_questions():
        weight = 1.0 if card in asked else _UNSHARED if card else _UNANSWERED
        rows.append(Asked(text=text, card=card, weight=weight, group=text))
    rows += [
        Asked(text=row.text, card=NO_CARD, weight=_CHATTER, group=row.group)
        for row in our_posts(1, SEED)
        if row.unit == NOBODY
    ]
    return rows


def _our_questions() -> list[tuple[str, str]]:
    """Return our own phrasings with the card of each."""
    found = [(says, card) for card, each in answers().items() for says in each.says]
    written = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    slots = {name: list(map(str, choices)) for name, choices in written["slots"].items()}
    for group in written["posts"]:
        for line in group["says"]:
            chance = random.Random(f"{SEED}{line}")
            texts = dict.fromkeys(filled(line, slots, COPIES, chance, QUESTIONS.name))
            found += [(text, group.get("card", NO_CARD)) for text in texts]
    if unknown := {card for _, card in found} - {NO_CARD, *answers()}:
        raise MaterialError(
            f"{QUESTIONS.name} names cards that {ANSWERS.name} lacks: {', '.join(sorted(unknown))}"
        )
    return found


def with_variants(rows: Sequence[Asked]) -> list[Asked]:
    """Return the rows, and each as others might have typed it."""
    lists = word_lists()
    companies, banks = vary.handles(lists, "companies"), vary.handles(lists, "banks")
    made = []
    for row in rows:
        made.append(row)
        chance = random.Random(f"{SEED} {row.text}")
        unit = answers()[row.card].unit if row.card else NOBODY
        plain = Row(text=row.text, unit=unit, priority=3, source="", group="")
        for _ in range(_VARIANTS):
            text = vary.varied(plain, chance, companies, banks).text
            weight = row.weight * _VARIED
            made.append(Asked(text=text, card=row.card, weight=weight, group=row.group, original=False))
    return made


def score() -> list[Target]:
    """Return how the example bank's cards do on the banking77 and the `none` rows of dev.csv."""
    cards = AnswerCards(CardModel(MODEL.read_bytes()), answers())
    questions = [(_ranked(cards, text), card) for text, card in shared_questions("dev")]
    chatter = [_ranked(cards, row.text) for row in shared_rows("dev") if row.unit == NOBODY]
    ranks = [[*(card for card, _ in found), right].index(right) + 1 for found, right in questions]
    sure = sorted(found[0][1] if found else 0.0 for found, _ in questions)
    keeps_90 = sure[len(sure) // 10]
    return [
        Target(what="answer cards: the right one first", value=_share(r == 1 for r in ranks), asked=0.91),
        Target(what="answer cards: among three", value=_share(r <= SUGGESTED for r in ranks), asked=0.975),
        Target(
            what="chatter given a link where 90 % of questions are",
            value=_share(bool(found) and found[0][1] >= keeps_90 for found in chatter),
            asked=0.05,
            most=True,
        ),
        Target(
            what=f"chatter given a link at {CARD}",
            value=_share(bool(found) and found[0][1] >= CARD for found in chatter),
            asked=0.05,
            most=True,
        ),
        Target(what=f"questions given a link at {CARD}", value=_share(s >= CARD for s in sure), asked=0.90),
        Target(
            what="size of the answer cards' model, kB",
            value=MODEL.stat().st_size / 1000,
            asked=280,
            most=True,
            shown=".0f",
        ),
    ]


def _ranked(cards: AnswerCards, text: str) -> list[tuple[str, float]]:
    """Return every card for a text, the likeliest first; none where the text is not understood."""
    words = words_of(text)
    hits = shipped().lists.hits(words)
    opinion = shipped().model(Said(text=text), words, hits)
    return cards.ranked(features_of(text, words, hits), words, opinion.odds) if opinion else []


def _share(each: Iterable[bool]) -> float:
    """Return how many of them are true."""
    found = list(each)
    return sum(found) / max(1, len(found))
