"""Every key of every event type with values at and beyond its limit, as stream entries.

The keys come from the structs, as msgspec describes them, so that a new one is covered by itself;
the values are JSON texts, most of which no encoder would write.
"""

import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from msgspec import inspect

from shared.contracts.event_types import EVENT_CLASSES, WIRE_NAMES
from tests.contract.wire import changed, json_bytes, recorded_events

Put = Callable[[Any], Any]
_MARK: Final = "\u2622"
_NOT_PUBLISHED: Final = "(time in microseconds)"
#: Shares of the entries.
_DRAWN: Final = 0.2
_BINARY: Final = 0.3
_NULL: Final = inspect.NoneType

_INTEGERS = (
    *(0, 1, -1, 2**31, 2**32, 2**53, 2**53 + 1, -(2**53), -(2**53) - 1),
    *(2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, -(2**64), 10**30),
)
_NUMBERS = (
    *("-0", "-0.0", "0.1", "1.5", "1e2", "1E+2", "1e15", "5e-324", "1e400", "-1e400", "1e-400"),
    *("1e9999999999999999999", "1e-9999999999999999999", "9" * 5_000, "0." + "0" * 5_000 + "1"),
    *("999999999999.999999999", "1e12", "0.0000000001", "NaN", "Infinity", "-Infinity"),
    *("01", "+1", "1.", ".5", "0x10"),
)
_TEXTS = (
    *("", " ", "x" * 128, "x" * 129, "x" * 256, "x" * 257, "é" * 128, "€" * 85, "€" * 86),
    *("x" * 8_000, "\U0001f4de" * 64, "\U0001f4de" * 65, "a\nb", "a\x01b", "a\x7fb", "a\x85b"),
    *("\ufeffx", "\u202e", "e\u0301", "%s {0} $1", "'; DROP TABLE x; --", "\\", '"', "../..", "."),
    *("null", "NaN", "0", "-1", "1.25", "-0.000000001", "1e5", "999999999999.999999999"),
    *("true", "other", "unknown", "=1+1", "UTC", "Europe/Paris", "not/a zone"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2016-12-31T23:59:60Z"),
    *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-03-02T09:03:00-23:59"),
    *("1969-12-31T23:59:59.999999Z", "2026-02-29T00:00:00Z", "2026-03-02T09:03:00"),
)
_RAW = (
    *(rb'"\ud800"', rb'"\udc00\ud800"', rb'"\ud83d\udcde"', rb'"\u0000"', rb'"a\\\u0000"'),
    *(b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"a\x00b"', b'"\t"', rb'"\q"', b'"', b""),
    *(b"null", b"true", b"false", b"{}", b"[]", b"[null]", b"[[]]", b'{"":1}', b"nul"),
    *(b'{"a":1,"a":2}', b'{"a":{"a":null}}', b'[{"id":"1"}]', b'{"\\u0000":1}', b'{"\\ud800":1}'),
)


def _nested(levels: int, opening: bytes, closing: bytes, inside: bytes = b"1") -> bytes:
    return opening * levels + inside + closing * levels


_DEEP = tuple(
    text
    for levels in (50, 97, 98, 99, 100, 101, 400, 960, 100_000)
    for text in (
        _nested(levels, b'{"x":', b"}"),
        _nested(levels, b"[", b"]", rb'"\u0000"'),
    )
)
#: JSON texts of a few bytes or kilobytes.
ODD_VALUES: Final = (
    *(str(number).encode() for number in _INTEGERS),
    *(number.encode() for number in _NUMBERS),
    *(json.dumps(text, ensure_ascii=False).encode() for text in _TEXTS),
    *_RAW,
    *_DEEP,
)
#: Texts near the limit of an event.
LARGE_VALUES: Final = (
    b'"' + b"x" * 1_047_000 + b'"',
    b'"' + "é".encode() * 523_000 + b'"',
    b"[" + b"1," * 500_000 + b"1]",
    b"[" + b"[]," * 300_000 + b"[]]",
    b'"' + b"x" * 1_048_576 + b'"',
    b"9" * 400_000,
)


class Place(NamedTuple):
    """One key of one type."""

    path: str
    #: The event with `☢` at the key.
    template: bytes

    def entry(self, value: bytes, number: int) -> list[bytes]:
        """A structured entry with the value there; each number is an event of its own."""
        raw = self.template.replace(f'"{_MARK}"'.encode(), value)
        return [b"event", raw.replace(b'"odd-id"', b'"odd-%d"' % number)]

    def fields(self, value: bytes, number: int) -> list[bytes]:
        """The same in binary mode, where the bytes of a text stand without quotes."""
        found: list[bytes] = []
        for name, said in json.loads(self.template).items():
            if name == "data":
                data = json_bytes(said).replace(f'"{_MARK}"'.encode(), value)
                found += [b"data", data]
            elif said == _MARK:
                found += [name.encode(), value.removeprefix(b'"').removesuffix(b'"')]
            else:
                text = f"odd-{number}" if said == "odd-id" else str(said)
                found += [name.encode(), text.encode()]
        return found


def places() -> Iterator[Place]:
    """Every key of every type, of nested objects too, and one that nobody knows."""
    recorded = {name: json.loads(raw) for name, raw in recorded_events()}
    for event_class in EVENT_CLASSES:
        type_ = WIRE_NAMES[event_class]
        base = {**recorded[type_], "id": "odd-id", "organizationid": "org-a"}
        info = inspect.type_info(event_class)
        for path, event in (*_inside(info, base, lambda event: event, type_), *_unknown(base)):
            yield Place(path, json_bytes(event))
    yield Place("no type", json_bytes(changed(id="odd-id", type=_MARK)))


def _unknown(base: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield f"{base['type']}.unknownattribute", {**base, "unknownattribute": _MARK}
    yield f"{base['type']}.data.unknownKey", {**base, "data": {**base["data"], "unknownKey": _MARK}}
    yield f"{base['type']}.type", {**base, "type": _MARK}


def _inside(
    info: inspect.Type, value: Any, put: Put, path: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    match info:
        case inspect.Metadata(type=inner):
            yield from _inside(inner, value, put, path)
        case inspect.StructType():
            yield from _keys(info, value if isinstance(value, dict) else _least(info), put, path)
        case inspect.UnionType(types=members):
            for member in members:
                if not isinstance(member, _NULL):
                    fits = isinstance(value, dict) and value.get("type") == _tag(member)
                    yield from _inside(member, value if fits else None, put, path)
        case inspect.ListType(item_type=item):
            yield f"{path}[]", put([_MARK])
            yield from _inside(item, None, lambda one: put([one]), f"{path}[]")
        case inspect.DictType():
            yield f"{path}.*", put({"key": _MARK})
            yield f"{path}.(name)", put({_MARK: "value"})
        case _:
            pass  # text, numbers and handed-through JSON have nothing inside


def _keys(
    info: inspect.StructType, value: dict[str, Any], put: Put, path: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    for field in info.fields:
        name = field.encode_name
        if name == _NOT_PUBLISHED:
            continue

        def put_here(one: Any, name: str = name) -> Any:
            return put({**value, name: one})

        yield f"{path}.{name}", put_here(_MARK)
        yield from _inside(field.type, value.get(name), put_here, f"{path}.{name}")


def _tag(info: inspect.Type) -> Any:
    return info.tag if isinstance(info, inspect.StructType) else None


def _least(info: inspect.Type) -> Any:
    """A value that the contract takes, with what is required alone."""
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            if isinstance(inner, inspect.RawType):
                return {} if (schema or {}).get("type") == "object" else 1
            in_time = (schema or {}).get("format") == "date-time"
            return "2026-03-02T09:00:00Z" if in_time else _least(inner)
        case inspect.StructType():
            tag = {} if info.tag is None else {info.tag_field: info.tag}
            said = {f.encode_name: _least(f.type) for f in info.fields if f.required}
            return {**tag, **said}
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.IntType(ge=least):
            return least or 0
        case inspect.StrType():
            return "x"
        case inspect.BoolType():
            return True
        case inspect.ListType(item_type=item):
            return [_least(item)]
        case inspect.UnionType(types=members):
            return _least(next(member for member in members if not isinstance(member, _NULL)))
        case _:
            return {}


_PLACES: Final = tuple(places())


def odd_entry(chance: random.Random, number: int) -> list[bytes]:
    """A key and a value, in either content mode; some values are drawn, not listed."""
    value = chance.choice(ODD_VALUES)
    if chance.random() < _DRAWN:
        integer = chance.randint(-(2**66), 2**66) >> chance.randrange(66)
        double = struct.unpack("d", chance.randbytes(8))[0]
        value = chance.choice((b"%d" % integer, repr(double).encode(), chance.randbytes(9)))
    place = chance.choice(_PLACES)
    return (place.fields if chance.random() < _BINARY else place.entry)(value, number)


def large_entries(chance: random.Random, number: int) -> list[list[bytes]]:
    """Each of the large values at a random key, and where nobody reads it."""
    unknown = [place for place in _PLACES if place.path.endswith("unknownKey")]
    pairs = [
        (chance.choice(where), value) for value in LARGE_VALUES for where in (_PLACES, unknown)
    ]
    return [place.entry(value, number + at) for at, (place, value) in enumerate(pairs)]
