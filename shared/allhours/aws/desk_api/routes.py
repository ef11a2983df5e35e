"""Every address of the API in one table: who works behind it, what it takes; docs/openapi.json is made of it.

`{case_id}` stands for what has no slash; item keys and page ids may have any, for some networks' do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from allhours.aws.desk_api.cursors import MOST
from allhours.aws.desk_api.shapes import (
    FLAG,
    ID,
    INSTANT,
    LONGEST_TEXT,
    NAME,
    NUMBER,
    WORD,
    matching,
    object_of,
    one_of,
    text,
)
from allhours.flows.desk_write import CAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.aws.desk_api.call import Work
    from allhours.aws.desk_api.shapes import Shape

_EVERYTHING = frozenset({"item_key", "page_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address: `work` is module.function here, `tells` the shape of what it answers with (openapi.py).

    A write goes into the audit trail and may be repeated under an Idempotency-Key. `drafts` are guarded by
    If-Match.
    """

    method: str
    path: str
    work: str
    says: str
    tells: str
    status: tuple[int, ...] = (200,)
    query: Mapping[str, Shape] = field(default_factory=dict)
    body: Shape | None = None
    writes: bool = False
    guarded: bool = False

    def does(self) -> Work:
        """Return the work; its module is loaded with the first request for it."""
        module, _, name = self.work.partition(".")
        work: Work = getattr(import_module(f"allhours.aws.desk_api.{module}"), name)
        return work


_PAGED: Mapping[str, Shape] = {
    "cursor": text(2_000, says="`next` of the list before; left out for its begin"),
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST},
}
_SHOWN: Mapping[str, Shape] = {
    "version": {
        "type": "integer",
        "minimum": 0,
        "maximum": 2**53 - 1,
        "description": "that of the case as it was shown; one that went on since is not closed",
    }
}
_WHY_ = object_of({"because": WORD}, _SHOWN)
_WHY_OR_NOT = object_of({"because": text(says="why; empty takes it back")}, _SHOWN)
_WORDS: Mapping[str, Shape] = {"text": text(LONGEST_TEXT)}
_MORE_WORDS: Mapping[str, Shape] = {
    "item_key": text(600, says="what it answers; the author's newest post where left out"),
    "private": FLAG,
    "account": text(60),
    "handle": text(300),
    "card": text(100),
}
_SEEN = matching(r"[0-9a-f.]{0,64}", 64, "`seen` of the case as it was shown")
_VERSION: Shape = {"type": ["integer", "null"], "minimum": 0, "maximum": 2**53 - 1}
_LINK: Mapping[str, Shape] = {
    "state": text(100),
    "url": matching(r"(https://[!-~]{1,1990})?", 2_000, "an https address, or nothing"),
    "system": text(60, says="the system's id in the organisation file; a system's own where left out"),
}

ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/api/me", work="cover.me", says="Who one is", tells="Me"),
    Route(
        method="GET",
        path="/api/cases",
        work="cases.inbox",
        says="List cases, the soonest due first; closed ones, the newest first",
        tells="Cases",
        query={
            "unit": NAME,
            "account": text(60),
            "state": one_of("open", "waiting", "closed"),
            "owner": text(100, says="a member's id, or desk:<id>"),
            "due_before": INSTANT,
            **_PAGED,
        },
    ),
    Route(
        method="POST",
        path="/api/cases",
        work="cases.opened",
        says="From outside: make a case of a post, or find the one it is in; link it to another system's",
        tells="WholeAfter",
        status=(200, 201),
        writes=True,
        body=object_of(
            {"item_key": text(600, least=3), "because": WORD},
            {"unit": NAME, "external": object_of({"id": text(200, least=1)}, _LINK)},
        ),
    ),
    Route(
        method="GET",
        path="/api/cases/{case_id}",
        work="cases.one",
        says="Read a case with all that somebody needs who answers it",
        tells="Whole",
    ),
    Route(
        method="GET",
        path="/api/cases/{case_id}/audit",
        work="cases.audit",
        says="List what was done to a case, by whom",
        tells="Audit",
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/take",
        work="cases.take",
        says="Put a case into one's own hands, from whoever has it",
        tells="WholeAfter",
        writes=True,
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/assign",
        work="cases.assign",
        says="Put a case into a member's hands; an empty member gives it back to the desk on duty",
        tells="WholeAfter",
        writes=True,
        body=object_of({"member": text(60)}, {"because": text()}),
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/move",
        work="cases.move",
        says="Hand a case to another unit; its id alone comes back where that is out of sight",
        tells="WholeAfter",
        writes=True,
        body=object_of({"unit": NAME}, {"because": text(), **_SHOWN}),
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/close",
        work="cases.close",
        says="Close a case with its cause",
        tells="WholeAfter",
        writes=True,
        body=object_of({"cause": one_of(*CAUSES)}, {"because": text(), **_SHOWN}),
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/reopen",
        work="cases.reopen",
        says="Open a closed case again",
        tells="WholeAfter",
        writes=True,
        body=_WHY_,
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/notes",
        work="cases.note",
        says="Leave a note for colleagues; personal data in it are masked",
        tells="WholeAfter",
        status=(201,),
        writes=True,
        body=object_of({"text": text(4_000, least=1), "note_id": ID}, _SHOWN),
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/hold",
        work="cases.hold",
        says="Keep a case's words although somebody wants them gone, or let them go",
        tells="WholeAfter",
        writes=True,
        body=_WHY_OR_NOT,
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/veto",
        work="cases.veto",
        says="Forbid to answer a case for now, or allow it again",
        tells="WholeAfter",
        writes=True,
        body=_WHY_OR_NOT,
    ),
    Route(
        method="PUT",
        path="/api/cases/{case_id}/external",
        work="cases.external",
        says="Show another system's id and state of a case; an empty id takes the link away",
        tells="WholeAfter",
        writes=True,
        body=object_of({"id": text(200)}, _LINK),
    ),
    Route(
        method="PUT",
        path="/api/cases/{case_id}/draft",
        work="answers.write",
        says="Keep a draft, and hold it for five minutes",
        tells="Draft",
        writes=True,
        guarded=True,
        body=object_of(_WORDS, {**_MORE_WORDS, "take_over": text(), "seen": _SEEN}),
    ),
    Route(
        method="DELETE",
        path="/api/cases/{case_id}/draft",
        work="answers.drop",
        says="Throw one's draft away",
        tells="Dropped",
        writes=True,
        guarded=True,
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/draft/approve",
        work="answers.approve",
        says="Agree to a draft that waits, and let it go",
        tells="Sent",
        status=(201,),
        writes=True,
        body=object_of(
            {"reply_id": ID, "version": NUMBER, "seen": _SEEN}, {"second": FLAG, "because": text()}
        ),
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/draft/return",
        work="answers.give_back",
        says="Give a draft that waits back to who wrote it",
        tells="WholeAfter",
        writes=True,
        body=object_of({"comment": WORD, "version": NUMBER}),
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/check",
        work="answers.check",
        says="Show words as they would go out; nothing changes",
        tells="Checked",
        body=object_of(_WORDS, _MORE_WORDS),
    ),
    Route(
        method="POST",
        path="/api/cases/{case_id}/replies",
        work="answers.send",
        says="Let an answer go (201), or have it wait for a second person (202)",
        tells="Sent",
        status=(201, 202),
        writes=True,
        body=object_of(
            {**_WORDS, "reply_id": ID, "seen": _SEEN},
            {**_MORE_WORDS, "version": _VERSION, "second": FLAG, "because": text()},
        ),
    ),
    Route(
        method="GET",
        path="/api/replies/{reply_id}",
        work="answers.reply",
        says="Read an answer, and where it is on its way",
        tells="Reply",
    ),
    Route(
        method="POST",
        path="/api/replies/{reply_id}/verdict",
        work="answers.verdict",
        says="Say what became of an answer of which nobody knows whether it is out",
        tells="Reply",
        writes=True,
        body=object_of(
            {"because": WORD},
            {"posted": {"type": ["string", "null"], "maxLength": 2_000}, "again": FLAG},
        ),
    ),
    Route(
        method="GET",
        path="/api/units/{unit}/duty",
        work="cover.duty",
        says="Say who is on duty, and who next",
        tells="Duty",
    ),
    Route(
        method="POST",
        path="/api/units/{unit}/overrides",
        work="cover.override",
        says="Put somebody on duty, or take somebody off, for a while",
        tells="Change",
        status=(201,),
        writes=True,
        body=object_of(
            {"from": INSTANT, "until": INSTANT, "reason": WORD},
            {"remove": text(60), "add": text(60), "desk": text(60), "force": FLAG},
        ),
    ),
    Route(
        method="GET",
        path="/api/pages",
        work="cover.pages",
        says="List the pages that nobody has yet, the oldest first",
        tells="Pages",
        query={"unit": NAME},
    ),
    Route(
        method="POST",
        path="/api/pages/{page_id}/ack",
        work="cover.acknowledge",
        says="Have a page: nobody more is called",
        tells="Page",
        writes=True,
    ),
    Route(
        method="POST",
        path="/api/pages/{page_id}/release",
        work="cover.release",
        says="Hand a page back: it climbs again",
        tells="Page",
        writes=True,
    ),
    Route(
        method="GET",
        path="/api/light",
        work="cases.light",
        says="List what was told to units without a case, the newest first",
        tells="Light",
        query={"unit": NAME, **_PAGED},
    ),
    Route(
        method="POST",
        path="/api/items/{item_key}/promote",
        work="cases.promote",
        says="Make a case of a post that opened none",
        tells="WholeAfter",
        status=(201,),
        writes=True,
        body=object_of({"because": WORD}, {"unit": NAME}),
    ),
    Route(
        method="GET",
        path="/api/cards",
        work="cover.cards",
        says="List answer cards",
        tells="Cards",
        query={"unit": NAME},
    ),
)

SHOWS: Mapping[str, str] = {
    "case": "cases.show_after",
    "sent": "answers.show_sent",
    "reply": "answers.show_reply",
    "page": "cover.show_page",
    "change": "cover.show_change",
}


def found(method: str, path: str) -> tuple[Route | None, Mapping[str, str], tuple[str, ...]]:
    """Return the route with what its path names; None, and the methods that there are at this address."""
    matched = [(route, match) for pattern, route in _patterns() if (match := pattern.fullmatch(path))]
    asked = "GET" if method == "HEAD" else method
    for route, match in matched:
        if route.method == asked:
            return route, match.groupdict(), ()
    return None, {}, tuple(sorted(route.method for route, _ in matched))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Route], ...]:
    return tuple((re.compile(_pattern(route.path)), route) for route in ROUTES)


def _pattern(path: str) -> str:
    def named(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{'.+' if match[1] in _EVERYTHING else '[^/]+'})"

    return re.sub(r"\{(\w+)\}", named, path)


def shown_by(kind: str) -> Any:  # noqa: ANN401 - a Show, by its name
    """Return what shows a kind of thing."""
    module, _, name = SHOWS[kind].partition(".")
    return getattr(import_module(f"allhours.aws.desk_api.{module}"), name)
