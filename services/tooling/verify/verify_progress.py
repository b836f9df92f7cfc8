"""How far a verification is, on standard error."""

from rich.console import Console

from shared.clock import monotonic_s

_LINE_INTERVAL_S = 5.0
_STATUS_INTERVAL_S = 0.2


class VerifyProgress:
    """A status on a terminal; elsewhere a line for each part, and every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        """Nothing was done yet; `quiet` says nothing at all."""
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status = self._console.status("")
        self._interval_s = _STATUS_INTERVAL_S if self._console.is_terminal else _LINE_INTERVAL_S
        self._part = ""
        self._entries = 0
        self._started_s = self._line_s = monotonic_s()

    def __call__(self, part: str, entries: int) -> None:
        """A part goes on, and read so many more entries."""
        if self._quiet:
            return
        now_s = monotonic_s()
        begins = part != self._part
        if begins:
            self._part, self._entries, self._started_s = part, 0, now_s
        self._entries += entries
        if begins or now_s - self._line_s >= self._interval_s:
            self._line_s = now_s
            self._show(self._line(now_s))

    def _line(self, now_s: float) -> str:
        if not self._entries:
            return self._part
        rate = self._entries / max(now_s - self._started_s, 0.001)
        return f"{self._part}: {self._entries:,} entries ({rate:,.0f}/s)"

    def _show(self, line: str) -> None:
        if self._console.is_terminal:
            self._status.update(line)
            self._status.start()
        else:
            self._console.print(line, markup=False)

    def end(self) -> None:
        """Clear the status."""
        self._status.stop()
