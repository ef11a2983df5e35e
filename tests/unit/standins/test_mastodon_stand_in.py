"""Our client reads the Mastodon stand-in in both flavours, and both keep to the API's description."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from allhours.domain.errors import Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.item import Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.networks.http import Http
from allhours.networks.mastodon import connect
from infra.local.standins.base import FAULTS
from infra.local.standins.mastodon import MastodonStandIn
from tests.shared_material import specs
from tests.unit.standins.mastodon_wire import FLAVOURS, Desk, NoMeter, Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


LATER = timedelta(minutes=1)


@pytest.fixture(params=FLAVOURS)
def server(request: pytest.FixtureRequest) -> Iterator[MastodonStandIn]:
    with MastodonStandIn(flavour=request.param) as stand_in:
        yield stand_in


@pytest.fixture
def desk(server: MastodonStandIn) -> Desk:
    return Desk(server)


@pytest.fixture
def mastodon() -> Iterator[MastodonStandIn]:
    with MastodonStandIn() as stand_in:
        yield stand_in


def ids(heard: list[Heard]) -> list[str]:
    return [each.native_id for each in heard if isinstance(each, Item)]


def test_what_leela_says_is_heard_once(server: MastodonStandIn, desk: Desk) -> None:
    said = server.say("leela@other.social", "@acmebank my card is gone. 2 > 1\n\nPlease help")
    [item] = desk.poll()
    assert isinstance(item, Item)
    assert item.native_id == said
    assert item.text == "@acmebank my card is gone. 2 > 1\n\nPlease help"
    assert (item.kind, item.change, item.version) == (Kind.MENTION, Change.SAID, 0)
    assert item.addressed == ("@acmebank",)
    assert item.author.handle == "@leela@other.social"
    assert item.author.author_id.startswith("https://other.social/")
    assert item.conversation_id == said
    assert desk.poll() == []


def test_a_poll_of_an_idle_server_leaves_the_cursor_as_it_is(server: MastodonStandIn) -> None:
    desk = Desk(server, "#acme", "acmebank")
    desk.poll()
    for words in ("@acmebank a", "@acmebank b #acme", "c #acme"):
        server.say("leela", words, mention=False)
    desk.poll()
    before = desk.cursor
    assert desk.poll() == []
    assert desk.cursor == before
    assert all(step.cursor is desk.cursor for step in desk.steps())


def test_a_burst_larger_than_a_polls_pages_is_read_whole(server: MastodonStandIn, desk: Desk) -> None:
    desk.poll()
    said = [server.say("leela", f"burst {count}") for count in range(333)]
    assert len(ids(desk.poll())) < len(said)  # five pages are a poll's budget
    desk.poll()
    assert ids(desk.heard) == said


def test_a_first_poll_takes_one_page_of_history(server: MastodonStandIn, desk: Desk) -> None:
    said = [server.say("leela", f"before us {count}") for count in range(60)]
    assert ids(desk.poll()) == said[20:]
    newer = server.say("leela", "after")
    assert ids(desk.poll()) == [newer]


def test_posts_that_arrive_between_pages_are_heard(server: MastodonStandIn, desk: Desk) -> None:
    desk.poll()
    said = [server.say("leela", f"first {count}") for count in range(50)]
    heard: list[Heard] = []
    for step in desk.steps():
        heard += step.heard
        said.append(server.say("ben", "in between"))
        desk.cursor = step.cursor
    assert len(heard) > 50
    assert ids(heard + desk.poll()) == said


def test_a_crash_after_any_step_loses_nothing(server: MastodonStandIn, desk: Desk) -> None:
    desk.poll()
    said = [server.say("leela", f"post {count}") for count in range(130)]
    for step in desk.steps():
        desk.heard += step.heard  # queued, then killed before the cursor was saved
        break
    desk.poll()
    assert set(ids(desk.heard)) == set(said)
    assert len(ids(desk.heard)) == len(said) + 40  # the first page came twice, which costs nothing downstream


def test_a_post_that_federates_late_is_filed_in_the_past_and_heard(server: MastodonStandIn) -> None:
    desk = Desk(server, "#acme")
    server.say("leela", "one #acme", mention=False)
    desk.poll()
    server.say("leela", "two #acme", mention=False)
    desk.poll()
    an_hour_ago = datetime.now(UTC) - timedelta(seconds=1)
    server.say("leela", "three #acme", mention=False)
    desk.poll()
    late = server.say("maria@other.social", "late #acme", mention=False, written_at=an_hour_ago + LATER / 60)
    assert ids(desk.poll()) == [late]


def test_a_hashtag_and_a_brand_word_are_listened_for(server: MastodonStandIn) -> None:
    desk = Desk(server, "#acme", "acmebank")
    tagged = server.say("leela", "so slow #acme", mention=False)
    worded = server.say("leela", "why is acmebank so slow", mention=False)
    heard = set(ids(desk.poll()))
    assert heard == ({tagged, worded} if server.mastodon else {tagged})  # one searches our own posts only
    assert {item.kind for item in desk.items} == {Kind.POST}


def test_a_search_reads_a_burst_whole(mastodon: MastodonStandIn) -> None:
    desk = Desk(mastodon, "acmebank")
    mastodon.say("leela", "acmebank first", mention=False)
    desk.poll()
    start = datetime.now(UTC)
    said = [
        mastodon.say(
            "leela", f"acmebank {count}", mention=False, written_at=start + timedelta(milliseconds=count)
        )
        for count in range(250)
    ]
    desk.poll(at=start + LATER)
    desk.poll(at=start + 2 * LATER)
    assert set(said) <= set(ids(desk.heard))


def test_a_burst_after_an_empty_search_is_read_whole(mastodon: MastodonStandIn) -> None:
    desk, start = Desk(mastodon, "acmebank"), datetime.now(UTC)
    desk.poll(at=start)
    said = [
        mastodon.say(
            "leela", f"acmebank {count}", mention=False, written_at=start + timedelta(milliseconds=count)
        )
        for count in range(130)
    ]
    desk.poll(at=start + LATER)
    assert set(ids(desk.heard)) == set(said)


def test_a_second_comment_below_our_post_is_watched_like_the_first(
    server: MastodonStandIn, desk: Desk
) -> None:
    ours = server.brand_says("We open on Sundays")
    server.say("leela", "really?", reply_to=ours)
    second = server.say("leela", "and at night?", reply_to=ours)
    desk.poll()
    reply = server.brand_says("@leela never", reply_to=second)
    answer = server.say("leela", "a pity", reply_to=reply, mention=False)
    assert ids(desk.reread(*desk.items)) == [answer]


def test_a_private_post_stays_private_and_has_a_conversation_of_its_own(
    server: MastodonStandIn, desk: Desk
) -> None:
    public = server.say("leela", "card gone")
    server.say("leela", "my number is secret", private=True, reply_to=public)
    first, second = desk.poll()
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (second.kind, second.visibility) == (Kind.MESSAGE, Visibility.PRIVATE)
    assert second.conversation_id == f"{public}:private:{second.author.author_id}"
    assert second.conversation_id != first.conversation_id
    assert second.parent_id == public
    assert second.answer_needs["visibility"] == "direct"


def test_every_private_post_of_a_stranger_is_heard(server: MastodonStandIn, desk: Desk) -> None:
    desk.poll()
    said = [server.say("leela", f"private {count}", private=True) for count in range(3)]
    assert ids(desk.poll()) == said


def test_filtered_private_posts_come_as_requests_where_a_server_does_not_include_them(
    mastodon: MastodonStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(mastodon)
    whole = mastodon._notifications
    monkeypatch.setattr(
        mastodon,
        "_notifications",
        lambda asked: whole(type(asked)(**{**_fields(asked), "query": (("types[]", "mention"),)})),
    )
    first = mastodon.say("leela", "private one", private=True)
    assert ids(desk.poll()) == [first]
    second = mastodon.say("leela", "private two", private=True)
    assert ids(desk.poll()) == [second]
    assert desk.poll() == []


def _fields(asked: object) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in ("method", "path", "query", "headers", "body")}


def test_a_server_without_requests_is_asked_for_them_once_a_day() -> None:
    with MastodonStandIn(flavour="gotosocial") as server:
        desk, at = Desk(server), datetime.now(UTC)
        for minutes in (0, 1, 2):
            desk.poll(at=at + minutes * LATER)
        desk.poll(at=at + timedelta(days=1, minutes=1))
        assert [asked.path for asked in server.asked].count("/api/v1/notifications/requests") == 2
        assert desk.troubles == []


def test_an_answer_belongs_to_its_threads_conversation(server: MastodonStandIn, desk: Desk) -> None:
    root = server.say("leela", "card gone")
    ours = server.brand_says("@leela which one?", reply_to=root)
    server.say("leela", "the blue one", reply_to=ours)
    server.say("leela", "and the red one", reply_to=ours)
    items = [heard for heard in desk.poll() if isinstance(heard, Item)]
    assert {item.conversation_id for item in items} == {root}
    assert [item.kind for item in items] == [Kind.MENTION, Kind.REPLY, Kind.REPLY]
    assert [item.parent_id for item in items] == ["", ours, ours]
    assert [asked.path for asked in server.asked if asked.path.endswith("/context")] == [
        f"/api/v1/statuses/{items[1].answer_needs['status_id']}/context"
    ]


def test_two_customers_below_our_own_post_never_share_a_case(server: MastodonStandIn, desk: Desk) -> None:
    ours = server.brand_says("We open on Sundays #news")
    first = server.say("leela", "really?", reply_to=ours)
    server.say("maria@other.social", "why?", reply_to=ours)
    server.say("leela", "and at night?", reply_to=first)
    leela, maria, again = (heard for heard in desk.poll() if isinstance(heard, Item))
    assert leela.conversation_id == again.conversation_id == f"{ours}:{leela.author.author_id}"
    assert maria.conversation_id == f"{ours}:{maria.author.author_id}"


def test_our_own_posts_open_no_work(server: MastodonStandIn) -> None:
    desk = Desk(server, "#acme", "acmebank")
    server.brand_says("@acmebank is here #acme")
    assert {type(heard) for heard in desk.poll()} == {Skipped}
    assert {heard.reason for heard in desk.heard if isinstance(heard, Skipped)} == {"own post"}


def test_a_content_warning_is_shown(server: MastodonStandIn, desk: Desk) -> None:
    server.say("leela", "they took it all", warning="money, anger")
    [item] = desk.poll()
    assert isinstance(item, Item)
    assert item.text == "money, anger\n\n@acmebank they took it all"


def test_followers_only_posts_are_not_public(server: MastodonStandIn, desk: Desk) -> None:
    server.say("leela", "for my friends", visibility="private")
    [item] = desk.poll()
    assert isinstance(item, Item)
    assert item.visibility is Visibility.FOLLOWERS


def test_an_edit_has_the_same_version_from_every_side(server: MastodonStandIn, desk: Desk) -> None:
    said = server.say("leela", "card gone")
    [kept] = desk.poll()
    assert isinstance(kept, Item)
    server.edit(said, "card found")
    by_poll = [heard for heard in desk.poll() if isinstance(heard, Item)]
    [by_reread] = desk.reread(kept)
    assert isinstance(by_reread, Item)
    versions = {item.version for item in [*by_poll, by_reread]}
    assert versions == {int(server._said[said].edited_at.timestamp() * 1000)}  # type: ignore[union-attr]
    assert all(item.change is Change.EDITED for item in [*by_poll, by_reread])
    assert by_reread.text == "@acmebank card found"
    assert by_reread.conversation_id == kept.conversation_id
    assert desk.reread(by_reread) == []


def test_a_deletion_is_found_by_reading_again(server: MastodonStandIn, desk: Desk) -> None:
    for count in range(45):
        server.say("leela", f"post {count}")
    desk.poll()
    gone = desk.items[7]
    server.delete(gone.native_id)
    at = datetime.now(UTC)
    [deleted] = desk.reread(*desk.items, at=at)
    assert isinstance(deleted, Item)
    assert (deleted.native_id, deleted.change, deleted.text) == (gone.native_id, Change.DELETED, "")
    assert deleted.version == int(at.timestamp() * 1000)


def test_a_wrong_address_does_not_look_like_deletions(
    server: MastodonStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say("leela", "card gone")
    desk.poll()
    monkeypatch.setattr(server, "_found", lambda _asked: (None, ""))
    with pytest.raises(Refused, match="mend"):
        desk.reread(*desk.items)


def test_an_answer_that_dropped_our_name_is_found_by_reading_again(
    server: MastodonStandIn, desk: Desk
) -> None:
    root = server.say("leela", "card gone")
    desk.poll()
    ours = server.brand_says("@leela which one?", reply_to=root)
    answer = server.say("leela", "the blue one", reply_to=ours, mention=False)
    stranger = server.say("ben", "same here", reply_to=ours, mention=False)
    chatter = server.say("ana", "poor you", reply_to=root, mention=False)
    assert desk.poll() == []
    heard = desk.reread(*desk.items)
    assert ids(heard) == [answer, stranger]
    assert {item.conversation_id for item in heard if isinstance(item, Item)} == {root}
    assert Skipped(network="mastodon", native_id=chatter, reason="said to others in the thread") in heard
    kept = [*desk.items, *(item for item in heard if isinstance(item, Item))]
    asked = len(server.asked)
    assert ids(desk.reread(*kept)) == []
    assert [each.path.endswith("/context") for each in server.asked[asked:]].count(True) == 1  # one a thread


def test_what_an_author_adds_to_her_own_post_is_found_by_reading_again(
    server: MastodonStandIn, desk: Desk
) -> None:
    root = server.say("leela", "card gone")
    desk.poll()
    added = server.say("leela", "and so is my purse", reply_to=root, mention=False)
    assert ids(desk.reread(*desk.items)) == [added]


def test_an_edited_answer_stays_in_its_conversation(server: MastodonStandIn, desk: Desk) -> None:
    root = server.say("leela", "card gone")
    answer = server.say("leela", "hello?", reply_to=root)
    desk.poll()
    server.edit(answer, "hello again?")
    [edited] = desk.reread(*desk.items)
    assert isinstance(edited, Item)
    assert (edited.conversation_id, edited.parent_id) == (root, root)


def test_what_another_handle_heard_is_not_read_again_here(server: MastodonStandIn, desk: Desk) -> None:
    server.say("leela", "card gone")
    desk.poll()
    kept = replace(desk.items[0], handle="@elsewhere")
    server.delete(kept.native_id)
    assert desk.reread(kept) == []


def test_a_deleted_post_leaves_a_named_reason_or_nothing(server: MastodonStandIn, desk: Desk) -> None:
    server.delete(server.say("leela", "card gone"))
    assert [getattr(heard, "reason", "") for heard in desk.poll()] == (
        [] if server.mastodon else ["notification without a status"]
    )


def test_a_status_id_is_no_mark_for_notifications(mastodon: MastodonStandIn) -> None:
    desk = Desk(mastodon)
    mastodon.say("leela", "card gone")
    [item] = desk.poll()
    assert isinstance(item, Item)
    marks = [mark for mark, _key in desk.cursor["mentions"]["trail"]]
    assert item.answer_needs["status_id"] not in marks


# Faults, each in the network's own way.

EXPECTED: dict[str, type[NetworkError] | None] = {
    "rate_limited": RateLimited,
    "server_error": Unreachable,
    "cut": Unreachable,
    "malformed": Malformed,
    "duplicate": None,
    "late": None,
    "expired_token": Refused,
    "refused_token": Refused,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_loses_nothing_and_is_named(server: MastodonStandIn, desk: Desk, fault: str) -> None:
    at = datetime.now(UTC)
    server.say("leela", "before")
    desk.poll(at=at)
    said = [server.say("leela", f"during {count}") for count in range(3)]
    server.fail(fault)
    desk.poll(at=at)
    expected = EXPECTED[fault]
    assert [type(trouble) for trouble in desk.troubles] == ([expected] if expected else [])
    desk.poll(at=at + timedelta(hours=1))
    assert set(said) <= set(ids(desk.heard))
    assert not [heard for heard in desk.heard if isinstance(heard, Unreadable)]
    for trouble in desk.troubles:
        assert server.token not in str(trouble)


@pytest.mark.parametrize(
    ("fault", "hint"), [("expired_token", "secret bank/mastodon"), ("refused_token", "not suspended")]
)
def test_a_refusal_says_what_to_mend(server: MastodonStandIn, desk: Desk, fault: str, hint: str) -> None:
    server.fail(fault)
    desk.poll()
    assert hint in str(desk.troubles[0])
    assert server.token not in str(desk.troubles[0])


def test_a_rotated_token_is_refused_until_the_secret_has_it(server: MastodonStandIn, desk: Desk) -> None:
    server.token = "another"
    desk.poll()
    assert {type(trouble) for trouble in desk.troubles} == {Refused}
    desk.network = connect(Secrets(server.secret), Http(), app_secret="", meter=NoMeter())
    desk.poll()
    assert desk.troubles == []


def test_a_secret_without_a_token_is_refused(server: MastodonStandIn, desk: Desk) -> None:
    assert server.secret
    desk.network = connect(Secrets({"token": "x"}), Http(), app_secret="", meter=NoMeter())
    with pytest.raises(Refused, match="access_token"):
        desk.poll()


def test_a_spent_bucket_rests_its_stream_until_the_servers_own_time() -> None:
    at = datetime(2026, 11, 21, 9, 1, tzinfo=UTC)
    with MastodonStandIn(clock=lambda: at, calls=100, paged_calls=3) as server:
        desk = Desk(server)
        desk.poll(at=at)
        said = [server.say("leela", f"post {count}") for count in range(200)]
        desk.poll(at=at)
        [trouble] = desk.troubles
        assert isinstance(trouble, RateLimited)
        assert trouble.retry_at == datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
        assert len(ids(desk.heard)) == 120  # the page that spent the bucket is heard
        assert [bool(asked.first("min_id")) for asked in server.asked].count(True) == 3  # none was in vain
        calls = len(server.asked)
        desk.poll(at=at + LATER)
        assert [asked.path for asked in server.asked[calls:]] == ["/api/v1/notifications/requests"]
        at += timedelta(minutes=14)
        desk.poll(at=at)
        assert set(ids(desk.heard)) == set(said)


def test_a_429_that_says_nothing_rests_five_minutes() -> None:
    at = datetime(2026, 11, 21, 9, 1, tzinfo=UTC)
    with MastodonStandIn(flavour="gotosocial") as server:
        desk = Desk(server)
        server.fail("rate_limited")
        desk.poll(at=at)
        [trouble] = desk.troubles
        assert isinstance(trouble, RateLimited)
        assert trouble.retry_at == at + timedelta(minutes=5)


def test_a_thread_that_the_server_cannot_show_does_not_stop_the_stream(
    server: MastodonStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = server.say("leela", "card gone")
    server.say("leela", "hello?", reply_to=root)
    monkeypatch.setattr(server, "_context", lambda _said: "x" * 6_000_000)
    _first, second = desk.poll()
    assert isinstance(second, Item)
    assert second.conversation_id.startswith(f"{server.base_url}/statuses/")
    assert desk.troubles == []


# Both ways against the published description of the API.


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    described: dict[str, Any] = json.loads(specs("mastodon", "schema.json").read_bytes())
    return described


PATHS = {
    "/api/v2/instance": "/api/v2/instance",
    "/api/v2/search": "/api/v2/search",
    "/api/v1/notifications": "/api/v1/notifications",
    "/api/v1/notifications/requests": "/api/v1/notifications/requests",
    "/api/v1/timelines/tag/acme": "/api/v1/timelines/tag/{hashtag}",
    "/api/v1/statuses": "/api/v1/statuses",
    "/api/v1/accounts/verify_credentials": "/api/v1/accounts/verify_credentials",
}


def _described(path: str) -> str:
    if path in PATHS:
        return PATHS[path]
    return "/api/v1/statuses/{id}/context" if path.endswith("/context") else "/api/v1/statuses/{id}"


def test_both_sides_keep_to_the_published_description(api: dict[str, Any], mastodon: MastodonStandIn) -> None:
    desk = Desk(mastodon, "#acme", "acmebank")
    desk.poll()
    root = mastodon.say("leela", "card gone https://example.org/a/very/long/address/indeed #acme")
    mastodon.say("leela", "private", private=True, reply_to=root)
    mastodon.edit(root, "card found #acme")
    mastodon.say("maria@other.social", "hello acmebank", warning="cw")
    desk.poll()
    mastodon.delete(root)
    desk.reread(*desk.items)
    seen: set[str] = set()
    for asked in list(mastodon.asked):
        described = api["paths"][_described(asked.path)]["get"]
        named = {
            each["name"]: each["schema"] for each in described.get("parameters", ()) if each["in"] == "query"
        }
        for name, value in asked.query:
            schema = named[name.removesuffix("[]")]
            _validate(api, [value] if name.endswith("[]") else _typed(value, schema), schema)
        told = mastodon.answer(asked)
        answer = described["responses"][str(told.status)]["content"]["application/json"]["schema"]
        _validate(api, json.loads(told.raw()), answer)
        seen.add(_described(asked.path))
    assert seen == {*PATHS.values(), "/api/v1/statuses/{id}", "/api/v1/statuses/{id}/context"}


def _typed(value: str, schema: Mapping[str, Any]) -> object:
    return json.loads(value) if schema.get("type") in {"integer", "boolean"} else value


def _validate(api: Mapping[str, Any], value: object, schema: Mapping[str, Any]) -> None:
    whole = {**schema, "components": api["components"]}
    errors = [
        f"{list(error.absolute_path)}: {error.message[:120]}"
        for error in Draft202012Validator(whole).iter_errors(value)
    ]
    assert errors == []
