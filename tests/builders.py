"""What tests are made of: an item, a case, a small bank, and a fake with a list inside for every port."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.case import Case, case_key_of
from allhours.domain.errors import Busy, NetworkError, StaleCursor
from allhours.domain.handle import Handle
from allhours.domain.item import Author, Item, Kind
from allhours.domain.organisation import Account, Member, Organisation, Rule, Unit
from allhours.domain.rota import Desk, Rotation, Shift, UnitRota
from allhours.flows.ports import Bookmark, Committed, World
from allhours.networks.contract import Delivery, Fetched, Greeting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from allhours.domain.decision import Decision, Known
    from allhours.domain.item import Heard
    from allhours.domain.page import Page
    from allhours.flows.ports import DeadLetter
    from allhours.networks.contract import Cursor

NOON = datetime(2027, 3, 15, 12, 0, tzinfo=UTC)  # a Monday; Ana is on duty for cards
NIGHT = datetime(2027, 3, 15, 23, 30, tzinfo=UTC)  # nobody is on duty for fraud
LEELA = Author(author_id="7001", handle="@leela", name="Leela")
STRANGER = Author(author_id="7002", handle="@stranger", name="A Stranger")


def an_item(native_id: str = "1", **changes: Any) -> Item:
    """Let Leela mention @acmecards on X."""
    item = Item(
        network="x",
        native_id=native_id,
        account="acmecards",
        handle="@acmecards",
        conversation_id="1",
        author=LEELA,
        created_at=NOON - timedelta(minutes=1),
        kind=Kind.MENTION,
        text="hello there",
        addressed=("@acmecards",),
    )
    return replace(item, **changes)


def a_general_item(native_id: str = "1", **changes: Any) -> Item:
    """Let Leela mention @acmebank, whose account says nothing about the unit."""
    usual: dict[str, Any] = {"account": "acmebank", "handle": "@acmebank", "addressed": ("@acmebank",)}
    return an_item(native_id, **(usual | changes))


def a_case(**changes: Any) -> Case:
    """Open Leela's case at cards."""
    case = Case(
        case_id=case_key_of("x#1"),
        conversation_key="x#1",
        first_item="x#1",
        network="x",
        handle="@acmecards",
        unit="cards",
        account="acmecards",
        author_id=LEELA.author_id,
        author_handle=LEELA.handle,
        author_name=LEELA.name,
        asked_for=("@acmecards",),
        opened_at=NOON - timedelta(minutes=1),
        priority=3,
        reason="addressed @acmecards",
    )
    return replace(case, **changes)


def a_handle(name: str = "@acmecards", network: str = "x", **changes: Any) -> Handle:
    """Name where acmecards is on X."""
    handle = Handle(
        network=network,
        account=name.lstrip("@"),
        unit="cards",
        handle=name,
        base_url=f"https://{network}.test",
        native_id="1000000000000000101" if network == "x" else "",
        secret=f"{network}/{name.lstrip('@')}",
    )
    return replace(handle, **changes)


RULES = (
    Rule(rule_id="stolen", unit="fraud", words=("stolen", "stole my"), priority=1),
    Rule(rule_id="distress", words=("desperate",), priority=1),
    Rule(rule_id="giveaway", words=("giveaway",), ignore=True),
    Rule(rule_id="cards", unit="cards", words=("card", "cash machine"), hashtags=("acmecards",)),
    Rule(rule_id="transfers", unit="payments", patterns=(r"\btransf\w+\b",)),
    Rule(rule_id="french", unit="payments", languages=("fr",)),
)


def an_organisation(**changes: Any) -> Organisation:
    """Found a small bank: cards, payments and customer care always on, fraud from eight to four in London."""
    accounts = {
        name: Account(
            account_id=name,
            unit=unit,
            general=name == "acmebank",
            handles=tuple(
                a_handle(f"@{name}", network, unit=unit, native_id=native_id if network == "x" else "")
                for network in networks
            ),
        )
        for name, unit, native_id, networks in (
            ("acmecards", "cards", "1000000000000000101", ("x", "mastodon")),
            ("acmepay", "payments", "1000000000000000102", ("x",)),
            ("acmesafe", "fraud", "1000000000000000106", ("x",)),
            ("acmebank", "customer_care", "1000000000000000107", ("x",)),
        )
    }
    hours = {"cards": (0, 1440), "payments": (0, 1440), "fraud": (480, 960), "customer_care": (0, 1440)}
    organisation = Organisation(
        name="Acme Bank",
        revision="0123456789abcdef",
        tzdata="",
        fallback_unit="customer_care",
        members={
            name.lower(): Member(member_id=name.lower(), name=name, zone="UTC") for name in ("Ana", "Ben")
        },
        units={
            account.unit: Unit(
                unit_id=account.unit,
                title=account.unit.title(),
                accounts=(name,),
                rota=_rota(account.unit, *hours[account.unit]),
                reopen_within=timedelta(days=7),
                members=("ana", "ben"),
            )
            for name, account in accounts.items()
        },
        accounts=accounts,
        rules=RULES,
        silent_after={"x": timedelta(hours=2)},
        retention=timedelta(days=90),
    )
    return replace(organisation, **changes)


def _rota(unit: str, start: int, end: int) -> UnitRota:
    turns = Rotation(members=("ana", "ben"), every=1, unit="week", anchor=date(2027, 3, 15), size=1)
    shift = Shift(
        shift_id="day", desk="london", days=frozenset(range(7)), start=start, end=end, rotation=turns
    )
    return UnitRota(
        unit=unit,
        desks={"london": Desk(desk_id="london", zone="UTC", members=("ben",))},
        shifts=(shift,),
        needs=(),
        fallback="london",
        choose="order",
    )


# Fakes


@dataclass(kw_only=True)
class FakeCursors:
    """Keeps bookmarks; `saved` lists every cursor that was ever kept."""

    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    saved: list[Cursor] = field(default_factory=list)

    def load(self, handle: Handle, *, part: str = "") -> Bookmark:
        return self.bookmarks.get(handle.key + part, Bookmark(cursor={}, version=0))

    def save(
        self, handle: Handle, bookmark: Bookmark, cursor: Cursor, *, at: datetime, heard: bool, part: str = ""
    ) -> Bookmark:
        if self.load(handle, part=part).version != bookmark.version:
            raise StaleCursor("moved by another poll")
        heard_at = at if heard or bookmark.heard_at is None else bookmark.heard_at
        after = Bookmark(cursor=cursor, version=bookmark.version + 1, heard_at=heard_at)
        self.bookmarks[handle.key + part] = after
        self.saved.append(cursor)
        return after


@dataclass(kw_only=True)
class FakeItemQueue:
    """Takes items; `busy` turns the next puts down."""

    items: list[Item] = field(default_factory=list)
    busy: int = 0

    def put(self, items: Sequence[Item]) -> None:
        if self.busy:
            self.busy -= 1
            raise Busy("queueing items: not taken")
        self.items.extend(items)


@dataclass(kw_only=True)
class FakeDeadLetters:
    """Keeps each letter once."""

    letters: list[DeadLetter] = field(default_factory=list)

    def park(self, letters: Sequence[DeadLetter], *, at: datetime) -> int:
        del at
        new = [one for one in letters if one.letter_id not in {kept.letter_id for kept in self.letters}]
        self.letters.extend(new)
        return len(new)


@dataclass(kw_only=True)
class FakePages:
    """An outbox; `marked` lists what was sent, in order."""

    written: list[Page] = field(default_factory=list)
    marked: list[Page] = field(default_factory=list)

    def call(self, page: Page) -> bool:
        if page.page_id in {one.page_id for one in self.written}:
            return False
        self.written.append(page)
        return True

    def unsent(self, before: datetime) -> Iterable[Page]:
        return [one for one in self.written if one.at < before and one not in self.marked]

    def sent(self, page: Page, at: datetime) -> None:
        del at
        self.marked.append(page)


@dataclass(kw_only=True)
class FakePager:
    """Reaches people; `busy` turns the next pages down."""

    pages: list[Page] = field(default_factory=list)
    busy: int = 0

    def send(self, page: Page) -> None:
        if self.busy:
            self.busy -= 1
            raise Busy("sending a page")
        self.pages.append(page)


@dataclass(kw_only=True)
class FakeTopic:
    """Publishes to a list."""

    events: list[Mapping[str, Any]] = field(default_factory=list)

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.events.extend(events)


@dataclass(kw_only=True)
class FakeRecords:
    """Items and cases with the table's conditions; `meanwhile` runs before a commit, as another router."""

    known: dict[str, Known] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    busy: int = 0

    def read(
        self, item_keys: Sequence[str], conversation_keys: Sequence[str], *, consistent: bool = False
    ) -> World:
        del consistent
        return World(
            known={key: self.known[key] for key in item_keys if key in self.known},
            cases={key: self.cases[key] for key in conversation_keys if key in self.cases},
        )

    def commit(self, decision: Decision, *, at: datetime) -> str:
        del at
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if self.busy:
            self.busy -= 1
            raise Busy("writing records: TransactionConflict")
        entry, case = decision.entry, decision.case
        assert entry is not None
        was = self.known.get(entry.item.key)
        if (was.version if was else None) != entry.replaces:
            return Committed.KNOWN
        if case:
            there = self.cases.get(case.conversation_key)
            if there != decision.case_was:
                return Committed.STALE
            self.cases[case.conversation_key] = case
        self.known[entry.item.key] = entry.as_known()
        self.decisions.append(decision)
        paged = {page.page_id for page in self.pages}
        self.pages.extend(page for page in decision.pages if page.page_id not in paged)
        return Committed.DONE

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the events of all that was written."""
        return [one.entry.event for one in self.decisions if one.entry and one.entry.event]


@dataclass(kw_only=True)
class FakeSource:
    """A network that answers with the steps it was given; an error among them is raised in its turn."""

    steps: list[Fetched | NetworkError] = field(default_factory=list)
    asked: list[Cursor] = field(default_factory=list)

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        del handle, at
        self.asked.append(cursor)
        for step in self.steps:
            if isinstance(step, NetworkError):
                raise step
            yield step


@dataclass(kw_only=True)
class FakePush:
    """A network that calls our webhook; `refuses` and `broken` are raised instead of believing the body."""

    heard: tuple[Heard, ...] = ()
    refuses: NetworkError | None = None
    broken: NetworkError | None = None

    def greet(self, delivery: Delivery) -> Greeting:
        if self.refuses:
            raise self.refuses
        return Greeting(body=delivery.query["challenge"], content_type="text/plain")

    def verify(self, delivery: Delivery) -> None:
        del delivery
        if self.refuses:
            raise self.refuses

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        del body, handles, at
        if self.broken:
            raise self.broken
        return self.heard
