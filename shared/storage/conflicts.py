"""Which duplicates of a batch are conflicts: same source and id, other content (events.md, rule 2).

Called by the committer before its transaction, for duplicates whose bytes differ from the first.
A publisher that changed its spelling makes thousands of them at once, so each segment of the log
that holds firsts is read once for all.
"""

from collections.abc import Iterable
from typing import Any

import psycopg

from shared.contracts.codec import EVENT_FIELD
from shared.contracts.entries import FIELDS, kept_fields
from shared.contracts.exact_numbers import decode_exact
from shared.folds.journal import Position
from shared.projections.write_set import Suspect, WriteSet
from shared.storage.log_reading import segments_holding
from shared.storage.segments import unpack

#: Mode and bytes of an entry, as the log keeps them.
_Kept = tuple[int, bytes]


def conflicts(connection: psycopg.Connection, writes: WriteSet) -> list[Suspect]:
    """The suspects of a batch whose content, unknown keys included, is not that of their first.

    Raises:
        SegmentError: a segment that holds a first is damaged.
    """
    by_lane: dict[int, list[Suspect]] = {}
    for suspect in writes.suspects:
        by_lane.setdefault(suspect.lane, []).append(suspect)
    found = []
    for lane, suspects in by_lane.items():
        firsts = _firsts(connection, writes, lane, {suspect.first for suspect in suspects})
        found += [suspect for suspect in suspects if _differs(suspect, firsts)]
    return found


def _firsts(
    connection: psycopg.Connection, writes: WriteSet, lane: int, wanted: set[Position]
) -> dict[Position, _Kept]:
    """The entries at these positions, from the batch itself or from the log."""
    archived: Iterable[Any] = writes.lanes[lane].archived
    firsts = {entry[:2]: (entry[2], entry[3]) for entry in archived if entry[:2] in wanted}
    for segment in segments_holding(connection, lane, list(wanted - firsts.keys())):
        for entry, mode, kept, _ in unpack(segment):
            if (entry.ms, entry.seq) in wanted:
                firsts[entry.ms, entry.seq] = mode, kept
    return firsts


def _differs(suspect: Suspect, firsts: dict[Position, _Kept]) -> bool:
    first = firsts.get(suspect.first)
    if first is None:
        return True  # the first is gone from the log: better a conflict too many
    try:
        return bool(_content(*first) != _content(suspect.mode, suspect.kept))
    except ValueError:  # an unknown key holds an integer of thousands of digits
        return True


def _content(mode: int, kept: bytes) -> Any:
    """An event decoded whole, unknown keys included, in one form for both content modes."""
    if mode != FIELDS:
        return decode_exact(kept)
    fields = kept_fields(mode, kept)
    if EVENT_FIELD in fields[::2]:
        return decode_exact(fields[fields[::2].index(EVENT_FIELD) * 2 + 1])
    attributes: dict[str, Any] = {
        name.decode(): value.decode()
        for name, value in zip(fields[::2], fields[1::2], strict=False)
    }
    attributes["data"] = decode_exact(attributes["data"])
    if "sequence" in attributes:
        attributes["sequence"] = int(attributes["sequence"])
    return attributes
