"""X's posts in our terms; nothing here asks anybody.

Both vocabularies are read (`referenced_tweets`/`referenced_posts`, `note_tweet`/`note_post`,
`edit_history_tweet_ids`/`edit_history_post_ids`). Reasons for leaving a post alone:

* `OWN_POST`: one of our handles wrote it.
* `REPOST`: somebody else's words, passed on; X tells the original by itself.
* `NOT_A_POST`: a profile, a follow, a like, a compliance job, the receipt of a write.
* `GONE`: an id that was asked for and that X does not show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable
from allhours.domain.plain_text import plain
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from allhours.domain.handle import Handle

NAME = "x"

OWN_POST = "own post"
REPOST = "repost"
NOT_A_POST = "not a post"
GONE = "gone"

Json = Mapping[str, Any]

_NO_LANGUAGE = ("und", "zxx", "art", "qam", "qct", "qht", "qme", "qst")  # X's codes for "no words to tell"
_LONGEST_ID = 20  # digits; today's ids have 19
_FIRST_SNOWFLAKE = 1 << 35  # ids were counted, not timed, before November 2010
_EPOCH_MS = 1_288_834_974_657  # X's ids count milliseconds from here in their upper bits
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FieldError(Exception):
    """A field is missing or not of its type; caught where the post's id is known."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field)
        self.field = field
        self.detail = detail


def loads(body: bytes, *, handle: str = "") -> Json:
    """Return the body as a JSON object; `Malformed` for a block page in HTML or half an answer."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(NAME, "the body is no JSON", handle=handle) from None
    if not isinstance(document, dict):
        raise Malformed(NAME, "the body is no JSON object", handle=handle)
    return cast("Json", document)


def is_id(value: object) -> bool:
    """Return whether it is an id as X writes them: a text of digits."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _LONGEST_ID


def snowflake(at: datetime) -> int:
    """Return the smallest id that X could have given at that instant."""
    return max((int(at.timestamp() * 1000) - _EPOCH_MS) << 22, 1)


def told_by_id(post_id: str) -> datetime | None:
    """Return when X gave the id, to the millisecond; None for ids from before they told the time."""
    number = int(post_id)
    if number < _FIRST_SNOWFLAKE:
        return None
    return _EPOCH + timedelta(milliseconds=(number >> 22) + _EPOCH_MS)


def users_of(value: object) -> dict[str, Author]:
    """Return the authors that an answer or an event brings along, by id, bare or wrapped in `data`."""
    entries: Iterable[object] = ()
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        entries = cast("list[object]", value)
    found: dict[str, Author] = {}
    for entry in entries:
        user = unwrapped(entry)
        if is_id(user.get("id")):
            found[user["id"]] = Author(
                author_id=user["id"], handle=word(user.get("username")), name=_name(user.get("name"))
            )
    return found


def entries_of(document: Json, *, handle: str = "") -> list[object]:
    """Return the answer's `data` as a list; X leaves the key out when there is nothing."""
    entries = document.get("data", [])
    if isinstance(entries, dict):
        return [cast("object", entries)]
    if not isinstance(entries, list):
        raise Malformed(NAME, "the answer is not what X documents", handle=handle, field="data")
    return cast("list[object]", entries)


def includes_of(document: Json) -> dict[str, Author]:
    """Return the authors in an answer's `includes`."""
    includes = document.get("includes")
    return users_of(cast("Json", includes).get("users")) if isinstance(includes, dict) else {}


def hear_post(
    value: object,
    handle: Handle,
    at: datetime,
    *,
    users: Mapping[str, Author],
    ours: Sequence[Handle] = (),
    quotes_us: bool = False,
) -> Heard:
    """Return what one post is to us; `ours` are the handles whose posts open no work, besides `handle`."""
    return unreadable_if_wrong(
        value, handle, lambda post: _post(post, handle, ours or (handle,), at, users, quotes_us=quotes_us)
    )


def gone_ids(document: Json) -> tuple[str, ...]:
    """Return the posts that X does not show: deleted, or no longer for us (protected, suspended)."""
    gone: list[str] = []
    for problem in _objects(document, "errors"):
        kind = str(problem.get("type", "")).rpartition("/")[2]
        value = problem.get("resource_id", problem.get("value"))
        about_posts = problem.get("resource_type") != "user" and is_id(value)
        if kind in ("resource-not-found", "not-authorized-for-resource") and about_posts:
            gone.append(str(value))
    return tuple(dict.fromkeys(gone))


def history_of(post: Json) -> tuple[str, ...]:
    """Return the ids of all versions of a post, oldest first; its own id alone when X tells no history."""
    ids = _either(post, "edit_history_tweet_ids", "edit_history_post_ids")
    if ids is None:
        return (id_of(post, "id"),)
    if not isinstance(ids, list) or not ids or not all(map(is_id, cast("list[object]", ids))):
        raise FieldError("edit_history_tweet_ids", "is not a list of ids")
    return tuple(sorted({*cast("list[str]", ids), id_of(post, "id")}, key=int))


def newest_version(value: object) -> str:
    """Return the id of a post's newest version, or "" where that cannot be read."""
    try:
        return history_of(cast("Json", value))[-1] if isinstance(value, dict) else ""
    except FieldError:
        return ""


def unreadable_if_wrong(value: object, handle: Handle, hear: Callable[[Json], Heard]) -> Heard:
    """Return what `hear` makes of the object, or where it is not what X documents."""
    native_id = ""
    try:
        entry = object_of({"data": value}, "data")
        native_id = str(entry["id"]) if is_id(entry.get("id")) else ""
        return hear(entry)
    except FieldError as wrong:
        return Unreadable(
            network=NAME, handle=handle.handle, native_id=native_id, field=wrong.field, detail=wrong.detail
        )


def _post(
    post: Json,
    handle: Handle,
    ours: Sequence[Handle],
    at: datetime,
    users: Mapping[str, Author],
    *,
    quotes_us: bool,
) -> Heard:
    post_id = id_of(post, "id")
    history = history_of(post)
    first = history[0]
    references = _references(post)
    author = author_of(post, "author_id", first, users)
    if is_ours(author, ours):
        return Skipped(network=NAME, native_id=first, reason=OWN_POST)
    if "retweeted" in references or "reposted" in references:
        return Skipped(network=NAME, native_id=first, reason=REPOST)
    root = id_of(post, "conversation_id", otherwise=first)
    replied_to_user = id_of(post, "in_reply_to_user_id", otherwise="")
    parent = references.get("replied_to") or id_of(post, "in_reply_to_tweet_id", otherwise="")
    quoted = references.get("quoted", "")
    raw = _words(post)
    named = _named(post, raw, ours)
    answered = tuple(each.handle for each in ours if each.native_id and each.native_id == replied_to_user)
    addressed = tuple(dict.fromkeys(named + answered))
    needs = {"post_id": post_id}
    if handle.handle in named:
        # X lets a self-serve app answer only those who mentioned or quoted this very handle.
        needs["engaged"] = "mentioned"
    elif quotes_us:
        needs["engaged"] = "quoted"
    if (who := post.get("reply_settings")) and isinstance(who, str) and who != "everyone":
        needs["reply_settings"] = word(who)
    if is_id(longest := handle.settings.get("longest_post")):
        needs["longest"] = str(longest)  # the composer knows the item, not the handle
    return Item(
        network=NAME,
        native_id=first,
        account=handle.account,
        handle=handle.handle,
        # The root and the author, always: an answer to an answer does not tell whose the root is, and two
        # customers must never share a case.
        conversation_id=f"{root}:{author.author_id}",
        author=author,
        created_at=created_at_of(post, at),
        kind=_kind(parent=parent, quoted=quoted, addressed=addressed),
        text=plain(raw),
        change=Change.SAID if post_id == first else Change.EDITED,
        version=0 if post_id == first else int(post_id),
        language=_language(post),
        parent_id=parent or quoted,
        permalink=f"https://x.com/{author.handle or 'i/web'}/status/{post_id}",
        addressed=addressed,
        attachments=attachments_of(post),
        answer_needs=MappingProxyType(needs),
    )


def _kind(*, parent: str, quoted: str, addressed: tuple[str, ...]) -> Kind:
    if parent:
        return Kind.REPLY
    if quoted:
        return Kind.QUOTE
    return Kind.MENTION if addressed else Kind.POST


def author_of(entry: Json, field: str, post_id: str, users: Mapping[str, Author]) -> Author:
    """Return the author; when X was not asked for it or kept it back, an unknown one of this post alone."""
    author_id = id_of(entry, field, otherwise="")
    if not author_id:
        return Author(author_id=f"unknown-{post_id}")
    return users.get(author_id, Author(author_id=author_id))


def is_ours(author: Author, ours: Sequence[Handle]) -> bool:
    """Return whether one of our handles wrote it."""
    return any(
        author.author_id == each.native_id or (author.handle and author.handle.lower() == _bare(each))
        for each in ours
    )


def _named(post: Json, raw: str, ours: Sequence[Handle]) -> tuple[str, ...]:
    """Return which of our handles the post itself names: by id, for names change, or by name."""
    note = _either(post, "note_tweet", "note_post")
    within_note = cast("Json", note).get("entities") if isinstance(note, dict) else None
    mentions = _objects(post.get("entities"), "mentions") + _objects(within_note, "mentions")
    ids = [mention.get("id") for mention in mentions]
    names = [str(mention.get("username")).lower() for mention in mentions]
    said = raw.lower()
    return tuple(
        each.handle
        for each in ours
        if each.native_id in ids or (name := _bare(each)) in names or _says(said, f"@{name}")
    )


def _says(said: str, name: str) -> bool:
    """Return whether the text has the name, and not as the beginning of a longer one."""
    return any(not rest[:1].isalnum() and rest[:1] != "_" for rest in said.split(name)[1:])


def _bare(handle: Handle) -> str:
    return handle.handle.lstrip("@").lower()


def _references(post: Json) -> dict[str, str]:
    value = _either(post, "referenced_tweets", "referenced_posts")
    if value is None:
        return {}
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in cast("list[object]", value)):
        raise FieldError("referenced_tweets", "is not a list of objects")
    return {text_of(each, "type"): id_of(each, "id") for each in cast("list[Json]", value)}


def _words(post: Json) -> str:
    """Return the whole text: `text` is cut near 280 characters, the note is not."""
    note = _either(post, "note_tweet", "note_post")
    if note is None:
        return unescaped(text_of(post, "text"))
    if not isinstance(note, dict):
        raise FieldError("note_tweet", "is no JSON object")
    return unescaped(text_of(cast("Json", note), "text", within="note_tweet."))


def unescaped(text: str) -> str:
    """Undo the three escapes that X leaves in a text, and no others: it is no HTML."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def created_at_of(entry: Json, at: datetime) -> datetime:
    """Return when it was said, never later than now; the id tells it where the field was not asked for."""
    value = entry.get("created_at")
    if value is None:
        return min(told_by_id(id_of(entry, "id")) or at, at)
    try:
        return min(instant_of(value), at)
    except (ValueError, TypeError, OverflowError):
        raise FieldError("created_at", "is no time with a zone") from None


def attachments_of(entry: Json) -> tuple[str, ...]:
    """Return where pictures and films can be seen, or their keys when no address is told."""
    links = [
        str(url["expanded_url"])
        for url in _objects(entry.get("entities"), "urls")
        if str(url.get("display_url", "")).startswith("pic.") and isinstance(url.get("expanded_url"), str)
    ]
    attachments = entry.get("attachments")
    keys = cast("Json", attachments).get("media_keys") if isinstance(attachments, dict) else None
    if not links and isinstance(keys, list):
        links = [key for key in cast("list[object]", keys) if isinstance(key, str)]
    return tuple(dict.fromkeys(plain(each, limit=500) for each in links))


def _language(post: Json) -> str:
    language = word(post.get("lang"))
    return "" if language in _NO_LANGUAGE else language


def unwrapped(value: object) -> Json:
    """Return an object that X gives bare in one event and as `{"data": …}` in the next."""
    if not isinstance(value, dict):
        return {}
    entry = cast("Json", value)
    inner = entry.get("data")
    return cast("Json", inner) if isinstance(inner, dict) else entry


def _either(entry: Json, old: str, new: str) -> object:
    return entry.get(old) if entry.get(old) is not None else entry.get(new)


def _objects(value: object, field: str) -> list[Json]:
    """Return a list of objects for decoration that no post is refused for."""
    inner = cast("Json", value).get(field) if isinstance(value, dict) else None
    entries = cast("list[object]", inner) if isinstance(inner, list) else []
    return [cast("Json", each) for each in entries if isinstance(each, dict)]


def object_of(entry: Json, field: str) -> Json:
    """Return a JSON object; `FieldError` for anything else."""
    value = entry.get(field)
    if not isinstance(value, dict):
        raise FieldError(field, "is no JSON object")
    return cast("Json", value)


def id_of(entry: Json, field: str, *, otherwise: str | None = None) -> str:
    """Return an id; `otherwise` stands for one that is not told; `FieldError` for anything else."""
    value = entry.get(field)
    if value is None and otherwise is not None:
        return otherwise
    if not is_id(value):
        raise FieldError(field, "is no id, a text of digits" if value is not None else "is missing")
    return str(value)


def text_of(entry: Json, field: str, *, within: str = "") -> str:
    """Return a text; `FieldError` for anything else."""
    value = entry.get(field)
    if not isinstance(value, str):
        raise FieldError(within + field, "is no text" if value is not None else "is missing")
    return value


def word(value: object) -> str:
    """Return a name of ASCII letters, digits, `_` and `-`, else nothing."""
    if not isinstance(value, str) or not value.isascii():
        return ""
    return value if value.replace("_", "").replace("-", "").isalnum() else ""


def _name(value: object) -> str:
    return plain(value, limit=100) if isinstance(value, str) else ""
