"""The desk's API on the table as moto plays it; every answer is held against docs/openapi.json."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws.desk_api import api, ports
from allhours.aws.desk_store import DynamoDesk
from allhours.domain.errors import Busy
from allhours.domain.item import Author
from tests.builders import NOON, an_item
from tests.crash.harness import a_world
from tests.crash.seen import rows
from tests.desk_calls import Caller
from tests.desk_fakes import a_bank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.harness import World

ANA = {"sub": "sub-ana"}
BEN = {"sub": "sub-ben"}
PETRA = {"sub": "x", "email": "Petra@bank.test", "email_verified": "true"}  # an admin
ADA = {"sub": "y", "email": "ada@bank.test", "email_verified": "true"}  # an auditor
EVE = {"sub": "z", "email": "eve@bank.test", "email_verified": "true"}  # of no unit
CRM = {"sub": "client-crm", "client_id": "client-crm"}

LEO = Author(author_id="7003", handle="@leo", name="Leo")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Return a world in which Leela asked cards on X, and Leo payments."""
    with a_world(bank=a_bank()) as made:
        for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_ORIGINS"):
            monkeypatch.setenv(name, "")
        made.clock.move_to(NOON)
        made.queue_items(
            an_item(text="where is my card?", answer_needs={"engaged": "mentioned"}),
            an_item(
                "2",
                conversation_id="2",
                author=LEO,
                account="acmepay",
                handle="@acmepay",
                addressed=("@acmepay",),
                text="a transfer is missing",
            ),
        )
        made.route()
        ports.wired.cache_clear()
        yield made
        ports.wired.cache_clear()


@pytest.fixture
def ana(world: World) -> Caller:
    del world
    return Caller(claims=ANA)


def case_of(caller: Caller, unit: str = "cards") -> str:
    (row,) = caller.get("/api/cases", f"unit={unit}").body["cases"]
    return str(row["case_id"])


def test_who_signed_in_is_told_what_they_may_see(ana: Caller) -> None:
    me = ana.get("/api/me").body
    assert (me["member"], me["name"], me["system"]) == ("ana", "Ana", "")
    assert "cards" in {each["unit"] for each in me["units"]}


def test_the_inbox_shows_a_case_with_what_its_author_said(ana: Caller) -> None:
    (row,) = ana.get("/api/cases", "unit=cards").body["cases"]
    assert row["author"]["name"] == "Leela"
    assert row["excerpt"] == "where is my card?"


def test_a_case_is_read_whole(ana: Caller) -> None:
    whole = ana.get(f"/api/cases/{case_of(ana)}").body
    assert [each["text"] for each in whole["conversation"]] == ["where is my card?"]
    assert whole["why"]
    assert {"draft", "move", "close"} <= set(whole["actions"])


def test_a_case_that_is_taken_is_in_ones_hands_and_on_the_record(ana: Caller) -> None:
    case_id = case_of(ana)
    assert ana.post(f"/api/cases/{case_id}/take").body["owner"] == "ana"
    (row,) = ana.get(f"/api/cases/{case_id}/audit").body["audits"]
    assert (row["who"], row["what"]) == ("Ana", "taken")


# Who may what


def test_nobody_comes_in_without_a_token(world: World) -> None:
    del world
    answer = Caller(claims={}).get("/api/me")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_who_is_not_in_the_organisation_file_is_told_so(world: World) -> None:
    del world
    answer = Caller(claims={"sub": "somebody"}).get("/api/me")
    assert (answer.status, answer.code) == (403, "not_allowed")


def test_an_address_that_nobody_verified_is_nobody(world: World) -> None:
    del world
    assert Caller(claims={**PETRA, "email_verified": "false"}).get("/api/me").status == 403


def test_a_case_of_another_unit_is_one_that_does_not_exist(ana: Caller) -> None:
    dinas = case_of(Caller(claims=PETRA), "payments")
    assert ana.post(f"/api/cases/{dinas}/take").status == 404
    both = [ana.get(f"/api/cases/{name}").body for name in (dinas, "x-aaaaaaaaaaaaaaaa")]
    assert both[0] == both[1]


def test_a_unit_that_one_may_not_see_has_no_list_no_duty_and_no_cards(ana: Caller) -> None:
    for path, query in (
        ("/api/cases", "unit=payments"),
        ("/api/units/payments/duty", ""),
        ("/api/cards", "unit=payments"),
        ("/api/pages", "unit=payments"),
        ("/api/light", "unit=payments"),
    ):
        assert ana.get(path, query).status == 404, path


def test_an_auditor_reads_everything_and_writes_nothing(world: World) -> None:
    del world
    ada = Caller(claims=ADA)
    for unit in ("cards", "payments"):
        case_id = case_of(ada, unit)
        assert ada.get(f"/api/cases/{case_id}").body["actions"] == ["see"]
        answer = ada.post(f"/api/cases/{case_id}/take")
        assert (answer.status, answer.code) == (403, "not_allowed")
        assert "auditor" in answer.message


def test_a_case_handed_out_of_sight_is_named_and_not_shown(ana: Caller) -> None:
    case_id = case_of(ana)
    moved = ana.post(f"/api/cases/{case_id}/move", {"unit": "payments"})
    assert (moved.status, moved.body) == (200, {"case_id": case_id})
    assert ana.get(f"/api/cases/{case_id}").status == 404


# Reading


def test_what_has_not_changed_is_not_sent_again(ana: Caller) -> None:
    first = ana.get("/api/cases", "unit=cards")
    tag = first.headers["etag"]
    again = ana.get("/api/cases", "unit=cards", If_None_Match=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, None, tag)
    ana.post(f"/api/cases/{case_of(ana)}/take")
    assert ana.get("/api/cases", "unit=cards", If_None_Match=tag).status == 200


def test_a_list_is_read_to_its_end_by_its_cursors(world: World) -> None:
    for number in range(10, 17):
        said = an_item(
            str(number),
            conversation_id=str(number),
            author=Author(author_id=f"80{number}", handle="@a", name=f"N{number}"),
            created_at=NOON - timedelta(minutes=number),
        )
        world.queue_items(said)
    world.route()
    ana, seen, cursor = Caller(claims=ANA), list[str](), ""
    for _ in range(20):
        told = ana.get(
            "/api/cases", f"unit=cards&limit=3&cursor={cursor}" if cursor else "unit=cards&limit=3"
        )
        seen += [row["case_id"] for row in told.body["cases"]]
        cursor = told.body["next"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 8


@pytest.mark.parametrize("cursor", ["%2A", "W10", "bm9uZQ", "eyJ4IjogMX0"])
def test_a_cursor_that_is_none_of_ours_is_refused(ana: Caller, cursor: str) -> None:
    assert ana.get("/api/cases", f"unit=cards&cursor={cursor}").status == 422


def test_a_head_is_a_get_without_its_body(ana: Caller) -> None:
    head = ana.ask("HEAD", "/api/me")
    assert (head.status, head.body) == (200, None)
    assert head.headers["etag"] == ana.get("/api/me").headers["etag"]


def test_every_answer_keeps_browsers_from_doing_more_than_they_should(ana: Caller) -> None:
    for answer in (ana.get("/api/me"), ana.get("/api/nothing"), Caller(claims={}).get("/api/me")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in answer.headers


# Requests that are wrong


def test_what_is_wrong_with_a_request_is_said_with_its_field(ana: Caller) -> None:
    case_id = case_of(ana)
    for body, field in (
        ({}, "cause"),
        ({"cause": "boredom"}, "cause"),
        ({"cause": "spam", "because": 7}, "because"),
        ({"cause": "spam", "mood": "bad"}, "mood"),
        ([], ""),
    ):
        answer = ana.post(f"/api/cases/{case_id}/close", body)
        assert (answer.status, answer.body["error"]["details"]) == (422, {"field": field})


def test_a_field_inside_another_is_named_with_it(ana: Caller) -> None:
    body = {"item_key": "x#1", "because": "asked", "external": {"id": "T-1", "url": "http://plain.test"}}
    answer = ana.post("/api/cases", body)
    assert answer.body["error"]["details"] == {"field": "external.url"}


def test_a_body_that_is_no_json_or_too_much_is_refused(ana: Caller) -> None:
    path = f"/api/cases/{case_of(ana)}/close"
    assert ana.post(path, "{", content_type="application/json").status == 422
    assert ana.post(path, '{"cause": NaN}', content_type="application/json").status == 422
    assert ana.post(path, "[" * 10_000, content_type="application/json").status == 422
    assert ana.post(path, "{}", content_type="text/plain").status == 415
    assert ana.post(path, {"cause": "x" * 66_000}).status == 413


def test_another_method_is_told_those_that_there_are(ana: Caller) -> None:
    answer = ana.ask("PATCH", "/api/cases/x/draft")
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, PUT")


def test_a_key_with_anything_in_it_is_found_by_its_address(ana: Caller) -> None:
    for key in ("x%23404", "feeds%23https%3A%2F%2Ffeed.test%2Fa%252Fb"):
        assert ana.post(f"/api/items/{key}/promote", {"because": "asked"}).status == 404


# Once


def test_a_request_with_a_key_is_done_once_and_shown_again(ana: Caller) -> None:
    case_id = case_of(ana)
    first = ana.post(f"/api/cases/{case_id}/close", {"cause": "spam"}, idempotency_key="k1")
    ana.post(f"/api/cases/{case_id}/reopen", {"because": "it was none"})
    again = ana.post(f"/api/cases/{case_id}/close", {"cause": "spam"}, idempotency_key="k1")
    assert (first.body["state"], again.body["state"]) == ("closed", "open")  # as it is now, not done again
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


def test_a_key_stands_for_one_request(ana: Caller) -> None:
    case_id = case_of(ana)
    ana.post(f"/api/cases/{case_id}/take", idempotency_key="k2")
    answer = ana.post(f"/api/cases/{case_id}/close", {"cause": "spam"}, idempotency_key="k2")
    assert (answer.status, answer.code) == (422, "key_used")
    assert ana.get(f"/api/cases/{case_id}").body["state"] == "open"


def test_two_members_may_make_up_the_same_key(world: World) -> None:
    del world
    ana, ben = Caller(claims=ANA), Caller(claims=BEN)
    case_id = case_of(ana)
    assert ana.post(f"/api/cases/{case_id}/take", idempotency_key="same").body["owner"] == "ana"
    assert ben.post(f"/api/cases/{case_id}/take", idempotency_key="same").body["owner"] == "ben"


def test_what_came_to_nothing_may_be_tried_again_under_its_key(ana: Caller) -> None:
    case_id = case_of(ana)
    ana.post(f"/api/cases/{case_id}/close", {"cause": "spam"})
    assert ana.post(f"/api/cases/{case_id}/take", idempotency_key="k3").status == 409
    ana.post(f"/api/cases/{case_id}/reopen", {"because": "it was none"})
    assert ana.post(f"/api/cases/{case_id}/take", idempotency_key="k3").body["owner"] == "ana"


def test_a_request_that_is_at_work_is_not_begun_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ana = Caller(claims=ANA)
    case_id = case_of(ana)
    once = ports.wired().once
    monkeypatch.setattr(once, "finish", lambda *_: None)  # the function died before it could
    ana.post(f"/api/cases/{case_id}/take", idempotency_key="k4")
    answer = ana.post(f"/api/cases/{case_id}/take", idempotency_key="k4")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (409, "at_work", "2")
    world.clock.shift(timedelta(seconds=31))
    assert ana.post(f"/api/cases/{case_id}/take", idempotency_key="k4").status == 200


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    ana = Caller(claims=ANA)
    case_id = case_of(ana)
    ana.post(f"/api/cases/{case_id}/take", idempotency_key="k5")
    world.clock.shift(timedelta(hours=24))
    answer = ana.post(f"/api/cases/{case_id}/take", idempotency_key="k5")
    assert "idempotent-replayed" not in answer.headers


def test_no_words_are_kept_with_a_key(ana: Caller) -> None:
    case_id = case_of(ana)
    ana.post(f"/api/cases/{case_id}/take", idempotency_key="k6")
    kept = rows()["IDEMPOTENT#ana#k6"]
    assert set(kept) == {"key", "digest", "until", "expires_at", "done"}
    assert json.loads(kept["done"]["S"]) == [200, "case", case_id]


# When a store is busy


def test_a_busy_table_is_said_with_when_to_ask_again(ana: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = case_of(ana)

    def busy(*_: Any, **__: Any) -> Any:
        raise Busy("writing what a person did: ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(DynamoDesk, "save", busy)
        answer = ana.post(f"/api/cases/{case_id}/take", idempotency_key="k7")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "busy", "2")
    assert "Throttling" not in answer.message
    assert ana.post(f"/api/cases/{case_id}/take", idempotency_key="k7").body["owner"] == "ana"


# Not too fast


def test_thirty_writes_at_once_are_taken_and_ten_a_second(world: World) -> None:
    ana = Caller(claims=ANA)
    case_id = case_of(ana)

    def notes(count: int) -> list[int]:
        return [
            ana.post(f"/api/cases/{case_id}/notes", {"text": "n", "note_id": f"note-{count}-{n:04}"}).status
            for n in range(count)
        ]

    assert notes(31) == [201] * 30 + [429]
    answer = ana.post(f"/api/cases/{case_id}/take")
    assert (answer.code, answer.headers["retry-after"]) == ("too_fast", "1")
    world.clock.shift(timedelta(seconds=1))
    assert notes(11) == [201] * 10 + [429]
    assert Caller(claims=BEN).post(f"/api/cases/{case_id}/take").status == 200, "his bucket is his own"


def test_sixty_reads_at_once_are_taken_and_twenty_a_second(world: World) -> None:
    ana = Caller(claims=ANA)
    assert [ana.get("/api/me").status for _ in range(61)] == [200] * 60 + [429]
    world.clock.shift(timedelta(seconds=1))
    assert [ana.get("/api/me").status for _ in range(21)] == [200] * 20 + [429]


# Answering


def words(**more: Any) -> dict[str, Any]:
    return {"text": "We are on it, Leela.", "account": "acmecards", "handle": "@acmecards", **more}


def test_a_draft_is_guarded_by_its_version(ana: Caller) -> None:
    path = f"/api/cases/{case_of(ana)}/draft"
    assert ana.put(path, words()).status == 428
    first = ana.put(path, words(), If_None_Match="*")
    assert (first.status, first.body["version"], first.headers["etag"]) == (200, 1, '"1"')
    assert ana.put(path, words(text="Anew."), If_None_Match="*").status == 412
    second = ana.put(path, words(text="Anew."), If_Match='"1"')
    assert second.body["version"] == 2
    stale = ana.put(path, words(text="Late."), If_Match='"1"')
    assert (stale.status, stale.body["error"]["details"]) == (412, {"version": 2})
    assert ana.delete(path, If_Match='"1"').status == 412
    assert ana.delete(path, If_Match='"2"').status == 200
    assert ana.get(path.removesuffix("/draft")).body["draft"] is None


def test_a_draft_in_other_hands_is_theirs_until_it_is_taken_over(world: World) -> None:
    del world
    ana, ben = Caller(claims=ANA), Caller(claims=BEN)
    path = f"/api/cases/{case_of(ana)}/draft"
    ana.put(path, words(), If_None_Match="*")
    held = ben.put(path, words(text="Mine."), If_Match='"1"')
    assert (held.status, held.code) == (409, "conflict")
    taken = ben.put(path, words(text="Mine.", take_over="Ana went home"), If_Match='"1"')
    assert (taken.status, taken.body["by_name"]) == (200, "Ben")


def test_words_are_checked_before_they_go_out(ana: Caller) -> None:
    checked = ana.post(f"/api/cases/{case_of(ana)}/check", words()).body
    assert checked["may_send"], checked["blocked"]
    assert checked["text"].startswith("We are on it, Leela.")
    bad = ana.post(f"/api/cases/{case_of(ana)}/check", words(text="Send 4111 1111 1111 1111 to us")).body
    assert not bad["may_send"]
    assert [each["kind"] for each in bad["findings"]] == ["personal_data"]


def test_an_answer_goes_out_once_however_often_it_is_sent(ana: Caller) -> None:
    case_id = case_of(ana)
    seen = ana.get(f"/api/cases/{case_id}").body["seen"]
    body = words(reply_id="click-01", version=None, seen=seen)
    first = ana.post(f"/api/cases/{case_id}/replies", body, idempotency_key="click-01")
    assert first.status == 201, first.body
    assert (first.status, first.body["reply"]["state"], first.body["draft"]) == (201, "ready", None)
    again = ana.post(f"/api/cases/{case_id}/replies", body, idempotency_key="click-01")
    without = ana.post(f"/api/cases/{case_id}/replies", body)
    assert first.body == again.body == without.body
    assert len([key for key in rows() if key.startswith("REPLY#")]) == 1
    assert ana.get("/api/replies/click-01").body == first.body["reply"]


def test_an_answer_to_what_was_not_seen_is_not_sent(world: World) -> None:
    ana = Caller(claims=ANA)
    case_id = case_of(ana)
    seen = ana.get(f"/api/cases/{case_id}").body["seen"]
    world.queue_items(an_item("3", text="and nobody answers the phone", created_at=NOON))
    world.route()
    answer = ana.post(f"/api/cases/{case_id}/replies", words(reply_id="click-02", version=None, seen=seen))
    assert (answer.status, answer.code) == (409, "changed")
    assert answer.body["error"]["details"]["changes"]


def test_a_second_answer_to_a_post_has_to_be_meant(ana: Caller) -> None:
    case_id = case_of(ana)
    address, seen = f"/api/cases/{case_id}/replies", ana.get(f"/api/cases/{case_id}").body["seen"]
    assert ana.post(address, words(reply_id="click-03", version=None, seen=seen)).status == 201
    seen = ana.get(f"/api/cases/{case_id}").body["seen"]
    another = words(reply_id="click-04", version=None, seen=seen)
    answer = ana.post(address, another)
    assert (answer.status, answer.code) == (409, "answered")
    assert ana.post(address, {**another, "second": True}).status == 201


def test_a_case_that_went_on_is_not_closed_unseen(world: World) -> None:
    ana = Caller(claims=ANA)
    case_id = case_of(ana)
    version = ana.get(f"/api/cases/{case_id}").body["version"]
    world.queue_items(an_item("3", text="hello?", created_at=NOON))
    world.route()
    answer = ana.post(f"/api/cases/{case_id}/close", {"cause": "spam", "version": version})
    assert (answer.status, answer.code) == (409, "changed")
    now = ana.get(f"/api/cases/{case_id}").body["version"]
    assert ana.post(f"/api/cases/{case_id}/close", {"cause": "spam", "version": now}).status == 200


# Other systems


def test_a_system_links_a_post_it_knows_to_its_own_ticket(world: World) -> None:
    del world
    crm = Caller(claims=CRM)
    body = {
        "item_key": "x#1",
        "because": "ticket opened",
        "external": {"id": "T-1", "state": "open", "url": "https://crm.test/T-1"},
    }
    linked = crm.post("/api/cases", body)
    assert linked.status == 200, "it is in a case already"
    assert linked.body["external"] == {
        "system": "crm",
        "id": "T-1",
        "state": "open",
        "url": "https://crm.test/T-1",
    }
    case_id = linked.body["case_id"]
    assert crm.put(f"/api/cases/{case_id}/external", {"id": "T-1", "state": "done"}).status == 200
    assert crm.post(f"/api/cases/{case_id}/assign", {"member": "ana"}).body["owner"] == "ana"
    assert crm.post(f"/api/cases/{case_id}/close", {"cause": "answered"}).body["state"] == "closed"


def test_thanks_are_told_in_the_light_lane_and_made_a_case_by_a_member_or_a_system(world: World) -> None:
    for number in (20, 21, 22):
        said = an_item(
            str(number),
            conversation_id=str(number),
            author=Author(author_id=f"80{number}", handle="@a", name=f"N{number}"),
            created_at=NOON - timedelta(minutes=number),
            text="thank you, all of you",
        )
        world.queue_items(said)
    world.route()
    ana, crm = Caller(claims=ANA), Caller(claims=CRM)
    told = ana.get("/api/light", "limit=2").body
    rest = ana.get("/api/light", f"limit=2&cursor={told['next']}").body
    assert [each["item_key"] for each in (*told["light"], *rest["light"])] == ["x#20", "x#21", "x#22"]
    assert rest["next"] == ""
    assert told["light"][0]["text"] == "thank you, all of you"
    assert ana.post("/api/items/x%2320/promote", {"because": "a complaint"}).status == 201
    made = crm.post("/api/cases", {"item_key": "x#21", "because": "ticket", "external": {"id": "T-2"}})
    assert (made.status, made.body["external"]["id"]) == (201, "T-2")
    again = crm.post("/api/cases", {"item_key": "x#21", "because": "ticket", "external": {"id": "T-2"}})
    assert (again.status, again.body["case_id"]) == (200, made.body["case_id"])
    assert [each["item_key"] for each in ana.get("/api/light").body["light"]] == ["x#22"]


def test_a_system_sees_its_units_and_takes_and_answers_nothing(world: World) -> None:
    del world
    crm = Caller(claims=CRM)
    case_id = case_of(crm)
    assert crm.post(f"/api/cases/{case_id}/take").status == 403
    assert crm.put(f"/api/cases/{case_id}/draft", words(), If_None_Match="*").status == 403
    assert crm.get("/api/cases", "unit=payments").status == 404
    assert crm.post("/api/cases", {"item_key": "x#2", "because": "curious"}).status == 404
    assert crm.post("/api/cases", {"item_key": "x#404", "because": "curious"}).status == 404


# Cover


def test_a_member_sees_who_is_on_duty_and_who_next(ana: Caller) -> None:
    duty = ana.get("/api/units/cards/duty").body
    assert duty["unit"] == "cards"
    assert duty["desk"]


def test_a_page_that_somebody_has_is_called_no_further(world: World) -> None:
    world.queue_items(an_item("9", conversation_id="9", author=LEO, text="it was stolen", created_at=NOON))
    world.route()
    petra = Caller(claims=PETRA)
    listed = petra.get("/api/pages").body["pages"]
    assert listed
    page = listed[0]
    path = f"/api/pages/{page['page_id'].replace('#', '%23')}"
    had = petra.post(f"{path}/ack")
    assert (had.status, had.body["state"], had.body["by_name"]) == (200, "taken", "Petra")
    assert page["page_id"] not in [each["page_id"] for each in petra.get("/api/pages").body["pages"]]
    assert petra.post(f"{path}/release").body["state"] == "open"
    assert petra.post("/api/pages/none%23such/ack").status == 404


def test_a_shift_is_changed_by_who_may(world: World) -> None:
    del world
    petra, path = Caller(claims=PETRA), "/api/units/cards/overrides"
    body = {
        "from": NOON.isoformat(),
        "until": (NOON + timedelta(hours=2)).isoformat(),
        "add": "ben",
        "reason": "Ana is at the dentist",
        "force": True,
    }
    made = petra.post(path, body, idempotency_key="o1")
    assert made.status in {201, 422}, made.body
    if made.status == 201:
        assert made.body["add"] == "ben"
        assert petra.post(path, body, idempotency_key="o1").body["change_id"] == made.body["change_id"]
    assert Caller(claims=ADA).post(path, body).status == 403


# What is told


def test_the_log_says_who_did_what_and_no_words(world: World) -> None:
    for handler in api.logger._logger.handlers:
        handler.setStream(world.out)  # type: ignore[attr-defined]
    ana = Caller(claims=ANA)
    case_id = case_of(ana)
    ana.post(f"/api/cases/{case_id}/notes", {"text": "she is my aunt", "note_id": "note-0001"})
    said = [json.loads(line) for line in world.out.getvalue().splitlines() if '"desk"' in line]
    assert said[-1]["route"] == "POST /api/cases/{case_id}/notes"
    assert (said[-1]["member"], said[-1]["status"]) == ("ana", 201)
    assert "aunt" not in str(said)
    assert case_id not in str(said)
