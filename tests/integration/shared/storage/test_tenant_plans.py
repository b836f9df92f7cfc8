"""Statements about organizations as the reading role runs them: by the index, and by two locks.

Each names the organization itself, so that row-level security only confirms it; and that costs no
statement the index by which it finds its rows.
"""

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import psycopg
import pytest

from shared.storage.connection import connect
from shared.storage.read_pool import PLANS, statement_text
from shared.storage.report_connections import _statement
from shared.storage.schema import migrate
from shared.storage.tables import OWNERS
from shared.storage.tenancy import READ_ROLE
from tests.integration.shared.storage.lane_owner import PARTITIONS
from tests.integration.shared.storage.two_generations import fold, given_events
from tests.servers import ServersForTests, fresh_database

_SQL = {
    file.name.removesuffix(".sql"): file.read_text()
    for file in (files("shared.storage") / "sql").iterdir()
    if file.name.endswith(".sql")
}


def filled(name: str) -> str:
    """A statement with its fragments, but for the generation and the owner."""
    return statement_text(name, "{generation}", "{owner}")


def _owners(text: str) -> list[str]:
    """For whom a list of attempts is asked; one empty owner for all other statements."""
    return [f"{owner}_id" for owner in OWNERS] if "{owner}" in text else [""]


#: Every statement about an organization's rows of a generation, and the owner it is asked for.
_STATEMENTS = sorted(
    (name, owner)
    for name, text in _SQL.items()
    if not text.startswith("-- Part of")
    and {"{generation}", "%(organization_id)s"}
    <= set(re.findall(r"\{generation\}|%\(organization_id\)s", filled(name)))
    for owner in _owners(filled(name))
)


class Scan(NamedTuple):
    """How a plan reads one table."""

    table: str
    alias: str
    kind: str
    found_by: str
    #: Of the index' condition.
    terms: tuple[str, ...]


@pytest.fixture(scope="module")
def connection(servers: ServersForTests) -> Iterator[psycopg.Connection]:
    """As the owner of an installation with two organizations, whose statistics are known."""
    with fresh_database(servers) as url:
        migrate(url, PARTITIONS)
        fold(url, 1, given_events())
        with connect(url, "plans") as opened:
            opened.execute("ANALYZE")
            opened.execute(PLANS)
            yield opened


def scans(connection: psycopg.Connection, name: str, owner: str, role: str) -> list[Scan]:
    """How the statement reads tables of the generation, as it is prepared for each connection."""
    statement = _statement(statement_text(name, "gen_1", owner))
    connection.execute(f"SET ROLE {role}".encode())
    try:
        connection.execute(b"PREPARE asked AS " + statement.command)
        values = f"({', '.join(['NULL'] * len(statement.names))})" if statement.names else ""
        explain = f"EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE asked{values}"
        row = connection.execute(explain.encode()).fetchone()
        connection.execute("DEALLOCATE asked")
    finally:
        connection.execute("RESET ROLE")
    assert row is not None
    return sorted(_scans(row[0][0]["Plan"]))


def _scans(node: dict[str, Any]) -> Iterator[Scan]:
    if node.get("Schema") == "gen_1":
        # The role's plan casts what the owner's takes as it is; plans within it are numbered anew.
        condition = re.sub(r"\((\$\d+)\)::text", r"\1", node.get("Index Cond", ""))
        condition = re.sub(r"(InitPlan|SubPlan) \d+", r"\1", condition)
        terms = tuple(sorted(set(condition.removeprefix("(").removesuffix(")").split(" AND "))))
        kind, index = node["Node Type"], node.get("Index Name", "")
        yield Scan(node["Relation Name"], node["Alias"], kind, index, terms)
    for inner in node.get("Plans", ()):
        yield from _scans(inner)


def test_statements_are_all_here() -> None:
    """What the tests below run over is what reports, lists and exports ask."""
    names = {name for name, _owner in _STATEMENTS}
    assert {"main_report", "billing", "call_history", "workflow_executions"} <= names
    assert 4 == len([owner for name, owner in _STATEMENTS if name == "call_executions"])


@pytest.mark.parametrize(("name", "owner"), _STATEMENTS)
def test_statement_is_as_fast_for_the_role_as_for_the_owner(
    connection: psycopg.Connection, name: str, owner: str
) -> None:
    """The same tables by the same indexes and conditions, of which one is the organization."""
    by_owner = scans(connection, name, owner, "callfold")
    for scan in by_owner:
        assert "Index" in scan.kind, scan
        assert any("organization_id = $" in term for term in scan.terms), scan
    assert by_owner == scans(connection, name, owner, READ_ROLE)
    assert by_owner
