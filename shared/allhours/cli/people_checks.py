"""What must hold of sites and members: where they are, what they may do, when they are away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.cli.checks import Checks
from allhours.cli.shape import did_you_mean

if TYPE_CHECKING:
    from allhours.cli.yaml_lines import Document, Place


def check_people(document: Document, broken: set[Place]) -> None:
    """Tell every mistake about sites and members that takes more than one value to see."""
    _People(document, broken).all()


class _People(Checks):
    """The checks, in the file's order."""

    __slots__ = ()

    def all(self) -> None:
        """Check sites, members, and what is asked of them elsewhere."""
        for place, site in self.each("sites"):
            self.zone((*place, "tz"), site["tz"])
            self.holidays(place, site)
        for place, member in self.each("members"):
            self.home(place, member)
            if (zone := self.zone_of(member)) is not None:
                self.certificates(place, member, zone)
                self.leave(place, member, zone)
        self.qualified()

    def certificates(self, place: Place, member: dict[str, Any], zone: str) -> None:
        """Check what somebody is allowed to do, and until when."""
        seen: set[str] = set()
        for number, each in enumerate(member.get("certificates", ())):
            name, until = (each["id"], each["until"]) if isinstance(each, dict) else (each, None)
            here = (*place, "certificates", number)
            if name in seen:
                self.tell(here, f"{name!r} is given twice: keep one")
            seen.add(name)
            if until is not None:
                self.moment((*here, "until"), zone, until)

    def leave(self, place: Place, member: dict[str, Any], zone: str) -> None:
        """Check when somebody is away."""
        for number, away in enumerate(member.get("leave", ())):
            here = (*place, "leave", number)
            begin, end = (self.moment((*here, name), zone, away[name]) for name in ("from", "until"))
            if begin is not None and end is not None and end <= begin:
                self.tell(here, "ends before it begins: `until` is the first day back")

    def qualified(self) -> None:
        """Tell certificates and languages that are asked for and nobody has: most are slips of the pen."""
        if not self.fits(("members",)):
            return
        members = [member for _, member in self.each("members")]
        held = {
            "certificates": [
                each["id"] if isinstance(each, dict) else each
                for member in members
                for each in member.get("certificates", ())
            ],
            "languages": [each for member in members for each in member.get("languages", ())],
        }
        verbs = {"certificates": "holds", "languages": "speaks"}
        for place, unit in self.each("units"):
            asks = [(place, unit)]
            asks += [
                ((*place, "min_staff", number), need) for number, need in enumerate(unit.get("min_staff", ()))
            ]
            for where, body in asks:
                for key, known in held.items():
                    for number, name in enumerate(body.get(key, ())):
                        if name not in known:
                            text = f"nobody {verbs[key]} {name!r}; {did_you_mean(name, dict.fromkeys(known))}"
                            self.tell((*where, key, number), text)
