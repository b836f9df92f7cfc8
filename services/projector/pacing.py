"""What is done now and then between other things, by a clock that is given."""


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
