"""Drafts: one member at a time, who and since when, taken over with a word on the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.access import as_member
from allhours.domain.case import State
from allhours.domain.draft import WRITING, DraftState
from allhours.domain.errors import BadInput, Conflict, NotAllowed, NotThere
from allhours.domain.voice import Linting
from allhours.flows.desk_draft import LONGEST_DRAFT, check, drop, give_back, write
from allhours.flows.desk_words import Words
from tests.builders import NOON, a_case, an_item
from tests.desk_fakes import FakeDesk, a_bank, a_desk

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.draft import Draft

BANK = a_bank()
ANA, BEN, CLEO, DINA, ADA = (as_member(BANK, name, NOON) for name in ("ana", "ben", "cleo", "dina", "ada"))
HELLO = Words(text="We are looking into it.")
SOON = NOON + timedelta(minutes=1)
CARD = "4111 1111 1111 1111"


def written(store: FakeDesk, who: Who = ANA, at: datetime = NOON, **more: Any) -> Draft:
    usual: dict[str, Any] = {"words": HELLO, "version": None, "take_over": ""}
    asked = usual | more
    desk, _ = a_desk(store)
    return write(a_case().case_id, asked.pop("words"), who=who, desk=desk, at=at, **asked)


def test_a_draft_is_held_by_who_writes_and_typing_on_renews_it() -> None:
    store = FakeDesk()
    first = written(store)
    assert (first.by, first.version, first.lease_until) == ("ana", 1, NOON + WRITING)
    second = written(store, at=SOON, version=1, words=Words(text="We are looking into this now."))
    assert (second.since, second.version, second.lease_until) == (NOON, 2, SOON + WRITING)


def test_a_draft_names_the_newest_post_of_its_author_and_marks_the_case_as_touched() -> None:
    store = FakeDesk()
    desk, _ = a_desk(store)
    case = a_case()
    stranger = replace(an_item("3"), author=replace(an_item().author, author_id="9"), created_at=SOON)
    store.said(case, an_item("2", created_at=NOON), case_version=2)
    store.said(case, stranger, case_version=3)
    draft = write(case.case_id, HELLO, version=None, take_over="", who=ANA, desk=desk, at=SOON)
    assert draft.item_key == "x#2"
    assert store.cases[case.case_id].touched
    assert store.did == ["wrote a draft"]


def test_somebody_else_is_told_who_writes_and_since_when() -> None:
    store = FakeDesk()
    written(store)
    with pytest.raises(Conflict, match="ana has been writing since 12:00 UTC"):
        written(store, who=BEN, at=SOON, version=1)
    assert store.drafts[a_case().case_id].by == "ana"


def test_a_draft_is_taken_over_with_a_word_on_the_record() -> None:
    store = FakeDesk()
    written(store)
    draft = written(store, who=BEN, at=SOON, version=1, take_over="Ana had to leave")
    assert (draft.by, draft.since, draft.version) == ("ben", SOON, 2)
    last = store.written[-1]
    assert (last.did, last.by, last.details["written_by"]) == ("took a draft over", "ben", "ana")
    assert last.details["because"] == "Ana had to leave"
    with pytest.raises(Conflict, match="ben has been writing"):
        written(store, at=SOON, version=2)


def test_the_lease_ends_when_nobody_typed_for_its_length() -> None:
    store = FakeDesk()
    written(store)
    just_before, then = NOON + WRITING - timedelta(seconds=1), NOON + WRITING
    with pytest.raises(Conflict):
        written(store, who=BEN, at=just_before, version=1)
    assert written(store, who=BEN, at=then, version=1).by == "ben"


def test_a_save_over_another_version_is_refused_and_over_none_too() -> None:
    store = FakeDesk()
    with pytest.raises(Conflict, match="gone"):
        written(store, version=3)
    written(store)
    written(store, version=1, words=Words(text="More."))
    with pytest.raises(Conflict, match="version 2"):
        written(store, version=1, words=Words(text="Something else."))


def test_a_save_whose_answer_was_lost_is_done_already() -> None:
    store = FakeDesk()
    assert written(store) == written(store)
    assert len(store.saved) == 1


def test_typing_on_leaves_no_audit_row_of_its_own() -> None:
    store = FakeDesk()
    for version, text in enumerate(("a", "ab", "abc")):
        written(store, version=version or None, words=Words(text=text))
    assert store.did == ["wrote a draft"]


def test_a_draft_meets_a_customer_who_posts_meanwhile_and_is_kept_all_the_same() -> None:
    store = FakeDesk()
    a_desk(store)
    store.meanwhile.append(lambda: store.said(a_case(), an_item("2", created_at=SOON), case_version=2))
    assert written(store, at=SOON).text == HELLO.text
    assert store.cases[a_case().case_id].version == 3


def test_personal_data_that_could_not_go_out_is_not_kept_either() -> None:
    store = FakeDesk()
    draft = written(store, words=Words(text=f"Your card {CARD} is blocked."))
    assert draft.text == "Your card […] is blocked."
    assert CARD not in str(store.saved)


def test_what_may_go_out_in_private_is_kept_as_it_was_written() -> None:
    bank = BANK
    cards = replace(bank.units["cards"], linting=Linting(personal_data="warn"))
    desk, store = a_desk(bank=replace(bank, units={**bank.units, "cards": cards}))
    words = Words(text="Call us at +44 20 7946 0958.", private=True)
    draft = write(a_case().case_id, words, version=None, take_over="", who=ANA, desk=desk, at=NOON)
    assert draft.text == words.text
    assert store.drafts[a_case().case_id] == draft


def test_a_draft_is_thrown_away_by_who_holds_it_and_twice_is_once() -> None:
    store = FakeDesk()
    desk, _ = a_desk(store)
    written(store)
    with pytest.raises(Conflict, match="ana has been writing"):
        drop(a_case().case_id, version=1, who=BEN, desk=desk, at=SOON)
    for _ in range(2):
        drop(a_case().case_id, version=1, who=ANA, desk=desk, at=SOON)
    assert store.drafts == {}
    assert store.did == ["wrote a draft", "dropped a draft"]


def test_who_does_not_see_the_unit_finds_no_case_and_an_auditor_may_not_write() -> None:
    store = FakeDesk()
    with pytest.raises(NotThere, match="no case"):
        written(store, who=DINA)
    with pytest.raises(NotAllowed, match="write takes"):
        written(store, who=ADA)


def test_nobody_writes_to_a_closed_case() -> None:
    store = FakeDesk()
    store.put(a_case(state=State.CLOSED, closed_because="spam"), an_item())
    with pytest.raises(Conflict, match=r"closed \(spam\)"):
        written(store)


def test_a_draft_longer_than_any_network_takes_is_refused() -> None:
    with pytest.raises(BadInput, match="at most"):
        written(FakeDesk(), words=Words(text="a" * (LONGEST_DRAFT + 1)))


def test_a_check_shows_the_text_as_it_goes_out_and_changes_nothing() -> None:
    desk, store = a_desk()
    shown = check(a_case().case_id, HELLO, who=ANA, desk=desk, at=NOON)
    assert shown.text == "We are looking into it. ^AN"
    assert (shown.may_send, shown.needs_approval) == (True, "")
    assert shown.lengths[0].used == len(shown.text)
    assert shown.way
    assert (shown.way.handle, shown.way.private) == ("@acmecards", False)
    assert store.saved == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (Words(text=f"Your card {CARD}"), "last four digits"),
        (Words(text="a" * 281), "shorten"),
        (Words(text="  "), "no words"),
        (Words(text="Look at https://evil.test/x"), "out of our own sites"),
        (Words(text="Hello", account="acmepay"), "acmepay has no handle"),
        (Words(text="Hello", card="none"), "no answer card"),
        (Words(text="Hello", account="acmebank"), "neither mentioned nor quoted @acmebank"),
    ],
)
def test_a_check_says_all_that_keeps_an_answer_in(words: Words, why: str) -> None:
    desk, _ = a_desk()
    shown = check(a_case().case_id, words, who=ANA, desk=desk, at=NOON)
    assert not shown.may_send
    assert any(why in each for each in shown.blocked), shown.blocked


def test_a_post_of_another_case_is_not_answered_here() -> None:
    desk, _ = a_desk()
    with pytest.raises(BadInput, match="no post of case"):
        check(a_case().case_id, Words(text="Hello", item_key="x#9"), who=ANA, desk=desk, at=NOON)


def test_a_deleted_post_is_not_answered() -> None:
    store = FakeDesk()
    desk, _ = a_desk(store)
    store.said(a_case(), an_item(text=""), case_version=2, event="item.deleted")
    shown = check(a_case().case_id, Words(text="Hello", item_key="x#1"), who=ANA, desk=desk, at=NOON)
    assert any("deleted it" in each for each in shown.blocked)
    with pytest.raises(BadInput, match="no post that is still there"):
        check(a_case().case_id, Words(text="Hello"), who=ANA, desk=desk, at=NOON)


def test_only_a_draft_that_waits_is_given_back() -> None:
    store = FakeDesk()
    desk, _ = a_desk(store)
    written(store)
    with pytest.raises(Conflict, match="no draft"):
        give_back(a_case().case_id, comment="Softer, please", version=1, who=BEN, desk=desk, at=SOON)
    case_id = a_case().case_id
    store.drafts[case_id] = store.drafts[case_id].waiting("a second person reads every answer", SOON)
    with pytest.raises(BadInput, match="comment"):
        give_back(case_id, comment=" ", version=2, who=BEN, desk=desk, at=SOON)
    with pytest.raises(NotAllowed, match="wrote it"):
        give_back(case_id, comment="Softer, please", version=2, who=ANA, desk=desk, at=SOON)
    back, again = (
        give_back(case_id, comment="Softer, please", version=2, who=BEN, desk=desk, at=SOON) for _ in range(2)
    )
    assert back == again
    assert (back.state, back.comment, back.version) == (DraftState.RETURNED, "Softer, please", 3)
    assert [one.event for one in store.notices] == ["case.draft_returned"]
    mended = written(store, at=SOON, version=3, words=Words(text="We are sorry, and look into it."))
    assert mended.state is DraftState.WRITING
