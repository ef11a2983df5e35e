"""Where in the file it stands that a member is on two shifts at once, or rests too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli.yaml_lines import Mistake, path_of
from allhours.domain.proof import Kind, duty_findings, utc

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from allhours.cli.yaml_lines import Document, Place
    from allhours.domain.organisation import Organisation
    from allhours.domain.proof import Finding

_DAY = 86_400


def check_duties(
    document: Document, organisation: Organisation, at: datetime, ahead: timedelta
) -> list[Mistake]:
    """Tell who is on two shifts at once or rests too little, with the mend; warn of what the file allows."""
    start = int(at.timestamp()) // _DAY * _DAY
    first: dict[tuple[object, ...], Finding] = {}
    for finding in duty_findings(organisation, start, start + int(ahead.total_seconds())):
        key = finding.kind, finding.member, finding.unit, finding.shift, finding.other
        first.setdefault(key, finding)
    warnings: list[Mistake] = []
    for finding in first.values():
        place = _place(document, finding)
        first_at = _when(finding, organisation.rest, start)
        text = f"{finding.sentence}, first {first_at}: {_mend(finding, organisation)}"
        if finding.severity == "hole":
            document.tell(place, text)
        else:
            file, line = document.line_of(place)
            warnings.append(Mistake(file=file, line=line, path=path_of(place), text=text))
    return sorted(warnings)


def _mend(finding: Finding, organisation: Organisation) -> str:
    """Say what can be done, and who could take the first of it."""
    name = organisation.members[finding.member].name
    alone = finding.other == (finding.unit, finding.shift)  # one shift that never ends
    mend = f"take {name} off {'part of it' if alone else 'one of them'}"
    if finding.kind is Kind.DOUBLE and finding.other[0] != finding.unit:
        mend += ", or say `units_at_once: true` of them"
    return f"{mend}, or: {finding.fill.action}" if finding.fill else mend


def _when(finding: Finding, rest: int, start: int) -> str:
    if finding.kind is not Kind.REST:
        return f"at {utc(finding.start)}"
    if finding.seconds < rest:  # a rest that is too short, before the shift that ends it
        return f"before {utc(finding.end)}"
    return f"at {utc(max(start, finding.start))}"


def _place(document: Document, finding: Finding) -> Place:
    """Find the shift; one that covers a holiday is named `id (holiday, covered)`."""
    place: Place = ("units", finding.unit, "shifts")
    value = document.values
    for part in place:
        value = value[part]  # type: ignore[assignment,index]
    names = [shift["id"] for shift in value]  # type: ignore[index]
    shift = finding.shift.partition(" (")[0]
    return (*place, names.index(shift)) if shift in names else place
