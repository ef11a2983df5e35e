"""What is LinkedIn's own: its signature and challenge, URNs in several forms, and the walk of a window."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.domain.errors import (
    BadSignature,
    Expired,
    Malformed,
    NetworkError,
    OverBudget,
    RateLimited,
    Refused,
    Unreachable,
)
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Heard, Item, Kind, Skipped, Unreadable, item_to_json
from allhours.networks._linkedin.fields import comment_urn
from allhours.networks._linkedin.posts import OTHER_PAGE, REASONS
from allhours.networks.contract import Cursor, Delivery, Push, Source
from allhours.networks.http import Http, Reply
from allhours.networks.linkedin import CALLS, COUNT, capabilities, connect, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIXTURES = Path(__file__).parents[2] / "fixtures" / "linkedin"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json") if not path.stem.endswith(".item"))
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW = int(AT.timestamp() * 1000)
KEY = "leelas-client-secret"
PAGE = "urn:li:organization:1111"
HANDLE = Handle(
    network="linkedin",
    account="acme-care",
    unit="care",
    handle="Acme Bank",
    base_url=capabilities.base_url,
    native_id="1111",
    secret="linkedin/acme-care",
)


class FakeCredentials:
    def __init__(self, **fields: str) -> None:
        app = {"client_id": "86x", "client_secret": KEY, "application_id": "4242"}
        self.secrets: dict[str, Mapping[str, str]] = {
            "linkedin/acme-care": {"access_token": "first", **fields},
            "linkedin/app": app,
        }
        self.renewals = 0

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        self.renewals += 1
        self.secrets[secret] = ask(stale)
        return self.secrets[secret]


class FakeMeter:
    """Count calls; `left` is how many there is room for."""

    def __init__(self, left: int = 1_000) -> None:
        self.left = left
        self.spent: list[float] = []

    def room(self, handle: Handle, cost: float) -> None:
        if sum(self.spent) + cost > self.left:
            raise OverBudget("linkedin", "full", handle=handle.handle, retry_at=AT + timedelta(hours=12))

    def spend(self, handle: Handle, cost: float) -> None:
        assert handle.network == "linkedin"
        self.spent.append(cost)


class FakeLinkedIn(Http):
    """A list of notifications by time, newest first or oldest first, nobody knows."""

    def __init__(self, times: list[int], *, newest_first: bool = True) -> None:
        super().__init__()
        self.times = times
        self.newest_first = newest_first
        self.answers: list[tuple[int, object]] = []
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.between: list[int] = []

    def call(self, network: str, method: str, url: str, **more: Any) -> Reply:
        del network
        if url.endswith("/oauth/v2/accessToken"):
            told = {"access_token": "second", "expires_in": 5_184_000, "refresh_token_expires_in": 31_536_000}
            return self.reply(url, 200, told)
        assert method == "GET"
        self.asked.append((url, more["headers"]))
        if self.answers:
            return self.reply(url, *self.answers.pop(0))
        found = re.search(r"timeRange=\(start:(\d+),end:(\d+)\)&start=(\d+)&count=(\d+)$", url)
        assert found
        low, high, start, count = map(int, found.groups())
        rows = sorted((time for time in self.times if low <= time <= high), reverse=self.newest_first)
        self.times += self.between
        self.between = []
        return self.reply(url, 200, {"elements": [a_comment(time) for time in rows[start : start + count]]})

    @staticmethod
    def reply(url: str, status: int, body: object) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Reply(status=status, headers={}, body=raw, url=url)


def a_comment(time: int, **more: object) -> dict[str, Any]:
    urn = f"urn:li:comment:(urn:li:activity:2,{time})"
    told = {"owner": "urn:li:person:AbC", "text": f"at {time}", "entity": urn}
    row = {"notificationId": time, "organizationalEntity": PAGE, "action": "COMMENT", "lastModifiedAt": time}
    return {**row, "generatedActivity": urn, "decoratedGeneratedActivity": {"comment": told}, **more}


def network(http: Http | None = None, credentials: FakeCredentials | None = None, meter: Any = None) -> Any:
    return connect(
        credentials or FakeCredentials(),
        http or Http(),
        app_secret="linkedin/app",
        meter=meter or FakeMeter(),
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_fixture_becomes_the_items_we_expect(name: str) -> None:
    expected = json.loads((FIXTURES / f"{name}.item.json").read_bytes())
    found = parse((FIXTURES / f"{name}.json").read_bytes(), HANDLE, AT)
    assert [item_to_json(item) for item in found if isinstance(item, Item)] == expected


def test_each_of_the_seven_actions_is_an_item_or_has_a_named_reason() -> None:
    counted: dict[str, str] = {}
    for action in capabilities.pushes:
        row = a_comment(1, action=action)
        row["decoratedGeneratedActivity"]["share"] = {"owner": "urn:li:person:AbC", "text": "x"}
        if action == "SHARE_MENTION":
            row["generatedActivity"] = "urn:li:share:5"
        [heard] = parse(json.dumps({"elements": [row]}).encode(), HANDLE, AT)
        assert not isinstance(heard, Unreadable)
        counted[action] = str(heard.change) if isinstance(heard, Item) else heard.reason
    assert len(counted) == 7
    assert {action: what for action, what in counted.items() if what not in REASONS} == {
        "COMMENT": Change.SAID,
        "COMMENT_EDIT": Change.EDITED,
        "COMMENT_DELETE": Change.DELETED,
        "SHARE_MENTION": Change.SAID,
    }


def test_a_comment_has_one_id_however_its_urn_is_written() -> None:
    full = "urn:li:comment:(urn:li:activity:2,3)"
    assert comment_urn("urn:li:comment:(activity:2,3)") == comment_urn(full) == full
    assert comment_urn("urn:li:comment:(urn:li:ugcPost:2,3)") == "urn:li:comment:(urn:li:ugcPost:2,3)"
    assert [comment_urn(wrong) for wrong in ("", "urn:li:activity:2", "urn:li:comment:(2,3)", None, 7)] == [
        ""
    ] * 5


def test_webhook_list_and_comment_list_agree_on_the_id() -> None:
    names = ("comment", "listed_notifications", "comment_list")
    firsts = [parse((FIXTURES / f"{name}.json").read_bytes(), HANDLE, AT)[0] for name in names]
    assert len({each.native_id for each in firsts}) == 1


def test_every_urn_of_the_post_is_kept_for_matching() -> None:
    [item] = parse((FIXTURES / "comment.json").read_bytes(), HANDLE, AT)
    assert isinstance(item, Item)
    assert item.answer_needs["posts"].split() == [
        "urn:li:ugcPost:7100000000000000009",
        "urn:li:share:7100000000000000001",
        "urn:li:activity:7100000000000000002",
    ]


def test_two_members_below_one_post_never_share_a_case() -> None:
    rows = [a_comment(1), a_comment(2), a_comment(3)]
    rows[1]["decoratedGeneratedActivity"]["comment"]["owner"] = "urn:li:person:Ben"
    del rows[2]["decoratedGeneratedActivity"]["comment"]["owner"]
    heard = parse(json.dumps({"elements": rows}).encode(), HANDLE, AT)
    assert len({each.conversation_id for each in heard if isinstance(each, Item)}) == 3


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type":7}', b'{"elements":{}}', b"[[["])
def test_a_body_that_is_not_linkedins_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, HANDLE, AT)


# Push


CHALLENGE = "0b1e2c3d-4f5a-6b7c-8d9e-0f1a2b3c4d5e"
PROOF = "b4269b8c60460ceef83fb493acbe806d8444ddf2e3b9d3d994b98f624a641fba"
VECTORS = [  # made with `openssl dgst -sha256 -hmac leelas-client-secret` over `hmacsha256=` and the body
    (b'{"type":"X","notifications":[]}', "3d0e1d81e641f97638de5a08abd64ef84094f84bafd19d71a52434d70ec46a4c"),
    (
        '{"text":"¿Mi tarjeta? 💳"}'.encode(),
        "5e05bde58ee537c1bb8e948d2263e63409f0423c2a50acc8fa8f4947d15bc0d1",
    ),
]


def a_delivery(body: bytes, signature: str | None) -> Delivery:
    headers = {} if signature is None else {"x-li-signature": signature}
    return Delivery(method="POST", query={}, headers=headers, body=body)


@pytest.mark.parametrize(("body", "signature"), VECTORS)
def test_the_signature_covers_the_prefix_and_the_raw_body(body: bytes, signature: str) -> None:
    network().verify(a_delivery(body, signature))


@pytest.mark.parametrize(
    "signature", [None, "", VECTORS[1][1], f"hmacsha256={VECTORS[0][1]}", VECTORS[0][1].upper(), "é"]
)
def test_any_other_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(BadSignature):
        network().verify(a_delivery(VECTORS[0][0], signature))


def test_json_that_was_written_anew_is_not_what_was_signed() -> None:
    body, signature = VECTORS[0]
    with pytest.raises(BadSignature):
        network().verify(a_delivery(json.dumps(json.loads(body)).encode(), signature))


def test_the_challenge_is_answered_with_its_proof() -> None:
    query = {"challengeCode": CHALLENGE}
    greeting = network().greet(Delivery(method="GET", query=query, headers={}, body=b""))
    assert greeting.content_type == "application/json"
    assert json.loads(greeting.body) == {
        "challengeCode": CHALLENGE,
        "challengeResponse": PROOF,
    }


@pytest.mark.parametrize(
    "code", ["", "hmacsha256={}", CHALLENGE + "x", 'hmacsha256={"type":"X"}', CHALLENGE[:-1]]
)
def test_nothing_but_a_uuid_is_ever_signed_for_a_stranger(code: str) -> None:
    delivery = Delivery(method="GET", query={"challengeCode": code}, headers={}, body=b"")
    with pytest.raises(BadSignature):
        network().greet(delivery)


def test_a_missing_client_secret_lets_nobody_in() -> None:
    credentials = FakeCredentials()
    credentials.secrets["linkedin/app"] = {}
    with pytest.raises(BadSignature):
        network(credentials=credentials).verify(a_delivery(b"{}", ""))


def test_a_batch_goes_to_the_pages_it_names() -> None:
    cards = replace(
        HANDLE, account="acme-cards", handle="Acme Cards", native_id="urn:li:organizationBrand:2222"
    )
    rows = [a_comment(1), a_comment(2, organizationalEntity="urn:li:organizationBrand:2222")]
    rows.append(a_comment(3, organizationalEntity="urn:li:organization:3333"))
    body = {"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": rows}
    heard = network().unpack(json.dumps(body).encode(), [HANDLE, cards], at=AT)
    assert [each.account if isinstance(each, Item) else each.reason for each in heard] == [
        "acme-care",
        "acme-cards",
        OTHER_PAGE,
    ]


# Source


def polled(
    http: Http,
    cursor: Cursor,
    *,
    at: datetime = AT,
    credentials: FakeCredentials | None = None,
    meter: Any = None,
) -> tuple[list[Heard], Cursor, list[NetworkError]]:
    heard: list[Heard] = []
    troubles: list[NetworkError] = []
    for step in network(http, credentials, meter).fetch(HANDLE, cursor, at=at):
        heard += step.heard
        cursor = step.cursor
        troubles += [step.trouble] if step.trouble else []
    return heard, cursor, troubles


def test_it_keeps_the_contract() -> None:
    assert isinstance(network(), Source)
    assert isinstance(network(), Push)
    assert capabilities.storage_within == timedelta(hours=48)


def test_the_address_keeps_lists_literal_and_encodes_urns() -> None:
    http = FakeLinkedIn([])
    polled(http, {})
    [(url, headers)] = http.asked
    query = url.partition("?")[2]
    assert "actions=List(COMMENT,COMMENT_EDIT,COMMENT_DELETE,SHARE_MENTION)" in query
    assert "organizationalEntity=urn%3Ali%3Aorganization%3A1111&" in query
    assert headers["LinkedIn-Version"] == "202607"
    assert headers["X-Restli-Protocol-Version"] == "2.0.0"
    assert headers["Authorization"] == "Bearer first"


def test_the_first_poll_takes_one_page_and_starts_from_there() -> None:
    http = FakeLinkedIn([NOW - number * 1000 for number in range(120)])
    heard, cursor, _ = polled(http, {})
    assert (len(heard), len(http.asked)) == (COUNT, 1)
    assert cursor["notifications"]["low"] == NOW


def test_an_idle_poll_yields_the_identical_cursor() -> None:
    http = FakeLinkedIn([NOW - 5_000])
    _, cursor, _ = polled(http, {})
    for hours in (1, 30):
        heard, again, _ = polled(http, cursor, at=AT + timedelta(hours=hours))
        assert heard == []
        assert again is cursor
    _, cursor, _ = polled(FakeLinkedIn([]), {})
    _, again, _ = polled(FakeLinkedIn([]), cursor, at=AT + timedelta(hours=1))
    assert again is cursor


def test_a_cursor_names_no_comment_for_it_outlives_the_48_hours() -> None:
    _, cursor, _ = polled(FakeLinkedIn([NOW - 5_000]), {})
    assert len(cursor["notifications"]["seen"]) == 1
    assert "urn:li" not in json.dumps(dict(cursor))


@settings(max_examples=60, deadline=None)
@given(
    first=st.lists(st.integers(0, 3_000), unique=True, max_size=450),
    between=st.lists(st.integers(3_001, 3_500), unique=True, max_size=60),
    crash=st.integers(0, 12),
    newest_first=st.booleans(),
)
def test_every_notification_is_heard_whatever_crashes(
    first: list[int], between: list[int], crash: int, *, newest_first: bool
) -> None:
    _, cursor, _ = polled(FakeLinkedIn([NOW]), {})
    http = FakeLinkedIn([NOW + 60_000 + time for time in first], newest_first=newest_first)
    http.between = [NOW + 60_000 + time for time in between]
    heard: list[Heard] = []
    steps = 0
    for turn in range(12):
        for step in network(http).fetch(HANDLE, cursor, at=AT + timedelta(seconds=62 + 2 * turn)):
            assert step.trouble is None
            heard += step.heard
            steps += 1
            if steps == crash:
                break  # the cursor is not saved
            cursor = step.cursor
    wanted = {NOW + 60_000 + time for time in (*first, *between)}
    assert {int(each.native_id.rpartition(",")[2].rstrip(")")) for each in heard} == wanted


def test_a_burst_beyond_the_budget_is_a_stored_gap() -> None:
    _, cursor, _ = polled(FakeLinkedIn([NOW]), {})
    http = FakeLinkedIn([NOW + number for number in range(1, CALLS * COUNT + 100)])
    _, cursor, _ = polled(http, cursor, at=AT + timedelta(minutes=1))
    assert len(http.asked) == CALLS
    assert cursor["notifications"]["low"] == NOW
    assert cursor["notifications"]["end"] == NOW + 60_000
    polled(http, cursor, at=AT + timedelta(minutes=2))
    assert all(f"end:{NOW + 60_000})" in url for url, _headers in http.asked), "the window keeps its end"


def test_a_page_from_which_something_went_meanwhile_hides_nothing() -> None:
    _, cursor, _ = polled(FakeLinkedIn([NOW]), {})
    http = FakeLinkedIn([NOW + number for number in range(1, 101)])
    steps = network(http).fetch(HANDLE, cursor, at=AT + timedelta(minutes=1))
    heard = list(next(steps).heard)
    del http.times[-3:]  # three of those already read are taken back: everything moves up
    heard += [each for step in steps for each in step.heard]
    assert {each.native_id for each in heard} == {
        f"urn:li:comment:(urn:li:activity:2,{NOW + number})" for number in range(1, 101)
    }


THROTTLED = {"status": 429, "message": "Comment create throttled: creation rate limit exceeded for member"}
DAILY = {"status": 429, "message": "Resource level throttle APPLICATION DAY limit reached"}
RETIRED = {
    "status": 426,
    "code": "NONEXISTENT_VERSION",
    "message": "version 20241101 is not active",
}
DENIED = {
    "status": 403,
    "serviceErrorCode": 100,
    "code": "ACCESS_DENIED",
    "message": "Not enough permissions",
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, {"status": 401}, Expired, "allhours connect linkedin"),
        (403, DENIED, Refused, "ACCESS_DENIED 100"),
        (403, DENIED, Refused, "a new token does not help"),
        (426, RETIRED, Refused, "settings.version"),
        (404, {}, Refused, "HTTP 404"),
        (429, THROTTLED, RateLimited, "limit"),
        (500, b"<html>", Unreachable, "500"),
        (200, b"<html>", Malformed, "without JSON"),
    ],
)
def test_an_error_is_told_in_our_terms(
    status: int, body: object, kind: type[NetworkError], words: str
) -> None:
    http = FakeLinkedIn([])
    http.answers = [(status, body)]
    heard, _, [trouble] = polled(http, {})
    assert (heard, type(trouble)) == ([], kind)
    assert words in str(trouble)
    assert "first" not in str(trouble)


@pytest.mark.parametrize(
    ("body", "at", "retry_at"),
    [
        (THROTTLED, AT, AT + timedelta(minutes=1)),
        (DAILY, AT, datetime(2026, 11, 22, tzinfo=UTC)),
        (DAILY, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (b"<html>", AT, datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_one_limit_is_over_in_a_minute_the_other_at_midnight_utc(
    body: object, at: datetime, retry_at: datetime
) -> None:
    http = FakeLinkedIn([])
    http.answers = [(429, body)]
    _, cursor, [trouble] = polled(http, {}, at=at)
    assert isinstance(trouble, RateLimited)
    assert trouble.retry_at == retry_at
    assert cursor["notifications"]["not_before"] == retry_at.timestamp()


def test_an_expired_token_is_renewed_once_and_the_refresh_tokens_end_stays() -> None:
    credentials = FakeCredentials(refresh_token="refresh", refresh_expires_at="2027-02-01T00:00:00+00:00")
    http = FakeLinkedIn([NOW - 1])
    http.answers = [(401, {})]
    heard, _, troubles = polled(http, {}, credentials=credentials)
    assert (len(heard), troubles, credentials.renewals) == (1, [], 1)
    assert [headers["Authorization"] for _url, headers in http.asked] == ["Bearer first", "Bearer second"]
    stored = credentials.secrets["linkedin/acme-care"]
    assert stored["refresh_expires_at"] == "2027-02-01T00:00:00+00:00"
    assert stored["refresh_token"] == "refresh"
    assert stored["expires_at"] == (AT + timedelta(days=60)).isoformat()


def test_a_token_refused_after_renewal_is_for_a_person() -> None:
    credentials = FakeCredentials(refresh_token="refresh")
    http = FakeLinkedIn([])
    http.answers = [(401, {}), (401, {})]
    _, _, [trouble] = polled(http, {}, credentials=credentials)
    assert isinstance(trouble, Refused)
    assert credentials.renewals == 1


def test_calls_are_metered_and_the_ceiling_stops_them() -> None:
    meter = FakeMeter()
    polled(FakeLinkedIn([NOW]), {}, meter=meter)
    assert meter.spent == [1]
    full = FakeLinkedIn([NOW])
    _, _, [trouble] = polled(full, {}, meter=FakeMeter(left=0))
    assert isinstance(trouble, OverBudget)
    assert full.asked == []


def test_a_newer_version_may_be_asked_for_without_a_release() -> None:
    http = FakeLinkedIn([])
    list(network(http).fetch(replace(HANDLE, settings={"version": "202701"}), {}, at=AT))
    assert http.asked[0][1]["LinkedIn-Version"] == "202701"


def test_a_reply_and_a_mention_know_their_kind() -> None:
    names = ("comment", "reply_in_thread", "share_mention")
    heard = [parse((FIXTURES / f"{name}.json").read_bytes(), HANDLE, AT)[0] for name in names]
    kinds = [each.kind for each in heard if isinstance(each, Item)]
    assert kinds == [Kind.COMMENT, Kind.REPLY, Kind.MENTION]


def test_a_permalink_opens_the_comment() -> None:
    [item] = parse((FIXTURES / "comment.json").read_bytes(), HANDLE, AT)
    assert isinstance(item, Item)
    post, _, comment = item.permalink.partition("?commentUrn=")
    assert post == "https://www.linkedin.com/feed/update/urn:li:activity:7100000000000000002"
    assert unquote(comment) == item.native_id


def test_another_type_of_delivery_is_named() -> None:
    [heard] = parse((FIXTURES / "other_type.json").read_bytes(), HANDLE, AT)
    assert isinstance(heard, Skipped)
