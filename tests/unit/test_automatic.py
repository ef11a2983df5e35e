"""Answers that no person writes: which question gets one, what it says, and when it is held back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.audit import MACHINE
from allhours.domain.automatic import LABEL, SURE, AutomaticAnswers
from allhours.domain.cards import Health
from allhours.domain.case import State
from allhours.domain.engagement import MAY, POLICIES, Policy
from allhours.domain.errors import BadInput
from allhours.domain.item import Change, Item, Kind, Visibility
from allhours.domain.judgement import Opinion, Said
from allhours.domain.life import Life
from allhours.domain.organisation import AnswerCard, Organisation
from allhours.domain.reply import Reply, ReplyState
from allhours.domain.router import Router
from allhours.domain.voice import Approval
from allhours.flows.respond import Became, visit
from allhours.networks import NETWORKS
from allhours.networks.rules import rules_of
from tests.builders import NIGHT, NOON, STRANGER, a_case, a_handle, an_item, an_organisation
from tests.replies import FakeLedger, FakeReplier, FakeRepliers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from allhours.domain.case import Case
    from allhours.domain.decision import Decision
    from allhours.flows.reply_ports import Step

CARD = AnswerCard(
    card_id="visa",
    unit="cards",
    title="Visa or Mastercard",
    url="https://acmebank.example/help/visa",
    text="Our cards come as Visa or as Mastercard:",
    owner="ana",
    expires="2027-06-30",
    approved_by="ben",
    automatic=True,
)
WHOLE = f"{CARD.text} {CARD.url}\n\n{LABEL} ^Cards"
BROKEN = Health(url=CARD.url, ok=False, since=NOON, found="status 404", checked_at=NOON)
LISTS = {"wants_person": ("real person",), "legal_threat": ("in court",)}


def a_bank(card: AnswerCard = CARD, **changes: Any) -> Organisation:
    return an_organisation(answers={card.card_id: card}, word_lists=LISTS, **changes)


@dataclass
class Counter:
    """A judge that is sure of its card, and counts how often it is asked which."""

    odds: float = 0.95
    card: str = "visa"
    urgent: float = 0.0
    asked: int = 0

    def cards(self) -> tuple[tuple[str, float], ...]:
        self.asked += 1
        return ((self.card, self.odds),)

    def __call__(
        self, said: Said, words: Sequence[str], hits: Mapping[str, Sequence[str]], /
    ) -> Opinion | None:
        del words, hits
        if said.language == "fr":
            return None
        return Opinion(odds={"cards": 1.0}, urgent=self.urgent, cards=self.cards, model="m")


@dataclass
class Desk:
    """A router with one automatic card."""

    bank: Organisation = field(default_factory=a_bank)
    judge: Counter = field(default_factory=Counter)
    network: FakeReplier = field(default_factory=FakeReplier)
    health: Callable[[str], Health | None] = lambda _card: None

    @property
    def router(self) -> Router:
        answers = AutomaticAnswers(self.bank, FakeRepliers(self.network).replier, self.health)
        return Router(self.bank, self.judge, automatic=answers)

    def hear(self, item: Item | None = None, case: Case | None = None, at: Any = NOON) -> Decision:
        item = item or asks()
        return self.router.decide(item, None, case, item.conversation_key, at)


def asks(text: str = "is it a visa or a mastercard?", **changes: Any) -> Item:
    return an_item(text=text, **changes)


def test_a_card_that_is_sure_answers_the_question_that_opens_a_case() -> None:
    decision = Desk().hear()
    assert decision.case
    assert decision.reply == Reply(
        reply_id=f"auto-{decision.case.case_id}",
        case_id=decision.case.case_id,
        item_key="x#1",
        slot=0,
        unit="cards",
        account="acmecards",
        network="x",
        handle="@acmecards",
        text=WHOLE,
        private=False,
        by=MACHINE,
        approved_by="ben",
        approved_at=NOON,
        automatic=True,
        card="visa",
    )


def test_the_case_stays_open_and_untouched_and_counts_the_answer() -> None:
    decision = Desk().hear()
    assert decision.case
    assert (decision.case.state, decision.case.touched, decision.case.replies) == (State.OPEN, False, 1)
    assert decision.entry
    assert decision.entry.event
    assert decision.case.version == decision.entry.event["case_version"]


def test_it_says_that_it_is_automatic_and_how_to_get_a_person() -> None:
    reply = Desk().hear().reply
    assert reply
    assert LABEL in reply.text
    assert "person" in LABEL


def test_a_variant_is_said_where_the_network_has_one() -> None:
    card = replace(CARD, variants={"x": "As Visa or as Mastercard."})
    reply = Desk(bank=a_bank(card)).hear().reply
    assert reply
    assert reply.text.startswith("As Visa or as Mastercard.\n\n")


@pytest.mark.parametrize(
    "text",
    [
        "a person, please: visa or mastercard?",
        "visa or mastercard? I want a human",
        "is there a real person who knows",
        "can somebody tell me, visa or mastercard",
        "visa or mastercard, or we meet in court",
        "my card was stolen, visa or mastercard",
    ],
)
def test_who_asks_for_a_person_or_cannot_wait_gets_people(text: str) -> None:
    assert Desk().hear(asks(text)).reply is None


def test_what_need_not_be_answered_is_not_answered_by_a_machine() -> None:
    policies = {**POLICIES, "press": Policy(stance=MAY)}
    desk = Desk(bank=replace(a_bank(engagement=policies), word_lists={**LISTS, "press": ("journalist",)}))
    assert desk.hear(asks("journalist here: visa or mastercard?")).reply is None
    assert desk.hear().reply


@pytest.mark.parametrize(
    "changes",
    [
        {"approved_by": ""},
        {"automatic": False},
        {"text": ""},
        {"expires": "2027-03-15"},
        {"unit": "payments"},
    ],
)
def test_only_an_approved_unexpired_card_of_the_unit_answers_by_itself(changes: dict[str, Any]) -> None:
    assert Desk(bank=a_bank(replace(CARD, **changes))).hear().reply is None


def test_a_card_answers_until_the_day_before_it_expires() -> None:
    assert Desk(bank=a_bank(replace(CARD, expires="2027-03-16"))).hear().reply


def test_a_card_whose_link_is_broken_answers_nobody_and_one_of_another_link_does() -> None:
    assert Desk(health=lambda _: BROKEN).hear().reply is None
    assert Desk(health=lambda _: replace(BROKEN, url="https://acmebank.example/old")).hear().reply


def test_health_that_cannot_be_read_leaves_the_question_to_people() -> None:
    def unreadable(_card: str) -> Health | None:
        raise BadInput("CARD#visa: this release cannot read the row")

    decision = Desk(health=unreadable).hear()
    assert decision.case
    assert decision.reply is None


def test_a_card_that_is_not_sure_enough_answers_nobody() -> None:
    assert Desk(judge=Counter(odds=SURE)).hear().reply
    assert Desk(judge=Counter(odds=SURE - 0.01)).hear().reply is None


def test_urgency_that_the_model_sees_goes_to_people() -> None:
    assert Desk(judge=Counter(urgent=0.99)).hear().reply is None


def test_another_language_goes_to_people() -> None:
    assert Desk().hear(asks(language="fr")).reply is None


def test_who_did_not_write_to_us_is_not_answered_by_a_machine() -> None:
    assert Desk().hear(asks("my card: visa or mastercard?", addressed=(), kind=Kind.POST)).reply is None


@pytest.mark.parametrize(("usual", "answers"), [("none", True), ("risk", True), ("second", False)])
def test_where_a_second_person_reads_every_answer_none_is_automatic(usual: Any, *, answers: bool) -> None:
    bank = a_bank()
    unit = replace(bank.units["cards"], approval=Approval(usual=usual))
    decision = Desk(bank=replace(bank, units={**bank.units, "cards": unit})).hear()
    assert bool(decision.reply) is answers


def test_what_the_network_does_not_take_is_not_sent() -> None:
    assert Desk(network=FakeReplier(refusal="only who mentioned us")).hear().reply is None
    assert Desk(bank=a_bank(replace(CARD, text="long " * 60))).hear().reply is None
    assert Desk(bank=a_bank(lives={"x": Life.LISTEN_ONLY})).hear().reply is None
    assert Desk().hear(asks(network="mastodon")).reply is None  # nobody can answer there in this test


def test_a_private_question_is_answered_in_private() -> None:
    reply = Desk().hear(asks(visibility=Visibility.PRIVATE, kind=Kind.MESSAGE)).reply
    assert reply
    assert reply.private


CLOSED = a_case(state=State.CLOSED, closed_at=NOON - timedelta(days=1), closed_because="answered")


@pytest.mark.parametrize(
    ("item", "case"),
    [
        (asks(native_id="2"), a_case()),
        (asks(native_id="2", author=STRANGER), a_case()),
        (asks(native_id="2"), CLOSED),
        (asks(native_id="2"), replace(CLOSED, closed_at=NOON - timedelta(days=30))),
    ],
    ids=["added", "bystander", "reopened", "a new case of an old conversation"],
)
def test_only_the_first_post_of_a_conversation_is_answered_by_itself(item: Item, case: Case) -> None:
    assert Desk().hear(item, case).reply is None


def test_after_an_automatic_answer_people_have_the_case() -> None:
    """Whatever the customer writes then, also the same question: it goes to the unit, and no card answers."""
    desk = Desk()
    first = desk.hear()
    for text in ("person", "is it a visa or a mastercard?"):
        again = desk.hear(asks(text, native_id="2"), first.case)
        assert again.reply is None
        assert again.case
        assert (again.case.unit, again.case.items, again.case.replies) == ("cards", 2, 1)


def test_an_edit_and_a_promoted_post_are_not_answered_by_themselves() -> None:
    desk = Desk()
    opened = desk.hear()
    assert opened.entry
    edited = asks(change=Change.EDITED, version=2)
    assert desk.router.decide(edited, opened.entry.as_known(), opened.case, "x#1", NOON).reply is None


def test_whoever_is_answered_at_once_is_not_told_to_wait() -> None:
    bank = a_bank()
    unit = replace(bank.units["cards"], rota=bank.units["fraud"].rota, holding_answer={"en": "Until {time}."})
    bank = replace(bank, units={**bank.units, "cards": unit})
    answered, held = Desk(bank=bank).hear(at=NIGHT), Desk(bank=bank, health=lambda _: BROKEN).hear(at=NIGHT)
    assert answered.entry
    assert answered.case
    assert held.entry
    assert answered.reply
    assert "holding_answer" not in (answered.entry.event or {})
    assert not answered.case.held
    assert "holding_answer" in (held.entry.event or {})


def test_a_usual_question_is_not_asked_for_its_cards_twice() -> None:
    desk = Desk(bank=a_bank(replace(CARD, automatic=False)))
    assert desk.hear().reply is None
    assert desk.judge.asked == 1


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("private", [False, True])
def test_a_networks_rules_are_asked_without_an_account(network: str, *, private: bool) -> None:
    rules = rules_of(network)
    if rules is None:
        return
    visibility = Visibility.PRIVATE if private else Visibility.PUBLIC
    item = asks(network=network, visibility=visibility)
    rules.permission(a_handle(network=network), item, private=private, at=NOON)
    assert rules.length(WHOLE, item, private=private)


# On its way out


@dataclass
class Way:
    """An automatic answer in the ledger, with its case."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    network: FakeReplier = field(default_factory=FakeReplier)

    def __post_init__(self) -> None:
        decision = Desk().hear()
        assert decision.reply
        self.ledger.put(decision.reply, asks(), decision.case)
        self.reply_id, self.case_id = decision.reply.reply_id, decision.reply.case_id

    def becomes(self, **changes: Any) -> None:
        case = self.ledger.cases[self.case_id]
        self.ledger.cases[self.case_id] = replace(case, version=case.version + 1, **changes)

    def visit(self) -> Became:
        return visit(
            self.reply_id,
            ledger=self.ledger,
            repliers=FakeRepliers(self.network),
            organisation=a_bank(),
            own="own",
            at=NOON,
        ).became


def test_an_automatic_answer_goes_out_like_any_other() -> None:
    way = Way()
    assert way.visit() is Became.POSTED
    assert [text for _, _, text in way.network.posts] == [WHOLE]
    assert way.ledger.cases[way.case_id].answered_at == NOON
    assert not way.ledger.cases[way.case_id].touched


@pytest.mark.parametrize(
    "changes",
    [{"touched": True}, {"state": State.CLOSED}, {"items": 2}],
    ids=["taken by a person", "closed", "more was said"],
)
def test_nothing_automatic_is_said_once_people_have_the_case(changes: dict[str, Any]) -> None:
    way = Way()
    way.becomes(**changes)
    assert way.visit() is Became.REJECTED
    assert way.network.asked == []
    assert way.ledger.pages == []
    assert way.ledger.replies[way.reply_id].state is ReplyState.REJECTED


def test_a_person_who_takes_the_case_between_the_look_and_the_claim_wins() -> None:
    way = Way()
    times: list[Step] = []

    def take(step: Step) -> None:
        if step.reply.state is ReplyState.CLAIMED and not times:
            times.append(step)
            way.becomes(touched=True)

    way.ledger.first = take
    assert way.visit() is Became.REJECTED
    assert times
    assert way.network.asked == []


def test_a_persons_own_answer_is_not_held_back_by_having_the_case_in_hand() -> None:
    way = Way()
    way.becomes(touched=True)
    reply = way.ledger.replies[way.reply_id]
    way.ledger.replies[way.reply_id] = replace(reply, automatic=False, by="ana")
    assert way.visit() is Became.POSTED
