"""Erasing an author from the records table: readings of all of it, the last of which proves it.

Every kind of row is in KINDS, with what it may hold of a customer; a test holds that against the list in
table.py, and the proof reads rows of every kind, known or not.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import b64decode
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.aws.audits import put_audit
from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.endings import put_over, told, without_quotes
from allhours.aws.forgetting import put_forget
from allhours.aws.packed import packed, unpacked
from allhours.aws.records import case_in, events_of, put_case
from allhours.aws.table import Row, commit, compact, get_rows, put_if
from allhours.domain.audit import Audit
from allhours.domain.case import ERASED, State, case_to_json
from allhours.domain.decision import Known
from allhours.domain.endings import held_words
from allhours.domain.erasing import GONE, Traces, erased_case, erased_item
from allhours.domain.errors import Busy
from allhours.domain.event import told_again, unquoted
from allhours.domain.event import without_quotes as event_without_quotes
from allhours.flows.erase import Found
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from allhours.domain.case import Case

AUTHORS, WORDS, OURS, NONE = "authors", "words", "ours", "none"
KINDS = {
    "ITEM": AUTHORS,
    "CASE": AUTHORS,
    "OLD": AUTHORS,
    "AUTHOR": AUTHORS,
    "DEAD": AUTHORS,
    "NOTE": OURS,
    "DRAFT": OURS,
    "REPLY": OURS,
    "PAGE": OURS,
    "IDEMPOTENT": OURS,
    "AUDIT": WORDS,
    "NOTICE": WORDS,
    "LABEL": WORDS,
    "BUDGET": WORDS,
    "ANSWER": NONE,
    "POST": NONE,
    "FORGET": NONE,
    "WEBHOOK": NONE,
    "TAP": NONE,
    "REACH": NONE,
    "HANDOVER": NONE,
    "CLOCK": NONE,
    "ROTA": NONE,
    "CHANGE": NONE,
    "LINK": NONE,
    "GAP": NONE,
    "PROVED": NONE,
    "CURSOR": NONE,
    "SPENT": NONE,
    "RATE": NONE,
    "CARE": NONE,
    "LOCK": NONE,
    "PACE": NONE,
    "CARD": NONE,
}
"""What a kind of row may hold: an author and what they said; what we said of it, removed with the author's
own cases; text in which they may be named; nothing of a customer but networks' ids of posts."""

ERASURE_KEPT = timedelta(days=1095)  # three years; that it was done may have to be shown
_ABOUT = frozenset({"key", "list", "list_at", "due", "due_at"})
_UNDER_WAY = frozenset({"ready", "claimed"})
_TRIES = 4


class DynamoErasure:
    """The whole table, row by row; a reading costs half a read unit for each 4 kB."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table
        self.read_units = 0.0

    def find(self, traces: Traces) -> Found:
        """Read everything twice: for what names the author, and for every row that this is found in."""
        for row in self._rows(consistent=False):
            traces = _learnt(traces, row)
        return self._found(traces, consistent=False)

    def prove(self, traces: Traces) -> Found:
        """Read everything again, consistently."""
        return self._found(traces, consistent=True)

    def clean(self, traces: Traces, *, at: datetime) -> int:
        """Write derived rows as they come, then items with their cases, then what names remain."""
        written, last = 0, list[Row]()
        for row in self._rows(consistent=True):
            if _kind(row) in _ORDER and _is_own(row, traces):
                last.append(row)
            elif KINDS.get(_kind(row), WORDS) != NONE:
                written += self._cleaned(row, traces, at)
        for row in sorted(last, key=lambda row: _ORDER[_kind(row)]):
            written += self._cleaned(row, traces, at)
        return written

    def record(self, before: Found, because: str, *, at: datetime) -> None:
        """Leave who was erased as a digest with its salt: it can be checked, and not read."""
        salt, who = secrets.token_hex(16), before.traces
        named = f"{who.network}:{who.author_id}" if who.author_id else ",".join(sorted(who.items))
        details = {
            "salt": salt,
            "digest": hashlib.sha256(f"{salt}{named}".encode()).hexdigest(),
            "rows": before.rows,
            "held": sorted(before.held),
            "because": who.scrubbed(because, own=True),
        }
        audit = Audit(
            audit_id=f"erased#{salt}",
            at=at,
            by="operations",
            did="erased",
            subject="operations",
            unit="operations",
            details=details,
        )
        with passing_trouble("recording an erasure"):
            dynamodb().put_item(**put_audit(self._table, audit, ERASURE_KEPT)["Put"])

    def _rows(self, *, consistent: bool) -> Iterator[Row]:
        pages = (
            dynamodb()
            .get_paginator("scan")
            .paginate(TableName=self._table, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")
        )
        with passing_trouble("reading everything on record"):
            for page in pages:
                self.read_units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
                yield from map(unpacked, page["Items"])

    def _found(self, traces: Traces, *, consistent: bool) -> Found:
        rows, held, elsewhere = Counter[str](), dict[str, str](), dict[str, str]()
        kept = waiting = 0
        for row in self._rows(consistent=consistent):
            case = case_in(row) if "case" in row else None
            if case and case.case_id in traces.cases:
                held |= {case.case_id: case.hold} if case.hold else {}
                if case.external:
                    elsewhere[case.case_id] = (
                        f"{case.external.get('system', '')} {case.external.get('id', '')}"
                    )
            kept += _kind(row) == "ITEM" and _is_own(row, traces) and row["deleted"]["BOOL"]
            waiting += _under_way(row, traces)
            rows[_kind(row)] += self._left(row, traces)
        return Found(
            traces=traces,
            rows={kind: count for kind, count in sorted(rows.items()) if count},
            held=held,
            elsewhere=elsewhere,
            kept=kept,
            waiting=waiting,
        )

    def _left(self, row: Row, traces: Traces) -> bool:
        """Return whether a row holds a trace that no legal hold keeps and no id of a post explains."""
        if not _concerns(row, traces.network):
            return False
        own = _is_own(row, traces)
        if own and (_under_way(row, traces) or self._held(row, traces)):
            return False
        if own and _is_left(row, traces):
            return True
        body = {name: _read(row[name]) for name in row if name not in {"expires_at", "v"}}
        return traces.left_in(body, own=own and bool(traces.author_id))

    def _held(self, row: Row, traces: Traces) -> bool:
        """Return whether the row belongs to a conversation on legal hold, and shows nobody what it keeps."""
        case_id = _case_of(row, traces)
        found = get_rows(self._table, [f"CASE#{case_id.partition('.')[0]}"]) if case_id else ()
        if not any(case_in(each).hold for each in found):
            return False
        if _kind(row) == "ITEM":
            return row["deleted"]["BOOL"] is True
        return _kind(row) != "CASE" or not (case_in(row).author_name or case_in(row).author_handle)

    def _cleaned(self, row: Row, traces: Traces, at: datetime) -> bool:
        """Write the row without the traces, or delete it; False where it stays as it is."""
        kind, own = _kind(row), _is_own(row, traces)
        if kind == "ITEM" and own:
            return self._erase_item(row, traces, at)
        if not _concerns(row, traces.network) or (own and self._held(row, traces)):
            return False
        if kind in _WHOLE and own:
            return self._erase_letter(row, traces) if kind == "DEAD" else self._delete(row)
        news = _news(row, traces, at) if own else _scrubbed(row, traces)
        if news is not None:
            put_over(self._table, news, row)
        return news is not None

    def _erase_item(self, row: Row, traces: Traces, at: datetime) -> bool:
        """Leave a tombstone of nobody, and its case with one post less, in one transaction."""
        if json.loads(row["item"]["S"])["kind"] == "profile":
            return self._delete(row)
        for _ in range(_TRIES):
            cases = (
                list(get_rows(self._table, [f"CASE#{_in_case(row).partition('.')[0]}"]))
                if _in_case(row)
                else []
            )
            case = next(map(case_in, cases), None)
            news = _tombstone(row, traces, case, at)
            if news is None:
                return False
            version = int(row["v"]["N"])
            expires = row["expires_at"]["N"]
            forget = put_forget(
                self._table, row["key"]["S"].removeprefix("ITEM#"), _in_case(row), at, expires
            )
            writes = [("item", put_if(self._table, packed(news), "v", version)), ("forget", forget)]
            whose = (
                case and case.case_id == _in_case(row) and case.author_id not in {ERASED, traces.author_id}
            )
            if case and whose and not row["deleted"]["BOOL"]:
                expires = cases[0]["expires_at"]["N"]
                writes.append(("case", put_case(self._table, case.without_one(at), case, expires)))
            if commit(writes, "erasing an item") == Committed.DONE:
                return True
            fresh = list(get_rows(self._table, [row["key"]["S"]]))
            if not fresh:
                return True
            row = fresh[0]
        raise Busy(f"{row['key']['S']} keeps changing: run it again")

    def _erase_letter(self, row: Row, traces: Traces) -> bool:
        """Delete a dead letter, and leave a tombstone so that its post stays out."""
        item = json.loads(row["body"]["S"])
        key = f"ITEM#{item['network']}#{item['id']}"
        tombstone: Row = {
            "key": {"S": key},
            "item": {"S": compact(erased_item(item, traces))},
            "v": {"N": str(int(item.get("version", 0)) + 1)},
            "deleted": {"BOOL": True},
            "expires_at": row["expires_at"],
        }
        commit([("item", put_if(self._table, packed(tombstone), "key", None))], "erasing a dead letter")
        return self._delete(row)

    def _delete(self, row: Row) -> bool:
        with passing_trouble("erasing"):
            dynamodb().delete_item(TableName=self._table, Key={"key": row["key"]})
        return True


_ORDER = {"DEAD": 0, "ITEM": 1, "CASE": 2, "OLD": 2, "AUTHOR": 3}
"""What an author is found by goes last, so that a run that was cut short is found again."""
_WHOLE = frozenset({"NOTE", "DRAFT", "AUTHOR", "DEAD", "IDEMPOTENT"})
"""Rows that go as a whole where they are the author's, or about a case of theirs."""


def _is_left(row: Row, traces: Traces) -> bool:
    """Return whether an own row is not yet what it is to be, whatever it says."""
    kind = _kind(row)
    if kind in {"ITEM", "CASE", "OLD"}:
        said = json.loads(row["item" if kind == "ITEM" else "case"]["S"])
        named = bool(traces.author_id) and _author_of(said) != ERASED
        return named or "held" in row or (kind == "ITEM" and not row["deleted"]["BOOL"])
    if kind == "REPLY":
        return bool(json.loads(row["reply"]["S"]).get("text") != GONE)
    return kind in _WHOLE or (kind == "PAGE" and without_quotes(row) is not None)


def _news(row: Row, traces: Traces, at: datetime) -> Row | None:
    """Return a row about the author's own case without them; None where nothing of them is in it."""
    kind = _kind(row)
    if kind in {"CASE", "OLD"}:
        case = case_in(row)
        if case.author_id == ERASED:
            return None
        # on hold the words are in the items' rows, which no desk shows; here is only whose case it is
        after = case.bare().changed() if case.hold else erased_case(case, traces, at)
        return _with_case(row, after)
    if kind == "REPLY":
        return None if _under_way(row, traces) else _erased_reply(row, traces)
    unquoted_row = (without_quotes(row) or row) if kind == "PAGE" else row
    news = _scrubbed(unquoted_row, traces, own=True) or unquoted_row
    return None if news == row else news


def _scrubbed(row: Row, traces: Traces, *, own: bool = False) -> Row | None:
    """Return a row with every text in it scrubbed; None where no text changes."""
    news = dict(row)
    for name, value in row.items():
        if name == "told":
            past = [traces.scrubbed(json.loads(one["S"]), own=own) for one in value["L"]]
            news[name] = {"L": [{"S": compact(one)} for one in past]}
        elif "S" in value and name not in _ABOUT:
            said = _read(value)
            after = traces.scrubbed(said, key=name, own=own)
            if after != said:
                news[name] = {"S": after if isinstance(after, str) else compact(after)}
    if all(_read(news[name]) == _read(row[name]) for name in row):
        return None
    return told(news) if _kind(row) == "ITEM" else news  # nothing has happened that units should hear of


def _kind(row: Row) -> str:
    return str(row["key"]["S"]).partition("#")[0]


def _read(value: Any) -> Any:  # noqa: ANN401 - an attribute and what it holds
    """Return what an attribute says: JSON as JSON, anything else as its text."""
    if "L" in value:
        return [_read(one) for one in value["L"]]
    text = next(iter(value.values()))
    if isinstance(text, bytes):
        return b64decode(text).decode("latin-1")
    if not isinstance(text, str) or not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _in_case(row: Row) -> str:
    return str(row.get("in_case", {}).get("S", ""))


def _author_of(said: Any) -> str:  # noqa: ANN401 - an item's or a case's JSON
    """Return the author of an item or of a case, and "" for what has none."""
    return str(said.get("author_id") or said.get("author", {}).get("id", ""))


def _case_of(row: Row, traces: Traces) -> str:
    """Return which of the author's cases a row is about, "" for none."""
    kind, _, rest = row["key"]["S"].partition("#")
    if kind == "ITEM":
        return _in_case(row)
    if kind in {"CASE", "OLD"}:
        return case_in(row).case_id
    bodies = [_read(value) for name, value in row.items() if name not in _ABOUT and "S" in value]
    named = [
        str(body.get(name)) for body in bodies if isinstance(body, dict) for name in ("case_id", "subject")
    ]
    return next((each for each in (*named, *rest.split("#")) if each in traces.cases), "")


def _concerns(row: Row, network: str) -> bool:
    """Return whether a row may be about an author of that network; the same name elsewhere is another's."""
    kind, _, rest = row["key"]["S"].partition("#")
    if kind in {"ITEM", "AUTHOR", "DEAD", "ANSWER", "POST", "FORGET"}:
        return str(rest).partition("#")[0] == network
    if kind in {"CASE", "OLD", "DRAFT", "NOTE", "LABEL"}:
        return str(rest).partition("-")[0] == network
    return True


def _is_own(row: Row, traces: Traces) -> bool:
    """Return whether a row is the author's, or about a case of theirs; or about the one item asked for."""
    kind, _, rest = row["key"]["S"].partition("#")
    if kind == "ITEM":
        return rest in traces.items
    if kind == "AUTHOR":
        return bool(traces.author_id) and rest == f"{traces.network}#{traces.author_id}"
    if kind == "DEAD":
        return any(rest.startswith(f"{key}@") for key in traces.items)
    if kind == "IDEMPOTENT":
        texts = [_read(value) for value in row.values()]
        return any(each in str(texts) for each in (*traces.cases, *traces.items))
    if kind == "REPLY":
        reply = json.loads(row["reply"]["S"])
        return reply.get("item_key") in traces.items or reply.get("case_id") in traces.cases
    return _case_of(row, traces) in traces.cases


def _under_way(row: Row, traces: Traces) -> bool:
    """Return whether an answer to the author is still on its way; `respond` ends it within minutes."""
    return _kind(row) == "REPLY" and _is_own(row, traces) and row["st"]["S"] in _UNDER_WAY


def _learnt(traces: Traces, row: Row) -> Traces:
    """Return the traces with what a row tells: names, handles, texts, posts and cases of the author."""
    kind = _kind(row)
    if not _concerns(row, traces.network):
        return traces
    if kind in {"ITEM", "DEAD"}:
        source = row.get("item") or row.get("body") or {}
        text = source.get("S", "")
        item: dict[str, Any] = json.loads(text) if text else {}
        key = f"{item.get('network')}#{item.get('id')}"
        held: dict[str, Any] = json.loads(row["held"]["S"]) if "held" in row else {}
        said: dict[str, Any] = held.get("item") or item
        if key in traces.items or (traces.author_id and _author_of(said) == traces.author_id):
            return _with_item(traces, key, said)
    if kind == "AUTHOR" and _is_own(row, traces):
        return _with_names(traces, json.loads(row["author"]["S"]))
    if kind in {"CASE", "OLD"}:
        case = case_in(row)
        if traces.author_id and case.author_id == traces.author_id:
            named = _with_names(traces, {"handle": case.author_handle, "name": case.author_name})
            return replace(named, cases=named.cases | {case.case_id})
    return traces


def _with_item(traces: Traces, key: str, item: dict[str, Any]) -> Traces:
    texts = {item.get("text", ""), item.get("permalink", ""), *item.get("attachments", ())} - {""}
    known = _with_names(traces, item["author"]) if traces.author_id else traces
    return replace(known, items=known.items | {key}, texts=known.texts | texts)


def _with_names(traces: Traces, author: dict[str, Any]) -> Traces:
    handle, name = {author.get("handle", "")} - {""}, {author.get("name", "")} - {""}
    return replace(traces, handles=traces.handles | handle, names=traces.names | name)


def _tombstone(row: Row, traces: Traces, case: Case | None, at: datetime) -> Row | None:
    """Return the row of an own item as a tombstone; None when it is one already."""
    item = json.loads(row["item"]["S"])
    hold = case is not None and bool(case.hold)
    if item["author"]["id"] == ERASED and (hold or "held" not in row):
        return None
    known = Known(version=int(row["v"]["N"]), deleted=False, told=events_of(row), said=row["item"]["S"])
    past = [traces.scrubbed(json.loads(event_without_quotes(one)), own=True) for one in events_of(row)]
    past = [{name: value for name, value in one.items() if name != "author"} for one in past]
    version = known.version + 1
    news: Row = {
        **{name: row[name] for name in ("key", "expires_at", "list", "list_at", "in_case") if name in row},
        "item": {"S": compact(erased_item(item, traces) | {"version": version})},
        "v": {"N": str(version)},
        "deleted": {"BOOL": True},
    }
    if row.get("list", {}).get("S", "").startswith("KEPT#"):  # a list of what is read again
        del news["list"], news["list_at"]
    if "conversation" in row:
        news["conversation"] = {"S": traces.scrubbed(row["conversation"]["S"], key="conversation_key")}
    if past:
        news["told"] = {"L": [{"S": compact(one)} for one in past]}
    if hold:
        news["held"] = row.get("held", {"S": held_words(known)})
    event = None if row["deleted"]["BOOL"] else told_again(known, "item.deleted", "erased on request", at)
    if event:
        news["event"] = {"S": compact(event)}
    return news


def _with_case(row: Row, after: Case) -> Row:
    gone = {"due", "due_at"} if after.state is State.CLOSED else set[str]()
    rest = {name: value for name, value in row.items() if name not in gone}
    return {**rest, "case": {"S": compact(case_to_json(after))}, "v": {"N": str(after.version)}}


def _erased_reply(row: Row, traces: Traces) -> Row:
    """Return an ended reply without its words, which nobody looks for again; that there was one stays."""
    reply = traces.scrubbed(json.loads(row["reply"]["S"]), own=True)
    version = int(row["v"]["N"]) + 1
    reply |= {
        "text": GONE,
        "looked_again": 99,
        "version": version,
        "reason": unquoted(reply.get("reason", "")),
    }
    reply.pop("fixed", None)
    if not reply["reason"]:
        del reply["reason"]
    rest = {name: value for name, value in row.items() if name not in {"due", "due_at"}}
    return {**rest, "reply": {"S": compact(reply)}, "v": {"N": str(version)}}
