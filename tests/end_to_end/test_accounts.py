"""What the deployed stack tells anybody of its accounts, and its nightly look at the answer cards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import requests

from allhours.cli.__main__ import main

if TYPE_CHECKING:
    import pytest

    from infra.local.scene import Scene


def test_anybody_can_check_which_accounts_are_the_banks(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    page = requests.get(scene.deployed.reachable(scene.deployed.outputs["AccountsUrl"]), timeout=10)
    assert page.status_code == 200
    handle = scene.organisation.handles_on("x")[0]
    assert handle.handle in page.text
    signed = scene.deployed.reachable(scene.deployed.outputs["VerifiedAccountsUrl"])
    assert main(["verify-accounts", signed, "--handle", handle.handle, "--network", "x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["is_ours"]
    assert main(["verify-accounts", signed, "--handle", "@acme_refunds", "--json"]) == 1


def test_the_nightly_look_at_the_cards_may_do_what_it_does(scene: Scene) -> None:
    assert scene.deployed.invoke("Cards", {}) == ""
