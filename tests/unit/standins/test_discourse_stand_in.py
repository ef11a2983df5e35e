"""The stand-in keeps the official OpenAPI document, our client does, and the webhook is the forum's own."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jsonschema import Draft202012Validator

from allhours.domain.item import Change, Item
from allhours.networks.contract import Answer, Delivery, Posted, Withdrawer
from allhours.networks.discourse import answering, connect, setting_up
from allhours.networks.http import Http
from infra.local.standins.base import FAULTS, now
from infra.local.standins.discourse import DiscourseStandIn
from tests.shared_material import specs
from tests.unit.standins.forum_wire import FreeMeter, Poller, credentials_for, handle_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from allhours.domain.item import Heard

SECOND = timedelta(seconds=1)
HELLO = "Thank you, we are looking into it."
UNDOCUMENTED = {"/private-posts.json", "/posts/acme_bank/pending.json"}
"""What our client asks beside the official document, from Discourse's own code."""
PARTIAL = {"/site.json", "/t/{id}.json", "/u/{username}.json", "/t/{id}/posts.json"}
"""Of these the stand-in tells only what is asked of it; that must be as documented."""


@pytest.fixture
def stand_in() -> Iterator[DiscourseStandIn]:
    with DiscourseStandIn(calls=1_000) as stand_in:
        yield stand_in


class Document:
    """The official OpenAPI document."""

    def __init__(self) -> None:
        told: dict[str, Any] = json.loads(specs("discourse", "openapi.json").read_bytes())
        self.paths: dict[str, dict[str, Any]] = told["paths"]

    def template(self, path: str) -> str:
        """Return the documented path that a path is an instance of; the most literal one."""
        fits = [
            known
            for known in self.paths
            if re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(known)), path)
        ]
        return min(fits, key=lambda known: known.count("{"), default="")

    def wrong_with_answer(self, method: str, template: str, body: object) -> list[str]:
        content = self.paths[template][method]["responses"]["200"].get("content")
        if content is None:
            return []
        schema = content["application/json"]["schema"]
        if template in PARTIAL:
            schema = without_required(schema)
        return errors(schema, as_generated(body))

    def wrong_with_request(self, method: str, template: str, body: object) -> list[str]:
        content = self.paths[template][method].get("requestBody", {}).get("content")
        return errors(content["application/json"]["schema"], body) if content else []


def errors(schema: dict[str, Any], body: object) -> list[str]:
    return [
        f"{error.json_path}: {error.message[:100]}"
        for error in Draft202012Validator(schema).iter_errors(body)
    ]


def without_required(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: without_required(each) for name, each in schema.items() if name != "required"}
    return [without_required(each) for each in schema] if isinstance(schema, list) else schema


def as_generated(body: Any, field: str = "") -> Any:
    """Return the body as the document's one public example without replies made it appear."""
    if isinstance(body, dict):
        none = {"category_id"} if body.get("archetype") == "private_message" else set()
        return {name: as_generated(each, name) for name, each in body.items() if name not in none}
    if isinstance(body, list):
        return [as_generated(each) for each in body]
    return str(body) if field == "reply_to_post_number" and isinstance(body, int) else body


def a_day(stand_in: DiscourseStandIn) -> None:
    """Let everything happen once that our client asks for."""
    credentials, handle = credentials_for(stand_in), handle_for(stand_in)
    reader = connect(credentials, Http(), app_secret="discourse/app", meter=FreeMeter())
    poller = Poller(reader, handle)
    poller.poll(now() - SECOND)
    root = stand_in.say("leela", "The app logs me out", title="Login trouble")
    for number in range(60):
        stand_in.say("tomas", f"me too {number}", reply_to=root)
    stand_in.say("leela", "between us", private=True)
    poller.poll(now() + SECOND)
    list(reader.reread(handle, poller.queue, at=now()))
    replier = answering(credentials, Http(), app_secret="discourse/app", meter=FreeMeter())
    item = next(item for item in poller.queue if item.native_id == root)
    posted = Posted(native_id="")
    for private in (False, True):
        answer = Answer(reply_id=f"r{private}", item=item, text=HELLO, approved_at=now(), private=private)
        answer = replier.prepare(handle, answer, at=now())
        replier.find(handle, answer, at=now())
        posted = replier.send(handle, answer, at=now())
        replier.find(handle, answer, at=now())
    assert isinstance(replier, Withdrawer)
    replier.withdraw(handle, posted, at=now())
    setup = setting_up(credentials, Http(), app_secret="discourse/app")
    setup.identify(handle, at=now())


def test_what_our_client_sends_is_what_the_document_says(stand_in: DiscourseStandIn) -> None:
    document = Document()
    a_day(stand_in)
    templates = set()
    for asked in stand_in.asked:
        if asked.path in UNDOCUMENTED:
            continue
        template = document.template(asked.path)
        method = asked.method.lower()
        assert method in document.paths.get(template, {}), f"{method} {asked.path}"
        templates.add(f"{method} {template}")
        if asked.body:
            assert document.wrong_with_request(method, template, json.loads(asked.body)) == []
        assert "api-key" in asked.headers
        assert "api_key" not in dict(asked.query)
    assert templates == {
        "delete /posts/{id}.json",
        "get /posts.json",
        "get /posts/{id}.json",
        "get /posts/{id}/replies.json",
        "get /site.json",
        "get /t/external_id/{external_id}.json",
        "get /t/{id}.json",
        "get /t/{id}/posts.json",
        "get /u/{username}.json",
        "post /posts.json",
    }


def test_what_the_stand_in_answers_is_what_the_document_says(stand_in: DiscourseStandIn) -> None:
    document = Document()
    a_day(stand_in)
    checked = 0
    for asked in list(stand_in.asked):
        template = document.template(asked.path)
        method = asked.method.lower()
        if asked.path in UNDOCUMENTED or "external_id" in asked.path or method == "delete":
            continue
        if method == "post":  # the same words again are refused
            body = json.loads(asked.body)
            text = f"{body['raw']} {checked}"
            changed = {
                **body,
                "raw": text,
                **({"external_id": f"x{checked}"} if "external_id" in body else {}),
            }
            told = requests.post(
                f"{stand_in.base_url}/posts.json", json=changed, headers=asked.headers, timeout=5
            )
        else:
            told = requests.get(
                f"{stand_in.base_url}{asked.path}", params=list(asked.query), headers=asked.headers, timeout=5
            )
        assert told.status_code == 200
        body = told.json()
        if template == "/posts/{id}/replies.json":  # here the example had a reply
            schema = document.paths[template]["get"]["responses"]["200"]["content"]["application/json"][
                "schema"
            ]
            assert errors(schema, body) == []
        else:
            assert document.wrong_with_answer(method, template, body) == [], asked.path
        checked += 1
    assert checked > 10


def test_the_validator_finds_what_is_wrong() -> None:
    document = Document()
    assert document.wrong_with_answer("get", "/posts.json", {"latest_posts": [{"id": "7"}]})
    assert document.wrong_with_request("post", "/posts.json", {"raw": "x", "topic": 7})
    assert document.template("/posts/7/likes.json") == ""


# The webhook


class Hook:
    """A webhook of ours that keeps what it is given."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.arrived = threading.Condition()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with hook.arrived:
                    hook.deliveries.append(Delivery(method="POST", query={}, headers=headers, body=raw))
                    hook.arrived.notify_all()
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/webhooks/discourse"

    def wait(self, enough: Callable[[], bool]) -> None:
        with self.arrived:
            assert self.arrived.wait_for(enough, timeout=10)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


def test_a_posts_life_is_told_by_webhook_signed_and_with_all_headers(
    stand_in: DiscourseStandIn, hook: Hook
) -> None:
    network = connect(credentials_for(stand_in), Http(), app_secret="discourse/app", meter=FreeMeter())
    handle = handle_for(stand_in)
    stand_in.register(hook.url)
    root = stand_in.say("leela", "The app logs me out", title="Login trouble")
    stand_in.edit(root, "The app logs me out, daily")
    stand_in.delete(root)
    stand_in.recover(root)
    secret = stand_in.say("leela", "between us", private=True)
    stand_in.brand_says("We are on it", reply_to=secret)
    hook.wait(lambda: len(hook.deliveries) == 8)
    items: list[Item] = []
    for each in hook.deliveries:
        network.verify(each)
        items += [item for item in network.unpack(each.body, (handle,), at=now()) if isinstance(item, Item)]
    changes = [(item.change, item.version) for item in items if item.native_id == root]
    assert changes == [
        (Change.SAID, 0),
        (Change.EDITED, 2),
        (Change.EDITED, 2),  # first posts tell it twice, and the second changes nothing
        (Change.DELETED, 3),
        (Change.EDITED, 2),  # recovered: the deletion stays the newest
    ]
    assert {item.native_id for item in items} == {root, secret}
    events = [each.headers.get("x-discourse-event", "ping") for each in hook.deliveries]
    assert events[:2] == ["ping", "post_created"]
    wanted = {"instance", "event-id", "event-type", "event-signature"}
    assert all({f"x-discourse-{name}" for name in wanted} <= each.headers.keys() for each in hook.deliveries)


def test_webhook_and_sweep_tell_the_same_item(stand_in: DiscourseStandIn, hook: Hook) -> None:
    network = connect(credentials_for(stand_in), Http(), app_secret="discourse/app", meter=FreeMeter())
    poller = Poller(network, handle_for(stand_in))
    poller.poll(now() - SECOND)
    stand_in.register(hook.url)
    stand_in.say("leela", "The app logs me out", title="Login trouble")
    stand_in.say("leela", "members only", category_id=9)
    stand_in.say("leela", "between us", private=True)
    poller.poll(now() + SECOND)
    hook.wait(lambda: len(hook.deliveries) == 4)
    pushed: list[Heard] = []
    for each in hook.deliveries[1:]:
        network.verify(each)
        pushed += network.unpack(each.body, (poller.handle,), at=now())
    assert sorted(pushed, key=lambda item: item.native_id) == sorted(
        poller.queue, key=lambda item: item.native_id
    )


# Its quirks


def test_an_edit_in_the_grace_period_has_no_version(stand_in: DiscourseStandIn) -> None:
    said = stand_in.say("leela", "The app logs me out")
    stand_in.edit(said, "The app logs me out!", in_grace=True)
    assert stand_in.by_address(said).version == 1


def test_both_shapes_of_429_come_in_turn(stand_in: DiscourseStandIn) -> None:
    stand_in._calls = 0
    text, told = (requests.get(f"{stand_in.base_url}/posts.json", timeout=5) for _ in range(2))
    assert (text.status_code, text.headers["retry-after"]) == (429, "39")
    assert told.json()["extras"]["wait_seconds"] == 39


def test_ids_of_two_places_never_meet() -> None:
    one, other = DiscourseStandIn(place=0), DiscourseStandIn(place=1)
    names = [{world.say("leela", "x").rpartition("/")[2] for _ in range(50)} for world in (one, other)]
    assert not names[0] & names[1]


def test_playing_a_handle_it_takes_its_name_and_lets_customers_speak() -> None:
    with DiscourseStandIn.playing(handle_for(DiscourseStandIn()), place=3) as stand_in:
        assert stand_in.handle_settings["handle"] == "@acme_bank"
        name = stand_in.speak("Leela W.", "hello", private=True)
        assert stand_in.posts[0].native_id == name
        assert (stand_in.posts[0].author, stand_in.posts[0].deleted) == ("Leela_W.", False)
        assert stand_in.private_sayable


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_of_the_forums(stand_in: DiscourseStandIn, fault: str) -> None:
    stand_in.say("leela", "hello")
    stand_in.fail(fault)
    statuses = {"rate_limited": 429, "server_error": 502, "expired_token": 403, "refused_token": 403}
    try:
        told = requests.get(f"{stand_in.base_url}/posts.json", timeout=5)
    except requests.RequestException:
        assert fault == "cut"
        return
    assert told.status_code == statuses.get(fault, 200)
