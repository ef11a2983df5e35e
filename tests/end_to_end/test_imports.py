"""Every built function imports from its own folder, the layers and what the Lambda runtime brings.

The emulator cannot show this: a function there sees the emulator's own packages too.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import yaml

from infra.local.deploy import PYTHON, build

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
IMPORT = "import sys; sys.path[:0] = sys.argv[1:]; import app; assert callable(app.handler)"


def runtime_packages(folder: Path) -> Path:
    """Lay out what AWS installs beside a Python function, and only that."""
    site = next((PYTHON.parents[1]).glob("lib/python3.*/site-packages"))
    for name in RUNTIME:
        (folder / name).symlink_to(site / name)
    return folder


def failures(built: Path, runtime: Path) -> dict[str, str]:
    """Give the last line of each function that does not import."""
    resources = yaml.safe_load(built.read_text())["Resources"]
    found = {}
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        code = built.parent / resource["Properties"]["CodeUri"]
        layers = [
            built.parent / layer["Properties"]["ContentUri"] / "python"
            for layer in resources.values()
            if layer["Type"] == "AWS::Serverless::LayerVersion"
        ]
        done = subprocess.run(
            [PYTHON, "-I", "-S", "-c", IMPORT, *layers, code, runtime],
            env={"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": "test"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            found[name] = done.stderr.strip().splitlines()[-1]
    return found


def test_every_function_imports_with_the_layers_alone(tmp_path: Path) -> None:
    assert failures(build(), runtime_packages(tmp_path)) == {}


def test_a_package_that_only_the_emulator_has_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("import pydantic\ndef handler(event, context): ...\n")
    template = {
        "Resources": {"Leaky": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "code"}}}
    }
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(template))
    assert failures(tmp_path / "template.yaml", runtime_packages(tmp_path / "runtime")) == {
        "Leaky": "ModuleNotFoundError: No module named 'pydantic'"
    }
