"""The end of an owner's consent: one request to a loopback address, with the code in it (RFC 8252 §7.3)."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from allhours.domain.errors import BadInput

PORT = 8716  # always the same: X, Reddit and LinkedIn want the address word for word in the app's settings
WITHIN = 600.0  # seconds for a person to sign in and consent
_DONE = b"<!doctype html><title>Allhours</title><p>Thank you. Close this page and go back to the terminal."


class Loopback:
    """A server on loopback that waits for the one redirect."""

    def __init__(self, port: int = PORT) -> None:
        """Choose the port; nothing listens yet."""
        self.address = f"http://127.0.0.1:{port}/"
        self._port = port
        self._came = threading.Event()
        self._path = ""

    def __enter__(self) -> Self:
        """Listen, on loopback only; `BadInput` when the port is taken."""
        loopback = self

        class Redirect(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = "state" in parse_qs(urlsplit(self.path).query, keep_blank_values=True)
                self.send_response(HTTPStatus.OK if answers else HTTPStatus.NOT_FOUND)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(_DONE if answers else b"")
                if answers:  # browsers ask for an icon as well
                    loopback._take(self.path)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet: the path holds a code."""

        try:  # threads, for browsers open connections ahead on which they ask nothing
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Redirect)
        except OSError:
            message = f"port {self._port} is taken on this machine: choose another with --port"
            raise BadInput(message) from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _take(self, path: str) -> None:
        """Take what the browser asked for; only the first counts."""
        if not self._came.is_set():
            self._path = path
            self._came.set()

    def wait(self, within: float = WITHIN) -> str:
        """Return the address to which the browser was led; `BadInput` when nobody consented in time."""
        if not self._came.wait(within):
            raise BadInput(f"nobody consented within {within / 60:.0f} minutes: run the command again")
        return self.address.rstrip("/") + self._path


def redirect_in(page: str) -> str:
    """Return where a page of consent leads back to; a portal's own page may not lead to us."""
    return parse_qs(urlsplit(page).query).get("redirect_uri", [""])[0]


def code_in(address: str, state: str) -> str:
    """Return the code in the address to which the network led; `BadInput` when it is not an answer to us."""
    query = parse_qs(urlsplit(address).query)
    if query.get("state") != [state]:
        raise BadInput(
            "this answer belongs to another question (its state is not ours): run the command again"
        )
    for name in ("code", "auth_code"):
        if code := query.get(name, [""])[0]:
            return code.removesuffix("#_")
    why = query.get("error_description", query.get("error", ["without a reason"]))[0]
    raise BadInput(f"the owner did not consent: {why[:200]}")
