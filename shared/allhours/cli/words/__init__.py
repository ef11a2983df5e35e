"""The word lists that are shipped, a file a language; an organisation file adds to them and takes away."""

from __future__ import annotations

from importlib import resources

import yaml

from allhours.domain.engagement import CHATTER, POLICIES, WANTS
from allhours.domain.judgement import NOBODY, TOPICS
from allhours.domain.urgency import KINDS

BRANDS = ("banks", "companies")
LISTS = tuple(
    dict.fromkeys(
        (
            *(topic for topic in TOPICS if topic != NOBODY),
            *KINDS,
            *WANTS,
            *(name for name in POLICIES if name not in {"chat", "other_brand"}),
            *CHATTER,
            *BRANDS,
        )
    )
)
"""The names of the lists that judge a post; `other_brand` is one too, of names that the file writes."""

DRAFT_LISTS = ("promises", "forbidden", "relationship")
"""The names of the lists that judge what we write ourselves; no post is ever held against them."""


def shipped() -> tuple[dict[str, tuple[str, ...]], bytes]:
    """Return the phrases of every shipped list for posts, and the bytes that they were read from."""
    return _read("en.yaml")


def shipped_for_drafts() -> tuple[dict[str, tuple[str, ...]], bytes]:
    """Return the phrases of every shipped list for drafts, and the bytes that they were read from."""
    return _read("drafts_en.yaml")


def _read(name: str) -> tuple[dict[str, tuple[str, ...]], bytes]:
    raw = (resources.files(__package__) / name).read_bytes()
    written: dict[str, list[str]] = yaml.load(raw, Loader=_Loader)  # noqa: S506 - a safe loader, in C where there is one
    return {name: tuple(map(str, phrases or ())) for name, phrases in written.items()}, raw


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
