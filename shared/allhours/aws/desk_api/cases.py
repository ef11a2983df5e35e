"""Cases: find them, read one whole, and what may be done with it beside answering."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from allhours.aws.desk_api import cursors, encode
from allhours.aws.desk_api.once import Done
from allhours.aws.desk_api.trouble import Trouble
from allhours.domain.errors import Changed, NotThere
from allhours.flows import desk_duty, desk_open, desk_read, desk_write
from allhours.flows.desk_ports import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from allhours.aws.desk_api.call import Answer, Call


def inbox(call: Call) -> Answer:
    """List cases, the soonest due first; closed ones, the newest first."""
    query, before = call.query, call.query.get("due_before")
    found = desk_read.inbox(
        Asked(
            units=asked_units(call),
            state=query.get("state", "open"),
            account=query.get("account", ""),
            owner=query.get("owner", ""),
            due_before=datetime.fromisoformat(before) if before else None,
            cursor=cursors.read(query["cursor"]) if query.get("cursor") else "",
            most=query.get("limit", cursors.USUAL),
        ),
        who=call.who,
        desk=call.desk,
    )
    rows = [encode.row(each, call.desk.organisation) for each in found.rows]
    more = {"troubles": list(found.troubles)} if found.troubles else {}
    return {**encode.listed("cases", rows, cursors.shown(found.next)), **more}


def one(call: Call) -> Answer:
    """Read a case whole."""
    return show(call, call.path["case_id"])


def audit(call: Call) -> Answer:
    """List what was done to a case, by whom."""
    found = desk_read.audits(call.path["case_id"], who=call.who, desk=call.desk)
    return encode.listed("audits", [encode.audit(each, call.desk.organisation) for each in found])


def show(call: Call, case_id: str) -> Mapping[str, Any]:
    """Return the case whole."""
    return encode.whole(
        desk_read.one(case_id, who=call.who, desk=call.desk, at=call.at), call.desk.organisation
    )


def show_after(call: Call, case_id: str) -> Mapping[str, Any]:
    """Return the case as it is after a write; its id alone where it is out of sight now."""
    try:
        return show(call, case_id)
    except NotThere:
        return {"case_id": case_id}


def take(call: Call) -> Answer:
    """Put a case into one's own hands."""
    desk_write.take(call.path["case_id"], who=call.who, desk=call.desk, at=call.at)
    return _done(call)


def assign(call: Call) -> Answer:
    """Put a case into a member's hands."""
    desk_write.assign(
        call.path["case_id"],
        call.body["member"],
        because=call.body.get("because", ""),
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return _done(call)


def move(call: Call) -> Answer:
    """Hand a case to another unit."""
    desk_duty.hand_over(
        call.path["case_id"],
        call.body["unit"],
        because=call.body.get("because", ""),
        who=call.who,
        desk=call.desk,
        cases=call.ports.cases,
        at=call.at,
    )
    return _done(call)


def close(call: Call) -> Answer:
    """Close a case with its cause, unless it went on since it was shown."""
    shown, case_id = call.body.get("version"), call.path["case_id"]
    if shown is not None:
        now = desk_read.one(case_id, who=call.who, desk=call.desk, at=call.at).row.case
        if now.version != shown:
            raise Changed(f"case {case_id}", ["it went on since"])
    desk_write.close(
        call.path["case_id"],
        cause=call.body["cause"],
        because=call.body.get("because", ""),
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return _done(call)


def reopen(call: Call) -> Answer:
    """Open a closed case again."""
    desk_write.reopen(
        call.path["case_id"], because=call.body["because"], who=call.who, desk=call.desk, at=call.at
    )
    return _done(call)


def note(call: Call) -> Answer:
    """Leave a note for colleagues."""
    desk_write.note(
        call.path["case_id"],
        call.body["text"],
        note_id=call.body["note_id"],
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return _done(call, status=201)


def hold(call: Call) -> Answer:
    """Keep a case's words although somebody wants them gone, or let them go."""
    desk_write.hold(
        call.path["case_id"], because=call.body["because"], who=call.who, desk=call.desk, at=call.at
    )
    return _done(call)


def veto(call: Call) -> Answer:
    """Forbid to answer a case, or allow it again."""
    desk_write.veto(
        call.path["case_id"], because=call.body["because"], who=call.who, desk=call.desk, at=call.at
    )
    return _done(call)


def external(call: Call) -> Answer:
    """Show another system's id and state of a case."""
    told = call.body
    desk_write.link(
        call.path["case_id"],
        external_id=told["id"],
        state=told.get("state", ""),
        url=told.get("url", ""),
        system=told.get("system", ""),
        who=call.who,
        desk=call.desk,
        at=call.at,
    )
    return show_after(call, call.path["case_id"])


def opened(call: Call) -> Answer:
    """Make a case of a post that has none, or find the one it is in, and link it to another system's."""
    told = call.body.get("external", {})
    found = desk_open.opened(
        call.body["item_key"],
        unit=call.body.get("unit", ""),
        because=call.body["because"],
        external=desk_open.External(
            id=told.get("id", ""),
            state=told.get("state", ""),
            url=told.get("url", ""),
            system=told.get("system", ""),
        ),
        who=call.who,
        desk=call.desk,
        router=call.ports.router(call.at),
        records=call.ports.records,
        at=call.at,
    )
    return Done(status=201 if found.new else 200, shows="case", subject=found.case.case_id)


def promote(call: Call) -> Answer:
    """Make a case of a post that opened none."""
    case = desk_duty.promoted(
        call.path["item_key"],
        unit=call.body.get("unit", ""),
        because=call.body["because"],
        who=call.who,
        router=call.ports.router(call.at),
        records=call.ports.records,
        at=call.at,
    )
    return Done(status=201, shows="case", subject=case.case_id)


def light(call: Call) -> Answer:
    """List what was told to units without a case, the newest first."""
    cursor = cursors.read(call.query["cursor"]) if call.query.get("cursor") else ""
    found, then = call.ports.light.of_units(
        asked_units(call), before=cursor, most=call.query.get("limit", cursors.USUAL)
    )
    return encode.listed("light", [encode.light(*each) for each in found], cursors.shown(then))


def its(call: Call, unit: str) -> str:
    """Return the unit if it may be seen; one that may not is one that does not exist."""
    if unit not in call.who.units(call.desk.organisation):
        raise Trouble(404, "not_found", "no unit of that name is yours to see")
    return unit


def asked_units(call: Call) -> tuple[str, ...]:
    """Return the unit that is asked for, or all that may be seen."""
    unit = call.query.get("unit")
    return (its(call, unit),) if unit else call.who.units(call.desk.organisation)


def _done(call: Call, status: int = 200) -> Done:
    return Done(status=status, shows="case", subject=call.path["case_id"])
