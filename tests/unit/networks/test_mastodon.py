"""What is Mastodon's own: its shapes, its ids, and reading forwards through opaque marks."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.domain.errors import Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Heard, Item, Kind, Skipped, Unreadable, item_from_json, item_to_json
from allhours.networks import network_module
from allhours.networks._mastodon.posts import REASONS
from allhours.networks._mastodon.streams import PAGE, Forward, forwards
from allhours.networks.contract import Rereader, Source
from allhours.networks.http import Http, Reply
from allhours.networks.mastodon import capabilities, connect, parse

FIXTURES = Path(__file__).parents[2] / "fixtures" / "mastodon"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json") if not path.stem.endswith(".item"))
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HANDLE = Handle(
    network="mastodon",
    account="bank-care",
    unit="care",
    handle="@acmebank",
    base_url="https://bank.example",
    native_id="1001",
    secret="bank/mastodon",
)


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


def heard(body: object, handle: Handle = HANDLE) -> tuple[Heard, ...]:
    return parse(json.dumps(body).encode(), handle, AT)


def one(body: object, handle: Handle = HANDLE) -> Item:
    [item] = heard(body, handle)
    assert isinstance(item, Item)
    return item


def a_status(**fields: object) -> dict[str, Any]:
    status: dict[str, Any] = deepcopy(recorded("mention")[0]["status"])
    return {**status, **fields}


@pytest.mark.parametrize("name", NAMES)
def test_a_fixture_becomes_the_items_we_expect(name: str) -> None:
    expected = json.loads((FIXTURES / f"{name}.item.json").read_bytes())
    found = parse((FIXTURES / f"{name}.json").read_bytes(), HANDLE, AT)
    assert [item_to_json(item) for item in found if isinstance(item, Item)] == expected


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("own_posts", ["own post", "boost of somebody's post"]),
        (
            "deleted",
            [
                "notification without a status",
                "notification of something that is no post",
                "answer to our own deletion",
            ],
        ),
        ("thread", ["own post"]),
    ],
)
def test_what_is_none_of_our_business_has_a_named_reason(name: str, reasons: list[str]) -> None:
    found = [each.reason for each in heard(recorded(name)) if isinstance(each, Skipped)]
    assert found == reasons
    assert set(found) <= set(REASONS)


def test_a_post_has_twenty_attachments_at_most_and_none_too_long_to_follow() -> None:
    links = ["https://m.example/" + "x" * 2_000, *(f"https://m.example/{number}" for number in range(30))]
    media = [{"id": "1", "type": "image", "url": link} for link in links]
    assert list(one(a_status(media_attachments=media)).attachments) == links[1:21]


def test_a_missing_author_is_unreadable_and_the_page_goes_on() -> None:
    broken, whole = heard(recorded("missing_author"))
    assert isinstance(whole, Item)
    assert isinstance(broken, Unreadable)
    assert broken.native_id == "https://other.example/users/leela/statuses/117020581000000001"
    assert broken.field == "status.account"


def test_one_post_has_one_id_on_two_servers() -> None:
    there = replace(HANDLE, handle="@acmecards", base_url="https://cards.example", native_id="7")
    here = a_status()
    assert one(here).native_id == one(a_status(id="99"), there).native_id
    assert one(here).answer_needs["status_id"] != one(a_status(id="99"), there).answer_needs["status_id"]
    assert one(here).author.author_id == one(a_status(id="99"), there).author.author_id


@pytest.mark.parametrize(
    ("handle", "acct", "ours"),
    [
        ("@acmebank", "acmebank", True),
        ("@acmebank", "AcmeBank@bank.example", True),
        ("@AcmeBank@social.acme.example", "acmebank", True),
        ("@acmebank@social.acme.example", "acmebank@social.acme.example", True),
        ("@acmebank", "acmebank@evil.example", False),
        ("@acmebank", "acmebank2", False),
    ],
)
def test_only_the_brands_own_name_on_its_own_host_is_ours(handle: str, acct: str, *, ours: bool) -> None:
    status = a_status()
    status["account"] |= {"id": "555", "acct": acct}
    [found] = heard(status, replace(HANDLE, handle=handle, native_id=""))
    assert isinstance(found, Skipped) is ours


def test_an_account_id_alone_tells_who_is_ours() -> None:
    status = a_status()
    status["account"] |= {"id": "1001", "acct": "renamed"}
    assert isinstance(heard(status)[0], Skipped)


def test_an_unknown_visibility_is_treated_as_private() -> None:
    assert one(a_status(visibility="circle")).answer_needs["visibility"] == "direct"


def test_the_warnings_words_are_in_the_text_alone() -> None:
    item = one(a_status(spoiler_text="my IBAN"))
    assert item.text.startswith("my IBAN\n\n")
    assert not [value for value in item.answer_needs.values() if "IBAN" in value]


def test_an_answer_without_its_thread_stands_at_its_parents_address() -> None:
    item = one(a_status(in_reply_to_id="42", in_reply_to_account_id="9"))
    assert item.kind is Kind.REPLY
    assert item.conversation_id == item.parent_id == "https://bank.example/statuses/42"


def test_two_customers_below_our_post_are_apart_even_without_the_thread() -> None:
    below = one(a_status(in_reply_to_id="42", in_reply_to_account_id="1001"))
    assert below.conversation_id == f"https://bank.example/statuses/42:{below.author.author_id}"


def test_an_edits_version_is_exact_to_the_millisecond() -> None:
    item = one(a_status(edited_at="2026-11-20T09:40:12.347Z"))
    assert item.change is Change.EDITED
    assert item.version == 1795167612347


@pytest.mark.parametrize("body", [b"", b"<html>", b"3", b'"x"', b"{}", b'{"say":"hello"}', b"[" * 200_000])
def test_a_body_that_is_none_of_this_network_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, HANDLE, AT)


@pytest.mark.parametrize("value", ["x" * 1_001, "ü" * 600, "a\u202eb", "a\x00b", "\ud800"])
def test_an_id_that_no_table_could_keep_is_unreadable(value: str) -> None:
    [found] = heard(a_status(uri=value))
    assert isinstance(found, Unreadable)
    assert (found.field, found.native_id) == ("uri", "117020576916218297")


@pytest.mark.parametrize(
    "value", ["2026-11-20", "yesterday", "2026-11-20T09:15:01", "0001-01-01T00:00:00+14:00", 7]
)
def test_a_time_that_is_none_is_unreadable(value: object) -> None:
    [found] = heard(a_status(created_at=value))
    assert isinstance(found, Unreadable)
    assert found.field == "created_at"


def test_an_answer_of_this_network_without_posts_holds_none() -> None:
    assert heard({"error": "Not Found"}) == heard([]) == heard(recorded("mention")[0]["account"]) == ()


VALUES: st.SearchStrategy[object] = st.sampled_from(
    [None, 0, -1.5, True, "", "x", "\ud800", [], [1], {}, {"id": None}, [[]], [{}], [None]]
)


def places(body: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [path] * bool(path) + [place for key, child in children for place in places(child, (*path, key))]


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_no_json_breaks_the_reading(data: st.DataObject) -> None:
    body = recorded(data.draw(st.sampled_from(NAMES)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(body)))
        holder = body
        for step in place[:-1]:
            holder = holder[step]
        if data.draw(st.booleans()):
            holder[place[-1]] = deepcopy(data.draw(VALUES))
        else:
            del holder[place[-1]]
        if not places(body):
            return
    try:
        found = heard(body)
    except Malformed:
        assert isinstance(body, dict)  # a whole body may stop being this network's; a list's entries may not
        return
    for each in found:
        assert isinstance(each, Item | Skipped | Unreadable)
        if isinstance(each, Item):
            kept = item_to_json(each)
            assert item_from_json(json.loads(json.dumps(kept).encode())) == each
            json.dumps(kept, ensure_ascii=False).encode()  # nothing that no queue would carry
            assert each.created_at <= AT


# Reading forwards.


ITEM = one(a_status())


class Server:
    """A list that only grows, shown in pages of at most `most`; entries may be filed in the past."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.marks: list[str] = []
        self.calls = 0

    def say(self, *marks: str) -> None:
        self.marks.extend(marks)

    def read(self, mark: str) -> Forward:
        self.calls += 1
        if not mark:
            chosen = self.marks[-self.most :]
        else:
            start = self.marks.index(mark) + 1 if mark in self.marks else 0
            chosen = self.marks[start : start + self.most]
        entries = tuple((each, each, replace(ITEM, native_id=each)) for each in chosen)
        return Forward(entries=entries, newer=chosen[-1] if chosen else "")


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_every_post_is_heard_whatever_happens_between_pages(data: st.DataObject) -> None:
    server = Server(data.draw(st.sampled_from([20, 40, 80])))
    budget = data.draw(st.integers(3, 5))
    names = iter(f"n{number}" for number in range(10_000))
    list(forwards({}, read=server.read))
    marks: Any = dict(list(forwards({}, read=server.read))[-1][1])  # deployed while nothing was there
    told: list[str] = []
    for _ in range(data.draw(st.integers(1, 6))):
        server.say(*(next(names) for _ in range(data.draw(st.integers(0, 150)))))
        crash_at = data.draw(st.integers(0, 6))
        for number, (posts, after) in enumerate(forwards(marks, read=server.read, budget=budget)):
            told += [post.native_id for post in posts if isinstance(post, Item)]
            if number == crash_at:
                break  # queued, and then killed before the cursor was saved
            marks = json.loads(json.dumps(after))
            if data.draw(st.booleans()):
                server.say(next(names))
            if data.draw(st.booleans()) and len(server.marks) > PAGE:
                server.marks.insert(len(server.marks) - data.draw(st.integers(0, 15)), next(names))
    for _ in range(40):
        for posts, after in forwards(marks, read=server.read, budget=budget):
            told += [post.native_id for post in posts if isinstance(post, Item)]
            marks = json.loads(json.dumps(after))
    assert set(told) == set(server.marks)
    assert [dict(after) for _posts, after in forwards(marks, read=server.read)][-1] == marks
    assert not [posts for posts, _after in forwards(marks, read=server.read) if posts]


def test_an_idle_poll_costs_two_calls_and_changes_nothing() -> None:
    server = Server(40)
    server.say(*(f"n{number}" for number in range(100)))
    [(_posts, marks)] = forwards({}, read=server.read)
    server.calls = 0
    steps = list(forwards(marks, read=server.read))
    assert [(posts, after) for posts, after in steps] == [((), marks), ((), marks)]
    assert server.calls == 2


def test_a_deleted_entry_does_not_hold_the_overlap() -> None:
    server = Server(40)
    server.say(*(f"n{number}" for number in range(60)))
    [(_posts, marks)] = forwards({}, read=server.read)
    gone = server.marks.pop()
    server.say("newer")
    steps = list(forwards(marks, read=server.read))
    assert [post.native_id for posts, _after in steps for post in posts] == ["newer"]
    assert gone not in [mark for mark, _key in steps[-1][1]["trail"]]


def test_a_spent_bucket_ends_the_walk_after_its_page_was_told() -> None:
    server = Server(40)
    server.say("n1")
    steps = forwards({}, read=lambda mark: replace(server.read(mark), rests_until=AT))
    posts, _marks = next(steps)
    assert len(posts) == 1
    with pytest.raises(RateLimited) as limited:
        next(steps)
    assert limited.value.retry_at == AT


class Scripted(Http):
    """Answers in order, and keeps what was asked."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.replies = list(replies)
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []

    def call(self, network: str, method: str, url: str, **how: Any) -> Reply:
        assert (network, method) == ("mastodon", "GET")
        assert how["headers"]["Authorization"] == "Bearer t0ken"
        if url.endswith("/api/v2/instance"):
            return reply({})
        self.asked.append((url, how["params"]))
        return self.replies.pop(0)


class NoMeter:
    """Fails when anything is counted: nothing costs anything here."""

    def room(self, handle: Handle, cost: float) -> None:
        raise AssertionError(handle.key, cost)

    def spend(self, handle: Handle, cost: float) -> None:
        raise AssertionError(handle.key, cost)


class Secrets:
    """Credentials with one token in them."""

    def read(self, secret: str) -> dict[str, str]:
        return {"access_token": "t0ken"} if secret == "bank/mastodon" else {}

    def renew(self, *_: object) -> dict[str, str]:
        raise AssertionError


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=json.dumps(body).encode(), url="")


@pytest.mark.parametrize(
    "link",
    [
        '<https://a.io/x?max_id=20>; rel="next", <https://a.io/x?min_id=opaque%2Bmark&b=c>; rel="prev"',
        '<https://bank.example/api/v1/notifications?limit=40&since_id=opaque%2Bmark>; rel="prev"',
    ],
)
def test_the_link_header_says_where_to_go_on(link: str) -> None:
    http = Scripted(reply(recorded("mention"), link=link), reply([]), reply({"error": "no such page"}, 404))
    cursor = {"mentions": {"trail": [["19", "x"]]}}
    list(connect(Secrets(), http, app_secret="", meter=NoMeter()).fetch(HANDLE, cursor, at=AT))
    marks = [dict(params).get("min_id") for _url, params in http.asked]
    assert marks == ["19", "opaque+mark", None]


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (302, {"location": "https://elsewhere.example"}, Refused),
        (400, {}, Refused),
        (401, {}, Refused),
        (403, {}, Refused),
        (404, {}, Refused),
        (422, {}, Refused),
        (429, {"x_ratelimit_reset": "2026-11-21T12:03:00.348080Z"}, RateLimited),
        (429, {"x_ratelimit_reset": "soon", "retry_after": "180"}, RateLimited),
        (500, {}, Unreachable),
        (503, {}, Unreachable),
    ],
)
def test_a_status_is_told_apart_without_reading_the_servers_words(
    status: int, headers: dict[str, str], error: type[NetworkError]
) -> None:
    http = Scripted(reply({"error": "Wörter, t0ken"}, status, **headers), reply([]))
    [first, *_] = connect(Secrets(), http, app_secret="", meter=NoMeter()).fetch(HANDLE, {}, at=AT)
    assert type(first.trouble) is error or isinstance(first.trouble, error)
    assert "Wörter" not in str(first.trouble)
    assert "t0ken" not in str(first.trouble)
    if isinstance(first.trouble, RateLimited):
        assert first.trouble.retry_at.replace(microsecond=0) == AT + timedelta(minutes=3)
    if status == HTTPStatus.NOT_FOUND:
        assert "base_url" in str(first.trouble)


def test_an_entry_without_an_id_is_told_once_and_stops_nothing() -> None:
    page = [*recorded("mention"), {"type": "mention", "status": 7}]
    network = connect(Secrets(), Scripted(reply(page), reply([])), app_secret="", meter=NoMeter())
    [first, *_] = network.fetch(HANDLE, {}, at=AT)
    assert [type(each) for each in first.heard] == [Unreadable, Item]
    again = connect(Secrets(), Scripted(reply(page), reply([]), reply([])), app_secret="", meter=NoMeter())
    assert [step.heard for step in again.fetch(HANDLE, first.cursor, at=AT)] == [(), (), ()]


def test_a_broken_post_is_told_once_even_when_its_counters_move() -> None:
    page = recorded("mention")
    page[0]["status"]["content"] = None
    [first, *_] = connect(Secrets(), Scripted(reply(page), reply([])), app_secret="", meter=NoMeter()).fetch(
        HANDLE, {}, at=AT
    )
    assert [type(each) for each in first.heard] == [Unreadable]
    page[0]["status"]["replies_count"] = 7
    again = connect(Secrets(), Scripted(reply(page), reply([]), reply([])), app_secret="", meter=NoMeter())
    assert not [step.heard for step in again.fetch(HANDLE, first.cursor, at=AT) if step.heard]
    page[0]["status"]["content"] = "<p>mended</p>"
    mended = connect(Secrets(), Scripted(reply(page), reply([]), reply([])), app_secret="", meter=NoMeter())
    [told] = [each for step in mended.fetch(HANDLE, first.cursor, at=AT) for each in step.heard]
    assert isinstance(told, Item)
    assert told.text == "mended"


@pytest.mark.parametrize("token", ["abc\n", "abc\r\nX: y", "abc\u201d", "abc\x00"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token: str) -> None:
    for way in ({"headers": {"Authorization": f"Bearer {token}"}}, {"auth": ("bank", token + "\u201d")}):
        with pytest.raises(Refused, match="store the token again") as refused:
            Http().call("mastodon", "GET", "http://127.0.0.1:9/x", **way)
        assert "abc" not in str(refused.value)


def test_the_file_offers_what_every_network_offers() -> None:
    module = network_module("mastodon")
    assert module.capabilities is capabilities
    assert capabilities.name == "mastodon"
    network = connect(Secrets(), Http(), app_secret="", meter=NoMeter())
    assert isinstance(network, Source)
    assert isinstance(network, Rereader)
