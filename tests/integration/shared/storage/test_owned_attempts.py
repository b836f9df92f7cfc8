"""Lists of attempts of one owner: each is found by indexes, in the role that reads for a tenant."""

import re
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from shared.storage.read_pool import PLANS, statement_text
from shared.storage.schema import migrate
from shared.storage.tenancy import READ_ROLE
from tests.servers import ServersForTests, fresh_database

_LISTS: Final = ("campaign_executions", "call_executions", "workflow_executions")
#: Ten executions of a thousand attempts, each to a contact of its own; the planner sees that all of
#: it is one organization's.
_ROWS: Final = """
    INSERT INTO gen_1.attempts (
        organization_id, attempt_id, revision, state, records, positions, contribution,
        kind, execution_id, contact_id, attempt, status, started_us, number, program_id
    )
    SELECT 'acme', n::text, 1, '', '', '', '{}', CASE n % 3 WHEN 0 THEN 'sms' ELSE 'call' END,
        (n % 10)::text, n::text, 1, '1', n, n, CASE n % 2 WHEN 0 THEN 'p' END
    FROM generate_series(1, 10000) AS n;
    INSERT INTO gen_1.contacts (
        organization_id, contact_id, revision, state, records, positions, contribution
    )
    SELECT 'acme', n::text, 1, '', '', '', '{}' FROM generate_series(1, 10000) AS n;
    INSERT INTO gen_1.enrolments
        (organization_id, execution_id, contact_id, contacts, status, status_us, first_us)
    SELECT 'acme', (n % 10)::text, n::text, 1, n % 7, n, n FROM generate_series(1, 10000) AS n;
    INSERT INTO gen_1.skipped_contacts
    SELECT organization_id, execution_id, contact_id, contacts, status_us
    FROM gen_1.enrolments WHERE status = 6;
    ANALYZE gen_1.attempts, gen_1.contacts, gen_1.enrolments, gen_1.skipped_contacts;
"""


@pytest.fixture(scope="module")
def reading(servers: ServersForTests) -> Iterator[psycopg.Connection[Any]]:
    """A connection that reads as the read API does."""
    with fresh_database(servers) as url:
        migrate(url, 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_ROWS)
            connection.execute(PLANS)
            connection.execute(f"SET ROLE {READ_ROLE}")
            yield connection


def _plan(connection: psycopg.Connection[Any], name: str, owner: str) -> str:
    """How a statement is answered whatever its parameters are."""
    numbers: dict[str, str] = {}
    text = re.sub(
        r"%\((\w+)\)s",
        lambda found: numbers.setdefault(found[1], f"${len(numbers) + 1}"),
        statement_text(name, "gen_1", owner),
    )
    lines = connection.execute(f"EXPLAIN (GENERIC_PLAN) {text}".encode()).fetchall()
    return "\n".join(line for (line,) in lines)


@pytest.mark.parametrize("name", _LISTS)
@pytest.mark.parametrize("owner", ("program_id", "flow_id", "agent_id", "batch_id"))
def test_list_of_an_owner_is_found_by_indexes(
    reading: psycopg.Connection[Any], name: str, owner: str
) -> None:
    """Executions by owner, attempts of each by time, those that name it themselves by it."""
    plan = _plan(reading, name, owner)
    of_owner = owner.removesuffix("_id")
    for index in (f"executions_of_{of_owner}", f"attempts_of_{of_owner}", "attempts_history"):
        assert f"using {index} on" in plan
    assert "Backward using attempts_history" in plan
    assert "Seq Scan on attempts" not in plan
    assert "Seq Scan on executions" not in plan


@pytest.mark.parametrize(
    "name", ("campaign_executions", "campaign_contact_list", "campaign_progress")
)
def test_contact_is_looked_up_by_its_id(reading: psycopg.Connection[Any], name: str) -> None:
    """Under row-level security a condition that could leak is no condition of an index."""
    plan = _plan(reading, name, "program_id")
    for table in ("contacts", "enrolments", "skipped_contacts", "attempts"):
        assert f"Seq Scan on {table}" not in plan
    assert not re.search(r"^\s+Filter: .*\(contact_id = ", plan, re.MULTILINE)
