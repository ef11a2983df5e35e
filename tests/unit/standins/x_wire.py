"""What the tests of X share: secrets, a meter, one brand that reads and answers, X's own specification."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from openapi_schema_validator import OAS30Validator

from allhours.domain.errors import OverBudget, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item
from allhours.networks import x
from allhours.networks.contract import Answer, Cursor, Fetched, Posted
from allhours.networks.http import Http, Reply
from infra.local.standins.base import Asked
from tests.shared_material import specs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.local.standins.x import XStandIn


class FakeCredentials:
    """Secrets in a dictionary; how often each was renewed in a list."""

    def __init__(self, **secrets: Mapping[str, str]) -> None:
        self.secrets = secrets
        self.renewed: list[str] = []

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.secrets:
            raise Refused("x", f"secret {secret} is missing")
        return self.secrets[secret]

    def renew(
        self,
        secret: str,
        stale: Mapping[str, str],
        ask: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> Mapping[str, str]:
        self.renewed.append(secret)
        self.secrets[secret] = ask(stale)
        return self.secrets[secret]


class FakeMeter:
    """What was spent, in a list; a ceiling when a test sets one."""

    def __init__(self) -> None:
        self.spent: list[float] = []
        self.ceiling = 1_000.0

    def room(self, handle: Handle, cost: float) -> None:
        if sum(self.spent) + cost > self.ceiling:
            raise OverBudget("x", "enough", handle=handle.handle, retry_at=datetime.now(UTC))

    def spend(self, handle: Handle, cost: float) -> None:
        assert handle.network == "x"
        self.spent.append(cost)


class Direct(Http):
    """The stand-in without a wire, for thousands of calls."""

    def __init__(self, stand_in: XStandIn) -> None:
        super().__init__()
        self.stand_in = stand_in

    def call(self, network: str, method: str, url: str, **how: Any) -> Reply:
        assert network == "x"
        asked = Asked(
            method=method,
            path=urlsplit(url).path,
            query=tuple(how.get("params", {}).items()),
            headers={name.lower(): value for name, value in how["headers"].items()},
            body=json.dumps(how["json_body"]).encode() if "json_body" in how else b"",
        )
        told = self.stand_in.answer(asked)
        return Reply(status=told.status, headers=told.headers, body=told.raw(), url=url)


class Desk:
    """One brand on the stand-in, polled by our client as `ingest` would: queue, then save."""

    def __init__(
        self, stand_in: XStandIn, *, http: Http | None = None, listen: tuple[str, ...] = (), **settings_: str
    ) -> None:
        self.stand_in = stand_in
        self.credentials = FakeCredentials(bank=stand_in.secret, app=stand_in.app_secret)
        self.meter = FakeMeter()
        http = http or Http()
        self.network = x.connect(self.credentials, http, app_secret="app", meter=self.meter)
        self.answers: Any = x.answering(self.credentials, http, app_secret="app", meter=self.meter)
        self.setup = x.setting_up(self.credentials, http, app_secret="app")
        told = stand_in.handle_settings
        self.handle = Handle(
            network="x",
            account="acme-cards",
            unit="cards",
            handle=told["handle"],
            base_url=told["base_url"],
            native_id=told["native_id"],
            listen=listen,
            secret="bank",
            settings=settings_,
        )
        self.cursor: Cursor = {}
        self.heard: list[Heard] = []
        self.troubles: list[Exception] = []

    def steps(self, at: datetime | None = None) -> Iterator[Fetched]:
        return self.network.fetch(self.handle, self.cursor, at=at or datetime.now(UTC))

    def poll(self, at: datetime | None = None) -> list[Item]:
        """Poll once and return what is new."""
        new: list[Heard] = []
        for step in self.steps(at):
            new += step.heard
            self.cursor = (
                json.loads(json.dumps(step.cursor)) if step.cursor is not self.cursor else self.cursor
            )
            if step.trouble:
                self.troubles.append(step.trouble)
        self.heard += new
        return [each for each in new if isinstance(each, Item)]

    @property
    def items(self) -> list[Item]:
        return [each for each in self.heard if isinstance(each, Item)]

    def hears(self, native_id: str) -> Item:
        """Return the item that a post or message becomes."""
        self.poll()
        return next(item for item in self.items if item.native_id == native_id)

    def prepared(self, item: Item, text: str, *, private: bool = False, at: datetime | None = None) -> Answer:
        at = at or datetime.now(UTC)
        answer = Answer(reply_id="reply-1", item=item, text=text, approved_at=at, private=private)
        prepared: Answer = self.answers.prepare(self.handle, answer, at=at)
        return prepared

    def send(self, answer: Answer, at: datetime | None = None) -> Posted:
        posted: Posted = self.answers.send(self.handle, answer, at=at or datetime.now(UTC))
        return posted

    def find(self, answer: Answer) -> Posted | None:
        found: Posted | None = self.answers.find(self.handle, answer, at=datetime.now(UTC))
        return found


class Specification:
    """One generation of X's OpenAPI file."""

    def __init__(self, name: str) -> None:
        self.document = json.loads(specs("x", name).read_text(encoding="utf-8"))

    def wrong_in(self, schema: Mapping[str, Any], value: object) -> list[str]:
        validator = OAS30Validator({**schema, "components": self.document["components"]})
        return [f"{error.json_path}: {error.message}"[:300] for error in validator.iter_errors(value)]

    def operation(self, asked: Asked) -> tuple[str, dict[str, Any]]:
        for path, operations in self.document["paths"].items():
            if (
                re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), asked.path)
                and asked.method.lower() in operations
            ):
                return path, operations[asked.method.lower()]
        pytest.fail(f"X has no {asked.method} {asked.path}")

    def wrong_in_query(self, asked: Asked) -> list[str]:
        parameters = {}
        for each in self.operation(asked)[1].get("parameters", []):
            parameter = each
            if "$ref" in each:
                parameter = self.document["components"]["parameters"][each["$ref"].rpartition("/")[2]]
            parameters[parameter["name"]] = parameter["schema"]
        wrong = [f"unknown parameter {name}" for name, _ in asked.query if name not in parameters]
        for name, text in asked.query:
            schema = self._resolved(parameters.get(name, {}))
            value: object = text
            if schema.get("type") == "array":
                value = text.split(",")
            elif schema.get("type") == "integer":
                value = int(text)
            wrong += [f"{name}: {each}" for each in self.wrong_in(schema, value)]
        return wrong

    def wrong_in_answer(self, asked: Asked, body: object, status: int = 200) -> list[str]:
        answer = self.operation(asked)[1]["responses"][str(status)]["content"]["application/json"]["schema"]
        return self.wrong_in(answer, body)

    def wrong_in_body(self, asked: Asked) -> list[str]:
        described = self.operation(asked)[1].get("requestBody")
        if described is None:
            return ["a body that X does not know"] if asked.body else []
        return self.wrong_in(described["content"]["application/json"]["schema"], json.loads(asked.body))

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return self._resolved(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        return schema
