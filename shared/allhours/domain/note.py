"""A note: what a member tells colleagues about a case; no customer ever reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 4_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Who noted what, when; `text` has been through the guard. `note_id` is the page's own token."""

    note_id: str
    by: str
    at: datetime
    text: str


def note_to_json(note: Note) -> dict[str, Any]:
    """Return the note as its row keeps it."""
    at = note.at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {"note_id": note.note_id, "by": note.by, "at": at, "text": note.text}


def note_from_json(body: Mapping[str, Any]) -> Note:
    """Return the note that `note_to_json` wrote; `BadInput` names one that this release cannot read."""
    try:
        known: dict[str, Any] = {**body, "at": datetime.fromisoformat(body["at"])}
        return Note(**known)
    except (KeyError, TypeError, ValueError) as wrong:
        name = body.get("note_id", "?")
        raise BadInput(f"note {name} is not one of ours ({type(wrong).__name__})") from None
