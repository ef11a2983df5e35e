"""The settings a function is given by the template; a missing one is named at once."""

from __future__ import annotations

import os

from allhours.domain.errors import BadInput


def setting(name: str) -> str:
    """Return an environment variable of this function, or say which the template forgot."""
    value = os.environ.get(name)
    if value is None:
        message = f"the setting {name} is missing: the function's Environment in template.yaml must give it"
        raise BadInput(message)
    return value


def stage() -> str:
    """Return the stage that this stack is, `dev` or `prod`."""
    return setting("STAGE")


def records_table() -> str:
    """Return the name of the table of items, cases, cursors and pages."""
    return setting("RECORDS_TABLE")


def common_queue_url() -> str:
    """Return the address of the common queue."""
    return setting("COMMON_QUEUE_URL")


def replies_queue_url() -> str:
    """Return the address of the queue of replies."""
    return setting("REPLIES_QUEUE_URL")


def events_topic_arn() -> str:
    """Return the topic of case events."""
    return setting("EVENTS_TOPIC_ARN")


def pages_topic_arn() -> str:
    """Return the topic of pages."""
    return setting("PAGES_TOPIC_ARN")


def webhook_deliveries_url() -> str:
    """Return the address of the queue of deliveries to webhooks."""
    return setting("WEBHOOK_DELIVERIES_URL")


def webhook_dead_letters_url() -> str:
    """Return the address of the queue of deliveries that failed for good."""
    return setting("WEBHOOK_DEAD_LETTERS_URL")


def secrets_prefix() -> str:
    """Return what every secret's name starts with, e.g. `allhours/prod/`."""
    return setting("SECRETS_PREFIX")


def public_url() -> str:
    """Return where the HTTP API is, e.g. `https://abc.execute-api.eu-west-1.amazonaws.com`."""
    return setting("PUBLIC_URL").rstrip("/")


def statement_key() -> str:
    """Return the alias of the key that signs what we say about ourselves."""
    return setting("STATEMENT_KEY")


def oidc_issuer() -> str:
    """Return who signs members in at the desk; "" while nobody does, and the desk is closed."""
    return setting("OIDC_ISSUER")


def oidc_client_id() -> str:
    """Return what the desk's page is called there."""
    return setting("OIDC_CLIENT_ID")


def oidc_origins() -> tuple[str, ...]:
    """Return where the page may sign in beside the issuer's own address."""
    return tuple(setting("OIDC_ORIGINS").split())
