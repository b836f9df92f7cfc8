"""The CloudEvents envelope, and the value types that payloads are made of (events.md, section 1).

Structs are decoded once, straight from the bytes of a stream entry; unknown attributes and payload
keys are ignored. Every event type is a subclass of `Event` in the file of its family.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct, field

from shared.contracts.instants import InstantText
from shared.limits import ID_CHARS_MAX, INTEGER_MAX, SOURCE_CHARS_MAX

#: Marks text that becomes a key: `codec` checks its bytes and control characters.
_KEY = {"key": True}
#: The same for schemas; as a `pattern` of msgspec's it would be matched at every decode.
_NO_CONTROL = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}
#: An id or name that becomes a key.
Id = Annotated[
    str, Meta(min_length=1, max_length=ID_CHARS_MAX, extra=_KEY, extra_json_schema=_NO_CONTROL)
]
#: Who published; unique with `id` within the subject.
Source = Annotated[
    str, Meta(min_length=1, max_length=SOURCE_CHARS_MAX, extra=_KEY, extra_json_schema=_NO_CONTROL)
]
#: A JSON integer from 0 on: counts, durations in milliseconds, codes.
UInt = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
#: A JSON integer from 1 on: attempts and versions.
Ordinal = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
#: A JSON integer that may be negative.
SignedInt = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
#: JSON that is handed through as published, as text.
Json = Raw
#: The same, an object; `require_objects` checks it.
JsonObject = Annotated[Raw, Meta(extra_json_schema={"type": "object"})]

_NOTHING = frozenset({b"", b"null"})
#: A number keeps its spelling: a double could not hold each.
_decode = msgspec.json.Decoder(float_hook=lambda number: Raw(number.encode())).decode
_encode = msgspec.json.Encoder().encode
#: The default of a handed-through key.
ABSENT = Raw()


class Payload(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What an event says; keys are camelCase, a null key is an absent one."""


class NoPayload(Payload, frozen=True, kw_only=True, gc=False):
    """An event that says all by its type."""


class Event(Struct, kw_only=True, gc=False, tag_field="type"):
    """One CloudEvent. Mutable only so that `codec` can set `time_us` on what it just decoded."""

    specversion: Literal["1.0"]
    id: Annotated[
        Id, Meta(description="Unique together with `source` within the subject, for ever.")
    ]
    source: Annotated[Source, Meta(description="Who published it.")]
    subject: Annotated[
        Id, Meta(description="Id of what the event is about: the partitioning and folding key.")
    ]
    time: Annotated[InstantText, Meta(description="When it happened, with an offset.")]
    organizationid: Annotated[Id, Meta(description="The tenant.")]
    executionid: (
        Annotated[Id, Meta(description="The program execution that the thing belongs to.")] | None
    ) = None
    sequence: (
        Annotated[
            UInt, Meta(description="The publisher's gapless counter per organization and source.")
        ]
        | None
    ) = None
    dataschema: (
        Annotated[
            str, Meta(description="Its trailing `/vN` is the payload's version; 1 when absent.")
        ]
        | None
    ) = None
    #: `time` in microseconds since the epoch, set by the codec. Its wire name is no legal attribute
    #: name of CloudEvents (lower-case letters and digits), so nothing that is published meets it.
    time_us: int = field(default=0, name="(time in microseconds)")


def says(raw: Raw) -> bool:
    """Whether a handed-through key is neither absent nor null."""
    return raw is not ABSENT and bytes(raw) not in _NOTHING


def json_text(raw: Raw) -> bytes | None:
    """The JSON of a handed-through key, or None where it is absent or null.

    Spaces and escapes are spelled in one way, so that duplicates that differ in nothing else leave
    the same bytes (events.md, rules 1 and 2); keys stay in order and numbers as they were said.
    """
    return _encode(_decode(raw)) if says(raw) else None


def require_object(raw: Raw, name: str) -> None:
    """Raise ValueError for a handed-through key that is neither absent nor a JSON object."""
    if raw is ABSENT:
        return
    if says(raw) and bytes(raw)[:1] != b"{":
        raise ValueError(f"expected an object for `{name}`")
