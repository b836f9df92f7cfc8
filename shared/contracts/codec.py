"""Stream entry → event, or the reason why it must be parked.

An entry is accepted in both CloudEvents content modes (events.md, "On a Redis stream"). Decoding
is one pass into a typed struct; nothing is copied afterwards.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from shared.contracts.envelope import Event, Id, Source, UInt
from shared.contracts.event_types import AnyEvent
from shared.contracts.instants import instant_us
from shared.contracts.json_bounds import check_bounds
from shared.contracts.park_reasons import ParkReason
from shared.contracts.text_checks import check_text, plain
from shared.contracts.upcasters import check_version
from shared.errors import ContractError
from shared.limits import EVENT_BYTES_MAX, ID_BYTES_MAX

#: The one field of an entry in structured mode.
EVENT_FIELD = b"event"
#: Length of a flat list of one name and its value.
ONE_FIELD: Final = 2

_decode_event = msgspec.json.Decoder(AnyEvent).decode
_encode = msgspec.json.encode
_decode_any = msgspec.json.Decoder(float_hook=str).decode


class Numbered(Struct, frozen=True, gc=False):
    """What tells that a number of a source's own counter has arrived."""

    organizationid: Id
    source: Source
    sequence: UInt


_decode_numbered = msgspec.json.Decoder(Numbered).decode
_PATH = re.compile(r"`(?P<path>\$[^`]*)`$")
_PLAIN_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")


def decode_fields(fields: Sequence[bytes]) -> Event:
    """Decode the flat list (name, value, name, value, …) of a stream entry.

    Raises:
        ContractError: the event must be parked, with `reason` and `detail`.
    """
    if len(fields) == ONE_FIELD and fields[0] == EVENT_FIELD:
        return decode_event(fields[1])
    if len(fields) % 2:
        raise ContractError(ParkReason.NOT_JSON, "a field without a value")
    if (size_bytes := sum(map(len, fields))) > EVENT_BYTES_MAX:
        raise ContractError(ParkReason.TOO_LARGE, _too_large(size_bytes))
    names = fields[::2]
    if EVENT_FIELD in names:
        return decode_event(fields[names.index(EVENT_FIELD) * 2 + 1])
    return decode_bounded(structured_json(fields))


def decode_event(raw: bytes) -> Event:
    """Decode one structured CloudEvent; errors as `decode_fields`."""
    if len(raw) > EVENT_BYTES_MAX:
        raise ContractError(ParkReason.TOO_LARGE, _too_large(len(raw)))
    return decode_bounded(raw)


def decode_bounded(raw: bytes) -> Event:
    """The same of a text that is known to be within the limit."""
    try:
        event: Event = _decode_event(raw)
    except msgspec.ValidationError as error:
        raise _contract_error(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(ParkReason.NOT_JSON, str(error)) from None
    try:
        event.time_us = instant_us(event.time)
    except ValueError as error:
        raise ContractError(ParkReason.MALFORMED_ATTRIBUTE, f"{error} - at `$.time`") from None
    check_bounds(raw)
    if event.dataschema is not None:
        check_version(event.dataschema)
    if not plain(raw):
        check_text(raw, event)
    return event


def find_subject(fields: Sequence[bytes]) -> str | None:
    """The subject of an entry that does not decode, where one can be read at all.

    The inbox hands such an entry to the subject's partition, so that it is parked beside its kin.
    """
    names = fields[::2]
    try:
        if EVENT_FIELD in names:
            found = _decode_any(fields[names.index(EVENT_FIELD) * 2 + 1])
            subject = found.get("subject") if isinstance(found, dict) else None
        else:
            subject = fields[names.index(b"subject") * 2 + 1].decode()
    except (ValueError, IndexError, RecursionError):  # not JSON, not UTF-8, or no such field
        return None
    usable = isinstance(subject, str) and 1 <= len(subject.encode()) <= ID_BYTES_MAX
    return subject if usable else None


def find_sequence(fields: Sequence[bytes]) -> Numbered | None:
    """The `sequence` of an entry that does not decode, where it can be read, with whose it is.

    A parked event has arrived: its number is not missing (architecture.md, point 11).
    """
    said = dict(zip(fields[::2], fields[1::2], strict=False))
    try:
        if EVENT_FIELD in said:
            found = _decode_numbered(said[EVENT_FIELD])
        else:
            if not _PLAIN_INTEGER.fullmatch(said[b"sequence"]):
                return None
            values = {name: said[name.encode()].decode() for name in ("organizationid", "source")}
            found = msgspec.convert({**values, "sequence": int(said[b"sequence"])}, Numbered)
    except (KeyError, ValueError, RecursionError):  # a field is not there, not text, or too long
        return None
    return None if "\x00" in found.organizationid + found.source else found


def structured_json(fields: Sequence[bytes]) -> bytes:
    """The entry of binary mode as the JSON text of the same CloudEvent."""
    parts = []
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        try:
            if name == b"data":
                text = _json_value(value)
            elif name == b"sequence" and _PLAIN_INTEGER.fullmatch(value):
                text = value
            else:
                text = _encode(value.decode())
            parts.append(_encode(name.decode()) + b":" + text)
        except UnicodeDecodeError:
            raise ContractError(
                ParkReason.NOT_JSON, f"field {ascii(name)[1:]} is not UTF-8"
            ) from None
    return b"{" + b",".join(parts) + b"}"


def _json_value(text: bytes) -> bytes:
    """One whole JSON value, so that it cannot reach beyond its place in the composed event."""
    try:
        _decode_any(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(ParkReason.NOT_JSON, f"field `data`: {error}") from None
    return text


def _too_large(size_bytes: int) -> str:
    return f"{size_bytes} bytes; the limit is {EVENT_BYTES_MAX}"


def _contract_error(message: str) -> ContractError:
    """Sort msgspec's message, which names the key and its path, under a reason."""
    found = _PATH.search(message)
    path = found["path"] if found else "$"
    if path == "$.type":
        return ContractError(ParkReason.UNKNOWN_TYPE, message)
    if path == "$.data" or path.startswith(("$.data.", "$.data[")):
        return ContractError(ParkReason.WRONG_SHAPE, message)
    if message.startswith("Object missing required field"):
        return ContractError(ParkReason.MISSING_ATTRIBUTE, message)
    if path == "$" and message.startswith("Expected `object`"):
        return ContractError(ParkReason.NOT_JSON, message)
    return ContractError(ParkReason.MALFORMED_ATTRIBUTE, message)
