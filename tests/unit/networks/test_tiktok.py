"""TikTok: what a body becomes, who may call the webhook and what it brings, what a code means."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import (
    BadSignature,
    Busy,
    Malformed,
    NetworkError,
    OverBudget,
    RateLimited,
    Refused,
    Unreachable,
)
from allhours.domain.item import Change, Item, Skipped, Unreadable, item_from_json
from allhours.networks import tiktok
from allhours.networks._tiktok.posts import NOT_THERE, OTHER_ACCOUNT, REPLAY
from allhours.networks.contract import Delivery, Push
from infra.local.standins.tiktok import APP, TikTokStandIn
from tests.unit.networks.tiktok_desk import ACCOUNT, AT, Clock, Desk, ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from allhours.domain.item import Heard
    from infra.local.standins.base import Told

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "tiktok"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(clock: Clock) -> Iterator[TikTokStandIn]:
    with TikTokStandIn(clock=clock) as stand_in:
        yield stand_in


@pytest.fixture
def desk(account: TikTokStandIn) -> Desk:
    return Desk(account)


# What a body becomes


@pytest.mark.parametrize("body", BODIES, ids=lambda path: path.stem)
def test_a_body_becomes_the_items_we_wrote_beside_it(body: Path) -> None:
    heard = [_told(each) for each in tiktok.parse(body.read_bytes(), ACCOUNT, AT)]
    written = json.loads(body.with_suffix(".item.json").read_text())
    assert heard == [item_from_json(each) if "network" in each else each for each in written]


def _told(heard: Heard) -> Item | dict[str, str]:
    if isinstance(heard, Skipped):
        return {"skipped": heard.reason, "id": heard.native_id}
    if isinstance(heard, Unreadable):
        return {"unreadable": heard.field, "id": heard.native_id}
    return heard


@pytest.mark.parametrize("body", [b"", b"<html>", b"7", b"[]", b'{"a":1}', b"[" * 100_000])
def test_a_body_that_is_not_tiktoks_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        tiktok.parse(body, ACCOUNT, AT)


# The webhook

BODY = '{"event": "comment.update", "content": "{}", "nickname": "Grüße"}'.encode()


def delivery(body: bytes, header: str, came_at: datetime = AT) -> Delivery:
    headers = {"tiktok-signature": header} if header else {}
    return Delivery(method="POST", query={}, headers=headers, body=body, came_at=came_at)


def test_the_signature_is_over_the_time_a_dot_and_the_raw_body(account: TikTokStandIn, desk: Desk) -> None:
    assert isinstance(desk.network, Push)
    header = account.sign(BODY)["Tiktok-Signature"]
    told = header.removeprefix("t=").partition(",")[0]
    signed = tiktok.signature(APP["app_secret"], told, BODY)
    assert header == f"t={told},s={signed}"
    desk.network.verify(delivery(BODY, header))
    desk.network.verify(delivery(BODY, f"t={told}, s={signed}"))
    for wrong in (
        delivery(BODY + b" ", header),
        delivery(BODY, f"t={int(told) + 1},s={signed}"),
        delivery(BODY, f"t={told},s={signed.upper()}"),
        delivery(BODY, f"s={signed}"),
        delivery(BODY, f"t={told}"),
        delivery(BODY, f"t={told},s=\udcff"),
        delivery(BODY, "nonsense"),
        delivery(BODY, ""),
    ):
        with pytest.raises(BadSignature):
            desk.network.verify(wrong)


def test_a_known_signature_holds() -> None:
    known = "4158e8abb4da2e7c789ecc1e0c004a7c6682d8695154d46944628180cf44dba7"
    assert tiktok.signature("test_app_secret", "1763629600", b'{"event":"comment.update"}') == known


def test_minutes_are_allowed_between_signing_and_hearing_and_no_more(
    account: TikTokStandIn, desk: Desk
) -> None:
    header = account.sign(BODY)["Tiktok-Signature"]
    for minutes in (-14, 14):
        desk.network.verify(delivery(BODY, header, AT + timedelta(minutes=minutes)))
    for minutes in (-16, 16):
        with pytest.raises(BadSignature, match="too long ago"):
            desk.network.verify(delivery(BODY, header, AT + timedelta(minutes=minutes)))


def test_an_app_without_a_secret_verifies_nothing_and_there_is_no_challenge(desk: Desk) -> None:
    desk.secrets.fields["tiktok/app"]["app_secret"] = ""
    with pytest.raises(BadSignature):
        desk.network.verify(delivery(BODY, f"t=1,s={tiktok.signature('', '1', BODY)}"))
    with pytest.raises(BadSignature):
        desk.network.greet(Delivery(method="GET", query={"challenge": "1"}, headers={}, body=b""))


def test_the_webhook_wakes_and_the_comment_is_fetched_the_same_as_by_poll(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    root = account.speak("leela", "card gone")
    reply = account.speak("maria", "mine too", reply_to=root)
    woken = [*desk.unpack(account.event(account.world.said[root], "insert"), clock())]
    woken += desk.unpack(account.event(account.world.said[reply], "insert"), clock())
    polled = {each.native_id: each for each in desk.poll(clock()) if isinstance(each, Item)}
    assert ids(woken) == [root, reply]
    for each in woken:
        assert isinstance(each, Item)
        assert each.conversation_id == polled[each.native_id].conversation_id
        assert each.author == polled[each.native_id].author


def test_our_own_comment_that_the_webhook_tells_opens_no_work(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    root = account.speak("leela", "card gone")
    ours = account.brand_says("We are here", reply_to=root)
    [heard] = desk.unpack(account.event(account.world.said[ours], "insert"), clock())
    assert heard == Skipped(network="tiktok", native_id=ours, reason="own post")


def test_a_reply_that_the_list_leaves_out_is_fetched_below_its_comment(
    account: TikTokStandIn, desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = account.speak("leela", "card gone")
    reply = account.speak("maria", "mine too", reply_to=root)
    there = account.world.there
    monkeypatch.setattr(account.world, "there", lambda each: None if each == reply else there(each))
    assert ids(desk.unpack(account.event(account.world.said[reply], "insert"), clock())) == [reply]


def test_a_fetch_that_fails_has_tiktok_send_the_event_again(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    event = account.event(account.world.said[account.speak("leela", "card gone")], "insert")
    for fault in ("rate_limited", "server_error", "cut"):
        account.fail(fault)
        with pytest.raises(Busy, match="again"):
            desk.unpack(event, clock())
    account.fail("refused_token")
    with pytest.raises(Refused):
        desk.unpack(event, clock())
    assert len(ids(desk.unpack(event, clock()))) == 1


def test_a_deletion_is_told_and_a_comment_gone_before_it_was_fetched_has_a_reason(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    said = account.world.said[account.speak("leela", "card gone")]
    insert = account.event(said, "insert")
    account.delete(said.native_id)
    [gone] = desk.unpack(account.event(said, "delete"), clock())
    assert isinstance(gone, Item)
    assert (gone.native_id, gone.change, gone.version) == (
        said.native_id,
        Change.DELETED,
        int(AT.timestamp()) * 1000,
    )
    [late] = desk.unpack(insert, clock())
    assert late == Skipped(network="tiktok", native_id=said.native_id, reason=NOT_THERE)


def test_events_go_to_the_account_they_name_and_old_ones_nowhere(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    event = account.event(account.world.said[account.speak("leela", "card gone")], "insert")
    [other] = desk.unpack({**event, "user_openid": "another"}, clock())
    assert isinstance(other, Skipped)
    assert other.reason == OTHER_ACCOUNT
    [old] = desk.unpack(event, clock.pass_by(hours=74))
    assert isinstance(old, Skipped)
    assert old.reason == REPLAY


# Codes, tokens, calls


def test_every_call_is_counted(account: TikTokStandIn, desk: Desk, clock: Clock) -> None:
    desk.poll(clock())
    assert desk.meter.spent == [1, 1]
    assert len(account.asked) == 2
    assert all(each.path.endswith("/") for each in account.asked)


def test_at_the_ceiling_nothing_more_is_asked(account: TikTokStandIn, clock: Clock) -> None:
    desk = Desk(account, ceiling=1)
    desk.poll(clock())
    [trouble] = desk.troubles
    assert isinstance(trouble, OverBudget)
    desk.poll(clock.pass_by(hours=1))
    assert len(account.asked) == 1


def test_an_expired_token_is_renewed_once_and_both_new_tokens_are_stored(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    said = account.speak("leela", "card gone")
    account.fail("expired_token")
    assert ids(desk.poll(clock())) == [said]
    assert desk.secrets.renewals == 1
    assert desk.secrets.fields["tiktok/acme-cards"]["refresh_token"] == account.secret["refresh_token"]
    assert desk.troubles == []


def test_a_token_that_another_function_renewed_is_not_renewed_again(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    asked: list[str] = []
    store = desk.secrets.renew

    def renew(
        secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        asked.append(stale["access_token"])
        return store(secret, stale, ask)

    desk.secrets.renew = renew  # type: ignore[method-assign]
    old = account.secret["access_token"]
    account.fail("expired_token")
    answer = account.failed

    def meanwhile(fault: str, asked: Any) -> Told:
        told = answer(fault, asked)
        desk.secrets.fields["tiktok/acme-cards"] = dict(account.secret)
        return told

    account.failed = meanwhile  # type: ignore[method-assign]
    desk.poll(clock())
    assert asked == [old]  # the store compares it with what it holds, and sees the newer one


def test_a_dead_consent_says_what_to_do(account: TikTokStandIn, desk: Desk, clock: Clock) -> None:
    account.consent_holds = False
    account.fail("expired_token")
    desk.poll(clock())
    assert [type(each) for each in desk.troubles] == [Refused]
    assert "connect TikTok again" in desk.troubles[0].detail


def test_a_missing_slash_or_a_wrong_server_is_a_refusal(desk: Desk, clock: Clock) -> None:
    desk.handle = replace(desk.handle, base_url=f"{desk.handle.base_url}/nowhere")
    desk.poll(clock())
    assert "base_url" in desk.troubles[0].detail


def test_without_the_open_id_nothing_is_asked(account: TikTokStandIn, desk: Desk) -> None:
    desk.handle = replace(desk.handle, native_id="")
    with pytest.raises(Refused, match="native_id"):
        desk.poll(AT)
    assert account.asked == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("duplicate", None),
        ("late", None),
        ("expired_token", None),
        ("refused_token", Refused),
    ],
)
@pytest.mark.parametrize("calls_before", [0, 1])
def test_a_fault_loses_nothing_and_is_named(  # noqa: PLR0917 - fixtures and parameters
    account: TikTokStandIn,
    desk: Desk,
    clock: Clock,
    fault: str,
    expected: type[NetworkError] | None,
    calls_before: int,
) -> None:
    account.speak("leela", "before")
    desk.poll(clock())
    said = [account.speak("leela", f"during {number}") for number in range(3)]
    account.fail("late", calls_before)
    account.fail(fault)
    desk.poll(clock.pass_by(minutes=5))
    assert all(expected and isinstance(each, expected) for each in desk.troubles)
    assert len(desk.troubles) == (1 if expected else 0)
    account._armed.clear()
    desk.poll(clock.pass_by(minutes=5))
    assert set(said) <= set(ids(desk.heard))
    assert not [each for each in desk.heard if isinstance(each, Unreadable)]
    assert all(secret not in str(each) for each in desk.troubles for secret in account.secret.values())
