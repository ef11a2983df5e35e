"""Show what each network can do: reads, answers, limits, windows, cost, needs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.cli.terminal import say, table, tell
from allhours.networks import NETWORKS, RETIRED, network_module
from allhours.networks.contract import Ability, Budget

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from allhours.networks.contract import Capabilities

COLUMNS = ("network", "hears by", "answers", "private", "moves", "hides", "deletes", "again")
_LEGEND = (
    "private: answers what was said in private; moves: to private, from what was said in public; again: an "
    "answer that may or may not have gone out is found again, or is safe to send twice."
)
_LABELS = {
    "reads": "polls for",
    "pushes": "is told by webhook of",
    "polls_every": "polls, as we advise, every",
    "private_items": "private items",
    "authors_by_look_up": "looks authors up",
    "replies": "answers in public",
    "private_replies": "answers in private",
    "moves_to_private": "moves to private",
    "withdraws": "deletes our answer",
    "length": "length",
    "answer_within": "answer within",
    "answer_windows": "windows",
    "found_again": "finds an answer again",
    "idempotent_replies": "safe to send twice",
    "settles_within": "an answer settles within",
    "seen_within": "and is seen within",
    "storage_within": "may be kept for",
    "secret_fields": "secret of a handle",
    "optional_secret_fields": "and perhaps",
    "app_secret_fields": "secret of the app",
    "leaves_alone": "left alone",
    "api_pages": "written from",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take one network, or none for all."""
    parser.add_argument(
        "network",
        nargs="?",
        choices=(*NETWORKS, *RETIRED),
        metavar="NETWORK",
        help=f"all about one: {', '.join((*NETWORKS, *RETIRED))}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print all networks, a line each, or one of them whole."""
    names = [arguments.network] if arguments.network else [*NETWORKS, *RETIRED]
    manifests = [network_module(name).capabilities for name in names]
    if arguments.json:
        for manifest in manifests:
            tell(manifest_json(manifest))
    elif arguments.network:
        say(manifests[0].title, "bold")
        table(("", ""), _whole(manifests[0]))
    else:
        table(COLUMNS, [_line(each) for each in manifests])
        say(_LEGEND)
        say("What it costs, where it costs anything:")
        for each in manifests:
            if each.cost != "nothing":
                say(f"  {each.name}: {each.cost}")
        say("Everything about one: allhours networks NETWORK. What is done and why: docs/networks.md.")
    return 0


def manifest_json(manifest: Capabilities) -> dict[str, Any]:
    """Return the manifest for machines: every field under its own name, none left out.

    An ability is `{can, how}`, a length of time is in seconds, what does not exist is null.
    """
    return {name: _plain(value) for name, value in asdict(manifest).items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a manifest holds
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _line(manifest: Capabilities) -> tuple[str, ...]:
    ways = [way for way, there in (("poll", manifest.polls_every), ("webhook", manifest.pushes)) if there]
    return (
        manifest.name,
        "both" if len(ways) > 1 else "".join(ways) or str(manifest.life),
        _mark(manifest.replies),
        _mark(manifest.private_replies),
        _mark(manifest.moves_to_private),
        _mark(manifest.hides),
        _mark(manifest.withdraws),
        "safe" if manifest.idempotent_replies else _mark(manifest.found_again),
    )


def _mark(ability: Ability) -> str:
    return "yes" if ability.can else "-"


def _whole(manifest: Capabilities) -> Iterator[tuple[str, str]]:
    """Yield a row for everything that it says, its label beside the first of several."""
    for name in manifest.__dataclass_fields__:
        value = getattr(manifest, name)
        label = _LABELS.get(name, name.replace("_", " "))
        for each in value if isinstance(value, tuple) else (value,):
            if name != "title" and (shown := _shown(each)):
                yield label, shown
                label = ""


def _shown(value: object) -> str:
    """Return a part of the manifest in words; empty for what says nothing."""
    if isinstance(value, timedelta):
        return _length(value)
    if isinstance(value, Ability):
        return f"{'yes' if value.can else 'no'}: {value.how}"
    if isinstance(value, Budget):
        of = "the app's handles together" if value.of_app else "each account"
        return f"{value.a_day:,g} {value.unit} a day for {of}, from midnight {value.zone}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value or "")


def _length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for name, unit in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit} {name}{'' if seconds == unit else 's'}"
    return "0 seconds"
