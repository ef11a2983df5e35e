"""One request through: route, who asks, how fast, once, the work, and how its answer or its error looks.

The log says which address was asked, by whom, and how it ended: no words, no query, no token.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from allhours.aws import settings
from allhours.aws.desk_api.asked import Asked, asked_of
from allhours.aws.desk_api.page_files import INDEX, MOVED, page_file, page_settings
from allhours.aws.desk_api.told import Told, in_json, tagged
from allhours.aws.desk_api.trouble import Trouble, not_there
from allhours.domain.errors import (
    Answered,
    BadInput,
    Busy,
    Changed,
    Conflict,
    NotAllowed,
    NotThere,
    StaleRota,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.aws.desk_api.call import Call
    from allhours.aws.desk_api.once import Done
    from allhours.aws.desk_api.ports import Ports
    from allhours.aws.desk_api.routes import Route

logger = Logger()

KEY = re.compile(r"[!-~]{1,200}")
_VERSION = re.compile(r'(?:W/)?"(\d{1,15})"')


def answered(event: Mapping[str, Any], ports: Ports | None = None) -> dict[str, Any]:
    """Answer one request of the HTTP API; 503 while a store of ours is busy."""
    at, asked = datetime.now(UTC), asked_of(event)
    seen = {"route": "", "member": ""}
    try:
        told = _told(asked, ports, at, seen)
    except Trouble as trouble:
        told = in_json(trouble.status, trouble.body(), trouble.headers)
    except Busy as busy:
        logger.warning("the desk is busy", route=seen["route"], reason=str(busy))
        told = in_json(503, Trouble(503, "busy", "the desk is busy: try again").body(), {"retry-after": "2"})
    logger.info("desk", method=asked.method, route=seen["route"], member=seen["member"], status=told.status)
    return (replace(told, body="") if asked.method == "HEAD" else told).to_event()


def _told(asked: Asked, ports: Ports | None, at: datetime, seen: dict[str, str]) -> Told:
    if asked.path == "/desk" or asked.path.startswith("/desk/"):
        return _page(asked, seen)
    if asked.path == "/api/openapi.json":
        return _document(asked, seen)
    from allhours.aws.desk_api.ports import wired  # noqa: PLC0415 - the page's files need no AWS
    from allhours.aws.desk_api.routes import found  # noqa: PLC0415

    if not asked.claims:
        raise Trouble(401, "not_signed_in", "sign in first", headers={"www-authenticate": "Bearer"})
    route, named, others = found(asked.method, asked.path)
    if route is None and others:
        told = ", ".join(others)
        raise Trouble(405, "method", f"at this address there is {told}", headers={"allow": told})
    if route is None:
        raise not_there()
    seen["route"] = f"{route.method} {route.path}"
    with _as_trouble():
        call = _call(route, named, asked, ports or wired(), at)
        seen["member"] = call.who.member
        pace = call.ports.writes if route.writes else call.ports.reads
        pace.spend(call.who.member, at)
        call = _with_body(call, route, asked)
        return _worked(call, route, asked)


# What needs no token


def _page(asked: Asked, seen: dict[str, str]) -> Told:
    seen["route"] = "GET /desk"
    if asked.method not in {"GET", "HEAD"}:
        raise Trouble(405, "method", "at this address there is GET", headers={"allow": "GET"})
    if asked.path == "/desk/":
        return MOVED
    name = asked.path.removeprefix("/desk").strip("/") or INDEX
    issuer = settings.oidc_issuer()
    if name == "config.json":
        from allhours.aws.organisation import organisation  # noqa: PLC0415 - only this file needs it

        told = page_settings(issuer, settings.oidc_client_id(), organisation().name)
        return tagged(in_json(200, told), asked.headers.get("if-none-match", ""))
    return page_file(
        name,
        version=asked.query.get("v", ""),
        origins=(issuer, *settings.oidc_origins()),
        accepts=asked.headers.get("accept-encoding", ""),
        if_none_match=asked.headers.get("if-none-match", ""),
    )


def _document(asked: Asked, seen: dict[str, str]) -> Told:
    from allhours.aws.desk_api.openapi import document  # noqa: PLC0415 - only who asks for it pays

    seen["route"] = "GET /api/openapi.json"
    if asked.method not in {"GET", "HEAD"}:
        raise Trouble(405, "method", "at this address there is GET", headers={"allow": "GET"})
    return tagged(in_json(200, document()), asked.headers.get("if-none-match", ""))


# What does


def _call(route: Route, named: Mapping[str, str], asked: Asked, ports: Ports, at: datetime) -> Call:
    from allhours.aws.desk_api.call import Call  # noqa: PLC0415
    from allhours.aws.desk_api.shapes import checked_query  # noqa: PLC0415
    from allhours.domain.access import who_is  # noqa: PLC0415

    desk = ports.desk(at)
    who = who_is(desk.organisation, asked.claims, at)
    query = checked_query(asked.query, route.query)
    return Call(who=who, at=at, ports=ports, path=named, query=query, body={})


def _with_body(call: Call, route: Route, asked: Asked) -> Call:
    from allhours.aws.desk_api.shapes import checked  # noqa: PLC0415

    body = checked(asked.json(), route.body) if route.body else {}
    guard = _guard(asked) if route.guarded else None
    return replace(call, body=body, if_match=guard)


def _guard(asked: Asked) -> int | None:
    """Return the version in If-Match; None for If-None-Match: *, which says that nothing is to be there."""
    told = asked.headers.get("if-match", "").strip()
    if match := _VERSION.fullmatch(told):
        return int(match[1])
    if told:
        raise Trouble(412, "if_match", 'If-Match: write the draft\'s version, as in "3"')
    if asked.headers.get("if-none-match", "").strip() == "*":
        return None
    raise Trouble(
        428, "if_match", 'say which draft was read: If-Match: "version", or If-None-Match: * for none'
    )


def _worked(call: Call, route: Route, asked: Asked) -> Told:
    from allhours.aws.desk_api.once import Done  # noqa: PLC0415

    if route.writes and route.method == "POST":
        return _done(call, route, asked)
    answer = route.does()(call)
    if isinstance(answer, Told):
        return answer
    if isinstance(answer, Done):
        return _shown(call, answer)
    told = in_json(route.status[0], answer)
    return tagged(told, asked.headers.get("if-none-match", "")) if route.method == "GET" else told


def _done(call: Call, route: Route, asked: Asked) -> Told:
    """Write once where the request has a key; the same key again is answered with what came of it."""
    from allhours.aws.desk_api.once import Done, digest_of  # noqa: PLC0415

    key = asked.headers.get("idempotency-key", "")
    if key and not KEY.fullmatch(key):
        raise Trouble(
            422, "invalid", "Idempotency-Key: 1 to 200 plain characters", {"field": "Idempotency-Key"}
        )
    once, member = call.ports.once, call.who.member
    known = once.begin(member, key, digest_of(asked), call.at) if key else None
    if known:
        return _shown(call, known, {"idempotent-replayed": "true"})
    try:
        done = route.does()(call)
    except BaseException:
        if key:
            once.forget(member, key)
        raise
    if not isinstance(done, Done):
        raise TypeError(route.path)  # a write says what to show
    if key:
        once.finish(member, key, done)
    return _shown(call, done)


def _shown(call: Call, done: Done, headers: Mapping[str, str] | None = None) -> Told:
    from allhours.aws.desk_api.routes import shown_by  # noqa: PLC0415

    return in_json(done.status, shown_by(done.shows)(call, done.subject), headers)


class _as_trouble:  # noqa: N801 - reads as a verb at its only use
    """Turn what the flows raise into answers; what is only for now stays `Busy`."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Changed):
            raise Trouble(409, "changed", str(error), {"changes": list(error.changes)}) from error
        if isinstance(error, Answered):
            raise Trouble(409, "answered", str(error)) from error
        if isinstance(error, Conflict):
            raise Trouble(409, "conflict", str(error)) from error
        if isinstance(error, NotThere):
            raise not_there() from error
        if isinstance(error, NotAllowed):
            raise Trouble(403, "not_allowed", str(error)) from error
        if isinstance(error, StaleRota):
            raise Busy(str(error)) from error
        if isinstance(error, BadInput):
            raise Trouble(422, "refused", str(error)) from error
