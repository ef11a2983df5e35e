"""The stages of every ingest function: one story for each kind, told to whichever network plays.

`poll <network>`, `webhook <network>`, `reread <network>`, `expire <network>` and `care <network>`; each
begins with a function that has just been started, so that the reading of its secrets is under faults too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.handle import Handle
from allhours.networks import NETWORKS, network_module
from infra.local.standins import stand_in_for
from tests.builders import NIGHT, NOON
from tests.crash.harness import World, small_bank
from tests.crash.network_oracles import caring, spendings, still_open
from tests.crash.oracles import CANARIES
from tests.crash.scenario import Scenario, Truth
from tests.crash.seen import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from allhours.domain.organisation import Organisation
    from infra.local.standins.base import StandIn

CAN = {name: network_module(name).capabilities for name in NETWORKS}
POLLED = [name for name in NETWORKS if CAN[name].polls_every]
PUSHED = [name for name in NETWORKS if CAN[name].pushes]
REREAD = [name for name in POLLED if CAN[name].edits.can and name not in ("telegram", "linkedin", "feeds")]
SHORT_LIVED = [name for name in NETWORKS if CAN[name].storage_within]
CARED_FOR = {
    "x": timedelta(hours=1, minutes=50),  # OAuth whose refresh tokens work once
    "threads": timedelta(days=52),  # Meta's sixty days
    "facebook": timedelta(hours=1),  # a token that ends with its user's
    "telegram": timedelta(hours=1),  # typed, and the webhook is set by a call
    "whatsapp": timedelta(hours=1),
    "linkedin": timedelta(days=55),
    "discourse": timedelta(hours=1),  # a typed key
}
LATER = timedelta(hours=3)  # tokens that last an hour have run out
TAKEN_BACK = "words that Leela takes back"
NEW_WORDS = "my card works again, forget it"
MORE = {"x": 3, "mastodon": 3}  # posts that fill a second page, which harness.py makes small
PORT = 8443


def _planned(network: str, **settings: str) -> Handle:
    return Handle(
        network=network,
        account="acmebank",
        unit="customer_care",
        handle="@AcmeBank",
        base_url="",
        native_id="1000000000000000107",
        secret=f"{network}/acmebank",
        settings=MappingProxyType(settings),
    )


def playing(network: str, **settings: str) -> dict[str, StandIn]:
    return {network: stand_in_for(network).playing(_planned(network, **settings), port=PORT)}


def bank_of(network: str, **settings: str) -> Organisation:
    """Return the bank with one handle, which is general."""
    bank = small_bank()
    (stand_in,) = playing(network, **settings).values()
    told = stand_in.handle_settings
    handle = replace(
        _planned(network),
        handle=str(told["handle"]),
        base_url=str(told["base_url"]),
        native_id=str(told.get("native_id", "")),
        listen=tuple(told.get("listen", ())),
        settings=MappingProxyType(dict(told.get("settings", {}))),
        secret=f"{network}/acmebank" if stand_in.secret else "",
    )
    accounts = {name: replace(account, handles=()) for name, account in bank.accounts.items()}
    accounts["acmebank"] = replace(accounts["acmebank"], handles=(handle,))
    return replace(bank, accounts=accounts)


def says(world: World, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
    """Let a customer speak, a second after whoever spoke before; remember when."""
    ((network, stand_in),) = world.stand_ins.items()
    world.clock.shift(timedelta(seconds=1))
    private = (private and stand_in.private_sayable) or not stand_in.public_sayable
    native_id = stand_in.speak(author, text, reply_to=reply_to, private=private)
    world.said[f"{network}#{native_id}"] = world.clock_now
    return native_id


def _talk(world: World) -> str:
    """Four customers speak: two say what nobody may keep, one answers another, one is private; and we."""
    (stand_in,) = world.stand_ins.values()
    first = says(world, "leela", f"my card {CANARIES[0]} was stolen")
    with suppress(NotImplementedError):  # where customers say one thing each
        says(world, "stranger", f"{stand_in.handle_settings['handle']} me too", reply_to=first)
    says(world, "amy", "my transfer is late", private=True)
    says(world, "fry", f"write to {CANARIES[1]}")
    with suppress(NotImplementedError):  # where we only answer
        stand_in.brand_says("We are listening", reply_to=first)
    return first


def _told(world: World) -> Truth:
    return Truth(expected=dict(world.said))


def _polled(world: World) -> Truth:
    _talk(world)
    (network,) = world.stand_ins
    for number in range(MORE.get(network, 0)):
        says(world, "zoidberg", f"\u202e\uffff hello {number}")
    return _told(world)


def poll(network: str) -> Scenario:
    """Return the stage in which a network is polled."""
    settings = {"updates": "poll"} if network == "telegram" else {}
    return Scenario(
        at=NOON + LATER,
        bank=partial(bank_of, network, **settings),
        networks=partial(playing, network, **settings),
        fresh=True,
        story=_polled,
        act=lambda world, plan: world.poll(network, plan),
        drain=lambda world: _drain(world, network),
        also=partial(spendings, network),
    )


def _drain(world: World, network: str) -> None:
    """Poll until the faults are over; what is missing then must come with the wide look of the next day."""
    polled = [network] if network in POLLED and world.stand_ins[network].polled else []
    world.drain(*polled)
    if any(f"ITEM#{key}" not in rows() for key in world.said):
        world.clock.shift(timedelta(days=1))
        world.drain(*polled)


# Webhooks


def registered(world: World) -> None:
    ((network, stand_in),) = world.stand_ins.items()
    stand_in.register(f"https://oncall.test/webhooks/{network}")
    world.webhooks.clear()  # a ping, maybe


def _pushed(world: World) -> Truth:
    _talk(world)
    (stand_in,) = world.stand_ins.values()
    world.webhooks.append(world.webhooks[0])  # the network delivers a copy
    edited = says(world, "amy", "my transfer?")
    world.clock.shift(timedelta(seconds=1))
    with suppress(NotImplementedError):
        stand_in.edit(edited, NEW_WORDS)
    return _told(world)


def webhook(network: str) -> Scenario:
    """Return the stage in which a network calls our webhook."""
    return Scenario(
        at=NOON + LATER,
        bank=partial(bank_of, network),
        networks=partial(playing, network),
        fresh=True,
        prepare=registered,
        story=_pushed,
        act=World.push,
        drain=lambda world: _drain(world, network),
        also=partial(spendings, network),
    )


# Reading again


def _heard(world: World) -> None:
    """Let customers speak, and let everything be heard and routed."""
    ((network, stand_in),) = world.stand_ins.items()
    _talk(world)
    world.said["edited"] = world.said["deleted"] = world.clock_now
    says(world, "bender", "my account is closed")
    says(world, "kif", TAKEN_BACK)
    for key in ("edited", "deleted"):
        del world.said[key]
    world.clock.shift(timedelta(minutes=1))
    if stand_in.polled:
        world.poll(network)
    world.push()
    world.drain(network)


def _changed(world: World) -> Truth:
    ((network, stand_in),) = world.stand_ins.items()
    *_, edited, deleted = (key.partition("#")[2] for key in world.said)
    world.clock.shift(timedelta(seconds=1))
    if CAN[network].edits.can:
        stand_in.edit(edited, NEW_WORDS)
    if not CAN[network].deletes.can:
        return _told(world)
    stand_in.delete(deleted)
    return replace(_told(world), gone=frozenset({f"{network}#{deleted}"}), words=(TAKEN_BACK,))


def reread(network: str) -> Scenario:
    """Return the stage in which what is kept is read again."""

    def drain(world: World) -> None:
        for _ in range(2):
            world.clock.shift(timedelta(minutes=16))
            world.reread(network)
        world.drain(network)

    return Scenario(
        at=NOON + LATER,
        bank=partial(bank_of, network),
        networks=partial(playing, network),
        fresh=True,
        prepare=_heard,
        story=_changed,
        act=lambda world, plan: world.reread(network, plan),
        drain=drain,
        also=partial(spendings, network),
    )


def expire(network: str) -> Scenario:
    """Return the stage in which words may be kept no longer."""
    within = CAN[network].storage_within
    assert within is not None

    def drain(world: World) -> None:
        for _ in range(2):
            world.clock.shift(timedelta(minutes=16))
            world.reread(network)
        world.settle()

    return Scenario(
        at=NIGHT + within,
        bank=partial(bank_of, network),
        networks=partial(playing, network),
        fresh=True,
        prepare=_heard,
        story=lambda world: replace(_told(world), words=(TAKEN_BACK, "was stolen", "my transfer is late")),
        act=lambda world, plan: world.reread(network, plan),
        drain=drain,
        also=still_open,
    )


# Care


def care(network: str) -> Scenario:
    """Return the stage in which a token is renewed and a lost webhook subscribed again."""

    def drain(world: World) -> None:
        for _ in range(2):
            world.clock.shift(timedelta(minutes=16))
            world.poll(network, do="care")
        _talk(world)
        world.push()
        _drain(world, network)

    return Scenario(
        at=NOON + CARED_FOR[network],
        bank=partial(bank_of, network),
        networks=partial(playing, network),
        fresh=True,
        act=lambda world, plan: world.poll(network, plan, do="care"),
        drain=drain,
        also=partial(caring, network),
    )


_KINDS: tuple[tuple[Callable[[str], Scenario], list[str]], ...] = (
    (poll, POLLED),
    (webhook, PUSHED),
    (reread, REREAD),
    (expire, SHORT_LIVED),
    (care, list(CARED_FOR)),
)
NETWORK_STAGES = {f"{kind.__name__} {name}": kind(name) for kind, names in _KINDS for name in names}
