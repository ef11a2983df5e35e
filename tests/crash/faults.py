"""Faults at every call that leaves a function: one numbered series for AWS and HTTP (docs/reliability.md).

The hooks stand in botocore's built-in handlers, so that every client has them, and wrap moto's stub: all
`before-send` handlers run even if one has answered, so a fault beside the stub would not stop the effect.
"""

from __future__ import annotations

import base64
import io
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

import moto.core.models as moto_models
import requests
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS
from urllib3 import HTTPResponse

from infra.local.standins.base import Asked, StandIn, Told
from tests.crash import quick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

AWS_FAULTS = ("crash_before", "crash_after", "throttled_once", "throttled", "lost")
BATCHES = {"SendMessageBatch": "Entries", "PublishBatch": "PublishBatchRequestEntries"}
OWN_FAULTS = ("rate_limited", "malformed", "duplicate", "late", "expired_token", "refused_token")
HTTP_FAULTS = (
    *("crash_before", "crash_after", "connect_timeout", "read_timeout", "bad_gateway"),
    *OWN_FAULTS,
    *("reordered", "empty_with_next"),
)
POST_FAULTS = ("never_arrived", "arrives_late", "broken", "twice")
UNAUTHORIZED = 401
SPARED = "SPARED"  # calls that a stand-in answers whatever is planned for it: tokens, subscriptions
PAGED_BY_TOKEN = ("/mentions", "/tweets/search/recent")  # X's lists, which may be empty and go on


class Crash(BaseException):
    """The function is gone."""


@dataclass
class Faults:
    """What is planned: `fault` at call `k` of the invocation; `log` tells which calls there were.

    `meanwhile` runs at the fault of that name; `quick` calls go without the wire (quick.py). `late` requests
    were given up and take effect when the world says so.
    """

    on: bool = False
    k: int = 0
    plan: dict[int, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    throttled: bool = False
    attempts: int = 0
    meanwhile: Callable[[], object] | None = None
    quick: bool = False
    gone: bool = False
    late: list[Callable[[], object]] = field(default_factory=list)

    def begin(self, plan: Mapping[int, str] | None = None) -> None:
        """Begin an invocation with this plan."""
        self.on, self.k, self.plan, self.log, self.throttled = True, 0, dict(plan or {}), [], False
        self.gone = False

    def crash(self) -> NoReturn:
        """End the function: what it would do on its way out does not happen."""
        self.gone = True
        raise Crash

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let another function run, whose calls are not counted here."""
        kept, self.on = dict(vars(self)), False
        try:
            yield
        finally:
            vars(self).update(kept)

    def end(self) -> None:
        """Stop counting: what follows is the harness looking."""
        self.on = False

    def aside(self) -> None:
        """Let somebody else's function run to its end, between two calls of this one."""
        with self.paused():
            if self.meanwhile:
                self.meanwhile()

    def next(self, name: str) -> str:
        """Count one call and return its fault, if one is planned."""
        if not self.on:
            return ""
        if self.gone:
            raise Crash
        self.k += 1
        self.attempts = 0
        self.log.append(name)
        fault = self.plan.get(self.k, "")
        self.throttled = self.throttled or fault == "throttled"
        return fault

    def fault_of_attempt(self) -> str:
        """Return what happens to this attempt on the wire; only a throttled service stays so."""
        if not self.on:
            return ""
        self.attempts += 1
        if self.throttled:
            return "throttled"
        return self.plan.get(self.k, "") if self.attempts == 1 else ""


F = Faults()


def faults_of(name: str) -> tuple[str, ...]:
    """Return the faults that apply to a call."""
    if name.startswith("HTTP"):
        return HTTP_FAULTS if name.endswith(PAGED_BY_TOKEN) else HTTP_FAULTS[:-1]
    if name.startswith(SPARED):
        return HTTP_FAULTS[:5]
    extra = ("partial",) if name in BATCHES else ()
    return (*AWS_FAULTS, *extra, *(("conflict",) if name == "TransactWriteItems" else ()))


def _params(
    params: dict[str, Any], model: Any, context: dict[str, Any], **_: object
) -> dict[str, Any] | None:
    """See each logical call once; take the last entry out of a batch that is to fail in part."""
    fault = context["fault"] = F.next(model.name)
    context["asked"] = params
    if fault == "crash_before":
        F.crash()
    if fault == "meanwhile":
        F.aside()
    if fault != "partial" or model.name not in BATCHES:
        return None
    *kept, left_out = params[BATCHES[model.name]]
    context["left_out"] = {"Id": left_out["Id"], "SenderFault": False, "Code": "InternalError"}
    context["nothing_left"] = not kept
    return {**params, BATCHES[model.name]: kept or [left_out]}


def _before_call(model: Any, context: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]] | None:
    if context.get("nothing_left"):
        return _OK, {"Successful": []}
    if not F.quick or F.throttled or context["fault"] not in _UNDISTURBED:
        return None
    answer = quick.answer(model.name, context["asked"])
    return (_OK, answer) if answer is not None else None


_OK = SimpleNamespace(status_code=200)
_UNDISTURBED = ("", "crash_after", "meanwhile")  # faults of which the wire knows nothing


def _after_call(parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    if context.get("left_out"):
        parsed["Failed"] = [context["left_out"]]
    if context.get("fault") == "crash_after":
        F.crash()


def _wire(event_name: str, request: Any, **_: object) -> AWSResponse | None:
    """Answer each attempt: with moto's stub, or with what the plan says."""
    operation = event_name.rpartition(".")[2]
    fault = F.fault_of_attempt()
    if fault in ("throttled", "throttled_once"):
        return _error(request, "ThrottlingException")
    if fault == "conflict" and operation == "TransactWriteItems":
        return _conflict(request)
    answer = moto_models.botocore_stubber(event_name, request=request)
    if fault == "lost":
        raise ReadTimeoutError(endpoint_url=f"{operation} took effect and was not answered")
    return answer


class _Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> Any:
        yield self.getvalue()


def _answered(request: Any, body: bytes) -> AWSResponse:
    return AWSResponse(request.url, 400, HTTPHeaders(), _Raw(body))


def _error(request: Any, code: str) -> AWSResponse:
    if urlsplit(request.url).netloc.startswith("sns."):
        text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>"
        return _answered(request, text.encode())
    return _answered(request, json.dumps({"__type": code, "message": "planned"}).encode())


def _conflict(request: Any) -> AWSResponse:
    """Cancel a transaction as DynamoDB does while another one has the first row."""
    others = len(json.loads(request.body)["TransactItems"]) - 1
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons",
        "CancellationReasons": [{"Code": "TransactionConflict"}, *[{"Code": "None"}] * others],
    }
    return _answered(request, json.dumps(body).encode())


class FakeNetwork(requests.adapters.BaseAdapter):
    """The stand-ins' logic without sockets, by host."""

    def __init__(self, stand_ins: Mapping[str, StandIn]) -> None:
        """Take the stand-in of each host."""
        super().__init__()
        self.stand_ins = stand_ins

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Answer one request, or fail as planned."""
        url = urlsplit(str(request.url))
        body = request.body or b""
        asked = Asked(
            method=str(request.method),
            path=url.path,
            query=tuple(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): str(value) for name, value in request.headers.items()},
            body=body.encode() if isinstance(body, str) else bytes(body),
        )
        stand_in = self.stand_ins[url.netloc]
        kind = "HTTP" if stand_in.may_fail(asked) else SPARED
        fault = F.next(f"{kind} {request.method} {url.path}")
        if fault == "crash_before":
            F.crash()
        if fault == "connect_timeout":
            raise requests.ConnectTimeout
        if fault == "arrives_late":
            F.late.append(lambda: stand_in.answer(asked))
        if fault in ("never_arrived", "arrives_late"):
            raise requests.ReadTimeout
        if fault == "twice":  # somebody between us has sent it again: the second answer is what we see
            stand_in.answer(asked)
        told = stand_in.failed(fault, asked) if fault in OWN_FAULTS else stand_in.answer(asked)
        if told.status != UNAUTHORIZED:
            stand_in.asked.append(asked)  # a caller whom a network does not know is charged nothing
        told = _altered(told, fault)
        if fault == "crash_after":
            F.crash()
        if fault == "read_timeout":
            raise requests.ReadTimeout
        response = requests.Response()
        response.status_code = told.status
        response.headers.update({"Content-Type": told.content_type, **told.headers})
        response.raw = HTTPResponse(
            io.BytesIO(told.raw()), headers=response.headers, status=told.status, preload_content=False
        )
        response.url = str(request.url)
        return response

    def close(self) -> None:
        """Nothing to close."""


def _altered(told: Told, fault: str) -> Told:
    """Return the answer as a network gives it on a bad day."""
    if fault == "bad_gateway":
        return Told(status=502, body=b"<html>Bad Gateway</html>", content_type="text/html")
    if fault == "broken":
        return Told(status=told.status, body=told.raw()[:-1] + b"<", headers=told.headers)
    listed = _listed(told.body)
    if fault == "reordered" and listed is not None:
        listed.reverse()
    if fault == "empty_with_next" and isinstance(told.body, dict) and listed is not None:
        following = told.body.get("meta", {}).get("next_token", _TO_THE_TOP)
        return Told(body={"meta": {"result_count": 0, "next_token": following}}, headers=told.headers)
    return told


def _listed(body: object) -> list[Any] | None:
    """Return the list in an answer: the answer itself, or the first that stands in it."""
    values = body.values() if isinstance(body, dict) else (body,)
    return next((one for one in values if isinstance(one, list)), None)


_TO_THE_TOP = base64.b32hexencode(b"9" * 19).decode().lower().rstrip("=")


_HOOKS = (
    ("before-send", _wire),
    ("provide-client-params", _params),
    ("before-call", _before_call),
    ("after-call", _after_call),
)


def install() -> None:
    """Put the hooks into every client that is made from now on, in place of moto's stub."""
    stub = ("before-send", moto_models.botocore_stubber)
    kept = [one for one in BUILTIN_HANDLERS if one[:2] != stub and one not in _HOOKS]
    BUILTIN_HANDLERS[:] = [*kept, *_HOOKS]
