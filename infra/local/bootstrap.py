"""Make the environments that pyproject.toml names, each from its hash-pinned file, with nothing but Python.

Runs on the interpreter of a fresh machine, so it uses the standard library alone. Everything stays inside the
folder; an environment whose requirements have not changed is left as it is.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(__file__).resolve().parents[2]
ON_DEMAND = {"train": ".venv-train", "peers": ".venv-peers"}  # made by the commands that need it
MINORS = (13, 12, 11)  # the template's runtime first; functions run on the emulator's own interpreter
ENVIRONMENTS = {"dev": ".venv", "cloud": ".venv-cloud", "sam": ".venv-sam", "audit": ".venv-audit"}
PROBE = "import ensurepip, ssl, venv, sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)"
BROWSERS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
COMMAND = '#!/bin/sh\nexec "$(dirname "$0")/python" -m allhours.cli "$@"\n'


class SetupError(Exception):
    """Say in one line what this machine lacks."""


def main(arguments: list[str] | None = None) -> int:
    """Bring the named environments up to date; print one line for each that had to be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", default=[], metavar="NAME", help="environments to make; all by default"
    )
    asked = parser.parse_args(arguments).names
    names = asked or list(ENVIRONMENTS)
    try:
        (FOLDER / ".local").mkdir(exist_ok=True)
        with (FOLDER / ".local" / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # `make run` beside `make test`
            for name in names:
                _make(name)
            if not asked:
                _browser()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def _make(name: str) -> None:
    """Make one environment unless it stands as pinned."""
    home, requirements = FOLDER / (ENVIRONMENTS | ON_DEMAND)[name], FOLDER / "requirements" / f"{name}.txt"
    python, stamp = home / "bin" / "python", home / ".made-from"
    wanted = _stamp(requirements)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    uv = _uv()
    stamp.unlink(missing_ok=True)
    if not python.exists():
        _run([uv, "venv", "--clear", "--python", interpreter(), home], f"cannot make {home.name}")
    print(f"setup: {home.name} from {requirements.relative_to(FOLDER)}", flush=True)
    sync: list[str | Path] = [uv, "pip", "sync", "--require-hashes", "--python", python, requirements]
    _run(sync, f"cannot install {requirements.name}; is there a network?")
    if name == "dev":
        _add_command(home)
    stamp.write_text(wanted)


def _uv() -> Path:
    """Give the pinned uv, installed by pip into a folder of its own."""
    home, requirements = FOLDER / ".venv-tools", FOLDER / "requirements" / "tools.txt"
    uv, stamp = home / "bin" / "uv", home / ".made-from"
    wanted = _stamp(requirements)
    if uv.exists() and stamp.exists() and stamp.read_text() == wanted:
        return uv
    python = interpreter()
    if (minor := _minor(python)) != MINORS[0]:
        print(f"setup: no Python 3.{MINORS[0]} here, the template's runtime; going on with 3.{minor}")
    _run(
        [python, "-m", "venv", "--clear", home], f"{python} cannot make environments: install its venv module"
    )
    pip: list[str | Path] = [
        home / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-cache-dir",
        "--disable-pip-version-check",
    ]
    _run([*pip, "--require-hashes", "-r", requirements], "cannot install uv; is there a network?")
    stamp.write_text(wanted)
    return uv


def _stamp(requirements: Path) -> str:
    """Name what an environment was made from: its pins and this folder, whose path its scripts carry."""
    return hashlib.sha256(requirements.read_bytes() + bytes(FOLDER)).hexdigest()


def interpreter() -> Path:
    """Find the newest of the Pythons we support that can make environments."""
    for minor in MINORS:
        for candidate in _candidates(minor):
            if _minor(candidate) == minor:
                return candidate
    oldest, newest = MINORS[-1], MINORS[0]
    message = (
        f"needs Python 3.{oldest} to 3.{newest} with its venv module (Debian: apt-get install python3-venv)"
    )
    raise SetupError(message)


def _candidates(minor: int) -> Iterator[Path]:
    """List where a Python of this version may be: this one, on PATH, pyenv's, uv's."""
    if sys.version_info[:2] == (3, minor):
        yield Path(sys.executable)
    if found := shutil.which(f"python3.{minor}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python3"), reverse=True)
    yield from sorted(
        Path.home().glob(f".local/share/uv/python/cpython-3.{minor}.*/bin/python3"), reverse=True
    )


def _minor(python: Path) -> int:
    """Tell which 3.x a working interpreter is; 0 when it does not run or lacks a module we need."""
    try:
        done = subprocess.run([python, "-I", "-c", PROBE], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    return int(done.stdout) if done.returncode == 0 else 0


def _add_command(home: Path) -> None:
    """Let the environment import the package in place and give it the `allhours` command."""
    site = next(home.glob("lib/python3.*/site-packages"))
    (site / "allhours.pth").write_text(f"{FOLDER / 'shared'}\n")
    command = home / "bin" / "allhours"
    command.write_text(COMMAND)
    command.chmod(0o755)


def _browser() -> None:
    """See to a Chromium for the tests of the desk's page; without one they skip, and setup says so."""
    if os.environ.get("CHROMIUM") or any(map(shutil.which, BROWSERS)):
        return
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print("setup: Chromium, for the tests of the desk's page", flush=True)
        quiet: list[str | Path] = ["env", "DEBIAN_FRONTEND=noninteractive", apt, "-qq", "--yes"]
        try:
            _run([*quiet, "update"], "apt-get cannot read its lists")
            install = ["install", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
            _run([*quiet, *install], "apt-get cannot install Chromium")
        except SetupError as error:
            print(f"setup: {error}")
        else:
            return
    print("setup: no Chromium, so the tests of the desk's page skip: install it, or name one in CHROMIUM")


def _run(command: Sequence[str | Path], problem: str) -> None:
    """Run quietly; on failure show what the program said and raise `SetupError`."""
    # The cache lies in the folder too, unless the user has one elsewhere; uv fetches no interpreter.
    ours = {"UV_CACHE_DIR": str(FOLDER / ".local" / "cache" / "uv"), "UV_PYTHON_DOWNLOADS": "never"}
    strip = {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT"}
    environment = ours | {name: value for name, value in os.environ.items() if name not in strip}
    try:
        done = subprocess.run(
            command, env=environment, cwd=FOLDER, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise SetupError(f"{problem} ({error})") from error
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        raise SetupError(problem)


if __name__ == "__main__":
    sys.exit(main())
