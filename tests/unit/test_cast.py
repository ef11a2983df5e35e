"""The cast of the local run: varied enough to show the trip, and what becomes of real voices."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from allhours import models
from allhours.cli.organisation_file import load
from allhours.domain.item import Author, Item, Kind
from allhours.domain.personal_data import mask
from allhours.domain.router import Router
from allhours.networks import NETWORKS
from infra.local.cast import ASLEEP_IN, BURST, CAST, LADDERS, SPAM_RULE, Line, Performance, voices
from infra.local.deploy import FOLDER
from infra.local.ledger import Arrival, Ledger
from infra.local.on_call import ASLEEP_FOR
from infra.local.standins.base import now
from infra.local.town import Posted, Town, organisation_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from allhours.domain.handle import Handle
    from allhours.domain.organisation import Organisation

EXAMPLE = FOLDER / "infra" / "organisation" / "acme.yaml"


@pytest.fixture(scope="module")
def bank() -> Organisation:
    return organisation_of([EXAMPLE])


@pytest.fixture
def town(bank: Organisation) -> Iterator[Town]:
    town = Town.built_for(bank.handles)
    yield town
    town.stop()


def said() -> list[Line]:
    return [line for line in CAST if line.author and line.do == "say"]


def test_the_cast_is_varied() -> None:
    lines = said()
    assert len(lines) >= 60
    assert {line.network for line in lines} == set(NETWORKS)
    assert len({line.author for line in lines}) >= 55
    assert len({line.text for line in lines}) == len(lines)
    assert sum(line.private for line in lines) >= 5
    assert {line.do for line in CAST} == {"say", "edit", "delete"}
    assert any(not line.author and line.do == "say" for line in CAST), "the brand speaks too"
    joined = [line for line in lines if line.on]
    named = {line.name: line.author for line in CAST if line.name}
    assert any(named[line.on] not in {"", line.author} for line in joined), "strangers join"
    assert any(named[line.on] == line.author for line in joined), "authors come back"


def test_every_line_refers_to_what_was_said_before_it() -> None:
    so_far: set[str] = set()
    for line in CAST:
        assert not line.on or line.on in so_far
        so_far.add(line.name)


def test_some_of_the_cast_tell_what_must_be_masked() -> None:
    found = Counter(name for line in said() for name in mask(line.text).found)
    assert {"card", "iban", "e-mail", "phone"} <= set(found)


def test_the_cast_has_something_for_every_unit(bank: Organisation) -> None:
    router = Router(bank, judge=models.judge(bank))
    units = Counter(router.way(item_of(line), None).unit for line in said())
    assert set(units) == set(bank.units)


def item_of(line: Line) -> Item:
    return Item(
        network=line.network,
        native_id="1",
        account=line.account,
        handle="@acmebank",
        conversation_id="1",
        author=Author(author_id="leela"),
        created_at=now(),
        kind=Kind.MENTION,
        text=line.text,
    )


def test_the_rule_laid_before_the_bank_s_own_is_a_rule(
    bank: Organisation, town: Town, tmp_path: Path
) -> None:
    written = tmp_path / "organisation.yaml"
    town.write([EXAMPLE], written, rules=[SPAM_RULE])
    loaded = load([written], now())
    assert loaded.mistakes == ()
    assert loaded.organisation is not None
    assert loaded.organisation.rules[0].ignore
    ports = {handle.base_url.split("/")[2] for handle in loaded.organisation.handles}
    assert all(port.startswith("127.0.0.1:") for port in ports), "a run never speaks to a real network"
    assert [handle.key for handle in loaded.organisation.handles] == [handle.key for handle in bank.handles]


def test_the_ladder_of_a_run_is_one_and_its_second_step_finds_the_first_asleep(
    town: Town, tmp_path: Path
) -> None:
    town.write([EXAMPLE], tmp_path / "organisation.yaml", ladders=LADDERS)
    steps = organisation_of([tmp_path / "organisation.yaml"]).escalation[ASLEEP_IN]
    assert steps[0].after == 0
    assert steps[1].after > ASLEEP_FOR


def test_somebody_needs_the_unit_that_sleeps_before_a_short_run_is_over(bank: Organisation) -> None:
    early = [Router(bank).way(item_of(line), None) for line in CAST[:6]]
    assert (ASLEEP_IN, 1) in {(each.unit, each.priority) for each in early}


def test_a_round_posts_everything_and_the_next_one_comes_from_other_people(town: Town) -> None:
    performance = Performance(town=town, lines=CAST)
    lines = len(CAST) + (len(CAST) // 24) * len(BURST)
    for _ in range(2 * lines):
        assert performance.next() > 0
    posts = town.posted()
    assert {post.handle.network for post in posts} == set(NETWORKS)
    assert len({post.key for post in posts}) == len(posts), "no two posts share a key"
    assert {post.key for post in posts} == set(town.said_at)
    assert any(post.deleted for post in posts)


def test_voices_of_a_file_are_posted_once_and_bad_lines_named(town: Town, tmp_path: Path) -> None:
    path = tmp_path / "voices.jsonl"
    path.write_text(
        '{"text": "my card is gone"}\n'
        "no json\n"
        '{"text": ""}\n'
        '{"network": "myspace", "text": "hello?"}\n'
        '["a list"]\n'
        '{"network": "bluesky", "author": "Leela", "text": "app is down"}\n'
        "\n"
    )
    lines, wrong = voices(path, town)
    assert [line.text for line in lines] == ["my card is gone", "app is down"]
    assert [each.split(":")[1] for each in wrong] == ["2", "3", "4", "5"]
    performance = Performance(town=town, lines=lines, once=True)
    for _ in range(5):
        performance.next()
    assert sorted(
        post.text.split(" ", 1)[-1] for post in town.posted() if post.handle.network == "bluesky"
    ) == ["app is down"]
    assert len(town.posted()) == 2


# The ledger


def posted(handle: Handle, native_id: str = "1", *, deleted: bool = False, text: str = "my card") -> Posted:
    return Posted(handle=handle, native_id=native_id, author="leela", text=text, deleted=deleted)


def item_row(
    key: str, *, deleted: bool = False, case: str = "c1", text: str = "my card"
) -> Mapping[str, Any]:
    row: dict[str, Any] = {"key": {"S": f"ITEM#{key}"}, "deleted": {"BOOL": deleted}}
    row["item"] = {"S": f'{{"text": "{text}"}}' if text else "{}"}
    return {**row, "in_case": {"S": case}} if case else row


def arrival(handle: Handle, native_id: str = "1", event: str = "case.opened", unit: str = "cards") -> Arrival:
    item = {
        "network": handle.network,
        "id": native_id,
        "account": handle.account,
        "handle": handle.handle,
        "kind": "post",
    }
    body = {"event_id": f"{native_id}:{event}", "event": event, "unit": "cards", "item": item}
    return Arrival(unit=unit, event=body, at=12.0)


@pytest.fixture
def on_x(bank: Organisation) -> Handle:
    return bank.handles_on("x")[0]


def test_every_post_has_one_fate(bank: Organisation, on_x: Handle) -> None:
    ledger, forum = Ledger(), bank.handles_on("feeds")[1]
    ledger.note(arrival(on_x, "1"), 10.0)
    ledger.note(arrival(on_x, "5", event="item.light"), 10.0)
    posts = [
        posted(on_x, "5"),
        posted(on_x, "6"),
        posted(on_x, "1"),
        posted(on_x, "2"),
        posted(on_x, "3", deleted=True),
        posted(forum, "4", text="best bread in town"),
    ]
    rows = [item_row("x#1"), item_row("x#2", case=""), item_row("x#3", deleted=True, text="")]
    light = {"event": {"S": '{"event": "item.light"}'}}
    rows += [{**item_row(key, case=""), **light} for key in ("x#5", "x#6")]
    balance = ledger.balance(posts, rows)
    assert {fate: counts.total() for fate, counts in balance.fates.items()} == {
        "routed": 1, "light": 1, "filtered": 2, "deleted": 1, "open": 1,
    }  # fmt: skip
    assert balance.open == [("x", "6", "told without a case, not in an inbox")]
    assert ledger.delay(0.5) == 2.0


@pytest.mark.parametrize(
    ("deleted", "rows", "why"),
    [
        (False, [], "not in the table"),
        (False, [item_row("x#1")], "in a case, not in an inbox"),
        (False, [item_row("x#1", deleted=True, text="")], "there on the network, deleted here"),
        (True, [item_row("x#1")], "deleted there, still kept here"),
        (True, [item_row("x#1", deleted=True)], "deleted there, still kept here"),
    ],
)
def test_what_is_not_in_its_place_is_open_and_named(
    on_x: Handle, rows: list[Mapping[str, Any]], why: str, *, deleted: bool
) -> None:
    balance = Ledger().balance([posted(on_x, deleted=deleted)], rows)
    assert balance.open == [("x", "1", why)]
    assert not balance.adds_up


def test_the_same_event_and_the_same_item_are_noticed_the_second_time(on_x: Handle) -> None:
    ledger = Ledger()
    ledger.note(arrival(on_x), None)
    ledger.note(arrival(on_x), None)
    assert ledger.twice == ["cards: event 1:case.opened", "cards: item x#1"]


def test_a_notice_that_comes_a_second_time_is_noticed() -> None:
    ledger, notice = Ledger(), {"notice_id": "handover#cards#1", "event": "handover", "unit": "cards"}
    for unit in ("cards", "payments", "cards"):
        ledger.note_notice(Arrival(unit=unit, event=notice, at=1.0))
    assert ledger.twice == ["cards: notice handover#cards#1"]


def test_a_case_that_moved_is_told_to_both_units_and_counted_once(on_x: Handle) -> None:
    ledger = Ledger()
    ledger.note(arrival(on_x), None)
    ledger.note(arrival(on_x, unit="payments"), None)
    assert ledger.twice == []


def test_a_deletion_that_nobody_made_is_named(on_x: Handle) -> None:
    ledger = Ledger()
    ledger.note(arrival(on_x), None)
    ledger.note(arrival(on_x, event="item.deleted"), None)
    assert ledger.balance([posted(on_x)], [item_row("x#1")]).wrong == [
        "x#1: told as deleted, and nobody deleted it"
    ]
