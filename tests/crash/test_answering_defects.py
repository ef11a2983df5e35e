"""The enumeration finds what is known to answer customers twice or never; each defect is put in by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import BaseError

from allhours.aws import replies, wiring
from allhours.aws import respond as handler
from allhours.aws.replies import DynamoReplies
from allhours.aws.reply_queue import told_in
from allhours.domain.errors import AllhoursError, Unreachable
from allhours.domain.item import Change
from allhours.domain.reply import Reply, ReplyState
from allhours.flows.reply_ports import Saved, Settling, Told
from allhours.flows.respond import Became, _answer, _Visit
from allhours.networks import answering
from allhours.networks._bluesky import answers as bluesky
from allhours.networks._facebook.answers import FacebookAnswers
from allhours.networks.http import Http
from tests.crash.answering import FIRST
from tests.crash.scenarios import explore

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from allhours.flows.reply_ports import Step
    from allhours.flows.respond import Visited

_BASE32 = str.maketrans("0189", "abcd")  # what a record's key may hold


def found_in(scenario: str, *, at: str = "") -> str:
    """Return the first violation that the enumeration finds, at calls whose names begin so."""
    return str(explore(scenario, at_most=1, at=at).found)


def test_a_claim_without_a_condition_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "_as_it_was", lambda _was: {})
    assert "I10" in found_in("visits beside")  # X itself takes no second post of the same words


def test_an_expired_claim_that_is_ready_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def claimed(self: _Visit, reply: Reply) -> Visited:
        return self._again(reply, self._at, "its claim is over", Became.AGAIN)

    monkeypatch.setattr(_Visit, "_claimed", claimed)
    assert "I3" in found_in("found facebook")


def test_a_doubt_after_which_nobody_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FacebookAnswers, "find", lambda *_, **__: None)
    assert "I3" in found_in("found facebook")


def test_one_look_in_place_of_two_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: _Visit, reply: Reply) -> Visited:
        return self._again(reply, self._at, "the network shows it not", Became.AGAIN)

    monkeypatch.setattr(_Visit, "_absent", absent)
    assert "I3" in found_in("answer facebook", at="HTTP POST")


def test_a_record_in_two_writes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DynamoReplies.save

    def save(self: DynamoReplies, step: Step, *, at: datetime) -> Saved:
        if step.reply.state is not ReplyState.POSTED or step.audit is None:
            return whole(self, step, at=at)
        writes = self._writes(step, at)
        for some in (writes[:1], writes[1:]):
            if replies._unmet(some, "writing a reply") is not None:
                return Saved.LOST
        return Saved.DONE

    monkeypatch.setattr(DynamoReplies, "save", save)
    assert "I10" in found_in("answer facebook", at="TransactWriteItems")


def test_a_slot_that_is_not_taken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replies._unmet

    def unmet(writes: Any, doing: str) -> Any:
        return whole([write for write in writes if write[0] != "slot"], doing)

    monkeypatch.setattr(replies, "_unmet", unmet)
    assert "has its slot" in found_in("approve")


def test_keys_that_are_made_anew_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DynamoReplies._reply_row

    def without_keys(self: DynamoReplies, reply: Reply, settling: Settling) -> Any:
        is_out = reply.state is ReplyState.POSTED
        return whole(self, reply if is_out else replace(reply, fixed={}, prepared=False), settling)

    new = count()
    monkeypatch.setattr(DynamoReplies, "_reply_row", without_keys)
    monkeypatch.setattr(bluesky, "record_key", lambda _answer: f"3lkqs7{next(new):07}".translate(_BASE32))
    assert "I3" in found_in("answer bluesky", at="HTTP POST")


def test_a_bad_gateway_that_is_taken_for_a_no_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "DEFINITE", answering.DEFINITE | {502})
    assert "I3" in found_in("answer trustpilot", at="HTTP POST")


def test_a_post_that_a_library_repeats_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Http.call

    def call(self: Http, *asked: Any, **more: Any) -> Any:
        try:
            return whole(self, *asked, **more)
        except Unreachable:
            return whole(self, *asked, **more)

    monkeypatch.setattr(Http, "call", call)
    assert "I3" in found_in("answer facebook", at="HTTP POST")


def test_a_deletion_that_nobody_looks_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DynamoReplies.item

    def item(self: DynamoReplies, item_key: str) -> Told | None:
        told = whole(self, item_key)
        return Told(item=replace(told.item, change=Change.SAID), gone=False) if told else None

    monkeypatch.setattr(DynamoReplies, "item", item)
    monkeypatch.setattr(_Visit, "_against", lambda *_: "")  # a tombstone has not what permission asks for
    monkeypatch.setattr(replies, "_item_is_there", _nothing)
    assert "I8" in found_in("taken back")


def test_a_claim_that_asks_not_for_the_post_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "_item_is_there", _nothing)
    assert "I8" in found_in("taken back beside")


def _nothing(table: str, item_key: str) -> Any:
    check = {"TableName": table, "Key": {"key": {"S": f"ITEM#{item_key}"}}}
    return {"ConditionCheck": {**check, "ConditionExpression": "attribute_exists(deleted)"}}


def test_a_decorator_around_the_post_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = handler.respond_batch

    def respond_batch(event: Mapping[str, Any]) -> dict[str, Any]:
        (record,), at = event["Records"], datetime.now(UTC)
        if wiring.replies().reply(FIRST).state is ReplyState.POSTED:  # type: ignore[union-attr] # it is there
            return whole(event)
        config = IdempotencyConfig()
        config.register_lambda_context(SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000))  # type: ignore[arg-type] # all that it asks
        store = DynamoDBPersistenceLayer("records", key_attr="key")

        @idempotent_function(data_keyword_argument="reply_id", persistence_store=store, config=config)  # type: ignore[untyped-decorator]
        def post(*, reply_id: str) -> str:
            visit = _Visit(wiring.replies(), wiring.repliers(), wiring.paging_organisation(at), "own", at)
            reply = visit._ledger.reply(reply_id)
            assert reply
            told, handle = visit._ledger.item(reply.item_key), visit._handle(reply)
            replier = visit._repliers.replier(reply.network)
            assert told
            assert handle
            assert replier
            answer = replier.prepare(handle, _answer(reply, told), at=at)
            visit._record(reply, replier.send(handle, answer, at=at), at)
            return reply_id

        try:
            post(reply_id=str(told_in(record)))
        except (AllhoursError, BaseError):
            return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
        return {"batchItemFailures": []}

    monkeypatch.setattr(handler, "respond_batch", respond_batch)
    assert "I3 facebook" in found_in("answer facebook", at="HTTP POST")
