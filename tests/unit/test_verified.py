"""The statement by which customers check us: what is in it, where it leads, and the page that shows it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.aws.accounts_page import POLICY, accounts_page
from allhours.domain.verified import statement, told_of
from allhours.domain.voice import Withdrawn
from allhours.networks import NETWORKS
from allhours.networks.profiles import NAMES, NO_PROFILE, NOT_OURS, PROFILES, profile
from tests.builders import NOON, a_handle, an_organisation

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation

GONE = Withdrawn(network="x", handle="@acmehelp", since="2026-03-31", note="Please write to @acmebank.")


def a_bank(**changes: object) -> Organisation:
    return an_organisation(withdrawn=(GONE,), **changes)


def said(bank: Organisation | None = None) -> dict[str, object]:
    return statement(bank or a_bank(), NOON, profile=profile, left_out=NOT_OURS)


def test_every_handle_is_told_with_network_profile_unit_and_account() -> None:
    accounts = said()["accounts"]
    assert {
        "network": "x",
        "handle": "@acmecards",
        "profile": "https://x.com/acmecards",
        "account": "acmecards",
        "unit": "Cards",
    } in accounts  # type: ignore[operator]
    assert len(accounts) == len(an_organisation().handles)  # type: ignore[arg-type]


def test_what_was_withdrawn_is_told_with_its_date_and_note() -> None:
    assert said()["withdrawn"] == [
        {"network": "x", "handle": "@acmehelp", "since": "2026-03-31", "note": "Please write to @acmebank."}
    ]


def test_a_statement_says_of_which_file_it_is_and_ends_within_a_week() -> None:
    told = said()
    assert told["revision"] == an_organisation().revision
    assert told["exp"] - told["iat"] == timedelta(days=7).total_seconds()  # type: ignore[operator]


def test_a_feed_is_no_account_of_ours() -> None:
    bank = a_bank()
    account = replace(bank.accounts["acmecards"], handles=(a_handle("Forum", "feeds"), a_handle()))
    told = said(replace(bank, accounts={"acmecards": account}))
    assert [each["network"] for each in told["accounts"]] == ["x"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("handle", "network", "ours"),
    [
        ("@acmecards", "", True),
        ("ACMEcards", "x", True),
        ("@acmecards", "bluesky", False),
        ("@acmehelp", "x", False),
        ("@acme_cards", "", False),
        ("@\u0430cmecards", "", False),  # a Cyrillic letter
        ("", "", False),
    ],
)
def test_a_handle_is_ours_or_it_is_not(handle: str, network: str, *, ours: bool) -> None:
    assert told_of(said(), handle, network).is_ours is ours


def test_a_handle_that_is_ours_here_and_withdrawn_there_is_not_simply_ours() -> None:
    bank = an_organisation(withdrawn=(replace(GONE, network="bluesky", handle="@acmecards"),))
    assert not told_of(said(bank), "@acmecards").is_ours
    assert told_of(said(bank), "@acmecards", "x").is_ours


def test_every_network_has_an_address_of_profiles_or_a_reason_for_none() -> None:
    assert {*PROFILES, *NO_PROFILE} == set(NETWORKS)
    assert not {*PROFILES} & {*NO_PROFILE}
    assert {*NAMES} == set(NETWORKS) - NOT_OURS


@pytest.mark.parametrize(
    ("name", "network", "native_id", "address"),
    [
        ("+44 20 7946 0100", "whatsapp", "1", "https://wa.me/442079460100"),
        ("u/AcmeBank", "reddit", "", "https://www.reddit.com/user/AcmeBank"),
        ("Acme Cards", "facebook", "555", "https://www.facebook.com/555"),
        ("Acme Cards", "facebook", "", ""),
        ("@acmecards", "mastodon", "", "https://mastodon.test/@acmecards"),
        ("Elm Street", "googlebusiness", "accounts/1/locations/2", ""),
        ('"><script>', "tiktok", "", "https://www.tiktok.com/@%22%3E%3Cscript%3E"),
    ],
)
def test_a_profile_is_where_people_see_the_handle(
    name: str, network: str, native_id: str, address: str
) -> None:
    assert profile(a_handle(name, network, native_id=native_id)) == address


def page(bank: Organisation | None = None) -> str:
    return accounts_page(said(bank), names=NAMES, kid="the-key", document="doc.json", keys="keys.json")


def test_the_page_has_no_script_and_its_style_is_the_one_that_the_policy_lets_in() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert "default-src 'none'" in POLICY
    assert not re.search(r"<script|\son\w+=|javascript:|<img|<iframe|style=", page())


def test_the_page_shows_dark_and_prints_and_can_be_read_aloud() -> None:
    text = page()
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    for needed in ('<html lang="en">', "<main>", "<caption>", 'scope="col"', 'scope="row"', "<h1>"):
        assert needed in text
    assert text.index("<h1>") < text.index("<h2>")


def test_whatever_the_file_says_is_text_on_the_page() -> None:
    bank = a_bank(name="Acme <b>&</b>")
    unit = replace(bank.units["cards"], title='<img src=x onerror="x">')
    text = page(replace(bank, units={**bank.units, "cards": unit}, withdrawn=(replace(GONE, note="<i>"),)))
    assert "<img" not in text
    assert "<b>" not in text
    assert "<i>" not in text
    assert "Acme &lt;b&gt;" in text


def test_a_withdrawn_handle_is_told_to_be_withdrawn_and_leads_nowhere() -> None:
    row = next(each for each in page().split("</tr>") if "@acmehelp" in each)
    assert "withdrawn" in row
    assert "2026-03-31. Please write to @acmebank." in row
    assert "href" not in row
