"""Sending: once, as the conversation was seen, from an account that may, with a second person where asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.access import as_member
from allhours.domain.draft import DraftState
from allhours.domain.errors import Answered, BadInput, Busy, Changed, Conflict, NotAllowed
from allhours.domain.reply import ReplyState
from allhours.domain.seen import seen_of
from allhours.flows import desk_send
from allhours.flows.desk_draft import write
from allhours.flows.desk_send import Sent, approve, send
from allhours.flows.desk_words import Words
from tests.builders import NOON, a_case, an_item
from tests.desk_fakes import FakeDesk, a_bank, a_desk, asking

if TYPE_CHECKING:
    from allhours.domain.access import Who
    from allhours.domain.organisation import Organisation
    from allhours.domain.reply import Reply

BANK = a_bank()
SECOND, RISK = asking(BANK, "second"), asking(BANK, "risk")
ANA, BEN, CLEO, DINA, ADA, PETRA = (
    as_member(BANK, name, NOON) for name in ("ana", "ben", "cleo", "dina", "ada", "petra")
)
CASE = a_case()
HELLO = Words(text="We are looking into it.")
SOON = NOON + timedelta(minutes=1)


def seen(store: FakeDesk) -> str:
    on = store.read(CASE.case_id)
    assert on
    return seen_of(on.case, on.rows, on.replies)


def sent(store: FakeDesk, who: Who = ANA, bank: Organisation = BANK, **more: Any) -> Sent:
    desk, _ = a_desk(store, bank)
    usual: dict[str, Any] = {"reply_id": "click-001", "version": None, "seen": seen(store)}
    asked = {"words": HELLO, **usual, **more}
    return send(CASE.case_id, asked.pop("words"), who=who, desk=desk, at=SOON, **asked)


def agreed(store: FakeDesk, who: Who = BEN, bank: Organisation = SECOND, **more: Any) -> Reply:
    desk, _ = a_desk(store, bank)
    usual: dict[str, Any] = {"reply_id": "click-002", "version": 2, "seen": seen(store)}
    return approve(CASE.case_id, who=who, desk=desk, at=SOON, **(usual | more))


def ready(case: Any = None) -> FakeDesk:
    store = FakeDesk()
    a_desk(store)
    if case:
        store.cases[CASE.case_id] = case
    return store


def test_an_answer_goes_into_the_ledger_signed_and_from_the_units_own_handle() -> None:
    store = ready()
    reply = sent(store).reply
    assert reply
    assert reply == store.replies["click-001"]
    assert (reply.text, reply.handle, reply.private) == ("We are looking into it. ^AN", "@acmecards", False)
    assert (reply.by, reply.approved_by, reply.slot, reply.item_key) == ("ana", "ana", 0, "x#1")
    assert reply.state is ReplyState.READY
    after = store.cases[CASE.case_id]
    assert (after.replies, after.touched) == (1, True)
    assert [(one.did, one.by, one.subject) for one in store.written] == [("sent", "ana", CASE.case_id)]
    assert HELLO.text not in str(store.written)


def test_a_repeated_click_is_the_same_answer() -> None:
    store = ready()
    before = seen(store)
    assert sent(store, seen=before) == sent(store, seen=before)
    assert len(store.replies) == 1


def test_a_click_that_comes_twice_at_once_is_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ready()
    before = seen(store)
    first = sent(store, seen=before)
    monkeypatch.setattr(desk_send, "_sent_before", lambda *_: None)  # it looked before the other had written
    assert sent(store, seen=before) == first
    assert len(store.replies) == 1


def test_the_click_of_another_case_is_no_answer_here() -> None:
    store = ready()
    reply = sent(store).reply
    assert reply
    store.replies["click-009"] = replace(reply, reply_id="click-009", case_id="x-other")
    with pytest.raises(Conflict, match="another case's answer"):
        sent(store, reply_id="click-009")


@pytest.mark.parametrize("token", ["", "short", "with space 1", "a" * 65, "click/001"])
def test_a_reply_id_is_a_token_made_up_at_the_click(token: str) -> None:
    with pytest.raises(BadInput, match="reply_id"):
        sent(ready(), reply_id=token)


def test_the_draft_that_is_sent_is_gone_with_it() -> None:
    store = ready()
    desk, _ = a_desk(store)
    write(CASE.case_id, HELLO, version=None, take_over="", who=ANA, desk=desk, at=NOON)
    with pytest.raises(Conflict, match="version 1"):
        sent(store)
    assert sent(store, version=1).reply
    assert store.drafts == {}


def test_nobody_sends_while_another_writes() -> None:
    store = ready()
    desk, _ = a_desk(store)
    write(CASE.case_id, HELLO, version=None, take_over="", who=ANA, desk=desk, at=NOON)
    with pytest.raises(Conflict, match="ana has been writing"):
        sent(store, who=BEN, version=1)


def test_of_two_who_send_at_once_one_wins_and_the_other_is_told_who() -> None:
    store = ready()
    before = seen(store)
    store.meanwhile.append(lambda: sent(store, who=BEN, reply_id="click-ben", seen=before))
    with pytest.raises(Answered, match="ben has answered"):
        sent(store, seen=before)
    assert list(store.replies) == ["click-ben"]


def test_a_slot_that_is_taken_says_who_answered_even_where_the_list_does_not_show_it_yet() -> None:
    store = ready()
    before = seen(store)
    reply = sent(store).reply
    assert reply
    hidden = replace(reply, reply_id="click-ben", by="ben", case_id="x-elsewhere")
    store.replies = {"click-ben": hidden}
    with pytest.raises(Answered, match="ben has answered this post meanwhile"):
        sent(store, reply_id="click-003", seen=before)


@pytest.mark.parametrize(
    ("event", "changes", "told"),
    [
        ("item.added", {"native_id": "2", "created_at": SOON}, "@leela wrote more"),
        ("item.edited", {"version": 7}, "@leela edited a post"),
        ("item.deleted", {"text": ""}, "@leela deleted a post"),
    ],
)
def test_a_conversation_that_went_on_is_shown_before_it_is_answered(
    event: str, changes: dict[str, Any], told: str
) -> None:
    store = ready()
    before = seen(store)
    store.said(CASE, an_item(**changes), case_version=2, event=event)
    with pytest.raises(Changed) as changed:
        sent(store, seen=before)
    assert [told in each for each in changed.value.changes] == [True]
    assert store.replies == {}


def test_an_answer_to_another_post_of_the_case_is_shown_first_as_well() -> None:
    store = ready()
    store.said(CASE, an_item("2", created_at=SOON, answer_needs={"engaged": "mentioned"}), case_version=2)
    before = seen(store)
    assert sent(store, who=BEN, words=replace(HELLO, item_key="x#1")).reply
    with pytest.raises(Changed, match="ben answered"):
        sent(store, reply_id="click-002", words=replace(HELLO, item_key="x#2"), seen=before)
    store.replies["click-001"] = store.replies["click-001"].rejected("blocked")
    assert sent(store, reply_id="click-002", words=replace(HELLO, item_key="x#2"), seen=before).reply


def test_what_happens_between_the_look_and_the_write_is_noticed_too() -> None:
    store = ready()
    before = seen(store)
    store.meanwhile.append(lambda: store.said(CASE, an_item("2", created_at=SOON), case_version=2))
    with pytest.raises(Changed, match="wrote more"):
        sent(store, seen=before)
    assert store.replies == {}


def test_another_owner_does_not_change_what_was_seen() -> None:
    store = ready()
    before = seen(store)
    store.meanwhile.append(
        lambda: store.cases.update({CASE.case_id: store.cases[CASE.case_id].taken_by("ben", NOON)})
    )
    assert sent(store, seen=before).reply


@pytest.mark.parametrize("told", ["", "nonsense", "0000000000000000.x.y"])
def test_without_having_seen_it_nobody_answers(told: str) -> None:
    with pytest.raises(Changed, match="look at it again"):
        sent(ready(), seen=told)


def test_a_case_that_never_stands_still_is_told_as_busy() -> None:
    store = ready()

    def turn() -> None:
        store.cases[CASE.case_id] = store.cases[CASE.case_id].changed()
        store.meanwhile.append(turn)

    store.meanwhile.append(turn)
    with pytest.raises(Busy, match="4 times"):
        sent(store)


def test_a_second_answer_is_deliberate_and_takes_the_next_slot() -> None:
    store = ready()
    sent(store)
    with pytest.raises(Answered, match="ana has answered this post"):
        sent(store, who=BEN, reply_id="click-002")
    second = sent(store, who=BEN, reply_id="click-002", second=True).reply
    assert second
    assert second.slot == 1


def test_a_refused_answer_leaves_its_slot_to_the_next() -> None:
    store = ready()
    reply = sent(store).reply
    assert reply
    store.replies["click-001"] = reply.rejected("blocked")
    again = sent(store, reply_id="click-002").reply
    assert again
    assert again.slot == 0


def test_what_the_linter_blocks_does_not_go_out() -> None:
    store = ready()
    with pytest.raises(BadInput, match="last four digits") as refused:
        sent(store, words=Words(text="Your card 4111 1111 1111 1111 is blocked"))
    assert "4111" not in str(refused.value)
    assert store.replies == {}


def test_a_vetoed_case_is_not_answered() -> None:
    store = ready(replace(CASE, veto="crm: legal looks at it"))
    with pytest.raises(BadInput, match="legal looks at it"):
        sent(store)


def test_moving_to_private_is_one_answer_to_the_public_post() -> None:
    reply = sent(ready(), words=replace(HELLO, private=True)).reply
    assert reply
    assert (reply.private, reply.item_key) == (True, "x#1")


@pytest.mark.parametrize(("who", "why"), [(ADA, "send takes"), (as_member(BANK, "crm", NOON), "on record")])
def test_auditors_and_strangers_send_nothing(who: Who, why: str) -> None:
    with pytest.raises((NotAllowed, BadInput), match=why):
        sent(ready(), who=who)


# A second person


def test_where_two_have_to_agree_the_draft_waits_and_the_unit_is_told() -> None:
    store = ready()
    waits = sent(store, bank=SECOND)
    assert waits.reply is None
    assert waits.draft
    assert (waits.draft.state, waits.draft.because) == (
        DraftState.WAITING,
        "a second person reads every answer",
    )
    assert [one.event for one in store.notices] == ["case.approval_asked"]
    assert sent(store, bank=SECOND) == waits, "a repeated click asks once"
    assert store.did == ["asked for agreement"]


def test_a_second_person_lets_it_go_in_the_writers_name() -> None:
    store = ready()
    sent(store, bank=SECOND)
    reply = agreed(store)
    assert (reply.by, reply.approved_by, reply.text) == ("ana", "ben", "We are looking into it. ^AN")
    assert store.drafts == {}
    assert agreed(store) == reply, "a repeated click is the same answer"


@pytest.mark.parametrize(("who", "why"), [(ANA, "ana wrote it"), (ADA, "approve takes"), (DINA, "on record")])
def test_only_another_of_the_unit_agrees(who: Who, why: str) -> None:
    store = ready()
    sent(store, bank=SECOND)
    with pytest.raises((NotAllowed, BadInput), match=why):
        agreed(store, who)
    assert store.replies == {}


def test_an_approval_of_what_went_on_shows_what_changed_and_is_given_again() -> None:
    store = ready()
    sent(store, bank=SECOND)
    before = seen(store)
    store.said(CASE, an_item("2", created_at=SOON), case_version=3)
    with pytest.raises(Changed, match="@leela wrote more"):
        agreed(store, seen=before)
    assert agreed(store).item_key == "x#1"


def test_words_written_on_after_the_question_are_not_what_was_agreed_to() -> None:
    store = ready()
    sent(store, bank=SECOND)
    desk, _ = a_desk(store, SECOND)
    write(CASE.case_id, Words(text="Other words."), version=2, take_over="", who=ANA, desk=desk, at=SOON)
    with pytest.raises(Conflict, match="no draft"):
        agreed(store)


def test_nobody_writes_over_a_draft_that_waits_without_a_word() -> None:
    store = ready()
    sent(store, bank=SECOND)
    desk, _ = a_desk(store, SECOND)
    later = SOON + timedelta(hours=1)
    with pytest.raises(Conflict, match="ana waits for a second person"):
        write(CASE.case_id, HELLO, version=2, take_over="", who=BEN, desk=desk, at=later)


@pytest.mark.parametrize(
    ("bank", "case", "words", "why"),
    [
        (RISK, CASE, HELLO, ""),
        (RISK, replace(CASE, priority=1), HELLO, "urgent"),
        (RISK, replace(CASE, urgent="fraud"), HELLO, r"urgent (fraud)"),
        (RISK, CASE, Words(text="WE ARE LOOKING INTO THIS NOW"), "a warning: capitals"),
        (asking(BANK, "none", fraud="second"), replace(CASE, urgent="fraud"), HELLO, "answers to fraud"),
        (asking(BANK, "second", theft="none"), replace(CASE, urgent="theft"), HELLO, ""),
        (BANK, CASE, Words(text="WE ARE LOOKING INTO THIS NOW"), ""),
    ],
)
def test_who_has_to_agree_follows_from_unit_kind_and_risk(
    bank: Organisation, case: Any, words: Words, why: str
) -> None:
    waits = sent(ready(case), bank=bank, words=words)
    assert bool(waits.draft) == bool(why)
    assert not why or (waits.draft and why in waits.draft.because)


def test_where_only_leads_answer_a_member_waits_for_one_who_says_why() -> None:
    store = ready(replace(CASE, stance="must_not"))
    waits = sent(store)
    assert waits.draft
    assert "lead" in waits.draft.because
    with pytest.raises(NotAllowed, match="lead"):
        agreed(store, BEN, BANK)
    with pytest.raises(NotAllowed, match="for the record"):
        agreed(store, CLEO, BANK)
    reply = agreed(store, CLEO, BANK, because="legal agreed")
    assert reply.approved_by == "cleo"
    assert store.written[-1].details["because"] == "legal agreed"


def test_a_lead_answers_what_only_leads_may_with_a_reason() -> None:
    store = ready(replace(CASE, stance="must_not"))
    with pytest.raises(NotAllowed, match="for the record"):
        sent(store, who=CLEO)
    assert sent(store, who=CLEO, because="the press office agreed").reply
    assert sent(ready(replace(CASE, stance="must_not")), who=PETRA, because="agreed").reply
