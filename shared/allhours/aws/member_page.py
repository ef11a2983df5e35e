"""The member's own page behind a private link, for people and, in JSON, for programs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aws_lambda_powertools import Logger

from allhours.aws import link_pages as show
from allhours.aws import settings, wiring
from allhours.aws.http import Answer, in_json
from allhours.aws.organisation import organisation
from allhours.domain.changes import change_to_json
from allhours.domain.errors import BadInput
from allhours.domain.instants import zone_named
from allhours.domain.links import calendar_link, signed
from allhours.domain.own_rota import OwnRota, OwnShift, colleagues_of, own_rota, waits_for, wants_both
from allhours.domain.proof import prove
from allhours.flows.change_rota import ChangeRefused, change, recheck
from allhours.flows.wishes import Wish, wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from allhours.aws.http import Request
    from allhours.aws.link_pages import Html
    from allhours.domain.changes import Change
    from allhours.domain.organisation import OnDuty, Organisation
    from allhours.domain.proof import Finding

logger = Logger()

SCHEMA = "allhours.member/1"


def member_page(request: Request, member_id: str, serial: int, at: datetime) -> Answer:
    """Show the rota of a member whom the file knows, or do what the member asks for."""
    live = replace(organisation(), changes=wiring.rota_changes().read().changes)
    view = _View(live, member_id, serial, at, as_json=request.in_json)
    if request.method != "POST":
        return view.look(request.query)
    try:
        asked = request.fields()
        return view.act(asked, wish(asked, organisation=live, member_id=member_id, at=at))
    except BadInput as error:
        return view.senseless(str(error))


class _View:
    """One member's page at one instant."""

    def __init__(
        self, live: Organisation, member_id: str, serial: int, at: datetime, *, as_json: bool
    ) -> None:
        self._live = live
        self._member = live.members[member_id]
        self._serial = serial
        self._at = at
        self._zone = zone_named(self._member.zone)
        self._as_json = as_json

    # Answers

    def look(self, query: Mapping[str, str]) -> Answer:
        """Show the rota, or what a button would do before it does it; nothing changes."""
        own = own_rota(self._live, self._member.member_id, self._at)
        if self._as_json:
            return in_json(200, self._told(own))
        if query.get("take"):
            return self._page(200, "Take this shift now?", self._before_taking(query["take"], own))
        if query.get("swap"):
            return self._page(200, "Who could take it?", self._before_swapping(query["swap"], own))
        return self._page(200, f"Hello {self._member.name}", self._rota(own, query.get("done", "")))

    def act(self, asked: Mapping[str, str], wanted: Wish) -> Answer:
        """Put it on record, or say why not."""
        silent = wiring.reaches().unreachable(self._live, self._at)
        unreachable = silent - {self._member.member_id}  # who opens this page is there
        try:
            changed = change(
                wanted.proposal,
                organisation=organisation(),
                changes=wiring.rota_changes(),
                prove=partial(prove, unreachable=unreachable),
                by=self._member.member_id,
                force=wanted.force,
                at=self._at,
            )
        except ChangeRefused as error:
            return self.refused(error, asked, wanted)
        if not recheck(changed, gaps=wiring.gaps(), at=self._at, unreachable=silent):
            logger.warning("the record of holes waits for the night's proof", change=changed.change.change_id)
        return self.done(changed.change)

    def done(self, changed: Change) -> Answer:
        """Say that it is on record; the page is another request, so that reloading does nothing twice."""
        if self._as_json:
            return in_json(200, {"change": change_to_json(changed)})
        where = "?" + urlencode({"done": changed.change_id})
        return Answer(status=303, headers={**show.HEADERS, "location": where})

    def refused(self, error: ChangeRefused, asked: Mapping[str, str], wanted: Wish) -> Answer:
        """Say what it would break, and offer to do it all the same to whom that is left."""
        if self._as_json:
            return in_json(409, {"refused": list(error.objections), "may_force": wanted.may_force})
        heads = {self._live.units[asked["unit"]].head} if asked.get("unit") in self._live.units else set()
        names = ", ".join(self._name(head) for head in heads if head) or "the head of the unit"
        parts = [
            show.card(
                show.paragraph("Nothing has been changed, because the rota would not hold:", "bad"),
                show.bullets(map(self._objection, error.findings)),
            )
        ]
        if wanted.may_force:
            parts += [
                show.paragraph("You may do it all the same; it is recorded with these reasons.", "soft"),
                show.button("Do it anyway", {**asked, "force": "yes"}, "danger"),
            ]
        else:
            parts.append(show.paragraph(f"Only {names} can decide otherwise.", "soft"))
        return self._page(409, "This would leave a hole", [*parts, show.way("Back", "")])

    def senseless(self, reason: str) -> Answer:
        """Say what is missing or makes no sense."""
        if self._as_json:
            return in_json(400, {"error": reason})
        return self._page(400, "That does not work", [show.paragraph(f"{reason}."), show.way("Back", "")])

    def _page(self, status: int, title: str, parts: Iterable[Html]) -> Answer:
        body = show.document(title, show.joined([show.heading(title), *parts]))
        return Answer(status=status, body=body, headers=show.HEADERS)

    # For programs

    def _told(self, own: OwnRota) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "at": self._at.isoformat(timespec="seconds"),
            "member": {
                "id": self._member.member_id,
                "name": self._member.name,
                "zone": self._member.zone,
            },
            "shifts": [
                {
                    "unit": shift.unit,
                    "because": shift.because,
                    "from": _utc(shift.start),
                    "until": _utc(shift.end),
                    "date": shift.day.isoformat() if shift.day else None,
                }
                for shift in own.shifts
            ],
            "on_duty": [
                {
                    "unit": duty.unit,
                    "desk": duty.desk,
                    "members": list(duty.members),
                    "because": duty.because,
                    "until": _utc(duty.until),
                    "gap": duty.gap,
                }
                for duty in own.on_duty
            ],
            "waiting": [change_to_json(one) for one in own.waiting],
            "changes": [change_to_json(one) for one in own.changes],
            "calendar": self._calendar(),
        }

    # For people

    def _rota(self, own: OwnRota, done: str) -> Iterator[Html]:
        recorded = next((one for one in self._live.changes if one.change_id == done), None)
        if recorded and not recorded.withdrawn_by:
            told = (
                "Your units have been told."
                if recorded.state == "in_force"
                else "Your colleague sees it here."
            )
            yield show.card(
                show.paragraph(f"Done: {self._sentence(recorded)}.", "good"), show.paragraph(told, "soft")
            )
        elif done:
            yield show.card(show.paragraph("Done: it is taken back.", "good"))
        yield self._next(own)
        yield show.section("Waiting for you", *map(self._waiting, own.waiting))
        yield show.section("On duty now", *(self._on_duty(duty) for duty in own.on_duty))
        yield show.section("If you cannot come", self._sick(), self._leave())
        if own.shifts:
            yield show.section("Your next 14 days", show.rows(map(self._shift, own.shifts)))
        mine = [one for one in own.changes if one not in own.waiting]
        yield show.section("Your changes", *map(self._own_change, mine))
        yield show.section(
            "On your phone",
            show.card(
                show.paragraph("Subscribe to this address in your calendar; keep it to yourself.", "soft"),
                show.html("<p><code>{}</code></p>", self._calendar()),
            ),
        )
        yield show.paragraph(f"All times are those of {self._member.zone}.", "soft")

    def _next(self, own: OwnRota) -> Html:
        if not own.shifts:
            return show.card(show.paragraph("You have no shift in the next 14 days."))
        shift, now = own.shifts[0], self._at.timestamp()
        says = "You are on duty until " + self._clock(shift.end) if shift.start <= now else "Your next shift"
        return show.card(
            show.paragraph(says, "soft"),
            show.line(self._title(shift.unit), self._span(shift.start, shift.end)),
        )

    def _on_duty(self, duty: OnDuty) -> Html:
        names = ", ".join(map(self._name, duty.members)) or duty.desk
        says = "nobody" if duty.gap else names
        parts = [show.line(f"{self._title(duty.unit)}: {says}", f"until {self._clock(duty.until)}")]
        if duty.gap:
            parts.append(show.paragraph(f"{names} stands in.", "bad"))
        if duty.gap or self._member.member_id not in duty.members:
            parts.append(show.way("Take this shift now", urlencode({"take": duty.unit})))
        return show.card(*parts)

    def _shift(self, shift: OwnShift) -> Html:
        query = urlencode({"swap": f"{shift.unit}/{shift.because}/{shift.day}"}) if shift.day else ""
        return show.row(self._title(shift.unit), self._span(shift.start, shift.end), query, "swap")

    def _waiting(self, one: Change) -> Html:
        return show.card(
            show.paragraph(f"{self._sentence(one)}."),
            show.button("Agree", {"do": "agree", "change": one.change_id}),
            show.button("Say no", {"do": "withdraw", "change": one.change_id}, "quiet"),
        )

    def _own_change(self, one: Change) -> Html:
        if wants_both(one):
            other = one.add if one.remove == self._member.member_id else one.remove
            back = show.button(
                f"Ask {self._name(other)} to swap back", {"do": "swap_back", "change": one.change_id}, "quiet"
            )
            return show.card(show.paragraph(f"{self._sentence(one)}."), back)
        wait = " It counts when both have agreed." if one.state == "proposed" else ""
        return show.card(
            show.paragraph(f"{self._sentence(one)}.{wait}"),
            show.button("Take it back", {"do": "withdraw", "change": one.change_id}, "quiet"),
        )

    def _sick(self) -> Html:
        until = show.asked("or until (the last day)", "until", needed=False)
        return show.folded(
            "I am sick",
            show.paragraph("Your shifts are taken off the rota at once, and your units are told.", "soft"),
            show.button("I am sick today", {"do": "sick"}),
            show.button("I am sick until then", {"do": "sick"}, "quiet", [until]),
        )

    def _leave(self) -> Html:
        days = [show.asked("First day", "from"), show.asked("Last day", "until")]
        return show.folded("I need leave", show.button("Ask for leave", {"do": "leave"}, "quiet", days))

    def _before_taking(self, unit: str, own: OwnRota) -> Iterator[Html]:
        duty = next((one for one in own.on_duty if one.unit == unit), None)
        if duty is None:
            yield show.paragraph("You do not work in this unit.")
        else:
            instead = "Nobody is on duty." if duty.gap else f"{self._name(duty.person)} is on duty now."
            until = self._clock(duty.until)
            yield show.card(
                show.line(
                    self._title(unit), f"until {until} at the latest" if duty.gap else f"until {until}"
                ),
                show.paragraph(f"{instead} From now on it would be you."),
            )
            fields = {"do": "take", "unit": unit, **({} if duty.gap else {"instead_of": duty.person})}
            yield show.button("Take it now", fields)
        yield show.way("Back", "")

    def _before_swapping(self, which: str, own: OwnRota) -> Iterator[Html]:
        shift = next((one for one in own.shifts if f"{one.unit}/{one.because}/{one.day}" == which), None)
        if shift is None:
            yield show.paragraph("This shift is not yours any more.")
        else:
            yield show.card(show.line(self._title(shift.unit), self._span(shift.start, shift.end)))
            yield show.paragraph("Your colleague is asked, and it counts once they agree.", "soft")
            for other in colleagues_of(self._live.units[shift.unit].rota, self._member.member_id):
                fields = {
                    "do": "swap",
                    "unit": shift.unit,
                    "shift": shift.because,
                    "date": str(shift.day),
                    "with": other,
                }
                yield show.button(f"Ask {self._name(other)}", fields, "quiet")
        yield show.way("Back", "")

    # Words

    def _sentence(self, one: Change) -> str:
        """Say a change in words, in the member's time."""
        span = self._span(one.start, one.end)
        if one.kind == "leave":
            away = "you are" if one.remove == self._member.member_id else f"{self._name(one.remove)} is"
            return f"{away} away ({one.reason}), {span}"
        unit = self._title(one.unit)
        if one.kind == "swap" and waits_for(one, self._member.member_id):
            pair = f"{self._name(one.add)} instead of {self._name(one.remove)}"
            return f"{self._name(one.by)} asks: {pair}, {unit}, {span}"
        if not one.remove:
            return f"{unit}: {self._name(one.add)} comes in, {span}"
        if not one.add:
            return f"{unit}: {self._name(one.remove)} is off, {span}"
        return f"{unit}: {self._name(one.add)} instead of {self._name(one.remove)}, {span}"

    def _objection(self, finding: Finding) -> str:
        """Say what would be wrong in the member's time, and who could help."""
        fill = f". Could fill it: {finding.fill.action}" if finding.fill else ""
        return (
            f"{self._title(finding.unit)}, {self._span(finding.start, finding.end)}: {finding.sentence}{fill}"
        )

    def _name(self, name: str) -> str:
        if name == self._member.member_id:
            return "you"
        return self._live.members[name].name if name in self._live.members else name

    def _title(self, unit: str) -> str:
        return self._live.units[unit].title if unit in self._live.units else unit

    def _span(self, start: int, end: int) -> str:
        begin, finish = self._local(start), self._local(end)
        short = end - start < timedelta(days=1).total_seconds()
        return (
            f"{begin:%a %d %b %H:%M} to {finish:%H:%M}"
            if short
            else f"{begin:%a %d %b %H:%M} to {finish:%a %d %b %H:%M}"
        )

    def _clock(self, at: int) -> str:
        local = self._local(at)
        today = local.date() == self._at.astimezone(self._zone).date()
        return f"{local:%H:%M}" if today else f"{local:%a %d %b %H:%M}"

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, self._zone)

    def _calendar(self) -> str:
        key = wiring.links_key()
        link = calendar_link(f"member:{self._member.member_id}", self._serial, self._day())
        return f"{settings.public_url()}/calendars/{signed(link, key)}"

    def _day(self) -> datetime:
        """Return the day's beginning, so that the address is the same all day long."""
        return self._at.replace(hour=0, minute=0, second=0, microsecond=0)


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
