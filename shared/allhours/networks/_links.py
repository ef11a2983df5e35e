"""Where X sees an address in a text, and Mastodon after it: both count 23 for it, whatever its length.

Written from the rules of twitter-text (github.com/twitter/twitter-text) and its conformance cases.
An address needs a host with a known top-level domain; a scheme is optional; without one, only the part in
Latin letters counts; what stands right before it may forbid it (`@`, `#`, `$`, a letter).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.networks._top_level import LONGEST, TOP_LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACES = "\t-\r \x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_TURNS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of writing
_NONE = "\ufffe\ufeff\uffff"  # what X allows in no text
_MARKS = r"!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$"
_LETTER = f"[^{_MARKS}{_SPACES}{_NONE}{_TURNS}]"  # of a host, in any script
_LATIN = (
    "\xc0-\xd6\xd8-\xf6\xf8-\xff\u0100-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272"
    "\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_FIRST = re.compile(_LETTER)
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_HOST = re.compile(rf"(?:{_LETTER}|[-_])+(?:\.(?:{_LETTER}|[-_])+)+")
_UPPER_LABEL = re.compile(rf"{_LETTER}(?:(?:{_LETTER}|[-_])*{_LETTER})?")  # below the domain's own name
_OWN_LABEL = re.compile(rf"{_LETTER}(?:(?:{_LETTER}|-)*{_LETTER})?")
_LATIN_LABELS = re.compile(rf"(?:[-a-z0-9{_LATIN}]+\.)+", re.IGNORECASE)
_PUNYCODE = re.compile(r"xn--[-0-9a-z]+", re.IGNORECASE)
_PORT = re.compile(r":[0-9]+")
_PATH_MARKS = r"!*';:=+,.$/%#\[\]\-\u2013_~@|&"
_PATH_LETTERS = rf"a-z0-9\u0400-\u04ff{_LATIN}"
_IN_PATH = rf"[{_PATH_LETTERS}{_PATH_MARKS}]"
_IN_BRACKETS = rf"\({_IN_PATH}*(?:\({_IN_PATH}+\){_IN_PATH}*)?\)"
_ENDS_PATH = rf"(?:[{_PATH_LETTERS}+\-=_#/]|{_IN_BRACKETS})"
_PATH = re.compile(rf"/(?:(?:{_IN_PATH}|{_IN_BRACKETS})*{_ENDS_PATH}|@{_IN_PATH}+/)?", re.IGNORECASE)
_QUERY = re.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/]", re.IGNORECASE)
_SHORT = re.compile(r"https?://t\.co/([a-z0-9]+)", re.IGNORECASE)
_LONGEST_SHORT = 40  # characters of a t.co address' own part
_LONGEST_LINK = 4_096
_LONGEST_LABEL = 63  # RFC 1035 §2.3.4
_FORBID = re.compile(rf"[A-Za-z0-9@\uff20$#\uff03{_NONE}]")  # right before an address
_FORBID_BARE = re.compile(r"[-_./]")  # right before one without a scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address in a text, by its first and the end of its last character."""

    start: int
    end: int


def links(text: str) -> list[Link]:
    """Return every address that X would see in the text, in their order."""
    return list(_links(text)) if "." in text else []


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Characters that may be a host: its labels, and where a top-level domain ends that begins a label."""

    end: int
    labels: tuple[tuple[int, int], ...]
    ends: tuple[int, ...]


def _links(text: str) -> Iterator[Link]:
    at = 0
    run = _Run(end=-1, labels=(), ends=())
    while found := _FIRST.search(text, at):
        start = found.start()
        at = start + 1
        before = text[start - 1] if start else ""
        if before and _FORBID.match(before):
            continue
        scheme = _SCHEME.match(text, start)
        hosts = start if scheme is None else scheme.end()
        if hosts >= run.end:
            run = _run(text, hosts)
        if not any(run.ends):
            at = at if scheme else max(at, run.end)
            continue
        host_ends = _host_end(text, hosts, run)
        if not host_ends:
            continue
        end = _tail_end(text, host_ends)
        at = end + 1  # one character must stand between two addresses
        if scheme:
            if link := _with_scheme(text, Link(start=start, end=end), host=text[hosts:host_ends]):
                at = link.end + 1
                yield link
        elif not _FORBID_BARE.match(before):
            yield from _bare(text, start, host_ends, end)


def _run(text: str, start: int) -> _Run:
    """Return the run that begins here, with what every start in it has in common."""
    found = _HOST.match(text, start)
    if found is None:
        return _Run(end=start, labels=(), ends=())
    labels: list[tuple[int, int]] = []
    at = start
    for label in found.group().split("."):
        labels.append((at, at + len(label)))
        at += len(label) + 1
    ends = [0, *(_top_level_end(text, begins, ends - begins) for begins, ends in labels[1:])]
    return _Run(end=found.end(), labels=tuple(labels), ends=tuple(ends))


def _host_end(text: str, start: int, run: _Run) -> int:
    """Return where the longest host that begins here ends; 0 when there is none."""
    longest = 0
    begins = start
    for place, (_, label_ends) in enumerate(run.labels[:-1]):
        if label_ends <= start:
            continue
        if run.ends[place + 1] and _OWN_LABEL.fullmatch(text, begins, label_ends):
            longest = run.ends[place + 1]
        if not _UPPER_LABEL.fullmatch(text, begins, label_ends):
            break
        begins = run.labels[place + 1][0]
    return longest


def _top_level_end(text: str, begins: int, length: int) -> int:
    """Return where a top-level domain that begins here ends; it may run into letters of another script."""
    if found := _PUNYCODE.match(text, begins):
        return found.end()
    for size in range(min(length, LONGEST), 0, -1):
        after = text[begins + size : begins + size + 1]
        closed = not after or not (after in "@+-" or (after.isascii() and after.isalnum()))
        if closed and text[begins : begins + size].lower() in TOP_LEVEL:
            return begins + size
    return 0


def _tail_end(text: str, host_ends: int) -> int:
    """Return where port, path and query behind a host end."""
    end = host_ends
    for part in (_PORT, _PATH, _QUERY):
        if found := part.match(text, end):
            end = found.end()
    return end


def _with_scheme(text: str, link: Link, *, host: str) -> Link | None:
    if short := _SHORT.match(text, link.start):
        if len(short[1]) > _LONGEST_SHORT:
            return None
        query = _QUERY.match(text, short.end())
        return Link(start=link.start, end=query.end() if query else short.end())
    return link if _writable(host, link.end - link.start) else None


def _bare(text: str, start: int, host_ends: int, end: int) -> Iterator[Link]:
    """Yield the parts of a host that are written in Latin letters; path and query belong to the last."""
    found: list[Link] = []
    at = start
    while labels := _LATIN_LABELS.search(text, at, host_ends):
        at = labels.end()
        run = re.match(rf"(?:{_LETTER}|[-_])*", text[at:host_ends])
        ends = _top_level_end(text, at, run.end() if run else 0)
        if ends and ends <= host_ends and _writable(text[labels.start() : ends], ends - labels.start() + 8):
            found.append(Link(start=labels.start(), end=ends))
            at = ends
    if found:
        yield from found[:-1]
        yield Link(start=found[-1].start, end=end if found[-1].end == host_ends else found[-1].end)


def _writable(host: str, length: int) -> bool:
    """Return whether the host can be written in ASCII (RFC 3492), each label short enough."""
    labels = host.split(".")
    for label in labels:
        ascii_ = label if label.isascii() else "xn--" + label.encode("punycode").decode()
        if len(ascii_) > _LONGEST_LABEL or (not label.isascii() and label.lower().startswith("xn--")):
            return False
    return length <= _LONGEST_LINK
