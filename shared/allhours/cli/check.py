"""Check organisation files and prove 400 days of cover.

A hole that the file does not accept fails the check; each is listed with its cheapest fill.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli.cover import window
from allhours.cli.organisation_file import PROVED_FOR, load, now
from allhours.cli.terminal import say, table, tell
from allhours.domain.proof import Kind, is_accepted, prove, utc

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from allhours.cli.organisation_file import Loaded
    from allhours.cli.yaml_lines import Mistake
    from allhours.domain.fills import Fill
    from allhours.domain.proof import Finding

_MOST_LISTED = 10  # of a unit and kind; --json lists all
_GAPS = (Kind.GAP, Kind.THIN)
_NOUNS = {
    Kind.GAP: ("gap", "gaps"),
    Kind.THIN: ("stretch with too few people", "stretches with too few people"),
    Kind.UNCERTIFIED: ("unqualified duty", "unqualified duties"),
    Kind.UNREACHABLE: ("unreachable stretch", "unreachable stretches"),
    Kind.DOUBLE: ("double duty", "double duties"),
    Kind.FALLBACK_ITSELF: ("fallback", "fallbacks"),
}
_TOLD_BY_LINE = (Kind.DOUBLE, Kind.REST)  # reading the file has named them with file and line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files and the day from which to prove."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="organisation file; a later one is laid over"
    )
    shared.add_at(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say everything that is wrong, or that all is well."""
    at = arguments.at or now()
    loaded = load(arguments.files, at)
    organisation = loaded.organisation
    found = prove(organisation, *window(at)) if organisation else ()
    accepted = {one for one in found if organisation and is_accepted(organisation, one)}
    holes = [one for one in found if one.severity == "hole" and one not in accepted]
    if arguments.json:
        tell(_report(loaded, found, accepted))
    else:
        for mistake in loaded.mistakes:
            say(str(mistake), "red")
        for warning in loaded.warnings:
            say(f"{warning} (warning)", "yellow")
        _list(holes)
        _warn(one for one in found if one.severity == "warning" and one.kind not in _TOLD_BY_LINE)
        _summary(loaded, holes, len(accepted))
    return 1 if loaded.mistakes or holes else 0


def _report(loaded: Loaded, found: Sequence[Finding], accepted: set[Finding]) -> dict[str, object]:
    organisation = loaded.organisation
    return {
        "ok": organisation is not None and all(one in accepted for one in found if one.severity == "hole"),
        "mistakes": [_mistake(one) for one in loaded.mistakes],
        "warnings": [_mistake(one) for one in loaded.warnings],
        "gaps": [{**_finding(one), "accepted": one in accepted} for one in found if one.kind in _GAPS],
        "findings": [_finding(one) for one in found if one.kind not in _GAPS],
        "revision": organisation.revision if organisation else None,
        "tzdata": organisation.tzdata if organisation else None,
    }


def _mistake(mistake: Mistake) -> dict[str, object]:
    return {"file": mistake.file, "line": mistake.line, "path": mistake.path, "text": mistake.text}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "severity": finding.severity,
        "unit": finding.unit,
        "from": utc(finding.start),
        "until": utc(finding.end),
        "text": finding.sentence,
        "member": finding.member or None,
        "shift": finding.shift or None,
        "staff": finding.staff,
        "need": finding.need,
        "fill": finding.fill.sentence if finding.fill else None,
        "fills": [_fill(fill) for fill in (finding.fill, *finding.runners_up) if fill],
    }


def _fill(fill: Fill) -> dict[str, object]:
    return {
        "desk": fill.desk,
        "member": fill.member or None,
        "how": fill.how,
        "cost_minutes": fill.cost // 60,
        "text": fill.sentence,
    }


def _list(holes: Sequence[Finding]) -> None:
    for (unit, kind), each in groupby(sorted(holes, key=_by_kind), key=_by_kind):
        theirs = list(each)
        table(
            ("from", "until", "minutes", "what", "cheapest fill"),
            [
                (
                    utc(hole.start),
                    utc(hole.end),
                    f"{hole.seconds // 60}",
                    hole.sentence,
                    hole.fill.sentence if hole.fill else "",
                )
                for hole in theirs[:_MOST_LISTED]
            ],
            title=f"{unit}: {len(theirs)} {_NOUNS[kind][len(theirs) > 1]}, {_hours(theirs)} h",
        )
        if len(theirs) > _MOST_LISTED:
            say(f"and {len(theirs) - _MOST_LISTED} more until {utc(theirs[-1].end)}; --json lists all")


def _warn(warnings: Iterable[Finding]) -> None:
    """Say each warning once, with how often it holds."""
    for (unit, sentence), each in groupby(sorted(warnings, key=_by_sentence), key=_by_sentence):
        theirs = list(each)
        often = f", {len(theirs)} times, {_hours(theirs)} h in all" if len(theirs) > 1 else ""
        say(f"{unit}: {sentence}, first at {utc(theirs[0].start)}{often} (warning)", "yellow")


def _by_kind(finding: Finding) -> tuple[str, Kind]:
    return finding.unit, finding.kind


def _by_sentence(finding: Finding) -> tuple[str, str]:
    return finding.unit, finding.sentence


def _hours(findings: Iterable[Finding]) -> str:
    return f"{sum(one.seconds for one in findings) / 3_600:.6g}"


def _summary(loaded: Loaded, holes: Sequence[Finding], accepted: int) -> None:
    organisation = loaded.organisation
    if organisation is None:
        say(f"{len(loaded.mistakes)} mistake{'s' * (len(loaded.mistakes) > 1)}", "bold red")
        return
    known = f" ({accepted} accepted)" if accepted else ""
    verdict = f"{len(holes)} hole{'s' * (len(holes) != 1)} in the next" if holes else "no hole in"
    say(
        f"{organisation.name}: {len(organisation.units)} units, {len(organisation.accounts)} accounts, "
        f"{len(organisation.handles)} handles, {len(organisation.members)} members, "
        f"{len(organisation.rules)} rules; {verdict} {PROVED_FOR.days} days{known}; "
        f"revision {organisation.revision}, tzdata {organisation.tzdata}",
        "bold red" if holes else "bold green",
    )
