"""Which entries of the log count, handed to the recomputation; every segment checked on the way.

Only the contract says which entries are events; what they mean is none of this module's business.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from hashlib import sha256

import psycopg

from services.tooling.verify.recomputation.database import Recomputation
from shared.contracts.codec import EVENT_FIELD, structured_json
from shared.contracts.entries import decode_kept, kept_fields, whole_form
from shared.contracts.stream_names import partition_of
from shared.errors import ContractError
from shared.folds.journal import Position
from shared.storage.log_inspection import LogInspection
from shared.storage.log_reading import LogEntry, LogScan, Selection
from shared.storage.served_snapshot import ServedSnapshot


class LoggedEvents:
    """Hands over what was folded by the moment of a snapshot.

    Attributes:
        organizations: Whose events are handed over; None is all.
        partitions: How many the installation has.
        not_counted: Entries that the contract refuses, or that were left out or parked.
        damaged: What is wrong with each segment that could not be read, without an inspection.
    """

    def __init__(
        self,
        snapshot: ServedSnapshot,
        recomputed: Recomputation,
        organizations: AbstractSet[str] | None,
    ) -> None:
        """Reads what counts in the snapshot, and needs it no more; None is all organizations."""
        self._recomputed = recomputed
        self.organizations = organizations
        self.partitions = snapshot.partitions
        self._folded: dict[int, Position] = snapshot.folded
        self._left_out = snapshot.left_out()
        self._parked = snapshot.parked()
        self.not_counted = 0
        self.damaged: list[str] = []

    def inspect(self, inspection: LogInspection) -> Iterator[int]:
        """Hand over while the whole log is inspected; yields the entries of each segment."""
        yield from inspection.inspect(self._read)

    def scan(self, connection: psycopg.Connection, organization_id: str | None) -> Iterator[int]:
        """Hand over from segments that may hold events of an organization; yields as `inspect`."""
        selection = Selection(partitions=range(self.partitions), organization_id=organization_id)
        scan = LogScan(connection, selection)
        for entry in scan.entries():
            self._read(entry)
            yield 1
        self.damaged = scan.damaged

    def _read(self, entry: LogEntry) -> tuple[str, str] | None:
        """Hand an entry over if it counts; returns whose it is if it is an event at all."""
        fields = kept_fields(entry.mode, entry.kept)
        try:
            event = decode_kept(entry.mode, entry.kept)
        except ContractError:
            self.not_counted += 1
            return None
        who = event.organizationid, event.source
        if entry.position > self._folded[entry.partition]:
            return who
        if self._is_left_out(entry, fields):
            self.not_counted += 1
        elif partition_of(event.subject, self.partitions) == entry.partition and (
            self.organizations is None or event.organizationid in self.organizations
        ):
            self._recomputed.take_event(entry.partition, *entry.position, _json(fields))
        return who

    def _is_left_out(self, entry: LogEntry, fields: list[bytes]) -> bool:
        if (entry.partition, *entry.position) in self._left_out:
            return True
        if not self._parked:
            return False
        whole = whole_form(fields)[1]
        last = self._parked.get((entry.partition, sha256(whole).digest()))
        return last is not None and entry.position <= last


def _json(fields: list[bytes]) -> bytes:
    """The entry as one structured CloudEvent, whichever mode it came in."""
    names = fields[::2]
    if EVENT_FIELD in names:
        return fields[names.index(EVENT_FIELD) * 2 + 1]
    return structured_json(fields)
