"""Which unit, how urgent, and why: the ladder, written so that it can be read aloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allhours.domain.classifier import UNSURE
from allhours.domain.engagement import CASE, MUST, MUST_NOT
from allhours.domain.judgement import NOBODY
from allhours.domain.priority import NO_ACTION, NORMAL
from allhours.domain.triage import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation
    from allhours.domain.urgency import Urgent

_SHOWN = 3  # words of a list, and topics, that a reason or a record names


_NO_VERDICT = Verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an item goes and why; `step` is the rung of the ladder, `reason` the sentence for people.

    `shadow` is where it would have gone with the rules in shadow, and nothing where that is the same.
    """

    unit: str
    account: str
    step: str
    reason: str
    priority: int = NORMAL
    verdict: Verdict = _NO_VERDICT
    shadow: Mapping[str, Any] | None = None

    @property
    def urgent(self) -> Urgent | None:
        """Return why it cannot wait; None where it can."""
        return self.verdict.urgent


def route(
    organisation: Organisation,
    verdict: Verdict,
    *,
    network: str,
    addressed: Sequence[str],
    case: Case | None,
    account: str = "",
) -> Route:
    """Return the unit, the account and the reason: the first rung that has an answer wins.

    `account` is ours that heard it; what is no case is told to its inbox, if to anybody's.
    """
    way = _routed(organisation, verdict, network, addressed, case, account)
    if verdict.shadow is None:
        return way
    other = _routed(organisation, verdict.shadow, network, addressed, case, account)
    return Route(
        unit=way.unit,
        account=way.account,
        step=way.step,
        reason=way.reason,
        priority=way.priority,
        verdict=verdict,
        shadow=_moved(way, other, verdict, case),
    )


def _routed(  # noqa: PLR0917 - private, as `route` asks it
    organisation: Organisation,
    verdict: Verdict,
    network: str,
    addressed: Sequence[str],
    case: Case | None,
    account: str,
) -> Route:
    if case is None and verdict.lane != CASE:
        return _casual(organisation, verdict, network, addressed, account)
    unit, preferred, step, reason = (
        _urgent(organisation, verdict)
        or _addressed(organisation, network, addressed, case)
        or _open_case(organisation, case)
        or _claimed(verdict)
        or _engaged(organisation, verdict)
        or _judged(organisation, verdict)
        or (organisation.fallback_unit, "", "fallback", "no rule matched, so the fallback unit decides")
    )
    engagement = verdict.engagement
    if engagement and engagement.lane == CASE and engagement.stance == MUST_NOT and step != "engagement":
        reason = f"{reason}; {engagement.reason}"
    return Route(
        unit=unit,
        account=organisation.account_for(unit, network, preferred=preferred),
        step=step,
        reason=reason,
        priority=verdict.priority,
        verdict=verdict,
    )


def _casual(
    organisation: Organisation, verdict: Verdict, network: str, addressed: Sequence[str], account: str
) -> Route:
    """Return whose inbox a post that is no case belongs to: the handle's that it names, or that heard it."""
    named = (organisation.addressed(network, name) for name in addressed)
    place = next((handle.account for handle in named if handle), account)
    unit = organisation.accounts[place].unit if place in organisation.accounts else organisation.fallback_unit
    step, reason = "", ""
    if verdict.ignored:
        step, reason = "rule", verdict.ignored.because
    elif verdict.engagement:
        step, reason = "engagement", verdict.engagement.reason
    return Route(
        unit=unit,
        account=organisation.account_for(unit, network, preferred=place),
        step=step,
        reason=reason,
        priority=NO_ACTION,
        verdict=verdict,
    )


_Rung = tuple[str, str, str, str]


def _urgent(organisation: Organisation, verdict: Verdict) -> _Rung | None:
    """Name the unit that answers this kind of urgency, wherever it was said."""
    urgent = verdict.urgent
    if urgent is None or urgent.asks.unit not in organisation.units:
        return None
    return urgent.asks.unit, "", "urgent", urgent.because


def _addressed(
    organisation: Organisation, network: str, addressed: Sequence[str], case: Case | None
) -> _Rung | None:
    """Name the unit whose own handle the author newly addressed.

    A general handle, or one asked for before, decides nothing.
    """
    before = case.asked_for if case else ()
    for name in addressed:
        handle = organisation.addressed(network, name)
        if handle and name not in before and not organisation.accounts[handle.account].general:
            return handle.unit, handle.account, "addressed", f"addressed {handle.handle}"
    return None


def _open_case(organisation: Organisation, case: Case | None) -> _Rung | None:
    """Name the case's unit, unless a deployment has removed it."""
    if case is None or case.unit not in organisation.units:
        return None
    return case.unit, case.account, "case", f"the case is with {case.unit}"


def _claimed(verdict: Verdict) -> _Rung | None:
    match = verdict.claimed
    return (match.rule.unit, "", "rule", match.because) if match else None


def _engaged(organisation: Organisation, verdict: Verdict) -> _Rung | None:
    """Name the unit that looks at what is not simply answered: a legal threat, the press."""
    engagement = verdict.engagement
    if engagement is None or engagement.unit not in organisation.units:
        return None
    return engagement.unit, "", "engagement", engagement.reason


def _judged(organisation: Organisation, verdict: Verdict) -> _Rung | None:
    """Name the unit that the model finds the likeliest; in doubt the fallback unit, whose people decide."""
    opinion = verdict.opinion
    if opinion is None or not opinion.odds:
        return None
    units: dict[str, float] = {}
    for topic, odds in opinion.odds.items():
        if unit := organisation.unit_of(topic):
            units[unit] = units.get(unit, 0.0) + odds
    unit = max(units, key=lambda each: units[each], default="")
    likeliest = sorted(opinion.odds, key=lambda topic: -opinion.odds[topic])
    if not unit or units[unit] < UNSURE:
        two = ", ".join(f"{_topic(topic)} {opinion.odds[topic]:.0%}" for topic in likeliest[:2])
        return organisation.fallback_unit, "", "doubt", f"unsure: {two}; people of the fallback unit decide"
    topic = next(topic for topic in likeliest if organisation.unit_of(topic) == unit)
    words = "".join(f", “{each}”" for each in tuple(verdict.hits.get(topic, ()))[:_SHOWN])
    return unit, "", "classifier", f"reads like {_topic(topic)}, {units[unit]:.0%}{words}"


def _topic(topic: str) -> str:
    return "nobody's business" if topic == NOBODY else topic


def _moved(way: Route, other: Route, verdict: Verdict, case: Case | None) -> dict[str, Any] | None:
    """Return what the rules in shadow would have changed; None when nothing."""
    lane, there = (CASE, CASE) if case else (verdict.lane, other.verdict.lane)
    if (way.unit, way.priority, lane) == (other.unit, other.priority, there):
        return None
    return {
        "unit": other.unit,
        "priority": other.priority,
        "lane": there,
        "because": "; ".join(match.because for match in verdict.shadow_rules),
    }


def record(organisation: Organisation, way: Route, *, answers: bool = False) -> dict[str, Any]:
    """Return what a decision keeps of its grounds, beside step and reason; what is empty is left out.

    `answers` tells whether the answer cards that fit are among it: those of a case are shown when it opens.
    """
    verdict, told = way.verdict, dict[str, Any]()
    if engagement := verdict.engagement:
        told["policy"] = engagement.policy
        if engagement.stance != MUST:
            told["stance"] = engagement.stance
    if verdict.urgent:
        told["urgent"] = verdict.urgent.to_json()
    if opinion := verdict.opinion:
        told |= {
            "odds": shown_odds(opinion.odds),
            "urgent_odds": round(opinion.urgent, 2),
            "model": opinion.model[:8],
            "answers": [card for card, _ in opinion.cards() if card in organisation.answers]
            if answers
            else [],
        }
    if way.shadow:
        told["shadow"] = dict(way.shadow)
    return {name: value for name, value in told.items() if value}


def shown_odds(odds: Mapping[str, float]) -> dict[str, float]:
    """Return the three likeliest topics and `none`, rounded; what rounds to nothing is left out."""
    likeliest = sorted((topic for topic in odds if topic != NOBODY), key=lambda topic: -odds[topic])[:_SHOWN]
    told = {topic: round(odds[topic], 2) for topic in (*likeliest, NOBODY) if topic in odds}
    return {topic: value for topic, value in told.items() if value}
