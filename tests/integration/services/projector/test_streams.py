"""What a projector does to the streams: trims behind itself, advertises how far it is, says N."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis

from shared.contracts.stream_names import (
    INBOX_LANE,
    INBOX_STREAM,
    PARTITIONS_KEY,
    WATERMARK_GROUP,
    lane_stream,
    partition_of,
    partition_stream,
)
from shared.limits import PARTITIONS_DEFAULT
from tests.contract.wire import json_bytes
from tests.installation import Installation, installation, until
from tests.integration.services.projector.incidents_at_hand import ROUND_S
from tests.integration.services.projector.lanes_at_hand import call, column, rows
from tests.integration.services.projector.projector_threads import projector_threads

pytestmark = pytest.mark.usefixtures("quick_rounds")

#: Entries of a node of a stream; whole nodes are trimmed.
_NODE = 100
_ENTRIES = 12 * _NODE


@pytest.fixture
def installed(redis_url: str, database_url: str) -> Iterator[Installation]:
    """Looks at the servers; most of its projectors run in this process."""
    with installation(redis_url, database_url) as started:
        yield started


def add(client: redis.Redis, lane: int, event: dict[str, Any]) -> None:
    """Add an event to a lane."""
    client.xadd(lane_stream(lane), {"event": json_bytes(event)})


def fill(client: redis.Redis, lane: int, entries: int, prefix: str = "call") -> None:
    """Add events of one call to a lane; to the inbox, of a call that lives in lane 0."""
    subject = next(
        name
        for name in (f"{prefix}-{n}" for n in range(10_000))
        if partition_of(name, PARTITIONS_DEFAULT) == max(lane, 0)
    )
    for number in range(entries):
        add(client, lane, call(subject, id=f"{prefix}-{lane}-{number}", type="call.ringing"))


def cursor(installed: Installation, lane: int) -> str:
    """How far a lane is archived, as an entry id."""
    (found,) = column(
        installed.database_url, "SELECT ms || '-' || seq FROM callfold.lanes WHERE lane = %s", lane
    )
    return str(found)


def group(client: redis.Redis, lane: int) -> dict[str, Any]:
    """What the usual tools show of a stream's consumers, once the keeper has been there."""
    until(lambda: bool(client.xinfo_groups(lane_stream(lane))), "there is a group", 20)
    (found,) = client.xinfo_groups(lane_stream(lane))
    return dict(found)


def length(client: redis.Redis, lane: int) -> int:
    """Entries in a stream."""
    return int(client.xlen(lane_stream(lane)))


def ids(client: redis.Redis, lane: int) -> list[str]:
    """The ids of a stream's entries, in order."""
    found: Any = client.xrange(lane_stream(lane))
    return [entry_id for entry_id, _ in found]


def wait_until_trimmed(client: redis.Redis, lane: int) -> None:
    """Wait until a stream has shrunk to its last node."""
    until(lambda: length(client, lane) <= _NODE, f"lane {lane} is trimmed", 20)


def rounds() -> None:
    """Let the keeper look a few times more."""
    time.sleep(6 * ROUND_S)


def test_archived_entries_are_trimmed_but_never_the_cursor_s_own(
    installed: Installation, client: redis.Redis
) -> None:
    """With nothing to be kept a stream shrinks to its last node; the inbox too, in its time."""
    with projector_threads(installed.redis_url, installed.database_url, stream_keep_ms=0):
        for lane in (INBOX_LANE, 3):
            fill(client, lane, _ENTRIES)
        installed.wait_until_folded()
        for lane in (INBOX_LANE, 3, 0):
            wait_until_trimmed(client, lane)
        rounds()

        for lane in (INBOX_LANE, 3, 0):
            assert cursor(installed, lane) == ids(client, lane)[-1]


def test_archived_entries_are_kept_as_long_as_told(
    installed: Installation, client: redis.Redis
) -> None:
    """A database restored from a backup of a moment ago finds them still there."""
    with projector_threads(installed.redis_url, installed.database_url, stream_keep_ms=60_000):
        fill(client, 3, _ENTRIES)
        installed.wait_until_folded()
        until(lambda: group(client, 3)["lag"] == 0, "the keeper has looked", 20)
        rounds()

        assert _ENTRIES == length(client, 3)


def test_entries_that_are_not_archived_are_never_trimmed(
    installed: Installation, client: redis.Redis
) -> None:
    """While commits hang the stream keeps all of them, and the group shows the true lag."""
    with projector_threads(installed.redis_url, installed.database_url, stream_keep_ms=0):
        fill(client, 3, _ENTRIES)
        installed.wait_until_folded()
        wait_until_trimmed(client, 3)
        with psycopg.connect(installed.database_url) as blocking:
            blocking.execute("LOCK TABLE gen_1.attempts IN SHARE MODE")
            fill(client, 3, _ENTRIES, prefix="late")
            rounds()

            waiting: Any = client.xrange(lane_stream(3), f"({cursor(installed, 3)}")
            assert _ENTRIES == len(waiting)
            assert _ENTRIES == group(client, 3)["lag"]
        installed.wait_until_folded()
        wait_until_trimmed(client, 3)


def test_group_is_advertised_on_every_stream(installed: Installation, client: redis.Redis) -> None:
    """It stands at the cursor with nothing pending, so the usual tools show what is folded."""
    with projector_threads(installed.redis_url, installed.database_url):
        fill(client, 5, 250)
        installed.wait_until_folded()
        until(lambda: group(client, 5)["lag"] == 0, "the group stands at the end", 20)
        found = {lane: group(client, lane) for lane in range(-1, PARTITIONS_DEFAULT)}

    assert {(WATERMARK_GROUP, 0, 0, 0)} == {
        (g["name"], g["pending"], g["lag"], g["consumers"]) for g in found.values()
    }
    assert cursor(installed, 5) == found[5]["last-delivered-id"]
    assert 250 == found[5]["entries-read"]


def test_group_that_somebody_destroyed_comes_back(
    installed: Installation, client: redis.Redis
) -> None:
    """It is an advertisement only: nothing is read through it, and nothing lost with it."""
    with projector_threads(installed.redis_url, installed.database_url):
        fill(client, 5, 10)
        installed.wait_until_folded()
        until(lambda: group(client, 5)["lag"] == 0, "the group is there", 20)
        client.xgroup_destroy(partition_stream(5), WATERMARK_GROUP)
        fill(client, 5, 10, prefix="more")
        installed.wait_until_folded()
        until(lambda: bool(client.xinfo_groups(partition_stream(5))), "it is there again", 20)
        until(lambda: group(client, 5)["lag"] == 0, "it stands at the end", 20)

        assert 20 == group(client, 5)["entries-read"]


def test_group_of_a_lost_lane_is_left_to_its_new_owner(
    installed: Installation, client: redis.Redis
) -> None:
    """Who had the lane before knows only where it once stood."""
    with projector_threads(installed.redis_url, installed.database_url):
        fill(client, 5, 10)
        installed.wait_until_folded()
        until(lambda: group(client, 5)["lag"] == 0, "the group stands at the end", 20)
        with psycopg.connect(installed.database_url) as connection:
            connection.execute(
                "UPDATE callfold.leases SET owner = 'other', epoch = epoch + 1,"
                " expires_at = now() + interval '1 h' WHERE lane = 5"
            )
        fill(client, 6, 10)
        installed.wait_until_folded()
        until(lambda: group(client, 6)["lag"] == 0, "the keeper has looked", 20)
        rounds()
        client.xgroup_setid(partition_stream(5), WATERMARK_GROUP, "0-7")
        rounds()

        assert "0-7" == group(client, 5)["last-delivered-id"]


def test_partitions_chosen_before_the_first_start_are_used_for_ever(
    installed: Installation, client: redis.Redis
) -> None:
    """N is the installation's from then on: a key that was lost or changed is put right."""
    client.set(PARTITIONS_KEY, 4)
    running = installed.start_projector(stream_keep_ms="0")
    subjects = [f"call-{n}" for n in range(40)]
    until(lambda: _lanes(installed) == [-1, 0, 1, 2, 3], "four partitions are laid out")
    for subject in subjects:
        add(client, partition_of(subject, 4), call(subject))
    installed.wait_until_folded()
    client.set(PARTITIONS_KEY, 16)
    running.terminate()
    assert 0 == running.wait(timeout=20)
    installed.processes.clear()
    with projector_threads(installed.redis_url, installed.database_url, partitions=16):
        until(lambda: client.get(PARTITIONS_KEY) == "4", "the key says 4 again", 20)
        client.delete(PARTITIONS_KEY)
        until(lambda: client.get(PARTITIONS_KEY) == "4", "the key is there again", 20)

    assert [-1, 0, 1, 2, 3] == _lanes(installed)
    assert [(4,)] == rows(
        installed.database_url, "SELECT DISTINCT partitions FROM callfold.log_segments"
    )
    assert sorted(subjects) == column(
        installed.database_url, "SELECT attempt_id FROM gen_1.attempts ORDER BY attempt_id"
    )
    assert 0 == client.exists(INBOX_STREAM) or not client.xlen(INBOX_STREAM)


def _lanes(installed: Installation) -> list[int]:
    """The lanes that are laid out; none before the first start."""
    try:
        return column(installed.database_url, "SELECT lane FROM callfold.lanes ORDER BY lane")
    except psycopg.errors.UndefinedTable:
        return []
