"""The feeds adapter against its stand-in, and the stand-in against the rules of the formats."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import feedparser
import pytest
import requests

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Skipped, Visibility
from allhours.networks import feeds
from allhours.networks.http import Http
from infra.local.standins.feeds import ATOM, JSON_FEED, NING, RSS, FeedsStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.networks.contract import Fetched

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NING_FEED = f"{NING}?feed=yes&xn_auth=no"


class Secrets:
    """Secrets by name, kept in a dictionary."""

    def __init__(self, **secrets: Mapping[str, str]) -> None:
        self.secrets = secrets

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(self, secret: str, stale: Mapping[str, str], ask: object) -> Mapping[str, str]:
        raise AssertionError((secret, stale, ask))


class Reader:
    """Poll one feed as the flow does: keep the cursor of each step once its items are kept."""

    def __init__(
        self, forum: FeedsStandIn, *, secret: str = "", base_url: str = "", listen: tuple[str, ...] = ()
    ) -> None:
        says = forum.handle_settings
        self.handle = Handle(
            network="feeds",
            account="acme",
            unit="cards",
            handle=says["handle"],
            base_url=base_url or says["base_url"],
            listen=listen,
            secret=secret,
            settings=says["settings"],
        )
        self.network = feeds.connect(Secrets(forum=forum.secret), Http(requests.Session()), app_secret="")
        self.cursor: Mapping[str, Any] = {}
        self.at = AT
        self.heard: list[Any] = []
        self.troubles: list[Exception] = []

    def steps(self) -> Iterator[Fetched]:
        return self.network.fetch(self.handle, self.cursor, at=self.at)

    def poll(self, *, after: float = 300) -> list[Any]:
        """Poll once, `after` seconds after the last poll; return what was heard."""
        self.at += timedelta(seconds=after)
        heard: list[Any] = []
        for step in self.steps():
            heard += step.heard
            self.cursor = json.loads(json.dumps(step.cursor))
            if step.trouble:
                self.troubles.append(step.trouble)
        self.heard += heard
        return heard


@pytest.fixture
def forum() -> Iterator[FeedsStandIn]:
    ticks = iter(range(1_000_000))
    clock = lambda: AT - timedelta(hours=1) + timedelta(seconds=next(ticks))  # noqa: E731 - a clock in one line
    with FeedsStandIn(clock=clock) as stand_in:
        yield stand_in


def texts(heard: list[Any]) -> list[str]:
    return [item.text for item in heard if isinstance(item, Item)]


@pytest.mark.parametrize("path", [ATOM, RSS, JSON_FEED, NING_FEED])
def test_a_new_entry_is_heard_once_in_every_format(forum: FeedsStandIn, path: str) -> None:
    forum.path = path
    leela = forum.say("Leela", "Is the app down? <b>Since 9</b> & counting")
    reader = Reader(forum)
    (item,) = reader.poll()
    assert item.native_id == leela
    assert item.text == "Is the app down? <b>Since 9</b> & counting"
    assert (item.author.name, item.language, item.change) == ("Leela", "en", Change.SAID)
    assert (item.visibility, item.kind.value) == (Visibility.PUBLIC, "entry")
    assert item.permalink.endswith("/topics/1")
    kept = reader.cursor
    assert reader.poll() == []
    assert reader.cursor == kept
    assert reader.troubles == []


def test_an_unchanged_feed_is_asked_with_its_own_validators_and_nothing_is_saved(forum: FeedsStandIn) -> None:
    forum.weak = True
    forum.say("Leela", "My card is lost")
    reader = Reader(forum)
    reader.poll()
    (step,) = reader.steps()
    assert step.cursor is reader.cursor
    headers = forum.asked[-1].headers
    assert headers["if-none-match"] == reader.cursor["feed"]["etag"]
    assert headers["if-none-match"].startswith('W/"')
    assert headers["if-modified-since"].endswith("GMT")
    assert "allhours" in headers["user-agent"].lower()
    assert headers["accept"].startswith("application/atom+xml")


def test_a_server_without_validators_is_believed_by_its_body(forum: FeedsStandIn) -> None:
    forum.validators = False
    forum.say("Leela", "My card is lost")
    reader = Reader(forum)
    reader.poll()
    (step,) = reader.steps()
    assert (step.heard, step.cursor) == ((), reader.cursor)
    assert "if-none-match" not in forum.asked[-1].headers


def test_a_burst_larger_than_a_run_is_heard_in_several_and_none_is_lost(forum: FeedsStandIn) -> None:
    said = [forum.say("Leela", f"Question {number}") for number in range(450)]
    reader = Reader(forum)
    runs = [len(reader.poll()), len(reader.poll())]
    said.append(forum.say("Ana", "A late one"))
    runs += [len(reader.poll()), len(reader.poll())]
    assert runs == [200, 200, 51, 0]
    assert sorted(item.native_id for item in reader.heard) == sorted(said)


def test_an_edit_is_heard_as_an_edit_with_a_larger_version(forum: FeedsStandIn) -> None:
    leela = forum.say("Leela", "My card is lst")
    reader = Reader(forum)
    reader.poll()
    forum.edit(leela, "My card is lost")
    (edit,) = reader.poll()
    assert (edit.native_id, edit.text, edit.change) == (leela, "My card is lost", Change.EDITED)
    assert edit.version > 0
    forum.edit(leela, "My card is lost!")
    (again,) = reader.poll()
    assert again.version > edit.version


def test_an_edit_without_dates_counts_on_and_is_saved_before_it_is_heard(forum: FeedsStandIn) -> None:
    forum.path = RSS
    leela = forum.say("Leela", "My card is lst")
    reader = Reader(forum)
    reader.poll()
    forum.edit(leela, "My card is lost")
    ahead, told = reader.steps()
    assert ahead.heard == ()
    (first,) = told.heard
    assert isinstance(first, Item)
    assert (first.version, first.change) == (1, Change.EDITED)
    reader.cursor = ahead.cursor  # the poll died before the second step was saved
    (again,) = reader.poll()
    assert again == first
    reader.cursor = ahead.cursor
    forum.edit(leela, "My card is stolen")
    (later,) = reader.poll()
    assert (later.text, later.version) == ("My card is stolen", 2)


def test_an_entry_that_drops_out_is_no_deletion_and_not_new_when_it_returns(forum: FeedsStandIn) -> None:
    forum.window = 2
    first = forum.say("Leela", "One")
    reader = Reader(forum)
    reader.poll()
    others = [forum.say("Ben", "Two"), forum.say("Ben", "Three")]
    assert texts(reader.poll()) == ["Two", "Three"]
    for other in others:
        forum.delete(other)
    assert reader.poll() == []
    assert {item.native_id for item in reader.heard} == {first, *others}


def test_answers_join_the_conversation_of_the_customer_they_answer(forum: FeedsStandIn) -> None:
    leela = forum.say("Leela", "Is the app down?")
    reader = Reader(forum)
    reader.poll()
    ben = forum.say("Ben", "Here too", reply_to=leela)
    forum.say("Leela", "Thanks, so it is not me", reply_to=ben)
    heard = reader.poll()
    assert [item.conversation_id for item in heard] == [leela, leela]
    assert [item.parent_id for item in heard] == [leela, ben]


def test_two_customers_below_the_brands_own_post_never_share_a_case(forum: FeedsStandIn) -> None:
    post = forum.brand_says("We changed our fees")
    forum.say("Leela", "Why?", reply_to=post)
    forum.say("Ben", "Mine too?", reply_to=post)
    own, leela, ben = Reader(forum).poll()
    assert (own.reason, own.native_id) == ("own post", post)
    assert leela.conversation_id == f"{post}:{leela.author.author_id}"
    assert leela.conversation_id != ben.conversation_id


def test_a_late_entry_below_known_ones_is_heard(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Late", late=True)
    forum.say("Ben", "On time")
    reader = Reader(forum)
    assert texts(reader.poll()) == ["On time"]
    forum.say("Ana", "Next")
    assert texts(reader.poll()) == ["Late", "Next"]


def test_only_entries_that_name_a_word_are_items(forum: FeedsStandIn) -> None:
    forum.say("Leela", "ACME BANK is slow")
    forum.say("Ben", "The acmebanking museum")
    reader = Reader(forum, listen=("acme bank", "#acme"))
    heard = reader.poll()
    assert texts(heard) == ["ACME BANK is slow"]
    assert [each.reason for each in heard if isinstance(each, Skipped)] == ["names none of the words"]
    assert reader.poll() == []


def test_a_rate_limit_is_kept_in_seconds_and_as_a_date(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    forum.fail("rate_limited", 2)
    reader.poll()
    (first,) = reader.troubles
    assert isinstance(first, RateLimited)
    assert first.retry_at == reader.at + timedelta(seconds=1)
    asked = len(forum.asked)
    reader.poll(after=0)
    assert len(forum.asked) == asked
    reader.poll()
    assert isinstance(reader.troubles[1], RateLimited)
    assert texts(reader.poll()) == ["Hello"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("expired_token", Refused),
        ("refused_token", Refused),
    ],
)
def test_a_fault_is_told_in_its_kind_and_loses_nothing(
    forum: FeedsStandIn, fault: str, kind: type[Exception]
) -> None:
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    reader.poll()
    forum.say("Leela", "Anybody?")
    forum.fail(fault)
    assert reader.poll() == []
    assert [type(trouble) for trouble in reader.troubles] == [kind]
    assert texts(reader.poll()) == ["Anybody?"]


@pytest.mark.parametrize("fault", ["duplicate", "late"])
def test_doubles_and_late_entries_come_once(forum: FeedsStandIn, fault: str) -> None:
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    forum.fail(fault)
    reader.poll()
    forum.say("Leela", "Anybody?")
    reader.poll()
    assert sorted(texts(reader.heard)) == ["Anybody?", "Hello"]
    assert reader.troubles == []


def test_a_feed_that_has_ended_is_told_once_and_never_asked_again(forum: FeedsStandIn) -> None:
    reader = Reader(forum)
    forum.gone = True
    reader.poll()
    asked = len(forum.asked)
    reader.poll()
    assert [type(trouble).__mro__[1] for trouble in reader.troubles] == [Refused]
    assert "410" in str(reader.troubles[0])
    assert len(forum.asked) == asked


def test_a_new_address_begins_anew_even_after_a_410(forum: FeedsStandIn) -> None:
    reader = Reader(forum)
    forum.gone = True
    reader.poll()
    forum.gone = False
    forum.say("Leela", "Hello")
    reader.handle = Reader(forum, base_url=forum.base_url + JSON_FEED).handle
    assert texts(reader.poll()) == ["Hello"]


def test_a_missing_feed_is_asked_ever_less_often_and_a_person_told_once(forum: FeedsStandIn) -> None:
    forum.missing = True
    reader = Reader(forum)
    for _ in range(12 * 24):
        reader.poll()
    assert len(forum.asked) < 20
    assert sum(isinstance(trouble, Refused) for trouble in reader.troubles) == 1
    forum.missing = False
    forum.say("Leela", "Hello")
    for _ in range(12 * 6):
        reader.poll()
    assert texts(reader.heard) == ["Hello"]
    assert "failures" not in reader.cursor["feed"]


@pytest.mark.parametrize(("status", "stored"), [(301, True), (308, True), (302, False), (307, False)])
def test_only_a_permanent_redirect_that_worked_three_times_is_stored(
    forum: FeedsStandIn,
    status: int,
    stored: bool,  # noqa: FBT001 - the table's second column
) -> None:
    forum.moved["/old"] = (status, ATOM)
    forum.say("Leela", "Hello")
    reader = Reader(forum, base_url=forum.base_url + "/old")
    reader.poll()
    reader.poll()
    assert "moved_to" not in reader.cursor["feed"]
    reader.poll()
    assert reader.cursor["feed"].get("moved_to") == (forum.base_url + ATOM if stored else None)
    asked = len(forum.asked)
    reader.poll()
    assert len(forum.asked) - asked == (1 if stored else 2)
    assert len(reader.heard) == 1


def test_a_place_it_moved_to_that_disappears_sends_us_back(forum: FeedsStandIn) -> None:
    forum.moved["/old"] = (301, "/there.xml")
    forum.moved["/there.xml"] = (302, ATOM)
    forum.say("Leela", "Hello")
    reader = Reader(forum, base_url=forum.base_url + "/old")
    for _ in range(3):
        reader.poll()
    assert reader.cursor["feed"]["moved_to"] == forum.base_url + "/there.xml"
    del forum.moved["/there.xml"]
    forum.moved["/old"] = (301, ATOM)
    forum.say("Leela", "Anybody?")
    reader.poll()
    assert texts(reader.poll()) == ["Anybody?"]


def test_redirects_end_after_five(forum: FeedsStandIn) -> None:
    for number in range(6):
        forum.moved[f"/{number}"] = (302, f"/{number + 1}")
    forum.moved["/6"] = (302, ATOM)
    reader = Reader(forum, base_url=forum.base_url + "/0")
    reader.poll()
    assert "redirects" in str(reader.troubles[0])
    forum.say("Leela", "Hello")
    reader = Reader(forum, base_url=forum.base_url + "/2")
    assert texts(reader.poll()) == ["Hello"]


def test_ttl_and_max_age_are_waited_for(forum: FeedsStandIn) -> None:
    forum.path, forum.ttl, forum.max_age = RSS, 30, 600
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    reader.poll()
    forum.say("Leela", "Anybody?")
    assert reader.poll(after=1_799) == []
    assert texts(reader.poll(after=2)) == ["Anybody?"]
    forum.ttl = 0
    reader.poll(after=1_801)  # the ttl that the last document asked for holds until the next says otherwise
    forum.say("Leela", "Now?")
    reader.poll(after=1_801)
    assert texts(reader.heard)[-1] == "Now?"


def test_a_ning_address_without_xn_auth_is_told_what_it_needs(forum: FeedsStandIn) -> None:
    reader = Reader(forum, base_url=f"{forum.base_url}{NING}?feed=yes")
    reader.poll()
    assert isinstance(reader.troubles[0], Malformed)
    assert "xn_auth=no" in str(reader.troubles[0])
    forum.private = True
    reader = Reader(forum, base_url=forum.base_url + NING_FEED)
    reader.poll()
    assert "private" in str(reader.troubles[0])


def test_a_password_is_sent_to_its_own_host_and_what_it_guards_is_for_members(forum: FeedsStandIn) -> None:
    forum.password = "sesame"
    forum.say("Leela", "Among us")
    reader = Reader(forum, secret="forum")
    (item,) = reader.poll()
    assert item.visibility is Visibility.FOLLOWERS
    forum.password = "changed"
    reader.poll()
    assert isinstance(reader.troubles[0], Refused)
    assert "sesame" not in str(reader.troubles[0])


def test_another_host_never_gets_the_password(forum: FeedsStandIn) -> None:
    forum.password = "sesame"
    with FeedsStandIn() as stranger:
        stranger.say("Mallory", "Hello")
        forum.moved[ATOM] = (301, stranger.address)
        reader = Reader(forum, secret="forum")
        reader.network = feeds.Feeds(
            Secrets(forum=forum.secret), public=Http(requests.Session()), anywhere=Http(requests.Session())
        )
        assert texts(reader.poll()) == ["Hello"]
        assert "authorization" in forum.asked[-1].headers
        for _ in range(4):
            reader.poll()
        assert len(stranger.asked) == 5
        assert not any("authorization" in asked.headers for asked in stranger.asked)
        assert "moved_to" not in reader.cursor["feed"]


def test_a_feed_that_moved_for_good_gives_its_password_to_nobody_else(forum: FeedsStandIn) -> None:
    with FeedsStandIn() as stranger:
        reader = Reader(forum, secret="forum")
        reader.network = feeds.Feeds(
            Secrets(forum={"user": "reader", "password": "sesame"}),
            public=Http(requests.Session()),
            anywhere=Http(requests.Session()),
        )
        of = reader.poll() or reader.cursor["feed"]["of"]
        reader.cursor = {"feed": {"of": of, "moved_to": stranger.address}}
        reader.poll()
        assert len(stranger.asked) == 1
        assert "authorization" not in stranger.asked[0].headers


def test_private_allowed_holds_for_the_feeds_own_host_only(forum: FeedsStandIn) -> None:
    with FeedsStandIn() as inner:
        forum.moved[ATOM] = (302, inner.address)
        reader = Reader(forum)
        reader.poll()
        assert isinstance(reader.troubles[0], Refused)
        assert "private network" in str(reader.troubles[0])
        assert inner.asked == []


def test_an_outage_is_waited_out(forum: FeedsStandIn) -> None:
    reader = Reader(forum)
    reader.poll()
    forum.say("Leela", "Hello")
    forum.stop()
    reader.network = Reader(forum).network  # a new connection: the old one's thread would still answer
    reader.poll()
    forum.start()
    assert [type(trouble) for trouble in reader.troubles] == [Unreachable]
    assert texts(reader.poll()) == ["Hello"]


# The stand-in by the formats' own rules.


def test_the_stand_in_speaks_well_formed_atom_and_rss(forum: FeedsStandIn) -> None:
    post = forum.say("Leela", "Tom & <Jerry> \x07 🙂")
    forum.say("Ben", "ü", reply_to=post)
    for path, version in ((ATOM, "atom10"), (RSS, "rss20")):
        answer = requests.get(forum.base_url + path, timeout=5)
        assert answer.headers["Content-Encoding"] == "gzip"
        read = feedparser.parse(
            io.BytesIO(answer.content), response_headers={"content-type": answer.headers["Content-Type"]}
        )
        assert (read["bozo"], read["version"], len(read["entries"])) == (False, version, 2)


def test_the_stand_in_keeps_json_feeds_rules(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Hello")
    answer = requests.get(forum.base_url + JSON_FEED, timeout=5)
    assert answer.headers["Content-Type"].startswith("application/feed+json")
    feed = answer.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert item["content_text"]
        assert datetime.fromisoformat(item["date_published"]).tzinfo


def test_the_stand_in_answers_conditions_as_rfc_9110_says(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Hello")
    first = requests.get(forum.address, timeout=5)
    both = {"If-None-Match": first.headers["ETag"], "If-Modified-Since": first.headers["Last-Modified"]}
    same = requests.get(forum.address, headers=both, timeout=5)
    assert (same.status_code, same.content) == (304, b"")
    other = requests.get(forum.address, headers=both | {"If-None-Match": '"x"'}, timeout=5)
    assert other.status_code == 200
    dated = requests.get(
        forum.address, headers={"If-Modified-Since": first.headers["Last-Modified"]}, timeout=5
    )
    assert dated.status_code == 304


def test_the_stand_in_counts_what_customers_said_and_what_became_of_it(forum: FeedsStandIn) -> None:
    kept, deleted = forum.say("Leela", "One"), forum.say("Ben", "Two")
    forum.brand_says("Three")
    forum.delete(deleted)
    assert [(said.id, said.author, said.text, said.deleted) for said in forum.posts] == [
        (kept, "Leela", "One", False),
        (deleted, "Ben", "Two", True),
    ]
