"""What was found to differ, table by table and execution by execution, made ready to be shown.

Called by `comparing`.
"""

from collections.abc import Mapping

import msgspec

from shared.reports.figure_differences import FigureDifference
from shared.storage.comparing_causes import Causes, ExecutionKey
from shared.storage.comparing_figures import differing_figures
from shared.storage.comparing_rows import DifferentRow, TablePair
from shared.storage.comparison import (
    ExecutionDifference,
    RowDifference,
    Subject,
    SubjectDifference,
    TableDifference,
)
from shared.storage.table_contents import Side, Summaries
from shared.storage.tables import SUBJECT_TABLES


class Findings:
    """What was found in one table."""

    def __init__(self, old: Summaries, new: Summaries, first_max: int) -> None:
        """Keep at most so many rows of each sort; count all."""
        self.old = old
        self.new = new
        self.counts = {"missing": 0, "unexpected": 0, "changed": 0}
        self.explained = 0
        self.first: list[DifferentRow] = []
        self.first_explained: list[DifferentRow] = []
        self._first_max = first_max

    @property
    def organizations(self) -> set[str]:
        """Those that have rows, on either side."""
        return self.old.keys() | self.new.keys()

    @property
    def differing(self) -> list[str]:
        """Those whose hashes differ."""
        return sorted(o for o in self.organizations if self.old.get(o) != self.new.get(o))

    def add(self, row: DifferentRow, *, is_explained: bool) -> bool:
        """Count a row that differs; whether it will be shown."""
        if is_explained:
            self.explained += 1
        else:
            self.counts[row.what] += 1
        shown = self.first_explained if is_explained else self.first
        if len(shown) >= self._first_max:
            return False
        shown.append(row)
        return True


def table_difference(pair: TablePair, findings: Findings, causes: Causes) -> TableDifference:
    """A table with its first rows that differ, which are read for it."""

    def row_difference(row: DifferentRow) -> RowDifference:
        cause = causes.tallies.get((pair.name, row.key))
        return pair.row_difference(row.key) if cause is None else pair.tally_difference(row, cause)

    return TableDifference(
        table=pair.name,
        old_rows=sum(summary.rows for summary in findings.old.values()),
        new_rows=sum(summary.rows for summary in findings.new.values()),
        missing=findings.counts["missing"],
        unexpected=findings.counts["unexpected"],
        changed=findings.counts["changed"],
        explained=findings.explained,
        first=list(map(row_difference, findings.first)),
        first_explained=list(map(row_difference, findings.first_explained)),
    )


def execution_differences(
    old: Side, new: Side, pairs: Mapping[str, TablePair], causes: Causes, now_us: int
) -> list[ExecutionDifference]:
    """The executions to show, unexplained ones first; their reports as they stand at `now_us`."""

    def execution_difference(key: ExecutionKey) -> ExecutionDifference:
        behind = causes.executions[key]
        figures: list[FigureDifference] = []
        unreadable = None
        try:
            figures = differing_figures(old, new, *key, now_us)
        except msgspec.DecodeError as error:
            unreadable = f"this release cannot read what another one folded: {error}"
        return ExecutionDifference(
            organization_id=key[0],
            execution_id=key[1],
            explained=key not in causes.unexplained,
            figures=figures,
            unreadable=unreadable,
            first=[
                SubjectDifference(
                    Subject(kind, subject),
                    pairs[str(SUBJECT_TABLES[kind].name)].row_difference((organization, subject)),
                )
                for kind, organization, subject in behind.first
            ],
            subjects=behind.subjects,
        )

    keys = sorted(causes.executions, key=lambda key: (key not in causes.unexplained, key))
    return list(map(execution_difference, keys))
