"""API keys in a real PostgreSQL: made once, kept hashed, listed, revoked, looked up."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from shared.clock import utc_now
from shared.errors import StorageError
from shared.storage.api_keys import (
    Grant,
    create_api_key,
    find_grant,
    list_api_keys,
    revoke_api_key,
)
from shared.storage.read_pool import ReadPool
from shared.storage.schema import migrate


@pytest.fixture
def installed_url(database_url: str) -> str:
    """A database that is laid out."""
    migrate(database_url, 1)
    return database_url


@asynccontextmanager
async def _pool(database_url: str) -> AsyncIterator[ReadPool]:
    pool = ReadPool(database_url, 2)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


def test_secret_is_kept_only_as_a_hash(installed_url: str) -> None:
    """Nothing in the table gives the key back."""
    key = create_api_key(installed_url, "acme", ["read"], "dashboard")
    found = re.fullmatch(r"cf_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", key)
    assert found is not None
    key_id, secret = found.groups()
    with psycopg.connect(installed_url) as connection:
        row = connection.execute("SELECT api_keys::text, secret_sha256 FROM callfold.api_keys")
        text, digest = row.fetchone() or ("", b"")
    assert key_id in text
    assert secret not in text
    assert hashlib.sha256(secret.encode()).digest() == digest


def test_keys_are_listed_oldest_first(installed_url: str) -> None:
    """By organization or all; revoked ones too; never a secret."""
    expires_at = datetime(2030, 1, 1, tzinfo=UTC)
    first = create_api_key(installed_url, "acme", ["read", "publish", "read"], "one", expires_at)
    create_api_key(installed_url, "globex", ["operate"], "two")
    third = create_api_key(installed_url, "acme", ["read"], "")
    assert ["one", "two", ""] == [key.name for key in list_api_keys(installed_url)]
    found = list_api_keys(installed_url, "acme")
    assert [first.split("_")[1], third.split("_")[1]] == [key.id for key in found]
    assert (["publish", "read"], expires_at, None, None) == (
        found[0].scopes,
        found[0].expires_at,
        found[0].revoked_at,
        found[0].last_used_at,
    )


async def test_key_grants_its_organization_and_scopes(installed_url: str) -> None:
    """Looked up by its id, accepted by its secret."""
    expires_at = datetime(2030, 1, 1, tzinfo=UTC)
    key = create_api_key(installed_url, "acme", ["read", "publish"], "x", expires_at)
    other = create_api_key(installed_url, "globex", ["read"], "y")
    async with _pool(installed_url) as pool:
        grant = await find_grant(pool, key)
        key_id, secret = key.split("_")[1], other.split("_", 2)[2]
        assert Grant(key_id, "acme", frozenset({"read", "publish"}), expires_at) == grant
        assert await find_grant(pool, f"cf_{key_id}_{secret}") is None
        for nonsense in ("", "cf__", "cf_00_x", key.upper(), key + "\x00", "cf_é_é", f" {key}"):
            assert await find_grant(pool, nonsense) is None


async def test_revoked_key_grants_nothing(installed_url: str) -> None:
    """For ever: revoking again keeps the first time."""
    key = create_api_key(installed_url, "acme", ["read"], "x")
    key_id = key.split("_")[1]
    assert revoke_api_key(installed_url, key_id)
    (revoked,) = list_api_keys(installed_url)
    assert revoke_api_key(installed_url, key_id)
    assert [revoked] == list_api_keys(installed_url)
    assert not revoke_api_key(installed_url, "0000")
    async with _pool(installed_url) as pool:
        assert await find_grant(pool, key) is None


async def test_use_is_noted_at_most_once_a_minute(installed_url: str) -> None:
    """A busy key costs one write a minute; a wrong secret is no use."""
    key = create_api_key(installed_url, "acme", ["read"], "x")

    def last_used_at() -> datetime | None:
        return list_api_keys(installed_url)[0].last_used_at

    async with _pool(installed_url) as pool:
        assert await find_grant(pool, key + "A") is None
        assert last_used_at() is None
        await find_grant(pool, key)
        first = last_used_at()
        assert first is not None
        await find_grant(pool, key)
        assert first == last_used_at()
        with psycopg.connect(installed_url) as connection:
            connection.execute(
                "UPDATE callfold.api_keys SET last_used_at = now() - interval '61 seconds'"
            )
        await find_grant(pool, key)
        noted = last_used_at()
        assert noted is not None
        assert abs(utc_now() - noted) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("organization_id", "scopes", "name", "expires_at"),
    (
        ("", ["read"], "", None),
        ("a\x00", ["read"], "", None),
        ("a" * 129, ["read"], "", None),
        ("acme", [], "", None),
        ("acme", ["write"], "", None),
        ("acme", ["read"], "n" * 256, None),
        ("acme", ["read"], "", datetime(2030, 1, 1)),  # noqa: DTZ001 -- naive on purpose
    ),
)
def test_impossible_key_is_refused(
    installed_url: str,
    organization_id: str,
    scopes: list[str],
    name: str,
    expires_at: datetime | None,
) -> None:
    """Nothing is written then."""
    with pytest.raises(ValueError, match=r"organization|scope|name|expiry"):
        create_api_key(installed_url, organization_id, scopes, name, expires_at)
    assert [] == list_api_keys(installed_url)


def test_database_that_is_not_laid_out_is_named(empty_database_url: str) -> None:
    """Keys need the tables that a projector, or `callfold up`, makes."""
    with pytest.raises(StorageError, match="not laid out"):
        create_api_key(empty_database_url, "acme", ["read"], "x")


def test_database_that_is_away_is_named() -> None:
    """One sentence, not a driver's traceback."""
    with pytest.raises(StorageError, match="does not answer"):
        list_api_keys("postgresql://nobody@127.0.0.1:1/none")
