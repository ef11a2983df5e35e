"""Read CloudFormation templates as plain Python: `!Ref A` is {"Ref": "A"}, `!Sub x` is {"Fn::Sub": "x"}."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PATHS = (ROOT / "template.yaml", *sorted((ROOT / "infra").glob("*.yaml")))


class _Loader(yaml.SafeLoader):
    """A safe loader that knows the short forms of CloudFormation's functions."""


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case _:
            raise TypeError(node)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


def template(path: Path = PATHS[0]) -> dict[str, Any]:
    """Return a template; the root one unless another is named."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    return loaded


def of_type(kind: str, path: Path = PATHS[0]) -> dict[str, dict[str, Any]]:
    """Return a template's resources of one type, by name."""
    return {name: each for name, each in template(path)["Resources"].items() if each["Type"] == kind}


def functions() -> dict[str, dict[str, Any]]:
    """Return the functions' properties, by name."""
    return {name: each["Properties"] for name, each in of_type("AWS::Serverless::Function").items()}


def values(value: object) -> Iterator[Any]:
    """Yield everything in a nested value, itself first."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from values(each)
