"""Show the main job at work: the template on a local cloud, stand-in networks, customers who post.

Ctrl-C, SIGTERM or the end of `--for` stop the posting; what is under way arrives, then every post is counted.
Exit code 0 when posted = routed + light + filtered + deleted, nothing came twice, and every answer is on its
network once and from the right account; 1 when not, or when it cannot start.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from infra.local.cast import ASLEEP_IN, CAST, LADDERS, SPAM_RULE, Performance, voices
from infra.local.deploy import FOLDER, LOCAL, DeployError, deploy
from infra.local.deployed import PARAMETERS, Deployed, until
from infra.local.desk import Door
from infra.local.emulator import Emulator, EmulatorError
from infra.local.front import Front
from infra.local.scene import Scene
from infra.local.staff import Staff
from infra.local.standins.oidc import SignIn
from infra.local.town import Town, TownError, free_from, organisation_of
from infra.local.trip_picture import trip_picture
from infra.local.view import live_view, picture, progress_line, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.handle import Handle
    from allhours.domain.organisation import Organisation

EXAMPLE = FOLDER / "infra" / "organisation" / "acme.yaml"
DRAIN_SECONDS = 60
QUIET_SECONDS = 3  # after the last post is in its place, for whatever might still come a second time
LINE_SECONDS = 5  # between two progress lines where there is no terminal
FRAMES = 4  # a second
SIGN_INS = 3  # shown; the rest are in a file


class RunError(Exception):
    """Say in one line why the run cannot be."""


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; 0 when every post is accounted for."""
    asked = _arguments(arguments)
    console = Console()
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell's background job is born deaf to the first
        signal.signal(ending, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            scene, lines = _set(stack, asked, console)
            return _played(scene, lines, asked, console)
    except (DeployError, EmulatorError, RunError, TownError) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("run: stopped before every post was counted", file=sys.stderr)
        return 130


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument(
        "--for", dest="seconds", type=float, metavar="N", help="end by itself after N seconds"
    )
    parser.add_argument(
        "--voices", type=Path, metavar="FILE", help="JSON lines with real posts, for the cast's"
    )
    parser.add_argument("--organisation", type=Path, metavar="FILE", help="another organisation file")
    parser.add_argument(
        "--secrets", type=Path, metavar="FILE", help='JSON: {"mastodon/acme": {…}} is no stand-in'
    )
    parser.add_argument(
        "--port", type=int, default=4566, help="of the emulator; the stand-ins take the next ones"
    )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="write the live view as SVG before the end"
    )
    parser.add_argument("--no-staff", action="store_true", help="nobody works at the desk but you")
    parser.add_argument("--trip", type=Path, metavar="FILE", help="write the trip of one urgent post as SVG")
    return parser.parse_args(arguments)


def _set(stack: ExitStack, asked: argparse.Namespace, console: Console) -> tuple[Scene, Performance | None]:
    """Start and deploy everything; the stack ends it again."""
    begun = time.monotonic()

    def told(what: str) -> None:
        console.print(f"{time.monotonic() - begun:5.1f} s  {what}", highlight=False)

    secrets = _secrets(asked.secrets)
    files = [_there(asked.organisation)] if asked.organisation else [EXAMPLE]
    organisation = organisation_of(files)
    played = [handle for handle in organisation.handles if not asked.organisation or _plays(handle, secrets)]
    port = _free(asked.port)  # before anything is written: two runs on one port would share a folder
    desk_port = free_from(port + 1)
    sign_in = stack.enter_context(SignIn.of(organisation, port=free_from(desk_port + 1)))
    town = Town.built_for(played, first_port=sign_in.port + 1)
    stack.callback(town.stop)
    if town.venues:
        told(f"{len(town.venues)} stand-ins from port {sign_in.port + 1} on")
    for handle in organisation.handles:
        if handle not in played:
            told(f"{handle.network} {handle.handle}: the real one, {handle.base_url}")
    lines = _lines(asked.voices, town)
    home = LOCAL / "run" / str(port)  # two runs side by side share nothing
    written = home / "organisation" / "organisation.yaml"  # alone in its folder, which the build looks at
    if asked.organisation:
        town.write(files, written)
    else:
        town.write(files, written, rules=[SPAM_RULE], ladders=LADDERS)
    emulator = stack.enter_context(Emulator.start(state=home / "cloud", port=port))
    told(f"AWS emulator at {emulator.endpoint}, IAM enforced; now template.yaml, by the SAM CLI")
    parameters = {**PARAMETERS, **sign_in.parameters()}
    deployed = Deployed(
        emulator=emulator, outputs=deploy(emulator, organisation=written, parameters=parameters)
    )
    front = stack.enter_context(Front(target=deployed.public_api, port=desk_port))
    told("deployed")
    deployed.keep_secrets({**town.secrets(), **secrets})
    scene = Scene(deployed=deployed, town=town, organisation=organisation_of([written]))
    stack.callback(scene.close_eyes)
    scene.open_eyes()
    scene.poll_once()
    town.register_webhooks(deployed.webhook)
    called = sorted({venue.handle.network for venue in town.venues if venue.is_pushed})
    told(f"cursors set{', webhooks registered: ' if called else ''}{', '.join(called)}")
    scene.desk = _opened(front, sign_in, scene.organisation, home / "sign-ins.txt")
    told(scene.desk)
    if sign_in.people and not asked.no_staff and not secrets:  # made-up answers never reach a real network
        door = Door(address=front.address, sign_in=sign_in)
        scene.staff = Staff(door=door, organisation=scene.organisation)
    return scene, lines


def _opened(front: Front, sign_in: SignIn, organisation: Organisation, written: Path) -> str:
    """Say where the desk is and name some who may sign in; all are in a file that only we can read."""
    if not sign_in.people:
        return f"the desk is at {front.address}/desk, and no member of this organisation has a `sign_in`"
    written.touch(mode=0o600)
    lines = [f"{each.member} {each.password} ({each.name})" for each in sign_in.people.values()]
    written.write_text("\n".join([f"{front.address}/desk", *lines, ""]), encoding="utf-8")
    on_duty = [
        (unit.title, member)
        for unit in organisation.units.values()
        for member in organisation.on_duty(unit.unit_id, datetime.now(UTC)).members[:1]
    ]
    some = [*(("everything", member) for member in organisation.admins), *on_duty]
    named = [
        f"{member} {sign_in.people[member].password} ({what})"
        for what, member in some
        if member in sign_in.people
    ]
    where = written.relative_to(FOLDER)
    return f"desk: {front.address}/desk · sign in as {', '.join(named[:SIGN_INS])}; all in {where}"


def _played(scene: Scene, lines: Performance | None, asked: argparse.Namespace, console: Console) -> int:
    """Let the cast play until the end, count, and return the exit code."""
    ending = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):  # the first ends the posting, a second one everything
        signal.signal(each, lambda *_: _end(ending))
    scene.started_at = time.time()
    scene.phase = f"of {asked.seconds:.0f} s, posting" if asked.seconds else "posting"
    scene.poll_often()
    scene.tick_often(asleep_in="" if asked.organisation else ASLEEP_IN)
    if lines:
        threading.Thread(target=_perform, args=(lines, ending, scene), name="cast", daemon=True).start()
    if scene.staff:
        threading.Thread(target=_work, args=(scene.staff, ending, scene), name="staff", daemon=True).start()
    with _shown(scene, console) as show:
        for left in until(asked.seconds or float("inf")):
            show()
            if ending.wait(min(left, 1 / FRAMES)):
                break
        ending.set()
        if asked.picture:
            _write(asked.picture, picture(scene))
        scene.phase = "no more posts; what is under way arrives"
        _drain(scene, show)
    if asked.trip:
        _write(asked.trip, trip_picture(scene))
    if scene.count().open:
        scene.ask_why_open()
    console.print(summary(scene))
    return 0 if scene.balance.adds_up and not scene.ledger.twice and scene.answers.holds else 1


def _end(ending: threading.Event) -> None:
    if ending.is_set():
        raise KeyboardInterrupt
    ending.set()


def _perform(lines: Performance, ending: threading.Event, scene: Scene) -> None:
    """Post at the cast's pace; its own trouble is shown and ends it."""
    try:
        while not ending.wait(lines.next()):
            pass
    except (KeyError, ValueError) as error:
        scene.errors.append(f"the cast stopped: {type(error).__name__} {error}")


def _work(staff: Staff, ending: threading.Event, scene: Scene) -> None:
    """Work at the desk's pace; the staff's own trouble is shown and ends it."""
    try:
        while not ending.wait(staff.next()):
            pass
    except (KeyError, TypeError, ValueError) as error:
        scene.errors.append(f"the staff stopped: {type(error).__name__} {error}")


def _drain(scene: Scene, show: Callable[[], None]) -> None:
    """Wait until nothing is open and then a little, for doubles; a minute at most."""
    quiet_since = 0.0
    for _ in until(DRAIN_SECONDS):
        show()
        before = scene.balance.posted
        if scene.count().open or scene.balance.posted != before or scene.answers.under_way:
            quiet_since = 0.0
        elif not quiet_since:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            return


class _shown:  # noqa: N801 - reads as a verb at its only use
    """The live view on a terminal, a line every few seconds elsewhere; inside, call what it gives often."""

    def __init__(self, scene: Scene, console: Console) -> None:
        self._scene = scene
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False) if console.is_terminal else None
        self._next_line = 0.0

    def __enter__(self) -> Callable[[], None]:
        if self._live:
            self._live.__enter__()
        return self._show

    def __exit__(self, *trouble: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def _show(self) -> None:
        if self._live:
            self._live.update(live_view(self._scene, self._console), refresh=True)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            print(progress_line(self._scene), flush=True)


def _plays(handle: Handle, secrets: Mapping[str, object]) -> bool:
    """Tell whether a stand-in plays a handle of somebody's own organisation: no feed, and no secret given."""
    return handle.network != "feeds" and handle.secret not in secrets


def _secrets(path: Path | None) -> dict[str, dict[str, str]]:
    if path is None:
        return {}
    try:
        read = json.loads(_there(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is no JSON ({type(error).__name__})") from None
    if not isinstance(read, dict) or not all(isinstance(fields, dict) for fields in read.values()):
        raise RunError(f'{path} must be {{"mastodon/acme": {{"access_token": "…"}}, …}}')
    return read


def _lines(path: Path | None, town: Town) -> Performance | None:
    """Return who posts: the cast, or the voices of a file; nobody where there is no stand-in."""
    if not town.venues:
        return None
    if path is None:
        return Performance(town=town, lines=CAST)
    lines, wrong = voices(_there(path), town)
    for each in wrong:
        print(f"run: {each}; left out", file=sys.stderr)
    if not lines:
        raise RunError(f"{path} has no post that could be used")
    return Performance(town=town, lines=lines, once=True)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise RunError(f"{path} is not there")
    return path


def _free(port: int) -> int:
    """Return the port, or say that somebody else has it."""
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise RunError(f"port {port} is in use; choose another, as in `make run PORT=4900`") from error
    return port


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
