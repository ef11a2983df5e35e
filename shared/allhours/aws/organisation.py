"""The compiled organisation, from the layer that was deployed with this function; live, with its changes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.domain.errors import BadInput, Busy
from allhours.domain.organisation_json import organisation_from_json

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.changes import Change
    from allhours.domain.organisation import Organisation

PACKAGE = "allhours_organisation"
FRESH_FOR = 15.0  # seconds; a change by hand counts everywhere after that


@cache
def organisation() -> Organisation:
    """Return the organisation; `BadInput` says how to make the layer when it is not there."""
    try:
        text = resources.files(PACKAGE).joinpath("organisation.json").read_text("utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        message = "no compiled organisation is deployed: `sam build` makes its layer (allhours compile)"
        raise BadInput(message) from None
    return organisation_from_json(json.loads(text))


def live_organisation(at: datetime, *, within: float = FRESH_FOR) -> Organisation:
    """Return the organisation with the changes to its rota, at most so many seconds old; 0 reads them now.

    `Busy` when they cannot be read, by this release either: without them it would name who is not there.
    """
    return _warm().at(at, within)


@dataclass(slots=True)
class _Warm:
    """What a warm function remembers: the same object while nothing changes, for it keeps its look-ups."""

    live: Organisation
    read_at: datetime | None = None

    def at(self, at: datetime, within: float) -> Organisation:
        if self.read_at is None or not 0 <= (at - self.read_at).total_seconds() < within:
            changes = _changes()
            if changes != self.live.changes:
                self.live = replace(organisation(), changes=changes)
            self.read_at = at
        return self.live


def _changes() -> tuple[Change, ...]:
    try:
        return wiring.rota_changes().read().changes
    except (BadInput, KeyError, TypeError, ValueError) as error:
        message = f"ROTA: this release cannot read the row ({type(error).__name__})"
        raise Busy(message) from error  # the release that wrote it can: what waits for it is not lost


@cache
def _warm() -> _Warm:
    return _Warm(live=organisation())
