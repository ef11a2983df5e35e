"""A network's rules about answers, asked of its own file, without an account and without a call."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NoReturn

from allhours.domain.errors import BadInput
from allhours.networks import NETWORKS, network_module
from allhours.networks.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Replier


@cache
def rules_of(network: str) -> Replier | None:
    """Return what knows who may answer and how long; None where nobody can. It must send nothing."""
    module = network_module(network) if network in NETWORKS else None
    if module is None or not hasattr(module, "answering"):
        return None
    return module.answering(_Nobodys(), Http(), app_secret="", meter=_Free())


class _Nobodys:
    """Credentials that nobody has: a rule asks for none."""

    def read(self, secret: str) -> NoReturn:
        raise _refused(secret)

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> NoReturn:
        del stale, ask
        raise _refused(secret)


def _refused(secret: str) -> BadInput:
    return BadInput(f"{secret}: who asks for a rule calls no network and reads no secret")


class _Free:
    """A meter that counts nothing: a rule costs nothing."""

    def room(self, handle: Handle, cost: float) -> None:
        del handle, cost

    def spend(self, handle: Handle, cost: float) -> None:
        del handle, cost
