"""Facebook: what a body becomes, how a poll leaves no hole, what an error means, who may call the webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.domain.errors import (
    BadSignature,
    Expired,
    Malformed,
    NetworkError,
    RateLimited,
    Refused,
    Unreachable,
)
from allhours.domain.handle import Handle
from allhours.domain.item import (
    Author,
    Change,
    Item,
    Skipped,
    Unreadable,
    Visibility,
    item_from_json,
)
from allhours.networks import contract, facebook
from allhours.networks._facebook import streams
from allhours.networks._meta import walk as _meta_walk
from allhours.networks._meta.fields import Place
from allhours.networks._meta.graph import appsecret_proof
from allhours.networks.http import Reply
from infra.local.standins.base import Asked, Told
from infra.local.standins.facebook import FacebookStandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.item import Heard
    from allhours.networks.http import Http

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "facebook"
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAGE = Handle(
    network="facebook",
    account="acme-cards",
    unit="cards",
    handle="Example Bank",
    base_url="https://graph.facebook.com",
    native_id="5550001112223",
    secret="facebook-page",
)
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))


class FakeCredentials:
    """Two secrets in memory; a renewed one is kept before anybody uses it."""

    def __init__(self, page: Mapping[str, str], app: Mapping[str, str]) -> None:
        self.secrets = {"facebook-page": dict(page), "facebook-app": dict(app)}
        self.renewals = 0

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.secrets:
            raise Refused("facebook", f"there is no secret {secret}")
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        self.renewals += 1
        self.secrets[secret] = dict(ask(stale))
        return self.secrets[secret]


class FreeMeter:
    """Facebook costs nothing, so nothing is ever counted."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, float]] = []

    def room(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))


class Line:
    """An `Http` without a network: straight into the stand-in, or to one answer given beforehand."""

    def __init__(self, answer: Callable[[Asked], Told]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []

    def call(
        self,
        network: str,
        method: str,
        url: str,
        *,
        handle: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        assert network == "facebook"
        assert handle
        path = "/" + url.partition("://")[2].partition("/")[2]
        query = tuple((params or {}).items())
        raw = "&".join(f"{key}={_quoted(value)}" for key, value in (form or {}).items()).encode()
        lower = {key.lower(): value for key, value in (headers or {}).items()}
        self.asked.append(Asked(method=method, path=path, query=query, headers=lower, body=raw))
        told = self.answer(self.asked[-1])
        answered = {key.lower(): value for key, value in told.headers.items()}
        return Reply(status=told.status, headers=answered, body=told.raw(), url=url)


def _quoted(value: str) -> str:
    return "".join(f"%{byte:02X}" for byte in value.encode())


def network(
    answer: Callable[[Asked], Told], *, page: Mapping[str, str] | None = None
) -> tuple[facebook.Facebook, Line, FakeCredentials]:
    line = Line(answer)
    credentials = FakeCredentials(
        page or {"page_token": "EAAtesttoken"},
        {"app_secret": "test_app_secret", "verify_token": "open sesame"},
    )
    return (
        facebook.connect(credentials, cast("Http", line), app_secret="facebook-app", meter=FreeMeter()),
        line,
        credentials,
    )


# What a body becomes


@pytest.mark.parametrize("body", BODIES, ids=lambda path: path.stem)
def test_a_body_becomes_the_items_we_wrote_beside_it(body: Path) -> None:
    heard = [_told(each) for each in facebook.parse(body.read_bytes(), PAGE, AT)]
    written = json.loads(body.with_suffix(".item.json").read_text())
    assert heard == [item_from_json(each) if "network" in each else each for each in written]


def _told(heard: Heard) -> Item | dict[str, str]:
    if isinstance(heard, Skipped):
        return {"skipped": heard.reason, "id": heard.native_id}
    if isinstance(heard, Unreadable):
        return {"unreadable": heard.field, "id": heard.native_id}
    return heard


def test_webhook_and_poll_give_one_comment_and_one_message_the_same_key_and_the_same_case() -> None:
    for pushed, polled in (("comment", "comments_polled"), ("private_message", "conversations_polled")):
        (one,) = items((FIXTURES / f"{pushed}.json").read_bytes())
        same = [each for each in items((FIXTURES / f"{polled}.json").read_bytes()) if each.key == one.key]
        assert [each.conversation_key for each in same] == [one.conversation_key]
        assert [each.author.author_id for each in same] == [one.author.author_id]


def test_what_we_edit_ourselves_opens_no_work_and_what_we_remove_of_a_customers_is_told() -> None:
    value = {"item": "comment", "comment_id": "1_2", "post_id": f"{PAGE.native_id}_1", "message": "hm"}
    told = {}
    for verb in ("add", "edited", "remove"):
        change = {"field": "feed", "value": {**value, "verb": verb, "from": {"id": PAGE.native_id}}}
        body = {"object": "page", "entry": [{"id": PAGE.native_id, "changes": [change]}]}
        (told[verb],) = facebook.parse(json.dumps(body).encode(), PAGE, AT)
    assert [type(each) for each in told.values()] == [Skipped, Skipped, Item]


def test_a_messenger_id_is_never_taken_for_a_commenters() -> None:
    comment = json.loads((FIXTURES / "comment.json").read_bytes())
    message = json.loads((FIXTURES / "private_message.json").read_bytes())
    comment["entry"][0]["changes"][0]["value"]["from"]["id"] = "98700001"
    (said,), (written,) = items(json.dumps(comment)), items(json.dumps(message))
    assert said.author.author_id != written.author.author_id


def test_two_customers_under_our_post_never_share_a_case_even_when_nobody_is_named() -> None:
    def row(n: int) -> dict[str, object]:
        return {
            "id": f"7_{n}",
            "message": "hm",
            "created_time": "2025-11-19T10:14:49+0000",
            "comment_count": 0,
        }

    conversations = {item.conversation_id for item in items(json.dumps({"data": [row(1), row(2)]}))}
    assert len(conversations) == 2


def test_a_private_comment_is_private_and_has_a_case_of_its_own() -> None:
    row = {"id": "7_1", "message": "hm", "created_time": "2025-11-19T10:14:49+0000", "comment_count": 0}
    row |= {"from": {"id": "9", "name": "Leela"}}
    open_one, private = items(json.dumps({"data": [row, {**row, "is_private": True}]}))
    assert private.visibility is Visibility.PRIVATE
    assert private.conversation_id != open_one.conversation_id


def test_a_nameless_mention_on_our_own_page_is_left_to_the_feed_that_names_the_author() -> None:
    body = json.loads((FIXTURES / "comment.json").read_bytes())
    change = body["entry"][0]["changes"][0]
    change["field"] = "mention"
    (named,) = facebook.parse(json.dumps(body).encode(), PAGE, AT)
    assert isinstance(named, Item)
    del change["value"]["from"]
    (nameless,) = facebook.parse(json.dumps(body).encode(), PAGE, AT)
    assert isinstance(nameless, Skipped)
    assert nameless.reason.startswith("mention on our own Page")


def test_a_post_from_the_future_is_dated_when_we_heard_it() -> None:
    row = {"id": "7_1", "message": "hm", "created_time": "2031-01-01T00:00:00+0000", "comment_count": 0}
    assert [item.created_at for item in items(json.dumps(row))] == [AT]


@pytest.mark.parametrize("body", [b"", b"<html>", b"7", b'{"object":"instagram","entry":[]}', b"[" * 100_000])
def test_a_body_that_is_not_facebooks_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        facebook.parse(body, PAGE, AT)


def items(body: bytes | str) -> list[Item]:
    raw = body.encode() if isinstance(body, str) else body
    return [each for each in facebook.parse(raw, PAGE, AT) if isinstance(each, Item)]


# The webhook

VECTORS = [
    (
        b'{"object":"whatsapp_business_account","entry":[]}',
        "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756",
    ),
    (
        (
            rb'{"object":"page","entry":[{"id":"1","time":1700000000,"changes":[{"field":"feed",'
            rb'"value":{"message":"gr\u00fc\u00dfe"}}]}]}'
        ),
        "42be1953cf59d7e1a79d1a31168451f84412535021eaee0cd2dcf3c3219b40c9",
    ),
]


def delivery(body: bytes = b"", **more: Mapping[str, str]) -> contract.Delivery:
    return contract.Delivery(
        method="POST", query=more.get("query", {}), headers=more.get("headers", {}), body=body
    )


@pytest.mark.parametrize(("body", "signed"), VECTORS)
def test_the_signature_is_over_the_raw_bytes(body: bytes, signed: str) -> None:
    known, _line, _credentials = network(lambda _asked: Told())
    known.verify(delivery(body, headers={"x-hub-signature-256": f"sha256={signed}"}))
    with pytest.raises(BadSignature):
        known.verify(delivery(body + b" ", headers={"x-hub-signature-256": f"sha256={signed}"}))
    with pytest.raises(BadSignature):
        known.verify(delivery(body, headers={"x-hub-signature-256": f"sha256={signed.upper()}"}))


def test_sha_1_alone_is_refused() -> None:
    known, _line, _credentials = network(lambda _asked: Told())
    old = hmac.new(b"test_app_secret", b"{}", hashlib.sha1).hexdigest()
    with pytest.raises(BadSignature):
        known.verify(delivery(b"{}", headers={"x-hub-signature": f"sha1={old}"}))
    with pytest.raises(BadSignature):
        known.verify(delivery(b"{}", headers={"x-hub-signature-256": "sha256=gr\xfc\udcffe"}))


def test_an_app_without_a_secret_verifies_nothing() -> None:
    known, _line, credentials = network(lambda _asked: Told())
    credentials.secrets["facebook-app"] = {"verify_token": ""}
    empty = hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    with pytest.raises(BadSignature):
        known.verify(delivery(b"{}", headers={"x-hub-signature-256": f"sha256={empty}"}))
    with pytest.raises(BadSignature):
        known.greet(delivery(query={"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": ""}))


def test_the_challenge_comes_back_only_with_our_verify_token() -> None:
    known, _line, _credentials = network(lambda _asked: Told())
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "open sesame"}
    assert known.greet(delivery(query=query)) == contract.Greeting(
        body="1158201444", content_type="text/plain"
    )
    for wrong in ({"hub.verify_token": "open"}, {"hub.mode": "x"}, {"hub.challenge": "<script>"}):
        with pytest.raises(BadSignature):
            known.greet(delivery(query={**query, **wrong}))


def test_a_thousand_updates_are_read_and_one_out_of_shape_spoils_no_other() -> None:
    known, _line, _credentials = network(lambda _asked: Told())
    entry = json.loads((FIXTURES / "comment.json").read_bytes())["entry"][0]
    entries: list[object] = []
    for number in range(1_000):
        value = {**entry["changes"][0]["value"], "comment_id": f"901097836652_{number + 1}"}
        entries.append({**entry, "changes": [{"field": "feed", "value": value}]})
    entries[500] = "nonsense"
    entries[501] = {"id": PAGE.native_id, "time": "x", "changes": 7, "messaging": [None]}
    heard = known.unpack(json.dumps({"object": "page", "entry": entries}).encode(), [PAGE], at=AT)
    assert len([each for each in heard if isinstance(each, Item)]) == 998
    assert [each.field for each in heard if isinstance(each, Unreadable)] == [
        "entry[500].id",
        "changes",
        "messaging",
    ]


def test_entries_go_to_the_handle_whose_page_they_name() -> None:
    known, _line, _credentials = network(lambda _asked: Told())
    other = replace(PAGE, native_id="77", handle="Example Insurance", account="acme-insurance")
    entry = json.loads((FIXTURES / "comment.json").read_bytes())["entry"][0]
    entries = [entry, {**entry, "id": 77}, {**entry, "id": "88"}]
    first, second, third = known.unpack(
        json.dumps({"object": "page", "entry": entries}).encode(), [PAGE, other], at=AT
    )
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.account, second.account) == ("acme-cards", "acme-insurance")
    assert third == Skipped(network="facebook", native_id="88", reason="another Page than ours")


# Errors and limits


def test_the_proof_is_of_the_very_token() -> None:
    proof = "2f6c99f265a9e1644d725e8f9c96e439fcbf40a73357d1d98ba8b98fbfe445e4"
    assert appsecret_proof("test_app_secret", "EAAtesttoken") == proof
    known, line, _credentials = network(lambda _asked: Told(body={"data": []}))
    list(known.fetch(PAGE, {}, at=AT))
    assert {asked.first("appsecret_proof") for asked in line.asked} == {proof}
    assert {asked.headers["authorization"] for asked in line.asked} == {"Bearer EAAtesttoken"}
    assert all("EAAtesttoken" not in value for asked in line.asked for _name, value in asked.query)


def trouble(
    status: int, error: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> NetworkError:
    known, _line, _credentials = network(
        lambda _asked: Told(status=status, body={"error": error}, headers=headers or {})
    )
    found = [step.trouble for step in known.fetch(PAGE, {}, at=AT) if step.trouble]
    return found[0]


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80001, 80006])
@pytest.mark.parametrize("status", [400, 403])
def test_throttling_is_told_by_code_and_the_wait_in_minutes(status: int, code: int) -> None:
    usage = {"1": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19}]}
    error = trouble(status, {"code": code}, {"X-Business-Use-Case-Usage": json.dumps(usage)})
    assert isinstance(error, RateLimited)
    assert error.retry_at == AT + timedelta(minutes=19)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": 190, "error_subcode": 463}, Expired),
        (400, {"code": 190, "error_subcode": 458}, Refused),
        (400, {"code": 102}, Expired),
        (403, {"code": 10}, Refused),
        (403, {"code": 200}, Refused),
        (403, {"code": 299}, Refused),
        (400, {"code": 100, "type": "GraphMethodException"}, Refused),
        (400, {"code": 100, "error_subcode": 33}, Refused),
        (400, {"code": 368}, Refused),
        (400, {"code": 1}, Unreachable),
        (400, {"code": 2}, Unreachable),
        (400, {"code": 77, "is_transient": True}, Unreachable),
        (500, {}, Unreachable),
        (503, {"code": "x"}, Unreachable),
        (200, {"code": 190}, Expired),
    ],
)
def test_every_code_has_its_place_in_the_tree(
    status: int, error: Mapping[str, object], kind: type[NetworkError]
) -> None:
    found = trouble(status, {**error, "message": "the words of Facebook"})
    assert isinstance(found, kind)
    assert "words" not in str(found)
    assert "EAAtesttoken" not in str(found)


def test_each_token_refusal_says_what_to_mend() -> None:
    texts = {
        subcode: str(trouble(400, {"code": 190, "error_subcode": subcode}))
        for subcode in (458, 459, 460, 463, 464, 467, 492)
    }
    assert len(set(texts.values())) == 7
    assert all("facebook-page" in text for text in texts.values())


def test_a_refused_token_is_told_once_and_asked_about_no_more() -> None:
    known, line, _credentials = network(lambda _asked: Told(status=400, body={"error": {"code": 190}}))
    steps = list(known.fetch(PAGE, {}, at=AT))
    assert [step.trouble for step in steps if step.trouble] == [steps[0].trouble]
    assert len(line.asked) == 1


def test_a_missing_secret_is_told_once() -> None:
    known, line, credentials = network(lambda _asked: Told(body={"data": []}))
    del credentials.secrets["facebook-page"]
    assert len([step for step in known.fetch(PAGE, {}, at=AT) if step.trouble]) == 1
    assert not line.asked


def test_the_wait_grows_while_facebook_names_none_and_no_call_is_made_before_it_ends() -> None:
    known, line, _credentials = network(lambda _asked: Told(status=400, body={"error": {"code": 4}}))
    cursor: contract.Cursor = {}
    at, waits = AT, []
    for _ in range(6):
        before = len(line.asked)
        for step in known.fetch(PAGE, cursor, at=at):
            cursor = step.cursor
        retry_at = cursor["feed"]["not_before"]
        waits.append((retry_at - at.timestamp()) / 60)
        assert len(line.asked) == before + 2  # one for the Page, one for Messenger
        assert not list(known.fetch(PAGE, cursor, at=at + timedelta(seconds=1)))
        at = datetime.fromtimestamp(retry_at, UTC)
    assert waits == [5, 10, 20, 40, 60, 60]
    healthy, _line, _credentials = network(lambda _asked: Told(body={"data": []}))
    for step in healthy.fetch(PAGE, cursor, at=at):
        cursor = step.cursor
    assert "throttled" not in cursor["feed"]


def test_a_quota_nearly_used_ends_the_poll_early_and_keeps_what_was_read() -> None:
    row = {"id": "5550001112223_1", "message": "hm", "created_time": "2026-11-21T11:59:00+0000"}
    usage = json.dumps({"1": [{"type": "pages", "call_count": 97, "estimated_time_to_regain_access": 0}]})
    known, line, _credentials = network(
        lambda _asked: Told(body={"data": [row]}, headers={"X-Business-Use-Case-Usage": usage})
    )
    steps = list(known.fetch(PAGE, {}, at=AT))
    assert [each.native_id for each in steps[0].heard if isinstance(each, Item)] == ["5550001112223_1"]
    assert [asked.path.rpartition("/")[2] for asked in line.asked] == ["feed", "conversations"]
    assert steps[-1].cursor["tagged"]["not_before"] > AT.timestamp()


# Polls without a hole


def world(*, page_size: int = 3) -> tuple[FacebookStandIn, facebook.Facebook, Line, Handle, list[datetime]]:
    there = FacebookStandIn(page_size=page_size)
    clock = [AT]
    there.world.clock = lambda: clock[0]
    line = Line(there.answer)
    credentials = FakeCredentials(there.secret, there.app_secret)
    known = facebook.connect(credentials, cast("Http", line), app_secret="facebook-app", meter=FreeMeter())
    return there, known, line, replace(PAGE, native_id=there.page_id), clock


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["post", "comment", "reply", "message", "mention"]), st.integers(0, 40))
    ),
    st.integers(1, 90),
    st.integers(0, 30),
)
def test_every_post_is_heard_whatever_bursts_comes_between_pages_or_crashes(  # noqa: C901 - a small world
    script: list[tuple[str, int]], burst: int, crash_every: int
) -> None:
    there, known, line, handle, clock = world()
    root = there.brand_says("We are open")
    heard: set[str] = set()
    saved: contract.Cursor = {}
    steps = 0

    def poll(*, crashing: bool) -> contract.Cursor:
        nonlocal steps
        cursor = saved
        for step in known.fetch(handle, cursor, at=clock[0]):
            assert step.trouble is None
            heard.update(each.native_id for each in step.heard if isinstance(each, Item))
            steps += 1
            if crashing and crash_every and steps % (crash_every + 1) == 0:
                return cursor  # queued, and then the cursor of this step was not saved
            cursor = step.cursor
        return cursor

    def act(kind: str) -> None:
        target = next((said.native_id for said in there.posts if said.kind == "comment"), root)
        if kind in {"comment", "reply"}:
            there.say("leela", "hm", reply_to=target if kind == "reply" else root)
        else:
            there.say("leela", "hm", private=kind == "message", mention=kind == "mention")

    saved = poll(crashing=False)
    pending = [kind for kind, _wait in script]

    def between(asked: Asked) -> Told:
        if pending and len(line.asked) % 2:
            act(pending.pop())
        return there.answer(asked)

    kinds = ["comment", "post", "message", "mention"]
    for number in range(burst):
        clock[0] += timedelta(milliseconds=300)
        act(kinds[number % 4] if number % 7 else "message")
    line.answer = between
    for _ in range(6):
        clock[0] += timedelta(seconds=60)
        saved = poll(crashing=True)
    while pending:
        act(pending.pop())
    for _ in range(8):
        clock[0] += timedelta(seconds=60)
        saved = poll(crashing=False)
    assert {said.native_id for said in there.posts} <= heard
    clock[0] += timedelta(seconds=60)
    assert poll(crashing=False) is saved


def test_the_first_poll_takes_one_page_and_history_stays_history() -> None:
    there, known, _line, handle, clock = world()
    for _ in range(10):
        clock[0] += timedelta(hours=1)
        there.say("leela", "long ago", mention=True)
    first = list(known.fetch(handle, {}, at=clock[0]))
    assert len([each for step in first for each in step.heard if isinstance(each, Item)]) == 3


def test_a_burst_after_an_empty_first_poll_is_heard_whole() -> None:
    there, known, _line, handle, clock = world()
    cursor: contract.Cursor = {}
    for step in known.fetch(handle, cursor, at=clock[0]):
        cursor = step.cursor
    root = there.brand_says("We are open")
    said = {there.say("leela", "hm", reply_to=root) for _ in range(10)}
    said |= {there.say("leela", "hm", mention=True) for _ in range(10)}
    heard = {each.native_id for step in known.fetch(handle, cursor, at=clock[0]) for each in step.heard}
    assert said <= heard


def polled(
    known: facebook.Facebook, handle: Handle, cursor: contract.Cursor, at: datetime
) -> contract.Cursor:
    for step in known.fetch(handle, cursor, at=at):
        cursor = step.cursor
    return cursor


def test_a_burst_is_taken_in_portions_that_grow_while_nothing_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_meta_walk, "MOST_SEEN", 5)
    there, known, line, handle, clock = world()
    cursor = polled(known, handle, {}, clock[0])
    said = {there.say("leela", "hm", mention=True) for _ in range(60)}
    heard: list[set[str]] = []
    for _ in range(4):
        steps = list(known.fetch(handle, cursor, at=clock[0]))
        heard.append({each.native_id for step in steps for each in step.heard})
        cursor = steps[-1].cursor
    assert len(heard[0]) == 15
    assert set.union(*heard) == said
    assert all("EAA" not in value for asked in line.asked for _name, value in asked.query)


def test_a_post_that_shows_up_late_is_heard() -> None:
    there, known, line, handle, clock = world()
    cursor = polled(known, handle, {}, clock[0])
    late = there.say("leela", "hm", mention=True)
    clock[0] += timedelta(seconds=90)
    there.say("omar", "hm", mention=True)
    hidden = there.world.said.pop(late)
    cursor = polled(known, handle, cursor, clock[0])
    there.world.said[late] = hidden
    heard = {each.native_id for step in known.fetch(handle, cursor, at=clock[0]) for each in step.heard}
    assert heard == {late}
    assert line.asked


def test_a_comment_in_the_second_of_the_last_poll_is_heard() -> None:
    there, known, _line, handle, clock = world()
    root = there.brand_says("We are open")
    there.say("leela", "hm", reply_to=root)
    cursor = polled(known, handle, {}, clock[0])
    second = there.say("omar", "hm", reply_to=root)
    clock[0] += timedelta(minutes=1)
    heard = {each.native_id for step in known.fetch(handle, cursor, at=clock[0]) for each in step.heard}
    assert heard == {second}


def test_an_empty_page_with_a_next_is_not_the_end() -> None:
    there, known, _line, handle, clock = world()
    cursor: contract.Cursor = {}
    for step in known.fetch(handle, cursor, at=clock[0]):
        cursor = step.cursor
    said = [there.say("leela", "hm", mention=True) for _ in range(9)]
    ranked = sorted(said, key=lambda native_id: hashlib.sha256(native_id.encode()).digest())
    for native_id in ranked[:3]:
        there.delete(native_id)
    heard = [each.native_id for step in known.fetch(handle, cursor, at=clock[0]) for each in step.heard]
    assert sorted(heard) == sorted(ranked[3:])


def test_an_old_post_that_comes_alive_is_found_by_the_daily_wide_look() -> None:
    there, known, _line, handle, clock = world(page_size=2)
    roots = [there.brand_says("We are open") for _ in range(8)]
    cursor: contract.Cursor = {}
    for step in known.fetch(handle, cursor, at=clock[0]):
        cursor = step.cursor
    clock[0] += timedelta(hours=1)
    comments = [there.say("leela", "still there?", reply_to=root) for root in roots]
    heard: set[str] = set()
    for _ in range(3):
        clock[0] += timedelta(hours=12)
        for step in known.fetch(handle, cursor, at=clock[0]):
            heard.update(each.native_id for each in step.heard)
            cursor = step.cursor
    assert set(comments) <= heard


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 4_000), st.integers(0, 400), st.integers(0, 86_400))
def test_the_marks_of_any_number_of_lively_posts_stay_under_100_kb(
    lively: int, seen: int, apart: int
) -> None:
    now = int(AT.timestamp())
    place = Place(handle=PAGE, page=PAGE.native_id, at=AT)
    marks: dict[str, Any] = {"started": 1, "wide": "2026-11-20", "posts": {}}
    packed = [now - apart, now - apart, 0, *(f"{key:012x}" for key in range(seen))]
    marks["posts"] = {f"100064000000001_12210000000{number:07}": packed for number in range(lively)}
    walked = {"low": now, "read": now, "seen": [f"{key:012x}" for key in range(seen)]}
    after = streams._with_post(marks, "100064000000001_1", walked, place)
    assert len(json.dumps({"comments": after})) < 100_000
    assert streams._unpacked(after["posts"]["100064000000001_1"]) == walked
    assert len(after["posts"]) == min(lively + 1, streams.POSTS_KEPT)


def test_more_lively_posts_than_marks_are_kept_for_are_read_once_and_then_when_they_are_lively_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "POSTS_KEPT", 3)
    there, known, _line, handle, clock = world(page_size=100)
    roots = [there.brand_says("We are open") for _ in range(8)]
    cursor: contract.Cursor = {}
    heard: list[str] = []

    def poll() -> None:
        nonlocal cursor
        clock[0] += timedelta(minutes=10)
        for step in known.fetch(handle, cursor, at=clock[0]):
            heard.extend(each.native_id for each in step.heard if isinstance(each, Item))
            cursor = step.cursor
        assert len(cursor["comments"]["posts"]) <= 3

    poll()
    comments = []
    for root in roots:
        clock[0] += timedelta(seconds=10)
        comments.append(there.say("leela", "still there?", reply_to=root))
    poll()
    assert sorted(heard) == sorted(comments)
    poll()
    assert sorted(heard) == sorted(comments)
    again = there.say("leela", "hello?", reply_to=roots[0])
    poll()
    assert again in heard


def test_a_post_deleted_while_we_read_does_not_stop_the_others() -> None:
    there, known, line, handle, clock = world()
    gone, stays = there.brand_says("Offer"), there.brand_says("News")
    there.say("leela", "hm", reply_to=gone)
    kept = there.say("leela", "hm", reply_to=stays)

    def answer(asked: Asked) -> Told:
        if asked.path.endswith(f"{gone}/comments"):
            return Told(status=400, body={"error": {"code": 100, "error_subcode": 33}})
        return there.answer(asked)

    line.answer = answer
    steps = list(known.fetch(handle, {}, at=clock[0]))
    assert not [step for step in steps if step.trouble]
    assert kept in {each.native_id for step in steps for each in step.heard}


def test_the_version_in_the_path_is_a_setting() -> None:
    known, line, _credentials = network(lambda _asked: Told(body={"data": []}))
    list(known.fetch(replace(PAGE, settings={"graph_version": "v25.0"}), {}, at=AT))
    assert {asked.path.split("/")[1] for asked in line.asked} == {"v25.0"}
    wrong = list(known.fetch(replace(PAGE, settings={"graph_version": "../x"}), {}, at=AT))
    assert isinstance(wrong[0].trouble, Refused)


# Re-reading and the author book


def kept(known: facebook.Facebook, handle: Handle, at: datetime) -> list[Item]:
    return [each for step in known.fetch(handle, {}, at=at) for each in step.heard if isinstance(each, Item)]


def test_edits_and_deletions_are_found_by_reading_again_and_masked_texts_are_no_edits() -> None:
    there, known, line, handle, clock = world(page_size=100)
    root = there.brand_says("We are open")
    same = there.say("leela", "my card 4111 1111 1111 1111", reply_to=root)
    edited = there.say("omar", "hm", reply_to=root)
    deleted = there.say("leela", "visitor")
    there.say("leela", "secret", private=True)
    items = [
        replace(each, text="my card [card …1111]") if each.native_id == same else each
        for each in kept(known, handle, clock[0])
    ]
    there.edit(edited, "hm, really")
    there.delete(deleted)
    before = len(line.asked)
    heard = [each for each in known.reread(handle, items, at=clock[0]) if isinstance(each, Item)]
    assert {(each.native_id, each.change, each.text) for each in heard} == {
        (edited, Change.EDITED, "hm, really"),
        (deleted, Change.DELETED, ""),
    }
    assert all(each.version == int(clock[0].timestamp() * 1000) for each in heard)
    assert len(line.asked) == before + 1


def test_nothing_counts_as_deleted_while_the_page_itself_cannot_be_read() -> None:
    there, known, line, handle, clock = world()
    there.say("leela", "visitor")
    items = kept(known, handle, clock[0])
    gone = {"code": 400, "body": json.dumps({"error": {"code": 100, "error_subcode": 33}})}
    line.answer = lambda _asked: Told(body=[gone, gone])
    with pytest.raises(Refused):
        list(known.reread(handle, items, at=clock[0]))


def test_a_lost_permission_is_no_deletion_and_a_mention_that_nobody_ever_saw_is_none_either() -> None:
    there, known, line, handle, clock = world()
    root = there.brand_says("We are open")
    there.say("leela", "hm", reply_to=root)
    mention = there.say("omar", "ask the bank", mention=True)
    items = kept(known, handle, clock[0])
    answered, found = line.answer, there.world.found
    there.world.found = lambda native_id: None if native_id != root else found(native_id)  # type: ignore[method-assign]
    with pytest.raises(Refused, match="permission"):
        list(known.reread(handle, items, at=clock[0]))
    there.world.found = found  # type: ignore[method-assign]
    assert line.answer == answered
    there.delete(mention)
    nameless = Author(author_id=f"unknown:{mention}")
    unseen = [replace(each, author=nameless) for each in items if each.native_id == mention]
    (told,) = known.reread(handle, unseen, at=clock[0])
    assert isinstance(told, Skipped)
    (gone,) = known.reread(handle, [each for each in items if each.native_id == mention], at=clock[0])
    assert isinstance(gone, Item)
    assert gone.change is Change.DELETED


def test_an_operation_that_ran_out_of_time_says_nothing() -> None:
    there, known, line, handle, clock = world()
    there.say("leela", "visitor")
    items = kept(known, handle, clock[0])
    line.answer = lambda _asked: Told(body=[{"code": 200, "body": '{"id":"1"}'}, None])
    assert not list(known.reread(handle, items, at=clock[0]))


def test_messenger_names_are_looked_up_by_psid_only() -> None:
    there, known, line, handle, clock = world()
    there.say("leela", "hm", private=True)
    there.say("omar", "visitor")
    authors = [each.author.author_id for each in kept(known, handle, clock[0])]
    book = known.authors(handle, [*authors, "psid:404"], at=clock[0])
    psid = f"psid:{there.world.person('leela', psid=True)}"
    assert book == {psid: Author(author_id=psid, name="Leela Example")}
    assert there.world.person("omar") not in line.asked[-1].body.decode()


def test_a_token_that_ran_out_is_renewed_once_and_the_poll_goes_on() -> None:
    there, known, line, handle, clock = world()
    there.say("leela", "visitor")
    there.failed("expired_token", Asked(method="GET", path="", query=(), headers={}, body=b""))
    steps = list(known.fetch(handle, {}, at=clock[0]))
    assert not [step for step in steps if step.trouble]
    assert any(isinstance(each, Item) for step in steps for each in step.heard)
    assert [asked.first("fields") for asked in line.asked].count("access_token") == 1


def test_the_manifest_names_the_streams_that_are_read_and_the_class_keeps_the_contract() -> None:
    known, _line, _credentials = network(lambda _asked: Told(body={"data": []}))
    assert isinstance(known, contract.Source)
    assert isinstance(known, contract.Push)
    assert isinstance(known, contract.Rereader)
    assert isinstance(known, contract.AuthorBook)
    cursor: contract.Cursor = {}
    for step in known.fetch(PAGE, cursor, at=AT):
        cursor = step.cursor
    assert set(cursor) == set(facebook.capabilities.reads)
