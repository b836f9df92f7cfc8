"""The integer that an interface with integer ids shows (reports.md, "Campaign executions")."""

from __future__ import annotations

import re
from hashlib import sha256


def integer_of(text: str) -> int:
    """The id itself where it matches `[1-9][0-9]{0,14}`, else 53 bits of its hash."""
    return int(text) if re.fullmatch("[1-9][0-9]{0,14}", text) else hashed(text)


def hashed(text: str) -> int:
    """The first 53 bits of SHA-256 of the text in UTF-8, big endian."""
    bits = "".join(f"{byte:08b}" for byte in sha256(text.encode("utf-8")).digest())
    return int(bits[:53], 2)
