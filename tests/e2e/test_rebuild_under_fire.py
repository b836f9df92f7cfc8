"""A rebuild beside live traffic, while it, a projector and PostgreSQL are killed at any moment."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from json import loads
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from services.tooling.embedded import EmbeddedServers
from shared.limits import SWITCH_BARRIER_MS
from tests.command_line import run_callfold, start_callfold
from tests.e2e.polling import Poller, Published
from tests.installation import Installation, installation, live, until
from tests.same_generations import differing_tables
from tests.whole_system import assert_conserved, assert_equals_model, messy_events, reference

_CONTACTS = 1_800
#: Of the events so many are there when the first rebuild begins, and when the last one does.
_BEFORE, _BEFORE_LAST = 0.4, 0.75
#: 6,000 events a second: half of what two projectors fold beside a rebuild and the readers, on two
#: cores that publish as well (12,000, measured 2026-11).
_PART, _EVERY_S = 300, 0.05
_KILLS = 5
_EXECUTIONS = ["execution 0", "execution 1"]


@contextmanager
def live_traffic(published: Published, events: list[dict[str, Any]]) -> Iterator[None]:
    """Publish some hundred events a second until the block ends, then the rest."""
    waiting = [events[at : at + _PART] for at in range(0, len(events), _PART)][::-1]
    done = Event()

    def flow() -> None:
        while waiting and not done.wait(_EVERY_S):
            published.add(waiting.pop())

    publishing = Thread(target=flow)
    publishing.start()
    try:
        yield
    finally:
        done.set()
        publishing.join()
        published.add([event for part in reversed(waiting) for event in part])


def start_rebuild(running: Installation) -> "subprocess.Popen[str]":
    """The command, as an operator gives it."""
    return start_callfold(
        "rebuild", "--json", "--processes", "2",
        database_url=running.database_url, redis_url=running.redis_url,
    )  # fmt: skip


def killed_rebuild(running: Installation, after_s: float, number: int) -> int:
    """Begin a rebuild and end it by a signal after it began to fold; returns its exit code."""
    since = datetime.now(UTC)
    with start_rebuild(running) as process:
        until(lambda: _folds(running, since), "a generation is being built")
        time.sleep(after_s)
        process.send_signal(number)
        process.communicate(timeout=30)
    return process.returncode


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_rebuild_survives_everything_and_readers_notice_nothing(tmp_path: Path) -> None:
    """Resumed after each death; at the switch both generations are equal, and equal the model."""
    chance = random.Random(11)
    events = messy_events(seed=11, contacts=_CONTACTS)
    before, last = int(len(events) * _BEFORE), int(len(events) * _BEFORE_LAST)
    with (
        EmbeddedServers.start(tmp_path / "data") as servers,
        installation(servers.redis_url, servers.database_url) as running,
    ):
        projectors = [running.start_projector() for _ in range(2)]
        published = Published(servers.redis_url)
        published.add(events[:before])
        running.start_read_api()
        running.wait_until_folded()
        with Poller(running, _EXECUTIONS) as poller:
            with live_traffic(published, events[before:last]):
                for _ in range(_KILLS):
                    killed = killed_rebuild(running, chance.uniform(0.0, 1.5), signal.SIGKILL)
                    assert killed == -9
                running.kill(projectors.pop())
                running.start_projector()
                with start_rebuild(running) as rebuild:
                    time.sleep(chance.uniform(1.0, 3.0))
                    servers.postgres.kill()
                    servers.postgres.restart()
                    rebuild.communicate(timeout=60)
                assert rebuild.returncode in {0, 1}
                assert killed_rebuild(running, chance.uniform(0.0, 1.0), signal.SIGINT) in {0, 130}
            with live_traffic(published, events[last:]):
                outcome = _rebuild_beside_another(running)
        running.wait_until_folded()

        assert outcome["resumed"]
        assert outcome["events"] < len(published.events)
        assert outcome["comparison"]["equal"]
        assert outcome["switched"]
        assert outcome["barrierMs"] < SWITCH_BARRIER_MS
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            now_live = live(connection)
            assert now_live == outcome["generation"]
            assert differing_tables(connection, outcome["liveBefore"], now_live) == {}
        assert_equals_model(running, reference(published.events))
        assert_conserved(running, published.events)
        poller.judge(published)


def _folds(running: Installation, since: datetime) -> bool:
    with psycopg.connect(running.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            " AND backend_start > %s",
            ("callfold rebuild writes", since),
        ).fetchone()
    return row != (0,)


def _rebuild_beside_another(running: Installation) -> dict[str, Any]:
    """Rebuild to the end; meanwhile another one is refused, and told who is first."""
    since = datetime.now(UTC)
    with start_rebuild(running) as first:
        until(lambda: _folds(running, since), "a generation is being built")
        second = run_callfold("rebuild", "--dry-run", database_url=running.database_url)
        if first.poll() is None:
            assert second.returncode == 1
            assert "is under way (callfold rebuild by " in second.stderr
        output, errors = first.communicate(timeout=90)
    assert first.returncode == 0, errors
    outcome: dict[str, Any] = loads(output)
    return outcome
