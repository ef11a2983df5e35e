"""Answering: the draft, how it would look, sending it, a second person's word, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.aws.desk_api import encode
from allhours.aws.desk_api.once import Done
from allhours.aws.desk_api.told import in_json
from allhours.aws.desk_api.trouble import Trouble
from allhours.domain.errors import Conflict, NotThere
from allhours.flows import desk_draft, desk_read, desk_send, desk_settle
from allhours.flows.desk_words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from allhours.aws.desk_api.call import Answer, Call


def write(call: Call) -> Answer:
    """Keep a draft, and hold it; 412 where it is not the one that was read."""
    try:
        draft = desk_draft.write(
            call.path["case_id"],
            _words(call),
            version=call.if_match,
            take_over=call.body.get("take_over", ""),
            seen=call.body.get("seen", ""),
            who=call.who,
            desk=call.desk,
            at=call.at,
        )
    except Conflict as conflict:
        raise _which(call, conflict) from conflict
    shown = encode.draft(draft, call.desk.organisation)
    return in_json(200, shown, {"etag": f'"{draft.version}"'})


def drop(call: Call) -> Answer:
    """Throw one's draft away."""
    if call.if_match is None:
        raise Trouble(428, "if_match", 'say which draft: If-Match: "version"')
    try:
        desk_draft.drop(call.path["case_id"], version=call.if_match, who=call.who, desk=call.desk, at=call.at)
    except Conflict as conflict:
        raise _which(call, conflict) from conflict
    return in_json(200, {"case_id": call.path["case_id"], "draft": None})


def check(call: Call) -> Answer:
    """Show words as they would go out; nothing changes."""
    checked = desk_draft.check(call.path["case_id"], _words(call), who=call.who, desk=call.desk, at=call.at)
    return encode.checked(checked)


def send(call: Call) -> Answer:
    """Let an answer go, or have it wait for a second person."""
    case_id, reply_id = call.path["case_id"], call.body["reply_id"]
    sent = desk_send.send(
        case_id,
        _words(call),
        reply_id=reply_id,
        version=call.body.get("version"),
        seen=call.body["seen"],
        second=call.body.get("second", False),
        because=call.body.get("because", ""),
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return Done(status=201 if sent.reply else 202, shows="sent", subject=f"{case_id}/{reply_id}")


def approve(call: Call) -> Answer:
    """Agree to a draft that waits, and let it go."""
    case_id, reply_id = call.path["case_id"], call.body["reply_id"]
    desk_send.approve(
        case_id,
        reply_id=reply_id,
        version=call.body["version"],
        seen=call.body["seen"],
        second=call.body.get("second", False),
        because=call.body.get("because", ""),
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return Done(status=201, shows="sent", subject=f"{case_id}/{reply_id}")


def give_back(call: Call) -> Answer:
    """Give a draft that waits back to who wrote it."""
    desk_draft.give_back(
        call.path["case_id"],
        comment=call.body["comment"],
        version=call.body["version"],
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return Done(status=200, shows="case", subject=call.path["case_id"])


def reply(call: Call) -> Answer:
    """Read an answer, and where it is on its way."""
    return show_reply(call, call.path["reply_id"])


def verdict(call: Call) -> Answer:
    """Say what became of an answer of which nobody knows whether it is out."""
    desk_settle.settle(
        call.path["reply_id"],
        posted=call.body.get("posted"),
        again=call.body.get("again", False),
        because=call.body["because"],
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return Done(status=200, shows="reply", subject=call.path["reply_id"])


def show_reply(call: Call, reply_id: str) -> Mapping[str, Any]:
    """Return the answer as it is on record."""
    return encode.reply(desk_read.reply(reply_id, who=call.who, desk=call.desk))


def show_sent(call: Call, subject: str) -> Mapping[str, Any]:
    """Return the answer that was let go, or the draft that waits for a second person."""
    case_id, _, reply_id = subject.partition("/")
    try:
        return {"reply": show_reply(call, reply_id), "draft": None}
    except NotThere:
        draft = desk_read.one(case_id, who=call.who, desk=call.desk, at=call.at).row.draft
        return {"reply": None, "draft": encode.draft(draft, call.desk.organisation) if draft else None}


def _words(call: Call) -> Words:
    told = call.body
    return Words(
        text=told["text"],
        item_key=told.get("item_key", ""),
        private=told.get("private", False),
        account=told.get("account", ""),
        handle=told.get("handle", ""),
        card=told.get("card", ""),
    )


def _which(call: Call, conflict: Conflict) -> Trouble | Conflict:
    """Return 412 where the draft is another than the one that was read, else the conflict itself."""
    draft = desk_read.one(call.path["case_id"], who=call.who, desk=call.desk, at=call.at).row.draft
    there = draft.version if draft else None
    if there == call.if_match:
        return conflict
    return Trouble(412, "draft_changed", str(conflict), {"version": there})
