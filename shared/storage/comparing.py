"""Compares two generations, each in a snapshot of its own at equal positions.

First a hash for each table and organization; only where it differs are rows read, in key order
from both sides. What differs is then traced: tally rows to the subjects that add something else,
executions to the figures of their reports. Called by `callfold rebuild`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby, islice
from typing import Final, TypeVar

import psycopg

from shared.contracts.event_types import Kind
from shared.errors import GenerationError
from shared.folds.journal import Position
from shared.projections.contributions import Differences
from shared.projections.state_cache import SubjectKey
from shared.storage.comparing_causes import Causes, TallyCause, moves_between, tally_moves
from shared.storage.comparing_findings import Findings, execution_differences, table_difference
from shared.storage.comparing_rows import DifferentRow, TablePair
from shared.storage.comparison import Comparison, WrongSum
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.lanes import fold_positions
from shared.storage.table_contents import EVERYTHING, Key, Side, common_columns
from shared.storage.tables import (
    SUBJECT_TABLES,
    flow_versions,
    generation_metadata,
    positions,
)
from shared.storage.tally_tables import TALLY_TABLES

#: Told the table that is compared, and how many rows were by then; from the caller's thread.
Progress = Callable[[str, int], None]

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

#: Subjects whose contributions are looked at together; rows between two signs of progress.
_BATCH_ROWS: Final = 500
#: One side waits within its transaction while the other is asked.
_WAITING: Final = "SET LOCAL idle_in_transaction_session_timeout = '1h'"
_KINDS: Final = {str(table.name): kind for kind, table in SUBJECT_TABLES.items()}
_TALLIES: Final = tuple(str(table.name) for table in TALLY_TABLES)


def compare(
    old: Side,
    new: Side,
    *,
    same_rules: bool,
    examples_max: int,
    explained: Collection[SubjectKey] = frozenset(),
    progress: Progress = lambda _table, _rows: None,
) -> Comparison:
    """Compare the new generation with the old one.

    Args:
        old: On a connection of its own, as `new` is: both are asked at the same time.
        new: At the same positions.
        same_rules: One version of the folds made both, so everything counts. Otherwise subjects
            count by what they add and show, not by their states, and tables by what both have.
        examples_max: Rows of each table, executions, and subjects behind each, that are shown.
        explained: Subjects that differ by events which were parked before.
        progress: May take its time.

    Raises:
        GenerationError: they are not folded equally far.
    """
    if _folded(old) != _folded(new):
        raise GenerationError(
            f"generations {old.generation} and {new.generation} are not folded equally far"
        )
    for side in (old, new):
        side.connection.execute(_WAITING)
    common = EVERYTHING if same_rules else common_columns(old, new)
    pairs = {
        str(table.name): TablePair(table, old, new, same_rules=same_rules, common=common)
        for table in generation_metadata.sorted_tables
        if table.name != positions.name and common.has(table)
    }
    comparing = _Comparing(old, new, pairs, examples_max, frozenset(explained))
    return comparing.run(progress)


def _folded(side: Side) -> dict[int, Position]:
    """How far each lane is folded; the inbox is folded into no generation."""
    folded = fold_positions(side.connection, side.generation)
    return {lane: position for lane, position in folded.items() if lane >= 0 and any(position)}


class _Comparing:
    """One comparison under way."""

    def __init__(
        self,
        old: Side,
        new: Side,
        pairs: dict[str, TablePair],
        examples_max: int,
        explained: frozenset[SubjectKey],
    ) -> None:
        self._old = old
        self._new = new
        self._pairs = pairs
        self._examples_max = examples_max
        self._explained = explained
        self._causes = Causes(examples_max)
        self._findings: dict[str, Findings] = {}

    def run(self, progress: Progress) -> Comparison:
        self._summarize(progress)
        self._compare_tallies(progress)
        self._causes.choose_executions()
        for table in _KINDS:
            self._compare_subjects(table, progress)
        self._compare_flow_versions()
        tables = [
            table_difference(pair, self._findings[name], self._causes)
            for name, pair in self._pairs.items()
        ]
        organizations = {o for each in self._findings.values() for o in each.organizations}
        return Comparison(
            old_generation=self._old.generation,
            new_generation=self._new.generation,
            equal=not any(table.unexplained or table.explained for table in tables),
            unexplained=any(table.unexplained for table in tables),
            rows=sum(max(table.old_rows, table.new_rows) for table in tables),
            organizations=len(organizations),
            tables=tables,
            wrong_sums=self._wrong_sums(),
            executions_differing=self._causes.executions_differing,
            executions=execution_differences(
                self._old, self._new, self._pairs, self._causes, self._now_us()
            ),
        )

    def _summarize(self, progress: Progress) -> None:
        """Rows and hashes of all tables."""
        rows = 0
        for name, pair in self._pairs.items():
            progress(name, rows)
            old, new = self._at_once(pair.sides, lambda contents: contents.summaries())
            self._findings[name] = Findings(old, new, self._examples_max)
            rows += sum(summary.rows for summary in new.values())

    def _at_once(
        self, asked: tuple[_Item, _Item], ask: Callable[[_Item], _Answer]
    ) -> tuple[_Answer, _Answer]:
        """Ask both sides at the same time: each has a connection, and the server two cores."""
        with ThreadPoolExecutor(max_workers=2) as threads:
            try:
                old, new = threads.map(ask, asked)
            except BaseException:
                for side in (self._old, self._new):
                    with suppress(psycopg.Error):
                        side.connection.cancel_safe()  # or leaving would wait for its statement
                raise
            return old, new

    def _compare_tallies(self, progress: Progress) -> None:
        explained_sums = self._explained_sums()
        for table in filter(self._pairs.__contains__, _TALLIES):
            findings = self._findings[table]
            for count, row in enumerate(self._different_rows(table)):
                if count % _BATCH_ROWS == 0:
                    progress(table, count)
                difference = self._pairs[table].difference(row)
                is_explained = explained_sums.get((table, row.key)) == difference
                self._causes.tally_differs(table, row.key, difference, is_explained=is_explained)
                if findings.add(row, is_explained=is_explained):
                    cause = TallyCause(difference, [0] * len(difference))
                    self._causes.tallies[table, row.key] = cause

    def _explained_sums(self) -> dict[tuple[str, Key], tuple[int, ...]]:
        """How the tallies differ by the explained subjects alone."""
        sums = Differences()
        for (kind, organization_id), keys in groupby(sorted(self._explained), lambda key: key[:2]):
            pair = self._pairs[str(SUBJECT_TABLES[kind].name)]
            for batch in _batches(keys):
                for _, old, new in pair.added(organization_id, [key[2] for key in batch]):
                    sums.move(organization_id, old.contribution, new.contribution)
        return {(tally, key): numbers for tally, key, numbers in tally_moves(sums)}

    def _different_rows(self, table: str) -> Iterator[DifferentRow]:
        for organization_id in self._findings[table].differing:
            yield from self._pairs[table].different_rows(organization_id)

    def _compare_subjects(self, table: str, progress: Progress) -> None:
        kind, pair, findings = _KINDS[table], self._pairs[table], self._findings[table]
        count = 0
        for organization_id in findings.differing:
            for batch in _batches(pair.different_rows(organization_id)):
                progress(table, count)
                for row in batch:
                    findings.add(row, is_explained=(kind, *row.key) in self._explained)
                subjects = [str(row.key[1]) for row in batch]
                for subject, old, new in pair.added(organization_id, subjects):
                    key = (kind, organization_id, subject)
                    self._causes.subject_differs(
                        key,
                        moves_between(organization_id, old.contribution, new.contribution),
                        {old.execution_id, new.execution_id},
                        is_explained=key in self._explained,
                    )
                count += len(batch)

    def _compare_flow_versions(self) -> None:
        table = str(flow_versions.name)
        for row in self._different_rows(table):
            key = (Kind.FLOW.value, str(row.key[0]), str(row.key[1]))
            self._findings[table].add(row, is_explained=key in self._explained)

    def _wrong_sums(self) -> list[WrongSum]:
        """Which tallies are no sums, asked only where contributions do not account for them."""
        tallies = self._causes.unbalanced
        if not tallies:
            return []
        sides = (self._old, self._new)
        wrong = self._at_once(sides, lambda side: contributions_that_differ(*side, tallies))
        return [
            WrongSum(side.generation, tally)
            for side, of_side in zip(sides, wrong, strict=True)
            for tally in of_side
        ]

    def _now_us(self) -> int:
        """When the new side's snapshot was taken, about."""
        row = self._new.connection.execute(
            "SELECT (extract(epoch FROM now()) * 1000000)::bigint"
        ).fetchone()
        assert row is not None
        return int(row[0])


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH_ROWS)):
        yield batch
