"""The retirement of a network, tried on MySpace: what is heard, watched, answered and kept at each state."""

from __future__ import annotations

import itertools
from argparse import Namespace
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from allhours.cli import deployed, trace
from allhours.cli.organisation_file import load
from allhours.domain.errors import BadSignature, Malformed
from allhours.domain.item import Item, item_to_json
from allhours.domain.life import MEANS, Life, may_answer, may_become, may_read, next_states
from allhours.domain.organisation_json import FORMAT, organisation_from_json, organisation_to_json
from allhours.domain.page import Why
from allhours.domain.router import Router
from allhours.flows.ingest import Intake, ingest
from allhours.flows.receive import Response, receive
from allhours.flows.route import route
from allhours.flows.watch import watch
from allhours.networks import NETWORKS, RETIRED, network_module
from allhours.networks.contract import AuthorBook, Delivery, Fetched, Push, Replier, Rereader, Source
from tests.builders import (
    NOON,
    FakeCursors,
    FakeDeadLetters,
    FakeItemQueue,
    FakePages,
    FakePush,
    FakeRecords,
    FakeSource,
    a_handle,
    an_item,
    an_organisation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.case import Case
    from allhours.domain.organisation import Account, Organisation

LIVES = tuple(Life)
TOM = a_handle("@acmecards", "myspace", native_id="31337")
SMALL = (Path(__file__).resolve().parents[1] / "organisations" / "small.yaml").read_text()
AT = datetime(2026, 11, 21, tzinfo=UTC)


def a_comment(native_id: str) -> Item:
    """Let Leela write on our MySpace profile, as in 2006."""
    return an_item(native_id, network="myspace", conversation_id=native_id, text="my card is lost")


class MySpace:
    """An organisation that is on MySpace, as it once was: polled, and calling our webhook."""

    def __init__(self) -> None:
        bank = an_organisation(silent_after={"myspace": timedelta(hours=2)})
        account = replace(bank.accounts["acmecards"], handles=(TOM,))
        accounts: dict[str, Account] = {**bank.accounts, "acmecards": account}
        self.organisation: Organisation = replace(bank, accounts=accounts)
        self.cursors, self.queue, self.records = FakeCursors(), FakeItemQueue(), FakeRecords()
        self.letters, self.pages, self.intake = FakeDeadLetters(), FakePages(), Intake()
        self.push = FakePush()
        self.ids = itertools.count(1)

    def becomes(self, life: Life) -> None:
        """Deploy the file that says so: compiled, shipped, and read by the functions."""
        assert may_become(self.organisation.life_of("myspace"), life).allowed
        told = organisation_to_json(replace(self.organisation, lives={"myspace": life}))
        self.organisation = organisation_from_json(told)

    def poll(self) -> int:
        """Poll a network on which a comment waits; return how often it was asked."""
        comment = a_comment(f"c{next(self.ids)}")
        source = FakeSource(steps=[Fetched(heard=(comment,), cursor={"low": comment.native_id})])
        ingest(
            TOM,
            source=source,
            cursors=self.cursors,
            queue=self.queue,
            dead_letters=self.letters,
            pages=self.pages,
            intake=self.intake,
            ours=self.organisation.ours("myspace"),
            at=NOON,
            life=self.organisation.life_of("myspace"),
        )
        return len(source.asked)

    def called(self, method: str = "POST", **query: str) -> Response:
        """Let the network deliver a comment to our webhook."""
        self.push.heard = (a_comment(f"c{next(self.ids)}"),)
        return receive(
            Delivery(method=method, query=query, headers={}, body=b"{}"),
            network="myspace",
            push=self.push,
            handles=(TOM,),
            queue=self.queue,
            dead_letters=self.letters,
            pages=self.pages,
            intake=self.intake,
            ours=self.organisation.ours("myspace"),
            at=NOON,
            life=self.organisation.life_of("myspace"),
        )

    def silent(self, at: datetime) -> int:
        networks = ("myspace",)
        return watch(
            organisation=self.organisation, networks=networks, cursors=self.cursors, pages=self.pages, at=at
        ).silent

    def routed(self) -> list[Case]:
        """Route what was queued; return the cases."""
        batch = list(enumerate(self.queue.items))
        route(batch, router=Router(self.organisation), records=self.records, at=NOON)
        return list(self.records.cases.values())


class Shelf:
    """What the record shows to people who look things up."""

    def __init__(self, records: FakeRecords) -> None:
        self.records = records

    def case(self, case_id: str) -> Case | None:
        return next((case for case in self.records.cases.values() if case.case_id == case_id), None)

    def trail(self, case: Case) -> Sequence[Mapping[str, Any]]:
        entries = [one.entry for one in self.records.decisions if one.case and one.entry]
        return [
            {
                "item": item_to_json(entry.item),
                "events": [entry.event],
                "deleted": False,
                "case_id": case.case_id,
            }
            for entry in entries
            if entry.item.conversation_id == case.conversation_key.partition("#")[2]
        ]

    def notices(self, *_: object, **__: object) -> Sequence[Mapping[str, Any]]:
        return ()


def test_myspace_retires(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    there = MySpace()
    assert there.poll() == 1
    (case,) = there.routed()
    seen: dict[Life, tuple[object, ...]] = {}
    for life in LIVES:
        there.becomes(life)
        before = len(there.queue.items)
        asked, status, cursor = there.poll(), there.called().status, dict(there.cursors.bookmarks)
        day = timedelta(days=2 + len(seen))
        seen[life] = (
            asked,
            status,
            len(there.queue.items) - before,
            there.silent(NOON + day),
            may_answer(life).allowed,
        )
        assert may_read(life).allowed is bool(asked)
        assert cursor == there.cursors.bookmarks
        monkeypatch.setattr(deployed, "records", lambda _: Shelf(there.records))
        assert trace.run(Namespace(case=case.case_id, json=False)) == 0
        assert (
            "opened case myspace-3eywvkjl47igsjhk and went to cards as acmecards" in capsys.readouterr().out
        )
    #                         asked, webhook, queued, silent, answered
    assert seen == {
        Life.LIVE: (1, 200, 2, 1, True),
        Life.LISTEN_ONLY: (1, 200, 2, 1, False),
        Life.FROZEN: (0, 410, 0, 0, False),
        Life.ARCHIVED: (0, 410, 0, 0, False),
    }
    assert {page.why for page in there.pages.written} == {Why.NETWORK_SILENT}
    for life in set(LIVES) - {Life.ARCHIVED}:
        assert not may_become(Life.ARCHIVED, life).allowed
        with pytest.raises(AssertionError):
            there.becomes(life)
    assert there.organisation.life_of("myspace") is Life.ARCHIVED


def test_what_was_asked_before_a_thaw_is_heard_after_it() -> None:
    there = MySpace()
    there.poll()
    there.becomes(Life.LISTEN_ONLY)
    there.becomes(Life.FROZEN)
    frozen_at = there.cursors.bookmarks[TOM.key].cursor
    assert there.poll() == 0
    assert there.cursors.bookmarks[TOM.key].cursor == frozen_at
    there.becomes(Life.LIVE)
    assert there.poll() == 1


def test_a_frozen_network_is_told_so_only_when_it_is_the_network() -> None:
    there = MySpace()
    there.becomes(Life.LISTEN_ONLY)
    there.becomes(Life.FROZEN)
    there.push.refuses = BadSignature("myspace", "does not fit")
    assert there.called().status == 403
    there.push.refuses = None
    assert there.called("GET", challenge="17").body == "17"
    assert there.called().status == 410


# the rules


def test_a_network_goes_one_state_at_a_time_and_back_until_it_is_archived() -> None:
    assert {life: next_states(life) for life in LIVES} == {
        Life.LIVE: (Life.LISTEN_ONLY,),
        Life.LISTEN_ONLY: (Life.LIVE, Life.FROZEN),
        Life.FROZEN: (Life.LIVE, Life.LISTEN_ONLY, Life.ARCHIVED),
        Life.ARCHIVED: (),
    }
    assert "listen_only first" in may_become(Life.LIVE, Life.ARCHIVED).reason
    assert "does not come back" in may_become(Life.ARCHIVED, Life.FROZEN).reason
    for life in LIVES:
        assert may_become(life, life).allowed
        assert may_answer(life).reason == may_read(life).reason == MEANS[life]


def test_nothing_is_left_of_myspace() -> None:
    module = network_module("myspace")
    capabilities = module.capabilities
    assert RETIRED == ("myspace",)
    assert "myspace" not in NETWORKS
    assert capabilities.life is Life.ARCHIVED
    assert (capabilities.reads, capabilities.pushes, capabilities.polls_every) == ((), (), None)
    assert not any(
        ability.can
        for ability in (
            capabilities.replies,
            capabilities.private_replies,
            capabilities.moves_to_private,
            capabilities.hides,
            capabilities.withdraws,
            capabilities.found_again,
        )
    )
    for name in ("connect", "answering", "setting_up"):
        assert not hasattr(module, name)
    for protocol in (Source, Push, Rereader, AuthorBook, Replier):
        assert not isinstance(module, protocol)
    with pytest.raises(Malformed, match="no public API"):
        module.parse(b"{}", TOM, AT)


# the file


def loaded(folder: Path, networks: str, *, handles: str = "") -> tuple[Organisation | None, str, list[str]]:
    """Return what the small bank's file says with these networks: mistakes and warnings as a person sees."""
    assert "  x: {silent_after: 2h" in SMALL
    text = SMALL.replace("  x: {silent_after: 2h", f"{networks}  x: {{silent_after: 2h", 1)
    text = text.replace("{bluesky:", f"{{{handles}bluesky:", 1)
    path = folder / "bank.yaml"
    path.write_text(text)
    told = load([path], AT)
    return told.organisation, "\n".join(map(str, told.mistakes)), [str(each) for each in told.warnings]


def test_a_life_survives_compiling_and_none_means_live(tmp_path: Path) -> None:
    organisation, _, _ = loaded(tmp_path, "  bluesky: {life: listen_only}\n")
    assert organisation is not None
    assert organisation_to_json(organisation)["format"] == FORMAT == 4
    again = organisation_from_json(organisation_to_json(organisation))
    assert again.life_of("bluesky") is Life.LISTEN_ONLY
    assert again.life_of("x") is Life.LIVE
    older = {name: value for name, value in organisation_to_json(organisation).items() if name != "lives"}
    assert organisation_from_json(older).life_of("bluesky") is Life.LIVE


@pytest.mark.parametrize("life", ["listen_only", "frozen", "archived"])
def test_each_unit_is_told_what_the_life_of_its_network_means(tmp_path: Path, life: str) -> None:
    organisation, mistakes, warnings = loaded(tmp_path, f"  bluesky: {{life: {life}}}\n")
    assert organisation is not None, mistakes
    (warning,) = (each for each in warnings if "networks.bluesky.life" in each)
    assert MEANS[Life(life)] in warning
    assert "@smallbank.example" in warning
    assert "unit 'payments'" in warning
    assert ("may become" in warning) is (life != "archived")


def test_nobody_is_told_of_a_live_network_or_of_one_without_handles(tmp_path: Path) -> None:
    _, mistakes, warnings = loaded(tmp_path, "  bluesky: {life: live}\n  facebook: {life: frozen}\n")
    assert mistakes == ""
    assert not [each for each in warnings if ".life" in each]


@pytest.mark.parametrize("life", ["", "life: live", "life: listen_only", "life: frozen"])
def test_the_file_cannot_bring_back_a_network_that_has_ended(tmp_path: Path, life: str) -> None:
    networks = f"  myspace: {{{life}}}\n" if life else ""
    organisation, mistakes, _ = loaded(tmp_path, networks, handles="myspace: smallbank, ")
    assert organisation is None
    assert "myspace is archived, and not" in mistakes
    assert "does not come back" in mistakes
    assert "delete its handles" in mistakes
    assert "networks.myspace.life" in mistakes or "handles.myspace" in mistakes


def test_an_archived_network_may_keep_its_handles(tmp_path: Path) -> None:
    organisation, mistakes, warnings = loaded(
        tmp_path, "  myspace: {life: archived}\n", handles="myspace: smallbank, "
    )
    assert organisation is not None, mistakes
    assert [handle.handle for handle in organisation.handles_on("myspace")] == ["smallbank"]
    assert any("smallbank" in each and "allhours trace" in each for each in warnings)


def test_a_life_that_is_none_is_told(tmp_path: Path) -> None:
    _, mistakes, _ = loaded(tmp_path, "  bluesky: {life: zombie}\n")
    assert "zombie" in mistakes
