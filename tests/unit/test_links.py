"""Signed links: what they say, and that nothing else says it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import BadInput
from allhours.domain.links import Link, calendar_link, member_link, owner_and_serial, signed, verified
from tests.builders import NOON

KEY = b"a key of the bank"
SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(subject=st.text(st.characters(exclude_categories=["Cs"]), max_size=40), days=st.integers(1, 400))
def test_a_link_says_what_was_signed_and_fits_an_address(subject: str, days: int) -> None:
    link = Link(kind="page", subject=subject, expires_at=NOON + timedelta(days=days))
    token = signed(link, KEY)
    assert verified(token, KEY, "page", NOON) == link
    assert set(token) <= SAFE


@given(place=st.integers(0), letter=st.sampled_from(sorted(SAFE)))
def test_a_link_with_any_letter_changed_is_void(place: int, letter: str) -> None:
    token = signed(member_link("ana", 0, NOON), KEY)
    place %= len(token)
    forged = token[:place] + letter + token[place + 1 :]
    if forged != token:
        with pytest.raises(BadInput):
            verified(forged, KEY, "member", NOON)


@pytest.mark.parametrize(
    "token", ["", ".", "...", "a.b.c.d", "member.YW5hOjA", "\u00e9.\u00e9.\u00e9.\u00e9", "=.=.=.="]
)
def test_what_is_no_link_is_void(token: str) -> None:
    with pytest.raises(BadInput):
        verified(token, KEY, "member", NOON)


def test_a_link_of_another_kind_key_or_time_is_void() -> None:
    token = signed(member_link("ana", 0, NOON), KEY)
    assert verified(token, KEY, "member", NOON + timedelta(days=90, seconds=-1)).kind == "member"
    for key, kind, later in (
        (b"another", "member", 0),
        (KEY, "calendar", 0),
        (KEY, "member", 90),
    ):
        with pytest.raises(BadInput):
            verified(token, key, kind, NOON + timedelta(days=later))


def test_a_link_names_its_owner_and_the_serial_it_was_made_with() -> None:
    assert owner_and_serial(member_link("ana", 3, NOON)) == ("ana", 3)
    assert owner_and_serial(calendar_link("unit:cards", 0, NOON)) == ("unit:cards", 0)
    for subject in ("", "ana", ":1", "ana:", "ana:x"):
        with pytest.raises(BadInput):
            owner_and_serial(Link(kind="member", subject=subject, expires_at=NOON))
