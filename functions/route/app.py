"""Send each item on the common queue to the unit that owns it."""

from typing import Any

from allhours.aws.consumers import route_batch


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Route a batch; the answer names the messages that are to come again."""
    return route_batch(event)
