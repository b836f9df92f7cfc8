"""Tokens of API keys: signed by keys that all processes share, ended with their API key."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import psycopg
import pytest

from shared.clock import utc_now
from shared.storage.api_keys import create_api_key, revoke_api_key
from shared.storage.read_pool import ReadPool
from shared.storage.schema import migrate
from shared.web_edge.access_tokens import AccessTokens
from shared.web_edge.bearer_tokens import read_unverified
from shared.web_edge.identities import Identity
from shared.web_edge.key_ring import BELIEVED_S, KeyRing
from shared.web_edge.refusals import Unauthorized
from tests.installation import until


class Process:
    """What one process knows, with a clock of its own."""

    def __init__(self, pool: ReadPool) -> None:
        self.now_s = 1000.0
        self.ring = KeyRing(pool, clock_s=lambda: self.now_s)
        self.tokens = AccessTokens(pool, self.ring, self._now, lambda: self.now_s)
        self._started = utc_now()

    async def issue(self, key: str, *scopes: str) -> str:
        """A token of a key."""
        grant = await self.ring.grant(key.encode())
        assert grant is not None
        return (await self.tokens.issue(grant, scopes or grant.scopes)).token

    async def read(self, token: str) -> Identity:
        """Whose token it is."""
        return await self.tokens.identity(token.encode(), read_unverified(token.encode()))

    def _now(self) -> datetime:
        return self._started + timedelta(seconds=self.now_s - 1000)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[ReadPool]:
    """Connections to a database that is laid out."""
    migrate(database_url, 1)
    opened = ReadPool(database_url, 4)
    await opened.open()
    yield opened
    await opened.close()


async def test_processes_that_start_at_once_share_one_signing_key(
    database_url: str, pool: ReadPool
) -> None:
    """Whatever one signs the others verify; what is published verifies and signs nothing."""
    key = create_api_key(database_url, "acme", ["read", "publish"], "t")
    processes = [Process(pool) for _ in range(5)]
    tokens = await asyncio.gather(*(process.issue(key, "read") for process in processes))
    for token in tokens:
        for process in processes:
            found = await process.read(token)
            assert ("acme", ["read"]) == (found.organization_id, [*found.scopes])
            assert f"key:{key.split('_')[1]}" == found.subject
    (published,) = (await processes[0].tokens.public_keys())["keys"]
    assert ("EC", "ES256", "sig") == (published["kty"], published["alg"], published["use"])
    assert "d" not in published


async def test_signing_key_of_another_period_still_verifies(
    database_url: str, pool: ReadPool
) -> None:
    """With a new period comes a new key; that of the last one stays for a period, then it goes."""
    key = create_api_key(database_url, "acme", ["read"], "t")
    old = await Process(pool).issue(key)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE callfold.signing_keys SET period = period - 1")
    process = Process(pool)
    new = await process.issue(key)
    assert "acme" == (await process.read(old)).organization_id
    assert "acme" == (await process.read(new)).organization_id
    assert 2 == len((await process.tokens.public_keys())["keys"])
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE callfold.signing_keys SET period = period - 1")
    later = Process(pool)
    await later.issue(key)
    with pytest.raises(Unauthorized):
        await later.read(old)
    assert "acme" == (await later.read(new)).organization_id
    with psycopg.connect(database_url) as connection:
        assert (2,) == connection.execute("SELECT count(*) FROM callfold.signing_keys").fetchone()


async def test_key_that_another_process_made_is_found(database_url: str, pool: ReadPool) -> None:
    """A process that knows older keys looks again, at most once a second."""
    key = create_api_key(database_url, "acme", ["read"], "t")
    first, second = Process(pool), Process(pool)
    await first.issue(key)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE callfold.signing_keys SET period = period - 1")
    token = await second.issue(key)
    with pytest.raises(Unauthorized):
        await first.read(token)
    first.now_s += 1
    assert "acme" == (await first.read(token)).organization_id


async def test_signing_key_that_was_deleted_is_forgotten(
    database_url: str, pool: ReadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the background, without a restart: it may have leaked."""
    monkeypatch.setattr("shared.web_edge.access_tokens._KEYS_BELIEVED_S", 0.01)
    process = Process(pool)
    token = await process.issue(create_api_key(database_url, "acme", ["read"], "t"))
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM callfold.signing_keys")
    known = process.tokens._known
    async with process.tokens.following():
        await asyncio.to_thread(until, lambda: process.tokens._known != known, "keys are read")
    with pytest.raises(Unauthorized):
        await process.read(token)


async def test_token_ends_with_its_api_key(database_url: str, pool: ReadPool) -> None:
    """Within the seconds that a key is believed."""
    key = create_api_key(database_url, "acme", ["read"], "t")
    process = Process(pool)
    token = await process.issue(key)
    assert "acme" == (await process.read(token)).organization_id
    assert revoke_api_key(database_url, key.split("_")[1])
    process.now_s += BELIEVED_S
    with pytest.raises(Unauthorized, match="revoked"):
        await process.read(token)


async def test_token_lives_a_quarter_of_an_hour_and_no_longer_than_its_key(
    database_url: str, pool: ReadPool
) -> None:
    """`expires_in` says which."""
    process = Process(pool)
    token = await process.issue(create_api_key(database_url, "acme", ["read"], "t"))
    process.now_s += 899
    assert "acme" == (await process.read(token)).organization_id
    process.now_s += 1
    with pytest.raises(Unauthorized, match="expired"):
        await process.read(token)
    expires_at = utc_now() + timedelta(seconds=1000)
    grant = await process.ring.grant(
        create_api_key(database_url, "acme", ["read"], "t", expires_at).encode()
    )
    assert grant is not None
    assert 90 < (await process.tokens.issue(grant, ["read"])).lifetime_s <= 100


async def test_id_of_a_key_is_no_key(database_url: str, pool: ReadPool) -> None:
    """Keys are remembered by digest and, for tokens, by id: neither opens what the other does."""
    key = create_api_key(database_url, "acme", ["read"], "t")
    process, key_id = Process(pool), key.split("_")[1]
    assert await process.ring.grant_of_id(key_id)
    for guess in (key_id, f"cf_{key_id}_", f"key:{key_id}"):
        assert await process.ring.grant(guess.encode()) is None
