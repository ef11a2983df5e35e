"""What the last night saw of a unit's plan, in the table: one row a unit, written with its notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from allhours.aws import wiring
from allhours.aws.organisation import organisation
from allhours.domain.errors import BadInput
from allhours.domain.notice import Notice
from allhours.domain.plan import Plan, plan_of
from tests.builders import NOON
from tests.crash.seen import rows

pytestmark = pytest.mark.usefixtures("world")
TOLD = Notice(notice_id="n1", event="rota.changed", unit="cards", at=NOON, accounts=(), body={"kind": "plan"})


def a_plan() -> Plan:
    return plan_of(organisation(), "cards", int(NOON.timestamp()))


def test_a_plan_is_read_as_it_was_kept_with_its_notice() -> None:
    plans, plan = wiring.plans(), a_plan()
    assert plans.load("cards") is None
    assert plans.keep(plan, None, replaces=None, at=NOON)
    known = plans.load("cards")
    assert known is not None
    assert (known.plan, known.version) == (plan, 1)
    assert plans.keep(replace(plan, revision="next"), TOLD, replaces=known, at=NOON)
    again = plans.load("cards")
    assert again is not None
    assert (again.plan.revision, again.version) == ("next", 2)
    assert "NOTICE#n1" in rows()


def test_of_two_nights_at_once_the_second_keeps_and_tells_nothing() -> None:
    plans, plan = wiring.plans(), a_plan()
    plans.keep(plan, None, replaces=None, at=NOON)
    known = plans.load("cards")
    assert plans.keep(replace(plan, revision="next"), None, replaces=known, at=NOON)
    assert not plans.keep(plan, TOLD, replaces=known, at=NOON)
    assert not plans.keep(plan, TOLD, replaces=None, at=NOON)
    assert "NOTICE#n1" not in rows()


def test_the_row_is_small_and_does_not_stay_for_ever() -> None:
    wiring.plans().keep(a_plan(), None, replaces=None, at=NOON)
    row = rows()["PROVED#cards"]
    assert len(row["plan"]["S"]) < 10_000
    assert int(row["expires_at"]["N"]) == int((NOON + timedelta(days=90)).timestamp())


def test_a_row_of_another_release_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allhours.aws.plans.compact", lambda _body: "{}")
    wiring.plans().keep(a_plan(), None, replaces=None, at=NOON)
    with pytest.raises(BadInput, match="PROVED#cards: this release cannot read the row"):
        wiring.plans().load("cards")
