"""X and its stand-in, against each other and both against X's own specification."""

from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allhours.domain.errors import (
    BadSignature,
    Malformed,
    RateLimited,
    Refused,
    Unreachable,
)
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Heard, Item, Kind, Skipped, Visibility
from allhours.networks.contract import Delivery
from infra.local.standins._x_oauth import Tokens
from infra.local.standins._x_reads import Reads
from infra.local.standins._x_webhooks import Webhooks
from infra.local.standins.base import Asked, Pusher, Told
from infra.local.standins.x import XStandIn
from tests.shared_material import specs
from tests.unit.standins.x_wire import Desk, Direct, Specification

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stand_in() -> Iterator[XStandIn]:
    with XStandIn() as serving:
        yield serving


@pytest.fixture
def desk(stand_in: XStandIn) -> Desk:
    return Desk(stand_in)


# Reading.


def test_a_mention_an_answer_and_a_message_are_heard(desk: Desk) -> None:
    root = desk.stand_in.say("leela_k", "@AcmeBank my card & PIN <do not> work")
    answer = desk.stand_in.brand_says("@leela_k which card?", reply_to=root)
    follow_up = desk.stand_in.say("leela_k", "the blue one", reply_to=answer)
    private = desk.stand_in.say("leela_k", "my reference is 12345", private=True)
    heard = {item.native_id: item for item in desk.poll()}
    assert heard.keys() == {root, follow_up, private}
    assert heard[root].text == "@AcmeBank my card & PIN <do not> work"
    assert heard[root].kind is Kind.MENTION
    assert heard[follow_up].kind is Kind.REPLY
    assert heard[follow_up].conversation_id == heard[root].conversation_id
    assert heard[private].visibility is Visibility.PRIVATE
    assert not desk.troubles


def test_an_idle_poll_leaves_the_very_same_cursor(desk: Desk) -> None:
    desk.poll()
    desk.stand_in.say("leela_k", "@AcmeBank hello")
    desk.poll()
    before = desk.cursor
    steps = list(desk.steps())
    assert [step.heard for step in steps] == [(), ()]
    assert all(step.cursor is before for step in steps)


def test_a_burst_on_a_fresh_deployment_is_no_history(desk: Desk) -> None:
    desk.poll()
    said = {desk.stand_in.say("leela_k", f"@AcmeBank number {number}") for number in range(250)}
    desk.poll()
    assert {item.native_id for item in desk.items} == said


def test_the_first_poll_takes_one_page_and_no_more(desk: Desk) -> None:
    for number in range(150):
        desk.stand_in.say("leela_k", f"@AcmeBank number {number}")
    assert len(desk.poll()) == 100
    assert len([each for each in desk.stand_in.asked if each.path.endswith("mentions")]) == 1


def test_a_gap_larger_than_a_polls_budget_is_filled_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allhours.networks._x.api._BUDGET", 2)
    desk.poll()
    said = {desk.stand_in.say("leela_k", f"@AcmeBank number {number}") for number in range(550)}
    assert len(desk.poll()) == 200
    said.add(desk.stand_in.say("leela_k", "@AcmeBank and one between the pages"))
    for _ in range(4):
        desk.poll()
    assert {item.native_id for item in desk.items} == said


def test_own_posts_open_no_work(desk: Desk) -> None:
    desk.stand_in.brand_says("@AcmeBank talks about itself")
    desk.stand_in.brand_says("we write first", private_to="leela_k")
    assert desk.poll() == []
    assert [each.reason for each in desk.heard if isinstance(each, Skipped)] == ["own post", "own post"]


def test_words_without_an_at_are_found_by_search(stand_in: XStandIn) -> None:
    desk = Desk(stand_in, listen=("#acmebank", "Acme Bank"))
    said = {stand_in.say("leela_k", "is acme bank down?"), stand_in.say("omar", "no money #acmebank")}
    stand_in.say("omar", "nothing to do with it")
    stand_in.brand_says("news from Acme Bank")
    assert {item.native_id for item in desk.poll()} == said
    query = next(asked.first("query") for asked in stand_in.asked if "search" in asked.path)
    assert query == '(#acmebank OR "Acme Bank") -is:retweet -from:AcmeBank'
    assert {asked.headers["authorization"] for asked in stand_in.asked if "search" in asked.path} == {
        "Bearer stand-in-app"
    }


def test_many_words_become_several_queries_each_short_enough(stand_in: XStandIn) -> None:
    words = tuple(f"acme product number {number}" for number in range(60))
    desk = Desk(stand_in, listen=words)
    desk.poll()
    queries = [asked.first("query") for asked in stand_in.asked if "search" in asked.path]
    assert len(queries) > 1
    assert all(len(query) <= 512 for query in queries)
    assert all(any(f'"{word}"' in query for query in queries) for word in words)


def test_search_never_asks_for_older_than_it_reaches(stand_in: XStandIn) -> None:
    desk = Desk(stand_in, listen=("acme",))
    desk.poll(at=datetime.now(UTC) - timedelta(days=30))
    said = stand_in.say("leela_k", "acme is slow")
    assert [item.native_id for item in desk.poll()] == [said]
    assert not desk.troubles


def test_messages_are_left_alone_when_the_token_may_not_read_them(desk: Desk) -> None:
    desk.credentials.secrets["bank"] = {**desk.stand_in.secret, "scope": "tweet.read users.read"}
    desk.stand_in.say("leela_k", "in private", private=True)
    assert desk.poll() == []
    assert not [asked for asked in desk.stand_in.asked if "dm_events" in asked.path]


def test_messages_more_than_a_page_are_all_heard(desk: Desk) -> None:
    desk.poll()
    said = {desk.stand_in.say("leela_k", f"part {number}", private=True) for number in range(230)}
    desk.poll()
    assert {item.native_id for item in desk.items} == said


def test_a_long_text_is_read_from_the_note(desk: Desk) -> None:
    story = "@AcmeBank " + "and then the next thing happened " * 20
    desk.stand_in.say("leela_k", story)
    (item,) = desk.poll()
    assert item.text == story.strip() or item.text == story


def test_mentions_are_read_without_paying_for_authors(desk: Desk) -> None:
    for name in ("leela_k", "omar", "mei"):
        desk.stand_in.say(name, "@AcmeBank hello")
    items = desk.poll()
    assert len(desk.stand_in.billed) / len(items) <= 1.05
    authors = desk.network.authors(
        desk.handle, [*(item.author.author_id for item in items), "unknown-5", "77"], at=datetime.now(UTC)
    )
    assert {author.handle for author in authors.values()} == {"leela_k", "omar", "mei"}


# Two vocabularies.


def test_the_vocabulary_is_found_out_once_and_remembered() -> None:
    with XStandIn(vocabulary="posts") as stand_in:
        desk = Desk(stand_in)
        said = stand_in.say("leela_k", "@AcmeBank hello " + "long " * 80)
        (item,) = desk.poll()
        assert (item.native_id, item.author.handle) == (said, "leela_k")
        assert item.text.count("long") == 80
        assert desk.cursor["mentions"]["vocabulary"] == "posts"
        again = Desk(stand_in)
        again.cursor = desk.cursor
        asked_before = len(stand_in.asked)
        again.poll()
        assert not [each for each in stand_in.asked[asked_before:] if each.first("tweet.fields")]


def test_a_configured_vocabulary_is_not_second_guessed() -> None:
    with XStandIn(vocabulary="posts") as stand_in:
        desk = Desk(stand_in, vocabulary="tweets")
        assert desk.poll() == []
        assert isinstance(desk.troubles[0], Refused)
        assert not [each for each in stand_in.asked if each.first("post.fields")]


# Edits and deletions.


def test_an_edit_is_a_newer_version_of_the_same_item(desk: Desk) -> None:
    first = desk.stand_in.say("leela_k", "@AcmeBank 50 euros")
    (item,) = desk.poll()
    desk.stand_in.edit(first, "@AcmeBank 15 euros")
    new = desk.stand_in.world.posts[first].chain[-1]
    (edited,) = desk.poll()
    assert (edited.key, edited.change, edited.version) == (item.key, Change.EDITED, int(new))
    assert edited.version > item.version


@pytest.mark.parametrize("vocabulary", ["tweets", "posts"])
def test_rereading_finds_edits_and_deletions_and_nothing_else(vocabulary: str) -> None:
    with XStandIn(vocabulary=vocabulary) as stand_in:
        desk = Desk(stand_in)
        kept_id = stand_in.say("leela_k", "@AcmeBank stays")
        edited_id = stand_in.say("leela_k", "@AcmeBank changes")
        deleted_id = stand_in.say("omar", "@AcmeBank goes")
        stand_in.say("omar", "in private", private=True)
        kept = desk.poll()
        at = datetime.now(UTC)
        assert list(desk.network.reread(desk.handle, kept, at=at)) == []
        stand_in.edit(edited_id, "@AcmeBank changed once")
        stand_in.edit(edited_id, "changed twice")
        newest = stand_in.world.posts[edited_id].chain[-1]
        stand_in.delete(deleted_id)
        found = {item.native_id: item for item in desk.network.reread(desk.handle, kept, at=at)}
        assert found.keys() == {edited_id, deleted_id}
        assert kept_id not in found
        edited, deleted = found[edited_id], found[deleted_id]
        assert isinstance(edited, Item)
        assert (edited.text, edited.version) == ("changed twice", int(newest))
        assert isinstance(deleted, Item)
        assert (deleted.change, deleted.text) == (Change.DELETED, "")
        assert list(desk.network.reread(desk.handle, [edited], at=at)) == []
        stand_in.delete(edited_id)
        (gone,) = desk.network.reread(desk.handle, [edited], at=at)
        assert isinstance(gone, Item)
        assert gone.change is Change.DELETED
        assert gone.version > edited.version


# Tokens.


def test_an_expired_token_is_renewed_once_and_the_poll_goes_on(desk: Desk) -> None:
    said = desk.stand_in.say("leela_k", "@AcmeBank hello")
    desk.stand_in.expire_token()
    assert [item.native_id for item in desk.poll()] == [said]
    assert desk.credentials.renewed == ["bank"]
    assert desk.credentials.secrets["bank"]["refresh_token"] == desk.stand_in.secret["refresh_token"]
    assert desk.credentials.secrets["bank"]["client_secret"]
    desk.stand_in.expire_token()
    desk.poll()
    assert not desk.troubles


def test_a_refresh_token_used_twice_ends_the_family_and_names_the_secret(desk: Desk) -> None:
    stolen = dict(desk.stand_in.secret)
    desk.stand_in.expire_token()
    desk.poll()
    desk.credentials.secrets["bank"] = {**stolen, "access_token": "old"}
    desk.poll()
    refused = desk.troubles[0]
    assert isinstance(refused, Refused)
    assert "secret bank" in str(refused)
    assert not any(
        value in str(refused) for name, value in stolen.items() if name.endswith(("token", "secret"))
    )


def test_a_poll_asks_for_a_new_token_once_even_if_the_new_one_is_not_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tokens, "token", lambda _self, _asked: Told(body={"access_token": "not taken"}))
    desk.stand_in.expire_token()
    desk.poll()
    assert desk.credentials.renewed == ["bank"]
    assert [type(each) for each in desk.troubles] == [Refused, Refused]


def test_a_public_client_names_itself_in_the_form(desk: Desk) -> None:
    without = {name: value for name, value in desk.stand_in.secret.items() if name != "client_secret"}
    desk.credentials.secrets["bank"] = without
    desk.stand_in.expire_token()
    desk.poll()
    asked = next(each for each in desk.stand_in.asked if each.path == "/2/oauth2/token")
    assert dict(parse_qsl(asked.body.decode()))["client_id"] == "stand-in-client"
    assert "authorization" not in asked.headers
    assert isinstance(desk.troubles[0], Refused)


def test_a_handle_without_a_native_id_says_what_to_mend(desk: Desk) -> None:
    handle = Handle(
        network="x", account="a", unit="u", handle="@a", base_url=desk.handle.base_url, secret="bank"
    )
    (step, *_) = desk.network.fetch(handle, {}, at=datetime.now(UTC))
    assert "native_id" in str(step.trouble)


# Faults.


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("refused_token", Refused),
    ],
)
def test_a_fault_is_told_and_the_next_poll_hears_everything(
    desk: Desk, fault: str, trouble: type[Exception]
) -> None:
    desk.poll()
    said = desk.stand_in.say("leela_k", "@AcmeBank hello")
    desk.stand_in.fail(fault)
    assert desk.poll() == []
    assert isinstance(desk.troubles[0], trouble)
    assert [item.native_id for item in desk.poll(at=datetime.now(UTC) + timedelta(seconds=5))] == [said]


def test_a_resume_token_that_died_is_given_up_and_nothing_is_lost(desk: Desk) -> None:
    desk.poll()
    said = desk.stand_in.say("leela_k", "in private", private=True)
    resumed = {**desk.cursor["messages"], "resume": "pagination_token notatoken"}
    desk.cursor = {**desk.cursor, "messages": resumed}
    assert [item.native_id for item in desk.poll()] == [said]
    assert not desk.troubles


def test_a_token_that_dies_in_the_middle_is_renewed(desk: Desk) -> None:
    said = desk.stand_in.say("leela_k", "@AcmeBank hello")
    desk.stand_in.fail("expired_token")
    assert [item.native_id for item in desk.poll()] == [said]
    assert not desk.troubles


def test_duplicates_cost_nothing_and_late_posts_are_heard_by_the_overlap(desk: Desk) -> None:
    desk.poll()
    said = [desk.stand_in.say("leela_k", f"@AcmeBank number {number}") for number in range(3)]
    desk.stand_in.fail("late")
    assert [item.native_id for item in desk.poll()] == said[:0:-1]
    desk.stand_in.fail("duplicate")
    assert {item.native_id for item in desk.poll()} == {said[0]}


@pytest.mark.parametrize("times", [1, 2])
def test_both_bodies_of_429_rest_the_stream_until_the_window_ends(desk: Desk, times: int) -> None:
    at = datetime.now(UTC)
    for _ in range(times):
        desk.stand_in.fail("rate_limited")
        desk.cursor = {}
        desk.poll(at)
    asked = len(desk.stand_in.asked)
    limited = desk.troubles[-1]
    assert isinstance(limited, RateLimited)
    assert timedelta(0) < limited.retry_at - at <= timedelta(seconds=5)
    desk.poll(at)
    paths = [each.path for each in desk.stand_in.asked[asked:]]
    assert not [path for path in paths if path.endswith("mentions")]


def test_a_spent_window_is_left_before_x_says_no() -> None:
    with XStandIn(limits={"mentions": 2}) as stand_in:
        desk = Desk(stand_in)
        desk.poll()
        said = [stand_in.say("leela_k", f"@AcmeBank number {number}") for number in range(150)]
        assert len(desk.poll()) == 100
        assert isinstance(desk.troubles[0], RateLimited)
        desk.poll()
        assert len([each for each in stand_in.asked if each.path.endswith("mentions")]) == 2
        assert desk.cursor["mentions"]["resume"] == f"until_id {said[50]}"


@pytest.mark.parametrize("switch", ["usage_capped", "out_of_credit"])
def test_money_is_a_persons_business_and_no_reason_to_wait(desk: Desk, switch: str) -> None:
    setattr(desk.stand_in, switch, True)
    desk.poll()
    assert desk.troubles
    assert all(isinstance(each, Refused) for each in desk.troubles)
    assert "X wants money" in str(desk.troubles[0])


def test_a_page_that_nobody_can_read_ends_no_walk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.poll()
    said = [desk.stand_in.say("leela_k", f"@AcmeBank number {number}") for number in range(150)]
    page = Reads._page
    spoilt: list[int] = []

    def spoil(self: Reads, asked: Asked, entries: list[dict[str, Any]]) -> Any:
        told = page(self, asked, entries)
        if not spoilt and "mentions" in asked.path:
            spoilt.append(1)
            for entry in told.body["data"]:
                entry["id"] = None
        return told

    monkeypatch.setattr(Reads, "_page", spoil)
    assert [item.native_id for item in desk.poll()] == said[49::-1]


def test_empty_pages_with_a_next_token_are_passed_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.poll()
    said = [desk.stand_in.say("leela_k", f"@AcmeBank number {number}") for number in range(120)]
    page = Reads._page
    emptied: list[str] = []

    def empty(self: Reads, asked: Asked, entries: list[dict[str, Any]]) -> Any:
        told = page(self, asked, entries)
        if "mentions" in asked.path and len(emptied) < 2 and "data" in told.body:
            emptied.append(asked.path)
            token = base64.b32hexencode(b"9" * 19).decode().lower().rstrip("=")
            told.body.pop("data")
            told.body["meta"] = {"result_count": 0, "next_token": token}
        return told

    monkeypatch.setattr(Reads, "_page", empty)
    assert {item.native_id for item in desk.poll()} == set(said)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_post_is_heard_whatever_crashes(data: st.DataObject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allhours.networks._x.api._PAGE", "5")
    monkeypatch.setattr("allhours.networks._x.api._BUDGET", 2)
    stand_in = XStandIn(limits={"mentions": 10_000, "dm_events": 10_000})
    desk = Desk(stand_in, http=Direct(stand_in))
    desk.poll()
    for _ in range(data.draw(st.integers(1, 6))):
        for number in range(data.draw(st.integers(0, 23))):
            stand_in.say("leela_k", f"@AcmeBank number {number}", private=number % 3 == 0)
        crash_after = data.draw(st.integers(0, 9))
        for step, fetched in enumerate(desk.steps()):
            if step == crash_after:
                break  # fetched and never queued: the cursor of the step before stands
            desk.heard += fetched.heard
            if data.draw(st.integers(0, 3)) == 0:
                break  # queued, and then crashed before the cursor was saved
            desk.cursor = fetched.cursor
            if data.draw(st.booleans()):
                stand_in.say("omar", "@AcmeBank between two pages")
    said = {each.native_id for each in stand_in.posts}
    for _ in range(60):
        if {item.native_id for item in desk.items} == said:
            break
        desk.poll()
    assert {item.native_id for item in desk.items} == said
    monkeypatch.setattr("allhours.networks._x.api._BUDGET", 60)  # now the whole overlap fits into one poll
    desk.poll()
    desk.poll()
    before = desk.cursor
    assert desk.poll() == []
    assert desk.cursor == before


# The webhook.


class Webhook(BaseHTTPRequestHandler):
    """Our webhook as the function runs it: greet, verify, unpack."""

    desk: Desk
    arrived: threading.Condition

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        self._end(
            200, self.desk.network.greet(Delivery(method="GET", query=query, headers={}, body=b"")).body
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        delivery = Delivery(method="POST", query={}, headers=headers, body=body)
        try:
            self.desk.network.verify(delivery)
        except BadSignature:
            self._end(403, "")
            return
        heard = self.desk.network.unpack(body, (self.desk.handle,), at=datetime.now(UTC))
        with self.arrived:
            self.desk.heard += heard
            self.arrived.notify_all()
        self._end(200, "")

    def _end(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Keep quiet."""


@pytest.fixture
def webhook(desk: Desk) -> Iterator[str]:
    arrived = threading.Condition()
    handler = type("Handler", (Webhook,), {"desk": desk, "arrived": arrived})
    desk.arrived = arrived  # type: ignore[attr-defined]
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/x"
    server.shutdown()
    thread.join()
    server.server_close()


def waited_for(desk: Desk, number: int) -> list[Heard]:
    arrived: threading.Condition = desk.arrived  # type: ignore[attr-defined]
    with arrived:
        assert arrived.wait_for(lambda: len(desk.heard) >= number, timeout=10)
        return list(desk.heard)


def test_pushed_and_polled_posts_meet_under_one_key(desk: Desk, webhook: str) -> None:
    assert desk.stand_in.register_webhook(webhook, also_deletes_of=["leela_k"])
    ours = desk.stand_in.brand_says("our new app is here")
    mention = desk.stand_in.say("leela_k", "@AcmeBank hello")
    reply = desk.stand_in.say("omar", "it does not start", reply_to=ours)
    quote = desk.stand_in.say("mei", "what a mess", quote=ours)
    message = desk.stand_in.say("mei", "in private", private=True)
    pushed = {each.native_id: each for each in waited_for(desk, 4) if isinstance(each, Item)}
    assert pushed.keys() == {mention, reply, quote, message}
    assert pushed[quote].answer_needs["engaged"] == "quoted"
    assert pushed[reply].author.handle == ""
    for item in desk.poll():
        assert pushed[item.native_id].conversation_id == item.conversation_id
        assert pushed[item.native_id].kind is item.kind
    before = len(desk.heard)
    desk.stand_in.delete(mention)
    gone = waited_for(desk, before + 1)[-1]
    assert isinstance(gone, Item)
    assert (gone.native_id, gone.change) == (mention, Change.DELETED)
    assert desk.stand_in.pushes
    assert desk.stand_in.pushes.refused == []


def test_a_webhook_that_does_not_know_the_secret_is_not_registered(desk: Desk, webhook: str) -> None:
    desk.credentials.secrets["app"] = {"consumer_secret": "another"}
    assert not desk.stand_in.register_webhook(webhook)


def test_withdrawn_access_is_pushed_and_named(desk: Desk, webhook: str) -> None:
    desk.stand_in.register_webhook(webhook)
    desk.stand_in.revoke()
    (heard,) = waited_for(desk, 1)
    assert "connect it again" in heard.detail  # type: ignore[union-attr]


# X's own specification, both ways.


@pytest.mark.parametrize(
    ("vocabulary", "file"),
    [("tweets", "openapi-2.159-tweet-names.json"), ("posts", "openapi-2.167.json")],
)
def test_what_we_ask_and_what_the_stand_in_answers_is_what_x_specifies(
    vocabulary: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = Specification(file)
    told: list[tuple[Asked, Any]] = []
    answer = XStandIn.answer

    def listen(self: XStandIn, asked: Asked) -> Any:
        said = answer(self, asked)
        told.append((asked, json.loads(said.raw())))
        return said

    monkeypatch.setattr(XStandIn, "answer", listen)
    with XStandIn(vocabulary=vocabulary) as stand_in:
        desk = Desk(stand_in, listen=("acme",), vocabulary=vocabulary)
        for number in range(120):
            stand_in.say("leela_k", f"@AcmeBank number {number} " + "long " * 60)
        ours = stand_in.brand_says("@leela_k yes?")
        stand_in.say("leela_k", "acme, acme", reply_to=ours, quote=ours)
        stand_in.say("omar", "in private", private=True)
        items = [*desk.poll(), *desk.poll()]
        stand_in.delete(items[0].native_id)
        list(desk.network.reread(desk.handle, items, at=datetime.now(UTC)))
        desk.network.authors(desk.handle, [items[0].author.author_id, "77"], at=datetime.now(UTC))
    assert not desk.troubles
    paths = {specification.operation(asked)[0] for asked, _ in told}
    assert paths == {
        "/2/users/{id}/mentions",
        "/2/tweets/search/recent",
        "/2/dm_events",
        "/2/tweets",
        "/2/users",
    }
    for asked, body in told:
        assert specification.wrong_in_query(asked) == []
        assert specification.wrong_in_answer(asked, body) == []


def test_events_have_the_shape_that_was_recorded(stand_in: XStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[dict[str, Any]] = []
    monkeypatch.setattr(Webhooks, "_greeted", lambda _self, _url: True)
    monkeypatch.setattr(Pusher, "push", lambda _self, body: pushed.append(body))
    stand_in.register_webhook("http://127.0.0.1:1/x", also_deletes_of=["leela_k"])
    said = stand_in.say("leela_k", "@AcmeBank hello")
    stand_in.say("leela_k", "in private", private=True)
    stand_in.delete(said)
    assert [each["data"]["event_type"] for each in pushed] == [
        "post.mention.create",
        "dm.received",
        "post.delete",
    ]
    for event in pushed:
        name = event["data"]["event_type"]
        recorded = json.loads(specs("x", "xaa-events", f"{name}.json").read_text(encoding="utf-8"))
        assert _unknown(event, recorded) == []


def _unknown(value: object, recorded: object, place: str = "") -> list[str]:
    """Return the fields that the recorded event does not have; ids as keys are compared by their first."""
    if isinstance(value, list) and isinstance(recorded, list):
        return [
            each for inner in value for each in _unknown(inner, recorded[0] if recorded else inner, place)
        ]
    if not isinstance(value, dict) or not isinstance(recorded, dict):
        return [] if type(value) is type(recorded) else [f"{place} is a {type(value).__name__}"]
    wrong = []
    for name, inner in value.items():
        beside = recorded.get(name, next(iter(recorded.values())) if name.isdecimal() else None)
        wrong += [f"{place}.{name}"] if beside is None else _unknown(inner, beside, f"{place}.{name}")
    return wrong


def test_webhooks_are_managed_as_x_specifies(stand_in: XStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    specification = Specification("openapi-2.167.json")
    pushed: list[dict[str, Any]] = []
    greeted = [True, False]
    monkeypatch.setattr(Webhooks, "_greeted", lambda _self, _url: greeted.pop(0))
    monkeypatch.setattr(Pusher, "push", lambda _self, body: pushed.append(body))

    def ask(method: str, path: str, body: object = None) -> Any:
        token = "access_token" if "subscriptions" in path else "bearer_token"
        headers = {"authorization": f"Bearer {stand_in.secret[token]}"}
        raw = json.dumps(body).encode() if body else b""
        asked = Asked(method=method, path=path, query=(), headers=headers, body=raw)
        told = stand_in.answer(asked)
        if told.status == 200:
            assert specification.wrong_in_answer(asked, told.body) == []
        return told.body

    webhook_id = ask("POST", "/2/webhooks", {"url": "http://127.0.0.1:1/x"})["data"]["id"]
    wanted = {"event_type": "post.mention.create", "filter": {"user_id": stand_in.brand_id}}
    ask("POST", "/2/activity/subscriptions", {**wanted, "webhook_id": webhook_id})
    stand_in.say("leela_k", "@AcmeBank hello")
    assert [each["data"]["event_type"] for each in pushed] == ["post.mention.create"]
    assert ask("PUT", f"/2/webhooks/{webhook_id}")["data"] == {"valid": False}
    stand_in.say("leela_k", "@AcmeBank are you there?")
    assert len(pushed) == 1
    assert len(ask("GET", "/2/webhooks")["data"]) == 1
    assert ask("DELETE", f"/2/webhooks/{webhook_id}")["data"] == {"deleted": True}
    assert "WebhookIdInvalid" in ask("DELETE", f"/2/webhooks/{webhook_id}")["detail"]
