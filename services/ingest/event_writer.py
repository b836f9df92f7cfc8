"""Hands accepted events to Redis: one thread, whose pipelines concurrent requests share."""

import asyncio
import re
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Final

import redis
import structlog
from msgspec import Struct

from shared.delivery.publisher import Publisher
from shared.errors import PublishError
from shared.web_edge.refusals import Unavailable

#: How long the publisher tries before it gives up: a restarted Redis costs no request.
_PATIENCE_S = 2.0
#: How long a request waits at most, a Redis that hangs included.
_WAIT_S = 10.0
_TRY_AGAIN: Final = (
    "nothing is claimed as accepted; send the whole request again with the same ids: what arrived"
    " already counts once"
)
#: What Redis' errors begin with.
_CODE = re.compile(r"[A-Z]{2,20}")

_log = structlog.get_logger()
_Events = Sequence[tuple[str, bytes]]


class _Writing(Struct, frozen=True, eq=False):
    """The events of one request, and who waits for them."""

    events: _Events
    done: asyncio.Future[None]


class EventWriter:
    """Writes to one Redis between `start` and `stop`, both called by the loop that serves."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._queue: SimpleQueue[_Writing | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Return when everything given is written, or has failed."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def write(self, events: _Events) -> None:
        """Return once Redis acknowledged all of the events.

        Raises:
            Unavailable: it did not; some of them may be there nevertheless.
        """
        if not events:
            return
        writing = _Writing(events, asyncio.get_running_loop().create_future())
        self._queue.put(writing)
        try:
            async with asyncio.timeout(_WAIT_S):
                await writing.done
        except TimeoutError:
            raise Unavailable(f"Redis does not answer; {_TRY_AGAIN}") from None
        except PublishError as error:
            full = isinstance(error.__cause__, redis.exceptions.OutOfMemoryError)
            what = "Redis is full" if full else "Redis takes no events"
            raise Unavailable(f"{what}; {_TRY_AGAIN}") from error

    def _run(self) -> None:
        group = self._next_group()
        while group:
            try:
                # A publisher that failed keeps what it could not send: the next one begins anew.
                with Publisher(self._redis_url, patience_s=_PATIENCE_S) as publisher:
                    while group:
                        _publish(publisher, group)
                        self._settle(group, None)
                        group = self._next_group()
            except Exception as error:  # noqa: BLE001 -- whoever waits must be told of any
                _log.warning("events not published", requests=len(group), reason=_reason(error))
                self._settle(group, error)
                group = self._next_group()

    def _next_group(self) -> list[_Writing]:
        """Whatever waits now, or else comes next; nothing when all has ended."""
        group: list[_Writing] = []
        while not group:
            waiting = self._queue.get()
            try:
                while waiting is not None:
                    if not waiting.done.done():  # else its request gave up
                        group.append(waiting)
                    waiting = self._queue.get_nowait()
            except Empty:
                continue
            self._queue.put(None)  # the end, once this group is written
            break
        return group

    def _settle(self, group: list[_Writing], error: Exception | None) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_settle, group, error)


def _publish(publisher: Publisher, group: list[_Writing]) -> None:
    for writing in group:
        for subject, event in writing.events:
            publisher.publish_json(subject, event)
    publisher.flush()


def _settle(group: list[_Writing], error: Exception | None) -> None:
    for writing in group:
        if writing.done.done():
            continue
        if error is None:
            writing.done.set_result(None)
        else:
            writing.done.set_exception(error)


def _reason(error: Exception) -> str:
    """For the log; of what Redis answered only its code, since the rest may quote an event."""
    if isinstance(answer := error.__cause__, redis.ResponseError):
        code = str(answer).rpartition("caused error: ")[2].partition(" ")[0]
        return f"{type(answer).__name__} {code if _CODE.fullmatch(code) else ''}".rstrip()
    return str(error) if isinstance(error, PublishError) else type(error).__name__
