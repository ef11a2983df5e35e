"""A handle: one of our accounts' presences on one network, as the organisation file names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """Where an account is on a network.

    `handle` is what people see (`@acmecards`, a Page's name, a feed's address); `native_id` is the network's
    id of it where calls need one (X user id, Facebook Page id). `base_url` has no trailing slash. `listen`
    holds hashtags (`#acme`) and brand words to search for. `settings` is what only this network knows
    (documented in docs/networks.md). `secret` names the secret that holds its tokens.
    """

    network: str
    account: str
    unit: str
    handle: str
    base_url: str
    native_id: str = ""
    listen: tuple[str, ...] = ()
    secret: str = ""
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> str:
        """Return the name under which its cursor is kept."""
        return f"{self.network}#{self.account}#{self.handle}"
