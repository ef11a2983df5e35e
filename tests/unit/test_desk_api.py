"""The desk's API without its table: shapes, addresses, cursors, the document, the page's files."""

from __future__ import annotations

import gzip
import importlib
import json
import re
from base64 import b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from allhours.aws.desk_api import encode, openapi, page_files
from allhours.aws.desk_api.api import answered
from allhours.aws.desk_api.cursors import read, shown
from allhours.aws.desk_api.pace import READS_AT_ONCE, ReadPace
from allhours.aws.desk_api.routes import ROUTES, SHOWS, found
from allhours.aws.desk_api.shapes import checked, checked_query
from allhours.aws.desk_api.trouble import Trouble
from allhours.aws.desk_networks import DeskNetworks
from allhours.domain.access import Action
from allhours.domain.errors import BadInput
from allhours.networks import NETWORKS
from tests.builders import NOON, a_handle, an_item
from tests.desk_calls import event_of
from tests.write_openapi import PATH, text

if TYPE_CHECKING:
    from collections.abc import Callable


def refusal_of(doing: Callable[[], object]) -> Trouble | None:
    """Return what was said against it; None where it was done."""
    try:
        doing()
    except Trouble as trouble:
        return trouble
    return None


# The document


def test_the_document_in_docs_is_the_one_that_the_code_makes() -> None:
    assert PATH.read_text("utf-8") == text(), "write it anew: python -m tests.write_openapi"


def test_the_document_is_openapi() -> None:
    validate(json.loads(text()))


def test_every_address_leads_to_a_work_and_tells_a_known_shape() -> None:
    for route in ROUTES:
        assert callable(route.does()), route.path
        assert route.tells in openapi.SCHEMAS, route.path
    assert len({route.work for route in ROUTES}) == len(ROUTES), "each is an operation of its own"
    assert set(openapi.SCHEMAS) - {"Trouble", "Way", "Row"} >= {route.tells for route in ROUTES}


def test_what_a_write_shows_can_be_shown() -> None:
    for kind, name in SHOWS.items():
        module, _, function = name.partition(".")
        assert callable(getattr(importlib.import_module(f"allhours.aws.desk_api.{module}"), function)), kind


def test_every_write_is_told_apart_from_reading() -> None:
    for route in ROUTES:
        assert route.writes == (route.method != "GET" and not route.path.endswith("/check")), route.path


def test_actions_are_called_as_their_addresses_are() -> None:
    words = {word for each in Action for word in encode.ACTIONS.get(each, (each.value,))}
    assert {
        "draft",
        "take",
        "move",
        "close",
        "reopen",
        "veto",
        "hold",
        "approve",
        "return",
        "verdict",
    } <= words


# Addresses


@pytest.mark.parametrize(
    ("method", "path", "work", "named"),
    [
        ("GET", "/api/cases", "cases.inbox", {}),
        ("GET", "/api/cases/x-abc.2", "cases.one", {"case_id": "x-abc.2"}),
        ("HEAD", "/api/me", "cover.me", {}),
        ("POST", "/api/pages/urgent#x-a#0/ack", "cover.acknowledge", {"page_id": "urgent#x-a#0"}),
        ("POST", "/api/items/feeds#https://a/b/promote", "cases.promote", {"item_key": "feeds#https://a/b"}),
    ],
)
def test_an_address_leads_to_its_work(method: str, path: str, work: str, named: dict[str, str]) -> None:
    route, told, _ = found(method, path)
    assert route
    assert (route.work, told) == (work, named)


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/cases/", "/api/cases/a/b/c", "/api/cases/a/takes"])
def test_another_address_leads_nowhere(path: str) -> None:
    assert found("GET", path) == (None, {}, ())


# Shapes

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
_BODIES = [route.body for route in ROUTES if route.body]


@st.composite
def _nearly(draw: st.DrawFn) -> tuple[Any, Any]:
    """Return a shape and a body that has its fields, right or wrong."""
    shape = draw(st.sampled_from(_BODIES))
    fields = draw(st.lists(st.sampled_from(sorted(shape["properties"])), unique=True))
    right = st.sampled_from(
        ["", "cards", "answered", "spam", "2027-03-15T12:00:00Z", "click-0001", "ab12", "https://a.test/1"]
    )
    body = {name: draw(_VALUES | right | st.booleans() | st.integers(0, 9)) for name in fields}
    return shape, body


@given(_nearly())
def test_what_is_taken_is_what_the_document_allows(both: tuple[Any, Any]) -> None:
    shape, body = both
    ours = refusal_of(lambda: checked(body, shape)) is None
    theirs = OAS31Validator(shape, format_checker=OAS31Validator.FORMAT_CHECKER).is_valid(body)
    assert ours == theirs or (theirs and _only_we_see(body))


def _only_we_see(body: Any) -> bool:
    """Tell whether a body has half a character, or an instant that no calendar has."""
    raw = json.dumps(body)
    return bool(re.search(r"\\ud[89a-f]", raw)) or "T" in raw


@pytest.mark.parametrize("instant", ["2027-02-30T12:00:00Z", "2027-03-15T12:00:00", "2027-03-15", "soon", ""])
def test_an_instant_that_there_is_not_is_refused(instant: str) -> None:
    inbox = next(route for route in ROUTES if route.work == "cases.inbox")
    with pytest.raises(Trouble, match="due_before"):
        checked_query({"due_before": instant}, inbox.query)


@pytest.mark.parametrize(("limit", "read_as"), [("1", 1), ("100", 100)])
def test_a_limit_is_a_number(limit: str, read_as: int) -> None:
    inbox = next(route for route in ROUTES if route.work == "cases.inbox")
    assert checked_query({"limit": limit, "colour": "blue"}, inbox.query) == {"limit": read_as}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", "9" * 30, "٣"])
def test_a_limit_has_limits(limit: str) -> None:
    inbox = next(route for route in ROUTES if route.work == "cases.inbox")
    with pytest.raises(Trouble, match="limit"):
        checked_query({"limit": limit}, inbox.query)


# Cursors and paces


@given(st.text(st.characters(codec="utf-8")))
def test_a_cursor_comes_back_as_it_left(cursor: str) -> None:
    assert read(shown(cursor)) == cursor


@given(st.text())
def test_a_cursor_is_ours_or_refused(told: str) -> None:
    assert refusal_of(lambda: read(told)) or shown(read(told)) == told


@given(st.lists(st.integers(0, 500), max_size=300))
def test_nobody_reads_faster_than_the_bucket_fills(waits: list[int]) -> None:
    pace, at, taken = ReadPace(), NOON, 0
    for wait in waits:
        at += timedelta(milliseconds=wait)
        refusal = refusal_of(lambda now=at: pace.spend("ana", now))  # type: ignore[misc]
        taken += refusal is None
        assert refusal is None or int(refusal.headers["retry-after"]) >= 1
    assert taken <= READS_AT_ONCE + (at - NOON).total_seconds() * 20


# The page


@pytest.fixture
def _page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ISSUER", "https://who.test/realm")
    monkeypatch.setenv("OIDC_CLIENT_ID", "desk")
    monkeypatch.setenv("OIDC_ORIGINS", "https://tokens.test")


def opened(path: str, query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    told = answered(event_of(method, path, query=query, headers=headers))
    raw = b64decode(told["body"]) if told.get("isBase64Encoded") else told["body"].encode()
    packed = told["headers"].get("content-encoding") == "gzip"
    return {**told, "text": (gzip.decompress(raw) if packed else raw).decode()}


@pytest.mark.usefixtures("_page")
def test_the_page_needs_no_token_and_lets_nothing_else_in() -> None:
    page = opened("/desk")
    assert (page["statusCode"], page["headers"]["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page["headers"]["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    assert "connect-src 'self' https://who.test https://tokens.test;" in policy
    assert "base-uri 'none'; frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert policy.endswith("require-trusted-types-for 'script'; trusted-types 'none'")
    assert page["headers"]["cache-control"] == "no-cache"


@pytest.mark.usefixtures("_page")
def test_a_slash_at_the_end_leads_to_the_page() -> None:
    moved = opened("/desk/")
    assert (moved["statusCode"], moved["headers"]["location"]) == (308, "../desk")


@pytest.mark.usefixtures("_page")
def test_the_files_of_the_page_are_kept_for_ever_under_their_version() -> None:
    page = opened("/desk")["text"]
    named = re.findall(r'(?:href|src)="(/?desk/([\w.-]+)\?v=(\w+))"', page)
    assert named
    assert len({version for _, _, version in named}) == 1
    for _, name, version in named:
        script = opened(f"/desk/{name}", f"v={version}")
        assert script["headers"]["cache-control"] == "public, max-age=31536000, immutable", name
        assert opened(f"/desk/{name}")["headers"]["cache-control"] == "no-cache", name
        imported = re.findall(r'from "\./[\w.]+(\?v=\w+)?"', script["text"])
        assert set(imported) <= {f"?v={version}"}, f"{name} loads a file without its version"


@pytest.mark.usefixtures("_page")
def test_a_file_is_sent_packed_to_who_can_unpack_it_and_not_twice() -> None:
    plain, packed = opened("/desk/app.js"), opened("/desk/app.js", accept_encoding="gzip, br")
    assert packed["headers"]["content-encoding"] == "gzip"
    assert len(packed["body"]) < len(plain["body"]) / 2
    assert packed["text"] == plain["text"]
    again = opened("/desk/app.js", if_none_match=plain["headers"]["etag"])
    assert (again["statusCode"], again["body"]) == (304, "")


@pytest.mark.usefixtures("_page")
@pytest.mark.parametrize("name", ["none.js", "..", "../aws/api.py", "__init__.py", "%2e%2e/api.py"])
def test_there_are_no_other_files(name: str) -> None:
    assert opened(f"/desk/{name}")["statusCode"] == 404


@pytest.mark.usefixtures("_page")
def test_the_page_is_only_read() -> None:
    assert opened("/desk", method="POST")["statusCode"] == 405


def test_a_page_without_a_sign_in_says_what_to_set() -> None:
    told = page_files.page_settings("", "", "Acme Bank")
    assert not told["open"]
    assert "OidcIssuer" in str(told["tells"])
    assert page_files.page_settings("https://who.test", "", "Acme")["open"] is False
    assert page_files.page_settings("https://who.test", "desk", "Acme")["open"] is True


def test_the_document_needs_no_token() -> None:
    told = opened("/api/openapi.json")
    assert told["statusCode"] == 200
    assert json.loads(told["text"]) == json.loads(text())


# The networks, as the desk knows them


@pytest.mark.parametrize("network", NETWORKS)
def test_the_desk_asks_no_network_and_reads_no_secret_to_know_its_rules(network: str) -> None:
    replier = DeskNetworks().replier(network)
    if replier is None:
        assert network == "feeds"
        return
    for private in (False, True):
        ruling = replier.permission(
            a_handle(network=network), an_item(network=network), private=private, at=NOON
        )
        assert ruling.reason


def test_the_desk_has_no_credentials() -> None:
    replier = DeskNetworks().replier("mastodon")
    assert replier is not None
    with pytest.raises(BadInput, match="reads no secret"):
        replier._credentials.read("mastodon/acme")  # type: ignore[attr-defined]


def test_a_field_that_no_text_can_be_made_of_is_named_as_well_as_can_be() -> None:
    close = next(route for route in ROUTES if route.work == "cases.close")
    refusal = refusal_of(lambda: checked(json.loads('{"cause": "spam", "\\ud800": 1}'), close.body or {}))
    assert refusal is not None
    assert refusal.details == {"field": "?"}
