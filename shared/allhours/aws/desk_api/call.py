"""One call of the API, decoded: who asks, for what, with what; what every work of the API is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from allhours.aws.desk_api.once import Done
from allhours.aws.desk_api.told import Told

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.aws.desk_api.ports import Ports
    from allhours.domain.access import Who
    from allhours.flows.desk_ports import Desk


@dataclass(frozen=True, kw_only=True)
class Call:
    """`path`, `query` and `body` are as their shapes say; `if_match` is the draft's version that was read.

    `if_match` is None where no draft is to be there.
    """

    who: Who
    at: datetime
    ports: Ports
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    if_match: int | None = None

    @cached_property
    def desk(self) -> Desk:
        """Return the desk as it is at this instant."""
        return self.ports.desk(self.at)


Answer: TypeAlias = Mapping[str, Any] | Told | Done
Work: TypeAlias = Callable[[Call], Answer]
Show: TypeAlias = Callable[[Call, str], Mapping[str, Any]]
