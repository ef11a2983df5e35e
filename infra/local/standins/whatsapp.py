"""A WhatsApp on loopback: one phone number of one business account, its customers, and its webhook."""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from infra.local.standins import _meta as meta
from infra.local.standins._whatsapp_world import AppSide, Said, World
from infra.local.standins.base import Asked, Pusher, Shown, StandIn, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

WINDOW = timedelta(hours=24)
LONGEST = 4_096
PAIR, PAIR_BURST = timedelta(seconds=6), 45  # one message in six seconds to one person, 45 at once


class WhatsAppStandIn(StandIn):
    """Cloud API and webhook of one phone number.

    Its quirks, as in networks/whatsapp.md: nothing that was written can be read back; every third customer
    has a username and no number, so that `from` and `wa_id` are missing; contacts stand in another order than
    messages; `timestamp` is text; 200 means accepted, and a message outside the window, to a blocked or a
    wrong person fails by status later; statuses come newest first, skip `delivered` and bring our own word
    back; a failed status to a number names no user id; the same message may be sent twice, there is no key;
    one person gets one message in six seconds, 45 at once; the webhook needs both levels; edits and
    revocations name the message they concern; what staff type in the app comes as an echo.
    """

    name = "whatsapp"
    private_sayable = True
    public_sayable = False
    phone_number_id = "106540352242922"
    display = "+1 555-078-3881"

    def __init__(self, port: int = 0, *, calls_an_hour: int = 100_000) -> None:
        """Take so many calls an hour."""
        super().__init__(port)
        self.world = World(self.phone_number_id, self.display, place=0)
        self.app = AppSide(self.world)
        self.bucket = meta.Bucket(size=calls_an_hour)
        self.blocked: set[str] = set()
        """Customers who blocked us; a message to them fails by status."""
        self._pairs: dict[str, deque[datetime]] = {}

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the number of this handle."""
        there = cls(port)
        there.phone_number_id, there.display = handle.native_id or cls.phone_number_id, handle.handle
        there.world = World(there.phone_number_id, there.display, place=place)
        there.app = AppSide(there.world)
        return there

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret."""
        return {"access_token": self.app.token, "waba_id": self.world.account}

    @property
    def app_secret(self) -> dict[str, str]:
        """Return the fields of the app's secret."""
        return self.app.secret

    @property
    def handle_settings(self) -> dict[str, str]:
        """Return what the organisation file must say to reach this number."""
        return {"base_url": self.base_url, "native_id": self.phone_number_id, "handle": self.display}

    @property
    def posts(self) -> list[Said]:
        """Return everything that customers ever wrote."""
        with self.lock:
            return list(self.world.said.values())

    # What people do

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Write to the number; everything is private."""
        del private
        return self.say(author, text, reply_to=reply_to)

    def say(self, author: str, text: str, *, reply_to: str = "", copies: int = 1, **message: Any) -> str:  # noqa: ANN401 - a message of another type
        """Write a text, or what `message` holds; `copies` of the delivery are what happens on a bad day."""
        with self.lock:
            said = self.world.add(author, text, reply_to, message)
            self._push({"messages": [self.world.message(said)]}, author, copies=copies)
            return said.native_id

    def edit(self, native_id: str, text: str) -> None:
        """Let the customer change a message."""
        with self.lock:
            said = self.world.said[native_id]
            said.text = text
            self._push({"messages": [self.world.edited(said)]}, said.author)

    def delete(self, native_id: str) -> None:
        """Let the customer take a message back."""
        with self.lock:
            said = self.world.said[native_id]
            said.deleted = True
            self._push({"messages": [self.world.revoked(said)]}, said.author)

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Write as staff do in the WhatsApp Business app on the same number."""
        with self.lock:
            native_id = self.world.next_id()
            author = self.world.said[reply_to].author if reply_to in self.world.said else "somebody"
            echo = self.world.echo(native_id, author, text)
            self._push({"message_echoes": [echo]}, field="smb_message_echoes")
            return native_id

    def warns(self, field: str, value: Mapping[str, object]) -> None:
        """Tell an operational notice: a ban, a lower quality."""
        if self.pushes:
            change = {"field": field, "value": dict(value)}
            entry = {"id": self.world.account, "time": self.world.seconds(), "changes": [change]}
            self.pushes.push({"object": "whatsapp_business_account", "entry": [entry]})

    def register(self, url: str) -> None:
        """Register the webhook at both levels, after the verification that WhatsApp makes."""
        self._call_back(url)
        self.app.fields = ["messages", "smb_message_echoes", "account_update"]
        self.app.subscribed = True

    def sign(self, raw: bytes) -> dict[str, str]:
        """Return the headers of a delivery."""
        return meta.signed(self.app_secret["app_secret"], raw)

    def _call_back(self, url: str) -> None:
        meta.greet(url, self.app_secret["verify_token"])
        self.app.callback = url
        self.pushes = Pusher(url, self.sign)

    def _push(self, told: Mapping[str, Any], *authors: str, field: str = "messages", copies: int = 1) -> None:
        if self.pushes and self.app.subscribed and field in self.app.fields:
            body = self.world.body(told, authors, field=field)
            self.pushes.push(body, copies=copies)

    # The Cloud API

    def may_fail(self, asked: Asked) -> bool:
        """Keep the registration of webhooks up."""
        return "subscri" not in asked.path

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as WhatsApp does; `server_error`, `cut` and `malformed` come after the effect."""
        if fault == "rate_limited":
            details = "Cloud API message throughput has been reached."
            return meta.error(400, 130429, "(#130429) Rate limit hit", subcode=2494055, details=details)
        if fault in {"expired_token", "refused_token"}:
            subcode = 463 if fault == "expired_token" else 458
            return meta.error(401, 190, "Error validating access token.", subcode=subcode)
        told = self.answer(asked)
        if fault == "server_error":
            return meta.error(500, 131000, "(#131000) Something went wrong", details="Unknown.")
        if fault == "malformed":
            return Told(body=told.raw()[: len(told.raw()) // 2])
        if isinstance(told.body, dict) and isinstance(rows := told.body.get("data"), list):
            changed = [*rows, *rows] if fault == "duplicate" else rows[1:] if fault == "late" else rows
            told.body["data"] = changed
        return told

    def answer(self, asked: Asked) -> Told:
        """Answer one call."""
        found = re.fullmatch(r"/v(2[1-6])\.0/(.*)", asked.path)
        if not found:
            return meta.error(400, 2635, "You are calling a deprecated version.")
        params, token = self.app.params(asked)
        if refusal := self.app.refusal(token, params.get("appsecret_proof")):
            return refusal
        if not self.bucket.take(self.world.clock()):
            return meta.error(400, 80007, "(#80007) Rate limit issues")
        if (told := self.app.answer(asked.method, found[2], params, token, self._call_back)) is not None:
            return told
        if found[2] == f"{self.phone_number_id}/messages" and asked.method == "POST":
            return self._send(params)
        return meta.gone(found[2])

    def _send(self, message: Mapping[str, Any]) -> Told:
        body = message.get("text", {}).get("body", "")
        to, recipient = message.get("to", ""), message.get("recipient", "")
        if message.get("messaging_product") != "whatsapp" or message.get("type") != "text":
            return meta.error(400, 100, "(#100) Invalid parameter", details="messaging_product, type")
        if not 0 < len(body) <= LONGEST or not (to or recipient):
            return meta.error(400, 131009, "(#131009) Parameter value is not valid", details="text.body")
        author = self.world.whose(to.lstrip("+") or recipient)
        if author is None and to:
            return meta.error(400, 131030, "(#131030) Recipient phone number not in allowed list")
        if author is not None and not self._paced(author):
            return meta.error(400, 131056, "(#131056) Pair rate limit hit")
        native_id = self.world.next_id()
        code = 0
        if author is None or author in self.blocked:
            code = 131026
        elif (apart := self.world.apart(author)) is None or apart > WINDOW:
            code = 131047
        else:
            target = message.get("context", {}).get("message_id", "")
            self.shown.append(Shown(native_id=native_id, to=target, text=body, by=self.display, private=True))
        statuses = self.world.statuses(native_id, author, message.get("biz_opaque_callback_data", ""), code)
        for status in statuses:
            self._push({"statuses": [status]}, *([author] if author and not code else []))
        contact = {"input": to or recipient, **({"wa_id": to.lstrip("+")} if to else {"user_id": recipient})}
        told = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": native_id}]}
        return Told(body=told)

    def _paced(self, author: str) -> bool:
        """Return whether one more message to this person is let through now."""
        at, sent = self.world.clock(), self._pairs.setdefault(author, deque())
        while sent and sent[0] <= at - PAIR * PAIR_BURST:
            sent.popleft()
        if len(sent) >= PAIR_BURST:
            return False
        sent.append(at)
        return True
