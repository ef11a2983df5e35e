"""A reply: its arrows and no others, when somebody has to see to it, and how its row keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import BadInput
from allhours.domain.reply import LEASE, Reply, ReplyState, reply_from_json, reply_to_json
from tests.builders import NOON
from tests.replies import SETTLING, a_reply

if TYPE_CHECKING:
    from collections.abc import Callable

S, V = SETTLING.settles_within, SETTLING.seen_within
LATER = NOON + timedelta(hours=1)
STATES = {
    ReplyState.READY: a_reply(),
    ReplyState.CLAIMED: a_reply().claimed("mine", NOON),
    ReplyState.POSTED: a_reply().claimed("mine", NOON).posted("p1", "https://x.test/p1", NOON),
    ReplyState.REJECTED: a_reply().rejected("blocked"),
    ReplyState.NEEDS_HUMAN: a_reply().claimed("mine", NOON).needs_human("look"),
}
R, C, P, J, H = STATES
ARROWS: dict[str, tuple[Callable[[Reply], Reply], dict[ReplyState, ReplyState]]] = {
    "claimed": (lambda reply: reply.claimed("mine", NOON), {R: C}),
    "held back": (lambda reply: reply.held_back(LATER, "veto"), {R: R}),
    "with keys": (lambda reply: reply.with_keys({"key": "1"}), {C: C}),
    "posted": (lambda reply: reply.posted("p1", "", NOON), {C: P, H: P}),
    "again": (lambda reply: reply.again(LATER, "wait"), {C: R, H: R}),
    "rejected": (lambda reply: reply.rejected("no"), {R: J, C: J, H: J}),
    "absent": (lambda reply: reply.absent(NOON), {C: C}),
    "look later": (lambda reply: reply.look_later(LATER), {C: C}),
    "needs human": (lambda reply: reply.needs_human("look"), {C: H, R: H}),
    "looked": (lambda reply: reply.looked(), {P: P}),
    "with receipt": (lambda reply: reply.with_receipt("read"), {P: P}),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ARROWS)
def test_a_reply_goes_along_its_arrows_and_no_others(name: str, state: ReplyState) -> None:
    arrow, goes = ARROWS[name]
    before = STATES[state]
    if state not in goes:
        with pytest.raises(BadInput, match=before.reply_id):
            arrow(before)
        return
    after = arrow(before)
    assert after.state is goes[state]
    assert after.version == before.version + 1


def test_an_expired_claim_has_no_arrow_of_its_own() -> None:
    """What ends a claim is a definite no, or that somebody looked; time alone does nothing."""
    claimed = STATES[C]
    assert claimed.next_visit_at(S, V) == NOON + LEASE + S + V
    assert (claimed.attempts, claimed.own, claimed.first_try_at) == (1, "mine", NOON)


def test_each_claim_counts_and_forgets_what_the_last_one_saw() -> None:
    again = STATES[C].absent(LATER).look_later(LATER).again(LATER, "the network shows it not")
    claimed = again.claimed("yours", LATER)
    assert (claimed.attempts, claimed.own, claimed.first_try_at) == (2, "yours", NOON)
    assert (claimed.absent_at, claimed.look_at, claimed.reason) == (None, None, "")


def test_what_was_prepared_stays_prepared() -> None:
    again = STATES[C].with_keys({"rkey": "3k"}).again(LATER, "wait").claimed("yours", LATER)
    assert (again.prepared, dict(again.fixed)) == (True, {"rkey": "3k"})


def test_without_the_networks_id_nothing_is_posted() -> None:
    with pytest.raises(BadInput):
        STATES[C].posted("", "", NOON)


def test_somebody_has_to_see_to_a_reply_when_it_waits_for_an_instant() -> None:
    visits = {
        "ready": STATES[R].next_visit_at(S, V),
        "held back": STATES[R].held_back(LATER, "veto").next_visit_at(S, V),
        "seen absent": STATES[C].absent(LATER).next_visit_at(S, V),
        "look later": STATES[C].look_later(LATER).next_visit_at(S, V),
        "posted": STATES[P].next_visit_at(S, V),
        "looked once": STATES[P].looked().next_visit_at(S, V),
    }
    assert visits == {
        "ready": NOON,
        "held back": LATER,
        "seen absent": LATER + V,
        "look later": LATER,
        "posted": NOON + timedelta(minutes=15),
        "looked once": NOON + timedelta(hours=24),
    }


@pytest.mark.parametrize("reply", [STATES[J], STATES[H], STATES[P].looked().looked()])
def test_nothing_is_left_to_do_for_a_machine(reply: Reply) -> None:
    assert reply.next_visit_at(S, V) is None


@pytest.mark.parametrize("state", STATES)
def test_a_reply_survives_its_row(state: ReplyState) -> None:
    reply = replace(STATES[state], fixed={"key": "1"}, private=True, receipt="read", card="lost_card")
    assert reply_from_json(reply_to_json(reply)) == reply


@pytest.mark.parametrize("body", [{}, {"reply_id": "r1"}, {"reply_id": "r1", "state": "sent"}])
def test_a_row_of_another_release_is_named(body: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="is not one of ours"):
        reply_from_json(body)
