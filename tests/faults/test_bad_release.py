"""F20: a release in which every event fails; nothing is mass-parked, and all is folded later."""

import time
from dataclasses import replace

import pytest

from services.projector.bisection import FAULTS_A_MINUTE
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.lanes import open_breakers
from tests.command_line import run_callfold
from tests.faults.judging import judge
from tests.faults.tally import FaultTally
from tests.installation import installation, until
from tests.integration.services.projector.lanes_at_hand import change, column, rows
from tests.whole_system import messy_events, publish

_LANES = list(range(PARTITIONS_DEFAULT))


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ("decode", "fold", "commit"))
def test_bad_release_archives_all_and_parks_next_to_nothing(
    redis_url: str, database_url: str, tally: FaultTally, part: str
) -> None:
    """Its breaker opens at 50 faults; the repaired release, released, folds all from the log.

    What the first faults parked is retried by its operator: then every report is exact.
    """
    events = messy_events(seed=5, contacts=15)
    with installation(redis_url, database_url) as running:
        bad = running.start(
            "tests.faults.poisoned_projector", bad_part=part, probe_port="0", lease_ms="1500"
        )
        until(lambda: _laid_out(database_url), "the database is laid out")
        publish(redis_url, events, seed=5)
        with connect(database_url, "test") as connection:
            until(lambda: sorted(open_breakers(connection)) == _LANES, "the breaker is open", 120)
        archived = "SELECT coalesce(sum(events), 0)::int FROM callfold.log_segments"
        until(lambda: column(database_url, archived)[0] >= len(events), "all are archived", 120)
        assert bad.poll() is None
        parked = rows(
            database_url, "SELECT reason, sum(entries)::int FROM callfold.parked_events GROUP BY 1"
        )
        assert {reason for reason, _ in parked} <= {"fold_failed"}
        assert sum(number for _, number in parked) < FAULTS_A_MINUTE
        bad.terminate()
        assert 0 == bad.wait(30)
        running.processes.remove(bad)

        running.start_projector()
        began_s = time.monotonic()
        for command in (("breaker", "release"), ("parked", "retry", "--all")):
            done = run_callfold(
                *command, "--as", "me", "--json", database_url=database_url, redis_url=redis_url
            )
            assert 0 == done.returncode, done.stdout + done.stderr
        running.start_read_api()
        running.wait_until_folded(120)
        seconds = time.monotonic() - began_s
        change(database_url, "DELETE FROM callfold.parked_events WHERE resolved_at IS NOT NULL")
        row = judge(running, events)
        tally.add(f"F20 bad {part}", replace(row, injected=len(events), recoveries_s=[seconds]))


def _laid_out(database_url: str) -> bool:
    return bool(column(database_url, "SELECT to_regclass('gen_1.positions') IS NOT NULL")[0])
