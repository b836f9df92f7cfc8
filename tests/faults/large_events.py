"""Events as large as the contract lets them be, and larger ones: what fills memory fastest."""

import random
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from services.tooling.traffic import to_json
from shared.contracts.stream_names import partition_of, partition_stream
from shared.delivery.connection import redis_client
from shared.limits import EVENT_BYTES_MAX, PARTITIONS_DEFAULT

ORGANIZATION, EXECUTION_ID = "org-a", "large"
#: Added by one command.
_PIPELINE = 16


def large_events(
    count: int, size_bytes: int, *, lane: int | None = None
) -> Iterator[tuple[str, bytes]]:
    """Stream and JSON of transcripts, each of a call of its own; of one lane where it is said."""
    text = random.Random(count).randbytes(EVENT_BYTES_MAX).hex()
    number = 0
    while count:
        number += 1
        subject = f"large-{number}"
        partition = partition_of(subject, PARTITIONS_DEFAULT)
        if lane in {None, partition}:
            count -= 1
            yield partition_stream(partition), _transcript(subject, text, size_bytes)


def publish_at_once(redis_url: str, entries: Iterator[tuple[str, bytes]]) -> None:
    """Add them to their streams."""
    client: Any = redis_client(redis_url)
    pipeline = client.pipeline(transaction=False)
    for number, (stream, event) in enumerate(entries, start=1):
        pipeline.xadd(stream, {b"event": event})
        if number % _PIPELINE == 0:
            pipeline.execute()
    pipeline.execute()
    client.close()


def _transcript(subject: str, text: str, size_bytes: int) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"transcript of {subject}",
        "source": "/large",
        "type": "call.transcribed",
        "subject": subject,
        "time": "2026-03-02T09:00:00Z",
        "organizationid": ORGANIZATION,
        "executionid": EXECUTION_ID,
        "data": {"transcript": ""},
    }
    begin = crc32(subject.encode()) % (EVENT_BYTES_MAX // 2)
    length = size_bytes - len(to_json(event))
    event["data"] = {"transcript": text[begin : begin + length]}
    return to_json(event)
