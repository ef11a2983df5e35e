"""How an account on Bluesky is set up, and that all of answering and setting up keeps the lexicons."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from allhours.domain.errors import Refused
from allhours.networks import bluesky
from infra.local.standins.base import now
from infra.local.standins.bluesky import PASSWORD, BlueskyStandIn
from infra.local.standins.bluesky_world import BRAND
from tests.shared_material import specs
from tests.unit.standins.bluesky_desk import Desk
from tests.unit.standins.lexicon import Lexicons

HELLO = f"@{BRAND} my card is lost"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_app_password_is_all_it_takes() -> None:
    stand_in = BlueskyStandIn()
    desk = Desk(stand_in)
    setup = desk.setup
    given = {"identifier": f"@{BRAND}", "app_password": f" {PASSWORD} "}
    assert [question.field for question in setup.questions] == list(bluesky.capabilities.secret_fields)
    assert setup.consent(desk.handle, given, redirect="http://127.0.0.1:1/", state="s", verifier="v") == ""
    desk.credentials.fields = dict(
        setup.exchange(desk.handle, given, code="", redirect="", verifier="", at=now())
    )
    assert desk.credentials.fields == {"identifier": BRAND, "app_password": PASSWORD}
    identity = setup.identify(desk.handle, at=now())
    assert (identity.native_id, identity.name, identity.note) == (stand_in.did, f"@{BRAND}", "")
    assert "direct messages are open" in " ".join(setup.register(desk.handle, callback="", at=now()))
    health = setup.health(desk.handle, callback="", at=now())
    assert (health.token_expires, health.webhook_ok, health.notes) == (None, None, ())
    assert "calls left" in health.quota
    assert health.quota_used is not None
    assert 0 < health.quota_used < 0.1
    assert setup.renew(desk.handle, at=now()) is False


def test_the_accounts_own_password_is_not_taken(desk: Desk) -> None:
    given = {"identifier": BRAND, "app_password": "hunter2-and-more"}
    with pytest.raises(Refused, match="no app password") as caught:
        desk.setup.exchange(desk.handle, given, code="", redirect="", verifier="", at=now())
    assert "hunter2" not in str(caught.value)


def test_a_wrong_app_password_is_refused_by_the_first_read(desk: Desk) -> None:
    desk.credentials.fields = {"identifier": BRAND, "app_password": "aaaa-aaaa-aaaa-aaaa"}
    with pytest.raises(Refused, match="turned down"):
        desk.setup.identify(desk.handle, at=now())


def test_messages_are_opened_once_and_not_where_they_are_off(desk: Desk) -> None:
    key = ("chat.bsky.actor.declaration", "self")
    desk.stand_in.records[key] = {"allowIncoming": "following", "allowGroupInvites": "none"}
    assert "cannot write to us" in " ".join(desk.setup.health(desk.handle, callback="", at=now()).notes)
    off = replace(desk.handle, settings={"direct_messages": "off"})
    desk.setup.register(off, callback="", at=now())
    assert desk.stand_in.records[key]["allowIncoming"] == "following"
    for _ in range(2):
        desk.setup.register(desk.handle, callback="", at=now())
    assert desk.stand_in.records[key]["allowIncoming"] == "all"
    assert desk.stand_in.records[key]["allowGroupInvites"] == "none"
    assert len(desk.asked_for("com.atproto.repo.putRecord")) == 1


def test_health_tells_what_a_person_must_mend() -> None:
    desk = Desk(BlueskyStandIn(direct_messages=False))
    desk.stand_in.account = {"emailConfirmed": False, "active": False, "status": "suspended"}
    notes = " ".join(desk.setup.health(desk.handle, callback="", at=now()).notes)
    for words in ("suspended", "not confirmed", "may not read direct messages", "cannot write to us"):
        assert words in notes
    assert "suspended" in desk.setup.identify(desk.handle, at=now()).note


def test_health_changes_nothing(desk: Desk) -> None:
    desk.setup.health(desk.handle, callback="", at=now())
    assert desk.stand_in.records == {}
    assert {asked.path for asked in desk.http.asked if asked.method == "POST"} == {
        "/xrpc/com.atproto.server.createSession"
    }


# the wire, both ways


def test_answering_and_setting_up_speak_as_the_lexicons_say() -> None:
    lexicons = Lexicons(specs("bluesky", "lexicons"))
    desk = Desk()
    stand_in = desk.stand_in
    root = stand_in.brand_says("Good morning")
    below = desk.hears(stand_in.say("leela", f"@{BRAND} 😡 rude", reply_to=root))
    message = desk.hears(stand_in.say("leela", "hello", private=True))
    text = "Dear @leela.example.com, see https://acme.example #cards"
    posted = desk.send(public := desk.prepared(below, text))
    desk.send(private := desk.prepared(message, text, private=True))
    desk.send(desk.prepared(desk.hears(stand_in.say("omar", HELLO)), text, private=True, reply="r3"))
    for answer in (public, private):
        assert desk.find(answer)
    for hidden in (True, False):
        desk.answers.hide(desk.handle, below, hidden=hidden, at=now())
    desk.answers.withdraw(desk.handle, posted, at=now())
    desk.setup.identify(desk.handle, at=now())
    desk.setup.register(desk.handle, callback="", at=now())
    desk.setup.health(desk.handle, callback="", at=now())
    methods = set()
    for asked, reply in zip(desk.http.asked, desk.http.replies, strict=True):
        method = asked.path.removeprefix("/xrpc/")
        if asked.method == "POST":
            body = json.loads(asked.body) if asked.body else None
            assert lexicons.input(method, body) == []
            if body and "record" in body:
                assert lexicons.record(body["collection"], body["record"]) == []
        else:
            assert lexicons.parameters(method, asked.query) == []
        if reply.status == 200:
            methods.add(method)
            assert lexicons.output(method, json.loads(reply.body)) == []
    assert {name.rpartition(".")[2] for name in methods} >= {
        "putRecord",
        "getRecord",
        "deleteRecord",
        "resolveHandle",
        "getSession",
        "getConvo",
        "getConvoAvailability",
        "getConvoForMembers",
        "getMessages",
        "sendMessage",
    }
