"""The trained models that the layer carries, as bytes: `make train` writes them.

`domain/classifier.py` reads the one of topics and urgency, `domain/answer_cards.py` that of the answer cards.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from allhours.domain.answer_cards import AnswerCards, CardModel
from allhours.domain.classifier import Classifier

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation

HOME = files(__name__)


@cache
def triage() -> Classifier:
    """Return the model of topics and urgency, read once in a process."""
    return Classifier(HOME.joinpath("triage.bin").read_bytes())


@cache
def cards() -> CardModel:
    """Return the model of answer cards, read once in a process."""
    return CardModel(HOME.joinpath("cards.bin").read_bytes())


def judge(organisation: Organisation) -> Classifier:
    """Return what judges an organisation's posts and suggests its answer cards, if it has any."""
    if not organisation.answers:
        return triage()
    return triage().suggesting(AnswerCards(cards(), organisation.answers))
