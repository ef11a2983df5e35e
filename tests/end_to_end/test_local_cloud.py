"""What we lean on in the emulator and what deploy.py sets again: to keep green when its pin moves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from infra.local.deploy import deploy
from infra.local.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

    from infra.local.faults import FaultProxy

ROOT = Path(__file__).parents[2]
SMALL = Path(__file__).parent / "fixtures" / "small" / "template.yaml"
AWS_ACCOUNT_ID = "111122223333"
TEXT = 'two words, a "quote", and {"json": [1]}'


@pytest.fixture(scope="module")
def outputs(emulator: Emulator) -> dict[str, str]:
    parameters = {"Text": TEXT, "Reserved": "4"}
    return deploy(
        emulator, template=SMALL, stack="small", parameters=parameters, aws_account_id=AWS_ACCOUNT_ID
    )


@pytest.fixture
def functions(emulator: Emulator) -> LambdaClient:
    return emulator.session(AWS_ACCOUNT_ID).client("lambda", endpoint_url=emulator.endpoint)


@pytest.fixture
def queues(emulator: Emulator) -> SQSClient:
    return emulator.session(AWS_ACCOUNT_ID).client("sqs", endpoint_url=emulator.endpoint)


def invoke(functions: LambdaClient, name: str, word: str) -> tuple[str | None, str]:
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({"word": word}))
    return answer.get("FunctionError"), answer["Payload"].read().decode()


def arrived(queues: SQSClient, url: str, word: str, times: int = 1, within: float = 20) -> bool:
    """Tell whether a word comes so many times; what other tests sent is passed over."""
    deadline = time.monotonic() + within
    while times and time.monotonic() < deadline:
        for record in queues.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            queues.delete_message(QueueUrl=url, ReceiptHandle=record["ReceiptHandle"])
            times -= record["Body"] == word
    return not times


def wait_for(condition: Callable[[], bool], within: float = 20) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_parameter_arrives_whole(outputs: dict[str, str]) -> None:
    assert outputs["Text"] == TEXT


def test_rows_expire_as_the_template_says(emulator: Emulator, outputs: dict[str, str]) -> None:
    tables = emulator.session(AWS_ACCOUNT_ID).client("dynamodb", endpoint_url=emulator.endpoint)
    found = tables.describe_time_to_live(TableName=outputs["Table"])["TimeToLiveDescription"]
    assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_concurrency_is_reserved_as_the_parameter_says(
    functions: LambdaClient, outputs: dict[str, str]
) -> None:
    found = functions.get_function_concurrency(FunctionName=outputs["Echo"])
    assert found["ReservedConcurrentExecutions"] == 4


def test_a_function_sees_its_own_environment_on_the_template_s_python(
    functions: LambdaClient, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEELAS_SECRET", "x")
    error, answer = invoke(functions, outputs["Echo"], "environment")
    version, *names = json.loads(answer)
    assert error is None
    assert version == subprocess_version(ROOT / ".venv-cloud" / "bin" / "python")
    assert "QUEUE_URL" in names
    assert {"LEELAS_SECRET", "LOG_LEVEL", "PYTEST_CURRENT_TEST"}.isdisjoint(names)


def subprocess_version(python: Path) -> str:
    done = subprocess.run([python, "-V"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1].rpartition(".")[0]


def test_a_function_may_do_only_what_its_role_allows(
    functions: LambdaClient, outputs: dict[str, str]
) -> None:
    error, answer = invoke(functions, outputs["Echo"], "overreach")
    assert error
    assert "dynamodb:PutItem" in answer


def test_a_throttled_call_is_tried_again_by_the_function(
    functions: LambdaClient, queues: SQSClient, outputs: dict[str, str], faults: FaultProxy
) -> None:
    faults.throttle("sqs", "SendMessage", times=2)
    error, _ = invoke(functions, outputs["Echo"], "after two refusals")
    assert error is None
    assert faults.calls["sqs", "SendMessage"] == 3
    assert arrived(queues, outputs["Queue"], "after two refusals")


def test_a_lost_answer_means_that_it_was_done_and_is_done_again(
    functions: LambdaClient, queues: SQSClient, outputs: dict[str, str], faults: FaultProxy
) -> None:
    faults.lose_answer("sqs", "SendMessage")
    invoke(functions, outputs["Echo"], "twice")
    assert arrived(queues, outputs["Queue"], "twice", times=2)


def test_a_zoned_at_fires_at_its_own_hour_and_again_when_written_anew(
    emulator: Emulator, queues: SQSClient, outputs: dict[str, str]
) -> None:
    schedules = emulator.session(AWS_ACCOUNT_ID).client("scheduler", endpoint_url=emulator.endpoint)
    arn = queues.get_queue_attributes(QueueUrl=outputs["Queue"], AttributeNames=["QueueArn"])
    queue_arn, role_arn = arn["Attributes"]["QueueArn"], f"arn:aws:iam::{AWS_ACCOUNT_ID}:role/clock"
    madrid = datetime.now(UTC).astimezone(ZoneInfo("Europe/Madrid"))
    for word, write in (("first", schedules.create_schedule), ("second", schedules.update_schedule)):
        write(
            Name="handover",
            ScheduleExpression=f"at({madrid - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
            ScheduleExpressionTimezone="Europe/Madrid",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": queue_arn, "RoleArn": role_arn, "Input": word},
        )
        assert arrived(queues, outputs["Queue"], word)


def test_a_schedule_aws_would_refuse_is_refused(emulator: Emulator) -> None:
    schedules = emulator.session(AWS_ACCOUNT_ID).client("scheduler", endpoint_url=emulator.endpoint)
    with pytest.raises(schedules.exceptions.ValidationException, match="rate\\(30 seconds\\)"):
        schedules.create_schedule(
            Name="impatient",
            ScheduleExpression="rate(30 seconds)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:sqs:us-east-1:111122223333:q", "RoleArn": "arn:aws:iam::1:role/r"},
        )


def test_a_restart_brings_a_queued_item_back(tmp_path: Path) -> None:
    with Emulator.start(state=tmp_path, keep=True) as emulator:
        queues = emulator.session().client("sqs", endpoint_url=emulator.endpoint)
        url = queues.create_queue(QueueName="kept")["QueueUrl"]
        queues.send_message(QueueUrl=url, MessageBody="still here")
    port = int(emulator.endpoint.rpartition(":")[2])
    with Emulator.start(state=tmp_path, port=port, keep=True):
        assert arrived(queues, url, "still here")
    assert not (tmp_path / "tmp").exists()


def test_the_emulator_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from infra.local.emulator import Emulator\n"
        f"print(Emulator.start(state=Path({str(tmp_path)!r})).endpoint, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        port = int(parent.stdout.readline().rpartition(":")[2])
        os.kill(parent.pid, signal.SIGKILL)

    def gone() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return True
        return False

    assert wait_for(gone)
