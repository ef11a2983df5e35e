"""Answering on Threads and setting it up, against the stand-in: containers, doubts, lengths, tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from allhours.domain.errors import NetworkError, Refused, Unreachable
from allhours.domain.item import Change, Item
from allhours.networks import threads
from allhours.networks._threads.answers import ThreadsAnswers
from allhours.networks.contract import CannotTell, Connector, DefiniteNo, Hider, Posted, Replier, Withdrawer
from allhours.networks.http import Http
from infra.local.standins.base import Told
from infra.local.standins.threads import ThreadsStandIn
from tests.unit.standins.sixty_days_wire import FakeCredentials, FakeMeter, Reader, an_answer, handle_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Answer


class Desk:
    """One handle with its answers, its setup and its reader."""

    def __init__(self, there: ThreadsStandIn) -> None:
        self.there = there
        self.credentials = FakeCredentials(there)
        self.handle: Handle = handle_of(there)
        known = {"app_secret": "app"}
        answers = threads.answering(self.credentials, Http(), **known, meter=FakeMeter())
        assert isinstance(answers, ThreadsAnswers)
        self.answers = answers
        self.setup = threads.setting_up(self.credentials, Http(), **known)
        network = threads.connect(self.credentials, Http(), **known, meter=FakeMeter())
        self.reader = Reader(network, self.handle)
        self.root = there.brand_says("We are open")
        self.reader.poll()

    def said(self, author: str, text: str, *, reply_to: str = "") -> Item:
        native_id = self.there.speak(author, text, reply_to=reply_to)
        return self.reader.items()[native_id]

    def prepared(self, item: Item, text: str) -> Answer:
        return self.answers.prepare(self.handle, an_answer(item, text), at=datetime.now(UTC))

    def send(self, answer: Answer, *, later: timedelta = timedelta()) -> Posted:
        return self.answers.send(self.handle, answer, at=datetime.now(UTC) + later)

    def find(self, answer: Answer) -> Posted | None:
        return self.answers.find(self.handle, answer, at=datetime.now(UTC))


@pytest.fixture
def there() -> Iterator[ThreadsStandIn]:
    with ThreadsStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(there: ThreadsStandIn) -> Desk:
    return Desk(there)


def test_it_is_all_that_the_manifest_says(desk: Desk) -> None:
    assert isinstance(desk.answers, Replier)
    assert isinstance(desk.answers, Withdrawer)
    assert isinstance(desk.answers, Hider)
    assert isinstance(desk.setup, Connector)


def test_nothing_is_private_and_what_is_deleted_is_left_alone(desk: Desk) -> None:
    item, at = desk.said("leela", "hm"), datetime.now(UTC)
    assert desk.answers.permission(desk.handle, item, private=False, at=at).allowed
    private = desk.answers.permission(desk.handle, item, private=True, at=at)
    assert (private.allowed, "another channel" in private.reason) == (False, True)
    gone = replace(item, change=Change.DELETED)
    assert not desk.answers.permission(desk.handle, gone, private=False, at=at).allowed


@pytest.mark.parametrize(
    ("text", "used", "fits"),
    [
        ("a" * 500, 500, True),
        ("a" * 501, 501, False),
        ("ü" * 500, 500, True),
        ("日" * 500, 500, True),
        ("👍" * 125, 500, True),
        ("👍" * 126, 504, False),
        ("👩‍💻", 11, True),
        ("❤️", 6, True),
        ("", 0, False),
    ],
    ids=["limit", "over", "umlauts", "Japanese", "thumbs", "too many thumbs", "joined", "heart", "empty"],
)
def test_emoji_count_as_bytes_and_letters_once(desk: Desk, text: str, used: int, *, fits: bool) -> None:
    length, links = desk.answers.length(text, desk.said("leela", "hm"), private=False)
    assert (length.used, length.fits, links.used) == (used, fits, 0)


def test_five_links_fit_and_six_do_not(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    fits = []
    for count in (5, 6):
        text = " ".join(f"https://acme.example/{each}" for each in range(count))
        fits.append(desk.answers.length(text, item, private=False)[1])
    assert [(each.used, each.fits) for each in fits] == [(5, True), (6, False)]
    many = " ".join(f"https://acme.example/{each}" for each in range(6))
    with pytest.raises(DefiniteNo):
        desk.prepared(item, many)
    assert desk.answers.cost(many, item, private=False).usd == 0


def test_nothing_is_shown_before_it_is_sent_and_a_container_is_made_once(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    answer = desk.prepared(item, "On its way.")
    assert answer.fixed["container"]
    assert not desk.there.shown
    assert desk.find(answer) is None
    assert desk.answers.prepare(desk.handle, answer, at=datetime.now(UTC)) is answer
    posted = desk.send(answer)
    (shown,) = desk.there.shown
    assert (shown.native_id, shown.to, shown.text) == (posted.native_id, item.native_id, "On its way.")
    found = desk.find(answer)
    assert found is not None
    assert found.native_id == posted.native_id
    assert found.permalink


def test_a_container_that_is_not_ready_comes_again_soon(desk: Desk) -> None:
    desk.there.not_ready = 2
    answer, at = desk.prepared(desk.said("leela", "hm"), "On its way."), datetime.now(UTC)
    for _ in range(2):
        with pytest.raises(DefiniteNo, match="not ready") as refused:
            desk.send(answer)
        assert refused.value.again_at is not None
        assert at < refused.value.again_at < at + timedelta(minutes=2)
    assert desk.send(answer).native_id
    assert len(desk.there.shown) == 1


@pytest.mark.parametrize("fault", ["cut", "server_error", "malformed"])
@pytest.mark.parametrize("forgets", [False, True])
def test_a_doubt_after_the_effect_is_resolved_by_the_container(
    desk: Desk, fault: str, *, forgets: bool
) -> None:
    desk.there.forgets_status = forgets
    answer = desk.prepared(desk.said("leela", "hm"), "On its way.")
    desk.there.fail(fault)
    with pytest.raises(NetworkError) as doubt:
        desk.send(answer)
    assert not isinstance(doubt.value, DefiniteNo)
    found = desk.find(answer)
    assert found is not None
    assert [shown.native_id for shown in desk.there.shown] == [found.native_id]


@pytest.mark.parametrize("forgets", [False, True])
def test_sending_twice_shows_one_and_leaves_a_doubt(desk: Desk, *, forgets: bool) -> None:
    desk.there.forgets_status = forgets
    answer = desk.prepared(desk.said("leela", "hm"), "On its way.")
    posted = desk.send(answer)
    with pytest.raises(Unreachable):
        desk.send(answer)
    assert [shown.native_id for shown in desk.there.shown] == [posted.native_id]


def test_an_answer_by_hand_to_the_same_post_is_not_ours(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    answer = desk.prepared(item, "On its way.")
    desk.there.brand_says("Somebody typed this", reply_to=item.native_id)
    assert desk.find(answer) is None
    without = replace(answer, fixed={})
    assert desk.find(without) is None


def test_what_is_published_but_not_listed_yet_stays_a_doubt(desk: Desk) -> None:
    answer = desk.prepared(desk.said("leela", "hm"), "On its way.")
    posted = desk.send(answer)
    desk.there._said[posted.native_id].deleted = True
    with pytest.raises(Unreachable, match="not listed"):
        desk.find(answer)


def test_the_same_words_from_long_before_are_not_this_answer(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    older = desk.send(desk.prepared(item, "On its way."))
    desk.there._said[older.native_id].said_at -= timedelta(hours=1)
    assert desk.find(replace(an_answer(item, "On its way."), fixed={})) is None


def test_a_status_that_we_do_not_know_proves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, shown = desk.prepared(desk.said("leela", "hm"), "On its way."), desk.there._one
    container = answer.fixed["container"]
    unknown = Told(body={"id": container, "status": "SCHEDULED"})
    monkeypatch.setattr(
        desk.there, "_one", lambda node, params: unknown if node == container else shown(node, params)
    )
    with pytest.raises(Unreachable, match="scheduled"):
        desk.find(answer)


def test_more_replies_of_ours_than_are_looked_through_leave_it_open(desk: Desk) -> None:
    item, other = desk.said("leela", "hm"), desk.said("omar", "hm")
    answer = replace(an_answer(item, "On its way."), fixed={})
    for number in range(260):
        desk.there.brand_says(f"storm {number}", reply_to=other.native_id)
    with pytest.raises(CannotTell):
        desk.find(answer)
    posted = desk.send(desk.prepared(item, "On its way."))
    found = desk.find(answer)  # it came in time
    assert found is not None
    assert found.native_id == posted.native_id


def test_nothing_goes_out_from_another_profile_or_in_private(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    other = replace(item, answer_needs={**item.answer_needs, "threads_id": "77"})
    assert not desk.answers.permission(desk.handle, other, private=False, at=datetime.now(UTC)).allowed
    with pytest.raises(DefiniteNo, match="another profile"):
        desk.prepared(other, "On its way.")
    with pytest.raises(DefiniteNo, match="no private messages"):
        desk.answers.prepare(desk.handle, an_answer(item, "On its way.", private=True), at=datetime.now(UTC))


def test_a_container_that_ran_out_needs_another_approval(desk: Desk) -> None:
    answer = desk.prepared(desk.said("leela", "hm"), "On its way.")
    with pytest.raises(DefiniteNo, match="approve") as refused:
        desk.send(answer, later=timedelta(hours=24))
    assert refused.value.again_at is None
    desk.there._said[answer.fixed["container"]].said_at -= timedelta(hours=25)
    assert desk.find(answer) is None
    with pytest.raises(DefiniteNo, match="EXPIRED"):
        desk.send(answer)
    later = datetime.now(UTC) + timedelta(hours=24)
    again = desk.answers.prepare(desk.handle, answer, at=later)
    assert again.fixed["container"] != answer.fixed["container"]


@pytest.mark.parametrize("fault", ["rate_limited", "refused_token"])
def test_what_is_turned_down_has_no_effect(desk: Desk, fault: str) -> None:
    answer = desk.prepared(desk.said("leela", "hm"), "On its way.")
    desk.there.fail(fault)
    with pytest.raises(DefiniteNo) as refused:
        desk.send(answer)
    assert (refused.value.again_at is not None) == (fault == "rate_limited")
    assert desk.find(answer) is None


def test_a_post_that_is_gone_takes_no_answer(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    desk.there.delete(item.native_id)
    with pytest.raises(DefiniteNo, match="no such object"):
        desk.prepared(item, "On its way.")


def test_an_answer_is_taken_back(desk: Desk) -> None:
    posted = desk.send(desk.prepared(desk.said("leela", "hm"), "On its way."))
    for _ in range(2):  # one that is gone already is no error
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))
    assert [shown.deleted for shown in desk.there.shown] == [True]


def test_answers_below_our_posts_are_hidden_and_shown_again(desk: Desk) -> None:
    below, elsewhere = desk.said("leela", "rude", reply_to=desk.root), desk.said("omar", "rude")
    at = datetime.now(UTC)
    desk.answers.hide(desk.handle, below, hidden=True, at=at)
    assert desk.there.hidden == {below.native_id}
    desk.answers.hide(desk.handle, below, hidden=False, at=at)
    assert not desk.there.hidden
    with pytest.raises(DefiniteNo, match="own posts"):
        desk.answers.hide(desk.handle, elsewhere, hidden=True, at=at)
    desk.there.delete(below.native_id)
    with pytest.raises(DefiniteNo):
        desk.answers.hide(desk.handle, below, hidden=True, at=at)


# Setting up


def test_consent_leads_to_a_token_that_is_proven(desk: Desk) -> None:
    desk.credentials.secrets["handle"] = {}
    redirect, given = "https://desk.example/oauth", desk.there.app_secret
    address = desk.setup.consent(desk.handle, given, redirect=redirect, state="s1", verifier="")
    assert "threads_manage_mentions" in dict(parse_qsl(urlsplit(address).query))["scope"]
    told = dict(parse_qsl(urlsplit(Http().call("threads", "GET", address).headers["location"]).query))
    at = datetime.now(UTC)
    how = {"code": f"{told['code']}#_", "redirect": redirect, "verifier": ""}
    fields = desk.setup.exchange(desk.handle, given, **how, at=at)
    assert set(fields) == {"access_token", "expires_at", "renewed_at"}
    desk.credentials.secrets["handle"] = fields
    identity = desk.setup.identify(desk.handle, at=datetime.now(UTC))
    assert (identity.native_id, identity.name) == (desk.there.profile_id, "@bank_example")
    words = desk.setup.register(desk.handle, callback="https://desk.example/webhook", at=at)
    assert all("left for a person" in each for each in words)
    with pytest.raises(Refused):  # a code works once
        desk.setup.exchange(desk.handle, given, **how, at=at)


def test_health_counts_replies_and_names_missing_permissions(desk: Desk) -> None:
    at = datetime.now(UTC)
    desk.send(desk.prepared(desk.said("leela", "hm"), "On its way."))
    health = desk.setup.health(desk.handle, callback="https://desk.example/webhook", at=at)
    assert (health.quota, health.quota_used, health.notes) == ("1 of 1000 replies in 24 hours", 0.001, ())
    assert health.token_expires is not None
    assert (health.webhook_ok, bool(health.webhook)) == (None, True)
    desk.there.scopes = ("threads_basic",)
    (note,) = desk.setup.health(desk.handle, callback="", at=at).notes
    assert "threads_manage_replies" in note


def test_a_token_is_renewed_once_a_week_and_before_an_answer(desk: Desk) -> None:
    at = datetime.now(UTC)
    assert desk.setup.renew(desk.handle, at=at) is False
    desk.there.age_token(timedelta(days=7))
    desk.credentials.secrets["handle"] = desk.there.secret
    old = desk.there.secret["access_token"]
    desk.prepared(desk.said("leela", "hm"), "On its way.")
    (renewed,) = desk.credentials.renewed
    assert renewed["access_token"] == desk.there.secret["access_token"] != old
    assert desk.setup.renew(desk.handle, at=at) is False
