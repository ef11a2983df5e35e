"""Say why an item went where it went, from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.cli import deployed
from allhours.cli.terminal import say, tell
from allhours.domain.engagement import MAY, MUST_NOT
from allhours.domain.errors import BadInput
from allhours.domain.priority import NORMAL
from allhours.domain.recorded import BY_WORDS, CASUAL, FILTERED, MOVED, recorded_from_json
from allhours.domain.urgency import named

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

_STANCES = {MAY: "it may be answered, and need not be", MUST_NOT: "nobody answers but a person who knows why"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the item's key."""
    parser.add_argument("item", metavar="ITEM", help="network#id, as in an event or a page")
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell each decision about it in a sentence: where it went, and all that it was judged by."""
    row = deployed.records(arguments).item(arguments.item)
    if row is None:
        message = f"nothing is on record for {arguments.item!r}; an item is written as network#id, x#209 say"
        raise BadInput(message)
    if arguments.json:
        tell(dict(row))
    else:
        for sentence in sentences(row):
            say(sentence)
    return 0


def sentences(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what one row of the record says, a sentence a decision."""
    recorded = recorded_from_json(row)
    case_id = f"case {recorded.case_id}" if recorded.case_id else ""
    if recorded.deleted and not recorded.events:
        yield f"{recorded.item.key}: heard on {recorded.item.handle}, deleted, no case"
    for one in recorded.decisions():
        if one.kind != FILTERED or not recorded.case_id:  # else a promotion's sentence tells of it
            yield f"{_when(one.told['at'])}  {recorded.item.key} {sentence(one.told, case_id)}"
        if held := one.told.get("holding_answer"):
            yield f"  would send ({held['language']}, nobody is there until {held['until']}): {held['text']}"
    if recorded.item.masked:
        yield f"  masked at the door: {', '.join(recorded.item.masked)}"
    if recorded.deleted:
        yield "  a tombstone is kept, the words are not"


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


def _when(at: str) -> str:
    return f"{at[:19].replace('T', ' ')} UTC"
