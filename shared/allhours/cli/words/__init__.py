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
"""The names of all lists; `other_brand` is a list too, of the names that the organisation itself writes."""


def shipped() -> tuple[dict[str, tuple[str, ...]], bytes]:
    """Return the phrases of every shipped list, and the bytes that they were read from."""
    raw = (resources.files(__package__) / "en.yaml").read_bytes()
    written: dict[str, list[str]] = yaml.load(raw, Loader=_Loader)  # noqa: S506 - a safe loader, in C where there is one
    return {name: tuple(map(str, phrases or ())) for name, phrases in written.items()}, raw


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
