"""X's own rules: what each shape becomes, and that no JSON ever surprises us."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import BadSignature, Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import (
    Change,
    Heard,
    Item,
    Kind,
    Skipped,
    Unreadable,
    Visibility,
    item_from_json,
    item_to_json,
)
from allhours.networks import x
from allhours.networks.contract import AuthorBook, Delivery, Push, Rereader, Source
from allhours.networks.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "x"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))
CARDS = Handle(
    network="x",
    account="acme-cards",
    unit="cards",
    handle="@AcmeBank",
    base_url="https://api.x.com",
    native_id="1000000000000000001",
    secret="acme/x",
)
SAVINGS = Handle(
    network="x",
    account="acme-savings",
    unit="savings",
    handle="@AcmeSavings",
    base_url="https://api.x.com",
    native_id="1000000000000000002",
    secret="acme/x-savings",
)


class FakeCredentials:
    """Secrets in a dictionary."""

    def __init__(self, **secrets: Mapping[str, str]) -> None:
        self.secrets = secrets

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(
        self,
        secret: str,
        stale: Mapping[str, str],
        ask: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> Mapping[str, str]:
        self.secrets[secret] = ask(stale)
        return self.secrets[secret]


class FakeMeter:
    """What was spent, in a list."""

    def __init__(self) -> None:
        self.spent: list[float] = []

    def room(self, handle: Handle, cost: float) -> None:
        """Always have room."""

    def spend(self, handle: Handle, cost: float) -> None:
        assert handle.network == "x"
        self.spent.append(cost)


def network() -> x.X:
    credentials = FakeCredentials(app={"consumer_secret": "test_consumer_secret"})
    return x.connect(credentials, Http(), app_secret="app", meter=FakeMeter())


def a_post(**changed: Any) -> dict[str, Any]:
    post = {
        "id": "2090000000000000001",
        "text": "@AcmeBank hello",
        "author_id": "33",
        "created_at": "2026-11-19T10:33:16.000Z",
        "conversation_id": "2090000000000000001",
    }
    return {name: value for name, value in {**post, **changed}.items() if value is not ...}


def heard_of(*posts: object) -> tuple[Heard, ...]:
    return x.parse(json.dumps({"data": list(posts)}).encode(), CARDS, AT)


def item_of(post: object) -> Item:
    (heard,) = heard_of(post)
    assert isinstance(heard, Item)
    return heard


def an_event(kind: str, payload: object, user_id: str = CARDS.native_id, **more: object) -> bytes:
    event = {"event_uuid": "-7", "filter": {"user_id": user_id}, "event_type": kind, "payload": payload}
    return json.dumps({"data": {**event, **more}}).encode()


@pytest.mark.parametrize("body", BODIES, ids=lambda path: path.stem)
def test_a_fixture_becomes_the_items_that_stand_beside_it(body: Path) -> None:
    expected = json.loads(body.with_suffix(".item.json").read_text(encoding="utf-8"))
    heard = x.parse(body.read_bytes(), CARDS, AT)
    assert [item_to_json(each) for each in heard if isinstance(each, Item)] == expected
    assert not [each for each in heard if isinstance(each, Unreadable)]


def test_own_posts_and_reposts_are_left_alone_with_a_reason() -> None:
    heard = x.parse((FIXTURES / "own_post_and_repost.json").read_bytes(), CARDS, AT)
    assert [each.reason for each in heard if isinstance(each, Skipped)] == ["own post", "repost"]


def test_two_customers_under_the_brands_post_never_share_a_case() -> None:
    one, other = x.parse((FIXTURES / "two_under_the_brands_post.json").read_bytes(), CARDS, AT)
    assert isinstance(one, Item)
    assert isinstance(other, Item)
    assert one.conversation_id != other.conversation_id


def test_a_customers_answer_to_our_answer_stays_in_the_customers_case() -> None:
    root = item_of(a_post())
    follow_up = item_of(
        a_post(
            id="2090000000000000009",
            in_reply_to_user_id=CARDS.native_id,
            referenced_tweets=[{"type": "replied_to", "id": "2090000000000000005"}],
        )
    )
    assert follow_up.conversation_id == root.conversation_id


def test_webhook_and_poll_give_one_message_one_key_and_one_conversation() -> None:
    polled = x.parse((FIXTURES / "message.json").read_bytes(), CARDS, AT)[0]
    (pushed,) = x.parse((FIXTURES / "message_pushed.json").read_bytes(), CARDS, AT)
    assert isinstance(polled, Item)
    assert isinstance(pushed, Item)
    assert (polled.key, polled.conversation_id) == (pushed.key, pushed.conversation_id)
    assert polled.visibility is pushed.visibility is Visibility.PRIVATE
    assert polled.created_at == pushed.created_at


def test_an_edit_keeps_the_first_id_and_carries_the_newest_as_version() -> None:
    edited = item_of(a_post(id="2090000000000000031", edit_history_tweet_ids=["999", "2090000000000000031"]))
    assert (edited.native_id, edited.version, edited.change) == ("999", 2090000000000000031, Change.EDITED)
    assert edited.answer_needs["post_id"] == "2090000000000000031"


def test_ids_are_ordered_as_numbers() -> None:
    edited = item_of(a_post(id="1000", edit_history_tweet_ids=["1000", "999"]))
    assert edited.native_id == "999"


def test_a_time_in_the_future_is_now() -> None:
    assert item_of(a_post(created_at="2031-01-01T00:00:00.000Z")).created_at == AT


def test_a_time_that_was_not_asked_for_is_read_from_the_id() -> None:
    told = item_of(a_post(created_at=...))
    assert told.created_at == datetime(2026, 8, 19, 8, 56, 44, 979_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("id", 5),
        ("id", ...),
        ("text", ...),
        ("text", 7),
        ("author_id", 33),
        ("created_at", "yesterday"),
        ("created_at", "2026-11-19T10:33:16"),
        ("conversation_id", {}),
        ("edit_history_tweet_ids", ["x"]),
        ("referenced_tweets", [5]),
        ("note_tweet", "long"),
    ],
)
def test_a_wrong_field_is_named_and_the_rest_of_the_page_goes_on(field: str, wrong: object) -> None:
    bad, good = heard_of(a_post(**{field: wrong}), a_post())
    assert isinstance(bad, Unreadable)
    assert bad.field == field
    assert bad.native_id == ("" if field == "id" else "2090000000000000001")
    assert isinstance(good, Item)


def test_a_name_that_only_begins_like_ours_is_not_ours() -> None:
    assert item_of(a_post(text="@AcmeBankrupt is funny")).kind is Kind.POST
    assert item_of(a_post(text="thanks, @acmebank.")).kind is Kind.MENTION


def test_the_event_is_heard_by_the_handle_that_its_filter_names() -> None:
    body = an_event("post.mention.create", a_post(text="@AcmeSavings and @AcmeBank"), SAVINGS.native_id)
    (heard,) = network().unpack(body, (CARDS, SAVINGS), at=AT)
    assert isinstance(heard, Item)
    assert heard.handle == "@AcmeSavings"
    assert heard.addressed == ("@AcmeBank", "@AcmeSavings")


@pytest.mark.parametrize(
    ("metrics", "audience"),
    [
        ({"followers_count": 97}, 97),
        ({"followers_count": 0}, 0),
        *(({"followers_count": wrong}, -1) for wrong in (-5, True, "97", None, 1.5)),
        ({}, -1),
        ("many", -1),
    ],
)
def test_followers_are_taken_where_an_event_brings_them_along_and_are_unknown_elsewhere(
    metrics: object, audience: int
) -> None:
    event = json.loads((FIXTURES / "mention_pushed.json").read_bytes())
    event["data"]["includes"]["users"][0]["public_metrics"] = metrics
    event["data"]["includes"]["users"][1]["public_metrics"] = {"followers_count": 4}  # ours
    (heard,) = network().unpack(json.dumps(event).encode(), (CARDS,), at=AT)
    assert isinstance(heard, Item)
    assert heard.audience == audience


def test_a_post_by_any_of_our_handles_opens_no_work() -> None:
    body = an_event("post.mention.create", a_post(author_id=SAVINGS.native_id))
    (heard,) = network().unpack(body, (CARDS, SAVINGS), at=AT)
    assert isinstance(heard, Skipped)


def test_withdrawn_access_tells_a_person_to_connect_again() -> None:
    (heard,) = network().unpack(an_event("oauth.revoke", {}), (CARDS,), at=AT)
    assert isinstance(heard, Unreadable)
    assert "connect it again" in heard.detail


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("chat.received", "encrypted message"),
        ("chat.conversation_join", "joined or left a conversation"),
        ("follow.follow", "not a post"),
        ("like.create", "not a post"),
    ],
)
def test_events_without_posts_have_a_named_reason(kind: str, reason: str) -> None:
    (heard,) = network().unpack(an_event(kind, {}), (CARDS,), at=AT)
    assert heard == Skipped(network="x", native_id="-7", reason=reason)


def test_an_event_that_nobody_knows_is_told_and_not_dropped() -> None:
    (heard,) = network().unpack(an_event("post.telepathy", {}), (CARDS,), at=AT)
    assert isinstance(heard, Unreadable)


def test_the_greeting_is_answered_with_the_documented_token() -> None:
    greeting = network().greet(Delivery(method="GET", query={"crc_token": "abc123"}, headers={}, body=b""))
    expected = "sha256=NRSmW12qpe3CEF8MYyBrEyg562XPUUrrQ1iu+H6dKZs="
    assert json.loads(greeting.body) == {"response_token": expected}


@pytest.mark.parametrize("token", ['{"data":{"event_type":"dm.received"}}', "a b", "a\n", "a" * 201, "é"])
def test_no_greeting_signs_what_could_be_an_event(token: str) -> None:
    with pytest.raises(BadSignature):
        network().greet(Delivery(method="GET", query={"crc_token": token}, headers={}, body=b""))


def test_a_greeting_without_a_token_is_refused() -> None:
    with pytest.raises(BadSignature):
        network().greet(Delivery(method="GET", query={}, headers={}, body=b""))


SIGNED = b'{"data":{"event_uuid":"1","event_type":"post.create"}}'


def a_delivery(signature: str, body: bytes = SIGNED) -> Delivery:
    return Delivery(method="POST", query={}, headers={"x-twitter-webhooks-signature": signature}, body=body)


def test_the_documented_signature_is_taken() -> None:
    network().verify(a_delivery("sha256=zW395y5zE992pVINVzatpGH1anw+KF1f6gwnc7F1C1M="))


@pytest.mark.parametrize(
    "delivery",
    [
        a_delivery(""),
        a_delivery("sha256=zW395y5zE992pVINVzatpGH1anw+KF1f6gwnc7F1C1M=", SIGNED + b" "),
        a_delivery("zW395y5zE992pVINVzatpGH1anw+KF1f6gwnc7F1C1M="),
        a_delivery("sha256=\udce9"),
    ],
)
def test_anything_but_the_signed_bytes_is_refused(delivery: Delivery) -> None:
    with pytest.raises(BadSignature):
        network().verify(delivery)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"hello": 1}'])
def test_a_body_that_is_not_of_x_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        x.parse(body, CARDS, AT)


def test_x_keeps_the_parts_of_the_contract_that_apply() -> None:
    for part in (Source, Rereader, Push, AuthorBook):
        assert isinstance(network(), part)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    places = [path] if path else []
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        places += _places(inner, (*path, key))
    return places


@given(data=st.data())
def test_no_json_is_ever_more_than_unreadable(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(BODIES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(document)
        if not places:
            break
        *way, last = data.draw(st.sampled_from(places))
        inner = document
        for step in way:
            inner = inner[step]
        if data.draw(st.booleans()):
            del inner[last]
        else:
            inner[last] = data.draw(JSON)
    body = json.dumps(document).encode()
    readers: tuple[Callable[[], tuple[Heard, ...]], ...] = (
        lambda: x.parse(body, CARDS, AT),
        lambda: network().unpack(body, (CARDS, SAVINGS), at=AT),
    )
    for hear in readers:
        try:
            heard = hear()
        except Malformed:
            continue
        assert all(isinstance(each, (Item, Skipped, Unreadable)) for each in heard)
        for each in heard:
            if isinstance(each, Item):
                assert each.created_at <= AT
                assert item_from_json(json.loads(json.dumps(item_to_json(each)).encode())) == each
