"""Puts a projector together: threads that fold, and the HTTP shell with probes and metrics."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from threading import Event, Thread
from typing import Any

import structlog
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from prometheus_client import make_asgi_app

from services.projector.commit_thread import CommitThread
from services.projector.engine import Engine
from services.projector.health import Health, Metrics
from services.projector.lease_keeper import LeaseKeeper
from services.projector.stream_keeper import StreamKeeper
from shared.settings import Settings

_log = structlog.get_logger()


class Projector:
    """The threads of one projector, from start to clean end."""

    def __init__(self, settings: Settings, partitions: int, generation: int) -> None:
        """Build all parts; nothing connects yet."""
        database_url, redis_url = settings.require_database_url(), settings.require_redis_url()
        # Unique for ever: a name taken over by another process would share its leases.
        name = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
        self.health = Health()
        self.metrics = Metrics()
        self._keeper = LeaseKeeper(
            database_url, name, partitions + 1, settings.lease_ms, self.health
        )
        self._committer = CommitThread(
            database_url, redis_url, name, partitions, generation, self.metrics, self.health
        )
        self._engine = Engine(
            settings, self._keeper, self._committer, partitions, generation,
            self.health, self.metrics,
        )  # fmt: skip
        self._streams = StreamKeeper(
            redis_url, database_url, partitions, settings.stream_keep_ms,
            lambda: dict(self._engine.committed),
        )  # fmt: skip
        self._stopping = Event()
        self._thread = Thread(target=self._engine.run, args=(self._stopping,), name="engine")

    def start(self) -> None:
        """Take leases and fold."""
        for part in (self._keeper, self._committer, self._streams, self._thread):
            part.start()

    def stop(self) -> None:
        """Commit what is folded, give the leases back."""
        self._stopping.set()
        self._thread.join(timeout=20)
        self._streams.stop()
        self._committer.stop()
        self._keeper.stop()


def build(settings: Settings, partitions: int, generation: int) -> AsgiFastStream:
    """The projector as an ASGI application; its lifespan runs the threads."""
    projector = Projector(settings, partitions, generation)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        projector.start()
        try:
            yield
        finally:
            projector.stop()

    @get
    async def livez(_scope: dict[str, Any]) -> AsgiResponse:
        return AsgiResponse(b"ok", 200)

    @get
    async def readyz(_scope: dict[str, Any]) -> AsgiResponse:
        complaint = projector.health.complaint()
        return AsgiResponse((complaint or "ok").encode(), 503 if complaint else 200)

    metrics = make_asgi_app(projector.metrics.registry)
    return AsgiFastStream(
        lifespan=lifespan,
        asgi_routes=[("/livez", livez), ("/readyz", readyz), ("/metrics", metrics)],
    )
