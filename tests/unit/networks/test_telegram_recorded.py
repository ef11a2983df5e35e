"""Every recorded update is an item or a named reason."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Change, Heard, Item, Skipped
from allhours.networks.telegram import parse
from tests.shared_material import specs
from tests.unit.networks.test_telegram import AT, HANDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES: dict[str, dict[str, int]] = {
    "samples-telegrambots/Update.json": {"items": 2, "skipped": 3},
    "samples-vercel-chat/telegram.json": {"items": 2},
    "samples-telegrambots/ResponseWithError.json": {},
}
NO_POSTS = {"api.min.json": "the specification itself"}


def recorded(name: str) -> Iterator[bytes]:
    """Yield what a file holds: an answer, an update, or updates by the names that its recorder gave them."""
    body: Any = json.loads(specs("telegram", *name.split("/")).read_bytes())
    named = [each for each in body.values() if isinstance(each, dict) and "update_id" in each]
    for each in named or [body]:
        yield json.dumps(each).encode()


def heard(name: str) -> list[Heard]:
    handle = replace(HANDLE, handle="@vercelchatsdkbot", native_id="8765336106")
    return [each for body in recorded(name) for each in parse(body, handle, AT)]


def test_every_recorded_file_is_classified() -> None:
    folder = specs("telegram")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.json")}
    assert found == {*SAMPLES, *NO_POSTS}


def test_every_recorded_update_is_an_item_or_a_named_reason() -> None:
    for name, expected in SAMPLES.items():
        counted = Counter("items" if isinstance(each, Item) else "skipped" for each in heard(name))
        assert counted == expected
        assert all(isinstance(each, Item | Skipped) for each in heard(name))


def test_a_recorded_mention_reads_as_it_was_written() -> None:
    first, second = (each for each in heard("samples-vercel-chat/telegram.json") if isinstance(each, Item))
    assert first.text == "@vercelchatsdkbot hi"
    assert first.addressed == ("@vercelchatsdkbot",)
    assert first.conversation_id == second.conversation_id == "8765336106:7527593"


def test_a_recorded_edit_knows_its_version() -> None:
    edited = [
        each
        for each in heard("samples-telegrambots/Update.json")
        if isinstance(each, Item) and each.change is Change.EDITED
    ]
    assert [each.version for each in edited] == [1441646600]
