"""Who is on duty, a shift that is changed, pages, cards, and who one is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from allhours.aws.desk_api import encode
from allhours.aws.desk_api.cases import asked_units, its
from allhours.aws.desk_api.once import Done
from allhours.aws.desk_api.trouble import Trouble, not_there
from allhours.domain.access import may_see
from allhours.domain.errors import BadInput
from allhours.flows import desk_duty, desk_read
from allhours.flows.change_rota import ChangeRefused, recheck
from allhours.flows.desk_write import CAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from allhours.aws.desk_api.call import Answer, Call
    from allhours.flows.cover_ports import Called


def me(call: Call) -> Answer:
    """Say who signed in, and what that one may see."""
    who, organisation = call.who, call.desk.organisation
    units = [organisation.units[name] for name in who.units(organisation)]
    return {
        "member": who.member,
        "name": encode.name_of(organisation, who.member),
        "system": who.system,
        "roles": {unit: sorted(roles) for unit, roles in who.roles.items()},
        "everywhere": sorted(who.everywhere),
        "units": [
            {
                "unit": unit.unit_id,
                "title": unit.title,
                "accounts": list(unit.accounts),
                "voice": {"tone": unit.voice.tone, "promise": unit.voice.promise},
                "members": [
                    {"member": name, "name": encode.name_of(organisation, name)} for name in unit.members
                ],
            }
            for unit in units
        ],
        "all_units": [{"unit": each.unit_id, "title": each.title} for each in organisation.units.values()],
        "causes": list(CAUSES),
    }


def duty(call: Call) -> Answer:
    """Say who is on duty in a unit, and who next."""
    unit, organisation = its(call, call.path["unit"]), call.desk.organisation
    now = desk_read.duty(unit, who=call.who, desk=call.desk, at=call.at)
    then = organisation.next_on_duty(unit, call.at)
    return {
        "unit": unit,
        **encode.on_duty(now, organisation),
        "next": {"at": encode.instant(then[0]), **encode.on_duty(then[1], organisation)} if then else None,
    }


def override(call: Call) -> Answer:
    """Put somebody on duty, or take somebody off, for a while."""
    told, at = call.body, call.at
    unreachable = call.ports.unreachable(call.desk.organisation, at)
    try:
        changed = desk_duty.overridden(
            its(call, call.path["unit"]),
            start=datetime.fromisoformat(told["from"]),
            end=datetime.fromisoformat(told["until"]),
            remove=told.get("remove", ""),
            add=told.get("add", ""),
            at_desk=told.get("desk", ""),
            reason=told["reason"],
            force=told.get("force", False),
            who=call.who,
            desk=call.desk,
            changes=call.ports.rota_changes,
            prove=call.ports.prove,
            at=at,
        )
    except ChangeRefused as refused:
        raise Trouble(
            409, "rota_would_not_hold", str(refused), {"objections": list(refused.objections)}
        ) from refused
    recheck(changed, gaps=call.ports.gaps, at=at, unreachable=unreachable)
    return Done(status=201, shows="change", subject=changed.change.change_id)


def show_change(call: Call, change_id: str) -> Mapping[str, Any]:
    """Return a change to the rota as it is on record; its id alone once it counts no more."""
    found = (each for each in call.ports.rota_changes.read().changes if each.change_id == change_id)
    change = next(found, None)
    return encode.change(change) if change else {"change_id": change_id}


def pages(call: Call) -> Answer:
    """List the pages that nobody has yet, the oldest first."""
    unit = its(call, call.query["unit"]) if call.query.get("unit") else ""
    found = [each for each in call.ports.open_pages.unacknowledged() if not isinstance(each, BadInput)]
    theirs = [each for each in found if _is_theirs(call, each) and unit in {"", each.page.unit}]
    shown = sorted(theirs, key=lambda each: each.page.at)
    return encode.listed("pages", [encode.page(each, call.desk.organisation) for each in shown])


def acknowledge(call: Call) -> Answer:
    """Have a page: nobody more is called."""
    page_id = call.path["page_id"]
    done = desk_duty.acknowledged(
        page_id, who=call.who, desk=call.desk, pages=call.ports.pages, reaches=call.ports.reaches, at=call.at
    )
    if done.outcome == "gone":
        raise not_there()
    return Done(status=200, shows="page", subject=page_id)


def release(call: Call) -> Answer:
    """Hand a page back: it climbs again."""
    page_id = call.path["page_id"]
    done = desk_duty.released(page_id, who=call.who, desk=call.desk, pages=call.ports.pages, at=call.at)
    if done.outcome == "gone":
        raise not_there()
    return Done(status=200, shows="page", subject=page_id)


def show_page(call: Call, page_id: str) -> Mapping[str, Any]:
    """Return a page as it stands."""
    called = call.ports.pages.load(page_id)
    if called is None or not _is_theirs(call, called):
        raise not_there()
    return encode.page(called, call.desk.organisation)


def _is_theirs(call: Call, called: Called) -> bool:
    """Tell whether somebody may see a page: one of their units, or one that calls themselves."""
    return may_see(call.who, called.page.unit) or called.page.member == call.who.member


def cards(call: Call) -> Answer:
    """List answer cards."""
    found = [
        encode.card(card)
        for unit in asked_units(call)
        for card in desk_read.cards(unit, who=call.who, desk=call.desk, at=call.at)
    ]
    return encode.listed("cards", found)
