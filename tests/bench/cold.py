"""P3: processor time and peak memory of fresh processes that import a handler and make its clients.

The desk imports what its first list needs besides, and `respond` what its first answer on X does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from allhours.networks import NETWORKS
from tests.bench.installation import environment
from tests.bench.measure import fresh_processes

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 7
MOST_MIB = 64
QUEUE_HANDLERS = ("route", "forward", "park")
INGEST = tuple(f"ingest_{name}" for name in NETWORKS)
ANSWERING = ("desk", "respond")
# Handlers make their clients at the first call; here each makes those that its first call makes.
_CLIENTS = {
    "route": ("dynamodb",),
    "forward": ("dynamodb", "sns"),
    "park": ("dynamodb",),
    "desk": ("dynamodb",),
    "respond": ("dynamodb", "secretsmanager"),
}
_LATER = {  # what a handler imports with the first work of its kind
    "desk": (
        "from allhours.aws import wiring; from allhours.aws.desk_api import cases, ports; ports.wired(); "
        "wiring._desk(); "
    ),
    "respond": "from allhours.aws import wiring; wiring.repliers().replier('x'); wiring.replies(); ",
}
_INGEST_CLIENTS = ("dynamodb", "secretsmanager", "sqs")
_BASE = "import boto3; boto3.client('sqs'); boto3.client('dynamodb')"


def figures(organisation: Path) -> dict[str, tuple[float, float]]:
    """Return (processor ms, peak MiB) by name, the base among them."""
    programs = {"boto3 and two clients": _BASE, "tutorial": "import tests.bench.tutorial"}
    for name in (*QUEUE_HANDLERS, *ANSWERING, *INGEST):
        made = "; ".join(f"clients.{each}()" for each in _CLIENTS.get(name, _INGEST_CLIENTS))
        imports = f"import functions.{name}.app; {_LATER.get(name, '')}from allhours.aws import clients"
        programs[name] = f"{imports}; {made}"
    ended = "; import os; os._exit(0)"  # Lambda freezes a process; it never takes one apart
    commands = {name: (sys.executable, "-c", program + ended) for name, program in programs.items()}
    return fresh_processes(commands, environment(organisation), rounds=ROUNDS)
