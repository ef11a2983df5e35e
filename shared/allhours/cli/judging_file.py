"""What judges a post, as the functions get it: the file's own words laid over what is shipped."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.cli.checks import seconds
from allhours.domain.engagement import CASE, MUST, POLICIES, Policy
from allhours.domain.judgement import NOBODY, TOPICS
from allhours.domain.organisation import AnswerCard
from allhours.domain.urgency import KINDS, UrgentKind
from allhours.domain.word_lists import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AWAY = "-"  # before a phrase: it is taken away from the shipped list


def word_lists(
    body: Mapping[str, Any], shipped: Mapping[str, Sequence[str]]
) -> Mapping[str, tuple[str, ...]]:
    """Return every list of posts with its phrases: shipped ones, those added, without those taken away."""
    lists = _lists(body, shipped)
    names = body.get("engagement", {}).get("other_brand", {}).get("names", ())
    brands = tuple(" ".join(words_of(name)) for name in names)
    return MappingProxyType(lists | ({"other_brand": brands} if brands else {}))


def draft_lists(
    body: Mapping[str, Any], shipped: Mapping[str, Sequence[str]]
) -> Mapping[str, tuple[str, ...]]:
    """Return every list of drafts with its phrases, in the same way."""
    return MappingProxyType(_lists(body, shipped))


def _lists(body: Mapping[str, Any], shipped: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    own: Mapping[str, Sequence[str]] = body.get("word_lists", {})
    return {name: _list(phrases, own.get(name, ())) for name, phrases in shipped.items()}


def _list(shipped: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    away = {phrase.removeprefix(AWAY).strip() for phrase in own if phrase.startswith(AWAY)}
    added = (phrase for phrase in own if not phrase.startswith(AWAY))
    return tuple(dict.fromkeys(phrase for phrase in (*shipped, *added) if phrase not in away))


def urgent(body: Mapping[str, Any]) -> Mapping[str, UrgentKind]:
    """Return what each kind of urgency asks; its unit is that of its topic where the file names none."""
    written: Mapping[str, Mapping[str, Any]] = body.get("urgent", {})
    return MappingProxyType(
        {
            kind: _kind(usual, _unit_of(topic, body["units"]), written.get(kind, {}))
            for kind, (topic, usual) in KINDS.items()
        }
    )


def _kind(usual: UrgentKind, unit: str, own: Mapping[str, Any]) -> UrgentKind:
    return UrgentKind(
        unit=own.get("unit", unit),
        answer_within=seconds(own["answer_within"]) if "answer_within" in own else usual.answer_within,
        protocol=own.get("protocol", usual.protocol),
        page=tuple(dict.fromkeys(("on_shift", *own.get("page", usual.page)))),
    )


def topics(unit: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what posts may be about that belong to a unit."""
    own = (unit,) if unit in TOPICS and unit != NOBODY else ()
    return tuple(body.get("topics", own))


def _unit_of(topic: str, units: Mapping[str, Mapping[str, Any]]) -> str:
    return next((unit for unit, body in units.items() if topic in topics(unit, body)), "")


def engagement(body: Mapping[str, Any]) -> Mapping[str, Policy]:
    """Return every policy: the usual ones, with what the file says; what must be answered is a case."""
    written: Mapping[str, Mapping[str, Any]] = body.get("engagement", {})
    return MappingProxyType({name: _policy(usual, written.get(name, {})) for name, usual in POLICIES.items()})


def _policy(usual: Policy, own: Mapping[str, Any]) -> Policy:
    stance = own.get("stance", usual.stance)
    lane = own.get("lane", CASE if stance == MUST else usual.lane)
    return replace(usual, stance=stance, lane=lane, unit=own.get("unit", usual.unit))


def answers(body: Mapping[str, Any]) -> Mapping[str, AnswerCard]:
    """Return the answer cards by id."""
    return MappingProxyType(
        {
            card: AnswerCard(
                card_id=card,
                unit=each["unit"],
                title=each["title"],
                url=each["url"],
                says=tuple(each.get("says", ())),
                topics=tuple(each.get("topics", ())),
                text=each.get("text", ""),
                variants=MappingProxyType(dict(each.get("variants", {}))),
                owner=each.get("owner", ""),
                expires=each.get("expires", ""),
                approved_by=each.get("approved_by", ""),
                automatic=each.get("automatic", False),
            )
            for card, each in body.get("answers", {}).items()
        }
    )
