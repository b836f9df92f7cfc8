"""Server-sent events of one report: what it says now, then what it says whenever that changes.

However many watch, a change costs one query: each is woken by the change feed, and all of them
find the report in the cache or wait for the same reading. What the clock moves costs none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog
from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

from services.read_api.reading.answers import Headers, Written, standing_headers
from services.read_api.reading.fresh_reports import FreshReports
from services.read_api.reading.report_cache import Reading, ReportKey
from shared.clock import monotonic_s
from shared.contracts.instants import datetime_us
from shared.errors import StorageError
from shared.web_edge.refusals import Busy, NotFound, Refusal

_log = structlog.get_logger()

EVENT_STREAM_MEDIA_TYPE: Final = "text/event-stream"
#: At most two reports a second.
_PAUSE_S: Final = 0.5
#: How often a report is written anew that only the clock moves.
_CLOCK_S: Final = 1.0
#: A silent connection says this often that it is alive, and looks whether its key still is.
_SILENCE_S: Final = 15.0
#: How long a client that lost the connection waits before it comes again, in milliseconds.
_COME_AGAIN: Final = b"retry: 2000\n\n"
_ALIVE: Final = b": alive\n\n"
_HEADERS: Final[Headers] = [
    (b"content-type", EVENT_STREAM_MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class ReportStreams:
    """The streams of one process."""

    def __init__(
        self, reports: FreshReports, now: Callable[[], datetime], streams_max: int
    ) -> None:
        """So many streams may be open at a time."""
        self._reports = reports
        self._now = now
        self._streams_max = streams_max
        self._open = 0

    @property
    def is_ending(self) -> bool:
        """Whether this process ends, and every stream with it."""
        return self._reports.is_ending

    async def stream(
        self, key: ReportKey, reading: Reading, not_found: str, check: Callable[[], Awaitable[None]]
    ) -> "ReportStream":
        """A stream of the report, whose first reading has succeeded.

        Args:
            check: raises a Refusal once the client may watch no more.

        Raises:
            NotFound: there is no such report.
            Busy: as many streams are open as may be.
            StorageError: the database is away or not laid out.
        """
        if self._open >= self._streams_max:
            raise Busy(f"{self._streams_max} streams are open; come again later")
        if (await self._reports.find(key, reading))[0] is None:
            raise NotFound(not_found)
        return ReportStream(self, key, reading, check)

    async def written(self, key: ReportKey, reading: Reading, *, sure: bool) -> Written | None:
        """What the report says now; None while it cannot be told.

        While changes are not heard each look is a query, so only who must be told something looks.
        """
        if not sure and self._reports.standing() is None:
            return None
        try:
            found, _as_of_ms = await self._reports.find(key, reading)
        except StorageError as error:
            _log.warning("no report for a stream", reason=str(error))
            return None
        return None if found is None else found.at(datetime_us(self._now()))

    async def follow(self, stream: "ReportStream", scope: Scope, send: Send) -> None:
        """Send until the client may watch no more, or this process ends."""
        self._open += 1
        try:
            with self._reports.watching(stream.key) as changes:
                await stream.send_all(scope, send, changes, self._headers(stream.key))
        finally:
            self._open -= 1

    def _headers(self, key: ReportKey) -> Headers:
        standing = self._reports.standing()
        as_of_ms = None if standing is None else standing.as_of_ms
        return [
            *_HEADERS,
            *standing_headers(as_of_ms, self._reports.incidents(key.organization_id)),
        ]


class ReportStream:
    """The answer to one watcher (ASGI)."""

    def __init__(
        self,
        streams: ReportStreams,
        key: ReportKey,
        reading: Reading,
        check: Callable[[], Awaitable[None]],
    ) -> None:
        """Made by `ReportStreams`."""
        self.key = key
        self._streams = streams
        self._reading = reading
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes away."""
        following = asyncio.create_task(self._streams.follow(self, scope, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((following, leaving), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            following.cancel()
            leaving.cancel()
            await asyncio.gather(following, leaving, return_exceptions=True)

    async def send_all(
        self, scope: Scope, send: Send, changes: asyncio.Event, headers: Headers
    ) -> None:
        """Send the headers, then each report that differs from the one before."""
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": 200,
            "headers": headers,
        }
        await send(start)
        await _send(send, _COME_AGAIN)
        seen = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
        said_s = checked_s = monotonic_s()
        while not self._streams.is_ending:
            changes.clear()
            written = await self._streams.written(self.key, self._reading, sure=not seen)
            if written is not None and event_id(written) != seen:
                seen = event_id(written)
                await _send(send, b"id: %s\nevent: report\ndata: %s\n\n" % (
                    seen.encode(), written.body
                ))  # fmt: skip
                said_s = monotonic_s()
            elif monotonic_s() - said_s >= _SILENCE_S:
                await _send(send, _ALIVE)
                said_s = monotonic_s()
            if monotonic_s() - checked_s >= _SILENCE_S:
                try:
                    await self._check()
                except (Refusal, StorageError):
                    break
                checked_s = monotonic_s()
            await self._wait(changes)
        await _send(send, b"", more=False)

    async def _wait(self, changes: asyncio.Event) -> None:
        """Until there may be something new to say."""
        await asyncio.sleep(_PAUSE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOCK_S - _PAUSE_S):
                await changes.wait()


def event_id(written: Written) -> str:
    """By what a client says which report it saw last."""
    return written.etag.strip('"')


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
