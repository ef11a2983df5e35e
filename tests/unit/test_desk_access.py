"""Who may do what at a desk: every role against every action, and who a token's claims name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from allhours.domain.access import MAY, Action, Role, Who, actions_on, as_member, may, may_see, must, who_is
from allhours.domain.case import State
from allhours.domain.errors import NotAllowed
from tests.builders import NIGHT, NOON, a_case
from tests.desk_fakes import a_bank

BANK = a_bank()
WRITES = frozenset(Action) - {Action.SEE}
_DESK_WORK = frozenset(
    {
        "see", "take", "assign", "move", "close", "reopen", "note", "write", "send", "settle", "veto", "link",
        "promote", "acknowledge",
    }
)  # fmt: skip
MATRIX = {
    Role.MEMBER: _DESK_WORK | {"approve"},
    Role.LEAD: _DESK_WORK | {"approve", "hold", "override", "answer_anyway"},
    Role.ON_CALL: _DESK_WORK | {"override"},
    Role.AUDITOR: {"see"},
    Role.ADMIN: frozenset(action.value for action in Action),
    Role.SYSTEM: {"see", "assign", "close", "note", "veto", "link"},
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: Role, action: Action) -> None:
    who = Who(member="ana", roles={"cards": frozenset({role})})
    assert may(who, action, "cards").allowed == (action.value in MATRIX[role])
    assert not may(who, action, "fraud").allowed, "a role counts at its own unit"


def test_the_matrix_names_every_action_and_role() -> None:
    assert set(MAY) == set(Action)
    assert set(MATRIX) == set(Role)


def test_an_auditor_sees_every_unit_and_writes_nowhere() -> None:
    ada = as_member(BANK, "ada", NOON)
    assert ada.units(BANK) == tuple(BANK.units)
    assert not any(may(ada, action, unit).allowed for action in WRITES for unit in BANK.units)


def test_an_auditor_who_is_also_a_member_writes_at_their_own_unit_only() -> None:
    both = as_member(replace(BANK, auditors=("dina",)), "dina", NOON)
    assert may(both, Action.SEND, "payments").allowed
    assert not may(both, Action.SEND, "cards").allowed
    assert may_see(both, "cards")


def test_a_member_sees_the_units_of_their_own_and_no_other() -> None:
    assert as_member(BANK, "dina", NOON).units(BANK) == ("payments",)
    assert as_member(BANK, "eve", NOON).units(BANK) == ()


def test_heads_and_leads_lead_and_work_there_too() -> None:
    bank = replace(BANK, units={**BANK.units, "fraud": replace(BANK.units["fraud"], head="cleo")})
    cleo = as_member(bank, "cleo", NOON)
    assert {unit for unit, roles in cleo.roles.items() if Role.LEAD in roles} == {"cards", "fraud"}
    assert all(Role.MEMBER in roles for roles in cleo.roles.values())


def test_who_is_on_duty_is_on_call_until_the_handover_and_not_after() -> None:
    assert Role.ON_CALL in as_member(BANK, "ana", NOON).at("fraud")
    assert Role.ON_CALL not in as_member(BANK, "ben", NOON).at("fraud")
    week_later = NOON + timedelta(days=7)
    assert Role.ON_CALL in as_member(BANK, "ben", week_later).at("fraud")


def test_who_stands_in_during_a_gap_is_on_call_wherever_they_work() -> None:
    bank = replace(
        BANK,
        units={
            **BANK.units,
            "fraud": replace(BANK.units["fraud"], rota=replace(BANK.units["fraud"].rota, fallback="eve")),
        },
    )
    assert as_member(bank, "eve", NIGHT).at("fraud") == {Role.ON_CALL}
    assert as_member(bank, "eve", NOON).at("fraud") == frozenset()


@pytest.mark.parametrize(
    ("claims", "member"),
    [
        ({"sub": "sub-ana"}, "ana"),
        ({"sub": "9f2", "email": "Eve@Bank.test", "email_verified": True}, "eve"),
        ({"sub": "9f2", "email": "eve@bank.test", "email_verified": "true"}, "eve"),
        ({"sub": "client-crm", "client_id": "client-crm"}, "crm"),
        ({"sub": "sub-ben", "client_id": "client-crm"}, "ben"),
    ],
)
def test_claims_name_a_member_or_a_system(claims: dict[str, object], member: str) -> None:
    assert who_is(BANK, claims, NOON).member == member


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": ""},
        {"sub": "stranger"},
        {"sub": "SUB-ANA"},
        {"email": "eve@bank.test"},
        {"email": "eve@bank.test", "email_verified": "false"},
        {"sub": "x", "client_id": "desk-page"},
        {"client_id": ""},
        {"client_id": "client-crm"},
        {"sub": "9f2", "client_id": "client-crm", "username": "stranger", "token_use": "access"},
        {"sub": "auth0|9f2", "azp": "client-crm", "scope": "openid"},
        {"sub": "9f2", "aud": "client-crm", "email": "stranger@bank.test", "email_verified": True},
    ],
)
def test_claims_that_name_nobody_are_refused(claims: dict[str, object]) -> None:
    with pytest.raises(NotAllowed, match="sign_in"):
        who_is(BANK, claims, NOON)


def test_a_system_has_its_own_units_and_its_id_goes_on_record() -> None:
    crm = who_is(BANK, {"sub": "client-crm"}, NOON)
    assert (crm.system, crm.member, crm.units(BANK)) == ("crm", "crm", ("cards",))


def test_a_refusal_says_what_it_takes_and_what_one_is() -> None:
    with pytest.raises(NotAllowed, match="hold takes lead of cards, and ana is member"):
        must(Who(member="ana", roles={"cards": frozenset({Role.MEMBER})}), Action.HOLD, "cards")


def test_what_can_be_done_follows_from_the_case() -> None:
    cleo = as_member(BANK, "cleo", NOON)
    assert Action.SEND in actions_on(cleo, a_case())
    assert Action.REOPEN not in actions_on(cleo, a_case())
    assert Action.TAKE in actions_on(cleo, a_case(owner="ana"))
    assert Action.TAKE not in actions_on(cleo, a_case(owner="cleo"))
    closed = actions_on(cleo, a_case(state=State.CLOSED))
    assert set(closed) == {Action.SEE, Action.REOPEN, Action.NOTE, Action.HOLD, Action.LINK}
    assert actions_on(as_member(BANK, "ada", NOON), a_case()) == (Action.SEE,)
