"""Who did what by the command line: a row before the deed, its outcome after it.

Every command that writes does so inside `audited`, so that a deed that was cut short leaves a row
that says `started`. Read by `callfold audit`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from msgspec import Struct

_BEGIN = (
    "INSERT INTO callfold.audit (who, command, arguments, outcome, details)"
    " VALUES (%s, %s, %s, 'started', '{}') RETURNING id"
)
_END = "UPDATE callfold.audit SET outcome = %s, details = %s WHERE id = %s"
_LATEST = (
    "SELECT at, who, command, arguments, outcome, details FROM callfold.audit"
    " ORDER BY id DESC LIMIT %s"
)


class AuditRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """One deed."""

    at: datetime
    #: User and machine, or the name that was given.
    who: str
    command: str
    arguments: dict[str, Any]
    #: `started` (under way, or cut short), `done` or `failed`.
    outcome: str
    details: dict[str, Any]


@contextmanager
def audited(
    connection: psycopg.Connection, who: str, command: str, arguments: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Note a deed; what the block puts into the dictionary given is kept as its details.

    Args:
        connection: in autocommit, so that the row is there before the deed begins.
        arguments: without secrets; those that are None are left out.
    """
    said = {name: value for name, value in arguments.items() if value is not None}
    row = connection.execute(_BEGIN, (_clean(who), command, _json(said))).fetchone()
    assert row is not None
    details: dict[str, Any] = {}
    try:
        yield details
    except BaseException as error:
        details["error"] = f"{type(error).__name__}: {error}"
        # The connection itself may be what failed; then the row stays `started`.
        if not connection.broken:
            connection.execute(_END, ("failed", _json(details), row[0]))
        raise
    connection.execute(_END, ("done", _json(details), row[0]))


def latest_audit(connection: psycopg.Connection, limit: int) -> list[AuditRow]:
    """The latest deeds, the last one first."""
    rows = connection.execute(_LATEST, (limit,)).fetchall()
    return [
        AuditRow(
            at=at.astimezone(UTC),
            who=who,
            command=command,
            arguments=msgspec.json.decode(arguments),
            outcome=outcome,
            details=msgspec.json.decode(details),
        )
        for at, who, command, arguments, outcome, details in rows
    ]


def _json(value: Mapping[str, Any]) -> str:
    return _clean(msgspec.json.encode(value).decode())


def _clean(text: str) -> str:
    """Text as PostgreSQL takes it; JSON spells U+0000 as an escape already."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
