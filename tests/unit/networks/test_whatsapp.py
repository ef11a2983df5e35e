"""WhatsApp: what a delivery becomes, who may call the webhook, and which number a message is for."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import BadSignature, Malformed, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, Unreadable, Visibility, item_from_json
from allhours.networks import contract, whatsapp
from allhours.networks._whatsapp import posts
from allhours.networks.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.item import Heard

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "whatsapp"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NUMBER = Handle(
    network="whatsapp",
    account="acme-cards",
    unit="cards",
    handle="+1 555-078-3881",
    base_url="https://graph.facebook.com",
    native_id="109900000000042",
    secret="whatsapp-number",
)


class FakeCredentials:
    """The app's secret in memory."""

    def __init__(self, app: Mapping[str, str]) -> None:
        self.secrets: dict[str, Mapping[str, str]] = {"app": app}

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.secrets:
            raise Refused("whatsapp", f"there is no secret {secret}")
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        raise AssertionError(secret, stale, ask)


class FreeMeter:
    """Reading costs nothing, so nothing is ever counted."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, float]] = []

    def room(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))


def listening(**app: str) -> whatsapp.WhatsApp:
    known = app or {"app_secret": "test_app_secret", "verify_token": "open sesame"}
    return whatsapp.connect(FakeCredentials(known), Http(), app_secret="app", meter=FreeMeter())


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


def items(body: object) -> list[Item]:
    heard = whatsapp.parse(json.dumps(body).encode(), NUMBER, AT)
    return [each for each in heard if isinstance(each, Item)]


# What a delivery becomes


@pytest.mark.parametrize("body", BODIES, ids=lambda path: path.stem)
def test_a_body_becomes_the_items_we_wrote_beside_it(body: Path) -> None:
    heard = [_told(each) for each in whatsapp.parse(body.read_bytes(), NUMBER, AT)]
    written = json.loads(body.with_suffix(".item.json").read_text())
    assert heard == [item_from_json(each) if "network" in each else each for each in written]


def _told(heard: Heard) -> Item | dict[str, str]:
    if isinstance(heard, Skipped):
        return {"skipped": heard.reason, "id": heard.native_id}
    if isinstance(heard, Unreadable):
        return {"unreadable": heard.field, "id": heard.native_id}
    return heard


def test_everything_is_private_whatever_its_kind() -> None:
    everything = [item for body in BODIES for item in items(json.loads(body.read_bytes()))]
    assert len(everything) >= 30
    assert {item.visibility for item in everything} == {Visibility.PRIVATE}


def test_an_edit_without_its_message_overwrites_nothing() -> None:
    body = fixture("text")
    message = body["entry"][0]["changes"][0]["value"]["messages"][0]
    message |= {"type": "edit", "edit": {"original_message_id": "wamid.HBgL1", "message": "x"}}
    (told,) = whatsapp.parse(json.dumps(body).encode(), NUMBER, AT)
    assert isinstance(told, Unreadable)
    assert told.field == "edit.message"


@pytest.mark.parametrize(
    ("told", "group"), [(None, ""), ("", ""), ("1203@g.us", "1203.g.us"), ([7], "unknown")]
)
def test_only_what_names_a_group_was_written_in_one(told: object, group: str) -> None:
    body = fixture("text")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["group_id"] = told
    assert items(body)[0].answer_needs.get("group", "") == group


def test_a_name_belongs_to_the_id_and_not_to_the_place_in_the_list() -> None:
    body = fixture("username_only")
    value = body["entry"][0]["changes"][0]["value"]
    one_way = {item.native_id: item.author for item in items(body)}
    value["contacts"].reverse()
    assert {item.native_id: item.author for item in items(body)} == one_way
    value["contacts"] = value["contacts"][:1]
    names = {item.native_id: item.author.name for item in items(body)}
    assert sorted(names.values()) == ["", "Omar Haddad"]


def test_the_number_alone_and_the_user_id_alone_open_one_case_each_and_both_the_user_ids() -> None:
    both = items(fixture("text"))[0]
    body = fixture("text")
    message = body["entry"][0]["changes"][0]["value"]["messages"][0]
    del message["from"]
    only_id = items(body)[0]
    assert only_id.conversation_id == both.conversation_id
    assert only_id.answer_needs["to"] == "+16505550101"  # the contact of the same user id tells it
    message["from"] = "16505550101"
    del message["from_user_id"]
    assert items(body)[0].conversation_id == both.conversation_id


def test_an_edit_and_a_revocation_concern_the_message_they_name() -> None:
    said, edited, revoked = (items(fixture(name))[0] for name in ("text", "edit", "revoke"))
    assert said.key == edited.key == revoked.key
    assert said.conversation_key == edited.conversation_key == revoked.conversation_key
    assert said.version < edited.version < revoked.version
    assert revoked.text == ""


def test_files_are_kept_by_their_id_and_names_of_files_are_not() -> None:
    media = items(fixture("media"))
    assert all(item.attachments and "http" not in str(item.attachments) for item in media)
    assert "leela rao.pdf" not in str(media)


def test_coordinates_and_other_peoples_cards_are_not_kept() -> None:
    kept = str(items(fixture("other_types")))
    assert "12.25" not in kept
    assert "Somebody Else" not in kept


def test_a_message_from_the_future_is_dated_when_we_heard_it() -> None:
    body = fixture("text")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = "1924992000"
    assert items(body)[0].created_at == AT


def test_what_a_person_must_look_at_says_so() -> None:
    heard = whatsapp.parse((FIXTURES / "operations.json").read_bytes(), NUMBER, AT)
    urgent = [each.reason for each in heard if isinstance(each, Skipped) and "needs a person" in each.reason]
    assert len(urgent) == 7
    assert {name for name, reason in posts.OPERATIONS.items() if reason in urgent} == {
        name for name, reason in posts.OPERATIONS.items() if reason.startswith("needs a person")
    }


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"7", b"[]", b'{"object":"page","entry":[]}', b"[" * 100_000]
)
def test_a_body_that_is_not_whatsapps_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        whatsapp.parse(body, NUMBER, AT)


def test_entries_go_to_the_handle_whose_number_they_name() -> None:
    other = replace(NUMBER, native_id="77", handle="+1 555-000-0077", account="acme-insurance")
    body, second, third = fixture("text"), fixture("text"), fixture("text")
    second["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = 77
    third["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "88"
    body["entry"] += second["entry"] + third["entry"]
    ours, theirs, nobodys = listening().unpack(json.dumps(body).encode(), [NUMBER, other], at=AT)
    assert isinstance(ours, Item)
    assert isinstance(theirs, Item)
    assert (ours.account, theirs.account) == ("acme-cards", "acme-insurance")
    assert ours.conversation_id != theirs.conversation_id
    assert nobodys == Skipped(network="whatsapp", native_id="88", reason="another phone number than ours")


def test_a_thousand_updates_are_read_and_one_out_of_shape_spoils_no_other() -> None:
    body = fixture("text")
    change = body["entry"][0]["changes"][0]
    (message,) = change["value"]["messages"]
    change["value"]["messages"] = [{**message, "id": f"wamid.{number}"} for number in range(1_000)]
    change["value"]["messages"][500] = "nonsense"
    heard = listening().unpack(json.dumps(body).encode(), [NUMBER], at=AT)
    assert len([each for each in heard if isinstance(each, Item)]) == 999
    assert [each.field for each in heard if isinstance(each, Unreadable)] == ["messages"]


# Who may call


def delivery(
    body: bytes = b"", *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> contract.Delivery:
    return contract.Delivery(method="POST", query=query or {}, headers=headers or {}, body=body)


def test_the_signature_is_over_the_raw_bytes() -> None:
    body = b'{"object":"whatsapp_business_account","entry":[]}'
    signed = "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"
    listening().verify(delivery(body, headers={"x-hub-signature-256": f"sha256={signed}"}))
    for wrong, header in ((body + b" ", signed), (body, signed.upper()), (body, ""), (body, "gr\xfc\udcffe")):
        with pytest.raises(BadSignature):
            listening().verify(delivery(wrong, headers={"x-hub-signature-256": f"sha256={header}"}))
    with pytest.raises(BadSignature):
        listening().verify(delivery(body))


def test_either_secret_counts_while_the_app_changes_its_own() -> None:
    both = listening(app_secret="new, old")
    for secret, holds in (("new", True), ("old", True), ("other", False), ("", False)):
        signed = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        told = delivery(b"{}", headers={"x-hub-signature-256": f"sha256={signed}"})
        if holds:
            both.verify(told)
        else:
            with pytest.raises(BadSignature):
                both.verify(told)


def test_the_challenge_comes_back_only_with_our_verify_token() -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "open sesame"}
    greeting = listening().greet(delivery(query=query))
    assert greeting == contract.Greeting(body="1158201444", content_type="text/plain")
    for wrong in ({"hub.verify_token": "open"}, {"hub.mode": "x"}, {"hub.challenge": "<script>"}):
        with pytest.raises(BadSignature):
            listening().greet(delivery(query={**query, **wrong}))
    with pytest.raises(BadSignature):
        listening(verify_token="").greet(delivery(query={**query, "hub.verify_token": ""}))
