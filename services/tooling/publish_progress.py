"""How far publishing and folding are, shown on standard error; used by `demo` and `simulate`."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from shared.clock import monotonic_s

_LINE_INTERVAL_S = 5.0


class PublishProgress:
    """Bars on a terminal; elsewhere, as in a log of CI, a line every few seconds."""

    def __init__(self, console: Console, *, contacts: int, folds: bool) -> None:
        """`folds`: whether somebody tells how many entries are folded."""
        self._console = console
        self._started_s = self._line_s = monotonic_s()
        self._bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TextColumn("{task.fields[count]:>11,}  {task.fields[rate]:>8,.0f}/s"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._published = self._bar("published", contacts)
        self._folded = self._bar("folded", None) if folds else None

    def show(self, *, contacts_settled: int, entries: int, folded: int | None = None) -> None:
        """Say how far it is; cheap enough for ten times a second."""
        rate = self._rate(entries)
        self._bars.update(self._published, completed=contacts_settled, count=entries, rate=rate)
        if self._folded is not None and folded is not None:
            self._bars.update(
                self._folded,
                completed=folded,
                total=max(entries, folded),
                count=folded,
                rate=self._rate(folded),
            )
        if not self._console.is_terminal and monotonic_s() - self._line_s > _LINE_INTERVAL_S:
            self._line_s = monotonic_s()
            behind = "" if folded is None else f", folded {folded:,}"
            self._console.print(f"published {entries:,}{behind} ({rate:,.0f}/s)")

    def published_all(self, *, entries: int) -> None:
        """Everything is published: its clock stops."""
        rate = self._rate(entries)
        total = self._bars.tasks[self._published].total
        self._bars.update(self._published, completed=total or 0, count=entries, rate=rate)
        self._bars.stop_task(self._published)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bars.stop()

    def _bar(self, title: str, total: int | None) -> TaskID:
        return self._bars.add_task(title, total=total, count=0, rate=0.0)

    def _rate(self, count: int) -> float:
        return count / max(monotonic_s() - self._started_s, 0.001)
