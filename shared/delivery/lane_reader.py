"""Reads lanes with XREAD after our own cursor: no consumer group, so nothing to ack or to leak.

One blocking call reads all lanes of an owner. How much is asked for adapts: little after a quiet
time, much under load, and never so much that a reply should pass `REPLY_BYTES_MAX`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
import redis

from shared.contracts.entries import Entry
from shared.contracts.stream_names import lane_stream
from shared.folds.journal import Position
from shared.limits import READ_COUNT_MAX, READ_COUNT_MIN, REPLY_BYTES_MAX

_numbers = msgspec.json.Decoder(list[int]).decode
_new_entry: Final[Callable[[tuple[int, int, list[bytes]]], Entry]] = partial(tuple.__new__, Entry)

_GROWTH = 4
#: Entries of one reply over all lanes; beyond it larger replies gain nothing.
_REPLY_ENTRIES_MAX = 2_000


class LaneReader:
    """Reads the lanes of one owner over one connection, without copying replies into objects."""

    def __init__(self, client: redis.Redis) -> None:
        """The connection is taken from the client's pool and kept."""
        self._pool = client.connection_pool
        self._connection: Any = None
        self._count = READ_COUNT_MIN
        self._entry_bytes = 1024

    def close(self) -> None:
        """Drop the connection; the next read makes a new one."""
        if self._connection is not None:
            self._connection.disconnect()
            self._pool.release(self._connection)
            self._connection = None

    def server_ms(self) -> int:
        """Milliseconds of the server's clock, which entry ids are made of."""
        seconds, microseconds = self._call("TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    def read(
        self, cursors: Mapping[int, Position], block_ms: int | None
    ) -> tuple[dict[int, list[Entry]], bool]:
        """Entries behind each lane's cursor, in order; waits up to `block_ms` for the first.

        Returns: the entries by lane, and whether more is waiting than was asked for.

        Raises:
            redis.RedisError: the server is away or refused.
        """
        lanes = list(cursors)
        count = max(1, min(self._count, _REPLY_ENTRIES_MAX // len(lanes)))
        words: list[Any] = ["XREAD", "COUNT", count]
        if block_ms is not None:
            words += ["BLOCK", block_ms]
        words.append("STREAMS")
        words += [lane_stream(lane) for lane in lanes]
        words += [f"{ms}-{seq}" for ms, seq in cursors.values()]
        reply = self._call(*words)
        lane_of = {lane_stream(lane).encode(): lane for lane in lanes}
        found = {lane_of[name]: _entries(entries) for name, entries in reply or ()}
        more = any(len(entries) >= count for entries in found.values())
        self._adapt(found, len(lanes), more=more)
        return found, more

    def _adapt(self, found: Mapping[int, list[Entry]], lanes: int, *, more: bool) -> None:
        if not found:
            self._count = READ_COUNT_MIN
            return
        # The largest lately seen, fading: one large entry must not slow an hour of small ones.
        largest = max(sum(map(len, e.fields)) for entries in found.values() for e in entries[-4:])
        self._entry_bytes = max(largest, self._entry_bytes - self._entry_bytes // 4, 256)
        if more:
            within_bytes = REPLY_BYTES_MAX // (self._entry_bytes * lanes)
            grown = min(self._count * _GROWTH, READ_COUNT_MAX, within_bytes)
            self._count = max(READ_COUNT_MIN, grown)

    def _call(self, *words: Any) -> Any:
        if self._connection is None:
            self._connection = self._pool.get_connection()
        try:
            self._connection.send_command(*words)
            return self._connection.read_response()
        except redis.ResponseError:
            raise
        except Exception:
            self.close()
            raise


def _entries(reply: list[tuple[bytes, list[bytes]]]) -> list[Entry]:
    # All ids at once: reading them one by one takes longer than all else here.
    numbers = _numbers(b"[%b]" % b",".join([raw[0] for raw in reply]).replace(b"-", b","))
    rows = zip(numbers[::2], numbers[1::2], [raw[1] for raw in reply], strict=True)
    return list(map(_new_entry, rows))
