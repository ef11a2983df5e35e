"""One address for the desk's page and its API: forwards everything to the emulator's path form.

The emulator's own host names need DNS; and under one origin neither CORS nor cookies of others come into it.
"""

from __future__ import annotations

import http.client
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

PATIENCE = 40.0  # seconds; longer than any function of the API may take
ALONG_THE_WAY = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"}


@dataclass(slots=True, kw_only=True)
class Front:
    """A server on loopback before one HTTP API; `target` is where its paths begin, without a last slash."""

    target: str
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        """Return where it listens, without a trailing slash; the desk is below /desk."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start serving, in a thread."""
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                with suppress(ConnectionError):  # a browser that went away
                    front.serve(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet: a link's token is its path."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="front", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Forward one request and its answer as they are; 502 when nobody answers behind."""
        there = urlsplit(self.target)
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {n: v for n, v in handler.headers.items() if n.lower() not in ALONG_THE_WAY}
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=PATIENCE)
        try:
            connection.request(handler.command, there.path + handler.path, body=body or None, headers=headers)
            answer = connection.getresponse()
            status, told, raw = answer.status, answer.getheaders(), answer.read()
        except (OSError, http.client.HTTPException):
            status, told, raw = 502, [("Content-Type", "text/plain")], b"the local cloud does not answer"
        finally:
            connection.close()
        handler.send_response_only(status)
        for name, value in told:
            if name.lower() not in ALONG_THE_WAY:
                handler.send_header(name, value)
        if status not in {204, 304}:
            handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        if handler.command != "HEAD" and status not in {204, 304}:
            handler.wfile.write(raw)
