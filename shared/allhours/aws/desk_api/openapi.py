"""The API as an OpenAPI document, made of the table of routes and of what answers look like (encode.py).

docs/openapi.json is this, written down: `python -m tests.write_openapi` writes it, a test compares.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from allhours.aws.desk_api.asked import BODY_LIMIT
from allhours.aws.desk_api.encode import ACTIONS
from allhours.aws.desk_api.routes import ROUTES
from allhours.aws.desk_api.shapes import NAME, text
from allhours.domain.access import Action, Role
from allhours.domain.draft import DraftState
from allhours.domain.reply import ReplyState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.aws.desk_api.routes import Route
    from allhours.aws.desk_api.shapes import Shape

VERSION = "1.0.0"  # a field may come, none goes or changes without another first number

_TEXT: Shape = {"type": "string"}
_FLAG: Shape = {"type": "boolean"}
_COUNT: Shape = {"type": "integer", "minimum": 0}
_AT: Shape = {"type": "string", "format": "date-time"}
_AT_OR_NOT: Shape = {"type": ["string", "null"], "format": "date-time"}


def _object(**fields: Shape) -> Shape:
    """Return the shape of an object that has exactly these fields."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _list(of: Shape) -> Shape:
    return {"type": "array", "items": of}


def _by_name(of: Shape) -> Shape:
    return {"type": "object", "additionalProperties": of}


def _ref(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(of: Shape) -> Shape:
    return {"anyOf": [of, {"type": "null"}]}


def _enum(*words: str) -> Shape:
    return {"type": "string", "enum": list(words)}


def _listed(name: str, of: Shape) -> Shape:
    return _object(**{name: _list(of)}, next={**_TEXT, "description": "cursor of the rest; empty at the end"})


_AUTHOR = _object(handle=_TEXT, name=_TEXT)
_ROW: Mapping[str, Shape] = {
    "case_id": _TEXT,
    "unit": _TEXT,
    "account": _TEXT,
    "network": _TEXT,
    "state": _enum("open", "closed"),
    "priority": {"type": "integer"},
    "urgent": {**_TEXT, "description": "the gravest kind of urgency that was told in it; empty for none"},
    "stance": _TEXT,
    "reason": _TEXT,
    "author": _AUTHOR,
    "excerpt": _TEXT,
    "opened_at": _AT,
    "closed_at": _AT_OR_NOT,
    "closed_because": _TEXT,
    "due": _by_name(_AT),
    "next_due_at": _AT_OR_NOT,
    "missed": _by_name(_AT),
    "owner": _TEXT,
    "owner_name": _TEXT,
    "items": _COUNT,
    "replies": _COUNT,
    "veto": {**_TEXT, "description": "why it must not be answered for now; empty where it may"},
    "hold": {**_TEXT, "description": "why its words are kept although somebody wants them gone"},
    "external": _by_name(_TEXT),
    "alike": _COUNT,
    "version": _COUNT,
}
_DUTY: Mapping[str, Shape] = {
    "desk": _TEXT,
    "members": _list(_object(member=_TEXT, name=_TEXT)),
    "because": _TEXT,
    "since": _AT,
    "until": _AT,
    "gap": _FLAG,
}
_WORDS_OF_ACTIONS = [word for each in Action for word in ACTIONS.get(each, (each.value,))]
_DRAFT_STATE = _enum(*DraftState)

_DRAFT: Mapping[str, Shape] = {
    "item_key": _TEXT,
    "text": _TEXT,
    "private": _FLAG,
    "account": _TEXT,
    "handle": _TEXT,
    "card": _TEXT,
    "by": _TEXT,
    "by_name": _TEXT,
    "since": _AT,
    "lease_until": _AT,
    "state": _DRAFT_STATE,
    "asked_at": _AT_OR_NOT,
    "because": _TEXT,
    "comment": _TEXT,
    "seen": _TEXT,
    "version": _COUNT,
}
_ASKS_THE_SAME = _object(
    case_id=_TEXT,
    account=_TEXT,
    owner=_TEXT,
    excerpt={**_TEXT, "description": "the start of its author's newest post"},
)

SCHEMAS: Mapping[str, Shape] = {
    "Trouble": _object(
        error={
            "type": "object",
            "properties": {
                "code": {**_TEXT, "description": "for programs; one of a few words"},
                "message": {**_TEXT, "description": "for people: what is wrong, and what to do"},
                "details": {"type": "object"},
            },
            "required": ["code", "message"],
            "additionalProperties": False,
        }
    ),
    "Me": _object(
        member=_TEXT,
        name=_TEXT,
        system={**_TEXT, "description": "empty for a person"},
        roles=_by_name(_list(_enum(*Role))),
        everywhere=_list(_enum(*Role)),
        units=_list(
            _object(
                unit=_TEXT,
                title=_TEXT,
                accounts=_list(_TEXT),
                voice=_object(tone=_TEXT, promise=_TEXT),
                members=_list(_object(member=_TEXT, name=_TEXT)),
            )
        ),
        all_units=_list(_object(unit=_TEXT, title=_TEXT)),
        causes={**_list(_TEXT), "description": "with which a case is closed"},
    ),
    "Row": _object(
        **_ROW,
        draft=_or_null(_object(by=_TEXT, by_name=_TEXT, since=_AT, state=_DRAFT_STATE)),
    ),
    "Cases": {
        "type": "object",
        "properties": {
            "cases": _list(_ref("Row")),
            "next": {**_TEXT, "description": "cursor of the rest; empty at the end. A list may be short"},
            "troubles": {
                **_list(_TEXT),
                "description": "what another release wrote and this one cannot read",
            },
        },
        "required": ["cases", "next"],
        "additionalProperties": False,
    },
    "Whole": _object(
        **_ROW,
        answers={**_TEXT, "description": "key of the post that is answered unless another is named"},
        changed={**_list(_TEXT), "description": "what happened since the draft was written"},
        seen={**_TEXT, "description": "stands for the conversation as it is shown; sent back with an answer"},
        conversation=_list(
            _object(
                kind=_enum("item", "reply", "note"),
                at=_AT,
                who=_TEXT,
                by=_TEXT,
                handle=_TEXT,
                text=_TEXT,
                key=_TEXT,
                private=_FLAG,
                deleted=_FLAG,
                edited=_FLAG,
                bystander=_FLAG,
                state=_TEXT,
                reason={**_TEXT, "description": "why an answer is not out, or why nobody knows"},
                receipt={**_TEXT, "description": "what the network says became of an answer"},
                permalink=_TEXT,
                attachments=_list(_TEXT),
                rating=_COUNT,
                masked=_list(_TEXT),
            )
        ),
        why=_list(_TEXT),
        ways=_list(_ref("Way")),
        cards=_list(_object(card_id=_TEXT, title=_TEXT, url=_TEXT, text=_TEXT, expires=_TEXT)),
        draft=_or_null(_object(**_DRAFT, signed={**_TEXT, "description": "the text as it goes out"})),
        voice=_object(tone=_TEXT, promise=_TEXT, signature=_TEXT),
        on_duty=_or_null(_object(**_DUTY)),
        protocol=_TEXT,
        actions=_list(_enum(*_WORDS_OF_ACTIONS)),
        similar=_object(count=_COUNT, cases=_list(_ASKS_THE_SAME)),
    ),
    "WholeAfter": {
        "anyOf": [_ref("Whole"), _object(case_id=_TEXT)],
        "description": "the case as it is now; its id alone where it is out of one's sight now",
    },
    "Way": _object(
        account=_TEXT,
        handle=_TEXT,
        private=_FLAG,
        allowed=_FLAG,
        reason=_TEXT,
        until=_AT_OR_NOT,
        signature=_TEXT,
        moves=_FLAG,
        invitation=_TEXT,
    ),
    "Draft": _object(**_DRAFT),
    "Dropped": _object(case_id=_TEXT, draft={"type": "null"}),
    "Checked": _object(
        text=_TEXT,
        item_key=_TEXT,
        findings=_list(
            _object(kind=_TEXT, ruling=_enum("block", "warn"), message=_TEXT, start=_COUNT, end=_COUNT)
        ),
        lengths=_list(_object(unit=_TEXT, used=_COUNT, allowed=_COUNT, fits=_FLAG)),
        cost=_object(usd={"type": "number"}, units=_COUNT, why=_TEXT),
        way=_or_null(_ref("Way")),
        ways=_list(_ref("Way")),
        needs_approval={**_TEXT, "description": "why a second person has to agree; empty for nobody"},
        blocked=_list(_TEXT),
        may_send=_FLAG,
    ),
    "Reply": _object(
        reply_id=_TEXT,
        case_id=_TEXT,
        item_key=_TEXT,
        state=_enum(*ReplyState),
        text=_TEXT,
        by=_TEXT,
        approved_by=_TEXT,
        approved_at=_AT,
        account=_TEXT,
        handle=_TEXT,
        private=_FLAG,
        automatic=_FLAG,
        attempts=_COUNT,
        post_id={**_TEXT, "description": "the network's id of it; empty until the network has it"},
        permalink=_TEXT,
        posted_at=_AT_OR_NOT,
        reason=_TEXT,
        receipt=_TEXT,
    ),
    "Sent": _object(reply=_or_null(_ref("Reply")), draft=_or_null(_ref("Draft"))),
    "Audit": _listed(
        "audits",
        _object(
            audit_id=_TEXT,
            at=_AT,
            by=_TEXT,
            who=_TEXT,
            what=_TEXT,
            because=_TEXT,
            details={"type": "object"},
        ),
    ),
    "Duty": _object(unit=_TEXT, **_DUTY, next=_or_null(_object(at=_AT, **_DUTY))),
    "Change": {
        "anyOf": [
            _object(
                change_id=_TEXT,
                kind=_TEXT,
                state=_TEXT,
                unit=_TEXT,
                **{"from": _AT},
                until=_AT,
                remove=_TEXT,
                add=_TEXT,
                desk=_TEXT,
                reason=_TEXT,
                by=_TEXT,
                forced=_FLAG,
                objections=_list(_TEXT),
            ),
            _object(change_id=_TEXT),
        ]
    },
    "Page": _object(
        page_id=_TEXT,
        why=_TEXT,
        severity=_TEXT,
        unit=_TEXT,
        subject=_TEXT,
        story=_TEXT,
        case_id=_TEXT,
        at=_AT,
        asks=_FLAG,
        state=_enum("open", "taken", "exhausted"),
        told=_list(_TEXT),
        member=_TEXT,
        member_name=_TEXT,
        by=_TEXT,
        by_name=_TEXT,
        since=_AT_OR_NOT,
        next_at=_AT_OR_NOT,
    ),
    "Pages": _listed("pages", _ref("Page")),
    "Light": _listed(
        "light",
        _object(
            item_key=_TEXT,
            network=_TEXT,
            unit=_TEXT,
            account=_TEXT,
            reason=_TEXT,
            at=_AT,
            author=_AUTHOR,
            text=_TEXT,
            permalink=_TEXT,
        ),
    ),
    "Cards": _listed(
        "cards",
        _object(
            card_id=_TEXT,
            unit=_TEXT,
            title=_TEXT,
            url=_TEXT,
            text=_TEXT,
            variants=_by_name(_TEXT),
            owner=_TEXT,
            expires=_TEXT,
            approved_by=_TEXT,
            automatic=_FLAG,
        ),
    ),
}

TROUBLES: Mapping[int, str] = {
    401: 'No token, or none that holds. API Gateway says so itself, as {"message": "Unauthorized"}.',
    403: "Not allowed; the sentence says who may.",
    404: "Nothing there that one may see.",
    405: "Another method is wanted here; `allow` names those that there are.",
    409: (
        "Somebody else has it in hand; it is not as it was seen (code `changed`); the post has an answer "
        "(`answered`); the request is at work."
    ),
    412: "The draft is not the one that was read.",
    413: f"More than {BODY_LIMIT} bytes.",
    415: "The body is not said to be JSON.",
    422: "Something in the request is wrong, `details.field` says where; a key stands for another request.",
    428: "Say which draft was read: If-Match, or If-None-Match: *.",
    429: "Too fast; `retry-after` says how long to wait, in seconds.",
    503: "Busy: try again, with the same Idempotency-Key.",
}
_ALWAYS = (401, 403, 404, 422, 429, 503)
_PATH: Mapping[str, Shape] = {
    "unit": NAME,
    "item_key": text(600, least=1, says="network#id, its # written as %23"),
    "page_id": text(600, least=1, says="as in the list of pages, its # written as %23"),
}


@cache
def document() -> Mapping[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Allhours desk",
            "version": VERSION,
            "description": "What members and other systems do with cases. See docs/api.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": SCHEMAS,
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": route.work.replace(".", "_"),
        "summary": route.says,
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
    }
    if route.body:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.body}}}
    return told


def _parameters(route: Route) -> list[dict[str, Any]]:
    named = re.findall(r"\{(\w+)\}", route.path)
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH.get(name, text(300, least=1))}
        for name in named
    ]
    found += [
        {"name": name, "in": "query", "required": False, "schema": shape}
        for name, shape in route.query.items()
    ]
    if route.method == "GET":
        found.append(_header("If-None-Match", "the `etag` that one has; 304 where it is still that"))
    if route.guarded:
        found.append(_header("If-Match", 'the version of the draft that was read, as in "3"'))
        found.append(_header("If-None-Match", "* where no draft was there"))
    if route.writes and route.method == "POST":
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "made up by the sender; the same request again within a day is done once",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }
        )
    return found


def _header(name: str, says: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": says, "schema": _TEXT}


def _responses(route: Route) -> dict[str, Any]:
    tells = {"application/json": {"schema": _ref(route.tells)}}
    found: dict[str, Any] = {
        str(status): {"description": "Done" if route.writes else "As asked", "content": tells}
        for status in route.status
    }
    if route.method == "GET":
        found["304"] = {"description": "Still what the one who asks has already"}
    statuses = {*_ALWAYS}
    if route.writes:
        statuses |= {409}
    if route.body:
        statuses |= {413, 415}
    if route.guarded:
        statuses |= {412, 428}
    trouble = {"application/json": {"schema": _ref("Trouble")}}
    for status in sorted(statuses):
        found[str(status)] = {"description": TROUBLES[status], "content": trouble}
    return found
