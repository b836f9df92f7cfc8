"""How far a pass over the log is; used by `log grep` and `log export`."""

from services.tooling.progress_line import ProgressLine
from shared.storage.log_reading import LogScan

_LOOK_EVENTS = 500


class ScanProgress(ProgressLine):
    """Counts the entries that were looked at."""

    def __init__(self, scan: LogScan, verb: str) -> None:
        """`verb` says what happens to the events that are wanted, as "found"."""
        self._scan = scan
        self._verb = verb
        self._total = scan.size()[1]
        self._passed = 0
        super().__init__(self._total)

    def passed(self, wanted: int) -> None:
        """One more entry was looked at, `wanted` were so by now; cheap enough for each."""
        self._passed += 1
        if self._passed % _LOOK_EVENTS == 0:
            self.show(self._scan.events, self.line(wanted))

    def line(self, wanted: int) -> str:
        """How far it is, in words."""
        return (
            f"{self._verb} {wanted:,}; looked through {self._scan.events:,} of {self._total:,} "
            f"archived events ({self.rate(self._passed):,.0f}/s)"
        )

    def say_damaged(self, line: str) -> None:
        """Name a damaged segment."""
        self.say(f"damaged, read on behind it: {line}")
