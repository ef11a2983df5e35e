"""The same question asked by many: a fingerprint of each case's words, and the groups that open cases make.

Nothing is merged. A group says that one answer may do for all in it: the oldest case leads it. Two cases are
linked when their fingerprints are near, or when one of them was said in the thread that the other began.

The fingerprint is a SimHash (Charikar, 2002) of 64 bits: each word votes for or against each bit, so that
texts which share most of their words share most bits. Who has it cannot get the words back from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING
from unicodedata import normalize

from allhours.domain.word_lists import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from allhours.domain.case import Case

NEAR = 12  # bits of 64 that two texts may differ in: docs/same-question.md shows what that finds and confuses
FAR = 16  # bits that a case may be from the one that leads its group, or one by one a chain leads anywhere
_BITS = 64
_FEWEST = 3  # words that say something; "hello there" is no question
_STEADY = 5  # words from which one more or less leaves most bits alone; fewer have to be the same words
_MOST = 100  # words that are looked at
_STEM = 6  # letters of a word that count: answers, answered and answering are one
_LONG = 2_000  # characters that are looked at: a review can have many more
_UNSPACED = "\u0e00"  # Thai and what comes after it: scripts that do not part words by blanks, in the main
_WORD = re.compile(r"(?:https?://|www\.|@)\S+|\[[^\][]*\]|(\w+(?:['\u2019]\w+)*)")
"""Words, and first of all what says nothing: links, handles, masks."""
_VOTES = int.from_bytes(b"\x01" * _BITS, "big")
_EMPTY = frozenset(
    """
    a about after again all already also am an and any are as ask at be because been being but by can cant
    could couldnt did didnt do does doesnt doing done dont each else ever every for from get gets getting
    give go goes going got had hardly has have havent having he hello help her here hey hi him his how i id
    if ill im in into is isnt it its ive just know let like make may me might more most much must my need
    never no not now of off ok okay on once only or other our out over own please pls rt same she should
    since so some still such tell than thank thanks that thats the their them then there these they thing
    this those to too trying up us very via want wanted was wasnt we were what whats when where which while
    who why will with wont would yes yet you your youre
    als auf con das del der des die ein eine est esta et ich ist las les los mas mit nicht non ou para pas
    per pero por pour que qui sie sono sur una und une von
    """.split()  # noqa: SIM905 - as a list it is 200 lines
)
"""Words that are in any question, of the languages that our customers write most."""


def fingerprint(text: str) -> str:
    """Return 16 hexadecimal digits, near for texts that say the same; "" where too little is said to tell.

    The same in every process and release. Links, handles, masks, numbers, case and accents do not matter.
    """
    words = dict.fromkeys(islice(_telling(text), _MOST))
    if len(words) < _FEWEST:
        return ""
    if len(words) < _STEADY:
        return blake2b(" ".join(sorted(words)).encode(), digest_size=_BITS // 8).hexdigest()
    votes = sum(map(_vote, words)).to_bytes(_BITS, "big")
    return f"{int(votes.translate(_majority(len(words))), 2):016x}"


def _telling(text: str) -> Iterable[str]:
    """Yield the words that say something; two letters at a time where a script has no blanks."""
    for found in _WORD.findall(normalize("NFC", text[:_LONG]).lower()):
        if not found or found in _EMPTY:
            continue
        word = found if found.isalpha() else found.replace("'", "").replace("\u2019", "")
        if not word.isascii():
            word = folded(word)
        if word >= _UNSPACED:
            yield from (word[place : place + 2] for place in range(len(word) - 1))
        elif len(word) > 1 and word not in _EMPTY and word.isalpha():
            yield word[:_STEM]


@lru_cache(maxsize=2_048)  # customers use the same words
def _vote(word: str) -> int:
    """Return a word's votes: 64 lanes of eight bits, each 0 or 1, so that a hundred of them can be added."""
    return int.from_bytes(blake2b(word.encode(), digest_size=_BITS).digest(), "big") & _VOTES


@lru_cache(maxsize=_MOST)
def _majority(voters: int) -> bytes:
    """Return the table from a lane's sum to the digit `1` where more than half were for it, else `0`."""
    return bytes(ord("1") if 2 * votes > voters else ord("0") for votes in range(256))


def apart(one: str, other: str) -> int:
    """Return in how many bits two fingerprints differ; 64 when one is missing."""
    return (int(one, 16) ^ int(other, 16)).bit_count() if one and other else _BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Open cases with the same question, the oldest first; most groups are of one case."""

    cases: tuple[Case, ...]

    @property
    def lead(self) -> Case:
        """Return the case that was said first."""
        return self.cases[0]

    @property
    def networks(self) -> tuple[str, ...]:
        """Return where it is asked."""
        return tuple(sorted({case.network for case in self.cases}))


def _age(case: Case) -> tuple[datetime, str]:
    return case.opened_at, case.case_id


def grouped(cases: Iterable[Case]) -> list[Group]:
    """Return the groups, that of the oldest case first; each case is in one of them."""
    left = [_Marked.of(case) for case in sorted(cases, key=_age)]
    groups = []
    while left:
        lead, *left = left
        members = [lead]
        for member in members:  # grows while it is walked through
            found = member.linked(left, lead)
            if found:
                members += found
                taken = {each.case.case_id for each in found}
                left = [each for each in left if each.case.case_id not in taken]
        groups.append(Group(cases=tuple(sorted((each.case for each in members), key=_age))))
    return groups


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """A case with what it is compared by, worked out once."""

    case: Case
    bits: int | None
    began: str
    thread: str

    @staticmethod
    def of(case: Case) -> _Marked:
        return _Marked(
            case=case,
            bits=int(case.alike, 16) if case.alike else None,
            began=case.first_item,
            thread=thread_of(case),
        )

    def linked(self, others: Sequence[_Marked], lead: _Marked) -> list[_Marked]:
        """Return those that ask what this one asks, and are not too far from the one that leads."""
        bits, middle = self.bits, lead.bits
        if bits is None or middle is None:
            return [each for each in others if self.shares_thread(each)]
        return [
            each
            for each in others
            if (
                each.bits is not None
                and (each.bits ^ bits).bit_count() <= NEAR
                and (each.bits ^ middle).bit_count() <= FAR
            )
            or self.shares_thread(each)
        ]

    def shares_thread(self, other: _Marked) -> bool:
        """Tell whether one was said in the thread that the other began.

        Below a post of our own nobody listed began the thread, and all sorts of things are said.
        """
        return self.began == other.thread or self.thread == other.began


def thread_of(case: Case) -> str:
    """Return the key of the post that a case's thread began with, as far as its conversation's id tells."""
    author = case.author_id.rpartition("#")[2]
    return case.conversation_key.removesuffix(f":{author}")
