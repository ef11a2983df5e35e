"""Cases, pages and light items of invented people, in the shapes of the desk's API; night.yaml says who."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

Body = dict[str, Any]
NIGHT: Body = yaml.safe_load(Path(__file__).with_name("night.yaml").read_text(encoding="utf-8"))
CARDS: list[Body] = [{"url": "", "expires": None, **card} for card in NIGHT["cards"]]
USUAL: Body = {
    "unit": "cards",
    "account": "acmecards",
    "network": "x",
    "state": "open",
    "priority": 2,
    "urgent": "",
    "stance": "",
    "reason": "",
    "owner": "",
    "items": 1,
    "replies": 0,
    "draft": None,
    "veto": "",
    "hold": "",
    "external": {},
    "alike": 1,
    "version": 1,
    "seen": "5ee.1",
    "why": ["Addressed to @acmecards, which Cards owns", "Topic: cards, 94 in 100"],
    "voice": {"tone": "calm, plain, first names", "promise": "an answer within the hour, day and night"},
    "protocol": "",
    "similar": {"count": 0, "cases": []},
}
WORDS: Body = {"private": False, "account": "acmecards", "handle": "@acmecards", "card": ""}


def instant(**later: float) -> str:
    """Return an instant of this test, as the API writes it."""
    return (datetime.now(UTC).replace(microsecond=0) + timedelta(**later)).isoformat()


def a_case(number: int, name: str, text: str, **more: Any) -> Body:
    """Return one open case of one post, with what is usual but for `more`."""
    due_in, ago, private = more.pop("due_in", None), more.pop("ago", 9), more.pop("private", False)
    then, draft = more.pop("then", ()), more.pop("draft", None)
    case = {**USUAL, **more, "author": {"handle": f"@{name.split(maxsplit=1)[0].lower()}", "name": name}}
    case |= {"case_id": f"{case['network']}:{7000 + number}", "excerpt": text[:140]}
    case |= {"opened_at": instant(minutes=-ago), "owner_name": case["owner"].title()}
    promise = {} if due_in is None else {"first_answer": instant(minutes=due_in)}
    late = due_in is not None and due_in <= 0
    case |= {"due": {} if late else promise, "missed": promise if late else {}}
    case |= {"next_due_at": promise.get("first_answer"), "ways": ways(case["network"], private=private)}
    case["on_duty"] = {"desk": "london", "members": ["Ana", "Ben"], "until": instant(hours=3)}
    said = [{"ago": ago, "text": text, "private": private}, *then]
    case["conversation"] = [an_entry(case, order, entry) for order, entry in enumerate(said)]
    case["draft"] = draft and a_draft(case, **draft)
    return case


def an_entry(case: Body, order: int, told: Body) -> Body:
    """Return one item, reply or note of a conversation."""
    usual = {
        "kind": "item",
        "who": case["author"]["name"],
        "private": False,
        "deleted": False,
        "permalink": "",
    }
    usual |= {
        "key": f"{case['case_id'].replace(':', '#')}-{order}",
        "at": instant(minutes=-told.get("ago", 0)),
    }
    if told.get("kind") == "reply":
        usual |= {"handle": "@acmecards", "account": "acmecards", "reason": "", "receipt": ""}
        usual |= {
            "item": case["conversation"][0]["key"] if "conversation" in case else f"{usual['key'][:-1]}0"
        }
    elif "kind" not in told:
        usual |= {"permalink": f"https://{case['network']}.example/{order}"}
    return usual | {name: value for name, value in told.items() if name != "ago"}


def a_draft(case: Body, **more: Any) -> Body:
    """Return a draft in somebody's hands."""
    draft = {**WORDS, "item_key": case["conversation"][0]["key"], "by_name": more["by"].title(), "version": 3}
    draft |= {"since": instant(minutes=-6), "lease_until": instant(minutes=4), "state": "writing"}
    draft |= {"because": "", "comment": "", **more}
    return {**draft, "signed": f"{draft['text']} ^{draft['by'][:2].upper()}"}


def ways(network: str, *, private: bool) -> list[Body]:
    """Return who may answer and how: private only to private posts, both to public ones."""
    public = {
        "account": "acmecards",
        "handle": "@acmecards",
        "private": False,
        "until": None,
        "signature": "",
    }
    direct = {**public, "private": True}
    if private:
        return [
            {**direct, "allowed": True, "reason": "They wrote in private, so only they read it."},
            {
                **public,
                "allowed": False,
                "reason": "They wrote in private; a public answer would tell everybody.",
            },
        ]
    main = {**public, "account": "acmebank", "handle": "@acmebank", "allowed": False}
    return [
        {**public, "allowed": True, "reason": "They mentioned this account."},
        {**main, "reason": "X lets only the account answer that was mentioned."},
        {**direct, "allowed": network != "appstore", "reason": "After one public line that invites them."},
    ]


def cases() -> dict[str, Body]:
    """Return the night's cases by their ids."""
    made = [a_case(**told) for told in NIGHT["cases"]]
    return {case["case_id"]: case for case in made}


def pages() -> list[Body]:
    """Return who is called, and for what."""
    usual = {"unit": "cards", "state": "open", "by": "", "by_name": "", "asks": True}
    return [{**usual, **_timed(page, "climbs_in")} for page in NIGHT["pages"]]


def light() -> list[Body]:
    """Return what asks nothing of us."""
    return [{"network": "x", "account": "acmecards", **_timed(item)} for item in NIGHT["light"]]


def _timed(told: Body, later: str = "") -> Body:
    """Return it with instants for its minutes."""
    rest = {name: value for name, value in told.items() if name not in {"ago", later}}
    rest["at"] = instant(minutes=-told["ago"])
    return rest | ({"next_at": instant(minutes=told[later]) if later in told else None} if later else {})
