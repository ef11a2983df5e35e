"""How people write a number and what they call it: the pieces that the detectors' patterns are made of.

A pattern starts only where a run of its own characters starts, and repeats a bounded number of times or
possessively: hostile text costs linear time. Patterns are compiled when they are first needed, so that a cold
start pays for none.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Pattern = Callable[[], re.Pattern[str]]


def pattern(source: str) -> Pattern:
    """Return a function that compiles the verbose pattern once, when it is first asked."""
    return cache(lambda: re.compile(source, re.VERBOSE))


def words(phrases: str) -> str:
    """Return the alternatives of a list of phrases, in which `_` is a space or a hyphen."""
    alternatives = phrases.replace("_", r"[\s\-]").split()
    return f"(?:{'|'.join(alternatives)})"


def between(phrases: str, *, most: int = 14, signs: str = "") -> str:
    """Return what may stand between a word and its number: these phrases, and the signs people put there."""
    stop = r"\.(?=\s?(?:[0-9:\#n]|[a-z]{1,2}[0-9]))|,(?=\s)"
    return rf"""(?:[\s:=\#"'*()\-_>|→{signs}]|{stop}|\b{words(phrases)}\b){{0,{most}}}+"""


# "my pin for the card they sent me is 4821"
LINK = between(
    """is was are were be been has have had s my your our the an? this that which its it no nos nr
    num number code for on of by via in from to at with card debit credit bank atm visa i me we
    you u they he she given gave get got sent send texted emailed received receive set chose
    chosen use used using new old current same phone mobile text sms e-?mail app back front says?
    said reads here below following should just now today please as changed reset and ist es est y
    meine? mi mon ma""",
    most=24,
)
COUNTED = (
    r"(?!\s?(?:%|[£$€₹]|{})\b|\s?[%£$€₹])".replace(  # a number right before one of these counts something
        "{}",
        words(
            """times x k mins? minutes hours hrs days weeks months years people followers likes
            points miles customers users words characters chars? digits? calls dollars pounds
            euros bucks quid usd gbp eur inr rs rupees naira a\\.?m p\\.?m st nd rd th"""
        ),
    )
)
START = r"(?<![\w£$€₹+\#@/.,\-])"  # a number of its own: no price, hashtag, handle, path or part of another
ENDS = r"(?![\w@]|[\-./:,][0-9]|-[a-z])"
_IS_MY = words("is was as are the my our your a new old bank")


def called(call: str, shape: str, *, link: str = LINK) -> Pattern:
    """Return the pattern of a number after the words that name it, or before them: "4821 is my pin"."""
    return pattern(
        rf"""(?<![a-z0-9@\#]){call}(?![a-z]){link}(?P<value>(?<![0-9.,/])(?:{shape})){ENDS}{COUNTED}
        |   {START}(?P<first>{shape})["')]?\s(?:(?:{_IS_MY}\s){{1,4}}+\(?|\()(?:{call})(?![a-z0-9])"""
    )


def numbers(compiled: Pattern, text: str) -> Iterator[tuple[int, int]]:
    """Yield where each number of a pattern that `called` made starts and ends."""
    for found in compiled().finditer(text):
        yield found.span("value" if found["value"] else "first")


DATE_IN_DIGITS = pattern(
    r"""(?:19|20)[0-9]{2}[ .\-/]?[01]?[0-9][ .\-/]?[0-3]?[0-9]
    |   [0-3]?[0-9][ .\-/][0-3]?[0-9][ .\-/](?:19|20)?[0-9]{2}"""
)
_NOT_A_DIGIT = pattern("[^0-9]")
_LONG = 8  # digits; four of fewer would be half of them


def digits_of(text: str) -> str:
    """Return the digits of `text` alone."""
    return _NOT_A_DIGIT().sub("", text)


def last_digits(text: str) -> str:
    """Return what tells a desk which number is meant: its last four digits, two of a short number."""
    digits = digits_of(text)
    return digits[-4:] if len(digits) >= _LONG else digits[-2:]


_OTHER_NUMBERS = words(
    """orders? ref reference tracking invoice case ticket transaction txn payment id account acct acc
    a/c parcel item sku product part model claim policy member(?:ship)? customer booking serial
    log tweet dispute complaint confirmation flight fedex ups usps dhl version build utr rrn arn
    batch ean upc gtin imei isbn barcode vin"""
)
_OTHER_NUMBER = pattern(
    rf"(?<![a-z]){_OTHER_NUMBERS}(?:\ (?:no|nr|num|numbers?|id|is|was|code)|[\s.:\#=(]){{0,4}}\Z"
)


def is_another_number(text: str, start: int) -> bool:
    """Tell whether the author calls the number at `start` an order, a reference or the like."""
    return bool(_OTHER_NUMBER().search(text, max(0, start - 40), start))
