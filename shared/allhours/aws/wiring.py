"""Which adapter answers which port, once per warm function."""

from __future__ import annotations

from functools import cache

from allhours.aws import settings
from allhours.aws.cursors import DynamoCursors
from allhours.aws.item_queue import SqsItemQueue
from allhours.aws.organisation import organisation
from allhours.aws.records import DynamoAuthors, DynamoDeadLetters, DynamoPages, DynamoRecords
from allhours.aws.secrets import SecretsManagerCredentials
from allhours.aws.topics import SnsPager, SnsTopic
from allhours.domain.decision import Router


@cache
def credentials() -> SecretsManagerCredentials:
    """Return the secrets."""
    return SecretsManagerCredentials(settings.secrets_prefix(), settings.records_table())


@cache
def cursors() -> DynamoCursors:
    """Return the cursors."""
    return DynamoCursors(settings.records_table())


@cache
def item_queue() -> SqsItemQueue:
    """Return the common queue."""
    return SqsItemQueue(settings.common_queue_url())


@cache
def records() -> DynamoRecords:
    """Return the items and cases."""
    return DynamoRecords(settings.records_table(), organisation().retention)


@cache
def pages() -> DynamoPages:
    """Return the outbox of pages."""
    return DynamoPages(settings.records_table())


@cache
def authors() -> DynamoAuthors:
    """Return what look-ups told of authors."""
    return DynamoAuthors(settings.records_table())


@cache
def dead_letters() -> DynamoDeadLetters:
    """Return what could not be handled."""
    return DynamoDeadLetters(settings.records_table())


@cache
def topic() -> SnsTopic:
    """Return the topic of case events."""
    return SnsTopic(settings.events_topic_arn())


@cache
def pager() -> SnsPager:
    """Return the on-call topic."""
    return SnsPager(settings.pages_topic_arn())


@cache
def router() -> Router:
    """Return what decides."""
    return Router(organisation())
