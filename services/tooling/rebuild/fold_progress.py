"""How far a rebuild or a repair is: events, rate, and how long it will take."""

from services.tooling.progress_line import ProgressLine


class FoldProgress(ProgressLine):
    """Counts events."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        """`total` events wait when it begins."""
        super().__init__(total, quiet=quiet)
        self.events = 0
        self._total = total

    def folded(self, events: int) -> None:
        """So many more are folded."""
        self.events += events
        line = f"folded {self.events:,} of {max(self._total, self.events):,} events"
        if self.events:
            rate = self.rate(self.events)
            left_s = max(0, self._total - self.events) / rate
            line += f" ({rate:,.0f}/s, about {left_s:,.0f} s left)"
        self.show(self.events, line)
