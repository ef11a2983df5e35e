"""Respond: each arrow of a reply, each outcome of an attempt, and never a second answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import Busy, RateLimited, Refused, Unreachable
from allhours.domain.life import Life
from allhours.domain.page import Why
from allhours.domain.reply import ATTEMPTS, LEASE, LOOKING, Reply, ReplyState
from allhours.flows.reply_ports import Told
from allhours.flows.respond import Became, Visited, hear, visit
from allhours.networks.contract import CannotTell, DefiniteNo, Permission, Receipt
from tests.builders import NOON, a_case, an_item, an_organisation
from tests.replies import SETTLING, FakeLedger, FakeReplier, FakeRepliers, a_reply

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation
    from allhours.flows.reply_ports import Step

SETTLED = LEASE + SETTLING.settles_within + SETTLING.seen_within
SECOND = timedelta(seconds=1)
TIMED_OUT = Unreachable("x", "no answer (ReadTimeout)")
READY, CLAIMED, POSTED = ReplyState.READY, ReplyState.CLAIMED, ReplyState.POSTED
REJECTED, NEEDS_HUMAN = ReplyState.REJECTED, ReplyState.NEEDS_HUMAN


@dataclass
class Desk:
    """A reply on record, a network, and somebody who visits."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    network: FakeReplier = field(default_factory=FakeReplier)
    bank: Organisation = field(default_factory=an_organisation)
    at: datetime = NOON
    tokens: count[int] = field(default_factory=lambda: count(1))

    def visit(self, reply_id: str = "r1", *, later: timedelta = timedelta(0)) -> Visited:
        self.at += later
        return visit(
            reply_id,
            ledger=self.ledger,
            repliers=FakeRepliers(self.network),
            organisation=self.bank,
            own=f"own{next(self.tokens)}",
            at=self.at,
        )

    def hear(self, state: str, native_id: str = "p1", reply_id: str = "", detail: str = "") -> Visited:
        return hear(
            Receipt(network="x", native_id=native_id, state=state, reply_id=reply_id, detail=detail),
            ledger=self.ledger,
            repliers=FakeRepliers(self.network),
            organisation=self.bank,
            own=f"own{next(self.tokens)}",
            at=self.at,
        )

    @property
    def reply(self) -> Reply:
        return self.ledger.replies["r1"]

    @property
    def pages(self) -> list[Why]:
        return [page.why for page in self.ledger.pages]


def a_desk(reply: Reply | None = None, **network: Any) -> Desk:
    desk = Desk(network=FakeReplier(**network))
    desk.ledger.put(reply or a_reply())
    return desk


def in_doubt(**network: Any) -> Desk:
    """Return a desk whose answer was sent, and nobody knows what became of it."""
    desk = a_desk(sends=[("p1", TIMED_OUT)], **network)
    assert desk.visit().became is Became.DOUBT
    return desk


# W1, P, W2


def test_an_approved_answer_is_claimed_prepared_sent_once_and_put_on_record() -> None:
    desk = a_desk()
    assert desk.visit().became is Became.POSTED
    assert desk.network.asked == ["prepare", "send"]
    assert desk.ledger.arrows == [(READY, CLAIMED), (CLAIMED, POSTED)]
    assert (desk.reply.post_id, desk.reply.permalink) == ("p1", "https://x.test/p1")
    assert desk.ledger.posts == {"x#p1": "r1"}


def test_being_posted_stops_the_clock_of_the_first_answer_and_is_told_and_audited() -> None:
    desk = Desk()
    desk.ledger.put(a_reply(), case=a_case(due={"first_answer": NOON + timedelta(hours=1)}))
    desk.visit()
    case = desk.ledger.cases[a_reply().case_id]
    assert (case.answered_at, dict(case.due), dict(case.missed)) == (NOON, {}, {})
    assert [(one.did, one.by, one.subject) for one in desk.ledger.audits] == [
        ("posted", "allhours", a_reply().case_id)
    ]
    (told,) = desk.ledger.notices
    assert (told.event, told.body["post_id"], told.accounts) == ("case.reply_posted", "p1", ("acmecards",))
    assert desk.ledger.pages == []


def test_an_answer_is_put_on_record_though_its_case_is_gone() -> None:
    desk = a_desk()
    desk.ledger.cases.clear()
    assert desk.visit().became is Became.POSTED


def test_an_answer_to_a_closed_case_leaves_the_case_closed() -> None:
    desk = Desk()
    closed = a_case().closed_by_hand("answered by phone", NOON)
    desk.ledger.put(a_reply(), case=closed)
    assert desk.visit().became is Became.POSTED
    assert desk.ledger.cases[closed.case_id] == closed


def test_a_case_that_changes_while_the_answer_is_put_on_record_is_read_again() -> None:
    desk = a_desk()

    def another_post(step: Step) -> None:
        if step.reply.state is POSTED and len(changed) < 3:
            changed.append(1)
            case = desk.ledger.cases[step.was.case_id]
            desk.ledger.cases[case.case_id] = case.heard(an_item(str(len(changed) + 1)))

    changed: list[int] = []
    desk.ledger.first = another_post
    assert desk.visit().became is Became.POSTED
    case = desk.ledger.cases[a_reply().case_id]
    assert (case.items, case.answered_at) == (4, NOON)


def test_what_prepare_found_out_is_stored_before_anything_is_sent_and_sent_with_it() -> None:
    desk: Desk = a_desk(prepares=lambda answer: replace(answer, fixed={"rkey": "3k"}))
    stored: list[bool] = []
    desk.ledger.first = lambda _step: stored.append("send" in desk.network.asked)
    desk.visit()
    assert stored == [False, False, True]
    assert desk.network.answers[0].fixed == {"rkey": "3k"}


def test_a_second_attempt_repeats_what_the_first_was_prepared_with() -> None:
    desk: Desk = a_desk(
        sends=[DefiniteNo("x", "wait", again_at=NOON + SECOND)],
        prepares=lambda answer: replace(answer, fixed={"rkey": str(len(desk.network.asked))}),
    )
    desk.visit()
    desk.visit(later=timedelta(minutes=2))
    assert desk.network.asked == ["prepare", "send", "send"]
    assert [answer.fixed for answer in desk.network.answers] == [{"rkey": "1"}] * 2


def test_a_visit_that_comes_twice_sends_once() -> None:
    desk = a_desk()
    desk.visit()
    assert desk.visit().became is Became.NOTHING
    assert len(desk.network.posts) == 1


def test_a_visit_beside_another_one_sends_nothing() -> None:
    desk = a_desk()
    desk.network.meanwhile = lambda: outcomes.append(desk.visit().became)
    outcomes: list[Became] = []
    desk.visit()
    assert outcomes == [Became.NOTHING]
    assert len(desk.network.posts) == 1


def test_who_loses_the_claim_sends_nothing() -> None:
    desk = a_desk()

    def quicker(step: Step) -> None:
        if step.reply.state is CLAIMED and step.was.state is READY:
            desk.ledger.first = lambda _step: None
            desk.ledger.replies["r1"] = a_reply().claimed("somebody", NOON)

    desk.ledger.first = quicker
    assert desk.visit().became is Became.NOTHING
    assert desk.network.asked == []


def test_who_loses_the_reply_before_its_keys_are_stored_sends_nothing() -> None:
    desk = a_desk()

    def taken(step: Step) -> None:
        if step.reply.prepared:
            desk.ledger.replies["r1"] = step.was.again(NOON, "taken")

    desk.ledger.first = taken
    assert desk.visit().became is Became.NOTHING
    assert desk.network.asked == ["prepare"]


def test_a_claim_whose_answer_is_lost_sends_nothing_now() -> None:
    desk = a_desk()
    desk.ledger.forgetful = 1
    with pytest.raises(Busy):
        desk.visit()
    assert desk.network.asked == []
    assert desk.reply.state is CLAIMED


@pytest.mark.parametrize("trouble", ["busy", "forgetful"])
def test_that_it_is_posted_is_written_until_it_is_known_to_be(trouble: str) -> None:
    desk = a_desk()
    desk.network.meanwhile = lambda: setattr(desk.ledger, trouble, 3)
    assert desk.visit().became is Became.POSTED
    assert desk.reply.state is POSTED
    assert len(desk.ledger.audits) == 1


def test_no_reply_no_visit() -> None:
    assert a_desk().visit("r9") == Visited()


# What may not be sent


def test_what_its_author_deleted_is_never_answered() -> None:
    desk = a_desk()
    desk.ledger.items["x#1"] = Told(item=an_item(), gone=True)
    assert desk.visit().became is Became.REJECTED
    assert desk.reply.reason == "its author deleted it"
    assert desk.network.asked == []
    assert desk.ledger.slots == {}
    assert desk.pages == [Why.REPLY_REJECTED]
    assert [told.event for told in desk.ledger.notices] == ["case.reply_rejected"]
    assert [one.did for one in desk.ledger.audits] == ["rejected"]


def test_a_deletion_between_the_look_and_the_claim_is_seen_by_the_claim() -> None:
    desk = a_desk()

    def deleted(step: Step) -> None:
        if step.reply.state is CLAIMED:
            desk.ledger.items["x#1"] = Told(item=an_item(), gone=True)

    desk.ledger.first = deleted
    assert desk.visit().became is Became.REJECTED
    assert desk.network.asked == []


@pytest.mark.parametrize(
    ("of_account", "of_reply"),
    [
        ({"account": "acmepay"}, "@acmecards"),
        ({"handle": "@acmegone"}, "@acmegone"),
        ({"account": "gone"}, ""),
    ],
)
def test_a_handle_that_is_not_the_accounts_any_more_sends_nothing(
    of_account: dict[str, str], of_reply: str
) -> None:
    desk = a_desk(a_reply(**of_account))
    assert desk.visit().became is Became.REJECTED
    assert "organisation file" in desk.reply.reason
    assert of_reply in desk.reply.reason
    assert desk.network.asked == []


def test_a_network_that_nobody_answers_any_more_is_not_answered() -> None:
    desk = a_desk()
    desk.bank = an_organisation(lives={"x": Life.LISTEN_ONLY})
    assert desk.visit().became is Became.REJECTED
    assert "nobody answers there" in desk.reply.reason
    assert desk.network.asked == []


def test_what_the_network_does_not_allow_is_refused_before_anything_is_asked() -> None:
    desk = a_desk(refusal="the 24 hours are over")
    desk.visit()
    assert (desk.reply.state, desk.reply.reason) == (REJECTED, "the 24 hours are over")
    assert desk.network.asked == []


def test_an_answer_that_was_let_go_by_a_clock_ahead_of_ours_goes_out_now() -> None:
    desk = a_desk(a_reply(approved_at=NOON + SECOND))
    assert desk.visit().became is Became.POSTED


def test_a_bug_in_what_the_network_allows_is_told_and_does_not_come_again_each_minute() -> None:
    desk = a_desk()

    def allows(*_args: object, **_more: object) -> Permission:
        raise KeyError

    desk.network.permission = allows  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        desk.visit()
    assert (desk.reply.state, desk.network.asked) == (NEEDS_HUMAN, [])
    assert "nothing was sent" in desk.reply.reason


def test_a_network_without_answers_refuses() -> None:
    desk = a_desk(a_reply(network="mastodon", item_key="mastodon#1"))
    desk.visit()
    assert desk.reply.state is REJECTED


def test_what_is_on_record_no_longer_is_refused() -> None:
    desk = a_desk()
    desk.ledger.items.clear()
    desk.visit()
    assert desk.reply.reason == "what it answers is no longer on record"


def test_a_veto_holds_an_answer_back_and_costs_no_attempt() -> None:
    desk = Desk()
    desk.ledger.put(a_reply(), case=a_case(veto="the lawyers look at it (ben)"))
    assert desk.visit().became is Became.WAITS
    assert (desk.reply.state, desk.reply.attempts) == (READY, 0)
    assert desk.reply.not_before == NOON + timedelta(minutes=10)
    assert "the lawyers" in desk.reply.reason
    desk.visit(later=timedelta(minutes=5))
    assert desk.reply.version == 2
    desk.ledger.cases[a_reply().case_id] = a_case()
    assert desk.visit(later=timedelta(minutes=5)).became is Became.POSTED


# W3: a definite no


def test_a_no_for_now_is_tried_again_when_the_network_says() -> None:
    desk = a_desk(sends=[DefiniteNo("x", "too many", again_at=NOON + timedelta(minutes=15))])
    assert desk.visit().became is Became.WAITS
    assert (desk.reply.state, desk.reply.not_before) == (READY, NOON + timedelta(minutes=15))
    assert desk.visit(later=timedelta(minutes=14)).became is Became.NOTHING
    assert desk.visit(later=timedelta(minutes=1)).became is Became.POSTED


def test_a_no_for_good_frees_the_slot_and_is_told() -> None:
    desk = a_desk(sends=[DefiniteNo("x", "the author has blocked us")])
    assert desk.visit().became is Became.REJECTED
    assert desk.reply.reason == "the author has blocked us"
    assert desk.ledger.slots == {}
    assert desk.pages == [Why.REPLY_REJECTED]


def test_attempts_lie_further_apart_each_time_and_end_with_a_person() -> None:
    desk = a_desk(sends=[DefiniteNo("x", "no connection", again_at=NOON + SECOND)] * ATTEMPTS)
    waits = []
    while desk.reply.state is READY:
        desk.visit()
        waits.append(desk.reply.not_before)
        desk.at = desk.reply.not_before or desk.at
    assert desk.reply.state is NEEDS_HUMAN
    assert desk.network.asked.count("send") == ATTEMPTS
    assert [one - NOON for one in waits if one] == [timedelta(minutes=m) for m in (1, 3, 7, 15)]
    assert desk.pages == [Why.REPLY_STUCK]


@pytest.mark.parametrize(
    ("error", "until"),
    [
        (Unreachable("x", "HTTP 503"), timedelta(minutes=1)),
        (Refused("x", "the token is refused"), timedelta(minutes=1)),
        (RateLimited("x", "wait", retry_at=NOON + timedelta(minutes=9)), timedelta(minutes=9)),
    ],
)
def test_what_goes_wrong_before_the_post_had_no_effect(error: Exception, until: timedelta) -> None:
    def prepares(_answer: object) -> object:
        raise error

    desk = a_desk(prepares=prepares)
    assert desk.visit().became is Became.WAITS
    assert (desk.reply.state, desk.reply.not_before) == (READY, NOON + until)
    assert "send" not in desk.network.asked


def test_a_no_for_good_before_the_post_rejects() -> None:
    def prepares(_answer: object) -> object:
        raise DefiniteNo("x", "reaches others")

    desk = a_desk(prepares=prepares)
    assert desk.visit().became is Became.REJECTED


# R: in doubt


def test_after_a_doubt_nothing_is_done_before_it_is_settled() -> None:
    desk = in_doubt()
    before = desk.reply
    assert (before.state, before.lease_until) == (CLAIMED, NOON + LEASE)
    assert desk.visit(later=SETTLED - SECOND).became is Became.NOTHING
    assert desk.reply == before
    assert desk.network.asked == ["prepare", "send"]


def test_what_is_found_is_posted_and_counts_from_when_it_was_sent() -> None:
    desk = in_doubt()
    assert desk.visit(later=SETTLED).became is Became.POSTED
    assert (desk.reply.post_id, desk.reply.posted_at) == ("p1", NOON)
    assert desk.ledger.cases[a_reply().case_id].answered_at == NOON
    assert len(desk.network.posts) == 1


def test_absent_takes_two_looks_that_are_apart() -> None:
    desk = a_desk(sends=[TIMED_OUT])
    desk.visit()
    assert desk.visit(later=SETTLED).became is Became.LOOKED
    assert desk.reply.state is CLAIMED
    assert desk.visit(later=SETTLING.seen_within - SECOND).became is Became.NOTHING
    assert desk.visit(later=SECOND).became is Became.AGAIN
    assert desk.reply.state is READY
    assert desk.visit().became is Became.POSTED
    assert desk.ledger.arrows == [(READY, CLAIMED), (CLAIMED, READY), (READY, CLAIMED), (CLAIMED, POSTED)]


def test_what_shows_at_the_second_look_only_is_not_sent_again() -> None:
    desk = in_doubt(finds=[None])
    desk.visit(later=SETTLED)
    assert desk.visit(later=SETTLING.seen_within).became is Became.POSTED
    assert len(desk.network.posts) == 1


def test_a_network_that_shows_nothing_leaves_it_to_a_person() -> None:
    desk = in_doubt(finds=[CannotTell("x", "look into the chat")])
    assert desk.visit(later=SETTLED).became is Became.NEEDS_HUMAN
    assert desk.reply.reason == "look into the chat"
    assert desk.pages == [Why.REPLY_STUCK]
    assert desk.ledger.slots == {a_reply().answer_key: "r1"}, "nobody else may answer meanwhile"
    assert [told.event for told in desk.ledger.notices] == ["case.reply_needs_human"]
    assert desk.visit(later=timedelta(days=1)).became is Became.NOTHING


def test_a_look_that_fails_is_made_again_for_an_hour() -> None:
    desk = in_doubt(finds=[Unreachable("x", "HTTP 503")] * 30)
    looks = 0
    while desk.reply.state is CLAIMED:
        desk.at = desk.reply.next_visit_at(SETTLING.settles_within, SETTLING.seen_within) or desk.at
        desk.visit()
        looks += 1
    assert desk.reply.state is NEEDS_HUMAN
    assert 5 < looks < 12
    assert LOOKING < desk.at - NOON < 3 * LOOKING


def test_a_bug_in_looking_is_told_and_is_no_way_to_look_for_ever() -> None:
    desk = in_doubt(finds=[KeyError("thread_id")] * 30)
    for _ in range(30):
        desk.at = desk.reply.next_visit_at(SETTLING.settles_within, SETTLING.seen_within) or desk.at
        if desk.reply.state is CLAIMED:
            with pytest.raises(KeyError):
                desk.visit()
    assert desk.reply.state is NEEDS_HUMAN


def test_a_tombstone_that_cannot_be_looked_up_is_for_a_person() -> None:
    desk = in_doubt(finds=[KeyError("thread_id")])
    desk.ledger.items["x#1"] = Told(item=an_item(), gone=True)
    assert desk.visit(later=SETTLED).became is Became.NEEDS_HUMAN


def test_what_was_deleted_meanwhile_is_looked_for_all_the_same() -> None:
    desk = in_doubt()
    desk.ledger.items["x#1"] = Told(item=an_item(), gone=True)
    assert desk.visit(later=SETTLED).became is Became.POSTED


def test_an_attempt_that_ended_before_its_keys_were_stored_has_sent_nothing() -> None:
    desk = a_desk(a_reply().claimed("gone", NOON), finds=[CannotTell("x", "nobody knows")])
    assert desk.visit(later=SETTLED).became is Became.WAITS
    assert desk.reply.state is READY
    assert desk.network.asked == []


def test_after_five_attempts_that_left_no_trace_a_person_looks() -> None:
    tried = replace(a_reply(), attempts=ATTEMPTS - 1).claimed("gone", NOON).with_keys({})
    desk = a_desk(tried)
    desk.visit(later=SETTLED)
    assert desk.visit(later=SETTLING.seen_within).became is Became.NEEDS_HUMAN


def test_a_post_that_is_on_record_as_another_answer_is_not_taken_for_this_one() -> None:
    desk = a_desk(sends=[TIMED_OUT], finds=["p0"])
    desk.ledger.put(a_reply("r0", slot=2, state=POSTED, post_id="p0", posted_at=NOON))
    desk.ledger.posts["x#p0"] = "r0"
    desk.visit()
    assert desk.visit(later=SETTLED).became is Became.NEEDS_HUMAN


def test_a_review_has_one_answer_under_its_own_id_whichever_was_the_first() -> None:
    desk = a_desk(a_reply(slot=2), sends=[TIMED_OUT], finds=["1"])
    desk.ledger.put(a_reply("r0", state=POSTED, post_id="1", posted_at=NOON, looked_again=2))
    desk.ledger.posts["x#1"] = "r0"
    desk.visit()
    assert desk.visit(later=SETTLED).became is Became.POSTED


def test_a_handle_that_is_gone_cannot_look() -> None:
    desk = in_doubt()
    desk.bank = an_organisation(accounts={})
    assert desk.visit(later=SETTLED).became is Became.NEEDS_HUMAN


def test_a_late_owner_that_hears_of_its_post_puts_it_on_record_whoever_has_the_reply() -> None:
    desk = a_desk()

    def given_back() -> None:
        desk.ledger.replies["r1"] = desk.reply.again(NOON, "proved absent, wrongly")

    desk.network.meanwhile = given_back
    assert desk.visit().became is Became.POSTED
    assert desk.reply.post_id == "p1"
    assert desk.visit(later=timedelta(minutes=5)).became is Became.NOTHING
    assert len(desk.network.posts) == 1


def test_two_posts_of_one_reply_call_a_person() -> None:
    desk = a_desk()
    desk.network.meanwhile = lambda: desk.ledger.replies.update(r1=desk.reply.posted("p0", "", NOON))
    desk.visit()
    assert desk.reply.post_id == "p0"
    assert desk.pages == [Why.ANSWERED_TWICE]


# POSTED: looked at again


def posted(**network: Any) -> Desk:
    desk = a_desk(**network)
    desk.visit()
    return desk


def test_a_posted_answer_is_looked_at_again_after_a_quarter_of_an_hour_and_a_day() -> None:
    desk = posted()
    assert desk.visit(later=timedelta(minutes=14)).became is Became.NOTHING
    assert desk.visit(later=timedelta(minutes=1)).became is Became.LOOKED
    assert desk.visit(later=timedelta(hours=23)).became is Became.NOTHING
    assert desk.visit(later=timedelta(hours=1)).became is Became.LOOKED
    assert desk.visit(later=timedelta(days=30)).became is Became.NOTHING
    assert desk.network.asked.count("find") == 2
    assert desk.pages == []


@pytest.mark.parametrize("found", [None, CannotTell("x", "no"), Unreachable("x", "HTTP 503")])
def test_what_cannot_be_seen_again_is_looked_for_once_each_time(found: Exception | None) -> None:
    desk = posted(finds=[found])
    desk.visit(later=timedelta(minutes=15))
    assert (desk.reply.state, desk.reply.looked_again) == (POSTED, 1)
    assert desk.pages == []


def test_another_post_of_ours_below_the_item_calls_a_person() -> None:
    desk = posted(finds=["p7"])
    desk.visit(later=timedelta(minutes=15))
    (page,) = desk.ledger.pages
    assert page.why is Why.ANSWERED_TWICE
    assert "p7" in page.story
    assert "p1" in page.story


def test_a_second_answer_that_somebody_let_go_is_no_second_post() -> None:
    desk = posted(finds=["p2"])
    desk.ledger.put(a_reply("r2", slot=2, state=POSTED, post_id="p2", posted_at=NOON))
    desk.ledger.posts["x#p2"] = "r2"
    desk.visit(later=timedelta(minutes=15))
    assert desk.pages == []


def test_a_bug_in_looking_again_is_told_once() -> None:
    desk = posted(finds=[KeyError("x")])
    with pytest.raises(KeyError):
        desk.visit(later=timedelta(minutes=15))
    assert desk.reply.looked_again == 1


def test_a_posted_answer_whose_item_or_handle_is_gone_is_not_looked_for() -> None:
    desk = posted()
    desk.ledger.items.clear()
    assert desk.visit(later=timedelta(minutes=15)).became is Became.LOOKED
    assert "find" not in desk.network.asked


# Receipts


def test_a_receipt_that_carries_our_id_proves_that_it_is_posted() -> None:
    desk = in_doubt()
    assert desk.hear("sent", reply_id="r1").became is Became.POSTED
    assert (desk.reply.post_id, desk.reply.posted_at) == ("p1", NOON)


@pytest.mark.parametrize("stage", ["needs_human", "ready"])
def test_a_late_receipt_proves_it_whatever_was_thought_meanwhile(stage: str) -> None:
    desk = in_doubt(finds=[CannotTell("x", "wait")])
    desk.visit(later=SETTLED)
    if stage == "ready":  # a person looked, and was wrong
        desk.ledger.replies["r1"] = desk.reply.again(desk.at, "not posted, says ana")
    assert desk.hear("delivered", reply_id="r1").became is Became.POSTED
    assert desk.visit(later=SECOND).became is Became.NOTHING
    assert len(desk.network.posts) == 1


def test_receipts_are_kept_as_far_as_they_are_news() -> None:
    desk = posted()
    for state in ("delivered", "sent", "read", "delivered"):
        desk.hear(state)
    assert desk.reply.receipt == "read"
    assert desk.pages == []


def test_an_answer_that_did_not_arrive_calls_a_person_once() -> None:
    desk = posted()
    for _ in range(2):
        desk.hear("failed", detail="the customer's phone takes no messages")
    assert (desk.reply.state, desk.reply.receipt) == (POSTED, "failed")
    (page,) = desk.ledger.pages
    assert (page.why, page.severity) == (Why.REPLY_REJECTED, "critical")
    assert "takes no messages" in page.story


def test_what_has_arrived_does_not_fail_later() -> None:
    desk = posted()
    desk.hear("delivered")
    desk.hear("failed")
    assert desk.reply.receipt == "delivered"


def test_a_failure_that_comes_before_anything_else_is_kept_and_calls_a_person() -> None:
    desk = in_doubt()
    desk.hear("failed", reply_id="r1")
    assert (desk.reply.state, desk.reply.receipt) == (POSTED, "failed")
    assert desk.pages == [Why.REPLY_REJECTED]


def test_a_receipt_of_a_second_message_calls_a_person_once() -> None:
    desk = posted()
    for _ in range(2):
        desk.hear("delivered", native_id="p9", reply_id="r1")
    assert desk.pages == [Why.ANSWERED_TWICE]


def test_a_receipt_for_what_was_said_in_the_networks_own_app_changes_nothing() -> None:
    desk = posted()
    assert desk.hear("delivered", native_id="p9") == Visited()


def test_a_receipt_for_a_rejected_answer_is_told_to_the_log() -> None:
    desk = a_desk(sends=[DefiniteNo("x", "no")])
    desk.visit()
    assert "rejected" in desk.hear("delivered", reply_id="r1").why
    assert desk.reply.state is REJECTED


def test_a_receipt_that_somebody_else_wrote_beside_is_read_again() -> None:
    desk = posted()

    def beside(step: Step) -> None:
        desk.ledger.first = lambda _step: None
        desk.ledger.replies["r1"] = step.was.looked()

    desk.ledger.first = beside
    assert desk.hear("read").became is Became.LOOKED
    assert (desk.reply.receipt, desk.reply.looked_again) == ("read", 1)
