"""One client a service, warm as long as the function; errors of AWS become ours at this edge."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from allhours.domain.errors import BadInput, Busy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from allhours.aws.statement_key import Kms

Client = TypeVar("Client")
CONFIG = Config(
    connect_timeout=2,  # seconds; the services are a rack away
    read_timeout=8,  # seconds; two tries fit in every function's time
    retries={"mode": "standard", "total_max_attempts": 3},
    parameter_validation=False,  # the services check as well; here it is a sixth of a call's processor time
    user_agent="allhours",  # botocore would put one together anew for every call, as dear as the validation
)

PASSING = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "ItemCollectionSizeLimitExceededException",
        "KMSThrottling",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


@cache
def dynamodb() -> DynamoDBClient:
    """Return the DynamoDB client, which knows its address.

    Botocore would work it out anew before every call, with a query into all that is written, lest a table of
    another account be among it; that takes nearly as long as to sign the call.
    """
    client = _awake(boto3.client("dynamodb", config=CONFIG))
    vars(client)["_ruleset_resolver"] = None  # as for a service without rules: `meta.endpoint_url` it is
    return client


@cache
def sqs() -> SQSClient:
    """Return the SQS client."""
    return _awake(boto3.client("sqs", config=CONFIG))


@cache
def sns() -> SNSClient:
    """Return the SNS client."""
    return _awake(boto3.client("sns", config=CONFIG))


@cache
def secretsmanager() -> SecretsManagerClient:
    """Return the Secrets Manager client."""
    return _awake(boto3.client("secretsmanager", config=CONFIG))


@cache
def kms() -> Kms:
    """Return the KMS client."""
    client: Kms = boto3.client("kms", config=CONFIG)
    return _awake(client)


def _awake(client: Client) -> Client:
    """Return the client; with the first the cold start is over, and garbage is looked for in what is new."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    return client


@contextmanager
def passing_trouble(doing: str) -> Iterator[None]:
    """Turn throttling, time-outs and lost connections into `Busy`.

    Anything else is a bug or a missing right and stays loud.
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) in PASSING:
            message = f"{doing}: {code_of(error)}"
            raise Busy(message) from error
        raise
    except BotoCoreError as error:
        message = f"{doing}: {type(error).__name__}"
        raise Busy(message) from error


@contextmanager
def refused_as_bad_input(doing: str) -> Iterator[None]:
    """Turn a refused parameter into `BadInput`: this one call is wrong, the next need not be."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in {"InvalidParameter", "InvalidParameterValue", "ValidationError"}:
            message = f"{doing}: {code_of(error)}"
            raise BadInput(message) from error
        raise


def code_of(error: ClientError) -> str:
    """Return the service's error code."""
    return error.response.get("Error", {}).get("Code", "")
