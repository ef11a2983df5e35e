"""Forward what the records table's stream brings: case events to the inboxes, pages to people."""

from typing import Any

from allhours.aws.outbox import forward_batch


def handler(event: dict[str, Any], _context: object) -> None:
    """Forward a batch; an error brings all of it again."""
    forward_batch(event)
