"""What proves that one is oneself: PINs, passwords and one-time codes. Nothing of them is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.detectors.grammar import COUNTED, ENDS, LINK, called, numbers, pattern, words
from allhours.domain.detectors.hit import Detector, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIN = called(
    words(r"pin(?:_?(?:code|number|no))? p\.i\.n\.? pass_?code [mt]-?pin geheimzahl clave senha contraseña"),
    r"[0-9](?:[ \-]?[0-9]){3}|[0-9]{5,6}",
)
_POSTAL = pattern(r"pin\ ?code\W{1,3}\Z")  # an Indian postcode has six digits and the same name
_POSTAL_LENGTH = 6


def _pins(text: str) -> Iterator[Hit]:
    for start, end in numbers(_PIN, text):
        if end - start != _POSTAL_LENGTH or not _POSTAL().search(text, max(0, start - 16), start):
            yield Hit(start=start, end=end, name="pin")


_PASSWORD = pattern(
    r"""(?<![a-z])(?:password|passwort|passwd|pwd)(?:\s?[:=]\s?|\ (?:is|was)\ (?:now\ )?)["']?
    (?P<value>(?=[^\s"']{0,40}?[0-9])(?=[^\s"']{0,40}?[a-z])[^\s"',;]{6,40})"""
)


def _passwords(text: str) -> Iterator[Hit]:
    for found in _PASSWORD().finditer(text):
        yield Hit(start=found.start("value"), end=found.end("value"), name="password")


_KINDS_OF_CODE = words(
    """verification authentication authori[sz]ation auth log_?in sign_?in confirmation activation
    access sms 2fa mfa security unlock registration digital temporary"""
)
_OTP = called(
    words(
        rf"""(?:sms|e)?otps? one_time_(?:pass_?code|pass_?word|code|pin|security_code) m?-?tan código
        codigo bestätigungscode {_KINDS_OF_CODE}_(?:code|pin|pass_?code|number)
        (?:texted|sent|got|received|enter(?:ed)?|tried|use)_(?:(?:me|us|the|a|this)_){{0,2}}code"""
    ),
    r"(?:[a-z]-)?(?:[0-9]{4,8}|[0-9]{3}[ \-][0-9]{3}|[0-9](?:[ \-][0-9]){3,7})",
)
_SOME_CODE = pattern(
    rf"""(?<![a-z0-9\#@/\-])(?:(?P<kind>[a-z]{{2,12}})[\s\-])?code(?![a-z0-9]){LINK}
    (?P<value>(?<![0-9.,/])[0-9]{{6}}|[0-9]{{3}}[ \-][0-9]{{3}}){ENDS}{COUNTED}"""
)
_OTHER_CODES = pattern(
    words(
        """error promo post postal zip pin area country sort swift branch discount voucher coupon
        offer referral refer invite gift bank dress tracking status response reason merchant
        reference ref customer client member order case ticket employee staff store gate
        product bar qr item booking ifsc bsb currency colou?r source diall?ing agent"""
    )
)


# "Your OTP for the payment to a shop is 482913", as banks' own text messages say it.
_TOLD_LATER = pattern(
    rf"""(?<![a-z0-9@\#])(?:otp|one[\s\-]time\ pass\w{{4}})(?![a-z])[^.!?\n]{{1,60}}?\b(?:is|was):?\s
    (?P<value>[0-9]{{6}}){ENDS}"""
)


def _codes(text: str) -> Iterator[Hit]:
    for start, end in numbers(_OTP, text):
        yield Hit(start=start, end=end, name="one-time code")
    for found in _TOLD_LATER().finditer(text):
        yield Hit(start=found.start("value"), end=found.end("value"), name="one-time code")
    for found in _SOME_CODE().finditer(text):
        if not _OTHER_CODES().fullmatch(found["kind"] or ""):
            yield Hit(start=found.start("value"), end=found.end("value"), name="one-time code")


DETECTORS = (
    Detector(
        names=("one-time code",),
        reason="four to eight digits beside a word for a one-time or verification code; it may still work",
        hints=("otp", "code", "one time", "one-time", "tan", "codigo", "código", "verification", "pin"),
        find=_codes,
    ),
    Detector(
        names=("pin",),
        reason="four to six digits beside a word for a PIN or passcode; nobody may keep it, in no part",
        hints=("pin", "p.i.n", "code", "geheimzahl", "clave", "senha", "contraseña"),
        find=_pins,
    ),
    Detector(
        names=("password",),
        reason="what an author says is their password, where it mixes letters and digits",
        hints=("passw", "pwd"),
        find=_passwords,
    ),
)
