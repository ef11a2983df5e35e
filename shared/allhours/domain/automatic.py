"""Answers that no person writes: an approved card, where it surely answers the question, and only once.

Whoever asks for a person gets people only; so does whoever says anything more, and every case that a person
has had in hand.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Protocol

from allhours.domain.audit import MACHINE, Audit
from allhours.domain.cards import offered
from allhours.domain.engagement import MUST
from allhours.domain.errors import BadInput
from allhours.domain.item import Visibility
from allhours.domain.judgement import Said
from allhours.domain.reply import Reply
from allhours.domain.reply_from import Permit, Way, ways
from allhours.domain.voice import signed
from allhours.domain.word_lists import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.cards import Health
    from allhours.domain.case import Case
    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.domain.organisation import AnswerCard, Organisation
    from allhours.domain.routing import Route

SURE = 0.9
"""No card answers by itself where it is less likely than that (docs/answer-cards.md).

Of BANKING77's questions in the development set three in four reach it, and 99.3 % of those get the right
card; at 0.8 it would be 98.3 %, at 0.7 97.3 %.
"""

LABEL = "Automatic answer. Write “person” and somebody will answer you."

_WANTS_PERSON = "wants_person"  # the word list
_PEOPLE = frozenset({"person", "human", "somebody", "someone", "agent", "adviser", "advisor"})


class Fits(Protocol):
    """How long a text is by one measure of a network."""

    @property
    def fits(self) -> bool:
        """Return whether it may be sent."""
        ...


class Rules(Protocol):
    """What a network lets us do, asked of nobody over the wire."""

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permit:
        """Return whether this handle may answer the item now."""
        ...

    def length(self, text: str, item: Item, *, private: bool) -> Sequence[Fits]:
        """Return the length by every measure of the network."""
        ...


class AutomaticAnswers:
    """What may answer by itself; `rules` are the networks', `health` tells how a card's link is."""

    def __init__(
        self,
        organisation: Organisation,
        rules: Callable[[str], Rules | None],
        health: Callable[[str], Health | None],
    ) -> None:
        """Find the cards that may, of units where nobody has to agree to an answer."""
        self._organisation = organisation
        self._rules = rules
        self._health = health
        self._cards: Mapping[str, AnswerCard] = {
            card.card_id: card
            for card in organisation.answers.values()
            if card.automatic and card.approved_by and card.text
        }

    def answer(self, item: Item, case: Case, way: Route, cards: Sequence[str], at: datetime) -> Reply | None:
        """Return the answer to the item that opens a case, None where people answer.

        `cards` are those that fit, the likeliest first; `case` is as it will be.
        """
        card = self._cards.get(cards[0]) if cards else None
        if card is None or not self._may(card, item, case, way):
            return None
        try:
            health = self._health(card.card_id)
        except BadInput:  # another release wrote it: the customer need not wait for that
            return None
        if not offered(card, health, at.astimezone(UTC).date()).allowed:
            return None
        return self._reply(card, item, case, at)

    def _may(self, card: AnswerCard, item: Item, case: Case, way: Route) -> bool:
        """Tell whether the case is one for a card: plain, written to us, in English, and sure of its card."""
        verdict, unit = way.verdict, self._organisation.units.get(case.unit)
        opinion = verdict.opinion  # of English only
        return bool(
            opinion
            and unit
            and card.unit == case.unit
            and unit.approval.usual != "second"
            and not (verdict.urgent or case.urgent)
            and verdict.stance == MUST
            and not (case.touched or case.replies or case.veto)
            and Said.of(item).to_us
            and _WANTS_PERSON not in verdict.hits
            and _PEOPLE.isdisjoint(words_of(item.text))
            and opinion.cards()[0][1] >= SURE
        )

    def _reply(self, card: AnswerCard, item: Item, case: Case, at: datetime) -> Reply | None:
        rules = self._rules(item.network)
        private = item.visibility is Visibility.PRIVATE
        found = ways(self._organisation, case.unit, item, member=None, rules=rules, at=at)
        way = next((each for each in found if each.allowed and each.private is private), None)
        if way is None or rules is None:
            return None
        text = self._text(card, item, case, way)
        if not all(length.fits for length in rules.length(text, item, private=private)):
            return None
        return Reply(
            reply_id=f"auto-{case.case_id.replace('.', '-')}",
            case_id=case.case_id,
            item_key=item.key,
            slot=0,
            unit=case.unit,
            account=way.account,
            network=item.network,
            handle=way.handle,
            text=text,
            private=private,
            by=MACHINE,
            approved_by=card.approved_by,
            approved_at=at,
            automatic=True,
            card=card.card_id,
        )

    def _text(self, card: AnswerCard, item: Item, case: Case, way: Way) -> str:
        unit = self._organisation.units[case.unit]
        return signed(
            f"{card.on(item.network)}\n\n{LABEL}",
            unit.voice,
            member=None,
            unit=unit.title,
            network=item.network,
            names_unit=not way.own,
        )


def automatic_audit(reply: Reply) -> Audit:
    """Return the audit row of an answer that no person let go."""
    return Audit(
        audit_id=f"{reply.reply_id}#sent",
        at=reply.approved_at,
        by=MACHINE,
        did="answered automatically",
        subject=reply.case_id,
        unit=reply.unit,
        details={"reply_id": reply.reply_id, "card": reply.card, "approved_by": reply.approved_by},
    )
