"""The reply-from matrix: which of our handles may answer what, by each network's own rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.item import Change, Kind, Visibility
from allhours.domain.life import Life
from allhours.domain.organisation import Account
from allhours.domain.reply_from import Way, chosen, ways
from allhours.domain.voice import INVITATION, Voice
from allhours.networks import NETWORKS
from tests.builders import NOON, a_handle, an_item
from tests.desk_fakes import RealNetworks, a_bank

if TYPE_CHECKING:
    from allhours.domain.item import Item
    from allhours.domain.organisation import Organisation

REAL = RealNetworks()
PUBLIC, PRIVATE = (Visibility.PUBLIC, False), (Visibility.PRIVATE, True)


def a_bank_on(network: str, *, native_id: str = "1") -> Organisation:
    """Return the bank with three handles on one network: of cards, of payments, and a general one."""
    bank = a_bank()
    accounts = {
        name: replace(
            bank.accounts[name],
            handles=(
                a_handle(f"@{name}", network, unit=bank.accounts[name].unit, native_id=f"{native_id}{n}"),
            ),
        )
        for n, name in enumerate(("acmecards", "acmepay", "acmebank"))
    }
    return replace(bank, accounts=accounts)


def matrix(item: Item, bank: Organisation | None = None, **more: Any) -> tuple[Way, ...]:
    bank = bank or a_bank_on(item.network)
    can = REAL.capabilities(item.network)
    usual: dict[str, Any] = {
        "member": bank.members["ana"],
        "rules": REAL.replier(item.network),
        "why_none": can.replies.how,
        "why_not_private": "" if can.moves_to_private.can else can.moves_to_private.how,
        "at": NOON,
    }
    return ways(bank, "cards", item, **(usual | more))


def of(found: tuple[Way, ...], handle: str, *, private: bool) -> Way:
    return next(way for way in found if (way.handle, way.private) == (handle, private))


NEEDS: dict[str, dict[str, str]] = {
    "x": {"engaged": "mentioned"},
    "facebook": {"page_id": "10", "post_id": "10_7", "comment_id": "7_8"},
    "instagram": {"comment_id": "8"},
    "mastodon": {"status_id": "8", "acct": "leela@social.test", "visibility": "public"},
    "bluesky": {
        "root_uri": "at://did:plc:leela/app.bsky.feed.post/3k", "root_cid": "bafyroot",
        "parent_uri": "at://did:plc:leela/app.bsky.feed.post/3k", "parent_cid": "bafyroot",
    },
    "youtube": {"thread_id": "8", "video_id": "v"},
    "tiktok": {"video_id": "7", "thread_id": "8"},
    "linkedin": {"post": "urn:li:share:7", "object": "urn:li:share:7"},
    "discourse": {"topic_id": "7", "post_id": "8", "username": "leela"},
    "threads": {"below_ours": "true"},
}  # fmt: skip
REVIEWS = {"googleplay", "appstore", "googlebusiness", "trustpilot"}

# network, what was said, privately?, allowed?, why: the replying sections of the networks' own pages
RULES = [
    ("x", PUBLIC, False, True, "mentioned @acmecards"),
    ("x", PUBLIC, True, True, "direct message"),
    ("x", PRIVATE, True, True, "direct message"),
    ("facebook", PUBLIC, False, True, "a comment"),
    ("facebook", PUBLIC, True, True, "one message"),
    ("facebook", PRIVATE, True, True, "24 hours"),
    ("instagram", PUBLIC, False, True, "in public"),
    ("instagram", PUBLIC, True, True, "one private message"),
    ("instagram", PRIVATE, True, True, "24 hours"),
    ("threads", PUBLIC, False, True, "in public"),
    ("threads", PUBLIC, True, False, "no private messages"),
    ("whatsapp", PRIVATE, True, True, "24 hours"),
    ("mastodon", PUBLIC, False, True, "as far as the post itself"),
    ("mastodon", PUBLIC, True, True, "direct status"),
    ("mastodon", PRIVATE, True, True, "direct status"),
    ("bluesky", PUBLIC, False, True, ""),
    ("bluesky", PUBLIC, True, True, "direct message"),
    ("reddit", PUBLIC, False, True, "public reply"),
    ("reddit", PUBLIC, True, False, "no API for private messages"),
    ("youtube", PUBLIC, False, True, ""),
    ("youtube", PUBLIC, True, False, "no private messages"),
    ("tiktok", PUBLIC, False, True, ""),
    ("tiktok", PUBLIC, True, False, "EEA"),
    ("telegram", PUBLIC, False, True, "in the group"),
    ("telegram", PUBLIC, True, True, "opened the bot"),
    ("telegram", PRIVATE, True, True, "private chat"),
    ("linkedin", PUBLIC, True, False, "no private way"),
    ("discourse", PUBLIC, False, True, "replies to theirs"),
    ("discourse", PUBLIC, True, True, ""),
    ("googleplay", PUBLIC, False, True, "one public reply"),
    ("googleplay", PUBLIC, True, False, "names no author"),
    ("appstore", PUBLIC, False, True, "one public reply"),
    ("appstore", PUBLIC, True, False, "no messages"),
    ("googlebusiness", PUBLIC, False, True, "one public reply"),
    ("googlebusiness", PUBLIC, True, False, "cannot be written to"),
    ("trustpilot", PUBLIC, False, True, "one public reply"),
    ("trustpilot", PUBLIC, True, False, "find-reviewer"),
    ("feeds", PUBLIC, False, False, "a feed takes none"),
    ("feeds", PUBLIC, True, False, "a feed takes none"),
]


def said_on(network: str, visibility: Visibility, **changes: Any) -> Item:
    kind = (
        Kind.MESSAGE
        if visibility is Visibility.PRIVATE
        else Kind.REVIEW
        if network in REVIEWS
        else Kind.COMMENT
    )
    needs = {} if visibility is Visibility.PRIVATE and network != "mastodon" else NEEDS.get(network, {})
    return an_item(network=network, kind=kind, visibility=visibility, answer_needs=needs, **changes)


@pytest.mark.parametrize(("network", "said", "private", "allowed", "why"), RULES)
def test_each_network_keeps_its_own_rules(
    network: str, said: tuple[Visibility, bool], private: object, allowed: object, why: str
) -> None:
    found = of(matrix(said_on(network, said[0])), "@acmecards", private=bool(private))
    assert (found.allowed, why in found.reason) == (allowed, True), found.reason


def test_the_table_speaks_of_every_network() -> None:
    assert {network for network, *_ in RULES} == set(NETWORKS)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_was_said_in_private_has_no_public_way_and_none_from_another_handle(network: str) -> None:
    found = matrix(said_on(network, Visibility.PRIVATE))
    assert not any(way.allowed for way in found if not way.private or way.handle != "@acmecards")


def test_a_mention_of_the_main_account_is_answered_by_it_and_the_signature_names_the_unit() -> None:
    item = said_on("x", Visibility.PUBLIC, handle="@acmebank", account="acmebank", addressed=("@acmebank",))
    found = matrix(item)
    best = next(way for way in found if not way.private)
    assert (best.handle, best.allowed, best.own, best.signature) == ("@acmebank", True, False, "^AN, Cards")
    own = of(found, "@acmecards", private=False)
    assert not own.allowed
    assert "neither mentioned nor quoted @acmecards" in own.reason


def test_the_units_own_handle_comes_first_where_several_may_answer() -> None:
    item = said_on(
        "x",
        Visibility.PUBLIC,
        handle="@acmebank",
        account="acmebank",
        addressed=("@acmepay", "@acmecards", "@acmebank"),
    )
    public = [way.handle for way in matrix(item) if way.allowed and not way.private]
    assert public == ["@acmecards", "@acmepay", "@acmebank"]
    assert matrix(item)[0].signature == "^AN"


def test_ways_as_open_as_the_post_come_before_those_that_move_it() -> None:
    found = [way for way in matrix(said_on("x", Visibility.PUBLIC)) if way.allowed]
    assert [way.private for way in found] == sorted(way.private for way in found)
    assert all(way.moves is way.private for way in found)


def test_an_answer_in_private_to_what_was_private_moves_nothing() -> None:
    assert not any(way.moves for way in matrix(said_on("x", Visibility.PRIVATE)))


def test_where_nothing_can_be_moved_the_public_invitation_is_the_way() -> None:
    moving = of(matrix(said_on("reddit", Visibility.PUBLIC)), "@acmecards", private=True)
    assert (moving.allowed, moving.invitation) == (False, INVITATION)
    assert not any(way.invitation for way in matrix(said_on("x", Visibility.PUBLIC)) if way.allowed)


@pytest.mark.parametrize(
    ("language", "line"), [("es", "Escríbanos"), ("es-MX", "Escríbanos"), ("fr", "Write")]
)
def test_the_invitation_speaks_the_customers_language_where_there_is_one(language: str, line: str) -> None:
    bank = a_bank_on("reddit")
    voice = Voice(invitation={"en": "Write to us.", "es": "Escríbanos."})
    bank = replace(bank, units={**bank.units, "cards": replace(bank.units["cards"], voice=voice)})
    found = matrix(said_on("reddit", Visibility.PUBLIC, language=language), bank)
    assert of(found, "@acmecards", private=True).invitation.startswith(line)


def test_a_window_says_until_when_and_that_it_is_over() -> None:
    item = said_on("whatsapp", Visibility.PRIVATE)
    open_way = of(matrix(item), "@acmecards", private=True)
    assert open_way.until == item.created_at + timedelta(hours=24)
    late = of(matrix(item, at=NOON + timedelta(days=1)), "@acmecards", private=True)
    assert not late.allowed


@pytest.mark.parametrize("life", [Life.LISTEN_ONLY, Life.FROZEN, Life.ARCHIVED])
def test_a_network_that_is_not_live_is_not_answered(life: Life) -> None:
    bank = replace(a_bank_on("x"), lives={"x": life})
    assert not any(way.allowed for way in matrix(said_on("x", Visibility.PUBLIC), bank))


def test_a_veto_and_a_deletion_leave_no_way_and_say_so() -> None:
    vetoed = matrix(said_on("x", Visibility.PUBLIC), veto="crm: legal looks at it")
    assert {way.reason for way in vetoed} == {"it must not be answered for now (crm: legal looks at it)"}
    gone = matrix(said_on("x", Visibility.PUBLIC, change=Change.DELETED))
    assert {way.reason for way in gone} == {"its author deleted it"}


def test_another_units_handle_is_a_candidate_only_where_it_was_addressed_or_heard_it() -> None:
    assert "@acmepay" not in {way.handle for way in matrix(said_on("x", Visibility.PUBLIC))}
    heard = matrix(said_on("x", Visibility.PUBLIC, handle="@acmepay", account="acmepay"))
    assert "@acmepay" in {way.handle for way in heard}


def test_no_handle_is_named_twice() -> None:
    bank = a_bank_on("x")
    both = Account(
        account_id="acmebank", unit="cards", general=True, handles=bank.accounts["acmebank"].handles
    )
    bank = replace(bank, accounts={**bank.accounts, "acmebank": both})
    cards = replace(bank.units["cards"], accounts=("acmecards", "acmebank"))
    bank = replace(bank, units={**bank.units, "cards": cards})
    found = matrix(said_on("x", Visibility.PUBLIC, handle="@acmebank"), bank)
    assert len({(way.account, way.handle, way.private) for way in found}) == len(found) == 4


def test_a_way_is_chosen_by_name_or_the_best_one_is() -> None:
    found = matrix(said_on("x", Visibility.PUBLIC))
    best = chosen(found, "", "", private=False)
    assert best
    assert best.handle == "@acmecards"
    named = chosen(found, "acmebank", "", private=True)
    assert named
    assert named.handle == "@acmebank"
    assert chosen(found, "acmecards", "@acmebank", private=False) is None
