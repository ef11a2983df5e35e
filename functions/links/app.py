"""Open a link: acknowledge a page, see and change one's own shifts, read a calendar."""

from typing import Any

from allhours.aws.links import open_link


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return open_link(event)
