"""A deployed stack, for the people who run it: its parts by name, through their own AWS credentials."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from allhours.aws.clients import CONFIG, code_of, dynamodb, sns, sqs
from allhours.aws.connections import DynamoConnections
from allhours.aws.cursors import DynamoCursors
from allhours.aws.dead_letters import DynamoDeadLetters
from allhours.aws.gaps import DynamoGaps
from allhours.aws.item_queue import SqsItemQueue
from allhours.aws.link_serials import DynamoLinkSerials
from allhours.aws.open_cases import DynamoOpenCases
from allhours.aws.packed import unpacked
from allhours.aws.pages import DynamoPages
from allhours.aws.reach import DynamoReaches
from allhours.aws.records import DynamoRecords, events_of
from allhours.aws.rota_changes import DynamoRotaChanges
from allhours.aws.secrets import SecretsManagerCredentials
from allhours.aws.spendings import DynamoSpendings
from allhours.aws.topics import SnsTopic
from allhours.aws.webhooks import DynamoWebhooks, SqsDeliveries
from allhours.domain.case import case_from_json
from allhours.domain.errors import BadInput
from allhours.domain.event import case_event
from allhours.domain.reply import reply_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from allhours.domain.case import Case
    from allhours.domain.reply import Reply


@dataclass(frozen=True)
class Stack:
    """One deployed Allhours."""

    name: str
    stage: str
    outputs: Mapping[str, str]

    @staticmethod
    def named(name: str) -> Stack:
        """Find a stack by its name; `BadInput` says what to look at when it cannot be found."""
        look_at = "check --stack, AWS_PROFILE and AWS_REGION"
        try:
            found = boto3.client("cloudformation", config=CONFIG).describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            message = f"no stack {name!r} is to be seen ({code_of(error)}): {look_at}"
            raise BadInput(message) from None
        except BotoCoreError as error:
            message = f"AWS cannot be asked ({type(error).__name__}): {look_at}"
            raise BadInput(message) from None
        given = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        return Stack(name, given.get("Stage", ""), outputs)

    @property
    def table(self) -> str:
        """Return the records table's name."""
        return self.output("RecordsTable")

    def output(self, name: str) -> str:
        """Return an output; `BadInput` when the stack is not one of ours."""
        try:
            return self.outputs[name]
        except KeyError:
            message = f"stack {self.name!r} has no output {name}: is it an Allhours stack?"
            raise BadInput(message) from None

    def records(self, retention: timedelta) -> DynamoRecords:
        """Return its items and cases."""
        return DynamoRecords(self.table, retention)

    @cached_property
    def cursors(self) -> DynamoCursors:
        """Return where reading stands."""
        return DynamoCursors(self.table)

    @cached_property
    def open_cases(self) -> DynamoOpenCases:
        """Return each unit's open cases."""
        return DynamoOpenCases(self.table)

    @cached_property
    def pages(self) -> DynamoPages:
        """Return its outbox of pages."""
        return DynamoPages(self.table)

    @cached_property
    def reaches(self) -> DynamoReaches:
        """Return whom test pages reached."""
        return DynamoReaches(self.table)

    def sms_limit(self) -> float:
        """Return how many US dollars SMS may cost a month in this AWS account; 1 is what AWS begins with."""
        told = sns().get_sms_attributes(attributes=["MonthlySpendLimit"]).get("attributes", {})
        return float(told.get("MonthlySpendLimit") or 1)

    def phones(self) -> int:
        """Return how many phones are subscribed to pages by SMS."""
        pages = (
            sns().get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self.output("PagesTopicArn"))
        )
        return sum(one["Protocol"] == "sms" for page in pages for one in page["Subscriptions"])

    @cached_property
    def dead_letters(self) -> DynamoDeadLetters:
        """Return what could not be handled."""
        return DynamoDeadLetters(self.table)

    @cached_property
    def rota_changes(self) -> DynamoRotaChanges:
        """Return what changes by the hour."""
        return DynamoRotaChanges(self.table)

    @cached_property
    def link_serials(self) -> DynamoLinkSerials:
        """Return which links still hold."""
        return DynamoLinkSerials(self.table)

    @cached_property
    def gaps(self) -> DynamoGaps:
        """Return the holes in the rota that are on record."""
        return DynamoGaps(self.table)

    @cached_property
    def connections(self) -> DynamoConnections:
        """Return how each handle's connection was."""
        return DynamoConnections(self.table)

    @cached_property
    def spendings(self) -> DynamoSpendings:
        """Return what paid reads and quota units have cost."""
        return DynamoSpendings(self.table)

    @cached_property
    def queue(self) -> SqsItemQueue:
        """Return the common queue."""
        return SqsItemQueue(self.output("CommonQueueUrl"))

    @cached_property
    def topic(self) -> SnsTopic:
        """Return the topic of case events."""
        return SnsTopic(self.output("EventsTopicArn"))

    @cached_property
    def deliveries(self) -> SqsDeliveries:
        """Return the deliveries to webhooks, and their dead letters."""
        return SqsDeliveries(self.output("WebhookDeliveriesUrl"), self.output("WebhookDeadLettersUrl"))

    @cached_property
    def webhooks(self) -> DynamoWebhooks:
        """Return which webhooks are switched off."""
        return DynamoWebhooks(self.table)

    @cached_property
    def credentials(self) -> SecretsManagerCredentials:
        """Return its secrets."""
        return SecretsManagerCredentials(f"allhours/{self.stage}/", self.table)

    def waiting(self, output: str) -> int:
        """Return about how many messages wait in one of its queues."""
        told = sqs().get_queue_attributes(
            QueueUrl=self.output(output),
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return sum(map(int, told.values()))

    def subscribers(self, output: str) -> int:
        """Return how many confirmed subscriptions a topic has."""
        told = sns().get_topic_attributes(TopicArn=self.output(output))["Attributes"]
        return int(told.get("SubscriptionsConfirmed", "0"))

    def events_since(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Yield every case event since an instant, from the whole table: for repairs, not for every day."""
        pages = (
            dynamodb()
            .get_paginator("scan")
            .paginate(TableName=self.table, FilterExpression="attribute_exists(event)", ConsistentRead=True)
        )
        for page in pages:
            for row in map(unpacked, page["Items"]):
                item = json.loads(row["item"]["S"])
                for told in map(json.loads, events_of(row)):
                    if told["at"] >= since.isoformat(timespec="milliseconds"):
                        yield case_event(told, item, row.get("in_case", {}).get("S", ""))

    def arrivals(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
        """Yield when each case in [since, until) was opened, and its unit, from the whole table: to plan."""
        for case in self.cases():
            if since <= case.opened_at < until:
                yield case.opened_at, case.unit

    def replies(self, since: datetime) -> Iterator[Reply]:
        """Yield every reply that was let go since an instant, from the whole table: to report."""
        pages = (
            dynamodb()
            .get_paginator("scan")
            .paginate(
                TableName=self.table,
                FilterExpression="begins_with(#key, :reply) AND list_at >= :since",
                ProjectionExpression="reply",
                ExpressionAttributeNames={"#key": "key"},
                ExpressionAttributeValues={":reply": {"S": "REPLY#"}, ":since": {"S": since.isoformat()}},
            )
        )
        for page in pages:
            for row in page["Items"]:
                yield reply_from_json(json.loads(row["reply"]["S"]))

    def cases(self) -> Iterator[Case]:
        """Yield every case on record, earlier ones of a conversation too, from the whole table."""
        pages = (
            dynamodb()
            .get_paginator("scan")
            .paginate(
                TableName=self.table,
                FilterExpression="begins_with(#key, :now) OR begins_with(#key, :before)",
                ProjectionExpression="#case",
                ExpressionAttributeNames={"#key": "key", "#case": "case"},
                ExpressionAttributeValues={":now": {"S": "CASE#"}, ":before": {"S": "OLD#"}},
            )
        )
        for page in pages:
            for row in map(unpacked, page["Items"]):
                yield case_from_json(json.loads(row["case"]["S"]))
