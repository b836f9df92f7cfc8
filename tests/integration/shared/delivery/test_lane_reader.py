"""The lane reader against a real Valkey: order, bounded replies, reconnects, waiting."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE, lane_stream
from shared.delivery.connection import redis_client
from shared.delivery.lane_reader import LaneReader
from shared.delivery.reply_limit import ReplyLimit
from shared.folds.journal import Position
from shared.limits import EVENT_BYTES_MAX, READ_COUNT_MAX, REPLY_BYTES_MAX

LARGE_BYTES = 100 * 1024
START: Position = (0, 0)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client beside the reader's."""
    with redis.Redis.from_url(redis_url) as connected:
        yield connected


@pytest.fixture
def reader(redis_url: str) -> Iterator[LaneReader]:
    """A reader with a pool of its own."""
    limit = ReplyLimit()
    client = redis_client(redis_url, limit)
    reader = LaneReader(client, limit)
    yield reader
    reader.close()
    client.close()


def add(client: redis.Redis, lane: int, count: int, size_bytes: int = 10) -> list[Position]:
    """Add entries that are numbered and so large; returns their ids."""
    found: list[bytes] = []
    for begin in range(0, count, 100):
        pipeline: Any = client.pipeline(transaction=False)
        for number in range(begin, min(begin + 100, count)):
            pipeline.xadd(lane_stream(lane), {"event": f"{number:010d}".ljust(size_bytes, "x")})
        found += pipeline.execute()
    return [(int(ms), int(seq)) for ms, seq in (entry_id.split(b"-") for entry_id in found)]


def read_all(
    reader: LaneReader, lanes: list[int], expected: int
) -> tuple[dict[int, list[Entry]], list[int]]:
    """Read until all expected entries are there; the entries, and the bytes of each reply."""
    cursors = dict.fromkeys(lanes, START)
    found: dict[int, list[Entry]] = {lane: [] for lane in lanes}
    replies_bytes: list[int] = []
    while sum(map(len, found.values())) < expected:
        reply, more = reader.read(cursors, block_ms=None)
        assert reply or more, "entries are missing"
        for lane, entries in reply.items():
            found[lane] += entries
            cursors[lane] = (entries[-1].ms, entries[-1].seq)
        replies_bytes.append(_size_bytes(reply))
    return found, replies_bytes


def _size_bytes(reply: dict[int, list[Entry]]) -> int:
    return sum(len(text) for entries in reply.values() for e in entries for text in e.fields)


def positions(entries: list[Entry]) -> list[Position]:
    """The ids of entries."""
    return [(entry.ms, entry.seq) for entry in entries]


def test_large_entries_never_fill_a_reply_far_above_its_limit(
    client: redis.Redis, reader: LaneReader
) -> None:
    """2,000 entries of 100 KiB come in order, in replies near the limit and no more than needed."""
    added = add(client, 0, 2_000, LARGE_BYTES)

    found, replies_bytes = read_all(reader, [0], 2_000)

    assert added == positions(found[0])
    assert max(replies_bytes) <= REPLY_BYTES_MAX + 4 * LARGE_BYTES
    assert len(replies_bytes) < 1.3 * 2_000 * LARGE_BYTES / REPLY_BYTES_MAX


def test_large_entries_of_many_lanes_share_one_limit(
    client: redis.Redis, reader: LaneReader
) -> None:
    """The limit holds for the reply, not for each lane in it."""
    added = {lane: add(client, lane, 60, LARGE_BYTES) for lane in range(8)}

    found, replies_bytes = read_all(reader, list(range(8)), 480)

    assert added == {lane: positions(entries) for lane, entries in found.items()}
    assert max(replies_bytes) <= REPLY_BYTES_MAX + 8 * LARGE_BYTES


def test_large_entries_after_many_small_ones_pass_no_limit(
    client: redis.Redis, reader: LaneReader
) -> None:
    """The reply that would be 60 MB is given up while it comes, and asked for in smaller ones."""
    lanes = [0, 1]
    added = {lane: add(client, lane, 6_000) + add(client, lane, 300, LARGE_BYTES) for lane in lanes}

    found, replies_bytes = read_all(reader, lanes, 12_600)

    assert added == {lane: positions(entries) for lane, entries in found.items()}
    assert 0 in replies_bytes, "nothing was given up"
    assert max(replies_bytes) <= REPLY_BYTES_MAX + 4 * LARGE_BYTES


def test_lanes_take_turns_where_one_entry_each_is_too_much(
    client: redis.Redis, reader: LaneReader
) -> None:
    """40 lanes with entries of 1 MiB come some at a time, none of them is left behind."""
    lanes = list(range(40))
    added = {lane: add(client, lane, 2, EVENT_BYTES_MAX) for lane in lanes}

    found, replies_bytes = read_all(reader, lanes, 80)

    assert added == {lane: positions(entries) for lane, entries in found.items()}
    assert max(replies_bytes) <= REPLY_BYTES_MAX + EVENT_BYTES_MAX


def test_an_entry_that_passes_every_limit_is_read(client: redis.Redis, reader: LaneReader) -> None:
    """It must be parked, so it has to come; alone, and the entries beside it as well."""
    added = add(client, 0, 3) + add(client, 0, 1, 3 * REPLY_BYTES_MAX) + add(client, 0, 3)
    beside = add(client, 1, 5)

    found, _ = read_all(reader, [0, 1], 12)

    assert {0: added, 1: beside} == {lane: positions(entries) for lane, entries in found.items()}


def test_small_entries_come_in_few_replies(client: redis.Redis, reader: LaneReader) -> None:
    """Under load the number asked for grows to its most: 20,000 entries take some 15 calls."""
    added = add(client, 0, 20_000)

    found, replies_bytes = read_all(reader, [0], 20_000)

    assert added == positions(found[0])
    assert len(replies_bytes) < 20_000 / READ_COUNT_MAX + 10


def test_count_shrinks_after_a_quiet_time(client: redis.Redis, reader: LaneReader) -> None:
    """An entry after a pause is not held up by a large read that a burst had taught."""
    added = add(client, 0, 9_000)
    read_all(reader, [0], 9_000)

    assert ({}, False) == reader.read({0: added[-1]}, block_ms=1)
    add(client, 0, 100)
    reply, more = reader.read({0: added[-1]}, block_ms=1)

    assert more
    assert len(reply[0]) <= 8


def test_burst_of_large_entries_after_small_ones_is_read_whole(
    client: redis.Redis, reader: LaneReader
) -> None:
    """One reply can be as large as its entries then are; from the next on the limit holds again."""
    added = add(client, 0, 6_000) + add(client, 0, 1_000, LARGE_BYTES)

    found, replies_bytes = read_all(reader, [0], 7_000)

    assert added == positions(found[0])
    over = [size for size in replies_bytes if size > REPLY_BYTES_MAX + 4 * LARGE_BYTES]
    assert len(over) <= 1


def test_broken_connection_costs_one_read_and_no_entry(
    client: redis.Redis, reader: LaneReader
) -> None:
    """After a dropped connection the next read goes on behind the cursor."""
    added = add(client, 0, 10)
    reply, _ = reader.read({0: START}, block_ms=None)
    first = positions(reply[0])

    client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(redis.ConnectionError):
        reader.read({0: first[-1]}, block_ms=None)
    cursor = first[-1]
    rest: list[Position] = []
    while len(first) + len(rest) < 10:
        reply, _ = reader.read({0: cursor}, block_ms=None)
        rest += positions(reply[0])
        cursor = rest[-1]

    assert added == first + rest


def test_refusal_by_the_server_keeps_the_connection(
    client: redis.Redis, reader: LaneReader
) -> None:
    """A key that is no stream is an error of that read; the connection stays in step."""
    client.set(lane_stream(1), "in the way")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        reader.read({0: START, 1: START}, block_ms=None)

    added = add(client, 0, 1)
    reply, _ = reader.read({0: START}, block_ms=None)

    assert added == positions(reply[0])


def test_lanes_are_told_apart_and_the_inbox_is_one(client: redis.Redis, reader: LaneReader) -> None:
    """Entries come back under the lane they were read from, each behind its own cursor."""
    ids = {lane: add(client, lane, 3) for lane in (INBOX_LANE, 2, 7)}

    cursors = {INBOX_LANE: START, 2: ids[2][1], 5: START, 7: ids[7][2]}
    reply, _ = reader.read(cursors, block_ms=None)
    again, _ = reader.read({**cursors, INBOX_LANE: ids[INBOX_LANE][1]}, block_ms=None)

    assert ids[INBOX_LANE][:2] == positions(reply[INBOX_LANE])
    assert ids[2][2:] == positions(reply[2])
    assert {INBOX_LANE, 2} == set(reply)
    assert ids[INBOX_LANE][2:] == positions(again[INBOX_LANE])


def test_fields_come_as_bytes_whatever_they_are(client: redis.Redis, reader: LaneReader) -> None:
    """Names and values are handed on untouched, not UTF-8 too, in the order of the entry."""
    pairs: Any = {b"\xff\x00": b"\xfe", b"data": b"", b"a": b"b"}
    client.xadd(lane_stream(0), pairs)

    reply, _ = reader.read({0: START}, block_ms=None)

    assert [b"\xff\x00", b"\xfe", b"data", b"", b"a", b"b"] == list(reply[0][0].fields)


def test_idle_read_waits_no_longer_than_told(client: redis.Redis, reader: LaneReader) -> None:
    """Nothing to read costs one blocking call, neither a loop nor a longer wait."""
    started_s = time.monotonic()

    assert ({}, False) == reader.read({0: START, 1: START}, block_ms=200)

    assert 0.19 <= time.monotonic() - started_s < 2
    assert {} == reader.read({0: START}, block_ms=None)[0]


def test_server_time_is_the_clock_of_entry_ids(client: redis.Redis, reader: LaneReader) -> None:
    """An entry added between two readings of the clock has an id between them."""
    before_ms = reader.server_ms()
    ((ms, _),) = add(client, 0, 1)

    assert before_ms <= ms <= reader.server_ms()
