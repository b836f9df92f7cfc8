"""Which entries of the log an operator wants: what segments can say, and what events must."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import typer

from shared.contracts.instants import datetime_us, instant_us
from shared.storage.log_reading import Selection

_AGO = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SEQ_MAX = 2**64 - 1


class _Envelope(msgspec.Struct, gc=False):
    """What of an event can be asked for; bad events may say anything there."""

    organizationid: Any = None
    executionid: Any = None
    subject: Any = None
    type: Any = None


_decode = msgspec.json.Decoder(_Envelope).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What an event must be; None is everything."""

    organization_id: str | None = None
    execution_id: str | None = None
    subject: str | None = None
    event_type: str | None = None
    pattern: re.Pattern[bytes] | None = None

    def matches(self, event: bytes) -> bool:
        """Whether an event, as `event_lines.event_bytes` gives it, is wanted."""
        if self.pattern is not None and self.pattern.search(event) is None:
            return False
        wanted = (self.organization_id, self.execution_id, self.subject, self.event_type)
        if wanted == (None, None, None, None):
            return True
        try:
            found = _decode(event)
        except (ValueError, RecursionError):
            return False  # what cannot be read is nobody's
        said = (found.organizationid, found.executionid, found.subject, found.type)
        return all(w is None or w == s for w, s in zip(wanted, said, strict=True))


def selection(
    partitions: Sequence[int], wanted: EventFilter, since: str | None, until: str | None,
    now: datetime,
) -> Selection:  # fmt: skip
    """The part of the log that may hold what is wanted, by what segments say of themselves."""
    bounds: dict[str, Any] = {}
    if since is not None:
        bounds["after"] = (_ms(since, now, "--since") - 1, _SEQ_MAX)
    if until is not None:
        bounds["until_ms"] = _ms(until, now, "--until") - 1
    return Selection(
        partitions=partitions,
        organization_id=wanted.organization_id,
        subject=wanted.subject,
        **bounds,
    )


def position(text: str) -> tuple[int, int]:
    """`MS-SEQ`, `MS`, or an RFC 3339 time, as the position of an entry.

    Raises:
        ValueError: it is none of these.
    """
    ms, _, seq = text.partition("-")
    if ms.isdecimal() and (seq.isdecimal() or text == ms):
        if int(ms) >= 2**63 or int(seq or 0) > _SEQ_MAX:
            raise ValueError("the numbers of an entry id are too large")
        return int(ms), int(seq or 0)
    return _ceiled_ms(instant_us(text)), 0


def _ms(text: str, now: datetime, option: str) -> int:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        try:
            return datetime_us(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})) // 1000
        except OverflowError:
            raise typer.BadParameter("so long ago nothing was", param_hint=option) from None
    try:
        return _ceiled_ms(instant_us(text))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _ceiled_ms(us: int) -> int:
    """Entry ids have whole milliseconds: the first one that is not before the instant."""
    return -(-us // 1000)
