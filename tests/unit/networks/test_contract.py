"""The one contract that every network keeps, each against its own stand-in."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from allhours.domain.errors import BadSignature, NetworkError
from allhours.domain.item import Change, Item, Visibility, item_from_json, item_to_json
from allhours.networks import NETWORKS, network_module
from allhours.networks.answering import same_words
from allhours.networks.contract import (
    CannotTell,
    Connector,
    DefiniteNo,
    Delivery,
    Hider,
    Push,
    Replier,
    Source,
    Withdrawer,
)
from allhours.networks.windows import ANSWER_WINDOWS, STORAGE_LIMITS
from infra.local.standins.base import FAULTS
from tests.unit.networks.town import Town

if TYPE_CHECKING:
    from collections.abc import Iterator

CAN = {name: network_module(name).capabilities for name in NETWORKS}
PUSHED = [name for name in NETWORKS if CAN[name].pushes]
POLLED = [name for name in NETWORKS if CAN[name].polls_every]
ANSWERING = [
    name
    for name in NETWORKS
    if CAN[name].replies.can or CAN[name].private_replies.can or CAN[name].moves_to_private.can
]
WORDS = "my card was declined at the supermarket, what is going on here?"
ANSWER = "We are sorry to hear that. Please write to us in private, we will look at it at once."


@pytest.fixture
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    with Town(request.param) as made:
        yield made


def of(*networks: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("town", networks, indirect=True)


def said(town: Town) -> Item:
    """Let a customer say something publicly, or in private where that is all there is; return the item."""
    if not isinstance(town.reader, Source):
        town.stand_in.register(town.listen())
    return town.hear(town.stand_in.speak("Leela", WORDS, private=not town.stand_in.public_sayable))


def is_private(item: Item) -> bool:
    """Return whether the answer to it must be private."""
    return item.visibility is Visibility.PRIVATE


# Manifest


@of(*NETWORKS)
def test_what_the_manifest_says_is_what_the_code_can(town: Town) -> None:
    can = town.capabilities
    assert can.name == town.network
    assert isinstance(town.reader, Source) == (can.polls_every is not None)
    assert isinstance(town.reader, Push) == bool(can.pushes)
    assert hasattr(town.module, "answering") == (town.network in ANSWERING)
    if town.network in ANSWERING:
        assert isinstance(town.replier, Replier)
        assert isinstance(town.replier, Hider) == can.hides.can
        assert isinstance(town.replier, Withdrawer) == can.withdraws.can
    assert isinstance(town.connector, Connector)
    assert ANSWER_WINDOWS.get(town.network, ()) == can.answer_windows
    assert STORAGE_LIMITS.get(town.network) == can.storage_within
    asked = {question.field for question in town.connector.questions}
    assert asked <= {*can.secret_fields, *can.optional_secret_fields, *can.app_secret_fields}
    for ability in (can.edits, can.deletes, can.replies, can.hides, can.withdraws, can.found_again):
        assert len(ability.how) > 5, "each says how, or why not"


# Reading


@of(*POLLED)
def test_a_post_is_heard_once_by_poll_and_an_idle_poll_changes_nothing(town: Town) -> None:
    if CAN[town.network].pushes and not town.stand_in.polled:
        pytest.skip(f"{town.network} is polled only when no webhook is set, and never beside one")
    town.poll()
    native_id = town.stand_in.speak("Leela", WORDS, private=not town.stand_in.public_sayable)
    heard = [one for one in town.poll() if isinstance(one, Item) and one.native_id == native_id]
    assert len({one.version for one in heard}) == 1
    item = heard[0]
    assert item.change is Change.SAID
    assert "supermarket" in item.text
    assert (item.network, item.account, item.handle) == (town.network, "acmebank", town.handle.handle)
    assert item.created_at <= datetime.now(UTC)
    assert item.author.author_id
    assert item_from_json(item_to_json(item)) == item
    for _ in range(3):
        town.poll()
    resting = town.cursor
    again = [one for one in town.poll() if isinstance(one, Item) and one.version > item.version]
    assert again == []
    assert town.cursor == resting, "an idle poll writes no cursor"


@of(*PUSHED)
def test_a_post_is_heard_by_webhook_under_the_same_id_as_by_poll(town: Town) -> None:
    town.stand_in.register(town.listen())
    native_id = town.stand_in.speak("Leela", WORDS, private=not town.stand_in.public_sayable)
    wait = threading.Event()
    for _ in range(200):
        if native_id in town.items:
            break
        wait.wait(0.02)
    by_webhook = town.items[native_id]
    assert "supermarket" in by_webhook.text or not by_webhook.text
    assert town.refused == []
    if isinstance(town.reader, Source) and town.stand_in.polled:
        town.heard.clear()
        with suppress(NetworkError):
            town.poll()
        assert native_id in town.items
        assert town.items[native_id].conversation_id == by_webhook.conversation_id
        assert town.items[native_id].visibility == by_webhook.visibility


@of(*PUSHED)
def test_what_the_network_did_not_sign_is_refused(town: Town) -> None:
    assert isinstance(town.reader, Push)
    for headers in ({}, {"content-type": "application/json"}):
        forged = Delivery(method="POST", query={}, headers=headers, body=b'{"object":"page","entry":[]}')
        with pytest.raises(BadSignature):
            town.reader.verify(forged)


@of(*NETWORKS)
def test_what_we_say_ourselves_opens_no_work(town: Town) -> None:
    item = said(town)
    try:
        ours = town.stand_in.brand_says("We are looking into it.", reply_to=item.native_id)
    except NotImplementedError:
        pytest.skip(f"{town.network}: the brand says nothing there")
    if isinstance(town.reader, Source) and town.stand_in.polled:
        town.poll()
    town.reread()
    assert ours not in town.items


@of(*NETWORKS)
def test_a_deletion_takes_the_words_if_the_network_lets_it_be_known(town: Town) -> None:
    if not town.capabilities.deletes.can:
        pytest.skip(town.capabilities.deletes.how)
    item = said(town)
    town.stand_in.delete(item.native_id)
    wait = threading.Event()
    for _ in range(60):
        if town.items[item.native_id].change is Change.DELETED:
            break
        if isinstance(town.reader, Source) and town.stand_in.polled:
            town.poll()
        town.reread()
        wait.wait(0.02)
    assert town.items[item.native_id].change is Change.DELETED
    assert town.items[item.native_id].text == ""


@of(*NETWORKS)
def test_an_edit_is_newer_than_what_was_said_if_the_network_lets_it_be_known(town: Town) -> None:
    if not town.capabilities.edits.can:
        pytest.skip(town.capabilities.edits.how)
    item = said(town)
    town.stand_in.edit(item.native_id, "my card works again, forget it, everything is fine now")
    wait = threading.Event()
    for _ in range(60):
        if any("works again" in one.text for one in town.items.values()):
            break
        if isinstance(town.reader, Source) and town.stand_in.polled:
            town.poll()
        town.reread()
        wait.wait(0.02)
    edited = next(one for one in town.items.values() if "works again" in one.text)
    assert edited.version > item.version or edited.native_id != item.native_id


@of(*POLLED)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_network_is_one_of_ours_and_loses_nothing(town: Town, fault: str) -> None:
    if not town.stand_in.polled:
        pytest.skip(f"{town.network} is polled only when no webhook is set, and never beside one")
    town.poll()
    native_id = town.stand_in.speak("Leela", WORDS, private=not town.stand_in.public_sayable)
    town.stand_in.fail(fault)
    told = ""
    try:
        town.poll()
    except NetworkError as error:
        told = str(error)
    secrets = [value for secret in town.secrets.kept.values() for value in secret.values()]
    assert not any(words in told for words in (WORDS, *filter(lambda value: len(value) > 12, secrets)))
    for _ in range(4):
        if native_id in town.items:
            return
        town.cursor = without_rest(town.cursor)
        town.poll()
    raise AssertionError(f"{town.network}: the post is lost after {fault}")


def without_rest(cursor: Any) -> Any:
    """Return the cursor as it is once the network listens again: what names no earlier instant."""
    if not isinstance(cursor, dict):
        return cursor
    return {name: without_rest(value) for name, value in cursor.items() if "not_before" not in name}


# Answering


@of(*ANSWERING)
def test_an_answer_is_shown_once_found_again_and_taken_back(town: Town) -> None:
    item = said(town)
    private = is_private(item)
    now = datetime.now(UTC)
    allowed = town.replier.permission(town.handle, item, private=private, at=now)
    assert allowed.allowed, allowed.reason
    assert all(length.fits for length in town.replier.length(ANSWER, item, private=private))
    answer = town.answer(item, ANSWER, private=private)
    assert not [one for one in town.stand_in.shown if not one.deleted], "preparing shows nobody anything"
    posted = town.replier.send(town.handle, answer, at=datetime.now(UTC))
    (shown,) = (one for one in town.stand_in.shown if not one.deleted)
    assert posted.native_id
    assert same_words(shown.text, ANSWER)
    assert shown.to in {item.native_id, item.parent_id, item.conversation_id.partition(":")[0]} | set(
        item.answer_needs.values()
    )
    if town.capabilities.found_again.can:
        found = town.replier.find(town.handle, answer, at=datetime.now(UTC))
        assert found is not None
        assert found.native_id == posted.native_id
    else:
        with pytest.raises(CannotTell):
            town.replier.find(town.handle, answer, at=datetime.now(UTC))
    if isinstance(town.replier, Withdrawer):
        town.replier.withdraw(town.handle, posted, at=datetime.now(UTC))
        assert [one for one in town.stand_in.shown if not one.deleted] == []
        town.replier.withdraw(town.handle, posted, at=datetime.now(UTC))


@of(*ANSWERING)
@pytest.mark.parametrize("fault", ["cut", "server_error"])
def test_an_answer_with_an_unclear_end_is_a_doubt_that_a_look_resolves(town: Town, fault: str) -> None:
    item = said(town)
    private = is_private(item)
    answer = town.answer(item, ANSWER, private=private)
    town.stand_in.fail(fault)
    with pytest.raises(NetworkError) as doubt:
        town.replier.send(town.handle, answer, at=datetime.now(UTC))
    assert not isinstance(doubt.value, DefiniteNo)
    assert len(town.stand_in.shown) == 1, "the effect was there all the same"
    if town.capabilities.found_again.can:
        assert town.replier.find(town.handle, answer, at=datetime.now(UTC)) is not None


@of(*ANSWERING)
@pytest.mark.parametrize("fault", ["rate_limited", "refused_token"])
def test_an_answer_that_is_turned_down_had_no_effect_and_says_why(town: Town, fault: str) -> None:
    item = said(town)
    private = is_private(item)
    answer = town.answer(item, ANSWER, private=private)
    town.stand_in.fail(fault)
    with pytest.raises(DefiniteNo) as no:
        town.replier.send(town.handle, answer, at=datetime.now(UTC))
    assert town.stand_in.shown == []
    assert ANSWER not in str(no.value)
    if fault == "rate_limited":
        assert no.value.again_at is not None


@of(*[name for name in ANSWERING if CAN[name].found_again.can])
def test_an_answer_that_was_never_sent_is_not_found(town: Town) -> None:
    item = said(town)
    answer = town.answer(item, ANSWER, private=is_private(item))
    assert town.replier.find(town.handle, answer, at=datetime.now(UTC)) is None


@of(*[name for name in ANSWERING if CAN[name].idempotent_replies])
def test_where_repeating_is_safe_two_sends_show_one_answer(town: Town) -> None:
    item = said(town)
    answer = town.answer(item, ANSWER, private=is_private(item))
    posted = {town.replier.send(town.handle, answer, at=datetime.now(UTC)).native_id for _ in range(2)}
    assert len(posted) == 1
    assert len([one for one in town.stand_in.shown if not one.deleted]) == 1


@of(*ANSWERING)
def test_a_private_item_is_never_answered_in_public(town: Town) -> None:
    if not town.stand_in.private_sayable:
        pytest.skip(f"{town.network} has no private items")
    if isinstance(town.reader, Source):
        town.poll()
    else:
        town.stand_in.register(town.listen())
    item = town.hear(town.stand_in.speak("Leela", WORDS, private=True))
    assert item.visibility is not Visibility.PUBLIC
    permission = town.replier.permission(town.handle, item, private=False, at=datetime.now(UTC))
    assert not permission.allowed
    assert len(permission.reason) > 10
    assert town.replier.permission(town.handle, item, private=True, at=datetime.now(UTC)).allowed


@of(*[name for name in ANSWERING if CAN[name].answer_windows])
def test_a_window_closes_and_says_so(town: Town) -> None:
    if not isinstance(town.reader, Source):
        town.stand_in.register(town.listen())
    item = town.hear(town.stand_in.speak("Leela", WORDS, private=True))
    last = max(town.capabilities.answer_windows)
    open_yet = town.replier.permission(
        town.handle, item, private=True, at=item.created_at + last - timedelta(minutes=1)
    )
    closed = town.replier.permission(
        town.handle, item, private=True, at=item.created_at + last + timedelta(minutes=1)
    )
    assert (open_yet.allowed, closed.allowed) == (True, False)
    assert open_yet.until == item.created_at + last


@of(*[name for name in ANSWERING if CAN[name].hides.can])
def test_a_post_is_hidden_and_shown_again(town: Town) -> None:
    assert isinstance(town.replier, Hider)
    if isinstance(town.reader, Source):
        town.poll()
    ours = town.stand_in.brand_says("Our branches are open on Saturday.")
    item = town.hear(town.stand_in.speak("Leela", WORDS, reply_to=ours))
    town.replier.hide(town.handle, item, hidden=True, at=datetime.now(UTC))
    assert item.native_id in town.stand_in.hidden
    town.replier.hide(town.handle, item, hidden=False, at=datetime.now(UTC))
    assert item.native_id not in town.stand_in.hidden


@of(*ANSWERING)
def test_a_text_that_is_too_long_does_not_fit(town: Town) -> None:
    item = said(town)
    lengths = town.replier.length("w" * 60_000, item, private=is_private(item))
    assert not all(length.fits for length in lengths)
    assert all(length.unit for length in lengths)
    assert town.replier.cost(ANSWER, item, private=is_private(item)).usd >= 0


# Setting up


@of(*NETWORKS)
def test_a_handle_is_set_up_from_the_first_question_to_the_first_read(town: Town) -> None:
    connector, redirect = town.connector, "http://127.0.0.1:9/"
    given = {**town.stand_in.app_secret, **town.stand_in.secret}
    consent = connector.consent(town.handle, given, redirect=redirect, state="s" * 20, verifier="v" * 64)
    if consent:
        answer = requests.get(consent, allow_redirects=False, timeout=5)
        led_to = parse_qs(urlsplit(answer.headers["location"]).query)
        assert led_to["state"] == ["s" * 20]
        code = next(led_to[name][0] for name in ("code", "auth_code") if name in led_to)
        fields = connector.exchange(
            town.handle,
            given,
            code=code,
            redirect=redirect,
            verifier="v" * 64,
            at=datetime.now(UTC),
        )
        assert set(town.capabilities.secret_fields) <= {*fields, *given}
        town.secrets.kept[town.handle.secret] = {**town.stand_in.secret, **fields}
    who = connector.identify(town.handle, at=datetime.now(UTC))
    assert who.name
    if town.handle.native_id and who.native_id:
        assert who.native_id == town.handle.native_id


@of(*NETWORKS)
def test_how_a_connection_is_can_be_told_and_a_webhook_is_known_once_it_is_registered(town: Town) -> None:
    connector, now = town.connector, datetime.now(UTC)
    if not town.capabilities.pushes:
        assert connector.health(town.handle, callback="", at=now).webhook_ok is None
        return
    callback = town.listen()
    assert all(isinstance(line, str) for line in connector.register(town.handle, callback=callback, at=now))
    health = connector.health(town.handle, callback=callback, at=now)
    assert health.webhook_ok in {True, None}, health.webhook
    assert health.webhook
