"""Find again what we answered on Mastodon: below the post, then among our own statuses since the approval.

A thread may be cut or gone, so only our own list, read to the approval and legible, says "absent". It is
asked as the very account that sent: with another account's token every answer would look absent.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from allhours.domain.errors import NetworkError, Refused
from allhours.domain.plain_text import from_html
from allhours.networks._links import links
from allhours.networks._mastodon.posts import NETWORK
from allhours.networks.answering import same_words
from allhours.networks.contract import CannotTell, Posted, Several
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.networks._mastodon.server import Server
    from allhours.networks.contract import Answer

MENTION = re.compile(r"(?<![=/\w])@([a-z0-9_]+(?:[.-]+[a-z0-9_]+)*)(@[\w.-]*\w)?", re.IGNORECASE)
_SKEW = timedelta(minutes=1)  # between our clock at the approval and the server's
_PAGE, _PAGES = "40", 5  # of our own statuses since the approval
_ME = "/api/v1/accounts/verify_credentials"
_UNCLEAR = "the server does not show all that we said since then: see there whether the answer is out"
_TOO_MANY = "we posted too much since then to look through it: see at the server whether the answer is out"


class _Unclear(Exception):
    """A status of which nobody can say whether it is the answer."""


def found(server: Server, answer: Answer) -> Mapping[str, object] | None:
    """Return our status that answers the item, None when there is surely none.

    One is it, whatever the server made of its text; of several it is the one with our words.
    """
    me = our_id(server)
    ours, unclear = _chosen(_below(server, answer), answer, me)
    if not ours:
        bodies, unclear = _own(server, answer, me)
        ours, illegible = _chosen(bodies, answer, me)
        unclear = unclear or illegible
    same = [body for body in ours if same_words(_bare(_text(body)), _bare(answer.text))]
    if len(same) == 1:
        return same[0]
    if len(ours) > 1:
        detail = f"{len(ours)} posts of ours answer {answer.item.native_id}: see which one it is"
        native_ids = tuple(as_posted(body).native_id for body in same or ours)
        raise Several(NETWORK, detail, handle=server.handle.handle, native_ids=native_ids)
    if unclear:
        raise CannotTell(NETWORK, unclear, handle=server.handle.handle)
    return ours[0] if ours else None


def our_id(server: Server) -> str:
    """Return whose token this is; `Refused` when it is not the account that the organisation file names."""
    told, handle = server.get(_ME), server.handle
    me = as_posted(cast("dict[str, object]", told.body)) if told and isinstance(told.body, dict) else None
    if me is None or not me.native_id:
        raise server.malformed(_ME, "does not tell who we are")
    if handle.native_id not in {"", me.native_id}:
        detail = f"the token in secret {handle.secret} is another account's: connect the account again"
        raise Refused(NETWORK, detail, handle=handle.handle)
    return me.native_id


def as_posted(body: Mapping[str, object]) -> Posted:
    """Return a status' id and address, as far as it tells them."""
    native_id, url = body.get("id"), body.get("url")
    return Posted(
        native_id=native_id if isinstance(native_id, str) else "",
        permalink=url if isinstance(url, str) else "",
    )


def _below(server: Server, answer: Answer) -> list[object]:
    """Return what stands in the thread below the post; nothing when the post is gone, or the thread too."""
    path = f"/api/v1/statuses/{quote(answer.item.answer_needs['status_id'], safe='')}/context"
    try:
        told = server.get(path)
    except NetworkError:  # our own list decides
        return []
    body = told.body if told else None
    below = body.get("descendants") if isinstance(body, dict) else None
    return cast("list[object]", below) if isinstance(below, list) else []


def _own(server: Server, answer: Answer, me: str) -> tuple[list[object], str]:
    """Return our own statuses since the approval, newest first, and why they may not be all."""
    path, older = f"/api/v1/accounts/{quote(me, safe='')}/statuses", ""
    bodies: list[object] = []
    for _ in range(_PAGES):
        params = [("limit", _PAGE), ("exclude_reblogs", "true"), *([("max_id", older)] if older else [])]
        listed = server.list_of(path, *params)
        if listed is None:
            return bodies, _UNCLEAR
        page = listed[0]
        bodies += page
        if not page:
            return bodies, ""
        last = page[-1]
        older = as_posted(cast("dict[str, object]", last)).native_id if isinstance(last, dict) else ""
        if not older:
            return bodies, _UNCLEAR
        if not _since(cast("dict[str, object]", last), answer):
            return bodies, ""
    return bodies, _TOO_MANY


def _chosen(bodies: list[object], answer: Answer, me: str) -> tuple[list[Mapping[str, object]], str]:
    """Return what answers the item, and a word of doubt if one of them could not be read."""
    ours: list[Mapping[str, object]] = []
    unclear = ""
    for each in bodies:
        try:
            if isinstance(each, dict) and _is_ours(body := cast("dict[str, object]", each), answer, me):
                ours.append(body)
            elif not isinstance(each, dict):
                unclear = _UNCLEAR
        except _Unclear:
            unclear = _UNCLEAR
    return ours, unclear


def _is_ours(body: Mapping[str, object], answer: Answer, me: str) -> bool:
    """Return whether a status is ours, answers the item as widely as it was sent, and came since then."""
    account = body.get("account")
    author = account.get("id") if isinstance(account, dict) else None
    target, width = body.get("in_reply_to_id"), body.get("visibility")
    if not isinstance(author, str):
        raise _Unclear
    if author != me or not _since(body, answer):
        return False
    if not as_posted(body).native_id or not isinstance(width, str):
        raise _Unclear
    if (width == "direct") != (answer.fixed.get("visibility") == "direct"):
        return False
    if target is None:  # some servers cut the thread when its parent is deleted
        return same_words(_bare(_text(body)), _bare(answer.text)) and _names(body, answer)
    if not isinstance(target, str):
        raise _Unclear
    return target == answer.item.answer_needs["status_id"]


def _names(body: Mapping[str, object], answer: Answer) -> bool:
    """Return whether a status is for the author of the item: the same words may have gone to another."""
    mentions = body.get("mentions")
    if not isinstance(mentions, list):
        raise _Unclear
    accts = [each.get("acct") if isinstance(each, dict) else None for each in cast("list[object]", mentions)]
    if not all(isinstance(acct, str) for acct in accts):
        raise _Unclear
    return answer.item.answer_needs["acct"].lower() in {str(acct).lower() for acct in accts}


def _since(body: Mapping[str, object], answer: Answer) -> bool:
    try:
        return instant_of(str(body.get("created_at"))) >= answer.approved_at - _SKEW
    except (ValueError, OverflowError):
        return True


def _text(body: Mapping[str, object]) -> str:
    content = body.get("content")
    return from_html(content) if isinstance(content, str) else ""


def _bare(text: str) -> str:
    """Return a text without names and addresses, which servers show in their own ways."""
    for found_link in reversed(links(text)):
        text = f"{text[: found_link.start]}\0{text[found_link.end :]}"
    return MENTION.sub("", text)
