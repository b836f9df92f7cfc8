"""How far a file is read; used by `log import`."""

from services.tooling.progress_line import ProgressLine
from shared.clock import monotonic_s

_SHOW_INTERVAL_S = 0.1


class FileProgress(ProgressLine):
    """Counts what is read of a file, and what is published of it."""

    def __init__(self, size: int | None) -> None:
        """`size` in bytes of lines or in rows; None where nobody knows, as of a pipe."""
        super().__init__(size)
        self._size = size
        self._shown_s = monotonic_s()

    def published(self, read: int, published: int) -> None:
        """So much is read and published by now; cheap enough for each line."""
        if monotonic_s() - self._shown_s < _SHOW_INTERVAL_S:
            return
        self._shown_s = monotonic_s()
        share = f", {read / self._size:.0%} read" if self._size else ""
        self.show(read, f"published {published:,} ({self.rate(published):,.0f}/s){share}")
