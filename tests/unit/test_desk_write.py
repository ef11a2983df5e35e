"""What a person does to a case: taken, assigned, closed, reopened, noted, held, vetoed, linked, settled."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.access import as_member, who_is
from allhours.domain.case import State
from allhours.domain.draft import WRITING, Draft
from allhours.domain.errors import BadInput, Busy, Conflict, NotAllowed, NotThere
from allhours.domain.notice import notice_to_json
from allhours.domain.reply import Reply, ReplyState
from allhours.domain.service_level import FIRST_ANSWER, ServiceLevel
from allhours.flows.desk_write import (
    CAUSES,
    assign,
    close,
    hold,
    link,
    note,
    reopen,
    settle,
    take,
    veto,
)
from tests.builders import NOON, a_case, an_item
from tests.case_events import assert_published
from tests.desk_fakes import FakeDesk, a_bank, a_desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from allhours.domain.access import Who
    from allhours.flows.desk_ports import Desk

LEVELS = (ServiceLevel(priority=3, first_answer=3600, resolution=36_000, clock="wall"),)
BANK = a_bank()
BANK = replace(BANK, units={**BANK.units, "cards": replace(BANK.units["cards"], service_levels=LEVELS)})
ANA, BEN, CLEO, DINA, ADA = (as_member(BANK, name, NOON) for name in ("ana", "ben", "cleo", "dina", "ada"))
CRM = who_is(BANK, {"sub": "client-crm"}, NOON)
CASE = a_case(owner="desk:london", due={FIRST_ANSWER: NOON + timedelta(hours=1)})
CLOSED = CASE.closed_by_hand("spam", NOON)
ID = CASE.case_id
LATER = NOON + timedelta(minutes=5)


def at_desk(case: Any = CASE) -> tuple[Desk, FakeDesk]:
    store = FakeDesk()
    store.put(case, an_item(answer_needs={"engaged": "mentioned"}))
    return a_desk(store, BANK)


DEEDS: dict[str, Callable[[Who, Desk], object]] = {
    "take": lambda who, desk: take(ID, who=who, desk=desk, at=LATER),
    "assign": lambda who, desk: assign(ID, "ben", because="", who=who, desk=desk, at=LATER),
    "close": lambda who, desk: close(ID, cause="spam", because="", who=who, desk=desk, at=LATER),
    "note": lambda who, desk: note(ID, "known", note_id="n-1", who=who, desk=desk, at=LATER),
    "hold": lambda who, desk: hold(ID, because="court order 7", who=who, desk=desk, at=LATER),
    "veto": lambda who, desk: veto(ID, because="legal looks at it", who=who, desk=desk, at=LATER),
    "link": lambda who, desk: link(
        ID, external_id="ZD-7", state="open", url="", system="crm", who=who, desk=desk, at=LATER
    ),
}
DID = {
    "take": "taken", "assign": "assigned", "close": "closed", "note": "noted", "hold": "held",
    "veto": "vetoed", "link": "linked",
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
def test_every_deed_leaves_one_audit_row_and_said_repeatednothing_more(deed: str) -> None:
    desk, store = at_desk()
    for _ in range(2):
        DEEDS[deed](CLEO, desk)
    assert store.did == [DID[deed]]
    row = store.written[0]
    assert (row.by, row.subject, row.unit, row.at) == ("cleo", ID, "cards", LATER)
    assert len({one.notice_id for one in store.notices}) == len(store.notices)


@pytest.mark.parametrize("deed", DEEDS)
def test_no_deed_is_done_by_who_may_not(deed: str) -> None:
    desk, store = at_desk()
    with pytest.raises(NotAllowed, match=f"{deed} takes"):
        DEEDS[deed](ADA, desk)
    with pytest.raises(NotThere):
        DEEDS[deed](DINA, desk)
    assert store.saved == []


@pytest.mark.parametrize("deed", sorted(set(DEEDS) - {"note"}))
def test_units_are_told_of_every_change_in_the_published_words(deed: str) -> None:
    desk, store = at_desk()
    DEEDS[deed](CLEO, desk)
    (told,) = store.notices
    assert_published(json.loads(json.dumps(notice_to_json(told))))
    assert told.body["case_version"] == store.cases[ID].version


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_meets_a_router_and_is_done_on_what_is_there_now(deed: str) -> None:
    desk, store = at_desk()
    store.meanwhile.append(lambda: store.said(CASE, an_item("2", created_at=LATER), case_version=7))
    DEEDS[deed](CLEO, desk)
    assert store.cases[ID].version == 8
    assert store.did == [DID[deed]]


def test_a_deed_gives_up_where_the_case_never_stands_still() -> None:
    desk, store = at_desk()

    def turn() -> None:
        store.cases[ID] = store.cases[ID].changed()
        store.meanwhile.append(turn)

    store.meanwhile.append(turn)
    with pytest.raises(Busy, match="4 times"):
        take(ID, who=ANA, desk=desk, at=LATER)


def test_a_case_is_taken_also_from_somebody_who_has_it() -> None:
    desk, store = at_desk(replace(CASE, owner="ben"))
    case = take(ID, who=ANA, desk=desk, at=LATER)
    assert (case.owner, case.owner_since, case.touched) == ("ana", LATER, True)
    assert store.notices[0].body["owner_before"] == "ben"


def test_a_case_is_assigned_to_who_may_answer_it_or_given_back_to_who_is_on_duty() -> None:
    desk, _ = at_desk()
    assert assign(ID, "cleo", because="she knows them", who=CRM, desk=desk, at=LATER).owner == "cleo"
    assert assign(ID, "", because="", who=ANA, desk=desk, at=LATER).owner == "ana"
    for nobody in ("dina", "ada", "zoe"):
        with pytest.raises(BadInput, match="member"):
            assign(ID, nobody, because="", who=ANA, desk=desk, at=LATER)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_case_is_closed_with_a_cause_and_nothing_of_it_is_due(cause: str) -> None:
    desk, _ = at_desk()
    case = close(ID, cause=cause, because="asked by 4111 1111 1111 1111", who=ANA, desk=desk, at=LATER)
    assert (case.state, case.closed_at, dict(case.due), case.touched) == (State.CLOSED, LATER, {}, True)
    assert case.closed_because == f"{cause}: asked by [card …1111]"


@pytest.mark.parametrize(("cause", "why"), [("", "cause"), ("bored", "cause"), ("other", "because")])
def test_a_case_is_closed_for_a_reason_that_is_one(cause: str, why: str) -> None:
    desk, _ = at_desk()
    with pytest.raises(BadInput, match=why):
        close(ID, cause=cause, because=" ", who=ANA, desk=desk, at=LATER)


def test_closing_takes_ones_own_draft_away_and_respects_another_who_writes() -> None:
    desk, store = at_desk()
    store.drafts[ID] = Draft(case_id=ID, item_key="x#1", by="ben", since=NOON, lease_until=NOON + WRITING)
    with pytest.raises(Conflict, match="ben is writing an answer since 12:00 UTC"):
        close(ID, cause="spam", because="", who=ANA, desk=desk, at=NOON)
    close(ID, cause="spam", because="", who=BEN, desk=desk, at=NOON)
    assert store.drafts == {}


def test_a_closed_case_says_why_to_who_would_close_or_take_it() -> None:
    desk, _ = at_desk(CLOSED)
    with pytest.raises(Conflict, match=r"closed \(spam\)"):
        close(ID, cause="duplicate", because="", who=ANA, desk=desk, at=LATER)
    with pytest.raises(Conflict, match="reopen it first"):
        take(ID, who=ANA, desk=desk, at=LATER)


def test_a_reopened_case_counts_its_promises_from_then_and_goes_to_who_is_on_duty() -> None:
    desk, store = at_desk(replace(CLOSED, answered_at=NOON))
    case, repeated = (reopen(ID, because="they called again", who=BEN, desk=desk, at=LATER) for _ in range(2))
    assert case == repeated
    assert (case.state, case.closed_because, case.reopened, case.answered_at) == (State.OPEN, "", 1, None)
    assert case.due[FIRST_ANSWER] == LATER + timedelta(hours=1)
    assert (case.owner, case.version) == ("ana", CLOSED.version + 1)
    assert store.did == ["reopened"]
    assert_published(json.loads(json.dumps(notice_to_json(store.notices[0]))))


def test_what_its_author_deleted_is_not_reopened_and_a_reason_is_needed() -> None:
    desk, _ = at_desk(replace(CLOSED, live=0))
    with pytest.raises(Conflict, match="deleted all of it"):
        reopen(ID, because="they called", who=ANA, desk=desk, at=LATER)
    with pytest.raises(BadInput, match="reason"):
        reopen(ID, because="", who=ANA, desk=desk, at=LATER)


def test_a_note_is_masked_kept_once_and_leaves_the_version_of_a_touched_case() -> None:
    desk, store = at_desk(replace(CASE, touched=True))
    for text in ("card 4111 1111 1111 1111 is hers", "something else"):
        note(ID, text, note_id="n-1", who=ANA, desk=desk, at=LATER)
    assert [one.text for one in store.notes] == ["card [card …1111] is hers"]
    assert store.cases[ID].version == CASE.version
    assert "hers" not in str(store.written)


def test_a_persons_note_marks_the_case_as_touched_and_a_systems_does_not() -> None:
    for who, touched in ((ANA, True), (CRM, False)):
        desk, store = at_desk()
        note(ID, "known", note_id="n-1", who=who, desk=desk, at=LATER)
        assert store.cases[ID].touched is touched


def test_a_hold_is_a_leads_word_and_is_kept_on_closed_cases_too() -> None:
    desk, _ = at_desk(CLOSED)
    assert hold(ID, because="court order 7", who=CLEO, desk=desk, at=LATER).hold == "cleo: court order 7"
    with pytest.raises(NotAllowed, match="hold takes lead"):
        hold(ID, because="", who=ANA, desk=desk, at=LATER)
    assert hold(ID, because="", who=CLEO, desk=desk, at=LATER).hold == ""


def test_a_veto_is_lifted_by_who_said_so_or_by_a_lead() -> None:
    desk, _ = at_desk()
    assert (
        veto(ID, because="legal looks at it", who=CRM, desk=desk, at=LATER).veto == "crm: legal looks at it"
    )
    with pytest.raises(NotAllowed, match="crm said so"):
        veto(ID, because="", who=ANA, desk=desk, at=LATER)
    assert veto(ID, because="", who=CRM, desk=desk, at=LATER).veto == ""
    veto(ID, because="wait", who=ANA, desk=desk, at=LATER)
    assert veto(ID, because="", who=CLEO, desk=desk, at=LATER).veto == ""


def test_a_system_links_its_own_case_and_takes_the_link_away() -> None:
    desk, _ = at_desk()
    given: dict[str, Any] = {"external_id": "ZD-7", "state": "open", "url": "https://crm.test/ZD-7"}
    linked = link(ID, **given, system="other", who=CRM, desk=desk, at=LATER)
    assert dict(linked.external) == {
        "system": "crm",
        "id": "ZD-7",
        "state": "open",
        "url": "https://crm.test/ZD-7",
    }
    gone = link(ID, external_id="", state="", url="", who=CRM, desk=desk, at=LATER)
    assert dict(gone.external) == {}


@pytest.mark.parametrize(
    ("given", "why"), [({"system": "none"}, "system"), ({"system": "crm", "url": "javascript:1"}, "https")]
)
def test_a_link_is_to_a_system_of_ours_and_opens_nothing_else(given: dict[str, str], why: str) -> None:
    desk, _ = at_desk()
    with pytest.raises(BadInput, match=why):
        link(ID, **({"external_id": "7", "state": "", "url": ""} | given), who=ANA, desk=desk, at=LATER)


# A reply that needs a human


def stuck(store: FakeDesk) -> None:
    reply = Reply(
        reply_id="click-001", case_id=ID, item_key="x#1", slot=0, unit="cards", account="acmecards",
        network="x", handle="@acmecards", text="Hello ^AN", private=False, by="ana", approved_by="ana",
        approved_at=NOON,
    )  # fmt: skip
    store.replies["click-001"] = reply.claimed("own", NOON).needs_human("X shows nobody what was sent")


def settled(desk: Desk, who: Who = BEN, **more: Any) -> Reply:
    usual: dict[str, Any] = {"posted": None, "again": False, "because": "I looked"}
    return settle("click-001", **(usual | more), who=who, desk=desk, at=LATER)


def test_who_found_the_answer_on_the_network_says_where_and_the_first_answer_is_no_longer_due() -> None:
    desk, store = at_desk()
    stuck(store)
    reply, repeated = (settled(desk, posted="https://x.test/acmecards/status/7") for _ in range(2))
    assert reply == repeated
    assert (reply.state, reply.permalink, reply.posted_at) == (ReplyState.POSTED, reply.post_id, NOON)
    assert FIRST_ANSWER not in store.cases[ID].due
    assert [(one.did, one.by, one.details["state"]) for one in store.written] == [
        ("settled", "ben", "posted")
    ]
    assert [one.event for one in store.notices] == ["case.reply_posted"]


@pytest.mark.parametrize(("again", "state"), [(True, ReplyState.READY), (False, ReplyState.REJECTED)])
def test_who_did_not_find_it_has_it_sent_again_or_leaves_it(again: object, state: ReplyState) -> None:
    desk, store = at_desk()
    stuck(store)
    reply, repeated = (settled(desk, again=bool(again)) for _ in range(2))
    assert reply == repeated
    assert (reply.state, reply.reason) == (state, "ben: I looked")
    assert FIRST_ANSWER in store.cases[ID].due
    assert store.did == ["settled"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"because": ""}, "reason"),
        ({"posted": "https://x.test/7", "again": True}, "not sent again"),
        ({"posted": "7"}, "https"),
        ({"posted": ""}, "https"),
    ],
)
def test_a_verdict_makes_sense(given: dict[str, Any], why: str) -> None:
    desk, store = at_desk()
    stuck(store)
    with pytest.raises(BadInput, match=why):
        settled(desk, **given)


def test_a_verdict_is_a_members_and_only_on_what_needs_one() -> None:
    desk, store = at_desk()
    stuck(store)
    with pytest.raises(NotAllowed, match="settle takes"):
        settled(desk, ADA)
    with pytest.raises(NotThere):
        settled(desk, DINA)
    settled(desk, again=True)
    with pytest.raises(Conflict, match="is ready"):
        settled(desk, posted="https://x.test/7")


def test_of_two_verdicts_at_once_the_first_counts() -> None:
    desk, store = at_desk()
    stuck(store)
    store.meanwhile.append(lambda: settled(desk, ANA, again=True))
    with pytest.raises(Conflict, match="is ready"):
        settled(desk, posted="https://x.test/7")
