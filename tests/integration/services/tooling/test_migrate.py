"""`callfold migrate` against a real PostgreSQL: an empty one, and one that is up to date."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from services.tooling.__main__ import app
from shared.contracts.stream_names import PARTITIONS_KEY
from shared.delivery.connection import redis_client
from shared.storage.audit import latest_audit
from shared.storage.connection import connect
from shared.storage.schema import migrate
from tests.command_line import run_callfold


def _migrate(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["migrate", *arguments, "--json"])
    assert 0 == result.exit_code, result.output
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def test_migrations_are_named_before_and_noted_after(
    empty_database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run lists them and leaves the database empty; one audit row says who ran them."""
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", empty_database_url)
    would = _migrate("--dry-run")
    assert (True, None) == (would["dryRun"], would["partitions"])
    numbers = [migration.partition(":")[0] for migration in would["migrations"]]
    assert [f"{n:04}" for n in range(1, len(numbers) + 1)] == numbers
    assert len(numbers) >= 4
    with connect(empty_database_url, "test") as connection:
        assert (None,) == connection.execute("SELECT to_regnamespace('callfold')").fetchone()

        monkeypatch.setenv("CALLFOLD_REDIS_URL", redis_url)
        client: Any = redis_client(redis_url)
        client.set(PARTITIONS_KEY, "3")
        assert (would["migrations"], 3) == tuple(
            _migrate("--as", "ann")[key] for key in ("migrations", "partitions")
        )
        assert ([], 3) == tuple(_migrate()[key] for key in ("migrations", "partitions"))
        assert [] == _migrate("--dry-run")["migrations"]

        (row,) = latest_audit(connection, 10)
    assert ("ann", "migrate", "done") == (row.who, row.command, row.outcome)
    assert {"migrations": would["migrations"]} == row.arguments


def test_command_on_an_empty_database_says_what_to_do(empty_database_url: str) -> None:
    """One line and exit code 1, whatever table was missed first."""
    for command in (("audit",), ("keys", "list"), ("breaker", "release")):
        done = run_callfold(*command, database_url=empty_database_url)
        assert (1, "") == (done.returncode, done.stdout), command
        assert "not laid out for Callfold yet; `callfold migrate`" in done.stderr
        assert 1 == done.stderr.count("\n"), done.stderr


def test_database_of_a_newer_release_is_left_alone(database_url: str, redis_url: str) -> None:
    """One line that names the migration which this release does not have."""
    migrate(database_url, 1)
    with connect(database_url, "test") as connection:
        connection.execute("UPDATE callfold.alembic_version SET version_num = '9999'")

    done = run_callfold("migrate", database_url=database_url, redis_url=redis_url)

    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert "9999" in done.stderr
