"""Every recorded payload of Reddit is items or named reasons; a new file must be classified here."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item, Skipped, Unreadable
from allhours.networks._reddit.posts import REASONS
from allhours.networks.reddit import parse
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OURS = Handle(
    network="reddit",
    account="acme",
    unit="cards",
    handle="u/somebody_else",
    base_url="https://oauth.reddit.com",
)

WITH_POSTS = {
    "recorded-praw/TestComment.test_attributes.json": Counter({"reply": 1}),
    "recorded-praw/TestComment.test_delete.json": Counter({"skipped": 1}),
    "recorded-praw/TestComment.test_edit.json": Counter({"comment": 1}),
    "recorded-praw/TestComment.test_mark_read.json": Counter({"comment": 2}),
    "recorded-praw/TestComment.test_parent__comment.json": Counter({"reply": 2, "post": 1, "comment": 1}),
    "recorded-praw/TestComment.test_parent__submission.json": Counter({"comment": 2, "post": 1, "reply": 1}),
    "recorded-praw/TestComment.test_refresh.json": Counter({"comment": 2, "post": 1, "reply": 1}),
    "recorded-praw/TestComment.test_reply.json": Counter({"reply": 1}),
    "recorded-praw/TestInbox.test_comment_replies.json": Counter({"reply": 64}),
    "recorded-praw/TestInbox.test_mark_read.json": Counter({"comment": 20}),
    "recorded-praw/TestInbox.test_mentions.json": Counter({"mention": 16}),
    "recorded-praw/TestInbox.test_message.json": Counter({"skipped": 1}),
    "recorded-praw/TestInbox.test_submission_replies.json": Counter({"skipped": 61, "comment": 3}),
    "recorded-praw/TestReddit.test_info_url.json": Counter({"post": 25}),
    "recorded-praw/TestRedditor.test_message.json": Counter({"skipped": 1}),
    "recorded-praw/TestSubmission.test_comments.json": Counter({"post": 1, "comment": 1, "reply": 1}),
    "recorded-praw/TestSubmission.test_delete.json": Counter({"skipped": 2, "reply": 1, "comment": 2}),
    "recorded-praw/TestSubmission.test_edit.json": Counter(
        {"post": 2, "skipped": 1, "reply": 1, "comment": 2}
    ),
    "recorded-praw/TestSubmission.test_reply.json": Counter({"comment": 1}),
    "recorded-praw/TestSubreddit.test_search.json": Counter({"post": 6}),
    "recorded-praw/TestSubreddit.test_submit__selftext.json": Counter({"post": 1}),
    "recorded-praw/TestSubredditListings.test_new.json": Counter({"post": 100}),
    "recorded-praw/TestSubredditStreams.test_comments__with_pause.json": Counter({"reply": 8, "comment": 25}),
}
WITHOUT_POSTS = {
    "recorded-praw/TestAuthScript.test_scopes.json": "a token",
    "recorded-praw/TestModmailConversation.test_reply.json": "moderators' mail, which we leave alone",
    "recorded-praw/TestObjector.test_raise_api_exception.json": "an error inside HTTP 200",
    "recorded-praw/TestReddit.test_bare_badrequest.json": "an error",
    "recorded-praw/TestRedditors.test_partial_redditors.json": "accounts",
    "recorded-praw/TestSubreddit.test_create__missing_parameter.json": "an error inside HTTP 200",
    "recorded-praw/TestSubredditModmail.test_call.json": "moderators' mail, which we leave alone",
    "recorded-praw/TestUser.test_me.json": "our own account",
    "recorded-prawcore/TestAuthorizer.test_refresh.json": "a token",
    "recorded-prawcore/TestReadOnlyAuthorizer.test_refresh__with_scopes.json": "a token",
    "recorded-prawcore/TestScriptAuthorizer.test_refresh__with_scopes.json": "a token",
    "recorded-prawcore/TestSession.test_request__bad_request.json": "an error",
    "recorded-prawcore/TestSession.test_request__forbidden.json": "an error",
    "recorded-prawcore/TestSession.test_request__not_found.json": "an error",
    "recorded-prawcore/TestSession.test_request__post.json": "a receipt without the post",
    "recorded-prawcore/TestSession.test_request__redirect.json": "a redirect",
    "recorded-prawcore/TestSession.test_request__service_unavailable.json": "empty answers",
    "recorded-prawcore/TestSession.test_request__too__many_requests__with_retry_headers.json": "a web page",
    "recorded-prawcore/TestSession.test_request__with_invalid_access_token.json": "an error",
}


def bodies(path: Path) -> list[bytes]:
    """Return the answers in a cassette."""
    told = json.loads(path.read_bytes())
    recorded = told.get("http_interactions") or told["interactions"]
    parts = [each["response"]["body"] for each in recorded]
    return [
        part["string"].encode() if "string" in part else base64.b64decode(part["base64_string"])
        for part in parts
    ]


def heard(path: Path) -> list[Heard]:
    """Return what a cassette's answers say; pages in HTML and empty bodies are no answers."""
    found: list[Heard] = []
    for body in bodies(path):
        try:
            found += parse(body, OURS, AT)
        except Malformed:
            assert not body.strip() or body.strip()[:1] == b"<"
    return found


def test_every_file_of_the_specifications_is_classified() -> None:
    folder = specs("reddit")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.json")}
    assert files == WITH_POSTS.keys() | WITHOUT_POSTS.keys()


@pytest.mark.parametrize("name", sorted(WITH_POSTS))
def test_a_recording_becomes_items_and_named_reasons(name: str) -> None:
    found = heard(specs("reddit", name))
    assert not [each for each in found if isinstance(each, Unreadable)]
    assert {each.reason for each in found if isinstance(each, Skipped)} <= set(REASONS)
    kinds = Counter(each.kind.value if isinstance(each, Item) else "skipped" for each in found)
    assert kinds == WITH_POSTS[name]


@pytest.mark.parametrize("name", sorted(WITHOUT_POSTS))
def test_a_recording_in_which_nobody_speaks_is_recognised(name: str) -> None:
    assert heard(specs("reddit", name)) == []
