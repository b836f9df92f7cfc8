"""A stream entry as it was read, and the form in which the log keeps it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from shared.contracts.codec import EVENT_FIELD, ONE_FIELD, decode_bounded, decode_fields
from shared.contracts.envelope import Event
from shared.contracts.park_reasons import ParkReason
from shared.errors import ContractError
from shared.limits import EVENT_BYTES_MAX

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[bytes]).decode

#: The entry has the one field `event`; its value is kept.
STRUCTURED = 0
#: The entry has other fields; the flat list of names and values is kept, as msgpack.
FIELDS = 1
#: The entry is over the limit; this much of it is kept.
CUT = 2


#: One entry as the log gives it back: ms, seq, mode, kept bytes, checksum. A plain tuple: a rebuild
#: reads millions.
ArchivedEntry = tuple[int, int, int, bytes, int]


class Entry(NamedTuple):
    """One entry of a stream: its id, and its fields as a flat list of names and values."""

    ms: int
    seq: int
    fields: Sequence[bytes]


def kept_form(fields: Sequence[bytes]) -> tuple[int, bytes]:
    """The mode and the bytes in which the log keeps an entry."""
    mode, whole = whole_form(fields)
    if len(whole) <= EVENT_BYTES_MAX:
        return mode, whole
    # By its own bytes, as the codec measures it: what is accepted must be kept whole.
    size_bytes = len(whole) if mode == STRUCTURED else sum(map(len, fields))
    return (mode, whole) if size_bytes <= EVENT_BYTES_MAX else (CUT, whole[:EVENT_BYTES_MAX])


def whole_form(fields: Sequence[bytes]) -> tuple[int, bytes]:
    """The mode and all bytes of an entry, however long."""
    if len(fields) == ONE_FIELD and fields[0] == EVENT_FIELD:
        return STRUCTURED, fields[1]
    return FIELDS, _pack(list(fields))


def kept_fields(mode: int, kept: bytes) -> list[bytes]:
    """The fields of an entry that the log keeps; of a cut one only what is left."""
    return _unpack(kept) if mode == FIELDS else [EVENT_FIELD, kept]


def decode_kept(mode: int, kept: bytes) -> Event:
    """The event of an entry that the log keeps.

    Raises:
        ContractError: it was parked when it was archived; a later release may know its type.
    """
    if mode == STRUCTURED:
        return decode_bounded(kept)
    if mode == CUT:  # what is left of it may decode by chance
        raise ContractError(ParkReason.TOO_LARGE, "the log keeps its beginning alone")
    return decode_fields(_unpack(kept))
