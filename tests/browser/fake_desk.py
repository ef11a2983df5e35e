"""What the fake desk knows and how it answers: the rules of the API as far as the page can tell them."""

from __future__ import annotations

import copy
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from allhours.aws.desk_api import routes, shapes
from allhours.aws.desk_api.trouble import Trouble
from tests.browser.invented_cases import CARDS, an_entry, cases, instant, light, pages

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]
NAMES = {"ana": "Ana", "ben": "Ben"}
TITLES = {
    "cards": ("Cards", "acmecards"),
    "payments": ("Payments", "acmepay"),
    "fraud_security": ("Fraud and security", "acmesafe"),
    "customer_care": ("Customer care", "acmebank"),
}
OUT_OF_SIGHT = "customer_care"  # what is handed over to it is not theirs to see any more
CARD_NUMBER = re.compile(r"\b(?:\d[ -]?){15}\d\b")
PROMISE = re.compile(r"guarantee|by tomorrow", re.IGNORECASE)
CAUSES = ["answered", "no answer needed", "duplicate", "moved elsewhere", "spam", "other"]
LIMIT = 280
ONLY_LEADS = "nobody answers this but a lead who says why"
LISTED = """
    case_id unit account network state priority urgent stance reason author excerpt opened_at due next_due_at
    missed owner owner_name items replies draft veto hold external alike version
""".split()  # noqa: SIM905 - words that are read more easily than a list


@dataclass
class Refusal(Exception):
    """An answer that says no."""

    status: int
    code: str = ""
    message: str = ""
    details: Any = None
    again: int = 0


@dataclass
class Desk:
    """What the fake desk knows; tests read `asked`, `writes` and `sent`, and write the rest."""

    cases: dict[str, Body] = field(default_factory=cases)
    pages: list[Body] = field(default_factory=pages)
    light: list[Body] = field(default_factory=light)
    signing_in: str = "ana"
    leads: bool = True
    configured: bool = True
    refreshable: bool = True
    posting: bool = True
    tokens: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    writes: list[tuple[str, str, Body]] = field(default_factory=list)
    sent: list[Body] = field(default_factory=list)
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    lost_answers: list[str] = field(default_factory=list)
    done: dict[str, Body] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def case(self, name: str) -> Body:
        """Return the case of an author."""
        return next(each for each in self.cases.values() if each["author"]["name"] == name)

    def says(self, case: Body, text: str) -> None:
        """Let the author write once more."""
        with self.lock:
            case["conversation"].append(an_entry(case, len(case["conversation"]), {"text": text}))
            case["seen"] = f"5ee.{len(case['conversation'])}"
            case["version"] += 1

    def arrives(self, case: Body) -> None:
        """Let one more case arrive."""
        with self.lock:
            self.cases[case["case_id"]] = case

    def refuse(self, call: str, refusal: Refusal) -> None:
        """Turn down the next call whose method and path begin so."""
        self.refusals.append((call, refusal))

    def loses(self, call: str) -> bool:
        """Return whether the answer to this call is to be lost, once."""
        lost = next((each for each in self.lost_answers if call.startswith(each)), None)
        if lost:
            self.lost_answers.remove(lost)
        return bool(lost)

    def judge(self, call: Call, key: str) -> Body:
        """Answer a call, a repeated one as before; or raise `Refusal`."""
        refused = next(
            (each for each in self.refusals if f"{call.method} {call.path}".startswith(each[0])), None
        )
        if refused:
            self.refusals.remove(refused)
            raise refused[1]
        if not call.member:
            raise Refusal(401, "signed_out")
        if key in self.done:
            return self.done[key]
        if call.method != "GET":
            self.writes.append((call.method, call.path, call.body))
        call.hold_to_the_contract()
        told = call.answer()
        if key:
            self.done[key] = told
        return told


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the API by one member; `match` is the precondition it names."""

    desk: Desk
    member: str
    method: str
    path: str
    query: Body
    body: Body
    match: str

    @property
    def parts(self) -> list[str]:
        """Return the path's parts, decoded."""
        return [unquote(part) for part in self.path.split("/")]

    @property
    def case(self) -> Body:
        """Return the case that the path names."""
        if self.parts[1] not in self.desk.cases:
            raise Refusal(404, "not_found", "There is no such case, or you may not see it.")
        return self.desk.cases[self.parts[1]]

    def hold_to_the_contract(self) -> None:
        """Refuse what the real API would: an address, a query or a field that it does not know."""
        route, _, _ = routes.found(self.method, f"/api/{unquote(self.path)}")
        if route is None:
            raise Refusal(404, "not_found", f"there is no {self.method} {self.path}")
        try:
            shapes.checked_query(self.query, route.query)
            if route.body:
                shapes.checked(self.body, route.body)
        except Trouble as trouble:
            raise Refusal(trouble.status, trouble.code, trouble.message) from None
        if unknown := self.query.keys() - route.query.keys():
            raise Refusal(422, "invalid", f"unknown in the query: {unknown}")

    def answer(self) -> Body:
        """Answer by the first route that fits."""
        for method, pattern, answer in ROUTES:
            if method == self.method and re.fullmatch(pattern, self.path):
                return answer(self)
        raise Refusal(404)


def _me(call: Call) -> Body:
    units = [
        {"unit": unit, "title": title, "accounts": [account]} for unit, (title, account) in TITLES.items()
    ]
    roles = {unit: ["member", "lead"] for unit in TITLES}
    return {
        "member": call.member,
        "name": NAMES[call.member],
        "roles": roles,
        "everywhere": [],
        "units": units,
        "all_units": [{"unit": unit, "title": title} for unit, (title, _) in TITLES.items()],
        "causes": CAUSES,
    }


def _list(call: Call) -> Body:
    state, owner = call.query.get("state", "open"), call.query.get("owner", "")
    rows = [
        {name: case[name] for name in LISTED} | {"draft": _in_short(case["draft"])}
        for case in call.desk.cases.values()
        if (
            case["state"] == state or (state == "waiting" and (case["draft"] or {}).get("state") == "waiting")
        )
        and call.query.get("unit", case["unit"]) == case["unit"]
        and call.query.get("account", case["account"]) == case["account"]
        and owner in {"", case["owner"]}
    ]
    rows.sort(key=lambda row: (row["next_due_at"] or "9", row["opened_at"]))
    start, most = int(call.query.get("cursor", 0)), int(call.query.get("limit", 50))
    return {
        "cases": rows[start : start + most],
        "next": str(start + most) if len(rows) > start + most else "",
    }


def _in_short(draft: Body | None) -> Body | None:
    return draft and {name: draft[name] for name in ("by", "by_name", "since", "state")}


def _whole(call: Call) -> Body:
    case, member = call.case, call.member
    waits = bool(case["draft"]) and case["draft"]["state"] == "waiting"
    actions = ["take", "move", "note", "hold", "veto", "verdict"]
    actions += ["close"] if case["state"] == "open" else ["reopen"]
    actions += [] if case["veto"] else ["draft", "send"]
    actions += ["answer_anyway"] if call.desk.leads else []
    actions += ["approve", "return"] if waits and case["draft"]["by"] != member else []
    ways = [{**way, "signature": _signature(member)} for way in case["ways"]]
    told = copy.deepcopy({**case, "ways": ways, "cards": CARDS, "actions": actions})
    for entry in case["conversation"]:  # each look at a case brings its answers one state on
        if entry["kind"] == "reply" and entry["state"] in {"ready", "claimed"} and call.desk.posting:
            entry["state"] = {"ready": "claimed", "claimed": "posted"}[entry["state"]]
            entry["permalink"] = "https://x.example/acmecards/1" if entry["state"] == "posted" else ""
    return told


def _signature(member: str) -> str:
    return f"^{NAMES[member][:2].upper()}"


def _trail(call: Call) -> Body:
    return {"audits": [{"at": call.case["opened_at"], "who": "machine", "what": "case opened"}], "next": ""}


def _write(call: Call) -> Body:
    before, words, member = call.case["draft"], call.body, call.member
    if before and before["by"] != member and before["lease_until"] > instant() and not words.get("take_over"):
        raise Refusal(409, "held", f"{before['by_name']} is writing this answer.")
    if call.match != (f'"{before["version"]}"' if before else "*"):
        raise Refusal(412, "stale", "This draft was changed since you read it.")
    mine = before and before["by"] == member
    draft = {name: words[name] for name in ("item_key", "text", "private", "account", "handle", "card")}
    draft |= {"by": member, "by_name": NAMES[member], "since": before["since"] if mine else instant()}
    draft |= {"lease_until": instant(minutes=5), "state": "writing", "because": "", "comment": ""}
    draft["signed"] = f"{words['text']} {_signature(member)}"
    call.case["draft"] = {**draft, "version": before["version"] + 1 if before else 1}
    return dict(call.case["draft"])


def _drop(call: Call) -> Body:
    call.case["draft"] = None
    return {}


def _check(call: Call) -> Body:
    words, case = call.body["text"], call.case
    text = f"{words} {_signature(call.member)}"
    rules = (
        ("personal_data", "block", "a card number: ask for the last four digits at most", CARD_NUMBER),
        ("promise", "warn", "this sounds like a promise that we may not keep", PROMISE),
    )
    findings = [
        {"kind": kind, "ruling": ruling, "message": message, "start": found.start(), "end": found.end()}
        for kind, ruling, message, pattern in rules
        for found in pattern.finditer(words)
    ]
    link, fits = "http" in text and case["network"] == "x", len(text) <= LIMIT
    return {
        "text": text,
        "findings": findings,
        "lengths": [{"unit": "weighted characters", "used": len(text), "allowed": LIMIT, "fits": fits}],
        "cost": {"usd": 0.2 if link else 0.015, "units": 0, "why": "a link makes it dear" if link else ""},
        "way": {},
        "blocked": [],
        "needs_approval": _second(call),
        "may_send": fits and not any(each["ruling"] == "block" for each in findings),
    }


def _second(call: Call) -> str:
    """Return why a second person has to agree."""
    only_leads = call.case["stance"] == "must_not" and not call.desk.leads
    return ONLY_LEADS if only_leads else call.case.get("risk", "")


def _hold_to_the_stance(call: Call) -> None:
    if call.case["stance"] == "must_not" and not (call.desk.leads and call.body["because"]):
        raise Refusal(403, "not_allowed", ONLY_LEADS)


def _send(call: Call) -> Body:
    case, body = call.case, call.body
    checked = _check(call)
    if not checked["may_send"]:
        raise Refusal(422, "findings", "The check found something that cannot go out.", checked)
    if body["seen"] != case["seen"]:
        last = case["conversation"][-1]
        changed = [f"{last['who']} wrote: {last['text']}"]
        raise Refusal(409, "changed", "The conversation changed since you read it.", {"changes": changed})
    out = [each for each in case["conversation"] if each.get("item") == body["item_key"]]
    if out and not body["second"]:
        who = out[-1]["who"]
        raise Refusal(409, "answered", f"{who} has answered this post: another answer has to be meant")
    if checked["needs_approval"]:
        waiting = {
            "state": "waiting",
            "because": checked["needs_approval"],
            "version": case["draft"]["version"] + 1,
        }
        case["draft"] |= waiting
        return {"reply": None, "draft": dict(case["draft"])}
    _hold_to_the_stance(call)
    return {"reply": _let_go(call, {**body, "by": call.member}), "draft": None}


def _approve(call: Call) -> Body:
    _hold_to_the_stance(call)
    if call.body["seen"] != call.case["seen"]:
        changed = ["Another post came."]
        raise Refusal(409, "changed", "The conversation changed since it was written.", {"changes": changed})
    return {"reply": _let_go(call, {**call.case["draft"], "reply_id": call.body["reply_id"]}), "draft": None}


def _let_go(call: Call, words: Body) -> Body:
    case, text = call.case, f"{words['text']} {_signature(words['by'])}"
    told = {
        "kind": "reply",
        "who": NAMES[words["by"]],
        "text": text,
        "private": words["private"],
        "state": "ready",
    }
    told |= {"key": words["reply_id"], "handle": words["handle"], "item": words["item_key"]}
    reply = an_entry(case, len(case["conversation"]), told)
    case["conversation"].append(reply)
    case |= {"replies": case["replies"] + 1, "draft": None, "version": case["version"] + 1}
    call.desk.sent.append({**words, "case_id": case["case_id"], "text": text, "approved_by": call.member})
    return dict(reply)


def _return(call: Call) -> Body:
    draft = call.case["draft"]
    draft |= {"state": "returned", "comment": call.body["comment"], "version": draft["version"] + 1}
    return dict(draft)


def _mark(call: Call) -> Body:
    body, case = call.body, call.case
    changes: dict[str, Callable[[], Body]] = {
        "take": lambda: {"owner": call.member, "owner_name": NAMES[call.member]},
        "move": lambda: {"unit": body["unit"]},
        "close": lambda: {"state": "closed", "due": {}, "next_due_at": None},
        "reopen": lambda: {"state": "open"},
        "veto": lambda: {"veto": body["because"]},
        "hold": lambda: {"hold": body["because"]},
    }
    if body.get("unit") == OUT_OF_SIGHT:
        return {"case_id": call.desk.cases.pop(case["case_id"])["case_id"]}
    case |= {**changes[call.parts[2]](), "version": case["version"] + 1}
    return _whole(call)


def _note(call: Call) -> Body:
    told = {"kind": "note", "who": NAMES[call.member], "text": call.body["text"], "key": call.body["note_id"]}
    note = an_entry(call.case, 0, told)
    call.case["conversation"].append(note)
    return note


def _settle(call: Call) -> Body:
    replies = (entry for case in call.desk.cases.values() for entry in case["conversation"])
    reply = next(entry for entry in replies if entry["key"] == call.parts[1])
    posted = call.body["posted"]
    reply |= (
        {"state": "posted", "permalink": posted, "reason": ""} if posted else {"state": "ready", "reason": ""}
    )
    return dict(reply)


def _page(call: Call) -> Body:
    page = next(each for each in call.desk.pages if each["page_id"] == call.parts[1])
    taken = call.parts[2] == "ack"
    page |= {"state": "taken" if taken else "open", "by": call.member, "by_name": NAMES[call.member]}
    return dict(page)


def _promote(call: Call) -> Body:
    call.desk.light = [each for each in call.desk.light if each["item_key"] != call.parts[1]]
    return {}


ROUTES: tuple[tuple[str, str, Callable[[Call], Body]], ...] = (
    ("GET", r"me", _me),
    ("GET", r"cases", _list),
    ("GET", r"cases/[^/]+", _whole),
    ("GET", r"cases/[^/]+/audit", _trail),
    ("PUT", r"cases/[^/]+/draft", _write),
    ("DELETE", r"cases/[^/]+/draft", _drop),
    ("POST", r"cases/[^/]+/check", _check),
    ("POST", r"cases/[^/]+/replies", _send),
    ("POST", r"cases/[^/]+/draft/approve", _approve),
    ("POST", r"cases/[^/]+/draft/return", _return),
    ("POST", r"cases/[^/]+/notes", _note),
    ("POST", r"cases/[^/]+/(take|move|close|reopen|veto|hold)", _mark),
    ("POST", r"replies/[^/]+/verdict", _settle),
    ("GET", r"pages", lambda call: {"pages": call.desk.pages, "next": ""}),
    ("POST", r"pages/[^/]+/(ack|release)", _page),
    ("GET", r"light", lambda call: {"light": call.desk.light, "next": ""}),
    ("POST", r"items/[^/]+/promote", _promote),
)
