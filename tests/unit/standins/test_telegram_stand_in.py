"""The Telegram stand-in against the official specification, and our client against it, over HTTP."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Heard, Item, Kind, Skipped, Visibility
from allhours.networks.contract import Cursor, Delivery
from infra.local.standins.base import FAULTS
from infra.local.standins.telegram import TelegramStandIn
from tests.shared_material import specs
from tests.unit.networks.test_telegram_answers import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture
def there() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as stand_in:
        yield stand_in


class Reader:
    """Our client with a cursor that is saved after every step."""

    def __init__(self, there: TelegramStandIn) -> None:
        self.desk = Desk(there)
        self.cursor: Cursor = {}

    def poll(self) -> tuple[list[Heard], list[NetworkError]]:
        heard: list[Heard] = []
        troubles: list[NetworkError] = []
        for step in self.desk.source.fetch(self.desk.handle, self.cursor, at=datetime.now(UTC)):
            heard += step.heard
            troubles += [step.trouble] if step.trouble else []
            self.cursor = step.cursor
        return heard, troubles


# The specification, both ways


def specification() -> Any:
    return json.loads(specs("telegram", "api.min.json").read_bytes())


SCALARS: Mapping[str, type[object] | tuple[type[object], ...]] = {
    "Integer": int,
    "String": str,
    "Boolean": bool,
    "Float": (int, float),
}


def fits(value: Any, names: list[str], types: Any, where: str) -> None:
    """Assert that a value is one of the types that the specification names."""
    assert any(_is(value, name, types, where) for name in names), f"{where} is none of {names}"


def _is(value: Any, name: str, types: Any, where: str) -> bool:
    if name.startswith("Array of "):
        if not isinstance(value, list):
            return False
        for number, each in enumerate(value):
            fits(each, [name.removeprefix("Array of ")], types, f"{where}[{number}]")
        return True
    if name in SCALARS:
        return isinstance(value, SCALARS[name]) and (name == "Boolean" or not isinstance(value, bool))
    if not isinstance(value, dict):
        return False
    if kinds := types[name].get("subtypes"):
        return any(value.get("status") in types[kind]["description"][0] for kind in kinds) or bool(kinds)
    has_fields(value, types[name].get("fields", []), types, f"{where}:{name}")
    return True


def has_fields(value: Mapping[str, Any], fields: list[Any], types: Any, where: str) -> None:
    known = {field["name"]: field for field in fields}
    assert set(value) <= set(known), f"{where}: {set(value) - set(known)} is not in the specification"
    for name, field in known.items():
        if name in value:
            fits(value[name], field["types"], types, f"{where}.{name}")
        else:
            assert not field["required"], f"{where}.{name} is missing"


def test_what_the_stand_in_tells_fits_the_specification(there: TelegramStandIn) -> None:
    types = specification()["types"]
    native_id = there.speak("leela", "My card 💳 is blocked")
    there.edit(native_id, "never mind")
    there.speak("ben", "hello", private=True, reply_to=there.speak("ben", "hi", private=True))
    there.delete(there.say("maria", "is my loan approved?", business=True))
    there.block("ben")
    assert len(there.waiting) == 7
    for update in there.waiting:
        fits(update, ["Update"], types, "update")


def test_the_check_itself_finds_what_does_not_fit() -> None:
    types = specification()["types"]
    for wrong in ({"update_id": "1"}, {}, {"update_id": 1, "surprise": 1}, {"update_id": 1, "message": {}}):
        with pytest.raises(AssertionError):
            fits(wrong, ["Update"], types, "update")


def test_what_our_client_sends_and_hears_fits_the_specification(there: TelegramStandIn) -> None:
    told = specification()
    desk = Desk(there)
    for business in (False, True):
        native_id = there.say("leela", "hello", business=business)
        posted = desk.send(desk.answer(native_id, private=True))
        desk.replier.withdraw(desk.handle, posted, at=datetime.now(UTC))
    desk.setup.identify(desk.handle, at=datetime.now(UTC))
    webhooked = replace(desk.handle, settings={})
    desk.setup.register(webhooked, callback="http://127.0.0.1:9/", at=datetime.now(UTC))
    desk.setup.health(webhooked, callback="", at=datetime.now(UTC))
    desk.setup.register(desk.handle, callback="", at=datetime.now(UTC))
    called = set()
    for asked in there.asked:
        method = told["methods"][name := asked.path.rpartition("/")[2]]
        has_fields(json.loads(asked.body), method.get("fields", []), told["types"], name)
        result = there.answer(replace(asked, body=asked.body)).body
        if result["ok"]:
            fits(result["result"], method["returns"], told["types"], name)
        called.add(name)
    assert called == {
        "getUpdates",
        "getMe",
        "setWebhook",
        "deleteWebhook",
        "getWebhookInfo",
        "getBusinessConnection",
        "sendMessage",
        "deleteMessage",
        "deleteBusinessMessages",
    }


# Reading


def test_what_customers_say_is_heard_once(there: TelegramStandIn) -> None:
    reader = Reader(there)
    public, private = there.speak("leela", "hello 💳"), there.speak("maria", "hello", private=True)
    there.brand_says("we are here")
    heard, troubles = reader.poll()
    assert troubles == []
    first, second, own = heard
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.native_id, first.visibility, first.kind) == (public, Visibility.PUBLIC, Kind.MENTION)
    assert (second.native_id, second.visibility, second.kind) == (private, Visibility.PRIVATE, Kind.MESSAGE)
    assert isinstance(own, Skipped)
    assert own.reason == "own post"
    assert reader.poll() == ([], [])


def test_edits_and_the_deletions_that_telegram_tells_are_heard(there: TelegramStandIn) -> None:
    reader = Reader(there)
    edited, deleted = there.speak("leela", "hello"), there.say("maria", "hello", business=True)
    there.edit(edited, "hello again")
    there.delete(deleted)
    heard, _ = reader.poll()
    assert [(each.native_id, each.change) for each in heard if isinstance(each, Item)] == [
        (edited, Change.SAID),
        (deleted, Change.SAID),
        (edited, Change.EDITED),
        (deleted, Change.DELETED),
    ]


def test_a_burst_is_heard_whole(there: TelegramStandIn) -> None:
    said = [there.speak("leela", f"no. {number}", private=True) for number in range(250)]
    heard, _ = Reader(there).poll()
    assert [each.native_id for each in heard] == said


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Unreachable),
        ("expired_token", Refused),
        ("refused_token", Refused),
        ("duplicate", None),
        ("late", None),
    ],
)
def test_after_a_fault_the_next_poll_hears_everything(
    there: TelegramStandIn, fault: str, kind: type[NetworkError] | None
) -> None:
    reader = Reader(there)
    native_id = there.speak("leela", "hello", private=True)
    there.fail(fault)
    first, troubles = reader.poll()
    assert [type(trouble) for trouble in troubles] == ([kind] if kind else [])
    reader.cursor = {
        name: {key: value for key, value in marks.items() if key != "not_before"}
        for name, marks in reader.cursor.items()
    }
    second, _ = reader.poll()
    assert native_id in {each.native_id for each in (*first, *second)}


def test_every_fault_is_tried() -> None:
    tried = test_after_a_fault_the_next_poll_hears_everything.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {fault for fault, _ in tried} == set(FAULTS)


def test_a_webhook_and_polling_exclude_each_other(there: TelegramStandIn) -> None:
    there.webhook = {"url": "https://elsewhere.example/hook"}
    _, [trouble] = Reader(there).poll()
    assert isinstance(trouble, Refused)
    assert "exclude each other" in str(trouble)


def test_two_stand_ins_never_share_an_id() -> None:
    handle = Handle(network="telegram", account="a", unit="u", handle="@a_bot", base_url="")
    one, other = TelegramStandIn.playing(handle, place=0), TelegramStandIn.playing(handle, place=1)
    said = [
        [each.speak("leela", "hello", private=private) for private in (True, False)] for each in (one, other)
    ]
    assert not set(said[0]) & set(said[1])


# The webhook


class Hook:
    """Our webhook as the function would run it, on loopback."""

    def __init__(self, there: TelegramStandIn) -> None:
        desk = Desk(there)
        self.heard: list[Heard] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                delivery = Delivery(method="POST", query={}, headers=headers, body=body)
                desk.source.verify(delivery)
                whose = desk.source.addressed(delivery, [replace(desk.handle, native_id="1"), desk.handle])
                hook.heard += desk.source.unpack(body, whose, at=datetime.now(UTC))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                hook.told.set()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet."""

        self.told = threading.Event()
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def hook(there: TelegramStandIn) -> Iterator[Hook]:
    found = Hook(there)
    yield found
    there.stop()
    found.server.shutdown()
    found.server.server_close()


def test_what_waits_and_what_comes_is_delivered_with_the_secret_token(
    there: TelegramStandIn, hook: Hook
) -> None:
    native_id = there.speak("leela", "hello", private=True)
    there.register(f"http://127.0.0.1:{hook.server.server_address[1]}/webhooks/telegram")
    assert hook.told.wait(5)
    assert [each.native_id for each in hook.heard] == [native_id]
    hook.told.clear()
    there.speak("maria", "hello")
    assert hook.told.wait(5)
    assert len(hook.heard) == 2
