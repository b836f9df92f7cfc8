"""Serves an ASGI application on granian until SIGTERM or Ctrl-C, in this very process."""

import asyncio
import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final, NoReturn

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar.types import ASGIApp

from shared.errors import SettingsError
from shared.limits import HTTP_CONNECTIONS_MAX

_log = structlog.get_logger()

_BACKLOG: Final = 1024
_farewells: list[Callable[[], None]] = []


def before_end(farewell: Callable[[], None]) -> None:
    """Call this when a signal asks for the end: answers that would never be over must be ended.

    The server waits for all others.
    """
    _farewells.append(farewell)


def serve(app: ASGIApp, process: str, host: str, port: int) -> NoReturn:
    """Serve as `process`, whose name its settings begin with, then exit.

    The exit code is 0 where a signal asked for the end, else 1.

    Raises:
        SettingsError: nothing can listen there.
    """
    _check_port(f"CALLFOLD_{process.upper().replace('-', '_')}", host, port)
    gc.collect()
    gc.freeze()
    asyncio.run(_serve(app, process, host, port))


async def _serve(app: ASGIApp, process: str, host: str, port: int) -> NoReturn:
    """In one loop with the application, so that a signal ends it without orphans."""
    server = Server(
        app,
        host,
        port,
        interface=Interfaces.ASGI,
        backlog=_BACKLOG,
        backpressure=HTTP_CONNECTIONS_MAX,
        log_enabled=False,
    )

    def end() -> None:
        for farewell in _farewells:
            farewell()
        server.stop()  # type: ignore[no-untyped-call]  # granian's

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    _log.info(f"{process} listens", url=f"http://{host}:{port}")
    await server.serve()
    _log.info(f"{process} ended")
    sys.stderr.flush()
    # Everything is closed by now. granian's runtime threads may still wake this loop, and abort the
    # process when they find it gone ("panic in a function that cannot unwind", seen under load).
    os._exit(0 if server.interrupt_signal else 1)


def _check_port(settings: str, host: str, port: int) -> None:
    """Refuse a port that somebody has: granian would share it and take half of the requests."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} of {host} is taken; set {settings}_PORT to another one, "
                "or end what listens there"
            ) from None
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error}; set {settings}_HOST and {settings}_PORT"
        ) from None
