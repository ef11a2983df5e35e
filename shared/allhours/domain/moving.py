"""What changes when a member hands a case to another unit, and the label that this is for the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain import notice, page
from allhours.domain.case import owner_of
from allhours.domain.errors import BadInput
from allhours.domain.event import event_body
from allhours.domain.judgement import NOBODY, TOPICS
from allhours.domain.priority import URGENT
from allhours.domain.recorded import MOVED, decided_by
from allhours.domain.service_level import deadlines
from allhours.domain.staffed_clock import StaffedClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allhours.domain.case import Case
    from allhours.domain.item import Item
    from allhours.domain.notice import Notice
    from allhours.domain.organisation import Organisation
    from allhours.domain.page import Page

_PLACES = frozenset(("case.opened", "case.reopened", MOVED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """That a desk found a post to belong elsewhere. It holds no words: the item does, while kept.

    `start` is the unit that had the case and `end` the one that got it; `topic` is what the model would have
    had to say, "" where no topic leads to that unit. `decided` names who had sent it to `start`.
    """

    item: str
    start: str
    end: str
    topic: str
    step: str
    decided: str
    model: str
    language: str
    network: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One transaction's worth of change; `event` leaves with the `item`."""

    case: Case
    was: Case
    item: Item
    event: dict[str, Any]
    label: Label
    pages: tuple[Page, ...]
    notices: tuple[Notice, ...]


def moved(
    organisation: Organisation,
    case: Case,
    item: Item,
    unit: str,
    told: Iterable[Mapping[str, Any]],
    *,
    by: str,
    because: str,
    at: datetime,
) -> Move:
    """Return the case with the other unit: whoever is on duty there owns it, and that unit's promises hold.

    They count from the same instant as before, and an urgent kind's own promise stays. `told` are the events
    of the case so far, in the order of its versions.
    """
    duty = organisation.on_duty(unit, at, case=case.case_id)
    after = replace(
        case.changed(),
        unit=unit,
        account=organisation.account_for(unit, case.network, case.account),
        reason=f"moved by {by}",
    ).owned_by(owner_of(duty), at)
    levels = organisation.units[unit].service_levels
    promises = deadlines(levels, after.priority, unit, after.promised_from, StaffedClock(organisation))
    after = after.promised(promises, moved=True)
    grounds = {"moved": {"by": by, **({"because": because} if because else {})}}
    event = event_body(
        organisation,
        MOVED,
        item,
        after,
        at,
        reason=f"moved by {by}" + (f": {because}" if because else ""),
        step="moved",
        duty=duty,
        was=case,
        grounds=grounds,
    )
    pages = list[page.Page]()
    if after.priority == URGENT:
        asks = organisation.urgent.get(after.urgent)
        why = f"{after.urgent or 'urgent'}, moved here from {case.unit} by {by}"
        pages.append(page.urgent(after, duty, why, at, protocol=asks.protocol if asks else ""))
    if duty.gap:
        pages.append(page.nobody_on_duty(after, duty, at))
    return Move(
        case=after,
        was=case,
        item=item,
        event=event,
        label=_label(organisation, case, item, unit, placed(told), by, at),
        pages=tuple(pages),
        notices=(notice.gap_met(organisation, after, at),) if duty.gap else (),
    )


def placed(told: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the last event that put the case where it is; nothing where none is kept."""
    return next((one for one in reversed(list(told)) if one["event"] in _PLACES or one.get("moved_from")), {})


def _label(  # noqa: PLR0917 - what, whose, where from and to: as one says it
    organisation: Organisation,
    case: Case,
    item: Item,
    unit: str,
    sent: Mapping[str, Any],
    by: str,
    at: datetime,
) -> Label:
    odds: Mapping[str, float] = sent.get("odds", {})
    topics = [topic for topic in TOPICS if topic != NOBODY and organisation.unit_of(topic) == unit]
    return Label(
        item=item.key,
        start=case.unit,
        end=unit,
        topic=max(topics, key=lambda topic: odds.get(topic, 0.0), default=""),
        step=str(sent.get("step", "")),
        decided=decided_by(sent),
        model=str(sent.get("model", "")),
        language=item.language,
        network=item.network,
        at=at,
        by=by,
    )


def label_to_json(label: Label) -> dict[str, Any]:
    """Return the label as its row keeps it; what is empty is left out."""
    body = {**asdict(label), "at": label.at.astimezone(UTC).isoformat(timespec="milliseconds")}
    return {name: value for name, value in body.items() if value}


def label_from_json(body: Mapping[str, Any]) -> Label:
    """Return the label that `label_to_json` wrote."""
    known: dict[str, Any] = {"topic": "", "step": "", "decided": "", "model": "", "language": "", **body}
    try:
        known["at"] = datetime.fromisoformat(known["at"])
        return Label(**known)
    except (KeyError, TypeError, ValueError) as wrong:
        name = body.get("item", "?")
        raise BadInput(f"the label of {name} is not one of ours ({type(wrong).__name__})") from None
