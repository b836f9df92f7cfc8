"""Setting a stream aside and adding its entries again, on a real Redis."""

from typing import Any

import redis

from shared.contracts.entries import Entry
from shared.contracts.stream_names import aside_stream, lane_stream
from shared.delivery.connection import redis_client
from shared.delivery.stream_resuming import add_again, set_aside
from shared.folds.journal import Position

_LANE = 2
_CURSOR = (9_000_000_000_000, 7)
_ENTRIES = 200


def _archived(entries: list[Entry]) -> set[Position]:
    """The log holds every third one."""
    return {(entry.ms, entry.seq) for entry in entries if entry.seq % 3 == 0}


def _numbers(client: Any, stream: str) -> list[int]:
    return [int(fields[b"n"]) for _, fields in client.xrange(stream)]


def test_stream_set_aside_is_added_again_though_it_was_cut_short(redis_url: str) -> None:
    """In order, each entry once, behind the cursor and what was published meanwhile."""
    client: Any = redis_client(redis_url)
    for number in range(_ENTRIES):
        client.xadd(lane_stream(_LANE), {"n": number}, id=f"5-{number}")
    assert set_aside(client, _LANE, _CURSOR, 500)
    assert not set_aside(client, _LANE, _CURSOR, 500), "what is aside already is never overwritten"
    fresh = client.xadd(lane_stream(_LANE), {"n": 1_000})
    assert fresh > b"9000000000000-7"
    assert 501 == client.xinfo_stream(lane_stream(_LANE))["entries-added"]

    first_page = next(add_again(redis_client(redis_url), _LANE, _archived))
    left = client.xlen(aside_stream(_LANE))
    assert _ENTRIES - first_page[0] == left > 0

    redis_again: redis.Redis = redis_client(redis_url)
    looked_at, added = map(sum, zip(*add_again(redis_again, _LANE, _archived), strict=True))
    assert left == looked_at
    unread = [number for number in range(_ENTRIES) if number % 3]
    assert len(unread) == first_page[1] + added
    assert [1_000, *unread] == _numbers(client, lane_stream(_LANE))
    assert 0 == client.exists(aside_stream(_LANE))
    client.close()
    redis_again.close()
