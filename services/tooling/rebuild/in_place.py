"""`callfold rebuild --organization …`: repairs one organization or execution where it is served.

Live traffic goes on: what is right is only read (`shared/storage/repairing.py`). Called by the
command `rebuild`.
"""

import sys
from decimal import Decimal
from typing import Final

import msgspec
import typer
from rich.console import Console

from services.tooling.exit_codes import DIFFERENT, INTERRUPTED, OK
from services.tooling.rebuild.fold_progress import FoldProgress
from services.tooling.safe_text import one_line
from shared.clock import monotonic_s
from shared.storage.audit import audited
from shared.storage.connection import connect
from shared.storage.contribution_sums import WrongTally
from shared.storage.damage import Damage
from shared.storage.generations import installed, operating_alone
from shared.storage.repairing import Repairer
from shared.storage.subject_refold import RepairScope

#: Subjects and tallies that are named; all are counted.
_NAMED_MAX: Final = 100
_BEYOND_LOG: Final = (
    "left alone, because the database knows events of them that the log does not hold: look for"
    " incidents and a lost segment first; with --trust-log they become what the log says"
)


class RepairOutcome(msgspec.Struct, rename="camel"):
    """What `--json` prints; filled while the repair goes on."""

    organization: str
    execution: str | None
    generation: int
    dry_run: bool
    events: int = 0
    subjects: int = 0
    seconds: float = 0.0
    #: By kind how many subjects were replaced, or would be.
    repaired: dict[str, int] = msgspec.field(default_factory=dict)
    #: Subjects that the log does not explain.
    left_alone: int = 0
    #: The first of both.
    damages: list[Damage] = msgspec.field(default_factory=list)
    #: None in a dry run that found wrong states: they have to be right to be added up.
    tallies_corrected: int | None = 0
    #: The first of them.
    tallies: list[WrongTally] = msgspec.field(default_factory=list)
    #: Transactions that wrote.
    transactions: int = 0
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 once everything is right, 3 where something is wrong still."""
        if self.interrupted:
            return INTERRUPTED
        would_change = self.dry_run and (self.repaired or self.tallies_corrected)
        return DIFFERENT if would_change or self.left_alone else OK


def rebuild_in_place(
    database_url: str,
    scope: RepairScope,
    name: str,
    *,
    trust_log: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Repair a scope and print what was wrong; returns the exit code.

    Args:
        name: who does it, for the audit.

    Raises:
        GenerationError: another command rebuilds, switches or repairs at the moment.
        BadParameter: nothing is known of the scope.
        SegmentError: a segment of the log is damaged.
    """
    generation, partitions = installed(database_url)
    outcome = RepairOutcome(*scope, generation=generation, dry_run=dry_run)
    started_s = monotonic_s()
    try:
        with (
            connect(database_url, "repair") as alone,
            operating_alone(alone),
            connect(database_url, "repair, reads") as reading,
            connect(database_url, "repair, writes") as writing,
        ):
            repairer = Repairer(
                reading, writing, partitions, generation, scope, trust_log=trust_log,
                dry_run=dry_run,
            )  # fmt: skip
            if dry_run:
                _repair(repairer, outcome, quiet=as_json)
            else:
                said = {**scope._asdict(), "trust_log": trust_log}
                with audited(alone, name, "rebuild in place", said) as details:
                    try:
                        _repair(repairer, outcome, quiet=as_json)
                    finally:
                        details.update(_counts(outcome))
    except KeyboardInterrupt:
        outcome.interrupted = True
    outcome.seconds = round(monotonic_s() - started_s, 3)
    if as_json:
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    else:
        _print(outcome)
    return outcome.exit_code


def _repair(repairer: Repairer, outcome: RepairOutcome, *, quiet: bool) -> None:
    shares = repairer.shares()
    with FoldProgress(sum(events for _, events in shares), quiet=quiet) as progress:
        try:
            for share, _ in shares:
                for damages in repairer.repair(share, progress.folded):
                    _count_damages(repairer, damages, outcome)
            if outcome.dry_run and outcome.repaired:
                outcome.tallies_corrected = None
            else:
                progress.say("adding up the tallies")
                _correct_tallies(repairer, outcome)
            if not repairer.is_known and not outcome.tallies_corrected:
                wrong = "--organization" if outcome.execution is None else "--execution"
                raise typer.BadParameter("neither log nor database know it", param_hint=wrong)
        finally:
            outcome.events = progress.events
            outcome.subjects = repairer.subjects
            outcome.transactions = repairer.transactions


def _count_damages(repairer: Repairer, damages: list[Damage], outcome: RepairOutcome) -> None:
    for damage in damages:
        if repairer.may_replace(damage):
            outcome.repaired[damage.kind] = outcome.repaired.get(damage.kind, 0) + 1
        else:
            outcome.left_alone += 1
    outcome.damages += damages[: _NAMED_MAX - len(outcome.damages)]


def _correct_tallies(repairer: Repairer, outcome: RepairOutcome) -> None:
    corrected = outcome.tallies_corrected = 0
    for wrong in repairer.correct_tallies():
        corrected += len(wrong)
        outcome.tallies_corrected = corrected
        outcome.tallies += wrong[: _NAMED_MAX - len(outcome.tallies)]


def _counts(outcome: RepairOutcome) -> dict[str, object]:
    return {
        "repaired": outcome.repaired,
        "leftAlone": outcome.left_alone,
        "talliesCorrected": outcome.tallies_corrected,
        "transactions": outcome.transactions,
    }


def _print(outcome: RepairOutcome) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    would = "would be " if outcome.dry_run else ""
    for damage in outcome.damages:
        console.print(one_line(f"{damage.kind} {damage.subject}: {', '.join(damage.what)}"))
    for wrong in outcome.tallies:
        console.print(one_line(_as_text(wrong)))
    repaired, rate = sum(outcome.repaired.values()), outcome.events / max(outcome.seconds, 0.001)
    corrected = outcome.tallies_corrected or 0
    hidden = repaired + outcome.left_alone - len(outcome.damages)
    hidden += corrected - len(outcome.tallies)
    if hidden:
        console.print(f"… and {hidden:,} more")
    console.print(
        f"{outcome.subjects:,} subjects held against {outcome.events:,} events in "
        f"{outcome.seconds:.1f} s ({rate:,.0f} events a second): {repaired:,} {would}repaired"
    )
    if outcome.tallies_corrected is None:
        console.print("tallies are added up once these are right")
    else:
        console.print(f"{corrected:,} tallies {would}corrected")
    if outcome.left_alone:
        console.print(f"{outcome.left_alone:,} {_BEYOND_LOG}")
    if outcome.interrupted:
        console.print("interrupted: what is repaired stays; run it again to go on")


def _as_text(wrong: WrongTally) -> str:
    key = "/".join(str(value) for value in wrong.key.values())
    changed = (
        f"{name} {Decimal(number):f} → {Decimal(wrong.right[name]):f}"
        for name, number in wrong.found.items()
        if number != wrong.right[name]
    )
    return f"{wrong.tally} {key}: {', '.join(changed)}"
