"""What tests are made of: an item, a case, a small bank, and a fake with a list inside for every port."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.budget import Budget
from allhours.domain.case import Case, State, case_key_of
from allhours.domain.errors import AllhoursError, BadInput, Busy, NetworkError, StaleCursor
from allhours.domain.handle import Handle
from allhours.domain.item import Author, Item, Kind
from allhours.domain.organisation import Account, Member, Organisation, Rule, Unit
from allhours.domain.reach import Reach
from allhours.domain.rota import Desk as RotaDesk
from allhours.domain.rota import Rotation, Shift, UnitRota
from allhours.flows.cover_ports import Called, Spent
from allhours.flows.forward import Switchboard
from allhours.flows.ports import Bookmark, Committed, World
from allhours.networks.contract import Delivery, Fetched, Greeting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from allhours.domain.decision import Decision, Known
    from allhours.domain.escalation import Climb
    from allhours.domain.item import Heard
    from allhours.domain.notice import Notice
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
            name.lower(): Member(member_id=name.lower(), name=name, zone="UTC", contact={"sns": name.lower()})
            for name in ("Ana", "Ben")
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
        desks={"london": RotaDesk(desk_id="london", zone="UTC", members=("ben",))},
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

    def put(self, items: Sequence[Item], *, heard_by: str = "") -> None:
        if self.busy:
            self.busy -= 1
            raise Busy("queueing items: not taken")
        self.items.extend(replace(item, heard_by=heard_by or item.heard_by) for item in items)


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
    """An outbox; `marked` lists what was sent; `meanwhile` runs before a write, as somebody else.

    `unreadable` are ids that stand first in every list, and that this release cannot read.
    """

    written: list[Page] = field(default_factory=list)
    marked: list[Page] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    rows: dict[str, Called] = field(default_factory=dict)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def call(self, page: Page) -> bool:
        if page.page_id in {one.page_id for one in self.written}:
            return False
        self.written.append(page)
        return True

    def load(self, page_id: str) -> Called | None:
        if page_id in self.unreadable:
            raise BadInput(f"PAGE#{page_id}: this release cannot read the row")
        pages = (one for one in self.written if one.page_id == page_id)
        return self.rows.get(page_id) or next((Called(page=page, version=1) for page in pages), None)

    def save(
        self,
        was: Called,
        climb: Climb | None,
        *,
        waiting: bool,
        at: datetime,
        notices: Sequence[Notice] = (),
    ) -> bool:
        del at
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if self.load(was.page.page_id) != was:
            return False
        self.rows[was.page.page_id] = replace(was, version=was.version + 1, climb=climb, waiting=waiting)
        self.notices.extend(notices)
        if not waiting:
            self.marked.append(was.page)
        return True

    def unsent(self, before: datetime) -> Iterable[str]:
        late = [one.page.page_id for one in self._all() if one.page.at < before and one.waiting]
        return [*self.unreadable, *late]

    def due(self, at: datetime) -> Iterable[str]:
        due = [one.page.page_id for one in self._all() if one.climb and one.climb.is_due(at)]
        return [*self.unreadable, *due]

    def climb(self, page_id: str) -> Climb:
        """Return the climb of a page that has begun one."""
        climb = self.rows[page_id].climb
        assert climb is not None
        return climb

    def _all(self) -> list[Called]:
        return [one for page in self.written if (one := self.load(page.page_id))]


@dataclass(kw_only=True)
class FakePager:
    """Reaches people; `busy` turns the next pages down, `turns_down` those of some members, with an error."""

    pages: list[Page] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    busy: int = 0
    turns_down: dict[str, AllhoursError] = field(default_factory=dict)

    def send(self, page: Page, *, member: str, link: str) -> None:
        if self.busy:
            self.busy -= 1
            raise Busy("sending a page")
        if member in self.turns_down:
            raise self.turns_down[member]
        self.pages.append(page)
        self.called.append(member)
        self.links.append(link)


@dataclass(kw_only=True)
class FakeBudgets:
    """Budgets of the members; a bundle goes into the outbox it was given."""

    pages: FakePages = field(default_factory=FakePages)
    budgets: dict[str, Spent] = field(default_factory=dict)
    busy: int = 0

    def load(self, member: str) -> Spent:
        if self.busy:
            self.busy -= 1
            raise Busy("reading a budget")
        return self.budgets.get(member, Spent(member=member, budget=Budget(), version=0))

    def save(self, was: Spent, budget: Budget, *, at: datetime, bundle: Page | None = None) -> bool:
        del at
        if self.load(was.member) != was:
            return False
        self.budgets[was.member] = replace(was, budget=budget, version=was.version + 1)
        if bundle:
            self.pages.written.append(bundle)
        return True

    def due(self, at: datetime) -> Iterable[str]:
        return [
            name for name, one in self.budgets.items() if one.budget.frees_at and one.budget.frees_at <= at
        ]


@dataclass(kw_only=True)
class FakeReaches:
    """Whom test pages reached; the pages go into the outbox it was given."""

    pages: FakePages = field(default_factory=FakePages)
    known: dict[str, Reach] = field(default_factory=dict)

    def load(self, members: Sequence[str]) -> Mapping[str, Reach]:
        return {name: self.known.get(name, Reach(member=name)) for name in members}

    def tried(self, reach: Reach, page: Page) -> bool:
        if not self.pages.call(page):
            return False
        self.known[reach.member] = reach
        return True

    def reached(self, member: str, at: datetime) -> None:
        self.known[member] = replace(self.known.get(member, Reach(member=member)), reached_at=at)


class FakePageLinks:
    """Makes links that say what they are for."""

    def link(self, page_id: str, serial: int, member: str, at: datetime) -> str:
        del at
        return f"https://oncall.test/pages/{page_id}/{serial}/{member}"


def a_switchboard(
    pages: FakePages | None = None, pager: FakePager | None = None, organisation: Organisation | None = None
) -> Switchboard:
    """Bring together what it takes to send a page."""
    outbox = pages or FakePages()
    return Switchboard(
        pages=outbox,
        pager=pager or FakePager(),
        budgets=FakeBudgets(pages=outbox),
        links=FakePageLinks(),
        organisation=organisation or an_organisation(),
    )


@dataclass(kw_only=True)
class FakeTopic:
    """Publishes to a list."""

    events: list[Mapping[str, Any]] = field(default_factory=list)

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.events.extend(events)


@dataclass(kw_only=True)
class FakeRecords:
    """Items and cases with the table's conditions; `meanwhile` runs before a commit, as another router.

    The cases of `unreadable` conversations are there, and not to be read.
    """

    known: dict[str, Known] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    busy: int = 0

    def read(
        self, item_keys: Sequence[str], conversation_keys: Sequence[str], *, consistent: bool = False
    ) -> World:
        del consistent
        if self.unreadable.intersection(conversation_keys):
            raise BadInput("a row holds no case that this release can read")
        return World(
            known={key: self.known[key] for key in item_keys if key in self.known},
            cases={key: self.cases[key] for key in conversation_keys if key in self.cases},
        )

    def commit(self, *decisions: Decision, at: datetime) -> str:
        del at
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if self.busy:
            self.busy -= 1
            raise Busy("writing records: TransactionConflict")
        touched = [decision.entry.item.key for decision in decisions if decision.entry]
        assert len(set(touched)) == len(touched), "two writes of one row"
        ahead: dict[str, Case] = {}
        for decision in decisions:
            if (refused := self._refused(decision, ahead)) is not None:
                return refused
            if decision.case:
                ahead[decision.case.conversation_key] = decision.case
        for decision in decisions:
            self._write(decision)
        return Committed.DONE

    def _refused(self, decision: Decision, ahead: Mapping[str, Case]) -> str | None:
        entry, case = decision.entry, decision.case
        assert entry is not None
        was = self.known.get(entry.item.key)
        if (was.version if was else None) != entry.replaces:
            return Committed.KNOWN
        if case:
            there = {**self.cases, **ahead}.get(case.conversation_key)
            if there != decision.case_was or case.conversation_key in self.unreadable:
                return Committed.STALE
        return None

    def _write(self, decision: Decision) -> None:
        if decision.case:
            self.cases[decision.case.conversation_key] = decision.case
        assert decision.entry is not None
        self.known[decision.entry.item.key] = decision.entry.as_known()
        self.decisions.append(decision)
        paged = {page.page_id for page in self.pages}
        self.pages.extend(page for page in decision.pages if page.page_id not in paged)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the events of all that was written."""
        return [one.entry.event for one in self.decisions if one.entry and one.entry.event]


@dataclass(kw_only=True)
class FakeOpenCases:
    """Open cases with the table's conditions; `meanwhile` runs before a save, as a router would.

    `unreadable` are found first, by unit; the cases in `stuck` are never written.
    """

    cases: dict[str, Case] = field(default_factory=dict)
    unreadable: dict[str, list[BadInput]] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    read: int = 0
    notices: list[Notice] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    busy: int = 0

    def put(self, *cases: Case) -> None:
        self.cases |= {case.case_id: case for case in cases}

    def of_unit(self, unit: str) -> Iterator[Case | BadInput]:
        yield from self.unreadable.get(unit, ())
        for one in [one for one in self.cases.values() if one.unit == unit and one.state is State.OPEN]:
            self.read += 1
            yield one

    def due(self, unit: str, at: datetime, *, most: int) -> list[Case | BadInput]:
        mine = [one for one in self.cases.values() if one.unit == unit and one.state is State.OPEN]
        waiting = [one for one in mine if one.next_due_at and one.next_due_at <= at]
        soonest_first = sorted(waiting, key=lambda one: str(one.next_due_at))
        return [*self.unreadable.get(unit, ()), *soonest_first[:most]]

    def save(
        self,
        case: Case,
        was: Case,
        *,
        at: datetime,
        notices: Sequence[Notice] = (),
        pages: Sequence[Page] = (),
    ) -> bool:
        del at
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if self.busy:
            self.busy -= 1
            raise Busy("changing a case: throttled")
        if case.case_id in self.stuck:
            raise Busy("changing a case: ValidationError")
        if self.cases[case.case_id].version != was.version:
            return False
        self.cases[case.case_id] = case
        self.notices += [one for one in notices if one.notice_id not in {n.notice_id for n in self.notices}]
        self.pages += [one for one in pages if one.page_id not in {p.page_id for p in self.pages}]
        return True


@dataclass(kw_only=True)
class FakeHandovers:
    """Handovers told, in order, and the bookmark; `busy` turns the next packets down."""

    packets: dict[tuple[str, int], Notice] = field(default_factory=dict)
    bookmark: datetime | None = None
    units: frozenset[str] = frozenset()
    busy: int = 0

    def last_tick(self) -> datetime | None:
        return self.bookmark

    def units_seen(self) -> frozenset[str]:
        return self.units

    def ticked(self, at: datetime, units: Iterable[str]) -> None:
        self.bookmark = max(at, self.bookmark or at)
        self.units |= frozenset(units)

    def told(self, unit: str, changed_at: Sequence[int]) -> set[int]:
        return {at for at in changed_at if (unit, at) in self.packets}

    def tell(self, packet: Notice, unit: str, changed_at: int, *, at: datetime) -> bool:
        del at
        if self.busy:
            self.busy -= 1
            raise Busy("telling a handover: throttled")
        return self.packets.setdefault((unit, changed_at), packet) is packet


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
