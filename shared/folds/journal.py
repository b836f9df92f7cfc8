"""What a subject remembers of its events for as long as it lives: which, and where they are.

Per event a 64-bit hash of source and id with a 32-bit one of the content (so that a duplicate is
known for ever), and its position in the log (so that reading one call's events costs only the
segments that hold them). A journal follows the order of the log, unlike a state.
"""

from collections.abc import Callable
from struct import Struct as Layout
from typing import Final

import msgspec
from xxhash import xxh3_64_intdigest

#: (milliseconds, sequence) of a stream entry.
Position = tuple[int, int]

_RECORD = Layout("<QI")
#: A record begins with this many bytes of identity.
IDENTITY_BYTES = 8
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode


def identity_hash(source: str, event_id: str) -> int:
    """The 64-bit hash of what makes an event the same event within its subject.

    The separator is a control character, which neither text can hold.
    """
    return xxh3_64_intdigest(f"{source}\n{event_id}".encode())


def content_hash(raw: bytes) -> int:
    """The 32-bit hash of an event's bytes; equal bytes are equal content."""
    return xxh3_64_intdigest(raw) & 0xFFFFFFFF


#: The journal's record of one event: (identity, content) → bytes.
record: Final[Callable[[int, int], bytes]] = _RECORD.pack


def find(records: bytes, identity: int) -> int | None:
    """The content hash of the event with this identity, or None where it was never seen."""
    index = _index(records, identity)
    return None if index is None else _RECORD.unpack_from(records, index * _RECORD.size)[1]


def position_of(records: bytes, positions: bytes, identity: int) -> Position | None:
    """Where in the log the event with this identity was first archived."""
    index = _index(records, identity)
    return None if index is None else unpack_positions(positions)[index]


def _index(records: bytes, identity: int) -> int | None:
    # Searching bytes beats a dictionary that would have to be built at each touch.
    needle = identity.to_bytes(IDENTITY_BYTES, "little")
    at = records.find(needle)
    while at != -1 and at % _RECORD.size:
        at = records.find(needle, at + 1)
    return None if at == -1 else at // _RECORD.size


def append_positions(positions: bytes, added: list[Position]) -> bytes:
    """Append positions, delta-coded: milliseconds to the last, and the sequence number."""
    numbers = _decode(positions) if positions else []
    ms = sum(numbers[::2])
    for position_ms, position_seq in added:
        numbers += (position_ms - ms, position_seq)
        ms = position_ms
    return _encode(numbers)


def unpack_positions(positions: bytes) -> list[Position]:
    """All positions, in the order of the log."""
    numbers = _decode(positions) if positions else []
    unpacked, ms = [], 0
    for delta_ms, seq in zip(numbers[::2], numbers[1::2], strict=True):
        ms += delta_ms
        unpacked.append((ms, seq))
    return unpacked
