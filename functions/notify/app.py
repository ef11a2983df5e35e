"""Tell other systems' webhooks what happened to cases."""

from typing import Any

from allhours.aws.notify import notify_batch


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take a batch of events or deliveries; the answer names the messages that are to come again."""
    return notify_batch(event)
