"""Rate limits and pages of the stand-in for Mastodon: buckets in fixed slots of the clock, and `Link`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.local.standins._mastodon_json import JSON
    from infra.local.standins.base import Asked

PATHS = ("min_id", "max_id", "since_id", "page")


@dataclass(slots=True, kw_only=True)
class Bucket:
    """So many calls in a slot of so long."""

    size: int
    lasts: timedelta
    used: int = 0
    until: datetime | None = field(default=None)

    def taken(self, at: datetime) -> dict[str, str]:
        """Take one call; return the headers that tell of it, with -1 remaining when it was empty."""
        if self.until is None or at >= self.until:
            slot = int(at.timestamp() // self.lasts.total_seconds()) + 1
            self.until = datetime.fromtimestamp(slot * self.lasts.total_seconds(), at.tzinfo)
            self.used = 0
        self.used += 1
        return {
            "X-RateLimit-Limit": str(self.size),
            "X-RateLimit-Remaining": str(max(self.size - self.used, -1)),
            "X-RateLimit-Reset": self.until.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }


class Limits:
    """Every bucket of one token."""

    def __init__(self, *, calls: int, paged_calls: int, posts: int, deletions: int) -> None:
        """Take the sizes."""
        self._calls = Bucket(size=calls, lasts=timedelta(minutes=5))
        self._paged = Bucket(size=paged_calls, lasts=timedelta(minutes=15))
        self._posts = Bucket(size=posts, lasts=timedelta(hours=3))
        self._deletions = Bucket(size=deletions, lasts=timedelta(minutes=30))

    def taken(self, asked: Asked, at: datetime) -> dict[str, str]:
        """Take the call from its bucket; return its headers."""
        if asked.method == "DELETE":
            return self._deletions.taken(at)
        if (asked.method, asked.path) == ("POST", "/api/v1/statuses"):
            return self._posts.taken(at)
        paged = any(asked.first(name) for name in PATHS)
        return (self._paged if paged else self._calls).taken(at)


def page_of(
    asked: Asked,
    entries: Mapping[str, JSON],
    most_by_default: int,
    *,
    rank: Callable[[str], int | str],
    base_url: str,
) -> tuple[list[JSON], str]:
    """Return one page, newest first, and its Link header."""
    limit = min(int(asked.first("limit", str(most_by_default))), most_by_default * 2)
    ids = sorted(entries, key=rank, reverse=True)
    if since := asked.first("min_id") or asked.first("since_id"):
        ids = [each for each in ids if rank(each) > rank(since)]  # type: ignore[operator] # one kind a server
    if before := asked.first("max_id"):
        ids = [each for each in ids if rank(each) < rank(before)]  # type: ignore[operator] # one kind a server
    ids = ids[-limit:] if asked.first("min_id") else ids[:limit]
    if not ids:
        return [], ""
    kept = [(name, value) for name, value in asked.query if name not in PATHS]
    links = (("next", "max_id", ids[-1]), ("prev", "min_id", ids[0]))
    address = f"{base_url}{asked.path}"
    link = ", ".join(
        f'<{address}?{urlencode([*kept, (name, mark)])}>; rel="{rel}"' for rel, name, mark in links
    )
    return [entries[each] for each in ids], link
