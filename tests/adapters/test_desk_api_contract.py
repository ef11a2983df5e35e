"""Whatever schemathesis makes up from docs/openapi.json, the API answers as that document says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.wrappers import Request, Response

from allhours.aws.desk_api import pace, ports
from allhours.aws.desk_api.api import answered
from tests.builders import NOON, an_item
from tests.crash.harness import a_world
from tests.desk_calls import event_of
from tests.desk_fakes import a_bank
from tests.write_openapi import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

EXAMPLES = 12  # for each address, in each of two ways: as documented, and against it
PETRA = {"sub": "x", "email": "petra@bank.test", "email_verified": "true"}  # may do everything


@Request.application
def app(request: Request) -> Response:
    """Answer as API Gateway and the handler do together."""
    event = event_of(
        request.method,
        request.environ["REQUEST_URI"].partition("?")[0],
        query=request.query_string.decode(),
        headers=dict(request.headers),
        claims=PETRA if request.headers.get("Authorization") else None,
    )
    if raw := request.get_data():
        event["body"] = raw.decode(errors="replace")
    told = answered(event)
    return Response(told["body"], status=told["statusCode"], headers=told["headers"])


schema = schemathesis.openapi.from_dict(json.loads(PATH.read_text("utf-8")))
schema.app = app
schema.config.checks.negative_data_rejection.expected_statuses += ["412", "413"]
schema.config.generation.update(modes=list(GenerationMode), max_examples=EXAMPLES)


@pytest.fixture(scope="module", autouse=True)
def _world() -> Iterator[None]:
    """Let Leela ask cards; nobody is too fast here."""
    patch = pytest.MonkeyPatch()
    with a_world(bank=a_bank()) as made, patch.context():
        for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_ORIGINS"):
            patch.setenv(name, "")
        patch.setattr(pace.DynamoPace, "spend", lambda *_: None)
        patch.setattr(pace.ReadPace, "spend", lambda *_: None)
        made.clock.move_to(NOON)
        made.queue_items(an_item(text="where is my card?"))
        made.route()
        ports.wired.cache_clear()
        yield
        ports.wired.cache_clear()


@schema.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=EXAMPLES)
def test_the_api_answers_as_its_document_says(case: Case[Any]) -> None:
    case.call_and_validate(
        checks=[
            content_type_conformance,
            negative_data_rejection,
            response_headers_conformance,
            response_schema_conformance,
            status_code_conformance,
        ]
    )
