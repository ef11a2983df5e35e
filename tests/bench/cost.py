"""What a million routed items cost, from counted calls, bytes and list prices."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench import prices

CORE_MB = 1769  # MB of memory at which Lambda gives one whole processor
MEMORY_MB = 512  # of every function of template.yaml
ROUND_TRIP_MS = 8.0  # one AWS call inside a region; with it the 60 and 100 ms of performance.md §4 come out
PLATFORM_BYTES = 350  # of Lambda's own START, END and REPORT lines, an invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One kind of invocation: items in it, processor time of all of it, AWS calls one after the other."""

    items: int
    cpu_ms: float
    calls: float

    @property
    def billed_ms(self) -> float:
        """Return what Lambda bills: processor time on this function's share of a processor, and waiting."""
        return self.cpu_ms * CORE_MB / MEMORY_MB + self.calls * ROUND_TRIP_MS

    def dollars(self, price_of_gb_s: prices.Price) -> float:
        """Return the dollars for a million items."""
        gb_s = self.billed_ms / 1000 * MEMORY_MB / 1024
        return (prices.LAMBDA_REQUEST.dollars + gb_s * price_of_gb_s.dollars) / self.items


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Dollars for a million items, by what is billed."""

    functions: float
    queue_in: float
    inbox_out: float
    writes: float
    reads: float
    logs: float

    @property
    def total(self) -> float:
        """Return the sum."""
        return self.functions + self.queue_in + self.inbox_out + self.writes + self.reads + self.logs


def logs(log_bytes: float, invocations: float) -> float:
    """Return the dollars for a million items' lines, ours and Lambda's own."""
    return (log_bytes + PLATFORM_BYTES * invocations) / 1000 * prices.LOGS.dollars


def rows(write_units: float, read_units: float) -> tuple[float, float]:
    """Return the dollars for a million items' writes and reads."""
    return write_units * prices.DYNAMODB_WRITE.dollars, read_units * prices.DYNAMODB_READ.dollars
