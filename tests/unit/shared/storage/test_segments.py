"""The form of the log: what is packed comes back bit by bit, and damage is never overlooked."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.contracts.entries import CUT, FIELDS, STRUCTURED, Entry, kept_fields, kept_form
from shared.errors import SegmentError
from shared.folds.journal import content_hash
from shared.limits import EVENT_BYTES_MAX
from shared.projections.write_set import Archived
from shared.storage.segments import Segment, pack, received, unpack
from tests.contract.wire import binary, changed, padded, structured

_SEQUENCE_MAX = 2**64 - 1
_RECEIVED_MS = [(1, 1_700_000_000_000), (3, 1_700_000_000_500)]


def archived(
    ms: int, seq: int, fields: list[bytes], organization_id: str | None, source: str | None
) -> Archived:
    """An entry as a batch hands it to the log."""
    mode, kept = kept_form(fields)
    return ms, seq, mode, kept, content_hash(kept), organization_id, source


#: Both content modes, an entry over the limit, and the largest id that a stream can give.
ENTRIES = [
    archived(1, 0, structured(changed()), "acme", "/dialer/1"),
    archived(1, _SEQUENCE_MAX, binary(changed(id="b")), "acme", "/dialer/2"),
    archived(5, 7, structured(padded(EVENT_BYTES_MAX + 1)), None, None),
    archived(2**62, 3, [b"\xff\x00", b"", b"event", b"\xfe"], "other", "/dialer/1"),
]


def small_segment() -> Segment:
    """A segment of a few short entries."""
    return pack(2, 4, [ENTRIES[0], ENTRIES[1], ENTRIES[3]], _RECEIVED_MS)


def test_entries_of_all_modes_come_back_as_they_were() -> None:
    """Ids, modes, bytes and checksums survive; a cut entry comes as what was kept of it."""
    segment = pack(2, 4, ENTRIES, _RECEIVED_MS)

    assert {STRUCTURED, FIELDS, CUT} == {entry[2] for entry in ENTRIES}
    assert [
        (Entry(ms, seq, kept_fields(mode, kept)), mode, kept, checksum)
        for ms, seq, mode, kept, checksum, _, _ in ENTRIES
    ] == list(unpack(segment))
    assert _RECEIVED_MS == received(segment)


def test_threads_read_and_write_segments_side_by_side() -> None:
    """A commit thread and a merging one do: a decompressor shared by both crashed projectors."""
    many = [
        archived(n, 0, structured(changed(id=f"{n}-{random.Random(n).random()}")), "acme", "/d")
        for n in range(1, 4001)
    ]
    segments = [pack(0, 1, many[:events], [(events, 1)]) for events in (50, 500, 2000, 4000)]

    def work(segment: Segment) -> bool:
        again = pack(0, 1, many[: segment.events], [(segment.events, 1)])
        entries = [entry.ms for entry, _, _, _ in unpack(segment)]
        return segment == again and list(range(1, segment.events + 1)) == entries

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, segments * 40))


def test_header_says_what_is_inside() -> None:
    """First and last id, counts, and per organization the sources; undecoded entries have none."""
    segment = pack(2, 4, ENTRIES, _RECEIVED_MS)

    assert (2, 1, 0, 2**62, 3, 4) == segment[:6]
    assert ["acme", "other"] == segment.organizations
    assert {
        "acme": {"/dialer/1": 1, "/dialer/2": 1},
        "other": {"/dialer/1": 1},
    } == segment.sources
    assert 4 == segment.partitions


def test_single_entry_with_the_largest_id_comes_back() -> None:
    """A segment may begin and end at 2^63-1 milliseconds and sequence 2^64-1."""
    only = archived(2**63 - 1, _SEQUENCE_MAX, structured(changed()), "acme", "/dialer/1")

    ((entry, _, _, _),) = unpack(pack(0, 1, [only], [(1, 1)]))

    assert (2**63 - 1, _SEQUENCE_MAX) == (entry.ms, entry.seq)


def test_merged_segment_holds_the_same_entries() -> None:
    """The stronger compression of merging changes nothing but the size."""
    fresh, merged = (pack(2, 4, ENTRIES, _RECEIVED_MS, merged=merged) for merged in (False, True))

    assert list(unpack(fresh)) == list(unpack(merged))
    assert len(merged.body) <= len(fresh.body)


def test_checksum_fits_a_signed_column() -> None:
    """PostgreSQL's bigint takes every checksum."""
    for number in range(64):
        entry = archived(1, number, structured(changed(id=str(number))), "acme", "/dialer/1")
        assert 0 <= pack(0, 1, [entry], [(1, 1)]).checksum < 2**63


def test_any_flipped_bit_of_the_body_is_found() -> None:
    """Wherever a bit of the compressed bytes turns, reading refuses."""
    segment = small_segment()
    for position in range(len(segment.body) * 8):
        body = bytearray(segment.body)
        body[position // 8] ^= 1 << position % 8
        with pytest.raises(SegmentError):
            list(unpack(segment._replace(body=bytes(body))))


@pytest.mark.parametrize("length", (0, 1, -1))
def test_body_of_another_length_is_found(length: int) -> None:
    """A body that lost its end, or all of itself, is refused."""
    segment = small_segment()

    with pytest.raises(SegmentError, match="checksum"):
        list(unpack(segment._replace(body=segment.body[:length])))


@pytest.mark.parametrize("bit", (0, 31, 62))
def test_flipped_bit_of_the_checksum_is_found(bit: int) -> None:
    """A damaged checksum is damage: nobody can say which of both is right."""
    segment = small_segment()

    with pytest.raises(SegmentError, match="segment 2/1-0 fails its checksum"):
        list(unpack(segment._replace(checksum=segment.checksum ^ 1 << bit)))


_HEADER_DAMAGE: dict[str, Callable[[Segment], Segment]] = {
    "first_ms": lambda s: s._replace(first_ms=s.first_ms ^ 4),
    "first_seq": lambda s: s._replace(first_seq=s.first_seq ^ 1),
    "last_ms": lambda s: s._replace(last_ms=s.last_ms ^ 1),
    "last_seq": lambda s: s._replace(last_seq=s.last_seq ^ 1),
    "events": lambda s: s._replace(events=s.events ^ 1),
    "dictionary": lambda s: s._replace(dictionary=s.dictionary ^ 2),
}


@pytest.mark.parametrize("name", _HEADER_DAMAGE)
def test_flipped_bit_of_a_header_column_is_found(name: str) -> None:
    """What the row says of itself must be what is inside: readers choose segments by it."""
    damaged = _HEADER_DAMAGE[name](small_segment())

    with pytest.raises(SegmentError):
        list(unpack(damaged))


def test_entry_with_a_wrong_checksum_is_named() -> None:
    """An entry that was damaged before it was packed is found when it is read."""
    ms, seq, mode, kept, checksum, *names = ENTRIES[0]
    wrong = (ms, seq, mode, kept, checksum ^ 1, *names)

    with pytest.raises(SegmentError, match=r"entry 1-0 fails its checksum"):
        list(unpack(pack(0, 1, [wrong], [(1, 1)])))  # type: ignore[list-item]  # two names


def test_random_entries_come_back() -> None:
    """Segments of any size, with ids that jump and bytes that do not compress."""
    for seed in range(20):
        chance = random.Random(seed)
        ids = sorted(
            {
                (chance.randrange(2**40), chance.choice((0, 1, _SEQUENCE_MAX)))
                for _ in range(chance.randrange(1, 300))
            }
        )
        entries = [
            archived(ms, seq, [b"event", chance.randbytes(chance.randrange(200))], "a", f"/{ms}")
            for ms, seq in ids
        ]

        found = [
            (e.ms, e.seq, mode, kept, c) for e, mode, kept, c in unpack(pack(0, 1, entries, []))
        ]

        assert [entry[:5] for entry in entries] == found, f"seed {seed}"
