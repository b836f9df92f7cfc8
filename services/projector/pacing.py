"""What is done now and then between other things, by a clock that is given; and pauses."""

_PAUSE_FIRST_S = 0.1
_PAUSE_MOST_S = 2.0


class NowAndThen:
    """Says when it is time again."""

    def __init__(self, every_s: float) -> None:
        """It is time at once."""
        self._every_s = every_s
        self._last_s = float("-inf")

    def due(self, now_s: float) -> bool:
        """Whether it is time; if so, not again before `every_s` are over."""
        if now_s - self._last_s < self._every_s:
            return False
        self._last_s = now_s
        return True


class Pauses:
    """Between tries of what fails: each twice as long as the one before, up to two seconds."""

    def __init__(self) -> None:
        """The first is short."""
        self._s = _PAUSE_FIRST_S

    def next_s(self) -> float:
        """How long to wait before the next try."""
        pause_s, self._s = self._s, min(self._s * 2, _PAUSE_MOST_S)
        return pause_s

    def end(self) -> None:
        """It went well; the next pause is short again."""
        self._s = _PAUSE_FIRST_S
