"""Calls by history status: what the main report and the breakdown both count."""

from collections.abc import Iterable

from msgspec import Struct


class CallCounts(Struct, gc=False):
    """Calls by history status (reports.md, Call metrics), from rows of the tallies."""

    ongoing: int = 0
    completed: int = 0
    no_answer: int = 0
    voicemail: int = 0
    busy: int = 0
    rejected: int = 0
    failed: int = 0
    #: Calls with `flowOutcome` completed, whatever their history status.
    flow_completed: int = 0

    @property
    def total(self) -> int:
        """All calls, those in progress too."""
        return self.connected + self.unconnected + self.ongoing

    @property
    def connected(self) -> int:
        """Calls that a human or a machine answered."""
        return self.completed + self.voicemail

    @property
    def unconnected(self) -> int:
        """Calls that are over and that nobody answered."""
        return self.no_answer + self.busy + self.rejected + self.failed


def count_calls(rows: Iterable[tuple[str, int, int]]) -> CallCounts:
    """Sum rows of (history status, calls, those whose flow completed)."""
    counts = CallCounts()
    for status, calls, flow_completed in rows:
        setattr(counts, status, getattr(counts, status) + calls)
        counts.flow_completed += flow_completed
    return counts
