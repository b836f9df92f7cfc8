"""All that one batch changes: what `storage.commits` writes in one transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from shared.contracts.entries import Entry, whole_form
from shared.contracts.event_types import Kind
from shared.errors import ContractError
from shared.folds.journal import Position
from shared.projections.contributions import Differences

#: One entry for the log: ms, seq, mode, kept bytes, checksum, organization and source (None where
#: it does not decode). A plain tuple: a batch makes tens of thousands.
Archived = tuple[int, int, int, bytes, int, str | None, str | None]


class Parked(NamedTuple):
    """One entry to park, with its reason (events.md, rule 7)."""

    lane: int
    ms: int
    seq: int
    reason: str
    detail: str
    mode: int
    #: The first MiB of it.
    kept: bytes
    length_bytes: int
    sha256: bytes


def parked_entry(lane: int, entry: Entry, kept: bytes, error: ContractError) -> Parked:
    """An entry to park for an error, of which the log keeps `kept`."""
    mode, whole = whole_form(entry.fields)
    return Parked(
        lane=lane,
        ms=entry.ms,
        seq=entry.seq,
        reason=error.reason,
        detail=error.detail,
        mode=mode,
        kept=kept,
        length_bytes=len(whole),
        sha256=sha256(whole).digest(),
    )


class Suspect(NamedTuple):
    """A duplicate whose bytes differ from the first: a conflict unless both decode alike."""

    lane: int
    ms: int
    seq: int
    kind: str
    organization_id: str
    subject: str
    source: str
    event_id: str
    mode: int
    kept: bytes
    first: Position


class Forward(NamedTuple):
    """An entry found in the inbox or in a partition that is not its own."""

    partition: int
    fields: Sequence[bytes]
    #: Where it was found: lane, ms, seq.
    origin: tuple[int, int, int]


@dataclass(slots=True)
class LaneWrite:
    """How one lane moves on."""

    old: Position
    new: Position
    entries: int = 0
    archived: list[Archived] = field(default_factory=list)
    #: False while the lane's breaker is open: entries are archived, the fold position stays.
    folded: bool = True


@dataclass(slots=True)
class WriteSet:
    """A batch, folded and ready to be committed."""

    lanes: dict[int, LaneWrite] = field(default_factory=dict)
    #: Per kind the rows to upsert, in key order, in the column order of `storage/tables.py`.
    rows: dict[str, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {kind.value: [] for kind in Kind}
    )
    #: organization, flow id, version, published_us, payload
    flow_versions: list[tuple[str, str, int, int, str]] = field(default_factory=list)
    differences: Differences = field(default_factory=Differences)
    parked: list[Parked] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    #: Organization and source → numbers of its own counter that arrived, in any order.
    sequences: defaultdict[tuple[str, str], list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )
    events: int = 0
    duplicates: int = 0
    #: The entries come from the log, not from the stream: only the projections follow.
    from_log: bool = False
