"""Accounts: tell anybody which handles are the bank's, in words and signed."""

from typing import Any

from allhours.aws.accounts import publish


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return publish(event)
