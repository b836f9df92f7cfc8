"""Attributes that are missing, malformed or unknown, and entries of binary mode."""

from collections.abc import Iterator
from typing import Any

from shared.contracts.park_reasons import ParkReason
from shared.limits import EVENT_BYTES_MAX
from tests.contract.wire import ABSENT, GOOD, BadEntry, binary, changed, structured

_TIMES = (
    "",
    "now",
    1772442180,
    "2026-03-02",
    "2026-03-02T09:03:00",
    "2026-03-02T09:03:00.123456789",
    "2026-03-02 09:03:00",
    "2026-03-02T09:03:00+0100",
    "2026-03-02T09:03:00+01",
    "2026-03-02T09:03Z",
    "2026-03-02T09:03:00,5Z",
    "2026-03-02T09:03:00.Z",
    "2026-03-02T09:03:00ZZ",
    "2026-02-30T09:03:00Z",
    "2026-13-01T09:03:00Z",
    "2026-03-02T24:00:00Z",
    "2026-03-02T09:60:00Z",
    "2026-03-02T09:03:00+24:00",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "10000-01-01T00:00:00Z",
    " 2026-03-02T09:03:00Z",
    "\uff12\uff10\uff12\uff16-03-02T09:03:00Z",
    "2026-03-02T09:03:00.\uff11Z",
)


def bad_attributes() -> Iterator[BadEntry]:
    """Every attribute, missing and in every shape that it must not have."""
    missing, malformed = ParkReason.MISSING_ATTRIBUTE, ParkReason.MALFORMED_ATTRIBUTE
    for name in ("specversion", "id", "source", "subject", "time", "organizationid", "data"):
        yield BadEntry(f"no {name}", structured(changed(**{name: ABSENT})), missing, name)
    yield BadEntry("no type", structured(changed(type=ABSENT)), missing, "type")
    enrolled = changed(type="contact.enrolled", subject="contact-1", executionid=ABSENT)
    yield BadEntry("no executionid of an enrolment", structured(enrolled), missing, "executionid")
    for name in ("id", "source", "subject", "organizationid", "executionid"):
        limit = 256 if name == "source" else 128
        for kind, value in {
            "a number": 7,
            "empty": "",
            "too long": "x" * (limit + 1),
            "too many bytes": "é" * 128 + "x" if limit == 256 else "€" * 86,
            "a control character": "a\x01b",
            "DEL": "a\x7fb",
            "a C1 control character": "a\x85b",
            "an object": {},
        }.items():
            entry = structured(changed(**{name: value}))
            yield BadEntry(f"{name}: {kind}", entry, malformed, f"$.{name}")
    for name in ("id", "source", "subject", "organizationid", "time", "specversion"):
        entry = structured(changed(**{name: None}))
        yield BadEntry(f"{name}: null", entry, malformed, f"$.{name}")
    others: dict[str, list[Any]] = {
        "specversion": ["0.3", 1.0, "1"],
        "sequence": [-1, 1.5, "12", True, 2**53 + 1, [1]],
        "dataschema": [7, "https://events.example/call", "v1", "/v", "/vx"],
        "time": [*_TIMES],
    }
    for name, values in others.items():
        for value in values:
            entry = structured(changed(**{name: value}))
            yield BadEntry(f"{name}: {value!r}", entry, malformed, name)
    foreign = changed(type="execution.started", subject="exec-2")
    yield BadEntry("executionid of another", structured(foreign), malformed, "executionid")


def unknown_types() -> Iterator[BadEntry]:
    """Types and versions of payloads that no release knows yet."""
    for name in ("call.exploded", "Call.Ended", "", "call", "x" * 1000, "y" * 1_000_000):
        entry = structured(changed(type=name))
        yield BadEntry(f"type: {name[:20]!r}", entry, ParkReason.UNKNOWN_TYPE, "$.type")
    for value in (7, None):
        entry = structured(changed(type=value))
        yield BadEntry(f"type: {value}", entry, ParkReason.UNKNOWN_TYPE, "$.type")
    for version in (0, 2, 17):
        entry = structured(changed(dataschema=f"https://events.example/call.ended/v{version}"))
        words = f"version {version}"
        yield BadEntry(f"dataschema {words}", entry, ParkReason.UNSUPPORTED_SCHEMA, words)


def bad_fields() -> Iterator[BadEntry]:
    """Entries of binary mode."""
    missing, malformed = ParkReason.MISSING_ATTRIBUTE, ParkReason.MALFORMED_ATTRIBUTE
    not_json, shape = ParkReason.NOT_JSON, ParkReason.WRONG_SHAPE
    cases: dict[str, tuple[dict[str, Any], ParkReason, str]] = {
        "no data": (changed(data=ABSENT), missing, "data"),
        "empty data": (changed(data=b""), not_json, "data"),
        "data in words": (changed(data=b"hello"), not_json, "data"),
        "data truncated": (changed(data=b'{"outcome":"busy"'), not_json, "data"),
        "data: a list": (changed(data=b"[]"), shape, "$.data"),
        "data: null": (changed(data=b"null"), shape, "$.data"),
        "data that breaks out": (changed(data=b'{},"subject":"call-2"'), not_json, "data"),
        "data that closes the event": (changed(data=b'{}}{"x":1'), not_json, "data"),
        "data of the wrong shape": (changed(data=b'{"sipCode":-1}'), shape, "$.data.sipCode"),
        "data not UTF-8": (changed(data=b'{"x":"caf\xe9"}'), not_json, ""),
        "id not UTF-8": (changed(id=b"caf\xe9"), not_json, ""),
        "id of 129": (changed(id="x" * 129), malformed, "$.id"),
        "id with a tab": (changed(id="a\tb"), malformed, "$.id"),
        "id that breaks out": (changed(id=""), malformed, "$.id"),
        "U+0000 in an id": (changed(id=b"a\x00b"), ParkReason.NUL_CHARACTER, "U+0000"),
        "no subject": (changed(subject=ABSENT), missing, "subject"),
        "unknown type": (changed(type="call.exploded"), ParkReason.UNKNOWN_TYPE, "$.type"),
        "naive time": (changed(time="2026-03-02T09:03:00"), malformed, "time"),
        "sequence in words": (changed(sequence="many"), malformed, "$.sequence"),
        "negative sequence": (changed(sequence="-1"), malformed, "$.sequence"),
        "sequence with a fraction": (changed(sequence="1.0"), malformed, "$.sequence"),
        "sequence as JSON": (changed(sequence=b"[1]"), malformed, "$.sequence"),
        "version 2": (changed(dataschema="x/v2"), ParkReason.UNSUPPORTED_SCHEMA, "version 2"),
    }
    for name, (event, reason, where) in cases.items():
        yield BadEntry(f"binary, {name}", binary(event), reason, where)
    foreign = [*binary(GOOD), b"caf\xe9", b"1"]
    yield BadEntry("binary, name not UTF-8", foreign, not_json, "UTF-8")
    foreign = [*binary(GOOD), b"note", b"caf\xe9"]
    yield BadEntry("binary, unknown attribute not UTF-8", foreign, not_json, "note")
    large = binary(changed(note="x" * EVENT_BYTES_MAX))
    yield BadEntry("binary, too large", large, ParkReason.TOO_LARGE, str(EVENT_BYTES_MAX))
    yield BadEntry("fields of another system", [b"message", b"hello"], missing, "")
