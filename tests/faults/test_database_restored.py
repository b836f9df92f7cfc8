"""PostgreSQL comes back as it was a while ago: a backup, or a replica that lagged behind.

The streams keep what was archived for `stream_keep`, just for this (architecture.md, point 1).
"""

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from services.tooling.embedded import EmbeddedServers
from tests.faults.judging import judge, recovery_s
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import installation
from tests.whole_system import messy_events

#: Entries that the restored database must have forgotten, or the test shows nothing.
_FORGOTTEN_MIN = 1_000


def _entries_read(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT sum(entries_read)::bigint FROM callfold.lanes").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_database_that_forgot_the_last_seconds_is_told_again(
    tmp_path: Path, tally: FaultTally, seed: int
) -> None:
    """Projectors run through it; cursors, leases and tallies are older than what they remember."""
    events = messy_events(seed=seed, contacts=200)
    with (
        EmbeddedServers.start(tmp_path / "data") as servers,
        installation(servers.redis_url, servers.database_url) as running,
    ):
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        traffic = Traffic(servers.redis_url, events, seed=seed)
        database, backup = tmp_path / "data" / servers.postgres.name, tmp_path / "backup"
        with traffic.flowing():
            time.sleep(1 + seed / 2)
            at_backup = _entries_read(servers.database_url)
            servers.postgres.stop()
            subprocess.run(["cp", "-a", str(database), str(backup)], check=True)
            servers.postgres.restart()
            recovery_s(running)
            time.sleep(1)
            before = _entries_read(servers.database_url)
            servers.postgres.kill()
            shutil.rmtree(database)
            backup.rename(database)
            servers.postgres.restart()
            seconds = recovery_s(running)
        assert before - at_backup > _FORGOTTEN_MIN
        judged = judge(running, traffic.acknowledged)
    tally.add("F8 database restored older", replace(judged, injected=1, recoveries_s=[seconds]))


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_commits_that_did_not_reach_the_disk_are_made_again(
    tmp_path: Path, tally: FaultTally
) -> None:
    """With `synchronous_commit=off` a crash of PostgreSQL forgets the last moments, exactly."""
    events = messy_events(seed=4, contacts=200)
    seconds = []
    with (
        EmbeddedServers.start(tmp_path / "data") as servers,
        installation(servers.redis_url, servers.database_url) as running,
    ):
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("ALTER ROLE callfold SET synchronous_commit = off")
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        traffic = Traffic(servers.redis_url, events, seed=4)
        with traffic.flowing():
            for _ in range(5):
                time.sleep(1)
                servers.postgres.kill()
                servers.postgres.restart()
                seconds.append(recovery_s(running))
        judged = judge(running, traffic.acknowledged)
    tally.add("F8 asynchronous commits lost", replace(judged, injected=5, recoveries_s=seconds))
