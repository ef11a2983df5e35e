"""Put the real template on the local cloud with the stock SAM CLI, then set what the emulator drops.

    outputs = deploy(emulator, parameters={"Stage": "local"})

The emulator silently drops a table's time to live, a function's reserved concurrency and a schedule it cannot
read. The first two are set here from the built template, and all three are read back. As a program it starts
an emulator, deploys, says where things are and waits to be interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from botocore.exceptions import ClientError

from infra.local.emulator import Emulator, EmulatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import boto3
    from mypy_boto3_dynamodb.type_defs import TimeToLiveSpecificationTypeDef

FOLDER = Path(__file__).resolve().parents[2]
LOCAL = FOLDER / ".local"
PYTHON = FOLDER / ".venv-cloud" / "bin" / "python"  # functions run on the emulator's own
BUCKET = "allhours-deployments"  # and the AWS account, for all share the names of buckets
INPUTS = ("functions", "shared", "infra")  # beside the template
NO_INPUTS = {"__pycache__", "local"}  # inside them
NOT_FOR_SAM = ("AWS_", "SAM_", "PYTHON", "MAKE", "MFLAGS")  # of our environment; layers are built by make
LAST_LINES = 25  # of what a failed command printed


class DeployError(Exception):
    """Say which step failed, with the end of what it printed."""


def build(*, template: Path = FOLDER / "template.yaml", organisation: Path | None = None) -> Path:
    """Build functions and layers for this machine and give the built template; raise `DeployError`.

    `organisation` replaces the example bank's file. Nothing runs when no input has changed.
    """
    template, organisation = template.resolve(), organisation.resolve() if organisation else None
    folder = LOCAL / "build" / hashlib.sha256(f"{template} {organisation}".encode()).hexdigest()[:12]
    built, stamp = folder / "out" / "template.yaml", folder / "made-from"
    wanted = _fingerprint(template, organisation)
    if built.exists() and stamp.exists() and stamp.read_text() == wanted:
        return built
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    version = subprocess.run([PYTHON, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    system = "apple-darwin" if platform.system() == "Darwin" else "manylinux_2_28"
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "LAYER_COMPILER": str(PYTHON),
        "LAYER_PLATFORM": f"{platform.machine().replace('arm64', 'aarch64')}-{system}",
        "LAYER_PYTHON": version.rpartition(".")[0],
        "ORGANISATION": str(organisation or ""),
    }
    _sam(["build", "--template", template, "--build-dir", folder / "out"], template.parent, environment)
    stamp.write_text(wanted)
    return built


def deploy(
    emulator: Emulator,
    *,
    template: Path = FOLDER / "template.yaml",
    organisation: Path | None = None,
    stack: str = "allhours",
    parameters: Mapping[str, str] | None = None,
    aws_account_id: str = "test",
) -> dict[str, str]:
    """Build, deploy into that AWS account, set what the emulator dropped, and give the stack's outputs."""
    built = build(template=template, organisation=organisation)
    session = emulator.session(aws_account_id)
    bucket = f"{BUCKET}-{aws_account_id}"
    session.client("s3", endpoint_url=emulator.endpoint).create_bucket(Bucket=bucket)
    command: list[str | Path] = ["deploy", "--template-file", built, "--stack-name", stack]
    command += [
        "--s3-bucket",
        bucket,
        "--s3-prefix",
        stack,
        "--no-progressbar",
        "--no-fail-on-empty-changeset",
    ]
    command += ["--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    if parameters:
        command += ["--parameter-overrides", *(_override(*pair) for pair in parameters.items())]
    _sam(command, built.parent, emulator.environment(aws_account_id))
    return set_what_was_dropped(session, emulator.endpoint, stack=stack, built=built)


def set_what_was_dropped(session: boto3.Session, endpoint: str, *, stack: str, built: Path) -> dict[str, str]:
    """Bring tables and functions to what the template says, find its schedules, give its outputs."""
    cloudformation = session.client("cloudformation", endpoint_url=endpoint)
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    parameters = {row["ParameterKey"]: row["ParameterValue"] for row in described.get("Parameters", [])}
    made = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    resources = yaml.safe_load(built.read_text())["Resources"]
    for row in made:
        properties = resources.get(row["LogicalResourceId"], {}).get("Properties", {})
        physical_id = row["PhysicalResourceId"]
        if ttl := properties.get("TimeToLiveSpecification"):
            _set_time_to_live(session, endpoint, physical_id, ttl["AttributeName"])
        if (reserved := properties.get("ReservedConcurrentExecutions")) is not None:
            _reserve_concurrency(session, endpoint, physical_id, int(_value(reserved, parameters)))
        if row["ResourceType"] == "AWS::Scheduler::Schedule":
            _find_schedule(session, endpoint, physical_id)
    return {row["OutputKey"]: row["OutputValue"] for row in described.get("Outputs", [])}


def _override(name: str, value: str) -> str:
    """Quote a parameter so that the SAM CLI takes it whole, spaces and quotes and all."""
    quoted = value.replace('"', '\\"')
    return f'{name}="{quoted}"'


def _value(written: object, parameters: Mapping[str, str]) -> str:
    """Give what stands in the template, a plain value or a reference to a parameter."""
    if isinstance(written, dict):
        if written.get("Ref") not in parameters:
            raise DeployError(f"the local cloud cannot tell what {written} is; use a value or a parameter")
        return parameters[written["Ref"]]
    return str(written)


def _set_time_to_live(session: boto3.Session, endpoint: str, table: str, attribute: str) -> None:
    """Let the table's rows expire by that attribute, and read it back."""
    dynamodb = session.client("dynamodb", endpoint_url=endpoint)

    def expires_by() -> str | None:
        found = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        return found.get("AttributeName") if found.get("TimeToLiveStatus") == "ENABLED" else None

    if expires_by() != attribute:
        setting: TimeToLiveSpecificationTypeDef = {"Enabled": True, "AttributeName": attribute}
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=setting)
    if expires_by() != attribute:
        raise DeployError(f"{table}: rows do not expire by {attribute}")


def _reserve_concurrency(session: boto3.Session, endpoint: str, function: str, reserved: int) -> None:
    """Reserve so much for the function, and read it back."""
    functions = session.client("lambda", endpoint_url=endpoint)
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=reserved)
    found = functions.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
    if found != reserved:
        raise DeployError(f"{function}: reserved concurrency is {found}, not {reserved}")


def _find_schedule(session: boto3.Session, endpoint: str, name: str) -> None:
    """Make sure that the emulator took the schedule; it refuses one without failing the stack."""
    try:
        session.client("scheduler", endpoint_url=endpoint).get_schedule(Name=name)
    except ClientError as error:
        raise DeployError(f"schedule {name}: the local cloud refused its expression") from error


def _sam(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
    """Run the SAM CLI with its home inside our folder; raise `DeployError` with the end of what it said."""
    home = LOCAL / "home"
    home.mkdir(parents=True, exist_ok=True)
    programs = [str(FOLDER / name / "bin") for name in (".venv", ".venv-tools")]  # allhours and uv
    ours = {
        "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "SAM_CLI_TELEMETRY": "0",
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(LOCAL / "cache" / "uv")),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_SAM)}
    sam = FOLDER / ".venv-sam" / "bin" / "sam"
    done = subprocess.run(
        [sam, *command],
        cwd=folder,
        env=kept | ours | dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DeployError("\n".join([f"sam {command[0]} failed:", *done.stdout.splitlines()[-LAST_LINES:]]))


def _fingerprint(template: Path, organisation: Path | None) -> str:
    """Name everything that a build is made from."""
    digest = hashlib.sha256()
    for path in _inputs(template, organisation):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _inputs(template: Path, organisation: Path | None) -> Iterator[Path]:
    """List the files a build is made from: code, templates, pins and the environments' stamps."""
    yield template
    yield FOLDER / ".venv-cloud" / ".made-from"
    yield FOLDER / ".venv-sam" / ".made-from"
    for folder in [template.parent / name for name in INPUTS] + (
        [organisation.parent] if organisation else []
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not NO_INPUTS.intersection(path.relative_to(folder).parts):
                yield path


def main() -> int:
    """Start the local cloud with the template on it and wait until interrupted."""
    parser = argparse.ArgumentParser(description="The template on a local AWS emulator.")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--organisation", type=Path)
    arguments = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell's background job is born deaf to the first
        signal.signal(ending, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        try:
            with Emulator.start(state=LOCAL / "cloud", port=arguments.port) as emulator:
                outputs = deploy(emulator, organisation=arguments.organisation)
                for name, value in {**emulator.environment(), **outputs}.items():
                    print(f"{name}={value}")
                signal.pause()
        except (DeployError, EmulatorError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
