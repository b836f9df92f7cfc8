"""Entries that are no JSON text, hold U+0000, or are too large."""

from collections.abc import Iterator

from shared.contracts.park_reasons import ParkReason
from shared.limits import EVENT_BYTES_MAX
from tests.contract.wire import (
    GOOD,
    BadEntry,
    changed,
    json_bytes,
    padded,
    saying,
    structured,
)


def _written(text: str) -> bytes:
    """The good event with a literal JSON text as its payload."""
    return json_bytes(changed(data="@")).replace(b'"@"', text.encode())


def not_json() -> Iterator[BadEntry]:
    """Bytes that are no JSON object in UTF-8."""
    good = json_bytes(GOOD)
    texts = {
        "empty": b"",
        "words": b"hello",
        "truncated": good[:-1],
        "byte order mark": b"\xef\xbb\xbf" + good,
        "two events": good + good,
        "array": b"[" + good + b"]",
        "number": b"1",
        "null": b"null",
        "string": b'"event"',
        "latin-1 in an id": good.replace(b"call-1", b"caf\xe9"),
        "latin-1 in an unknown key": good.replace(b'"data":{}', b'"data":{"note":"caf\xe9"}'),
        "latin-1 in an unknown name": good.replace(b'"data":{}', b'"data":{"caf\xe9":1}'),
        "surrogate as bytes": good.replace(b'"data":{}', b'"data":{"note":"\xed\xa0\x80"}'),
        "lone surrogate in an id": good.replace(b"call-1", rb"call-\ud800"),
        "lone surrogate in an unknown key": good.replace(b'"data":{}', rb'"data":{"x":"\udc00"}'),
        "deep nesting": _written('{"x":' + "[" * 100_000 + "]" * 100_000 + "}"),
        "deep nesting of a known key": json_bytes(saying("call.initiated", variables="@")).replace(
            b'"@"', b'{"x":' * 100_000 + b"1" + b"}" * 100_000
        ),
        "nested 101 levels": _written('{"x":' * 100 + "1" + "}" * 100),
        "nested 402 levels with U+0000": _written(
            '{"x":' + "[" * 400 + r'"\u0000"' + "]" * 400 + "}"
        ),
        "number of 4,001 digits": _written('{"x":' + "9" * 4_001 + "}"),
        "number of 5,000 digits with U+0000": _written(r'{"y":"\u0000","x":' + "9" * 5_000 + "}"),
        "number of 9,000 digits in handed-through JSON": json_bytes(
            saying("call.analyzed", extractedData={"x": "@"})
        ).replace(b'"@"', b"9" * 9_000),
        "NaN": _written('{"durationMs":NaN}'),
        "Infinity": _written('{"durationMs":-Infinity}'),
        "control character in a string": good.replace(b"call-1", b"call\t1"),
    }
    for name, text in texts.items():
        yield BadEntry(name, structured(text), ParkReason.NOT_JSON, "")


def bad_texts() -> Iterator[BadEntry]:
    """JSON that no column can hold, or that is more than an entry may be."""
    good = json_bytes(GOOD)
    nul = {
        "in an id": good.replace(b"call-1", rb"call\u0000"),
        "in a text": json_bytes(saying("call.ended", error="@")).replace(b"@", rb"a\u0000b"),
        "in an unknown key": good.replace(b'"data":{}', rb'"data":{"x":[{"y":"\u0000"}]}'),
        "in an unknown name": good.replace(b'"data":{}', rb'"data":{"\u0000":1}'),
        "after an escaped backslash": json_bytes(saying("call.ended", error="@")).replace(
            b"@", rb"\\\u0000"
        ),
        "in handed-through JSON": json_bytes(
            saying("call.analyzed", extractedData={"x": "@"})
        ).replace(b"@", rb"\u0000"),
    }
    for name, raw in nul.items():
        yield BadEntry(f"U+0000 {name}", structured(raw), ParkReason.NUL_CHARACTER, "U+0000")
    for more in (1, EVENT_BYTES_MAX):
        raw = padded(EVENT_BYTES_MAX + more)
        words = str(EVENT_BYTES_MAX + more)
        yield BadEntry(f"{more} bytes over the limit", structured(raw), ParkReason.TOO_LARGE, words)
