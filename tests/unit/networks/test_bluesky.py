"""What Bluesky's posts become, and that reading it has no hole."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allhours.domain.errors import Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Kind, Skipped, Unreadable, Visibility, item_to_json
from allhours.networks import network_module
from allhours.networks.bluesky import capabilities, connect, parse
from allhours.networks.contract import Rereader, Source
from allhours.networks.http import Http
from infra.local.standins.base import now
from infra.local.standins.bluesky import BlueskyStandIn
from tests.unit.standins.bluesky_wire import FakeCredentials, NoMeter, Poller

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "bluesky"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))
BANK = Handle(
    network="bluesky",
    account="cards",
    unit="cards",
    handle="@bank.example.com",
    base_url="https://bsky.social",
    native_id="did:plc:bankbankbankbankbankbank",
)
DAY = timedelta(days=1)


def body(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return told


def heard(told: object, handle: Handle = BANK) -> tuple[object, ...]:
    return parse(json.dumps(told).encode(), handle, AT)


def only(told: object, handle: Handle = BANK) -> Item:
    (item,) = heard(told, handle)
    assert isinstance(item, Item)
    return item


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_fixture_becomes_the_items_beside_it(path: Path) -> None:
    expected = json.loads(path.with_suffix(".item.json").read_bytes())
    items = [each for each in parse(path.read_bytes(), BANK, AT) if isinstance(each, Item)]
    assert [item_to_json(item) for item in items] == expected


def test_the_module_offers_what_the_contract_asks() -> None:
    network = connect(FakeCredentials({}), Http(), app_secret="", meter=NoMeter())
    assert isinstance(network, Source)
    assert isinstance(network, Rereader)
    assert network_module("bluesky").capabilities is capabilities


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("own_post", ["own post"]),
        ("like", ["not addressed to us"]),
        ("search", ["own post", "blocked"]),
        ("thread", ["own post", "deleted before we read it", "blocked"]),
        ("direct_messages", ["chat event without new words", "chat event without new words", "own post"]),
    ],
)
def test_what_is_none_of_our_business_is_skipped_with_its_reason(name: str, reasons: list[str]) -> None:
    assert [each.reason for each in heard(body(name)) if isinstance(each, Skipped)] == reasons


def test_a_post_without_its_text_is_unreadable_and_the_rest_of_the_page_goes_on() -> None:
    broken, whole = heard(body("missing_text"))
    assert isinstance(broken, Unreadable)
    assert (broken.field, broken.native_id[-13:]) == ("record.text", "3m5kkkkkkkk22")
    assert isinstance(whole, Item)


def test_a_post_links_and_names_twenty_at_most_and_nothing_too_long_to_follow() -> None:
    told = body("mention")
    links = ["https://l.example/" + "x" * 2_000, *(f"https://l.example/{number}" for number in range(30))]
    dids = [f"did:plc:{number}" for number in range(30)]
    features = [{"did": did} for did in dids] + [{"uri": link} for link in links] + [{"did": BANK.native_id}]
    told["notifications"][0]["record"]["facets"] = [{"features": features}]
    item = only(told)
    assert list(item.attachments) == links[1:21]
    assert item.addressed == (BANK.handle, *dids[:19])


def test_a_mention_that_is_also_a_reply_is_one_item() -> None:
    assert only(body("mention_and_reply_of_one_post")).kind is Kind.MENTION


def test_two_customers_under_our_post_never_share_a_conversation() -> None:
    tomas = body("reply_under_our_post")
    leela = json.loads(json.dumps(tomas).replace("tomastomastomastomastoma", "leelaleelaleelaleelaleel"))
    assert only(tomas).conversation_id != only(leela).conversation_id


def test_customers_who_talk_below_their_own_thread_share_its_conversation_and_address_nobody() -> None:
    item = only(body("reply_among_customers"))
    assert item.conversation_id == only(body("mention")).native_id
    assert item.addressed == ()


def test_a_claim_that_lies_or_has_no_zone_gives_way_to_the_arrival() -> None:
    told = body("mention")
    for claim in (
        "2099-01-01T00:00:00Z",
        "2026-11-20T08:00:00",
        "yesterday",
        None,
        "0001-01-01T00:00:00+14:00",
    ):
        told["notifications"][0]["record"]["createdAt"] = claim
        assert only(told).created_at == datetime(2026, 11, 20, 9, 15, 1, tzinfo=UTC)


def test_nothing_is_said_in_the_future() -> None:
    told = body("mention")
    told["notifications"][0]["indexedAt"] = told["notifications"][0]["record"]["createdAt"] = (
        "2099-01-01T00:00:00Z"
    )
    assert only(told).created_at == AT


def test_a_post_without_any_instant_is_unreadable() -> None:
    told = body("mention")
    told["notifications"][0]["indexedAt"] = told["notifications"][0]["record"]["createdAt"] = "soon"
    (broken,) = heard(told)
    assert isinstance(broken, Unreadable)
    assert broken.field == "record.createdAt"


def test_without_a_did_in_the_organisation_file_our_own_name_tells_our_own_posts() -> None:
    (skipped,) = heard(body("own_post"), replace(BANK, native_id=""))
    assert isinstance(skipped, Skipped)


def test_a_handle_of_ours_that_somebody_else_polls_is_named_by_its_did() -> None:
    told = body("mention")
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:loansloansloansloansloan"}
    told["notifications"][0]["record"]["facets"][0]["features"].append(feature)
    assert only(told).addressed == ("@bank.example.com", "did:plc:loansloansloansloansloan")


def test_a_direct_message_is_private_and_so_is_its_deletion() -> None:
    said, deleted = (each for each in heard(body("direct_messages")) if isinstance(each, Item))
    assert (said.visibility, deleted.visibility) == (Visibility.PRIVATE, Visibility.PRIVATE)
    assert (deleted.change, deleted.native_id, deleted.text) == (Change.DELETED, said.native_id, "")
    assert deleted.version > said.version


@pytest.mark.parametrize("raw", [b"<html>", b"[]", b"7", b"{}", b'{"tweets": []}', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_not_blueskys_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse(raw, BANK, AT)


@pytest.mark.parametrize("field", ["uri", "cid", "record.reply.root.cid", "record.reply.parent.uri"])
@pytest.mark.parametrize("junk", ["\ud800", "a\u202eb", "x" * 5_000, 7, None])
def test_an_identifier_that_is_none_is_unreadable_and_names_its_field(field: str, junk: object) -> None:
    told = body("reply_under_our_post")
    *way, last = field.split(".")
    holder = told["notifications"][0]
    for step in way:
        holder = holder[step]
    holder[last] = junk
    (broken,) = heard(told)
    assert isinstance(broken, Unreadable)
    assert broken.field == field


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(
        [
            "at://did:plc:x/app.bsky.feed.post/1",
            "app.bsky.feed.post",
            "\ud800",
            "did:plc:x",
            "#logDeleteMessage",
        ]
    ),
)


def paths(value: object, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for name, each in inner for found in [(*prefix, name), *paths(each, (*prefix, name))]]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_json_value_in_any_place_breaks_the_parser(data: st.DataObject) -> None:
    told = copy.deepcopy(json.loads(data.draw(st.sampled_from(BODIES)).read_bytes()))
    for _ in range(data.draw(st.integers(1, 3))):
        if not (places := paths(told)):
            break
        *way, last = data.draw(st.sampled_from(places))
        holder = told
        for step in way:
            holder = holder[step]
        if data.draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = data.draw(JUNK)
    try:
        result = parse(json.dumps(told).encode(), BANK, AT)
    except Malformed:
        return
    assert all(isinstance(each, Item | Skipped | Unreadable) for each in result)
    for each in result:
        if isinstance(each, Item):
            json.dumps(item_to_json(each), ensure_ascii=False).encode()


# how it reads


def test_the_first_poll_takes_one_page_and_an_idle_poll_keeps_the_very_cursor() -> None:
    poller = Poller(BlueskyStandIn(), listen=("acme bank",))
    for hours in range(120):
        asked_at = now() - timedelta(hours=hours)
        poller.stand_in.say("leela", f"@acme.example.com question {hours}", created_at=asked_at)
    poller.poll(now())
    assert len(poller.heard) == 100
    before = poller.cursor
    steps = poller.poll(now())
    assert all(step.cursor is before for step in steps)
    assert not any(step.heard for step in steps)


def test_a_burst_larger_than_all_pages_of_a_poll_is_heard_by_the_next_polls() -> None:
    poller = Poller(BlueskyStandIn())
    poller.poll(now())
    for number in range(1_250):
        poller.stand_in.say("leela", f"@acme.example.com question {number}")
    for _ in range(3):
        poller.poll(now())
    assert len(poller.heard) == 1_250


def test_pages_of_likes_hide_no_mention_and_are_not_walked_again() -> None:
    stand_in = BlueskyStandIn()
    poller = Poller(stand_in)
    post = stand_in.brand_says("Good morning")
    start = now()
    stand_in.say("leela", "@acme.example.com hello", created_at=start - timedelta(hours=6))
    poller.poll(start)
    mention = stand_in.say("tomas", "@acme.example.com are you there?", created_at=start - timedelta(hours=5))
    for minutes in range(230):
        stand_in.like("maria", post, created_at=start - timedelta(minutes=minutes))
    poller.poll(now())
    assert mention in poller.heard
    for _ in range(3):
        asked = len(poller.asked_for("app.bsky.notification.listNotifications"))
        poller.poll(now())
        assert len(poller.asked_for("app.bsky.notification.listNotifications")) - asked <= 2
    before = poller.cursor
    assert all(step.cursor is before for step in poller.poll(now()))


def test_a_walk_through_more_likes_than_a_poll_may_read_goes_on_with_the_next() -> None:
    stand_in = BlueskyStandIn()
    poller = Poller(stand_in)
    post = stand_in.brand_says("Good morning")
    start = now()
    stand_in.say("leela", "@acme.example.com hello", created_at=start - timedelta(hours=40))
    poller.poll(start)
    mention = stand_in.say(
        "tomas", "@acme.example.com are you there?", created_at=start - timedelta(hours=30)
    )
    for minutes in range(1_200):
        stand_in.like("maria", post, created_at=start - timedelta(minutes=minutes))
    poller.poll(now())
    assert mention not in poller.heard
    poller.poll(now())
    assert mention in poller.heard


def test_the_very_first_page_may_be_all_likes() -> None:
    stand_in = BlueskyStandIn()
    mention = stand_in.say("leela", "@acme.example.com hello")
    post = stand_in.brand_says("Good morning")
    for _ in range(150):
        stand_in.like("maria", post)
    poller = Poller(stand_in)
    poller.poll(now())
    assert poller.heard == {mention}


def test_a_backdated_post_far_below_the_mark_is_heard_by_the_hourly_walk() -> None:
    stand_in = BlueskyStandIn()
    poller = Poller(stand_in)
    start = now()
    poller.poll(start - DAY)
    for minutes in range(150):
        asked_at = start - timedelta(minutes=minutes)
        stand_in.say("tomas", f"@acme.example.com question {minutes}", created_at=asked_at)
    poller.poll(now())
    late = stand_in.say("leela", "@acme.example.com from a slow clock", created_at=start - timedelta(hours=5))
    poller.poll(now())
    found_at_once = late in poller.heard
    poller.poll(now() + timedelta(hours=2))
    assert not found_at_once
    assert late in poller.heard


def test_posts_of_one_instant_at_a_pages_end_are_heard_by_the_hourly_walk() -> None:
    stand_in = BlueskyStandIn()
    poller = Poller(stand_in)
    poller.poll(now() - timedelta(minutes=30))
    instant = now() - timedelta(minutes=5)
    for number in range(99):
        stand_in.say("tomas", f"@acme.example.com question {number}")
    tied = [
        stand_in.say("leela", f"@acme.example.com again {number}", created_at=instant) for number in range(4)
    ]
    poller.poll(now())
    assert not set(tied) <= poller.heard
    poller.poll(now() + timedelta(hours=2))
    assert set(tied) <= poller.heard


def test_a_kept_token_that_the_network_no_longer_takes_does_not_stop_the_reading() -> None:
    stand_in = BlueskyStandIn()
    poller = Poller(stand_in)
    poller.poll(now())
    said = {stand_in.say("leela", f"@acme.example.com question {number}") for number in range(5)}
    marks = {**poller.cursor["notifications"], "resume": "no longer an instant", "top": ""}
    poller.cursor = {**poller.cursor, "notifications": marks}
    poller.poll(now())
    poller.poll(now())
    assert said <= poller.heard


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_comes_between_pages_and_wherever_it_dies_everything_is_heard(data: st.DataObject) -> None:
    stand_in = BlueskyStandIn()
    poller = Poller(stand_in, listen=("acme bank",))
    poller.poll(now())
    said: set[str] = set()

    def burst(count: int) -> None:
        for _ in range(count):
            said.add(stand_in.say("leela", "@acme.example.com help"))
            said.add(stand_in.say("tomas", "the acme bank is slow"))
        said.add(stand_in.say("maria", "in private", private=True))

    arrivals = data.draw(st.lists(st.integers(0, 60), max_size=6))
    poller.http.before = lambda asked: (
        burst(arrivals.pop()) if arrivals and "createSession" not in asked.path else None
    )
    burst(data.draw(st.integers(0, 160)))
    for crash in data.draw(st.lists(st.integers(0, 6), max_size=3)):
        poller.poll(now() + timedelta(seconds=1), crash_after=crash)
    for _ in range(3):
        poller.poll(now() + timedelta(seconds=1))
    assert said <= poller.heard
    before = poller.cursor
    assert all(step.cursor is before for step in poller.poll(now() + timedelta(seconds=1)))
