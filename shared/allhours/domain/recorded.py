"""What is on record of an item and its conversation: every decision, in the order in which they were made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput
from allhours.domain.item import Item, Kind, item_from_json
from allhours.domain.urgency import RULED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FILTERED = "item.filtered"  # what was told to nobody has no event; here it is called so
CASUAL = frozenset(("item.light", FILTERED))
BY_WORDS = CASUAL | {"case.opened", "case.reopened", "item.added", "item.edited"}
ENDS = {"item.deleted": "deleted", "item.expired": "expired"}
MOVED = "case.moved"

EDITED, NOT_KEPT, BY_A_PERSON = "edited", "not kept", "decided by a person"

_TOLD_AGAIN = frozenset(("item.edited", *ENDS))  # what may be told of an item whose case has been replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An item's row: what was said last, the events about it, and the reason where nobody was told.

    Of what was edited only the last words are kept, of what is `deleted` none.
    """

    item: Item
    conversation_key: str
    deleted: bool = False
    case_id: str = ""
    events: tuple[Mapping[str, Any], ...] = ()
    why: Mapping[str, Any] | None = None

    def decisions(self) -> Iterator[Decided]:
        """Yield what was decided of the item, oldest first."""
        every = list(self._told())
        last = max((n for n, told in enumerate(every) if _is_by_words(told)), default=-1)
        before: object = object()
        for n, told in enumerate(every):
            version = told.get("case_version")
            kind = told.get("event", FILTERED)
            repeated = kind in _TOLD_AGAIN and version == before
            before = version
            if not _is_by_words(told):
                gone = BY_A_PERSON
            else:
                gone = EDITED if n < last or repeated else self._gone(kind)
            yield Decided(row=self, told=told, kind=kind, gone=gone, counts=not repeated)

    def _told(self) -> Iterator[Mapping[str, Any]]:
        light = False
        for event in self.events:
            if "promoted" in event and not light:
                was = event["promoted"].get(
                    "was", ""
                )  # all that is kept of it; as if decided when it was said
                yield {"at": self.item.created_at.isoformat(), "reason": was, "step": ""}
            light = event["event"] == "item.light"
            yield event
        if self.why is not None:
            yield self.why
        elif not (self.events or self.case_id or self.deleted):  # by a release that kept no reason
            yield {"at": self.item.created_at.isoformat(), "reason": "filtered by a rule", "step": "rule"}

    def _gone(self, kind: str) -> str:
        """Return why its words cannot be judged again; "" where they are all there.

        A post that never had words is always a case.
        """
        if self.deleted:
            return next(
                (ENDS[told["event"]] for told in self.events[-1:] if told["event"] in ENDS), "deleted"
            )
        wordless = not (self.item.text or self.item.attachments)
        return NOT_KEPT if wordless and kind in CASUAL else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision as it is on record.

    `gone` says why it cannot be made again, and is "" where it can: its words are still there, and words made
    it. One that does not count told something again of a case that has been replaced.
    """

    row: Recorded
    told: Mapping[str, Any]
    kind: str
    gone: str
    counts: bool

    @property
    def at(self) -> datetime:
        """Return when it was made."""
        return datetime.fromisoformat(self.told["at"]).astimezone(UTC)

    @property
    def case_version(self) -> int:
        """Return the version that it gave to the case; 0 where it touched none."""
        return int(self.told.get("case_version", 0))

    @property
    def order(self) -> tuple[datetime, datetime, int]:
        """Return what orders what touched no case: batches by time, posts in one as they were said."""
        return self.at, self.row.item.created_at, self.row.item.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All that is on record of one conversation."""

    key: str
    rows: tuple[Recorded, ...]

    def decisions(self) -> list[Decided]:
        """Return what was decided, in the order in which it was.

        The case's versions order what touched it, whichever router was quicker. An item that opened no case
        was decided while none was open.
        """
        every = [
            one
            for row in self.rows
            if row.item.kind is not Kind.PROFILE
            for one in row.decisions()
            if one.counts
        ]
        chain = sorted((one for one in every if one.case_version), key=lambda one: one.case_version)
        for casual in sorted((one for one in every if one.kind in CASUAL), key=lambda one: one.order):
            place = next((n for n, one in enumerate(chain) if one.order > casual.order), len(chain))
            while place and chain[place - 1].told.get("state") == "open":
                place -= 1
            chain.insert(place, casual)
        return chain


def conversations(rows: Iterable[Recorded]) -> Iterator[Conversation]:
    """Yield rows by conversation."""
    by_key: dict[str, list[Recorded]] = {}
    for row in rows:
        by_key.setdefault(row.conversation_key, []).append(row)
    for key, mine in by_key.items():
        yield Conversation(key=key, rows=tuple(mine))


def decided_by(told: Mapping[str, Any]) -> str:
    """Name who decided in a few words, to count by: a rule, a word list, the model, a step of the ladder."""
    step = told.get("step", "")
    urgent: Mapping[str, Any] = told.get("urgent", {})
    if step == "urgent" and urgent.get("kind") != RULED:
        return f"list {urgent.get('kind', '')}"
    if step in {"rule", "urgent"}:
        return str(told.get("reason", "")).partition(",")[0]
    if step == "engagement":
        return f"policy {told.get('policy', '')}"
    if step in {"classifier", "doubt"}:
        return f"{step} {told.get('model', '')}".rstrip()
    return str(step)


def recorded_from_json(body: Mapping[str, Any]) -> Recorded:
    """Return the row that `allhours explain --json` shows; `BadInput` says what is missing."""
    item = item_from_json(body.get("item"))
    try:
        row = Recorded(
            item=item,
            conversation_key=str(body.get("conversation") or item.conversation_key),
            deleted=bool(body.get("deleted")),
            case_id=str(body.get("case_id", "")),
            events=tuple(map(dict, body.get("events", ()))),
            why=dict(body["why"]) if body.get("why") is not None else None,
        )
        for one in row.decisions():
            one.order  # noqa: B018 - reads what every decision must have
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise BadInput(f"the record of {item.key} is not one of ours ({type(wrong).__name__})") from None
    return row


def recorded_from_events(events: Sequence[Mapping[str, Any]]) -> Recorded:
    """Return the row that events of one item amount to, as units receive them, in any order and repeated."""
    try:
        ours = sorted(
            {str(one["event_id"]): one for one in events}.values(),
            key=lambda one: (int(one.get("case_version", 0)), str(one["at"])),
        )
        last = max(ours, key=lambda one: int(one["item"].get("version", 0)))
        body = {
            "item": last["item"],
            "case_id": next((one["case_id"] for one in reversed(ours) if one.get("case_id")), ""),
            "deleted": any(one["event"] in ENDS for one in ours),
            "events": ours,
        }
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise BadInput(f"is no case event of ours ({type(wrong).__name__})") from None
    return recorded_from_json(body)


def _is_by_words(told: Mapping[str, Any]) -> bool:
    return told.get("event", FILTERED) in BY_WORDS and "promoted" not in told
