"""What stands in the streams, and events to send there."""

from collections import Counter
from typing import Any

from shared.contracts.stream_names import partition_of, partition_stream
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from tests.contract.wire import changed, json_bytes

ORGANIZATION = "acme"


def event(number: int = 1, **changes: object) -> dict[str, Any]:
    """A good event of the organization, about a call of its own."""
    return changed(**{"id": f"event-{number}", "subject": f"call-{number}", **changes})


def batch(*events: object) -> bytes:
    """A batch of events, or of whatever stands in their place; bytes stand as they are."""
    return b"[" + b",".join(map(_raw, events)) + b"]"


def lines(*events: object) -> bytes:
    """The same, a line each, also the last one."""
    return b"".join(_raw(event) + b"\n" for event in events)


def _raw(event: object) -> bytes:
    return event if isinstance(event, bytes) else json_bytes(event)


def published(redis_url: str, partitions: int = PARTITIONS_DEFAULT) -> Counter[bytes]:
    """The bytes of each event in the streams, and how often they are there.

    Fails where one stands in a partition that is not its own, or beside other fields.
    """
    found: Counter[bytes] = Counter()
    client: Any = redis_client(redis_url)
    for partition in range(partitions):
        for _, fields in client.xrange(partition_stream(partition)):
            assert [b"event"] == list(fields)
            found[fields[b"event"]] += 1
    client.close()
    return found


def stream_of(subject: str) -> str:
    """The stream of a subject, where nothing says how many there are."""
    return partition_stream(partition_of(subject, PARTITIONS_DEFAULT))
