"""The figures of triage: that they are counted right, and that the shipped model holds its targets."""

from __future__ import annotations

import json

import pytest

from allhours import models
from infra.triage import measure
from infra.triage.material import Row
from infra.triage.measure import Judged
from infra.triage.origin import origin
from infra.triage.scores import shipped_targets
from tests.shared_material import data


def _judged(unit: str, none: float, *, cards: float = 0.0, urgent: float = 0.0, priority: int = 3) -> Judged:
    odds = dict.fromkeys(("payments", "online_banking", "accounts", "lending", "insurance"), 0.0)
    odds |= {"fraud_security": 0.0, "customer_care": 0.0, "cards": cards, "none": none}
    row = Row(text="", unit=unit, priority=priority, source="s", group="g", accepted=("cards",))
    return Judged(row=row, odds=odds | {"payments": 1 - none - cards}, urgent=urgent)


def test_the_shipped_model_meets_its_targets() -> None:
    data("routing", "dev.csv")
    assert not {target.what: target.value for target in shipped_targets() if not target.met}


@pytest.mark.parametrize("model", ["triage.bin", "cards.bin"])
def test_the_shipped_model_was_learned_from_what_is_in_this_checkout(model: str) -> None:
    """Where patterns, lists, features or fitting have changed, run `make train triage`."""
    blob = models.HOME.joinpath(model).read_bytes()
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[4:8], "little")])
    assert header.get("origin") == origin()


def test_a_tie_counts_half() -> None:
    assert measure.auroc([0.5, 0.9], [0.5, 0.1]) == pytest.approx(0.875)


def test_an_accepted_unit_counts_and_chatter_taken_for_a_case_does_not() -> None:
    rows = [
        _judged("none", 0.9),
        _judged("none", 0.2),
        _judged("payments", 0.1, cards=0.8),
        _judged("lending", 0.1),
    ]
    found = measure.detection(rows)
    assert (found.none_recall, found.lenient, found.balanced) == (0.5, 0.5, 0.5)


def test_f1_counts_only_units_that_have_rows() -> None:
    rows = [_judged("payments", 0.1), _judged("payments", 0.1), _judged("none", 0.2)]
    assert measure.f1_by_unit(rows) == {"payments": pytest.approx(0.8), "none": 0}


def test_being_sure_and_wrong_is_an_error_of_calibration() -> None:
    assert measure.calibration_error(
        [_judged("none", 1.0)] * 9 + [_judged("payments", 1.0)]
    ) == pytest.approx(0.1)


def test_urgent_recall_is_counted_where_so_many_others_would_ring() -> None:
    calm = [_judged("payments", 0.1, urgent=number / 100) for number in range(100)]
    rows = [
        *calm,
        _judged("payments", 0.1, urgent=0.985, priority=1),
        _judged("payments", 0.1, urgent=0.5, priority=1),
    ]
    assert measure.urgent_recall(rows, 0.02) == 0.5
