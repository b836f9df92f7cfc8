"""The process itself: what it prints and how it ends where it cannot run, and its clean end."""

import os
import signal
import socket
import subprocess
import sys

import psycopg
import pytest
import redis

from shared.limits import PARTITIONS_DEFAULT
from shared.storage.schema import migrate
from tests.installation import free_port, installation, until
from tests.integration.services.projector.lanes_at_hand import call, calls, column, publish, ready
from tests.integration.services.projector.lanes_at_hand import start_ready as start

_PATIENCE_S = 30


def run_to_its_end(**settings: str) -> tuple[int, list[str]]:
    """Start a projector that cannot run; its exit code and the lines that it prints."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CALLFOLD_")}
    environment = inherited | {f"CALLFOLD_{name.upper()}": v for name, v in settings.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "services.projector"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({}, "CALLFOLD_REDIS_URL is not set"),
        ({"redis_url": "redis://x"}, "CALLFOLD_DATABASE_URL is not set"),
        ({"lease_ms": "soon"}, "CALLFOLD_LEASE_MS"),
        ({"probe_port": "70000"}, "CALLFOLD_PROBE_PORT"),
    ),
)
def test_impossible_setting_is_one_line(settings: dict[str, str], words: str) -> None:
    """It names the variable, so that an operator need not read a trace."""
    code, lines = run_to_its_end(**settings)

    assert 1 == code
    assert 1 == len(lines)
    assert words in lines[0]


def test_taken_port_is_one_line(redis_url: str, database_url: str) -> None:
    """It names the port; no lane is taken before, so nobody has to wait for a lease."""
    migrate(database_url, PARTITIONS_DEFAULT)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, lines = run_to_its_end(
            redis_url=redis_url, database_url=database_url, probe_port=str(port)
        )

    assert 1 == code
    assert 1 == len(lines), lines
    assert str(port) in lines[0]
    assert {0} == set(column(database_url, "SELECT epoch FROM callfold.leases"))


def test_projector_of_another_release_stands_by_until_its_generation_is_live(
    redis_url: str, database_url: str
) -> None:
    """It takes no lane, says what to do, and folds as soon as it may."""
    migrate(database_url, PARTITIONS_DEFAULT)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE callfold.generations SET fold_version = fold_version + 1")
    with installation(redis_url, database_url) as running:
        port = free_port()
        running.start_projector(probe_port=str(port))
        url = f"http://127.0.0.1:{port}"
        until(lambda: "callfold rebuild" in ready(url)[1], "it says that it stands by")
        assert 503 == ready(url)[0]
        assert {None} == set(column(database_url, "SELECT owner FROM callfold.leases"))

        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE callfold.generations SET fold_version = fold_version - 1")
        until(lambda: ready(url) == (200, "ok"), "it folds")


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_projector_ends_cleanly_when_told(
    redis_url: str, database_url: str, number: signal.Signals
) -> None:
    """What was folded is committed, exit code 0, no lease is left and nobody counts as alive."""
    with installation(redis_url, database_url) as running:
        projector = start(running)
        with redis.Redis.from_url(redis_url) as client:
            publish(client, [call(f"call-{n}") for n in range(500)])
        running.wait_until_folded()
        projector.process.send_signal(number)

        assert 0 == projector.process.wait(timeout=15)
        running.processes.clear()
    assert 500 == len(calls(database_url, "call-"))
    assert {None} == set(column(database_url, "SELECT owner FROM callfold.leases"))
    assert [] == column(database_url, "SELECT projector FROM callfold.projectors")
