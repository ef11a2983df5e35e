"""The handler of each minute: sweep and watch."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.organisation import organisation
from allhours.domain.life import may_read
from allhours.flows.clock import Done, tick
from allhours.flows.silence import listen
from allhours.flows.watch import sweep, watch

if TYPE_CHECKING:
    from collections.abc import Iterable


def watch_minute() -> None:
    """Look for pages that did not get out, and then, whatever came of them, for silent channels."""
    at = datetime.now(UTC)
    done = tick(
        (("pages", partial(_sweep, at)), ("channels", partial(_watch, at)), ("rates", partial(_listen, at)))
    )
    emit({"Swept": 0, **done.counts})
    done.check()


def _sweep(at: datetime) -> Done:
    swept = sweep(board=wiring.switchboard(at), at=at)
    return Done(counts={"Swept": swept.count}, troubles=(*swept.troubles, *swept.refused))


def _watch(at: datetime) -> Done:
    networks = tuple(_enabled(os.environ.get("NETWORKS", "")))
    watched = watch(
        organisation=organisation(), networks=networks, cursors=wiring.cursors(), pages=wiring.pages(), at=at
    )
    return Done(counts={"Silent": watched.silent}, troubles=watched.troubles)


def _listen(at: datetime) -> Done:
    networks = set(_enabled(os.environ.get("NETWORKS", "")))
    read = {name for name in networks if may_read(organisation().life_of(name)).allowed}
    listened = listen(
        [handle for handle in organisation().handles if handle.network in read],
        rates=wiring.rates(),
        conversations=wiring.conversations(),
        cursors=wiring.cursors(),
        pages=wiring.pages(),
        at=at,
    )
    return Done(counts={"Quiet": listened.silent}, troubles=listened.troubles)


def _enabled(names: str) -> Iterable[str]:
    return (name for name in names.split(",") if name)
