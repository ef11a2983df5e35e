"""Turn down XML documents that would grow, or take for ever, while they are read.

Entities made of entities or repeated past reason, attribute defaults, encodings that hide such declarations,
and what feedparser reads in quadratic time. External entities are no danger: neither feedparser nor expat
fetches one.
"""

from __future__ import annotations

import codecs
import re

MOST_ENTRIES = 3_000  # a feed holds 10-50; a cursor's row has 400 kB, of which each takes 60 bytes
MOST_ENTITIES = 1_000  # the whole of HTML's Latin set has 253
MOST_GROWTH = 100_000  # characters that a document's own entities may add
LONGEST_DECLARATION = 1_000  # bytes
LONGEST_PROLOG = 32_000  # bytes before the first element; feedparser needs quadratic time for them

_ELEMENT = re.compile(rb"<\w")
_ENTRY = re.compile(rb"<(?:\w{1,20}:)?(?:item|entry)\b", re.IGNORECASE)
_ENTITY = re.compile(
    rb"""<!ENTITY\s+(?:%\s+)?([^\s"'<>]{1,100})\s+(?:"([^"]{0,9999})"|'([^']{0,9999})'|SYSTEM|PUBLIC)"""
)
_REFERENCE = re.compile(rb"[&%](?!#)[^\s;&%]{1,100};")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([^"'>]{1,40})["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^"';\s]{1,40})""", re.IGNORECASE)
_BLANKS = re.compile(rb"[ \t\r\n]{64,}")
_WIDE = (
    # by byte order mark or by how `<` begins (XML 1.0, appendix F); the longer marks first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_EBCDIC = b"\x4c\x6f\xa7\x94"
_PROBE = bytes(range(0x20, 0x7F)) + rb"\x3c +ADw- ~{!!~}"  # ASCII, and what UTF-7, HZ and escapes make of it


class NoFeedError(Exception):
    """Say why this is no feed, or none that may be read."""


def settled(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the body in an encoding whose ASCII is ASCII, the XML declaration on a line of its own.

    Both are for feedparser, which looks for the encoding in the whole first line, in cubic time.
    """
    wide = next((codec for mark, codec in _WIDE if body.startswith(mark)), "")
    if wide:
        body = codecs.BOM_UTF8 + body.decode(wide, "replace").encode("utf-8", "replace")
        content_type = content_type.partition(";")[0]
    marked = body.startswith(codecs.BOM_UTF8)
    bare = _BLANKS.sub(b"\n", body.removeprefix(codecs.BOM_UTF8))
    named = _CHARSET.findall(content_type)
    if bare.startswith(b"<?"):
        end = bare.find(b"?>", 0, LONGEST_DECLARATION) + 2
        if end < 2:  # noqa: PLR2004 - not found
            raise NoFeedError("the XML declaration has no end")
        named += [name.decode("ascii", "replace") for name in _ENCODING.findall(bare[:end])]
        bare = bare[:end] + b"\n" + bare[end:]
    if any(_is_wide(name) for name in named):  # a lie: the bytes are not
        marked, content_type = True, content_type.partition(";")[0]
    if bare.startswith(_EBCDIC) or not all(map(_ascii_stays, named)):
        raise NoFeedError("the document's encoding is none that feeds use")
    return (codecs.BOM_UTF8 if marked else b"") + bare, content_type


def refuse_bombs(body: bytes) -> None:
    """Raise `NoFeedError` for what would grow, or take for ever, while it is read."""
    element = _ELEMENT.search(body)
    if element and element.start() > LONGEST_PROLOG:
        raise NoFeedError("what stands before the feed is too long")
    if sum(1 for _ in _ENTRY.finditer(body)) > MOST_ENTRIES:
        raise NoFeedError(f"the feed holds more than {MOST_ENTRIES} entries")
    if b"<!ATTLIST" in body:
        raise NoFeedError("the document declares attribute defaults")
    declared = body.count(b"<!ENTITY")
    if declared > MOST_ENTITIES:
        raise NoFeedError(f"the document declares more than {MOST_ENTITIES} entities")
    entities = _ENTITY.findall(body) if declared else []
    if len(entities) < declared:
        raise NoFeedError("the document declares an entity that cannot be judged")
    grown = 0
    for name, double, single in entities:
        value = double or single
        if _REFERENCE.search(value):
            raise NoFeedError("the document builds entities out of entities")
        grown += len(value) * body.count(b"&" + name + b";")
    if grown > MOST_GROWTH:
        raise NoFeedError("the document's entities grow past reason")


def _is_wide(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    except (LookupError, ValueError):
        return False


def _ascii_stays(encoding: str) -> bool:
    """Return whether ASCII markup looks the same in this encoding, so that nothing can be declared unseen."""
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, ValueError):
        return True  # nobody can decode with it
    try:
        return _is_wide(encoding) or codec.decode(_PROBE)[0] == _PROBE.decode("ascii")
    except (ValueError, LookupError, AssertionError):
        return False
