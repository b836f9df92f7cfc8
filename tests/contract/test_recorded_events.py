"""Recorded events of every type: decoded alike in both content modes, now and in any release."""

import json

import msgspec
import pytest

from shared.contracts.codec import decode_event, decode_fields
from shared.contracts.event_types import WIRE_NAMES
from shared.contracts.instants import instant_us
from tests.contract.wire import binary, recorded_events, structured

RECORDED = dict(recorded_events())


def test_every_type_is_recorded() -> None:
    """A new type comes with a recorded event; no recorded event is of an unknown type."""
    assert set(WIRE_NAMES.values()) == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_event_is_the_same_in_both_modes(name: str) -> None:
    """Structured and binary mode of one event decode to equal structs, all optional keys read."""
    raw = RECORDED[name]
    said = json.loads(raw)

    event = decode_fields(structured(raw))

    assert name == WIRE_NAMES[type(event)]
    assert said["time"] == event.time
    assert instant_us(said["time"]) == event.time_us
    assert said["sequence"] == event.sequence
    assert _plain(event) == _plain(decode_fields(binary(said)))


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_event_written_otherwise_is_the_same(name: str) -> None:
    """Neither the order of keys, nor spaces, nor escapes say anything."""
    said = json.loads(RECORDED[name])
    otherwise = {key: said[key] for key in reversed(said)}

    again = decode_event(json.dumps(otherwise, ensure_ascii=True, indent=1).encode())

    assert _plain(decode_event(RECORDED[name])) == _plain(again)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_event_sets_every_key_of_its_type(name: str) -> None:
    """A recorded event says every optional key of its payload, so that none goes unread."""
    event = decode_event(RECORDED[name])
    payload = event.data  # type: ignore[attr-defined]  # every type has one; the base has not
    said = json.loads(RECORDED[name])["data"]

    unsaid = [key for key in payload.__struct_encode_fields__ if key not in said]

    assert [] == unsaid


def _plain(value: object) -> object:
    """A struct as plain values; handed-through JSON decoded, so that only its meaning counts."""
    match value:
        case msgspec.Raw():
            return json.loads(bytes(value)) if bytes(value) else None
        case msgspec.Struct():
            return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value
