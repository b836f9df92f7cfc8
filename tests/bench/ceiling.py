"""The ceiling of live folding in one process: read, decode, COPY the raw events, nothing else.

Written as fast as Python allows, because `live` is measured against it: XREAD of all streams after
own cursors over a plain socket, typed decoding, binary COPY built by hand, one commit a reply with
the cursors in the same transaction, committing beside the next read, and no cyclic GC.
"""

import gc
import struct
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg

from shared.contracts.event_types import AnyEvent
from shared.contracts.stream_names import partition_stream
from tests.bench.load import PARTITIONS
from tests.bench.raw_redis import RawRedis, packed
from tests.bench.truth import WrongResultError

#: Entries asked of each stream, so that a commit holds up to 16 times as many.
_COUNT = 1_000
_STREAMS = [partition_stream(partition).encode() for partition in range(PARTITIONS)]
_PARTITION_OF = {stream: partition for partition, stream in enumerate(_STREAMS)}
#: Of a row in binary COPY: 4 columns, then length and value of each but the last value.
_ROW = struct.Struct("!hiiiqiqi")
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_decode = msgspec.json.Decoder(AnyEvent).decode


def run_ceiling(redis_url: str, database_url: str, events: int, json_bytes: int) -> float:
    """Copy all entries of the preloaded streams; returns the seconds that it took.

    Raises:
        WrongResultError: the table does not hold all of them afterwards.
    """
    with psycopg.connect(database_url, autocommit=True) as connection, RawRedis(redis_url) as redis:
        connection.execute(
            "CREATE TABLE raw_events (partition int, ms bigint, seq bigint, event bytea)"
        )
        connection.execute("CREATE TABLE cursors (partition int PRIMARY KEY, place text)")
        connection.execute(
            "INSERT INTO cursors SELECT n, '0-0' FROM generate_series(0, %s) AS n",
            (PARTITIONS - 1,),
        )
        gc.collect()
        gc.disable()
        try:
            started_s = time.monotonic()
            _copy_all(redis, connection, events)
            taken_s = time.monotonic() - started_s
        finally:
            gc.enable()
        row = connection.execute("SELECT count(*), sum(length(event)) FROM raw_events").fetchone()
    if row is None or (int(row[0]), int(row[1] or 0)) != (events, json_bytes):
        raise WrongResultError(f"the ceiling copied {row}; expected {events}, {json_bytes}")
    return taken_s


def _copy_all(redis: RawRedis, connection: psycopg.Connection, events: int) -> None:
    places = dict.fromkeys(_STREAMS, b"0-0")
    under_way: Future[None] | None = None
    copied = 0
    with ThreadPoolExecutor(1) as writer:
        while copied < events:
            command = packed(
                b"XREAD", b"COUNT", b"%d" % _COUNT, b"STREAMS", *_STREAMS, *places.values()
            )
            reply = redis.ask(command)[0]
            if reply is None:
                raise WrongResultError(f"the streams end after {copied} of {events} entries")
            rows, count = _rows(reply, places)
            copied += count
            if under_way is not None:
                under_way.result()
            under_way = writer.submit(_commit, connection, rows, dict(places))
        if under_way is not None:
            under_way.result()


def _rows(reply: Any, places: dict[bytes, bytes]) -> tuple[bytes, int]:
    """The entries as binary COPY, all of them decoded on the way; moves the places on."""
    parts = [_COPY_HEAD]
    count = 0
    for stream, entries in reply:
        partition = _PARTITION_OF[stream]
        for place, (_, event) in entries:
            _decode(event)
            ms, _, seq = place.partition(b"-")
            parts += (_ROW.pack(4, 4, partition, 8, int(ms), 8, int(seq), len(event)), event)
        count += len(entries)
        places[stream] = entries[-1][0]
    parts.append(_COPY_END)
    return b"".join(parts), count


def _commit(connection: psycopg.Connection, rows: bytes, places: dict[bytes, bytes]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy("COPY raw_events FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(rows)
        cursor.execute(
            "UPDATE cursors SET place = p.place FROM unnest(%s::int[], %s::text[])"
            " AS p(partition, place) WHERE cursors.partition = p.partition",
            (list(range(PARTITIONS)), [place.decode() for place in places.values()]),
        )
