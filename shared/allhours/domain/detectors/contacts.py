"""How to reach somebody: e-mail addresses and telephone numbers.

The facts are from RFC 5321, ITU-T E.164, the North American and the UK numbering plan; phonenumberslite
judges the national numbers of other countries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.detectors.grammar import DATE_IN_DIGITS, digits_of, is_another_number, pattern, words
from allhours.domain.detectors.hit import Detector, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

# -- e-mail ----------------------------------------------------------------------------------------------

_TOP = r"[^\W\d_][\w-]++"
_DOMAIN_AFTER_AT = pattern(rf"@(?:[\w-]++\.)+{_TOP}")
_EMAIL = pattern(rf"(?<![\w.+%@-])[\w.+%'&-]++@(?:[\w-]++\.)+{_TOP}")  # an @ before it: a Mastodon handle
_DOT_WORD = words("dot punto ponto punkt")
_DOT = rf"(?:\ {{0,2}}[\[({{<]\ ?(?:{_DOT_WORD}|\.)\ ?[\])}}>]\ {{0,2}}|\ {{1,2}}{_DOT_WORD}\ {{1,2}}|\.)"
_AT_WORD = words("at arroba ät")
_AT = rf"(?:{_AT_WORD}|@|a)"
_SURE = "gmail googlemail outlook hotmail yahoo ymail icloud proton protonmail aol gmx btinternet rediffmail"
_SURE_MAILBOXES = words(_SURE)
_MAILBOXES = words(
    f"""{_SURE_MAILBOXES} live msn rocketmail me mac web mail zoho yandex sky talktalk virginmedia comcast
    verizon att libero orange wanadoo free t-online"""
)
_TOPS = words("com net org co me de fr es it in uk ie ru pm")
_PROVIDER = rf"""{_MAILBOXES}(?:{_DOT}|\ ?[.,]\ ?){_TOPS}(?![\w])
    (?:{_DOT}{words("uk au br in jp za nz")})?"""
_BOUND = r"(?<![\w.+%@-])"
_NAME = rf"{_BOUND}[\w.+%'-]++(?:(?:{_DOT}|\ {words('underscore dash hyphen plus')}\ )[\w+-]++){{0,3}}"
_NOT_A_NAME = words(
    """me us you it him her them in mail e-?mail address account working works is am are be down up look
    looking here there on"""
)
_SOMEBODY = rf"(?!{_NOT_A_NAME}\ ){_NAME}"
_DOMAIN = rf"[\w-]++(?:{_DOT}[\w-]++){{1,4}}+"
_SPELT_OUT = pattern(
    rf"""{_NAME}\ {{0,2}}[\[({{<]\ ?{_AT}\ ?[\])}}>]\ {{0,2}}{_DOMAIN}    # maria (at) post.example
    |    {_NAME}@{_DOMAIN}    # maria@post[dot]example
    |    {_BOUND}[a-z]\w*+[._]\w++(?:[._]\w++){{0,2}}\ at\ [\w-]++\.(?:[\w-]++\.)?[a-z]{{2,}}+(?![\w@])
    |    {_SOMEBODY}\ {_AT_WORD}\ [\w-]++(?:\ {_DOT_WORD}\ [\w-]++){{1,3}}+    # maria at post dot example
    |    {_SOMEBODY}\ {{1,2}}(?:@|{_AT_WORD})\ {{1,2}}{_PROVIDER}    # maria at gmail.com
    |    {_SOMEBODY}(?:\ @|@\ ){_PROVIDER}    # maria @gmail.com
    |    {_NAME}@{_SURE_MAILBOXES}(?:\ ?[.,]\ ?|\ )(?:com|co\ ?[.,]\ ?uk|net|de|fr|es|in)(?![\w])    # a typo
    """
)


_IN_BRACKETS = pattern(rf"[\[({{<]\ ?(?:{_AT}|dot|\.)\ ?[\])}}>]")
_AFTER_AT = pattern(r"\ at\ {1,2}[\w-]++(?:\.[a-z]|\ [.,])")
_BEHIND_A_SPACE = pattern(r"\ @[\w-]++\ ?\.")
_TOLD_BY = ("@ ", " dot ", " punto ", " ponto ", " punkt ", *_SURE.split())


def _may_be_spelt_out(text: str) -> bool:
    """Tell cheaply whether the longer patterns are worth trying."""
    for told in _TOLD_BY:
        if told in text:
            return True
    for sign, worth in (("(", _IN_BRACKETS), ("[", _IN_BRACKETS), ("{", _IN_BRACKETS), ("<", _IN_BRACKETS),
                        (" at ", _AFTER_AT), (" @", _BEHIND_A_SPACE)):  # fmt: skip
        if sign in text and worth().search(text):
            return True
    return False


_SPACED = pattern(rf"{_SOMEBODY}\ ?@\ ?[\w-]++\ ?\.\ ?{_TOPS}(?:\.{_TOPS})?(?![\w])")


def _emails(text: str) -> Iterator[Hit]:
    patterns = [_EMAIL] if "@" in text and _DOMAIN_AFTER_AT().search(text) else []
    if _may_be_spelt_out(text):
        patterns.append(_SPELT_OUT)
    if "mail" in text and ("@ " in text or " @" in text or " ." in text):
        patterns.append(_SPACED)
    for each in patterns:
        for found in each().finditer(text):
            yield Hit(start=found.start(), end=found.end(), name="e-mail")


# -- phones ----------------------------------------------------------------------------------------------

_SEVEN_DIGITS = pattern(r"[0-9](?:[^0-9]{0,3}[0-9]){6}")
_STARTS = pattern(r"(?<![0-9])(?:[+(]{1,2}\ ?)?[0-9]")
_GAP = r"[ .\-/]{0,2}"
_COUNTRY = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2[1-689][0-9]|3[578][0-9]|42[0-3]|5[09][0-9]|6[7-9][0-9]|8[0578][0-9]|9[679][0-9])"
)
_ENDS = r"(?:\ ?(?:x|ext\.?|extension)\ ?[0-9]{1,5})?(?![\w]|[-./][0-9])"
_ALONE = r"(?<![\w/#.\-+])(?<![$£€¥]\ )(?<![$£€¥,])"
_SHAPED = pattern(
    rf"""(?:\+\ ?|\(\+)(?P<plus>{_COUNTRY}\)?(?:{_GAP}\([0-9]{{1,5}}\))?(?:{_GAP}[0-9]){{6,13}}){_ENDS}
    |   {_ALONE}(?<![0-9]\ )00[ ]?(?P<zeros>{_COUNTRY}(?:{_GAP}\(0\))?(?:{_GAP}[0-9]){{8,13}}){_ENDS}
    |   {_ALONE}(?<![0-9]{{4}}\ )(?P<shape>
            07[0-9]{{3}}[ \-.]?[0-9]{{3}}[ \-.]?[0-9]{{3}}                    # UK mobile
        |   07[0-9]{{2}}[ \-][0-9]{{3}}[ \-][0-9]{{4}}
        |   02[0-9][ \-][0-9]{{4}}[ \-][0-9]{{4}}                             # UK cities
        |   01[0-9]1[ \-][0-9]{{3}}[ \-][0-9]{{4}}
        |   0[13][0-9]{{2}}[ \-][0-9]{{3}}[ \-][0-9]{{4}}
        |   01[0-9]{{3}}[ \-][0-9]{{5,6}}|0[1-389][0-9]{{2}}[ \-][0-9]{{7}}
        |   0[1-3][0-9]{{3}}[ \-][0-9]{{3}}[ \-][0-9]{{3}}
        |   0[1-9](?:[ .\-][0-9]{{2}}){{4}}                                   # France
        |   (?:1[ .\-])?[2-9][0-9]{{2}}[ \-][1-9][0-9]{{2}}-[0-9]{{4}}       # North America
        |   (?:1[ .])?[2-9][0-9]{{2}}(?P<dot>[ .])[2-9][0-9]{{2}}(?P=dot)[0-9]{{4}}
        ){_ENDS}
    |   (?P<area>(?:(?<!\w)1[ .\-]?)?\([2-9][0-9]{{2}}\){_GAP}[1-9][0-9]{{2}}[ .\-]?[0-9]{{4}}){_ENDS}
    |   (?P<brazil>\([1-9]{{2}}\)\ ?9?[0-9]{{4}}-[0-9]{{4}}){_ENDS}
    |   (?P<city>\(0[1-9][0-9]{{0,3}}\)[ .\-]?[0-9]{{3,4}}[ .\-]?[0-9]{{2,4}}){_ENDS}
    |   {_ALONE}(?<![0-9]{{4}}\ )(?P<national>0[1-9][0-9]{{0,4}}(?:[ \-/][0-9]{{2,8}}){{1,4}}
        |0[1-9][0-9]{{8,9}}){_ENDS}
    |   {_ALONE}(?<![0-9]\ )(?P<bare>{_COUNTRY}(?:[ \-][0-9]{{2,6}}){{2,5}}){_ENDS}
    """
)
# Without a shape of its own a number is a phone only where the author says so.
_CALL = words(
    r"""(?:tele)?phone ph tel t[eé]l[eé]phone telefon[oe]? t[eé]l[eé]fono m[oó]vil celular handy(?:nummer)?
    mobile mob cell(?:phone)? whats?app landline sms portable cellulare fone rufnummer registered fax
    dial(?:led)? call(?:ed|s|ing)?(?:_from|_to)? (?:messages?|texts?)_from
    contact_(?:no|nr|num|number|details|me|us|him|her|them)
    (?:call|text|ring|phone|reach|dial|message|whatsapp)_(?:me|us|him|her|them|back|home)
    my_(?:(?:new|old|uk|us|home|work|best|current|personal|registered)_)?(?:number|no)"""
)
_CALL_LINK = words(
    """no nr num number is was at on under now back registered ist es est my the s please or via anytime today
    tomorrow after before instead directly line phone mobile cell contact uk us"""
)
_CALLED = pattern(
    rf"""(?:(?<!\w)wa\.me/|(?<!\w){_CALL}(?!\w)(?:[\s.:=,\-("']|\b{_CALL_LINK}\b){{0,8}}+)
        (?P<number>(?:\+\ ?)?(?:\([0-9]{{1,4}}\)[\ \-]?)?[0-9](?:[ .\-/()]{{0,3}}[0-9]){{5,13}}
        (?:\ ?(?:x|ext\.?)\ ?[0-9]{{1,5}})?)(?![\w]|[-./][0-9]|\ ?[%£$€])
    |   {_ALONE}(?P<first>[0-9(](?:[ .\-/()]{{0,2}}[0-9]){{6,12}})
        (?:["')]?\s(?:is|was)\s(?:my|the|our)\s(?:\w{{1,10}}\s)?(?:number|phone|mobile|cell|tel)
        |\ ?[\-(]\ ?(?:office|fax|mobile|cell|home|work|tel|phone))(?!\w)
    """
)
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15  # E.164 allows fifteen
_FEWEST_AFTER_ZERO = 9  # fewer, as in 0800-2000, are opening hours
_HOMES = ("GB", "IE", "AU", "NZ", "ZA", "IN", "NG", "KE", "FR", "BE", "NL")  # a 0 first, and few lengths


def _nanp(digits: str) -> bool:
    """Tell whether an E.164 number under +1 has an area code and an exchange that can exist."""
    return digits[:1] != "1" or (len(digits) == len("12025550100") and digits[1] >= "2")


def _exists(digits: str, homes: tuple[str | None, ...]) -> bool:
    """Tell whether a numbering plan has the number; phonenumberslite is loaded only for such a candidate."""
    import phonenumbers  # noqa: PLC0415 - 75 ms and 6 MB that only a doubtful number is worth

    for home in homes:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(digits, home)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_a_phone(group: str, written: str, text: str, start: int) -> bool:
    digits = digits_of(written)
    if len(digits) > _MOST_DIGITS or (group in {"plus", "zeros"} and not _nanp(digits)):
        return False
    if group == "plus":
        return True
    if is_another_number(text, start):
        return False
    if group == "national":
        return (
            len(digits) >= _FEWEST_AFTER_ZERO
            and not DATE_IN_DIGITS().fullmatch(written)
            and _exists(digits, _HOMES)
        )
    return group != "bare" or (not DATE_IN_DIGITS().fullmatch(written) and _exists(f"+{digits}", (None,)))


def _phones(text: str) -> Iterator[Hit]:
    if not _SEVEN_DIGITS().search(text):
        return
    done = 0
    for start in _STARTS().finditer(text):
        found = _SHAPED().match(text, start.start()) if start.start() >= done else None
        if not found:
            continue
        group = next(
            name
            for name in ("plus", "zeros", "shape", "area", "brazil", "city", "national", "bare")
            if found[name]
        )
        if _is_a_phone(group, found[group], text, found.start()):
            done = found.end()
            yield _phone(found.group(group), found.start(), done)
    for found in _CALLED().finditer(text):
        group = "number" if found["number"] else "first"
        if len(digits_of(found[group])) >= _FEWEST_DIGITS and not DATE_IN_DIGITS().fullmatch(found[group]):
            yield _phone(found[group], *found.span(group))


def _phone(written: str, start: int, end: int) -> Hit:
    return Hit(start=start, end=end, name="phone", shown=digits_of(written)[-2:])


DETECTORS = (
    Detector(
        names=("e-mail",),
        reason="an e-mail address, also spelt out as a clerk would still read it; never a network's handle",
        digits=False,
        find=_emails,
    ),
    Detector(
        names=("phone",),
        reason="a number in a telephone's shape that a numbering plan has, or called a telephone",
        find=_phones,
    ),
)
