"""A decision in a sentence: what became of an item, and all that it was judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.domain.engagement import MAY, MUST_NOT
from allhours.domain.priority import NORMAL
from allhours.domain.recorded import BY_WORDS, CASUAL, FILTERED, MOVED
from allhours.domain.urgency import named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STANCES = {MAY: "it may be answered, and need not be", MUST_NOT: "nobody answers but a person who knows why"}

_PRIORITIES = {1: "urgent", 2: "high priority"}
_VERBS = {
    "case.opened": "opened",
    "case.reopened": "reopened",
    "item.added": "more was said",
    "item.edited": "edited",
    MOVED: "handed over",
}


def sentence(told: Mapping[str, Any], case_id: str) -> str:
    """Return a decision and its grounds in one sentence; what is usual is left out."""
    parts = [
        f"{_what(told, case_id)}, because {told.get('reason') or 'no reason is kept'}"
        + (f" (step {told['step']})" if told.get("step") else ""),
        *(_grounds(told) if told.get("event", FILTERED) in BY_WORDS else ()),
    ]
    if duty := told.get("on_duty"):
        people = ", ".join(duty.get("members", ())) or f"desk {duty.get('desk', '')}"
        parts.append(f"on duty: {people} ({duty['because']})")
    versions = [
        f"{name} {told[field]}"
        for name, field in (("organisation", "revision"), ("model", "model"))
        if field in told
    ]
    if versions:
        parts.append(f"decided by {' and '.join(versions)}")
    if "case_version" in told:
        parts.append(f"version {told['case_version']} of the case")
    return "; ".join(parts)


def in_short(told: Mapping[str, Any]) -> str:
    """Return a decision as a clerk wants it: what happened, why, how urgent; no ids and no versions."""
    event = told.get("event", FILTERED)
    verb = "promoted by " + told["promoted"]["by"] if "promoted" in told else _VERBS.get(event, event)
    parts = [f"{verb}: {told.get('reason') or 'no reason is kept'}"]
    if event in BY_WORDS - CASUAL:
        parts.append(_PRIORITIES.get(told.get("priority", NORMAL), ""))
    if (urgent := told.get("urgent")) and told.get("step") != "urgent":
        parts.append(", ".join((named(urgent["kind"]), *(f"“{each}”" for each in urgent.get("words", ())))))
    if stance := _STANCES.get(told.get("stance", "")):
        parts.append(stance)
    return "; ".join(part for part in parts if part)


def _what(told: Mapping[str, Any], case_id: str) -> str:
    """Return what became of it, and with whom it is."""
    event, unit = told.get("event", FILTERED), str(told.get("unit", ""))
    where = f"{unit} as {told['account']}" if told.get("account") else unit
    if promoted := told.get("promoted"):
        was = f" (it was no case: {promoted['was']})" if promoted.get("was") else ""
        return f"was made {case_id} by {promoted['by']}{was} and went to {where}"
    if event == MOVED:
        return f"stands for {case_id}, handed from {told.get('moved_from', '?')} to {where}"
    moved = f", moved from {told['moved_from']}" if told.get("moved_from") else ""
    now = f"{case_id}, which is with {where}{moved}" if case_id else f"no case, with {where}{moved}"
    words = {
        "case.opened": f"opened {case_id} and went to {where}",
        "case.reopened": f"reopened {now}",
        "item.added": f"was added to {now}",
        "item.edited": f"was edited in {now}",
        "item.light": f"opened no case (lane light); the inbox of {where} was told",
        FILTERED: f"opened no case (lane {told.get('lane', 'none')}), and nobody was told",
    }
    return words.get(event) or f"({event}) is in {now}"


def _grounds(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what it was judged by beside its reason."""
    if told.get("event") in BY_WORDS - CASUAL and "promoted" not in told:
        yield f"priority {told.get('priority', NORMAL)}"
    if urgent := told.get("urgent"):
        in_reason = told.get("step") == "urgent"
        words = "" if in_reason else ", ".join(f"“{each}”" for each in urgent.get("words", ()))
        protocol = ", with a protocol to keep to" if "protocol" in urgent else ""
        yield f"urgent, {named(urgent['kind'])}{f': {words}' if words else ''}{protocol}"
    if odds := told.get("odds"):
        likeliest = sorted(odds.items(), key=lambda each: -each[1])
        yield f"the model's odds: {', '.join(f'{topic} {share:.0%}' for topic, share in likeliest)}"
    if stance := _STANCES.get(told.get("stance", "")):
        yield f"{stance} ({told.get('policy', 'policy')})"
    if "lane" in told and told.get("event") in BY_WORDS - CASUAL:
        yield f"by itself it would be no case (lane {told['lane']})"
    if shadow := told.get("shadow"):
        lane = "" if shadow["lane"] == "case" else f", lane {shadow['lane']}"
        yield (
            f"in shadow it would have gone to {shadow['unit']} with priority {shadow['priority']}{lane}, "
            f"because {shadow['because']}"
        )
    if answers := told.get("answers"):
        yield f"cards suggested: {', '.join(answers)}"
