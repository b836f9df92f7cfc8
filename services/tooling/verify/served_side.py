"""Hands what the live generation serves to the recomputation, in one snapshot of it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from services.tooling.verify.findings import Check, Finding, Findings
from services.tooling.verify.recomputation.database import Recomputation
from services.tooling.verify.served_figures import canonical, served_figures
from shared.contracts.stream_names import partition_of
from shared.storage.report_reading import answered
from shared.storage.served_snapshot import ServedSnapshot

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def hand_over_reports(
    snapshot: ServedSnapshot,
    recomputed: Recomputation,
    executions: Iterable[tuple[str, str]],
    now_us: int,
) -> None:
    """Every figure of these executions, as the read API would answer at that instant."""
    for organization_id, execution_id in executions:
        rows = snapshot.reports(organization_id, execution_id)
        if rows is None:
            continue
        owner = {"organization_id": organization_id, "execution_id": execution_id}
        bodies = [
            _served(report) for report in answered(organization_id, execution_id, rows, now_us)
        ]
        for figure, value in served_figures(*bodies):
            line = _encode({**owner, "figure": figure, "value": value})
            recomputed.take("feed_served", line)
        for place, call in enumerate(snapshot.calls(organization_id, execution_id), start=1):
            said = {name: canonical(value) for name, value in _served(call).items()}
            recomputed.take("feed_served_calls", _encode({**owner, "place": place, **said}))


def hand_over_journals(snapshot: ServedSnapshot, recomputed: Recomputation) -> None:
    """Which entries of the log every state remembers."""
    for journal in snapshot.journals():
        line = {
            "kind": journal.kind,
            "organization_id": journal.organization_id,
            "subject": journal.subject,
            "partition": partition_of(journal.subject, snapshot.partitions),
            "positions": journal.positions,
        }
        recomputed.take("feed_journals", _encode(line))


def check_tallies(snapshot: ServedSnapshot, findings: Findings) -> None:
    """Σ contributions = tallies."""
    for wrong in snapshot.wrong_tallies(findings.limit):
        key = " ".join(f"{name}={value}" for name, value in wrong.key.items())
        for column, right in wrong.right.items():
            if right == wrong.found[column]:
                continue
            findings.add(
                Finding(
                    check=Check.TALLY,
                    what=column,
                    expected=f"{right} by the sum of contributions",
                    found=str(wrong.found[column]),
                    where=f"gen_{snapshot.generation}.{wrong.tally} {key}",
                    organization_id=str(wrong.key["organization_id"]),
                    execution_id=str(wrong.key["execution_id"]),
                )
            )


def check_cursors(snapshot: ServedSnapshot, findings: Findings) -> None:
    """No lane is folded further than it is archived."""
    for lane, folded in snapshot.folded.items():
        archived = snapshot.archived.get(lane, (0, 0))
        if folded > archived:
            findings.add(
                Finding(
                    check=Check.CURSOR,
                    what="folded further than archived",
                    expected=f"at most {archived[0]}-{archived[1]}",
                    found=f"{folded[0]}-{folded[1]}",
                    where=f"partition {lane}",
                )
            )


def _served(report: msgspec.Struct) -> dict[str, Any]:
    """A report as it leaves; decimals exact."""
    served: dict[str, Any] = _decode(msgspec.json.encode(report))
    return served
