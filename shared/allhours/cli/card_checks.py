"""Our prepared words, held against the rules of those who send them: answer cards and invitations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.cli.answer_lengths import lengths
from allhours.cli.yaml_lines import Mistake, path_of
from allhours.domain.lint import Ours, host_of, is_within, lint
from allhours.domain.voice import signature, signed
from allhours.networks import network_module

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.cli.yaml_lines import Document, Place
    from allhours.domain.organisation import AnswerCard, Organisation, Unit


def check_cards(document: Document, organisation: Organisation, at: datetime) -> list[Mistake]:
    """Tell every prepared text that could not go out, and return what is doubtful or out of date."""
    checks = _Cards(document, organisation, Ours.of(organisation), [])
    for unit in organisation.units.values():
        checks.invitations(unit)
    for card in organisation.answers.values():
        checks.card(card)
        checks.expired(card, at)
    return checks.warnings


@dataclass(frozen=True, slots=True)
class _Cards:
    """The checks, and what they warn of."""

    document: Document
    organisation: Organisation
    ours: Ours
    warnings: list[Mistake]

    def invitations(self, unit: Unit) -> None:
        """Check the lines that ask somebody to write in private: everybody reads them."""
        for language, text in unit.voice.invitation.items():
            own = ("units", unit.unit_id, "voice", "invitation", language)
            place = own if own in self.document.lines else ("voice", "invitation", language)
            self.text(place, text, unit)

    def card(self, card: AnswerCard) -> None:
        """Check one card's address, text and variants."""
        place, unit = ("answers", card.card_id), self.organisation.units[card.unit]
        if not is_within(host_of(card.url), self.ours.domains):
            text = f"is on none of our own sites ({', '.join(self.ours.domains)}): add it to `domains`"
            self.document.tell((*place, "url"), text)
        self.text((*place, "text"), card.text, unit)
        own = self._networks(unit)
        for network, text in card.variants.items():
            here = (*place, "variants", network)
            self.text(here, text, unit)
            if network not in own | self._networks(None):
                self.document.tell(here, f"unit {unit.unit_id!r} is not on {network}: delete it")
        for network in sorted(own) if card.text else ():
            written = (*place, "variants", network) if network in card.variants else (*place, "text")
            self.length(written, card, unit, network)

    def text(self, place: Place, text: str, unit: Unit) -> None:
        """Hold a text against the unit's linter: what it blocks is a mistake."""
        for finding in lint(
            text, linting=unit.linting, ours=self.ours, private=False, first_public_line=True
        ):
            told = f"{finding.kind}, from character {finding.start + 1}: {finding.message}"
            if finding.ruling == "block":
                self.document.tell(place, told)
            else:
                self.warn(place, told)

    def length(self, place: Place, card: AnswerCard, unit: Unit, network: str) -> None:
        """Tell a text that is too long for a network of its unit once its link and a signature are there."""
        longest = max(
            (self.organisation.members[member] for member in unit.members),
            key=lambda member: len(signature(unit.voice, member=member, unit=unit.title)),
            default=None,
        )
        text = signed(card.on(network), unit.voice, member=longest, unit=unit.title, network=network)
        for length in lengths(network, text):
            if not length.fits:
                size = f"{length.used} of {length.allowed} {length.unit}"
                told = f"with link and signature it is {size} on {network}: shorten it"
                self.document.tell(place, f"{told}, or write `variants: {{{network}: ...}}`")

    def expired(self, card: AnswerCard, at: datetime) -> None:
        """Warn of a card that is offered to nobody any more."""
        if card.expires and card.expires <= at.date().isoformat():
            whose = f"{card.owner} looks" if card.owner else "somebody looks"
            text = f"expired on {card.expires}, and is offered to nobody: {whose} whether it is still true"
            self.warn(("answers", card.card_id, "expires"), text)

    def warn(self, place: Place, text: str) -> None:
        """Note a warning where it stands."""
        file, line = self.document.line_of(place)
        self.warnings.append(Mistake(file=file, line=line, path=path_of(place), text=text))

    def _networks(self, unit: Unit | None) -> set[str]:
        """Return where a unit's own accounts answer, or without one where the main accounts do."""
        return {
            handle.network
            for account in self.organisation.accounts.values()
            if (account.unit == unit.unit_id if unit else account.general)
            for handle in account.handles
            if _answers(handle.network)
        }


def _answers(network: str) -> bool:
    can = network_module(network).capabilities
    return can.replies.can or can.private_replies.can
