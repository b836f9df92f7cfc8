"""The bytes of a parked event, for people to read and for an editor to begin with."""

from typing import Any

import msgspec

from services.tooling.safe_text import safe
from shared.contracts.codec import EVENT_FIELD
from shared.storage.parked_events import ParkedBody

_encode = msgspec.json.encode


def pretty(body: ParkedBody) -> str:
    """JSON indented where it is JSON, else the bytes with escapes; binary mode by field."""
    if body.fields is None:
        return safe(body.kept)
    names, values = body.fields[::2], body.fields[1::2]
    if names == [EVENT_FIELD]:
        return _indented(values[0])
    return "\n".join(
        f"{safe(name)}: {_indented(value) if name in {b'data', EVENT_FIELD} else safe(value)}"
        for name, value in zip(names, values, strict=False)
    )


def fields_json(body: ParkedBody) -> list[list[str]] | None:
    """Names and values as JSON can say them; None of what was cut."""
    if body.fields is None:
        return None
    texts = [part.decode("utf-8", "backslashreplace") for part in body.fields]
    return [list(pair) for pair in zip(texts[::2], texts[1::2], strict=False)]


def draft(body: ParkedBody) -> bytes:
    """One structured CloudEvent to edit: the bytes as they are, of binary mode composed."""
    if body.fields is None:
        return body.kept
    fields = dict(zip(body.fields[::2], body.fields[1::2], strict=False))
    if EVENT_FIELD in fields:
        return fields[EVENT_FIELD]
    event = {safe(name): _value(name, value) for name, value in fields.items()}
    return msgspec.json.format(_encode(event), indent=2) + b"\n"


def _value(name: bytes, value: bytes) -> Any:
    if name in {b"data", b"sequence"} and _is_json(value):
        return msgspec.Raw(value)
    return value.decode("utf-8", "backslashreplace")


def _indented(text: bytes) -> str:
    return safe(msgspec.json.format(text, indent=2) if _is_json(text) else text)


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
        text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
