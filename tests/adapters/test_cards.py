"""Answer cards in the records table: their health, an automatic answer's rows, and the share by card."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.aws import cards, wiring
from allhours.aws.clients import dynamodb
from allhours.aws.reply_rows import reply_row, slot_row
from allhours.aws.stack import Stack
from allhours.cli import deployed
from allhours.cli.__main__ import main
from allhours.domain.cards import Health, broken
from allhours.domain.reply import ReplyState
from allhours.flows.reply_ports import Saved, Step
from allhours.networks.links import Found
from tests.builders import NOON, an_organisation
from tests.replies import a_reply
from tests.unit.test_automatic import CARD, Desk, a_bank, asks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from allhours.domain.decision import Decision

pytestmark = pytest.mark.usefixtures("world")
HEALTH = Health(url=CARD.url, ok=False, since=NOON, found="status 404", checked_at=NOON)


def keys(prefix: str) -> list[str]:
    found = dynamodb().scan(TableName="records", ConsistentRead=True)["Items"]
    return sorted(row["key"]["S"] for row in found if row["key"]["S"].startswith(prefix))


def test_a_cards_health_is_a_row_and_what_breaks_is_told_once() -> None:
    states = wiring.card_states()
    assert states.health("visa") is None
    told = broken(a_bank(), CARD, HEALTH, NOON)
    for later in (HEALTH, replace(HEALTH, checked_at=NOON + timedelta(days=1))):
        states.put("visa", later, told, at=NOON)
        assert states.health("visa") == later
    assert states.healths(["visa", "fees"]) == {"visa": replace(HEALTH, checked_at=NOON + timedelta(days=1))}
    assert len(keys("NOTICE#card.broken#visa")) == 1


def test_the_night_looks_at_every_card(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        def look(self, urls: Collection[str], domains: Sequence[str]) -> Mapping[str, Found]:
            del domains
            return {url: Found(ok=False, found="status 404") for url in urls}

    bank = an_organisation(answers={"visa": replace(CARD, url="https://acmebank.test/visa")})
    monkeypatch.setattr(cards, "organisation", lambda: bank)
    monkeypatch.setattr(cards, "Links", Nowhere)
    cards.check_tonight()
    health = wiring.card_states().health("visa")
    assert health
    assert (health.ok, health.found) == (False, "status 404")
    assert len(keys("NOTICE#card.broken#visa")) == 1


def committed() -> Decision:
    decision = Desk().hear()
    assert wiring.records().commit(decision, at=NOON) == "done"
    return decision


def test_an_automatic_answer_is_let_go_with_the_case_that_it_answers() -> None:
    decision = committed()
    assert decision.reply
    assert decision.case
    assert wiring.replies().reply(decision.reply.reply_id) == decision.reply
    assert wiring.replies().of_case(decision.case.case_id) == [decision.reply]
    assert wiring.records().case(decision.case.case_id) == decision.case
    assert keys("ANSWER#") == ["ANSWER#x#1#0"]
    assert keys("AUDIT#") == [f"AUDIT#{decision.reply.reply_id}#sent"]
    (visit,) = wiring.replies().due(NOON, most=5)
    assert visit.reply_id == decision.reply.reply_id


def test_the_same_post_again_lets_no_second_answer_go() -> None:
    first = committed()
    assert wiring.records().commit(Desk().hear(), at=NOON) == "known"
    assert wiring.records().commit(Desk().hear(asks(native_id="2")), at=NOON) != "done"
    assert first.reply
    assert keys("REPLY#") == [f"REPLY#{first.reply.reply_id}"]


@pytest.mark.parametrize("taken", ["REPLY#", "ANSWER#"])
def test_without_its_answer_the_case_is_not_written_either(taken: str) -> None:
    decision = Desk().hear()
    assert decision.reply
    rows = [reply_row(decision.reply, None, timedelta(1)), slot_row(decision.reply, timedelta(1))]
    (row,) = [each for each in rows if each["key"]["S"].startswith(taken)]
    dynamodb().put_item(TableName="records", Item=row)
    assert wiring.records().commit(decision, at=NOON) == "known"
    assert keys("CASE#") == keys("ITEM#") == []


def test_a_usual_item_writes_no_row_more_than_before() -> None:
    decision = Desk(bank=a_bank(replace(CARD, automatic=False))).hear()
    assert wiring.records().commit(decision, at=NOON) == "done"
    assert [len(keys(each)) for each in ("CASE#", "ITEM#")] == [1, 1]
    assert not [key for each in ("REPLY#", "ANSWER#", "AUDIT#", "CARD#") for key in keys(each)]


def test_an_automatic_answer_is_claimed_only_while_its_case_is_as_it_was_read() -> None:
    decision = committed()
    assert decision.reply
    assert decision.case
    step = Step(was=decision.reply, reply=decision.reply.claimed("own", NOON), case_was=decision.case)
    stale = replace(step, case_was=replace(decision.case, version=7))
    assert wiring.replies().save(stale, at=NOON) is Saved.STALE
    assert wiring.replies().save(step, at=NOON) is Saved.DONE
    assert wiring.records().case(decision.case.case_id) == decision.case, "it is asked about, not written"


def test_the_share_of_answers_by_card_counts_what_networks_have(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deployed, "stack", lambda _: Stack("bank", "test", {"RecordsTable": "records"}))
    for number, (card, state, days) in enumerate(
        [
            ("visa", ReplyState.POSTED, 0),
            ("", ReplyState.POSTED, 0),
            ("visa", ReplyState.REJECTED, 0),
            ("visa", ReplyState.POSTED, 9),
        ]
    ):
        reply = a_reply(f"r{number}", card=card, state=state, approved_at=NOON - timedelta(days=days))
        dynamodb().put_item(TableName="records", Item=reply_row(reply, None, timedelta(days=90)))
    words = ["answered", "--by-card", "--since", "2027-03-08"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "answers": 2,
        "with_card": 1,
        "cards": [
            {"card": "visa", "answers": 1, "automatic": 0},
            {"card": "", "answers": 1, "automatic": 0},
        ],
    }
    assert main(words) == 0
    assert "50.0% of them with a card" in capsys.readouterr().out


def test_an_answer_is_put_on_record_by_case_and_member(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["answered", "--by", "ana"]) == 1
    assert "name the case" in capsys.readouterr().err
