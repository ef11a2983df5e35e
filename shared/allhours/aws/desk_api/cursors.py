"""Cursors: where a list goes on. Opaque, and harmless when changed: a cursor is a place, never a permission.

What a list shows is decided anew from who asks and what for; a cursor only says where to begin in it.
"""

from __future__ import annotations

import base64
import binascii

from allhours.aws.desk_api.trouble import Trouble

MOST = 100  # rows of one answer
USUAL = 50


def shown(cursor: str) -> str:
    """Return the cursor as it leaves us; "" stays "", the end."""
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def read(told: str) -> str:
    """Return the cursor that `shown` made; `Trouble` for one that we did not make."""
    try:
        cursor = base64.b64decode(told + "=" * (-len(told) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        cursor = ""
    if shown(cursor) != told:
        raise Trouble(
            422, "invalid", "cursor: take it from `next` as it is, or leave it out", {"field": "cursor"}
        )
    return cursor
