"""Secrets: read again every few minutes, renewed by one function at a time, never told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from allhours.aws import wiring
from allhours.aws.clients import secretsmanager
from allhours.domain.errors import Refused, Unreachable
from tests.crash.faults import F
from tests.crash.seen import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.usefixtures("world")
SECRET = "x/acmebank"


PEM = "-----BEGIN PRIVATE KEY-----\nMIIByoursbeginshere\nandendsthere==\n-----END PRIVATE KEY-----"


def renewed(fields: Mapping[str, str]) -> Mapping[str, str]:
    return {"access_token": fields["access_token"] + "+"}


def kept(secret: str) -> dict[str, str]:
    """Return what Secrets Manager holds, as any other program would read it."""
    text = secretsmanager().get_secret_value(SecretId=f"allhours/test/{secret}")["SecretString"]
    fields: dict[str, str] = json.loads(text)
    return fields


def test_a_secret_is_read_once_while_it_is_fresh() -> None:
    wiring.credentials.cache_clear()
    F.begin()
    assert wiring.credentials().read(SECRET) == wiring.credentials().read(SECRET)
    assert F.log == ["GetSecretValue"]
    F.end()


def test_a_renewal_asks_the_network_once_and_stores_before_it_returns() -> None:
    stale = wiring.credentials().read(SECRET)
    fresh = wiring.credentials().renew(SECRET, stale, renewed)
    stored = json.loads(secretsmanager().get_secret_value(SecretId=f"allhours/test/{SECRET}")["SecretString"])
    assert fresh == stored == {**stale, "access_token": "access-0+"}
    assert "LOCK#x/acmebank" not in rows()


def test_whoever_comes_later_gets_what_the_first_stored() -> None:
    stale = wiring.credentials().read(SECRET)
    first = wiring.credentials().renew(SECRET, stale, renewed)
    assert wiring.credentials().renew(SECRET, stale, lambda _fields: pytest.fail("asked twice")) == first


def test_a_function_that_finds_the_lock_taken_waits_for_the_next_poll() -> None:
    def inside(fields: Mapping[str, str]) -> Mapping[str, str]:
        with pytest.raises(Unreachable, match="another function is renewing"):
            wiring.credentials().renew(SECRET, stale, renewed)
        return renewed(fields)

    stale = wiring.credentials().read(SECRET)
    wiring.credentials().renew(SECRET, stale, inside)


def test_a_renewal_that_fails_gives_the_lock_back() -> None:
    def refused(_fields: Mapping[str, str]) -> Mapping[str, str]:
        raise Refused("x", "no new token")

    stale = wiring.credentials().read(SECRET)
    with pytest.raises(Refused):
        wiring.credentials().renew(SECRET, stale, refused)
    assert wiring.credentials().renew(SECRET, stale, renewed)


@pytest.mark.parametrize("stored", ["hush hush", '["hush hush"]'])
def test_a_secret_that_is_no_object_is_refused_by_its_name_and_not_its_value(stored: str) -> None:
    secretsmanager().put_secret_value(SecretId="allhours/test/mastodon/acmecards", SecretString=stored)
    wiring.credentials.cache_clear()
    with pytest.raises(Refused, match="allhours/test/mastodon/acmecards") as told:
        wiring.credentials().read("mastodon/acmecards")
    assert "hush" not in str(told.value)


def test_a_missing_secret_says_what_to_create() -> None:
    with pytest.raises(Refused, match="create it"):
        wiring.credentials().read("x/nobody")


# Stored by `allhours connect`


def test_a_secret_that_there_is_not_is_made() -> None:
    assert wiring.credentials().store("telegram/acmebank", {"bot_token": "1:A"}) == {}
    assert kept("telegram/acmebank") == wiring.credentials().read("telegram/acmebank") == {"bot_token": "1:A"}


def test_what_is_stored_replaces_what_was_there_and_returns_it() -> None:
    before = kept(SECRET)
    assert wiring.credentials().store(SECRET, {"access_token": "new"}) == before
    assert kept(SECRET) == wiring.credentials().read(SECRET) == {"access_token": "new"}
    assert "LOCK#x/acmebank" not in rows()


def test_a_secret_that_cannot_be_read_is_stored_over() -> None:
    secretsmanager().put_secret_value(SecretId=f"allhours/test/{SECRET}", SecretString="hush hush")
    assert wiring.credentials().store(SECRET, {"access_token": "new"}) == {}
    assert kept(SECRET) == {"access_token": "new"}


def test_nothing_is_stored_while_a_function_renews_the_same_secret() -> None:
    def inside(fields: Mapping[str, str]) -> Mapping[str, str]:
        with pytest.raises(Unreachable, match="another function is renewing"):
            wiring.credentials().store(SECRET, {"access_token": "lost"})
        return renewed(fields)

    stale = wiring.credentials().read(SECRET)
    wiring.credentials().renew(SECRET, stale, inside)
    assert kept(SECRET)["access_token"] == "access-0+"


def test_a_secret_that_aws_will_not_take_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutSecretValue")

    monkeypatch.setattr(secretsmanager(), "put_secret_value", denied)
    with pytest.raises(Refused, match=r"allhours/test/x/acmebank cannot be stored \(AccessDenied") as told:
        wiring.credentials().store(SECRET, {"access_token": "hush hush"})
    assert "hush" not in str(told.value)
    assert "LOCK#x/acmebank" not in rows()


def test_a_key_in_pem_keeps_its_lines() -> None:
    wiring.credentials().store("appstore/acmebank", {"key_id": "K1", "private_key": PEM})
    wiring.credentials.cache_clear()
    assert wiring.credentials().read("appstore/acmebank") == {"key_id": "K1", "private_key": PEM}


def test_a_renewal_keeps_the_pem_beside_it() -> None:
    stale = {"access_token": "a", "private_key": PEM}
    wiring.credentials().store("googleplay/acmebank", stale)
    wiring.credentials().renew("googleplay/acmebank", stale, renewed)
    wiring.credentials.cache_clear()
    assert wiring.credentials().read("googleplay/acmebank") == {"access_token": "a+", "private_key": PEM}


@pytest.mark.parametrize(
    "token", ["hush\nhush", "hush hush\n", "hush\r\nX-Other: hush", "hush\u2028", "hüsh"]
)
def test_a_token_that_would_break_a_header_is_refused_before_it_is_stored(token: str) -> None:
    before = kept(SECRET)
    with pytest.raises(Refused, match="access_token is not one line of plain characters") as told:
        wiring.credentials().store(SECRET, {"access_token": token})
    with pytest.raises(Refused):
        wiring.credentials().renew(SECRET, before, lambda _fields: {"access_token": token})
    assert token[:4] not in str(told.value)
    assert kept(SECRET) == before
