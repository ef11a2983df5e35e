"""An installation to measure: the example organisation compiled, settings as in template.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]
MADE = HOME / ".local" / "bench"  # `make clean` takes it away
ORGANISATION = HOME / "infra" / "organisation" / "acme.yaml"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/common"
REPLIES_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/replies.fifo"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "STAGE": "bench",
    "RECORDS_TABLE": "records",
    "COMMON_QUEUE_URL": QUEUE_URL,
    "REPLIES_QUEUE_URL": REPLIES_URL,
    "OIDC_ISSUER": "https://sign-in.bench",
    "OIDC_CLIENT_ID": "desk",
    "OIDC_ORIGINS": "",
    "EVENTS_TOPIC_ARN": "arn:aws:sns:eu-west-1:111122223333:events",
    "PAGES_TOPIC_ARN": "arn:aws:sns:eu-west-1:111122223333:pages",
    "PUBLIC_URL": "https://api.bench",
    "SECRETS_PREFIX": "allhours/bench/",
    "POWERTOOLS_SERVICE_NAME": "allhours-bench",
    "POWERTOOLS_METRICS_NAMESPACE": "Allhours",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}
SECRETS = {
    "allhours/bench/x/app": {"consumer_secret": "invented consumer secret"},
    "allhours/bench/facebook/app": {"app_secret": "invented app secret", "verify_token": "invented"},
    "allhours/bench/x/acmebank": {"access_token": "invented token", "scope": "tweet.read users.read"},
}


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler of the invocation."""

    function_name: str = "bench"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:111122223333:function:bench"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Return all the time there is."""
        return 50_000


INVOCATION: Any = Context()  # not Lambda's own class; it has what handlers read


def environment(organisation: Path) -> dict[str, str]:
    """Return the environment of a process of ours; bytecode is kept, as a layer brings it."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    path = os.pathsep.join(map(str, (HOME, HOME / "shared", organisation)))
    return {**kept, **SETTINGS, "PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(MADE / "bytecode")}


def compile_organisation() -> Path:
    """Compile the example organisation; return the folder of its package."""
    folder = MADE / "organisation"
    command = [sys.executable, "-m", "allhours.cli", "compile", str(ORGANISATION), "-o", str(folder)]
    subprocess.run(command, check=True, env=environment(folder), stdout=subprocess.DEVNULL)
    return folder


def with_one_handle(organisation: Path, network: str, account: str) -> Path:
    """Return a copy of the compiled organisation that keeps a single handle of one account."""
    compiled = json.loads((organisation / "allhours_organisation" / "organisation.json").read_text("utf-8"))
    for each in compiled["accounts"]:
        there = [handle for handle in each["handles"] if handle["network"] == network]
        each["handles"] = [{**there[0], "listen": []}] if each["id"] == account else []
    folder = MADE / "one_handle"
    package = folder / "allhours_organisation"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("", "utf-8")
    (package / "organisation.json").write_text(json.dumps(compiled), "utf-8")
    return folder


def sqs_event(bodies: list[str]) -> dict[str, Any]:
    """Return the event that Lambda makes of messages on a queue."""
    return {
        "Records": [
            {
                "messageId": f"{hash(body) & (1 << 64) - 1:020d}-{place}",
                "receiptHandle": "invented",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:common",
                "awsRegion": "eu-west-1",
            }
            for place, body in enumerate(bodies)
        ]
    }


def stream_event(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the event that the table's stream brings of rows that template.yaml's filter lets through."""
    told = [row for row in rows if "event" in row or ("page" in row and "list" in row) or _is_ready(row)]
    return {"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": row}} for row in told]}


def _is_ready(row: dict[str, Any]) -> bool:
    return bool(row.get("st") == {"S": "ready"})
