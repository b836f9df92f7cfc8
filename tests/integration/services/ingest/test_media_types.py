"""The ways to say events over HTTP, each to the stream and byte that the contract asks for."""

import json
from typing import Any

import pytest

from shared.contracts.stream_names import PARTITIONS_KEY, partition_of, partition_stream
from shared.delivery.connection import redis_client
from tests.contract.wire import json_bytes, recorded_events
from tests.integration.services.ingest.process import BATCH, EVENT, LINES, Ingest, running_ingest
from tests.integration.services.ingest.streams import batch, event, lines, published

_BINARY = {
    "ce_specversion": "1.0",
    "ce_id": "caf%C3%A9 %25",
    "ce_source": "/dialer/eu-1",
    "ce_type": "call.ended",
    "ce_subject": "call-1",
    "ce_time": "2026-03-02T09:03:00.5Z",
    "ce_organizationid": "acme",
    "ce_sequence": "41",
}


def test_one_event_keeps_its_bytes(ingest: Ingest, key: str, redis_url: str) -> None:
    """What the publisher wrote is what the log will hold: spaces, order, unknown keys, digits."""
    raw = json.dumps(event(data={"note": "é 😀", "1.50": 1.50, "x": [1e2, {}]}), indent=1).encode()

    answer = ingest.post(raw, key)

    assert (202, {"accepted": 1}) == (answer.status, answer.json)
    assert "application/json" == answer.headers["content-type"]
    assert {raw: 1} == published(redis_url)


def test_batch_keeps_the_bytes_of_each_event(ingest: Ingest, key: str, redis_url: str) -> None:
    """The array is taken apart, its elements are not."""
    raws = [json.dumps(event(number), indent=number % 3).encode() for number in range(7)]

    answer = ingest.post(b" [ " + b" ,\n ".join(raws) + b" ] \n", key, BATCH)

    assert (202, {"accepted": 7}) == (answer.status, answer.json)
    assert dict.fromkeys(raws, 1) == published(redis_url)


def test_lines_may_be_blank_and_end_as_on_windows(ingest: Ingest, key: str, redis_url: str) -> None:
    """Blank lines are no events; the last line needs no end."""
    body = b"\n\r\n" + json_bytes(event(1)) + b"\r\n \t\n\n" + json_bytes(event(2))

    answer = ingest.post(body, key, LINES)

    assert (202, {"accepted": 2}) == (answer.status, answer.json)
    decoded = [json.loads(raw) for raw in published(redis_url)]
    assert [event(1), event(2)] == sorted(decoded, key=lambda found: str(found["id"]))


@pytest.mark.parametrize(("body", "content_type"), ((b"[]", BATCH), (b"", LINES), (b"\n", LINES)))
def test_no_events_are_accepted(
    ingest: Ingest, key: str, redis_url: str, body: bytes, content_type: str
) -> None:
    """A publisher with nothing to say makes no mistake."""
    answer = ingest.post(body, key, content_type)

    assert (202, {"accepted": 0}) == (answer.status, answer.json)
    assert not published(redis_url)


def test_binary_mode_becomes_one_structured_event(ingest: Ingest, key: str, redis_url: str) -> None:
    """Attributes are percent-encoded headers, a plain sequence is a number, the body is `data`."""
    answer = ingest.post(b'{"outcome": "busy"}', key, "application/json", **_BINARY)

    assert (202, {"accepted": 1}) == (answer.status, answer.json)
    (raw,) = published(redis_url)
    assert raw.endswith(b'"data":{"outcome": "busy"}}')
    found = json.loads(raw)
    assert ("café %", 41, "call-1") == (found["id"], found["sequence"], found["subject"])
    assert {name.removeprefix("ce_") for name in _BINARY} | {"data"} == set(found)


def test_binary_mode_with_a_bad_attribute_is_told_by_the_contract(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """A missing header and a missing body are missing attributes."""
    without_time = {name: said for name, said in _BINARY.items() if name != "ce_time"}
    for body, headers, missing in ((b"{}", without_time, "time"), (b"", _BINARY, "data")):
        answer = ingest.post(body, key, "application/json", **headers)
        assert 422 == answer.status
        (error,) = answer.json["errors"]
        assert (0, "café %", "missing_attribute") == (
            error["index"],
            error["id"],
            error["reason"],
        )
        assert missing in error["detail"]
    assert not published(redis_url)


def test_binary_header_that_is_no_text_is_a_bad_request(ingest: Ingest, key: str) -> None:
    """Nothing is guessed: neither what a byte means, nor which of two is meant."""
    for headers in ({"ce_id": "%FF"}, {"ce_id": "a", "Ce-Id": "b"}):
        answer = ingest.post(b"{}", key, "application/json", **(_BINARY | headers))
        assert (400, True) == (answer.status, "ce-id" in answer.json["detail"])


def test_parameters_of_a_media_type_do_not_matter(ingest: Ingest, key: str) -> None:
    """UTF-8 may be said; case is no difference."""
    for content_type in (f"{EVENT}; charset=UTF-8", f'{EVENT};charset="utf-8"', EVENT.upper()):
        assert 202 == ingest.post(json_bytes(event()), key, content_type).status


@pytest.mark.parametrize(
    ("content_type", "headers"),
    (
        (None, {}),
        ("", {}),
        ("application/json", {}),
        ("application/json", {"content_encoding": "gzip", **_BINARY}),
        ("text/plain", _BINARY),
        ("application/cloudevents+avro", {}),
        ("application/cloudevents", {}),
        (f"{EVENT}; charset=latin1", {}),
        (BATCH, {"content_encoding": "gzip"}),
    ),
)
def test_other_media_types_are_refused(
    ingest: Ingest, key: str, redis_url: str, content_type: str | None, headers: dict[str, str]
) -> None:
    """415, naming what is accepted."""
    answer = ingest.post(batch(event()), key, content_type, **headers)

    assert 415 == answer.status
    assert "application/problem+json" == answer.headers["content-type"]
    if "content_encoding" not in headers:
        assert all(known in answer.json["detail"] for known in (EVENT, BATCH, LINES))
    assert not published(redis_url)


def test_every_recorded_event_is_accepted_each_way(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """Whatever type an event is of."""
    compact = [json_bytes(json.loads(raw)) for _, raw in recorded_events()]
    assert {"accepted": len(compact)} == ingest.post(batch(*compact), key, BATCH).json
    assert {"accepted": len(compact)} == ingest.post(lines(*compact), key, LINES).json
    assert {202} == {ingest.post(raw, key).status for raw in compact}
    assert {3} == set(published(redis_url).values())


def test_same_id_twice_in_a_request_is_handed_on_twice(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """Duplicates are the projector's affair, which counts them once for ever."""
    assert {"accepted": 2} == ingest.post(batch(event(), event()), key, BATCH).json
    assert {json_bytes(event()): 2} == published(redis_url)


def test_number_of_partitions_is_the_installations(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """Events go where `callfold:partitions` says, not where the default would."""
    client: Any = redis_client(redis_url)
    client.set(PARTITIONS_KEY, 3)
    with running_ingest(redis_url, ingest.database_url) as other:
        assert 202 == other.post(batch(*map(event, range(20))), key, BATCH).status
    assert 20 == sum(published(redis_url, 3).values())
    for number in range(20):
        stream = partition_stream(partition_of(f"call-{number}", 3))
        found = [fields[b"event"] for _, fields in client.xrange(stream)]
        assert json_bytes(event(number)) in found
    client.close()


@pytest.mark.parametrize(("method", "target"), (("GET", "/v1/events"), ("POST", "/v1/event")))
def test_other_methods_and_paths_are_problems_too(
    ingest: Ingest, key: str, method: str, target: str
) -> None:
    """The same shape for whatever goes wrong."""
    answer = ingest.ask(method, target, {"x-api-key": key})
    assert ("application/problem+json", answer.status) == (
        answer.headers["content-type"],
        answer.json["status"],
    )
    assert answer.status in {404, 405}
