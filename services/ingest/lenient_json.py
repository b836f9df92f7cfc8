"""JSON that the contract's decoder gives up on, taken apart all the same.

Half a surrogate pair, as a cut-off emoji leaves it, is grammatical JSON that msgspec refuses. In
the text of one event it must not cost the other events of its batch; `event_request` asks here
when a whole body does not decode. What is found is judged event by event, as always.
"""

import json
import re

_scan = json.JSONDecoder(parse_int=str, parse_float=str, strict=False).raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")


def value_of(body: bytes) -> bytes:
    """The one value that a body is; raise ValueError if it is not."""
    text = _text(body)
    start = _skip(text, 0)
    _, end = _scan(text, start)
    if _skip(text, end) != len(text):
        raise ValueError("there is more than one value")
    return _bytes(text[start:end])


def elements_of(body: bytes) -> list[bytes]:
    """The elements of the array that a body is; raise ValueError if it is none."""
    text = _text(body)
    found: list[bytes] = []
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise ValueError("it is no array")
    position = _skip(text, position + 1)
    more = text[position : position + 1] != "]"
    while more:
        _, end = _scan(text, position)
        found.append(_bytes(text[position:end]))
        position = _skip(text, end)
        more = text[position : position + 1] == ","
        if more:
            position = _skip(text, position + 1)
    if text[position : position + 1] != "]" or _skip(text, position + 1) != len(text):
        raise ValueError("it is not one array")
    return found


def _text(body: bytes) -> str:
    """The body as text, from which its bytes can be had back even where they are not UTF-8."""
    return body.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _skip(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    assert space is not None
    return space.end()
