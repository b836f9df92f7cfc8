"""Instants as RFC 3339 text, to the microsecond."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_US = 1_000_000


def epoch_us(instant: datetime) -> int:
    """Microseconds since the epoch, exact."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def time_text(at_us: int) -> str:
    """The instant in UTC."""
    return TimeTexts("Z", 0).text(at_us)


class TimeTexts:
    """Writes instants at one offset; neighbouring ones share the work of their second."""

    __slots__ = ("_offset_seconds", "_prefix", "_second", "_suffix")

    def __init__(self, suffix: str, offset_seconds: int) -> None:
        """Write local times of the offset, marked by the suffix that says it."""
        self._suffix = suffix
        self._offset_seconds = offset_seconds
        self._second = -1
        self._prefix = ""

    def text(self, at_us: int) -> str:
        """The instant as `2026-01-31T09:00:00.000001Z`."""
        second, microsecond = divmod(at_us, _SECOND_US)
        if second != self._second:
            self._second = second
            local = _EPOCH + timedelta(seconds=second + self._offset_seconds)
            self._prefix = local.isoformat()[:19]
        return f"{self._prefix}.{microsecond:06d}{self._suffix}"
