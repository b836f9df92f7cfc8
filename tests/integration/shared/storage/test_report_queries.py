"""The report queries on a real PostgreSQL: that each can be prepared, and which flow they join."""

from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import insert

from shared.contracts.codec import decode_event
from shared.contracts.envelope import Event
from shared.folds.execution import evolve_execution
from shared.folds.states import encode_state
from shared.storage import tables
from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import statement_text
from shared.storage.report_connections import ReportConnections
from shared.storage.report_queries import ReportQueries
from shared.storage.schema import engine_of, migrate

_FILES = {
    file.name.removesuffix(".sql"): file.read_text()
    for file in sorted((files("shared.storage") / "sql").iterdir(), key=lambda file: file.name)
    if file.name.endswith(".sql")
}
_QUERIES = [name for name, text in _FILES.items() if not text.startswith("-- Part of")]
#: psycopg keeps the converted form of statements up to this length; longer ones are read each time.
_KEPT_CHARS_MAX = 4096
#: Those go over psycopg nowhere.
_PIPELINED = {
    name for name in _QUERIES if "{owned_attempts}" in _FILES[name] or name.startswith("campaign_")
}
#: One of the four whom attempts may belong to.
_OWNER = "program_id"

#: Ten executions of a thousand calls, each to a contact of its own.
_CALLS = """
    INSERT INTO gen_1.attempts (
        organization_id, attempt_id, revision, state, records, positions, contribution,
        kind, execution_id, contact_id, attempt, status, started_us, number
    )
    SELECT 'acme', n::text, 1, '', '', '', '{}', 'call', (n % 10)::text, n::text, 1, '1', n, n
    FROM generate_series(1, 10000) AS n
"""


@pytest.fixture
def installed_url(database_url: str) -> str:
    """A database that is laid out."""
    migrate(database_url, 1)
    return database_url


@pytest.fixture
def connection(installed_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to it."""
    with psycopg.connect(installed_url, autocommit=True) as connected:
        yield connected


@pytest.fixture
async def queries(installed_url: str) -> AsyncIterator[ReportQueries]:
    """The queries above it."""
    connections = ReportConnections(installed_url, 1)
    yield ReportQueries(LiveQueries(connections))
    await connections.close()


@pytest.mark.parametrize("name", _FILES)
def test_file_begins_with_what_it_is_for(name: str) -> None:
    """An operator who pastes it into psql reads first what it answers."""
    first = _FILES[name].splitlines()[0]
    assert first.startswith("-- ")
    assert len(first) > 20


@pytest.mark.parametrize("name", _QUERIES)
def test_query_is_prepared_once(connection: psycopg.Connection[Any], name: str) -> None:
    """It is valid, and short enough that psycopg remembers its converted form."""
    text = statement_text(name, "gen_1", _OWNER)
    assert name in _PIPELINED or len(text.encode()) <= _KEPT_CHARS_MAX
    for _again in range(2):
        connection.execute(text, _AnyParameters(), prepare=True)
    prepared = connection.execute("SELECT generic_plans + custom_plans FROM pg_prepared_statements")
    assert [(2,)] == prepared.fetchall()


@pytest.mark.parametrize("name", [name for name in _QUERIES if "call_history" in name])
def test_page_of_calls_is_found_by_index(connection: psycopg.Connection[Any], name: str) -> None:
    """No scan of all attempts, and by the contact where there is one."""
    connection.execute(_CALLS)
    connection.execute("ANALYZE gen_1.attempts")
    text = statement_text(name, "gen_1")
    plan = connection.execute(f"EXPLAIN {text}", _AnyParameters()).fetchall()
    lines = "\n".join(line for (line,) in plan)
    assert "Seq Scan on attempts" not in lines
    wanted, other = "attempts_history", "attempts_by_contact"
    if "contact" in name:
        wanted, other = other, wanted
    assert f"using {wanted}" in lines
    assert f"using {other}" not in lines


@pytest.mark.parametrize(
    ("said_version", "started", "expected"),
    (
        (None, "2025-12-20T12:00:00Z", 2),
        (None, "2025-12-20T11:59:59.999999Z", 5),
        (None, "2025-12-21T00:00:00Z", 9),
        (None, "2025-12-01T00:00:00Z", 2),
        (None, None, 2),
        (9, "2025-12-01T00:00:00Z", 9),
        (3, "2025-12-21T00:00:00Z", None),
    ),
)
async def test_flow_is_joined_in_the_version_in_use(
    installed_url: str,
    queries: ReportQueries,
    said_version: int | None,
    started: str | None,
    expected: int | None,
) -> None:
    """The said one; else the highest published by the start, else the lowest (events.md)."""
    published = {5: "2025-12-20T10:00:00Z", 2: "2025-12-20T11:00:00Z", 9: "2025-12-20T12:00:00.1Z"}
    if started == "2025-12-20T12:00:00Z":
        published[5] = "2025-12-20T12:00:00.000001Z"
    _insert(installed_url, published, said_version, started)
    for _again in range(2):  # remembered from the first time
        found = await queries.node_stats("acme", "spring")
        assert found is not None
        assert expected == (None if found.flow is None else found.flow.version)


class _AnyParameters(dict[str, object]):
    """Some value for every parameter that a query asks for."""

    def __missing__(self, name: str) -> object:
        if name == "organization_id":
            return "acme"
        return 1 if name in {"limit", "noted_s", "inputs_max", "top_max", "skip"} else "1"

    def __contains__(self, name: object) -> bool:
        return True


def _insert(
    database_url: str, published: dict[int, str], said_version: int | None, started: str | None
) -> None:
    state = evolve_execution(
        None, _event("scheduled", "2025-12-01T00:00:00Z", flowId="menu", flowVersion=said_version)
    )
    if started is not None:
        state = evolve_execution(state, _event("started", started))
    owner = {"organization_id": "acme"}
    engine = engine_of(database_url).execution_options(
        schema_translate_map={tables.GENERATION: "gen_1"}
    )
    with engine.begin() as connection:
        connection.execute(
            insert(tables.executions).values(
                **owner,
                execution_id="spring",
                revision=1,
                state=encode_state(state),
                records=b"",
                positions=b"",
                contribution="{}",
                first_us=0,
                last_us=0,
            )
        )
        for version, time in published.items():
            connection.execute(
                insert(tables.flow_versions).values(
                    **owner,
                    flow_id="menu",
                    version=version,
                    published_us=_event("started", time).time_us,
                    flow=f'{{"name":"Menu","version":{version},"nodes":[],"edges":[]}}',
                )
            )
    engine.dispose()


def _event(name: str, time: str, **data: object) -> Event:
    payload = {"programId": "p", **data} if name == "scheduled" else data
    return decode_event(
        msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": name,
                "source": "/dialer",
                "type": f"execution.{name}",
                "subject": "spring",
                "time": time,
                "organizationid": "acme",
                "data": payload,
            }
        )
    )
