"""Puts a projector together: threads that fold, and the HTTP shell with probes and metrics."""

import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from logging import DEBUG
from secrets import token_hex
from threading import Event, Thread
from typing import Any

import structlog
from anyio import to_thread
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.redis import RedisBroker
from prometheus_client import make_asgi_app

from services.projector.commit_thread import CommitThread
from services.projector.engine import Engine
from services.projector.health import Health, Metrics
from services.projector.lease_keeper import LeaseKeeper
from services.projector.stream_keeper import StreamKeeper
from shared.contracts.stream_names import CONTROL_CHANNEL
from shared.settings import Settings

_log = structlog.get_logger()


class Projector:
    """The threads of one projector, from start to clean end."""

    def __init__(self, settings: Settings, partitions: int, generation: int) -> None:
        """Build all parts; nothing connects yet."""
        # Unique for ever: a name taken over by another process would share its leases.
        name = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
        self.health = Health()
        self.metrics = Metrics()
        self._keeper = LeaseKeeper(
            settings.require_database_url(),
            name,
            partitions + 1,
            settings.lease_ms,
            self.health,
        )
        self._committer = CommitThread(
            settings, name, partitions, generation, self.metrics, self.health
        )
        self._engine = Engine(
            settings, self._keeper, self._committer, partitions, generation,
            self.health, self.metrics,
        )  # fmt: skip
        self._streams = StreamKeeper(
            settings,
            name,
            partitions,
            self.metrics,
            self.health,
            reading=self._engine.reading,
            held=self._keeper.held,
        )
        self._stopping = Event()
        self._thread = Thread(
            target=self._engine.run, args=(self._stopping, _end_process), name="engine"
        )

    def start(self) -> None:
        """Take leases and fold."""
        for part in (self._keeper, self._committer, self._streams, self._thread):
            part.start()

    def wake(self) -> None:
        """Share the lanes anew: a projector came or went."""
        self._keeper.wake()

    def stop(self) -> None:
        """Commit what is folded, give the leases back."""
        self._stopping.set()
        self._thread.join(timeout=20)
        self._streams.stop()
        self._committer.stop()
        self._keeper.stop()


def _end_process() -> None:
    """Ask the own process to end, the way an operator would."""
    os.kill(os.getpid(), signal.SIGTERM)


def build(settings: Settings, projector: Projector) -> AsgiFastStream:
    """The projector as an ASGI application; its lifespan runs the threads."""
    broker = RedisBroker(settings.require_redis_url(), apply_types=False, log_level=DEBUG)

    @broker.subscriber(CONTROL_CHANNEL)
    async def share_lanes(_message: bytes) -> None:
        projector.wake()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        projector.start()
        try:
            yield
        finally:
            await to_thread.run_sync(projector.stop)

    async def tell_others() -> None:
        await broker.publish(b"", CONTROL_CHANNEL)

    @get
    async def livez(_scope: dict[str, Any]) -> AsgiResponse:
        return AsgiResponse(b"ok", 200)

    @get
    async def readyz(_scope: dict[str, Any]) -> AsgiResponse:
        complaint = projector.health.complaint()
        return AsgiResponse((complaint or "ok").encode(), 503 if complaint else 200)

    metrics = make_asgi_app(projector.metrics.registry)
    app = AsgiFastStream(
        broker,
        lifespan=lifespan,
        asgi_routes=[("/livez", livez), ("/readyz", readyz), ("/metrics", metrics)],
    )
    app.after_startup(tell_others)
    return app
