"""The handlers as Lambda calls them, with their environment."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import consumers, intake, outbox, wiring
from allhours.aws.organisation import organisation
from allhours.aws.settings import setting
from allhours.domain.errors import BadInput
from allhours.domain.item import item_to_json
from tests.builders import NOON, an_item
from tests.crash.faults import F
from tests.crash.harness import World, _Context
from tests.crash.oracles import CANARIES, violations
from tests.crash.scenarios import subscribe
from tests.crash.seen import events, pages, rows

if TYPE_CHECKING:
    from collections.abc import Mapping


def record(body: str, message_id: str = "m1") -> Mapping[str, Any]:
    return {"messageId": message_id, "body": body, "attributes": {"ApproximateReceiveCount": "5"}}


def an_item_record(native_id: str = "1", **changes: Any) -> Mapping[str, Any]:
    return record(json.dumps(item_to_json(an_item(native_id, **changes))), f"m-{native_id}")


def test_the_answer_names_the_messages_that_are_to_come_again(world: World) -> None:
    F.begin(dict.fromkeys((3, 5, 7, 9), "conflict"))  # each try of the first, and a reading between two
    two = [an_item_record(number, conversation_id=number) for number in ("1", "2")]
    answer = consumers.route_batch({"Records": two})
    F.end()
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert "ITEM#x#2" in rows()
    assert consumers.route_batch({"Records": two}) == {"batchItemFailures": []}
    assert world.early == []


def test_two_routers_at_one_row_settle_it_without_the_queue(world: World) -> None:
    F.begin({3: "conflict"})
    answer = consumers.route_batch({"Records": [an_item_record()]})
    F.end()
    assert (answer, "ITEM#x#1" in rows(), world.early) == ({"batchItemFailures": []}, True, [])


def test_a_poison_message_is_kept_by_its_id_and_its_neighbours_are_routed(world: World) -> None:
    secret = f"not JSON, {CANARIES[0]}"
    answer = consumers.route_batch({"Records": [record(secret, "poison"), an_item_record()]})
    assert answer == {"batchItemFailures": []}
    assert {"DEAD#message#poison", "ITEM#x#1"} <= set(rows())
    world.settle()
    assert pages()[0]["why"] == "dead_letter"
    assert "4111" not in str(rows()) + str(pages()) + world.out.getvalue()


def test_what_a_newer_release_queued_is_kept_for_it(world: World) -> None:
    newer = {**item_to_json(an_item(text="call +44 7700 900123")), "kind": "hologram"}
    consumers.route_batch({"Records": [record(json.dumps(newer), "newer")]})
    letter = dict(wiring.dead_letters().kept())["DEAD#message#newer"]
    assert letter.body == {**newer, "text": "call [phone …23]"}
    wiring.item_queue().put_again([letter.body])
    assert world.early == []


def test_a_bug_of_ours_is_loud(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    del world
    nothing: dict[str, int] = {}
    monkeypatch.setattr(consumers, "route", lambda *_, **__: nothing["bug"])
    with pytest.raises(KeyError):
        consumers.route_batch({"Records": [an_item_record()]})


def test_when_nothing_can_be_read_all_of_the_batch_comes_again(world: World) -> None:
    del world
    F.begin({1: "throttled"})
    answer = consumers.route_batch({"Records": [an_item_record()]})
    F.end()
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_a_dead_letter_is_parked_masked_and_once(world: World) -> None:
    letter = an_item_record(text=f"write to {CANARIES[1]}")
    for _ in range(2):
        assert consumers.park_batch({"Records": [letter, record("junk")]}) == {"batchItemFailures": []}
    assert [key for key in rows() if key.startswith("DEAD#")] == ["DEAD#x#1@0said", "DEAD#message#m1"]
    assert CANARIES[1] not in str(rows())
    world.settle()
    assert len(pages()) == 2


def test_forwarding_skips_rows_that_have_nothing_to_tell(world: World) -> None:
    outbox.forward_batch({"Records": [{"eventName": "REMOVE", "dynamodb": {}}]})
    assert (events(), pages(), world.early) == ([], [], [])


def test_a_webhook_is_verified_over_its_raw_body(world: World) -> None:
    body = json.dumps({"data": {}}).encode()
    event = {
        "requestContext": {"http": {"method": "POST"}},
        "headers": {"x-twitter-webhooks-signature": "sha256=wrong"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    assert world.desk("x")(event, _Context())["statusCode"] == 403


def test_xs_greeting_is_answered_as_json(world: World) -> None:
    event = {
        "requestContext": {"http": {"method": "GET"}},
        "rawQueryString": "crc_token=hello",
        "headers": {},
    }
    answer = world.desk("x")(event, _Context())
    assert answer["statusCode"] == 200
    assert answer["headers"] == {"content-type": "application/json"}
    assert json.loads(answer["body"])["response_token"].startswith("sha256=")


def test_a_network_that_calls_no_webhooks_says_so(world: World) -> None:
    event = {"requestContext": {"http": {"method": "POST"}}, "headers": {}, "body": ""}
    assert world.desk("mastodon")(event, _Context())["statusCode"] == 404


def test_a_webhook_that_cannot_be_queued_asks_for_another_delivery(world: World) -> None:
    subscribe(world)
    world.x.say("leela", "@AcmeBank hello")
    world.forget()
    world.push({2: "throttled"})
    assert len(world.webhooks) == 1
    world.push()
    world.settle()
    assert (world.webhooks, len(events())) == ([], 1)


def test_a_poll_that_runs_out_of_time_leaves_the_rest_to_the_next(world: World) -> None:
    class Late:
        def get_remaining_time_in_millis(self) -> int:
            return 1_000

    assert world.desk("x")({"do": "poll"}, Late()) == {"queued": 0, "troubles": 0}
    assert "no time left" in world.out.getvalue()


def test_an_edit_that_nobody_pushed_is_found_by_reading_again(world: World) -> None:
    post = world.mastodon.say("leela", "hello")
    gone = world.mastodon.say("leela", "words to be taken back")
    world.drain("mastodon")
    world.mastodon.edit(post, "hello again")
    world.mastodon.delete(gone)
    world.reread("mastodon")
    world.settle()
    assert {event["event"] for event in events()} >= {"item.edited", "item.deleted"}
    assert rows()[f"ITEM#mastodon#{gone}"]["deleted"]["BOOL"]
    assert violations(world, expected={}, gone=frozenset({f"mastodon#{gone}"}), words=("taken back",)) == []


@pytest.mark.parametrize("polled_only", [False, True])
def test_a_handle_that_is_only_polled_waits_for_no_webhook(
    world: World, monkeypatch: pytest.MonkeyPatch, *, polled_only: bool
) -> None:
    if polled_only:
        real = organisation()
        accounts = {
            name: replace(
                account,
                handles=tuple(
                    replace(one, settings={**one.settings, "updates": "poll"}) for one in account.handles
                ),
            )
            for name, account in real.accounts.items()
        }
        polled = replace(real, accounts=accounts)
        monkeypatch.setattr(intake, "organisation", lambda: polled)
    world.x.say("leela", "@AcmeBank hello")
    world.drain("x")
    world.settle()
    world.poll("x", do="care")
    assert (len(events()), world.early) == (1, [])
    assert ("FirstByPoll" in world.out.getvalue()) is not polled_only
    looked = [json.loads(row["care"]["S"]) for key, row in rows().items() if key.startswith("CARE#x")]
    assert {one["webhook_ok"] is None for one in looked} == {polled_only}


def test_an_author_is_looked_up_once_the_case_has_opened(world: World) -> None:
    world.x.say("leela", "@AcmeBank hello")
    world.drain("x")
    (opened,) = events()
    assert opened["item"]["author"].get("handle", "") == ""
    for _ in range(2):
        world.run(
            lambda: world.desk("x")({"Records": [{"Sns": {"Message": json.dumps(opened)}}]}, _Context())
        )
        world.settle()
    named = [event for event in events() if event["event"] == "case.author_known"]
    assert {event["item"]["author"]["name"] for event in named} == {"Leela"}
    assert violations(world, expected={}) == []


def test_a_refused_token_pages_once_and_other_handles_go_on(world: World) -> None:
    world.x.out_of_credit = True
    world.drain("x")
    assert [one["why"] for one in pages()] == ["token_refused"]


def test_a_silent_channel_pages_the_operators(world: World) -> None:
    world.clock.move_to(NOON + timedelta(hours=3))
    world.watch()
    world.forward()
    assert [(one["why"], one["unit"]) for one in pages()] == [("network_silent", "operations")]


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECORDS_TABLE", raising=False)
    with pytest.raises(BadInput, match="RECORDS_TABLE"):
        setting("RECORDS_TABLE")


def test_a_missing_organisation_says_how_to_make_it() -> None:
    organisation.cache_clear()
    with pytest.raises(BadInput, match="sam build"):
        organisation()


def test_wiring_gives_one_adapter_a_port(world: World) -> None:
    del world
    assert wiring.records() is wiring.records()
