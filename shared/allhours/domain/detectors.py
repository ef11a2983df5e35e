"""Find personal data in folded text: ASCII digits, no invisible characters (personal_data.py folds).

Each detector reads one stretch of text and yields `Hit`s. A pattern starts only where a run of its own
characters starts, and repeats a bounded number of times or possessively: hostile text costs linear time.
The facts are from ISO/IEC 7812 and the schemes' published number ranges, the SWIFT IBAN registry, ITU-T
E.164, the North American and the UK numbering plan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One span of personal data, and the little of it that a desk may see."""

    start: int
    end: int
    name: str
    shown: str


# -- cards -----------------------------------------------------------------------------------------------

_CARD_RUN = re.compile(r"[0-9](?:[\s.\-_]{0,3}[0-9]){11,}+")
_GROUP = re.compile(r"[0-9]+")
_CARD_GROUP = 4
_SHORTEST_CARD, _LONGEST_CARD = 12, 19  # twelve: Maestro, and only where the author says card
_CALLED_CARD = re.compile(r"\bcard(?:\ (?:no|nr|num|number|is|was)|[\s.:#=]){0,4}\Z", re.IGNORECASE)
_ISSUED = re.compile(  # each scheme: the prefixes it issues, the lengths it uses
    r"""(?=4)                                                (?:.{13}|.{16}|.{19})    # Visa
    |   (?=5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)      .{16}                    # Mastercard
    |   (?=3[47]|1800|2131)                                 .{15}                    # Amex, old JCB
    |   (?=30[0-59]|3[689])                                 (?:.{14}|.{16,19})       # Diners Club
    |   (?=6011|64[4-9]|65|62|81|35(?:2[89]|[3-8]))         .{16,19}                 # Discover, UnionPay, JCB
    |   (?=220[0-4]|9792|60|508)                            .{16}                    # Mir, Troy, RuPay
    |   (?=50|5[6-9]|6)                                     .{13,19}                 # Maestro
    """,
    re.VERBOSE,
)
_DOUBLED = str.maketrans("0123456789", "0246813579")


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


def _is_written_like_a_card(sizes: list[int]) -> bool:
    """Tell 4-4-4-4, 4-6-5, digit by digit and one run from digits that merely stand side by side."""
    *body, last = sizes
    return all(size >= _CARD_GROUP for size in body) or (len(set(body)) == 1 and last <= body[0])


def _is_called_a_card(text: str, start: int) -> bool:
    return bool(_CALLED_CARD.search(text, max(0, start - 24), start))


def cards(text: str) -> Iterator[Hit]:
    """Yield whole digit groups that pass Luhn and that a scheme issues or the author calls a card."""
    for run in _CARD_RUN.finditer(text):
        groups = list(_GROUP.finditer(text, run.start(), run.end()))
        for first, group in enumerate(groups):
            digits, sizes = "", []
            for last in groups[first : first + _LONGEST_CARD]:
                digits += last.group()
                sizes.append(len(last.group()))
                if len(digits) > _LONGEST_CARD:
                    break
                if (
                    len(digits) >= _SHORTEST_CARD
                    and _is_written_like_a_card(sizes)
                    and (_ISSUED.fullmatch(digits) or _is_called_a_card(text, group.start()))
                    and luhn(digits)
                ):
                    yield Hit(start=group.start(), end=last.end(), name="card", shown=digits[-4:])


# -- IBANs -----------------------------------------------------------------------------------------------

_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_IBAN_START = re.compile(r"(?<![a-z0-9])([a-z]{2})[ .\-]?[0-9][ .\-]?[0-9]", re.IGNORECASE | re.ASCII)
_IBAN_REST = {
    length: re.compile(rf"(?:[\s.\-_]{{0,2}}[a-z0-9]){{{length - 4}}}+(?![a-z0-9])", re.IGNORECASE | re.ASCII)
    for length in set(_IBAN_LENGTHS.values())
}
_NOT_IN_IBAN = re.compile(r"[^A-Z0-9]")


def mod97(iban: str) -> bool:
    """Tell whether upper-case `iban` satisfies ISO 7064 MOD 97-10, first four characters moved to the end."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def ibans(text: str) -> Iterator[Hit]:
    """Yield each IBAN of the length its country has, in any case and grouping, that passes MOD 97-10."""
    for start in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(start.group(1).upper())
        rest = _IBAN_REST[length].match(text, start.end()) if length else None
        if not length or not rest:
            continue
        iban = _NOT_IN_IBAN.sub("", text[start.start() : rest.end()].upper())
        mostly_number = sum(map(str.isdigit, iban)) * 3 >= length  # "at 24 hours notice …" is prose
        if mostly_number and mod97(iban):
            yield Hit(start=start.start(), end=rest.end(), name="iban", shown=iban[-4:])


# -- e-mail ----------------------------------------------------------------------------------------------

_LOCAL = r"(?<![\w.+%@-])[\w.+%'-]++"  # an @ before it: a Mastodon handle, @maria@other.social
_TOP = r"[^\W\d_][\w-]++"
_EMAIL = re.compile(rf"{_LOCAL}@(?:[\w-]++\.)+{_TOP}")
_DOT = r"(?:\ {0,2}[\[({<]\ ?(?:dot|\.)\ ?[\])}>]\ {0,2}|\ {1,2}dot\ {1,2}|\.)"
_MAILBOXES = (
    r"(?:gmail|googlemail|outlook|hotmail|live|msn|yahoo|icloud|proton|protonmail|aol|gmx|btinternet)"
)
_PROVIDER = rf"{_MAILBOXES}{_DOT}[\w-]++(?:{_DOT}(?:uk|au|br|in|jp))?"
_NAME = rf"(?<![\w.+%@-])[\w.+%'-]++(?:{_DOT}[\w+-]++){{0,3}}"
_DOMAIN = rf"[\w-]++(?:{_DOT}[\w-]++){{1,4}}+"
_SPELT_OUT_HINT = re.compile(rf"[\[({{<] ?(?:at|@|dot|\.) ?[\])}}>]|(?:@|at) {{0,2}}{_MAILBOXES}| dot ")
_SPELT_OUT = re.compile(
    rf"""{_NAME}\ {{0,2}}[\[({{<]\ ?(?:at|@)\ ?[\])}}>]\ {{0,2}}{_DOMAIN}    # maria (at) post.example
    |    {_NAME}@{_DOMAIN}    # maria@post[dot]example
    |    {_NAME}\ at\ [\w-]++(?:\ dot\ [\w-]++){{1,3}}+    # maria at post dot example
    |    (?!(?:me|us|you|it|him|her|them|in|mail|e-?mail|address|account|working|works|is)\ )
         {_NAME}\ {{1,2}}(?:at|@)\ {{1,2}}{_PROVIDER}    # maria at gmail.com
    |    {_NAME}(?:\ @|@\ ){_PROVIDER}    # maria @gmail.com
    """,
    re.IGNORECASE | re.VERBOSE,
)


def emails(text: str) -> Iterator[Hit]:
    """Yield each e-mail address, also spelt out as a clerk would still read it; never a network handle."""
    patterns = [_EMAIL] if "@" in text else []
    if _SPELT_OUT_HINT.search(text.lower()):
        patterns.append(_SPELT_OUT)
    for pattern in patterns:
        for found in pattern.finditer(text):
            yield Hit(start=found.start(), end=found.end(), name="e-mail", shown="")


# -- phones ----------------------------------------------------------------------------------------------

_SEVEN_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){6}")
_GAP = r"[ .\-/]{0,2}"
_COUNTRY = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2[1-689][0-9]|3[578][0-9]|42[0-3]|5[09][0-9]|6[7-9][0-9]|8[0578][0-9]|9[679][0-9])"
)
_ENDS = r"(?![\w]|[-./][0-9])"
_ALONE = r"(?<![\w/#.\-+])(?<![$£€¥]\ )(?<![$£€¥,])"
_SHAPED = re.compile(
    rf"""(?:\+\ ?|\(\+)(?P<plus>{_COUNTRY}\)?(?:{_GAP}\([0-9]{{1,5}}\))?(?:{_GAP}[0-9]){{6,13}}){_ENDS}
    |   {_ALONE}(?<![0-9]\ )00[ ]?(?P<zeros>{_COUNTRY}(?:{_GAP}\(0\))?(?:{_GAP}[0-9]){{8,13}}){_ENDS}
    |   {_ALONE}(?P<shape>
            07[0-9]{{3}}[ \-]?[0-9]{{3}}[ \-]?[0-9]{{3}}                      # UK mobile
        |   07[0-9]{{2}}\ [0-9]{{3}}\ [0-9]{{4}}
        |   02[0-9][ \-][0-9]{{4}}[ \-][0-9]{{4}}                             # UK cities
        |   01[0-9]1[ \-][0-9]{{3}}[ \-][0-9]{{4}}
        |   0[13][0-9]{{2}}[ \-][0-9]{{3}}[ \-][0-9]{{4}}
        |   01[0-9]{{3}}[ \-][0-9]{{5,6}}
        |   0[1-9](?:[ .\-][0-9]{{2}}){{4}}                                   # France
        |   (?:1[ .\-])?[2-9][0-9]{{2}}-[1-9][0-9]{{2}}-[0-9]{{4}}            # North America
        |   (?:1[ .])?[2-9][0-9]{{2}}(?P<dot>[ .])[2-9][0-9]{{2}}(?P=dot)[0-9]{{4}}
        ){_ENDS}
    |   (?P<area>(?:(?<!\w)1[ .\-]?)?\([2-9][0-9]{{2}}\){_GAP}[1-9][0-9]{{2}}[ .\-]?[0-9]{{4}}){_ENDS}
    |   (?P<city>\(0[1-9][0-9]{{0,3}}\)[ .\-]?[0-9]{{3,4}}[ .\-]?[0-9]{{3,4}}){_ENDS}
    """,
    re.VERBOSE,
)
# Without a shape of its own a number is a phone only where the author says so.
_CALLED = re.compile(
    r"""(?<!\w)(?:(?:tele)?phone|tel|t[eé]l[eé]phone|telefon[oe]?|m[oó]vil|handy|mobile
        |cell(?:phone)?|whats?app|landline|sms
        |(?:call|text|ring|phone|reach|contact)\ (?:me|us|him|her|them|back|home)|my\ number)(?!\w)
        (?P<link>(?:[\s.:=,\-]|\b(?:no|nr|num|number|is|was|at|on|under|now|back|registered)\b){0,8}+)
        (?P<number>(?:\([0-9]{1,4}\)\ ?)?[0-9](?:[ .\-/]?[0-9]){5,11})(?![\w]|[-./][0-9]|\ ?[%£$€])""",
    re.VERBOSE | re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(
    r"\b(?:order|ref|reference|tracking|invoice|case|ticket|transaction|payment|id|account|acct|acc|a/c|parcel"
    r"|claim|policy|member(?:ship)?|customer|booking|serial|log|tweet)"
    r"(?:\ (?:no|nr|num|number|id|is|was)|[\s.:#=]){0,4}\Z",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[ .\-/]?[01]?[0-9][ .\-/]?[0-3]?[0-9]"
    r"|[0-3]?[0-9][ .\-/][0-3]?[0-9][ .\-/](?:19|20)?[0-9]{2}"
)
_NOT_A_DIGIT = re.compile(r"[^0-9]")
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15  # E.164 allows fifteen


def _nanp(digits: str) -> bool:
    """Tell whether an E.164 number under +1 has an area code and an exchange that can exist."""
    return digits[:1] != "1" or (len(digits) == len("12025550100") and digits[1] >= "2")


def _phone(found: re.Match[str], group: str) -> Hit:
    start = found.start("number") if group == "number" else found.start()
    return Hit(start=start, end=found.end(group), name="phone", shown=_NOT_A_DIGIT.sub("", found[group])[-2:])


def phones(text: str) -> Iterator[Hit]:
    """Yield numbers in a telephone's shape, and shapeless ones that the author calls a telephone."""
    if not _SEVEN_DIGITS.search(text):
        return
    for found in _SHAPED.finditer(text):
        group = found.lastgroup if found.lastgroup != "dot" else "shape"
        digits = _NOT_A_DIGIT.sub("", found[group]) if group else ""
        if not group or len(digits) > _MOST_DIGITS or (group in {"plus", "zeros"} and not _nanp(digits)):
            continue
        if group == "plus" or not _OTHER_NUMBER.search(text, max(0, found.start() - 40), found.start()):
            yield _phone(found, group)
    for found in _CALLED.finditer(text):
        if len(_NOT_A_DIGIT.sub("", found["number"])) >= _FEWEST_DIGITS and not _DATE.fullmatch(
            found["number"]
        ):
            yield _phone(found, "number")


# One line per detector; personal_data.py ranks their names for overlaps.
DETECTORS: tuple[Callable[[str], Iterator[Hit]], ...] = (cards, ibans, emails, phones)
