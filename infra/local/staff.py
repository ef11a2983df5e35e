"""The desk's staff of a run: members who sign in and work through the API like people, one deed at a time.

They take what is due first, answer it with a card or a sentence of our own, have a second person agree where
their unit asks for it, hand some over, and close what is answered or cannot be.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import TYPE_CHECKING, Any

from infra.local.desk import SignInError, made_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.organisation import Organisation
    from infra.local.desk import AtDesk, Door, Said

PACE_SECONDS = 0.4  # between two deeds; a deed is up to four requests
HAND_OVER_EVERY = 15  # cases
CLOSE_EVERY = 3  # answers
BEHIND = 3  # answers to be closed; by then the network has had a moment
LOOKED_AT = 10  # cases of a unit's list
SENTENCES = (
    "Thank you for telling us. We are looking into it and will write again here.",
    "Sorry about this. Our team is on it now, and you will hear from us today.",
    "Thank you, this helps. We have passed it to the people who can put it right.",
    "We see this too and are working on it. We will tell you as soon as it is done.",
    "Sorry for the trouble. Could you tell us since when you have seen this?",
)
SHORT = "Sorry about this. We are on it."
GREETINGS = ("Hello", "Good day", "Hi", "Hello there", "Thank you for writing")
OK, SIGNED_OUT, CONFLICT = 200, 401, 409


@dataclass(slots=True, kw_only=True)
class Staff:
    """Everybody who works at a desk; `troubles` counts what the desk refused them."""

    door: Door
    organisation: Organisation
    troubles: Counter[str] = field(default_factory=Counter[str])
    _units: Iterator[str] | None = None
    _count: int = 0
    _left: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Posts, by case, with which the staff is done."""
    _moved: set[str] = field(default_factory=set[str])
    _sent: deque[tuple[str, str, str, str]] = field(
        default_factory=lambda: deque[tuple[str, str, str, str]](maxlen=200)
    )
    """(unit, member, case, reply) of answers whose case is to be closed."""

    def next(self) -> float:
        """Do one deed, and return the seconds until the one after it."""
        self._units = self._units or cycle(self.organisation.units)
        if len(self._sent) >= BEHIND:
            self._close_answered()
        unit = next(self._units)
        if people := self._people(unit):
            try:
                self._work(unit, *people)
            except (OSError, SignInError) as error:
                self.troubles[f"{type(error).__name__} {error}"] += 1
        return PACE_SECONDS

    def _people(self, unit: str) -> tuple[str, ...]:
        """Return who works now, then who could agree; leads first, for some answers only they let go."""
        there, at = self.organisation.units[unit], datetime.now(UTC)
        on_duty = self.organisation.on_duty(unit, at).members
        known = self.door.sign_in.people
        writers = [each for each in (*on_duty, *there.members) if each in known]
        leads = [each for each in (*there.leads, there.head) if each in known]
        if not writers:
            return ()
        return tuple(dict.fromkeys((writers[0], *leads, *writers)))

    def _work(self, unit: str, writer: str, *others: str) -> None:
        desk = self.door.enter(writer)
        listed = desk.get("/api/cases", unit=unit, limit=LOOKED_AT)
        if listed.status == SIGNED_OUT:
            self.door.enter(writer, anew=True)
        if not self._went_well("list", listed):
            return None
        for row in listed.body["cases"]:
            draft = row["draft"] or {}
            if draft.get("state") == "waiting" and (
                second := next((e for e in others if e != draft["by"]), "")
            ):
                return self._agree(self.door.enter(second), row["case_id"])
            if not draft and not row["veto"] and self._answer(desk, row["case_id"]):
                return None
        return None

    def _answer(self, desk: AtDesk, case_id: str) -> bool:
        """Do what one does with a case; False where nothing is left to be done."""
        read = desk.get(f"/api/cases/{case_id}")
        if not self._went_well("read", read):
            return False
        case = read.body
        if (case_id, case["answers"]) in self._left or "send" not in case["actions"]:
            return False
        self._count += 1
        if self._count % HAND_OVER_EVERY == 0 and case_id not in self._moved and case["replies"] == 0:
            return self._hand_over(desk, case)
        self._left.add((case_id, case["answers"]))
        way = next((each for each in case["ways"] if each["allowed"]), None)
        if way is None:
            body = {"cause": "no answer needed", "because": "nobody can answer there"}
            return self._went_well("close", desk.post(f"/api/cases/{case_id}/close", body))
        self._went_well("take", desk.post(f"/api/cases/{case_id}/take"))
        words = self._words(desk, case, way)
        if words is None:
            self.troubles[f"no words could go out on {case['network']}"] += 1
            return True
        reply_id = made_up()
        sent = desk.post(
            f"/api/cases/{case_id}/replies",
            {**words, "reply_id": reply_id, "seen": case["seen"]},
            key=reply_id,
        )
        if sent.status == CONFLICT:  # the customer wrote more, or deleted it
            self._left.discard((case_id, case["answers"]))
        if self._went_well("send", sent) and self._count % CLOSE_EVERY == 0:
            self._sent.append((case["unit"], desk.member, case_id, reply_id))
        return True

    def _words(self, desk: AtDesk, case: Mapping[str, Any], way: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what can go out: a card's text every other time, else our own; None where nothing can."""
        there = {name: way[name] for name in ("account", "handle", "private")}
        there["item_key"] = case["answers"]
        for words in self._ideas(case):
            told = desk.post(f"/api/cases/{case['case_id']}/check", {**there, **words})
            if self._went_well("check", told) and told.body["may_send"]:
                return {**there, **words}
        return None

    def _ideas(self, case: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        cards = [each for each in case["cards"] if each["text"]]
        if cards and self._count % 2:
            yield {"text": cards[0]["text"], "card": cards[0]["card_id"]}
        greeting = GREETINGS[self._count // len(SENTENCES) % len(GREETINGS)]
        name = case["author"]["name"] or case["author"]["handle"].lstrip("@")
        yield {"text": f"{greeting} {name}. {SENTENCES[self._count % len(SENTENCES)]}"}
        yield {"text": f"{greeting}. {SHORT}"}

    def _hand_over(self, desk: AtDesk, case: Mapping[str, Any]) -> bool:
        others = [unit for unit in self.organisation.units if unit != case["unit"]]
        if not others:
            return False
        self._moved.add(case["case_id"])
        body = {"unit": others[self._count % len(others)], "because": "they know more about this"}
        return self._went_well("hand over", desk.post(f"/api/cases/{case['case_id']}/move", body))

    def _agree(self, desk: AtDesk, case_id: str) -> None:
        """Be the second person for a draft that waits."""
        case = desk.get(f"/api/cases/{case_id}")
        if not self._went_well("read", case) or not case.body["draft"]:
            return
        body = {
            "reply_id": made_up(),
            "version": case.body["draft"]["version"],
            "seen": case.body["seen"],
            "because": "read by a second person",
        }
        self._went_well("approve", desk.post(f"/api/cases/{case_id}/draft/approve", body))

    def _close_answered(self) -> None:
        """Close the case of an early answer, once the network has it."""
        unit, member, case_id, reply_id = self._sent.popleft()
        desk = self.door.enter(member)
        reply = desk.get(f"/api/replies/{reply_id}")
        state = reply.body["state"] if reply.status == OK else ""
        if state in {"ready", "claimed"}:
            self._sent.append((unit, member, case_id, reply_id))
        elif state == "posted":
            body = {"cause": "answered", "because": ""}
            self._went_well("close", desk.post(f"/api/cases/{case_id}/close", body))

    def _went_well(self, what: str, said: Said) -> bool:
        if said.trouble and said.status != CONFLICT:  # somebody was faster, which is no trouble
            self.troubles[f"{what}: {said.trouble}"] += 1
        return not said.trouble
