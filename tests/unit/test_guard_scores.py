"""The guard keeps its targets on the shared texts; their README has the rules."""

from __future__ import annotations

import pytest

from allhours.domain.personal_data import spans
from tests.guard_scores import MUST, Scores, rows, scores
from tests.shared_material import data


@pytest.fixture(scope="module")
def ours() -> Scores:
    texts = rows(data("pii", "pii_dev.jsonl"))
    return scores(texts, lambda text: [(hit.start, hit.end) for hit in spans(text)])


def test_what_must_be_masked_is_masked_in_bank_posts(ours: Scores) -> None:
    assert ours.bank >= 0.985


def test_no_kind_that_must_be_masked_hides_behind_the_others(ours: Scores) -> None:
    worst = {
        kind: share for (text, kind), share in ours.recall.items() if text == "positive" and kind in MUST
    }
    assert len(worst) == len(MUST)
    assert min(worst.values()) >= 0.95, worst


def test_what_should_be_masked_is_masked_in_bank_posts(ours: Scores) -> None:
    assert ours.bank_should >= 0.95


def test_what_is_masked_is_somebodys(ours: Scores) -> None:
    assert ours.precision >= 0.99


def test_texts_that_were_written_elsewhere_are_masked_too(ours: Scores) -> None:
    assert ours.foreign >= 0.90


def test_numbers_that_are_nobodys_and_plain_talk_raise_no_alarm(ours: Scores) -> None:
    assert ours.hard_negative <= 0.01
    assert ours.background <= 0.002
