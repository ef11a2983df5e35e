"""The YouTube stand-in and our client, both held against the official discovery document."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks import youtube
from allhours.networks.contract import Answer
from allhours.networks.http import Http
from infra.local.standins.base import FAULTS
from infra.local.standins.youtube import YouTubeStandIn
from tests.shared_material import specs
from tests.unit.networks.youtube_desk import Counted, Secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.standins.base import Asked

AT = datetime.now(UTC)
HANDLE = Handle(
    network="youtube",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="",
    native_id="UCacmebank000000000000A",
)


@pytest.fixture(scope="module")
def discovery() -> dict[str, Any]:
    described: dict[str, Any] = json.loads(specs("youtube", "youtube.v3.json").read_bytes())
    return described


def _methods(discovery: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (method["httpMethod"], f"/{method['path']}"): method
        for resource in ("commentThreads", "comments", "channels")
        for method in discovery["resources"][resource]["methods"].values()
    }


def _validate(discovery: Mapping[str, Any], value: object, name: str) -> None:
    """Validate against a schema of the document; what it does not name is not there."""
    schemas: dict[str, Any] = json.loads(
        json.dumps(discovery["schemas"]).replace('"$ref": "', '"$ref": "#/schemas/')
    )
    for schema in schemas.values():
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
        for each in schema.get("properties", {}).values():
            each.pop("default", None)
        schema.pop("id", None)
    errors = Draft202012Validator({"$ref": f"#/schemas/{name}", "schemas": schemas}).iter_errors(value)
    assert [f"{list(error.absolute_path)}: {error.message[:120]}" for error in errors] == []


def _live(stand_in: YouTubeStandIn) -> None:
    """Let everything happen that our client knows."""
    secrets, meter = Secrets(stand_in.secret, stand_in.app_secret), Counted(float("inf"))
    handle = Handle(
        **{name: getattr(HANDLE, name) for name in ("network", "account", "unit")},
        **stand_in.handle_settings,
        secret="youtube/acme-cards",
    )
    network = youtube.connect(secrets, Http(), app_secret="youtube/app", meter=meter)
    answers = youtube.answering(secrets, Http(), app_secret="youtube/app", meter=meter)
    root = stand_in.speak("leela", "The app <b>crashes</b>")
    gone = stand_in.say("ben", "mine too", nameless=True)
    stand_in.speak("ana", "call me", private=True)
    for number in range(8):
        stand_in.speak("leela", f"hello {number}", reply_to=root)
    items = [
        each for step in network.fetch(handle, {}, at=AT) for each in step.heard if isinstance(each, Item)
    ]
    stand_in.delete(gone)
    found = list(network.reread(handle, items, at=AT))
    assert len(found) == 4
    item = next(each for each in items if each.native_id == root)
    answer = Answer(reply_id="r1", item=item, text="We look into it", approved_at=AT)
    posted = answers.send(handle, answers.prepare(handle, answer, at=AT), at=AT)
    assert answers.find(handle, answer, at=AT) == posted
    answers.hide(handle, item, hidden=True, at=AT)  # type: ignore[attr-defined]
    answers.hide(handle, item, hidden=False, at=AT)  # type: ignore[attr-defined]
    answers.withdraw(handle, posted, at=AT)  # type: ignore[attr-defined]


def test_both_sides_keep_to_the_discovery_document(discovery: Mapping[str, Any]) -> None:
    methods = _methods(discovery)
    seen: set[str] = set()
    with YouTubeStandIn() as stand_in:
        answered: list[tuple[Asked, Any]] = []
        answer = stand_in.answer

        def remembered(asked: Asked) -> Any:
            told = answer(asked)
            answered.append((asked, told))
            return told

        stand_in.answer = remembered  # type: ignore[method-assign]
        _live(stand_in)
    for asked, told in answered:
        method = methods[asked.method, asked.path]
        named = method["parameters"]
        for name, value in asked.query:
            assert name in named, name
            assert not named[name].get("enum") or value in named[name]["enum"], (name, value)
            assert int(value) <= int(named[name]["maximum"]) if "maximum" in named[name] else True
        assert all(asked.first(name) for name, each in named.items() if each.get("required"))
        if "request" in method:
            _validate(discovery, json.loads(asked.body), method["request"]["$ref"])
        if "response" in method:
            assert told.status == 200
            _validate(discovery, json.loads(told.raw()), method["response"]["$ref"])
        else:
            assert told.status == 204
        seen.add(method["id"])
    assert seen == {
        "youtube.commentThreads.list",
        "youtube.comments.list",
        "youtube.comments.insert",
        "youtube.comments.delete",
        "youtube.comments.setModerationStatus",
        "youtube.channels.list",
    }


def test_a_broken_answer_would_be_noticed(discovery: Mapping[str, Any]) -> None:
    with pytest.raises(AssertionError, match="replyCount"):
        _validate(discovery, {"snippet": {"replyCount": 1}}, "CommentThread")


def test_stand_ins_side_by_side_share_no_id() -> None:
    one, other = (YouTubeStandIn.playing(HANDLE, place=place) for place in (1, 2))
    for stand_in in (one, other):
        stand_in.speak("leela", "same", reply_to=stand_in.speak("leela", "same"))
    assert not {each.native_id for each in one.posts} & {each.native_id for each in other.posts}
    assert [each.text for each in one.posts] == ["same", "same"]
    assert one.handle_settings["native_id"] == HANDLE.native_id


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_can_be_armed(fault: str) -> None:
    with YouTubeStandIn() as stand_in:
        stand_in.fail(fault)
        network = youtube.connect(
            Secrets(stand_in.secret, stand_in.app_secret),
            Http(),
            app_secret="youtube/app",
            meter=Counted(float("inf")),
        )
        handle = Handle(
            network="youtube", account="a", unit="u", secret="youtube/acme-cards", **stand_in.handle_settings
        )
        list(network.fetch(handle, {}, at=AT))
        assert stand_in.asked
