"""What must hold of how we answer: who signs how, who agrees, who may write, what is ours and what was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.cli.answering_file import approval, people, voice
from allhours.cli.checks import Checks
from allhours.cli.references import each_handle, names_of
from allhours.domain.errors import BadInput
from allhours.domain.word_lists import check_phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allhours.cli.yaml_lines import Document, Place


def check_answering(document: Document, broken: set[Place]) -> None:
    """Tell every mistake about answers and who gives them that takes more than one value to see."""
    _Answering(document, broken).all()


class _Answering(Checks):
    """The checks, from the top down."""

    __slots__ = ()

    def all(self) -> None:
        """Check the whole document."""
        members, units = self.ids("members"), self.ids("units")
        self.sign_ins()
        for role in ("auditors", "admins"):
            self.known(("access", role), members, "member")
        self.phrases(("linting",))
        for unit in units:
            self.unit(("units", unit), members)
        self.systems(members, units)
        self.webhooks(units)
        self.withdrawn()
        for place, card in self.each("answers"):
            self.card(place, card, members)

    def known(self, place: Place, known: Sequence[str], noun: str) -> None:
        """Check a list of names."""
        self.named(place, self.at(*place) or (), known, noun)

    def named(self, place: Place, names: Sequence[str], known: Sequence[str], noun: str) -> None:
        """Check each of some names."""
        for number, name in enumerate(names):
            self.is_known((*place, number), name, known, noun)

    def sign_ins(self) -> None:
        """Tell two who would be the same to the OIDC provider."""
        seen: dict[str, str] = {}
        for top, noun in (("members", "member"), ("systems", "system")):
            for place, body in self.each(top):
                who = f"{noun} {place[-1]!r}"
                sign_in = str(body.get("sign_in", "")).casefold()
                if sign_in and sign_in in seen:
                    text = f"{seen[sign_in]} signs in so already: give each their own"
                    self.tell((*place, "sign_in"), text)
                seen.setdefault(sign_in, who)

    def systems(self, members: Sequence[str], units: Sequence[str]) -> None:
        """Check what each system works for, and that its name on record is nobody else's."""
        for place, system in self.each("systems"):
            self.named((*place, "units"), system["units"], units, "unit")
            if place[-1] in members:
                text = "is a member's id too, and what either did goes on record by it: give it another"
                self.tell(place, text)

    def unit(self, place: Place, members: Sequence[str]) -> None:
        """Check how one unit answers."""
        self.known((*place, "leads"), members, "member")
        self.phrases((*place, "linting"))
        body = self.at(*place)
        if body is None or not all(self.fits((key,)) for key in ("voice", "approval", "members")):
            return
        whole = self.document.values
        theirs = people(body)
        self.initials(sorted(theirs), str(place[-1]))
        speaks = voice(body, whole)
        if speaks.signed_by == "persona" and not speaks.persona:
            text = "is signed by a persona, and none is there that is not retired: name one in `personas`"
            self.tell((*place, "voice"), text)
        agreed = approval(body, whole)
        if {agreed.usual, *agreed.by_kind.values()} & {"second", "risk"} and len(theirs) < 2:  # noqa: PLR2004 - a pair
            text = "asks for a second person, and the unit has one: add `leads`, or write none"
            self.tell((*place, "approval"), text)

    def initials(self, theirs: Sequence[str], unit: str) -> None:
        """Tell two of a unit who would sign alike."""
        seen: dict[str, str] = {}
        for member in theirs:
            body = self.at("members", member) or {}
            written = body.get("initials", "")
            if written and written.casefold() in seen:
                other = seen[written.casefold()]
                text = (
                    f"{written} is {other!r}'s too, and both answer for unit {unit!r}: write others for one"
                )
                self.tell(("members", member, "initials"), text)
            elif written:
                seen[written.casefold()] = member

    def phrases(self, place: Place) -> None:
        """Check that each forbidden phrase can be found."""
        for here, phrase in self.each(*place, "phrases"):
            try:
                check_phrase(phrase)
            except BadInput as error:
                self.tell(here, str(error))

    def webhooks(self, units: Sequence[str]) -> None:
        """Check that each webhook has a name of its own."""
        seen: set[str] = set()
        for place, webhook in self.each("webhooks"):
            if webhook["id"] in seen:
                self.tell((*place, "id"), f"{webhook['id']!r} is an earlier webhook's: give each its own")
            seen.add(webhook["id"])
            self.named((*place, "units"), webhook.get("units", ()), units, "unit")

    def withdrawn(self) -> None:
        """Tell a handle that is ours and is said to be ours no more."""
        in_use = {
            (str(place[-1]), name): account
            for unit in self.ids("units")
            for account in self.ids("units", unit, "accounts")
            for place, written in self.each("units", unit, "accounts", account, "handles")
            for _, handle in each_handle(place, written)
            for name in names_of(str(place[-1]), handle["handle"], self.base_url(place, handle))
        }
        for place, body in self.each("withdrawn"):
            self.day((*place, "since"), body["since"])
            for name in names_of(body["network"], body["handle"], self.base_url((body["network"],), {})):
                if (body["network"], name) in in_use:
                    account = in_use[body["network"], name]
                    text = (
                        f"{body['handle']} is in use on {body['network']}, in account {account!r}: delete one"
                    )
                    self.tell((*place, "handle"), text)
                    break

    def base_url(self, place: Place, handle: dict[str, Any]) -> str | None:
        """Return the address of a handle's server as the file gives it."""
        shared: dict[str, Any] = self.at("networks", str(place[-1])) or {}
        return handle.get("base_url") or shared.get("base_url")

    def card(self, place: Place, card: dict[str, Any], members: Sequence[str]) -> None:
        """Check who stands for an answer card, and that nothing goes out by itself that nobody stands for."""
        for key in ("owner", "approved_by"):
            if key in card:
                self.is_known((*place, key), card[key], members, "member")
        if "expires" in card:
            self.day((*place, "expires"), card["expires"])
        if "variants" in card and "text" not in card:
            self.tell((*place, "variants"), "are of no text: write `text`, which all other networks get")
        if card.get("automatic"):
            missing = [key for key in ("text", "owner", "expires", "approved_by") if key not in card]
            if missing:
                text = f"needs {', '.join(missing)}: nothing goes out by itself that nobody stands for"
                self.tell((*place, "automatic"), text)
