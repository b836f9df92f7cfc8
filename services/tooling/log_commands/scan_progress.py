"""How far a pass over the log is, on standard error; used by `log grep` and `log export`."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from shared.clock import monotonic_s
from shared.storage.log_reading import LogScan

_LINE_INTERVAL_S = 5.0
_LOOK_EVENTS = 500


class ScanProgress:
    """A bar on a terminal; elsewhere a line every few seconds."""

    def __init__(self, scan: LogScan, verb: str) -> None:
        """`verb` says what happens to the events that are wanted, as "found"."""
        self._scan = scan
        self._verb = verb
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._total = scan.size()[1]
        self._started_s = self._line_s = monotonic_s()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=max(self._total, 1))
        self._passed = 0

    def passed(self, wanted: int) -> None:
        """One more entry was looked at, `wanted` were so by now; cheap enough for each."""
        self._passed += 1
        if self._passed % _LOOK_EVENTS:
            return
        line = self.line(wanted)
        self._bar.update(self._task, completed=self._scan.events, description=line)
        if not self._console.is_terminal and monotonic_s() - self._line_s > _LINE_INTERVAL_S:
            self._line_s = monotonic_s()
            self.say(line)

    def line(self, wanted: int) -> str:
        """How far it is, in words."""
        rate = self._passed / max(monotonic_s() - self._started_s, 0.001)
        return (
            f"{self._verb} {wanted:,}; looked through {self._scan.events:,} of {self._total:,} "
            f"archived events ({rate:,.0f}/s)"
        )

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, markup=False)

    def say_damaged(self, line: str) -> None:
        """Name a damaged segment."""
        self.say(f"damaged, read on behind it: {line}")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.stop()
