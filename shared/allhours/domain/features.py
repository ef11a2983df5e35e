"""What a trained model sees of a post: pieces of its words, its structure and the word lists that it hits.

Nothing here is learned. A model (`classifier.py`) is a weight for each of these features, so whoever trains
one and whoever asks it must take the features from this one place. Handles and links are neutral tokens: no
model can know a name. Only the brand lists, which a clerk can read, see whom a post is addressed to. Digits
count by their number, and a reference such as `q4f91b6a` not at all: what its letters spell is chance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING
from zlib import crc32

from allhours.domain.word_lists import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUCKETS = 1 << 15
"""How many ids the pieces of words are hashed to, by crc32: the same in every process."""

_LAST = BUCKETS - 1
_LONGEST = 2400  # characters that are read of a post: two thirds from its beginning, the rest from its end
_LONGEST_WORD = 24
_CACHED_WORDS = 4096  # about 4 MB: the words that people use most
_SIZES = (3, 4, 5)

_FURNITURE = re.compile(r"(?:https?://|www\.)\S+|@[\w.-]*\w(?:@[\w.-]*\w)?|\[[^\[\]\n]{1,24}\]")
_HAS_FURNITURE = re.compile(r"[@\[]|://|www\.")
_SOMEONE, _LINK, _MASK = " xsomeonex ", " xlinkx ", " xmaskx "
_END = "."
_TOKENS = frozenset({_SOMEONE.strip(), _LINK.strip(), _MASK.strip(), _END})

_REFERENCE = re.compile(
    r"""(?<![\w@#]) (?=\w{6}) \w*?  # not a handle, not a hashtag
    (?: \d [^\W\d]+ \d | [^\W\d] \d+ [^\W\d]  # letters and digits change places twice,
      | [^\W\d] \d{4} | \d{8} [^\W\d]  # four digits follow a letter, or a letter eight digits
    ) \w*""",
    re.VERBOSE,
)
"""What no word looks like: `401k`, `24hours`, `covid19` and `5000naira` are none."""
_DIGITS = str.maketrans("123456789", "0" * 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The features of one post: ids below `BUCKETS`, and names of what its structure and word lists say.

    `words` has the ids of each different word and of its pieces, `pairs` those of neighbours.
    """

    words: list[tuple[int, ...]]
    pairs: list[int]
    marks: list[str]

    @property
    def pieces(self) -> list[int]:
        """Return all ids; some may occur more than once."""
        return [*chain.from_iterable(self.words), *self.pairs]


def features_of(text: str, words: Sequence[str], hits: Mapping[str, Sequence[str]]) -> Features:
    """Return the features of a masked text, given its `words_of` and the word lists that these hit."""
    read = text if len(text) <= _LONGEST else f"{text[: _LONGEST * 2 // 3]} {text[-_LONGEST // 3 :]}"
    if read is not text or _HAS_FURNITURE.search(read):
        words = words_of(_FURNITURE.sub(_neutral, read))
    words = [word if word.isalpha() and len(word) <= _LONGEST_WORD else _plain(word) for word in words]
    if "" in words:
        words = [word for word in words if word]
        read = _REFERENCE.sub("", read)
    pairs = dict.fromkeys(zip([_END, *words], [*words, _END], strict=True))
    return Features(
        words=[_pieces_of(word) for word in dict.fromkeys(words)],
        pairs=[crc32(f"{left} {right}".encode(errors="replace")) & _LAST for left, right in pairs],
        marks=_marks(read, words, hits),
    )


def _neutral(match: re.Match[str]) -> str:
    """Put a token in place of a link, a handle or a mask."""
    return {"@": _SOMEONE, "[": _MASK}.get(match.group()[0], _LINK)


def _plain(word: str) -> str:
    """Return a word as it is hashed: digits as so many, a very long word by its beginning, no reference."""
    if word.isdigit():
        return "0000"[: len(word)]
    return "" if _REFERENCE.match(word) else word[:_LONGEST_WORD].translate(_DIGITS)


@lru_cache(maxsize=_CACHED_WORDS)
def _pieces_of(word: str) -> tuple[int, ...]:
    """Return the ids of one word and of the runs of 3 to 5 bytes in it, its ends marked."""
    code = f"<{word}>".encode(errors="replace")
    found = [crc32(b" " + code)]
    if word not in _TOKENS:
        found += [crc32(code[at : at + size]) for size in _SIZES for at in range(len(code) - size + 1)]
    return tuple(dict.fromkeys(each & _LAST for each in found))


# What stays true of a post whatever it is about. Words that say who speaks, what of, and what they want:
_GROUPS = {
    "i": "i im ive id ill me mine myself am",
    "my": "my",
    "we": "we our us weve ours",
    "you": "you your u ur youre yall yours una",
    "they": "he she his her him they their them hes shes theyre",
    "money": "account accounts acct acc bank banking card cards debit credit atm pin money cash transfer"
    " transfers"
    " payment payments transaction transactions balance deposit deposits overdraft loan loans mortgage cheque"
    " check checks refund salary wages paycheck savings statement charge charged charges fee fees debited"
    " deducted withdraw withdrawal withdrawals funds wire zelle otp token airtime naira branch teller",
    "not": "not cant cannot wont didnt doesnt dont isnt arent wasnt havent hasnt never no unable couldnt"
    " without"
    " nothing nobody none failed fails failing wouldnt neva",
    "done": "sent paid called tried waiting waited charged declined debited deducted transferred lost"
    " stole stolen"
    " received told refused blocked locked emailed reported credited reversed rejected hacked scammed ordered"
    " applied submitted spoke visited went took taken asked gave got withdrew deposited closed",
    "when": "yesterday today tonight since days day weeks week hours hour hrs ago months month morning"
    " now still"
    " yet monday tuesday wednesday thursday friday saturday sunday again",
    "please": "please pls plz help kindly abeg urgent urgently asap assist fix resolve",
    "thanks": "thanks thank thx ty cheers appreciated",
}
_WORD_GROUPS = tuple((name, frozenset(group.split())) for name, group in _GROUPS.items())
_MONEY = dict(_WORD_GROUPS)["money"]
_BEGINNINGS = {
    "asks": "what whats how hows who whos where wheres when why which is are do does did can could will"
    " would should"
    " has have was were any anyone am may",
    "orders": "play set remind tell turn schedule book call text add make find give show read put cancel"
    " order get"
    " check start stop list look search translate change create delete remove let pay transfer send move"
    " report"
    " freeze open close activate update increase",
    "greets": "hi hello hey good dear morning afternoon evening",
    "mine": "i im ive my we our",
    "begs": "please pls help kindly",
    "repeats": "rt",
}
_BEGINS = {word: name for name, group in _BEGINNINGS.items() for word in group.split()}
_LENGTHS = ((2, "words:2"), (5, "words:5"), (12, "words:12"), (25, "words:25"), (50, "words:50"))
_MOST = 3  # a fourth handle, hashtag or link says no more than the third
_HEADLINE = 4  # words with a capital, and more of them than without, look like one

_HANDLE = re.compile(r"@\w")
_HASHTAG = re.compile(r"#\w")
_HREF = re.compile(r"https?://|www\.")
_VIA = re.compile(r"(?<!\w)(?:via|RT) @")
_QUOTED = re.compile(r"[\u201c\u201d]|\"\w")
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
_SUM = re.compile(r"[$\u00a3\u20ac\u20a6\u20b9\u20b1] ?\d")
_CASHTAG = re.compile(r"\$[A-Z]{2,5}(?!\w)")
_BIG_WORD = re.compile(r"(?<![\w@#])[A-Z][a-z]")
_SMALL_WORD = re.compile(r"(?<![\w@#/.])[a-z]{4}")
_LOUD_WORD = re.compile(r"(?<![\w@#])[A-Z]{4}")


def _marks(text: str, words: Sequence[str], hits: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of what the structure says and of the lists that are hit."""
    seen = frozenset(words)
    marks = [name for name, group in _WORD_GROUPS if not group.isdisjoint(seen)]
    spoken = [word for word in words if word not in _TOKENS]
    if spoken and (begins := _BEGINS.get(spoken[0])):
        marks.append(begins)
    marks.append(next((name for most, name in _LENGTHS if len(spoken) <= most), "words:more"))
    if len(_MONEY & seen) > 1:
        marks.append("money:2")
    if "my" in seen and any(
        not _MONEY.isdisjoint(words[at + 1 : at + 4]) for at, word in enumerate(words) if word == "my"
    ):
        marks.append("my money")
    marks += _signs(text)
    marks += _case(text)
    for name, found in hits.items():
        marks.append(f"list:{name}")
        if len(found) > 1:
            marks.append(f"list:{name}:2")
    return marks + _together(frozenset(marks))


def _signs(text: str) -> list[str]:  # noqa: C901  # a sign, a line; they have no order
    """Return what the characters show: handles, hashtags, links, signs."""
    marks = []
    if "@" in text:
        marks.append(f"handles:{min(len(_HANDLE.findall(text)), _MOST)}")
        if text.lstrip(' .\n"')[:1] == "@":
            marks.append("to someone")
        if _VIA.search(text):
            marks.append("via")
    if "#" in text:
        marks.append(f"hashtags:{min(len(_HASHTAG.findall(text)), _MOST)}")
    if links := len(_HREF.findall(text)):
        marks.append(f"links:{min(links, _MOST)}")
        if _HREF.match(text.rsplit(maxsplit=1)[-1]):
            marks.append("link last")
    marks += [sign for sign in "?!%" if sign in text]
    if _QUOTED.search(text):
        marks.append("quoted")
    if _SUM.search(text):
        marks.append("sum")
    elif "$" in text and _CASHTAG.search(text):
        marks.append("cashtag")
    if not text.isascii() and (emoji := len(_EMOJI.findall(text))):
        marks.append("emoji:2" if emoji > 1 else "emoji:1")
    return marks


def _case(text: str) -> list[str]:
    """Return how a text uses capitals."""
    if text.islower():
        return ["no capitals"]
    if text.isupper():
        return ["all capitals"]
    big = len(_BIG_WORD.findall(text))
    if big >= _HEADLINE and big > len(_SMALL_WORD.findall(text)):
        return ["headline"]
    return ["loud words"] if _LOUD_WORD.search(text) else []


def _together(marks: frozenset[str]) -> list[str]:
    """Return what only two marks together say: a linear model cannot know that "my" and "bank" meet."""
    own = not marks.isdisjoint(("i", "my", "we"))
    money, linked = "money" in marks, not marks.isdisjoint(("links:1", "links:2", "links:3"))
    bank, company = "list:banks" in marks, "list:companies" in marks
    whose = "own" if own else "to you" if "you" in marks else "nobody's"
    pairs = [f"{whose} money" if money else f"{whose} matter"]
    if "not" in marks or "done" in marks:
        pairs.append(f"{pairs[0]}, trouble")
    if "?" in marks or "asks" in marks:
        pairs.append(f"{pairs[0]}, asked")
    if linked:
        pairs.append(f"{pairs[0]}, linked")
    if "headline" in marks:
        pairs.append(f"{pairs[0]}, headline")
    if "to someone" in marks:
        pairs.append(f"{pairs[0]}, to someone")
    if "orders" in marks:
        pairs.append(f"{pairs[0]}, ordered")
    if bank or company:
        pairs.append(f"{pairs[0]}, {'both' if bank and company else 'bank' if bank else 'company'}")
    return pairs
