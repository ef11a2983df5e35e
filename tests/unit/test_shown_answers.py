from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from allhours.domain.reply import ReplyState
from infra.local.answered import Answers, compared
from infra.local.town import Answer
from tests.builders import NOON, a_handle
from tests.replies import a_reply

if TYPE_CHECKING:
    from allhours.domain.reply import Reply

OURS = a_handle("@acmecards", account="acmecards")
OTHER = a_handle("@acmebank", account="acmebank")
REPLY = replace(a_reply(), state=ReplyState.POSTED, post_id="9", posted_at=NOON, approved_at=NOON)
SHOWN = Answer(handle=OURS, native_id="9", to="1", text=REPLY.text, private=False, deleted=False)


def held(reply: Reply, *shown: Answer) -> Answers:
    return compared([reply], shown, shown, played=[OURS.key, OTHER.key])


def test_an_answer_that_is_there_once_holds() -> None:
    found = held(REPLY, SHOWN)
    assert found.holds
    assert found.in_short().startswith("answered 1 = posted 1 · approve to posted median 0.0 s")


@pytest.mark.parametrize("second", ["10", "9"])
def test_an_answer_that_is_there_twice_is_told(second: str) -> None:
    found = held(REPLY, SHOWN, replace(SHOWN, native_id=second))
    assert found.twice == ("x#1: answered again by @acmecards",)


def test_a_deliberate_second_answer_is_none_too_many() -> None:
    second = replace(REPLY, reply_id="reply-0002", slot=1, post_id="10", text="One more thing. ^AB")
    shown = [SHOWN, replace(SHOWN, native_id="10", text=second.text)]
    assert compared([REPLY, second], shown, shown, played=[OURS.key]).holds


def test_an_answer_from_another_account_is_told() -> None:
    found = held(replace(REPLY, state=ReplyState.CLAIMED, post_id=""), replace(SHOWN, handle=OTHER))
    assert found.wrong == ("x#1: answered by @acmebank, not by @acmecards",)


def test_an_answer_that_nobody_approved_is_told() -> None:
    found = held(REPLY, SHOWN, replace(SHOWN, native_id="11", to="2", text="Buy now"))
    assert found.wrong == (f"{OURS.key}: 11 was approved by nobody",)


def test_an_answer_in_public_that_was_meant_to_be_private_is_told() -> None:
    assert held(replace(REPLY, private=True), SHOWN).wrong


def test_an_answer_that_is_posted_in_our_records_alone_is_told() -> None:
    assert held(REPLY).wrong == ("x#1: posted as @acmecards, and not to be seen there",)


def test_an_answer_whose_post_nobody_has_named_yet_is_found_by_its_item() -> None:
    assert held(replace(REPLY, state=ReplyState.CLAIMED, post_id="", posted_at=None), SHOWN).holds


def test_answers_of_a_real_network_are_not_looked_for() -> None:
    assert compared([REPLY], [], [], played=[]).holds
