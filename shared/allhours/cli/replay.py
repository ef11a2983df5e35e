"""Show what a changed organisation file would move, before anybody deploys it; it only reads.

What words decided is decided again, conversation by conversation: rules, word lists, engagement, urgent
kinds, handles and topics count, rotas and promises do not. With the same file and model, nothing moves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from allhours import models
from allhours.cli import arguments as shared
from allhours.cli import deployed, past
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.errors import BadInput
from allhours.domain.event import REVISION
from allhours.domain.router import Router
from allhours.flows.replay import replay
from allhours.networks.windows import ANSWER_WINDOWS, STORAGE_LIMITS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from allhours.domain.organisation import Organisation
    from allhours.flows.replay import Difference, Replayed

_WIDTH = 160  # characters of a post that an example shows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the time, the changed file, and how much to show."""
    past.add_since(parser, "yesterday")
    parser.add_argument("--until", type=shared.instant, metavar="INSTANT", help="now where left out")
    past.add_items(parser)
    parser.add_argument(
        "--examples", type=int, default=3, metavar="N", help="posts shown of each kind of difference (3)"
    )
    parser.add_argument(
        "--before",
        type=Path,
        action="append",
        metavar="FILE",
        help="the file that decided: tells what the model of now moves by itself",
    )
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay and tell what would differ; 0 whatever it is."""
    until = arguments.until or now()
    if arguments.since >= until:
        raise BadInput(
            f"--since {arguments.since:%Y-%m-%dT%H:%MZ} is not before --until {until:%Y-%m-%dT%H:%MZ}"
        )
    changed = shared.organisation_of(arguments)
    before = None
    if arguments.before:
        arguments.organisation = arguments.before
        before = _router(shared.organisation_of(arguments))
    done = replay(
        past.of(arguments, arguments.since, until),
        router=_router(changed),
        since=arguments.since,
        until=until,
        as_it_was=before,
    )
    if arguments.json:
        tell(_document(done, changed))
    else:
        _show(done, changed, arguments.examples, with_model=before is not None)
    return 0


def _router(organisation: Organisation) -> Router:
    return Router(
        organisation,
        judge=models.judge(organisation),
        answer_windows=ANSWER_WINDOWS,
        short_lived=frozenset(STORAGE_LIMITS),
    )


def _kinds(differences: Iterable[Difference]) -> dict[str, list[Difference]]:
    """Return the differences by what they are, the gravest first; one post may be of several kinds."""
    kinds: dict[str, list[Difference]] = {
        "an urgent page lost": [],
        "an urgent page gained": [],
        "newly casual": [],
        "newly a case": [],
        "goes elsewhere": [],
        "less urgent": [],
        "more urgent": [],
    }
    for one in differences:
        was, now_ = one.before, one.after
        if one.moves:
            kinds["goes elsewhere"].append(one)
        if was.lane != "case" and now_.lane == "case":
            kinds["newly a case"].append(one)
        if was.lane == "case" and now_.lane != "case":
            kinds["newly casual"].append(one)
        if now_.urgent != was.urgent:
            kinds["an urgent page gained" if now_.urgent else "an urgent page lost"].append(one)
        if was.lane == now_.lane and was.priority != now_.priority:
            kinds["more urgent" if now_.priority < was.priority else "less urgent"].append(one)
    return {name: found for name, found in kinds.items() if found}


def _document(done: Replayed, changed: Organisation) -> dict[str, object]:
    return {
        "judged": done.judged,
        "conversations": done.conversations,
        "stands": dict(done.stands),
        "revisions": dict(done.revisions),
        "revision": changed.revision[:REVISION],
        "other_model": done.other_model,
        "kinds": {name: len(found) for name, found in _kinds(done.differences).items()},
        "moves": [
            {"from": start, "to": end, "posts": posts, "by_model": by_model}
            for (start, end), posts, by_model in _moves(done)
        ],
        "differences": [asdict(one) for one in done.differences],
    }


def _moves(done: Replayed) -> list[tuple[tuple[str, str], int, int]]:
    """Return from where to where how many posts go, and how many of them by the model alone; most first."""
    moving = [one for one in done.differences if one.moves]
    posts = Counter((one.before.name, one.after.name) for one in moving)
    by_model = Counter((one.before.name, one.after.name) for one in moving if one.by_model)
    return [
        (way, count, by_model[way])
        for way, count in sorted(posts.items(), key=lambda each: (-each[1], each[0]))
    ]


def _show(done: Replayed, changed: Organisation, most: int, *, with_model: bool) -> None:
    _show_extent(done, changed)
    if not done.judged:
        return
    if not done.differences:
        say("nothing would move", "green")
        return
    rows = [
        (start, "→", end, str(posts), _share(posts, done.judged), *((str(by_model),) if with_model else ()))
        for (start, end), posts, by_model in _moves(done)
    ]
    if rows:
        table(("from", "", "to", "posts", "share", *(("by the model alone",) if with_model else ())), rows)
    kinds = _kinds(done.differences)
    counted = (f"{name}: {len(found)} ({_share(len(found), done.judged)})" for name, found in kinds.items())
    say("; ".join(counted))
    shown = set[str]()
    for name, found in kinds.items():  # a post of several kinds is shown with the first
        _show_examples(name, [one for one in found if one.item not in shown][:most])
        shown |= {one.item for one in found}


def _show_extent(done: Replayed, changed: Organisation) -> None:
    stands = ", ".join(f"{why} {count}" for why, count in done.stands.most_common())
    say(
        f"{done.judged} decisions judged again, in {done.conversations} conversations"
        + (f"; {done.stands.total()} stand as they are: {stands}" if stands else "")
    )
    now_ = changed.revision[:REVISION]
    others = ", ".join(
        f"{revision} {count}" for revision, count in done.revisions.most_common() if revision != now_
    )
    if others:
        say(f"this file is {now_}; decided by other files: {others}", "dim")
    if done.other_model:
        say(
            f"{done.other_model} were decided with another model than this release's; "
            "--before FILE tells what the model moves by itself",
            "yellow",
        )


def _show_examples(name: str, found: Sequence[Difference]) -> None:
    if found:
        say(f"{name}, for example:", "bold")
    for one in found:
        say(f"  {one.item}  {_short(one.text)}")
        for word, place in (("was", one.before), ("new", one.after)):
            urgent, why = ", urgent page" if place.urgent else "", place.reason or "no reason kept"
            say(f"    {word}  {place.name}, priority {place.priority}{urgent}: {why}")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return f"“{flat[:_WIDTH]}{'…' if len(flat) > _WIDTH else ''}”" if flat else "(no words)"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"
