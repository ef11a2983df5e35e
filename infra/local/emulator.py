"""Start, watch and stop the local AWS emulator.

    with Emulator.start(state=Path(".local/cloud")) as emulator:
        environ.update(emulator.environment())

It listens on loopback, enforces IAM, inherits nothing of our environment and leaves no process behind, even
when we are killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import boto3

if TYPE_CHECKING:
    from types import TracebackType

FOLDER = Path(__file__).resolve().parents[2]
PYTHON = FOLDER / ".venv-cloud" / "bin" / "python"
REGION = "us-east-1"
READY_WITHIN_SECONDS = 60  # half a second as a rule; a busy machine takes longer
STOPPED_WITHIN_SECONDS = 10


class EmulatorError(Exception):
    """Say why the emulator did not start, with the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator: where it listens, where it keeps its things."""

    endpoint: str
    state: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, *, state: Path, port: int = 0, calls_through: str | None = None, keep: bool = False
    ) -> Self:
        """Start one and wait until it answers; `port` 0 takes a free one.

        Functions call AWS at `calls_through` (a fault proxy) when given. `keep` brings back what was there
        when the last one on this `state` was stopped. Raises `EmulatorError`.
        """
        state, port = state.resolve(), port or free_port()
        endpoint = f"http://127.0.0.1:{port}"
        if not PYTHON.exists():
            raise EmulatorError("there is no .venv-cloud; run `make setup`")
        shutil.rmtree(state / "tmp", ignore_errors=True)
        (state / "tmp").mkdir(parents=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(state),
            "TMPDIR": str(state / "tmp"),
            "LANG": "C.UTF-8",
            "AUTH": "true",  # IAM is enforced
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "AWS_ENDPOINT_URL": calls_through or endpoint,
        }
        if keep:
            environment |= {"PERSIST_STATE": "1", "STATE_DIR": str(state / "kept"), "S3_PERSIST": "1"}
            environment |= {"S3_DATA_DIR": str(state / "kept" / "s3")}
        with (state / "emulator.log").open("wb") as log:
            process = subprocess.Popen(
                [PYTHON, "-I", FOLDER / "infra" / "local" / "cloud.py"],
                env=environment,
                stdin=subprocess.PIPE,  # it ends when this pipe does, so also when we are killed
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        emulator = cls(endpoint=endpoint, state=state, process=process)
        try:
            emulator.wait_until_ready()
        except BaseException:
            emulator.stop()
            raise
        return emulator

    def healthy(self) -> bool:
        """Tell whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def wait_until_ready(self) -> None:
        """Return once it answers; raise `EmulatorError` when it ends or stays silent."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                last = (self.state / "emulator.log").read_text(errors="replace").strip().splitlines()[-5:]
                raise EmulatorError("\n".join([f"the emulator did not start at {self.endpoint}", *last]))
            time.sleep(0.05)

    def environment(self, aws_account_id: str = "test") -> dict[str, str]:
        """Give the variables that point an AWS client at it, as root of that AWS account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": aws_account_id,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def session(self, aws_account_id: str = "test") -> boto3.Session:
        """Give a session as root of that AWS account; its clients need `endpoint_url=emulator.endpoint`."""
        return boto3.Session(
            aws_access_key_id=aws_account_id, aws_secret_access_key="test", region_name=REGION
        )

    def stop(self) -> None:
        """End it and every function it runs; what it unpacked goes too."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPPED_WITHIN_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        shutil.rmtree(self.state / "tmp", ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
