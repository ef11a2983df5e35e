"""The parts of the local cloud that need no emulator."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from infra.local import bootstrap, cloud, deploy
from infra.local.faults import FaultProxy, call_named

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/{}/aws4_request, SignedHeaders=host"


@pytest.mark.parametrize(
    ("expression", "zone", "in_utc"),
    [
        ("rate(1 minute)", "UTC", "rate(1 minute)"),
        ("rate(15 minutes)", "Europe/Madrid", "rate(15 minutes)"),
        ("cron(0 9 * * ? *)", "UTC", "cron(0 9 * * ? *)"),
        ("at(2026-07-01T08:00:00)", "Europe/Madrid", "at(2026-07-01T06:00:00)"),
        ("at(2026-12-01T08:00:00)", "Europe/Madrid", "at(2026-12-01T07:00:00)"),
        ("at(2026-12-01T08:00:00)", "Australia/Lord_Howe", "at(2026-11-30T21:00:00)"),
    ],
)
def test_a_schedule_is_read_in_its_own_zone(expression: str, zone: str, in_utc: str) -> None:
    assert cloud.schedule_in_utc(expression, zone) == in_utc


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("rate(30 seconds)", "UTC"),
        ("rate(0 minutes)", "UTC"),
        ("rate(1 minutes)", "UTC"),
        ("rate(2 minute)", "UTC"),
        ("cron(0 9 * * *)", "UTC"),
        ("cron(0 9 * * * *)", "UTC"),
        ("cron(0 9 * * ? *)", "Europe/Madrid"),
        ("at(2026-02-30T08:00:00)", "UTC"),
        ("at(2026-07-01 08:00)", "UTC"),
        ("rate(1 minute)", "Mars/Olympus"),
        ("rate(1 minute)", "../etc/passwd"),
        ("", "UTC"),
    ],
)
def test_a_schedule_that_would_never_fire_or_fire_wrongly_is_refused(expression: str, zone: str) -> None:
    with pytest.raises(cloud.InvalidScheduleError):
        cloud.schedule_in_utc(expression, zone)


def test_an_emulator_that_changed_inside_is_named_not_guessed() -> None:
    modules = {
        module: SimpleNamespace(**dict.fromkeys(names)) for module, names in cloud.PRIVATE_NAMES.items()
    }
    assert cloud.missing_names(modules) == []
    del modules["ministack.services.scheduler"]._create_schedule
    assert cloud.missing_names(modules) == ["ministack.services.scheduler._create_schedule"]


@pytest.mark.parametrize(
    ("headers", "body", "named"),
    [
        ({"X-Amz-Target": "DynamoDB_20120810.PutItem"}, b"{}", ("dynamodb", "PutItem")),
        ({"x-amz-target": "AmazonSQS.SendMessageBatch"}, b"{}", ("sqs", "SendMessageBatch")),
        (
            {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            b"Action=PublishBatch&Version=2010-03-31",
            ("sns", "PublishBatch"),
        ),
        ({}, b"", ("s3", "GET")),
    ],
)
def test_a_call_is_known_by_service_and_action(
    headers: dict[str, str], body: bytes, named: tuple[str, str]
) -> None:
    signed = {"Authorization": SIGNED.format(named[0]), **headers}
    assert call_named("GET", "/bucket/key", signed, body) == named


def test_an_unsigned_call_is_called_unsigned() -> None:
    assert call_named("GET", "/", {}, b"") == ("unsigned", "GET")


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """An emulator that remembers what it was asked: the host and the body of each call."""

    address: str
    seen: list[tuple[str, str]]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.headers["Host"], self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response_only(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Upstream(address=f"http://127.0.0.1:{server.server_port}", seen=seen)
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with FaultProxy.start() as proxy:
        proxy.forward_to(upstream.address)
        yield proxy


def put_item(proxy: FaultProxy) -> tuple[int, str]:
    """Call through the proxy; 0 when the connection was cut."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.server.server_port, timeout=10)
    headers = {"Authorization": SIGNED.format("dynamodb"), "X-Amz-Target": "DynamoDB_20120810.PutItem"}
    try:
        connection.request("POST", "/", body=b"{}", headers={**headers, "Host": "signed.example"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    except http.client.RemoteDisconnected:
        return 0, ""
    finally:
        connection.close()


def test_a_call_without_a_fault_passes_as_it_was_signed(proxy: FaultProxy, upstream: Upstream) -> None:
    assert put_item(proxy) == (200, "ok")
    assert upstream.seen == [("signed.example", "{}")]


def test_a_throttled_call_does_nothing_as_often_as_told(proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.throttle("dynamodb", "PutItem", times=2)
    answers = [put_item(proxy) for _ in range(3)]
    assert [status for status, _ in answers] == [400, 400, 200]
    assert json.loads(answers[0][1])["__type"] == "ThrottlingException"
    assert len(upstream.seen) == 1
    assert proxy.calls["dynamodb", "PutItem"] == 3


def test_a_cut_call_does_nothing_and_a_lost_answer_did_it(proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.cut("dynamodb", "PutItem")
    assert put_item(proxy) == (0, "")
    assert upstream.seen == []
    proxy.lose_answer("dynamodb", "PutItem")
    assert put_item(proxy) == (0, "")
    assert len(upstream.seen) == 1


def test_another_service_s_fault_does_not_touch_this_call(proxy: FaultProxy) -> None:
    proxy.throttle("sqs", "PutItem")
    assert put_item(proxy)[0] == 200


def small_template(folder: Path) -> Path:
    (folder / "functions" / "route").mkdir(parents=True)
    (folder / "functions" / "route" / "app.py").write_text("1")
    (folder / "template.yaml").write_text("Resources: {}")
    return folder / "template.yaml"


def test_a_build_is_made_anew_only_when_its_inputs_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[list[str]] = []

    def sam(command: list[str | Path], folder: Path, environment: dict[str, str]) -> None:
        builds.append([environment["ORGANISATION"], str(folder)])
        Path(command[-1]).mkdir(parents=True, exist_ok=True)
        (Path(command[-1]) / "template.yaml").write_text("Resources: {}")

    monkeypatch.setattr(deploy, "LOCAL", tmp_path / "local")
    monkeypatch.setattr(deploy, "_sam", sam)
    template = small_template(tmp_path / "project")
    deploy.build(template=template)
    deploy.build(template=template)
    (template.parent / "functions" / "route" / "__pycache__").mkdir()
    (template.parent / "functions" / "route" / "__pycache__" / "app.pyc").write_text("compiled")
    deploy.build(template=template)
    assert len(builds) == 1
    (template.parent / "functions" / "route" / "app.py").write_text("2")
    deploy.build(template=template)
    assert len(builds) == 2
    bank = tmp_path / "bank" / "organisation.yaml"
    bank.parent.mkdir()
    bank.write_text("units: []")
    deploy.build(template=template, organisation=bank)
    assert [organisation for organisation, _ in builds] == ["", "", str(bank)]


def test_a_failed_command_says_which_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sam = tmp_path / ".venv-sam" / "bin" / "sam"
    sam.parent.mkdir(parents=True)
    sam.write_text("#!/bin/sh\necho the template is not there\nexit 1\n")
    sam.chmod(0o755)
    monkeypatch.setattr(deploy, "FOLDER", tmp_path)
    monkeypatch.setattr(deploy, "LOCAL", tmp_path / "local")
    with pytest.raises(deploy.DeployError, match=r"sam build failed:\nthe template is not there"):
        deploy._sam(["build"], tmp_path, {})


def test_reserved_concurrency_follows_a_parameter_and_nothing_cleverer() -> None:
    assert deploy._value(2, {}) == "2"
    assert deploy._value({"Ref": "Reserved"}, {"Reserved": "3"}) == "3"
    with pytest.raises(deploy.DeployError, match="Fn::If"):
        deploy._value({"Fn::If": ["OnAws", 2, 3]}, {})


def test_setup_finds_a_python_and_says_what_is_missing_when_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert bootstrap.interpreter().exists()
    broken = tmp_path / "python3.13"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bootstrap, "_candidates", lambda _minor: iter([broken, tmp_path / "absent"]))
    with pytest.raises(bootstrap.SetupError, match=r"needs Python 3\.11 to 3\.13"):
        bootstrap.interpreter()


def test_setup_ends_with_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "requirements").mkdir()
    for name in ("dev", "tools"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("")
    monkeypatch.setattr(bootstrap, "FOLDER", tmp_path)
    monkeypatch.setattr(bootstrap, "MINORS", (99,))
    assert bootstrap.main(["dev"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_setup_changes_nothing_when_nothing_changed() -> None:
    before = {
        name: (ROOT / name / ".made-from").stat().st_mtime_ns for name in bootstrap.ENVIRONMENTS.values()
    }
    subprocess.run([sys.executable, ROOT / "infra" / "local" / "bootstrap.py"], check=True)
    after = {
        name: (ROOT / name / ".made-from").stat().st_mtime_ns for name in bootstrap.ENVIRONMENTS.values()
    }
    assert after == before


def test_every_pin_has_a_hash_and_no_address() -> None:
    for path in [*(ROOT / "requirements").glob("*.txt"), ROOT / "shared" / "requirements.txt"]:
        text = path.read_text()
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert pins, path
        assert all("==" in pin and pin.endswith("\\") for pin in pins), path
        assert "://" not in text, path


def test_the_layer_and_its_tests_use_the_same_versions() -> None:
    def pins(path: Path) -> set[str]:
        return {line.split()[0] for line in path.read_text().splitlines() if line[:1].isalpha()}

    assert pins(ROOT / "shared" / "requirements.txt") <= pins(ROOT / "requirements" / "dev.txt")
