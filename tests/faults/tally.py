"""What the fault tests injected and found, as one table at the end of their run."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median


@dataclass
class FaultRow:
    """All runs of one fault."""

    runs: int = 0
    injected: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    #: Seconds from the end of each fault until all that Redis held by then was folded.
    recoveries_s: list[float] = field(default_factory=list)


class FaultTally:
    """Rows by fault, filled by the tests of one session."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, FaultRow] = defaultdict(FaultRow)

    def add(self, fault: str, row: FaultRow) -> None:
        """Add one run, or some, to what is known of a fault ("F1 crash points")."""
        known = self._rows[fault]
        known.runs += row.runs
        known.injected += row.injected
        known.events += row.events
        known.lost += row.lost
        known.doubled += row.doubled
        known.recoveries_s += row.recoveries_s

    def rows(self) -> Iterator[tuple[str, FaultRow]]:
        """What is known of each fault, in the order of the faults' numbers."""
        yield from sorted(self._rows.items(), key=lambda item: _number(item[0]))

    def lines(self) -> Iterator[str]:
        """The table, in the order of the faults' numbers; nothing where nothing was injected."""
        if not self._rows:
            return
        heads = ("fault", "runs", "injected", "events", "lost", "doubled", "recovered s, worst s")
        yield f"{heads[0]:32}" + "".join(f"{head:>10}" for head in heads[1:6]) + f"  {heads[6]}"
        for fault, row in self.rows():
            numbers = (row.runs, row.injected, row.events, row.lost, row.doubled)
            seconds = row.recoveries_s
            tail = f"{median(seconds):.2f}, {max(seconds):.2f}" if seconds else "-"
            yield f"{fault:32}" + "".join(f"{number:>10,}" for number in numbers) + f"  {tail}"


def _number(fault: str) -> tuple[int, str]:
    digits = fault.removeprefix("F").split(" ", 1)[0]
    return (int(digits) if digits.isdigit() else 99), fault
