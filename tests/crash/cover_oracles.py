"""What must be true of cover whatever was killed: pages climb; promises, handovers and gaps are told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from allhours.aws.records import events_of
from allhours.aws.wiring import rota_changes
from allhours.domain.case import State, case_from_json, told_at
from allhours.domain.escalation import PATIENCE, Climb, climb_from_json, ladder
from allhours.domain.page import Why, page_from_json
from allhours.domain.proof import Kind, prove
from tests.crash.seen import notices, pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.case import Case
    from allhours.domain.escalation import Step
    from allhours.domain.organisation import Organisation
    from allhours.domain.page import Page
    from tests.crash.harness import World

Rows: TypeAlias = "Mapping[str, dict[str, Any]]"
_DAY = 86_400  # seconds


def broken_cover(world: World, all_rows: Rows, told: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what is broken; what only a clock does is asked for once it has ticked."""
    view = _View(world, all_rows)
    parts = [
        view.notices_that_did_not_leave(told),
        view.words_in_the_open(),
        view.changes_that_do_not_add_up(),
    ]
    if "CLOCK" in all_rows:
        parts += [view.climbs_that_stood_still(), view.first_ones_that_waited(), view.promises_that_moved()]
        parts += [view.owners_who_left(), view.handovers_untold(), view.gaps_unannounced()]
    return chain(*parts)


class _View:
    """A world that has drained."""

    def __init__(self, world: World, all_rows: Rows) -> None:
        self.world, self.rows, self.at, self.late = world, all_rows, world.clock_now, world.late
        self.bank: Organisation = replace(world.bank, changes=rota_changes().read().changes)
        self.published = Counter(one["notice_id"] for one in notices())
        self.sent = list(zip(world.called, pages(), strict=True))

    def _of(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return ((key.partition("#")[2], row) for key, row in self.rows.items() if key.startswith(kind))

    def _pages(self) -> Iterator[tuple[Page, Climb | None]]:
        for _, row in self._of("PAGE#"):
            climb = climb_from_json(json.loads(row["climb"]["S"])) if "climb" in row else None
            yield page_from_json(json.loads(row["page"]["S"])), climb

    def _cases(self) -> Iterator[Case]:
        for _, row in self._of("CASE#"):
            case = case_from_json(json.loads(row["case"]["S"]))
            if case.state is State.OPEN:
                yield case

    def notices_that_did_not_leave(self, told: list[dict[str, Any]]) -> Iterator[str]:
        """I5, I12: each notice in the outbox was published; a case that met a gap is an incident."""
        for which, _ in self._of("NOTICE#"):
            if not self.published[which]:
                yield f"I12 notice {which} was never published"
        for event in told:
            met = f"gap.met#{event['unit']}#"
            if event.get("on_duty", {}).get("gap") and not any(one.startswith(met) for one in self.published):
                yield f"I5 the gap of {event['unit']} is no incident"

    def words_in_the_open(self) -> Iterator[str]:
        """I6: what a link carries stands in the page, and nowhere else."""
        told = str(self.rows) + str(notices()) + self.world.out.getvalue()
        for _, page in self.sent:
            if "link" in page and page["link"].rpartition("/")[2] in told:
                yield f"I6 the link of {page['page_id']} stands where it can be read"

    # Pages

    def climbs_that_stood_still(self) -> Iterator[str]:
        """I4: somebody has each critical page, or its next step was made in time, or its end was told."""
        for page, climb in self._pages():
            steps = ladder(self.bank, page.unit)
            if page.severity == "critical" and steps:
                if climb:
                    yield from (
                        f"I4 {page.page_id}: {what}" for what in self._stood_still(page, climb, steps)
                    )
                else:
                    yield f"I4 {page.page_id} never began to climb"

    def _stood_still(self, page: Page, climb: Climb, steps: tuple[Step, ...]) -> Iterator[str]:
        told = [one for one in climb.told if one.at >= climb.started_at]
        passed = {one.step for one in climb.passed_over if one.at >= climb.started_at}
        end = (climb.acknowledged_at or self.at) - self.late
        for number, step in enumerate(steps):
            due_at = climb.started_at + timedelta(seconds=step.after)
            made = [one.at for one in told if one.step == number]
            if due_at <= end and not passed & {number} and not (made and min(made) <= due_at + self.late):
                yield f"step {number} was not made when it was due"
            who = Counter(one.member for one in told if one.step == number)
            if any(times > step.times for times in who.values()):
                yield f"step {number} was made too often: {dict(who)}"
        last = [one.at for one in told if one.step == len(steps) - 1]
        if last:
            pause = timedelta(seconds=steps[-1].repeat or PATIENCE)
            over = min(last) + steps[-1].times * (pause + self.late)
            if climb.is_open and over <= self.at and not climb.exhausted:
                yield "it never came to its end"
        if climb.exhausted:
            yield from self._end_untold(page, climb)
        yield from self._uncalled(page, climb)

    def _end_untold(self, page: Page, climb: Climb) -> Iterator[str]:
        if not self.published[f"page.exhausted#{page.page_id}#{climb.released}"]:
            yield "its end was told to nobody"
        if '"PagesExhausted"' not in self.world.out.getvalue():
            yield "its end gave no alarm"

    def _uncalled(self, page: Page, climb: Climb) -> Iterator[str]:
        """Say whom a step called in the record only, and who was called although somebody had the page."""
        calls = [(at, one["member"]) for at, one in self.sent if one["page_id"] == page.page_id]
        about = {one.page_id: one.about for one, _ in self._pages() if one.why is Why.BUNDLE}
        bundled = {one["member"] for _, one in self.sent if page.page_id in about.get(one["page_id"], ())}
        for one in climb.told:
            had = climb.acknowledged_at and climb.acknowledged_at <= one.at + self.late
            in_time = any(one.at <= at <= one.at + self.late for at, member in calls if member == one.member)
            if not in_time and not had and one.member not in bundled and one.at <= self.at - self.late:
                yield f"{one.member} was not called at {one.at}"
        if climb.acknowledged_at and any(at > climb.acknowledged_at for at, _ in calls):
            yield "somebody was called although somebody had it"
        strangers = {member for _, member in calls} - {one.member for one in climb.told} - {page.member}
        if strangers:
            yield f"{strangers} were called for no reason"

    def first_ones_that_waited(self) -> Iterator[str]:
        """I4: the first page of a kind reaches each of its members by itself, whatever the budget says."""
        begun: dict[tuple[str, str, str], datetime] = {}
        for page, climb in self._pages():
            for one in climb.told if climb and not climb.acknowledged_by else ():
                which = one.member, page.why.value, page.unit
                begun[which] = min(begun.get(which, one.at), one.at)
        for (member, why, unit), at in begun.items():
            alone = [
                sent_at
                for sent_at, one in self.sent
                if (one["member"], one["why"], one["unit"]) == (member, why, unit)
            ]
            if at <= self.at - self.late and not any(sent_at <= at + self.late for sent_at in alone):
                yield f"I4 the first {why} of {unit} did not reach {member} by itself"

    # Cases

    def _cannot_wait_longer(self, case: Case) -> Iterator[datetime]:
        """Yield by when something urgent in the case asks for its first answer: said, or edited to say so."""
        for _, row in self._of("ITEM#"):
            said_at = datetime.fromisoformat(json.loads(row["item"]["S"])["created_at"])
            for event in map(json.loads, events_of(row)):
                kind = self.bank.urgent.get(event.get("urgent", {}).get("kind", ""))
                if kind and kind.answer_within and row.get("in_case", {}).get("S") == case.case_id:
                    within = timedelta(seconds=kind.answer_within)
                    begun = (said_at, datetime.fromisoformat(event["at"]), case.opened_at)
                    yield from (each + within for each in begun)  # X puts the time of an edit over the first

    def promises_that_moved(self) -> Iterator[str]:
        """I7: promises count from the network's time, are told once they are broken, and windows before."""
        for case in self._cases():
            level = next(
                (x for x in self.bank.units[case.unit].service_levels if x.priority == case.priority), None
            )
            known = {kind: at for kind, at in {**case.due, **case.missed}.items() if "window" not in kind}
            if level:
                wanted = {"first_answer": level.first_answer, "resolution": level.resolution}
                ends = {kind: case.promised_from + timedelta(seconds=s) for kind, s in wanted.items()}
                sooner = {min(ends["first_answer"], until) for until in self._cannot_wait_longer(case)}
                may_be = [ends, *({**ends, "first_answer": until} for until in sooner)]
                if case.answered_at:  # in time, or not: its first answer is due no longer
                    may_be.append({"resolution": ends["resolution"]})
                if known not in may_be:
                    yield f"I7 the promises of {case.case_id} moved to {known}"
            for kind, ends_at in case.due.items():
                if told_at(kind, ends_at) <= self.at:
                    yield f"I7 {kind} of {case.case_id} is due, and nobody was told"
            for kind in case.missed:
                if kind == "first_answer" and case.answered_at:
                    continue  # answered too late, and before the clock could call anybody
                which = f"overdue#{case.case_id}#{kind}#{case.reopened}"
                if f"PAGE#{which}" not in self.rows or not self.published[f"case.{which}"]:
                    yield f"I4 {which} paged nobody"

    def owners_who_left(self) -> Iterator[str]:
        """I12: each open case has one owner, who is there."""
        for case in self._cases():
            if case.owner not in self._here(case.unit, self.at):
                yield f"I12 {case.case_id} is owned by {case.owner or 'nobody'}, who is not there"

    def _here(self, unit: str, at: datetime) -> set[str]:
        segment = self.bank.segment(unit, at)
        if not segment.duties:
            duty = self.bank.on_duty(unit, at)
            return {*duty.members, f"desk:{duty.desk}"}
        return {duty.member or "" for duty in segment.duties} - {""} | {
            f"desk:{one}" for one in segment.desks
        }

    def _heard_at(self, case: Case) -> datetime:
        """Return when a case came on record; before that there was nothing to hand over."""
        row = self.rows.get(f"ITEM#{case.first_item}")
        first = json.loads(next(iter(events_of(row)), "{}")) if row else {}
        return datetime.fromisoformat(first["at"]) if first else case.opened_at

    def handovers_untold(self) -> Iterator[str]:
        """I12: the last handover of each unit that has cases was told, with its packet, after they moved."""
        for unit in {case.unit for case in self._cases()}:
            segment = self.bank.segment(unit, self.at)
            began = datetime.fromtimestamp(segment.start, UTC)
            changed = self.bank.segment(unit, began - timedelta(seconds=1)).seats != segment.seats
            heard = min(self._heard_at(case) for case in self._cases() if case.unit == unit)
            oldest = max(heard, self.world.since)
            if changed and began > oldest and not self.published[f"handover#{unit}#{segment.start}"]:
                yield f"I12 the handover of {unit} at {began} was told to nobody"
        for which, _ in self._of("HANDOVER#"):
            if f"NOTICE#handover#{which}" not in self.rows:
                yield f"I12 the handover {which} has no packet"
        for packet in notices():
            for case in packet["due_next"] if packet["event"] == "handover" else ():
                at = datetime.fromisoformat(packet["at"])
                if case["owner"] not in self._here(packet["unit"], at):
                    yield f"I12 {packet['notice_id']}: {case['case_id']} is {case['owner']}'s, who left"

    # The rota

    def gaps_unannounced(self) -> Iterator[str]:
        """I5: each gap on record is announced at each lead that was still to come, and when it begins."""
        for which, row in self._of("GAP#"):
            gap = json.loads(row["gap"]["S"])
            found_at = min(
                datetime.fromisoformat(one["at"])
                for one in notices()
                if one["notice_id"].startswith(f"gap.found#{which}#")
            )
            for lead in {*self.bank.announce_gaps, 0}:
                due_at = datetime.fromtimestamp(gap["start"] - lead, UTC)
                page = self.rows.get(f"PAGE#{gap['kind']}#{gap['unit']}#{gap['start']}#{gap['end']}#{lead}")
                paged_at = page_from_json(json.loads(page["page"]["S"])).at if page else None
                wanted = found_at < due_at <= self.at - self.late and "due" in row
                if wanted and not (paged_at and due_at <= paged_at <= due_at + self.late):
                    yield f"I5 {which} was not announced {lead} seconds ahead, but at {paged_at}"

    def changes_that_do_not_add_up(self) -> Iterator[str]:
        """I10, I5: each state of a change is recorded and told once; no two open a hole together."""
        current = {one.change_id: one for one in self.bank.changes}
        for which, row in self._of("CHANGE#"):
            states = [json.loads(one["S"]) for one in row["states"]["L"]]
            for before, after in pairwise(states):
                if (before["state"], before["agreed"]) == (after["state"], after["agreed"]):
                    yield f"I10 change {which} became {after['state']} twice"
            if which in current and states[-1]["state"] != current[which].state:
                yield f"I10 change {which} is {current[which].state}, its history says {states[-1]['state']}"
            for state in states:
                told = f"NOTICE#rota.changed#{which}#{state['state']}#"
                if not any(key.startswith(told) for key in self.rows):
                    yield f"I10 change {which} became {state['state']}, and nobody was told"
        if lost := current.keys() - {which for which, _ in self._of("CHANGE#")}:
            yield f"I10 changes {lost} have no history"
        if current and not any(one.forced for one in current.values()):
            start = int(self.at.timestamp())
            holes = [one for one in prove(self.bank, start, start + 7 * _DAY) if one.kind is Kind.GAP]
            before = prove(self.world.bank, start, start + 7 * _DAY)
            new = [
                one for one in holes if not any(x.kind is Kind.GAP and x.start == one.start for x in before)
            ]
            yield from (f"I5 changes opened a hole in {one.unit} at {one.start}" for one in new)
