"""TikTok: what is a definite no, what a doubt, and what a part of a list proves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import NetworkError, Unreachable
from allhours.domain.item import Change, Item
from allhours.networks._tiktok import reread as _tiktok_reread
from allhours.networks.contract import CannotTell, DefiniteNo
from infra.local.standins.base import Told
from infra.local.standins.tiktok import TikTokStandIn
from tests.unit.networks import tiktok_desk
from tests.unit.networks.test_tiktok_answers import NAME, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


HELLO = "We have blocked it."


@pytest.fixture
def account() -> Iterator[TikTokStandIn]:
    with TikTokStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(account: TikTokStandIn) -> Desk:
    return Desk(account)


@pytest.mark.parametrize(
    ("status", "code"), [(408, None), (409, 40002), (302, None), (201, None), (200, 61000), (200, 30001)]
)
def test_what_is_no_definite_no_is_a_doubt(
    account: TikTokStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch, status: int, code: int | None
) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), HELLO)
    told = Told(status=status, body={"code": code, "message": "?", "data": {}})
    monkeypatch.setattr(account, "answer", lambda _asked: told)
    with pytest.raises(NetworkError) as doubt:
        desk.send(answer)
    assert not isinstance(doubt.value, DefiniteNo)


def test_an_answer_that_was_cut_off_is_counted(account: TikTokStandIn, desk: Desk) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), HELLO)
    spent = len(desk.meter.spent)
    account.fail("cut")
    with pytest.raises(Unreachable):
        desk.send(answer)
    assert len(desk.meter.spent) == spent + 1


def test_an_expired_token_that_cannot_be_renewed_is_no_doubt(account: TikTokStandIn, desk: Desk) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), HELLO)
    account.fail("expired_token")
    del desk.secrets.fields[NAME]["refresh_token"]
    with pytest.raises(DefiniteNo, match="refresh_token"):
        desk.send(answer)


def test_a_thread_that_is_not_shown_whole_proves_nothing(
    account: TikTokStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = account.speak("leela", "card gone")
    answer = desk.answer(desk.heard(root), HELLO)
    for number in range(_tiktok_reread.IDS + 1):
        account.speak("maria", f"me too {number}", reply_to=root)
    assert desk.find(answer) is None
    monkeypatch.setattr(_tiktok_reread, "REPLY_PAGES", 1)
    with pytest.raises(CannotTell, match="r1"):
        desk.find(answer)


def test_a_list_that_is_only_a_part_proves_nothing(
    account: TikTokStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), HELLO)
    partly = {"code": 20001, "message": "Partial success", "data": {"comments": []}}
    monkeypatch.setattr(account, "_replies", lambda _form: Told(body=partly))
    with pytest.raises(Unreachable, match="part"):
        desk.find(answer)


def test_a_comment_is_deleted_only_when_two_lists_miss_it(
    account: TikTokStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = tiktok_desk.Desk(account)
    there = account.speak("leela", "card gone")
    listener.poll(tiktok_desk.AT)
    whole, asked = account._comments, list[Any]()

    def once_without(form: Mapping[str, Any]) -> Told:
        asked.append(form)
        return Told(body={"code": 0, "data": {}}) if len(asked) == 1 else whole(form)

    monkeypatch.setattr(account, "_comments", once_without)
    assert listener.reread(tiktok_desk.AT) == []
    assert [form["status"] for form in asked] == ["ALL", "ALL"]  # a hidden comment is not a deleted one
    account.delete(there)
    [gone] = listener.reread(tiktok_desk.AT)
    assert isinstance(gone, Item)
    assert gone.change is Change.DELETED
