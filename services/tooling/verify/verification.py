"""One verification: what is served and held in one snapshot, then the log up to its positions."""

import random
from collections.abc import Callable
from typing import NamedTuple

import duckdb

from services.tooling.verify.findings import Check, Finding, Findings, Verification
from services.tooling.verify.logged_events import LoggedEvents
from services.tooling.verify.recomputation.database import Counts, Recomputation, recomputation
from services.tooling.verify.served_side import (
    check_cursors,
    check_tallies,
    hand_over_journals,
    hand_over_reports,
)
from services.tooling.verify.structure import check_segments, check_states
from shared.clock import monotonic_s, utc_now
from shared.contracts.instants import datetime_us, us_text_ms
from shared.errors import CallfoldError
from shared.storage.connection import connect
from shared.storage.log_inspection import LogInspection
from shared.storage.served_snapshot import ServedSnapshot, archived_positions, served_snapshot

_SECOND_US = 1_000_000
#: What is done at the moment, and entries of the log that were read since the last call.
Progress = Callable[[str, int], None]


class NoSuchExecutionError(CallfoldError):
    """No execution of this name is known."""


class RecomputationError(CallfoldError):
    """The computation ran out of memory or disk."""


class Scope(NamedTuple):
    """What is verified."""

    organization_id: str | None = None
    execution_id: str | None = None
    #: So many executions, drawn by `seed`; None is all of them.
    sample: int | None = None
    seed: int = 0
    #: Tallies, states, cursors and segments too, of everything.
    structure: bool = True
    #: Findings kept of each check.
    limit: int = 100
    memory_mib: int = 1024

    @property
    def everything(self) -> bool:
        """Whether all executions of the scope are compared."""
        return self.execution_id is None and self.sample is None


def verify_once(database_url: str, scope: Scope, progress: Progress) -> Verification:
    """Verify; writes nothing.

    Raises:
        NoSuchExecutionError: the execution asked for is not known.
        GenerationError: the live generation is of another release.
        RecomputationError: memory or disk do not suffice.
    """
    try:
        return _verify(database_url, scope, progress)
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        said = str(error).splitlines()[0]
        raise RecomputationError(
            f"DuckDB: {said}; give more by --memory-mib, or a larger disk by TMPDIR"
        ) from error


def _verify(database_url: str, scope: Scope, progress: Progress) -> Verification:
    started_s = monotonic_s()
    now_us = datetime_us(utc_now()) // _SECOND_US * _SECOND_US
    findings = Findings(limit=scope.limit)
    with recomputation(scope.memory_mib) as recomputed:
        with served_snapshot(database_url) as snapshot:
            chosen = _chosen(snapshot, scope)
            progress(f"reading the figures of {len(chosen):,} executions", 0)
            recomputed.choose(chosen)
            hand_over_reports(snapshot, recomputed, chosen, now_us)
            if scope.structure:
                progress("adding up contributions, reading what states remember", 0)
                check_cursors(snapshot, findings)
                check_tallies(snapshot, findings)
                hand_over_journals(snapshot, recomputed)
            events = LoggedEvents(snapshot, recomputed, _organizations(scope, chosen))
        segments, lacking = _read_log(database_url, scope, events, recomputed, findings, progress)
        for organization_id in lacking:
            recomputed.run("lacks", {"organization_id": organization_id})
        progress(f"computing from {recomputed.events:,} events", 0)
        recomputed.compute(
            now_us, everything=scope.everything, organization_id=scope.organization_id
        )
        counts = _compare(recomputed, findings)
        if scope.execution_id is not None and not (counts.figures or counts.differing):
            raise _no_such_execution(scope.execution_id)
        return Verification(
            at=us_text_ms(datetime_us(utc_now())),
            seconds=round(monotonic_s() - started_s, 3),
            generation=snapshot.generation,
            executions=counts.executions,
            figures=counts.figures,
            events=recomputed.events,
            not_counted=events.not_counted,
            segments=segments,
            mismatches=dict(findings.counts),
            findings=findings.kept,
        )


def _chosen(snapshot: ServedSnapshot, scope: Scope) -> list[tuple[str, str]]:
    known = [
        (organization_id, execution_id)
        for organization_id, execution_id in snapshot.executions()
        if scope.organization_id in {None, organization_id}
        and scope.execution_id in {None, execution_id}
    ]
    if scope.execution_id is not None and not known:
        if scope.organization_id is None:
            raise _no_such_execution(scope.execution_id)
        return [(scope.organization_id, scope.execution_id)]
    if scope.sample is None or scope.sample >= len(known):
        return known
    return sorted(random.Random(scope.seed).sample(known, scope.sample))


def _no_such_execution(execution_id: str) -> NoSuchExecutionError:
    return NoSuchExecutionError(
        f"no execution {execution_id!r} is served; check its spelling, give --organization to have"
        " the log asked for it all the same, and see `callfold lag` for events that wait"
    )


def _organizations(scope: Scope, chosen: list[tuple[str, str]]) -> set[str] | None:
    """Whose events are needed; None is everybody's."""
    if scope.structure:
        return None
    if scope.organization_id is not None:
        return {scope.organization_id}
    return {organization_id for organization_id, _ in chosen}


def _read_log(
    database_url: str,
    scope: Scope,
    events: LoggedEvents,
    recomputed: Recomputation,
    findings: Findings,
    progress: Progress,
) -> tuple[int | None, set[str]]:
    """Hand over the log; returns segments opened, and organizations that it lacks events of."""
    with connect(database_url, "verify") as connection:
        if not scope.structure:
            for read in events.scan(connection, scope.organization_id):
                progress("reading the log", read)
            recomputed.count_events()
            _report_damaged(events.damaged, findings)
            return None, set(events.organizations or ()) if events.damaged else set()
        inspection = LogInspection(connection, events.partitions)
        for read in events.inspect(inspection):
            progress("reading the log", read)
        lacking = check_segments(inspection, archived_positions(connection), findings)
    progress("comparing states with the log", 0)
    recomputed.count_events()
    return inspection.segments, lacking | check_states(recomputed, inspection, findings)


def _report_damaged(damaged: list[str], findings: Findings) -> None:
    for line in damaged:
        findings.add(
            Finding(
                check=Check.SEGMENT,
                what="content",
                expected="as archived",
                found=line,
                where="the log",
            )
        )


def _compare(recomputed: Recomputation, findings: Findings) -> Counts:
    for found in recomputed.differences(findings.limit):
        findings.add(
            Finding(
                check=Check.FIGURE,
                what=found.figure,
                expected=found.expected,
                found=found.served,
                where=f"execution {found.execution_id} of {found.organization_id}",
                organization_id=found.organization_id,
                execution_id=found.execution_id,
            )
        )
    counts = recomputed.counts()
    findings.count_all(Check.FIGURE, counts.differing)
    rows = recomputed.rows("undecided", {"limit": findings.limit})
    for organization_id, execution_id, figures, _ in rows:
        findings.add(
            Finding(
                check=Check.UNDECIDED,
                what=f"{figures} figures differ, and the log lacks events of this organization",
                expected=None,
                found=None,
                where=f"execution {execution_id} of {organization_id}",
                organization_id=organization_id,
                execution_id=execution_id,
            )
        )
    findings.count_all(Check.UNDECIDED, rows[0][-1] if rows else 0)
    return counts
