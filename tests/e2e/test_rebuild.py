"""`callfold rebuild` folds the log anew beside live traffic and proves that it equals the live."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from json import loads
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from shared.limits import PARTITIONS_DEFAULT
from shared.storage import merging
from shared.storage.connection import connect
from shared.storage.merging import SegmentMerger
from shared.storage.schema import migrate
from shared.storage.tables import generation_metadata
from tests.installation import Installation, installation
from tests.whole_system import messy_events, publish

_DIFFERENT = 3


def rebuild(running: Installation) -> tuple[int, dict[str, Any]]:
    """Run the command; its exit code and what it prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "services.tooling", "rebuild", "--json"],
        env={**os.environ, "CALLFOLD_DATABASE_URL": running.database_url},
        stdout=subprocess.PIPE,
        timeout=90,
        check=False,
    )
    return ended.returncode, loads(ended.stdout)


@contextmanager
def live_traffic(running: Installation, events: list[dict[str, Any]]) -> Iterator[None]:
    """Publish events a few at a time until the block ends, then the rest."""
    waiting = list(reversed(events))
    done = Event()

    def flow() -> None:
        while waiting and not done.wait(0.1):
            part = [waiting.pop() for _ in range(min(20, len(waiting)))]
            publish(running.redis_url, part, seed=len(waiting))

    publishing = Thread(target=flow)
    publishing.start()
    try:
        yield
    finally:
        done.set()
        publishing.join()
        publish(running.redis_url, list(reversed(waiting)), seed=0)


def schemas(running: Installation) -> list[str]:
    """The generations that are there."""
    with psycopg.connect(running.database_url) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'gen%' ORDER BY 1"
        ).fetchall()
    return [name for (name,) in rows]


def merge_all(running: Installation) -> int:
    """Merge the segments of every partition as its owner would; returns how many went."""
    with connect(running.database_url, "test") as connection:
        leases = connection.execute(
            "SELECT lane, epoch, owner FROM callfold.leases WHERE lane >= 0"
        ).fetchall()
        return sum(
            SegmentMerger(connection, owner).merge(lane, epoch) for lane, epoch, owner in leases
        )


@pytest.mark.timeout(150)
@pytest.mark.slow
def test_rebuilt_generation_equals_the_live_one_beside_live_traffic(
    redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table by table; after a tally was changed by hand it names the table and exits with 3."""
    events = messy_events(seed=5, contacts=200)
    half = len(events) // 2
    migrate(database_url, PARTITIONS_DEFAULT)
    with installation(redis_url, database_url) as running:
        for _ in range(2):
            running.start_projector(batch_events_max="200")  # small segments, to be merged
        publish(redis_url, events[:half], seed=5)
        running.wait_until_folded()
        monkeypatch.setattr(merging, "EVENTS_AIM", 300)
        monkeypatch.setattr(merging, "EVENTS_SMALL", 1_000_000)
        assert 16 < merge_all(running)
        with live_traffic(running, events[half:]):
            code, outcome = rebuild(running)
        running.wait_until_folded()

        assert (0, True, False) == (code, outcome["equal"], outcome["kept"])
        assert outcome["events"] >= half
        found = {table["table"]: table for table in outcome["tables"]}
        assert {t.name for t in generation_metadata.sorted_tables} - {"positions"} == found.keys()
        assert [] == [t for t in found.values() if t["missing"] or t["unexpected"]]
        assert all(t["rows"] for name, t in found.items() if name != "attributes"), found

        assert ["gen_1"] == schemas(running)

        with psycopg.connect(database_url) as connection:
            connection.execute(
                "UPDATE gen_1.node_tallies SET steps = steps + 1 WHERE (organization_id,"
                " execution_id, node_id, node_type) = (SELECT organization_id, execution_id,"
                " node_id, node_type FROM gen_1.node_tallies ORDER BY 1, 2, 3, 4 LIMIT 1)"
            )
        code, outcome = rebuild(running)

    assert (_DIFFERENT, False) == (code, outcome["equal"])
    assert [("node_tallies", 1, 1)] == [
        (t["table"], t["missing"], t["unexpected"])
        for t in outcome["tables"]
        if t["missing"] or t["unexpected"]
    ]
