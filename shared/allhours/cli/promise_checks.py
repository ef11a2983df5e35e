"""What must hold of promises: ladders that reach somebody, service levels, honest holding answers."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from allhours.cli.checks import Checks, seconds
from allhours.cli.yaml_lines import path_of
from allhours.domain.proof import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.cli.yaml_lines import Document, Place

_OPERATIONS_LADDER = "operations_escalation"
_WEEK = 7 * 86_400


def check_promises(document: Document, broken: set[Place]) -> None:
    """Tell every mistake about ladders, service levels and texts that takes more than one value to see."""
    _Promises(document, broken).all()


class _Promises(Checks):
    """The checks, from the top down."""

    __slots__ = ()

    def all(self) -> None:
        """Check what holds for the whole organisation, then each unit."""
        members = self.ids("members")
        self.ladder(("escalation",), {}, members)
        self.ladder((_OPERATIONS_LADDER,), {}, members)
        if not {"company_duty", _OPERATIONS_LADDER} & self.document.values.keys():
            text = (
                "is missing, so nobody would be paged about the system itself: write `company_duty: <member>`"
            )
            self.tell(("company_duty",), text)
        self.service_levels(("service_levels",))
        if (pages := self.at("test_pages")) and not 0 < seconds(pages.get("within", "8h")) < _WEEK:
            self.tell(
                ("test_pages", "within"), "must be longer than 0s and shorter than the week between two"
            )
        for name in self.ids("units"):
            place = ("units", name)
            if name == OPERATIONS:
                self.tell(place, "is what pages about the system itself are called: choose another id")
            self.ladder((*place, "escalation"), self.part(*place), members)
            self.service_levels((*place, "service_levels"))
            for text_place, text in self.each(*place, "holding_answer"):
                self.holding_answer(text_place, text)
        self.reachable()

    def ladder(self, place: Place, unit: dict[str, Any], members: list[str]) -> None:
        """Check that a ladder climbs, calls people who exist, and ends with an alarm."""
        steps: list[dict[str, Any]] = self.at(*place) or []
        for number, step in enumerate(steps):
            self.called((*place, number, "notify"), step["notify"], unit, members)
            if ("repeat" in step) != ("times" in step):
                self.tell((*place, number), "repeat and times go together: `repeat: 10m, times: 3`")
        for number, (before, step) in enumerate(pairwise(steps), 1):
            if seconds(step["after"]) < seconds(before["after"]):
                text = f"{step['after']} is earlier than the step before it ({before['after']})"
                self.tell((*place, number, "after"), text)
        if steps and not steps[-1].get("alarm"):
            text = "the last step raises no alarm, so a page can be forgotten: add `alarm: true`"
            self.tell((*place, len(steps) - 1), text)

    def called(self, place: Place, notify: str, unit: dict[str, Any], members: list[str]) -> None:
        """Check whom a step calls; `unit` is empty for a ladder at the top."""
        kind, _, name = notify.partition(":")
        if kind == "member":
            self.is_known(place, name, members, "member")
        elif place[0] == _OPERATIONS_LADDER and kind != "company_duty":
            self.tell(
                place, f"{notify} is a unit's, and there is none here: write company_duty or member:<id>"
            )
        elif kind == "desk" and unit:
            self.is_known(place, name, list(unit.get("desks") or ()), "desk of the unit")
        elif kind == "desk":
            self.tell(place, "names a desk, and each unit has its own: write on_shift")
        elif kind == "company_duty" and "company_duty" not in self.document.values:
            self.tell(place, "nobody has it: write `company_duty: <member>` at the top")
        elif kind == "unit_head":
            users = [unit] if unit else [body for _, body in self.each("units") if "escalation" not in body]
            for each in users:
                if "head" not in each:
                    self.tell(place, f"unit {each.get('title')!r} has no head: give it `head: <member>`")

    def service_levels(self, place: Place) -> None:
        """Check that each priority is promised something, once."""
        seen: set[int] = set()
        for here, level in self.each(*place):
            if level["priority"] in seen:
                self.tell((*here, "priority"), f"{level['priority']} has a level already: keep one")
            seen.add(level["priority"])
            promised = [level[name] for name in ("first_answer", "resolution") if name in level]
            if not promised or not all(map(seconds, promised)):
                self.tell(here, "promises nothing: write first_answer, resolution or both, longer than 0s")
            elif seconds(promised[0]) > seconds(promised[-1]):
                self.tell((*here, "resolution"), f"{promised[1]} is before the first answer ({promised[0]})")

    def holding_answer(self, place: Place, text: str) -> None:
        """Check that a text can tell when somebody is there again."""
        if "{time}" not in text:
            self.tell(place, "tells no time: write {time} where it belongs")
        if other := re.search(r"\{\w*\}?|\}", text.replace("{time}", "")):
            self.tell(place, f"{other[0]!r} is no placeholder: {{time}} is the only one")

    def reachable(self) -> None:
        """Tell whom a page must reach and cannot."""
        told: set[str] = set()
        for member, use in self._asked():
            body = self.at("members", member)
            if body is not None and "contact" not in body and member not in told:
                told.add(member)
                text = f"{use}, and no page could reach them: add `contact: {{sns: {member}}}`"
                self.tell(("members", member), text)

    def _asked(self) -> Iterator[tuple[str, str]]:
        """Yield every member on whom somebody counts, and for what."""
        for place, unit in self.each("units"):
            on_rota = [desk.get("members", ()) for desk in unit["desks"].values()]
            on_rota += [shift["rotation"]["members"] for shift in unit["shifts"] if "rotation" in shift]
            for members in on_rota:
                for member in members:
                    yield member, f"is on the rota of unit {place[-1]!r}"
            yield unit["fallback"], f"is the fallback of unit {place[-1]!r}"
            yield from self._called((*place, "escalation") if "escalation" in unit else ("escalation",), unit)
        yield from self._called((_OPERATIONS_LADDER,), {})
        if _OPERATIONS_LADDER not in self.document.values and (duty := self.at("company_duty")):
            yield duty, "is the company duty"

    def _called(self, place: Place, unit: dict[str, Any]) -> Iterator[tuple[str, str]]:
        stands_for = {"unit_head": unit.get("head"), "company_duty": self.at("company_duty")}
        for number, step in enumerate(self.at(*place) or ()):
            kind, _, name = step["notify"].partition(":")
            member = name if kind == "member" else stands_for.get(kind)
            if member:
                yield member, f"is called by {path_of((*place, number))}"
