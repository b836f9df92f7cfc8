"""Trimming on a real Redis: what is archived goes, what nobody read stays."""

from typing import Any

import pytest

from shared.contracts.stream_names import lane_stream
from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import trim
from shared.delivery.stream_watch import entry_position
from shared.folds.journal import Position

_LANE = 1
_ARCHIVED = (1_000_000_000_000, 0)
_NOW_MS = 2_000_000_000_000


@pytest.fixture
def client(redis_url: str) -> Any:
    """A client as a projector's."""
    return redis_client(redis_url)


def fill(client: Any, ms: int) -> None:
    """Some nodes of entries with these milliseconds."""
    pipeline = client.pipeline(transaction=True)
    for number in range(1_000):
        pipeline.xadd(lane_stream(_LANE), {"event": "{}"}, id=f"{ms}-{number}")
    pipeline.execute()


def test_archived_entries_are_trimmed(client: Any) -> None:
    """Whole nodes of them; a stream that is not there is none."""
    assert 0 == trim(client, _LANE, _ARCHIVED, _NOW_MS)
    fill(client, 5)
    client.xadd(lane_stream(_LANE), {"event": "{}"}, id="1000000000000-0")
    assert trim(client, _LANE, _ARCHIVED, _NOW_MS) >= 900
    client.close()


def test_stream_that_began_anew_since_it_was_looked_at_is_left_alone(client: Any) -> None:
    """Its ids lie before the cursor, and nobody read them: they are added again behind it."""
    fill(client, 5)
    assert 0 == trim(client, _LANE, _ARCHIVED, _NOW_MS)
    assert 1_000 == client.xlen(lane_stream(_LANE))
    client.close()


def test_stream_that_is_added_to_all_the_time_is_trimmed(
    client: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would grow for ever."""
    fill(client, 5)
    client.xadd(lane_stream(_LANE), {"event": "{}"}, id="1000000000000-0")
    publisher = redis_client(redis_url)

    def added_meanwhile(entry_id: bytes) -> Position:
        publisher.xadd(lane_stream(_LANE), {"event": "{}"})
        return entry_position(entry_id)

    monkeypatch.setattr("shared.delivery.stream_keeping.entry_position", added_meanwhile)
    assert trim(client, _LANE, _ARCHIVED, _NOW_MS) >= 900
    client.close()
    publisher.close()
