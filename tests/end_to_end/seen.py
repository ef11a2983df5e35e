"""What a test does and sees from outside: customers who post, events in inboxes, pages, rows of the table."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, TypeVar

from allhours.aws.packed import unpacked
from infra.local.deployed import until
from infra.local.ledger import NEW, Arrival

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.local.deployed import Deployed
    from infra.local.scene import Scene
    from infra.local.town import Venue

T = TypeVar("T")
WITHIN = 45.0  # seconds; a second or two as a rule, more where something was killed


def word() -> str:
    """Make a word that nobody has said before."""
    return f"q{secrets.token_hex(6)}"


def venue(scene: Scene, network: str, account: str) -> Venue:
    """Return the stand-in that plays an account's handle on a network."""
    found = scene.town.venue(network, account)
    assert found is not None
    assert found.handle.account == account
    return found


def say(
    scene: Scene, network: str, account: str, text: str, *, private: bool = False, author: str = ""
) -> str:
    """Let a customer nobody knows post, and return the item's key."""
    native_id = scene.town.say(
        venue(scene, network, account), author or f"leela{word()}", text, private=private
    )
    return f"{network}#{native_id}"


def poll(scene: Scene, network: str, do: str = "poll") -> None:
    """Read a network now."""
    assert scene.deployed.poll(network, do) == ""


def events(scene: Scene, key: str, *names: str) -> list[Arrival]:
    """List what inboxes got about an item."""
    with scene.lock:
        return [
            each
            for each in scene.ledger.arrivals
            if each.item_key == key and (not names or each.event["event"] in names)
        ]


def waited_for(look: Callable[[], T], *, again: Callable[[], object] | None = None) -> T:
    """Look until there is something to see, doing `again` between looks."""
    for _ in until(WITHIN):
        if found := look():
            return found
        if again:
            again()
    return look()


def arrived(scene: Scene, key: str, *, again: Callable[[], object] | None = None) -> Arrival:
    """Return an item's arrival in an inbox."""
    found = waited_for(lambda: events(scene, key, *NEW), again=again)
    assert found, f"{key} is in no inbox"
    return found[0]


def row(scene: Scene, name: str) -> Mapping[str, Any]:
    """Read one row of the table by its key."""
    answer = scene.deployed.dynamodb.get_item(
        TableName=scene.deployed.outputs["RecordsTable"], Key={"key": {"S": name}}, ConsistentRead=True
    )
    return unpacked(answer["Item"]) if "Item" in answer else {}


def received(deployed: Deployed, url: str, least: int) -> list[dict[str, Any]]:
    """Take at least so many bodies off a queue."""
    got: list[dict[str, Any]] = []
    for _ in until(WITHIN):
        got += deployed.received(url, wait=1)
        if len(got) >= least:
            break
    return got


def pages(scene: Scene, why: str, about: str) -> list[Mapping[str, Any]]:
    """List the pages of a kind, as people got them, that name something."""
    with scene.lock:
        return [
            page for _, page in scene.pages if page["why"] == why and about in page["text"] + page["story"]
        ]


def paged(scene: Scene, why: str, about: str) -> Mapping[str, Any]:
    """Return the first page of a kind that names something."""
    found = waited_for(lambda: pages(scene, why, about))
    assert found, f"nobody was called: {why}, {about}"
    return found[0]
