"""Folds the events of one subject again, one by one; used by `callfold replay`."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from services.tooling.log_commands.event_lines import MODE_NAMES, event_bytes, one_line
from services.tooling.readable_state import readable_contribution, readable_state
from shared.contracts.event_types import Kind
from shared.contracts.instants import us_text_ms
from shared.folds.journal import unpack_positions
from shared.folds.states import FOLDS, encode_state
from shared.projections.contributions import Contribution, encode_contribution
from shared.projections.state_cache import Kept
from shared.projections.subjects import PROJECT
from shared.storage.cutoffs import Cutoff
from shared.storage.subject_history import Fate, HistoryEntry, SubjectHistory


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One entry, and where the subject stands after it."""

    position: str
    received_at: str
    mode: str
    fate: str
    event: Raw
    #: Absent after an entry that changes nothing, and where states are not wanted.
    state: dict[str, Any] | None = None
    contribution: dict[str, Any] | None = None


class Replay:
    """One pass over a subject's history.

    Attributes:
        differences: Once `steps` is through: how the result differs from what the database holds.
        behind_cutoff: Entries that the cutoff left out.
    """

    def __init__(
        self,
        kind: Kind,
        subject: str,
        history: SubjectHistory,
        kept: Kept,
        cutoff: Cutoff | None,
        *,
        shows_state: bool,
        compares: bool,
    ) -> None:
        """`kept` is what the replay must arrive at, where it `compares`."""
        self._kind = kind
        self._subject = subject
        self._history = history
        self._kept = kept
        self._cutoff = cutoff
        self._shows_state = shows_state
        self._compares = compares
        self.differences: list[str] = []
        self.behind_cutoff = 0

    def steps(self) -> Iterator[Step]:
        """Each entry in the order of the log.

        Raises:
            SegmentError: a segment is damaged.
        """
        state: Any = None
        evolve = FOLDS[self._kind].evolve
        for found in self._history.entries():
            if self._cutoff and not self._cutoff.admits(
                found.event.time_us, found.entry.received_ms
            ):
                self.behind_cutoff += 1
                continue
            if found.fate is Fate.FOLDED:
                state = evolve(state, found.event)
            yield self._step(found, state)
        if self._compares:
            self.differences = list(self._compare(state))

    def _step(self, found: HistoryEntry, state: Any) -> Step:
        entry = found.entry
        says = found.fate is Fate.FOLDED and self._shows_state
        return Step(
            position=f"{entry.ms}-{entry.seq}",
            received_at=us_text_ms(entry.received_ms * 1000),
            mode=MODE_NAMES[entry.mode],
            fate=found.fate.value,
            event=Raw(one_line(event_bytes(entry)) or b"null"),
            state=_snapshot(readable_state(state)) if says else None,
            contribution=readable_contribution(self._contribution(state)) if says else None,
        )

    def _compare(self, state: Any) -> Iterator[str]:
        events = len(unpack_positions(self._kept.positions))
        missing = sorted(self._history.missing)
        if missing:
            places = ", ".join(f"{ms}-{seq}" for ms, seq in missing[:10])
            yield f"the log lacks {len(missing)} of {events} events of the journal: {places}"
        if state is None:
            return
        if encode_state(state) != self._kept.state:
            yield "the state in the database is not what these events fold into"
        if encode_contribution(self._contribution(state)) != self._kept.contribution:
            yield "the contribution in the database is not that of this state"

    def _contribution(self, state: Any) -> Contribution:
        return PROJECT[self._kind.value](self._subject, state)[1]


def _snapshot(readable: dict[str, Any]) -> dict[str, Any]:
    """A copy that no later event changes: states are folded in place."""
    return {key: Raw(msgspec.json.encode(value)) for key, value in readable.items()}
