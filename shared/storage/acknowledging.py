"""What operators have taken note of: an incident is open again when more of it happens.

Called by `callfold incidents`. Beside each acknowledgement stands how much had happened by then,
as it was shown to whoever acknowledged it, so that nothing is covered that nobody saw.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
import psycopg

from shared.contracts.incident_kinds import IncidentKind

_ID_CHARS: Final = 8
_ALL = (
    "SELECT kind, lane, ms, seq, organization_id, source, measure, measure_from, acknowledged_at,"
    " acknowledged_by, note FROM callfold.incident_acknowledgements"
)
_ACKNOWLEDGE = (
    "INSERT INTO callfold.incident_acknowledgements (kind, lane, ms, seq, organization_id, source,"
    " measure, measure_from, acknowledged_by, note)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (kind, lane, ms, seq, organization_id, source) DO UPDATE SET"
    " measure = excluded.measure, measure_from = excluded.measure_from, acknowledged_at = now(),"
    " acknowledged_by = excluded.acknowledged_by, note = excluded.note"
)
_NOT_MISSING = (
    "UPDATE callfold.sequence_marks SET missing = 0, missing_since = NULL"
    " WHERE organization_id = %s AND source = %s"
)


class IncidentKey(NamedTuple):
    """What makes an incident itself; what does not is 0 or empty."""

    kind: str
    lane: int = 0
    ms: int = 0
    seq: int = 0
    organization_id: str = ""
    source: str = ""

    @property
    def id(self) -> str:
        """Short enough to type, and the same for ever."""
        return sha256(msgspec.json.encode(tuple(self))).hexdigest()[:_ID_CHARS]


class Measure(NamedTuple):
    """How much of an incident has happened; of a gap the numbers judged, from … through."""

    through: int
    begin: int = 0


class Acknowledgement(NamedTuple):
    """Who took note, of how much, and why that will do."""

    measure: Measure
    at: datetime
    by: str
    note: str


def acknowledgements(connection: psycopg.Connection) -> dict[IncidentKey, Acknowledgement]:
    """Everything that was ever acknowledged."""
    return {
        IncidentKey(kind, lane, ms, int(seq), organization_id, source): Acknowledgement(
            Measure(through, begin), at, by, note
        )
        for kind, lane, ms, seq, organization_id, source, through, begin, at, by, note in (
            connection.execute(_ALL)
        )
    }


def acknowledge(
    connection: psycopg.Connection,
    taken: Iterable[tuple[IncidentKey, Measure]],
    by: str,
    note: str,
) -> None:
    """Write down that so much of these incidents is known, all or nothing."""
    chosen = list(taken)
    gaps = sorted(
        (key.organization_id, key.source)
        for key, _ in chosen
        if key.kind == IncidentKind.SEQUENCE_GAP
    )  # in the order of those who look for gaps, so that nobody waits for ever
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_ACKNOWLEDGE, [(*key, *measure, by, note) for key, measure in chosen])
        cursor.executemany(_NOT_MISSING, gaps)
