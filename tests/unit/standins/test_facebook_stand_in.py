"""The Facebook stand-in against Meta's published lists, and our client against the stand-in, over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from allhours.domain.errors import (
    BadSignature,
    Malformed,
    NetworkError,
    RateLimited,
    Refused,
    Unreachable,
)
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Kind, Skipped, Visibility
from allhours.networks import facebook
from allhours.networks.contract import Cursor, Delivery
from allhours.networks.http import Http
from infra.local.standins.base import FAULTS
from infra.local.standins.facebook import FacebookStandIn
from tests.shared_material import specs
from tests.unit.standins.webhook_wire import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.domain.item import Heard


class FreeMeter:
    """Facebook costs nothing, so nothing is ever counted."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, float]] = []

    def room(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))


class FakeCredentials:
    """What the stand-in gave out, and what became of it."""

    def __init__(self, there: FacebookStandIn) -> None:
        self.secrets: dict[str, Mapping[str, str]] = {"page": there.secret, "app": there.app_secret}

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        self.secrets[secret] = ask(stale)
        return self.secrets[secret]


class Reader:
    """Our client with one handle and a cursor that is saved after every step."""

    def __init__(self, there: FacebookStandIn) -> None:
        self.credentials = FakeCredentials(there)
        self.network = facebook.connect(self.credentials, Http(), app_secret="app", meter=FreeMeter())
        self.handle = Handle(
            network="facebook",
            account="acme-cards",
            unit="cards",
            handle=there.handle_settings["handle"],
            base_url=there.handle_settings["base_url"],
            native_id=there.handle_settings["native_id"],
            secret="page",
        )
        self.cursor: Cursor = {}

    def poll(self) -> tuple[list[Heard], list[NetworkError]]:
        heard: list[Heard] = []
        troubles: list[NetworkError] = []
        for step in self.network.fetch(self.handle, self.cursor, at=datetime.now(UTC)):
            heard += step.heard
            troubles += [step.trouble] if step.trouble else []
            self.cursor = step.cursor
        return heard, troubles


@pytest.fixture
def there() -> Iterator[FacebookStandIn]:
    with FacebookStandIn(page_size=3) as stand_in:
        yield stand_in


@pytest.fixture
def reader(there: FacebookStandIn) -> Reader:
    return Reader(there)


def items(heard: list[Heard]) -> dict[str, Item]:
    return {each.native_id: each for each in heard if isinstance(each, Item)}


def test_every_kind_of_post_is_heard_and_our_own_open_no_work(there: FacebookStandIn, reader: Reader) -> None:
    reader.poll()
    root = there.brand_says("We are open")
    comment = there.say("leela", "where is my card", reply_to=root)
    own = there.brand_says("On its way", reply_to=comment)
    said = {
        comment: Kind.COMMENT,
        there.say("leela", "since when?", reply_to=own): Kind.REPLY,
        there.say("omar", "the app is slow"): Kind.POST,
        there.say("priya", "hey @Example Bank", mention=True): Kind.MENTION,
        (message := there.say("omar", "I lost my wallet", private=True)): Kind.MESSAGE,
        there.say("nobody", "hm", reply_to=root, nameless=True): Kind.COMMENT,
    }
    there.brand_says("Blocked it", reply_to=message)
    heard, troubles = reader.poll()
    assert not troubles
    found = items(heard)
    assert {native_id: item.kind for native_id, item in found.items()} == said
    assert {said.native_id for said in there.posts} == set(found)
    assert {item.visibility for item in found.values() if item.kind is Kind.MESSAGE} == {Visibility.PRIVATE}
    assert [each.reason for each in heard if isinstance(each, Skipped)] == ["own post"] * 3
    before = reader.cursor
    assert reader.poll() == ([], [])
    assert reader.cursor is before


def test_a_burst_larger_than_a_page_is_heard_in_later_polls(there: FacebookStandIn, reader: Reader) -> None:
    reader.poll()
    root = there.brand_says("We are open")
    said = {there.say("leela", f"comment {number}", reply_to=root) for number in range(25)}
    said |= {there.say("omar", f"message {number}", private=True) for number in range(25)}
    heard: set[str] = set()
    for _ in range(5):
        heard |= items(reader.poll()[0]).keys()
    assert heard == said


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("refused_token", Refused),
        ("expired_token", None),
        ("duplicate", None),
        ("late", None),
    ],
)
def test_no_fault_loses_a_post(
    there: FacebookStandIn, reader: Reader, fault: str, kind: type[NetworkError] | None
) -> None:
    reader.poll()
    said = {there.say("leela", "the app is slow"), there.say("omar", "I lost my wallet", private=True)}
    there.fail(fault)
    heard, troubles = reader.poll()
    assert len(troubles) == (kind is not None)
    assert all(kind is not None and isinstance(each, kind) for each in troubles)
    for name, marks in reader.cursor.items():
        reader.cursor = {**reader.cursor, name: {**marks, "not_before": 0}}
    again, troubles = reader.poll()
    assert not troubles
    assert items([*heard, *again]).keys() == said


def test_every_fault_of_the_house_is_tried() -> None:
    (mark,) = (each for each in test_no_fault_loses_a_post.pytestmark if each.name == "parametrize")  # type: ignore[attr-defined]
    assert {fault for fault, _kind in mark.args[1]} == set(FAULTS)


def test_a_full_bucket_is_waited_for_and_calling_on_makes_it_longer() -> None:
    with FacebookStandIn(calls_an_hour=2) as there:
        reader = Reader(there)
        _heard, troubles = reader.poll()
        assert [type(each) for each in troubles] == [RateLimited]
        (trouble,) = troubles
        assert isinstance(trouble, RateLimited)
        assert trouble.retry_at > datetime.now(UTC)
        bucket = there.buckets["pages"]
        shut_until, asked = bucket.shut_until, len(there.asked)
        reader.poll()
        assert [each.path.rpartition("/")[2] for each in there.asked[asked:]] == ["conversations"]
        assert bucket.shut_until == shut_until
        bucket.take(there.world.clock())
        assert bucket.shut_until > shut_until


def test_an_expired_token_is_renewed_and_stays_refused_elsewhere(
    there: FacebookStandIn, reader: Reader
) -> None:
    stale = there.secret["page_token"]
    there.fail("expired_token")
    assert reader.poll() == ([], [])
    assert reader.credentials.read("page")["page_token"] == there.secret["page_token"] != stale
    reader.credentials.secrets["page"] = {"page_token": stale}
    (trouble,) = reader.poll()[1]
    assert "463" in str(trouble)
    assert stale not in str(trouble)


def test_a_wrong_app_secret_is_named(reader: Reader) -> None:
    reader.credentials.secrets["app"] = {"app_secret": "another"}
    (trouble, *_rest) = reader.poll()[1]
    assert "appsecret_proof" in str(trouble)


def test_a_user_token_sees_empty_lists(there: FacebookStandIn, reader: Reader) -> None:
    there.say("leela", "the app is slow")
    reader.credentials.secrets["page"] = {"page_token": there.secret["user_token"]}
    assert reader.poll() == ([], [])


def test_edits_and_deletions_are_found_by_reading_again(there: FacebookStandIn, reader: Reader) -> None:
    root = there.brand_says("We are open")
    edited = there.say("leela", "where is my card", reply_to=root)
    deleted = there.say("omar", "the app is slow")
    kept = list(items(reader.poll()[0]).values())
    there.edit(edited, "where is my new card")
    there.delete(deleted)
    found = {each.native_id: each for each in items_of(reader, kept)}
    assert {native_id: item.change for native_id, item in found.items()} == {
        edited: Change.EDITED,
        deleted: Change.DELETED,
    }
    assert [said.native_id for said in there.posts if said.deleted] == [deleted]


def items_of(reader: Reader, kept: list[Item]) -> list[Item]:
    heard = reader.network.reread(reader.handle, kept, at=datetime.now(UTC))
    return [each for each in heard if isinstance(each, Item)]


# The webhook


def test_a_delivery_tells_what_a_poll_tells(there: FacebookStandIn, reader: Reader) -> None:
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        root = there.brand_says("We are open")
        comment = there.say("leela", "grüße \u202e", reply_to=root)
        there.say("leela", "since when?", reply_to=comment)
        there.say("omar", "the app is slow")
        there.say("priya", "hey @Example Bank", mention=True)
        there.say("omar", "I lost my wallet", private=True)
        pushed = items(webhook.wait_for(6))
        polled = items(reader.poll()[0])
        assert pushed.keys() == polled.keys()
        for native_id, item in polled.items():
            told = pushed[native_id]
            assert (told.text, told.kind, told.visibility) == (item.text, item.kind, item.visibility)
            assert told.parent_id == item.parent_id
            assert item.kind is Kind.MENTION or told.conversation_id == item.conversation_id
        assert any(b"gr\\u00fc\\u00dfe" in raw for raw in there.pushes.delivered)  # type: ignore[union-attr]


def test_edits_and_deletions_are_delivered_with_rising_versions(
    there: FacebookStandIn, reader: Reader
) -> None:
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        for private in (False, True):
            webhook.heard.clear()
            native_id = there.say("leela", "hm", private=private)
            there.edit(native_id, "hm, really")
            there.delete(native_id)
            found = [each for each in webhook.wait_for(3) if isinstance(each, Item)]
            assert [each.change for each in found] == [Change.SAID, Change.EDITED, Change.DELETED]
            assert {each.native_id for each in found} == {native_id}
            assert [each.text for each in found] == ["hm", "hm, really", ""]
            assert found[0].version < found[1].version <= found[2].version


def test_registration_needs_both_levels_and_the_challenge(there: FacebookStandIn, reader: Reader) -> None:
    with Webhook(reader.network, reader.handle) as webhook:
        app_token = f"{there.app.app_id}|{there.app_secret['app_secret']}"
        form = {"object": "page", "callback_url": webhook.url, "fields": "feed", "access_token": app_token}
        assert post(f"{there.base_url}/v26.0/{there.app.app_id}/subscriptions", form) == {"success": True}
        there.say("leela", "nobody subscribed the Page yet")
        fields = {"subscribed_fields": "feed,messages", "access_token": app_token}
        assert post(f"{there.base_url}/v26.0/{there.page_id}/subscribed_apps", fields) == {"success": True}
        native_id = there.say("leela", "now")
        assert [each.native_id for each in webhook.wait_for(1)] == [native_id]
        reader.credentials.secrets["app"] = {"app_secret": "x", "verify_token": "another"}
        with pytest.raises(urllib.error.HTTPError):
            there.register(webhook.url)


def test_a_delivery_that_facebook_did_not_sign_is_refused(there: FacebookStandIn, reader: Reader) -> None:
    raw = b'{"object":"page","entry":[]}'
    headers = {name.lower(): value for name, value in there.sign(raw).items()}
    reader.network.verify(Delivery(method="POST", query={}, headers=headers, body=raw))
    with pytest.raises(BadSignature):
        reader.network.verify(Delivery(method="POST", query={}, headers=headers, body=raw + b" "))


def post(url: str, form: Mapping[str, str]) -> object:
    with urllib.request.urlopen(url, data=urlencode(form).encode(), timeout=10) as answer:  # noqa: S310 - loopback
        return json.loads(answer.read())


# Meta's published lists, both ways

COMMON = {"fields", "limit", "since", "until", "after", "appsecret_proof"}  # every edge takes them
EDGES = {"attachments", "messages"}  # asked for as fields, listed as edges


def spec(name: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(specs("facebook", "api_specs", f"{name}.json").read_bytes())
    return known


def fields(name: str) -> set[str]:
    return {each["name"] for each in spec(name)["fields"]}


def edges(name: str) -> dict[str, set[str]]:
    return {
        each["endpoint"]: {param["name"] for param in each["params"]}
        for each in spec(name)["apis"]
        if each["method"] == "GET" and "endpoint" in each
    }


def asked_for(text: str) -> set[str]:
    depth, names = 0, [""]
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if letter == "," and not depth:
            names.append("")
        elif not depth and letter != "}":
            names[-1] += letter
    return {name.partition(".")[0] for name in names}


def test_what_we_ask_for_is_what_meta_lists(there: FacebookStandIn, reader: Reader) -> None:
    root = there.brand_says("We are open")
    there.say("leela", "hm", reply_to=root)
    there.say("leela", "hm", private=True)
    kept = list(items(reader.poll()[0]).values())
    items_of(reader, kept)
    page, nodes = edges("Page"), {"comments": ("PagePost", "Comment")}
    seen = set()
    for asked in there.asked:
        node, _, edge = asked.path.removeprefix("/v26.0/").partition("/")
        if asked.method == "POST":
            continue
        seen.add(edge)
        params = {name for name, _value in asked.query} - COMMON
        listed = page if node == there.page_id else edges(nodes[edge][0])
        assert params - {"limit"} <= listed[edge], asked.path
        types = {"comments": "Comment", "conversations": "UnifiedThread", "ratings": "Recommendation"}
        type_of = types.get(edge, "PagePost")
        assert asked_for(asked.first("fields")) - EDGES <= fields(type_of), asked.path
    assert seen == {"feed", "published_posts", "tagged", "comments", "conversations", "ratings"}
    values = {
        each["name"]: each["values"]
        for each in json.loads(
            specs("facebook", "api_specs", "enum_types.page-post-comment.json").read_bytes()
        )
    }
    platforms = {asked.first("platform").upper() for asked in there.asked if "conversations" in asked.path}
    assert platforms <= set(values["pageconversations_platform_enum_param"])


def test_what_the_stand_in_answers_is_what_meta_lists(there: FacebookStandIn) -> None:
    root = there.brand_says("We are open")
    comment = there.say("leela", "hm", reply_to=root)
    there.say("leela", "hm", reply_to=comment)
    there.say("leela", "hm", private=True)
    there.say("leela", "hm", mention=True)
    everything = {name: ",".join(fields(name)) for name in ("PagePost", "Comment", "UnifiedThread")}
    paths = {
        f"{there.page_id}/feed": "PagePost",
        f"{there.page_id}/tagged": "PagePost",
        f"{root}/comments": "Comment",
        f"{there.page_id}/conversations": "UnifiedThread",
    }
    for path, name in paths.items():
        rows = there._counted(
            "GET", path, {"fields": everything[name], "filter": "stream"}, there.secret["page_token"]
        )
        assert rows.body["data"], path
        for row in rows.body["data"]:
            assert set(row) - EDGES <= fields(name), path


def test_the_stand_ins_deliveries_have_the_recorded_keys(there: FacebookStandIn) -> None:
    def keys(name: str, *more: str) -> tuple[set[str], set[str]]:
        body = json.loads(specs("facebook", "recorded-restfb", f"{name}.json").read_bytes())
        entry = body["entry"][0]
        inner = entry["changes"][0]["value"] if "changes" in entry else entry["messaging"][0]
        return set(entry), set(inner) | set(more)

    root = there._add("", "We are open")
    comment = there._add("leela", "hm", root.native_id)
    message = there._add("leela", "hm", private=True)
    for said, verb, name in (
        (root, "add", "feed-status-add-25"),
        (comment, "add", "feed-comment-add-211"),
        (message, "add", "messaging-message-basic"),
        (message, "edited", "messaging-message-edits"),
        (message, "remove", "messaging-message-isdeleted"),
    ):
        entry = there.world.entry(said, verb)
        outer, inner = keys(name)
        assert set(entry) == outer, name
        assert set(entry["changes"][0]["value"] if "changes" in entry else entry["messaging"][0]) <= inner, (
            name
        )


# Recommendations


def test_recommendations_are_heard_by_poll_and_by_webhook_under_one_id(
    there: FacebookStandIn, reader: Reader
) -> None:
    reader.poll()
    with Webhook(reader.network, reader.handle) as webhook:
        there.register(webhook.url)
        said = there.say("leela", "They called me back", review=True)
        pushed = items(webhook.wait_for(1))[said]
        there.delete(said)
        deleted = webhook.wait_for(2)[-1]
    assert isinstance(deleted, Item)
    assert (deleted.native_id, deleted.change) == (said, Change.DELETED)
    there.world.said[said].deleted = False
    polled = items(reader.poll()[0])[said]
    assert (pushed.kind, polled.kind) == (Kind.REVIEW, Kind.REVIEW)
    assert pushed.text == polled.text == "[recommends us] They called me back"
    assert pushed.conversation_id == polled.conversation_id


def test_where_the_edge_is_gone_the_webhook_alone_tells_and_the_poll_asks_again_in_a_week(
    there: FacebookStandIn, reader: Reader
) -> None:
    there.without_ratings = True
    assert reader.poll() == ([], [])
    before = len(there.asked)
    there.say("leela", "They called me back", review=True)
    assert reader.poll() == ([], [])
    assert not [asked for asked in there.asked[before:] if asked.path.endswith("ratings")]
    there.without_ratings = False
    marks = {**reader.cursor["ratings"], "gone": datetime.now(UTC).date().toordinal() - 7}
    reader.cursor = {**reader.cursor, "ratings": marks}
    assert len(items(reader.poll()[0])) == 1


def test_pages_beside_each_other_never_share_an_id(reader: Reader) -> None:
    ids = [FacebookStandIn.playing(reader.handle, place=place).speak("leela", "hm") for place in range(3)]
    assert len(set(ids)) == 3
