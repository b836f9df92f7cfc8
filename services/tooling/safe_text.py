"""Bytes and texts of publishers as a terminal may be shown them: no control character gets through.

Whoever publishes garbage may choose it so that it rewrites what an operator sees.
"""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile(r"[\t\n]")


def safe(text: str | bytes) -> str:
    """Text of several lines; what is not UTF-8, and control characters, as escapes."""
    decoded = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    printable = decoded.encode("utf-8", "backslashreplace").decode()  # lone surrogates
    return _CONTROL.sub(_escaped, printable)


def one_line(text: str | bytes) -> str:
    """The same on one line."""
    return _BREAKS.sub(_escaped, safe(text))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"  # noqa: PLR2004 -- one byte
