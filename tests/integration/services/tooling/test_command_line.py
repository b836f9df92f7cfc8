"""What every command has in common: how it ends, and that a dry run is dry."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from services.tooling.__main__ import app
from shared.storage.audit import latest_audit
from shared.storage.connection import connect
from shared.storage.lanes import open_breakers
from shared.storage.schema import migrate
from tests.command_line import start_callfold
from tests.installation import until


@pytest.fixture
def connection(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """To the database of an installation that the command line is told of."""
    migrate(database_url, 3)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    with connect(database_url, "test") as connected:
        yield connected


def test_interrupted_command_ends_with_130_and_no_word(
    connection: psycopg.Connection, database_url: str
) -> None:
    """Ctrl-C is no error that anybody needs a traceback of."""
    with connection.transaction():
        connection.execute("LOCK TABLE callfold.audit IN ACCESS EXCLUSIVE MODE")
        with start_callfold("audit", database_url=database_url) as process:
            waiting = (
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'callfold audit'"
                " AND datname = current_database() AND wait_event_type = 'Lock'"
            )
            with connect(database_url, "test") as looking:
                until(lambda: bool(looking.execute(waiting).fetchall()), "the command waits")
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=20)
    assert (130, "", "") == (process.returncode, output, errors)


def test_reader_that_went_away_is_no_error() -> None:
    """As of `callfold --help | true`; what is left to write goes nowhere, without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "services.tooling", "--version"],
        stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert b"" == done.stderr
    assert done.returncode in {0, 1}


def test_dry_release_of_breakers_names_lanes_and_releases_none(
    connection: psycopg.Connection,
) -> None:
    """Those asked for that only archive; no audit row, since nothing was done."""
    connection.execute("UPDATE callfold.leases SET archive_only = 'a bug' WHERE lane IN (0, 2)")
    for arguments, lanes in (((), [0, 2]), (("--lane", "2", "--lane", "1"), [2])):
        words = ["breaker", "release", "--dry-run", "--json", *arguments]
        result = CliRunner().invoke(app, words)
        assert 0 == result.exit_code, result.output
        assert {"dryRun": True, "released": lanes} == json.loads(result.stdout)
    assert [0, 2] == list(open_breakers(connection))
    assert [] == latest_audit(connection, 1)
