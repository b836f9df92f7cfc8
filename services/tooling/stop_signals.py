"""SIGTERM, Ctrl-C and a closed terminal as one exception, raised once.

Used by `callfold up` around all that it starts, so that each is ended in reverse order.
"""

import signal
from types import FrameType
from typing import Self

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequested(BaseException):
    """SIGTERM, SIGINT or SIGHUP arrived: unwind and end."""


class StopSignals:
    """While entered, the first stop signal raises `StopRequested` in the main thread.

    Later ones only count, so that a second Ctrl-C shortens the drain and unwinding is never
    interrupted.
    """

    def __init__(self) -> None:
        self._received_count = 0
        self._raises = True
        self._previous: dict[signal.Signals, object] = {}

    @property
    def requested(self) -> bool:
        """Whether one arrived; an exception raised inside a finalizer is lost, this is not."""
        return self._received_count > 0

    @property
    def urgent(self) -> bool:
        """Whether somebody asked twice."""
        return self._received_count > 1

    def hold(self) -> None:
        """From now on only count: we are ending anyway."""
        self._raises = False

    def __enter__(self) -> Self:
        for number in _STOP_SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # as signal.signal gave it

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        self._received_count += 1
        if self._raises:
            self._raises = False
            raise StopRequested
