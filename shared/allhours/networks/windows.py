"""How long a network lets us answer a private message, and how long it lets us keep what was said.

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
        # the same: developers.facebook.com/documentation/business-messaging/instagram-messaging
        "instagram": (timedelta(hours=24), timedelta(days=7)),
        # 24 hours, then approved templates only: .../business-messaging/whatsapp/messages/send-messages
        "whatsapp": (timedelta(hours=24),),
    }
)

STORAGE_LIMITS: Mapping[str, timedelta] = MappingProxyType(
    {
        # what members said, and who they are: learn.microsoft.com/linkedin, data storage requirements
        "linkedin": timedelta(hours=48),
        # what users wrote, as Reddit recommends: redditinc.com, Responsible Builder Policy
        "reddit": timedelta(days=30),
        # API data that is not refreshed: developers.google.com/youtube/terms/developer-policies (III.E.4)
        "youtube": timedelta(days=30),
    }
)
