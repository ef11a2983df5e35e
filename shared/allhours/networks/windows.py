"""How long after a customer's last private message a network lets us answer.

Apart from the networks' own files, for the router asks and must not load HTTP.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_WINDOWS: Mapping[str, tuple[timedelta, ...]] = MappingProxyType(
    {
        # 24 hours, and 7 days for an answer typed by a person (tag HUMAN_AGENT):
        # developers.facebook.com/docs/messenger-platform/policy/policy-overview
        "facebook": (timedelta(hours=24), timedelta(days=7)),
    }
)
