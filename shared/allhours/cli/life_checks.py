"""A network's life as the file tells it: what it may not say, and what it means for the units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli.checks import Checks
from allhours.cli.yaml_lines import Mistake, path_of
from allhours.domain.life import MEANS, Life, may_become, next_states
from allhours.networks import NETWORKS, RETIRED, network_module

if TYPE_CHECKING:
    from allhours.cli.yaml_lines import Document, Place
    from allhours.domain.organisation import Organisation


def check_lives(document: Document, broken: set[Place]) -> None:
    """Tell each network that has ended for everybody and that the file has live, or on its way."""
    checks = Checks(document, broken)
    for network in sorted({*_with_handles(checks), *checks.ids("networks")} & {*NETWORKS, *RETIRED}):
        place = ("networks", network, "life")
        written = checks.at(*place) or Life.LIVE
        own = network_module(network).capabilities.life
        ruling = may_become(own, Life(written))
        if own is Life.ARCHIVED and not ruling.allowed:
            checks.tell(
                place if place in document.lines else _with_handles(checks).get(network, place),
                f"{network} is {own}, and not {written} ({ruling.reason}): write `networks: {{{network}: "
                f"{{life: {own}}}}}`, or delete its handles",
            )


def what_lives_mean(document: Document, organisation: Organisation) -> list[Mistake]:
    """Return a warning for each unit with handles on a network that is not live."""
    warnings: list[Mistake] = []
    for network, life in organisation.lives.items():
        if life is Life.LIVE:
            continue
        place = ("networks", network, "life")
        file, line = document.line_of(place)
        after = " or ".join(next_states(life))
        for unit in organisation.units:
            theirs = [handle.handle for handle in organisation.handles_on(network) if handle.unit == unit]
            if theirs:
                text = f"unit {unit!r} has {', '.join(theirs)} there: {MEANS[life]}"
                text += f"; from {life} it may become {after}" if after else ""
                warnings.append(Mistake(file=file, line=line, path=path_of(place), text=text))
    return warnings


def _with_handles(checks: Checks) -> dict[str, Place]:
    """Return the networks that have handles, and where the first of each stands."""
    found: dict[str, Place] = {}
    for unit in checks.ids("units"):
        for account in checks.ids("units", unit, "accounts"):
            for network in checks.ids("units", unit, "accounts", account, "handles"):
                found.setdefault(network, ("units", unit, "accounts", account, "handles", network))
    return found
