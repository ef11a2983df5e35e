"""Which handles are the bank's, and which are not any more: the statement that customers check us by.

What is in it is what the reviewed organisation file says; nothing else can be added.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.organisation import Organisation

SCHEMA = "allhours.verified-accounts/1"
HOLDS_FOR = timedelta(days=7)
"""How long a statement counts: an old copy of it must not vouch for a handle that was withdrawn since."""


def statement(
    organisation: Organisation,
    at: datetime,
    *,
    profile: Callable[[Handle], str],
    left_out: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return every handle of every account, and those that were withdrawn, as JSON.

    `profile` tells where people see a handle, `left_out` are networks whose handles are none of ours.
    """
    accounts = [
        _entry(organisation, handle, profile(handle))
        for handle in organisation.handles
        if handle.network not in left_out
    ]
    withdrawn = [
        {
            "network": gone.network,
            "handle": gone.handle,
            "since": gone.since,
            **({"note": gone.note} if gone.note else {}),
        }
        for gone in organisation.withdrawn
    ]
    return {
        "schema": SCHEMA,
        "name": organisation.name,
        "revision": organisation.revision,
        "generated_at": at.isoformat(timespec="seconds"),
        "iat": int(at.timestamp()),
        "exp": int((at + HOLDS_FOR).timestamp()),
        "accounts": sorted(accounts, key=_by_network),
        "withdrawn": sorted(withdrawn, key=_by_network),
    }


def _entry(organisation: Organisation, handle: Handle, address: str) -> dict[str, str]:
    account = organisation.accounts[handle.account]
    unit = organisation.units.get(account.unit)
    return {
        "network": handle.network,
        "handle": handle.handle,
        **({"profile": address} if address else {}),
        "account": account.account_id,
        "unit": unit.title if unit else account.unit,
    }


def _by_network(entry: Mapping[str, str]) -> tuple[str, str]:
    return entry["network"], entry["handle"].casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a statement says of a handle: where it is the bank's, and where it was."""

    ours: tuple[Mapping[str, str], ...]
    withdrawn: tuple[Mapping[str, str], ...]

    @property
    def is_ours(self) -> bool:
        """Return whether it is the bank's on every network that was asked about."""
        return bool(self.ours) and not self.withdrawn


def told_of(statement: Mapping[str, Any], handle: str, network: str = "") -> Told:
    """Return what a statement says of a handle, on one network or on all.

    Letters are compared without case and the @: lookalikes of other alphabets stay different.
    """
    wanted = _plain(handle)
    ours, withdrawn = (
        tuple(
            each
            for each in statement[name]
            if _plain(each["handle"]) == wanted and network in {"", each["network"]}
        )
        for name in ("accounts", "withdrawn")
    )
    return Told(ours=ours, withdrawn=withdrawn)


def _plain(handle: str) -> str:
    return handle.strip().removeprefix("@").casefold()
