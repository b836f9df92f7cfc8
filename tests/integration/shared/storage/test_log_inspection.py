"""Every segment is held against its row; what is damaged is named, and the rest is read."""

from shared.contracts.codec import decode_fields
from shared.contracts.entries import kept_fields
from shared.folds.journal import Position
from shared.storage.log_inspection import LogInspection
from shared.storage.log_reading import LogEntry
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
)

LANE = 2


def inspected(owner: LaneOwner) -> tuple[LogInspection, list[Position]]:
    """One inspection, and the positions that it read."""
    inspection = LogInspection(owner.connection, PARTITIONS)
    found: list[Position] = []

    def read(entry: LogEntry) -> tuple[str, str]:
        found.append(entry.position)
        event = decode_fields(kept_fields(entry.mode, entry.kept))
        return event.organizationid, event.source

    events = sum(inspection.inspect(read))
    assert events == inspection.events
    return inspection, found


def test_overlapping_segments_are_found_and_read_once(laid_out: str) -> None:
    """The second begins before the first ends: somebody wrote the log twice."""
    entries = [call_entry(number, LANE) for number in range(1, 6)]
    with lane_owner(laid_out, "one") as owner:
        owner.write_segments(LANE, entries[:3], entries[2:])
        inspection, found = inspected(owner)

        assert [(LANE, (NOW_MS + 3, 0), (NOW_MS + 3, 0))] == inspection.overlaps(10)
    assert [(entry.ms, entry.seq) for entry in entries] == found
    assert [] == inspection.bad
    assert {LANE: (NOW_MS + 5, 0)} == inspection.ends


def test_damaged_segment_and_wrong_row_are_named_and_the_rest_is_read(laid_out: str) -> None:
    """One cannot be read, one says that it holds another's events; the third is whole."""
    batches = [[call_entry(number, LANE)] for number in (1, 2, 3)]
    with lane_owner(laid_out, "one") as owner:
        owner.write_segments(LANE, *batches)
        for change, ms in (
            ("body = set_byte(body, 9, get_byte(body, 9) # 1)", NOW_MS + 1),
            ('sources = \'{"acme": {"/other": 1}}\'', NOW_MS + 2),
        ):
            statement = f"UPDATE callfold.log_segments SET {change} WHERE first_ms = %s"
            owner.connection.execute(statement.encode(), (ms,))
        inspection, found = inspected(owner)

        assert [] == inspection.overlaps(10)
    assert [(NOW_MS + 2, 0), (NOW_MS + 3, 0)] == found
    assert [((NOW_MS + 1, 0), True), ((NOW_MS + 2, 0), False)] == [
        (bad.first, bad.unreadable) for bad in inspection.bad
    ]
    assert ["acme"] == inspection.bad[0].organizations
