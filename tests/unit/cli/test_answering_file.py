"""How we answer, as the organisation file says it: voices, rulings, who agrees, cards, what is ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.cli.answer_lengths import lengths
from allhours.cli.answering_file import initials
from allhours.cli.organisation_file import Loaded, compiled, load
from allhours.cli.words import shipped, shipped_for_drafts
from allhours.domain.organisation_json import organisation_from_json
from allhours.domain.voice import INVITATION, Approval, Linting, Persona, System, Voice, Webhook, Withdrawn
from allhours.networks import NETWORKS, network_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.cli.yaml_lines import Place
    from allhours.domain.organisation import Organisation

SMALL = (Path(__file__).resolve().parents[2] / "organisations" / "small.yaml").read_text(encoding="utf-8")
AT = datetime(2026, 11, 21, tzinfo=UTC)
WRITTEN = """
voice: {tone: Plain., signed_by: name, invitation: {en: Please write to us in private.}}
linting: {links: warn, phrases: [no worries]}
approval: {usual: none}
domains: [small.example]
published: ["+44 20 7946 0100"]
access: {auditors: [cy], admins: [ben]}
systems: {crm: {sign_in: crm-desk, units: [cards], case_url: "https://crm.example/{id}"}}
webhooks:
  - {id: crm, url: "https://crm.example/in", units: [cards], events: [case.opened]}
  - {id: here, url: "http://127.0.0.1:9001/in", secret: mine}
withdrawn: [{network: x, handle: "@smallpay", since: 2026-03-31, note: Gone.}]
word_lists: {promises: [swear to, -rest assured]}
members:
  ana: {initials: AB, sign_in: Ana@small.example}
units:
  cards:
    leads: [ben]
    voice: {promise: Soon., signed_by: persona, personas: [{name: Sunny, retired: true}, {name: Team}]}
    linting: {capitals: block, phrases: [hang on]}
    approval: {usual: risk, by_kind: {fraud: second}}
answers:
  lost:
    unit: cards
    title: Lost card
    url: https://small.example/lost
    text: "Please freeze it first:"
    variants: {x: Please freeze it in the app first.}
    owner: ana
    expires: 2026-11-22
    approved_by: ben
    automatic: true
"""


def laid_over(folder: Path, text: str, at: datetime = AT) -> Loaded:
    for name, each in (("bank.yaml", SMALL), ("more.yaml", text)):
        (folder / name).write_text(each, encoding="utf-8")
    return load([folder / "bank.yaml", folder / "more.yaml"], at)


def bank(folder: Path, text: str = "{}") -> Organisation:
    loaded = laid_over(folder, text)
    assert loaded.mistakes == ()
    assert loaded.warnings == ()
    assert loaded.organisation is not None
    return loaded.organisation


def test_what_a_file_says_of_answers_is_compiled_and_survives_it(tmp_path: Path) -> None:
    ours = bank(tmp_path, WRITTEN)
    cards, payments = ours.units["cards"], ours.units["payments"]
    assert (cards.voice.tone, cards.voice.promise, cards.voice.signed_by) == ("Plain.", "Soon.", "persona")
    assert cards.voice.personas == (Persona(name="Sunny", retired=True), Persona(name="Team"))
    assert cards.voice.persona == "Team"
    assert cards.voice.invitation == {"en": "Please write to us in private."}
    assert (payments.voice.signed_by, payments.voice.promise) == ("name", "")
    assert cards.linting == Linting(links="warn", capitals="block", phrases=("no worries", "hang on"))
    assert payments.linting == Linting(links="warn", phrases=("no worries",))
    assert cards.approval == Approval(usual="risk", by_kind={"fraud": "second"})
    assert payments.approval == Approval()
    assert cards.leads == ("ben",)
    assert (ours.members["ana"].initials, ours.members["ana"].sign_in) == ("AB", "Ana@small.example")
    assert (ours.domains, ours.published) == (("small.example",), ("+44 20 7946 0100",))
    assert (ours.auditors, ours.admins) == (("cy",), ("ben",))
    crm = System(system_id="crm", sign_in="crm-desk", units=("cards",), case_url="https://crm.example/{id}")
    assert ours.systems == {"crm": crm}
    assert ours.webhooks == (
        Webhook(
            webhook_id="crm",
            url="https://crm.example/in",
            secret="webhooks/crm",
            units=("cards",),
            events=("case.opened",),
        ),
        Webhook(webhook_id="here", url="http://127.0.0.1:9001/in", secret="mine"),
    )
    assert ours.withdrawn == (Withdrawn(network="x", handle="@smallpay", since="2026-03-31", note="Gone."),)
    card = ours.answers["lost"]
    assert (card.owner, card.expires, card.approved_by, card.automatic) == ("ana", "2026-11-22", "ben", True)
    assert card.on("x") == "Please freeze it in the app first."
    assert card.on("mastodon") == "Please freeze it first: https://small.example/lost"
    assert organisation_from_json(json.loads(compiled(ours))) == ours


def test_a_file_that_says_nothing_of_answers_has_what_is_usual(tmp_path: Path) -> None:
    ours = bank(tmp_path)
    for unit in ours.units.values():
        assert (unit.voice, unit.linting, unit.approval) == (Voice(), Linting(), Approval())
        assert unit.voice.invitation == {"en": INVITATION}
    assert ours.draft_lists == shipped_for_drafts()[0]
    assert (ours.domains, ours.auditors, ours.admins, ours.webhooks) == ((), (), (), ())
    assert {member.initials for member in ours.members.values()} == {"AN", "BE", "CY", "PR"}


def test_our_sites_are_those_of_the_answer_cards_where_the_file_names_none(tmp_path: Path) -> None:
    cards = WRITTEN.replace("domains: [small.example]", "")
    assert bank(tmp_path, cards).domains == ("small.example",)


def test_words_for_drafts_are_added_and_taken_away_and_posts_are_judged_as_before(tmp_path: Path) -> None:
    ours = bank(tmp_path, WRITTEN)
    assert "swear to" in ours.draft_lists["promises"]
    assert "rest assured" not in ours.draft_lists["promises"]
    assert ours.word_lists == shipped()[0]


def test_no_two_of_a_unit_sign_alike_unless_the_file_wants_it() -> None:
    named = {
        "ana": {"name": "Ana Lopez"},
        "al": {"name": "Al"},
        "alma": {"name": "Alma"},
        "ali": {"name": "Ali", "initials": "AM"},
        "anna": {"name": "Anna Lund"},
        "nr": {"name": "7"},
    }
    desk = {"members": ["ana", "al", "alma", "ali"]}
    units = {
        "cards": {"desks": {"london": desk}, "shifts": [], "head": "ana"},
        "payments": {"desks": {"kolkata": {"members": ["anna", "nr"]}}, "shifts": []},
    }
    assert initials({"members": named, "units": units}) == {
        "ana": "AL",
        "al": "A2",  # AL is Ana's
        "alma": "AA",  # AM is Ali's
        "ali": "AM",
        "anna": "AL",  # in another unit
        "nr": "X",
    }


def test_a_card_that_has_expired_is_a_warning_that_names_its_owner(tmp_path: Path) -> None:
    assert laid_over(tmp_path, WRITTEN).warnings == ()
    (warning,) = laid_over(tmp_path, WRITTEN, datetime(2026, 11, 22, tzinfo=UTC)).warnings
    assert (warning.path, warning.line) == ("answers.lost.expires", 30)
    assert warning.text.startswith("expired on 2026-11-22, and is offered to nobody: ana looks")


def test_a_card_that_promises_something_is_a_warning_or_a_mistake_as_its_unit_says(tmp_path: Path) -> None:
    hasty = WRITTEN.replace("Please freeze it first:", "It is solved within 24 hours:")
    loaded = laid_over(tmp_path, hasty)
    assert loaded.mistakes == ()
    assert [(each.path, each.text[:8]) for each in loaded.warnings] == [("answers.lost.text", "promises")]
    strict = hasty.replace("capitals: block", "promises: block")
    assert [each.path for each in laid_over(tmp_path, strict).mistakes] == ["answers.lost.text"]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_text_is_measured_by_every_network_that_takes_answers(network: str) -> None:
    measured = lengths(network, "Please freeze it first. ^AB")
    can = network_module(network).capabilities
    assert bool(measured) == (can.replies.can or can.private_replies.can)
    assert all(length.fits for length in measured)


def _places(value: object, place: Place = ()) -> Iterator[Place]:
    if place:
        yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _places(inner, (*place, key))


BODY = yaml.safe_load(WRITTEN.replace("2026-11-22", '"2026-11-22"').replace("2026-03-31", '"2026-03-31"'))


ODD: list[object] = [None, 7, "nonsense ", ["zoe"], {"zoe": 1}, [], {}]


@given(st.sampled_from(list(_places(BODY))), st.sampled_from(ODD))
@settings(max_examples=100, deadline=None)
def test_nonsense_anywhere_in_it_is_told_and_never_an_error(place: Place, nonsense: object) -> None:
    body = json.loads(json.dumps(BODY))
    within = body
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = nonsense
    with TemporaryDirectory() as folder:
        loaded = laid_over(Path(folder), json.dumps(body))
    assert loaded.organisation is not None or loaded.mistakes
