"""The function behind the verified accounts, as API Gateway calls it."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from allhours.aws import accounts, wiring
from allhours.aws.accounts import publish
from allhours.aws.statement_key import StatementKey, thumbprint
from allhours.domain.voice import Withdrawn
from tests.builders import an_organisation
from tests.statements import FakeKms

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT, KEYS = "/.well-known/verified-accounts.json", "/.well-known/allhours-jwks.json"


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKms]:
    """Deploy a bank that has withdrawn a handle."""
    fake = FakeKms()
    bank = an_organisation(withdrawn=(Withdrawn(network="x", handle="@acmehelp", since="2026-03-31"),))
    monkeypatch.setattr(accounts, "organisation", cache(lambda: bank))
    monkeypatch.setattr(wiring, "statement_key", cache(lambda: StatementKey(fake, "alias/test")))
    accounts._published.cache_clear()
    yield fake
    accounts._published.cache_clear()


def asked(path: str, **headers: str) -> dict[str, Any]:
    return publish({"rawPath": path, "headers": headers})


def test_the_document_is_signed_with_the_published_key(kms: FakeKms) -> None:
    document, keys = (json.loads(asked(path)["body"]) for path in (DOCUMENT, KEYS))
    (key,) = jwt.PyJWKSet.from_dict(keys).keys
    signed = document.pop("jws")
    assert jwt.get_unverified_header(signed)["kid"] == key.key_id
    assert json.loads(jwt.PyJWS().decode(signed, key.key, algorithms=["ES256"])) == document
    assert kms.signed == 1


def test_a_key_is_named_by_its_thumbprint() -> None:
    """As RFC 7638 does it: the members that are needed, in their order, without spaces."""
    public = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
    assert thumbprint(public) == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"
    assert thumbprint({**public, "use": "enc", "kid": "1"}) == thumbprint(public)


def test_a_signature_is_made_once_however_often_it_is_asked_for(kms: FakeKms) -> None:
    for path in (DOCUMENT, "/accounts", KEYS, DOCUMENT):
        assert asked(path)["statusCode"] == 200
    assert kms.signed == 1


def test_what_has_not_changed_is_not_sent_again(kms: FakeKms) -> None:
    del kms
    first = asked("/accounts")
    again = asked("/accounts", **{"If-None-Match": first["headers"]["etag"]})
    assert (again["statusCode"], again["body"]) == (304, "")
    assert asked("/accounts", **{"If-None-Match": 'W/"another"'})["statusCode"] == 200
    assert "max-age" in first["headers"]["cache-control"]


def test_the_page_lets_nothing_in_and_programs_elsewhere_may_read_the_document(kms: FakeKms) -> None:
    del kms
    page, document = asked("/accounts"), asked(DOCUMENT)
    assert page["headers"]["content-security-policy"].startswith("default-src 'none'")
    assert "access-control-allow-origin" not in page["headers"]
    assert document["headers"]["access-control-allow-origin"] == "*"
    assert "@acmehelp, withdrawn" in page["body"]


def test_when_kms_has_no_time_somebody_asks_again(kms: FakeKms) -> None:
    kms.busy = 1
    assert asked(DOCUMENT)["statusCode"] == 503
    assert asked(DOCUMENT)["statusCode"] == 200


def test_another_address_is_not_there(kms: FakeKms) -> None:
    del kms
    assert asked("/.well-known/security.txt")["statusCode"] == 404
