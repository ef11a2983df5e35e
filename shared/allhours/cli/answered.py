"""Say that a case has had its first answer, or with --by-card how many answers cards gave.

The organisation is that of the file, which must be the deployed one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed, past
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.cards import used
from allhours.domain.case import case_to_json
from allhours.domain.errors import BadInput
from allhours.domain.reply import ReplyState
from allhours.domain.service_level import FIRST_ANSWER
from allhours.flows.answered import answered

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from allhours.domain.reply import Reply


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the case, whose word it is, and when the customer was answered."""
    parser.add_argument("case", nargs="?", metavar="CASE", help="the case's id, as in an event")
    parser.add_argument("--by", metavar="MEMBER", help="whose word it is, for the record")
    parser.add_argument("--by-card", action="store_true", help="show how many answers each card was in")
    past.add_since(parser, "4w")
    shared.add_at(parser)
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Put it on record, and tell whether the promise was kept; or show how many answers each card was in."""
    if arguments.by_card:
        return _by_card(deployed.stack(arguments).replies(arguments.since), json=arguments.json)
    if not (arguments.case and arguments.by):
        raise BadInput("name the case and --by whose word it is; or ask for --by-card")
    stack, at = deployed.stack(arguments), now()
    chosen, arguments.at = arguments.at, None  # holidays are those of today, whenever it was answered
    case = answered(
        arguments.case,
        by=arguments.by,
        answered_at=chosen or at,
        organisation=shared.organisation_of(arguments),
        kept=stack.records(timedelta(0)),
        cases=stack.open_cases,
        at=at,
    )
    if arguments.json:
        tell(case_to_json(case))
    elif case.answered_at:
        waited = (case.answered_at - case.promised_from) // timedelta(minutes=1)
        late = ", later than promised" if FIRST_ANSWER in case.missed else ""
        when = f"{case.answered_at:%Y-%m-%d %H:%M} UTC"
        say(f"case {case.case_id} was answered at {when}, after {waited} min{late}")
    return 0


def _by_card(replies: Iterable[Reply], *, json: bool) -> int:
    """Show of the answers that networks have how many were made from each card, and by nobody."""
    found = used(reply for reply in replies if reply.state is ReplyState.POSTED)
    total = sum(each.answers for each in found)
    with_card = sum(each.answers for each in found if each.card_id)
    if json:
        cards = [{"card": one.card_id, "answers": one.answers, "automatic": one.automatic} for one in found]
        tell({"answers": total, "with_card": with_card, "cards": cards})
        return 0
    share = f", {with_card / total:.1%} of them with a card" if total else ""
    say(f"{total} answers{share}")
    if found:
        rows = [
            (one.card_id or "(no card)", str(one.answers), f"{one.answers / total:.1%}", str(one.automatic))
            for one in found
        ]
        table(("card", "answers", "share", "automatic"), rows)
    return 0
