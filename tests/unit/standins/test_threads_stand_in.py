"""The Threads stand-in against Meta's Postman collection, and our client against the stand-in, over HTTP."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.item import Change, Kind, Skipped
from allhours.networks import threads
from allhours.networks.http import Http
from infra.local.standins.base import FAULTS
from infra.local.standins.threads import ThreadsStandIn
from tests.shared_material import specs
from tests.unit.standins.sixty_days_wire import FakeCredentials, FakeMeter, Reader, handle_of, items
from tests.unit.standins.webhook_wire import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator


def reader_of(there: ThreadsStandIn, **more: Any) -> Reader:
    network = threads.connect(FakeCredentials(there), Http(), app_secret="app", meter=FakeMeter())
    return Reader(network, handle_of(there, **more))


@pytest.fixture
def there() -> Iterator[ThreadsStandIn]:
    with ThreadsStandIn(page_size=5) as stand_in:
        yield stand_in


@pytest.fixture
def reader(there: ThreadsStandIn) -> Reader:
    return reader_of(there)


def test_every_kind_of_post_is_heard_and_our_own_open_no_work(there: ThreadsStandIn, reader: Reader) -> None:
    root = there.brand_says("We are open")
    reader.poll()
    answer = there.say("leela", "where is my card", reply_to=root)
    own = there.brand_says("On its way", reply_to=answer)
    mention = there.speak("Omar B", "the app is slow")
    theirs = there.brand_says("Which app?", reply_to=mention)
    said = {
        answer: Kind.REPLY,
        there.say("leela", "since when?", reply_to=own): Kind.REPLY,
        mention: Kind.MENTION,
        there.say("omar.b", "yours", reply_to=theirs): Kind.REPLY,
    }
    there.say("nobody", "unrelated")
    heard, troubles = reader.poll()
    assert not troubles
    found = items(heard)
    assert {native_id: item.kind for native_id, item in found.items()} == said
    assert {each.reason for each in heard if isinstance(each, Skipped)} == {"own post"}
    assert found[mention].author.author_id == "omar.b"
    assert {native_id for native_id, item in found.items() if "below_ours" in item.answer_needs} == {
        native_id for native_id in said if there._below_ours(there._said[native_id])
    }
    before = reader.cursor
    assert reader.poll() == ([], [])
    assert reader.cursor is before


def test_a_burst_larger_than_the_budget_is_heard_whole(there: ThreadsStandIn, reader: Reader) -> None:
    root = there.brand_says("We are open")
    reader.poll()
    said = {there.speak("leela", f"mention {number}") for number in range(60)}
    said |= {there.say("omar", f"answer {number}", reply_to=root) for number in range(60)}
    heard: set[str] = set()
    for _ in range(5):
        heard |= reader.items().keys()
    assert heard == said


def test_a_function_that_dies_after_any_step_loses_nothing(there: ThreadsStandIn, reader: Reader) -> None:
    root = there.brand_says("We are open")
    reader.poll()
    said = {there.speak("leela", f"mention {number}") for number in range(17)}
    said |= {there.say("omar", f"answer {number}", reply_to=root) for number in range(13)}
    heard: set[str] = set()
    for steps in range(10):
        heard |= items(reader.poll(steps=steps)[0]).keys()
    assert heard == said


def test_words_are_searched_for_now_and_then(there: ThreadsStandIn) -> None:
    reader = reader_of(there, listen=("acme bank",))
    reader.poll()
    said = there.say("leela", "is acme bank down?")
    assert reader.items() == {}
    assert reader.items(later=timedelta(minutes=16)).keys() == {said}


@pytest.mark.parametrize("apart", [1, 5])
def test_our_older_posts_are_read_in_turn(there: ThreadsStandIn, apart: int) -> None:
    there.page_size = 50
    reader = reader_of(there)
    roots = [there.brand_says(f"post {number}") for number in range(48)]
    for root in roots:
        there.say("leela", "first", reply_to=root)
    reader.poll()
    said = {there.say("omar", "hm", reply_to=root) for root in roots}
    heard: set[str] = set()
    for number in range(5):
        heard |= reader.items(later=timedelta(minutes=number * apart)).keys()
    assert said <= heard


def test_whatever_the_cadence_all_that_is_kept_is_read_again(
    there: ThreadsStandIn, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "MOST_REREAD", 5)
    reader.poll()
    said = there.speak("leela", "hm")
    item = reader.items()[said]
    kept = [replace(item, native_id=str(number)) for number in range(15)]  # none of them is there any more
    at, found = datetime(2026, 11, 21, 12, tzinfo=UTC), set[str]()
    for number in range(24):
        later = at + timedelta(minutes=15 * number)
        found |= {each.native_id for each in reader.network.reread(reader.handle, kept, at=later)}
    assert found == {each.native_id for each in kept}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("refused_token", Refused),
        ("expired_token", Refused),
        ("duplicate", None),
        ("late", None),
    ],
)
def test_no_fault_loses_a_post(
    there: ThreadsStandIn, reader: Reader, fault: str, kind: type[NetworkError] | None
) -> None:
    root = there.brand_says("We are open")
    reader.poll()
    said = {there.say("leela", "the app is slow", reply_to=root), there.speak("omar", "hm")}
    there.fail(fault)
    heard, troubles = reader.poll()
    assert len(troubles) == (kind is not None)
    assert all(kind is not None and isinstance(each, kind) for each in troubles)
    reader.wake()
    assert items([*heard, *reader.poll()[0]]).keys() == said


def test_every_fault_of_the_house_is_tried() -> None:
    (mark,) = (each for each in test_no_fault_loses_a_post.pytestmark if each.name == "parametrize")  # type: ignore[attr-defined]
    assert {fault for fault, _kind in mark.args[1]} == set(FAULTS)


def test_a_full_bucket_is_left_alone_until_the_header_says() -> None:
    with ThreadsStandIn(calls_an_hour=2) as there:
        reader = reader_of(there)
        _heard, troubles = reader.poll()
        assert {type(each) for each in troubles} == {RateLimited}
        asked = len(there.asked)
        assert reader.poll() == ([], [])
        assert len(there.asked) == asked


def test_edits_and_deletions_are_found_by_reading_again(there: ThreadsStandIn, reader: Reader) -> None:
    reader.poll()
    edited, deleted = there.speak("leela", "hm"), there.speak("omar", "hm")
    kept = list(reader.items().values())
    there.edit(edited, "hm, really")
    there.delete(deleted)
    found = items(list(reader.network.reread(reader.handle, kept, at=datetime.now(UTC))))
    assert {native_id: item.change for native_id, item in found.items()} == {
        edited: Change.EDITED,
        deleted: Change.DELETED,
    }


def test_a_missing_permission_is_no_deletion(there: ThreadsStandIn, reader: Reader) -> None:
    reader.poll()
    there.speak("leela", "hm")
    kept = list(reader.items().values())
    there._one = lambda node, params: there.gone(node)  # type: ignore[method-assign] # noqa: ARG005
    with pytest.raises(Refused, match="permission"):
        list(reader.network.reread(reader.handle, kept, at=datetime.now(UTC)))


def test_a_delivery_tells_what_a_poll_tells(there: ThreadsStandIn, reader: Reader) -> None:
    root = there.brand_says("We are open")
    reader.poll()
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        first = there.say("leela", "grüße \u202e", reply_to=root)
        there.say("leela", "since when?", reply_to=first)
        there.speak("omar", "the app is slow")
        pushed = items(webhook.wait_for(3))
        polled = reader.items()
        assert pushed.keys() == polled.keys()
        for native_id, item in polled.items():
            told = pushed[native_id]
            assert (told.text, told.kind, told.created_at) == (item.text, item.kind, item.created_at)
            assert (told.parent_id, told.conversation_id) == (item.parent_id, item.conversation_id)
            assert told.author == item.author
        bodies = [json.loads(raw)["values"] for raw in there.pushes.delivered]  # type: ignore[union-attr]
        assert {type(each) for each in bodies} == {dict, list}


def test_without_a_permission_lists_are_empty_and_nothing_is_an_error(
    there: ThreadsStandIn, reader: Reader
) -> None:
    there.scopes = ("threads_basic",)
    there.speak("leela", "hm")
    assert reader.poll() == ([], [])


# Against Meta's collection


def collection() -> list[tuple[str, str]]:
    """Return method and path of every request; ids as `{}`."""
    body = json.loads(specs("threads", "postman", "threads-api.postman_collection.json").read_bytes())
    found: list[tuple[str, str]] = []

    def walk(each: dict[str, Any]) -> None:
        for inner in each.get("item", []):
            walk(inner)
        if "request" in each:
            url = each["request"]["url"]["raw"].removeprefix("{{api_host}}").partition("?")[0]
            found.append((each["request"]["method"], re.sub(r"\{\{\w+\}\}", "{}", url).rstrip("/")))

    walk(body)
    return found


def variables() -> dict[str, set[str]]:
    body = json.loads(specs("threads", "postman", "threads-api.postman_collection.json").read_bytes())
    return {each["key"]: set(re.sub(r"\{.*?\}", "", each["value"]).split(",")) for each in body["variable"]}


def test_every_call_that_we_make_is_in_the_collection(there: ThreadsStandIn) -> None:
    reader = reader_of(there, listen=("acme",))
    there.say("leela", "hm", reply_to=there.brand_says("We are open"))
    there.speak("omar", "acme is slow")
    kept = list(reader.items().values())
    list(reader.network.reread(reader.handle, kept, at=datetime.now(UTC)))
    known, wanted = collection(), variables()
    fields = wanted["fields_threads"] | wanted["fields_replies"] | wanted["fields_profile"]
    for asked in there.asked:
        path = re.sub(r"\d{6,}", "{}", asked.path.removeprefix("/v1.0"))
        assert (asked.method, path) in known, path
        assert set(asked.first("fields").split(",")) <= fields, path


def test_what_the_stand_in_shows_of_a_post_is_in_the_collection(there: ThreadsStandIn) -> None:
    wanted = variables()
    said = there._said[there.say("leela", "hm", reply_to=there.brand_says("We are open"))]
    assert set(there._row(said)) <= wanted["fields_threads"] | wanted["fields_replies"]


def test_tokens_never_stand_in_an_address(there: ThreadsStandIn, reader: Reader) -> None:
    reader.poll()
    token = there.secret["access_token"]
    assert not [each for each in there.asked for _name, value in each.query if value == token]
