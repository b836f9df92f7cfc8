"""The integer that stands for an id where a vendor's interface has integers."""

import re
from hashlib import sha256
from typing import Final

_OWN: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_BITS: Final = 53


def item_number(text: str) -> int:
    """The id itself where it is a plain integer, else the first 53 bits of its SHA-256.

    Source: reports.md, Campaign executions. Every JSON parser holds such an integer exactly.
    """
    if _OWN.fullmatch(text):
        return int(text)
    return int.from_bytes(sha256(text.encode()).digest()[:7]) >> (56 - _BITS)
