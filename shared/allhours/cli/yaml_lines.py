"""Read YAML and keep the line of every value, so that a mistake can be named where it stands.

YAML 1.1 reads `12:00` as 720, `NO` as false and `010` as 8. Here an unquoted clock time or truth word is
told, dates stay the text they are, a key given twice is told, and aliases are refused: three lines of them
can stand for gigabytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from allhours.cli.yaml_mends import mend

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
Place = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""

INCLUDE = "include"
MOST_BYTES = 1_000_000
MOST_DEEP = 20  # the schema needs nine
_CLOCK = re.compile(r"\d{1,2}(?::[0-5]\d)+")
_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mistake:
    """What is wrong, where it stands, and how to mend it."""

    file: str
    line: int
    path: str
    text: str

    def __str__(self) -> str:
        """Write it as editors and terminals link it."""
        return f"{self.file}:{self.line} {self.path + ': ' if self.path else ''}{self.text}"


@dataclass(slots=True, kw_only=True)
class Document:
    """What the files say together, where each value stands, what could not be read, and the bytes."""

    values: dict[str, Value] = field(default_factory=dict)
    lines: dict[Place, tuple[str, int]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    raw: bytes = b""

    def line_of(self, place: Place) -> tuple[str, int]:
        """Return the file and line of a value, or of the nearest that encloses it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, ("", 1))

    def tell(self, place: Place, text: str) -> None:
        """Note a mistake where it stands."""
        file, line = self.line_of(place)
        self.mistakes.append(Mistake(file=file, line=line, path=path_of(place), text=text))

    def merge(self, later: Document) -> None:
        """Lay a later file over this one: mappings are merged deeply, all else is replaced."""
        self.mistakes += later.mistakes
        self.raw += later.raw + b"\0"
        self._merge(self.values, later.values, (), later)
        self.lines.setdefault((), later.lines.get((), ("", 1)))

    def _merge(self, mine: dict[str, Value], theirs: dict[str, Value], place: Place, later: Document) -> None:
        for key, value in theirs.items():
            here, before = (*place, key), mine.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                self._merge(before, value, here, later)
                continue
            mine[key] = value
            for old in [known for known in self.lines if known[: len(here)] == here]:
                del self.lines[old]
            self.lines |= {known: line for known, line in later.lines.items() if known[: len(here)] == here}


def path_of(place: Place) -> str:
    """Write a place as people do: `units.cards.shifts[2].start`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def read(path: Path) -> Document:
    """Read one file; what is wrong with it is in the document's mistakes."""
    document = Document(lines={(): (str(path), 1)})
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        document.tell((), f"cannot be read: {(error.strerror or 'unknown').lower()}")
        return document
    if len(raw) > MOST_BYTES:
        document.tell(
            (),
            "is larger than 1 MB: an organisation takes a few thousand lines",
        )
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        document.mistakes.append(
            Mistake(file=str(path), line=line, path="", text="is not UTF-8: save it as UTF-8")
        )
        return document
    document.raw = raw
    _Reader(document, str(path)).read(text)
    return document


def read_all(files: Iterable[Path]) -> Document:
    """Read the files together, a later one laid over the earlier, each over those that it includes."""
    together = Document()
    for path in files:
        one = read(path)
        for name in _included(one):
            other = read(path.parent / name)
            if other.values.pop(INCLUDE, None) is not None:
                other.tell((INCLUDE,), "is for the file that you name, not for one that it includes")
            together.merge(other)
        together.merge(one)
    return together


def _included(document: Document) -> list[str]:
    """Take the names of included files out of a document."""
    names = document.values.pop(INCLUDE, [])
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return [str(name) for name in names]
    document.tell((INCLUDE,), "must be a list of files beside this one: `include: [answers.yaml]`")
    return []


class _Reader:
    """One pass over the events, which refuses what could blow up, then one over the nodes."""

    def __init__(self, document: Document, file: str) -> None:
        self._document = document
        self._file = file

    def read(self, text: str) -> None:
        try:
            if not self._is_harmless(text):
                return
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line, told = mend(text, error)
            self._tell(line, (), f"cannot be read here: {told}")
            return
        except yaml.reader.ReaderError as error:
            self._tell(text.count("\n", 0, error.position), (), "holds a control character: take it out")
            return
        if not isinstance(node, yaml.MappingNode):
            self._tell(0, (), "is empty" if node is None else "must be a mapping: `version: 1` and so on")
            return
        self._document.values = self._mapping(node, ())

    def _is_harmless(self, text: str) -> bool:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                self._tell(_line(event), (), f"alias *{event.anchor} is refused: write the value out")
                return False
            if depth > MOST_DEEP:
                self._tell(_line(event), (), f"is nested more than {MOST_DEEP} deep")
                return False
        return True

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._tell(key_node.start_mark.line, place, "a key must be one word, not a list or a mapping")
                continue
            key = key_node.value
            here = (*place, key)
            if key in values:
                first = self._document.line_of(here)[1]
                self._tell(key_node.start_mark.line, here, f"is given twice, first on line {first}: keep one")
                continue
            self._document.lines[here] = (self._file, key_node.start_mark.line + 1)
            values[key] = self._value(value_node, here)
        return values

    def _value(self, node: yaml.Node, place: Place) -> Value:
        self._document.lines.setdefault(place, (self._file, node.start_mark.line + 1))
        if node.tag not in _TAGS:
            self._tell(node.start_mark.line, place, f"tag {node.tag} is refused: write a plain value")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(each, (*place, number)) for number, each in enumerate(node.value)]
        return self._scalar(node, place)

    def _scalar(self, node: yaml.Node, place: Place) -> Value:
        text = str(node.value)
        kind = node.tag.rpartition(":")[2]
        if kind in {"str", "timestamp"}:
            return text
        if kind == "null":
            return None
        if kind in {"int", "float"} and _CLOCK.fullmatch(text):
            self._tell(node.start_mark.line, place, f'{text} is a number to YAML: quote it, "{text}"')
            return text
        if kind == "bool":
            if text.lower() not in {"true", "false"}:
                self._tell(
                    node.start_mark.line,
                    place,
                    f'{text} is true or false to YAML: quote it, "{text}", or write true or false',
                )
            return text.lower() in {"true", "yes", "on"}
        return _number(text)

    def _tell(self, line: int, place: Place, text: str) -> None:
        self._document.mistakes.append(
            Mistake(file=self._file, line=line + 1, path=path_of(place), text=text)
        )


def _number(text: str) -> Value:
    """Read a plain decimal number; octal and the like stay text, as which the schema refuses them."""
    plain = text.replace("_", "") if not text.startswith("0") or text == "0" else text
    for kind in (int, float):
        try:
            return kind(plain) if len(plain) <= 15 or kind is float else text  # noqa: PLR2004 - exact in JSON
        except ValueError:
            continue
    return text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0
