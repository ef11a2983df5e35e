"""The stages of an answer: let go at the desk, taken to the network once, looked for after a doubt.

`answer <network>` is the first visit; in `found <network>` the function died after the POST and in
`lost <network>` before it, and the visits that come afterwards are under faults. Whoever plays customers and
networks is that of the other stages; what is told and drained goes on until a day after the answer is out.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import boto3

from allhours.aws import organisation, respond, wiring
from allhours.aws.due import FAR
from allhours.domain.access import as_member
from allhours.domain.errors import BadInput, Changed, Conflict, NotAllowed
from allhours.domain.item import Change, item_from_json
from allhours.domain.organisation_json import organisation_to_json
from allhours.domain.page import Why
from allhours.domain.reply import ReplyState
from allhours.domain.seen import seen_of
from allhours.flows.desk_send import send
from allhours.flows.desk_words import Words
from allhours.flows.desk_write import veto
from tests.builders import NOON
from tests.crash.answering_oracles import WORDS, answers_that_did_not_end, by_id
from tests.crash.faults import HTTP_FAULTS, SPARED, F, faults_of
from tests.crash.messages import Message
from tests.crash.networks import POLLED, PUSHED, bank_of, playing, registered, says
from tests.crash.scenario import Plan, Scenario, Truth
from tests.crash.seen import pages, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from allhours.domain.organisation import Organisation
    from tests.crash.world import World

FIRST, SECOND = "answer-one", "answer-two"  # ids that the desk's page made at the click
NETWORKS = (
    *("x", "bluesky", "mastodon", "facebook", "instagram", "whatsapp", "telegram", "trustpilot"),
    *("threads", "reddit", "youtube", "linkedin", "discourse", "tiktok", "googleplay"),
)
SEES_TWO = (
    "x", "mastodon", "facebook", "instagram", "threads", "reddit", "youtube", "discourse", "tiktok",
    "linkedin",
)  # fmt: skip
BLIND = {"telegram", "whatsapp"}  # which show nobody what was sent
PRIVATE = {"telegram", "whatsapp"}
DAY = timedelta(hours=25)
CLICKS = 6
VISITS = 80  # more than any answer needs in a day; the rest is a loop
IDEMPOTENT = {"POST /2/tweets", "POST /api/v1/statuses", "POST /xrpc/com.atproto.repo.putRecord"}
READS = {"GetItem", "BatchGetItem", "Query", "GetSecretValue"}
NO_FAULTS_OF_POSTS = {"duplicate", "late", "reordered", "empty_with_next"}  # of lists


def faults_of_answering(name: str) -> tuple[str, ...]:
    """Return the faults that apply to a call of `respond`; a POST may also be lost, late, or doubled."""
    kind, _, call = name.partition(" ")
    if kind == "HTTP" and call.startswith(("POST", "PUT")):
        twice = ("twice",) if call in IDEMPOTENT else ()
        usual = tuple(one for one in HTTP_FAULTS if one not in NO_FAULTS_OF_POSTS)
        return (*usual, "never_arrived", "arrives_late", "broken", *twice)
    if kind in READS or (kind == SPARED and call.startswith("GET")):
        return tuple(one for one in faults_of(name) if one != "crash_after")  # nothing has happened yet
    return faults_of(name)


# The story: Leela writes, the post becomes a case, Ana answers it


def _with_another_handle(bank: Organisation, network: str) -> Organisation:
    """Return the bank with a handle of cards as well, whose secret the network does not know (I9)."""
    cards = bank.accounts["acmecards"]
    (ours,) = bank.handles_on(network)
    other = replace(
        ours, account="acmecards", unit="cards", handle="@acmecards", native_id="1000000000000000101"
    )
    other = replace(other, secret=f"{network}/acmecards", listen=(), settings=MappingProxyType({}))
    return replace(bank, accounts={**bank.accounts, "acmecards": replace(cards, handles=(other,))})


def deploy(world: World, bank: Organisation) -> None:
    """Let functions find another organisation from now on."""
    written = Path(str(sys.path[0])) / organisation.PACKAGE / "organisation.json"
    written.write_text(json.dumps(organisation_to_json(bank)))
    sys.modules.pop(organisation.PACKAGE, None)
    world.bank = bank
    world.cold()


def heard(network: str, world: World) -> None:
    """Let Leela's post become a case."""
    (stand_in,) = world.stand_ins.values()
    if network in PUSHED and not (network in POLLED and stand_in.polled):
        registered(world)
    says(world, "leela", "my card was stolen", private=network in PRIVATE)
    world.clock.shift(timedelta(minutes=1))
    if network in POLLED and stand_in.polled:
        world.poll(network)
    world.push()
    world.settle()
    deploy(world, _with_another_handle(world.bank, network))
    boto3.client("secretsmanager").create_secret(
        Name=f"allhours/test/{network}/acmecards", SecretString=json.dumps({"token": "of another unit"})
    )


def case_ids() -> list[str]:
    """Return the ids of all cases."""
    cases = [json.loads(row["case"]["S"]) for key, row in rows().items() if key.startswith("CASE#")]
    return sorted(case["case_id"] for case in cases)


def click(
    world: World,
    plan: Plan | None = None,
    *,
    case_id: str = "",
    reply_id: str = FIRST,
    member: str = "ana",
    second: bool = False,
) -> None:
    """Let somebody press the button; who comes second, or may not answer, is told so."""

    def press() -> None:
        at = world.clock_now
        desk = wiring.desk(at)
        on = desk.store.read(case_id or case_ids()[0])
        assert on
        sent = send(
            on.case.case_id,
            Words(text=f"{WORDS.capitalize()}, {reply_id}.", private=on.case.network in PRIVATE),
            reply_id=reply_id,
            version=None,
            seen=seen_of(on.case, on.rows, on.replies),
            who=as_member(desk.organisation, member, at),
            desk=desk,
            second=second,
            at=at,
        )
        assert sent.reply, sent

    def pressed() -> None:
        with suppress(BadInput, Changed, Conflict, NotAllowed):
            press()

    world.run(pressed, plan)


def approved(network: str, world: World) -> None:
    """Let Ana's answer go; its message is in the queue."""
    heard(network, world)
    click(world)
    world.forward()
    world.settle()
    assert by_id(), world.out.getvalue()[-2000:]


def responded(network: str, world: World) -> None:
    """Let the answer go out."""
    approved(network, world)
    world.respond()
    world.push()
    while world.answers:
        world.respond()


def crashed(network: str, fault: str, world: World, *, second: bool = False) -> None:
    """Let the first visit meet a fault at its POST; `second` is about another answer to the same post."""
    if second:
        responded(network, world)
        click(world, reply_id=SECOND, second=True)
        world.forward()
    else:
        approved(network, world)
    world.fetch_answers()
    kept = world.snapshot()
    world.forget()
    world.respond()
    calls = world.logs[-1]
    k = max(n for n, name in enumerate(calls, 1) if name.startswith(("HTTP POST", "HTTP PUT")))
    world.restore(kept)
    world.forget()
    world.respond({k: fault})
    world.answers.clear()


def deaf(network: str, fault: str, world: World) -> None:
    """Let what the network tells of it be lost as well."""
    crashed(network, fault, world)
    world.webhooks.clear()


def taken_back(world: World) -> None:
    """Let Leela's deletion be heard, if it was not."""
    (row,) = (row for key, row in rows().items() if key.startswith("ITEM#"))
    item = item_from_json(json.loads(row["item"]["S"]))
    if not row["deleted"]["BOOL"]:
        world.queue_items(replace(item, change=Change.DELETED, version=item.version + 1))
        world.route()


def vetoed(because: str, world: World) -> None:
    """Let Ana say that nothing may go out, or that it may again."""
    at = world.clock_now
    desk = wiring.desk(at)
    veto(case_ids()[0], because=because, who=as_member(desk.organisation, "ana", at), desk=desk, at=at)


def withdrawn(world: World) -> None:
    """Take the handle out of the organisation file."""
    accounts = {name: replace(one, handles=()) for name, one in world.bank.accounts.items()}
    deploy(world, replace(world.bank, accounts=accounts))


# What happens then


def see_to_answers(world: World, *, until: timedelta = DAY, while_unknown: bool = False) -> None:
    """Deliver each message twice, let stream and clock go on, until nothing is due."""
    end = world.clock_now + until
    doubled = set[str]()
    for _ in range(VISITS):
        _deliver(world, doubled)
        world.forward()
        world.fetch_answers()
        if world.answers:
            continue
        replies = by_id().values()
        if while_unknown and all(one.state not in {ReplyState.READY, ReplyState.CLAIMED} for one in replies):
            return
        due = [one["due_at"]["S"] for one in rows().values() if one.get("due", {}).get("S") == "REPLIES"]
        soonest = min(due, default=FAR)
        if soonest > end.isoformat():
            return
        _go_to(world, datetime.fromisoformat(soonest))
        world.sweep()
    world.early.append("I11 an answer is visited for ever")


def _deliver(world: World, doubled: set[str]) -> None:
    """Let `respond` have what is in its queue; what failed comes again after its time."""
    if world.webhooks:
        world.push()
    world.fetch_answers()
    while world.answers:
        first = world.answers[0]
        _visit(world)
        if first in world.answers:
            world.clock.shift(timedelta(minutes=3))
        elif first.message_id not in doubled:
            doubled.add(first.message_id)
            world.answers.insert(0, replace(first, received=0))


def _go_to(world: World, due: datetime) -> None:
    """Go to the clock's next tick; what was on its way till the end of its time comes in just before.

    A tick may be at any second: the soonest is worst for who looks, the next full minute for who waits.
    """
    if F.late:
        _arrive(world, due)
    else:
        due = due.replace(second=0, microsecond=0) + timedelta(minutes=1)
    world.clock.move_to(max(due, world.clock_now))


def _arrive(world: World, until: datetime) -> None:
    """Let late requests take effect: later than a network may (A2, A3), but before we look a second time."""
    if world.arrives_at > until:
        return
    world.clock.move_to(max(world.arrives_at, world.clock_now))
    while F.late:
        F.late.pop()()


def _visit(world: World) -> None:
    """Let `respond` have a message; remember until when what it gave up may be on its way."""
    late = len(F.late)
    world.respond()
    if len(F.late) == late:
        return
    world.arrives_at = world.clock_now
    for reply in by_id().values():
        if reply.state is ReplyState.CLAIMED and reply.lease_until:
            times = wiring.repliers().settling(reply.network)
            shown_at = reply.lease_until + times.settles_within + 2 * times.seen_within
            world.arrives_at = shown_at - timedelta(seconds=1)


def drain(world: World) -> None:
    """Go on until a day after the last answer; nothing is planned any more then."""
    see_to_answers(world)
    world.ahead = {}
    world.push()
    see_to_answers(world)
    world.settle()


def under(doing: Callable[[World], object], world: World, plan: Plan) -> None:
    """Do it all under faults that are counted through every function that runs."""
    before = len(world.logs)
    world.ahead = dict(plan)
    world.undisturbed = not plan
    doing(world)
    world.logs[before:] = [[name for log in world.logs[before:] for name in log]]


def _later_visits(world: World) -> None:
    see_to_answers(world, while_unknown=True)


def _looks_again(world: World) -> None:
    see_to_answers(world)


def _found_by_the_clock(world: World) -> None:
    world.sweep()
    _visit(world)


def _receipts(world: World) -> None:
    world.push()
    world.fetch_answers()
    for _ in list(world.answers):
        world.respond()


def _until_approved(world: World) -> None:
    """Let Ana press again until an answer is on its way, whoever made it."""
    for _ in range(CLICKS):
        if not by_id():
            world.clock.shift(timedelta(seconds=20))
            click(world)
    drain(world)


def _until_lifted(world: World) -> None:
    """Nothing goes out while the veto holds; then it does."""
    see_to_answers(world, until=timedelta(minutes=35))
    if world.watch_answers.out:
        world.early.append("veto: it went out all the same")
    vetoed("", world)
    drain(world)


def _answered_anew(world: World) -> None:
    """Let Ana try once more after the answer was rejected: the slot is free."""
    drain(world)
    click(world, reply_id=SECOND, second=by_id()[FIRST].state is not ReplyState.REJECTED)
    drain(world)
    if SECOND not in by_id():
        world.early.append("I3 the slot of a rejected answer is not free")


def beside(doing: Callable[[World], object], world: World) -> None:
    """Let somebody else's function run between two calls; what is planned is not for it."""
    kept, world.ahead = world.ahead, {}
    doing(world)
    world.ahead = kept


def _visit_too(world: World) -> None:
    record = Message("beside", json.dumps({"reply_id": FIRST})).record()
    world.run(lambda: respond.respond_batch({"Records": [record]}))


def _is_called(_world: World) -> list[str]:
    if any(one["page_id"].startswith(f"{Why.ANSWERED_TWICE.value}#") for one in pages()):
        return []
    return ["reconciliation: there are two of our posts, and nobody was called"]


def ended(want: ReplyState | None, world: World) -> list[str]:
    """Return what is broken in the end; `want` is what becomes of the answer when nothing goes wrong."""
    found = answers_that_did_not_end(world)
    state = by_id()[FIRST].state if FIRST in by_id() else None
    if world.undisturbed and want and state is not want:
        found.append(f"I3L without any fault {FIRST} is {state}, not {want}")
    return found


def _said(world: World) -> Truth:
    return Truth(expected=dict(world.said))


def _gone(world: World) -> Truth:
    return Truth(expected=dict(world.said), gone=frozenset(world.said), words=("was stolen",))


def _stage(
    network: str,
    prepare: Callable[[World], object],
    doing: Callable[[World], object] = _visit,
    want: ReplyState | None = ReplyState.POSTED,
    *,
    gone: bool = False,
    **more: object,
) -> Scenario:
    usual = {
        "at": NOON,
        "at_once": True,
        "bank": partial(bank_of, network),
        "networks": partial(playing, network),
        "story": _gone if gone else _said,
        "faults": faults_of_answering,
        "fresh": True,
        "prepare": prepare,
        "act": partial(under, doing),
        "drain": drain,
        "also": partial(ended, want),
    }
    return Scenario(**(usual | more))  # type: ignore[arg-type] # by name


def _kinds(network: str) -> dict[str, Scenario]:
    """Return the stages that every network has."""
    known = ReplyState.NEEDS_HUMAN if network in BLIND else ReplyState.POSTED
    return {
        f"answer {network}": _stage(network, partial(approved, network)),
        f"found {network}": _stage(
            network, partial(deaf, network, "crash_after"), _later_visits, known, fresh=False
        ),
        f"lost {network}": _stage(
            network, partial(deaf, network, "never_arrived"), _later_visits, known, fresh=False
        ),
        f"look again {network}": _stage(network, partial(responded, network), _looks_again, fresh=False),
    }


def _then(*steps: Callable[[World], object]) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        for step in steps:
            step(world)

    return prepare


_APPROVED, _DEAF = partial(approved, "x"), partial(deaf, "x", "crash_after")
_SECONDS = {
    f"second {what} {network}": _stage(
        network, partial(crashed, network, fault, second=True), _later_visits, None, fresh=False
    )
    for network in ("x", "mastodon", "facebook", "instagram", "bluesky")
    for what, fault in (("found", "crash_after"), ("lost", "never_arrived"))
}


def _lost_in_the_queue(world: World) -> None:
    world.answers.clear()


def _deleted_there(world: World) -> None:
    """Let Leela delete her post, and nobody tell us."""
    world.x.delete(world.x.posts[0].native_id)
    world.webhooks.clear()


def _given_up(world: World) -> None:
    """Keep back what the network tells until nobody waits for it."""
    kept, world.webhooks = world.webhooks, []
    see_to_answers(world, while_unknown=True)
    world.webhooks = kept


def _said_by_hand(world: World) -> None:
    """Let a second post of ours appear below Leela's, with the very same words."""
    (stand_in,) = world.stand_ins.values()
    first = stand_in.shown[0]
    world.clock.shift(timedelta(minutes=1))
    stand_in.brand_says(first.text, reply_to=first.to)
    world.webhooks.clear()


def _by_hand(network: str) -> Scenario:
    prepare = _then(partial(responded, network), _said_by_hand)
    return _stage(network, prepare, _looks_again, also=_is_called, fresh=False)


ANSWERING: dict[str, Scenario] = {
    **{name: stage for network in NETWORKS for name, stage in _kinds(network).items()},
    **_SECONDS,
    **{f"by hand {network}": _by_hand(network) for network in SEES_TWO},
    "approve": _stage(
        "x",
        partial(heard, "x"),
        click,
        meanwhile=partial(beside, partial(click, reply_id=SECOND, member="ben")),
        drain=_until_approved,
    ),
    "sweep": _stage("x", _then(_APPROVED, _lost_in_the_queue), _found_by_the_clock),
    "visits beside": _stage("x", _APPROVED, meanwhile=partial(beside, _visit_too), fresh=False),
    "looks beside": _stage(
        "x",
        partial(deaf, "x", "never_arrived"),
        _later_visits,
        meanwhile=partial(beside, _visit_too),
        fresh=False,
    ),
    "taken back": _stage("x", _then(_APPROVED, taken_back), want=ReplyState.REJECTED, gone=True),
    "taken back beside": _stage("x", _APPROVED, meanwhile=partial(beside, taken_back), fresh=False),
    "taken back in doubt": _stage("x", _then(_DEAF, taken_back), _later_visits, gone=True),
    "veto": _stage("x", _then(_APPROVED, partial(vetoed, "a lawyer asks")), drain=_until_lifted),
    "withdrawn": _stage("x", _then(_APPROVED, withdrawn), want=ReplyState.REJECTED),
    "withdrawn in doubt": _stage("x", _then(_DEAF, withdrawn), _later_visits, ReplyState.NEEDS_HUMAN),
    "rejected": _stage("x", _then(_APPROVED, _deleted_there), want=ReplyState.REJECTED, drain=_answered_anew),
    "receipts": _stage("whatsapp", partial(crashed, "whatsapp", "crash_after"), _receipts, fresh=False),
    "late receipts": _stage(
        "whatsapp", _then(partial(crashed, "whatsapp", "crash_after"), _given_up), _receipts, fresh=False
    ),
}
