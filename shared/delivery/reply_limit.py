"""Gives a reply up while it grows too large: Redis tells no sizes before it sends.

Made by whoever reads lanes, given to `redis_client`, and set before each command.
"""

from dataclasses import dataclass
from typing import Any

import redis
from redis import connection

#: Of redis-py, which has no types for it.
_Parser: Any = connection.DefaultParser


class ReplyTooLargeError(redis.RedisError):
    """More bytes came than were wanted; the connection is closed and nothing of them is kept."""


@dataclass(slots=True)
class ReplyLimit:
    """How large replies on the connections of one client may be; None: as they come."""

    bytes_max: int | None = None

    def parser(self, **options: Any) -> Any:
        """What redis-py calls for the parser of each connection."""
        return _LimitedParser(self, **options)


class _LimitedParser(_Parser):  # type: ignore[misc]
    """Redis-py's own parser, over a reader that counts."""

    def __init__(self, limit: ReplyLimit, **options: Any) -> None:
        super().__init__(**options)
        self._limit = limit
        self._reader: Any = None  # until it connects

    def on_connect(self, connection: Any, **options: Any) -> None:
        super().on_connect(connection, **options)
        self._reader = _CountingReader(self._reader, self._limit)

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        if self._reader is not None:
            self._reader.fed_bytes = 0
        return super().read_response(*arguments, **options)


class _CountingReader:
    """A reader of hiredis that knows how much one reply has brought so far."""

    def __init__(self, reader: Any, limit: ReplyLimit) -> None:
        self._feed = reader.feed
        self._limit = limit
        self.fed_bytes = 0
        self.gets, self.has_data = reader.gets, reader.has_data

    def feed(self, buffer: bytearray, offset: int, length: int) -> None:
        self.fed_bytes += length
        bytes_max = self._limit.bytes_max
        if bytes_max is not None and self.fed_bytes > bytes_max:
            raise ReplyTooLargeError(f"a reply of more than {bytes_max} bytes")
        self._feed(buffer, offset, length)
