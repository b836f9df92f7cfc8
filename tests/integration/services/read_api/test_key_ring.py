"""What a key costs the database: one look-up for many requests, and only for so long."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.storage.api_keys import create_api_key, revoke_api_key
from shared.storage.read_pool import Parameters, ReadPool, Row, statement_text
from shared.storage.schema import migrate
from shared.web_edge.key_ring import BELIEVED_S, KeyRing


class CountingPool(ReadPool):
    """Counts the look-ups of keys."""

    lookups = 0

    async def fetch_one(self, statement: str, parameters: Parameters) -> Row | None:
        """As the pool does."""
        self.lookups += statement == statement_text("api_key")
        return await super().fetch_one(statement, parameters)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[CountingPool]:
    """Connections to a database that is laid out."""
    migrate(database_url, 1)
    opened = CountingPool(database_url, 2)
    await opened.open()
    yield opened
    await opened.close()


async def test_many_requests_with_one_key_look_it_up_once(
    database_url: str, pool: CountingPool
) -> None:
    """Whoever goes away meanwhile does not take the answer from the others."""
    key = create_api_key(database_url, "acme", ["read"], "t").encode()
    keys = KeyRing(pool)
    asking = [asyncio.create_task(keys.grant(key)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    found = [await keys.grant(key), *await asyncio.gather(*asking[1:])]
    assert ["acme"] * 20 == [grant and grant.organization_id for grant in found]
    assert 1 == pool.lookups


async def test_key_is_believed_for_so_long_and_no_longer(
    database_url: str, pool: CountingPool
) -> None:
    """A revoked key stops within that time."""
    key = create_api_key(database_url, "acme", ["read"], "t").encode()
    now_s = 100.0
    keys = KeyRing(pool, clock_s=lambda: now_s)
    assert await keys.grant(key)
    assert revoke_api_key(database_url, key.decode().split("_")[1])
    now_s += BELIEVED_S - 0.001
    assert await keys.grant(key)
    now_s += 0.001
    assert await keys.grant(key) is None
    assert 2 == pool.lookups
