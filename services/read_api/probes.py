"""What an orchestrator asks: alive, ready, metrics. No key is needed."""

from litestar import Router, get
from litestar.response.base import ASGIResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from shared.errors import StorageError
from shared.storage.live_queries import LiveQueries

_TEXT = "text/plain"
_NOT_READY = 503


def probe_routes(live: LiveQueries, registry: CollectorRegistry) -> Router:
    """`/livez`, `/readyz` and `/metrics`; ready means that reports can be read now."""

    @get("/livez")
    async def livez() -> ASGIResponse:
        return ASGIResponse(body=b"ok", media_type=_TEXT)

    @get("/readyz")
    async def readyz() -> ASGIResponse:
        try:
            await live.live_generation()
        except StorageError as error:
            return ASGIResponse(
                body=str(error),
                status_code=_NOT_READY,
                headers={"retry-after": "1"},
                media_type=_TEXT,
            )
        return ASGIResponse(body=b"ok", media_type=_TEXT)

    @get("/metrics")
    async def metrics() -> ASGIResponse:
        return ASGIResponse(
            body=generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST}
        )

    return Router("/", route_handlers=[livez, readyz, metrics])
