"""Change the rota by hand: overrides, swaps, leave, and members' private links.

Every change is proved first: one that would leave a hole is refused with the reasons. `--force` makes it all
the same; the record says who made it, when, and what stood against it. The organisation is that of the file,
which must be the deployed one.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import fail, say, table, tell
from allhours.domain.changes import change_to_json, leave, override, swap, takeover
from allhours.domain.errors import BadInput
from allhours.domain.links import calendar_link, member_link, signed
from allhours.domain.proof import prove
from allhours.flows.change_rota import ChangeRefused, change, recheck
from allhours.flows.wishes import agreement, withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable

    from allhours.aws.stack import Stack
    from allhours.domain.changes import Change
    from allhours.domain.organisation import Organisation
    from allhours.flows.change_rota import Proposal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do, and with whom, from when until when."""
    words = parser.add_subparsers(title="what", metavar="WHAT", required=True)

    one = _word(words, "override", "Take somebody off, put somebody on, or both", _override)
    one.add_argument("unit")
    _add_stretch(one)
    one.add_argument("--remove", default="", metavar="WHO", help="desk or member to take off")
    one.add_argument("--add", default="", metavar="WHO", help="desk or member to put on")
    one.add_argument("--desk", default="", help="at which desk, for a member who works at none of the unit")
    one.add_argument("--reason", required=True, help="why, for the record")
    _add_by(one)

    one = _word(words, "swap", "Propose that another works a shift; it counts when both agreed", _swap)
    one.add_argument("unit")
    one.add_argument("shift")
    one.add_argument("date", type=shared.day, help="local date on which the shift starts")
    one.add_argument("--from", dest="remove", required=True, metavar="MEMBER", help="whose shift it is")
    one.add_argument("--to", dest="add", required=True, metavar="MEMBER", help="who would work it")
    _add_by(one)

    one = _word(words, "agree", "Agree to a swap", _agree)
    one.add_argument("change", metavar="ID")
    _add_by(one)

    one = _word(words, "leave", "Take a member off in every unit: on leave, or sick", _leave)
    one.add_argument("member")
    _add_stretch(one)
    one.add_argument("--reason", default="leave", help="leave, sick or another (leave)")
    _add_by(one)

    one = _word(words, "take", "Take the running shift, from now until it ends", _take)
    one.add_argument("unit")
    one.add_argument("--instead-of", default="", metavar="MEMBER", help="where several are on duty")
    _add_by(one)

    one = _word(words, "withdraw", "Take a change back", _withdraw)
    one.add_argument("change", metavar="ID")
    _add_by(one)

    one = _word(words, "list", "List the changes that count or wait", None)
    one.add_argument(
        "--since", type=shared.instant, metavar="INSTANT", help="all made since, with who and when"
    )
    one.set_defaults(do=_list)

    one = _word(words, "link", "Print the private links of a member, or a unit's calendar", None)
    one.add_argument("owner", metavar="MEMBER", help="a member, or a unit")
    one.add_argument("--revoke", action="store_true", help="make all earlier ones void first")
    one.set_defaults(do=_link)


def run(arguments: argparse.Namespace) -> int:
    """Do it; 1 when the change was refused."""
    arguments.at = now()
    done: int = arguments.do(arguments)
    return done


def _word(
    words: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    line: str,
    proposal: Callable[[argparse.Namespace], Proposal] | None,
) -> argparse.ArgumentParser:
    parser = words.add_parser(name, help=line, description=f"{line}.")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for machines")
    deployed.add_stack(parser)
    shared.add_organisation(parser)
    if proposal:
        parser.add_argument("--force", action="store_true", help="even if the rota would not hold; recorded")
        parser.set_defaults(do=partial(_change, proposal))
    return parser


def _add_stretch(parser: argparse.ArgumentParser) -> None:
    for name, dest in (("from", "start"), ("until", "end")):
        parser.add_argument(f"--{name}", dest=dest, type=shared.instant, required=True, metavar="INSTANT")


def _add_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", required=True, metavar="MEMBER", help="whose word it is, for the record")


# Changes


def _change(proposal: Callable[[argparse.Namespace], Proposal], arguments: argparse.Namespace) -> int:
    organisation, stack = shared.organisation_of(arguments), deployed.stack(arguments)
    if arguments.by not in organisation.members:
        raise BadInput(f"--by {arguments.by}: there is no such member")
    unreachable = stack.reaches.unreachable(organisation, arguments.at)
    try:
        changed = change(
            proposal(arguments),
            organisation=organisation,
            changes=stack.rota_changes,
            prove=partial(prove, unreachable=unreachable),
            by=arguments.by,
            force=arguments.force,
            at=arguments.at,
        )
    except ChangeRefused as error:
        return _refused(error, as_json=arguments.json)
    recheck(changed, gaps=stack.gaps, at=arguments.at, unreachable=unreachable)
    done = changed.change
    if arguments.json:
        tell(change_to_json(done))
        return 0
    say(f"{done.change_id}: {_sentence(done)}")
    if done.state == "proposed":
        missing = " and ".join({done.remove, done.add} - set(done.agreed))
        say(f"it counts once {missing} agrees: allhours change agree {done.change_id} --by {missing}")
    for objection in done.objections:
        say(f"made all the same: {objection}", "yellow")
    if done.more_objections:
        say(f"and {done.more_objections} more", "yellow")
    return 0


def _refused(error: ChangeRefused, *, as_json: bool) -> int:
    if as_json:
        tell({"refused": list(error.objections)})
        return 1
    for objection in error.objections:
        say(objection)
    return fail("nothing was changed, the rota would not hold; --force makes it all the same, on the record")


def _override(given: argparse.Namespace) -> Proposal:
    return lambda organisation: override(
        organisation,
        given.unit,
        start=int(given.start.timestamp()),
        end=int(given.end.timestamp()),
        by=given.by,
        at=given.at,
        remove=given.remove,
        add=given.add,
        desk=given.desk,
        reason=given.reason,
    )


def _swap(given: argparse.Namespace) -> Proposal:
    return lambda organisation: swap(
        organisation,
        given.unit,
        shift=given.shift,
        day=given.date,
        remove=given.remove,
        add=given.add,
        by=given.by,
        at=given.at,
    )


def _leave(given: argparse.Namespace) -> Proposal:
    return lambda organisation: leave(
        organisation,
        given.member,
        start=int(given.start.timestamp()),
        end=int(given.end.timestamp()),
        by=given.by,
        at=given.at,
        reason=given.reason,
    )


def _take(given: argparse.Namespace) -> Proposal:
    return lambda organisation: takeover(
        organisation, given.unit, given.by, given.at, instead_of=given.instead_of
    )


def _agree(given: argparse.Namespace) -> Proposal:
    return agreement(given.change, given.by, given.at)


def _withdraw(given: argparse.Namespace) -> Proposal:
    return withdrawal(given.change, given.by, given.at, force=given.force)


# What there is


def _list(arguments: argparse.Namespace) -> int:
    changes = deployed.stack(arguments).rota_changes
    if arguments.since:
        for recorded in changes.history(arguments.since):
            states = [
                {"state": one.state, "by": one.by, "at": one.at.isoformat(), "forced": one.forced}
                for one in recorded.states
            ]
            if arguments.json:
                tell(change_to_json(recorded.change) | {"states": states})
                continue
            say(f"{recorded.change.change_id}: {_sentence(recorded.change)}")
            for state in recorded.states:
                forced = ", forced" if state.forced else ""
                say(f"  {state.at:%Y-%m-%d %H:%MZ} {state.state} by {state.by}{forced}")
        return 0
    found = changes.read().changes
    if arguments.json:
        for one in found:
            tell(change_to_json(one))
        return 0
    columns = ("id", "what", "state", "by", "reason")
    table(columns, [(one.change_id, _sentence(one), one.standing, one.by, one.reason) for one in found])
    return 0


def _sentence(one: Change) -> str:
    span = f"{_utc(one.start)} to {_utc(one.end)}"
    if one.kind == "leave":
        return f"{one.remove} is away, {span}"
    if not (one.add and one.remove):
        return f"{one.unit}: {one.add or one.remove} is {'on' if one.add else 'off'}, {span}"
    return f"{one.unit}: {one.add} instead of {one.remove}, {span}"


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")


# Links


def _link(arguments: argparse.Namespace) -> int:
    owner, stack = _owner(shared.organisation_of(arguments), arguments.owner), deployed.stack(arguments)
    serials = stack.link_serials
    serial = serials.revoke(owner, arguments.at) if arguments.revoke else serials.current(owner)
    links = _links(stack, owner, serial, arguments.at)
    if arguments.json:
        tell({"owner": owner, "serial": serial, **links})
        return 0
    for name, address in links.items():
        say(f"{name}: {address}")
    say(
        "whoever has such a link acts as its owner: hand it over in person, or by a channel that is theirs",
        "dim",
    )
    return 0


def _owner(organisation: Organisation, name: str) -> str:
    if name in organisation.members:
        return f"member:{name}"
    if name in organisation.units:
        return f"unit:{name}"
    raise BadInput(f"{name!r} is neither a member nor a unit")


def _links(stack: Stack, owner: str, serial: int, at: datetime) -> dict[str, str]:
    key, address = stack.credentials.read("links")["key"].encode(), stack.output("PublicUrl")
    calendar = f"{address}/calendars/{signed(calendar_link(owner, serial, at), key)}"
    if owner.startswith("unit:"):
        return {"calendar": calendar}
    member = signed(member_link(owner.removeprefix("member:"), serial, at), key)
    return {"page": f"{address}/members/{member}", "calendar": calendar}
