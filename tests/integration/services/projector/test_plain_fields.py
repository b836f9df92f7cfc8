"""What a FastStream handler would make of plain XADD fields, and our lanes must not.

Its parser hands on `data` alone, or fails a whole batch; here an entry is an event or parked whole.
"""

from collections.abc import Iterator

import msgspec
import pytest
import redis

from shared.contracts.stream_names import lane_stream, partition_of
from shared.limits import PARTITIONS_DEFAULT
from tests.contract.wire import binary, json_bytes, structured
from tests.installation import Installation
from tests.integration.services.projector.lanes_at_hand import (
    add,
    archived,
    call,
    calls,
    column,
    one_projector,
    parked,
    rows,
    stream_of,
)
from tests.servers import ServersForTests


@pytest.fixture(scope="module")
def running(servers: ServersForTests) -> Iterator[Installation]:
    """One projector for all tests here; each uses subjects of its own."""
    with one_projector(servers) as started:
        yield started


@pytest.fixture(scope="module")
def client(running: Installation) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(running.redis_url) as connected:
        yield connected


def test_plain_fields_are_parked_whole(running: Installation, client: redis.Redis) -> None:
    """`type=… call_id=… seq=…`: no event of ours, so it is parked with every field it had."""
    fields = [b"type", b"call.initiated", b"call_id", b"c1", b"seq", b"1"]
    add(client, lane_stream(0), [fields])
    running.wait_until_folded()

    found = rows(
        running.database_url,
        "SELECT reason, event_type, body FROM callfold.parked_events WHERE sha256 = sha256(%s)",
        msgspec.msgpack.encode(fields),
    )

    assert [("missing_attribute", "call.initiated", msgspec.msgpack.encode(fields))] == found


def test_type_beside_data_is_never_lost(running: Installation, client: redis.Redis) -> None:
    """`type=… data={…}`: the commonest convention keeps its type; what is missing is named."""
    whole = binary(call("type-and-data", type="call.ended", data={"outcome": "busy"}))
    poor = [b"type", b"call.initiated", b"data", b'{"from":"+331","to":"+332"}']
    add(client, stream_of("type-and-data"), [whole, poor])
    running.wait_until_folded()

    assert ["busy"] == column(
        running.database_url,
        "SELECT outcome FROM gen_1.attempts WHERE attempt_id = %s",
        "type-and-data",
    )
    found = rows(
        running.database_url,
        "SELECT reason, event_type FROM callfold.parked_events WHERE body = %s",
        msgspec.msgpack.encode(poor),
    )
    assert [("missing_attribute", "call.initiated")] == found


def test_data_beside_headers_is_an_event_like_any(
    running: Installation, client: redis.Redis
) -> None:
    """`… data=… headers=…`: a field that we do not know is an unknown attribute, and is kept."""
    fields = [*binary(call("with-headers")), b"headers", b'{"x":"y"}', b"correlation_id", b"7"]
    add(client, stream_of("with-headers"), [fields])
    running.wait_until_folded()

    assert ["with-headers"] == calls(running.database_url, "with-headers")
    home = partition_of("with-headers", PARTITIONS_DEFAULT)
    assert fields in archived(running.database_url, home)


def test_field_that_is_not_utf8_fails_only_its_own_entry(
    running: Installation, client: redis.Redis
) -> None:
    """One entry of a batch with bytes that are no text is parked; those around it count."""
    subjects = [f"around-{n}" for n in range(2000)]
    subjects = [s for s in subjects if partition_of(s, PARTITIONS_DEFAULT) == 1][:40]
    stream = lane_stream(1)
    entries = [structured(call(subject)) for subject in subjects]
    odd = [*binary(call("not-utf8")), b"\xff\xfe", b"\xff"]
    add(client, stream, [*entries[:20], odd, *entries[20:]])
    running.wait_until_folded()

    assert sorted(subjects) == calls(running.database_url, "around-")
    assert [("not_json", 1)] == [row[:2] for row in parked(running.database_url, "not-utf8")]


@pytest.mark.parametrize("field", ("event", "__data__"))
def test_cloud_event_with_text_data_is_parked_not_replaced(
    running: Installation, client: redis.Redis, field: str
) -> None:
    """`data` as text is a wrong payload: parked with the whole event, never taken for the event."""
    raw = json_bytes(call(f"text-data-{field}", data="hello"))
    add(client, stream_of(f"text-data-{field}"), [[field.encode(), raw]])
    running.wait_until_folded()

    found = rows(
        running.database_url,
        "SELECT reason, entries, body FROM callfold.parked_events"
        " WHERE position(%s::bytea IN body) > 0",
        raw,
    )

    reason, kept = (
        ("wrong_shape", raw)
        if field == "event"
        else ("missing_attribute", msgspec.msgpack.encode([field.encode(), raw]))
    )
    assert [(reason, 1, kept)] == found


def test_envelope_of_another_library_is_parked_whole(
    running: Installation, client: redis.Redis
) -> None:
    """`__data__` with an object in it: bytes of somebody else's format are kept, not guessed at."""
    fields = [b"__data__", b'{"data":{"event_type":"call.hangup"},"headers":{}}']
    add(client, lane_stream(2), [fields])
    running.wait_until_folded()

    found = column(
        running.database_url,
        "SELECT reason FROM callfold.parked_events WHERE body = %s",
        msgspec.msgpack.encode(fields),
    )

    assert ["missing_attribute"] == found
