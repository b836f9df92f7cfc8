"""Files that are made by jobs: asked for, made, read, removed, expired, and after a kill."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from shared.limits import EXPORT_JOBS_OPEN_MAX, EXPORT_TRIES_MAX
from shared.storage.api_keys import create_api_key
from shared.storage.export_jobs import ExportJobs
from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import ReadPool
from shared.storage.report_connections import ReportConnections
from tests.http_answers import Answer, ask, named_headers
from tests.installation import free_port, until
from tests.integration.services.read_api.exports.given import PATH, events
from tests.integration.services.read_api.flow_events import EXECUTION, fold
from tests.integration.services.read_api.process import ReadApi, start_read_api

_EXPORTS = f"{PATH}/exports"
_CALLS = 4


@pytest.fixture(scope="module", autouse=True)
def _folded(read_url: str) -> None:
    fold(read_url, *events())


@pytest.fixture(autouse=True)
def _no_jobs(read_url: str) -> Iterator[None]:
    """Each test begins without jobs."""
    yield
    with psycopg.connect(read_url) as connection:
        connection.execute("DELETE FROM callfold.exports")


@contextmanager
def _stalled(database_url: str) -> Iterator[None]:
    """Keep files from being read meanwhile."""
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE gen_1.attempts IN ACCESS EXCLUSIVE MODE")
        yield


def _ask(port: int, key: str, body: bytes = b"") -> Answer:
    return ask(port, "POST", _EXPORTS, named_headers({}, key), body)


def _asked(port: int, key: str, body: bytes = b"") -> str:
    answer = _ask(port, key, body)
    assert (202, f"exports/{answer.json['exportId']}") == (
        answer.status,
        answer.headers["location"],
    )
    return str(answer.json["exportId"])


def _job(read_api: ReadApi, key: str, export_id: str) -> Any:
    return read_api.get(f"{_EXPORTS}/{export_id}", key).json


def _made(read_api: ReadApi, key: str, export_id: str) -> Any:
    until(lambda: _job(read_api, key, export_id)["status"] == "completed", "the file is made")
    return _job(read_api, key, export_id)


@pytest.mark.parametrize(
    ("body", "target"),
    (
        (b"", "calls/export"),
        (b'{"format":"csv","profile":"machine"}', "calls/export?format=csv&profile=machine"),
    ),
)
def test_job_makes_the_file_that_is_streamed(
    read_api: ReadApi, key: str, body: bytes, target: str
) -> None:
    """Byte for byte, with its length, checksum and name."""
    export_id = _asked(read_api.port, key, body)
    job = _made(read_api, key, export_id)
    streamed = read_api.get(f"{PATH}/report/{target}", key)
    download = read_api.get(f"{_EXPORTS}/{export_id}/download", key)
    assert streamed.body == download.body
    for name in ("content-type", "content-disposition"):
        assert streamed.headers[name] == download.headers[name]
    assert str(job["bytes"]) == download.headers["content-length"]
    assert job["sha256"] == hashlib.sha256(download.body).hexdigest()
    assert job["rows"] == job["rowsTotal"]
    assert _CALLS == job["rows"]
    assert job["requestedAt"] <= job["startedAt"] <= job["finishedAt"] < job["expiresAt"]
    head = read_api.get(f"{_EXPORTS}/{export_id}/download", key, "HEAD")
    assert (200, b"", str(job["bytes"])) == (head.status, head.body, head.headers["content-length"])


def test_jobs_are_listed_newest_first_and_removed(read_api: ReadApi, key: str) -> None:
    """What is removed is unknown afterwards, its file too."""
    ids = [_asked(read_api.port, key) for _ in range(2)]
    for export_id in ids:
        _made(read_api, key, export_id)
    listed = read_api.get(_EXPORTS, key).json["data"]
    assert ids[::-1] == [job["exportId"] for job in listed]
    assert 204 == read_api.get(f"{_EXPORTS}/{ids[0]}", key, "DELETE").status
    for target in (ids[0], f"{ids[0]}/download"):
        answer = read_api.get(f"{_EXPORTS}/{target}", key)
        assert (404, "application/problem+json") == (answer.status, answer.headers["content-type"])
    assert [ids[1]] == [job["exportId"] for job in read_api.get(_EXPORTS, key).json["data"]]


@pytest.mark.parametrize(
    "body",
    (b"{", b"[]", b'{"format":"pdf"}', b'{"kind":"summary","format":"parquet"}', b'{"kind":"x"}'),
)
def test_impossible_job_is_refused(read_api: ReadApi, key: str, body: bytes) -> None:
    """As problem details."""
    answer = _ask(read_api.port, key, body)
    assert (400, "application/problem+json") == (answer.status, answer.headers["content-type"])


def test_foreign_jobs_do_not_exist(read_api: ReadApi, read_url: str, key: str) -> None:
    """For another organization and for another execution; nor does an unknown execution."""
    foreign = create_api_key(read_url, "other", ["read"], "tests")
    export_id = _asked(read_api.port, key)
    _made(read_api, key, export_id)
    for method in ("GET", "DELETE"):
        assert 404 == read_api.get(f"{_EXPORTS}/{export_id}", foreign, method).status
        elsewhere = f"/program-execution/autumn/exports/{export_id}"
        assert 404 == read_api.get(elsewhere, key, method).status
    assert 404 == read_api.get(f"{_EXPORTS}/{export_id}/download", foreign).status
    assert 404 == _ask(read_api.port, foreign).status
    assert 200 == read_api.get(f"{_EXPORTS}/{export_id}/download", key).status


def test_reader_role_sees_its_organizations_files_alone(read_url: str) -> None:
    """By direct SQL, in both tables; and it may not write."""
    with psycopg.connect(read_url) as connection:
        for organization_id in ("acme", "other"):
            connection.execute(
                "INSERT INTO callfold.exports (organization_id, export_id, execution_id, kind,"
                " format, profile, status, rows, rows_total, bytes)"
                " VALUES (%s, 'e', 'x', 'calls', 'csv', 'default', 'failed', 0, 0, 0)",
                (organization_id,),
            )
            connection.execute(
                "INSERT INTO callfold.export_parts VALUES (%s, 'e', 0, '')", (organization_id,)
            )
        connection.commit()
        connection.execute("SET ROLE callfold_read")
        for table in ("exports", "export_parts"):
            query = f"SELECT organization_id FROM callfold.{table}"
            assert [] == connection.execute(query).fetchall()
            connection.execute("SET callfold.organization_id = 'acme'")
            assert [("acme",)] == connection.execute(query).fetchall()
            connection.execute("RESET callfold.organization_id")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM callfold.exports")


def test_too_many_jobs_wait_outside(read_api: ReadApi, read_url: str, key: str) -> None:
    """429 beyond the limit; a running one that is removed makes room."""
    with _stalled(read_url):
        ids = [_asked(read_api.port, key) for _ in range(EXPORT_JOBS_OPEN_MAX)]
        until(lambda: _job(read_api, key, ids[0])["status"] == "running", "the first is begun")
        answer = _ask(read_api.port, key)
        assert (429, "application/problem+json") == (answer.status, answer.headers["content-type"])
        waiting = read_api.get(f"{_EXPORTS}/{ids[1]}/download", key)
        assert (409, "the export is queued") == (waiting.status, waiting.json["detail"])
        assert 204 == read_api.get(f"{_EXPORTS}/{ids[0]}", key, "DELETE").status
        ids = [*ids[1:], _asked(read_api.port, key)]
    _made(read_api, key, ids[0])


async def test_file_expires(read_api: ReadApi, read_url: str, key: str) -> None:
    """410 then: the job is remembered, its parts are gone."""
    export_id = _asked(read_api.port, key)
    _made(read_api, key, export_id)
    pool = ReadPool(read_url, 1)
    await pool.open()
    with psycopg.connect(read_url, autocommit=True) as connection:
        connection.execute("UPDATE callfold.exports SET expires_at = now()")
        await ExportJobs(pool, LiveQueries(ReportConnections(read_url, 1)), "tests").expire()
        assert [] == connection.execute("SELECT part FROM callfold.export_parts").fetchall()
    await pool.close()
    assert "expired" == _job(read_api, key, export_id)["status"]
    assert 410 == read_api.get(f"{_EXPORTS}/{export_id}/download", key).status


def test_job_outlives_the_process_that_made_it(read_api: ReadApi, read_url: str, key: str) -> None:
    """After kill -9 another process begins it anew, and the file is whole."""
    with _running_elsewhere(read_api, read_url, key) as export_id:
        pass
    job = _made(read_api, key, export_id)
    assert _CALLS == job["rows"]
    download = read_api.get(f"{_EXPORTS}/{export_id}/download", key)
    assert job["sha256"] == hashlib.sha256(download.body).hexdigest()


def test_job_that_kills_its_process_fails(read_api: ReadApi, read_url: str, key: str) -> None:
    """It is not begun for ever."""
    with psycopg.connect(read_url) as connection:
        connection.execute(
            "INSERT INTO callfold.exports (organization_id, export_id, execution_id, kind, format,"
            " profile, status, rows, rows_total, bytes, heard_at, tries)"
            " VALUES ('acme', 'bad', %s, 'calls', 'csv', 'default', 'running', 0, 0, 0,"
            " now() - interval '1 hour', %s)",
            (EXECUTION, EXPORT_TRIES_MAX),
        )
    until(lambda: _job(read_api, key, "bad")["status"] == "failed", "it is given up")
    assert "died" in _job(read_api, key, "bad")["error"]
    assert 409 == read_api.get(f"{_EXPORTS}/bad/download", key).status


@contextmanager
def _running_elsewhere(read_api: ReadApi, read_url: str, key: str) -> Iterator[str]:
    """A job in the middle of which another process was killed; afterwards it counts as silent."""
    with _stalled(read_url):
        # The module's own process holds another job, so that the second one goes elsewhere.
        first = _asked(read_api.port, key)
        until(lambda: _job(read_api, key, first)["status"] == "running", "the first is begun")
        port = free_port()
        other = start_read_api(read_url, port)
        second = ReadApi(port, other)
        until(lambda: _answers(second), "the second process listens")
        export_id = _asked(port, key)
        until(lambda: _job(second, key, export_id)["status"] == "running", "the second is begun")
        other.kill()
        other.communicate()
        until(lambda: _sessions(read_url) == 1, "the killed process' file is read no more")
        assert "running" == _job(read_api, key, export_id)["status"]
        yield export_id
        with psycopg.connect(read_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE callfold.exports SET heard_at = now() - interval '1 hour'"
                " WHERE export_id = %s",
                (export_id,),
            )


def _answers(read_api: ReadApi) -> bool:
    try:
        return read_api.get("/readyz").status == 200
    except OSError:
        time.sleep(0.02)
        return False


def _sessions(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'callfold export' AND datname = current_database()"
        ).fetchone()
    return int(row[0]) if row else 0
