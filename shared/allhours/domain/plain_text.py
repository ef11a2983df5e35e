"""Turn what networks send into plain text: no controls, no hidden characters, no markup.

`plain` is for every text, `from_html` for the HTML of Mastodon and of feeds.
Neither raises on any text, both take linear time, and plain(plain(text)) == plain(text).
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

_CUT = " […]"
_LONGEST_HTML = 200_000  # characters; ten times what `plain` keeps, so that a bomb of tags ends
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 and C1 without tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b"
    "\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\ufe00-\ufe0e\U000e0000-\U000e0fff]"  # variation selectors but VS16, tags
)
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_STRAY_VS16 = re.compile(f"(?<![{_EMOJI}])(?<![0-9#*](?=\ufe0f\u20e3))\ufe0f")
_JOINER = re.compile("[\u200c\u200d]")
_IN_EMOJI = re.compile(f"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n){4,}+")
_LONGEST_CLUSTER = (
    32  # characters to step back for a whole grapheme; Unicode's stream-safe text has at most 30 marks
)


def plain(text: str, *, limit: int = 20_000) -> str:
    """Return `text` as a desk may show it: NFC, at most three blank lines in a row and `limit` characters."""
    text = _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = _HIDDEN.sub("", text)
    if not text.isascii():
        text = _STRAY_VS16.sub("", text)
        text = _JOINER.sub(_kept_joiner, text)
        text = unicodedata.normalize("NFC", text)
    text = _BLANK_LINES.sub("\n\n\n\n", text)
    return text if len(text) <= limit else _shortened(text, max(limit - len(_CUT), 0))


def _kept_joiner(joiner: re.Match[str]) -> str:
    """Return the joiner where a script or an emoji needs it, else nothing."""
    text, place = joiner.string, joiner.start()
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    around = before + after
    in_word = before and after and all(unicodedata.category(each)[0] in "LM" for each in around)
    if in_word and (joiner.group() == "\u200c" or not around.isascii()):
        return joiner.group()
    return joiner.group() if _IN_EMOJI.match(text, place) else ""


def _shortened(text: str, length: int) -> str:
    """Cut `text` to `length` characters or a few less, never inside an emoji or an accented letter."""
    end = length
    while end > max(0, length - _LONGEST_CLUSTER) and _belong_together(text[end - 1], text[end]):
        end -= 1
    return text[:end].rstrip("\u200c\u200d \t\n") + _CUT


def _belong_together(left: str, right: str) -> bool:
    return (
        left == "\u200d"
        or right in "\u200c\u200d"
        or unicodedata.category(right)[0] == "M"
        or "\U0001f3fb" <= right <= "\U0001f3ff"  # skin tones
        or ("\U0001f1e6" <= left <= "\U0001f1ff" and "\U0001f1e6" <= right <= "\U0001f1ff")  # flags
    )


# Only whole tags reach HTMLParser: unclosed ones cost it quadratic time, some declarations make it raise.
_MARKUP = re.compile(
    r"(?P<nothing><!--(?:[^-]|-(?!->))*+(?:-->|\Z)|<[!?][^<>]*+>)|(?P<tag></?[a-zA-Z][^<>]*+>)|(?P<text><)"
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_SILENT = frozenset({"script", "style", "head", "title", "template", "iframe", "object", "svg"})
_PARAGRAPHS = frozenset(
    {"p", "blockquote", "ul", "ol", "pre", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr"}
)
_LINES = frozenset(
    {"div", "li", "tr", "dt", "dd", "section", "article", "header", "footer", "figure", "figcaption"}
)
_WEB = ("https://", "http://")


def from_html(html: str) -> str:
    """Return the text of an HTML fragment: blocks as lines, shortened links in full."""
    reader = _Reader()
    reader.feed(_MARKUP.sub(_whole_tag, html[:_LONGEST_HTML]))
    reader.close()
    return plain(reader.text())


def _whole_tag(found: re.Match[str]) -> str:
    return {"nothing": "", "text": "&lt;"}.get(found.lastgroup or "", found.group())


class _Reader(HTMLParser):
    """Collect text; it counts depths instead of keeping a tree, so nesting costs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._newlines = 2  # at the end of what is collected; the beginning counts as a blank line
        self._wanted = 0
        self._silent: str | None = None
        self._quotes = 0
        self._pre = 0
        self._link: tuple[str, int] | None = None  # href, where its text starts
        self._link_is_cut = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin what the tag stands for."""
        if self._silent:
            return
        if tag in _SILENT:
            self._silent = tag
        elif tag == "br":
            self._flush()
            self._add("\n")
        elif tag == "a":
            self._end_link()
            href = dict(attrs).get("href") or ""
            self._flush()
            self._link = (href, len(self._pieces)) if href.lower().startswith(_WEB) else None
        elif tag == "span":
            self._link_is_cut |= bool(
                {"invisible", "ellipsis"} & set((dict(attrs).get("class") or "").split())
            )
        self._block(tag)
        self._quotes += tag == "blockquote"
        self._pre += tag == "pre"
        if tag == "li":
            self._flush()
            self._add("- ")

    def handle_endtag(self, tag: str) -> None:
        """End what the tag stands for."""
        if self._silent:
            self._silent = None if tag == self._silent else self._silent
            return
        if tag == "a":
            self._end_link()
        self._block(tag)
        self._quotes -= tag == "blockquote" and self._quotes > 0
        self._pre -= tag == "pre" and self._pre > 0

    def handle_data(self, data: str) -> None:
        """Collect text, white space as a browser would show it."""
        if self._silent:
            return
        if not self._pre:
            data = _SPACES.sub(" ", data)
            if self._wanted or self._newlines or (self._pieces and self._pieces[-1].endswith(" ")):
                data = data.removeprefix(" ")
        if data:
            self._flush()
            self._add(data)

    def text(self) -> str:
        """Return what was collected."""
        self._end_link()
        return "".join(self._pieces).replace(" \n", "\n").strip()

    def _block(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._wanted = max(self._wanted, 1 if tag in {"ul", "ol"} else 2)
        elif tag in _LINES:
            self._wanted = max(self._wanted, 1)

    def _flush(self) -> None:
        """Write the line ends that blocks have asked for."""
        missing = self._wanted - self._newlines
        self._wanted = 0
        if missing > 0:
            self._add("\n" * missing)

    def _add(self, piece: str) -> None:
        if self._newlines and self._quotes and piece.strip("\n"):
            self._pieces.append("> ")
        self._pieces.append(piece)
        body = piece.rstrip("\n")
        self._newlines = len(piece) - len(body) + (self._newlines if not body else 0)

    def _end_link(self) -> None:
        """Put the whole address where the network shows a shortened one."""
        if self._link and self._link_is_cut:
            href, start = self._link
            del self._pieces[start:]
            self._newlines = 0
            self._pieces.append(href)
        self._link, self._link_is_cut = None, False
