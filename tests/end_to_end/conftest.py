"""The local cloud for tests: one emulator behind a fault proxy, with one deployment of the template."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.local.deploy import deploy
from infra.local.deployed import PARAMETERS, Deployed
from infra.local.desk import Door
from infra.local.emulator import Emulator
from infra.local.faults import FaultProxy
from infra.local.front import Front
from infra.local.scene import Scene
from infra.local.standins.oidc import SignIn
from infra.local.town import Town, organisation_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "infra" / "organisation" / "acme.yaml"
UNIT_ACCOUNT = "222233334444"
NOBODY_IN = "lending"
QUICK = {
    "fraud_security": (
        {"after": "0s", "notify": "on_shift"},
        {"after": "2s", "notify": "unit_head", "repeat": "1h", "times": 2, "alarm": True},
    )
}
"""Instead of minutes, so that a page climbs within a test."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook, before a conftest's turn
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares the emulator on one worker, and the runs, which share ports, on one too."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(
                pytest.mark.xdist_group("runs" if item.path.stem == "test_run" else "local cloud")
            )


@pytest.fixture(scope="session")
def fault_proxy() -> Iterator[FaultProxy]:
    """Stand between functions and emulator; `faults` is the one to ask for."""
    with FaultProxy.start() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def emulator(fault_proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run an empty local cloud; each stack in it is deployed by whoever needs it."""
    state = tmp_path_factory.mktemp("cloud")
    with Emulator.start(state=state, calls_through=fault_proxy.address) as emulator:
        fault_proxy.forward_to(emulator.endpoint)
        yield emulator


@pytest.fixture
def faults(fault_proxy: FaultProxy) -> Iterator[FaultProxy]:
    """Let AWS calls of functions fail as told; nothing is left over for the next test."""
    fault_proxy.clear()
    yield fault_proxy
    fault_proxy.clear()


def a_gap_in(path: Path) -> None:
    """Take everybody in one unit off duty until the day after tomorrow, as its rota says and accepts."""
    values: dict[str, Any] = yaml.safe_load(path.read_text())
    unit, now = values["units"][NOBODY_IN], datetime.now(UTC)
    back = (now + timedelta(days=3)).date().isoformat()
    for shift in unit["shifts"]:
        shift["valid"] = {"from": back}
    begin, until = (f"{(now + timedelta(days=days)).date().isoformat()}T00:00:00Z" for days in (-1, 4))
    unit["accepted_gaps"] = [{"from": begin, "until": until, "reason": "the test of an empty rota"}]
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


@pytest.fixture(scope="session")
def organisation_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the deployed organisation is written, alone in its folder, which the build looks at."""
    return tmp_path_factory.mktemp("organisation") / "organisation.yaml"


@pytest.fixture(scope="session")
def sign_in() -> Iterator[SignIn]:
    """Let the example bank's members sign in."""
    with SignIn.of(organisation_of([EXAMPLE])) as sign_in:
        yield sign_in


@pytest.fixture(scope="session")
def door(scene: Scene, sign_in: SignIn) -> Iterator[Door]:
    """Put the desk's page and API under one address, as a browser has them."""
    with Front(target=scene.deployed.public_api) as front:
        yield Door(address=front.address, sign_in=sign_in)


@pytest.fixture(scope="session")
def scene(emulator: Emulator, organisation_file: Path, sign_in: SignIn) -> Iterator[Scene]:
    """Deploy the template with the example bank on stand-ins, and watch all that comes out of it."""
    town = Town.built_for(organisation_of([EXAMPLE]).handles)
    town.write([EXAMPLE], organisation_file, ladders=QUICK)
    a_gap_in(organisation_file)
    parameters = {**PARAMETERS, **sign_in.parameters(), "UnitAwsAccountIds": UNIT_ACCOUNT}
    outputs = deploy(emulator, organisation=organisation_file, parameters=parameters)
    deployed = Deployed(emulator=emulator, outputs=outputs)
    deployed.keep_secrets(town.secrets())
    scene = Scene(deployed=deployed, town=town, organisation=organisation_of([organisation_file]))
    scene.open_eyes()
    scene.poll_once()
    town.register_webhooks(deployed.webhook)
    yield scene
    scene.close_eyes()
    with suppress(OSError):
        town.stop()
