"""Rows within one write unit: what is packed is read again, and what is not stays a text."""

from __future__ import annotations

import hashlib
import json
import zlib
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.aws.packed import LONG, UNIT, WORDS, packed, size_of, unpacked
from allhours.aws.table import compact
from allhours.domain.errors import BadInput
from allhours.domain.item import item_to_json
from tests.bench.cloud import row_bytes
from tests.bench.items import items

Row = dict[str, Any]
DECIDED = {  # some hundred bytes more than the shortest event
    "event": "case.opened",
    "at": "2026-11-22T07:49:52.825+00:00",
    "unit": "fraud_security",
    "account": "acmesafe",
    "reason": "urgent: theft, “stole my card”",
    "step": "urgent",
    "case_version": 1,
    "state": "open",
    "priority": 1,
    "revision": "255cb4a26bb0",
    "urgent": {"kind": "theft", "words": "stole my card", "protocol": "call the customer"},
    "odds": {"fraud_security": 0.91, "cards": 0.05, "payments": 0.02, "none": 0.01},
    "urgent_odds": 0.97,
    "model": "0a1b2c3d",
    "answers": ["block_card", "dispute_a_payment"],
    "on_duty": {"desk": "london", "members": ["abel", "bella"], "because": "day", "until": 1795363200},
}


def an_item_row(number: int) -> Row:
    item = items()[number]
    return {
        "key": {"S": f"ITEM#{item.key}"},
        "item": {"S": compact(item_to_json(item))},
        "v": {"N": "0"},
        "deleted": {"BOOL": False},
        "in_case": {"S": "x-ts3kfollye3axfcx"},
        "event": {"S": compact(DECIDED)},
        "expires_at": {"N": "1803109792"},
    }


def test_the_row_of_every_usual_item_fits_into_one_unit_with_all_that_was_decided() -> None:
    rows = [an_item_row(number) for number in range(len(items()))]
    assert sum(size_of(row) > 1024 for row in rows) > len(rows) / 2
    assert max(size_of(packed(row)) for row in rows) <= UNIT


def test_a_short_row_stays_a_text_and_no_more_is_packed_than_must_be() -> None:
    short: Row = {"key": {"S": "CASE#1"}, "case": {"S": "{}"}}
    assert packed(short) is short
    some = packed(an_item_row(0) | {"event": {"S": "{}" + " " * 600}})
    assert (list(some["item"]), list(some["event"])) == (["B"], ["S"])


@given(st.dictionaries(st.sampled_from(LONG), st.text(min_size=300)))
def test_what_is_packed_is_read_again(texts: dict[str, str]) -> None:
    row: Row = {"key": {"S": "ITEM#x#1"}, **{name: {"S": text} for name, text in texts.items()}}
    assert unpacked(packed(row)) == row
    assert unpacked(row) == row


def test_what_the_stream_brings_in_base64_is_read() -> None:
    row = packed(an_item_row(1))
    streamed = {
        name: {kind: b64encode(value).decode() if kind == "B" else value for kind, value in one.items()}
        for name, one in row.items()
    }
    assert unpacked(streamed) == an_item_row(1)


@pytest.mark.parametrize("value", [b"no zlib", zlib.compress(b"{}", 9)[:-3] + b"...", "no base64", b""])
def test_a_row_that_this_release_cannot_unpack_is_named(value: bytes | str) -> None:
    with pytest.raises(BadInput, match=r"^ITEM#x#1: "):
        unpacked({"key": {"S": "ITEM#x#1"}, "item": {"B": value}})


def test_the_words_by_which_rows_are_packed_never_change() -> None:
    """Whoever changes them makes every row that was packed before unreadable: a new list needs a new name."""
    digest = hashlib.sha256(WORDS).hexdigest()
    assert digest.startswith("106a2760eb1705ae")


def test_bytes_are_counted_as_the_bench_bills_them() -> None:
    row = an_item_row(2) | {"told": {"L": [{"S": "ü"}, {"S": "bc"}]}}
    assert abs(size_of(row) - row_bytes(json.loads(json.dumps(row)))) <= 2
