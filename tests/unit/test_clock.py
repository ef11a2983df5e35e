"""A tick: each part in order, whatever went wrong in those before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import BadInput, Busy
from allhours.flows.clock import Done, tick

if TYPE_CHECKING:
    from collections.abc import Callable


def counting(name: str, order: list[str], *troubles: str) -> Callable[[], Done]:
    def part() -> Done:
        order.append(name)
        return Done(counts={name: len(order)}, troubles=troubles)

    return part


def failing(error: Exception) -> Callable[[], Done]:
    def part() -> Done:
        raise error

    return part


def stopped() -> Done:
    raise KeyboardInterrupt


def test_parts_are_done_in_order_and_their_counts_are_told() -> None:
    order: list[str] = []
    ticked = tick([(name, counting(name, order)) for name in ("pages", "deadlines", "handovers")])
    assert ticked.counts == {"pages": 1, "deadlines": 2, "handovers": 3}
    ticked.check()


def test_one_trouble_does_not_stop_the_others_and_all_are_raised_at_the_end() -> None:
    order: list[str] = []
    ticked = tick(
        [
            ("pages", failing(Busy("throttled"))),
            ("deadlines", counting("deadlines", order, "deadlines of cards: throttled")),
            ("handovers", failing(BadInput("a row is not ours"))),
            ("gaps", counting("gaps", order)),
        ]
    )
    assert ticked.counts == {"deadlines": 1, "gaps": 2}
    with pytest.raises(
        Busy, match=r"pages: throttled; deadlines of cards: throttled; handovers: a row is not ours"
    ):
        ticked.check()


def test_a_bug_is_loud_after_every_other_part_was_done() -> None:
    order: list[str] = []
    ticked = tick(
        [
            ("pages", failing(TypeError("None has no steps"))),
            ("deadlines", failing(Busy("throttled"))),
            ("handovers", counting("handovers", order)),
        ]
    )
    assert ticked.counts == {"handovers": 1}
    with pytest.raises(ExceptionGroup) as raised:
        ticked.check()
    bug, busy = raised.value.exceptions
    assert (type(bug), bug.__notes__) == (TypeError, ["in the part pages of a tick"])
    assert (type(busy), str(busy)) == (Busy, "deadlines: throttled")


def test_a_part_whose_function_is_stopped_stops_the_tick() -> None:
    with pytest.raises(KeyboardInterrupt):
        tick([("pages", stopped)])
