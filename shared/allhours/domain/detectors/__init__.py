"""The kinds of personal data that the guard knows, each with its name and the reason a clerk reads."""

from __future__ import annotations

from allhours.domain.detectors import accounts, cards, contacts, people, secrets
from allhours.domain.detectors.accounts import mod97
from allhours.domain.detectors.cards import luhn
from allhours.domain.detectors.hit import Detector, Hit

__all__ = ["DETECTORS", "NAMES", "Detector", "Hit", "luhn", "mod97"]

# The surest first: where hits overlap, its name stands on the mask.
DETECTORS: tuple[Detector, ...] = (
    accounts.IBAN,
    *cards.DETECTORS,
    *accounts.DETECTORS,
    *people.DETECTORS,
    *secrets.DETECTORS,
    *contacts.DETECTORS,
)
NAMES: tuple[str, ...] = tuple(dict.fromkeys(name for detector in DETECTORS for name in detector.names))
