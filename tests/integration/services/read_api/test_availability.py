"""The process with no database, an empty one, a foreign generation, a taken port."""

import signal
import socket
import tempfile
from pathlib import Path

import psycopg

from services.tooling.embedded import EmbeddedServers
from shared.folds.states import FOLD_VERSION
from shared.storage.api_keys import create_api_key
from shared.storage.schema import engine_of, migrate
from tests.installation import free_port
from tests.integration.services.read_api.given import ORGANIZATION, Generation
from tests.integration.services.read_api.process import (
    running_read_api,
    start_read_api,
)

_TARGET = "/program-execution/spring/report"


def test_empty_database_is_unavailable_until_laid_out(empty_database_url: str) -> None:
    """503 that says what is missing; once a projector migrated, reports work by themselves."""
    with running_read_api(empty_database_url) as read_api:
        ready = read_api.get("/readyz")
        assert (503, True) == (ready.status, b"not laid out" in ready.body)
        answer = read_api.get(_TARGET, "cf_00_secret")
        assert (503, 503, "Service Unavailable") == (
            answer.status,
            answer.json["statusCode"],
            answer.json["error"],
        )
        assert "not laid out" in answer.json["message"]
        assert int(answer.headers["retry-after"]) > 0
        migrate(empty_database_url, 1)
        key = create_api_key(empty_database_url, ORGANIZATION, ["read"], "tests")
        assert 200 == read_api.get("/readyz").status
        assert 404 == read_api.get(_TARGET, key).status


def test_generation_of_another_fold_version_is_not_read(database_url: str) -> None:
    """Its states may mean something else."""
    migrate(database_url, 1)
    key = create_api_key(database_url, ORGANIZATION, ["read"], "tests")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE callfold.generations SET fold_version = %s", (FOLD_VERSION + 1,))
    with running_read_api(database_url) as read_api:
        ready, answer = read_api.get("/readyz"), read_api.get(_TARGET, key)
        assert (503, 503) == (ready.status, answer.status)
        assert f"fold version {FOLD_VERSION + 1}" in answer.json["message"]


def test_database_that_goes_away_and_comes_back() -> None:
    """503 with Retry-After meanwhile, then reports again, without a restart of ours."""
    with (
        tempfile.TemporaryDirectory(prefix="callfold-tests-") as folder,
        EmbeddedServers.start(Path(folder) / "data") as servers,
    ):
        migrate(servers.database_url, 1)
        key = create_api_key(servers.database_url, ORGANIZATION, ["read"], "tests")
        engine = engine_of(servers.database_url)
        Generation(engine).mention()
        engine.dispose()
        with running_read_api(servers.database_url) as read_api:
            assert 200 == read_api.get(_TARGET, key).status
            servers.postgres.kill()
            # The report is kept, and answered until the change feed has lost its connection.
            away = read_api.wait_until(_TARGET, 503, key)
            assert away.json["error"] == "Service Unavailable"
            assert "PostgreSQL does not answer" in away.json["message"]
            assert int(away.headers["retry-after"]) > 0
            assert 503 == read_api.get("/readyz").status
            assert 200 == read_api.get("/livez").status
            servers.restart_ended()
            read_api.wait_until("/readyz", 200)
            assert 200 == read_api.get(_TARGET, key).status


def test_restarted_database_costs_no_request(database_url: str) -> None:
    """Connections that died while idle are replaced within the request that finds them dead."""
    migrate(database_url, 1)
    key = create_api_key(database_url, ORGANIZATION, ["read"], "tests")
    with running_read_api(database_url) as read_api:
        assert 404 == read_api.get(_TARGET, key).status
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )
        assert 404 == read_api.get(_TARGET, key).status


def test_taken_port_ends_with_one_line(database_url: str) -> None:
    """Exit code 1, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start_read_api(database_url, port)
        _, errors = process.communicate(timeout=20)
    assert 1 == process.returncode
    assert [f"read-api: port {port} of 127.0.0.1 is taken"] == [
        line.split(";")[0] for line in errors.splitlines()
    ]
    assert "CALLFOLD_READ_API_PORT" in errors


def test_second_read_api_on_the_same_port_is_refused(database_url: str) -> None:
    """The server itself would share the port between the two."""
    with running_read_api(database_url) as read_api:
        process = start_read_api(database_url, read_api.port)
        _, errors = process.communicate(timeout=20)
        assert (1, 1) == (process.returncode, len(errors.splitlines()))


def test_missing_database_url_ends_with_one_line() -> None:
    """Exit code 1, naming the variable."""
    process = start_read_api(None, free_port())
    _, errors = process.communicate(timeout=20)
    assert (1, 1) == (process.returncode, len(errors.splitlines()))
    assert "CALLFOLD_DATABASE_URL" in errors


def test_ctrl_c_ends_cleanly(database_url: str) -> None:
    """Like SIGTERM, which every other test here ends with."""
    with running_read_api(database_url) as read_api:
        read_api.process.send_signal(signal.SIGINT)
        assert 0 == read_api.process.wait(timeout=20)
