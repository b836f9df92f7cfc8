"""An execution of many calls: those of a folded campaign, repeated in the database.

Folding so many would take longer than what is measured; nothing that an export reads can tell.
"""

from collections.abc import Mapping
from typing import Final

import psycopg

from tests.bench.product import Product
from tests.bench.workbench import Workbench

EXECUTION_ID: Final = "execution-many"
_TEMPLATE: Final = "execution-01"
_EVENTS: Final = 100_000
_BESIDE: Final = {
    "execution_id": "%(execution)s",
    "contact_id": "s.contact_id || '-' || copy",
}
_CALLS: Final = "kind = 'call' AND execution_id LIKE 'execution-__'"


def many_calls(bench: Workbench, running: Product, calls: int) -> int:
    """Make the execution in a fresh installation; returns how many calls it has: about `calls`."""
    load = bench.load(_EVENTS)
    bench.publish_fresh(load)
    running.start_projectors(1)
    running.wait_until_caught_up(bench.servers.stream_ends())
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        row = connection.execute(f"SELECT count(*) FROM gen_1.attempts WHERE {_CALLS}").fetchone()
        assert row is not None
        template = int(row[0])
        copies = max(1, round(calls / template))
        bench.note(f"repeating {template:,} calls {copies} times")
        _repeat(connection, copies)
    running.vacuum()
    return template * copies


def _repeat(connection: psycopg.Connection, copies: int) -> None:
    repeated = "CROSS JOIN generate_series(1, %(copies)s) AS copy"
    names = {"last_name": "s.last_name || ' ' || copy * 7919 %% 10007"}
    ids = {"attempt_id": "left(s.attempt_id, 24) || lpad(copy::text, 12, '0')"}
    template = "WHERE execution_id = %(template)s"
    _copy(connection, "contacts", _BESIDE | names, repeated, copies)
    _copy(connection, "attempts", _BESIDE | ids, f"{repeated} WHERE {_CALLS}", copies)
    for table in ("executions", "execution_mentions"):
        _copy(connection, table, _BESIDE, template, copies)
    connection.execute(
        "INSERT INTO gen_1.attempt_tallies"
        " SELECT organization_id, %(execution)s, kind, attempt, status,"
        "   sum(attempts) * %(copies)s, 0, 0, 0, 0, 0"
        f" FROM gen_1.attempt_tallies WHERE {_CALLS}"
        " GROUP BY organization_id, kind, attempt, status",
        {"execution": EXECUTION_ID, "copies": copies},
    )


def _copy(
    connection: psycopg.Connection,
    table: str,
    changed: Mapping[str, str],
    source: str,
    copies: int,
) -> None:
    columns = [
        row[0]
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum",
            (f"gen_1.{table}",),
        )
    ]
    chosen = ", ".join(changed.get(name, f"s.{name}") for name in columns)
    connection.execute(
        f"INSERT INTO gen_1.{table} SELECT {chosen} FROM gen_1.{table} AS s {source}",
        {"execution": EXECUTION_ID, "template": _TEMPLATE, "copies": copies},
    )
