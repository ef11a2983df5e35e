"""What is Telegram's own: kinds of updates, ids across bots, UTF-16, forgetting by offset, its webhook."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import BadSignature, Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item, Kind, Skipped, Unreadable, Visibility, item_to_json
from allhours.networks._telegram import kinds
from allhours.networks._telegram.bot import webhook_token
from allhours.networks._telegram.fields import marked
from allhours.networks.contract import Cursor, Delivery, Push, Source
from allhours.networks.http import Http, Reply
from allhours.networks.telegram import CALLS, LIMIT, capabilities, connect, parse
from tests.shared_material import specs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIXTURES = Path(__file__).parents[2] / "fixtures" / "telegram"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json") if not path.stem.endswith(".item"))
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN = "7000001:leela-leela-leela"
SECRET = "a long random text of forty characters.."
HANDLE = Handle(
    network="telegram",
    account="acme-care",
    unit="care",
    handle="@acmebank_bot",
    base_url=capabilities.base_url,
    native_id="7000001",
    secret="telegram/acme-care",
    settings={"own": "-1005550009"},
)
OTHER = replace(HANDLE, account="acme-cards", handle="@acmecards_bot", native_id="7000002")
POLLED = replace(HANDLE, settings={"updates": "poll"})


class FakeCredentials:
    def __init__(self) -> None:
        self.secrets = {
            "telegram/acme-care": {"bot_token": TOKEN},
            "telegram/app": {"webhook_secret": SECRET},
        }

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        raise AssertionError((secret, stale, ask))


class FakeMeter:
    def room(self, handle: Handle, cost: float) -> None:
        raise AssertionError((handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        raise AssertionError((handle, cost))


class FakeTelegram(Http):
    """Hand out what waits as Telegram does: an offset makes it forget everything below."""

    def __init__(self, waiting: list[int], answer: tuple[int, object] | None = None) -> None:
        super().__init__()
        self.waiting = waiting
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def call(self, network: str, method: str, url: str, **more: Any) -> Reply:
        assert (network, method) == ("telegram", "POST")
        assert url == f"https://api.telegram.org/bot{TOKEN}/getUpdates"
        asked = more["json_body"]
        self.asked.append(asked)
        if self.answer:
            status, body = self.answer
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            return Reply(status=status, headers={}, body=raw, url=url)
        if "offset" in asked:
            self.waiting = [each for each in self.waiting if each >= asked["offset"]]
        rows = [an_update(number) for number in self.waiting[: asked["limit"]]]
        body = json.dumps({"ok": True, "result": rows}).encode()
        return Reply(status=200, headers={}, body=body, url=url)


def an_update(number: int, **message: object) -> dict[str, Any]:
    chat = {"id": 5, "type": "private"}
    leela = {"id": 5, "is_bot": False, "first_name": "Leela"}
    said = {"message_id": number, "date": 1_763_629_502, "chat": chat, "from": leela, "text": f"no. {number}"}
    return {"update_id": number, "message": said | message}


def network(http: Http | None = None) -> Any:
    return connect(FakeCredentials(), http or Http(), app_secret="telegram/app", meter=FakeMeter())


def one(**message: object) -> Item:
    [item] = parse(json.dumps(an_update(9, **message)).encode(), HANDLE, AT)
    assert isinstance(item, Item)
    return item


@pytest.mark.parametrize("name", NAMES)
def test_a_fixture_becomes_the_items_we_expect(name: str) -> None:
    expected = json.loads((FIXTURES / f"{name}.item.json").read_bytes())
    found = parse((FIXTURES / f"{name}.json").read_bytes(), HANDLE, AT)
    assert [item_to_json(item) for item in found if isinstance(item, Item)] == expected


def test_what_is_none_of_our_business_has_a_named_reason() -> None:
    named = {value for name, value in vars(kinds).items() if name.isupper() and isinstance(value, str)}
    for name in ("nothing_said", "own_posts"):
        for each in parse((FIXTURES / f"{name}.json").read_bytes(), HANDLE, AT):
            assert isinstance(each, Skipped)
            assert each.reason in named


def test_what_a_person_must_see_to_says_so() -> None:
    heard = parse((FIXTURES / "nothing_said.json").read_bytes(), HANDLE, AT)
    calls = [each.reason for each in heard if isinstance(each, Skipped) and "needs a person" in each.reason]
    assert calls == [kinds.MOVED, kinds.THROWN_OUT, kinds.BUSINESS_CUT]


def test_a_missing_author_is_unreadable_and_the_rest_goes_on() -> None:
    broken, whole = parse((FIXTURES / "missing_author.json").read_bytes(), HANDLE, AT)
    assert isinstance(broken, Unreadable)
    assert (broken.native_id, broken.field) == ("-1001234567890:182", "from")
    assert isinstance(whole, Item)


def test_every_kind_of_update_in_the_specification_is_classified_and_no_other() -> None:
    told = json.loads(specs("telegram", "api.min.json").read_bytes())["types"]["Update"]["fields"]
    assert {field["name"] for field in told} - {"update_id"} == set(kinds.KINDS)


def test_every_field_of_a_message_in_the_specification_is_in_one_class() -> None:
    told = json.loads(specs("telegram", "api.min.json").read_bytes())["types"]["Message"]["fields"]
    classes = [set(kinds.ENVELOPE), set(kinds.SERVICE), set(kinds.WORDLESS), set(kinds.ATTACHED)]
    assert {field["name"] for field in told} == set().union(*classes)
    assert sum(map(len, classes)) == len(told)


def test_two_bots_that_count_alike_never_meet_but_in_a_chat_that_both_hear() -> None:
    body = json.dumps(an_update(9)).encode()
    [mine], [theirs] = parse(body, HANDLE, AT), parse(body, OTHER, AT)
    assert isinstance(mine, Item)
    assert isinstance(theirs, Item)
    assert mine.native_id != theirs.native_id
    assert mine.conversation_id != theirs.conversation_id
    group = {"id": -1001234, "type": "supergroup"}
    body = json.dumps(an_update(9, chat=group)).encode()
    [mine], [theirs] = parse(body, HANDLE, AT), parse(body, OTHER, AT)
    assert mine.native_id == theirs.native_id == "-1001234:9"


@pytest.mark.parametrize(
    ("chat", "visibility"),
    [
        ({"id": 5, "type": "private"}, Visibility.PRIVATE),
        ({"id": -4, "type": "group"}, Visibility.FOLLOWERS),
        ({"id": -1004, "type": "supergroup"}, Visibility.FOLLOWERS),
        ({"id": -1004, "type": "supergroup", "username": "acme"}, Visibility.PUBLIC),
        ({"id": -1004, "type": "channel", "username": "acme"}, Visibility.PUBLIC),
        (
            {"id": -1004, "type": "supergroup", "username": "a", "is_direct_messages": True},
            Visibility.PRIVATE,
        ),
        ({"id": -4, "type": "hologram"}, Visibility.PRIVATE),
    ],
)
def test_who_can_read_it_is_known_by_the_chat(chat: object, visibility: Visibility) -> None:
    assert one(chat=chat).visibility is visibility


def test_two_customers_of_one_group_never_share_a_case() -> None:
    group = {"id": -1004, "type": "supergroup"}
    ben = {"id": 6, "is_bot": False, "first_name": "Ben"}
    assert one(chat=group).conversation_id != one(chat=group, **{"from": ben}).conversation_id


def test_marks_count_utf_16_code_units() -> None:
    text = "💳💳 @acmebank_bot ¿me oyes?"
    assert marked(text, {"offset": 5, "length": 13}) == "@acmebank_bot"
    group = {"id": -1004, "type": "supergroup"}
    item = one(chat=group, text=text, entities=[{"type": "mention", "offset": 5, "length": 13}])
    assert (item.kind, item.addressed) == (Kind.MENTION, ("@acmebank_bot",))
    beside = one(chat=group, text=text, entities=[{"type": "mention", "offset": 3, "length": 13}])
    assert beside.addressed == ()


def test_a_person_named_without_a_username_names_us() -> None:
    entity = {"type": "text_mention", "offset": 0, "length": 4, "user": {"id": 7000001, "is_bot": True}}
    item = one(chat={"id": -1004, "type": "supergroup"}, text="Acme hello", entities=[entity])
    assert item.addressed == ("@acmebank_bot",)


# Push


def a_delivery(token: str, body: bytes = b"{}") -> Delivery:
    headers = {"x-telegram-bot-api-secret-token": token} if token else {}
    return Delivery(method="POST", query={}, headers=headers, body=body)


def test_a_delivery_with_our_secret_token_is_taken() -> None:
    network().verify(a_delivery(webhook_token(SECRET, "7000001")))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "7000001",
        "7000001-",
        webhook_token("another secret", "7000001"),
        webhook_token(SECRET, "7000002").replace("7000002", "7000001"),
        webhook_token(SECRET, "7000001").upper(),
        webhook_token(SECRET, "7000001") + "0",
        "é" * 70,
    ],
)
def test_any_other_is_refused(token: str) -> None:
    with pytest.raises(BadSignature):
        network().verify(a_delivery(token))


def test_a_missing_webhook_secret_lets_nobody_in() -> None:
    credentials = FakeCredentials()
    credentials.secrets["telegram/app"] = {}
    there = connect(credentials, Http(), app_secret="telegram/app", meter=FakeMeter())
    with pytest.raises(BadSignature):
        there.verify(a_delivery(webhook_token("", "7000001")))


def test_a_secret_token_is_one_that_telegram_allows() -> None:
    token = webhook_token(SECRET, "7000001")
    assert len(token) <= 256
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def test_the_secret_token_tells_which_bot_a_delivery_is_for() -> None:
    there = network()
    delivery = a_delivery(webhook_token(SECRET, "7000002"))
    there.verify(delivery)
    assert there.addressed(delivery, [HANDLE, OTHER]) == (OTHER,)


def test_telegram_asks_no_challenge() -> None:
    with pytest.raises(BadSignature):
        network().greet(Delivery(method="GET", query={}, headers={}, body=b""))


@pytest.mark.parametrize(
    ("more", "whose"),
    [
        ({"reply_to_message": {"message_id": 1, "from": {"id": 7000002}}}, OTHER),
        ({"business_connection_id": "bcCards"}, OTHER),
    ],
)
def test_among_several_bots_the_update_itself_may_tell(more: dict[str, object], whose: Handle) -> None:
    handles = [HANDLE, replace(OTHER, settings={"business": "bcCards"})]
    [item] = network().unpack(json.dumps(an_update(9, **more)).encode(), handles, at=AT)
    assert item.account == whose.account


def test_an_update_for_nobody_knows_whom_is_kept_for_a_person() -> None:
    with pytest.raises(Malformed, match="bot"):
        network().unpack(json.dumps(an_update(9)).encode(), [HANDLE, OTHER], at=AT)


def test_the_only_bot_needs_no_naming() -> None:
    [item] = network().unpack(json.dumps(an_update(9)).encode(), [HANDLE], at=AT)
    assert item.account == "acme-care"


@pytest.mark.parametrize("body", [b"", b"[[[", b'"x"', b"{}", b"7"])
def test_a_body_that_is_not_telegrams_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, HANDLE, AT)


# Source


def polled(
    http: Http, cursor: Cursor, *, at: datetime = AT
) -> tuple[list[Heard], Cursor, list[NetworkError]]:
    heard: list[Heard] = []
    troubles: list[NetworkError] = []
    for step in network(http).fetch(POLLED, cursor, at=at):
        heard += step.heard
        cursor = step.cursor
        troubles += [step.trouble] if step.trouble else []
    return heard, cursor, troubles


def test_it_keeps_the_contract() -> None:
    assert isinstance(network(), Source)
    assert isinstance(network(), Push)


def test_a_bot_with_a_webhook_is_never_polled() -> None:
    http = FakeTelegram([1])
    assert list(network(http).fetch(HANDLE, {}, at=AT)) == []
    assert http.asked == []


def test_an_idle_poll_yields_the_identical_cursor() -> None:
    _, cursor, _ = polled(FakeTelegram([1]), {})
    _, again, _ = polled(FakeTelegram([]), cursor)
    assert again is cursor


def test_a_burst_larger_than_a_poll_takes_is_heard_by_the_next() -> None:
    http = FakeTelegram(list(range(1, CALLS * LIMIT + 51)))
    first, cursor, _ = polled(http, {})
    second, cursor, _ = polled(http, cursor)
    assert len(first) == CALLS * LIMIT
    assert len(second) == 50
    assert cursor["updates"]["offset"] == CALLS * LIMIT + 51


@given(
    waiting=st.lists(st.integers(1, 5_000), unique=True, min_size=1, max_size=400), crash=st.integers(0, 5)
)
def test_a_crash_before_the_cursor_is_saved_loses_nothing(waiting: list[int], crash: int) -> None:
    http = FakeTelegram(sorted(waiting))
    heard: list[Heard] = []
    cursor: Cursor = {}
    for number, step in enumerate(network(http).fetch(POLLED, cursor, at=AT)):
        heard += step.heard
        if number == crash:
            break
        cursor = step.cursor
    rest, _, _ = polled(http, cursor)
    assert {each.native_id for each in (*heard, *rest)} == {f"7000001:5:{number}" for number in waiting}


def test_after_a_quiet_week_ids_that_began_anew_are_heard() -> None:
    _, cursor, _ = polled(FakeTelegram([900_000]), {})
    later = FakeTelegram([17])
    heard, _, _ = polled(later, cursor, at=AT + timedelta(days=8))
    assert len(heard) == 1
    assert "offset" not in later.asked[0]


def test_only_what_we_read_is_asked_for() -> None:
    http = FakeTelegram([])
    polled(http, {})
    assert http.asked[0]["allowed_updates"] == kinds.LISTENED
    assert set(kinds.LISTENED) <= set(kinds.KINDS)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 12}}, RateLimited, "too many"),
        (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, Refused, "telegram/acme-care"),
        (404, {"ok": False, "error_code": 404, "description": "Not Found"}, Refused, "BotFather"),
        (409, {"ok": False, "error_code": 409, "description": "Conflict"}, Refused, "updates: webhook"),
        (400, {"ok": False, "error_code": 400, "description": "Bad Request: x"}, Refused, "bad request: x"),
        (502, b"<html>", Unreachable, "502"),
        (200, b"<html>", Unreachable, "200"),
        (200, {"ok": True, "result": {}}, Malformed, "list"),
        (200, {"ok": True, "result": [{"message": {}}]}, Malformed, "update_id"),
    ],
)
def test_an_error_is_told_in_our_terms(
    status: int, body: object, kind: type[NetworkError], words: str
) -> None:
    heard, cursor, [trouble] = polled(FakeTelegram([], (status, body)), {})
    assert (heard, type(trouble)) == ([], kind)
    assert words in str(trouble)
    assert TOKEN not in str(trouble)
    if isinstance(trouble, RateLimited):
        assert trouble.retry_at == AT + timedelta(seconds=12)
        assert cursor["updates"]["not_before"] == (AT + timedelta(seconds=12)).timestamp()


def test_a_token_that_cannot_be_one_is_never_put_into_an_address() -> None:
    credentials = FakeCredentials()
    credentials.secrets["telegram/acme-care"] = {"bot_token": "7000001:x/../../evil"}
    there: Any = connect(credentials, FakeTelegram([]), app_secret="telegram/app", meter=FakeMeter())
    [step] = there.fetch(POLLED, {}, at=AT)
    assert isinstance(step.trouble, Refused)
    assert "evil" not in str(step.trouble)


def test_the_token_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        handle = replace(POLLED, base_url="http://127.0.0.1:9")
        [step] = network(Http()).fetch(handle, {}, at=AT)
        line = f'"POST /bot{TOKEN}/getUpdates HTTP/1.1" 200 2'
        logging.getLogger("urllib3.connectionpool").debug("%s", line)
    assert isinstance(step.trouble, Unreachable)
    assert TOKEN not in repr(step.trouble) + caplog.text
    assert "/bot<token>/getUpdates" in caplog.text
