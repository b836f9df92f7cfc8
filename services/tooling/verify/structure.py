"""The log and the states beneath the figures: checksums, continuity, and that they hold each other.

A missing segment leaves no trace in the log itself; what proves it is that states remember
entries which are not there.
"""

from services.tooling.verify.findings import Check, Finding, Findings
from services.tooling.verify.recomputation.database import Recomputation
from shared.folds.journal import Position
from shared.storage.log_inspection import LogInspection


def check_segments(
    inspection: LogInspection, archived: dict[int, Position], findings: Findings
) -> set[str]:
    """What an inspection found; returns the organizations whose events cannot all be read.

    Args:
        archived: how far each lane was archived once the inspection was through.
    """
    lacking: set[str] = set()
    for bad in inspection.bad:
        if bad.unreadable:
            lacking.update(bad.organizations)
        findings.add(
            Finding(
                check=Check.SEGMENT,
                what="content" if bad.unreadable else "row",
                expected=f"as archived, up to {_id(bad.last)}",
                found=bad.what,
                where=f"segment {bad.partition}/{_id(bad.first)}",
            )
        )
    for partition, first, before in inspection.overlaps(findings.limit):
        findings.add(
            Finding(
                check=Check.SEGMENT,
                what="overlap",
                expected=f"to begin behind {_id(before)}, where the one before it ends",
                found=_id(first),
                where=f"segment {partition}/{_id(first)}",
            )
        )
    for partition, end in inspection.ends.items():
        cursor = archived.get(partition, (0, 0))
        if end > cursor:
            findings.add(
                Finding(
                    check=Check.CURSOR,
                    what="the log goes on behind the cursor",
                    expected=f"to end at {_id(cursor)}",
                    found=_id(end),
                    where=f"partition {partition}",
                )
            )
    return lacking


def check_states(
    recomputed: Recomputation, inspection: LogInspection, findings: Findings
) -> set[str]:
    """Whether states and log hold each other; returns organizations of which the log lacks events.

    Needs all events of the log, and all journals.
    """
    for bad in inspection.bad:
        if bad.unreadable:
            bounds = ("first_ms", "first_seq", "last_ms", "last_seq")
            stretch = dict(zip(bounds, (*bad.first, *bad.last), strict=True))
            recomputed.run("mark_unreadable", {"partition": bad.partition, **stretch})
    recomputed.run("journals")
    rows = recomputed.rows("lost_stretches", {"limit": findings.limit})
    for partition, events, first, last, _ in rows:
        findings.add(
            Finding(
                check=Check.LOG,
                what="a segment is missing",
                expected=f"{events} entries that states remember, up to {_id(last)}",
                found=None,
                where=f"partition {partition} from {_id(first)}",
            )
        )
    findings.count_all(Check.LOG, rows[0][-1] if rows else 0)
    rows = recomputed.rows("first_state_differences", {"limit": findings.limit})
    for what, kind, organization_id, subject, events, entry, _ in rows:
        findings.add(
            Finding(
                check=Check.STATE,
                what=what,
                expected=f"{events} events of the log, the first at {entry}",
                found=None,
                where=f"{kind} {subject} of {organization_id}",
                organization_id=organization_id,
            )
        )
    findings.count_all(Check.STATE, rows[0][-1] if rows else 0)
    return {row[0] for row in recomputed.rows("organizations_lacking")}


def _id(position: Position) -> str:
    return f"{position[0]}-{position[1]}"
