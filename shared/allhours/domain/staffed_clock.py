"""Who is on duty where, over weeks: a promise is counted further ahead than a page looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.changes import overrides_of
from allhours.domain.rota import compile_rota

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation
    from allhours.domain.rota import Rota
    from allhours.domain.segments import Segment

_BEHIND, _AHEAD = 86_400, 14 * 86_400  # seconds; most promises end within a window that is kept


class StaffedClock:
    """One organisation's rotas with their changes; each window is compiled when it is asked for, and kept."""

    def __init__(self, organisation: Organisation) -> None:
        """Compile nothing yet."""
        self._organisation = organisation
        self._windows: dict[str, Rota] = {}

    def segment(self, unit: str, at: int) -> Segment:
        """Return who is on duty at the UTC second, and until when at least."""
        window = self._windows.get(unit)
        if window is None or not window.start <= at < window.end:
            rota = self._organisation.units[unit].rota
            overrides = overrides_of(self._organisation.changes, rota, self._organisation.members)
            window = self._windows[unit] = compile_rota(rota, overrides, at - _BEHIND, at + _AHEAD)
        return window.who(at)
