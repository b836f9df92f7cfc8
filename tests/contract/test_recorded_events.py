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
def test_recorded_event_written_again_is_the_same(name: str) -> None:
    """What a struct says as JSON decodes to an equal struct, so a parked event can be retried."""
    event = decode_event(RECORDED[name])
    event.time_us = 0

    again = decode_event(msgspec.json.encode(event))

    again.time_us = 0
    assert _plain(event) == _plain(again)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_event_sets_every_key_of_its_type(name: str) -> None:
    """A recorded event says every optional key of its payload, so that none goes unread."""
    event = decode_event(RECORDED[name])
    payload = event.data  # type: ignore[attr-defined]  # every type has one; the base has not
    said = json.loads(RECORDED[name])["data"]

    unsaid = [key for key in payload.__struct_encode_fields__ if key not in said]

    assert [] == unsaid


def _plain(event: msgspec.Struct) -> object:
    """A struct as plain values; handed-through JSON decoded."""
    return json.loads(msgspec.json.encode(event))
