"""What can go wrong, drawn as a tree that answers one question: try again, or fetch a person?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class AllhoursError(Exception):
    """Be the root of everything that Allhours raises on purpose; texts never carry a customer's words."""


class BadInput(AllhoursError):
    """Say which field of what we were given is wrong; trying again will not help."""


class StaleCursor(AllhoursError):
    """Say that another poll moved the cursor since this one read it; what was queued stays queued."""


class StaleRota(AllhoursError):
    """Say that somebody else changed the rota since it was read: read it again, and prove again."""


class Busy(AllhoursError):
    """Say that a store or queue of ours turned a call down for now; try again."""


class NotAllowed(AllhoursError):
    """Say who may not do what, and who may; asking again will not help."""


class NotThere(BadInput):
    """Say that nothing of that id is on record, or nothing that the one who asks may see."""


class Conflict(AllhoursError):
    """Say what stands in the way: somebody else has it in hand, or it is not as it was seen."""


class Changed(Conflict):
    """Say that a conversation is not as it was seen: look again; `changes` are what happened meanwhile."""

    def __init__(self, subject: str, changes: Iterable[str]) -> None:
        """Keep each change beside the sentence."""
        self.changes = tuple(changes)
        super().__init__(f"{subject} is not as it was seen: {'; '.join(self.changes)}; look at it again")


class Answered(Conflict):
    """Say who has answered a post already; another answer to it has to be meant."""


class NetworkError(AllhoursError):
    """Be the root of what a network does to us.

    `network` and `handle` say where; `detail` is ours, in words a person on duty understands.
    """

    def __init__(self, network: str, detail: str, *, handle: str = "") -> None:
        """Keep where it happened beside what happened."""
        super().__init__(f"{network}{' ' + handle if handle else ''}: {detail}")
        self.network = network
        self.handle = handle
        self.detail = detail


class Unreachable(NetworkError):
    """No answer, or the network's own failure (5xx): try again with the next poll."""


class NotSent(Unreachable):
    """No connection came about, so the request had no effect: name not resolved, refused, certificate bad."""


class RateLimited(NetworkError):
    """Too many calls: leave, and come back at `retry_at`; never sleep in a function."""

    def __init__(self, network: str, detail: str, *, handle: str = "", retry_at: datetime) -> None:
        """Keep the instant from which the network will listen again."""
        super().__init__(network, detail, handle=handle)
        self.retry_at = retry_at


class OverBudget(RateLimited):
    """Today's ceiling for paid reads or quota units is reached: nothing more until `retry_at`."""


class Refused(NetworkError):
    """Our token or our request was turned down: fetch a person, who is told what to mend."""


class Expired(Refused):
    """The access token ran out; refresh it once, under the lock, and only then call it refused."""


class Malformed(NetworkError):
    """Not what the network documents; `native_id` and `field` say where to look."""

    def __init__(
        self, network: str, detail: str, *, handle: str = "", native_id: str = "", field: str = ""
    ) -> None:
        """Keep the id and the field, never the words."""
        where = " ".join(
            part
            for part in (f"id {native_id}" if native_id else "", f"field {field}" if field else "")
            if part
        )
        super().__init__(network, f"{detail}{' (' + where + ')' if where else ''}", handle=handle)
        self.native_id = native_id
        self.field = field


class BadSignature(NetworkError):
    """A delivery that the network did not sign: refuse it, keep nothing of it."""
