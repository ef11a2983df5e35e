"""Keep dead letters without their words in sight, and call a person."""

from typing import Any

from allhours.aws.consumers import park_batch


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Park a batch."""
    return park_batch(event)
