"""What a WhatsApp message says: its words, or what stands for them; files stay at WhatsApp, by their id.

Files are fetched by nobody: an id is valid for 7 days, its address for 5 minutes, and the bearer is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.networks._meta import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MEDIA = ("image", "video", "audio", "voice", "document", "sticker")
WORDLESS = {"reaction", "system", "request_welcome"}
UNPASSED = "[a message of a kind that WhatsApp does not pass on]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says and what is attached to it."""

    text: str
    attachments: tuple[str, ...] = ()


def content(message: Mapping[str, Any]) -> Content:
    """Return a message's words; what has none gets a placeholder in brackets."""
    kind = fields.word(message.get("type")) or next(
        (name for name in ("text", *MEDIA) if name in message), ""
    )
    told = _told(kind, message)
    context = fields.dict_of(message.get("context"))
    forwarded = context.get("forwarded") is True or context.get("frequently_forwarded") is True
    advert = fields.https(fields.dict_of(message.get("referral")).get("source_url"))
    return Content(
        text=f"[forwarded] {told.text}" if forwarded else told.text,
        attachments=(*told.attachments, *((advert,) if advert else ())),
    )


def _told(kind: str, message: Mapping[str, Any]) -> Content:
    if kind == "text":
        return Content(text=_body(message.get("text")))
    part = fields.dict_of(message.get(kind))
    if kind in MEDIA:
        return _media(kind, part)
    return Content(text=_PLACEHOLDERS[kind](part) if kind in _PLACEHOLDERS else UNPASSED)


def _body(part: object) -> str:
    if not isinstance(part, dict) or "body" not in part:
        raise fields.WrongError("text.body", "is missing")
    return fields.text_of(part["body"], "text.body")


def _media(kind: str, part: Mapping[str, Any]) -> Content:
    name = "voice" if kind == "audio" and part.get("voice") is True else kind
    native_id = fields.id_or_nothing(part.get("id"))
    caption = fields.text_of(part.get("caption"), f"{kind}.caption")
    return Content(text=caption or f"[{name}]", attachments=(f"{name} {native_id}" if native_id else name,))


def _chosen(part: Mapping[str, Any]) -> str:
    """Return what somebody chose: a button, an entry of a list, a form that was sent."""
    for name in ("button_reply", "list_reply"):
        if title := fields.dict_of(part.get(name)).get("title"):
            return fields.text_of(title, f"interactive.{name}.title")
    if "nfm_reply" in part:
        words = fields.text_of(
            fields.dict_of(part.get("nfm_reply")).get("body"), "interactive.nfm_reply.body"
        )
        return f"[form] {words}".strip()
    return "[choice]"


def _button(part: Mapping[str, Any]) -> str:
    return fields.text_of(part.get("text"), "button.text") or "[button]"


def _location(part: Mapping[str, Any]) -> str:
    where = [fields.text_of(part.get(name), f"location.{name}") for name in ("name", "address")]
    return " ".join(["[location]", *filter(None, where)])


def _order(part: Mapping[str, Any]) -> str:
    products = len(fields.dicts(part.get("product_items")))
    return f"[order of {products} products] {fields.text_of(part.get('text'), 'order.text')}".strip()


def _contacts(_part: Mapping[str, Any]) -> str:
    return "[contact card]"  # it holds other people's data


_PLACEHOLDERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "button": _button,
        "interactive": _chosen,
        "location": _location,
        "order": _order,
        "contacts": _contacts,
    }
)
