"""Show for each post whether it is a case, its unit, priority, reason and masked text.

Answer cards that fit are suggested as well. A post is a line {"text": ...}, with `network`, `language`,
`kind`, `visibility` and `rating` where they matter. Rules, word lists and model decide: there is no open
case, and a handle of ours counts where `network` is told.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from allhours import models
from allhours.cli import arguments as shared
from allhours.cli import deployed, past, triage_report
from allhours.cli.organisation_file import now
from allhours.cli.terminal import fail, table, tell
from allhours.domain.engagement import CASE
from allhours.domain.errors import BadInput
from allhours.domain.item import Author, Item, Kind, Visibility
from allhours.domain.personal_data import mask
from allhours.domain.router import Router

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from allhours.domain.judgement import Opinion
    from allhours.domain.organisation import Organisation

_SHOWN = ("unit", "priority", "lane", "reason", "text")
_MOST_STARS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the organisation; for a report the time and the stack."""
    parser.add_argument(
        "--report",
        action="store_true",
        help="in place of posts: what desks moved on, by unit and rule, and what shadow rules would move",
    )
    past.add_since(parser, "30d")
    past.add_items(parser)
    deployed.add_stack(parser)
    shared.add_at(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge each line of standard input; a malformed one is told and the rest goes on."""
    if arguments.report:
        return triage_report.run(arguments)
    organisation, at = shared.organisation_of(arguments), arguments.at or now()
    router = Router(organisation, judge=models.judge(organisation))
    malformed, rows = 0, []
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            judged = _judged(router, line, at)
        except BadInput as error:
            malformed += 1
            fail(f"line {number}: {error}")
            continue
        if arguments.json:
            tell({"line": number, **judged})
        else:
            rows.append((str(number), *(str(judged[name]) for name in _SHOWN)))
    if rows:
        table(("line", *_SHOWN), rows)
    return 1 if malformed else 0


def _judged(router: Router, line: bytes, at: datetime) -> dict[str, Any]:
    item, masked = _item(line, at)
    way = router.way(router.for_us(item), None)
    verdict, opinion = way.verdict, way.verdict.opinion
    casual = verdict.lane != CASE
    return {
        "text": item.text,
        "masked": list(masked),
        "unit": "none" if casual else way.unit,
        "kind": "casual" if casual else "case",
        "lane": verdict.lane,
        "engagement": verdict.stance,
        "policy": verdict.engagement.policy if verdict.engagement else "",
        "priority": way.priority,
        "reason": way.reason,
        "step": way.step,
        "urgent": {"kind": verdict.urgent.kind, "words": list(verdict.urgent.words)}
        if verdict.urgent and not casual
        else None,
        "urgent_odds": round(opinion.urgent, 4) if opinion else 0.0,
        "odds": {topic: round(odds, 4) for topic, odds in opinion.odds.items()} if opinion else {},
        "answers": _answers(router.organisation, opinion),
        "model": opinion.model[:8] if opinion else "",
    }


def _answers(organisation: Organisation, opinion: Opinion | None) -> list[dict[str, Any]]:
    cards = organisation.answers
    return [
        {"id": card, "title": cards[card].title, "url": cards[card].url, "odds": round(odds, 4)}
        for card, odds in (opinion.cards() if opinion else ())
        if card in cards
    ]


def _item(line: bytes, at: datetime) -> tuple[Item, tuple[str, ...]]:
    """Return the post as an item, masked, and the names of what was masked."""
    try:
        post = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput("is no JSON") from None
    if not isinstance(post, dict):
        raise BadInput('is no JSON object: write {"text": "..."}')
    for name in ("text", "network", "language"):
        if not isinstance(post.get(name, "" if name != "text" else None), str):
            raise BadInput(f"{name} must be a text")
    masked = mask(_whole(post["text"]))
    item = Item(
        network=post.get("network", ""),
        native_id="triage",
        account="",
        handle="",
        conversation_id="triage",
        author=Author(author_id="triage"),
        created_at=at,
        kind=_kind(post.get("kind", Kind.POST)),
        visibility=_visibility(post.get("visibility", Visibility.PUBLIC)),
        rating=_rating(post.get("rating", 0)),
        text=masked.text,
        language=_whole(post.get("language", "")),
    )
    return item, masked.found


def _whole(text: str) -> str:
    """Return the text without halves of characters, which JSON can name and nobody can print."""
    return text.encode("utf-8", "replace").decode()


def _kind(kind: object) -> Kind:
    try:
        return Kind(str(kind))
    except ValueError:
        raise BadInput(f"kind is none of {', '.join(Kind)}") from None


def _visibility(visibility: object) -> Visibility:
    try:
        return Visibility(str(visibility))
    except ValueError:
        raise BadInput(f"visibility is none of {', '.join(Visibility)}") from None


def _rating(stars: object) -> int:
    if type(stars) is int and 0 <= stars <= _MOST_STARS:
        return stars
    raise BadInput(f"rating must be a whole number of stars, 1 to {_MOST_STARS}")
