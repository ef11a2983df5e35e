"""What names a bank account: IBAN, account number, sort code, routing number.

The facts are from the SWIFT IBAN registry, the UK's and Australia's payment schemes and the ABA.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from allhours.domain.detectors.grammar import (
    COUNTED,
    DATE_IN_DIGITS,
    ENDS,
    between,
    called,
    digits_of,
    is_another_number,
    last_digits,
    numbers,
    pattern,
    words,
)
from allhours.domain.detectors.hit import Detector, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    for country in countries.lower().split()
}
_IBAN_START = pattern(r"(?<![a-z0-9])(?:iban:?)?([a-z]{2})[ .\-]?[0-9][ .\-]?[0-9]")
_IBAN_REST = {
    length: pattern(rf"(?:[\s.\-_/]{{0,2}}[a-z0-9]){{{length - 4}}}+(?![a-z0-9])")
    for length in set(_IBAN_LENGTHS.values())
}
_NOT_IN_IBAN = pattern(r"[^a-z0-9]")
_CALLED_IBAN = pattern(r"(?<![a-z])iban(?:\ (?:no|nr|num|number|is|was)|[\s.:\#=(]){0,4}\Z")


def mod97(iban: str) -> bool:
    """Tell whether `iban` satisfies ISO 7064 MOD 97-10, first four characters moved to the end."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _ibans(text: str) -> Iterator[Hit]:
    for start in _IBAN_START().finditer(text):
        length = _IBAN_LENGTHS.get(start.group(1))
        rest = _IBAN_REST[length]().match(text, start.end()) if length else None
        if not length or not rest:
            continue
        iban = _NOT_IN_IBAN().sub("", text[start.start(1) : rest.end()])
        mostly_number = sum(map(str.isdigit, iban)) * 3 >= length  # "at 24 hours notice …" is prose
        if mostly_number and (
            mod97(iban) or _CALLED_IBAN().search(text, max(0, start.start() - 24), start.start())
        ):
            yield Hit(start=start.start(1), end=rest.end(), name="iban", shown=iban[-4:].upper())


_ACCOUNT = called(
    words(
        """(?:bank_)?(?:accounts?|acount|acct?s?|acnt|accnt|a\\.?/c) checking chequing savings?
        konto(?:nummer|nr)? cuenta conta compte rekening(?:nummer)? clabe nuban
        ac(?=\\s?(?:no|num|[\\#:]))"""
    ),
    r"[0-9]{6,18}(?:-[0-9]{1,3})?|[0-9]{2,5}(?:[ \-][0-9]{2,5}){1,5}",
    link=between(
        """is was are were my your the numbers? num no nos nr n of to from it its s called this here
        and with you u sort code account acct bank details id also new old current savings? ist es
        est numéro numero número nummer""",
        signs="/",
    ),
)
_ALSO = pattern(rf"(?:\s?(?:,|&|/|\band\b|\bor\b|\bto\b)\s?|\s)(?P<value>[0-9]{{6,12}}){ENDS}{COUNTED}")
_FEWEST, _MOST = 6, 20


def _accounts(text: str) -> Iterator[Hit]:
    for start, end in numbers(_ACCOUNT, text):
        number = text[start:end]
        if not _FEWEST <= len(digits_of(number)) <= _MOST or _is_no_account(
            number, text[max(0, start - 16) : start]
        ):
            continue
        yield Hit(start=start, end=end, name="account", shown=last_digits(number))
        if also := _ALSO().match(text, end):
            yield _account(*also.span("value"), text)


def _account(start: int, end: int, text: str) -> Hit:
    return Hit(start=start, end=end, name="account", shown=last_digits(text[start:end]))


_ROUND = pattern(r"[1-9][0-9]{2,3}000|[1-9][0-9]0000")  # an amount, unless it is called a number
_CALLED_A_NUMBER = pattern(r"(?:number|num|no|nr|\#)[\s.:\#=]{0,3}(?:is\s)?\Z")


def _is_no_account(number: str, before: str) -> bool:
    if not number.isdecimal():
        return bool(DATE_IN_DIGITS().fullmatch(number))
    return bool(_ROUND().fullmatch(number)) and not _CALLED_A_NUMBER().search(before)


_SORT_CODE = called(
    words(r"sort(?:ing)?(?:_?codes?)? s/?c(?=[\s:.=\#\-]) srt_code"),
    r"[0-9]{2}[ \-./]?[0-9]{2}[ \-./]?[0-9]{2}",
    link=between("is was my the no numbers? code and account acct? are", signs="&/"),
)
_BSB = called("bsb", r"[0-9]{3}[ \-]?[0-9]{3}", link=between("is no number code"))
_ITS_ACCOUNT = pattern(r"[\s,;/&\-]{1,3}(?:and\s)?(?P<account>[0-9]{7,10})(?![0-9\w])")
_PAIR = pattern(  # a sort code beside an account number, neither of them called anything
    r"""(?<![\w.\-/])(?:(?P<sort>[0-9]{2}-[0-9]{2}-[0-9]{2})[\s,;/|]{1,3}(?P<account>[0-9]{8})
    |   (?P<before>[0-9]{8})[\s,;/|]{1,3}(?P<after>[0-9]{2}-[0-9]{2}-[0-9]{2}))(?![\w]|[.\-/:][0-9])"""
)


def _sort_codes(text: str) -> Iterator[Hit]:
    for compiled in (_SORT_CODE, _BSB):
        for start, end in numbers(compiled, text):
            yield Hit(start=start, end=end, name="sort code")
            if account := _ITS_ACCOUNT().match(text, end):
                yield _account(*account.span("account"), text)


def _pairs(text: str) -> Iterator[Hit]:
    for found in _PAIR().finditer(text):
        sort, account = ("sort", "account") if found["sort"] else ("after", "before")
        if not _is_a_date(found[sort]) and not is_another_number(text, found.start()):
            yield Hit(start=found.start(sort), end=found.end(sort), name="sort code")
            yield _account(*found.span(account), text)


def _is_a_date(pairs: str) -> bool:
    """Tell whether three pairs of digits can be day, month and year in any country's order."""
    first, second, third = map(int, pairs.split("-"))
    return any(
        day in range(1, 32) and month in range(1, 13)
        for day, month in ((first, second), (second, first), (third, second))
    )


_ROUTING = called(
    words("(?:aba_|bank_|wire_|ach_)?(?:routing|aba|rtn|rtg|transit)"),
    r"[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]|[0-9]{3}[ \-][0-9]{3}[ \-][0-9]{3}",
    link=between(
        "is was are my your the numbers? num no nr code transit routing for of and account bank aba rtn",
        signs="&/",
    ),
)


def _routings(text: str) -> Iterator[Hit]:
    for start, end in numbers(_ROUTING, text):
        if import_module("stdnum.us.rtn").is_valid(digits_of(text[start:end])):
            yield Hit(start=start, end=end, name="routing number")


IBAN = Detector(
    names=("iban",),
    reason="an IBAN: the length its country has, with right check digits or called an IBAN",
    find=_ibans,
)
DETECTORS = (
    Detector(
        names=("sort code", "account"),
        reason="six digits beside a word for a sort code or BSB",
        hints=("sort", "s/c", "sc", "srt", "bsb"),
        find=_sort_codes,
    ),
    Detector(
        names=("sort code", "account"),
        reason="a sort code that is no date, beside an account number of eight digits",
        find=_pairs,
    ),
    Detector(
        names=("routing number",),
        reason="nine digits beside a word for a routing number, with the ABA's right check digit",
        hints=("routing", "aba", "rtn", "rtg", "transit"),
        find=_routings,
    ),
    Detector(
        names=("account",),
        reason="six to twenty digits beside a word for an account",
        hints=("ac", "a/c", "check", "chequ", "saving", "konto", "cuenta", "conta", "compte", "rekening",
               "clabe", "nuban"),
        find=_accounts,
    ),
)  # fmt: skip
