"""Where people see a handle of ours, by network: the address of its profile.

Apart from the networks' own files, for the page of verified accounts names every network and must not load
HTTP. Each shape is the one that the network's own share button gives.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

PROFILES: Mapping[str, str] = MappingProxyType(
    {
        "x": "https://x.com/{name}",
        "facebook": "https://www.facebook.com/{id}",
        "instagram": "https://www.instagram.com/{name}",
        "threads": "https://www.threads.com/@{name}",
        "whatsapp": "https://wa.me/{digits}",
        "mastodon": "{base}/@{name}",
        "bluesky": "https://bsky.app/profile/{name}",
        "reddit": "https://www.reddit.com/user/{last}",
        "youtube": "https://www.youtube.com/@{name}",
        "tiktok": "https://www.tiktok.com/@{name}",
        "telegram": "https://t.me/{name}",
        "linkedin": "https://www.linkedin.com/company/{id}",
        "discourse": "{base}/u/{name}",
        "googleplay": "https://play.google.com/store/apps/details?id={id}",
        "appstore": "https://apps.apple.com/app/id{id}",
        "trustpilot": "https://www.trustpilot.com/review/{name}",
    }
)
"""The address by network, with `{name}` the handle without its @, `{id}` the network's id of it."""

NO_PROFILE: Mapping[str, str] = MappingProxyType(
    {
        "googlebusiness": "a place on the map, whose public address is none that its API's id is part of",
        "feeds": "what we listen to is no account of ours",
    }
)
"""Networks without an address to give, and why."""

NOT_OURS = frozenset({"feeds"})
"""Networks whose handles are other people's places: nobody can be taken in by them as by an account."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "x": "X",
        "facebook": "Facebook",
        "instagram": "Instagram",
        "threads": "Threads",
        "whatsapp": "WhatsApp",
        "mastodon": "Mastodon",
        "bluesky": "Bluesky",
        "reddit": "Reddit",
        "youtube": "YouTube",
        "tiktok": "TikTok",
        "telegram": "Telegram",
        "linkedin": "LinkedIn",
        "discourse": "Forum",
        "googleplay": "Google Play",
        "appstore": "App Store",
        "googlebusiness": "Google Maps",
        "trustpilot": "Trustpilot",
    }
)
"""What customers call each network."""


def profile(handle: Handle) -> str:
    """Return where people see the handle; "" where the network has no such address, or we lack its id."""
    shape = PROFILES.get(handle.network, "")
    if not shape or ("{id}" in shape and not handle.native_id):
        return ""
    return shape.format(
        name=quote(handle.handle.lstrip("@")),
        last=quote(handle.handle.rpartition("/")[2]),
        id=quote(handle.native_id),
        digits="".join(filter(str.isdigit, handle.handle)),
        base=handle.base_url,
    )
