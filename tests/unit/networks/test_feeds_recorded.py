"""Every recorded feed goes through `parse`; what the corpus expects is checked where it is simple to say."""

from __future__ import annotations

import ast
import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, Unreadable
from allhours.domain.plain_text import from_html
from allhours.networks import feeds
from allhours.networks._feeds.entries import Entry, read_document
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 21, tzinfo=UTC)
HANDLE = Handle(
    network="feeds", account="acme", unit="cards", handle="f", base_url="http://127.0.0.1:8097/feed"
)
REASONS = {"own post", "names none of the words", "no words", "shown twice"}
HEADER = re.compile(r"^Header:\s+([\w-]+):\s*(.*)$", re.MULTILINE)
EXPECT = re.compile(r"Expect:\s*(.*?)\s*-->", re.DOTALL)
LENGTH = re.compile(r"len\((?:feed\.)?entries\) == (\d+)")
PLACE = re.compile(r"entries\[(\d+)\]")
FIELD = re.compile(
    r"entries\[0\](?:\.|\[')(title|summary|content|link)(?:'\])?(?:\[0\])?(?:\['value'\])?"
    r"\s*==\s*(u?'(?:[^'\\\n]|\\.)*')"
)

OTHERWISE = {
    "bozo_linenoise.xml",  # noise; feedparser's cleaning of HTML, which we leave out, eats the `<>` in it
    "entry_content_base64_2.xml",  # its content says that it is no text (application/octet-stream)
}


def recorded() -> list[Path]:
    folder = specs("feeds")
    return [path for path in sorted(folder.rglob("*")) if path.suffix in {".xml", ".json"}]


def expectation(body: bytes) -> str:
    found = EXPECT.search(body.replace(b"\0", b"").decode("latin-1"))
    return found.group(1) if found else ""


def read(body: bytes) -> list[Entry]:
    headers = {
        name.lower(): value.strip()
        for name, value in HEADER.findall(body.replace(b"\0", b"").decode("latin-1"))
    }
    document = read_document(
        body,
        address=HANDLE.base_url,
        content_type=headers.get("content-type", ""),
        location=headers.get("content-location", ""),
    )
    return [entry for entry in document.entries if isinstance(entry, Entry)]


def test_every_recorded_file_is_a_feed_or_the_list_of_sources() -> None:
    others = {path.name for path in specs("feeds").rglob("*") if path.is_file()} - {
        path.name for path in recorded()
    }
    assert others == {"SOURCES.md"}
    assert len(recorded()) >= 490


def test_every_entry_of_every_recorded_feed_is_an_item_or_has_a_named_reason() -> None:
    counts: Counter[str] = Counter()
    for path in recorded():
        for heard in feeds.parse(path.read_bytes(), HANDLE, AT):
            counts[type(heard).__name__] += 1
            if isinstance(heard, Item):
                assert heard.text, path
                assert heard.created_at <= AT, path
            elif isinstance(heard, Skipped):
                assert heard.reason in REASONS, path
            else:
                assert isinstance(heard, Unreadable)
                assert (path.name, heard.field) == ("invalid_content_fields.feed.json", "content_html")
    assert counts["Item"] > 100
    assert counts["Skipped"] > 100  # most of the corpus's entries are one element that carries no words
    assert counts["Unreadable"] == 1


def test_a_recorded_feed_without_entries_is_one_that_is_about_something_else() -> None:
    for path in recorded():
        body = path.read_bytes()
        expected = expectation(body)
        places = [int(place) for place in PLACE.findall(expected)]
        if places:
            assert len(read(body)) > max(places), path
        else:
            assert not re.search(rb"<(?:\w+:)?(?:item|entry)\b", body) or read(body), path


def test_as_many_entries_are_read_as_the_corpus_expects() -> None:
    checked = 0
    for path in recorded():
        body = path.read_bytes()
        for number in LENGTH.findall(expectation(body)):
            assert len(read(body)) == int(number), path
            checked += 1
    assert checked > 0


def test_titles_texts_and_links_are_the_ones_that_the_corpus_expects() -> None:
    checked: Counter[str] = Counter()
    for path in recorded():
        body = path.read_bytes()
        if path.name in OTHERWISE:
            continue
        for field, literal in FIELD.findall(expectation(body)):
            expected = ast.literal_eval(literal.removeprefix("u"))
            entry = read(body)[0]
            if field == "link":
                assert entry.link == expected, path
            else:
                ours = " ".join(f"{entry.title} {entry.body}".split())
                either = {" ".join(words.split()) for words in (from_html(expected), expected)}
                assert any(words in ours for words in either), path
            checked[field] += 1
    assert all(
        checked[field] >= least
        for field, least in (("title", 15), ("content", 15), ("summary", 10), ("link", 7))
    )
