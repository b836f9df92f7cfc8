"""The keys that sign access tokens, shared by all processes and renewed each week.

Asked by `shared.web_edge.access_tokens`. A period of the database's clock has one key: whoever
first needs it makes it, and the primary key refuses those of slower processes.
"""

from typing import Any, Final

import msgspec
import psycopg
from msgspec import Struct

from shared.errors import NOT_LAID_OUT, StorageError
from shared.storage.read_pool import ReadPool, Row, statement_text

#: How long a key signs. It verifies for as long again, which outlasts every token of it.
PERIOD_S: Final = 7 * 24 * 3600


class SigningKey(Struct, frozen=True):
    """A key as it is kept."""

    #: Whether it signs now; else it verifies alone.
    is_current: bool
    #: RFC 7517, with the private part and its `kid`.
    private_jwk: dict[str, Any]


async def find_signing_keys(pool: ReadPool) -> list[SigningKey]:
    """The keys of this period and of the one before, the newest last.

    Raises:
        StorageError: the database does not answer or is not laid out.
    """
    row = await _fetch(pool, "signing_keys", {"period_s": PERIOD_S})
    if row is None or row[0] is None:
        return []
    return msgspec.json.decode(row[0], type=list[SigningKey])


async def add_signing_key(pool: ReadPool, private_jwk: dict[str, Any]) -> None:
    """Keep this key for the period, unless there is one already.

    Raises:
        StorageError: the database does not answer or is not laid out.
    """
    jwk = msgspec.json.encode(private_jwk).decode()
    values = {"period_s": PERIOD_S, "key_id": private_jwk["kid"], "private_jwk": jwk}
    await _fetch(pool, "add_signing_key", values)


async def _fetch(pool: ReadPool, statement: str, values: dict[str, object]) -> Row | None:
    try:
        return await pool.fetch_one(statement_text(statement), values)
    except psycopg.errors.UndefinedTable:
        raise StorageError(NOT_LAID_OUT) from None
