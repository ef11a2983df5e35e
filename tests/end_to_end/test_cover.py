"""Cover around the clock on the real template: pages climb, duty changes hands, gaps are found or refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from allhours.domain.links import member_link, signed
from infra.local.climbs import called_for
from infra.local.emulator import FOLDER
from tests.end_to_end.conftest import NOBODY_IN, QUICK
from tests.end_to_end.seen import arrived, paged, pages, row, say, waited_for, word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infra.local.climbs import CalledFor
    from infra.local.ledger import Arrival
    from infra.local.scene import Scene

(CLIMBING,) = QUICK
SICK_IN, TAKEN_IN, SWAPPED_IN = (
    "accounts",
    "customer_care",
    "payments",
)  # units that nothing else here looks at


def asked(
    scene: Scene,
    link: str,
    method: str = "GET",
    body: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Ask a public address as a phone or a program does; return the status and what came back."""
    content = json.dumps(body).encode() if body is not None else None
    kind = {"Content-Type": "application/json"} if body is not None else {}
    request = Request(scene.deployed.reachable(link), content, {**kind, **(headers or {})}, method=method)  # noqa: S310 - ours
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - the emulator's
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def tick(scene: Scene) -> None:
    assert scene.deployed.invoke("Clock", {}) == ""


def called(scene: Scene, page_id: str) -> CalledFor:
    (found,) = called_for([row(scene, f"PAGE#{page_id}")])
    return found


def calls(scene: Scene, why: str, case_id: str) -> list[str]:
    return [str(page["member"]) for page in pages(scene, why, case_id)]


@pytest.fixture
def page(scene: Scene) -> Mapping[str, Any]:
    """Let a customer write something urgent, and return the page that the first on the ladder gets."""
    key = say(scene, "x", "acmesafe", f"somebody used my card, I was robbed {word()}")
    return paged(scene, "urgent", arrived(scene, key).event["case_id"])


def link_of(scene: Scene, member_id: str) -> str:
    """Make a member's own link, with the key that the template made."""
    key = scene.deployed.secret("links")["key"].encode()
    token = signed(member_link(member_id, 0, datetime.now(UTC)), key)
    return f"{scene.deployed.outputs['PublicUrl']}/members/{token}"


def wished(scene: Scene, member_id: str, **wish: str) -> tuple[int, dict[str, Any]]:
    status, body = asked(scene, link_of(scene, member_id), "POST", wish)
    return status, json.loads(body)


def changes(scene: Scene) -> str:
    return str(row(scene, "ROTA").get("changes", {}).get("S", ""))


# Pages


def test_a_page_climbs_when_nobody_answers_and_stops_when_its_link_is_opened(
    scene: Scene, page: Mapping[str, Any]
) -> None:
    head = scene.organisation.units[CLIMBING].head
    case_id = str(page["page_id"]).split("#")[1]
    assert page["member"] != head
    assert waited_for(lambda: head in calls(scene, "urgent", case_id), again=lambda: tick(scene))
    climbing = called(scene, page["page_id"])
    assert climbing.open
    assert climbing.climb
    assert [one.step for one in climbing.climb.told][-1] == 1

    theirs = next(each for each in pages(scene, "urgent", case_id) if each["member"] == head)
    status, shown = asked(scene, theirs["link"])
    assert (status, scene.organisation.members[head].name in shown) == (200, True)
    stopped = called(scene, page["page_id"])
    assert stopped.climb
    assert (stopped.climb.acknowledged_by, stopped.climb.next_at) == (head, None)
    assert "due" not in row(scene, f"PAGE#{page['page_id']}"), "the clock does not look at it any more"
    told = notices(scene, CLIMBING, "page.acknowledged", page["page_id"])
    assert len(told) == 1

    before = calls(scene, "urgent", case_id)
    asked(scene, theirs["link"], "POST", {"do": "release"})
    assert called(scene, page["page_id"]).open
    first = str(page["member"])
    assert waited_for(
        lambda: calls(scene, "urgent", case_id).count(first) > before.count(first), again=lambda: tick(scene)
    ), "handed back, it begins again with the first on the ladder"
    assert asked(scene, theirs["link"])[0] == 410, "the old link is used up"
    newest = next(each for each in reversed(pages(scene, "urgent", case_id)) if each["member"] == first)
    assert asked(scene, newest["link"])[0] == 200
    assert not called(scene, page["page_id"]).open


def test_looking_ahead_changes_nothing(scene: Scene, page: Mapping[str, Any]) -> None:
    link = str(page["link"])
    assert asked(scene, link, "HEAD") == (200, "")
    for header in ("Purpose", "Sec-Purpose", "X-Moz"):
        assert asked(scene, link, headers={header: "prefetch"})[0] == 200
    status, shown = asked(scene, f"{link}?ask")
    assert (status, "<form" in shown) == (200, True), "a mail scanner finds a button"
    assert called(scene, page["page_id"]).open
    assert asked(scene, f"{link[:-4]}abcd")[0] == 403, "a link that is not ours"
    assert called(scene, page["page_id"]).open
    assert asked(scene, link, "POST", {"do": "acknowledge"})[0] == 200
    assert not called(scene, page["page_id"]).open


# Duty


def notices(scene: Scene, unit: str, event: str, about: str = "") -> list[Arrival]:
    def look() -> list[Arrival]:
        with scene.lock:
            return [
                each
                for each in scene.ledger.notices
                if (each.unit, each.event["event"]) == (unit, event) and about in json.dumps(each.event)
            ]

    return waited_for(look)


def test_who_takes_the_shift_gets_the_cases_and_the_packet_once(scene: Scene) -> None:
    now = datetime.now(UTC)
    unit = scene.organisation.units[TAKEN_IN]
    on_now = scene.organisation.on_duty(TAKEN_IN, now).members
    others = [name for name in unit.members if name not in on_now]
    key = say(scene, "x", "acmebank", f"nobody calls me back, I want to speak to a real person {word()}")
    case_id = arrived(scene, key).event["case_id"]
    owner = json.loads(row(scene, f"CASE#{case_id}")["case"]["S"])["owner"]

    answers = (
        (name, *wished(scene, name, do="take", unit=TAKEN_IN, instead_of=owner))  # at some hours one of them
        for name in others  # has not rested yet
    )
    takes, _, body = next(each for each in answers if each[1] == 200)
    change = body["change"]
    assert (change["add"], change["remove"], change["by"]) == (takes, owner, takes)

    def handed_over() -> list[Arrival]:
        with scene.lock:
            return [
                each
                for each in scene.ledger.notices
                if each.event["event"] == "handover" and takes in json.dumps(each.event["joined"])
            ]

    def twice_at_once() -> None:
        with ThreadPoolExecutor(2) as both:
            list(both.map(tick, [scene, scene]))

    assert waited_for(handed_over, again=twice_at_once)
    twice_at_once()
    (packet,) = handed_over()
    assert packet.unit == TAKEN_IN
    assert packet.event["open"] >= 1
    assert owner in json.dumps(packet.event["left"])

    def moved() -> bool:
        return bool(json.loads(row(scene, f"CASE#{case_id}")["case"]["S"])["owner"] != owner)

    assert waited_for(moved, again=lambda: tick(scene))
    assert notices(scene, TAKEN_IN, "case.assigned", case_id)


def test_a_gap_that_somebody_s_illness_opens_is_found_and_announced(scene: Scene) -> None:
    now = datetime.now(UTC)
    (ill,) = scene.organisation.on_duty(SICK_IN, now).members[:1]
    until = (now + timedelta(days=2)).date().isoformat()
    status, body = wished(scene, ill, do="sick", until=until)
    assert status == 200, body
    assert body["change"]["forced"], "nobody is refused to be sick"
    assert body["change"]["objections"]

    def proved() -> bool:
        assert scene.deployed.invoke("Prove", {}) == ""
        with scene.lock:
            return any(
                each.unit == SICK_IN and each.event["event"] == "gap.found" for each in scene.ledger.notices
            )

    assert waited_for(proved)
    assert waited_for(lambda: pages(scene, "gap_ahead", SICK_IN), again=lambda: tick(scene))


def test_a_change_that_opens_a_gap_is_refused_with_the_reason_and_not_recorded(scene: Scene) -> None:
    alone, at = somebody_alone(scene, SWAPPED_IN)
    before = changes(scene)
    day = at.date().isoformat()
    status, body = wished(scene, alone, do="leave", **{"from": day, "until": day})
    assert status == 409, body
    assert any("nobody" in each for each in body["refused"]), body
    assert changes(scene) == before


def test_a_swap_counts_when_both_have_agreed(scene: Scene, organisation_file: Path) -> None:
    alone, _ = somebody_alone(scene, SWAPPED_IN)
    status, body = asked(scene, link_of(scene, alone), headers={"Accept": "application/json"})
    assert status == 200
    shift = next(
        each
        for each in json.loads(body)["shifts"]
        if each["unit"] == SWAPPED_IN
        and each["date"]
        and datetime.fromisoformat(each["from"]) > datetime.now(UTC)  # what has begun is swapped in part only
    )
    other = next(
        name
        for name in scene.organisation.units[SWAPPED_IN].members
        if name != alone and not busy(scene, name, shift)
    )
    wish = {"unit": SWAPPED_IN, "shift": shift["because"], "date": shift["date"], "with": other}
    status, asked_for = wished(scene, alone, do="swap", **wish)
    assert (status, asked_for.get("change", {}).get("state")) == (200, "proposed"), asked_for
    at = (datetime.fromisoformat(shift["from"]) + timedelta(hours=1)).isoformat()
    assert on_duty(scene, organisation_file, at) == [alone]
    status, agreed = wished(scene, other, do="agree", change=asked_for["change"]["change_id"])
    assert (status, agreed.get("change", {}).get("state")) == (200, "in_force"), agreed
    assert on_duty(scene, organisation_file, at) == [other]


def somebody_alone(scene: Scene, unit: str) -> tuple[str, datetime]:
    """Find who is on duty all alone for a unit on one of the days after tomorrow, and when."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for days in range(2, 12):
        at = noon + timedelta(days=days)
        duties = scene.organisation.segment(unit, at).duties
        if len(duties) == 1:
            (duty,) = duties
            return str(duty.member), at
    pytest.fail(f"{unit} always has two on duty: choose another unit")


def busy(scene: Scene, member_id: str, shift: Mapping[str, str]) -> bool:
    """Tell whether somebody works anywhere within a day of a shift."""
    start = datetime.fromisoformat(shift["from"])
    hours = [start + timedelta(hours=hour) for hour in range(-14, 38)]
    return any(
        member_id in scene.organisation.on_duty(unit, at).members
        for unit in scene.organisation.units
        for at in hours
    )


def on_duty(scene: Scene, organisation: Path, at: str) -> list[str]:
    """Ask the command line, as a person does."""
    words = ["who", SWAPPED_IN, "--at", at, "--stack", "allhours", "--organisation", str(organisation)]
    done = subprocess.run(
        [sys.executable, "-m", "allhours.cli", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **scene.deployed.emulator.environment(), "PYTHONPATH": str(FOLDER / "shared")},
        cwd=FOLDER,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    members: list[str] = told["members"]
    return members


def test_an_empty_desk_is_an_incident_on_record(scene: Scene) -> None:
    key = say(scene, "x", "acmehomes", f"who can talk about my mortgage {word()}")
    case_id = arrived(scene, key).event["case_id"]
    assert notices(scene, NOBODY_IN, "gap.met"), case_id
