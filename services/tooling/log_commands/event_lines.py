"""One entry of the log as one line: what `log export` writes and `log import` reads.

A line is `{"partition","ms","seq","receivedAt","mode","event":{…}}`. `event` is the CloudEvent as
it was published, in structured form whatever its mode was; what is no JSON has `bytes` instead,
in base64.
"""

from decimal import Decimal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.contracts.codec import EVENT_FIELD, structured_json
from shared.contracts.entries import CUT, FIELDS, STRUCTURED, kept_fields
from shared.contracts.instants import us_text_ms
from shared.errors import ContractError
from shared.storage.log_reading import LogEntry

MODE_NAMES = {STRUCTURED: "structured", FIELDS: "binary", CUT: "cut"}
_decode_any = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder().encode


class EventLine(Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of an export."""

    partition: int
    ms: int
    seq: int
    received_at: str
    mode: str
    event: Raw | UnsetType = UNSET
    kept: bytes | UnsetType = msgspec.field(name="bytes", default=UNSET)


def event_bytes(entry: LogEntry) -> bytes:
    """The CloudEvent of an entry: as it came, or composed of the fields of binary mode.

    Fields that compose none are given as the log keeps them.
    """
    if entry.mode != FIELDS:
        return entry.kept
    fields = kept_fields(entry.mode, entry.kept)
    names = fields[::2]
    if EVENT_FIELD in names:
        return fields[names.index(EVENT_FIELD) * 2 + 1]
    try:
        return structured_json(fields)
    except ContractError:
        return entry.kept


def event_line(entry: LogEntry, event: bytes) -> bytes:
    """The line of an entry whose `event_bytes` are given, without its end."""
    said = one_line(event)
    line = EventLine(
        partition=entry.partition,
        ms=entry.ms,
        seq=entry.seq,
        received_at=us_text_ms(entry.received_ms * 1000),
        mode=MODE_NAMES[entry.mode],
        event=UNSET if said is None else Raw(said),
        kept=event if said is None else UNSET,
    )
    return _encode(line)


def one_line(text: bytes) -> bytes | None:
    """JSON without line breaks, otherwise byte for byte as it is; None where it is no JSON."""
    try:
        _decode_any(text)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    if b"\n" in text or b"\r" in text:
        return msgspec.json.format(text, indent=-1)
    return text
