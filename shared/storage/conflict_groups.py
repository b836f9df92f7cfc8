"""Conflicts by publisher: one id, two contents. Called by `callfold incidents`."""

from datetime import datetime
from typing import NamedTuple

import psycopg
from msgspec import Struct

_SAMPLES = 3
_GROUPS = (
    "SELECT * FROM (SELECT organization_id, source, count(*) OVER whose, min(found_at) OVER whose,"
    " max(found_at) OVER whose, kind, subject, event_id, lane, ms, seq, first_ms, first_seq,"
    " row_number() OVER (whose ORDER BY found_at DESC, lane, ms, seq) AS number"
    " FROM callfold.conflicting_events WINDOW whose AS (PARTITION BY organization_id, source))"
    " AS found WHERE number <= %s ORDER BY organization_id, source, number"
)


class Conflict(Struct, frozen=True, rename="camel"):
    """One event that came with another content than the first of its id."""

    kind: str
    subject: str
    event_id: str
    #: `partition/entry` of this content and of the first, which stands.
    entry: str
    first_entry: str


class ConflictGroup(NamedTuple):
    """The conflicts of one publisher."""

    organization_id: str
    source: str
    conflicts: int
    first_found_at: datetime
    last_found_at: datetime
    #: The latest ones.
    samples: list[Conflict]


def conflict_groups(connection: psycopg.Connection) -> list[ConflictGroup]:
    """Every publisher whose ids do not tell its events apart, with the latest conflicts."""
    groups: dict[tuple[str, str], ConflictGroup] = {}
    for row in connection.execute(_GROUPS, (_SAMPLES,)):
        organization_id, source, conflicts, first_at, last_at, kind, subject, event_id = row[:8]
        lane, ms, seq, first_ms, first_seq, _ = row[8:]
        group = groups.setdefault(
            (organization_id, source),
            ConflictGroup(organization_id, source, conflicts, first_at, last_at, []),
        )
        group.samples.append(
            Conflict(
                kind, subject, event_id, f"{lane}/{ms}-{seq}", f"{lane}/{first_ms}-{first_seq}"
            )
        )
    return list(groups.values())
