"""What a person sees: the inbox, one case whole, and nothing that they may not see."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from allhours.domain.access import Action, as_member
from allhours.domain.cards import Health
from allhours.domain.errors import NotAllowed, NotThere
from allhours.domain.explained import in_short
from allhours.domain.item import Visibility
from allhours.domain.note import Note
from allhours.domain.organisation import AnswerCard
from allhours.domain.reply import Reply, ReplyState
from allhours.domain.voice import INVITATION, Voice
from allhours.flows import desk_read
from allhours.flows.desk_draft import write
from allhours.flows.desk_ports import Asked
from allhours.flows.desk_words import Words
from tests.builders import LEELA, NOON, STRANGER, a_case, an_item
from tests.desk_fakes import FakeDesk, a_bank, a_desk

CARDS = {
    "late": AnswerCard(
        card_id="late", unit="cards", title="Late card", url="https://acme.test/l", text="It comes.",
        variants={"x": "On its way!"}, expires="2027-04-01",
    ),
    "old": AnswerCard(card_id="old", unit="cards", title="Old", url="", expires="2027-03-15"),
}  # fmt: skip
BANK = a_bank(answers=CARDS)
BANK = replace(
    BANK,
    units={**BANK.units, "cards": replace(BANK.units["cards"], voice=Voice(tone="warm", promise="today"))},
)
ANA, DINA, ADA, EVE = (as_member(BANK, name, NOON) for name in ("ana", "dina", "ada", "eve"))
CASE = a_case(owner="ana", urgent="fraud")
ID = CASE.case_id


def whole(store: FakeDesk, who: Any = ANA) -> desk_read.Whole:
    desk, _ = a_desk(store, BANK)
    return desk_read.one(ID, who=who, desk=desk, at=NOON)


def a_reply(**changes: Any) -> Reply:
    reply = Reply(
        reply_id="click-001", case_id=ID, item_key="x#1", slot=0, unit="cards", account="acmecards",
        network="x", handle="@acmecards", text="Hello ^AN", private=False, by="ana", approved_by="ana",
        approved_at=NOON + timedelta(minutes=2),
    )  # fmt: skip
    return replace(reply, **changes)


def a_store() -> FakeDesk:
    store = FakeDesk()
    store.put(CASE, an_item(answer_needs={"engaged": "mentioned"}, text="my card is late"))
    return store


def test_a_conversation_is_told_in_the_order_in_which_it_happened() -> None:
    store = a_store()
    later = NOON + timedelta(minutes=5)
    store.said(CASE, an_item("2", author=STRANGER, created_at=later, text="mine too"), case_version=2)
    store.replies["click-001"] = a_reply(posted_at=NOON + timedelta(minutes=3), permalink="https://x.test/9")
    store.notes.append(Note(note_id="n-1", by="ben", at=NOON + timedelta(minutes=4), text="known"))
    told = whole(store).conversation
    assert [(line.kind, line.who, line.text) for line in told] == [
        ("item", "Leela", "my card is late"),
        ("reply", "Ana", "Hello ^AN"),
        ("note", "Ben", "known"),
        ("item", "A Stranger", "mine too"),
    ]
    assert [line.bystander for line in told] == [False, False, False, True]
    assert told[2].private, "no customer ever reads a note"


def test_what_its_author_deleted_is_not_shown() -> None:
    store = a_store()
    gone = an_item(
        "2", text="kept by mistake", permalink="https://x.test/2", attachments=("https://a.test/1",)
    )
    store.said(CASE, gone, case_version=2, event="item.deleted")
    line = next(line for line in whole(store).conversation if line.key == "x#2")
    assert (line.deleted, line.text, line.permalink, line.attachments) == (True, "", "", ())
    assert "kept by mistake" not in str(whole(store))


def test_edits_privacy_and_masks_are_shown() -> None:
    store = a_store()
    edited = an_item(text="[card …1111]", masked=("card",), version=2, visibility=Visibility.PRIVATE)
    store.said(CASE, edited, case_version=2, event="item.edited")
    (line,) = whole(store).conversation
    assert (line.edited, line.private, line.masked) == (True, True, ("card",))


def test_a_case_says_why_it_is_here_the_newest_first() -> None:
    store = a_store()
    store.said(CASE, an_item(version=2, text="my card is very late"), case_version=2, event="item.edited")
    newest, oldest = whole(store).why
    assert newest.endswith("edited: addressed @acmecards")
    assert oldest.endswith("more was said: addressed @acmecards")


@pytest.mark.parametrize(
    ("told", "short"),
    [
        ({"event": "case.opened", "priority": 2}, "opened: addressed @acmecards; high priority"),
        (
            {"event": "item.added", "urgent": {"kind": "theft", "words": ["stolen"]}},
            "more was said: addressed @acmecards; theft, “stolen”",
        ),
        (
            {"event": "case.opened", "stance": "must_not"},
            "opened: addressed @acmecards; nobody answers but a person who knows why",
        ),
        ({"event": "case.opened", "promoted": {"by": "ana"}}, "promoted by ana: addressed @acmecards"),
        ({"event": "case.moved"}, "handed over: addressed @acmecards"),
    ],
)
def test_a_decision_in_short_is_what_a_clerk_wants_to_know(told: dict[str, Any], short: str) -> None:
    assert in_short({"reason": "addressed @acmecards", **told}) == short


def test_a_whole_case_brings_all_that_an_answer_takes() -> None:
    told = whole(a_store())
    assert (told.voice.tone, told.voice.promise, told.signature) == ("warm", "today", "^AN")
    assert told.on_duty
    assert told.on_duty.members == ("ana",)
    assert told.answers == "x#1"
    assert told.ways[0].allowed
    assert told.protocol == BANK.urgent["fraud"].protocol
    assert Action.SEND in told.actions
    assert (told.row.owner_name, told.row.excerpt) == ("Ana", "my card is late")


def test_cards_are_those_that_triage_found_and_that_are_not_over_in_the_networks_words() -> None:
    store = a_store()
    row = store.rows[0]
    events = ({**row.events[0], "answers": ["old", "late", "removed"]},)
    store.rows[0] = replace(row, events=events)
    assert [(one.card.card_id, one.text) for one in whole(store).cards] == [("late", "On its way!")]
    desk, _ = a_desk(store, BANK)
    assert [one.card_id for one in desk_read.cards("cards", who=ANA, desk=desk, at=NOON)] == ["late"]
    store.links["late"] = Health(
        url=CARDS["late"].url, ok=False, since=NOON, found="HTTP 404", checked_at=NOON
    )
    assert not whole(store).cards
    assert not desk_read.cards("cards", who=ANA, desk=desk, at=NOON)


def test_what_happened_since_the_draft_was_written_is_said() -> None:
    store = a_store()
    desk, _ = a_desk(store, BANK)
    before = whole(store)
    write(ID, Words(text="Hello"), version=None, take_over="", seen=before.seen, who=ANA, desk=desk, at=NOON)
    assert whole(store).changed == ()
    store.said(CASE, an_item("2", created_at=NOON), case_version=9)
    assert whole(store).changed == ("@leela wrote more (12:00 UTC)",)
    assert whole(store).seen != before.seen


def test_a_draft_is_shown_as_it_goes_out_with_its_writers_signature_whoever_looks() -> None:
    store = a_store()
    desk, _ = a_desk(store, BANK)
    assert whole(store).signed == ""
    words = Words(text="It comes. ", item_key="x#1", account="acmecards", handle="@acmecards")
    write(ID, words, version=None, take_over="", who=ANA, desk=desk, at=NOON)
    assert whole(store, ADA).signed == "It comes. ^AN"
    others = replace(store.drafts[ID], account="acmebank", by="ben")
    store.drafts[ID] = others
    assert whole(store, ADA).signed == "It comes. ^BE, Cards"


def test_why_an_answer_is_not_out_stands_in_its_line() -> None:
    store = a_store()
    doubt = {"state": ReplyState.NEEDS_HUMAN, "reason": "no receipt within 10 min", "receipt": "sent"}
    store.replies["click-001"] = a_reply(**doubt)
    line = whole(store).conversation[-1]
    assert (line.state, line.reason, line.receipt) == ("needs_human", "no receipt within 10 min", "sent")


def test_where_nothing_is_left_to_answer_there_are_no_ways() -> None:
    store = FakeDesk()
    store.put(CASE)
    store.said(CASE, an_item(text=""), case_version=2, event="item.deleted")
    told = whole(store)
    assert (told.ways, told.answers, told.row.excerpt) == ((), "", "")


def test_a_case_of_a_unit_that_is_none_any_more_is_still_read_by_who_sees_everything() -> None:
    store = FakeDesk()
    store.put(replace(CASE, unit="gone"), an_item())
    told = whole(store, ADA)
    assert (told.on_duty, told.ways, told.voice.invitation["en"]) == (None, (), INVITATION)


def test_a_case_that_may_not_be_seen_is_not_there() -> None:
    desk, _ = a_desk(a_store(), BANK)
    with pytest.raises(NotThere, match="no case"):
        desk_read.one(ID, who=DINA, desk=desk, at=NOON)
    with pytest.raises(NotThere):
        desk_read.audits(ID, who=DINA, desk=desk)
    with pytest.raises(NotThere):
        desk_read.audits("cards", who=DINA, desk=desk)
    with pytest.raises(NotThere):
        desk_read.cards("cards", who=DINA, desk=desk, at=NOON)
    assert desk_read.one(ID, who=ADA, desk=desk, at=NOON).actions == (Action.SEE,)


def test_a_reply_is_seen_by_who_sees_its_unit() -> None:
    store = a_store()
    store.replies["click-001"] = a_reply()
    desk, _ = a_desk(store, BANK)
    assert desk_read.reply("click-001", who=ANA, desk=desk) == a_reply()
    for who in (DINA, EVE):
        with pytest.raises(NotThere):
            desk_read.reply("click-001", who=who, desk=desk)


def test_an_inbox_is_of_the_units_that_may_be_seen() -> None:
    store = a_store()
    store.put(replace(CASE, case_id="x-2", unit="payments"), an_item("2"))
    desk, _ = a_desk(store, BANK)
    for who, units, cases in ((ANA, (), [ID]), (DINA, (), ["x-2"]), (ADA, ("cards",), [ID])):
        found = desk_read.inbox(Asked(units=units), who=who, desk=desk)
        assert [row.case.case_id for row in found.rows] == cases
    for who, asked in ((DINA, ("cards",)), (EVE, ())):
        with pytest.raises(NotAllowed, match="may not see"):
            desk_read.inbox(Asked(units=asked), who=who, desk=desk)


def test_rows_say_who_has_the_case_what_was_said_last_and_how_many_ask_the_same() -> None:
    store = FakeDesk()
    long = "where is the new card that " + "you promised me so long ago " * 9
    for n in range(2):
        case = replace(
            CASE, case_id=f"x-{n}", owner="desk:london", alike="00ff00ff00ff00ff", first_item=f"x#{n}"
        )
        store.put(case, an_item(str(n), author=LEELA, text=long + "\n"))
    desk, _ = a_desk(store, BANK)
    first, _ = desk_read.inbox(Asked(units=()), who=ANA, desk=desk).rows
    assert (first.owner_name, first.alike) == ("london", 2)
    assert len(first.excerpt) <= desk_read.EXCERPT
    assert first.excerpt.endswith("…")


def test_who_is_on_duty_is_told_to_everybody_of_the_house() -> None:
    desk, _ = a_desk(a_store(), BANK)
    assert desk_read.duty("cards", who=DINA, desk=desk, at=NOON).members == ("ana",)
    with pytest.raises(NotThere):
        desk_read.duty("cards", who=EVE, desk=desk, at=NOON)
    with pytest.raises(NotThere):
        desk_read.duty("none", who=ANA, desk=desk, at=NOON)
