"""Which adapter answers which port, once per warm function; a function pays at its start only for its own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from allhours.aws import settings

if TYPE_CHECKING:
    from allhours.aws.authors import DynamoAuthors
    from allhours.aws.cursors import DynamoCursors
    from allhours.aws.dead_letters import DynamoDeadLetters
    from allhours.aws.item_queue import SqsItemQueue
    from allhours.aws.pages import DynamoPages
    from allhours.aws.records import DynamoRecords
    from allhours.aws.secrets import SecretsManagerCredentials
    from allhours.aws.topics import SnsPager, SnsTopic
    from allhours.domain.decision import Router


@cache
def credentials() -> SecretsManagerCredentials:
    """Return the secrets."""
    from allhours.aws.secrets import SecretsManagerCredentials

    return SecretsManagerCredentials(settings.secrets_prefix(), settings.records_table())


@cache
def cursors() -> DynamoCursors:
    """Return the cursors."""
    from allhours.aws.cursors import DynamoCursors

    return DynamoCursors(settings.records_table())


@cache
def item_queue() -> SqsItemQueue:
    """Return the common queue."""
    from allhours.aws.item_queue import SqsItemQueue

    return SqsItemQueue(settings.common_queue_url())


@cache
def records() -> DynamoRecords:
    """Return the items and cases."""
    from allhours.aws.organisation import organisation
    from allhours.aws.records import DynamoRecords

    return DynamoRecords(settings.records_table(), organisation().retention)


@cache
def pages() -> DynamoPages:
    """Return the outbox of pages."""
    from allhours.aws.pages import DynamoPages

    return DynamoPages(settings.records_table())


@cache
def authors() -> DynamoAuthors:
    """Return what look-ups told of authors."""
    from allhours.aws.authors import DynamoAuthors

    return DynamoAuthors(settings.records_table())


@cache
def dead_letters() -> DynamoDeadLetters:
    """Return what could not be handled."""
    from allhours.aws.dead_letters import DynamoDeadLetters

    return DynamoDeadLetters(settings.records_table())


@cache
def topic() -> SnsTopic:
    """Return the topic of case events."""
    from allhours.aws.topics import SnsTopic

    return SnsTopic(settings.events_topic_arn())


@cache
def pager() -> SnsPager:
    """Return the on-call topic."""
    from allhours.aws.topics import SnsPager

    return SnsPager(settings.pages_topic_arn())


@cache
def router() -> Router:
    """Return what decides."""
    from allhours.aws.organisation import organisation
    from allhours.domain.decision import Router

    return Router(organisation())
