"""Parks bad events (events.md, rule 7): counted per source, and beyond a quota without their bytes.

Called by the committer inside its transaction. What lies in a partition is archived as well, so
the log holds what a parked row leaves out: `Log.find` by the row's first position. The inbox has
no log: there the bytes always stay.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import psycopg

from shared.contracts.entries import FIELDS, kept_fields
from shared.contracts.exact_numbers import decode_exact
from shared.contracts.park_reasons import OUR_REASONS
from shared.contracts.stream_names import INBOX_LANE
from shared.projections.write_set import Parked

_PARK = (
    "INSERT INTO callfold.parked_events AS t (lane, digest, reason, detail, organization_id,"
    " source, event_type, subject, first_ms, first_seq, last_ms, last_seq, entries, mode,"
    " length_bytes, sha256, body)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s)"
    " ON CONFLICT (lane, digest) DO UPDATE SET last_ms = excluded.last_ms,"
    " last_seq = excluded.last_seq, entries = t.entries + 1,"
    # What comes again after a verdict is open again.
    " resolved_at = NULL, resolution = NULL, resolved_by = NULL, note = NULL, retried_as = NULL"
)
_KNOWN = (
    "SELECT lane, digest FROM callfold.parked_events"
    " JOIN unnest(%s::int[], %s::bytea[]) AS asked (lane, digest) USING (lane, digest)"
)
_TALLIES = (
    "SELECT organization_id, source, lane, events, body_bytes, over_since IS NOT NULL"
    " FROM callfold.parked_sources"
    " JOIN unnest(%s::text[], %s::text[]) AS asked (organization_id, source)"
    " USING (organization_id, source)"
)
_ADD = (
    "INSERT INTO callfold.parked_sources AS t (organization_id, source, lane, events, body_bytes,"
    " over_since) VALUES (%s, %s, %s, %s, %s, CASE WHEN %s THEN now() END)"
    " ON CONFLICT (organization_id, source, lane) DO UPDATE SET"
    " events = t.events + excluded.events, body_bytes = t.body_bytes + excluded.body_bytes,"
    " over_since = coalesce(t.over_since, excluded.over_since)"
)
_LEAVE_OUT = (
    "INSERT INTO callfold.left_out_entries (lane, ms, seq, reason) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_MODE_NAMES = {FIELDS: "binary"}

#: Organization, source, and the lane where the source cannot be read: what a quota is for.
Scope = tuple[str, str, int | None]


class ParkQuota(NamedTuple):
    """How much of one source's parked events is kept with its bytes."""

    events: int = 10_000
    body_bytes: int = 64 * 1024 * 1024


DEFAULT_QUOTA: Final = ParkQuota()


class _Tally:
    """What one source has parked: before the batch, then with it."""

    __slots__ = ("body_bytes", "events", "over", "was_over")

    def __init__(self) -> None:
        self.events = self.body_bytes = 0
        self.over = self.was_over = False


class Parking:
    """Parks the events of one projector's batches on one connection."""

    def __init__(self, connection: psycopg.Connection, quota: ParkQuota) -> None:
        """`connection` is the committer's."""
        self._connection = connection
        self._quota = quota
        #: Sources that the last batch took over their quota.
        self.newly_over: list[Scope] = []

    def park(self, parked: list[Parked]) -> None:
        """Park events, inside the caller's transaction."""
        self.newly_over = []
        if not parked:
            return
        said = [_said(event) for event in parked]
        places = [
            (words.get("organizationid", ""), words.get("source", ""), event.lane)
            for event, words in zip(parked, said, strict=True)
        ]
        known = self._known(parked)
        tallies = self._tallies(set(places))
        added: dict[tuple[str, str, int], _Tally] = {}
        rows = []
        for event, words, place in zip(parked, said, places, strict=True):
            whole = True
            if (event.lane, event.sha256) not in known:
                known.add((event.lane, event.sha256))
                tally = tallies.setdefault(_scope(place), _Tally())
                whole = self._count(event, tally, added.setdefault(place, _Tally()))
                if tally.over and not tally.was_over:
                    self.newly_over.append(_scope(place))
                    tally.was_over = True
            rows.append(_row(event, words, whole=whole))
        # Each row of a counter is one lane's, so no other owner holds it.
        counted = [(*place, t.events, t.body_bytes, t.over) for place, t in sorted(added.items())]
        left_out = [
            (event.lane, event.ms, event.seq, event.reason)
            for event in parked
            if event.reason in OUR_REASONS and event.lane != INBOX_LANE
        ]
        with self._connection.cursor() as cursor:
            for statement, values in ((_PARK, rows), (_ADD, counted), (_LEAVE_OUT, left_out)):
                if values:
                    cursor.executemany(statement, values)

    def _known(self, parked: list[Parked]) -> set[tuple[int, bytes]]:
        lanes, digests = zip(*{(event.lane, event.sha256) for event in parked}, strict=True)
        return set(self._connection.execute(_KNOWN, (list(lanes), list(digests))).fetchall())

    def _tallies(self, places: Iterable[tuple[str, str, int]]) -> dict[Scope, _Tally]:
        organizations, sources = zip(*{place[:2] for place in places}, strict=True)
        tallies: dict[Scope, _Tally] = {}
        found = self._connection.execute(_TALLIES, (list(organizations), list(sources)))
        for organization_id, source, lane, events, body_bytes, over in found:
            tally = tallies.setdefault(_scope((organization_id, source, lane)), _Tally())
            tally.events += events
            tally.body_bytes += body_bytes
            tally.over |= over
            tally.was_over = tally.over
        return tallies

    def _count(self, event: Parked, tally: _Tally, added: _Tally) -> bool:
        """Count a new event for its source; returns whether its bytes are kept here."""
        size_bytes = len(event.kept)
        fits = (
            tally.events < self._quota.events
            and tally.body_bytes + size_bytes <= self._quota.body_bytes
        )
        if not fits:
            added.over = tally.over = True
        whole = fits or event.lane == INBOX_LANE
        for counter in (tally, added):
            counter.events += 1
            counter.body_bytes += size_bytes if whole else 0
        return whole


def sources_over_quota(connection: psycopg.Connection) -> int:
    """How many sources parked more than is kept whole of one."""
    row = connection.execute(
        "SELECT count(DISTINCT (organization_id, source, CASE WHEN source = '' THEN lane END))"
        " FROM callfold.parked_sources WHERE over_since IS NOT NULL"
    ).fetchone()
    return int(row[0]) if row else 0


def _scope(place: tuple[str, str, int]) -> Scope:
    organization_id, source, lane = place
    return organization_id, source, None if source else lane


def _row(event: Parked, said: dict[str, str], *, whole: bool) -> tuple[Any, ...]:
    return (
        event.lane, event.sha256, event.reason, event.detail.replace("\x00", "\ufffd"),
        said.get("organizationid"), said.get("source"), said.get("type"), said.get("subject"),
        event.ms, event.seq, event.ms, event.seq,
        _MODE_NAMES.get(event.mode, "structured"), event.length_bytes, event.sha256,
        event.kept if whole else None,
    )  # fmt: skip


def _said(event: Parked) -> dict[str, str]:
    """What can still be read of a bad event's envelope, for operators to group by."""
    try:
        if event.mode == FIELDS:
            fields = kept_fields(event.mode, event.kept)
            found: Any = {
                name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
                for name, value in zip(fields[::2], fields[1::2], strict=False)
            }
        else:
            found = decode_exact(event.kept)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: value.replace("\x00", "\ufffd")[:256]
        for name, value in found.items()
        if isinstance(name, str) and isinstance(value, str)
    }
