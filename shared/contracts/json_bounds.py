"""How deep an event's JSON may be nested and how long its numbers may be, whoever reads it.

Without limits of ours Python's decide: the recursion limit, which hangs on who calls, and the one
on digits of integers. What a projector just took, a fold, a report or a rebuild might not. Called
by `codec` for each event.
"""

import re
from itertools import accumulate
from typing import Final

from shared.contracts.park_reasons import ParkReason
from shared.errors import ContractError
from shared.limits import DIGITS_MAX, NESTING_MAX

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEPS: Final = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_NO_BRACKETS: Final = bytes(set(range(256)) - _STEPS.keys())
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (DIGITS_MAX + 1))
#: So long a number shows at three places in a row, this far apart.
_STRIDE: Final = DIGITS_MAX // 4
_TRACE = re.compile(rb"[0-9]{3}")


def check_bounds(raw: bytes) -> None:
    """Raise ContractError for a JSON text that is nested too deep, or holds too long a number."""
    # Most events have fewer brackets than may be nested, and are shorter than a number may be.
    if raw.count(b"{") + raw.count(b"[") > NESTING_MAX and _depth(raw) > NESTING_MAX:
        raise ContractError(ParkReason.NOT_JSON, f"nested deeper than {NESTING_MAX} levels")
    if len(raw) > DIGITS_MAX and _TRACE.search(raw[::_STRIDE]) and _has_long_number(raw):
        raise ContractError(ParkReason.NOT_JSON, f"a number of over {DIGITS_MAX} digits")


def _depth(raw: bytes) -> int:
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)))


def _has_long_number(raw: bytes) -> bool:
    return _LONG_NUMBER.search(_STRING.sub(b'""', raw)) is not None
