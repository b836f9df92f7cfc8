"""A validator of JSON Schema and the codec agree on what is an event."""

import json

import jsonschema_rs
import pytest

from shared.contracts.asyncapi import examples
from shared.contracts.codec import decode_event
from shared.contracts.documents import FOLDER
from tests.contract.bad_entries import BAD_IN_SCHEMAS
from tests.contract.wire import GOOD, BadEntry, json_bytes, recorded_events


@pytest.fixture(scope="module")
def schema() -> jsonschema_rs.Draft202012Validator:
    """The committed schema of all events."""
    text = (FOLDER / "events.schema.json").read_text(encoding="utf-8")
    return jsonschema_rs.Draft202012Validator(json.loads(text), validate_formats=True)


def test_recorded_events_and_examples_follow_the_schema(
    schema: jsonschema_rs.Draft202012Validator,
) -> None:
    """What the codec accepts of every type, every key said, a validator accepts too."""
    for event in [GOOD, *examples(), *(json.loads(raw) for _, raw in recorded_events())]:
        decode_event(json_bytes(event))
        assert [] == [error.message for error in schema.iter_errors(event)]


@pytest.mark.parametrize("bad", BAD_IN_SCHEMAS, ids=lambda bad: bad.name)
def test_parked_event_breaks_the_schema(
    schema: jsonschema_rs.Draft202012Validator, bad: BadEntry
) -> None:
    """What a schema can say, it says: a publisher finds these before the projector does."""
    assert not schema.is_valid(json.loads(bad.fields[1]))
