"""A desk for tests: the table's conditions over dictionaries, and the real networks, asked nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from allhours.domain.case import State
from allhours.domain.lint import Ours
from allhours.domain.people import Member
from allhours.domain.recorded import Recorded
from allhours.domain.voice import Approval, System
from allhours.flows.desk_ports import Desk, Found, Listed, OnRecord
from allhours.flows.ports import Committed
from allhours.flows.reply_ports import Go, LetGo, Saved
from allhours.networks import NETWORKS, network_module
from allhours.networks.http import Http
from tests.builders import a_case, an_item, an_organisation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.audit import Audit
    from allhours.domain.cards import Health
    from allhours.domain.case import Case
    from allhours.domain.draft import Draft
    from allhours.domain.item import Item
    from allhours.domain.note import Note
    from allhours.domain.notice import Notice
    from allhours.domain.organisation import Organisation
    from allhours.domain.reply import Reply
    from allhours.flows.desk_ports import Asked, Deed
    from allhours.flows.reply_ports import Step
    from allhours.networks.contract import Capabilities, Replier

CLEO, DINA = (
    Member(member_id=name.lower(), name=name, zone="UTC", initials=name[:2].upper())
    for name in ("Cleo", "Dina")
)


def a_bank(**changes: Any) -> Organisation:
    """Return the bank with Cleo, a lead of cards, Dina of payments, Ada, an auditor, and Petra, an admin."""
    bank = an_organisation()
    others = {
        name.lower(): Member(
            member_id=name.lower(), name=name, zone="UTC", sign_in=f"{name.lower()}@bank.test"
        )
        for name in ("Ada", "Petra", "Eve")
    }
    cards = replace(bank.units["cards"], leads=("cleo",))
    units = {**bank.units, "cards": cards}
    units["payments"] = replace(
        units["payments"], members=("dina",), rota=replace(units["payments"].rota, desks={}, shifts=())
    )
    members = {
        name: replace(member, sign_in=f"sub-{name}", initials=member.name[:2].upper())
        for name, member in bank.members.items()
    }
    usual: dict[str, Any] = {
        "members": {**members, "cleo": CLEO, "dina": DINA, **others},
        "units": units,
        "auditors": ("ada",),
        "admins": ("petra",),
        "systems": {"crm": System(system_id="crm", sign_in="client-crm", units=("cards",))},
        "domains": ("acme.test",),
    }
    return replace(bank, **(usual | changes))


def asking(bank: Organisation, agreed: str, **by_kind: Any) -> Organisation:
    """Return the bank with another rule for who has to agree to what cards answers."""
    approval = Approval(usual=cast("Any", agreed), by_kind=by_kind)
    return replace(bank, units={**bank.units, "cards": replace(bank.units["cards"], approval=approval)})


@cache
def _replier(network: str) -> Replier | None:
    module = network_module(network)
    if not hasattr(module, "answering"):
        return None
    return module.answering(cast("Any", None), Http(), app_secret="", meter=cast("Any", None))


class RealNetworks:
    """The networks as they are; their answering side is asked what it knows without the wire."""

    def replier(self, network: str) -> Replier | None:
        return _replier(network) if network in NETWORKS else None

    def capabilities(self, network: str) -> Capabilities:
        return network_module(network).capabilities


@dataclass(kw_only=True)
class FakeDesk:
    """Store, approvals and ledger on one table; `meanwhile` runs before a write, as somebody else."""

    cases: dict[str, Case] = field(default_factory=dict)
    rows: list[Recorded] = field(default_factory=list)
    drafts: dict[str, Draft] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    written: list[Audit] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    saved: list[Deed] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    links: dict[str, Health] = field(default_factory=dict)

    def healths(self, card_ids: Collection[str]) -> Mapping[str, Health]:
        return {card: health for card, health in self.links.items() if card in card_ids}

    def put(self, case: Case, *items: Item, case_version: int = 1) -> Case:
        """Have a case with these posts on record."""
        self.cases[case.case_id] = case
        for item in items:
            self.said(case, item, case_version=case_version)
        return case

    def said(self, case: Case, item: Item, *, case_version: int, event: str = "item.added") -> None:
        """Put a post, or another state of it, on record as a router would."""
        told = {
            "event": event,
            "at": item.created_at.isoformat(),
            "case_version": case_version,
            "unit": case.unit,
            "state": "open",
            "reason": "addressed @acmecards",
            "step": "addressed",
        }
        was = next((row for row in self.rows if row.item.key == item.key), None)
        events = (*(was.events if was else ()), told)
        self.rows = [row for row in self.rows if row.item.key != item.key]
        self.rows.append(
            Recorded(
                item=item,
                conversation_key=case.conversation_key,
                case_id=case.case_id,
                events=events,
                deleted=event == "item.deleted",
            )
        )
        self.rows.sort(key=lambda row: row.item.created_at)
        now = self.cases[case.case_id]
        self.cases[case.case_id] = replace(now, version=max(now.version, case_version))

    # DeskStore

    def read(self, case_id: str, *, whole: bool = False) -> OnRecord | None:
        case = self.cases.get(case_id)
        if case is None:
            return None
        return OnRecord(
            case=case,
            rows=tuple(row for row in self.rows if row.case_id == case_id),
            replies=tuple(one for one in self.replies.values() if one.case_id == case_id),
            draft=self.drafts.get(case_id),
            notes=tuple(self.notes) if whole else (),
        )

    def save(self, deed: Deed, *, at: datetime) -> str:
        del at
        self._somebody_else()
        case_id = deed.case.case_id
        if deed.note and deed.note.note_id in {one.note_id for one in self.notes}:
            return Committed.KNOWN
        if deed.case != deed.case_was and self.cases[case_id] != deed.case_was:
            return Committed.STALE
        if deed.draft != deed.draft_was:
            if self.drafts.get(case_id) != deed.draft_was:
                return Committed.STALE
            if deed.draft:
                self.drafts[case_id] = deed.draft
            else:
                self.drafts.pop(case_id, None)
        self.cases[case_id] = deed.case if deed.case != deed.case_was else self.cases[case_id]
        self.notes += [deed.note] if deed.note else []
        self._audit(deed.audit)
        self.notices += deed.notices
        self.saved.append(deed)
        return Committed.DONE

    def listed(self, asked: Asked) -> Listed:
        open_ones = [
            one for one in self.cases.values() if one.unit in asked.units and one.state is State.OPEN
        ]
        items = {row.case_id: row.item for row in self.rows if not row.deleted}
        return Listed(
            found=tuple(
                Found(case=one, draft=self.drafts.get(one.case_id), item=items.get(one.case_id))
                for one in open_ones
            )
        )

    def audits(self, subject: str) -> Sequence[Audit]:
        return [one for one in self.written if one.subject == subject]

    # Approvals and Ledger

    def approve(self, reply: Reply, *, case: Case, case_was: Case, draft: int | None, audit: Audit) -> LetGo:
        self._somebody_else()
        if reply.reply_id in self.replies:
            return LetGo(word=Go.ALREADY, reply_id=reply.reply_id, reply=self.replies[reply.reply_id])
        for other in self.replies.values():
            if other.answer_key == reply.answer_key and other.state.value != "rejected":
                return LetGo(word=Go.TAKEN, reply_id=other.reply_id)
        if self.cases[reply.case_id] != case_was:
            return LetGo(word=Go.CASE_CHANGED)
        there = self.drafts.get(reply.case_id)
        if draft is not None and (there is None or there.version != draft):
            return LetGo(word=Go.DRAFT_CHANGED)
        self.replies[reply.reply_id] = reply
        self.cases[reply.case_id] = case
        if draft is not None:
            self.drafts.pop(reply.case_id, None)
        self._audit(audit)
        return LetGo(word=Go.DONE, reply=reply)

    def reply(self, reply_id: str) -> Reply | None:
        return self.replies.get(reply_id)

    def by_post(self, network: str, post_id: str) -> Reply | None:
        raise NotImplementedError

    def item(self, item_key: str) -> Any:
        raise NotImplementedError

    def case(self, case_id: str) -> Case | None:
        return self.cases.get(case_id)

    def save_step(self, step: Step) -> Saved:
        self._somebody_else()
        if self.replies.get(step.was.reply_id) != step.was:
            return Saved.LOST
        if step.case and self.cases[step.was.case_id] != step.case_was:
            return Saved.STALE
        self.replies[step.reply.reply_id] = step.reply
        if step.case:
            self.cases[step.case.case_id] = step.case
        self._audit(step.audit)
        self.notices += step.notices
        return Saved.DONE

    def _audit(self, audit: Audit | None) -> None:
        if audit:
            assert audit.audit_id not in {one.audit_id for one in self.written}, "two causes with one id"
            self.written.append(audit)

    def _somebody_else(self) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)()

    @property
    def did(self) -> list[str]:
        """Return what was done, in order."""
        return [one.did for one in self.written]


class FakeLedger:
    """The ledger's side of a desk; its `save` takes another thing than the store's."""

    def __init__(self, desk: FakeDesk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    def save(self, step: Step, *, at: datetime) -> Saved:
        del at
        return self._desk.save_step(step)


def a_desk(store: FakeDesk | None = None, bank: Organisation | None = None) -> tuple[Desk, FakeDesk]:
    """Return a desk with Leela's case for cards, said on X, and its store."""
    bank, there = bank or a_bank(), store or FakeDesk()
    if not there.cases:
        there.put(a_case(), an_item(answer_needs={"engaged": "mentioned"}))
    desk = Desk(
        organisation=bank,
        ours=Ours.of(bank),
        store=there,
        approvals=there,
        ledger=cast("Any", FakeLedger(there)),
        networks=RealNetworks(),
        cards=there,
    )
    return desk, there
