"""A projector whose leases are taken under its hands, while it folds one batch and commits another."""

import time
from threading import Event, Thread

import psycopg
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
_BURSTS = 60
_TAKE_ALL = "UPDATE callfold.leases SET owner = NULL, expires_at = '-infinity', epoch = epoch + 1"


def test_leases_taken_under_load_cost_batches_and_no_event(
    redis_url: str, database_url: str
) -> None:
    """Commits are rolled back while the next batch grows; the process goes on and counts exactly."""
    done = Event()

    def publish_all() -> None:
        with redis.Redis.from_url(redis_url) as client:
            for burst in range(_BURSTS):
                publish(
                    client,
                    [
                        call(f"taken-{n % _CALLS}", id=f"{burst}-{n}", type="call.ringing")
                        for n in range(200)
                    ],
                )
        done.set()

    with installation(redis_url, database_url) as running:
        projector = start_ready(running)
        thread = Thread(target=publish_all)
        thread.start()
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not done.is_set():
                connection.execute(_TAKE_ALL)
                time.sleep(0.4)
        thread.join()
        running.wait_until_folded()

        assert projector.process.poll() is None
        fenced = 'callfold_commits_total{result="FencedError"}'
        assert 1 <= metric(projector.probes_url, fenced)
        (in_log,) = column(database_url, "SELECT sum(events)::bigint FROM callfold.log_segments")
        assert _BURSTS * 200 == in_log
