"""What tells who somebody is: national numbers, passports, dates of birth. Nothing of them is shown.

The facts are from the US SSA and IRS, the UK's HMRC and the authorities that python-stdnum's modules name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from allhours.domain.detectors.grammar import (
    ENDS,
    LINK,
    between,
    called,
    digits_of,
    is_another_number,
    numbers,
    pattern,
    words,
)
from allhours.domain.detectors.hit import Detector, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

_SSN_CALL = words(r"ssns? s\.s\.n\.? ss_?(?:\#|no|number) soc(?:ial)?\.?_sec(?:urity)? social")
_TAX_CALL = words(r"itins? (?:individual_)?tax(?:payer)?_(?:id|identification)(?:_number)? tin")
_SSN = called(
    f"(?:{_SSN_CALL}|{_TAX_CALL})",
    r"[0-9]{3}[\- ./]?[0-9]{2}[\- ./]?[0-9]{4}|[0-9](?:[ \-][0-9]){8}",
    link=LINK.replace("|from|", "|from|security|"),
)
_LAST_FOUR = pattern(
    rf"""(?<![a-z])last\ (?:4|four)(?:\ digits)?\ (?:of|on|from)\ (?:(?:my|the|her|his|our)\ )?{_SSN_CALL}
    (?![a-z]){LINK}(?P<four>[0-9]{{4}}){ENDS}"""
)
_SSN_SHAPE = pattern(
    rf"""(?<![\w/\#.\-+])(?<![$£€]\ )
    (?!000|666)(?P<area>[0-9]{{3}})-(?!00)(?P<middle>[0-9]{{2}})-(?!0000)[0-9]{{4}}{ENDS}"""
)
_ITIN_MIDDLES = frozenset({*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)})  # IRS, form W-7


def _ssns(text: str) -> Iterator[Hit]:
    for start, end in numbers(_SSN, text):
        yield Hit(start=start, end=end, name="itin" if text[start] == "9" else "ssn")
    for found in _LAST_FOUR().finditer(text):
        yield Hit(start=found.start("four"), end=found.end("four"), name="ssn")


def _unnamed_ssns(text: str) -> Iterator[Hit]:
    for found in _SSN_SHAPE().finditer(text):
        itin = found["area"].startswith("9")
        possible = not itin or int(found["middle"]) in _ITIN_MIDDLES
        if possible and not is_another_number(text, found.start()):
            yield Hit(start=found.start(), end=found.end(), name="itin" if itin else "ssn")


_SIX = r"[0-9]{2}[ \-.]{0,2}[0-9]{2}[ \-.]{0,2}[0-9]{2}"
_NINO = called(
    words(r"national_insurance(?:_(?:no|nr|number))? nat_ins ni(?:_(?:no|nr|number|num))? nino n\.i\.?"),
    rf"[a-z]{{2}}[ \-.]{{0,2}}{_SIX}(?:[ \-.]{{0,2}}[a-z](?![a-z]))?",
    link=between("is was my the its it s no number"),
)
_NINO_SHAPE = pattern(  # the prefixes that HMRC gives out
    rf"""(?<![\w\#/@\-])(?!bg|gb|kn|nk|nt|tn|zz)[a-ceghj-prstw-z][a-ceghj-nprstw-z][ \-.]{{0,2}}
    {_SIX}[ \-.]{{0,2}}[a-d](?![\w@]|-[0-9a-z])"""
)


def _ninos(text: str) -> Iterator[Hit]:
    for start, end in numbers(_NINO, text):
        yield Hit(start=start, end=end, name="national insurance")


def _unnamed_ninos(text: str) -> Iterator[Hit]:
    for found in _NINO_SHAPE().finditer(text):
        if not is_another_number(text, found.start()):
            yield Hit(start=found.start(), end=found.end(), name="national insurance")


_PASSPORT = called(
    words("passports? passnummer passport-?nr reisepass pasaporte passeport passaporte"),
    r"(?:[a-z]{1,2}\ ?)?[0-9](?:\ ?[0-9]){5,8}(?:[a-z]{1,2})?|[a-z][0-9][a-z0-9]{5,7}",
)
_PASSPORT_DIGITS = range(5, 10)


def _passports(text: str) -> Iterator[Hit]:
    for start, end in numbers(_PASSPORT, text):
        if len(digits_of(text[start:end])) in _PASSPORT_DIGITS:
            yield Hit(start=start, end=end, name="passport")


_MONTH = words(
    """(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|mär|mai|okt|dez|janv|févr?|avr|juin|juil|août
    |déc)[a-zéû]{0,9}\\.?""".replace("\n    ", "")
)
_YEAR = r"(?:(?:19|20)[0-9]{2}|'?[0-9]{2})"
_DATE = rf"""[0-3]?[0-9]\s?[/.\-\ ]\s?[0-3]?[0-9]\s?[/.\-\ ]\s?{_YEAR}
    |(?:19|20)[0-9]{{2}}\s?[/.\-\ ]\s?[01]?[0-9]\s?[/.\-\ ]\s?[0-3]?[0-9]|[0-9]{{8}}|[0-9]{{6}}
    |[0-3]?[0-9](?:st|nd|rd|th|\.)?[\s\-./,]{{0,2}}(?:of\s|de\s)?{_MONTH}[\s\-./,]{{0,2}}(?:de\s)?{_YEAR}
    |{_MONTH}[\s\-./]{{0,2}}[0-3]?[0-9](?:st|nd|rd|th)?[\s\-./,]{{1,3}}{_YEAR}"""
_BIRTH = called(
    words(
        r"""d\.?o\.?b\.? date_of_birth birth_?(?:date|day) b-?day born geboren geburtsdatum née?
        nacid[oa] fecha_de_nacimiento data_de_nascimento date_de_naissance data_di_nascita"""
    ),
    _DATE,
    link=between("is was on the am el le em my in it s its and are dd mm yyyy yy", signs="/"),
)


def _births(text: str) -> Iterator[Hit]:
    for start, end in numbers(_BIRTH, text):
        yield Hit(start=start, end=end, name="date of birth")


# Other countries' numbers: the mask's name, what it is called, its shape, the module with its check digit.
_NUMBERS_ABROAD = (
    ("aadhaar", "aadhaar aadhar adhaar adhar uidai uid", r"[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]{4}", ""),
    ("pan", "pan", r"[a-z]{3}[abcfghljpt][a-z][0-9]{4}[a-z]", "in_.pan"),
    ("bvn", "bvn bank_verification", r"[0-9]{11}", ""),
    ("nin", "nin national_(?:id|identity|identification)", r"[0-9]{11}", ""),
    ("sin", "sin social_insurance", r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{3}", "ca.sin"),
    ("tfn", "tfn tax_file", r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{2,3}", "au.tfn"),
    ("pps", "ppsn?", r"[0-9]{7}[a-w][a-iw]?", "ie.pps"),
    ("cpf", "cpf", r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}[\-/]?[0-9]{2}", "br.cpf"),
    ("dni", "dni nif", r"[0-9]{8}[ \-]?[a-z]", "es.dni"),
    ("nie", "nie", r"[xyz][ \-]?[0-9]{7}[ \-]?[a-z]", "es.nie"),
    (
        "codice fiscale",
        "codice_fiscale",
        r"[a-z]{6}[0-9]{2}(?:[a-z][0-9]{2}){2}[0-9][a-z]",
        "it.codicefiscale",
    ),
    ("bsn", "bsn burgerservicenummer", r"[0-9]{9}", "nl.bsn"),
    ("pesel", "pesel", r"[0-9]{11}", "pl.pesel"),
    ("nric", "nric", r"[stfgm][0-9]{7}[a-z]", ""),
    ("steuer-id", "steuer-?id(?:entifikationsnummer)?", r"[0-9]{2}(?:\ ?[0-9]{3}){3}", "de.idnr"),
)


def _abroad(name: str, call: str, shape: str, module: str) -> Detector:
    """Return the detector of a number called by its name, with a right check digit where there is one."""
    compiled = called(
        words(call),
        shape,
        link=between("is was my the number no num nr code card ist es it s its id linked to insurance file"),
    )

    def find(text: str) -> Iterator[Hit]:
        for start, end in numbers(compiled, text):
            if not module or import_module(f"stdnum.{module}").is_valid(text[start:end]):
                yield Hit(start=start, end=end, name=name)

    checked = ", with a right check digit" if module else ""
    return Detector(
        names=(name,),
        reason=f"a number of the right length beside its name{checked}",
        hints=tuple(word[:3] for word in call.split()),
        find=find,
    )


DETECTORS = (
    Detector(
        names=("ssn", "itin"),
        reason="nine digits beside a word for a US social security or taxpayer number",
        hints=("ss", "s.s", "social", "soc", "itin", "i.t", "tax", "tin"),
        find=_ssns,
    ),
    Detector(
        names=("ssn", "itin"),
        reason="nine digits grouped 3-2-4 in ranges that the SSA or the IRS gives out",
        find=_unnamed_ssns,
    ),
    Detector(
        names=("national insurance",),
        reason="two letters and six digits beside a word for a UK National Insurance number",
        hints=("ni", "nat", "n.i"),
        find=_ninos,
    ),
    Detector(
        names=("national insurance",),
        reason="a prefix that HMRC gives out, six digits, and a letter from A to D",
        find=_unnamed_ninos,
    ),
    Detector(
        names=("passport",),
        reason="a number of six to nine digits beside a word for a passport",
        hints=("pass", "pasaporte"),
        find=_passports,
    ),
    Detector(
        names=("date of birth",),
        reason="a whole date beside a word for being born",
        hints=("d.o.b", "dob", "birth", "day", "born", "gebor", "geburt", "né", "naci", "nasci", "naiss"),
        find=_births,
    ),
    *(_abroad(*each) for each in _NUMBERS_ABROAD),
)  # fmt: skip
