"""Reads lanes with XREAD after our own cursor: no consumer group, so nothing to ack or to leak.

One blocking call reads all lanes of an owner. How much is asked for adapts: little after a quiet
time, much under load, some lanes in turn where entries are very large, and never so much that a
reply should pass `REPLY_BYTES_MAX`. One that passes twice that is given up and asked for anew.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
import redis

from shared.contracts.entries import Entry
from shared.contracts.stream_names import lane_stream
from shared.delivery.reply_limit import ReplyLimit, ReplyTooLargeError
from shared.folds.journal import Position
from shared.limits import EVENT_BYTES_MAX, READ_COUNT_MAX, READ_COUNT_MIN, REPLY_BYTES_MAX

_numbers = msgspec.json.Decoder(list[int]).decode
_new_entry: Final[Callable[[tuple[int, int, list[bytes]]], Entry]] = partial(tuple.__new__, Entry)

_GROWTH = 4
#: Entries of one reply over all lanes; beyond it larger replies gain nothing.
_REPLY_ENTRIES_MAX = 2_000


class LaneReader:
    """Reads the lanes of one owner over one connection, without copying replies into objects."""

    #: Whether the entries of all lanes come in one reply.
    answers_together = True

    def __init__(self, client: redis.Redis, limit: ReplyLimit | None = None) -> None:
        """The connection is taken from the client's pool and kept; `limit` is the client's."""
        self._pool = client.connection_pool
        self._connection: Any = None
        self._count = READ_COUNT_MIN
        self._limit = ReplyLimit() if limit is None else limit
        #: As large may an entry be: the largest lately seen, fading.
        self._entry_bytes = 1024
        #: Where in the order of lanes the next ones begin, while not all fit into a reply.
        self._turn = 0

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
        asked = self._in_turn(cursors)
        all_asked = len(asked) == len(cursors)
        within_bytes = REPLY_BYTES_MAX // (self._entry_bytes * len(asked))
        within = min(_REPLY_ENTRIES_MAX // len(asked), within_bytes)
        count = max(1, min(self._count, within))
        self._expect(count, len(asked))
        try:
            found = self._ask(asked, count, block_ms if all_asked else None)
        except ReplyTooLargeError:
            self._entry_bytes = max(EVENT_BYTES_MAX, self._entry_bytes * _GROWTH)
            return {}, True
        more = any(len(entries) >= count for entries in found.values())
        self._adapt(found, more=more)
        return found, more or not all_asked

    def _in_turn(self, cursors: Mapping[int, Position]) -> Mapping[int, Position]:
        """All lanes, or as many as an entry each of does not pass the bound, each in its turn."""
        most = max(1, REPLY_BYTES_MAX // self._entry_bytes)
        if most >= len(cursors):
            return cursors
        lanes = sorted(cursors)
        begin, self._turn = self._turn % len(lanes), (self._turn + most) % len(lanes)
        return {lane: cursors[lane] for lane in (lanes + lanes)[begin : begin + most]}

    def _expect(self, count: int, lanes: int) -> None:
        """Say what a reply may bring at most; a single entry is taken however large it is."""
        share = 1 if self.answers_together else lanes
        self._limit.bytes_max = 2 * REPLY_BYTES_MAX // share if count * lanes > 1 else None

    def _ask(
        self, cursors: Mapping[int, Position], count: int, block_ms: int | None
    ) -> dict[int, list[Entry]]:
        """At most `count` entries of each lane that has any."""
        lanes = list(cursors)
        words: list[Any] = ["XREAD", "COUNT", count]
        if block_ms is not None:
            words += ["BLOCK", block_ms]
        words.append("STREAMS")
        words += [lane_stream(lane) for lane in lanes]
        words += [f"{ms}-{seq}" for ms, seq in cursors.values()]
        reply = self._call(*words)
        lane_of = {lane_stream(lane).encode(): lane for lane in lanes}
        return {lane_of[name]: as_entries(entries) for name, entries in reply or ()}

    def _adapt(self, found: Mapping[int, list[Entry]], *, more: bool) -> None:
        # One large entry must not slow an hour of small ones.
        self._entry_bytes = max(self._entry_bytes - self._entry_bytes // 4, 256)
        if not found:
            self._count = READ_COUNT_MIN
            return
        largest = max(sum(map(len, e.fields)) for entries in found.values() for e in entries[-4:])
        self._entry_bytes = max(largest, self._entry_bytes)
        if more:
            self._count = min(self._count * _GROWTH, READ_COUNT_MAX)

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


def as_entries(reply: list[tuple[bytes, list[bytes]]]) -> list[Entry]:
    """The entries of one stream as Redis answers them."""
    # All ids at once: reading them one by one takes longer than all else here.
    numbers = _numbers(b"[%b]" % b",".join([raw[0] for raw in reply]).replace(b"-", b","))
    rows = zip(numbers[::2], numbers[1::2], [raw[1] for raw in reply], strict=True)
    return list(map(_new_entry, rows))
