"""Streams, and the partition of a subject."""

import pytest

from shared.contracts.stream_names import INBOX_LANE, lane_stream, partition_of, partition_stream


@pytest.mark.parametrize(
    ("subject", "crc32"),
    (
        ("123456789", 0xCBF43926),  # the check value that every CRC-32 of this kind publishes
        ("a", 0xE8B7BE43),
        ("The quick brown fox jumps over the lazy dog", 0x414FA339),
        ("", 0),
    ),
)
@pytest.mark.parametrize("partitions", (1, 7, 16, 1024))
def test_partition_is_the_crc32_of_zlib_modulo_n(subject: str, crc32: int, partitions: int) -> None:
    """Publishers in other languages compute the same from the published vectors."""
    assert crc32 % partitions == partition_of(subject, partitions)


def test_partition_is_computed_over_utf8() -> None:
    """A subject that is not ASCII counts by its bytes: é is C3 A9."""
    assert 0xE048D3E == partition_of("é", 2**32)


def test_stream_of_a_partition_has_literal_braces() -> None:
    """The braces are a hash tag: all keys of a partition lie in one slot of a cluster."""
    assert "callfold:{3}:events" == partition_stream(3)
    assert "callfold:{3}:events" == lane_stream(3)
    assert "callfold:inbox" == lane_stream(INBOX_LANE)
