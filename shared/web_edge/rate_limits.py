"""How much one key or token may ask in a minute, counted over all processes through Redis.

Requests are counted in memory, and what was counted is told to Redis some times a second: a request
waits for nothing. The price is that each further process may let a tenth of a second's requests
through that are one too many. While Redis is away, or without one, each process counts alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from math import ceil
from typing import Any, Final, cast
from zlib import crc32

import structlog
from limits.aio.storage import RedisStorage
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shared.clock import utc_now
from shared.web_edge.background import in_background
from shared.web_edge.limits_storage import AWAY, limits_storage
from shared.web_edge.refusals import TooManyRequests

#: The headers of draft-ietf-httpapi-ratelimit-headers, for whoever exposes headers.
RATE_LIMIT_HEADERS: Final = ("RateLimit-Policy", "RateLimit")
_WINDOW_S: Final = 60
#: How often Redis is told.
_TOLD_S: Final = 0.1
#: A Redis that did not answer is told again after this time.
_TELL_AGAIN_S: Final = 2.0
_STATE: Final = "callfold.rate_limit"

_log = structlog.get_logger()


class _Counted:
    """What one subject asked in one window."""

    __slots__ = ("ends_s", "told", "untold", "window")

    def __init__(self, window: int, ends_s: float) -> None:
        self.window = window
        self.ends_s = ends_s
        #: All processes' requests when Redis last said.
        self.told = 0
        #: Ours since then.
        self.untold = 0


class RateLimits:
    """Counts requests by subject, in windows of a minute that begin at another second for each."""

    def __init__(
        self, per_minute: int, redis_url: str | None, now: Callable[[], datetime] = utc_now
    ) -> None:
        """Each subject may ask so often a minute; 0 counts nothing."""
        self._per_minute = per_minute
        self._redis_url = redis_url
        self._now = now
        self._counted: dict[str, _Counted] = {}
        #: Those with something untold.
        self._changed: dict[str, _Counted] = {}
        self._forgotten_s = 0.0
        self._policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (per_minute, _WINDOW_S))
        self._is_away = False

    @asynccontextmanager
    async def sharing(self) -> AsyncIterator[None]:
        """Share the counts with other processes in the background."""
        if self._redis_url is None or not self._per_minute:
            yield
            return
        async with in_background(self._share(self._redis_url)):
            yield

    def count(self, scope: Scope, subject: str) -> None:
        """Count a request, whose answer will say what is left.

        Raises:
            TooManyRequests: nothing is; this one is not counted.
        """
        if not self._per_minute:
            return
        now_s = self._now().timestamp()
        counted = self._counted.get(subject)
        if counted is None or now_s >= counted.ends_s:
            counted = self._begin(subject, now_s)
        left = self._per_minute - counted.told - counted.untold
        if left > 0:
            counted.untold += 1
            self._changed[subject] = counted
        again_s = ceil(counted.ends_s - now_s)
        limit = b'"default";r=%d;t=%d' % (max(0, left - 1), again_s)
        cast("dict[str, Any]", scope)[_STATE] = (self._policy, (b"ratelimit", limit))
        if left <= 0:
            raise TooManyRequests(
                f"more than {self._per_minute} requests a minute; go on in {again_s} s", again_s
            )

    def _begin(self, subject: str, now_s: float) -> _Counted:
        """Begin a window; once in a while forget those that are over."""
        if now_s - self._forgotten_s >= _WINDOW_S:
            self._forgotten_s = now_s
            self._counted = {
                name: counted for name, counted in self._counted.items() if now_s < counted.ends_s
            }
        counted = self._counted[subject] = _window(subject, now_s)
        return counted

    async def _share(self, redis_url: str) -> None:
        async with limits_storage(redis_url) as storage:
            while True:
                await asyncio.sleep(_TELL_AGAIN_S if self._is_away else _TOLD_S)
                await self._tell(storage)

    async def _tell(self, storage: RedisStorage) -> None:
        """Add what is untold."""
        for subject, counted in list(self._changed.items()):
            if not await self._tell_one(storage, subject, counted):
                return
            if not counted.untold and self._changed[subject] is counted:
                del self._changed[subject]

    async def _tell_one(self, storage: RedisStorage, subject: str, counted: _Counted) -> bool:
        untold = counted.untold
        try:
            # Clocks of processes differ a little: the count outlives its window.
            name = f"{subject}/{counted.window}"
            total = await storage.incr(name, 2 * _WINDOW_S, untold)
        except AWAY as error:
            if not self._is_away:
                _log.warning("rate limits are counted by each process alone", reason=str(error))
            self._is_away = True
            return False
        if self._is_away:
            _log.info("rate limits are counted over all processes again")
        self._is_away = False
        counted.untold -= untold
        counted.told = total
        return True


def with_rate_limits(app: ASGIApp) -> ASGIApp:
    """The application, whose answers to counted requests say what is left."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return

        async def saying(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = cast("dict[str, Any]", scope).get(_STATE, ())
                message["headers"] = [*message["headers"], *said]
            await send(message)

        await app(scope, receive, saying)

    return serve


def _window(subject: str, now_s: float) -> _Counted:
    """The window of a subject that an instant lies in."""
    phase_s = crc32(subject.encode()) % _WINDOW_S
    window = int(now_s + phase_s) // _WINDOW_S
    return _Counted(window, float((window + 1) * _WINDOW_S - phase_s))
