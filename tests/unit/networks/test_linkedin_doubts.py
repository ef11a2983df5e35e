"""LinkedIn: what a short page, a shared target and a missing token prove."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Refused
from allhours.networks._linkedin import setup as _linkedin_setup
from allhours.networks._linkedin.api import Api
from allhours.networks.contract import CannotTell, DefiniteNo
from infra.local.standins.linkedin import LinkedInStandIn
from tests.unit.networks.test_linkedin import AT, NOW, FakeLinkedIn, polled
from tests.unit.networks.test_linkedin_answers import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.standins.base import Asked, Told


@pytest.fixture
def there() -> Iterator[LinkedInStandIn]:
    with LinkedInStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(there: LinkedInStandIn) -> Desk:
    return Desk(there)


def with_short_pages(there: LinkedInStandIn, patch: pytest.MonkeyPatch) -> None:
    """Show ten rows a page whatever is asked for, and a link to the next."""
    whole = there.answer

    def answer(asked: Asked) -> Told:
        told = whole(asked)
        if isinstance(told.body, dict) and len(told.body.get("elements", [])) > 10:
            rows = told.body["elements"]
            told.body["elements"] = rows[:10]
            told.body["paging"] = {"start": 0, "count": 10, "links": [{"rel": "next", "href": "/rest/x"}]}
        return told

    patch.setattr(there, "answer", answer)


def test_a_short_page_with_a_next_one_is_no_end(
    desk: Desk, there: LinkedInStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.speak("leela", "the first")
    cursor = [step.cursor for step in desk.source.fetch(desk.handle, {}, at=desk.at)][-1]
    said = {there.speak("leela", f"comment {number}") for number in range(25)}
    with_short_pages(there, monkeypatch)
    heard = set()
    for _ in range(3):
        for step in desk.source.fetch(desk.handle, cursor, at=desk.at):
            heard |= {each.native_id for each in step.heard}
            cursor = step.cursor
    assert said <= heard


def test_an_answer_behind_a_short_page_is_found(
    desk: Desk, there: LinkedInStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.answer(there.speak("leela", "hello"))
    desk.send(answer)
    pages: list[str] = []
    whole = there.answer

    def answered(asked: Asked) -> Told:
        told = whole(asked)
        if asked.method == "GET" and asked.path.endswith("/comments"):
            pages.append(asked.first("start"))
            if len(pages) == 1:
                told.body["elements"] = []
                told.body["paging"] = {"links": [{"rel": "next", "href": "/rest/x"}]}
            else:
                told = whole(replace(asked, query=(("start", "0"), ("count", "100"))))
        return told

    monkeypatch.setattr(there, "answer", answered)
    assert desk.find(answer) is not None
    assert len(pages) == 2


def test_a_notification_that_comes_a_little_late_is_heard_at_its_old_time() -> None:
    _, cursor, _ = polled(FakeLinkedIn([NOW]), {})
    heard, _, _ = polled(FakeLinkedIn([NOW, NOW - 300_000]), cursor, at=AT + timedelta(minutes=1))
    assert [each.native_id.rpartition(",")[2] for each in heard] == [f"{NOW - 300_000})"]


def test_a_customer_with_our_words_is_not_us(desk: Desk, there: LinkedInStandIn) -> None:
    native_id = there.speak("leela", "hello")
    answer = desk.answer(native_id)
    there.speak("maria", answer.text, reply_to=native_id)
    assert desk.find(answer) is None


def test_a_colleagues_answer_in_a_shared_thread_is_not_taken_for_this_one(
    desk: Desk, there: LinkedInStandIn
) -> None:
    root = there.speak("leela", "hello")
    reply = there.speak("maria", "me too", reply_to=root)
    answer = desk.answer(reply)
    there.brand_says("an answer to leela", reply_to=root)
    with pytest.raises(CannotTell, match="r1"):
        desk.find(answer)


@pytest.mark.parametrize(
    "native_id", ["urn:li:organizationBrand:2222", "urn:li:organization:1111", "1111", ""]
)
def test_a_page_is_told_by_the_name_that_the_organisation_file_needs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, native_id: str
) -> None:
    """`allhours connect` holds it against the file, so a brand page keeps its whole URN."""
    brand = "urn:li:organizationBrand:2222"
    page = brand if native_id == brand else "urn:li:organization:1111"
    roles = [(page, "ADMINISTRATOR", "urn:li:person:AdMin1")]
    monkeypatch.setattr(_linkedin_setup, "roles", lambda _api: roles)
    monkeypatch.setattr(Api, "ask", lambda *_asked: {"localizedName": "Acme"})
    who = desk.setup.identify(replace(desk.handle, native_id=native_id), at=desk.at)
    assert who.native_id == (native_id or "1111")


def test_without_a_token_nothing_is_out(
    desk: Desk, there: LinkedInStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.answer(there.speak("leela", "hello"))

    def gone(_secret: str) -> dict[str, str]:
        raise Refused("linkedin", "there is no such secret")

    monkeypatch.setattr(desk.secrets, "read", gone)
    with pytest.raises(DefiniteNo, match="no such secret"):
        desk.send(answer)
    assert there.shown == []
