"""Statements of many organizations on one connection: none ever sees another's tenant.

What leaves in one turn of the loop is one group, and to the server one transaction; that is where
a tenant could stay behind. `now()` tells which statements shared one.
"""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import psycopg
import pytest

from shared.storage.report_connections import ReportConnections
from shared.storage.tenancy import READ_ROLE

_TENANTS = ("acme", "zeta", "", "zetá 'quoted'")
#: Whose it was asked for, whose rows would be seen, and when the group began.
_ASK = (
    "SELECT %(organization_id)s::text, current_setting('callfold.organization_id', true),"
    " now()::text, current_user::text"
)
#: Fails when it runs, or already when it is prepared.
_FAILURES = ("SELECT 1 / length(%(organization_id)s::text || %(number)s::text) - 1 / 0", "SELEC")
_SHARES = {"ask": 6, "new": 2, "fail": 1, "fail early": 1, "nobody": 1, "go away": 1}


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[ReportConnections]:
    """A single one, so that all share it."""
    opened = ReportConnections(database_url, 1)
    yield opened
    await opened.close()


class Asking:
    """Asks in every way, and looks at each answer."""

    def __init__(self, connections: ReportConnections, seed: int) -> None:
        self._connections = connections
        self._random = Random(seed)
        self._numbers = 0
        #: Group → the tenants of its answers.
        self.groups: dict[bytes, set[str]] = {}
        self.ways: dict[str, int] = dict.fromkeys(_SHARES, 0)

    async def ask(self) -> None:
        """One statement, after a few turns of the loop or none."""
        for _turn in range(self._random.choice((0, 0, 0, 1, 2))):
            await asyncio.sleep(0)
        self._numbers += 1
        (way,) = self._random.choices(list(_SHARES), list(_SHARES.values()))
        self.ways[way] += 1
        tenant = self._random.choice(_TENANTS)
        place: dict[str, Any] = {"organization_id": tenant, "number": self._numbers}
        if way.startswith("fail"):
            with pytest.raises((psycopg.errors.DivisionByZero, psycopg.errors.SyntaxError)):
                await self._connections.fetch_one(_FAILURES[way == "fail early"], place)
        elif way == "go away":
            asked = asyncio.create_task(self._connections.fetch_one(_ASK, place))
            await asyncio.sleep(0)
            asked.cancel()
        elif way == "nobody":
            row = await self._connections.fetch_one(_ASK.replace("%(organization_id)s", "''"), {})
            self._check("", row)
        else:
            # Prepared in the midst of others, where a failure may skip that.
            text = _ASK + (f", {self._numbers // 5}" if way == "new" else "")
            self._check(tenant, await self._connections.fetch_one(text, place))

    def _check(self, tenant: str, row: Any) -> None:
        asked, seen, group, user = row[:4]
        assert (tenant, tenant) == (asked.decode(), (seen or b"").decode())
        assert READ_ROLE.encode() == user
        self.groups.setdefault(group, set()).add(tenant)


@pytest.mark.parametrize("seed", range(4))
async def test_no_answer_is_of_another_tenant(connections: ReportConnections, seed: int) -> None:
    """Whatever fails, is skipped and asked again, or is given up between them."""
    asking = Asking(connections, seed)
    for burst in (1, 3, 10, 40, 150, 300):
        await asyncio.gather(*(asking.ask() for _ in range(burst)))
    assert min(asking.ways.values()) > 10
    mixed = [tenants for tenants in asking.groups.values() if len(tenants) >= 3]
    assert len(mixed) > 5, "no group mixed organizations: nothing was tried"


async def test_tenant_is_set_where_it_changes_and_in_each_group(
    connections: ReportConnections,
) -> None:
    """A group of one organization costs one statement more, however many it asks."""
    times = (
        "SELECT (generic_plans + custom_plans)::text FROM pg_prepared_statements"
        " WHERE name = 'tenant'"
    )
    expected = 0
    await connections.fetch_one("SELECT 1", {})
    for tenants, changes in (("acme",) * 9, 1), (("acme", "acme", "zeta", "zeta", "acme"), 3):
        asked = [connections.fetch_one(_ASK, {"organization_id": tenant}) for tenant in tenants]
        await asyncio.gather(*asked)
        expected += changes
        assert [str(expected).encode()] == await connections.fetch_one(times, {})


async def test_statement_whose_group_failed_before_it_was_prepared_is_asked_again(
    connections: ReportConnections,
) -> None:
    """Those of later groups were sent by the name of what the failed one was to prepare."""
    place = {"organization_id": "acme", "number": 1}
    await connections.fetch_one("SELECT 1", {})
    asked = [
        asyncio.create_task(connections.fetch_one(text, place)) for text in (_FAILURES[0], _ASK)
    ]
    for _group in range(20):
        await asyncio.sleep(0)
        asked.append(asyncio.create_task(connections.fetch_one(_ASK, place)))
    failed, *rows = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(failed, psycopg.errors.DivisionByZero)
    assert [b"acme"] * 21 == [row[1] for row in rows if isinstance(row, list)]


async def test_what_is_of_no_organization_is_asked_in_our_own_role(
    connections: ReportConnections,
) -> None:
    """As how far lanes are folded, which the role for reports may not see."""
    lanes = "SELECT count(*)::text, current_user::text FROM callfold.lanes"
    assert [b"0", b"callfold"] == await connections.fetch_of_none(lanes)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connections.fetch_one(lanes, {})
