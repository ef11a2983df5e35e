"""The desk on the table: lists with cursors, a case whole in few calls, two people at the same time."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import clients, wiring
from allhours.aws.card_states import DynamoCardStates
from allhours.aws.desk_store import NEIGHBOURS, DynamoDesk
from allhours.aws.moves import DynamoMoves
from allhours.aws.replies import DynamoReplies
from allhours.domain.access import Who, as_member
from allhours.domain.case import State
from allhours.domain.errors import Answered, BadInput, Changed, Conflict, NotAllowed, NotThere
from allhours.domain.item import Change
from allhours.domain.lint import Ours
from allhours.domain.router import Router
from allhours.domain.seen import seen_of
from allhours.domain.service_level import ServiceLevel
from allhours.flows import desk_read
from allhours.flows.desk_draft import drop, write
from allhours.flows.desk_duty import acknowledged, hand_over, overridden, promoted, released
from allhours.flows.desk_ports import Asked, Deed, Desk
from allhours.flows.desk_send import send
from allhours.flows.desk_words import Words
from allhours.flows.desk_write import close, note, reopen, take
from allhours.flows.ports import Committed
from allhours.flows.route import route
from tests.builders import NOON, STRANGER, an_item
from tests.crash.seen import rows
from tests.desk_fakes import RealNetworks, a_bank, asking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.item import Item
    from tests.crash.harness import World

LEVELS = (ServiceLevel(priority=3, first_answer=3600, resolution=36_000, clock="wall"),)
BANK = a_bank()
BANK = replace(
    BANK,
    units={name: replace(unit, service_levels=LEVELS) for name, unit in BANK.units.items()},
)
ANA, BEN, CLEO, DINA, PETRA = (
    as_member(BANK, name, NOON) for name in ("ana", "ben", "cleo", "dina", "petra")
)
SOON = NOON + timedelta(minutes=1)
HELLO = Words(text="We are looking into it.")
MENTIONED = {"engaged": "mentioned"}


@pytest.fixture(autouse=True)
def _world(world: World) -> None:
    del world


def a_desk(bank: Any = BANK) -> Desk:
    ledger = DynamoReplies("records", wiring.records(), bank.retention)
    return Desk(
        organisation=bank,
        ours=Ours.of(bank),
        store=DynamoDesk("records", bank),
        approvals=ledger,
        ledger=ledger,
        networks=RealNetworks(),
        cards=DynamoCardStates("records"),
    )


def a_post(number: int, text: str = "where is my card", **more: Any) -> Item:
    usual: dict[str, Any] = {
        "conversation_id": str(number),
        "text": text,
        "answer_needs": MENTIONED,
        "created_at": NOON - timedelta(minutes=60 - number % 60),
    }
    return an_item(str(number), **(usual | more))


def heard(*items: Item) -> None:
    done = route(list(enumerate(items)), router=Router(BANK), records=wiring.records(), at=NOON)
    assert not done.again


def case_of(number: int) -> str:
    return wiring.records().read((), (f"x#{number}",), consistent=True).cases[f"x#{number}"].case_id


def seen(case_id: str) -> str:
    on = a_desk().store.read(case_id)
    assert on
    return seen_of(on.case, on.rows, on.replies)


@contextmanager
def calls() -> Iterator[list[str]]:
    """Yield the names of the calls that the table gets meanwhile."""
    made: list[str] = []

    def count(model: Any, **_: Any) -> None:
        made.append(model.name)

    table = clients.dynamodb().meta.events
    table.register("before-call.dynamodb", count)
    yield made
    table.unregister("before-call.dynamodb", count)


def listed(who: Who = CLEO, **asked: Any) -> list[str]:
    """Walk a list to its end, page by page; no row may come twice."""
    found: list[str] = []
    asked = {"units": (), "most": 3, **asked}
    cursor = ""
    for _ in range(40):
        page = desk_read.inbox(Asked(**asked, cursor=cursor), who=who, desk=a_desk())
        assert len(page.rows) <= asked["most"]
        found += [row.case.case_id for row in page.rows]
        cursor = page.next
        if not cursor:
            break
    assert not cursor
    assert len(found) == len(set(found))
    return found


# Lists


def test_open_cases_come_in_due_order_over_all_units_and_pages() -> None:
    heard(*(a_post(n, text="transferred twice" if n % 3 else "where is my card", handle="@acmebank",
                   account="acmebank", addressed=()) for n in range(1, 11)))  # fmt: skip
    assert listed(PETRA) == [case_of(n) for n in range(1, 11)]
    assert listed(DINA) == [case_of(n) for n in range(1, 11) if n % 3]
    assert listed(PETRA, units=("cards",), most=1) == [case_of(n) for n in (3, 6, 9)]


def test_a_page_of_a_list_is_one_query_a_unit_and_two_reads() -> None:
    heard(*(a_post(n) for n in range(1, 11)))
    with calls() as made:
        desk_read.inbox(Asked(units=(), most=25), who=CLEO, desk=a_desk())
    units = len(CLEO.units(BANK))
    assert sorted(made) == ["BatchGetItem"] * 2 + ["Query"] * units


def test_cases_that_come_between_two_pages_move_no_other() -> None:
    heard(*(a_post(n) for n in range(10, 16)))
    first = desk_read.inbox(Asked(units=("cards",), most=3), who=CLEO, desk=a_desk())
    heard(a_post(1), a_post(30))
    rest = desk_read.inbox(Asked(units=("cards",), most=10, cursor=first.next), who=CLEO, desk=a_desk())
    got = [row.case.case_id for row in (*first.rows, *rest.rows)]
    assert got == [case_of(n) for n in (10, 11, 12, 13, 14, 15, 30)]


def test_a_list_is_narrowed_by_owner_account_and_due_time() -> None:
    heard(*(a_post(n) for n in range(1, 8)))
    take(case_of(4), who=BEN, desk=a_desk(), at=NOON)
    assert listed(owner="ben") == [case_of(4)]
    assert listed(account="acmesafe") == []
    assert len(listed(account="acmecards")) == 7
    due_before = NOON - timedelta(minutes=60 - 3) + timedelta(hours=1)
    assert listed(due_before=due_before) == [case_of(n) for n in (1, 2, 3)]


def test_closed_cases_are_listed_the_newest_first_and_leave_the_open_ones() -> None:
    heard(*(a_post(n) for n in range(1, 8)))
    for n in (2, 5, 3):
        at = NOON + timedelta(seconds=n)
        close(case_of(n), cause="spam", because="", who=ANA, desk=a_desk(), at=at)
    assert listed(state="closed", most=1) == [case_of(n) for n in (5, 3, 2)]
    assert listed(state="closed", owner="ben") == []
    assert listed(DINA, state="closed") == []
    assert listed() == [case_of(n) for n in (1, 4, 6, 7)]
    reopen(case_of(5), because="they called", who=ANA, desk=a_desk(), at=SOON)
    assert listed(state="closed", units=("cards",)) == [case_of(n) for n in (3, 2)]
    assert case_of(5) in listed()


def test_answers_that_wait_for_a_second_person_have_a_list_of_their_own() -> None:
    heard(*(a_post(n) for n in range(1, 6)))
    strict = a_desk(asking(BANK, "second"))
    write(case_of(1), HELLO, version=None, take_over="", who=ANA, desk=strict, at=NOON)
    for n in (4, 2):
        send(case_of(n), HELLO, reply_id=f"click-{n:03}", version=None, seen=seen(case_of(n)), who=ANA,
             desk=strict, at=NOON + timedelta(seconds=n))  # fmt: skip
    assert listed(state="waiting", most=1) == [case_of(2), case_of(4)]
    assert listed(DINA, state="waiting") == []


def test_a_list_shows_no_case_that_went_to_another_unit_meanwhile() -> None:
    heard(a_post(1))
    strict, case_id = a_desk(asking(BANK, "second")), case_of(1)
    send(
        case_id, HELLO, reply_id="click-001", version=None, seen=seen(case_id), who=ANA, desk=strict, at=NOON
    )
    on = strict.store.read(case_id)
    assert on
    moved = replace(on.case.changed(), unit="payments")
    assert strict.store.save(Deed(case_was=on.case, case=moved), at=NOON) == Committed.DONE
    assert listed(CLEO, state="waiting", units=("cards",)) == []


def test_a_row_shows_the_newest_post_of_its_author_that_is_still_there() -> None:
    heard(a_post(1), a_post(2, "and my PIN", conversation_id="1", created_at=NOON))
    heard(a_post(3, "mine too", conversation_id="1", author=STRANGER, created_at=NOON))
    (row,) = desk_read.inbox(Asked(units=()), who=CLEO, desk=a_desk()).rows
    assert row.excerpt == "where is my card"
    heard(a_post(4, "hello?", conversation_id="1", created_at=NOON))
    (row,) = desk_read.inbox(Asked(units=()), who=CLEO, desk=a_desk()).rows
    assert row.excerpt == "hello?"
    heard(a_post(4, "", conversation_id="1", created_at=NOON, change=Change.DELETED, version=1))
    (row,) = desk_read.inbox(Asked(units=()), who=CLEO, desk=a_desk()).rows
    assert row.excerpt == "where is my card"


@pytest.mark.parametrize("cursor", ["x", "[]", '{"CASES#cards":1}', '{"CASES#cards":["a"]}', "\u0000"])
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        desk_read.inbox(Asked(units=(), cursor=cursor), who=CLEO, desk=a_desk())


def test_a_cursor_of_another_unit_opens_nothing() -> None:
    heard(*(a_post(n) for n in range(1, 6)))
    page = desk_read.inbox(Asked(units=("cards",), most=2), who=CLEO, desk=a_desk())
    assert desk_read.inbox(Asked(units=(), cursor=page.next), who=DINA, desk=a_desk()).rows == ()


# One case


def test_a_case_is_read_whole_in_few_calls() -> None:
    heard(*(a_post(n, "when does the new debit card come at last please") for n in range(1, 4)))
    heard(a_post(9, conversation_id="1", created_at=NOON))
    case_id = case_of(1)
    with calls() as made:
        told = desk_read.one(case_id, who=CLEO, desk=a_desk(), at=NOON)
    assert sorted(made) == [*["BatchGetItem"] * 3, "Query", "Query"]
    assert [line.key for line in told.conversation] == ["x#1", "x#9"]
    assert {case.case_id for case, _ in told.similar} == {case_of(2), case_of(3)}
    assert {said for _, said in told.similar} == {"when does the new debit card come at last please"}


def test_a_case_with_answers_takes_one_call_more_and_shows_draft_note_and_answer() -> None:
    heard(a_post(1))
    desk, case_id = a_desk(), case_of(1)
    send(case_id, HELLO, reply_id="click-001", version=None, seen=seen(case_id), who=ANA, desk=desk, at=NOON)
    note(case_id, "she is in Spain", note_id="n-1", who=ANA, desk=desk, at=SOON)
    write(case_id, Words(text="More"), version=None, take_over="", who=ANA, desk=desk, at=SOON)
    with calls() as made:
        told = desk_read.one(case_id, who=CLEO, desk=desk, at=SOON)
    assert len(made) <= 5
    assert [line.kind for line in told.conversation] == ["item", "reply", "note"]
    assert told.row.draft
    assert told.row.draft.text == "More"
    assert NEIGHBOURS <= 90, "or what is read with a case does not fit into one batch"


def test_a_conversation_with_more_posts_than_a_case_names_is_read_to_its_end() -> None:
    heard(a_post(1))
    many = [
        a_post(10**17 + n, conversation_id="1", created_at=NOON + timedelta(seconds=n)) for n in range(60)
    ]
    heard(*many)
    on = a_desk().store.read(case_of(1))
    assert on
    assert len(on.rows) == 61


def test_a_replaced_case_is_read_by_its_own_id_and_not_reopened() -> None:
    heard(a_post(1))
    first = case_of(1)
    close(first, cause="answered", because="", who=ANA, desk=a_desk(), at=NOON - timedelta(days=30))
    heard(a_post(2, conversation_id="1", created_at=NOON))
    assert case_of(1) == f"{first}.2"
    old = a_desk().store.read(first)
    assert old
    assert (old.replaced, old.case.state) == (True, State.CLOSED)
    with pytest.raises(Conflict, match="later case"):
        reopen(first, because="they called", who=ANA, desk=a_desk(), at=NOON)
    assert a_desk().store.read("x-nothing") is None


# Deeds


def test_a_deed_its_audit_row_and_its_notice_are_one_transaction() -> None:
    heard(a_post(1))
    case_id = case_of(1)
    with calls() as made:
        take(case_id, who=BEN, desk=a_desk(), at=NOON)
    assert made == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
    (row,) = desk_read.audits(case_of(1), who=CLEO, desk=a_desk())
    assert (row.did, row.by) == ("taken", "ben")
    assert any(key.startswith("NOTICE#case.assigned") for key in rows())


def test_closing_by_hand_keeps_the_row_no_longer_than_before_and_ends_what_is_due() -> None:
    heard(a_post(1))
    before = rows()[f"CASE#{case_of(1)}"]
    close(case_of(1), cause="spam", because="", who=ANA, desk=a_desk(), at=NOON + timedelta(days=20))
    after = rows()[f"CASE#{case_of(1)}"]
    assert (before["due"], after["due"]) == ({"S": "CASES#cards"}, {"S": "CLOSED#cards"})
    assert after["expires_at"] == before["expires_at"]
    reopen(case_of(1), because="they called", who=ANA, desk=a_desk(), at=NOON + timedelta(days=20))
    assert rows()[f"CASE#{case_of(1)}"]["due"] == {"S": "CASES#cards"}


def test_a_note_is_written_once_whatever_it_says_the_second_time() -> None:
    heard(a_post(1))
    for text in ("she is in Spain", "she is in France"):
        note(case_of(1), text, note_id="n-1", who=ANA, desk=a_desk(), at=NOON)
    (line,) = [
        line for line in desk_read.one(case_of(1), who=ANA, desk=a_desk(), at=NOON).conversation
        if line.kind == "note"
    ]  # fmt: skip
    assert line.text == "she is in Spain"
    assert [one.did for one in desk_read.audits(case_of(1), who=ANA, desk=a_desk())] == ["noted"]


class _Between:
    """A store at which somebody else writes between another's read and write."""

    def __init__(self, store: DynamoDesk, meanwhile: list[Any]) -> None:
        self._store, self._meanwhile = store, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, case_id: str, *, whole: bool = False) -> Any:
        found = self._store.read(case_id, whole=whole)
        if self._meanwhile:
            self._meanwhile.pop(0)()
        return found


def between(*meanwhile: Any, bank: Any = BANK) -> Desk:
    desk = a_desk(bank)
    return replace(desk, store=_Between(DynamoDesk("records", bank), list(meanwhile)))


def test_of_two_who_send_at_once_one_wins_and_the_other_is_told() -> None:
    heard(a_post(1))
    case_id, before = case_of(1), seen(case_of(1))

    def ben() -> None:
        send(case_id, HELLO, reply_id="click-ben", version=None, seen=before, who=BEN, desk=a_desk(), at=NOON)

    with pytest.raises(Answered, match="ben has answered"):
        send(
            case_id,
            HELLO,
            reply_id="click-ana",
            version=None,
            seen=before,
            who=ANA,
            desk=between(ben),
            at=SOON,
        )
    assert sorted(key for key in rows() if key.startswith(("REPLY#", "ANSWER#"))) == [
        "ANSWER#x#1#0",
        "REPLY#click-ben",
    ]


def test_a_post_that_comes_between_look_and_write_stops_the_answer() -> None:
    heard(a_post(1))
    case_id, before = case_of(1), seen(case_of(1))
    more = a_post(2, "never mind", conversation_id="1", created_at=NOON)
    with pytest.raises(Changed, match="@leela wrote more"):
        send(
            case_id, HELLO, reply_id="click-ana", version=None, seen=before, who=ANA,
            desk=between(lambda: heard(more)), at=SOON,
        )  # fmt: skip
    assert not any(key.startswith("REPLY#") for key in rows())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text": "where is it", "version": 1}, "edited"),
        ({"change": Change.DELETED, "version": 1}, "deleted"),
    ],
)
def test_an_edit_or_deletion_changes_what_was_seen(change: dict[str, Any], told: str) -> None:
    heard(a_post(1), a_post(2, "please", conversation_id="1", created_at=NOON))
    case_id, before = case_of(1), seen(case_of(1))
    heard(a_post(2, conversation_id="1", created_at=NOON, **change))
    with pytest.raises(Changed, match=told):
        send(case_id, HELLO, reply_id="click-001", version=None, seen=before, who=ANA, desk=a_desk(), at=SOON)


def test_a_draft_that_was_written_on_is_not_what_is_sent() -> None:
    heard(a_post(1))
    case_id, desk = case_of(1), a_desk()
    write(case_id, HELLO, version=None, take_over="", who=ANA, desk=desk, at=NOON)

    def on() -> None:
        write(case_id, Words(text="Other"), version=1, take_over="", who=ANA, desk=desk, at=NOON)

    with pytest.raises(Conflict, match="version 2"):
        send(
            case_id,
            HELLO,
            reply_id="click-001",
            version=1,
            seen=seen(case_id),
            who=ANA,
            desk=between(on),
            at=SOON,
        )
    send(case_id, HELLO, reply_id="click-001", version=2, seen=seen(case_id), who=ANA, desk=desk, at=SOON)
    assert not any(key.startswith("DRAFT#") for key in rows())


def test_of_two_drafts_begun_at_once_one_is_kept() -> None:
    heard(a_post(1))
    case_id = case_of(1)

    def ben() -> None:
        write(case_id, Words(text="Mine"), version=None, take_over="", who=BEN, desk=a_desk(), at=NOON)

    with pytest.raises(Conflict, match="ben has been writing"):
        write(case_id, HELLO, version=None, take_over="", who=ANA, desk=between(ben), at=SOON)
    drop(case_id, version=1, who=BEN, desk=a_desk(), at=SOON)
    write(case_id, HELLO, version=None, take_over="", who=ANA, desk=a_desk(), at=SOON)


def test_of_two_drafts_begun_at_once_to_a_case_that_is_in_hand_one_is_kept() -> None:
    heard(a_post(1))
    case_id = case_of(1)
    take(case_id, who=CLEO, desk=a_desk(), at=NOON)  # so that neither draft changes the case

    def ben() -> None:
        write(case_id, Words(text="Mine"), version=None, take_over="", who=BEN, desk=a_desk(), at=NOON)

    with pytest.raises(Conflict, match="ben has been writing"):
        write(case_id, HELLO, version=None, take_over="", who=ANA, desk=between(ben), at=SOON)
    told = desk_read.audits(case_id, who=ANA, desk=a_desk())
    assert [(one.did, one.by) for one in told] == [("taken", "cleo"), ("wrote a draft", "ben")]


def test_a_case_handed_over_leaves_an_audit_row_and_no_draft_to_the_other_unit() -> None:
    heard(a_post(1))
    case_id, desk = case_of(1), a_desk()
    write(case_id, HELLO, version=None, take_over="", who=ANA, desk=desk, at=NOON)
    moves = DynamoMoves("records", wiring.records(), BANK.retention)
    with pytest.raises(Conflict, match="ana is writing"):
        hand_over(case_id, "payments", because="", who=BEN, desk=desk, cases=moves, at=SOON)
    moved = [
        hand_over(case_id, "payments", because="a transfer", who=ANA, desk=desk, cases=moves, at=SOON)
        for _ in range(2)
    ][-1]
    assert (moved.unit, moved.account) == ("payments", "acmepay")
    assert not any(key.startswith("DRAFT#") for key in rows())
    told = desk_read.audits(case_id, who=DINA, desk=desk)
    assert [(one.did, one.by, one.details.get("to")) for one in told][-1] == ("moved", "ana", "payments")


def test_a_case_made_by_hand_leaves_an_audit_row() -> None:
    heard(a_post(1, "come to our giveaway"))
    case = promoted(
        "x#1",
        unit="cards",
        because="she asks us",
        who=ANA,
        router=Router(BANK),
        records=wiring.records(),
        at=NOON,
    )
    assert [(one.did, one.by) for one in desk_read.audits(case.case_id, who=ANA, desk=a_desk())] == [
        ("promoted", "ana")
    ]


def test_a_case_that_its_author_deleted_is_among_the_closed_ones() -> None:
    heard(a_post(1))
    heard(a_post(1, "", change=Change.DELETED, version=1))
    (row,) = desk_read.inbox(Asked(units=(), state="closed"), who=CLEO, desk=a_desk()).rows
    assert (row.case.closed_because, row.excerpt) == ("deleted by its author", "")


def test_who_never_saw_a_case_does_not_learn_where_it_is_by_handing_it_over() -> None:
    heard(a_post(1))
    moves = DynamoMoves("records", wiring.records(), BANK.retention)
    for case_id in (case_of(1), "x-nothing"):
        with pytest.raises(NotThere, match="no case"):
            hand_over(case_id, "cards", because="", who=DINA, desk=a_desk(), cases=moves, at=NOON)


def test_a_page_is_had_from_the_desk_by_its_unit_and_leaves_an_audit_row() -> None:
    heard(a_post(1, "my card was stolen", handle="@acmebank", account="acmebank", addressed=()))
    page_id = next(key.removeprefix("PAGE#") for key in rows() if key.startswith("PAGE#urgent"))
    desk, pages, reaches = a_desk(), wiring.pages(), wiring.reaches()
    with pytest.raises(BadInput, match="no page"):
        acknowledged(page_id, who=DINA, desk=desk, pages=pages, reaches=reaches, at=NOON)
    had = acknowledged(page_id, who=BEN, desk=desk, pages=pages, reaches=reaches, at=NOON)
    assert had.outcome == "acknowledged"
    assert [(one.did, one.by) for one in desk_read.audits("fraud", who=BEN, desk=desk)] == [
        ("had a page", "ben")
    ]


def test_a_shift_is_changed_by_a_lead_or_who_is_on_duty_and_leaves_an_audit_row() -> None:
    def ben_instead(who: Who, hour: int) -> str:
        start = NOON + timedelta(hours=hour)
        return overridden(
            "cards", start=start, end=start + timedelta(hours=1), remove="ana", add="ben", reason="dentist",
            who=who, desk=a_desk(), changes=wiring.rota_changes(), prove=lambda *_, **__: (), at=NOON,
        ).change.by  # fmt: skip

    with pytest.raises(NotAllowed, match="override takes"):
        ben_instead(BEN, 1)
    with pytest.raises(NotThere):
        ben_instead(DINA, 1)
    assert (ben_instead(CLEO, 1), ben_instead(ANA, 2)) == ("cleo", "ana")
    told = desk_read.audits("cards", who=CLEO, desk=a_desk())
    assert sorted((one.did.partition(" ")[0], one.by) for one in told) == [
        ("override", "ana"),
        ("override", "cleo"),
    ]


def test_a_page_that_is_handed_back_climbs_again_and_both_words_are_on_record() -> None:
    heard(a_post(1, "my card was stolen", handle="@acmebank", account="acmebank", addressed=()))
    page_id = next(key.removeprefix("PAGE#") for key in rows() if key.startswith("PAGE#urgent"))
    desk, pages = a_desk(), wiring.pages()
    acknowledged(page_id, who=BEN, desk=desk, pages=pages, reaches=wiring.reaches(), at=NOON)
    with pytest.raises(NotAllowed, match="acknowledge takes"):
        released(page_id, who=as_member(BANK, "ada", NOON), desk=desk, pages=pages, at=SOON)
    released(page_id, who=BEN, desk=desk, pages=pages, at=SOON)
    told = desk_read.audits("fraud", who=BEN, desk=desk)
    assert [one.did for one in told] == ["had a page", "handed a page back"]


def test_a_case_is_made_by_who_sees_the_unit_that_heard_it_only() -> None:
    heard(a_post(1, "come to our giveaway"))
    for item_key in ("x#1", "x#404"):
        with pytest.raises(NotThere, match="nothing is on record"):
            promoted(
                item_key, unit="payments", because="mine", who=DINA, router=Router(BANK),
                records=wiring.records(), at=NOON,
            )  # fmt: skip


def test_the_desk_of_a_function_is_wired_to_the_table_the_ledger_and_the_networks() -> None:
    desk = wiring.desk(NOON)
    ana = as_member(desk.organisation, "ana", NOON)
    heard(a_post(1, network="mastodon", answer_needs={"status_id": "1", "acct": "leela@social.test"}))
    (row,) = desk_read.inbox(Asked(units=()), who=ana, desk=desk).rows
    told = desk_read.one(row.case.case_id, who=ana, desk=desk, at=NOON)
    assert told.ways
    assert wiring.moves().case(row.case.case_id) == row.case
    assert desk.ledger.reply("click-404") is None
