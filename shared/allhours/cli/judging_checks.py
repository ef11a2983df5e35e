"""What must hold of what judges a post: phrases that can be found, units that exist, texts fit to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli.checks import Checks
from allhours.cli.judging_file import AWAY, topics
from allhours.cli.words import shipped, shipped_for_drafts
from allhours.domain.engagement import CASE, MUST, POLICIES
from allhours.domain.errors import BadInput
from allhours.domain.personal_data import mask
from allhours.domain.urgency import COMPANY_DUTY, KINDS
from allhours.domain.word_lists import check_phrase, words_of

if TYPE_CHECKING:
    from allhours.cli.yaml_lines import Document, Place


def check_judging(document: Document, broken: set[Place]) -> None:
    """Tell every mistake about word lists, urgency, engagement and answers that the schema cannot see."""
    _Judging(document, broken).all()


class _Judging(Checks):
    """The checks, from the top down."""

    __slots__ = ()

    def all(self) -> None:
        """Check the whole document."""
        units = self.ids("units")
        self.word_lists()
        self.topics(units)
        for place, kind in self.each("urgent"):
            if "unit" in kind:
                self.is_known((*place, "unit"), kind["unit"], units, "unit")
            if "protocol" in kind:
                self.fit_to_show((*place, "protocol"), kind["protocol"])
            if kind.get("answer_within", "1m")[:-1].strip("0") == "":
                self.tell((*place, "answer_within"), "promises nothing: write a length, as 10m")
        self.company_duty()
        for place, policy in self.each("engagement"):
            self.policy(place, policy, units)
        for place, card in self.each("answers"):
            self.is_known((*place, "unit"), card["unit"], units, "unit")
        for unit in units:
            for place, text in self.each("units", unit, "holding_answer"):
                self.fit_to_show(place, text)

    def word_lists(self) -> None:
        """Check that each phrase is one, is said once, and is there where it is taken away."""
        usual = shipped()[0] | shipped_for_drafts()[0]
        for place, phrases in self.each("word_lists"):
            there = set(usual.get(str(place[-1]), ()))
            for number, phrase in enumerate(phrases):
                here = (*place, number)
                if phrase.startswith(AWAY):
                    if phrase.removeprefix(AWAY).strip() not in there:
                        self.tell(here, f"{phrase!r} takes away what the shipped list does not have")
                    continue
                try:
                    check_phrase(phrase)
                except BadInput as error:
                    self.tell(here, str(error))
                if phrase in there:
                    self.tell(here, f"{phrase!r} is in the list already: delete it")
                there.add(phrase)

    def topics(self, units: list[str]) -> None:
        """Check that no topic belongs to two units."""
        taken: dict[str, str] = {}
        for unit in units:
            body = self.part("units", unit)
            written = self.at("units", unit, "topics") if "topics" in body else list(topics(unit, {}))
            for topic in written or ():
                if topic in taken:
                    self.tell(
                        ("units", unit, "topics"),
                        f"{topic!r} is unit {taken[topic]!r}'s already: keep it in one of the two",
                    )
                taken.setdefault(topic, unit)

    def company_duty(self) -> None:
        """Tell a kind that calls the company duty where nobody has it."""
        if self.document.values.get(COMPANY_DUTY):
            return
        for place, kind in self.each("urgent"):
            if COMPANY_DUTY in kind.get("page", KINDS[str(place[-1])][1].page):
                text = "nobody has company_duty: write `company_duty: <member>` at the top"
                self.tell((*place, "page"), text)

    def policy(self, place: Place, policy: dict[str, str], units: list[str]) -> None:
        """Check one engagement policy."""
        usual = POLICIES[str(place[-1])]
        if "unit" in policy:
            self.is_known((*place, "unit"), policy["unit"], units, "unit")
        stance = policy.get("stance", usual.stance)
        lane = policy.get("lane", CASE if stance == MUST else usual.lane)
        if stance == MUST and lane != CASE:
            self.tell((*place, "lane"), f"what must be answered is a case: write `lane: case`, not {lane}")
        if "unit" in policy and lane != CASE:
            self.tell((*place, "unit"), f"no case is opened in lane {lane}: delete it, or write `lane: case`")
        for number, name in enumerate(policy.get("names", ())):
            if not words_of(name) or "." in words_of(name):
                self.tell((*place, "names", number), f"{name!r} is no name: write its words")

    def fit_to_show(self, place: Place, text: str) -> None:
        """Tell personal data in a text that is shown to many."""
        if found := mask(text).found:
            self.tell(place, f"has personal data in it ({', '.join(found)}): write where to find it instead")
