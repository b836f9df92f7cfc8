"""How far a long command is, on standard error; each command says in its own words what it does."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from shared.clock import monotonic_s

_LINE_INTERVAL_S = 5.0


class ProgressLine:
    """A bar on a terminal; elsewhere a line every few seconds; nothing where nobody reads it."""

    def __init__(self, total: int | None, *, quiet: bool = False) -> None:
        """`total` is None where nobody knows how much there is."""
        self._quiet = quiet
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
        self._task = self._bar.add_task("", total=None if total is None else max(total, 1))

    def show(self, completed: int, line: str) -> None:
        """Say how far it is; cheap enough for some hundred times a second."""
        self._bar.update(self._task, completed=completed, description=line)
        if not self._console.is_terminal and monotonic_s() - self._line_s > _LINE_INTERVAL_S:
            self._line_s = monotonic_s()
            self.say(line)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if not self._quiet:
            self._console.print(line, markup=False)

    def rate(self, count: int) -> float:
        """How many of them a second since the beginning."""
        return count / max(monotonic_s() - self._started_s, 0.001)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.stop()
