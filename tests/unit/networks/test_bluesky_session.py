"""How a session finds its server and what each of Bluesky's refusals means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Expired, Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.networks._bluesky.session import Session
from allhours.networks.http import Http, Reply
from tests.unit.standins.bluesky_wire import SECRET, FakeCredentials

if TYPE_CHECKING:
    from collections.abc import Mapping

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
METHOD = "app.bsky.feed.getPosts"
LOGIN = {"identifier": "bank.example.com", "app_password": "abcd-efgh-ijkl-mnop"}
OPEN = {
    **LOGIN,
    "accessJwt": "old",
    "refreshJwt": "older",
    "did": "did:plc:bank",
    "pds": "https://pds.example.net",
}
GOOD = Reply(status=200, headers={}, body=b'{"posts": []}', url="")


class ScriptedHttp(Http):
    """Give the scripted replies in turn; `urls` keeps where they were asked."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.replies = list(replies)
        self.urls: list[str] = []

    def call(
        self,
        network: str,
        method: str,
        url: str,
        *,
        handle: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        json_body: object = None,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Reply:
        del network, method, handle, headers, params, json_body, form, auth
        self.urls.append(url)
        return self.replies.pop(0)


def told(status: int, body: object, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=named, body=raw, url="")


def error(status: int, name: str, message: str = "", **headers: str) -> Reply:
    return told(status, {"error": name, "message": message}, **headers)


def begun(endpoint: object = "https://pds.example.net") -> Reply:
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}
    document = {"id": "did:plc:bank", "service": [7, {"id": "#other"}, service]}
    return told(200, {"accessJwt": "new", "refreshJwt": "newer", "did": "did:plc:bank", "didDoc": document})


def session(http: Http, fields: Mapping[str, str], base_url: str = "https://bsky.social") -> Session:
    handle = Handle(
        network="bluesky", account="a", unit="u", handle="@bank.example.com", base_url=base_url, secret=SECRET
    )
    return Session(FakeCredentials(fields), http, handle, AT)


def trouble(*replies: Reply, fields: Mapping[str, str] = OPEN) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        session(ScriptedHttp(*replies), fields).get(METHOD, [])
    return caught.value


def test_calls_go_to_the_server_that_the_did_document_names() -> None:
    http = ScriptedHttp(begun(), GOOD)
    session(http, LOGIN).get(METHOD, [])
    assert [url.partition("/xrpc")[0] for url in http.urls] == [
        "https://bsky.social",
        "https://pds.example.net",
    ]


@pytest.mark.parametrize("endpoint", ["http://10.0.0.1", "", None, 7])
def test_a_document_that_names_no_https_server_leaves_the_configured_one(endpoint: object) -> None:
    http = ScriptedHttp(begun(endpoint), GOOD)
    session(http, LOGIN).get(METHOD, [])
    assert all(url.startswith("https://bsky.social/") for url in http.urls)


def test_a_base_url_on_loopback_is_meant() -> None:
    http = ScriptedHttp(begun(), GOOD)
    session(http, LOGIN, "http://127.0.0.1:4000").get(METHOD, [])
    assert all(url.startswith("http://127.0.0.1:4000/") for url in http.urls)


def test_a_limit_rests_until_its_reset_in_epoch_seconds() -> None:
    end = AT + timedelta(minutes=3)
    limited = trouble(
        error(429, "RateLimitExceeded", ratelimit_reset=str(int(end.timestamp())), retry_after="7")
    )
    assert isinstance(limited, RateLimited)
    assert limited.retry_at == end


@pytest.mark.parametrize(
    ("headers", "rest"),
    [
        ({"retry_after": "90"}, timedelta(seconds=90)),
        ({"ratelimit_reset": "soon"}, timedelta(minutes=5)),
        ({"ratelimit_reset": "1"}, timedelta(minutes=5)),
        ({"ratelimit_reset": "99999999999"}, timedelta(days=1)),
        ({"retry_after": "9" * 5_000}, timedelta(minutes=5)),
    ],
)
def test_an_odd_limit_rests_for_a_sane_time(headers: dict[str, str], rest: timedelta) -> None:
    limited = trouble(error(429, "RateLimitExceeded", **headers))
    assert isinstance(limited, RateLimited)
    assert limited.retry_at == AT + rest


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ([told(502, b"<html>")], Unreachable),
        ([told(403, b"<html>")], Refused),
        ([told(200, b"<html>")], Malformed),
        ([told(200, [])], Malformed),
        ([told(200, b"[" * 100_000)], Malformed),
        ([error(401, "AccountTakedown")], Refused),
        ([error(400, "InvalidRequest", "words of a customer")], Refused),
        ([error(400, "InvalidToken", "Bad token method")], Refused),
        ([error(400, "ExpiredToken"), error(429, "RateLimitExceeded")], RateLimited),
        ([error(400, "ExpiredToken"), told(503, b"")], Unreachable),
        (
            [error(400, "ExpiredToken"), error(400, "ExpiredToken"), error(401, "AuthenticationRequired")],
            Refused,
        ),
        ([error(400, "ExpiredToken"), told(200, {"accessJwt": "new"})], Malformed),
        ([error(400, "ExpiredToken"), begun(), error(400, "ExpiredToken")], Refused),
    ],
)
def test_each_refusal_has_its_place_in_the_tree(replies: list[Reply], kind: type[NetworkError]) -> None:
    found = trouble(*replies)
    assert isinstance(found, kind)
    assert not isinstance(found, Expired)
    assert not any(secret in str(found) for secret in ("abcd-efgh", "old", "words of a customer"))


def test_trouble_with_the_session_is_told_to_every_stream_and_asked_for_once() -> None:
    http = ScriptedHttp(error(401, "AuthenticationRequired"))
    ours = session(http, LOGIN)
    for _ in range(3):
        with pytest.raises(Refused):
            ours.get(METHOD, [])
    assert len(http.urls) == 1
