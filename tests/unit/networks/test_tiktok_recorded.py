"""Every recorded payload of TikTok has a named reason for holding no comment."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from allhours.domain.handle import Handle
from allhours.networks import tiktok
from tests.shared_material import specs

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ACCOUNT = Handle(
    network="tiktok",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="https://business-api.tiktok.com",
    native_id="openid",
)
NO_POSTS = {
    "recorded-python-tiktok/refresh_resp.json": "new tokens",
    "recorded-python-tiktok/token_resp.json": "tokens",
    "ad-comments-sdk/comment_delete.yml": "description of a call about ads",
    "ad-comments-sdk/comment_list.yml": "description of a call about ads",
    "ad-comments-sdk/comment_post.yml": "description of a call about ads",
    "ad-comments-sdk/comment_reference.yml": "description of a call about ads",
    "ad-comments-sdk/comment_status_update.yml": "description of a call about ads",
}


def test_every_file_is_classified_and_the_token_answers_hold_no_comment() -> None:
    folder = specs("tiktok")
    files = {f"{path.parent.name}/{path.name}" for path in folder.glob("*/*")}
    assert files == set(NO_POSTS)
    recorded = sorted(folder.glob("*/*.json"))
    assert len(recorded) == 2
    for path in recorded:
        assert json.loads(path.read_bytes())["code"] == 0
        assert tiktok.parse(path.read_bytes(), ACCOUNT, AT) == ()
