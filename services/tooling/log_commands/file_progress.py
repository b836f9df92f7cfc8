"""How far a file is read, on standard error; used by `log import`."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from shared.clock import monotonic_s

_LINE_INTERVAL_S = 5.0
_SHOW_INTERVAL_S = 0.1


class FileProgress:
    """A bar on a terminal; elsewhere a line every few seconds."""

    def __init__(self, size: int | None) -> None:
        """`size` in bytes of lines or in rows; None where nobody knows, as of a pipe."""
        self._size = size
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._started_s = self._line_s = self._shown_s = monotonic_s()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=size)

    def show(self, read: int, published: int) -> None:
        """Say how far it is; cheap enough for each line."""
        now_s = monotonic_s()
        if now_s - self._shown_s < _SHOW_INTERVAL_S:
            return
        self._shown_s = now_s
        rate = published / max(now_s - self._started_s, 0.001)
        line = f"published {published:,} ({rate:,.0f}/s)"
        self._bar.update(self._task, completed=read, description=line)
        if not self._console.is_terminal and now_s - self._line_s > _LINE_INTERVAL_S:
            self._line_s = now_s
            share = f", {read / self._size:.0%} read" if self._size else ""
            self._console.print(line + share, markup=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bar.stop()
