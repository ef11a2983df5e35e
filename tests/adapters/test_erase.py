"""Erasing: every kind of row is seeded with what Leela said and is called; afterwards none of it is there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import erase, table, wiring
from allhours.aws.audits import put_audit
from allhours.aws.clients import dynamodb
from allhours.aws.endings import DynamoEndings
from allhours.aws.erase import KINDS, NONE, DynamoErasure
from allhours.aws.notices import DynamoNotices
from allhours.aws.packed import unpacked
from allhours.aws.records import case_in
from allhours.aws.stack import Stack
from allhours.cli import deployed
from allhours.cli import erase as command
from allhours.cli.__main__ import main
from allhours.domain import notice, page
from allhours.domain.audit import Audit
from allhours.domain.case import ERASED, Case, State, case_key_of
from allhours.domain.draft import Draft, draft_to_json
from allhours.domain.erasing import wanted
from allhours.domain.errors import BadInput
from allhours.domain.item import Author, Change, Item, Kind, item_to_json
from allhours.domain.note import Note, note_to_json
from allhours.domain.reply import Reply, ReplyState, reply_to_json
from allhours.domain.router import Router
from allhours.domain.urgency import SELF_HARM
from allhours.flows.erase import forget
from allhours.flows.ports import DeadLetter
from tests.builders import NOON, STRANGER, an_item, an_organisation
from tests.crash.seen import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.harness import World

pytestmark = pytest.mark.usefixtures("world")

AUTHOR_ID, HANDLE, NAME = "770011223344", "@leela_q", "Leela Quetzalcoatl"
LEELA = Author(author_id=AUTHOR_ID, handle=HANDLE, name=NAME)
CANARY = "zinnober-kanari-one my card was stolen at the pier"
SECOND = "zinnober-kanari-two nobody has called me back"
BESIDE = "zinnober-kanari-three it happened to me as well"
LETTER = "zinnober-kanari-four never routed at all"
CANARIES = ("zinnober", AUTHOR_ID, "leela_q", "Quetzalcoatl")
RULES = Router(an_organisation())
STACK = Stack("bank", "test", {"RecordsTable": "records"})
BY = Audit(audit_id="a1", at=NOON, by="ana", did="taken", subject="", unit="cards")


def rows() -> dict[str, dict[str, Any]]:
    """Return the whole table by key."""
    found = dynamodb().scan(TableName="records")["Items"]
    return {row["key"]["S"]: unpacked(row) for row in found}


def put(key: str, **attributes: Any) -> None:
    values = {
        name: value
        if isinstance(value, dict) and set(value) <= {"S", "N", "BOOL"}
        else {"S": json.dumps(value)}
        for name, value in attributes.items()
    }
    dynamodb().put_item(
        TableName="records", Item={"key": {"S": key}, "expires_at": {"N": "4000000000"}, **values}
    )


def heard(item: Item) -> Case | None:
    world = wiring.records().read((item.key,), (item.conversation_key,), consistent=True)
    known, case = world.known.get(item.key), world.cases.get(item.conversation_key)
    decision = RULES.decide(item, known, case, item.conversation_key, NOON)
    assert wiring.records().commit(decision, at=NOON) == "done"
    return decision.case


def said(native_id: str, text: str, **changes: Any) -> Item:
    usual: dict[str, Any] = {
        "author": LEELA,
        "text": text,
        "conversation_id": f"100:{AUTHOR_ID}",
        "permalink": f"https://x.com/leela_q/status/{native_id}",
    }
    if changes.get("author") == STRANGER:
        usual["permalink"] = f"https://x.com/stranger/status/{native_id}"
    return an_item(native_id, **(usual | changes))


def a_reply(reply_id: str, case_id: str, **changes: Any) -> Reply:
    reply = Reply(
        reply_id=reply_id,
        case_id=case_id,
        item_key="x#5001",
        slot=1,
        unit="cards",
        account="acmecards",
        network="x",
        handle="@acmecards",
        text=f"{HANDLE} sorry that {CANARY} ^AB",
        private=False,
        by="ana",
        approved_by="ana",
        approved_at=NOON,
        fixed={"acct": HANDLE},
        state=ReplyState.POSTED,
        post_id="9",
        posted_at=NOON,
        reason=f"“{CANARY}”",
    )
    return replace(reply, **changes)


def seeded() -> Case:
    """Put Leela into every kind of row there is; return her case."""
    case = heard(said("5001", CANARY))
    assert case is not None
    heard(said("5002", SECOND))
    heard(said("5003", BESIDE, author=STRANGER, parent_id="5001"))  # somebody else, in her case
    theirs = heard(said("6001", "my card is blocked", author=STRANGER, conversation_id="600"))
    assert theirs is not None
    heard(said("6002", BESIDE, conversation_id="600"))  # Leela, in somebody else's case
    heard(said("6003", f"as {HANDLE} told you, {NAME} is right", author=STRANGER, conversation_id="600"))
    heard(_profile(case))
    wiring.authors().remember("x", [LEELA], at=NOON)
    lost = said("5009", LETTER)
    letter = DeadLetter(
        letter_id=f"{lost.key}@0said", where="x @acmecards", reason="no time", body=item_to_json(lost)
    )
    wiring.dead_letters().park([letter], at=NOON)
    old = replace(case, case_id=f"{case.case_id}.9", generation=9)
    put(f"OLD#{old.case_id}", case=_case_body(old), v={"N": "1"})
    note = Note(note_id="n1", by="ana", at=NOON, text=f"{NAME}: {CANARY}")
    put(
        f"NOTE#{case.case_id}#n1",
        note=note_to_json(note),
        list={"S": f"NOTES#{case.case_id}"},
        list_at={"S": "1"},
    )
    aside = replace(note, text=f"the same as {HANDLE}")
    put(f"NOTE#{theirs.case_id}#n1", note=note_to_json(aside))
    draft = Draft(
        case_id=case.case_id, item_key="x#5001", by="ana", since=NOON, lease_until=NOON, text=SECOND
    )
    put(f"DRAFT#{case.case_id}", draft=draft_to_json(draft), v={"N": "1"})
    put("REPLY#r1", reply=reply_to_json(a_reply("r1", case.case_id)), st={"S": "posted"}, v={"N": "3"})
    put("ANSWER#x#5001#1", reply_id={"S": "r1"})
    put("POST#x#9", reply_id={"S": "r1"})
    put("IDEMPOTENT#ana#k1", body={"case_id": case.case_id, "text": CANARY})
    audit = replace(BY, subject=case.case_id, details={"because": f"{NAME} asked twice"})
    dynamodb().put_item(**put_audit("records", audit, timedelta(days=1))["Put"])
    put(f"LABEL#{case.case_id}#1", label={"item": "x#5001", "by": "ana", "because": f"{HANDLE} said so"})
    put("BUDGET#ana", budget={"waiting": [{"sentence": f"Urgent: {CANARY}"}]}, v={"N": "1"})
    told = notice.assigned(RULES.organisation, case, "ana", f"{HANDLE} writes to ben", NOON)
    assert DynamoNotices("records").tell(told)
    duty = RULES.organisation.on_duty("cards", NOON)
    wiring.pages().call(
        page.urgent(replace(case, reason=f"“{CANARY}”"), duty, f"theft, “{CANARY}”", NOON, cause=SELF_HARM)
    )
    return case


def _case_body(case: Case) -> dict[str, Any]:
    from allhours.domain.case import case_to_json  # noqa: PLC0415 - only here

    return case_to_json(case)


def _profile(case: Case) -> Item:
    return an_item(
        f"profile:{AUTHOR_ID}:100:{AUTHOR_ID}",
        kind=Kind.PROFILE,
        text="",
        author=replace(LEELA, name=f"{NAME} Jr"),
        conversation_id=case.conversation_key.partition("#")[2],
        version=7,
    )


def kinds_in_the_tables_list() -> Iterator[str]:
    for line in str(table.__doc__).splitlines():
        if line.startswith("| `"):
            yield from re.findall(r"`([A-Z]+)", line.split("|")[1])


def erased(*words: str) -> int:
    return main(["erase", *words])


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "stack", lambda _: STACK)
    monkeypatch.setattr(command, "now", lambda: NOON + timedelta(minutes=5))


def holding() -> dict[str, str]:
    """Return the rows in which a canary stands, but for keys, with the canary."""
    found = {}
    for key, row in rows().items():
        text = json.dumps({name: value for name, value in row.items() if name != "key"}, ensure_ascii=False)
        text = text.replace(f"profile:{AUTHOR_ID}", "")
        for canary in CANARIES:
            if canary.casefold() in text.casefold():
                found[key] = canary
    return found


def test_every_kind_of_row_in_the_tables_own_list_is_known_to_erasing() -> None:
    assert set(kinds_in_the_tables_list()) - set(KINDS) == set(), (
        "say in aws/erase.py what this row holds of a customer"
    )


def test_every_kind_of_row_that_may_hold_words_is_seeded_here() -> None:
    seeded()
    present = {key.partition("#")[0] for key in holding()}
    assert {kind for kind, what in KINDS.items() if what != NONE} - present == set(), "seed this row too"


def test_nothing_of_an_author_is_left_in_any_row(capsys: pytest.CaptureFixture[str]) -> None:
    case = seeded()
    assert erased("--author", f"x:{AUTHOR_ID}", "--because", "asked by letter") == 0
    assert holding() == {}
    shown = capsys.readouterr().out
    assert "nothing is left" in shown
    assert not any(canary in shown for canary in CANARIES)
    skeleton = case_in(rows()[f"CASE#{case.case_id}"])
    assert (skeleton.author_id, skeleton.state, skeleton.items) == (ERASED, State.CLOSED, 3)
    assert (skeleton.unit, skeleton.opened_at) == (case.unit, case.opened_at)


def test_what_others_said_and_the_same_name_on_another_network_stay() -> None:
    seeded()
    namesake = said("1", "hello", network="mastodon", author=Author(author_id="1", handle=HANDLE, name=NAME))
    heard(replace(namesake, handle="@acmecards", conversation_id="9"))
    assert erased("--author", f"x:{AUTHOR_ID}") == 0
    assert json.loads(rows()["ITEM#mastodon#1"]["item"]["S"])["author"]["handle"] == HANDLE
    other = json.loads(rows()["ITEM#x#6003"]["item"]["S"])
    assert other["text"] == "as [erased] told you, [erased] is right"
    assert rows()["ITEM#x#5003"]["deleted"]["BOOL"] is False
    assert case_in(rows()[f"CASE#{case_key_of('x#600')}"]).live == 2


def test_units_are_told_of_each_post_once(world: World) -> None:
    seeded()
    world.forward()
    before = len(events())
    erased("--author", f"x:{AUTHOR_ID}")
    world.forward()
    told = events()[before:]
    assert sorted(one["item"]["id"] for one in told) == ["5001", "5002", "6002"]
    assert {one["event"] for one in told} == {"item.deleted"}
    assert not any(canary in json.dumps(told) for canary in CANARIES)
    erased("--author", f"x:{AUTHOR_ID}")
    world.forward()
    assert len(events()) == before + 3


def test_a_second_run_changes_nothing_and_finds_nothing() -> None:
    seeded()
    erased("--author", f"x:{AUTHOR_ID}")
    before = rows()
    assert erased("--author", f"x:{AUTHOR_ID}") == 0
    assert rows() == before


def test_a_run_that_was_cut_short_anywhere_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded()
    whole = rows()
    written = DynamoErasure._cleaned
    for survived in (0, 2, 5, 9, 14, 20):
        for key in rows():
            dynamodb().delete_item(TableName="records", Key={"key": {"S": key}})
        for row in whole.values():
            dynamodb().put_item(TableName="records", Item=row)
        calls = list[int]()

        def cut(self: DynamoErasure, *arguments: Any, calls: list[int] = calls, most: int = survived) -> bool:
            if len(calls) == most:
                raise KeyboardInterrupt
            calls.append(1)
            return written(self, *arguments)

        monkeypatch.setattr(DynamoErasure, "_cleaned", cut)
        erased("--author", f"x:{AUTHOR_ID}")
        monkeypatch.setattr(DynamoErasure, "_cleaned", written)
        assert erased("--author", f"x:{AUTHOR_ID}") == 0
        assert holding() == {}, f"cut after {survived} rows"


def test_a_row_that_nobody_cleans_is_found_by_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded()
    put("NEWKIND#1", words={"text": CANARY})
    monkeypatch.setattr(erase, "KINDS", {**KINDS, "NEWKIND": NONE})
    assert erased("--author", f"x:{AUTHOR_ID}") == 1
    assert set(holding()) == {"NEWKIND#1"}


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    seeded()
    before = rows()
    assert erased("--author", f"x:{AUTHOR_ID}", "--dry-run", "--json") == 0
    assert rows() == before
    told = json.loads(capsys.readouterr().out)
    assert told["found"]["ITEM"] == 6, "four of hers, one that names her, one in her conversation"
    assert told["read_units"] > 0


def test_the_audit_names_nobody_and_can_be_checked() -> None:
    import hashlib  # noqa: PLC0415 - an independent reckoning

    seeded()
    erased("--author", f"x:{AUTHOR_ID}", "--because", f"{NAME} asked by letter")
    (row,) = (row for key, row in rows().items() if key.startswith("AUDIT#erased#"))
    details = json.loads(row["audit"]["S"])["details"]
    assert details["because"] == "[erased] asked by letter"
    assert details["digest"] == hashlib.sha256(f"{details['salt']}x:{AUTHOR_ID}".encode()).hexdigest()


def test_an_answer_on_its_way_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    case = seeded()
    ready = a_reply("r2", case.case_id, state=ReplyState.READY)
    put("REPLY#r2", reply=reply_to_json(ready), st={"S": "ready"}, v={"N": "1"})
    assert erased("--author", f"x:{AUTHOR_ID}") == 1
    assert "under way" in capsys.readouterr().out
    rejected = replace(ready, state=ReplyState.REJECTED, version=2)
    put("REPLY#r2", reply=reply_to_json(rejected), st={"S": "rejected"}, v={"N": "2"})
    assert erased("--author", f"x:{AUTHOR_ID}") in {0, 1}


def test_whoever_writes_after_it_begins_a_new_case() -> None:
    seeded()
    erased("--author", f"x:{AUTHOR_ID}")
    case = heard(said("5099", "hello, my card again", created_at=NOON + timedelta(days=1)))
    assert case is not None
    assert (case.generation, case.state, case.author_id) == (2, State.OPEN, AUTHOR_ID)


def test_what_the_network_still_shows_is_not_heard_again() -> None:
    seeded()
    erased("--author", f"x:{AUTHOR_ID}")
    world = wiring.records().read(("x#5001",), (), consistent=True)
    assert RULES.decide(said("5001", CANARY), world.known["x#5001"], None, "x#1", NOON).entry is None


def test_one_item_is_erased_and_the_rest_of_the_case_stays() -> None:
    case = seeded()
    assert erased("--item", "x#5002") == 0
    assert SECOND not in json.dumps(rows()["ITEM#x#5002"])
    assert case_in(rows()[f"CASE#{case.case_id}"]).live == 2
    assert CANARY in json.dumps(rows()["ITEM#x#5001"])


@pytest.mark.parametrize("words", [("--author", "leela"), ("--item", "x:1")])
def test_what_cannot_be_meant_is_refused(words: tuple[str, str]) -> None:
    flag, value = words
    with pytest.raises(BadInput, match=flag):
        wanted(value if flag == "--author" else "", value if flag == "--item" else "")


# What a customer deletes


def deleted(native_id: str, **changes: Any) -> None:
    heard(said(native_id, "", change=Change.DELETED, permalink="", **changes))


def minute(minutes: int = 1) -> Any:
    return forget(
        DynamoEndings("records"), tuple(RULES.organisation.units), at=NOON + timedelta(minutes=minutes)
    )


def test_a_deletion_reaches_pages_drafts_and_letters_within_the_minute() -> None:
    case = seeded()
    deleted("5001")
    assert minute().count == 1
    left = {key for key in holding() if CANARY in json.dumps(rows()[key], ensure_ascii=False)}
    assert not any(key.startswith(("PAGE#", "DRAFT#", "ITEM#")) for key in left), left
    assert f"NOTE#{case.case_id}#n1" in rows(), "the case goes on"
    assert not any(key.startswith("FORGET#") for key in rows())


def test_with_the_last_post_notes_names_and_letters_go_too() -> None:
    case = seeded()
    for native_id in ("5001", "5002", "5009"):
        deleted(native_id)
    deleted("5003", author=STRANGER)
    assert minute().troubles == []
    there = set(rows())
    assert f"NOTE#{case.case_id}#n1" not in there
    assert f"AUTHOR#x#{AUTHOR_ID}" not in there
    assert not any(key.startswith("DEAD#x#5009") for key in there)
    profile = next(row for key, row in rows().items() if key.startswith("ITEM#x#profile"))
    assert "Quetzalcoatl" not in json.dumps(profile)


def test_a_legal_hold_keeps_the_words_where_no_desk_sees_them_until_it_ends(world: World) -> None:
    case = seeded()
    held = case_in(rows()[f"CASE#{case.case_id}"]).marked(hold="court order 7, by ana")
    _save(held)
    world.forward()
    before = len(events())
    deleted("5001")
    world.forward()
    (told,) = events()[before:]
    assert (told["event"], "text" in told["item"]) == ("item.deleted", False)
    shown = wiring.records().item("x#5001")
    assert shown is not None
    assert CANARY not in json.dumps(shown)
    assert CANARY in rows()["ITEM#x#5001"]["held"]["S"]
    assert minute().held == 1
    assert CANARY in rows()["ITEM#x#5001"]["held"]["S"]
    _save(case_in(rows()[f"CASE#{case.case_id}"]).marked(hold=""))
    assert minute(2).count == 0, "it is looked at again within the hour"
    assert erased("--released") == 0
    assert minute(6).count == 1
    assert "held" not in rows()["ITEM#x#5001"]


def test_a_later_case_of_the_conversation_is_on_hold_as_well() -> None:
    case = seeded().marked(hold="court order 7")
    way = RULES.way(said("5100", "hello"), None)
    assert Case.opened(said("5100", "hello"), way, case.conversation_key, case).hold == "court order 7"


def _save(case: Case) -> None:
    was = rows()[f"CASE#{case.case_id}"]
    dynamodb().put_item(
        TableName="records",
        Item={**was, "case": {"S": json.dumps(_case_body(case))}, "v": {"N": str(case.version)}},
    )


def test_erasing_an_author_on_hold_hides_and_keeps_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    case = seeded()
    _save(case_in(rows()[f"CASE#{case.case_id}"]).marked(hold="court order 7"))
    assert erased("--author", f"x:{AUTHOR_ID}") == 0
    assert "court order 7" in capsys.readouterr().out
    assert CANARY in rows()["ITEM#x#5001"]["held"]["S"]
    assert "held" not in rows()["ITEM#x#6002"], "it is not in that conversation"
    _save(case_in(rows()[f"CASE#{case.case_id}"]).marked(hold=""))
    assert erased("--author", f"x:{AUTHOR_ID}") == 0
    assert holding() == {}
