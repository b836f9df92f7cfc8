"""Every kind of incident in one form: what it is, whether it is open, and what to do about it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from shlex import quote
from typing import Any, Literal

import psycopg
from msgspec import Struct

from shared.contracts.incident_kinds import IncidentKind
from shared.contracts.stream_names import lane_stream
from shared.storage.acknowledging import (
    Acknowledgement,
    IncidentKey,
    Measure,
    acknowledgements,
)
from shared.storage.conflict_groups import ConflictGroup, conflict_groups
from shared.storage.incidents import Incident, all_incidents
from shared.storage.sequences import LATE_S, SequenceGap, complete_since, sequence_gaps

_TO_DO = {
    IncidentKind.TRIMMED: (
        "find who uses MAXLEN, XTRIM or XDEL on this stream, and let publishers send again, with"
        " the same ids, what is missing"
    ),
    IncidentKind.RECREATED: (
        "nothing for the lane, it goes on by itself; let publishers send again, with the same ids,"
        " what Redis had acknowledged and lost"
    ),
    IncidentKind.ID_OUT_OF_RANGE: (
        "find who chooses entry ids, and let them say `*`; the stream began anew by itself, and"
        " `callfold incidents resume` adds again what lies aside where that is much"
    ),
    IncidentKind.WRONG_TYPE: (
        "find who writes this key; what it held is at `movedTo` until it happens again. Let"
        " publishers send again, with the same ids, what the stream had"
    ),
    IncidentKind.PARTITIONS_CHANGED: (
        "find who writes or deletes this key, and let only projectors write it (ACL); it was set"
        " right by itself, and what went to a wrong partition is moved to its own"
    ),
    IncidentKind.SEQUENCE_GAP: (
        "let the publisher send these numbers again, with the same ids: then it closes by itself"
    ),
}
#: What may have lost events that their publishers counted.
_LOSSES = {IncidentKind.TRIMMED, IncidentKind.RECREATED, IncidentKind.WRONG_TYPE}
_COMPLETE = (
    "no source that counts misses a number any more; once those that do not count have sent again,"
    " `callfold incidents acknowledge`"
)
#: Reads as the subject of a state in words of the command line.
_REPLAY_KINDS = {"attempt": "call"}

Standing = Literal["open", "acknowledged", "late"]


class Known(Struct, frozen=True, kw_only=True):
    """One incident; what its kind does not have is None."""

    key: IncidentKey
    measure: Measure
    standing: Standing
    what: str
    to_do: str
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    acknowledgement: Acknowledgement | None
    #: What the kind alone has, for `--json`.
    detail: dict[str, Any]

    @property
    def may_concern(self) -> str | None:
        """The organization that it is about; None where it may be any."""
        return self.key.organization_id or None


def known_incidents(connection: psycopg.Connection) -> list[Known]:
    """Every incident, acknowledged ones too, the latest first."""
    taken = acknowledgements(connection)
    complete_at = complete_since(connection)
    found = [
        *(_of_stream(incident, taken, complete_at) for incident in all_incidents(connection)),
        *(_of_gap(gap, taken) for gap in sequence_gaps(connection)),
        *(_of_conflicts(group, taken) for group in conflict_groups(connection)),
    ]
    epoch = datetime.fromtimestamp(0, UTC)
    return sorted(found, key=lambda known: known.last_seen_at or epoch, reverse=True)


def _of_stream(
    incident: Incident, taken: dict[IncidentKey, Acknowledgement], complete_at: datetime | None
) -> Known:
    kind = IncidentKind(incident.kind)
    key = IncidentKey(kind, incident.lane, *incident.place)
    # Looked at again and again, the same loss is one; what goes on otherwise happens again.
    counted = incident.entries_lost if kind is IncidentKind.TRIMMED else incident.times
    measure = Measure(counted or 0)
    noted = taken.get(key)
    lost = "unknown" if incident.entries_lost is None else f"{incident.entries_lost:,}"
    place = f"{incident.place[0]}-{incident.place[1]}"
    stream = lane_stream(incident.lane)
    complete = kind in _LOSSES and complete_at is not None and complete_at > incident.last_seen_at
    return Known(
        key=key,
        measure=measure,
        standing="acknowledged" if noted and noted.measure >= measure else "open",
        what=f"{stream} at {place}: {incident.detail['what']}; entries lost: {lost}",
        to_do=_COMPLETE if complete else incident.detail.get("todo") or _TO_DO[kind],
        first_seen_at=incident.first_seen_at,
        last_seen_at=incident.last_seen_at,
        acknowledgement=noted,
        detail={
            "lane": incident.lane,
            "stream": stream,
            "cursor": place,
            "entriesLost": incident.entries_lost,
            "times": incident.times,
            "complete": complete,
            "detail": incident.detail,
        },
    )


def _of_gap(gap: SequenceGap, taken: dict[IncidentKey, Acknowledgement]) -> Known:
    key = IncidentKey(
        IncidentKind.SEQUENCE_GAP, organization_id=gap.organization_id, source=gap.source
    )
    standing: Standing = "open" if gap.missing else "acknowledged" if gap.acknowledged else "late"
    numbers = gap.missing or gap.acknowledged or gap.late
    late = f"; {gap.late:,} more may be late" if gap.late and standing != "late" else ""
    waits = f", not yet missing: late for less than {LATE_S:.0f} s" if standing == "late" else ""
    return Known(
        key=key,
        measure=Measure(-1 if gap.judged_through is None else gap.judged_through, gap.lowest),
        standing=standing,
        what=(
            f"{gap.organization_id} {gap.source}: {numbers:,} of its numbers did not arrive:"
            f" {_ranges(gap.ranges, numbers)}{waits}{late}"
        ),
        to_do="wait" if standing == "late" else _TO_DO[IncidentKind.SEQUENCE_GAP],
        first_seen_at=gap.missing_since,
        last_seen_at=gap.looked_at,
        acknowledgement=taken.get(key),
        detail={
            "missing": gap.missing,
            "acknowledged": gap.acknowledged,
            "late": gap.late,
            "ranges": [{"first": first, "last": last} for first, last in gap.ranges],
            "lowest": gap.lowest,
            "judgedThrough": gap.judged_through,
        },
    )


def _of_conflicts(group: ConflictGroup, taken: dict[IncidentKey, Acknowledgement]) -> Known:
    key = IncidentKey(
        IncidentKind.CONFLICT, organization_id=group.organization_id, source=group.source
    )
    noted = taken.get(key)
    latest = group.samples[0]
    kind = _REPLAY_KINDS.get(latest.kind, latest.kind)
    return Known(
        key=key,
        measure=Measure(group.conflicts),
        standing="acknowledged" if noted and noted.measure >= (group.conflicts, 0) else "open",
        what=(
            f"{group.organization_id} {group.source}: {group.conflicts:,} with the id of an earlier"
            f" event and another content; the latest {latest.event_id} at {latest.entry}, the first"
            f" of that id, which stands, at {latest.first_entry}"
        ),
        to_do=(
            "the publisher reuses ids: it must not;"
            f" `callfold replay {kind} {quote(latest.subject)}"
            f" --organization {quote(group.organization_id)}`"
            " shows both contents"
        ),
        first_seen_at=group.first_found_at,
        last_seen_at=group.last_found_at,
        acknowledgement=noted,
        detail={
            "conflicts": group.conflicts,
            "samples": group.samples,
        },
    )


def _ranges(ranges: list[list[int]], numbers: int) -> str:
    """The first ranges in words."""
    texts: Iterator[str] = (str(a) if a == b else f"{a}-{b}" for a, b in ranges)
    named = sum(last - first + 1 for first, last in ranges)
    return ", ".join(texts) + (", …" if named < numbers else "")
