"""How fast entries are published; used by `callfold simulate` and `callfold log import`."""

from shared.clock import monotonic_s


class Pace:
    """Spreads entries evenly over time."""

    def __init__(self, entries_per_second: float) -> None:
        """The clock starts now; 0 means as fast as possible."""
        self._entries_per_second = entries_per_second
        self._started_s = monotonic_s()

    def ahead_s(self, entries: int) -> float:
        """How long to wait until so many entries are due; 0 when late."""
        if not self._entries_per_second:
            return 0.0
        due_s = self._started_s + entries / self._entries_per_second
        return max(0.0, due_s - monotonic_s())
