"""Query parameters: read once, said once, bounded. Each interface's request parsing uses these."""

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import parse_qsl

from shared.contracts.ids import is_id
from shared.contracts.instants import instant_us
from shared.web_edge.refusals import BadRequest

_INTEGER: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_OFFSET_CHARS: Final = len("+00:00")

#: What a query string says of the parameters that a route knows.
Query = Mapping[str, str]


class InvalidParameter(BadRequest):
    """A query parameter is said twice or cannot be read; the message names it.

    Attributes:
        name: Of the parameter; None where the whole query string cannot be read.
        demand: What it must be, in words that follow its name.
    """

    def __init__(self, name: str | None, demand: str) -> None:
        super().__init__(f"{name or 'query'} {demand}")
        self.name = name
        self.demand = demand


def read_query(query_string: bytes, known: Collection[str]) -> Query:
    """What is said of the known parameters; others are ignored.

    Raises:
        InvalidParameter: a known one is said twice, or the bytes are no UTF-8.
    """
    said: dict[str, str] = {}
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise InvalidParameter(None, "must be percent-encoded UTF-8") from None
    for name, value in pairs:
        if name not in known:
            continue
        if name in said:
            raise InvalidParameter(name, "must be given once")
        said[name] = value
    return said


def integer(said: Query, name: str, default: int, most: int, least: int = 1) -> int:
    """An integer from `least` to `most`."""
    text = said.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
        raise InvalidParameter(name, f"must be an integer from {least} to {most}")
    return int(text)


def choice(said: Query, name: str, choices: Collection[str]) -> str | None:
    """One of a closed list; None where nothing is said."""
    text = said.get(name)
    if text is not None and text not in choices:
        raise InvalidParameter(name, f"must be one of {', '.join(choices)}")
    return text


def boolean(said: Query, name: str) -> bool | None:
    """`true` or `false`, also as `1` or `0`; None where nothing is said."""
    text = said.get(name)
    if text is None:
        return None
    if text.lower() not in _BOOLEANS:
        raise InvalidParameter(name, "must be true or false")
    return _BOOLEANS[text.lower()]


def instant(said: Query, name: str) -> int | None:
    """An RFC 3339 instant in microseconds since the epoch; None where nothing is said."""
    text = said.get(name)
    if text is None:
        return None
    if text[-_OFFSET_CHARS : -_OFFSET_CHARS + 1] == " ":
        # An offset's plus that was not percent-encoded has been read as a space.
        text = f"{text[:-_OFFSET_CHARS]}+{text[-_OFFSET_CHARS + 1 :]}"
    try:
        return instant_us(text)
    except ValueError:
        raise InvalidParameter(
            name, "must be an RFC 3339 time with an offset, such as 2025-01-01T09:00:00Z"
        ) from None


def identifier(said: Query, name: str) -> str | None:
    """An id that an event could carry; None where nothing is said."""
    text = said.get(name)
    if text is not None and not is_id(text):
        raise InvalidParameter(name, "must be 1 to 128 characters without control characters")
    return text
