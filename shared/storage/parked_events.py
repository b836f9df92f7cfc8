"""Parked events as operators see and resolve them; `parking` is what parks them.

Called by `callfold parked`. A row is never deleted: a verdict marks it, and `parking` opens it
again when the same content comes again.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import psycopg
from msgspec import Struct
from psycopg.rows import dict_row

from shared.contracts.entries import FIELDS, STRUCTURED, kept_fields
from shared.contracts.stream_names import INBOX_LANE
from shared.folds.journal import Position
from shared.storage.log import Log
from shared.storage.read_pool import statement_text

Resolution = Literal["retried", "discarded", "rebuilt"]

_DIGEST_BYTES = 32
_DIGEST_CHARS = 64
_LAST_DIGEST = b"\xff" * _DIGEST_BYTES
_ID_CHARS = 16  #: of the digest: enough to be unique among all that one lane parks
_ID = re.compile(r"(?P<lane>inbox|[0-9]{1,4})-(?P<digest>[0-9a-f]{6,64})")
_LANE_MAX = 2**31 - 1
#: Rows read at a time; with their bodies they stay below 50 MiB.
_CHUNK = 50
_LEAVE_OUT = (
    "INSERT INTO callfold.left_out_entries (lane, ms, seq, reason) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
# What came again meanwhile stays open: its count has moved on.
_RESOLVE = (
    "UPDATE callfold.parked_events SET resolved_at = now(), resolution = %s, resolved_by = %s,"
    " note = %s, retried_as = %s WHERE lane = %s AND digest = %s AND entries = %s"
)


class ParkedFilter(NamedTuple):
    """Which parked events are meant; None is any."""

    reason: str | None = None
    organization_id: str | None = None
    source: str | None = None
    #: Last seen then or later, in milliseconds of Redis' clock.
    since_ms: int = -(2**63)
    #: Those too that were retried or discarded.
    with_resolved: bool = False


class ParkedGroup(NamedTuple):
    """Parked events that are wrong in the same way."""

    #: `open`, `retried` or `discarded`.
    standing: str
    reason: str
    organization_id: str | None
    source: str | None
    event_type: str | None
    #: The detail without its variable parts.
    shape: str
    #: Distinct contents, and how often they came.
    events: int
    entries: int
    first_ms: int
    last_ms: int
    #: The id of one of them.
    sample: str


class ParkedEvent(Struct, frozen=True, kw_only=True):
    """One parked content, without its bytes; None where it cannot be read, or is not known."""

    lane: int
    digest: bytes
    reason: str
    detail: str
    organization_id: str | None
    source: str | None
    event_type: str | None
    subject: str | None
    first_ms: int
    first_seq: int
    last_ms: int
    last_seq: int
    entries: int
    #: Content mode: structured, or binary.
    mode: str
    length_bytes: int
    sha256: bytes
    parked_at: datetime
    resolved_at: datetime | None
    resolution: Resolution | None
    resolved_by: str | None
    note: str | None
    retried_as: str | None
    #: Whether the row holds the bytes; else the log does.
    has_body: bool

    @property
    def id(self) -> str:
        """How operators name it: the lane and the beginning of the digest."""
        lane = "inbox" if self.lane == INBOX_LANE else self.lane
        return f"{lane}-{self.digest.hex()[:_ID_CHARS]}"


class ParkedBody(NamedTuple):
    """The bytes of a parked event, as far as they were kept."""

    kept: bytes
    #: Name, value, name, value, …; None where the entry was cut.
    fields: list[bytes] | None
    from_log: bool


class Verdict(NamedTuple):
    """What an operator decided about an event."""

    event: ParkedEvent
    resolution: Resolution
    resolved_by: str
    note: str | None = None
    retried_as: str | None = None


#: Everything that is open.
OPEN: Final = ParkedFilter()


def parked_groups(connection: psycopg.Connection, wanted: ParkedFilter) -> list[ParkedGroup]:
    """What is parked, by what is wrong with it, the most frequent first."""
    cursor = connection.execute(statement_text("parked_groups"), wanted._asdict())
    return [ParkedGroup(*row) for row in cursor]


def parked_events(connection: psycopg.Connection, wanted: ParkedFilter) -> Iterator[ParkedEvent]:
    """Parked events in the order of lane and digest, read as they are asked for."""
    after = (INBOX_LANE - 1, b"")
    while True:
        chunk = _read(connection, wanted, after, (_LANE_MAX, _LAST_DIGEST))
        yield from chunk
        if len(chunk) < _CHUNK:
            return
        after = (chunk[-1].lane, chunk[-1].digest)


def find_parked(connection: psycopg.Connection, id_: str) -> list[ParkedEvent]:
    """The events with this id, open or not: none, one, or more where the id is too short.

    Raises:
        ValueError: it is no id at all.
    """
    found = _ID.fullmatch(id_.strip().lower())
    if found is None:
        raise ValueError(f"{id_!r} is no id; `callfold parked list` shows some, as 3-9f2c61ab04d2")
    lane = INBOX_LANE if found["lane"] == "inbox" else int(found["lane"])
    digest = found["digest"]
    first = int(digest.ljust(_DIGEST_CHARS, "0"), 16)
    before = (lane, (first - 1).to_bytes(_DIGEST_BYTES)) if first else (lane - 1, _LAST_DIGEST)
    last = (lane, bytes.fromhex(digest.ljust(_DIGEST_CHARS, "f")))
    return _read(connection, OPEN._replace(with_resolved=True), before, last)


def _read(
    connection: psycopg.Connection,
    wanted: ParkedFilter,
    after: tuple[int, bytes],
    last: tuple[int, bytes],
) -> list[ParkedEvent]:
    place = {
        "after_lane": after[0],
        "after_digest": after[1],
        "to_lane": last[0],
        "to_digest": last[1],
        "limit": _CHUNK,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement_text("parked_events"), wanted._asdict() | place)
        return [_parked_event(columns) for columns in cursor]


def _parked_event(columns: dict[str, Any]) -> ParkedEvent:
    """A row; sequence numbers come as decimals, instants in the zone of the session."""
    for name in ("first_seq", "last_seq"):
        columns[name] = int(columns[name])
    for name in ("parked_at", "resolved_at"):
        columns[name] = columns[name] and columns[name].astimezone(UTC)
    return ParkedEvent(**columns)


def body_of(connection: psycopg.Connection, event: ParkedEvent) -> ParkedBody | None:
    """The bytes of a parked event, from its row or else the log; None where neither holds them."""
    if event.has_body:
        row = connection.execute(
            "SELECT body FROM callfold.parked_events WHERE lane = %s AND digest = %s",
            (event.lane, event.digest),
        ).fetchone()
        kept = None if row is None else row[0]
    else:
        found = Log(connection, 0).find(event.lane, (event.first_ms, event.first_seq))
        kept = None if found is None else found[1]
    if kept is None:
        return None
    cut = event.length_bytes > len(kept)
    mode = FIELDS if event.mode == "binary" else STRUCTURED
    return ParkedBody(kept, None if cut else kept_fields(mode, kept), not event.has_body)


def resolve(connection: psycopg.Connection, verdicts: Iterable[Verdict]) -> list[ParkedEvent]:
    """Mark events; returns those that came again since they were read, and so stay open.

    The entries of what is discarded are left out of every later fold: a release may come to know
    its type, and would count it.
    """
    again: list[ParkedEvent] = []
    log = Log(connection, 0)
    with connection.transaction():
        for verdict in verdicts:
            event = verdict.event
            changed = connection.execute(
                _RESOLVE, (*verdict[1:], event.lane, event.digest, event.entries)
            )
            if not changed.rowcount:
                again.append(event)
            elif verdict.resolution == "discarded" and event.lane != INBOX_LANE:
                rows = [(event.lane, *position, event.reason) for position in _places(log, event)]
                connection.cursor().executemany(_LEAVE_OUT, rows)
    return again


def _places(log: Log, event: ParkedEvent) -> Iterator[Position]:
    """Where the log holds a parked content."""
    first, last = (event.first_ms, event.first_seq), (event.last_ms, event.last_seq)
    found = log.find(event.lane, first)
    if found is None:
        return
    yield first
    for entries in log.entries(event.lane, first) if event.entries > 1 else ():
        for ms, seq, mode, kept, _ in entries:
            if (ms, seq) > last:
                return
            if (mode, kept) == found:
                yield ms, seq
