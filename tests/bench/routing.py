"""P1, P2, P4 and P10: routing the mix of items, ours and the tutorial's handler by turns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allhours.aws import organisation
from allhours.domain.item import item_to_json
from functions.forward.app import handler as forward
from functions.route.app import handler as route
from tests.bench import cost, prices
from tests.bench.cloud import Bill, Cloud, Replay, Wire
from tests.bench.installation import INVOCATION, sqs_event, stream_event
from tests.bench.items import items
from tests.bench.measure import fastest, written

BATCH = 10  # BatchSize of RouteFromCommonQueue in template.yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass over all items: what it asked of AWS, what it printed, and the answers it got."""

    bill: Bill
    log_bytes: int
    replay: Replay
    stream: list[dict[str, Any]]
    published: int


def figures() -> dict[str, Any]:
    """Return everything that is measured on the two handlers."""
    wire = Wire()
    from tests.bench.tutorial import handler as tutorial  # noqa: PLC0415 - its clients are made here, on the wire

    bodies = [json.dumps(item_to_json(item), ensure_ascii=False, separators=(",", ":")) for item in items()]
    batches = [sqs_event(bodies[start : start + BATCH]) for start in range(0, len(bodies), BATCH)]
    count = len(bodies)

    def read_the_rota_once() -> None:
        """Let the one reading of the rota in 15 seconds fall before what is counted and repeated."""
        (organisation.live_organisation.__kwdefaults__ or {})["within"] = float("inf")
        wire.behind = Cloud().answer
        organisation.live_organisation(datetime.now(UTC))

    def go(handler: Any, events: list[dict[str, Any]]) -> None:
        for event in events:
            answer = handler(event, INVOCATION)
            if answer and answer["batchItemFailures"]:
                message = f"{len(answer['batchItemFailures'])} items of a batch failed"
                raise RuntimeError(message)

    def counted(handler: Any, events: list[dict[str, Any]]) -> Run:
        cloud = Cloud()
        wire.behind = cloud.answer
        with written() as log_bytes:
            go(handler, events)
            printed = log_bytes()
        return Run(
            bill=cloud.bill,
            log_bytes=printed,
            replay=Replay(cloud.answers),
            stream=cloud.stream,
            published=len(cloud.published),
        )

    def again(handler: Any, events: list[dict[str, Any]], run: Run) -> None:
        run.replay.rewind()
        wire.behind = run.replay.answer
        go(handler, events)

    read_the_rota_once()
    ours = counted(route, batches)
    told = stream_event(ours.stream)["Records"]
    forwards = [{"Records": told[start : start + BATCH]} for start in range(0, len(told), BATCH)]
    forwarded = counted(forward, forwards)
    theirs = counted(tutorial, batches)
    with written():
        cpu = fastest(
            {
                "ours": lambda: again(route, batches, ours),
                "tutorial": lambda: again(tutorial, batches, theirs),
                "forward": lambda: again(forward, forwards, forwarded),
            }
        )
    mine = _cost_of_ours(ours, forwarded, cpu, count)
    straight = _cost_of_straightforward(theirs, cpu["tutorial"], count)
    return {
        "items": count,
        "calls": {"ours": ours.bill.calls.total() / count, "tutorial": theirs.bill.calls.total() / count},
        "named_calls": {"ours": dict(ours.bill.calls), "tutorial": dict(theirs.bill.calls)},
        "cpu_us": {name: spent * 1000 / count for name, spent in cpu.items()},
        "log_bytes": {"ours": ours.log_bytes / count, "tutorial": theirs.log_bytes / count},
        "units": {
            "ours": [ours.bill.write_units / count, ours.bill.read_units / count],
            "tutorial": [theirs.bill.write_units / count, theirs.bill.read_units / count],
        },
        "rows": {
            kind: {
                "mean": sum(sizes) / len(sizes),
                "above_1_kb": sum(s > prices.KIB for s in sizes) / len(sizes),
            }
            for kind, sizes in ours.bill.row_bytes.items()
        },
        "body_bytes": sum(len(body.encode()) for body in bodies) / count,
        "cost": {"ours": _lines(mine), "straightforward": _lines(straight)},
    }


def _lines(bill: cost.Cost) -> dict[str, float]:
    return {name: getattr(bill, name) for name in (*cost.Cost.__dataclass_fields__, "total")}


def _cost_of_ours(route: Run, forward: Run, cpu: dict[str, float], count: int) -> cost.Cost:
    """Return our cost: standard queue, batches of ten, arm64; SNS to SQS counts as one SQS request."""
    batches = count / BATCH
    routing = cost.Invocation(
        items=BATCH, cpu_ms=cpu["ours"] / batches, calls=route.bill.calls.total() / batches
    )
    forwarding = cost.Invocation(
        items=BATCH, cpu_ms=cpu["forward"] / batches, calls=forward.bill.calls.total() / batches
    )
    sent_received_deleted = 3 / BATCH * prices.SQS_STANDARD.dollars
    writes, reads = cost.rows(
        (route.bill.write_units + forward.bill.write_units) / count,
        (route.bill.read_units + forward.bill.read_units) / count,
    )
    return cost.Cost(
        functions=routing.dollars(prices.LAMBDA_ARM) + forwarding.dollars(prices.LAMBDA_ARM),
        queue_in=sent_received_deleted,
        inbox_out=(forward.bill.chunks["sns"] + forward.bill.chunks["sns pages"])
        / count
        * prices.SNS_PUBLISH.dollars
        + (forward.published / count + 2 / BATCH) * prices.SQS_STANDARD.dollars,
        writes=writes,
        reads=reads,
        logs=cost.logs((route.log_bytes + forward.log_bytes) / count, 2 / BATCH),
    )


def _cost_of_straightforward(run: Run, cpu_ms: float, count: int) -> cost.Cost:
    """Return the tutorial's cost as it is usually deployed: FIFO queues, one item a batch, x86."""
    invocation = cost.Invocation(items=1, cpu_ms=cpu_ms / count, calls=run.bill.calls.total() / count)
    sent_received_deleted = 3 * prices.SQS_FIFO.dollars
    writes, reads = cost.rows(run.bill.write_units / count, run.bill.read_units / count)
    return cost.Cost(
        functions=invocation.dollars(prices.LAMBDA_X86),
        queue_in=sent_received_deleted,
        inbox_out=sent_received_deleted,
        writes=writes,
        reads=reads,
        logs=cost.logs(run.log_bytes / count, 1),
    )
