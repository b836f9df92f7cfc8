"""What a verification finds: a row for each thing that is not as it should be."""

from collections import Counter
from enum import StrEnum

from msgspec import Struct, field


class Check(StrEnum):
    """What was looked at."""

    #: Figures of the reports, against the events.
    FIGURE = "figure"
    #: The same where the log lacks events of the organization, so that nothing is proven.
    UNDECIDED = "undecided"
    #: Tallies, against the contributions of the subjects.
    TALLY = "tally"
    #: States and what they remember, against the events.
    STATE = "state"
    #: The log, against what states remember of it.
    LOG = "log"
    #: Segments of the log: checksums, rows, overlaps.
    SEGMENT = "segment"
    #: How far lanes are archived and folded.
    CURSOR = "cursor"


class Finding(Struct, frozen=True, kw_only=True, rename="camel"):
    """One difference."""

    check: Check
    #: The figure, column or rule.
    what: str
    #: By the events; null where they know of nothing.
    expected: str | None
    #: As it is served or stored; null where it is not there.
    found: str | None
    #: Execution, subject, partition and entry: where to look.
    where: str
    organization_id: str | None = None
    execution_id: str | None = None

    def as_text(self) -> str:
        """One line."""
        line = f"{self.check}: {self.where}: {self.what}"
        if self.expected is None and self.found is None:
            return line
        return f"{line}: expected {_said(self.expected)}, found {_said(self.found)}"


class Verification(Struct, frozen=True, kw_only=True, rename="camel"):
    """What one run did and found; what `--json` prints."""

    #: When it ended, in UTC.
    at: str
    seconds: float
    generation: int
    executions: int
    #: Figures that were compared; a row of the call history counts as one.
    figures: int
    #: Events that were computed from.
    events: int
    #: Entries of the log that the contract refuses, or that were left out by a verdict of ours.
    not_counted: int
    #: Segments of the log that were opened; null without checks of the structure.
    segments: int | None
    #: How many things were found, by check; `findings` are the first of each. Tallies are only
    #: looked for up to the limit.
    mismatches: dict[str, int]
    findings: list[Finding]


class Findings(Struct):
    """Collects findings; of each check all are counted and the first so many kept."""

    limit: int
    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """One more."""
        if self.counts[finding.check.value] < self.limit:
            self.kept.append(finding)
        self.counts[finding.check.value] += 1

    def count_all(self, check: Check, found: int) -> None:
        """So many were found of a check, whatever was added of them."""
        if found:
            self.counts[check.value] = found


def _said(value: str | None) -> str:
    return "nothing" if value is None else value
