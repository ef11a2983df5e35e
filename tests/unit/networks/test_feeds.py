"""What only feeds have: formats, ids, dates and versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allhours.domain.errors import Malformed, RateLimited, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Heard, Item, Skipped, Unreadable, item_from_json, item_to_json
from allhours.networks import feeds
from allhours.networks._feeds import window as _feeds_window
from allhours.networks._feeds.posts import native_id
from allhours.networks.http import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "feeds"
HANDLE = Handle(
    network="feeds",
    account="acme",
    unit="cards",
    handle="Money forum",
    base_url="https://forum.example/feed",
    settings={"own_authors": "Acme Bank"},
)


def told(heard: Heard) -> dict[str, Any]:
    if isinstance(heard, Item):
        return item_to_json(heard)
    if isinstance(heard, Skipped):
        return {"id": heard.native_id, "skipped": heard.reason}
    return {"id": heard.native_id, "unreadable": heard.field}


@pytest.mark.parametrize("stem", ["rss_forum.xml", "atom_thread.xml", "json_feed.json"])
def test_a_recorded_feed_becomes_the_items_we_expect(stem: str) -> None:
    expected = json.loads((FIXTURES / f"{Path(stem).stem}.item.json").read_text())
    heard = feeds.parse((FIXTURES / stem).read_bytes(), HANDLE, AT)
    assert [each if isinstance(each, Item) else told(each) for each in heard] == [
        item_from_json(each) if "network" in each else each for each in expected
    ]


# Adapter without a server: a way out that answers from a list.


class Way:
    """Answer each call with the next reply, and keep what was asked."""

    def __init__(self, *replies: tuple[int, dict[str, str], bytes]) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    def call(
        self, _network: str, _method: str, url: str, *, headers: Mapping[str, str], **_: object
    ) -> Reply:
        self.asked.append((url, headers))
        status, answered, body = self.replies.pop(0)
        return Reply(status=status, headers=answered, body=body, url=url)


def polls(way: Way, *, at: datetime = AT, every: float = 300, handle: Handle = HANDLE) -> Iterator[list[Any]]:
    """Poll until the way's replies are spent; yield what each poll heard, and its trouble."""
    network = feeds.Feeds(None, public=way, anywhere=way)  # type: ignore[arg-type]
    cursor: Mapping[str, Any] = {}
    while way.replies:
        heard: list[Any] = []
        for step in network.fetch(handle, cursor, at=at):
            heard += [*step.heard, *([step.trouble] if step.trouble else [])]
            cursor = json.loads(json.dumps(step.cursor))
        yield heard
        at += timedelta(seconds=every)


def atom(*entries: str) -> bytes:
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>f</title>{''.join(entries)}</feed>".encode()


def entry(name: str, words: str, *, updated: str = "", link: str = "") -> str:
    dated = f"<updated>{updated}</updated>" if updated else ""
    linked = f"<link href='{link}'/>" if link else ""
    return f"<entry><id>{name}</id><title>{words}</title>{dated}{linked}</entry>"


def said(heard: list[Any]) -> list[tuple[str, int, str]]:
    return [(item.text, item.version, item.change.value) for item in heard if isinstance(item, Item)]


def test_ids_that_change_from_http_to_https_are_not_new() -> None:
    way = Way(
        (200, {}, atom(entry("http://f.example/1", "One"))),
        (200, {}, atom(entry("https://f.example/1", "One"))),
    )
    assert [said(heard) for heard in polls(way)] == [[("One", 0, "said")], []]


def test_the_same_id_in_two_feeds_is_two_entries() -> None:
    other = Handle(network="feeds", account="a", unit="u", handle="h", base_url="https://other.example/feed")
    assert native_id(HANDLE, "1") != native_id(other, "1")
    insecure = Handle(
        network="feeds", account="a", unit="u", handle="h", base_url="http://forum.example/feed"
    )
    assert native_id(HANDLE, "1") == native_id(insecure, "1")


def test_an_id_that_carries_a_mail_address_does_not_show_it() -> None:
    assert "mail" not in native_id(HANDLE, "tag:leela@mail.example,2026:1")


def test_an_id_that_may_carry_a_card_number_does_not_show_it() -> None:
    assert "4111111111111111" not in native_id(HANDLE, "post-4111111111111111")
    assert native_id(HANDLE, "post-20261121101").endswith(":post-20261121101")


def test_an_item_has_twenty_attachments_at_most_and_none_too_long_to_follow() -> None:
    links = ["https://f.example/" + "x" * 2_000, *(f"https://f.example/{number}" for number in range(30))]
    attachments = [{"url": link, "mime_type": "image/png"} for link in links]
    body = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "f",
        "items": [{"id": "1", "content_text": "Pictures", "attachments": attachments}],
    }
    (item,) = feeds.parse(json.dumps(body).encode(), HANDLE, AT)
    assert isinstance(item, Item)
    assert list(item.attachments) == links[1:21]


def test_a_guid_that_all_entries_share_is_no_id() -> None:
    body = atom(entry("0", "One", link="https://f.example/1"), entry("0", "Two", link="https://f.example/2"))
    heard = feeds.parse(body, HANDLE, AT)
    assert len({item.native_id for item in heard}) == len(said(list(heard))) == 2


def test_an_edit_takes_its_version_from_updated_and_a_smaller_one_counts_on() -> None:
    way = Way(
        (200, {}, atom(entry("1", "One", updated="2026-11-20T10:00:00Z"))),
        (200, {}, atom(entry("1", "Two", updated="2026-11-20T11:00:00Z"))),
        (200, {}, atom(entry("1", "Three", updated="2026-11-20T09:00:00Z"))),
        (200, {}, atom(entry("1", "Four", updated="2099-01-01T00:00:00Z"))),
        (200, {}, atom(entry("1", "Five", updated="2026-11-20T12:00:00Z"))),
    )
    eleven = int(datetime(2026, 11, 20, 11, tzinfo=UTC).timestamp() * 1_000)
    assert [said(heard) for heard in polls(way)] == [
        [("One", 0, "said")],
        [("Two", eleven, "edited")],
        [("Three", eleven + 1, "edited")],
        [("Four", eleven + 2, "edited")],
        [("Five", eleven + 3_600_000, "edited")],
    ]


def test_a_later_updated_alone_is_an_edit_but_a_feed_dated_anew_as_a_whole_is_none() -> None:
    def dated(one: str, two: str) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, atom(entry("1", "One", updated=one), entry("2", "Two", updated=two))

    first, second, third = "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"
    heard = list(polls(Way(dated(first, first), dated(first, second), dated(third, third))))
    assert [len(each) for each in heard] == [2, 1, 0]
    assert heard[1][0].change is Change.EDITED


def test_dates_are_never_in_the_future_and_a_missing_one_is_the_answers() -> None:
    tomorrow = (AT + timedelta(hours=20)).isoformat()
    body = atom(
        entry("1", "One", updated=tomorrow),
        entry("2", "Two"),
        entry("3", "3", updated="0001-01-01T00:00:00Z"),
    )
    (heard,) = polls(Way((200, {"last-modified": "Fri, 20 Nov 2026 08:00:00 GMT"}, body)))
    modified = datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert {item.text: item.created_at for item in heard} == {"One": AT, "Two": modified, "3": modified}


def test_an_entry_that_is_not_readable_is_told_once() -> None:
    body = json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "items": [{"id": "1", "title": 5}, {"id": "2", "title": "Two"}],
        }
    ).encode()
    first, second = polls(Way((200, {}, body), (200, {}, body + b" ")))
    assert [type(each) for each in first] == [Item, Unreadable]
    assert (first[1].field, first[1].native_id) == ("title", native_id(HANDLE, "1"))
    assert second == []


def test_hours_to_skip_are_skipped() -> None:
    hours = "".join(f"<hour>{hour}</hour>" for hour in (9, 10))
    body = (
        f"<rss version='2.0'><channel><title>f</title><skipHours>{hours}</skipHours></channel></rss>".encode()
    )
    way = Way((200, {}, body), (200, {}, body))
    assert len(list(polls(way, every=600))) == 13  # asked at nine, and then at eleven


def test_an_absurd_wait_is_a_day_at_most() -> None:
    (heard,) = polls(Way((503, {"retry-after": "Fri, 31 Dec 2099 23:59:59 GMT"}, b"")))
    assert isinstance(heard[0], RateLimited)
    assert heard[0].retry_at == AT + timedelta(days=1)


def test_validators_are_sent_only_to_the_address_they_came_from() -> None:
    way = Way(
        (302, {"location": "https://cdn1.example/feed"}, b""),
        (200, {"etag": '"a"'}, atom(entry("1", "One"))),
        (302, {"location": "https://cdn2.example/feed"}, b""),
        (200, {"etag": '"b"'}, atom(entry("1", "One"))),
    )
    list(polls(way))
    assert not any("If-None-Match" in headers for _, headers in way.asked)


def test_an_answer_that_is_a_web_page_says_so() -> None:
    with pytest.raises(Malformed, match="a web page came instead of a feed"):
        feeds.parse(b"<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>", HANDLE, AT)


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", b"nothing", b"{", b"{}", b'{"version": "https://jsonfeed.org/version/1.1"}', b"[" * 99_999],
)
def test_what_is_no_feed_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        feeds.parse(body, HANDLE, AT)


def test_json_nested_past_reason_is_malformed() -> None:
    with pytest.raises(Malformed):
        feeds.parse(b'{"items":' + b"[" * 500_000, HANDLE, AT)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://f.example/x", "http://[broken", "http:///nowhere"]
)
def test_a_redirect_to_what_is_no_web_address_is_refused(location: str) -> None:
    (heard,) = polls(Way((302, {"location": location}, b"")))
    assert isinstance(heard[0], Refused)


# Properties.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FEED = json.loads((FIXTURES / "json_feed.json").read_text())
BODIES = [path.read_bytes() for path in sorted(FIXTURES.glob("*.xml"))]


@given(
    place=st.integers(0, len(FEED["items"]) - 1), name=st.sampled_from(sorted(FEED["items"][0])), value=VALUES
)
def test_any_json_in_any_field_is_heard_as_something(place: int, name: str, value: object) -> None:
    feed = json.loads(json.dumps(FEED))
    if isinstance(feed["items"][place], dict):
        feed["items"][place][name] = value
    else:
        feed["items"][place] = value
    heard = feeds.parse(json.dumps(feed).encode(), HANDLE, AT)
    assert len(heard) == len(FEED["items"])
    for each in heard:
        json.dumps(told(each), ensure_ascii=False).encode()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(BODIES), st.integers(0, 3_000), st.integers(0, 200), st.binary(max_size=30))
def test_a_damaged_document_is_heard_or_malformed(body: bytes, start: int, length: int, noise: bytes) -> None:
    damaged = body[:start] + noise + body[start + length :]
    try:
        heard = feeds.parse(damaged, HANDLE, AT)
    except Malformed:
        return
    assert all(isinstance(each, (Item, Skipped, Unreadable)) for each in heard)


@settings(deadline=None)
@given(
    rounds=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["saved", "died", "half"])), min_size=1, max_size=6
    )
)
def test_every_entry_is_heard_whatever_dies(rounds: list[tuple[int, str]]) -> None:
    """Bursts beyond a run; polls that die before queueing or saving: all is heard, then nothing moves."""
    shown: list[str] = []
    heard: set[str] = set()
    cursor: Mapping[str, Any] = {}
    at = AT

    class Forum(Way):
        def call(self, *_: object, **__: object) -> Reply:
            return Reply(
                status=200, headers={}, body=atom(*reversed(shown)), url="https://forum.example/feed"
            )

    way = Forum()
    network = feeds.Feeds(None, public=way, anywhere=way)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_feeds_window, "MOST_AT_ONCE", 4)
        for burst, end in [*rounds, *[(0, "saved")] * 14]:
            shown += [entry(f"e{len(shown) + n}", f"Words {len(shown) + n}") for n in range(burst)]
            for step in network.fetch(HANDLE, cursor, at=at):
                if end == "half":
                    break
                heard |= {item.text for item in step.heard if isinstance(item, Item)}
                if end == "saved":
                    cursor = step.cursor
            at += timedelta(minutes=5)
        assert len(heard) == len(shown)
        (step,) = network.fetch(HANDLE, cursor, at=at)
    assert (step.heard, step.cursor is cursor) == ((), True)
