"""Secrets: read again every few minutes, renewed by one function at a time, never told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from allhours.aws import wiring
from allhours.aws.clients import secretsmanager
from allhours.domain.errors import Refused, Unreachable
from tests.crash.faults import F
from tests.crash.seen import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.usefixtures("world")
SECRET = "x/acmebank"


def renewed(fields: Mapping[str, str]) -> Mapping[str, str]:
    return {"access_token": fields["access_token"] + "+"}


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
