"""API keys: `cf_<id>_<secret>`, of which only the SHA-256 of the secret is kept.

Made, listed, rotated and revoked by the command line; looked up by whatever serves HTTP. A secret
is random and long, so a fast hash suffices and nothing is salted.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

import psycopg
from msgspec import Struct
from psycopg.rows import dict_row

from shared.contracts.ids import is_id
from shared.errors import NOT_LAID_OUT, StorageError
from shared.storage.connection import connect
from shared.storage.read_pool import ReadPool, statement_text

Scope = Literal["read", "publish", "operate"]
SCOPES: Final[tuple[str, ...]] = get_args(Scope)
NAME_CHARS_MAX: Final = 255

_KEY = re.compile(r"cf_([0-9a-f]{1,64})_([A-Za-z0-9_-]{1,256})")
_ID_BYTES = 8
_SECRET_BYTES = 32
#: `last_used_at` is written at most once in this time.
_NOTED_S = 60.0
_INSERT = (
    "INSERT INTO callfold.api_keys"
    " (key_id, organization_id, name, secret_sha256, scopes, expires_at)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
_LIST = (
    "SELECT key_id AS id, organization_id, name, scopes, created_at, expires_at, revoked_at,"
    " last_used_at FROM callfold.api_keys"
    " WHERE %(organization_id)s::text IS NULL OR organization_id = %(organization_id)s"
    " ORDER BY created_at, key_id"
)
#: The successor lives as long as its predecessor was made to live.
_SUCCEED = (
    "INSERT INTO callfold.api_keys"
    " (key_id, organization_id, name, secret_sha256, scopes, expires_at)"
    " SELECT %(new_id)s, organization_id, name, %(secret_sha256)s, scopes,"
    " now() + (expires_at - created_at) FROM callfold.api_keys"
    " WHERE key_id = %(key_id)s AND revoked_at IS NULL"
    " AND (expires_at IS NULL OR expires_at > now())"
)
_END = "UPDATE callfold.api_keys SET expires_at = least(expires_at, now() + %s) WHERE key_id = %s"
_REVOKE = "UPDATE callfold.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = %s"


class ApiKey(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of a key; never its secret."""

    id: str
    organization_id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Grant(Struct, frozen=True):
    """What a valid key allows."""

    key_id: str
    organization_id: str
    scopes: frozenset[str]
    #: None where it never expires.
    expires_at: datetime | None

    @property
    def subject(self) -> str:
        """What requests with the key, or with a token of it, are counted by."""
        return f"key:{self.key_id}"


def create_api_key(
    database_url: str,
    organization_id: str,
    scopes: Iterable[str],
    name: str,
    expires_at: datetime | None = None,
) -> str:
    """Make a key and return it; it can never be read again.

    Raises:
        ValueError: the organization, a scope, the name or the expiry is impossible.
        StorageError: the database is away or not laid out.
    """
    wanted = sorted(set(scopes))
    check_api_key(organization_id, wanted, name, expires_at)
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    with _database(database_url) as connection:
        connection.execute(
            _INSERT, (key_id, organization_id, name, _sha256(secret), wanted, expires_at)
        )
    return f"cf_{key_id}_{secret}"


def list_api_keys(database_url: str, organization_id: str | None = None) -> list[ApiKey]:
    """The keys of an organization, or of all, oldest first; revoked and expired ones too."""
    with _database(database_url) as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_LIST, {"organization_id": organization_id})
        return [ApiKey(**row) for row in rows]


def revoke_api_key(database_url: str, key_id: str) -> bool:
    """Revoke a key for ever; whether there is one. Readers notice within seconds."""
    with _database(database_url) as connection:
        return connection.execute(_REVOKE, (key_id,)).rowcount > 0


def rotate_api_key(database_url: str, key_id: str, grace: timedelta) -> str | None:
    """Make a key that allows the same, and let the old one end after the grace.

    Returns: the new key, which can never be read again; None where there is no valid old one.
    """
    new_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    values = {"key_id": key_id, "new_id": new_id, "secret_sha256": _sha256(secret)}
    with _database(database_url) as connection, connection.transaction():
        if not connection.execute(_SUCCEED, values).rowcount:
            return None
        if grace:
            connection.execute(_END, (grace, key_id))
        else:
            connection.execute(_REVOKE, (key_id,))
    return f"cf_{new_id}_{secret}"


async def find_grant(pool: ReadPool, key: str) -> Grant | None:
    """What a key allows; None where it is unknown or revoked. Expiry is for the caller to check.

    Notes its use, at most once a minute over all processes.
    """
    found = _KEY.fullmatch(key)
    return None if found is None else await _grant(pool, *found.groups())


async def find_grant_of_id(pool: ReadPool, key_id: str) -> Grant | None:
    """The same by the key's id alone, for whoever has proved the key before."""
    return await _grant(pool, key_id, None)


async def _grant(pool: ReadPool, key_id: str, secret: str | None) -> Grant | None:
    lookup = {"key_id": key_id, "noted_s": _NOTED_S}
    try:
        row = await pool.fetch_one(statement_text("api_key"), lookup)
    except psycopg.errors.UndefinedTable:
        raise StorageError(NOT_LAID_OUT) from None
    if row is None:
        return None
    organization_id, secret_sha256, scopes, expires_at, revoked_at, noted = row
    if revoked_at is not None:
        return None
    if secret is not None and not hmac.compare_digest(secret_sha256, _sha256(secret)):
        return None
    if not noted:
        await pool.fetch_one(statement_text("api_key_used"), lookup)
    return Grant(key_id, organization_id, frozenset(scopes), expires_at)


def check_api_key(
    organization_id: str, scopes: Sequence[str], name: str, expires_at: datetime | None
) -> None:
    """Whether such a key can be made.

    Raises:
        ValueError: it cannot; the message says what is impossible.
    """
    if not is_id(organization_id):
        raise ValueError("an organization is 1 to 128 characters without control characters")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise ValueError(f"scopes are {', '.join(SCOPES)}; at least one of them is needed")
    if len(name) > NAME_CHARS_MAX or "\x00" in name:
        raise ValueError(f"a name has at most {NAME_CHARS_MAX} characters")
    if expires_at is not None and expires_at.tzinfo is None:
        raise ValueError("an expiry needs a time zone")


@contextmanager
def _database(database_url: str) -> Iterator[psycopg.Connection]:
    try:
        with connect(database_url, "keys") as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise StorageError("PostgreSQL does not answer; is CALLFOLD_DATABASE_URL right?") from error
    except psycopg.errors.UndefinedTable as error:
        raise StorageError(NOT_LAID_OUT) from error


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
