"""The journal of a subject: hashes at fixed offsets, positions as differences."""

import pytest

from shared.folds import journal

#: Bytes that are found at every offset of themselves.
SAME = int.from_bytes(b"\x11" * 8, "little")


def test_an_event_is_found_with_the_content_of_its_record() -> None:
    """Each record holds identity and content."""
    records = journal.record(1, 10) + journal.record(2, 20)
    assert 10 == journal.find(records, 1)
    assert 20 == journal.find(records, 2)
    assert journal.find(records, 3) is None
    assert journal.find(b"", 1) is None


@pytest.mark.parametrize("shift", range(1, 12))
def test_bytes_that_match_between_records_are_no_event(shift: int) -> None:
    """An identity whose bytes stand across two records was never seen."""
    records = bytes(range(100, 124))
    across = int.from_bytes(records[shift : shift + 8], "little")
    assert journal.find(records, across) is None
    assert 77 == journal.find(records + journal.record(across, 77), across)


def test_a_match_is_sought_on_after_overlapping_bytes_at_wrong_offsets() -> None:
    """A run of equal bytes matches at many offsets before the one that counts."""
    records = journal.record(0x1111_1111_0000_0000, 0x1111_1111) + journal.record(SAME, 5)
    assert 5 == journal.find(records, SAME)


def test_positions_come_back_in_the_order_of_the_log() -> None:
    """Milliseconds are differences, sequence numbers are not, and reach 64 bits."""
    first = [(1_700_000_000_000, 0), (1_700_000_000_000, 1), (1_700_000_000_003, 0)]
    more = [(1_700_000_000_005, 0), (1_800_000_000_000, 2**64 - 1)]
    assert [*first, *more] == journal.unpack_positions(
        journal.append_positions(journal.append_positions(b"", first), more)
    )
    assert [] == journal.unpack_positions(b"")


def test_the_position_of_an_event_is_that_of_its_record() -> None:
    """Records and positions run in parallel."""
    records = journal.record(1, 10) + journal.record(SAME, 20) + journal.record(3, 30)
    positions = journal.append_positions(b"", [(5, 0), (6, 1), (9, 0)])
    assert (6, 1) == journal.position_of(records, positions, SAME)
    assert journal.position_of(records, positions, 4) is None


def test_source_and_id_are_told_apart() -> None:
    """The pair is hashed with a separator that neither can hold."""
    pairs = (("/a", "b1"), ("/ab", "1"), ("/a", "1"))
    assert len(pairs) == len({journal.identity_hash(*pair) for pair in pairs})
