"""AWS list prices for us-east-1 in US dollars, read in 2026, and what each service counts."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
SQS_CHUNK = 64 * KIB  # bytes billed as one request; SNS counts the same way


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One line of a price list: dollars for a million of the unit."""

    dollars: float
    unit: str
    source: str


LAMBDA_REQUEST = Price(dollars=0.20, unit="requests", source="aws.amazon.com/lambda/pricing")
LAMBDA_ARM = Price(dollars=13.3334, unit="GB-seconds on arm64", source="aws.amazon.com/lambda/pricing")
LAMBDA_X86 = Price(dollars=16.6667, unit="GB-seconds on x86", source="aws.amazon.com/lambda/pricing")
SQS_STANDARD = Price(dollars=0.40, unit="requests of 64 KiB", source="aws.amazon.com/sqs/pricing")
SQS_FIFO = Price(dollars=0.50, unit="requests of 64 KiB, FIFO", source="aws.amazon.com/sqs/pricing")
SNS_PUBLISH = Price(
    dollars=0.50, unit="published 64 KiB, a batch as one", source="aws.amazon.com/sns/pricing"
)
DYNAMODB_WRITE = Price(
    dollars=0.625, unit="write units of 1 KB", source="aws.amazon.com/dynamodb/pricing/on-demand"
)
DYNAMODB_READ = Price(
    dollars=0.125, unit="read units of 4 KB", source="aws.amazon.com/dynamodb/pricing/on-demand"
)
LOGS = Price(dollars=0.50, unit="KB of log lines ($0.50 a GB)", source="aws.amazon.com/cloudwatch/pricing")

ALL = (
    LAMBDA_REQUEST,
    LAMBDA_ARM,
    LAMBDA_X86,
    SQS_STANDARD,
    SQS_FIFO,
    SNS_PUBLISH,
    DYNAMODB_WRITE,
    DYNAMODB_READ,
    LOGS,
)
