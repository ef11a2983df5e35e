"""The stand-in shows things as Reddit was recorded to, asks what Reddit asks, and has its quirks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
import requests

from allhours.networks.contract import Answer
from allhours.networks.http import Http
from allhours.networks.reddit import answering, connect, setting_up
from infra.local.standins.base import FAULTS, now
from infra.local.standins.reddit import RedditStandIn
from tests.shared_material import specs
from tests.unit.standins.forum_wire import FreeMeter, Poller, credentials_for, handle_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND = timedelta(seconds=1)
AGENT = {"user-agent": "server:test:1 (by /u/acme_ops)"}


@pytest.fixture
def stand_in() -> Iterator[RedditStandIn]:
    with RedditStandIn() as stand_in:
        yield stand_in


def token_of(stand_in: RedditStandIn) -> dict[str, str]:
    app = stand_in.app_secret
    told = requests.post(
        f"{stand_in.base_url}/api/v1/access_token",
        data={"grant_type": "refresh_token", **stand_in.secret},
        auth=(app["client_id"], app["client_secret"]),
        headers=AGENT,
        timeout=5,
    ).json()
    return {**AGENT, "authorization": f"bearer {told['access_token']}"}


def get(stand_in: RedditStandIn, path: str, **params: str) -> requests.Response:
    return requests.get(
        f"{stand_in.base_url}{path}",
        params={"raw_json": "1", **params},
        headers=token_of(stand_in),
        timeout=5,
        allow_redirects=False,
    )


def a_day(stand_in: RedditStandIn) -> None:
    """Let everything happen once that our client asks for."""
    credentials, handle = credentials_for(stand_in), handle_for(stand_in, listen=("acme bank",))
    reader = connect(credentials, Http(), app_secret="reddit/app", meter=FreeMeter())
    poller = Poller(reader, handle)
    poller.poll(now() - SECOND)
    root = stand_in.say("leela", "my acme bank card", subreddit="personalfinance")
    stand_in.say("tomas", "u/acme_bank hello", reply_to=root)
    stand_in.say("maria", "hello", reply_to=stand_in.brand_says("Good morning"))
    poller.poll(now() + SECOND)
    list(reader.reread(handle, poller.queue, at=now()))
    replier = answering(credentials, Http(), app_secret="reddit/app", meter=FreeMeter())
    answer = Answer(reply_id="r1", item=poller.queue[0], text="Hello", approved_at=now())
    replier.send(handle, replier.prepare(handle, answer, at=now()), at=now())
    replier.find(handle, answer, at=now())
    setup = setting_up(credentials, Http(), app_secret="reddit/app")
    setup.identify(handle, at=now())
    setup.health(handle, callback="", at=now())


# Against what was recorded


def exchange(name: str, number: int) -> Any:
    told = json.loads(specs("reddit", "recorded-praw", f"{name}.json").read_bytes())
    return (told.get("http_interactions") or told["interactions"])[number]


def recorded(name: str, number: int) -> Any:
    return json.loads(exchange(name, number)["response"]["body"]["string"])


def shape(value: object) -> str:
    return {bool: "bool", int: "number", float: "number"}.get(type(value), type(value).__name__)


def shapes_of(things: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for thing in things:
        for name, value in thing["data"].items():
            found.setdefault(name, set()).add(shape(value))
    return found


@pytest.mark.parametrize(
    ("path", "cassette", "number"),
    [
        ("/message/mentions", "TestInbox.test_mentions", 1),
        ("/message/comments", "TestInbox.test_comment_replies", 1),
        ("/message/selfreply", "TestInbox.test_submission_replies", 1),
    ],
)
def test_the_inbox_has_the_fields_and_types_that_were_recorded(
    stand_in: RedditStandIn, path: str, cassette: str, number: int
) -> None:
    a_day(stand_in)
    answer = stand_in.brand_says("x", reply_to=stand_in.brand_says("y"))
    stand_in.say("leela", "u/acme_bank too", reply_to=answer)
    told, known = get(stand_in, path).json(), recorded(cassette, number)
    assert told["data"].keys() <= {*known["data"], "dist"}
    assert told["data"]["children"]
    expected = shapes_of(known["data"]["children"])
    for name, kinds in shapes_of(told["data"]["children"]).items():
        assert kinds <= expected[name] | {"NoneType"}, name


def test_listings_have_the_fields_and_types_that_were_recorded(stand_in: RedditStandIn) -> None:
    a_day(stand_in)
    newer = {
        "author_fullname",
        "locked",
        "permalink",
        "subreddit_name_prefixed",
        "subreddit_type",
    }  # than 2017
    pairs = [
        ("/r/acmebank/comments", recorded("TestSubredditStreams.test_comments__with_pause", 1)),
        ("/r/acmebank/new", recorded("TestSubredditListings.test_new", 1)),
        ("/r/personalfinance/search", recorded("TestSubreddit.test_search", 1)),
    ]
    for path, known in pairs:
        told = get(stand_in, path, q="acme").json()["data"]["children"]
        assert told, path
        expected = shapes_of(known["data"]["children"])
        for name, kinds in shapes_of(told).items():
            if name not in newer:
                assert kinds <= expected[name] | {"NoneType"}, name


def test_a_written_comment_comes_back_as_recorded(stand_in: RedditStandIn) -> None:
    root = stand_in.say("leela", "hello")
    told = requests.post(
        f"{stand_in.base_url}/api/comment",
        data={"thing_id": root, "text": "Hi", "api_type": "json", "raw_json": "1"},
        headers=token_of(stand_in),
        timeout=5,
    ).json()
    known = recorded("TestComment.test_reply", 1)
    assert told.keys() == known.keys() == {"json"}
    assert told["json"]["errors"] == known["json"]["errors"] == []
    made, expected = (each["json"]["data"]["things"][0] for each in (told, known))
    assert made["kind"] == expected["kind"]
    assert {"name", "parent_id", "link_id", "body", "edited", "created_utc"} <= made["data"].keys()
    assert {"name", "parent_id", "link_id", "body", "edited", "created_utc"} <= expected["data"].keys()


def test_our_client_writes_a_comment_as_recorded(stand_in: RedditStandIn) -> None:
    a_day(stand_in)
    expected = parse_qs(str(exchange("TestComment.test_reply", 1)["request"]["body"]))
    (asked,) = (asked for asked in stand_in.asked if asked.path == "/api/comment")
    assert asked.method == "POST"
    assert parse_qs(asked.body.decode()).keys() == {*expected, "raw_json"}


def test_our_client_asks_only_what_reddit_documents_and_names_itself(stand_in: RedditStandIn) -> None:
    a_day(stand_in)
    assert {asked.path for asked in stand_in.asked} == {
        "/api/comment",
        "/api/info",
        "/api/v1/access_token",
        "/api/v1/me",
        "/message/comments",
        "/message/mentions",
        "/message/selfreply",
        "/r/acmebank/comments",
        "/r/acmebank/new",
        "/r/personalfinance/search",
        "/user/acme_bank/comments",
    }
    for asked in stand_in.asked:
        assert asked.headers["user-agent"] == "server:allhours-cards:0.1 (by /u/acme_bank)"
        if asked.method == "GET":
            assert asked.first("raw_json") == "1"
            assert asked.headers["authorization"].startswith("bearer ")


# Its quirks


def test_before_a_deleted_name_answers_with_nothing_for_ever(stand_in: RedditStandIn) -> None:
    gone = stand_in.speak("leela", "one")
    stand_in.speak("leela", "two")
    assert len(get(stand_in, "/r/acmebank/new", before=gone).json()["data"]["children"]) == 1
    stand_in.delete(gone)
    assert get(stand_in, "/r/acmebank/new", before=gone).json()["data"]["children"] == []


def test_text_has_entities_without_raw_json(stand_in: RedditStandIn) -> None:
    stand_in.speak("leela", "a < b & c")
    told = requests.get(f"{stand_in.base_url}/r/acmebank/new", headers=token_of(stand_in), timeout=5).json()
    assert told["data"]["children"][0]["data"]["title"] == "a &lt; b &amp; c"


def test_private_messages_lead_to_the_login_page(stand_in: RedditStandIn) -> None:
    told = get(stand_in, "/message/inbox")
    assert (told.status_code, told.headers["location"]) == (302, "https://www.reddit.com/login")


def test_a_default_user_agent_gets_a_web_page(stand_in: RedditStandIn) -> None:
    told = requests.get(f"{stand_in.base_url}/r/acmebank/new", timeout=5)
    assert told.status_code == 403
    assert b"pardner" in told.content


def test_limits_are_told_as_float_text_and_seconds_until(stand_in: RedditStandIn) -> None:
    told = get(stand_in, "/r/acmebank/new").headers
    assert told["x-ratelimit-remaining"] == "999.0"
    assert 0 < int(told["x-ratelimit-reset"]) <= 600


def test_a_quietly_removed_reply_is_seen_by_its_author_alone(stand_in: RedditStandIn) -> None:
    mine = stand_in.brand_says("Hi", reply_to=stand_in.speak("leela", "hello"))
    stand_in.remove_quietly(mine)
    ours = get(stand_in, "/api/info", id=mine).json()["data"]["children"][0]["data"]
    theirs = stand_in.thing(stand_in.said[mine], to_us=False)["data"]
    assert (ours["body"], theirs["body"]) == ("Hi", "[removed]")


def test_ids_of_two_places_never_meet() -> None:
    one, other = RedditStandIn(place=0), RedditStandIn(place=1)
    names = [{world.say("leela", "x") for _ in range(50)} for world in (one, other)]
    assert not names[0] & names[1]


def test_playing_a_handle_it_takes_its_name_and_lets_customers_speak() -> None:
    handle = handle_for(RedditStandIn())
    with RedditStandIn.playing(handle, place=3) as stand_in:
        assert stand_in.handle_settings["handle"] == "u/acme_bank"
        name = stand_in.speak("Leela W.", "hello")
        assert stand_in.posts[0].native_id == name
        assert (stand_in.posts[0].author, stand_in.posts[0].deleted) == ("Leela_W_", False)
        assert not stand_in.private_sayable


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_of_reddits(stand_in: RedditStandIn, fault: str) -> None:
    stand_in.speak("leela", "hello")
    headers = token_of(stand_in)
    stand_in.fail(fault)
    statuses = {"rate_limited": 429, "server_error": 520, "expired_token": 401, "refused_token": 403}
    try:
        told = requests.get(f"{stand_in.base_url}/r/acmebank/new", headers=headers, timeout=5)
    except requests.RequestException:
        assert fault == "cut"
        return
    assert told.status_code == statuses.get(fault, 200)
