"""How far a rebuild is, on standard error: events, rate, and how long it will take."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from shared.clock import monotonic_s

_LINE_INTERVAL_S = 5.0


class FoldProgress:
    """A bar on a terminal; elsewhere a line every few seconds; nothing where nobody reads it."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        """`total` events wait when it begins."""
        self.events = 0
        self._quiet = quiet
        self._total = total
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._started_s = self._line_s = monotonic_s()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=max(total, 1))

    def folded(self, events: int) -> None:
        """So many more are folded; cheap enough for a few times a second."""
        self.events += events
        line = self._line()
        self._bar.update(self._task, completed=self.events, description=line)
        if not self._console.is_terminal and monotonic_s() - self._line_s > _LINE_INTERVAL_S:
            self._line_s = monotonic_s()
            self.say(line)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if not self._quiet:
            self._console.print(line, markup=False)

    def _line(self) -> str:
        line = f"folded {self.events:,} of {max(self._total, self.events):,} events"
        if not self.events:
            return line
        rate = self.events / max(monotonic_s() - self._started_s, 0.001)
        left_s = max(0, self._total - self.events) / rate
        return f"{line} ({rate:,.0f}/s, about {left_s:,.0f} s left)"

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.stop()
