"""`python -m services.ingest`: takes events until SIGTERM or Ctrl-C."""

import asyncio
import errno
import gc
import os
import signal
import socket
import sys
from typing import NoReturn

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar.types import ASGIApp

from services.ingest.app import build
from shared.errors import CallfoldError, SettingsError
from shared.logs import configure_logs
from shared.settings import Settings

_log = structlog.get_logger()


def main() -> int:
    """Serve; returns the exit code: 0 after a clean end, 1 where it cannot run."""
    try:
        settings = Settings.from_environment()
        configure_logs(as_json=settings.log_json)
        app = build(settings)
        _check_port(settings.ingest_host, settings.ingest_port)
    except CallfoldError as error:
        sys.stderr.write(f"ingest: {error}\n")
        return 1
    gc.collect()
    gc.freeze()
    serving = _serve(app, settings.ingest_host, settings.ingest_port)
    return asyncio.run(serving)


async def _serve(app: ASGIApp, host: str, port: int) -> NoReturn:
    """Serve in this process and loop, so that a signal ends it without orphans; then exit.

    The exit code is 0 where a signal asked for the end.
    """
    server = Server(app, host, port, interface=Interfaces.ASGI, log_enabled=False)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    _log.info("taking events", url=f"http://{host}:{port}")
    await server.serve()
    _log.info("ended")
    sys.stderr.flush()
    # Everything is closed by now. granian's runtime threads may still wake this loop, and abort the
    # process when they find it gone ("panic in a function that cannot unwind", seen under load).
    os._exit(0 if server.interrupt_signal else 1)


def _check_port(host: str, port: int) -> None:
    """Refuse a port that somebody has: granian would share it and take half of the requests."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} of {host} is taken; set CALLFOLD_INGEST_PORT to another one, "
                "or end what listens there"
            ) from None
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error}; set CALLFOLD_INGEST_HOST and "
            "CALLFOLD_INGEST_PORT"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
