"""The form of the log: many stream entries as one compressed, checksummed segment.

Columns compress better than rows, so ids, lengths, checksums and bytes lie apart. Pure: bytes in,
bytes out; `log` keeps them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import sub
from struct import Struct as Layout
from threading import local
from typing import NamedTuple

import msgspec
import zstandard
from msgspec import Struct
from xxhash import xxh3_64_intdigest

from shared.contracts.entries import ArchivedEntry, Entry, kept_fields
from shared.errors import SegmentError
from shared.folds import journal
from shared.projections.write_set import Archived
from shared.storage import dictionary

_FORMAT = 1
_LEVEL_FRESH = 1  # a batch waits for it
_LEVEL_MERGED = 9  # nobody waits for it


class _Body(Struct, array_like=True, frozen=True):
    """What a segment holds, before compression."""

    format: int
    #: Milliseconds of each entry id, as differences to the one before.
    ms: list[int]
    seq: list[int]
    #: When entries were received: pairs of a number of entries and their instant in ms.
    received_ms: list[tuple[int, int]]
    modes: bytes
    lengths: list[int]
    #: Four bytes an entry.
    checksums: bytes
    kept: bytes


class Segment(NamedTuple):
    """A segment as a row of the log, in the column order of `storage/tables.py`."""

    partition: int
    first_ms: int
    first_seq: int
    last_ms: int
    last_seq: int
    events: int
    organizations: list[str]
    sources: dict[str, dict[str, int]]
    partitions: int
    dictionary: int
    checksum: int
    body: bytes


def pack(
    partition: int,
    partitions: int,
    archived: Sequence[Archived],
    received_ms: Sequence[tuple[int, int]],
    *,
    merged: bool = False,
) -> Segment:
    """Pack entries, in the order of the stream, into a segment."""
    ms, seq, modes, kept, checksums, organizations, names = zip(*archived, strict=True)
    body = _Body(
        format=_FORMAT,
        ms=[ms[0], *map(sub, ms[1:], ms)],
        seq=list(seq),
        received_ms=list(received_ms),
        modes=bytes(modes),
        lengths=list(map(len, kept)),
        checksums=Layout(f"<{len(checksums)}I").pack(*checksums),
        kept=b"".join(kept),
    )
    level = _LEVEL_MERGED if merged else _LEVEL_FRESH
    packed = _zstandard.compressor(level).compress(msgspec.msgpack.encode(body))
    sources = _sources(zip(organizations, names, strict=True))
    return Segment(
        partition=partition,
        first_ms=ms[0],
        first_seq=seq[0],
        last_ms=ms[-1],
        last_seq=seq[-1],
        events=len(archived),
        organizations=sorted(sources),
        sources=sources,
        partitions=partitions,
        dictionary=dictionary.VERSION,
        checksum=_checksum(packed),
        body=packed,
    )


def _sources(said: Iterable[tuple[str | None, str | None]]) -> dict[str, dict[str, int]]:
    sources: dict[str, dict[str, int]] = {}
    for (organization_id, source), count in Counter(said).items():
        if organization_id is not None and source is not None:
            sources.setdefault(organization_id, {})[source] = count
    return sources


def archived_entries(segment: Segment) -> list[ArchivedEntry]:
    """Each entry as it was archived; its own checksum is handed on, the segment's is checked.

    Raises:
        SegmentError: the segment is damaged.
    """
    body = _open(segment, _name(segment))
    ends = list(accumulate(body.lengths, initial=0))
    kept = [body.kept[begin:end] for begin, end in pairwise(ends)]
    checksums = Layout(f"<{len(kept)}I").unpack(body.checksums)
    return list(zip(accumulate(body.ms), body.seq, body.modes, kept, checksums, strict=True))


def unpack(segment: Segment) -> Iterator[tuple[Entry, int, bytes, int]]:
    """Each entry with its mode, its kept bytes and its checksum.

    Raises:
        SegmentError: the segment or an entry in it is damaged.
    """
    for ms, seq, mode, kept, checksum in archived_entries(segment):
        if journal.content_hash(kept) != checksum:
            raise SegmentError(f"{_name(segment)}: entry {ms}-{seq} fails its checksum")
        yield Entry(ms, seq, kept_fields(mode, kept)), mode, kept, checksum


def received(segment: Segment) -> list[tuple[int, int]]:
    """When the entries of a segment were received: numbers of entries, and instants in ms."""
    return _open(segment, _name(segment)).received_ms


def _name(segment: Segment) -> str:
    return f"segment {segment.partition}/{segment.first_ms}-{segment.first_seq}"


def _open(segment: Segment, name: str) -> _Body:
    if _checksum(segment.body) != segment.checksum:
        raise SegmentError(f"{name} fails its checksum")
    try:
        raw = _zstandard.decompressor(segment.dictionary).decompress(segment.body)
        body = msgspec.msgpack.decode(raw, type=_Body)
    except (FileNotFoundError, zstandard.ZstdError, msgspec.DecodeError) as error:
        raise SegmentError(f"{name} cannot be read: {error}") from error
    if body.format != _FORMAT:
        raise SegmentError(f"{name} has format {body.format}; this release knows {_FORMAT}")
    # Readers choose segments by these columns, so a wrong one would hide entries.
    inside = (body.ms[0], body.seq[0], sum(body.ms), body.seq[-1], len(body.lengths))
    if inside != segment[1:6]:
        raise SegmentError(f"{name} does not hold what its row says")
    return body


def _checksum(packed: bytes) -> int:
    return xxh3_64_intdigest(packed) >> 1  # PostgreSQL's bigint is signed


class _Zstandard(local):
    """Compressors and decompressors of one thread: sharing one between threads crashes Python."""

    def __init__(self) -> None:
        self._dictionaries: dict[int, zstandard.ZstdCompressionDict] = {}
        self._compressors: dict[int, zstandard.ZstdCompressor] = {}
        self._decompressors: dict[int, zstandard.ZstdDecompressor] = {}

    def compressor(self, level: int) -> zstandard.ZstdCompressor:
        if level not in self._compressors:
            trained = self._dictionary(dictionary.VERSION)
            self._compressors[level] = zstandard.ZstdCompressor(level=level, dict_data=trained)
        return self._compressors[level]

    def decompressor(self, version: int) -> zstandard.ZstdDecompressor:
        if version not in self._decompressors:
            trained = self._dictionary(version)
            self._decompressors[version] = zstandard.ZstdDecompressor(dict_data=trained)
        return self._decompressors[version]

    def _dictionary(self, version: int) -> zstandard.ZstdCompressionDict:
        if version not in self._dictionaries:
            trained = zstandard.ZstdCompressionDict(dictionary.load(version))
            self._dictionaries[version] = trained
        return self._dictionaries[version]


_zstandard = _Zstandard()
