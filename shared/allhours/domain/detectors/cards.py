"""Card numbers, and what is printed beside them: expiry and security code.

The facts are from ISO/IEC 7812 and the schemes' published number ranges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.detectors.grammar import (
    COUNTED,
    ENDS,
    between,
    called,
    is_another_number,
    numbers,
    pattern,
    words,
)
from allhours.domain.detectors.hit import Detector, Hit

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

_RUN = pattern(r"(?<![0-9])[0-9](?:[\s.\-_/,|:*~+()]{0,3}[0-9]){11,}+")
_GROUP = pattern(r"[0-9]+")
_CARD_GROUP = 4
_OLD_VISA = 13  # as long as a product's barcode
_SHORTEST, _LONGEST = 12, 19  # twelve: Maestro, and only where the author says card
_CALLED = pattern(
    r"(?<![a-z])(?:card|visa|mastercard|amex|maestro|debit|credit|ccn?|card\ ?(?:no|number))"
    r"(?:\ (?:no|nr|num|number|is|was|its)|[\s.:\#='(]){0,4}\Z"
)
_OF_AN_ADDRESS = pattern(r"(?:https?://|www\.)[^\s=]*+\Z")
_ISSUED = pattern(  # each scheme: the prefixes it issues, the lengths it uses
    r"""(?=4)                                            (?:.{13}|.{16}|.{19})    # Visa
    |   (?=5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)  .{16}                    # Mastercard
    |   (?=3[47]|1800|2131)                             .{15}                    # Amex, old JCB
    |   (?=30[0-59]|3[689])                             (?:.{14}|.{16,19})       # Diners Club
    |   (?=6011|64[4-9]|65|62|81|35)                    .{16,19}                 # Discover, UnionPay, JCB
    |   (?=220[0-4]|9792|60|508)                        .{16}                    # Mir, Troy, RuPay
    |   (?=50|5[6-9]|6)                                 .{13,19}                 # Maestro
    """
)
_DOUBLED = str.maketrans("0123456789", "0246813579")
_BESIDE = pattern(  # 4111 … 12/27 123, as it is read off the card
    r"""[\s,;|/\-]{1,4}(?P<expiry>(?:0[1-9]|1[0-2])\ ?[/|.\-]\ ?(?:20)?[2-4][0-9])(?![0-9])
        (?:[\s,;|/\-]{1,4}(?P<cvv>[0-9]{3,4})(?![0-9]))?"""
)


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


def _cards(text: str) -> Iterator[Hit]:
    for run in _RUN().finditer(text):
        window = text[max(0, run.start() - 300) : run.start()]
        if _OF_AN_ADDRESS().search(window):
            continue
        for hit in _of_run(text, run):
            yield hit
            if beside := _BESIDE().match(text, hit.end):
                yield Hit(start=beside.start("expiry"), end=beside.end("expiry"), name="expiry")
                if beside["cvv"]:
                    yield Hit(start=beside.start("cvv"), end=beside.end("cvv"), name="cvv")


def _of_run(text: str, run: re.Match[str]) -> Iterator[Hit]:
    """Yield whole groups of digits that pass Luhn and that a scheme issues or the author calls a card."""
    groups = list(_GROUP().finditer(text, run.start(), run.end()))
    found = False
    for first, group in enumerate(groups):
        digits, sizes = "", list[int]()
        for last in groups[first : first + _LONGEST]:
            digits += last.group()
            sizes.append(len(last.group()))
            if len(digits) > _LONGEST:
                break
            if (
                len(digits) >= _SHORTEST
                and (_is_written_like_a_card(sizes) or len(sizes) == len(groups))
                and luhn(digits)
                and (
                    _ISSUED().fullmatch(digits)
                    or _is_called_a_card(text, group.start())
                    or _may_be_a_short_card(digits, text, group.start())
                )
                and not (len(digits) == _OLD_VISA and is_another_number(text, group.start()))
            ):
                found = True
                yield Hit(start=group.start(), end=last.end(), name="card", shown=digits[-4:])
    if not found and _is_called_a_card(text, run.start()) and (end := _mistyped(groups)):
        yield Hit(start=run.start(), end=end, name="card", shown=text[run.start() : end][-4:])


def _is_written_like_a_card(sizes: Sequence[int]) -> bool:
    """Tell 4-4-4-4, 4-6-5, digit by digit and one run from digits that merely stand side by side."""
    *body, last = sizes
    return all(size >= _CARD_GROUP for size in body) or (len(set(body)) == 1 and last <= body[0])


def _is_called_a_card(text: str, start: int) -> bool:
    return bool(_CALLED().search(text, max(0, start - 32), start))


def _may_be_a_short_card(digits: str, text: str, start: int) -> bool:
    """Tell a Maestro of twelve digits in a text about a card from a parcel's number."""
    return (
        len(digits) == _SHORTEST
        and digits.startswith(("50", "56", "57", "58", "6"))
        and "card" in text
        and not is_another_number(text, start)
    )


def _mistyped(groups: Sequence[re.Match[str]]) -> int | None:
    """Return where a card's number ends that its author calls one, though one digit must be wrong."""
    digits, sizes = "", list[int]()
    for group in groups[:_CARD_GROUP]:
        digits += group.group()
        sizes.append(len(group.group()))
        if sizes in ([len(digits)], [4, 4, 4, 4], [4, 6, 5]) and _ISSUED().fullmatch(digits):
            return group.end()
    return None


_MONTH = words("(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}")
_EXPIRY = pattern(
    rf"""(?<![a-z])
    (?P<call>exp(?:ir(?:y|es?|ed|ing|ation))?|valid\ (?:thru|through|until|till|to)|good\ thru|vto)
    {between("date month is was on in of the my card")}
    (?P<value>(?:0?[1-9]|1[0-2])\ ?[/.|\-]\ ?(?:20)?[2-4][0-9]|(?:0[1-9]|1[0-2])\ ?(?:20)?[2-4][0-9]
    |{_MONTH}[\ .,\-/]{{1,2}}(?:20)?[2-4][0-9]){ENDS}{COUNTED}"""
)
_OF_ANYTHING = frozenset({"expire", "expires", "expired", "expiring"})
_OF_A_CARD = pattern(
    r"""(?<![a-z])(?:card|visa|mastercard|amex|debit|credit|cvv2?|cvc2?)(?![a-z])
    |   [0-9]{12}|[0-9]{4}[ \-.][0-9]{4}"""
)
_OFFERED = words("offers? promo\\w* coupons? vouchers? deals? sale points token licen[cs]e passport lease")
_OFFER = pattern(rf"(?<![a-z]){_OFFERED}\W[^.!?]{{0,30}}\Z")


def _expiries(text: str) -> Iterator[Hit]:
    for found in _EXPIRY().finditer(text):
        sure = found["call"] not in _OF_ANYTHING or _OF_A_CARD().search(text)
        if sure and not _OFFER().search(text, max(0, found.start() - 45), found.start()):
            yield Hit(start=found.start("value"), end=found.end("value"), name="expiry")


_CVV = called(
    words(
        """cvv2? cvc2? cv2 cvn csc cid security_(?:code|number|digits)
        card_(?:verification|security)_(?:code|value|number)
        (?:3|three)_digit_(?:code|number|security_code)
        (?:last_)?(?:3|three)_(?:digits|numbers)_on_the_(?:back|reverse)
        (?:code|number)_on_the_(?:back|reverse) código_de_seguridad (?:karten)?prüfnummer
        cryptogramme"""
    ),
    r"[0-9](?:[ \-]?[0-9]){2,3}",
)


def _cvvs(text: str) -> Iterator[Hit]:
    for start, end in numbers(_CVV, text):
        yield Hit(start=start, end=end, name="cvv")


DETECTORS = (
    Detector(
        names=("card",),
        reason="a card number: the issuer's range and length with a right check digit, or called a card",
        find=_cards,
    ),
    Detector(
        names=("expiry",),
        reason="a month and year after a word for a card's expiry, or right behind a card number",
        hints=("exp", "valid", "good thru", "vto"),
        find=_expiries,
    ),
    Detector(
        names=("cvv",),
        reason="three or four digits beside a word for a card's security code; nobody may keep it",
        hints=("cvv", "cvc", "cv2", "cvn", "csc", "cid", "security", "digit", "digits", "on the", "seguridad",
               "nummer", "cryptogramme", "verification"),
        find=_cvvs,
    ),
)  # fmt: skip
