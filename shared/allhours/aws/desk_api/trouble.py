"""What an answer says when a request cannot be done, and which status each error of ours is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Trouble(Exception):
    """Say why not: a status, a code for programs, a sentence for people, and what they may need to go on."""

    status: int
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        told: dict[str, Any] = {"code": self.code, "message": self.message}
        return {"error": {**told, **({"details": dict(self.details)} if self.details else {})}}


def not_there() -> Trouble:
    """Return the answer for what does not exist, which is also that for what one may not see."""
    return Trouble(404, "not_found", "there is nothing here that you may see")
