"""The contract as an AsyncAPI 3.0 document, seen from a publisher. Called by `documents`."""

import json
import shlex
from pathlib import Path
from typing import Any

from shared.contracts.codec import EVENT_FIELD
from shared.contracts.event_types import EVENT_CLASSES, WIRE_NAMES
from shared.contracts.json_schemas import Schema, event_schemas
from shared.contracts.stream_names import (
    INBOX_STREAM,
    PARTITIONS_KEY,
    partition_of,
    partition_stream,
)
from shared.limits import EVENT_BYTES_MAX, PARTITIONS_DEFAULT

#: One event of each type, in the contract's order.
EXAMPLES_FILE = Path(__file__).parent / "examples.json"

_INFO = f"""\
What a telephony system publishes to Callfold. Every event is a CloudEvent 1.0, one entry of a \
Redis (or Valkey) stream, added with XADD. Publishers never trim (`MAXLEN`, `MINID`), and retry \
with the same `id`: what arrives twice counts once, in any order. An event over \
{EVENT_BYTES_MAX} bytes, or one that does not follow its schema, is parked with its reason: it \
neither counts nor blocks.

**Structured mode** (use it where you can): the entry has the one field `event`, the whole \
CloudEvent as JSON.

    {{structured}}

**Binary mode** (for publishers that only have XADD): one field per attribute as plain text, plus \
`data`, the payload as JSON text.

    {{binary}}

The schemas say more than they can enforce: amounts have at most 9 decimals and integers are \
written without a fraction; `executionid` of an `execution.*` event, if said, equals `subject`; \
`timezone` is a zone of the IANA database.
"""
_PARTITION_RULE = f"""\
The partition of an event is CRC-32 (the one of zlib) of the UTF-8 bytes of its `subject`, modulo \
N. N stands at the Redis key `{PARTITIONS_KEY}` ({PARTITIONS_DEFAULT} where there is none); read \
it at the start and at least every 60 s. An event in a partition that is not its own is moved to \
the right one and counts once."""


def examples() -> list[dict[str, Any]]:
    """One event of each type, in the contract's order."""
    found: list[dict[str, Any]] = json.loads(EXAMPLES_FILE.read_text(encoding="utf-8"))
    return found


def asyncapi_document() -> Schema:
    """The document: two channels, a message for each event type, two operations."""
    shown = {event["type"]: event for event in examples()}
    messages = {
        WIRE_NAMES[cls]: {
            "name": WIRE_NAMES[cls],
            "title": cls.__name__,
            "summary": " ".join((cls.__doc__ or "").split()),
            "contentType": "application/cloudevents+json",
            "payload": {"$ref": f"#/components/schemas/{cls.__name__}"},
            "examples": [{"name": WIRE_NAMES[cls], "payload": shown[WIRE_NAMES[cls]]}],
        }
        for cls in EVENT_CLASSES
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Callfold events",
            "version": "1.0.0",
            "description": _info(shown["call.ended"]),
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "partition": _partition_channel(messages),
            "inbox": {
                "address": INBOX_STREAM,
                "title": "The inbox",
                "description": "For publishers that cannot compute the partition: what is added "
                "here is moved to its partition.",
                "messages": _references(messages, "#/components/messages/"),
            },
        },
        "operations": {
            "publishToPartition": _operation("partition", "Publish to the subject's partition."),
            "publishToInbox": _operation("inbox", "Publish without computing the partition."),
        },
        "components": {"messages": messages, "schemas": event_schemas("#/components/schemas/")},
    }


def _partition_channel(messages: dict[str, Any]) -> Schema:
    # AsyncAPI knows no escape for braces, so the literal ones belong to the parameter's value.
    return {
        "address": partition_stream(0).replace("{0}", "{partition}"),
        "title": "A partition",
        "description": _PARTITION_RULE,
        "parameters": {
            "partition": {
                "description": "The number of the partition, 0 to N-1, in literal braces (a hash "
                f"tag of Redis Cluster): the stream of partition 3 is `{partition_stream(3)}`.",
                "examples": ["{0}", "{3}", f"{{{PARTITIONS_DEFAULT - 1}}}"],
            }
        },
        "messages": _references(messages, "#/components/messages/"),
    }


def _operation(channel: str, summary: str) -> Schema:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _references(names: dict[str, Any], prefix: str) -> Schema:
    return {name: {"$ref": f"{prefix}{name}"} for name in names}


def _info(event: dict[str, Any]) -> str:
    stream = partition_stream(partition_of(event["subject"], PARTITIONS_DEFAULT))
    whole = json.dumps(event, separators=(",", ":"))
    texts = {**event, "data": json.dumps(event["data"], separators=(",", ":"))}
    fields = [str(word) for name, value in texts.items() for word in (name, value)]
    return _INFO.format(
        structured=shlex.join(["XADD", stream, "*", EVENT_FIELD.decode(), whole]),
        binary=shlex.join(["XADD", stream, "*", *fields]),
    )
