"""Start the AWS emulator with its pauses shortened, its layers shared and its schedules made honest.

A program of the cloud environment. It reaches into private names of the pinned emulator, so it checks
first that all are there. It ends when the process that started it does: that one holds its input.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import re
import signal
import sys
import tempfile
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable

PRIVATE_NAMES = {
    "ministack.app": ["main"],
    "ministack.core.lambda_runtime": ["zipfile"],
    "ministack.services.eventbridge": ["_SCHEDULER_TICK_INTERVAL"],
    "ministack.services.lambda_svc": ["_ESM_IDLE_WAKE_GAP_SECONDS"],
    "ministack.services.scheduler": [
        "_SCHEDULE_TICK_INTERVAL",
        "_create_schedule",
        "_error",
        "_schedule_last_fired",
        "_update_schedule",
    ],
}
AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
CRON = re.compile(r"cron\(\S+ \S+ (\? \S+ \S+|\S+ \S+ \?) \S+\)")  # one of the two days is a question mark
RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
GRACE_SECONDS = 5  # for the emulator to save its state before its group is killed


class InvalidScheduleError(Exception):
    """Say why AWS would refuse a schedule."""


def main() -> int:
    """Run the emulator until it is told to stop or is left alone; 1 when its inside has changed."""
    try:
        modules = {name: importlib.import_module(name) for name in PRIVATE_NAMES}
    except ImportError as error:
        print(f"cloud: {error}; run `make setup`", file=sys.stderr)
        return 1
    if missing := missing_names(modules):
        print(
            f"cloud: this emulator has no {', '.join(missing)}; infra/local/cloud.py needs mending",
            file=sys.stderr,
        )
        return 1
    os.environ.pop("LOG_LEVEL", None)  # ours; functions would inherit it and fall silent
    hasten(modules)
    share_layers(modules)
    keep_schedules_honest(modules)
    threading.Thread(target=end_with_parent, daemon=True).start()
    modules["ministack.app"].main()
    return 0


def missing_names(modules: dict[str, Any]) -> list[str]:
    """List the private names that the pinned emulator no longer has."""
    return [
        f"{module}.{name}"
        for module, names in PRIVATE_NAMES.items()
        for name in names
        if not hasattr(modules[module], name)
    ]


def hasten(modules: dict[str, Any]) -> None:
    """Shorten the pause after each batch and the ten seconds between two looks at the schedules."""
    modules["ministack.services.lambda_svc"]._ESM_IDLE_WAKE_GAP_SECONDS = 0.001
    modules["ministack.services.eventbridge"]._SCHEDULER_TICK_INTERVAL = 1
    modules["ministack.services.scheduler"]._SCHEDULE_TICK_INTERVAL = 1


def share_layers(modules: dict[str, Any]) -> None:
    """Unpack each layer once and not for every worker, which takes its modules' compiled forms along."""
    modules["ministack.core.lambda_runtime"].zipfile = SimpleNamespace(
        ZipFile=SharedZip, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile
    )


class SharedZip(zipfile.ZipFile):
    """A zip file; where it is a layer's it is unpacked once, and other workers get links to that."""

    _one_at_a_time = threading.Lock()

    @property
    def _is_layer(self) -> bool:
        return Path(self.filename or "").name.startswith("layer_")

    def namelist(self) -> list[str]:
        """Name the members; none of a layer, which the emulator would follow path by path for each worker."""
        return [] if self._is_layer else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:  # noqa: ANN401 - as it is there
        """Unpack, or link to what was unpacked before."""
        if not self._is_layer:
            super().extractall(path, members, pwd)
            return
        contents = "".join(f"{each.filename} {each.CRC}\n" for each in self.infolist())
        shared = Path(tempfile.gettempdir()) / f"layer-{hashlib.sha256(contents.encode()).hexdigest()[:16]}"
        with self._one_at_a_time:
            if not shared.exists():
                begun = shared.with_suffix(".begun")
                super().extractall(begun, super().namelist())
                begun.rename(shared)
        for each in shared.iterdir():
            (Path(path) / each.name).symlink_to(each)


def keep_schedules_honest(modules: dict[str, Any]) -> None:
    """Refuse what AWS refuses, read `at()` in its time zone, let a schedule written anew fire anew."""
    scheduler = modules["ministack.services.scheduler"]

    def wrap(write: Callable[[str, dict[str, object]], object]) -> Callable[[str, dict[str, object]], object]:
        @functools.wraps(write)
        def honest(name: str, body: dict[str, object]) -> object:
            expression, zone = str(body.get("ScheduleExpression")), body.get("ScheduleExpressionTimezone")
            try:
                in_utc = schedule_in_utc(expression, str(zone or "UTC"))
            except InvalidScheduleError as error:
                return scheduler._error(400, "ValidationException", str(error))
            group = body.get("GroupName", "default")
            for key in [key for key in scheduler._schedule_last_fired if key[-1] == f"{group}/{name}"]:
                del scheduler._schedule_last_fired[key]
            return write(name, {**body, "ScheduleExpression": in_utc})

        return honest

    scheduler._create_schedule = wrap(scheduler._create_schedule)
    scheduler._update_schedule = wrap(scheduler._update_schedule)


def schedule_in_utc(expression: str, zone: str) -> str:
    """Give the expression as the emulator reads it: `at()` in UTC, the others as they are.

    Raises `InvalidScheduleError` for what AWS refuses and for a zoned `cron()`, which would fire wrongly.
    """
    try:
        zone_info = ZoneInfo(zone)
    except (KeyError, ValueError) as error:
        raise InvalidScheduleError(f"Invalid time zone {zone}.") from error
    if at := AT.fullmatch(expression):
        try:
            there = datetime.fromisoformat(at[1]).replace(tzinfo=zone_info)
        except ValueError as error:
            raise InvalidScheduleError(f"Invalid Schedule Expression {expression}.") from error
        return f"at({there.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"
    if CRON.fullmatch(expression) and zone != "UTC":
        raise InvalidScheduleError(f"The local cloud reads {expression} in UTC only, not in {zone}.")
    if not (CRON.fullmatch(expression) or RATE.fullmatch(expression)):
        raise InvalidScheduleError(f"Invalid Schedule Expression {expression}.")
    return expression


def end_with_parent() -> None:
    """Wait for the end of standard input, the end of whoever started us; then end the whole group."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
