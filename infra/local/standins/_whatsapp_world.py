"""What the WhatsApp stand-in keeps: customers and their messages, as webhooks tell them, and the app."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from infra.local.standins import _meta as meta
from infra.local.standins.base import Asked, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

SCOPES = ("whatsapp_business_messaging", "whatsapp_business_management")


@dataclass(kw_only=True)
class Said:
    """One message of a customer."""

    native_id: str
    author: str
    text: str
    said_at: datetime
    reply_to: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    deleted: bool = False


class World:
    """One number: who wrote to it, and what became of what it wrote."""

    def __init__(self, phone_number_id: str, display: str, *, place: int) -> None:
        """Begin empty; `place` keeps the ids of several numbers apart."""
        self.phone_number_id = phone_number_id
        self.display = display
        self.account = str(102_290_129_340_398 + place)
        self.place = place
        self.clock: Callable[[], datetime] = now
        self.said: dict[str, Said] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self._people: list[str] = []
        self._ids = 0

    def seconds(self) -> int:
        """Return the time as webhooks write it, but as a number."""
        return int(self.clock().timestamp())

    def next_id(self) -> str:
        """Return a new message id; base64 with its signs."""
        self._ids += 1
        return f"wamid.HBgL{self.place:03}{self._ids:08}+VAgA=="

    def person(self, author: str) -> tuple[str, str]:
        """Return a customer's user id and number; every third hides the number."""
        if author not in self._people:
            self._people.append(author)
        number = self._people.index(author)
        user_id = f"US.13491{self.place:03}{number:06}"
        return user_id, "" if number % 3 == 2 else f"1650555{self.place:03}{number:04}"  # noqa: PLR2004 - every third

    def whose(self, told: str) -> str | None:
        """Return whose number or user id it is."""
        return next((author for author in self._people if told and told in self.person(author)), None)

    def apart(self, author: str) -> timedelta | None:
        """Return how long ago this customer wrote last."""
        last = [each.said_at for each in self.said.values() if each.author == author]
        return self.clock() - max(last) if last else None

    def add(self, author: str, text: str, reply_to: str, more: Mapping[str, Any]) -> Said:
        """Keep one more message."""
        said = Said(
            native_id=self.next_id(),
            author=author,
            text=text,
            said_at=self.clock(),
            reply_to=reply_to,
            more=more,
        )
        self.said[said.native_id] = said
        return said

    # What webhooks tell

    def message(self, said: Said) -> dict[str, Any]:
        """Return a message as `messages` has it."""
        words = {"type": "text", "text": {"body": said.text}}
        told = {**self._head(said, said.native_id), **(dict(said.more) or words)}
        if said.reply_to:
            told["context"] = {"from": _digits(self.display), "id": said.reply_to}
        return told

    def edited(self, said: Said) -> dict[str, Any]:
        """Return an edit, which is a message of its own."""
        inner = {"type": "text", "text": {"body": said.text}}
        edit = {"original_message_id": said.native_id, "message": inner}
        return {**self._head(said, self.next_id()), "type": "edit", "edit": edit}

    def revoked(self, said: Said) -> dict[str, Any]:
        """Return what says that a message was taken back."""
        revoke = {"original_message_id": said.native_id}
        return {**self._head(said, self.next_id()), "type": "revoke", "revoke": revoke}

    def echo(self, native_id: str, author: str, text: str) -> dict[str, Any]:
        """Return what staff typed in the app."""
        _user_id, number = self.person(author)
        told = {
            "from": _digits(self.display),
            "to": number,
            "id": native_id,
            "timestamp": str(self.seconds()),
        }
        return {**told, "type": "text", "text": {"body": text}}

    def statuses(self, native_id: str, author: str | None, word: str, code: int) -> list[dict[str, Any]]:
        """Return what becomes of a message: newest first, as it may come; `code` says why it failed."""
        head: dict[str, Any] = {"id": native_id, "timestamp": str(self.seconds())}
        head |= {"biz_opaque_callback_data": word} if word else {}
        user_id, number = self.person(author) if author else ("", "")
        head |= {"recipient_id": number} if number else {"recipient_user_id": user_id}
        states = ["failed"] if code else ["read", "sent"]
        told = {"timestamp": self.seconds(), "webhook_update_state": "DELIVERED"}
        events = [
            {"id": f"{len(self.history)}{number}", "delivery_status": state.upper(), **told}
            for number, state in enumerate(states)
        ]
        self.history[native_id] = events
        price = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
        error = {"code": code, "title": "Failed", "error_data": {"details": "Message Undeliverable."}}
        return [
            {**head, "status": state, **({"errors": [error]} if code else {"pricing": price})}
            for state in states
        ]

    def body(self, told: Mapping[str, Any], authors: Sequence[str], *, field: str) -> dict[str, Any]:
        """Return a delivery; contacts of others come first, as nobody promises an order."""
        value: dict[str, Any] = {"messaging_product": "whatsapp"}
        phone = {"display_phone_number": _digits(self.display), "phone_number_id": self.phone_number_id}
        value["metadata"] = phone
        others = [each for each in self._people if each not in authors][:1]
        if "messages" in told:
            value["contacts"] = [self._contact(each) for each in (*others, *authors)]
        change = {"field": field, "value": {**value, **told}}
        entry = {"id": self.account, "changes": [change]}
        return {"object": "whatsapp_business_account", "entry": [entry]}

    def _contact(self, author: str) -> dict[str, Any]:
        user_id, number = self.person(author)
        profile = {"name": author.title(), **({} if number else {"username": f"@{author.lower()}"})}
        return {"profile": profile, "user_id": user_id, **({"wa_id": number} if number else {})}

    def _head(self, said: Said, native_id: str) -> dict[str, Any]:
        user_id, number = self.person(said.author)
        who = {"from_user_id": user_id, **({"from": number} if number else {})}
        return {**who, "id": native_id, "timestamp": str(int(self.clock().timestamp()))}


class AppSide:
    """An app with one business account: who may call, and where it wants to be called."""

    app_id = "700800901"
    token = "EAAwhatsapp"

    def __init__(self, world: World) -> None:
        """Begin with a good token and no webhook."""
        self.world = world
        self.secret = {
            "app_id": self.app_id,
            "app_secret": "stand-in-whatsapp-secret",
            "verify_token": "stand-in-verify-token",
        }
        self.scopes = list(SCOPES)
        self.expires_at = 0
        self.callback = ""
        self.fields: list[str] = []
        self.subscribed = False
        self.number = {"quality_rating": "GREEN", "status": "LINKED", "name_status": "APPROVED"}

    @property
    def app_token(self) -> str:
        """Return the token that is the app's own."""
        return f"{self.app_id}|{self.secret['app_secret']}"

    def params(self, asked: Asked) -> tuple[dict[str, Any], str]:
        """Return a call's parameters and its token."""
        told: dict[str, Any] = dict(asked.query)
        if asked.headers.get("content-type", "").startswith("application/json"):
            told |= json.loads(asked.body)
        elif asked.body:
            told |= dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return told, bearer or told.get("access_token", "")

    def refusal(self, token: str, proof: str | None) -> Told | None:
        """Return why a call is not let in; a proof is not asked for, but must be right."""
        if token not in {self.token, self.app_token}:
            return meta.error(401, 190, "Invalid OAuth access token - Cannot parse access token")
        return None if proof is None else meta.wrong_proof(self.secret["app_secret"], token, proof)

    def answer(
        self, method: str, path: str, params: Mapping[str, str], token: str, call_back: Callable[[str], None]
    ) -> Told | None:
        """Answer all that concerns app, account and number; None for anything else."""
        account, phone = self.world.account, self.world.phone_number_id
        number = {
            "id": phone,
            "display_phone_number": self.world.display,
            "verified_name": "Example Bank",
            **self.number,
        }
        wanted = meta.fields_of(params)
        if path == f"{self.app_id}/subscriptions" and token == self.app_token:
            return self._subscriptions(method, params, call_back)
        if path == f"{account}/subscribed_apps":
            return self._subscribed(method)
        if path == "debug_token" and token == self.app_token:
            state = {"is_valid": params.get("input_token") == self.token, "expires_at": self.expires_at}
            # granular scopes alone, as for some tokens since June 2026
            return Told(
                body={"data": {**state, "granular_scopes": [{"scope": each} for each in self.scopes]}}
            )
        if path == f"{account}/phone_numbers":
            return Told(body={"data": [{name: number[name] for name in number if name in wanted}]})
        if path == phone:
            return Told(body={name: number[name] for name in number if name in {"id", *wanted}})
        return self._history(params) if path == f"{phone}/message_history" else None

    def _history(self, params: Mapping[str, str]) -> Told:
        wanted = params.get("message_id")
        rows = [
            {"id": str(9_000 + number), "message_id": native_id, "events": {"data": events}}
            for number, (native_id, events) in enumerate(self.world.history.items())
            if wanted in {None, native_id}
        ]
        return Told(body={"data": rows[: int(params.get("limit", 25))]})

    def _subscriptions(
        self, method: str, params: Mapping[str, str], call_back: Callable[[str], None]
    ) -> Told:
        if method == "POST":
            call_back(params["callback_url"])
            self.fields = params["fields"].split(",")
            return Told(body={"success": True})
        row = {"object": "whatsapp_business_account", "callback_url": self.callback, "active": True}
        named = [{"name": name, "version": "v26.0"} for name in self.fields]
        return Told(body={"data": [{**row, "fields": named}] if self.callback else []})

    def _subscribed(self, method: str) -> Told:
        if method == "POST":
            self.subscribed = True
            return Told(body={"success": True})
        row = {
            "whatsapp_business_api_data": {
                "id": self.app_id,
                "name": "Allhours",
                "link": "https://acme.example",
            }
        }
        return Told(body={"data": [row] if self.subscribed else []})


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
