"""Every recorded payload of Bluesky is items or named reasons; a new file must be classified here."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item, Skipped, Unreadable
from allhours.networks.bluesky import parse
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BSKYR = "did:plc:5c2r73erhng4bszmxlfdtscf"  # the account that most of the recordings belong to

WITH_POSTS = {
    "recorded-bskyr/c_for_members.yml": Counter(),  # the newest message is the account's own
    "recorded-bskyr/c_list.yml": Counter(),  # the same
    "recorded-bskyr/c_messages.yml": Counter(),  # getMessages does not name the conversation
    "recorded-bskyr/c_read.yml": Counter(),  # the newest message is the account's own
    "recorded-bskyr/c_send.yml": Counter(),  # what was just sent, without its conversation
    "recorded-bskyr/f_getposts.yml": Counter({"post": 1}),
    "recorded-bskyr/f_postthread.yml": Counter({"post": 1}),
    "recorded-bskyr/f_search.yml": Counter({"post": 13, "reply": 12}),
    "recorded-bskyr/n_notifications.yml": Counter({"mention": 11, "quote": 7}),
    "recorded-bskyr/r_getRecord.yml": Counter({"post": 1}),
    "recorded-bskyr/r_post_reply.yml": Counter(),  # the account's own post
    "samples-granary/comment_inreplyto_id.bsky.json": Counter({"reply": 1}),
    "samples-granary/like.bsky.json": Counter(),  # a like
    "samples-granary/note.bsky.json": Counter({"post": 1}),
    "samples-granary/repost.bsky.json": Counter({"post": 1}),
    "samples-granary/actor.bsky.json": Counter(),  # a profile record
    "samples-indigo/capture_atprotocom.json": Counter({"post": 12, "reply": 8}),
    "samples-marshalx/post_record.json": Counter({"post": 1}),
    "samples-marshalx/thread_view_post_with_embed_media.json": Counter({"post": 1}),
}
WITHOUT_POSTS = {
    "recorded-bskyr/a_profile.yml": "profiles",
    "recorded-bskyr/c_log.yml": "an empty chat log",
    "recorded-bskyr/i_resolveh.yml": "a DID",
    "recorded-bskyr/r_post_delete_post.yml": "receipts of createRecord and deleteRecord",
    "recorded-bskyr/r_post_text.yml": "receipts of uploadBlob and createRecord",
    "samples-indigo/bsky-entryway-authorization-server.json": "OAuth metadata of a server",
    "samples-indigo/did_plc_doc.json": "a DID document",
    "samples-indigo/flaskdemo-client-metadata.json": "OAuth metadata of a client",
    "samples-marshalx/did_doc.json": "a described repository",
    "samples-marshalx/resolve_handle.json": "a DID",
}
NO_PAYLOADS = ("lexicons/", "jetstream/", "interop-syntax/", "SOURCES.md")


def handle() -> Handle:
    return Handle(
        network="bluesky",
        account="acme",
        unit="cards",
        handle="@bskyr.bsky.social",
        base_url="https://bsky.social",
        native_id=BSKYR,
    )


def bodies(path: Path) -> list[bytes]:
    """Return the answers in a file: the JSON itself, a cassette's bodies, or the records of a capture."""
    if path.suffix == ".yml":
        recorded = yaml.safe_load(path.read_text("utf-8"))["http_interactions"]
        return [each["response"]["body"]["string"].encode() for each in recorded]
    told: dict[str, Any] = json.loads(path.read_bytes())
    return [json.dumps(each).encode() for each in told.get("postRecords", [told])]


def heard(path: Path) -> list[Heard]:
    return [each for body in bodies(path) for each in parse(body, handle(), AT)]


def test_every_file_of_the_specifications_is_classified() -> None:
    folder = specs("bluesky")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    payloads = {name for name in files if not name.startswith(NO_PAYLOADS)}
    assert payloads == WITH_POSTS.keys() | WITHOUT_POSTS.keys()


@pytest.mark.parametrize("name", sorted(WITH_POSTS))
def test_a_recording_becomes_items_and_named_reasons(name: str) -> None:
    found = heard(specs("bluesky", name))
    assert found
    assert not [each for each in found if isinstance(each, Unreadable)]
    assert all(each.reason for each in found if isinstance(each, Skipped))
    assert Counter(each.kind.value for each in found if isinstance(each, Item)) == WITH_POSTS[name]


@pytest.mark.parametrize("name", sorted(WITHOUT_POSTS))
def test_a_recording_in_which_nobody_speaks_is_recognised(name: str) -> None:
    assert heard(specs("bluesky", name)) == []


def test_the_recorded_notifications_that_say_nothing_are_skipped_as_such() -> None:
    found = heard(specs("bluesky", "recorded-bskyr", "n_notifications.yml"))
    reasons = Counter(each.reason for each in found if isinstance(each, Skipped))
    assert reasons == {"not addressed to us": 32}
