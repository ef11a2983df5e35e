"""Show for each post its masked text, unit, priority and reason.

A post is a line {"text": ...}, with `network` and `language` where they matter. The organisation's rules
alone decide: there is no open case and no handle of a unit.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli.organisation_file import now
from allhours.cli.terminal import fail, table, tell
from allhours.domain.errors import BadInput
from allhours.domain.item import Author, Item, Kind
from allhours.domain.personal_data import mask
from allhours.domain.routing import Rules, no_classifier, route

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from allhours.domain.organisation import Organisation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the organisation."""
    shared.add_at(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge each line of standard input; a malformed one is told and the rest goes on."""
    organisation = shared.organisation_of(arguments)
    rules, at = Rules(organisation.rules), arguments.at or now()
    malformed, rows = 0, []
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            judged = _judged(organisation, rules, line, at)
        except BadInput as error:
            malformed += 1
            fail(f"line {number}: {error}")
            continue
        if arguments.json:
            tell({"line": number, **judged})
        else:
            rows.append(
                (str(number), *(str(judged[name]) for name in ("unit", "priority", "reason", "text")))
            )
    if rows:
        table(("line", "unit", "priority", "reason", "text"), rows)
    return 1 if malformed else 0


def _judged(organisation: Organisation, rules: Rules, line: bytes, at: datetime) -> dict[str, object]:
    try:
        post = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput("is no JSON") from None
    if not isinstance(post, dict):
        raise BadInput('is no JSON object: write {"text": "..."}')
    for name in ("text", "network", "language"):
        if not isinstance(post.get(name, "" if name != "text" else None), str):
            raise BadInput(f"{name} must be a text")
    masked = mask(post["text"])
    item = Item(
        network=post.get("network", ""),
        native_id="triage",
        account="",
        handle="",
        conversation_id="triage",
        author=Author(author_id=""),
        created_at=at,
        kind=Kind.POST,
        text=masked.text,
        language=post.get("language", ""),
    )
    decided = route(organisation, rules, item, None, no_classifier)
    return {
        "text": masked.text,
        "masked": list(masked.found),
        "unit": decided.unit,
        "priority": decided.priority,
        "reason": decided.reason,
        "step": decided.step,
        "urgent_because": decided.urgent_because,
        "ignore": decided.ignore,
    }
