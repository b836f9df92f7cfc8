"""A projector whose leases are taken while it folds one batch and commits another."""

import time
from threading import Event, Thread

import psycopg
import pytest
import redis

from tests.installation import installation
from tests.integration.services.projector.lanes_at_hand import (
    call,
    column,
    metric,
    publish,
    start_ready,
)

_CALLS = 40
_BURST_EVENTS = 100
_TAKES = 24
_TAKE_ALL = "UPDATE callfold.leases SET owner = NULL, expires_at = '-infinity', epoch = epoch + 1"


@pytest.mark.faults
def test_leases_taken_under_load_cost_batches_and_no_event(
    redis_url: str, database_url: str
) -> None:
    """Commits are rolled back while the next batch grows; the process goes on, counts exactly."""
    done = Event()
    bursts: list[int] = []

    def publish_on() -> None:
        with redis.Redis.from_url(redis_url) as client:
            while not done.is_set():
                number = len(bursts)
                publish(
                    client,
                    [
                        call(f"taken-{n % _CALLS}", id=f"{number}-{n}", type="call.ringing")
                        for n in range(_BURST_EVENTS)
                    ],
                )
                bursts.append(number)
                time.sleep(0.005)

    with installation(redis_url, database_url) as running:
        projector = start_ready(running, lease_ms="1000")
        thread = Thread(target=publish_on)
        thread.start()
        try:
            with psycopg.connect(database_url, autocommit=True) as connection:
                for _ in range(_TAKES):
                    time.sleep(0.3)
                    connection.execute(_TAKE_ALL)
        finally:
            done.set()
            thread.join()
        running.wait_until_folded()

        fenced = 'callfold_commits_total{result="FencedError"}'
        assert 1 <= metric(projector.probes_url, fenced)
        (in_log,) = column(database_url, "SELECT sum(events)::bigint FROM callfold.log_segments")
        assert len(bursts) * _BURST_EVENTS == in_log
