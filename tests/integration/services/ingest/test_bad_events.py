"""Bad events are named, one by one, and the good ones of the same request are accepted."""

import json
from collections.abc import Callable

import pytest

from shared.limits import EVENT_BYTES_MAX
from tests.contract.bad_entries import BAD_ENTRIES
from tests.contract.wire import json_bytes, padded
from tests.http_answers import Answer
from tests.integration.services.ingest.process import BATCH, EVENT, LINES, Ingest
from tests.integration.services.ingest.streams import batch, event, lines, published

_STRUCTURED = [bad for bad in BAD_ENTRIES if bad.fields[0] == b"event" and len(bad.fields) == 2]


def reasons(answer: Answer) -> list[tuple[int, str | None, str]]:
    """Index, id and reason of each bad event that an answer names."""
    assert (422, "application/problem+json") == (answer.status, answer.headers["content-type"])
    assert (422, "no-store") == (answer.json["status"], answer.headers["cache-control"])
    return [(error["index"], error["id"], error["reason"]) for error in answer.json["errors"]]


@pytest.mark.parametrize(("write", "content_type"), ((batch, BATCH), (lines, LINES)))
def test_good_events_beside_bad_ones_are_accepted(
    ingest: Ingest, key: str, redis_url: str, write: Callable[..., bytes], content_type: str
) -> None:
    """Each bad one has its index among all, its id where one can be read, and its reason."""
    body = write(
        event(0),
        event(1, type="call.exploded"),
        b"7",
        event(3),
        event(4, data={"durationMs": -1}),
        {"id": 5},
        event(6, organizationid="globex"),
        event(7),
    )

    answer = ingest.post(body, key, content_type)

    assert [
        (1, "event-1", "unknown_type"),
        (2, None, "not_json"),
        (4, "event-4", "wrong_shape"),
        (5, None, "missing_attribute"),
        (6, "event-6", "foreign_organization"),
    ] == reasons(answer)
    assert 3 == answer.json["accepted"]
    assert "5 of 8 events are bad" in answer.json["detail"]
    assert "`$.data.durationMs`" in answer.json["errors"][2]["detail"]
    assert {json_bytes(event(number)): 1 for number in (0, 3, 7)} == published(redis_url)


def test_blank_lines_do_not_count(ingest: Ingest, key: str, redis_url: str) -> None:
    """The index counts events, as the publisher does; a line that is not JSON is one of them."""
    body = b"\r\n" + lines(event(0), b"\r", b"{", event(1), b'"\xff"', b"[1]") + b"nothing"

    assert [(1, None, "not_json"), (3, None, "not_json"), (4, None, "not_json")] == [
        found for found in reasons(ingest.post(body, key, LINES)) if found[0] != 5
    ]
    assert {json_bytes(event(number)): 1 for number in (0, 1)} == published(redis_url)


def test_one_bad_event_has_index_zero(ingest: Ingest, key: str, redis_url: str) -> None:
    """JSON that is no event is a bad event, not a bad request."""
    for body, found in (
        (json_bytes(event(9, time="yesterday")), (0, "event-9", "malformed_attribute")),
        (b"[]", (0, None, "not_json")),
        (b"{}", (0, None, "missing_attribute")),
    ):
        answer = ingest.post(body, key)
        assert [found] == reasons(answer)
        assert (0, False) == (answer.json["accepted"], "accepted" in answer.json["detail"])
    assert not published(redis_url)


def test_what_a_projector_would_park_is_refused_with_the_same_reason(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """The whole table of the contract's bad events, as lines between good ones."""
    bad = [entry for entry in _STRUCTURED if b"\n" not in entry.fields[1] and entry.fields[1]]
    assert len(bad) > 100
    for start in range(0, len(bad), 40):
        part = bad[start : start + 40]
        answer = ingest.post(lines(event(), *(entry.fields[1] for entry in part)), key, LINES)
        found = {index: reason for index, _, reason in reasons(answer)}
        expected = {index: str(entry.reason) for index, entry in enumerate(part, start=1)}
        assert expected == found
        assert 1 == answer.json["accepted"]
    assert [json_bytes(event())] == list(published(redis_url))


@pytest.mark.parametrize(
    ("body", "content_type"),
    (
        (b"", EVENT),
        (b"nothing", EVENT),
        (b'{"id": "x"', EVENT),
        (json_bytes(event()) + b"}", EVENT),
        (b"\xef\xbb\xbf" + json_bytes(event()), EVENT),
        (b"[" * 100_000 + b"]" * 100_000, EVENT),
        (b"", BATCH),
        (json_bytes(event()), BATCH),
        (lines(event(), event()), BATCH),
        (b"[" + json_bytes(event()) + b",]", BATCH),
        (b"[" + json_bytes(event()), BATCH),
        (b"[" * 100_000 + b"]" * 100_000, BATCH),
    ),
    ids=lambda said: said[:24].decode("latin-1") if isinstance(said, bytes) else said[12:],
)
def test_body_that_is_not_json_is_a_bad_request(
    ingest: Ingest, key: str, redis_url: str, body: bytes, content_type: str
) -> None:
    """400: there are no events whose index could be named."""
    answer = ingest.post(body, key, content_type)
    assert (400, True) == (answer.status, "JSON" in answer.json["detail"])
    assert not published(redis_url)


def test_event_at_the_limit_is_accepted_and_one_byte_more_is_not(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """An event is measured by itself, whatever is around it."""
    body = b"[ " + padded(EVENT_BYTES_MAX) + b" ,\n" + padded(EVENT_BYTES_MAX + 1) + b" ]"
    answer = ingest.post(body, key, BATCH)
    assert [(1, "event-1", "too_large")] == reasons(answer)
    assert {padded(EVENT_BYTES_MAX): 1} == published(redis_url)
    assert [(0, "event-1", "too_large")] == reasons(ingest.post(padded(EVENT_BYTES_MAX + 1), key))


def test_answer_quotes_only_a_part_of_what_was_sent(ingest: Ingest, key: str) -> None:
    """A publisher's mistake of a megabyte is not sent back whole."""
    huge = json_bytes(event(id="i" * 500_000, type="t" * 500_000))
    answer = ingest.post(huge, key)
    ((index, event_id, reason),) = reasons(answer)
    assert (0, "i" * 128, "unknown_type") == (index, event_id, reason)
    assert len(answer.body) < 1000
    assert "`$.type`" in answer.json["errors"][0]["detail"]


def test_text_that_is_not_ascii_stays_as_it_is(ingest: Ingest, key: str, redis_url: str) -> None:
    """UTF-8 in, the same UTF-8 out; an id is quoted as it was said."""
    good = json_bytes(event(subject="日本語 é 😀", data={"error": "\x7f ü"}))
    escaped = json.dumps(event(subject="日本語", id="é")).encode()
    assert 202 == ingest.post(batch(good, escaped), key, BATCH).status
    assert {good: 1, escaped: 1} == published(redis_url)
    assert [(0, "é😀", "unknown_type")] == reasons(
        ingest.post(json_bytes(event(id="é😀", type="?")), key)
    )


@pytest.mark.parametrize("text", (b"\\ud83d", b"\xff", b"\\ud83d \xff"))
def test_text_that_is_not_unicode_spoils_one_event_of_a_batch(
    ingest: Ingest, key: str, redis_url: str, text: bytes
) -> None:
    """Half an emoji is how a text is cut off carelessly; the other events are accepted."""
    good, bad = (
        json_bytes(event(data={"error": "é"})),
        json_bytes(event()).replace(b"event-1", text),
    )
    answer = ingest.post(batch(good, bad, good), key, BATCH)
    assert [(1, None, "not_json")] == reasons(answer)
    assert [(0, None, "not_json")] == reasons(ingest.post(bad, key))
    assert {good: 2} == published(redis_url)
