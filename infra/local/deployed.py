"""A deployed Allhours seen from outside: its queues, table, functions and log, and nothing of its inside."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from botocore.config import Config
from botocore.exceptions import ClientError

from allhours.aws.packed import unpacked
from infra.local.emulator import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from infra.local.emulator import Emulator

STAGE = "local"
PARAMETERS = {"Stage": STAGE, "DeletionProtection": "false"}
ONE_TRY = Config(retries={"total_max_attempts": 1}, read_timeout=60, max_pool_connections=30)


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The stack's outputs and clients for what they name."""

    emulator: Emulator
    outputs: Mapping[str, str]
    aws_account_id: str = "test"
    _inboxes: dict[str, str] = field(default_factory=dict[str, str])

    def _client(self, service: str) -> Any:  # noqa: ANN401 - the properties below say which
        session = self.emulator.session(self.aws_account_id)
        return session.client(service, endpoint_url=self.emulator.endpoint, config=ONE_TRY)  # type: ignore[call-overload] # one of many names

    @cached_property
    def sqs(self) -> SQSClient:
        """Return the queues."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def sns(self) -> SNSClient:
        """Return the topics."""
        client: SNSClient = self._client("sns")
        return client

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """Return the tables."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def functions(self) -> LambdaClient:
        """Return the functions."""
        client: LambdaClient = self._client("lambda")
        return client

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """Return the logs."""
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @cached_property
    def _secrets(self) -> SecretsManagerClient:
        client: SecretsManagerClient = self._client("secretsmanager")
        return client

    @cached_property
    def _cloudformation(self) -> CloudFormationClient:
        client: CloudFormationClient = self._client("cloudformation")
        return client

    def keep_secrets(self, secrets: Mapping[str, Mapping[str, str]]) -> None:
        """Put secrets where the functions of this stage read them, by name behind the prefix."""
        for name, fields in secrets.items():
            whole, text = f"allhours/{STAGE}/{name}", json.dumps(dict(fields))
            try:
                self._secrets.create_secret(Name=whole, SecretString=text)
            except self._secrets.exceptions.ResourceExistsException:
                self._secrets.put_secret_value(SecretId=whole, SecretString=text)

    def secret(self, name: str) -> dict[str, str]:
        """Return a secret's fields, by its name behind the prefix."""
        found = self._secrets.get_secret_value(SecretId=f"allhours/{STAGE}/{name}")
        fields: dict[str, str] = json.loads(found["SecretString"])
        return fields

    def webhook(self, network: str) -> str:
        """Return the address to give to a network."""
        return self.reachable(f"{self.outputs['PublicUrl']}/webhooks/{network}")

    def reachable(self, link: str) -> str:
        """Return a public address as it is reached here, by its path: the emulator's host names need DNS."""
        asked = urlsplit(link)
        return f"{self.public_api}{urlunsplit(('', '', asked.path, asked.query, ''))}"

    @property
    def public_api(self) -> str:
        """Return where the HTTP API begins here, without a last slash."""
        api = urlsplit(self.outputs["PublicUrl"]).netloc.partition(".")[0]
        return f"{self.emulator.endpoint}/_aws/execute-api/{api}/$default"

    def inbox(self, unit: str) -> str:
        """Return the address of a unit's inbox; a unit that the template does not nest gets its own stack."""
        nested = f"Inbox{''.join(word.capitalize() for word in unit.split('_'))}Url"
        if nested in self.outputs:
            return self.outputs[nested]
        if unit not in self._inboxes:
            self._inboxes[unit] = self._own_inbox(unit)
        return self._inboxes[unit]

    def _own_inbox(self, unit: str) -> str:
        stack = f"inbox-{unit.replace('_', '-')}"
        self._cloudformation.create_stack(
            StackName=stack,
            TemplateBody=(FOLDER / "infra" / "account.yaml").read_text(encoding="utf-8"),
            Parameters=[
                {"ParameterKey": "Unit", "ParameterValue": unit},
                {"ParameterKey": "Stage", "ParameterValue": STAGE},
                {"ParameterKey": "EventsTopicArn", "ParameterValue": self.outputs["EventsTopicArn"]},
            ],
        )
        self._cloudformation.get_waiter("stack_create_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        made = self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        return next(row["OutputValue"] for row in made if row["OutputKey"] == "QueueUrl")

    def subscribed_queue(
        self, topic_arn: str, name: str, filter_policy: Mapping[str, object] | None = None
    ) -> str:
        """Make a queue that gets what the topic publishes, as it is; return its address."""
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        attributes = {"RawMessageDelivery": "true"}
        if filter_policy:
            attributes["FilterPolicy"] = json.dumps(filter_policy)
        self.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return url

    def received(self, url: str, *, wait: int = 0) -> list[dict[str, Any]]:
        """Take up to ten bodies off a queue; `wait` in seconds."""
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        found = answer.get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def invoke(self, function: str, event: Mapping[str, object]) -> str:
        """Call a function by its name in the template; return what it failed with, "" when it did not.

        One that is at its limit of concurrent runs is at work already.
        """
        try:
            answer = self.functions.invoke(
                FunctionName=self.outputs[f"{function}Function"], Payload=json.dumps(event).encode()
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "TooManyRequestsException":
                return ""
            raise
        body = answer["Payload"].read().decode()
        return str(json.loads(body).get("errorMessage", body)) if answer.get("FunctionError") else ""

    def poll(self, network: str, do: str = "poll") -> str:
        """Do now what the network's schedule does each minute; return what it failed with."""
        return self.invoke(f"Ingest{network.capitalize()}", {"do": do})

    def rows(self) -> list[dict[str, Any]]:
        """Read the whole table."""
        found: list[dict[str, Any]] = []
        for page in self.dynamodb.get_paginator("scan").paginate(
            TableName=self.outputs["RecordsTable"], ConsistentRead=True
        ):
            found += map(unpacked, page["Items"])
        return found

    def waiting(self, output: str) -> int:
        """Count what is in a queue, in flight included."""
        counts = self.sqs.get_queue_attributes(
            QueueUrl=self.outputs[output],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return sum(int(count) for count in counts.values())

    def lines(self, *, since_ms: int = 0) -> Iterator[tuple[str, int, str]]:
        """Yield (a name of its own, milliseconds, line) for everything the functions logged since then."""
        for page in self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.outputs["LogGroup"], startTime=since_ms
        ):
            for event in page["events"]:
                at, line = event["timestamp"], event["message"]
                yield f"{event['logStreamName']} {at} {line}", at, line


def polled_networks(deployed: Deployed, networks: Sequence[str]) -> list[str]:
    """List those of the networks that this stack reads."""
    return [name for name in networks if f"Ingest{name.capitalize()}Function" in deployed.outputs]


def until(deadline_seconds: float) -> Iterator[float]:
    """Yield the seconds left, with a short pause between, until none are."""
    ends = time.monotonic() + deadline_seconds
    while (left := ends - time.monotonic()) > 0:
        yield left
        time.sleep(0.05)
