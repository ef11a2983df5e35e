"""How an answer ends: who signs, once, in the unit's name where another's account speaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.people import Member
from allhours.domain.voice import Persona, SignedBy, Voice, signature, signed

ANA = Member(member_id="ana", name="Ana", zone="Europe/London", initials="AB")
PERSONAS = (Persona(name="Sunny", retired=True), Persona(name="Acme Cover team"))


def by(signed_by: SignedBy, personas: tuple[Persona, ...] = PERSONAS) -> Voice:
    return Voice(signed_by=signed_by, personas=personas)


@pytest.mark.parametrize(
    ("signed_by", "own", "anothers"),
    [
        ("initials", "^AB", "^AB, Cards"),
        ("name", "^Ana", "^Ana, Cards"),
        ("persona", "^Acme Cover team", "^Acme Cover team, Cards"),
        ("unit", "^Cards", "^Cards"),
        ("none", "", "^Cards"),
    ],
)
def test_an_answer_is_signed_as_the_unit_says_and_names_the_unit_on_anothers_account(
    signed_by: SignedBy, own: str, anothers: str
) -> None:
    assert signature(by(signed_by), member=ANA, unit="Cards") == own
    assert signature(by(signed_by), member=ANA, unit="Cards", names_unit=True) == anothers


def test_a_retired_persona_signs_nothing_any_more() -> None:
    assert signature(by("persona", PERSONAS[:1]), member=ANA, unit="Cards") == "^Cards"


def test_an_automatic_answer_is_signed_by_the_unit_and_never_by_a_person() -> None:
    assert signature(by("initials"), member=None, unit="Cards") == "^Cards"
    assert signature(by("name"), member=None, unit="Cards", names_unit=True) == "^Cards"


@pytest.mark.parametrize(
    "written", ["Freeze it.", "Freeze it. ^AB", "Freeze it.\n^ab ", "Freeze it. ^AB, Cards"]
)
def test_nobody_signs_twice(written: str) -> None:
    text = signed(written, by("initials"), member=ANA, unit="Cards", network="x", names_unit=True)
    assert text == "Freeze it. ^AB, Cards"


def test_a_letter_is_signed_on_a_line_of_its_own() -> None:
    assert (
        signed("Freeze it.", by("initials"), member=ANA, unit="Cards", network="trustpilot")
        == "Freeze it.\n\n^AB"
    )


def test_what_nobody_signs_stays_as_it_is() -> None:
    assert signed("Freeze it. ", by("none"), member=ANA, unit="Cards", network="x") == "Freeze it."


@given(
    st.text(),
    st.sampled_from(["x", "reddit"]),
    st.sampled_from(["initials", "persona", "unit"]),
)
def test_signing_again_changes_nothing(text: str, network: str, signed_by: SignedBy) -> None:
    def once(written: str) -> str:
        return signed(written, by(signed_by), member=ANA, unit="Cards", network=network, names_unit=True)

    assert once(once(text)) == once(text)
