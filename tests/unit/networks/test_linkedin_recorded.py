"""LinkedIn's official collections: every call of ours that they list is written as they write it.

They hold calls and no answers, so there is no recorded post to parse.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from allhours.networks._linkedin.api import VERSION
from infra.local.standins.linkedin import LinkedInStandIn
from tests.shared_material import specs
from tests.unit.networks.test_linkedin_answers import CALLBACK, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_POSTS = {
    "linkedin-postman.snapshot.json": "a list of calls without bodies",
    "postman-sources.json": "where that list comes from",
}
LISTED = {
    "organizationAcls": {"GET"},
    "organizations": {"GET"},
    "eventSubscriptions": {"GET", "PUT"},
}
"""Resources of ours that the collections list, and the methods that we use."""

UNLISTED = {
    "organizationalEntityNotifications": "documented at Microsoft Learn; the pull workflow lists another",
    "socialActions": "documented at Microsoft Learn (comments API)",
}


@pytest.fixture
def there() -> Iterator[LinkedInStandIn]:
    with LinkedInStandIn() as stand_in:
        yield stand_in


def operations() -> list[dict[str, Any]]:
    told: dict[str, Any] = json.loads(specs("linkedin", "linkedin-postman.snapshot.json").read_bytes())
    assert told["apiVersion"] == VERSION
    found: list[dict[str, Any]] = told["operations"]
    return found


def test_every_recorded_file_is_classified() -> None:
    assert {path.name for path in specs("linkedin").glob("*.json")} == set(NO_POSTS)


def everything_asked(there: LinkedInStandIn) -> set[tuple[str, str]]:
    """Use everything once, and return the methods and paths that we asked for."""
    desk = Desk(there)
    answer = desk.answer(there.speak("leela", "hello"))
    desk.replier.withdraw(desk.handle, desk.send(answer), at=desk.at)
    desk.find(answer)
    desk.setup.identify(desk.handle, at=desk.at)
    desk.setup.register(desk.handle, callback=CALLBACK, at=desk.at)
    desk.setup.health(desk.handle, callback=CALLBACK, at=datetime.now(UTC))
    return {(asked.method, asked.path.removeprefix("/rest/")) for asked in there.asked}


def pattern_of(url: str) -> str:
    """Return a listed path as a pattern: `{organization_id}` stands for one id."""
    path = url.partition("?")[0].lstrip("/")
    return re.sub(r"\\\{\w+\\\}", r"[\\w-]+", re.escape(path))


def test_what_we_ask_is_listed_or_named(there: LinkedInStandIn) -> None:
    listed = [(each["method"], pattern_of(each["url"])) for each in operations()]
    asked = everything_asked(there)
    used: dict[str, set[str]] = {}
    for method, path in asked:
        resource = path.partition("/")[0]
        if resource in UNLISTED:
            continue
        assert any(verb == method and re.fullmatch(pattern, path) for verb, pattern in listed), (method, path)
        used.setdefault(resource, set()).add(method)
    assert used == LISTED
    assert {path.partition("/")[0] for _method, path in asked} == {*LISTED, *UNLISTED}


def test_what_is_unlisted_is_really_unlisted() -> None:
    resources = {each["url"].lstrip("/").partition("?")[0].partition("/")[0] for each in operations()}
    assert not set(UNLISTED) & resources
    assert set(LISTED) <= resources


def test_the_finder_of_roles_asks_as_the_collections_do(there: LinkedInStandIn) -> None:
    everything_asked(there)
    asked = next(each for each in there.asked if each.path.endswith("organizationAcls"))
    wanted = [
        each["url"] for each in operations() if each["url"].startswith("/organizationAcls?q=roleAssignee")
    ]
    assert "/organizationAcls?q=roleAssignee&state=APPROVED&count=10&start=0" in wanted
    assert {name for name, _value in asked.query} == {"q", "state", "count", "start"}
