"""The Instagram stand-in against Meta's published lists, and our client against the stand-in, over HTTP."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.item import Change, Item, Kind, Skipped, Unreadable, Visibility
from allhours.networks import instagram
from allhours.networks._instagram import streams
from allhours.networks.http import Http
from infra.local.standins.base import FAULTS, Told
from infra.local.standins.instagram import InstagramStandIn
from tests.shared_material import specs
from tests.unit.standins.sixty_days_wire import FakeCredentials, FakeMeter, Reader, handle_of, items
from tests.unit.standins.webhook_wire import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator


def reader_of(there: InstagramStandIn) -> Reader:
    network = instagram.connect(FakeCredentials(there), Http(), app_secret="app", meter=FakeMeter())
    return Reader(network, handle_of(there))


@pytest.fixture(params=["instagram", "facebook"])
def there(request: pytest.FixtureRequest) -> Iterator[InstagramStandIn]:
    with InstagramStandIn(page_size=50) as stand_in:
        if request.param == "facebook":
            stand_in.by_facebook()
        yield stand_in


@pytest.fixture
def reader(there: InstagramStandIn) -> Reader:
    return reader_of(there)


def test_every_kind_of_post_is_heard_and_our_own_open_no_work(
    there: InstagramStandIn, reader: Reader
) -> None:
    there.brand_says("We are open")
    reader.poll()
    comment = there.say("leela", "where is my card")
    own = there.brand_says("On its way", reply_to=comment)
    message = there.say("omar", "I lost my wallet", private=True)
    there.brand_says("Blocked it", reply_to=message)
    said = {
        comment: Kind.COMMENT,
        there.say("leela", "since when?", reply_to=own): Kind.REPLY,
        message: Kind.MESSAGE,
        there.say("priya", "look, a bank", tagged=True): Kind.MENTION,
    }
    heard, troubles = reader.poll()
    assert not troubles
    found = items(heard)
    assert {native_id: item.kind for native_id, item in found.items()} == said
    assert {item.visibility for item in found.values() if item.kind is Kind.MESSAGE} == {Visibility.PRIVATE}
    assert {each.reason for each in heard if isinstance(each, Skipped)} == {"own post"}
    assert found[comment].author.handle == "@leela"
    assert found[comment].permalink.startswith("https://www.instagram.com/p/")
    before = reader.cursor
    assert reader.poll() == ([], [])
    assert reader.cursor is before


def test_a_burst_larger_than_a_page_is_heard_whole_where_there_are_cursors() -> None:
    with InstagramStandIn(page_size=10) as there:
        there.brand_says("We are open")
        reader = reader_of(there)
        reader.poll()
        said = {there.say(f"leela{number % 7}", f"comment {number}") for number in range(95)}
        said |= {there.say(f"omar{number}", "hello", private=True) for number in range(25)}
        heard: dict[str, Any] = {}
        for _ in range(6):
            heard |= reader.items()
        assert heard.keys() == said


def test_more_than_fifty_comments_without_a_cursor_are_told_once(
    there: InstagramStandIn, reader: Reader
) -> None:
    there.comment_cursors = False
    media = there.brand_says("We are open")
    reader.poll()
    for number in range(60):
        there.say("leela", f"comment {number}")
    heard, troubles = reader.poll()
    assert not troubles
    assert len(items(heard)) == 50
    (lost,) = (each for each in heard if isinstance(each, Unreadable))
    assert (lost.native_id, lost.field) == (media, "comments")
    assert reader.poll() == ([], [])


def test_exactly_fifty_comments_without_a_cursor_are_no_alarm(
    there: InstagramStandIn, reader: Reader
) -> None:
    there.comment_cursors = False
    there.brand_says("We are open")
    reader.poll()
    said = {there.say("leela", f"comment {number}") for number in range(50)}
    heard, _troubles = reader.poll()
    assert {each.native_id for each in heard} == said


def test_a_conversation_that_outran_its_twenty_messages_is_told(
    there: InstagramStandIn, reader: Reader
) -> None:
    there.say("omar", "hello", private=True)
    reader.poll()
    for number in range(25):
        there.say("omar", f"message {number}", private=True)
    heard, _troubles = reader.poll()
    assert len(items(heard)) == 20
    (lost,) = (each for each in heard if isinstance(each, Unreadable))
    assert lost.field == "messages"


def test_a_function_that_dies_after_any_step_loses_nothing() -> None:
    with InstagramStandIn(page_size=5) as there:
        there.brand_says("We are open")
        reader = reader_of(there)
        reader.poll()
        said = {there.say("leela", f"comment {number}") for number in range(17)}
        said |= {there.say(f"omar{number}", "hello", private=True) for number in range(13)}
        heard: set[str] = set()
        for steps in range(12):
            heard |= items(reader.poll(steps=steps)[0]).keys()
        assert heard == said


def test_an_empty_answer_behind_a_count_proves_nothing(there: InstagramStandIn, reader: Reader) -> None:
    there.brand_says("We are open")
    reader.poll()
    said = there.say("leela", "hm")
    there.fail("late", 2)  # drops the first row: the media, then nothing is left of the comments
    reader.poll()
    assert said in {**reader.items(), **reader.items()}


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
    there: InstagramStandIn, reader: Reader, fault: str, kind: type[NetworkError] | None
) -> None:
    there.brand_says("We are open")
    reader.poll()
    said = {there.say("leela", "the app is slow"), there.say("omar", "I lost my wallet", private=True)}
    there.fail(fault)
    heard, troubles = reader.poll()
    if fault == "expired_token" and there.login == "facebook":
        kind = None  # the user token makes a new Page token
    assert len(troubles) == (kind is not None)
    assert all(kind is not None and isinstance(each, kind) for each in troubles)
    reader.wake()
    assert items([*heard, *reader.poll()[0]]).keys() == said


def test_every_fault_of_the_house_is_tried() -> None:
    (mark,) = (each for each in test_no_fault_loses_a_post.pytestmark if each.name == "parametrize")  # type: ignore[attr-defined]
    assert {fault for fault, _kind in mark.args[1]} == set(FAULTS)


def test_a_full_bucket_is_left_alone_until_the_header_says() -> None:
    with InstagramStandIn(calls_an_hour=1) as there:
        reader = reader_of(there)
        _heard, troubles = reader.poll()
        assert {type(each) for each in troubles} == {RateLimited}
        asked = len(there.asked)
        reader.poll()
        assert len(there.asked) == asked


def test_deletions_edits_and_new_answers_are_found_by_reading_again(
    there: InstagramStandIn, reader: Reader
) -> None:
    there.brand_says("We are open")
    reader.poll()
    gone, kept = there.say("leela", "hm"), there.say("omar", "still here")
    edited = there.say("priya", "hm")
    known = list(reader.items().values())
    there.delete(gone)
    there.edit(edited, "hm, really")
    answer = there.say("priya", "same for me", reply_to=kept)
    found = items(list(reader.network.reread(reader.handle, known, at=datetime.now(UTC))))
    assert {native_id: item.change for native_id, item in found.items()} == {
        gone: Change.DELETED,
        edited: Change.EDITED,
        answer: Change.SAID,
    }
    assert found[gone].text == ""
    assert found[gone].version > 0


def test_a_fault_of_ours_is_no_deletion(there: InstagramStandIn, reader: Reader) -> None:
    there.brand_says("We are open")
    reader.poll()
    there.say("leela", "hm")
    kept = list(reader.items().values())
    there.fail("refused_token")
    with pytest.raises(Refused):
        list(reader.network.reread(reader.handle, kept, at=datetime.now(UTC)))


def test_a_mention_gets_its_words_when_it_is_read_again(there: InstagramStandIn, reader: Reader) -> None:
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        mention = there.say("priya", "ask @bank_example", mention=True)
        (pointer,) = webhook.wait_for(1)
        assert isinstance(pointer, Item)
        assert (pointer.native_id, pointer.text, pointer.kind) == (mention, "", Kind.MENTION)
        (found,) = reader.network.reread(reader.handle, [pointer], at=datetime.now(UTC))
        assert isinstance(found, Item)
        assert (found.text, found.author.handle, found.change) == (
            "ask @bank_example",
            "@priya",
            Change.EDITED,
        )
        assert found.conversation_id == pointer.conversation_id
        there.delete(mention)
        (skipped,) = reader.network.reread(reader.handle, [pointer], at=datetime.now(UTC))
        assert isinstance(skipped, Skipped)


def test_a_delivery_tells_what_a_poll_tells(there: InstagramStandIn, reader: Reader) -> None:
    there.brand_says("We are open")
    reader.poll()
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        comment = there.say("leela", "grüße \u202e")
        there.say("leela", "since when?", reply_to=comment)
        message = there.say("omar", "I lost my wallet", private=True)
        there.brand_says("Blocked it", reply_to=message)
        pushed = items(webhook.wait_for(4))
        polled = reader.items()
        assert pushed.keys() == polled.keys()
        for native_id, item in polled.items():
            told = pushed[native_id]
            assert (told.text, told.kind, told.visibility) == (item.text, item.kind, item.visibility)
            assert (told.parent_id, told.conversation_id) == (
                item.parent_id if item.kind is not Kind.MESSAGE else told.parent_id,
                item.conversation_id,
            )
            assert told.author.author_id == item.author.author_id


def test_edits_and_unsent_messages_are_delivered_with_rising_versions(
    there: InstagramStandIn, reader: Reader
) -> None:
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        native_id = there.say("leela", "hm", private=True)
        there.edit(native_id, "hm, really")
        there.delete(native_id)
        found = [each for each in webhook.wait_for(3) if isinstance(each, Item)]
        assert [each.change for each in found] == [Change.SAID, Change.EDITED, Change.DELETED]
        assert {each.native_id for each in found} == {native_id}
        assert [each.text for each in found] == ["hm", "hm, really", ""]
        assert found[0].version < found[1].version <= found[2].version


def test_a_comment_on_a_live_broadcast_says_so(there: InstagramStandIn, reader: Reader) -> None:
    there.brand_says("We are live")
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        there.say("leela", "hello", live=True)
        (item,) = webhook.wait_for(1)
        assert isinstance(item, Item)
        assert item.answer_needs["live"] == "true"


def test_who_writes_is_looked_up_and_nobody_else(there: InstagramStandIn, reader: Reader) -> None:
    there.brand_says("We are open")
    reader.poll()
    there.say("omar", "hello", private=True)
    there.say("leela", "hello")
    ids = [item.author.author_id for item in reader.items().values()]
    assert isinstance(reader.network, instagram.Instagram)
    found = reader.network.authors(reader.handle, [*ids, "igsid:1"], at=datetime.now(UTC))
    assert [author.handle for author in found.values()] == ["@omar"]


# Against Meta's lists


def fields_of(name: str) -> set[str]:
    listed = json.loads(specs("instagram", "api_specs", f"{name}.json").read_bytes())["fields"]
    return {each["name"] for each in listed}


def test_every_field_and_edge_that_we_ask_for_is_in_metas_lists() -> None:
    with InstagramStandIn() as there:
        there.brand_says("We are open")
        reader = reader_of(there)
        there.say("leela", "hm")
        there.say("priya", "a bank", tagged=True)
        kept = list(reader.items().values())
        list(reader.network.reread(reader.handle, kept, at=datetime.now(UTC)))
        edges = {
            api["endpoint"]
            for name in ("IGUserForIGOnlyAPI", "IGMediaForIGOnlyAPI", "IGComment")
            for api in json.loads(specs("instagram", "api_specs", f"{name}.json").read_bytes())["apis"]
            if "endpoint" in api
        }
        known = {
            "media": fields_of("IGMediaForIGOnlyAPI"),
            "tags": fields_of("IGMediaForIGOnlyAPI"),
            "comments": fields_of("IGComment") | {"like_count", "replies"},
        }
        for asked in there.asked:
            edge = asked.path.split("/")[3:]
            if edge:
                assert edge[0] in edges, edge
            if edge and edge[0] in known:
                wanted = re.sub(r"\{[^{}]*\}", "", asked.first("fields")).split(",")
                assert set(wanted) <= known[edge[0]], edge


def test_what_the_stand_in_shows_of_a_comment_is_in_metas_list() -> None:
    with InstagramStandIn() as there:
        there.brand_says("We are open")
        said = there._said[there.say("leela", "hm")]
        everything = ",".join([*fields_of("IGComment"), "replies"])
        row = there.comment_row(said, {"fields": everything})
        assert set(row) <= fields_of("IGComment") | {"replies"}
        assert set(row["from"]) <= fields_of("IGCommentFromUser")
        assert set(there.media_row(said, {"fields": ",".join(fields_of("IGMedia"))})) <= fields_of("IGMedia")


def test_what_we_subscribe_to_is_in_metas_list() -> None:
    enums = json.loads(specs("instagram", "api_specs", "enum_types.ig.json").read_bytes())
    (known,) = (each["values"] for each in enums if "subscribed_fields" in each["name"])
    assert set(instagram.capabilities.pushes) <= set(known)


def test_tokens_never_stand_in_an_address(there: InstagramStandIn, reader: Reader) -> None:
    reader.poll()
    secrets = set(there.secret.values())
    assert not [each for each in there.asked for _name, value in each.query if value in secrets]


def test_history_before_the_first_poll_is_one_page_and_old_media_come_once_a_day() -> None:
    with InstagramStandIn(page_size=5) as there:
        there.brand_says("We are open")
        for number in range(12):
            there.clock = lambda: datetime.now(UTC) - timedelta(hours=20 - number)  # noqa: B023 - called at once
            there.say("leela", f"old {number}")
        there.clock = lambda: datetime.now(UTC)
        reader = reader_of(there)
        assert len(reader.items()) == 5
        there.say("omar", "new")
        assert {item.text for item in reader.items().values()} == {"new"}
        assert reader.items(later=timedelta(days=1)) == {}


def test_a_missing_permission_is_no_deletion(there: InstagramStandIn, reader: Reader) -> None:
    there.brand_says("We are open")
    reader.poll()
    there.say("leela", "hm")
    kept = list(reader.items().values())
    there._object = lambda node, params: there.gone(node)  # type: ignore[method-assign] # noqa: ARG005
    with pytest.raises(Refused, match="permission"):
        list(reader.network.reread(reader.handle, kept, at=datetime.now(UTC)))


def test_a_conversation_that_is_gone_does_not_keep_the_others_back(
    there: InstagramStandIn, reader: Reader
) -> None:
    reader.poll()
    there.say("omar", "hello", private=True)
    said = there.say("leela", "hello", private=True)
    shown = there._thread
    lost = there._said[next(iter(there._said))].root
    there._thread = lambda conversation_id: [] if conversation_id == lost else shown(conversation_id)  # type: ignore[method-assign]
    assert said in reader.items()


def test_media_that_show_nothing_do_not_keep_the_others_out(
    there: InstagramStandIn, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MEDIA_A_POLL", 1)
    fine, silent = there.brand_says("We are open"), there.brand_says("Comments are closed")
    reader.poll()
    shown = there._edge
    there._edge = lambda node, edge, params, path: (  # type: ignore[method-assign]
        Told(body={"data": []}) if (node, edge) == (silent, "comments") else shown(node, edge, params, path)
    )
    there.say("omar", "hm", reply_to=silent)
    reader.poll()
    said = there.say("leela", "where is my card", reply_to=fine)
    assert said in reader.items()
