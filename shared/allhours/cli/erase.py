"""Erase an author or an item everywhere on record, and prove that nothing is left.

The table is read four times as a whole; that and what was written is told at the end. Run it again whenever
you like: what is gone stays gone, and what a crash left is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, tell
from allhours.domain.erasing import wanted
from allhours.domain.personal_data import mask
from allhours.flows.erase import Erased, erase, release

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from allhours.aws.stack import Stack

OUT_OF_REACH = (
    "Not in our reach: backups for point-in-time recovery, for up to 35 days; what was sent to phones and by "
    "mail; the network itself; business units and webhooks, which were told `item.deleted` for each post."
)
QUEUES = ("CommonQueueUrl", "DeadLetterQueueUrl", "WebhookEventsUrl", "WebhookDeadLettersUrl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take whom or what to erase, why, and whether only to look."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--author", default="", metavar="NETWORK:ID", help="the author's id on a network")
    what.add_argument("--item", default="", metavar="NETWORK#ID", help="one post, whoever said it")
    what.add_argument(
        "--released", action="store_true", help="delete now what legal holds kept that have ended since"
    )
    parser.add_argument("--because", default="", metavar="TEXT", help="why, for the record; no names")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be erased")
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Erase and prove; 1 while anything is left that no legal hold keeps."""
    stack = deployed.stack(arguments)
    if arguments.released:
        return _released(stack, arguments)
    erasure = deployed.erasure(stack)
    traces = wanted(arguments.author, arguments.item)
    if arguments.dry_run:
        before = erasure.find(traces)
        done = Erased(before=before, written=0, after=before)
    else:
        done = erase(erasure, traces, because=mask(arguments.because).text, at=now())
    waiting = {name: stack.waiting(name) for name in QUEUES if name in stack.outputs}
    told = _told(done, waiting, erasure.read_units)
    if arguments.json:
        tell({**told, "dry_run": arguments.dry_run})
    else:
        _say(told, dry=arguments.dry_run)
    return 1 if done.after.left and not arguments.dry_run else 0


def _told(done: Erased, waiting: Mapping[str, int], read_units: float) -> dict[str, Any]:
    return {
        "found": done.before.rows,
        "written": done.written,
        "left": done.after.rows,
        "answers_under_way": done.after.waiting,
        "held": done.after.held,
        "tombstones": done.after.kept,
        "elsewhere": done.before.elsewhere,
        "queued": {name: count for name, count in waiting.items() if count},
        "read_units": round(read_units, 1),
    }


def _say(told: Mapping[str, Any], *, dry: bool) -> None:
    found = ", ".join(f"{count} {kind}" for kind, count in told["found"].items())
    say(f"found: {found or 'nothing'}")
    for case_id, where in told["elsewhere"].items():
        say(f"case {case_id} is also in {where}: erase it there")
    if dry:
        say("nothing was written")
    else:
        left = ", ".join(f"{count} {kind}" for kind, count in told["left"].items())
        say(f"rows written: {told['written']}")
        say(f"read again: {'STILL THERE: ' + left if left else 'nothing is left'}")
    if told["answers_under_way"]:
        say(f"{told['answers_under_way']} answers are under way: run this again in some minutes")
    for case_id, why in told["held"].items():
        say(f"held: case {case_id}, words kept and shown to nobody: {why}")
    if told["tombstones"]:
        say(f"kept: {told['tombstones']} posts' ids on their network, which keep later copies out")
    for queue, count in told["queued"].items():
        say(f"{queue}: {count} messages wait and were not read; run this again when they are through")
    say(OUT_OF_REACH)
    say(f"cost: {told['read_units']} read units")


def _released(stack: Stack, arguments: argparse.Namespace) -> int:
    """Let the clock see at once, and not within the hour, to what holds kept."""
    released, held = release(deployed.endings(stack), at=now())
    if arguments.json:
        tell({"released": released, "held": held})
    else:
        say(f"{released} posts' words go within a minute, {held} are still held")
    return 0
