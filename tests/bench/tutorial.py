"""The peer: a router as tutorials for Powertools write it.

A batch processor, idempotency in DynamoDB, a pydantic model, then one call after the other: get the case,
put the item, update the case, put it into the inbox, send a message; three log lines. No guard, no rules.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord  # noqa: TC002 - Powertools reads it
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from pydantic import BaseModel

logger = Logger()
dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")
processor = BatchProcessor(event_type=EventType.SQS)
config = IdempotencyConfig(event_key_jmespath="messageId")
persistence = DynamoDBPersistenceLayer(table_name="idempotency", boto3_client=dynamodb)
INBOX_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/inbox.fifo"


class Author(BaseModel):
    """Who wrote it."""

    id: str
    handle: str = ""
    name: str = ""


class Post(BaseModel):
    """What the queue carries."""

    network: str
    id: str
    account: str
    handle: str
    conversation_id: str
    author: Author
    created_at: datetime
    kind: str
    text: str = ""
    language: str = ""
    permalink: str = ""


@idempotent_function(data_keyword_argument="record", config=config, persistence_store=persistence)  # type: ignore[untyped-decorator]
def record_handler(record: SQSRecord) -> dict[str, str]:
    """Store one post and hand it on."""
    post = Post.model_validate_json(record.body)
    logger.info("processing post", extra={"post_id": post.id, "network": post.network})
    case_id = f"{post.network}#{post.conversation_id}"
    case = dynamodb.get_item(TableName="cases", Key={"id": {"S": case_id}}).get("Item")
    dynamodb.put_item(
        TableName="items",
        Item={
            "id": {"S": f"{post.network}#{post.id}"},
            "case_id": {"S": case_id},
            "post": {"S": record.body},
        },
    )
    dynamodb.update_item(
        TableName="cases",
        Key={"id": {"S": case_id}},
        UpdateExpression="SET unit = :unit, updated_at = :at ADD items :one",
        ExpressionAttributeValues={
            ":unit": {"S": post.account},
            ":at": {"S": post.created_at.isoformat()},
            ":one": {"N": "1"},
        },
    )
    logger.info("case updated", extra={"case_id": case_id, "new": case is None})
    dynamodb.put_item(
        TableName="inboxes",
        Item={
            "id": {"S": f"{post.account}#{post.id}"},
            "case_id": {"S": case_id},
            "at": {"S": post.created_at.isoformat()},
        },
    )
    sqs.send_message(
        QueueUrl=INBOX_URL,
        MessageBody=record.body,
        MessageGroupId=case_id[:128],
        MessageDeduplicationId=post.id[:128],
    )
    logger.info("post routed", extra={"post_id": post.id, "case_id": case_id, "unit": post.account})
    return {"case_id": case_id}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    """Process a batch."""
    config.register_lambda_context(context)
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )


class Poller:
    """The peer of the poll, in the published style: one page, newest first, the cursor saved in `finally`."""

    def __init__(self, search: Any, queue_url: str) -> None:
        self._search = search
        self._queue_url = queue_url

    def poll(self) -> None:
        """Search once for what is newer than the checkpoint and send it on in tens."""
        row = dynamodb.get_item(TableName="checkpoint", Key={"id": {"S": "checkpoint"}}).get("Item")
        since = newest = row["since_id"]["S"] if row else ""
        buffer: list[dict[str, str]] = []
        try:
            for post_id, body in self._search(since):
                newest = max(newest, post_id, key=int) if newest else post_id
                buffer.append({"Id": str(len(buffer)), "MessageBody": body})
                if len(buffer) == 10:
                    sqs.send_message_batch(QueueUrl=self._queue_url, Entries=buffer)  # type: ignore[arg-type]
                    buffer = []
            if buffer:
                sqs.send_message_batch(QueueUrl=self._queue_url, Entries=buffer)  # type: ignore[arg-type]
        finally:
            if newest:
                dynamodb.put_item(
                    TableName="checkpoint", Item={"id": {"S": "checkpoint"}, "since_id": {"S": newest}}
                )
