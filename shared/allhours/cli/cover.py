"""What a proof of 400 days finds that the file does not accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli.organisation_file import PROVED_FOR
from allhours.domain.proof import is_accepted, prove

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from allhours.domain.proof import Finding

_DAY = 86_400


def window(at: datetime) -> tuple[int, int]:
    """Return the UTC seconds that a proof covers: from the day's beginning on."""
    start = int(at.timestamp()) // _DAY * _DAY
    return start, start + int(PROVED_FOR.total_seconds())


def holes(organisation: Organisation, at: datetime) -> list[Finding]:
    """List every hole that is not accepted in the time that is proved."""
    found = prove(organisation, *window(at))
    return [one for one in found if one.severity == "hole" and not is_accepted(organisation, one)]
