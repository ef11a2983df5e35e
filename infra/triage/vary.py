"""How people really write: a second version of a row, with a network's furniture, haste and noise.

A handle, a link, a hashtag or capitals must not decide by themselves what a post is about, and they would if
only our own posts had them: so every source gets them, by chance from a seed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.domain.judgement import NOBODY

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from infra.triage.material import Row

_BEFORE = (
    *(
        "hi ",
        "hey ",
        "hello ",
        "good morning ",
        "ok so ",
        "omg ",
        "so ",
        "dear team, ",
        "sir ",
        "quick question: ",
    ),
    *(
        "guys ",
        "please ",
        "hi there, ",
        "right ",
        "um ",
        "lol ",
        "Hi team. ",
        "well ",
        "wow ",
        "dear sir/ma ",
    ),
)
_AFTER = (
    *(" !!", "!!!", " ??", " smh", " wtf", " please help", " pls", " asap", " ffs", " thanks", " ..."),
    *(" \U0001f621", " \U0001f644", " \U0001f62d\U0001f62d", " #fail", " #help", " any update?"),
    *(" can someone help", " not happy", " cheers", " this is ridiculous", " \U0001f914", " #smh"),
    *(" kindly assist", " lol", " plz", " \U0001f64f"),
)
_AFTER_CHATTER = (
    *(" lol", " \U0001f602", " \U0001f602\U0001f602", " smh", "!!!", " #tech", " #news", " tho", " haha"),
    *(" \U0001f914", " lmao", " #monday", " wow", " \U0001f525", " !!", " ...", " \U0001f64f"),
)
_HANDLES = (
    *(
        "AcmeBank",
        "AcmeHelp",
        "AskAcme",
        "AcmeBankUK",
        "acme_cares",
        "NorthBank",
        "AskNorthBank",
        "firstcity",
    ),
    *("CityBankHelp", "myunionbank", "TheBankNG", "bank_support", "harbourbank", "CoastCU", "summitfcu"),
    *("novabank_in", "GreenfieldBank"),
)
_PEOPLE = ("jen_k", "tundeO", "marcus88", "Priya_s", "the_real_dee", "sophiew", "kofi_b", "lewisj", "annie")
_LETTERS = re.compile(r"[a-z]{4,}")
_APOSTROPHE = str.maketrans("", "", "'\u2019")


def varied(row: Row, chance: random.Random, companies: Sequence[str], banks: Sequence[str]) -> Row:
    """Return a row as somebody else might have typed it, with the same label."""
    text = row.text
    casual = row.unit == NOBODY
    if chance.random() < 0.25:
        text = chance.choice(_BEFORE) + text
    if chance.random() < 0.35:
        text = text.rstrip(" ") + chance.choice(_AFTER_CHATTER if casual else _AFTER)
    text = _cased(text, chance)
    if chance.random() < 0.3:
        text = text.translate(_APOSTROPHE).rstrip(".?")
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        text = _mistyped(text, chance)
    if "@" not in text and chance.random() < 0.55:
        text = _addressed(row, text, chance, companies, banks)
    if "http" not in text and chance.random() < (0.12 if casual else 0.08):
        text += " https://t.co/" + "".join(
            chance.choices("abcdefghkmnpqrstuvwxyzABCDEFGHKLM0123456789", k=10)
        )
    return replace(row, text=text)


def _cased(text: str, chance: random.Random) -> str:
    """Change the case of a whole text, or leave it."""
    dice = chance.random()
    if dice < 0.3:
        return text.lower()
    if dice < 0.6:
        return text[:1].upper() + text[1:]
    if dice < 0.67:
        return text.upper()
    if dice < 0.72:
        words = text.split(" ")
        return " ".join(word.upper() if chance.random() < 0.2 else word for word in words)
    return text


def _mistyped(text: str, chance: random.Random) -> str:
    """Swap, drop or double a letter of one word."""
    words = list(_LETTERS.finditer(text))
    if not words:
        return text
    word = chance.choice(words)
    at = chance.randrange(word.start() + 1, word.end() - 1)
    dice = chance.random()
    if dice < 0.4:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if dice < 0.8:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]


def _addressed(
    row: Row, text: str, chance: random.Random, companies: Sequence[str], banks: Sequence[str]
) -> str:
    """Put a handle before or after: a bank's, a person's, or in chatter any company's."""
    dice = chance.random()
    if row.unit == NOBODY:
        name = chance.choice(
            companies if dice < 0.4 else banks if dice < 0.5 else _PEOPLE if dice < 0.8 else _HANDLES
        )
    else:
        name = chance.choice(banks if dice < 0.45 else _HANDLES)
    return f"@{name} {text}" if chance.random() < 0.75 else f"{text} @{name}"


def misdirected(row: Row, chance: random.Random, companies: Sequence[str]) -> Row:
    """Return a complaint about service as one to a company that is no bank: none of our business."""
    return replace(row, text=f"@{chance.choice(companies)} {row.text}", unit=NOBODY, priority=4)


def handles(lists: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """Return the phrases of a brand list that are one plain word, as handles are."""
    found = [phrase for phrase in lists.get(name, ()) if phrase.isidentifier()]
    return found or list(_HANDLES)
