"""Answers the probes while the first start waits for its servers.

The application itself cannot: its broker starts with Redis. So a small server of its own answers
on the port that was taken already, and hands it over.
"""

import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import ClassVar, Self

_POLL_S = 0.05
#: A client that connects and says nothing must not keep a thread for ever.
_REQUEST_S = 5.0


class WaitingProbes:
    """Alive, not ready, and why; a context manager around the wait."""

    def __init__(self, listening: socket.socket) -> None:
        """`listening` stays open: whoever comes next serves it."""
        #: What is waited for, as readiness says it.
        self.waiting_for = "starting: servers are not asked yet"
        probes = self

        class Handler(BaseHTTPRequestHandler):
            timeout: ClassVar[float | None] = _REQUEST_S

            def do_GET(self) -> None:
                alive = self.path.partition("?")[0] == "/livez"
                status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
                body = b"ok" if alive else probes.waiting_for.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name
                """Probes are no news."""

        address = listening.getsockname()[:2]
        self._server = ThreadingHTTPServer(address, Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening
        self._thread = Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
