"""The town: every handle of an organisation on a stand-in network of its own, and who said what there."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from allhours.cli.organisation_file import load
from allhours.cli.yaml_lines import read_all
from allhours.networks import network_module
from infra.local.standins import stand_in_for
from infra.local.standins.base import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from allhours.domain.handle import Handle
    from allhours.domain.organisation import Organisation
    from infra.local.standins.base import StandIn

GREETINGS = 4  # tries of a network to have its webhook verified; on a busy machine the first may be too slow
PORTS_TRIED = 200  # for each stand-in, before the person is told to choose others


class TownError(Exception):
    """Say in one line why the stand-ins cannot be put up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One post as the network has it now."""

    handle: Handle
    native_id: str
    author: str
    text: str
    deleted: bool

    @property
    def key(self) -> str:
        """Return the key that its item must have."""
        return f"{self.handle.network}#{self.native_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of ours as the network shows it, or did; `to` is the native id of what it answers."""

    handle: Handle
    native_id: str
    to: str
    text: str
    private: bool
    deleted: bool

    @property
    def key(self) -> str:
        """Return the key of the item that it answers."""
        return f"{self.handle.network}#{self.to}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One handle and the stand-in that plays its network."""

    handle: Handle
    stand_in: StandIn

    def say(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer speak so that the handle can hear it; return the native id."""
        private = (private and self.stand_in.private_sayable) or not self.stand_in.public_sayable
        return self.stand_in.speak(author, text, reply_to=reply_to, private=private)

    @property
    def is_pushed(self) -> bool:
        """Return whether the network calls our webhook."""
        return bool(network_module(self.handle.network).capabilities.pushes)

    def posted(self) -> Iterator[Posted]:
        """Yield every customer's post as it stands."""
        with self.stand_in.lock:
            said = list(self.stand_in.posts)
        for each in said:
            yield Posted(
                handle=self.handle,
                native_id=each.native_id,
                author=each.author,
                text=each.text,
                deleted=each.deleted,
            )

    def answers(self) -> Iterator[Answer]:
        """Yield every answer that this handle has given through the network's API."""
        with self.stand_in.lock:
            shown = list(self.stand_in.shown)
        for each in shown:
            yield Answer(
                handle=self.handle,
                native_id=each.native_id,
                to=each.to,
                text=each.text,
                private=each.private,
                deleted=each.deleted,
            )


@dataclass(slots=True, kw_only=True)
class Town:
    """All venues of an organisation; the rest of its handles are on real networks."""

    venues: list[Venue] = field(default_factory=list[Venue])
    said_at: dict[str, float] = field(default_factory=dict[str, float])
    """When a post was made, by its item's key; seconds since the epoch."""

    @classmethod
    def built_for(cls, handles: Sequence[Handle], *, first_port: int = 0) -> Town:
        """Start a stand-in per handle, on free ports from the one that is given."""
        town = cls()
        port = first_port
        for place, handle in enumerate(handles):
            port = free_from(port) if first_port else 0
            stand_in = stand_in_for(handle.network).playing(handle, port=port, place=place)
            try:
                stand_in.start()
            except OSError as error:
                town.stop()
                raise TownError(
                    f"port {port} is in use; choose others, as in `make run PORT=4900`"
                ) from error
            town.venues.append(Venue(handle=handle, stand_in=stand_in))
            port += 1
        return town

    def stop(self) -> None:
        """Close every stand-in."""
        for venue in self.venues:
            venue.stand_in.stop()

    def venue(self, network: str, account: str = "") -> Venue | None:
        """Find the handle's venue: the account's on that network, else the network's last one."""
        there = [venue for venue in self.venues if venue.handle.network == network]
        return next(
            (venue for venue in there if venue.handle.account == account), there[-1] if there else None
        )

    def say(self, venue: Venue, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer speak, and remember when."""
        at = time.time()
        native_id = venue.say(author, text, reply_to=reply_to, private=private)
        self.said_at[f"{venue.handle.network}#{native_id}"] = at
        return native_id

    def posted(self) -> list[Posted]:
        """List what customers said everywhere, as it stands now."""
        return [post for venue in self.venues for post in venue.posted()]

    def answers(self, key: str = "") -> list[Answer]:
        """List our answers as the networks show them: to the item of that key, or all."""
        found = [answer for venue in self.venues for answer in venue.answers()]
        return [answer for answer in found if answer.key == key] if key else found

    def secrets(self) -> dict[str, Mapping[str, str]]:
        """Return what Secrets Manager must hold, by name behind the prefix."""
        found: dict[str, Mapping[str, str]] = {}
        for venue in self.venues:
            if venue.stand_in.secret:
                found[venue.handle.secret] = venue.stand_in.secret
            if venue.stand_in.app_secret:
                found[f"{venue.handle.network}/app"] = venue.stand_in.app_secret
        return found

    def register_webhooks(self, address: Callable[[str], str]) -> None:
        """Let the networks that call us greet our webhook, and tell it from now on what is said."""
        for venue in self.venues:
            if venue.is_pushed:
                _register(venue, address(venue.handle.network))

    def write(
        self,
        files: Sequence[Path],
        path: Path,
        *,
        rules: Sequence[Mapping[str, Any]] = (),
        ladders: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        """Write the organisation with each played handle at its stand-in, and `rules` before its own.

        `ladders` replaces the escalation of units, so that a page climbs while somebody looks on.
        """
        values: Any = merged(files)
        for venue in self.venues:
            handle = venue.handle
            handles = values["units"][handle.unit]["accounts"][handle.account]["handles"]
            written = handles[handle.network]
            several = [
                each if isinstance(each, dict) else {"handle": each}
                for each in (written if isinstance(written, list) else [written])
            ]
            for each in several:
                if each["handle"] == handle.handle:
                    each.update(_settings(venue, each))
            handles[handle.network] = several if isinstance(written, list) else several[0]
        values["rules"] = [*rules, *values.get("rules", ())]
        for unit, ladder in (ladders or {}).items():
            values["units"][unit]["escalation"] = [dict(step) for step in ladder]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")


def merged(files: Sequence[Path]) -> dict[str, Any]:
    """Return what the files say together, a later one laid over the earlier."""
    return read_all(files).values


def organisation_of(files: Sequence[Path]) -> Organisation:
    """Return the organisation that the files describe; `TownError` tells the first mistake in them."""
    loaded = load(files, now())
    if loaded.organisation is None:
        raise TownError(str(loaded.mistakes[0]))
    return loaded.organisation


def _settings(venue: Venue, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the organisation file must say so that a handle is read at its stand-in."""
    told = dict(venue.stand_in.handle_settings)
    del told["handle"]
    if not venue.handle.native_id:  # the stand-in made it up, and tells it to who asks
        told.pop("native_id", None)
    if told.get("settings"):
        told["settings"] = {**written.get("settings", {}), **told["settings"]}
    return told


def _register(venue: Venue, url: str) -> None:
    """Let a network verify our webhook, again when the function was slow to wake up."""
    for left in range(GREETINGS, 0, -1):
        try:
            venue.stand_in.register(url)
        except (OSError, ValueError) as error:
            if left == 1:
                title = network_module(venue.handle.network).capabilities.title
                raise TownError(f"the webhook {url} did not pass {title}'s verification") from error
        else:
            return


def free_from(first: int) -> int:
    """Return the first port from there on that nobody has; the last one tried when somebody has them all."""
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    return first + PORTS_TRIED
