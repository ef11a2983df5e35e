"""The desk on the real template: members who sign in, and answers that customers see once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from allhours.networks import NETWORKS, network_module
from infra.local.answered import approved, compared
from infra.local.desk import AtDesk, made_up
from infra.local.standins import oidc
from tests.end_to_end.seen import arrived, events, poll, say, venue, waited_for, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.desk import Door, Said
    from infra.local.scene import Scene
    from infra.local.standins.oidc import SignIn

ANSWERED = [name for name in NETWORKS if hasattr(network_module(name), "answering")]
UNDER_WAY = {"ready", "claimed"}
CARD = "4111 1111 1111 1111"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A customer's post as it lies in a unit's inbox."""

    key: str
    case_id: str
    unit: str


def told(scene: Scene, network: str, account: str, text: str, *, author: str = "") -> Told:
    """Let a customer post, and wait until a unit has it."""
    key = say(scene, network, account, text, author=author)
    event = arrived(scene, key, again=lambda: poll(scene, network)).event
    return Told(key=key, case_id=event["case_id"], unit=event["unit"])


def people_of(scene: Scene, unit: str) -> tuple[str, ...]:
    """Name members of a unit who do not lead it."""
    there = scene.organisation.units[unit]
    return tuple(each for each in there.members if each not in {*there.leads, there.head})


def case(desk: AtDesk, case_id: str) -> dict[str, Any]:
    """Read a case whole."""
    read = desk.get(f"/api/cases/{case_id}")
    assert not read.trouble, read.trouble
    return dict(read.body)


def sent(desk: AtDesk, shown: Mapping[str, Any], text: str, *, reply_id: str = "") -> Said:
    """Answer a case as it was shown, the best way."""
    way = {name: shown["ways"][0][name] for name in ("account", "handle", "private")}
    body = {"text": text, "reply_id": reply_id or made_up(), "seen": shown["seen"], **way}
    return desk.post(f"/api/cases/{shown['case_id']}/replies", body)


def ended(desk: AtDesk, reply_id: str) -> dict[str, Any]:
    """Wait for the end of an answer's way."""

    def look() -> dict[str, Any] | None:
        read = desk.get(f"/api/replies/{reply_id}")
        assert not read.trouble, read.trouble
        return None if read.body["state"] in UNDER_WAY else dict(read.body)

    found = waited_for(look)
    assert found, f"{reply_id} is still on its way"
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What became of one answer on each network."""

    tellings: Mapping[str, Told]
    ways: Mapping[str, Mapping[str, Any]]
    clicks: Mapping[str, tuple[Said, Said]]
    replies: Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def answered(scene: Scene, door: Door) -> Round:
    """Answer a post on every network that takes answers; every click comes twice, at the same time."""
    keys = {
        network: say(
            scene,
            network,
            scene.organisation.handles_on(network)[0].account,
            f"acme bank: where is the statement of my account? {word()}",
        )
        for network in ANSWERED
    }
    tellings: dict[str, Told] = {}
    ways: dict[str, Mapping[str, Any]] = {}
    clicks: dict[str, tuple[Said, Said]] = {}
    desks: dict[str, AtDesk] = {}
    with ThreadPoolExecutor(2) as pool:
        for network, key in keys.items():
            event = arrived(scene, key, again=lambda network=network: poll(scene, network)).event  # type: ignore[misc] # bound now
            tellings[network] = Told(key=key, case_id=event["case_id"], unit=event["unit"])
            desk = desks[network] = door.enter(people_of(scene, event["unit"])[0])
            shown = case(desk, event["case_id"])
            ways[network] = shown["ways"][0]
            reply_id, text = made_up(), f"We are looking into it, {word()}."
            both = [pool.submit(sent, desk, shown, text, reply_id=reply_id) for _ in range(2)]
            clicks[network] = both[0].result(), both[1].result()
        replies = {
            network: ended(desks[network], first.body["reply"]["reply_id"])
            for network, (first, _) in clicks.items()
            if not first.trouble
        }
    return Round(tellings=tellings, ways=ways, clicks=clicks, replies=replies)


@pytest.mark.parametrize("network", ANSWERED)
def test_a_post_gets_one_answer_from_the_account_it_was_said_to(
    scene: Scene, answered: Round, network: str
) -> None:
    key, way = answered.tellings[network].key, answered.ways[network]
    first, second = answered.clicks[network]
    assert (first.trouble, second.trouble) == ("", "")
    reply = answered.replies[network]
    assert (reply["state"], reply["reason"]) == ("posted", "")
    (shown,) = scene.town.answers(key)
    assert (shown.handle.account, shown.handle.handle) == (way["account"], way["handle"])
    assert shown.handle.account == scene.organisation.handles_on(network)[0].account
    assert (shown.text, shown.private) == (reply["text"], reply["private"])
    assert shown.text.startswith("We are looking into it, ")


@pytest.mark.parametrize("network", ANSWERED)
def test_a_repeated_click_is_the_same_reply(answered: Round, network: str) -> None:
    first, second = answered.clicks[network]
    assert (first.status, second.status) == (HTTPStatus.CREATED, HTTPStatus.CREATED)
    assert first.body["reply"]["reply_id"] == second.body["reply"]["reply_id"]


def test_what_customers_see_is_what_was_approved(scene: Scene, answered: Round) -> None:
    assert answered.replies
    before = scene.town.answers()
    replies = approved(scene.deployed.rows())
    played = [each.handle.key for each in scene.town.venues]
    found = compared(replies, before, scene.town.answers(), played=played)
    assert (found.twice, found.wrong) == ((), ())


def test_a_card_number_never_leaves_the_desk(scene: Scene, door: Door) -> None:
    it = told(scene, "x", "acmecards", f"my card was declined, why? {word()}")
    desk = door.enter(people_of(scene, it.unit)[0])
    shown = case(desk, it.case_id)
    refused = sent(desk, shown, f"Is it {CARD}?")
    assert refused.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert CARD not in refused.trouble
    assert scene.town.answers(it.key) == []
    kept = desk.put(f"/api/cases/{it.case_id}/draft", {"text": f"Is it {CARD}?"})
    assert kept.status == HTTPStatus.OK
    assert CARD not in str(case(desk, it.case_id))


def test_a_case_that_is_handed_over_is_the_other_unit_s_and_no_longer_the_first_s(
    scene: Scene, door: Door
) -> None:
    it = told(scene, "x", "acmecards", f"my card was declined in your app {word()}")
    ours, theirs = (door.enter(people_of(scene, unit)[0]) for unit in (it.unit, "online_banking"))
    assert it.case_id in listed(ours)
    assert theirs.get(f"/api/cases/{it.case_id}").status == HTTPStatus.NOT_FOUND
    moved = ours.post(
        f"/api/cases/{it.case_id}/move", {"unit": "online_banking", "because": "it is about the app"}
    )
    assert (moved.trouble, moved.body) == ("", {"case_id": it.case_id})
    assert it.case_id in listed(theirs)
    assert it.case_id not in listed(ours)
    assert ours.get(f"/api/cases/{it.case_id}").status == HTTPStatus.NOT_FOUND
    assert any("it is about the app" in each["because"] for each in trail(theirs, it.case_id))


def listed(desk: AtDesk, **query: str) -> list[str]:
    """List the cases that somebody sees, in order."""
    found: list[str] = []
    cursor = ""
    while True:
        read = desk.get("/api/cases", **query, **({"cursor": cursor} if cursor else {}))
        assert not read.trouble, read.trouble
        found += [each["case_id"] for each in read.body["cases"]]
        cursor = read.body["next"]
        if not cursor:
            return found


def trail(desk: AtDesk, case_id: str) -> list[dict[str, Any]]:
    """Read what was done to a case."""
    read = desk.get(f"/api/cases/{case_id}/audit")
    assert not read.trouble, read.trouble
    return list(read.body["audits"])


def test_cases_are_listed_by_what_is_due_first(scene: Scene, door: Door) -> None:
    told(scene, "x", "acmepay", f"my transfer did not arrive {word()}")
    desk = door.enter(people_of(scene, "payments")[0])
    read = desk.get("/api/cases", unit="payments", limit=50)
    due = [each["next_due_at"] for each in read.body["cases"] if each["next_due_at"]]
    assert due
    assert due == sorted(due)


PROMISE = "We guarantee that you will get it back."
"""What the linter warns of, so that in some units a second person reads it."""


def claim(scene: Scene, author: str = "") -> Told:
    """Let somebody ask a unit that has risky answers read twice."""
    asked = f"does my travel insurance cover a cancelled flight? {word()}"
    return told(scene, "facebook", "acmecover", asked, author=author)


def test_who_wrote_an_answer_cannot_be_the_second_person_and_another_can(scene: Scene, door: Door) -> None:
    it = claim(scene)
    writer, second = (door.enter(each) for each in people_of(scene, it.unit)[:2])
    waits = sent(writer, case(writer, it.case_id), PROMISE)
    assert waits.status == HTTPStatus.ACCEPTED
    assert waits.body["draft"]["state"] == "waiting"
    assert approve(writer, it.case_id).status == HTTPStatus.FORBIDDEN
    assert scene.town.answers(it.key) == []
    gone = approve(second, it.case_id)
    assert (gone.status, gone.trouble) == (HTTPStatus.CREATED, "")
    reply = ended(second, gone.body["reply"]["reply_id"])
    assert (reply["state"], reply["by"], reply["approved_by"]) == ("posted", writer.member, second.member)
    assert [each.text for each in scene.town.answers(it.key)] == [reply["text"]]


def approve(desk: AtDesk, case_id: str, *, seen: str = "") -> Said:
    """Agree to the draft of a case as it is shown, or was."""
    shown = case(desk, case_id)
    body = {
        "reply_id": made_up(),
        "version": shown["draft"]["version"],
        "seen": seen or shown["seen"],
        "because": "we talked",
    }
    return desk.post(f"/api/cases/{case_id}/draft/approve", body)


def test_an_approval_is_given_again_when_the_customer_wrote_more(scene: Scene, door: Door) -> None:
    author = f"leela{word()}"
    it = claim(scene, author)
    writer, second = (door.enter(each) for each in people_of(scene, it.unit)[:2])
    sent(writer, case(writer, it.case_id), PROMISE)
    before = case(second, it.case_id)
    there, below = venue(scene, "facebook", "acmecover"), it.key.partition("#")[2]
    more = scene.town.say(there, author, "and a delayed one?", reply_to=below)
    arrived(scene, f"facebook#{more}")
    refused = approve(second, it.case_id, seen=before["seen"])
    assert refused.status == HTTPStatus.CONFLICT
    assert any("wrote more" in each for each in refused.body["error"]["details"]["changes"])
    assert scene.town.answers(it.key) == []
    assert approve(second, it.case_id).status == HTTPStatus.CREATED


def test_a_token_that_is_forged_ended_or_not_there_lets_nobody_in(
    door: Door, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = door.enter("ana").token
    other = oidc.SignIn(people=sign_in.people, systems={}, port=sign_in.port)
    head, _, rest = real.partition(".")
    claims = jwt.decode(real, options={"verify_signature": False})
    changed = jwt.encode({**claims, "email": "petra@acmebank.example"}, "x" * 32, algorithm="HS256")
    with monkeypatch.context() as past:
        past.setattr(oidc, "TOKEN_FOR", -120)
        ended_one = sign_in.token_of("ana")
    forged = {
        "another key": other.token_of("ana"),
        "another body": ".".join([head, changed.split(".")[1], rest.rpartition(".")[2]]),
        "another kind of key": changed,
        "ended": ended_one,
        "none": "",
    }
    for kind, token in forged.items():
        said = AtDesk(address=door.address, member="ana", token=token).get("/api/me")
        assert said.status == HTTPStatus.UNAUTHORIZED, kind
    again = AtDesk(address=door.address, member="ana", token=real).get("/api/me")
    assert again.body["member"] == "ana"


def test_a_member_sees_only_their_units(scene: Scene, door: Door) -> None:
    it = told(scene, "x", "acmecards", f"my card was declined, only ours {word()}")
    there, elsewhere = door.enter("ben"), door.enter("hugo")
    assert [each["unit"] for each in elsewhere.get("/api/me").body["units"]] == ["payments"]
    assert it.case_id in listed(there)
    read = elsewhere.get("/api/cases", limit=50)
    assert {each["unit"] for each in read.body["cases"]} <= {"payments"}
    for said in (
        elsewhere.get(f"/api/cases/{it.case_id}"),
        elsewhere.get(f"/api/cases/{it.case_id}/audit"),
        elsewhere.get("/api/cases", unit="cards"),
        elsewhere.post(f"/api/cases/{it.case_id}/take"),
    ):
        assert said.status == HTTPStatus.NOT_FOUND
    auditor = door.enter("ada")
    assert case(auditor, it.case_id)["actions"] == ["see"]
    assert auditor.post(f"/api/cases/{it.case_id}/take").status == HTTPStatus.FORBIDDEN


def test_a_page_is_acknowledged_at_the_desk(scene: Scene, door: Door) -> None:
    it = told(scene, "x", "acmeapp", f"there is an outage, your app is down for everybody {word()}")
    desk = door.enter(people_of(scene, it.unit)[0])

    def called() -> list[dict[str, Any]]:
        found = desk.get("/api/pages", unit=it.unit)
        return [each for each in found.body["pages"] if each["case_id"] == it.case_id]

    (page,) = waited_for(called)
    assert page["state"] == "open"
    had = desk.post(f"/api/pages/{page['page_id'].replace('#', '%23')}/ack")
    assert (had.trouble, had.body["state"], had.body["by"]) == ("", "taken", desk.member)
    assert not called()


def test_what_its_author_deleted_before_we_heard_of_it_is_answered_by_nobody(
    scene: Scene, door: Door
) -> None:
    it = told(scene, "mastodon", "acmebank", f"where is the statement of my account? {word()}")
    venue(scene, "mastodon", "acmebank").stand_in.delete(it.key.partition("#")[2])
    desk = door.enter(people_of(scene, it.unit)[0])
    gone = sent(desk, case(desk, it.case_id), f"We are looking into it, {word()}.")
    if gone.status == HTTPStatus.CREATED:  # else a poll was faster, and the desk knew
        reply = ended(desk, gone.body["reply"]["reply_id"])
        assert (reply["state"], bool(reply["reason"])) == ("rejected", True)
    assert scene.town.answers(it.key) == []
    poll(scene, "mastodon", "reread")
    assert waited_for(lambda: events(scene, it.key, "item.deleted"))
