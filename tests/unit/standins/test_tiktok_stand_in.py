"""The TikTok stand-in: in the recorded shapes where there are any, and with a webhook that delivers."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks import tiktok
from allhours.networks.contract import Delivery
from allhours.networks.http import Http
from infra.local.standins.base import FAULTS
from infra.local.standins.tiktok import APP, TikTokStandIn
from tests.shared_material import specs
from tests.unit.networks.tiktok_desk import Counted, Secrets

AT = datetime.now(UTC)
HANDLE = Handle(
    network="tiktok",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="",
    native_id="open-acme",
)


def reader(stand_in: TikTokStandIn) -> tuple[tiktok.TikTok, Handle]:
    network = tiktok.connect(
        Secrets(stand_in.secret, stand_in.app_secret),
        Http(),
        app_secret="tiktok/app",
        meter=Counted(float("inf")),
    )
    settings: dict[str, Any] = dict(stand_in.handle_settings)
    return network, Handle(network="tiktok", account="a", unit="u", secret="tiktok/acme-cards", **settings)


def _shape(value: object) -> object:
    return {name: type(each).__name__ for name, each in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("name", ["token_resp.json", "refresh_resp.json"])
def test_token_answers_have_the_recorded_shape(name: str) -> None:
    recorded = json.loads(specs("tiktok", "recorded-python-tiktok", name).read_bytes())
    with TikTokStandIn() as stand_in:
        grant = "refresh_token" if name.startswith("refresh") else "authorization_code"
        reply = (
            Http()
            .call(
                "tiktok",
                "POST",
                f"{stand_in.base_url}/open_api/v1.3/tt_user/oauth2/token/",
                json_body={
                    "client_id": APP["app_id"],
                    "client_secret": APP["app_secret"],
                    "grant_type": grant,
                    "auth_code": "stand-in-code",
                    "redirect_uri": "https://x.example/",
                    "refresh_token": stand_in.secret["refresh_token"],
                },
            )
            .json()
        )
    assert _shape(reply) == _shape(recorded)
    assert _shape(reply["data"]) == _shape(recorded["data"])


def test_the_webhook_delivers_signed_events_until_it_is_answered() -> None:
    heard: list[Delivery] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard.append(Delivery(method="POST", query={}, headers=headers, body=body))
            self.send_response(503 if len(heard) == 1 else 200)
            self.end_headers()
            if len(heard) > 1:
                done.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Keep quiet."""

    done = threading.Event()
    with HTTPServer(("127.0.0.1", 0), Hook) as server, TikTokStandIn() as stand_in:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        stand_in.register(f"http://127.0.0.1:{server.server_port}/")
        said = stand_in.speak("leela", "card gone")
        assert done.wait(10)
        network, handle = reader(stand_in)
        for each in heard:
            network.verify(replace(each, came_at=datetime.now(UTC)))
        [item] = network.unpack(heard[-1].body, [handle], at=AT)
        assert isinstance(item, Item)
        assert (item.native_id, item.text) == (said, "card gone")
        server.shutdown()


def test_every_path_ends_with_a_slash() -> None:
    with TikTokStandIn() as stand_in:
        reply = Http().call("tiktok", "GET", f"{stand_in.base_url}/open_api/v1.3/business/video/list")
    assert reply.status == 404


def test_behind_five_hundred_comments_others_come_again() -> None:
    with TikTokStandIn() as stand_in:
        said = [stand_in.speak("leela", f"comment {number}") for number in range(505)]
        network, handle = reader(stand_in)
        steps = list(network.fetch(handle, {}, at=datetime.now(UTC)))
        heard = [each.native_id for step in steps for each in step.heard]
    assert set(said[5:]) <= set(heard)
    assert len(heard) == len(set(heard))


def test_stand_ins_side_by_side_share_no_id() -> None:
    one, other = (TikTokStandIn.playing(HANDLE, place=place) for place in (1, 2))
    for stand_in in (one, other):
        stand_in.speak("leela", "same", reply_to=stand_in.speak("leela", "same"))
    assert not {each.native_id for each in one.posts} & {each.native_id for each in other.posts}
    assert one.handle_settings["native_id"] == HANDLE.native_id


def test_nobody_edits_a_comment() -> None:
    with pytest.raises(NotImplementedError):
        TikTokStandIn().edit("1", "other words")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_can_be_armed(fault: str) -> None:
    with TikTokStandIn() as stand_in:
        stand_in.fail(fault)
        network, handle = reader(stand_in)
        list(network.fetch(handle, {}, at=AT))
        assert stand_in.asked
