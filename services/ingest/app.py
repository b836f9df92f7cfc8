"""Puts ingest together: keys, writer, routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from services.ingest import problems
from services.ingest.event_writer import EventWriter
from services.ingest.events_route import events_routes
from services.ingest.metrics import EventMetrics
from services.ingest.probes import probe_routes
from shared.delivery.connection import redis_client
from shared.settings import Settings
from shared.storage.read_pool import ReadPool
from shared.web_edge.authentication import build_authentication
from shared.web_edge.request_metrics import RequestMetrics, measured

#: While the database is away a key is believed so long: the streams are there to bridge that.
BELIEVED_WHILE_AWAY_S = 600.0
_DATABASE_CONNECTIONS = 2  # keys are looked up once in seconds


def build(settings: Settings) -> ASGIApp:
    """Ingest as an ASGI application; it starts whether or not its servers are there.

    Raises:
        SettingsError: Redis or the database is not set.
    """
    redis_url = settings.require_redis_url()
    pool = ReadPool(settings.require_database_url(), _DATABASE_CONNECTIONS, "ingest")
    authentication = build_authentication(
        settings, settings.ingest_host, pool, while_away_s=BELIEVED_WHILE_AWAY_S
    )
    writer = EventWriter(redis_url)
    probed = redis_client(redis_url)
    metrics = RequestMetrics()
    events = EventMetrics(metrics.registry)

    @asynccontextmanager
    async def connections(_app: Litestar) -> AsyncIterator[None]:
        await pool.open()
        writer.start()
        try:
            async with authentication.following():
                yield
        finally:
            await writer.stop()
            await pool.close()
            probed.close()

    app = Litestar(
        [
            events_routes(authentication, writer, events),
            probe_routes(probed, authentication.keys, metrics.registry),
        ],
        lifespan=[connections],
        exception_handlers={
            HTTPException: problems.misrouted,
            Exception: problems.failed,
        },
        logging_config=None,
        openapi_config=None,
    )
    return measured(app, metrics)
