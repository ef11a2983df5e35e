"""Answer on WhatsApp: free text within 24 hours; what became of it comes by webhook.

Written from developers.facebook.com/documentation/business-messaging/whatsapp (messages/send-messages,
business-scoped-user-ids, webhooks/reference/messages/status) and `message_history` of facebook/openapi.

* **200 means accepted.** Whether it arrived, a status tells later: `receipts` reads it, with our reply id,
  which travels as `biz_opaque_callback_data`.
* **Nothing can be looked up** without the `wamid` that the lost answer held. So a doubt waits for the status,
  and `find` is `CannotTell`, unless `answer.fixed` has learnt the `wamid`.
* A person may be known by a number, by a business-scoped user id, or both; a number wins where both are sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.domain.item import Change
from allhours.networks._meta import fields
from allhours.networks._meta.errors import number
from allhours.networks._whatsapp.graph import NETWORK, OVER, graph_for, in_words
from allhours.networks.answering import within
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted, Receipt
from allhours.networks.windows import ANSWER_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http

(WINDOW,) = ANSWER_WINDOWS[NETWORK]
LONGEST = 4_096  # characters of text.body
_STATES = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed"}
_THERE = frozenset({"SENT", "DELIVERED", "READ"})

_NOT_PUBLIC = "WhatsApp has nothing public: answer in private"
_DELETED = "the customer took the message back"
_GROUP = "it was written in a group: others would read the answer"
_OTHER_NUMBER = "it was written to another phone number of ours: only that one may answer"
_WAIT = "WhatsApp shows nobody what was sent: wait for its status, or ask the customer"


class WhatsAppAnswers:
    """Answer from the phone number that was written to, and read what became of it."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether this number may answer the item now, and until when."""
        needs = item.answer_needs
        against = {
            _NOT_PUBLIC: not private,
            _DELETED: item.change is Change.DELETED,
            _GROUP: "group" in needs,
            _OTHER_NUMBER: _is_anothers(handle, item),
        }
        if reason := next((reason for reason, holds in against.items() if holds), ""):
            return Permission(allowed=False, reason=reason)
        return within(item.created_at, WINDOW, at=at, reason="free text within 24 hours", over=OVER)

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in UTF-16 units, the stricter count, for WhatsApp does not say its unit."""
        del item, private
        used = len(text.encode("utf-16-le", "surrogatepass")) // 2
        return (Length(used=used, allowed=LONGEST, unit="characters", least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return that it depends: a thousand a month are free, then each costs by the country."""
        del text, item, private
        return Cost(why="free for the number's first 1,000 in a month, then Meta's utility rate")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Return the answer as it is: WhatsApp knows no key, and our reply id travels with it."""
        del handle, at
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Hand the message over; `Posted` means accepted, and a receipt tells the rest."""
        needs = answer.item.answer_needs
        if "group" in needs or _is_anothers(handle, answer.item):
            why = _GROUP if "group" in needs else _OTHER_NUMBER
            raise DefiniteNo(NETWORK, why, handle=handle.handle)
        body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
        body |= {name: needs[name] for name in ("to", "recipient") if name in needs}
        if "to" in body:  # with both, the number wins; only one is sent, so that nobody has to know
            body.pop("recipient", None)
        body |= {"type": "text", "text": {"body": answer.text, "preview_url": False}}
        body |= {"context": {"message_id": needs.get("wamid", answer.item.native_id)}}
        body |= {"biz_opaque_callback_data": answer.reply_id}
        graph = self._graph(handle, at)
        told = graph.publish(f"{handle.native_id}/messages", json_body=body)
        for message in fields.dicts(told.get("messages")):
            if wamid := fields.word(message.get("id")):
                return Posted(native_id=wamid)
        raise graph.malformed("the answer to a new message has no id", "messages.id")

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Look in the history where the wamid is known (`fixed`): None only where it says that it failed."""
        wamid = answer.fixed.get("wamid", "")
        if not wamid:
            raise CannotTell(NETWORK, _WAIT, handle=handle.handle)
        asked = {
            "message_id": wamid,
            "fields": "id,message_id,events{delivery_status,timestamp}",
            "limit": "100",
        }
        page = next(self._graph(handle, at).pages(f"{handle.native_id}/message_history", asked))
        for row in page.rows:
            states = {fields.word(event.get("delivery_status")) for event in fields.listed(row, "events")}
            if row.get("message_id") == wamid and states & _THERE:
                return Posted(native_id=wamid)
            if row.get("message_id") == wamid and "FAILED" in states:
                return None
        raise CannotTell(NETWORK, _WAIT, handle=handle.handle)  # a message that is not listed may be there

    def receipts(self, body: bytes) -> tuple[Receipt, ...]:
        """Return what a webhook body tells of our messages; states come in any order and more than once."""
        told = fields.dict_of(fields.decoded(NETWORK, body))
        statuses = (
            status
            for entry in fields.dicts(told.get("entry"))
            for change in fields.dicts(entry.get("changes"))
            for status in fields.dicts(fields.dict_of(change.get("value")).get("statuses"))
        )
        return tuple(receipt for status in statuses for receipt in _receipt(status))

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def _is_anothers(handle: Handle, item: Item) -> bool:
    return item.answer_needs.get("phone_number_id", handle.native_id) != handle.native_id


def _receipt(status: Mapping[str, Any]) -> Iterator[Receipt]:
    native_id, state = fields.word(status.get("id")), _STATES.get(fields.word(status.get("status")), "")
    if not native_id or not state:
        return
    why = "; ".join(in_words(number(error.get("code"))) for error in fields.dicts(status.get("errors")))
    yield Receipt(
        network=NETWORK,
        native_id=native_id,
        state=state,
        reply_id=fields.word(status.get("biz_opaque_callback_data")),
        detail=why if state == "failed" else "",
    )
