"""What must not go out in an answer of ours, and what we do about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.cli.words import DRAFT_LISTS, shipped_for_drafts
from allhours.domain.lint import SHORTENERS, Finding, Ours, host_of, lint
from allhours.domain.voice import INVITATION, Linting
from allhours.domain.word_lists import WordLists, check_phrase
from allhours.networks.contract import Length

OURS = Ours(
    domains=("acmebank.example",),
    published=("+44 20 7946 0100", "help@acmebank.example"),
    lists=WordLists(shipped_for_drafts()[0]),
)
STRICT = Linting(promises="block", capitals="block")


def linted(
    text: str, *, linting: Linting = STRICT, private: bool = False, first: bool = False
) -> tuple[Finding, ...]:
    return lint(text, linting=linting, ours=OURS, private=private, first_public_line=first)


def told(text: str, *, private: bool = False, first: bool = False) -> list[tuple[str, str]]:
    """Return each kind of finding and the words that it is about."""
    found = linted(text, private=private, first=first)
    return [(finding.kind, text[finding.start : finding.end]) for finding in found]


FINE = (
    INVITATION,
    "Sorry to hear it, Leela. Please freeze the card in the app: Cards, Freeze. ^AB",
    "We look into it now and write to you here as soon as we know more. ^AB",
    "The steps are here: https://acmebank.example/help/change-pin ^AB",
    "Look at www.acmebank.example/help, or at community.acmebank.example.",
    "Call +44 20 7946 0100 or write to help@acmebank.example. IBAN, SEPA and SWIFT are on the page.",
    "Thank you @leela@mastodon.example and @leela.example! We never ask for a PIN or a password.",
    "It costs 2.50 a month, i.e. 30 a year (e.g. for A.B. or the U.K.).",
    "",
)


@pytest.mark.parametrize("text", FINE)
def test_a_plain_and_careful_answer_has_nothing_to_mend(text: str) -> None:
    assert told(text) == []
    assert told(text, private=True, first=True) == []


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("We got card 4111 1111 1111 1111.", "personal_data", "4111 1111 1111 1111"),
        ("We wrote to leela@mail.example!", "personal_data", "leela@mail.example"),
        ("Sorry! We'll refund it.", "promises", "We'll refund"),
        ("Sorry! We\u2019ll refund it.", "promises", "We\u2019ll refund"),
        ("You hear from us within 24 hours.", "promises", "within 24 hours"),
        ("It is guaranteed.", "promises", "guaranteed"),
        ("You will definitely get your money back.", "promises", "get your money back"),
        ("Please send us your PIN first.", "forbidden", "send us your PIN"),
        ("Please calm down, Leela.", "forbidden", "calm down"),
        ("Read https://other.example/help please", "links", "https://other.example/help"),
        ("Read (other.example/help), please", "links", "other.example/help"),
        ("Read www.other.com.", "links", "www.other.com"),
        ("Read bit.ly/2xyz, please", "shorteners", "bit.ly/2xyz"),
        ("Read HTTPS://T.CO/2xyz now", "shorteners", "HTTPS://T.CO/2xyz"),
        ("As our customer, look here.", "relationship", "As our customer"),
        ("Something about your account with us.", "relationship", "your account with us"),
        ("The fault is your card ending 1111.", "relationship", "your card ending"),
        ("We see that your payment left.", "relationship", "We see that your payment"),
        ("Sorry!!!! Look again.", "capitals", "!!!!"),
    ],
)
def test_what_must_not_be_said_is_named_with_its_place(text: str, kind: str, words: str) -> None:
    assert (kind, words) in told(text)


def test_shouting_is_told_and_a_name_in_capitals_is_not() -> None:
    assert told("PLEASE FREEZE YOUR CARD") == [("capitals", "PLEASE FREEZE YOUR CARD")]
    assert told("Ask for ANTIPHISHING, please") == []


@pytest.mark.parametrize(
    "link",
    [
        "https://acmebank.example@evil.com/",
        "https://acmebank.example:443@evil.com",
        r"https://evil.com\@acmebank.example",
        "https://acmebank.example.evil.com",
        "https://notacmebank.example",
        "https://\u0430cmebank.example",  # its first letter is Cyrillic
        r"https:\\evil.com",
        "https:/evil.com",
        "https://evil.com?acmebank.example",
        "https://evil.com#.acmebank.example",
    ],
)
def test_a_link_that_only_looks_like_ours_is_not_ours(link: str) -> None:
    assert ("links", link) in told(f"Go to {link} now")


@pytest.mark.parametrize(
    "link",
    [
        "https://acmebank.example",
        "https://www.AcmeBank.example/a?b=c#d",
        "http://acmebank.example.:8080/x",
        "acmebank.example/help",
        "https://help.acmebank.example",
    ],
)
def test_a_link_of_ours_may_go_out_however_it_is_written(link: str) -> None:
    assert told(f"Go to {link}.") == []
    assert host_of(link).endswith("acmebank.example")


def test_a_short_link_is_a_link_where_shorteners_are_off() -> None:
    found = linted("See bit.ly/2xyz", linting=Linting(shorteners="off"))
    assert [finding.kind for finding in found] == ["links"]
    assert "youtu.be" in SHORTENERS


def test_only_bystanders_must_not_learn_that_somebody_is_a_customer() -> None:
    text = "We see that your payment has left."
    assert told(text, private=True) == []
    assert [kind for kind, _ in told(text, private=True, first=True)] == ["relationship"]
    assert [kind for kind, _ in told(text)] == ["relationship"]


def test_personal_data_are_never_let_out_in_public_whatever_the_unit_says() -> None:
    lenient = Linting(personal_data="warn")
    text = "It was 4111 1111 1111 1111."
    assert [each.ruling for each in linted(text, linting=lenient, private=True)] == ["warn"]
    assert [each.ruling for each in linted(text, linting=lenient)] == ["block"]
    assert [each.ruling for each in linted(text, linting=lenient, private=True, first=True)] == ["block"]
    off = Linting(personal_data="off")
    assert [each.ruling for each in linted(text, linting=off)] == ["block"]


def test_a_unit_blocks_warns_or_lets_go_and_forbids_phrases_of_its_own() -> None:
    text = "We guarantee it. No worries!"
    usual = linted(text, linting=Linting(phrases=("no worries",)))
    assert [(each.kind, each.ruling) for each in usual] == [("promises", "warn"), ("forbidden", "block")]
    assert linted(text, linting=Linting(promises="off")) == ()


def test_a_phrase_is_told_wherever_it_stands_and_never_over_the_end_of_a_sentence() -> None:
    text = "Calm down. Please: calm down. Keep calm. Down there it is."
    assert told(text) == [("forbidden", "Calm down"), ("forbidden", "calm down")]


@pytest.mark.parametrize(
    "text",
    [
        "Never send us your PIN.",
        "We never ask you to share your password with us.",
        "Please don\u2019t tell us your PIN here.",
        "We cannot guarantee that, sorry.",
    ],
)
def test_what_is_said_only_to_say_no_to_it_may_be_said(text: str) -> None:
    assert told(text) == []


def test_a_no_to_something_else_denies_nothing() -> None:
    assert told("Do not worry, send us your PIN.") == [("forbidden", "send us your PIN")]
    assert told("We never do that. We guarantee it.") == [("promises", "guarantee")]
    assert told("That is not as our customer wants it.") == [("relationship", "as our customer")]


def test_what_is_too_long_or_too_short_says_by_how_much() -> None:
    lengths = [
        Length(used=291, allowed=280, unit="weighted characters", least=1),
        Length(used=3, allowed=32_000, unit="characters", least=20),
        Length(used=3, allowed=20, unit="characters", least=1),
    ]
    found = lint("abc", linting=Linting(), ours=OURS, private=False, lengths=lengths)
    assert [each.message for each in found] == [
        "291 of 280 weighted characters: shorten it by 11",
        "3 of 32000 characters: the network takes 20 at least, write more",
    ]
    assert {(each.kind, each.ruling, each.start, each.end) for each in found} == {("length", "block", 0, 3)}


def test_every_shipped_list_for_drafts_is_known_and_its_phrases_can_be_found() -> None:
    lists, _ = shipped_for_drafts()
    assert set(lists) == set(DRAFT_LISTS)
    for phrases in lists.values():
        assert len(set(phrases)) == len(phrases) > 0
        for phrase in phrases:
            check_phrase(phrase)


@given(
    st.text()
    | st.lists(st.sampled_from([*FINE, "bit.ly/x", "We'll refund", "½ \u2019 ﬁ", "!!!!"])).map(" ".join)
)
def test_any_text_is_judged_in_order_and_within_its_ends(text: str) -> None:
    found = linted(text)
    assert all(0 <= each.start <= each.end <= len(text) and each.ruling == "block" for each in found)
    assert [each.start for each in found] == sorted(each.start for each in found)


@given(st.from_regex(r"[a-z]{12}", fullmatch=True))
def test_a_message_never_repeats_what_was_written(word: str) -> None:
    text = f"{word}@{word}.example https://{word}.example 4111 1111 1111 1111 {word.upper()}"
    for finding in linted(text):
        assert word not in finding.message.casefold()
        assert "4111" not in finding.message
