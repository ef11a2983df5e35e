"""WhatsApp's webhook bodies in our terms; foreign JSON stops here.

A message's id is its `wamid`. Its author is the business-scoped user id (BSUID) where one is told, else the
number: people with a username may hide theirs, and then `from` and `wa_id` are missing altogether. Who wrote
is found among `contacts` by id, never by position. An edit or a revocation names the message it concerns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.networks._meta import fields
from allhours.networks._whatsapp.graph import NETWORK
from allhours.networks._whatsapp.messages import WORDLESS, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

THING = "whatsapp_business_account"

OWN_POST = "own post"
RECEIPT = "delivery receipt"
REACTION = "reaction: an emoji, no words"
NEW_IDENTITY = "the customer's number or id changed; the next message brings the new one"
GREETING = "somebody opened the chat and said nothing"
OTHER_NUMBER = "another phone number than ours"
OTHER_FIELD = "subscribed field that brings no messages"
NO_VALUE = "change without a value"
MARKETING = "marketing messages stopped or resumed; we send none"
GOOD_NEWS = "operational notice that needs nobody"
TROUBLE = "needs a person: WhatsApp tells an error of the account or number"
ACCOUNT = "needs a person: ban, restriction or change of the WhatsApp account (account_update)"
REVIEWED = "needs a person: WhatsApp reviewed the account (account_review_update)"
QUALITY = "needs a person: the number's quality or limit went down (phone_number_quality_update)"
NAME = "needs a person: the number's name was decided on (phone_number_name_update)"
TEMPLATE = "needs a person: a template was turned down, paused or disabled (message_template_status_update)"
TEMPLATE_QUALITY = "needs a person: a template's quality went down (message_template_quality_update)"
USERNAME = "needs a person: the business's username changed (business_username_update)"

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "account_update": ACCOUNT,
        "account_review_update": REVIEWED,
        "phone_number_quality_update": QUALITY,
        "phone_number_name_update": NAME,
        "message_template_status_update": TEMPLATE,
        "message_template_quality_update": TEMPLATE_QUALITY,
        "business_username_update": USERNAME,
        "user_preferences": MARKETING,
        "user_id_update": NEW_IDENTITY,
    }
)
_GOOD_EVENTS = frozenset({"APPROVED", "UNFLAGGED", "UPGRADE", "ONBOARDING", "VERIFIED_ACCOUNT", "REINSTATED"})
_GOOD_DECISIONS = {"decision": "APPROVED", "new_quality_score": "GREEN"}
_WAMID = re.compile(r"[A-Za-z0-9_.:=+/-]{1,512}")  # base64 has slashes; it goes into bodies and queries only
_NUMBER = re.compile(r"\+?[0-9]{5,20}")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Who wrote: the business-scoped user id, the number, or both."""

    user_id: str
    number: str
    name: str = ""
    username: str = ""

    @property
    def author_id(self) -> str:
        return self.user_id or self.number


def webhook(body: bytes, place_of: Callable[[str], fields.Place | None]) -> tuple[Heard, ...]:
    """Return everything in a webhook body; `place_of` finds a phone number's id among ours, else None."""
    told = fields.decoded(NETWORK, body)
    if not isinstance(told, dict) or told.get("object") != THING or not isinstance(told.get("entry"), list):
        raise Malformed(NETWORK, f"no WhatsApp webhook body; subscribe the object `{THING}`", field="object")
    return fields.attributed(
        heard
        for number, entry in enumerate(told["entry"])
        for heard in _entry(f"entry[{number}]", entry, place_of)
    )


def _entry(name: str, entry: object, place_of: Callable[[str], fields.Place | None]) -> Iterator[Heard]:
    if not isinstance(entry, dict):
        yield _lost(name, "must be an object")
        return
    account = fields.id_or_nothing(entry.get("id"))
    for number, change in enumerate(fields.rows(entry, "changes")):
        where = f"{name}.changes[{number}]"
        if not isinstance(change, dict):
            yield _lost(where, "must be an object")
            continue
        field, value = fields.word(change.get("field")), change.get("value")
        if value is None:
            yield Skipped(network=NETWORK, native_id=account, reason=NO_VALUE)
        elif not isinstance(value, dict):
            yield _lost(f"{where}.value", "must be an object")
        elif field in {"messages", "smb_message_echoes"}:
            yield from _value(where, value, place_of)
        else:
            yield Skipped(network=NETWORK, native_id=account, reason=_operation(field, value))


def _operation(field: str, value: Mapping[str, Any]) -> str:
    """Return what an operational notice means; what is good news needs nobody."""
    good = fields.word(value.get("event")) in _GOOD_EVENTS or any(
        value.get(name) == word for name, word in _GOOD_DECISIONS.items()
    )
    reason = OPERATIONS.get(field, OTHER_FIELD)
    return GOOD_NEWS if good and reason.startswith("needs a person") else reason


def _value(
    where: str, value: Mapping[str, Any], place_of: Callable[[str], fields.Place | None]
) -> Iterator[Heard]:
    """Read what one phone number got: messages, statuses, errors and echoes, in any mix."""
    phone = fields.id_or_nothing(fields.dict_of(value.get("metadata")).get("phone_number_id"))
    if not phone:
        yield _lost(f"{where}.value.metadata.phone_number_id", "no phone number is named")
        return
    place = place_of(phone)
    if place is None:
        yield Skipped(network=NETWORK, native_id=phone, reason=OTHER_NUMBER)
        return
    people = fields.dicts(value.get("contacts"))
    for message in fields.rows(value, "messages"):
        yield _message(message, people, place)
    for name, reason in (("message_echoes", OWN_POST), ("statuses", RECEIPT), ("errors", TROUBLE)):
        for row in fields.rows(value, name):
            yield fields.skipped(place, _wamid_or_nothing(fields.dict_of(row).get("id")), reason)


def _message(message: object, people: list[Mapping[str, Any]], place: fields.Place) -> Heard:
    if not isinstance(message, dict):
        return fields.unreadable(place, "", "messages", "a message must be an object")
    native_id = _wamid_or_nothing(message.get("id"))
    kind = fields.word(message.get("type"))
    if kind in WORDLESS:
        reason = {"reaction": REACTION, "system": NEW_IDENTITY}.get(kind, GREETING)
        return fields.skipped(place, native_id, reason)

    def item() -> Heard:
        changed = fields.dict_of(message.get(kind)) if kind in {"edit", "revoke"} else {}
        wamid = (
            _wamid(changed.get("original_message_id"), kind) if changed else _wamid(message.get("id"), "id")
        )
        if kind in {"edit", "revoke"} and not changed:
            raise fields.WrongError(kind, "must be an object")
        if kind == "edit" and not isinstance(changed.get("message"), dict):
            raise fields.WrongError("edit.message", "must be an object")
        said = fields.dict_of(changed.get("message")) if kind == "edit" else message
        at = fields.clamped(message.get("timestamp"), "timestamp", place)
        person = _person(message, people)
        group = _group(message.get("group_id"))
        told = content(said) if kind != "revoke" else None
        return Item(
            network=NETWORK,
            native_id=wamid,
            account=place.handle.account,
            handle=place.handle.handle,
            conversation_id=":".join(filter(None, (place.page, group, person.author_id))),
            author=Author(author_id=person.author_id, handle=person.username, name=person.name),
            created_at=at,
            kind=Kind.MESSAGE,
            change={"edit": Change.EDITED, "revoke": Change.DELETED}.get(kind, Change.SAID),
            version=fields.version(at) if changed else 0,
            text=told.text if told else "",
            visibility=Visibility.PRIVATE,
            parent_id=_wamid_or_nothing(fields.dict_of(said.get("context")).get("id")),
            addressed=(place.handle.handle,),
            attachments=told.attachments if told else (),
            answer_needs=_needs(place, person, wamid, group=group),
        )

    return fields.guarded(place, native_id, item)


def _needs(place: fields.Place, person: _Person, wamid: str, *, group: str) -> Mapping[str, str]:
    told = {
        "phone_number_id": place.page,
        "wamid": wamid,
        "to": f"+{person.number}" if person.number else "",
        "recipient": person.user_id,
        "group": group,
    }
    return MappingProxyType({name: value for name, value in told.items() if value})


def _person(message: Mapping[str, Any], people: list[Mapping[str, Any]]) -> _Person:
    """Return who wrote, with what the contact of the same id tells beside."""
    user_id, number = _user_id(message.get("from_user_id")), _number(message.get("from"))
    for contact in people:
        theirs, wa_id = _user_id(contact.get("user_id")), _number(contact.get("wa_id"))
        if (user_id and theirs == user_id) or (number and wa_id == number):
            profile = fields.dict_of(contact.get("profile"))
            return _Person(
                user_id=user_id or theirs,
                number=number or wa_id,
                name=fields.text_of(profile.get("name"), "contacts.profile.name", limit=fields.LONGEST_NAME),
                username=_username(profile.get("username")),
            )
    if not user_id and not number:
        raise fields.WrongError("from", "neither a number nor a user id tells who wrote")
    return _Person(user_id=user_id, number=number)


def _group(value: object) -> str:
    """Return a group's id; one that cannot be read stands for a group all the same."""
    return (fields.id_or_nothing(str(value).replace("@", ".")) or "unknown") if value else ""


def _username(value: object) -> str:
    name = fields.text_of(value, "contacts.profile.username", limit=fields.LONGEST_NAME).lstrip("@")
    return f"@{name}" if name else ""


def _user_id(value: object) -> str:
    return value if isinstance(value, str) and _USER_ID.fullmatch(value) else ""


def _number(value: object) -> str:
    return value.lstrip("+") if isinstance(value, str) and _NUMBER.fullmatch(value) else ""


def _wamid(value: object, field: str) -> str:
    if native_id := _wamid_or_nothing(value):
        return native_id
    raise fields.WrongError(field, "is missing" if value is None else "must be a message's id")


def _wamid_or_nothing(value: object) -> str:
    return value if isinstance(value, str) and _WAMID.fullmatch(value) else ""


def _lost(field: str, detail: str) -> Unreadable:
    return Unreadable(network=NETWORK, handle="", native_id="", field=field, detail=detail)
