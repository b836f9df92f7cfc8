"""An execution folded anew into tables that nobody else sees, with its progress on standard error.

Called by `as_of` and `what_if`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from shared.clock import monotonic_s
from shared.storage.cutoffs import Cutoff
from shared.storage.live_standing import LiveStanding
from shared.storage.refolding import Refolding
from shared.storage.report_reading import ReportReader
from shared.storage.temporary_generation import TEMPORARY_SCHEMA, TemporaryGeneration

_LINE_INTERVAL_S = 5.0


class Refolded(NamedTuple):
    """An execution, folded."""

    reader: ReportReader
    events_read: int
    events_folded: int
    seconds: float

    @property
    def in_words(self) -> str:
        """What it took."""
        return (
            f"folded {self.events_folded:,} events in {self.seconds:.1f} s"
            f" ({self.events_read:,} read, in two passes or more)"
        )


def refold(
    connection: psycopg.Connection,
    live: LiveStanding,
    organization_id: str,
    execution_id: str,
    cutoff: Cutoff | None = None,
) -> Refolded:
    """Fold one execution as far as live is folded; afterwards the connection only reads."""
    generation = TemporaryGeneration(connection)
    owner = organization_id, execution_id
    refolding = Refolding(connection, live.positions, *owner, cutoff)
    started_s = monotonic_s()
    with _progress(refolding, live.partitions) as passed:
        refolding.fold_into(generation, live.partitions, passed)
    return Refolded(
        ReportReader(connection, TEMPORARY_SCHEMA, *owner),
        refolding.events_read,
        refolding.events_folded,
        monotonic_s() - started_s,
    )


@contextmanager
def _progress(refolding: Refolding, partitions: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; elsewhere a line every few seconds."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bar.add_task("folding", total=partitions)
    started_s = line_s = monotonic_s()
    done = 0

    def passed() -> None:
        nonlocal done, line_s
        done += 1
        rate = refolding.events_read / max(monotonic_s() - started_s, 0.001)
        line = f"partition {done} of {partitions}: {refolding.events_folded:,} events folded, "
        line += f"{refolding.events_read:,} read ({rate:,.0f}/s)"
        bar.update(task, completed=done, description=line)
        if not console.is_terminal and monotonic_s() - line_s > _LINE_INTERVAL_S:
            line_s = monotonic_s()
            console.print(line, markup=False)

    with bar:
        yield passed
