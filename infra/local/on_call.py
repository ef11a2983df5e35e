"""The people who are called: they open the link in a page, over HTTP, and one of them sleeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ANSWERED_WITHIN = 4.0  # seconds; a run is short, and so are its people's ways to the phone
ASLEEP_FOR = 8.0  # less than the ladder's second step takes
PATIENCE = 20.0  # seconds that a phone waits for an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A link that somebody opened; `at` in seconds since the epoch, `said` what came back."""

    page_id: str
    member: str
    at: float
    said: str

    @property
    def well(self) -> bool:
        """Return whether the answer was the page that says so."""
        return self.said == "200"


@dataclass(slots=True, kw_only=True)
class OnCall:
    """Everybody answers a page after some seconds; one unit's first page finds those on duty asleep."""

    reachable: Callable[[str], str]
    asleep_in: str = ""
    opened: list[Opened] = field(default_factory=list[Opened])
    slept_through: str = ""
    sleepers: list[str] = field(default_factory=list[str])
    _asleep_until: float = 0.0
    _waiting: dict[tuple[str, str], tuple[float, str]] = field(
        default_factory=dict[tuple[str, str], tuple[float, str]]
    )

    def called(self, page: Mapping[str, Any], at: float) -> None:
        """Hear the phone; a page without a link asks for nothing."""
        if "link" not in page:
            return
        whose = page_id, member = str(page["page_id"]), str(page["member"])
        if not self.slept_through and page["unit"] == self.asleep_in:
            self.slept_through, self._asleep_until = page_id, at + ASLEEP_FOR
        if page_id == self.slept_through and at < self._asleep_until:
            self.sleepers.append(member)
        else:
            self._waiting.setdefault(whose, (at + ANSWERED_WITHIN, str(page["link"])))

    def answer(self, at: float) -> list[Opened]:
        """Open the links whose time has come; return what came back."""
        now = list[Opened]()
        for whose, (due_at, link) in list(self._waiting.items()):
            if due_at <= at:
                page_id, member = whose
                said = opened(self.reachable(link))
                now.append(Opened(page_id=page_id, member=member, at=at, said=said))
                del self._waiting[whose]
        self.opened += now
        return now


def opened(address: str) -> str:
    """Open an address as a phone does; return the status, or what went wrong."""
    try:
        with urlopen(address, timeout=PATIENCE) as answer:
            return str(answer.status)
    except HTTPError as error:
        return str(error.code)
    except (URLError, TimeoutError) as error:
        return type(error).__name__
