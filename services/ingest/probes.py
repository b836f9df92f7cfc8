"""What an orchestrator asks: alive, ready, metrics. No key is needed."""

import asyncio

import redis
from litestar import Router, get
from litestar.response.base import ASGIResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from shared.errors import StorageError
from shared.web_edge.key_ring import KeyRing

_TEXT = "text/plain"
_NOT_READY = 503


def probe_routes(client: redis.Redis, keys: KeyRing, registry: CollectorRegistry) -> Router:
    """`/livez`, `/readyz` and `/metrics`.

    Ready means that Redis answers now, and that keys could be looked up once: a database that goes
    away later stops nobody who published lately.
    """

    @get("/livez")
    async def livez() -> ASGIResponse:
        return ASGIResponse(body=b"ok", media_type=_TEXT)

    @get("/readyz")
    async def readyz() -> ASGIResponse:
        try:
            await keys.check()
            await asyncio.to_thread(client.ping)
        except StorageError as error:
            return _not_ready(f"database: {error}")
        except redis.RedisError as error:
            return _not_ready(f"redis: {error}")
        return ASGIResponse(body=b"ok", media_type=_TEXT)

    @get("/metrics")
    async def metrics() -> ASGIResponse:
        return ASGIResponse(
            body=generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST}
        )

    return Router("/", route_handlers=[livez, readyz, metrics])


def _not_ready(why: str) -> ASGIResponse:
    return ASGIResponse(
        body=why, status_code=_NOT_READY, headers={"retry-after": "1"}, media_type=_TEXT
    )
