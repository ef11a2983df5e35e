"""docs/benchmarks.md, as the run leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bench import cost, prices
from tests.bench.items import OPENING, SHARES
from tests.bench.targets import HEADINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.targets import Line

_PARTS = {
    "functions": "Lambda: route and forward",
    "queue_in": "common queue: send, receive, delete",
    "inbox_out": "out to the inbox: publish, deliver, receive, delete",
    "writes": "DynamoDB writes, both indexes among them",
    "reads": "DynamoDB reads",
    "logs": "logs, Lambda's own lines among them",
    "total": "total",
}


def markdown(rows: Sequence[Line], measured: dict[str, Any], machine: str) -> str:
    """Return the whole document."""
    routing, burst = measured["routing"], measured["burst"]
    shares = ", ".join(f"{name} {share} %" for name, share in SHARES.items())
    units, of_rows = routing["units"], routing["rows"]
    return f"""# Benchmarks

Made by `make bench`, which runs `python -m tests.bench` and writes this file; do not edit it.
{machine}

{_table(HEADINGS, (row.cells for row in rows))}

Times are processor time, the least of at least seven rounds, peers by turns in one process; cold starts are
fresh processes with compiled bytecode, by turns. Judge by the ratios: the machine is shared. Every AWS
call is answered at once in botocore's `before-send`; handlers and clients run unchanged up to that point.

- **The peer of P1, P2, P4 and P10** is `tests/bench/tutorial.py`: Powertools' batch processor and
  idempotency, a pydantic model, get case, put item, update case, put into the inbox, send a message, three
  log lines. It neither guards nor applies rules.
- **The items** are {routing["items"]} invented ones: {shares}; about {OPENING} % open a case;
  {routing["body_bytes"]:.0f} bytes each on the queue. Rules and rota are those of
  `infra/organisation/acme.yaml`.
- **P3** imports a handler and makes the clients that its first call makes. Ours look for no garbage until
  the first client is made (`allhours/aws/__init__.py`), boto3 as it comes does. Ingest functions import
  `requests` or `feedparser` besides and make a third client; their target is the memory. The desk and
  `respond` load with their first work what it needs: here the organisation and an inbox, and an answer on X.
- **P5**: our poller is the function `ingest_x` against a timeline of mentions; the peer is in the published
  style: one page, newest first, the checkpoint in `finally`. A crash ends the process after a call took
  effect. {burst["queued_twice"]} posts at most were queued twice, and the router made nothing of the
  second copy. The peer loses {burst["their_lost"]} without any crash, and
  {burst["their_points_with_duplicates"]} of its {burst["their_crash_points"]} places to crash double posts.
- **P8**: the peer is recurring-ical-events, which lists the occurrences of the same rules from calendars that
  are parsed already; ours merges them into segments besides. `tests/bench/rota.py` has both.
- **P11**: our client polls the stand-in for X once a minute for a day, a mention a minute, over X's
  midnight; the stand-in bills as X does: per resource and UTC day, expansions too.
- **P12**: verify, parse, guard and queue one delivery, against one `send_message` of boto3 as it comes.

{_missed(rows)}{_beside(measured)}## What a million items cost

{_table(("dollars", "ours", "straightforward"), _costs(routing["cost"]))}

Ours: standard queue, batches of ten in route and forward, arm64. Straightforward: the tutorial's handler with
FIFO queues, one item a batch, x86. Lambda's time is the measured processor time at the share of a processor
that a function of {cost.MEMORY_MB} MB has ({cost.MEMORY_MB}/{cost.CORE_MB}), and {cost.ROUND_TRIP_MS:.0f}
ms for each AWS call, which gives the 60 ms an item and 100 ms a batch of the plan. What SNS delivers to an
SQS inbox counts as one SQS request, to be on the dear side. Polls, pages and the desks' work are in
neither column.

An item takes {units["ours"][0]:.2f} write units and {units["ours"][1]:.2f} read units, the tutorial's
{units["tutorial"][0]:.2f} and {units["tutorial"][1]:.2f}. An item's row has {of_rows["ITEM"]["mean"]:.0f}
bytes on average, {of_rows["ITEM"]["above_1_kb"]:.0%} are above 1 KB; a case's
{of_rows["CASE"]["mean"]:.0f} bytes, {of_rows["CASE"]["above_1_kb"]:.0%} above.

{_table(("price for a million", "dollars", "from"), _prices())}
"""


_WHY_MISSED = {
    "P2": "botocore's own work for the transaction is most of it; what is ours is the guard and the rules.",
    "P3": "what comes on top of boto3 is mostly the making of some 40 frozen dataclasses with slots.",
    "P4": (
        "the plan counted two rows of at most 1 KB in a transaction and no index, and that is what an item "
        "and its case take now. On top of it each case is in two indexes, or nothing could be read again and "
        "nothing would be due (docs/decisions/0028-rows-that-fit-one-write-unit.md has the floor)."
    ),
    "answer": (
        "the plan counted get, claim and record. Between them `respond` reads the post and, twice, the case "
        "as they are by then, stores the keys of the attempt before the POST, and counts what X charges."
    ),
    "P12": "one send is most of it; parsing, the guard and the counters' line are the rest.",
}


def _missed(rows: Sequence[Line]) -> str:
    """Return why targets are missed, or nothing when none is."""
    missed = dict.fromkeys(row.target_id for row in rows if row.target and not row.met)
    if not missed:
        return ""
    told = "\n".join(
        f"- **{name}**: {_WHY_MISSED.get(name, 'a fault; it has to be mended.')}" for name in missed
    )
    return f"## What is missed, and why\n\n{told}\n\n"


def _beside(measured: dict[str, Any]) -> str:
    """Return the sections of what has more to tell than a line."""
    return _desk(measured["desk"]) + _answering(measured["answering"]) + _guard(measured["guard"])


def _desk(desk: dict[str, Any]) -> str:
    """Return what the desk's page weighs and what its API costs."""
    weight, api = desk["weight"], desk["api"]
    bare, read = api["a bare handler"], api["one get_item of boto3"]
    requests = _table(
        ("request", "AWS calls", "p50", "p99", "p50 to the bare handler", "p50 to one get_item"),
        (
            (
                name,
                f"{each['calls']:.0f}",
                f"{each['p50_us']:,.0f} µs",
                f"{each['p99_us']:,.0f} µs",
                f"{each['p50_us'] / bare['p50_us']:,.0f}",
                f"{each['p50_us'] / read['p50_us']:.1f}",
            )
            for name, each in api.items()
        ),
    )
    loads = _table(
        ("until the first list", "requests", "raw", "served", "gzip"),
        (
            (
                "the page: HTML, style, modules, settings",
                f"{weight['files']:.0f}",
                f"{weight['files_raw']:,.0f} B",
                f"{weight['files_served']:,.0f} B",
                "as served",
            ),
            (
                "the API: 25 cases",
                f"{weight['list_requests']:.0f}",
                f"{weight['list_served']:,.0f} B",
                f"{weight['list_served']:,.0f} B",
                f"{weight['list_packed']:,.0f} B",
            ),
        ),
    )
    return f"""## The desk

{loads}

Bodies only, as the function hands them on to a browser that takes gzip; the files are kept for ever after
the first time. An HTTP API packs nothing, so the list goes out as it is. What the page loads after the first
list (`import()`, GET /api/me) is not among it.

{requests}

Processor time of single requests, by turns in one process; log lines and the collection of garbage are in it,
API Gateway, AWS and the way to them are not. The asker is an administrator, whose inbox is every unit's: one
query a unit. The bare handler answers with a fixed JSON; `get_item` is boto3 as it comes: what any call of
AWS costs before it leaves.

"""


_STEPS = {
    "approve": "approve: POST …/replies at the desk",
    "forward": "forward: the stream's record",
    "respond": "respond: claim, POST, record",
    "peer": "the peer",
}


def _answering(answering: dict[str, Any]) -> str:
    """Return what each step of an answer takes."""
    calls, cpu, units = answering["calls"], answering["cpu_us"], answering["write_units"]
    table = _table(
        ("step", "calls", "CPU", "write units", "which calls"),
        (
            (
                told,
                f"{sum(calls[step].values()):.2f}",
                f"{cpu[step]:,.0f} µs",
                f"{units[step]:.1f}",
                ", ".join(f"{times:g} {name.partition('.')[2]}" for name, times in calls[step].items()),
            )
            for step, told in _STEPS.items()
        ),
    )
    return f"""## From approve to posted

{table}

Means of {answering["answers"]} answers on X, one at a time, the desk's by an administrator with an
Idempotency-Key; what a function reads once in minutes is not among it. The peer is what a careful script
does: a conditional put, the POST, an update with the network's id. It checks no right, keeps no trail, counts
no cost and tells nobody, and after a time-out or a crash it never finds out whether the customer has the
answer; for that ours is dearer (replies.md).

"""


_GUARD = ("bank", "precision", "should", "foreign", "hard_negative", "background")


def _guard(guard: dict[str, dict[str, float]]) -> str:
    """Return the guard's table, or nothing where it was not measured."""
    if not guard:
        return ""
    headings = (
        "",
        "must",
        "precision",
        "should",
        "others' texts",
        "hard negatives",
        "plain talk",
        "µs a text",
    )
    table = _table(
        headings,
        (
            (name, *(f"{told[key]:.3f}" for key in _GUARD), f"{told['us']:,.0f}")
            for name, told in guard.items()
        ),
    )
    return f"""## The guard beside its peers

{table}

Measured on the shared texts by the rules of their README: *must* and *should* are the shares of a
bank's posts' spans that are wholly masked (*others' texts*: the must kinds in half of
presidio-research's templates), *precision* the share of masks in bank posts that touch a span, the
next two the shares of texts with a mask that have nothing to hide. Presidio runs with spaCy's small
English model, once with all it finds and once with its numbers at a score of 0.4 or more; scrubadub
without its detectors of handles and links. All in one process of `.venv-peers`, which `make bench`
makes. What is masked stands in guard.md.

"""


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _costs(costs: dict[str, dict[str, float]]) -> Iterable[Sequence[str]]:
    for part, told in _PARTS.items():
        yield told, f"{costs['ours'][part]:.2f}", f"{costs['straightforward'][part]:.2f}"


def _prices() -> Iterable[Sequence[str]]:
    for price in prices.ALL:
        yield price.unit, f"{price.dollars:g}", price.source
