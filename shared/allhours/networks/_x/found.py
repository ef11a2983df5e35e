"""Find again what we answered on X: our own posts, or the messages with one person, since the approval.

"Absent" is said only of a look-up that was whole: every page, every entry and whom each answers could be
read. Anything less is for a person, for an answer that is out must not be sent once more.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from allhours.networks._links import links
from allhours.networks._x.posts import NAME, Json, is_id, snowflake, told_by_id
from allhours.networks.answering import same_words
from allhours.networks.contract import CannotTell, Several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allhours.domain.item import Item
    from allhours.networks._x.api import Reader
    from allhours.networks.contract import Answer

_SKEW = timedelta(minutes=1)  # between our clock at the approval and X's at the post
_PAGES = 8  # of our own posts since the approval: 800
_UNCLEAR = "X did not show all that we said since then, or not legibly: see there whether the answer is out"
_TOO_MANY = "we posted too much since then to look through it: see at X whether the answer is out"


def found_post(reader: Reader, answer: Answer) -> str:
    """Return the id of our post that answers the item, "" when there is surely none.

    One that answers the item is it, whatever X made of its text; of several it is the one with our words.
    """
    where, item = reader.handle.handle, answer.item
    theirs = {item.native_id, target_of(item)}
    since = str(max(int(item.native_id), snowflake(answer.approved_at - _SKEW)))
    ours: list[Json] = []
    token, unclear = None, ""
    for _ in range(_PAGES):
        page = reader.own_posts(since, token)
        unclear = unclear if page.whole else _UNCLEAR
        for each in page.entries:
            entry = cast("Json", each) if isinstance(each, dict) else {}
            answered = _answered(entry)
            if answered is None or not is_id(entry.get("id")):
                unclear = _UNCLEAR
            elif theirs & answered:
                ours.append(entry)
        token = page.older
        if token is None:
            break
    else:
        unclear = _TOO_MANY
    same = [entry for entry in ours if same_words(_bare(_words(entry)), _bare(answer.text))]
    if len(same) == 1:
        return str(same[0]["id"])
    if len(ours) > 1:
        detail = f"{len(ours)} posts of ours answer {item.native_id}: see which one it is"
        native_ids = tuple(str(entry["id"]) for entry in same or ours)
        raise Several(NAME, detail, handle=where, native_ids=native_ids)
    if unclear:
        raise CannotTell(NAME, unclear, handle=where)
    return str(ours[0]["id"]) if ours else ""


def found_message(reader: Reader, answer: Answer) -> str:
    """Return the id of our message with our words to the person, "" when there is surely none."""
    us, them, since = reader.handle.native_id, participant_of(answer.item), answer.approved_at - _SKEW
    same: list[str] = []
    token, unclear, done = None, "", False
    for _ in range(_PAGES):
        page = reader.own_messages(them, token)
        unclear = unclear if page.whole else _UNCLEAR
        for each in page.entries:
            event = cast("Json", each) if isinstance(each, dict) else {}
            event_id, sender = str(event.get("id")), event.get("sender_id")
            said_at = told_by_id(event_id) if is_id(event_id) else None
            if said_at is None or sender not in {us, them}:  # illegible, or the token is another account's
                unclear = _UNCLEAR
            elif said_at < since:  # newest first
                done = True
            elif sender == us and not isinstance(event.get("text"), str):
                unclear = _UNCLEAR
            elif sender == us and same_words(_bare(_words(event)), _bare(answer.text)):
                same.append(event_id)
        token = page.older
        if done or token is None:
            break
    else:
        unclear = _TOO_MANY
    if len(same) > 1:
        detail = f"{len(same)} messages of ours have these words: see which one it is"
        raise Several(NAME, detail, handle=reader.handle.handle, native_ids=tuple(same))
    if unclear and not same:
        raise CannotTell(NAME, unclear, handle=reader.handle.handle)
    return "".join(same)


def target_of(item: Item) -> str:
    """Return the post to answer: the newest version that we know of."""
    return item.answer_needs.get("post_id") or item.native_id


def participant_of(item: Item) -> str:
    """Return to whom a message about the item goes."""
    return item.answer_needs.get("participant_id") or item.author.author_id


def _answered(entry: Json) -> set[str] | None:
    """Return the ids of the posts that one of ours answers; None when that cannot be read."""
    references = entry.get("referenced_tweets", entry.get("referenced_posts"))
    if references is None:
        began = entry.get("conversation_id")  # a post that answers nothing begins its own conversation
        return None if is_id(began) and began != entry.get("id") else set()
    found: set[str] = set()
    for each in cast("Sequence[object]", references) if isinstance(references, list) else (None,):
        reference = cast("Json", each) if isinstance(each, dict) else {}
        if not isinstance(reference.get("type"), str):
            return None
        if reference["type"] == "replied_to":
            if not is_id(reference.get("id")):
                return None
            found.add(str(reference["id"]))
    return found


def _words(entry: Json) -> str:
    note = entry.get("note_tweet") or entry.get("note_post")
    whole = cast("Json", note).get("text") if isinstance(note, dict) else entry.get("text")
    text = whole if isinstance(whole, str) else ""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _bare(text: str) -> str:
    """Return a text without what X adds or rewrites: names at its beginning, and every address."""
    for link in reversed(links(text)):
        text = f"{text[: link.start]}\0{text[link.end :]}"
    return re.sub(r"^(?:@\w+\s+)+", "", text)
