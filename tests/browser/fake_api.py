"""The desk's API and page on loopback with invented cases, and an OIDC issuer on a port of its own.

`PYTHONPATH=shared python -m tests.browser.fake_api` serves them for looking at, until Ctrl-C.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from allhours.aws.desk_api.page_files import MOVED, page_file, page_settings
from allhours.aws.desk_api.told import SAFE
from allhours.aws.desk_api.trouble import Trouble
from tests.browser.fake_desk import Call, Desk, Refusal

if TYPE_CHECKING:
    from types import TracebackType

    from tests.browser.fake_desk import Body

JSON = {"Content-Type": "application/json"}
ANYBODY = {"Access-Control-Allow-Origin": "*"}
PLACES = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "end_session_endpoint": "logout",
}


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer is one packet
    fake: FakeApi

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def body(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def give(self, status: int, body: str | bytes = "", **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class _Api(_Quiet):
    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/api/"):
            self.api()
        elif path == "/desk/config.json":
            issuer = self.fake.issuer if self.fake.desk.configured else ""
            self.give(200, json.dumps(page_settings(issuer, "desk", "Acme Bank")), **JSON)
        else:
            self.file(path)

    def file(self, path: str) -> None:
        if path == "/desk/":
            self.give(MOVED.status, **MOVED.headers)
            return
        name, known = path.removeprefix("/desk").strip("/"), self.headers.get("If-None-Match", "")
        origins, version = [self.fake.issuer], self.query.get("v", "")
        try:
            told = page_file(
                name or "index.html", version=version, origins=origins, accepts="gzip", if_none_match=known
            )
        except Trouble as trouble:
            self.give(trouble.status)
        else:
            self.fake.desk.asked.append(("GET", path, told.status))
            self.give(told.status, told.body, **{**SAFE, **told.headers})

    def do_POST(self) -> None:
        self.api()

    do_PUT = do_DELETE = do_POST  # noqa: N815 - the base class asks for these names

    def api(self) -> None:
        desk, path = self.fake.desk, urlsplit(self.path).path[5:]
        body = json.loads(self.body() or "{}")
        with desk.lock:
            status, told, again = self.judge(path, body)
            lost = desk.loses(f"{self.command} {path}")
            text = json.dumps(told)
            etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
            unchanged = self.command == "GET" and self.headers.get("If-None-Match") == etag
            desk.asked.append((self.command, path, 304 if unchanged else status))
        if lost:  # it was done, and nobody was told
            self.close_connection = True
        elif unchanged:
            self.give(304, ETag=etag)
        else:
            self.give(status, text, ETag=etag, **JSON, **({"Retry-After": str(again)} if again else {}))

    def judge(self, path: str, body: Body) -> tuple[int, Body, int]:
        desk = self.fake.desk
        call = Call(
            desk=desk,
            member=desk.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "), ""),
            method=self.command,
            path=path,
            query=dict(self.query),
            body=body,
            match=self.headers.get("If-Match") or self.headers.get("If-None-Match") or "",
        )
        try:
            return 200, desk.judge(call, self.headers.get("Idempotency-Key", "")), 0
        except Refusal as no:
            return (
                no.status,
                {"error": {"code": no.code, "message": no.message, "details": no.details}},
                no.again,
            )


class _Issuer(_Quiet):
    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, self.query
        if path == "/.well-known/openid-configuration":
            places = {name: f"{self.fake.issuer}/{place}" for name, place in PLACES.items()}
            self.give(200, json.dumps(places), **JSON, **ANYBODY)
        elif path == "/authorize":
            code = f"code{len(self.fake.codes)}"
            self.fake.codes[code] = query["code_challenge"], query["nonce"], self.fake.desk.signing_in
            back = urlencode({"code": code, "state": query["state"]})
            self.give(302, Location=f"{query['redirect_uri']}?{back}")
        else:
            self.give(302, Location=query["post_logout_redirect_uri"])

    def do_POST(self) -> None:
        form, desk = dict(parse_qsl(self.body())), self.fake.desk
        if form["grant_type"] == "refresh_token":
            nonce, member, good = "", form["refresh_token"].removeprefix("refresh-"), desk.refreshable
        else:
            challenge, nonce, member = self.fake.codes.pop(form["code"])
            good = _base64(hashlib.sha256(form["code_verifier"].encode()).digest()) == challenge
        if not good:
            self.give(400, "{}", **ANYBODY)
            return
        claims = _base64(json.dumps({"sub": member, "nonce": nonce, "number": len(desk.tokens)}).encode())
        token = f"h.{claims}.s"
        desk.tokens[token] = member
        told = {"access_token": "opaque", "id_token": token, "refresh_token": f"refresh-{member}"}
        self.give(200, json.dumps({**told, "expires_in": 3600}), **JSON, **ANYBODY)


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class FakeApi:
    """Both servers on loopback; `again` puts the desk back to its start."""

    def __init__(self) -> None:
        """Open two free ports."""
        self.desk = Desk()
        self.codes: dict[str, tuple[str, str, str]] = {}
        handlers = [type(base.__name__, (base,), {"fake": self}) for base in (_Api, _Issuer)]
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in handlers]
        self.address, self.issuer = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def again(self) -> Desk:
        """Start over with a new desk."""
        self.desk = Desk()
        return self.desk

    def __enter__(self) -> Self:
        """Serve."""
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


if __name__ == "__main__":
    with FakeApi() as fake:
        print(f"{fake.address}/desk")  # noqa: T201 - a program of the terminal
        threading.Event().wait()
