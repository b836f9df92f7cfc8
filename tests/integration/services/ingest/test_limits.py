"""What one request may carry, at the limit and beyond; a refused body is read to its end."""

import json
import socket
from collections.abc import Iterator

import pytest

from shared.limits import (
    EVENT_BYTES_MAX,
    HTTP_BODIES_BYTES_MAX,
    HTTP_BODY_BYTES_MAX,
    HTTP_EVENTS_MAX,
)
from tests.contract.wire import json_bytes
from tests.integration.services.ingest.process import BATCH, EVENT, LINES, Ingest
from tests.integration.services.ingest.streams import batch, event, published

_CHUNK = b" " * (1024 * 1024)


def padded_body(size_bytes: int) -> bytes:
    """One good event, and spaces after it."""
    raw = json_bytes(event())
    return raw + b" " * (size_bytes - len(raw))


def chunks(count: int) -> Iterator[bytes]:
    """A body of unknown length: an event and megabytes of nothing."""
    yield json_bytes(event())
    for _ in range(count):
        yield _CHUNK


def test_limits_fit_each_other() -> None:
    """A request takes several of the largest events, the process several such requests."""
    assert 8 * EVENT_BYTES_MAX <= HTTP_BODY_BYTES_MAX <= HTTP_BODIES_BYTES_MAX // 4


def test_body_at_the_limit_is_accepted_and_one_byte_more_is_not(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """413 names the limit, and still lets the client send all of its body."""
    assert 202 == ingest.post(padded_body(HTTP_BODY_BYTES_MAX), key).status
    assert {json_bytes(event()): 1} == published(redis_url)
    answer = ingest.post(padded_body(HTTP_BODY_BYTES_MAX + 1), key)
    assert (413, True) == (answer.status, str(HTTP_BODY_BYTES_MAX) in answer.json["detail"])
    assert {json_bytes(event()): 1} == published(redis_url)


def test_body_without_a_length_is_bounded_too(ingest: Ingest, key: str, redis_url: str) -> None:
    """What is not announced is counted as it arrives."""
    assert 202 == ingest.post(chunks(15), key).status
    assert 413 == ingest.post(chunks(17), key).status
    assert 1 == sum(published(redis_url).values())


@pytest.mark.parametrize("content_type", (BATCH, LINES))
def test_more_events_than_a_request_may_carry_are_refused(
    ingest: Ingest, key: str, redis_url: str, content_type: str
) -> None:
    """The answer could have to name each; at the limit it does."""
    between, around = (b",", b"[%s]") if content_type == BATCH else (b"\n", b"%s")
    at_limit = ingest.post(around % between.join([b"7"] * HTTP_EVENTS_MAX), key, content_type)
    assert (422, HTTP_EVENTS_MAX) == (at_limit.status, len(at_limit.json["errors"]))
    beyond = around % between.join([json_bytes(event())] * (HTTP_EVENTS_MAX + 1))
    answer = ingest.post(beyond, key, content_type)
    assert (413, True) == (answer.status, str(HTTP_EVENTS_MAX) in answer.json["detail"])
    assert not published(redis_url)


def test_large_body_is_refused_before_it_is_sent_where_the_client_asks_first(
    ingest: Ingest,
) -> None:
    """As curl does (`Expect: 100-continue`): a wrong key is told without taking megabytes."""
    head = (
        f"POST /v1/events HTTP/1.1\r\nhost: x\r\nx-api-key: cf_0_0\r\ncontent-type: {EVENT}\r\n"
        f"content-length: {HTTP_BODY_BYTES_MAX}\r\nexpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", ingest.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert b"HTTP/1.1 401 Unauthorized" == connection.recv(25)


def test_events_of_a_full_request_are_all_there(ingest: Ingest, key: str, redis_url: str) -> None:
    """As many as a request may carry, each once."""
    events = [event(number) for number in range(HTTP_EVENTS_MAX)]
    assert {"accepted": HTTP_EVENTS_MAX} == ingest.post(batch(*events), key, BATCH).json
    found = published(redis_url)
    assert {1} == set(found.values())
    assert {f"event-{number}" for number in range(HTTP_EVENTS_MAX)} == {
        json.loads(raw)["id"] for raw in found
    }
