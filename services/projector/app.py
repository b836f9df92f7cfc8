"""Puts a projector together: shifts that fold, and the HTTP shell with probes and metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from logging import DEBUG
from threading import Event, Thread
from typing import Any

import psycopg
import structlog
from anyio import to_thread
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.redis import RedisBroker
from prometheus_client import make_asgi_app

from services.projector.control_channel import ControlChannel
from services.projector.generation_follower import GenerationFollower
from services.projector.health import Health, Metrics
from services.projector.shift import Shift
from shared.errors import GenerationError
from shared.folds.states import FOLD_VERSION
from shared.redis_url import parse_redis_url
from shared.settings import Settings
from shared.storage.connection import ANSWER_SHORT_S, connect
from shared.storage.generations import Generation, all_generations, live_of

_log = structlog.get_logger()
#: How often who stands by looks which generation is live.
_LOOK_S = 1.0


class Projector:
    """Folds into the live generation while it is of its fold version, and follows the others.

    At a switch to another generation of this fold version it begins a new shift. While the live
    generation is of another, projectors of that release fold it; this one stands by and says so.
    """

    def __init__(self, settings: Settings, partitions: int) -> None:
        """Nothing connects yet."""
        self.health = Health()
        self.metrics = Metrics()
        self._settings = settings
        self._partitions = partitions
        self._shift: Shift | None = None
        self._follower = GenerationFollower(
            settings.require_database_url(), partitions, self._held, self.metrics
        )
        self._stopping = Event()
        #: Something is to be looked at: an end, a switch, a message of others.
        self._look = Event()
        self._thread = Thread(target=self._run, name="shifts")

    def start(self) -> None:
        """Fold, or stand by."""
        self._thread.start()
        self._follower.start()

    def wake(self) -> None:
        """Look at once: a projector came or went, or another generation is live."""
        self._look.set()
        if self._shift is not None:
            self._shift.wake()

    def stop(self) -> None:
        """Commit what is folded, give the leases back."""
        self._stopping.set()
        self._look.set()
        self._thread.join(timeout=60)
        self._follower.stop()

    def _held(self) -> dict[int, int]:
        return {} if self._shift is None else self._shift.held()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._look.clear()
            live = self._live()
            if live is None or live.fold_version != FOLD_VERSION:
                self._look.wait(_LOOK_S)
            else:
                self._fold(live.number)

    def _live(self) -> Generation | None:
        try:
            url = self._settings.require_database_url()
            with connect(url, "generation", ANSWER_SHORT_S) as connection:
                live = live_of(all_generations(connection))
        except (psycopg.Error, GenerationError) as error:
            self.health.standing_by = str(error).strip().split("\n")[0]
            return None
        said = None
        if live.fold_version != FOLD_VERSION:
            said = (
                f"generation {live.number}, which is live, has fold version {live.fold_version},"
                f" this release {FOLD_VERSION}: run `callfold rebuild` of this release"
            )
        if said not in {None, self.health.standing_by}:
            _log.warning("standing by", reason=said)
        self.health.standing_by = said
        return live

    def _fold(self, generation: int) -> None:
        """Fold into a generation until the end, or until it is live no more."""
        switched = Event()

        def switch() -> None:
            switched.set()
            self._look.set()

        shift = Shift(
            self._settings, self._partitions, generation, self.health, self.metrics, switch
        )
        _log.info("folding", generation=generation)
        shift.start()
        self._shift = shift
        while not (self._stopping.is_set() or switched.is_set()):
            self._look.wait()
            self._look.clear()
        self._shift = None
        shift.stop()
        self.health.begin_again()


def build(settings: Settings, projector: Projector) -> AsgiFastStream:
    """The projector as an ASGI application; its lifespan runs the threads."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        projector.start()
        try:
            yield
        finally:
            await to_thread.run_sync(projector.stop)

    @get
    async def livez(_scope: dict[str, Any]) -> AsgiResponse:
        return AsgiResponse(b"ok", 200)

    @get
    async def readyz(_scope: dict[str, Any]) -> AsgiResponse:
        complaint = projector.health.complaint()
        return AsgiResponse((complaint or "ok").encode(), 503 if complaint else 200)

    metrics = make_asgi_app(projector.metrics.registry)
    parsed = parse_redis_url(settings.require_redis_url())
    # It has no subscribers, so it never connects: see `control_channel.py`.
    broker = RedisBroker(parsed.single, apply_types=False, log_level=DEBUG)
    app = AsgiFastStream(
        broker,
        lifespan=lifespan,
        asgi_routes=[("/livez", livez), ("/readyz", readyz), ("/metrics", metrics)],
    )
    channel = ControlChannel(settings.require_redis_url(), projector.wake)
    app.on_startup(channel.start)
    app.after_startup(channel.tell_others)
    app.after_shutdown(channel.stop)
    return app
