"""The desk: its page, and the API behind it."""

from typing import Any

from allhours.aws.desk_api.api import answered


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return answered(event)
