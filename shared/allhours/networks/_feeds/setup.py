"""Set up a feed: nothing to consent to, one read that proves it, and what a person must mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.item import Item
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.errors import NetworkError
    from allhours.domain.handle import Handle
    from allhours.networks.contract import Source

_WHERE = "from the owner of the feed; leave it empty for a feed that everybody may read"


class FeedsSetup:
    """What leads through a feed's setup."""

    questions: tuple[Question, ...] = (
        Question(field="address", prompt="its address, where that is a secret", where=_WHERE, optional=True),
        Question(field="user", prompt="user name", where=_WHERE, optional=True),
        Question(field="password", prompt="password", where=_WHERE, optional=True),
    )

    def __init__(self, source: Source) -> None:
        """Take what reads feeds."""
        self._source = source

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return no address: nobody is asked."""
        del handle, given, redirect, state, verifier
        return ""

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return what was typed; nothing for an open feed, which needs no secret."""
        del handle, code, redirect, verifier, at
        return {name: given[name].strip() for name in ("address", "user", "password") if given.get(name)}

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read the feed once, as if for the first time; raise what stands in the way."""
        shown, items, troubles = self._read(handle, at)
        if troubles and not shown:
            raise troubles[0]
        note = f"{shown} entries are shown, {items} of them would open work"
        return Identity(
            native_id="", name=handle.handle, note="; ".join((note, *(each.detail for each in troubles)))
        )

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Do nothing."""
        del handle, callback, at
        return ("a feed calls no webhook: it is polled",)

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Read it once and tell what stands in the way."""
        del callback
        return Health(notes=tuple(each.detail for each in self._read(handle, at)[2]))

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew nothing: nothing runs out."""
        del handle, at
        return False

    def _read(self, handle: Handle, at: datetime) -> tuple[int, int, list[NetworkError]]:
        """Return how many entries there are, how many are items, and what went wrong."""
        steps = list(self._source.fetch(handle, {}, at=at))
        heard = [each for step in steps for each in step.heard]
        troubles = [step.trouble for step in steps if step.trouble]
        return len(heard), sum(1 for each in heard if isinstance(each, Item)), troubles
