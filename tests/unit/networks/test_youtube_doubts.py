"""YouTube: what is a definite no, what a doubt, and when only a person can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import NetworkError, Unreachable
from allhours.networks._youtube import answers as _youtube_answers
from allhours.networks.contract import CannotTell, DefiniteNo, Posted, Withdrawer
from infra.local.standins.base import Told
from infra.local.standins.youtube import YouTubeStandIn
from tests.unit.networks.test_youtube_answers import AT, NAME, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.standins.base import Asked

HELLO = "We have blocked it."


@pytest.fixture
def channel() -> Iterator[YouTubeStandIn]:
    with YouTubeStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(channel: YouTubeStandIn) -> Desk:
    return Desk(channel)


def writes_end_with(channel: YouTubeStandIn, patch: pytest.MonkeyPatch, status: int, reason: str) -> None:
    whole = channel.answer
    body = {"error": {"code": status, "message": "no", "errors": [{"reason": reason}]}}

    def answer(asked: Asked) -> Told:
        return whole(asked) if asked.method == "GET" else Told(status=status, body=body)

    patch.setattr(channel, "answer", answer)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (503, "rateLimitExceeded"),
        (500, "quotaExceeded"),
        (500, "commentsDisabled"),
        (409, "forbidden"),
        (408, ""),
        (302, ""),
    ],
)
def test_a_status_that_is_no_definite_no_is_a_doubt_whatever_its_reason(
    channel: YouTubeStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch, status: int, reason: str
) -> None:
    answer = desk.answer(desk.heard(channel.speak("leela", "card gone")), HELLO)
    writes_end_with(channel, monkeypatch, status, reason)
    with pytest.raises(NetworkError) as doubt:
        desk.send(answer)
    assert not isinstance(doubt.value, DefiniteNo)


def test_an_answer_that_was_cut_off_has_cost_its_units(channel: YouTubeStandIn, desk: Desk) -> None:
    answer = desk.answer(desk.heard(channel.speak("leela", "card gone")), HELLO)
    channel.fail("cut")
    with pytest.raises(Unreachable):
        desk.send(answer)
    assert desk.meter.spent == [50]


def test_a_refused_token_that_cannot_be_renewed_is_no_doubt(channel: YouTubeStandIn, desk: Desk) -> None:
    answer = desk.answer(desk.heard(channel.speak("leela", "card gone")), HELLO)
    desk.secrets.fields[NAME]["access_token"] = "dead"
    channel.consent_holds = False
    with pytest.raises(DefiniteNo, match="connect YouTube again"):
        desk.send(answer)


def test_a_thread_that_is_not_shown_whole_proves_nothing(
    channel: YouTubeStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = channel.speak("leela", "card gone")
    answer = desk.answer(desk.heard(root), HELLO)
    for number in range(101):
        channel.speak("maria", f"me too {number}", reply_to=root)
    assert desk.find(answer) is None
    monkeypatch.setattr(_youtube_answers, "PAGES", 1)
    with pytest.raises(CannotTell, match="by hand"):
        desk.find(answer)
    channel.delete(root)
    with pytest.raises(CannotTell, match="gone"):
        desk.find(answer)


@pytest.mark.parametrize("change", ["edited", "not as typed", "undated"])
def test_a_comment_of_ours_in_other_words_may_be_the_answer(
    channel: YouTubeStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    root = channel.speak("leela", "card gone")
    answer = desk.answer(desk.heard(root), HELLO)
    native_id = desk.send(answer).native_id
    whole = channel.world.comment_json

    def shown(said: object, text_format: str) -> object:
        row = whole(said, text_format)  # type: ignore[arg-type]
        if row["id"] == native_id:
            snippet = row["snippet"]
            if change == "undated":
                snippet["publishedAt"] = "yesterday"
            else:
                snippet["textOriginal"] = snippet["textDisplay"] = "Blocked."
            if change == "edited":
                snippet["updatedAt"] = "2099-01-01T00:00:00Z"
            if change == "not as typed":
                del snippet["textOriginal"]
        return row

    monkeypatch.setattr(channel.world, "comment_json", shown)
    if change == "undated":
        assert isinstance(desk.find(answer), Posted)
    else:
        with pytest.raises(CannotTell, match="r1"):
            desk.find(answer)


def test_an_answer_below_closed_comments_is_not_taken_for_deleted(
    channel: YouTubeStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = desk.send(desk.answer(desk.heard(channel.speak("leela", "card gone")), HELLO))
    writes_end_with(channel, monkeypatch, 403, "commentsDisabled")
    assert isinstance(desk.answers, Withdrawer)
    with pytest.raises(DefiniteNo, match="switched off"):
        desk.answers.withdraw(desk.handle, posted, at=AT)
