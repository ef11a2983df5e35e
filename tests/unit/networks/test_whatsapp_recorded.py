"""Every recorded payload of WhatsApp is an item, a receipt, or has a named reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, Unreadable
from allhours.networks import whatsapp
from allhours.networks._whatsapp import posts
from allhours.networks._whatsapp.answers import WhatsAppAnswers
from allhours.networks.http import Http
from tests.shared_material import specs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANDLE = Handle(
    network="whatsapp",
    account="acme-cards",
    unit="cards",
    handle="+1 555-078-3881",
    base_url="https://graph.facebook.com",
    native_id="106540352242922",
    secret="whatsapp-number",
)
NO_POSTS = {
    "message-response-bsuid": "an answer to a message we sent",
    "message-response": "an answer to a message we sent",
    "phone-number-default-response": "a number's own description",
    "send-message-phone-only": "a message as we send it",
    "send-message-recipient-only": "a message as we send it",
}
PLACEHOLDERS = {"revoke"}  # the recording has `<WHATSAPP_MESSAGE_ID>` where an id would be
REASONS = {value for name, value in vars(posts).items() if name.isupper() and isinstance(value, str)}


def recorded() -> Iterator[tuple[str, bytes]]:
    """Yield each payload with its name; one of the two collections keeps several in a file."""
    for path in sorted(specs("whatsapp", "recorded-restfb").glob("*.json")):
        yield path.stem, path.read_bytes()
    for path in sorted(specs("whatsapp", "recorded-pywa").glob("*.json")):
        bodies: Mapping[str, object] = json.loads(path.read_bytes())
        for name, body in bodies.items():
            yield name, json.dumps(body).encode()


def test_every_recorded_message_is_an_item_or_has_a_named_reason() -> None:
    items, skipped = [], set()
    for name, body in recorded():
        heard = whatsapp.parse(body, HANDLE, AT)
        assert bool(heard) == (name not in NO_POSTS), name
        for each in heard:
            if isinstance(each, Unreadable):
                assert name in PLACEHOLDERS, (name, each)
            elif isinstance(each, Skipped):
                assert each.reason in REASONS, name
                skipped.add(each.reason)
            else:
                items.append(each)
    assert len(items) >= 20
    assert all(item.text for item in items)
    assert skipped >= {posts.RECEIPT, posts.REACTION, posts.NEW_IDENTITY, posts.ACCOUNT, posts.QUALITY}


def test_a_customer_with_a_username_is_known_by_the_user_id_alone() -> None:
    body = specs("whatsapp", "recorded-restfb", "webhook-incoming-message-text-bsuid.json").read_bytes()
    (item,) = whatsapp.parse(body, HANDLE, AT)
    assert isinstance(item, Item)
    assert item.author.author_id == item.answer_needs["recipient"]
    assert item.author.handle.startswith("@")
    assert "to" not in item.answer_needs
    assert "group" in item.answer_needs


def test_every_recorded_status_is_a_receipt() -> None:
    answers = WhatsAppAnswers(NoSecrets(), Http(), app_secret="app")
    states = [receipt.state for _name, body in recorded() for receipt in answers.receipts(body)]
    assert sorted(set(states)) == ["delivered", "failed", "read", "sent"]
    failed = [
        receipt.detail
        for _name, body in recorded()
        for receipt in answers.receipts(body)
        if receipt.state == "failed"
    ]
    assert len(failed) >= 2
    assert all("code" in detail for detail in failed)


def test_the_observed_errors_hold_no_posts() -> None:
    for observed in json.loads(specs("whatsapp", "observed-errors.json").read_bytes()):
        assert whatsapp.parse(json.dumps(observed["body"]).encode(), HANDLE, AT) == ()


class NoSecrets:
    """Receipts need none."""

    def read(self, secret: str) -> Mapping[str, str]:
        raise AssertionError(secret)

    def renew(self, secret: str, *_: object) -> Mapping[str, str]:
        raise AssertionError(secret)
