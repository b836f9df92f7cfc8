"""PostgreSQL: does it answer, does it keep what it committed, may we do what we must."""

from collections.abc import Iterator
from typing import Final

import psycopg

from services.tooling.doctor.check import Check, judged, size_text, well
from services.tooling.doctor.machine import disk_check
from shared.storage.server_facts import PostgresFacts, tables_out_of_reach

_VERSION_LEAST: Final = 140_000
_SLOW_MS: Final = 5.0
#: What one projector and one read API want.
_CONNECTIONS_FREE_LEAST: Final = 15


def postgres_checks(
    connection: psycopg.Connection, url: str, facts: PostgresFacts
) -> Iterator[Check]:
    """All of one server."""
    yield judged(
        "postgres connection",
        f"answers in {facts.latency_ms:.1f} ms",
        "put projectors nearer to it: each commit takes several answers",
        good=facts.latency_ms <= _SLOW_MS,
        fatal=False,
    )
    yield judged(
        "postgres version",
        facts.version,
        "PostgreSQL 14 or newer",
        good=facts.version_number >= _VERSION_LEAST,
    )
    yield judged(
        "postgres role",
        "standby" if facts.in_recovery else "primary",
        "give the URL of the primary: a standby takes no writes",
        good=not facts.in_recovery,
    )
    yield from _durability(facts.settings)
    yield judged(
        "postgres encoding",
        facts.settings["server_encoding"],
        "a database with ENCODING 'UTF8'",
        good=facts.settings["server_encoding"] == "UTF8",
    )
    yield _connections(facts)
    yield _privileges(connection, facts)
    disk = disk_check("postgres disk", url, facts.data_directory)
    size = size_text(facts.database_bytes)
    yield well("postgres database", size if disk else f"{size}; what is free is not known here")
    if disk is not None:
        yield disk


def _durability(settings: dict[str, str]) -> Iterator[Check]:
    off = [name for name in ("fsync", "full_page_writes") if settings[name] != "on"]
    yield judged(
        "postgres durability",
        f"{', '.join(off)} off" if off else "fsync and full_page_writes on",
        f"ALTER SYSTEM SET {' and '.join(f'{name} = on' for name in off)}: after a power cut the"
        " log of record may be damaged",
        good=not off,
    )
    commit = settings["synchronous_commit"]
    yield judged(
        "postgres synchronous_commit",
        commit,
        "set it on: what a crash loses must be read again from the streams while they keep it",
        good=commit != "off",
        fatal=False,
    )


def _connections(facts: PostgresFacts) -> Check:
    most = facts.connections_max - facts.connections_reserved
    free = most - facts.connections
    return judged(
        "postgres connections",
        f"{facts.connections} of {most} in use, {facts.connections_ours} by Callfold",
        "more max_connections, or fewer clients",
        good=free >= _CONNECTIONS_FREE_LEAST,
        fatal=free <= 0,
    )


def _privileges(connection: psycopg.Connection, facts: PostgresFacts) -> Check:
    lacking = [] if facts.may_create else ["CREATE on the database"]
    tables = tables_out_of_reach(connection)
    if tables:
        more = f" and {len(tables) - 1} tables more" if len(tables) > 1 else ""
        lacking.append(f"rights on {tables[0]}{more}")
    found = f"{facts.user} lacks {', '.join(lacking)}" if lacking else f"{facts.user} may do all"
    to_do = f"GRANT them to {facts.user}, or let it own the database"
    return judged("postgres privileges", found, to_do, good=not lacking)
