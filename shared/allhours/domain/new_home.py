"""A new home for a case whose unit or account a deployment has removed: no customer goes with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.domain.case import owner_of
from allhours.domain.service_level import deadlines

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation
    from allhours.domain.staffed_clock import StaffedClock


def new_home(organisation: Organisation, case: Case) -> Case:
    """Return the case at a unit and an account that exist: its own, or else the fallback unit's."""
    known = case.unit in organisation.units
    if known and (not case.account or case.account in organisation.accounts):
        return case
    unit = case.unit if known else organisation.fallback_unit
    return replace(
        case,
        unit=unit,
        account=organisation.account_for(unit, case.network, case.account),
        reason=case.reason if known else no_unit_any_more(case.unit),
    )


def no_unit_any_more(unit: str) -> str:
    """Say why a case is elsewhere now."""
    return f"{unit} is no unit any more"


def taken_in(organisation: Organisation, case: Case, staffed: StaffedClock, at: datetime) -> Case:
    """Return the case one version on in its new home: whoever is on duty owns it.

    What the new unit promises counts from the same instant as what the old one promised.
    """
    home = new_home(organisation, case)
    duty = organisation.on_duty(home.unit, at, case=home.case_id)
    levels = organisation.units[home.unit].service_levels
    promises = deadlines(levels, home.priority, home.unit, home.promised_from, staffed)
    return home.handed_to(owner_of(duty), at).promised(promises, moved=True)
