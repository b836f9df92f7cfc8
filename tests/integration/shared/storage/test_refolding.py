"""An execution folded out of the log again, beside a live generation that an owner folds."""

from collections.abc import Iterator

import psycopg
import pytest

from shared.contracts.entries import Entry
from shared.contracts.event_types import Kind
from shared.contracts.park_reasons import ParkReason
from shared.errors import SegmentError
from shared.folds.states import FOLDS
from shared.projections.folding import FoldFailedError
from shared.storage.connection import connect
from shared.storage.lanes import fold_positions
from shared.storage.refolding import Refolding
from shared.storage.report_reading import ReportReader, ReportRows
from shared.storage.schema import migrate
from shared.storage.temporary_generation import TEMPORARY_SCHEMA, TemporaryGeneration
from tests.contract.wire import changed
from tests.integration.shared.storage.lane_owner import (
    PARTITIONS,
    LaneOwner,
    entry,
    lane_owner,
    subject_in,
)

_OWNER = ("acme", "exec-1")
_CALL = subject_in(0)


@pytest.fixture
def owner(database_url: str) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    migrate(database_url, PARTITIONS)
    with lane_owner(database_url, "one") as one:
        one.take()
        yield one


def _event(number: int, event_type: str, **changes: object) -> Entry:
    return entry(
        number, changed(**{"id": f"e{number}", "type": event_type, "subject": _CALL, **changes})
    )


def _refold(owner: LaneOwner) -> tuple[ReportRows | None, ReportRows | None]:
    """What live says of the execution, and what a fold of the log makes of it.

    By then the database refuses that the session writes anything but its own tables.
    """
    with connect(owner.database_url, "test") as connection:
        served = ReportReader(connection, "gen_1", *_OWNER).reports()
        generation = TemporaryGeneration(connection)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM gen_1.attempts")
        ends = fold_positions(connection, 1)
        Refolding(connection, ends, *_OWNER).fold_into(generation, PARTITIONS, lambda: None)
        return served, ReportReader(connection, TEMPORARY_SCHEMA, *_OWNER).reports()


def test_nothing_counts_that_live_does_not_count(owner: LaneOwner) -> None:
    """Entries parked by a verdict of ours, bad ones, other organizations', those not folded yet."""
    entries = [
        _event(1, "call.answered"),
        _event(2, "call.charged", data={"amount": "2.5"}),
        _event(3, "call.unheard-of"),
        _event(4, "call.ended", organizationid="other", data={"outcome": "busy"}),
        _event(5, "call.charged", executionid="exec-2", time="2026-03-02T08:00:00Z",
               data={"amount": "0.5"}),
    ]  # fmt: skip
    condemned = {(0, entries[1].ms, 0): (ParkReason.FOLD_FAILED, "a bug")}
    owner.folding.take(0, (0, 0), entries, condemned)
    owner.commit(owner.folding.harvest())
    owner.lanes.open_breaker([0], "a bug")
    owner.folding.archive(0, (entries[-1].ms, 0), [_event(6, "call.ended")])
    owner.commit(owner.folding.harvest())

    served, made = _refold(owner)

    assert served is not None
    assert served == made
    assert [("ongoing", 1, 0)] == [tuple(row) for row in served.main.calls]
    assert "0.5" == f"{served.main.cost:f}"


def test_an_attempt_corrected_to_another_execution_is_none_of_this(owner: LaneOwner) -> None:
    """All of its events are folded, so that the winner says where it belongs; this one exists."""
    owner.archive(0, [_event(1, "call.answered")])
    owner.archive(0, [_event(2, "call.ended", executionid="exec-2", time="2026-03-03T09:00:00Z")])

    served, made = _refold(owner)

    assert served is not None
    assert served == made
    assert [] == served.main.calls


def test_damaged_log_is_refused(owner: LaneOwner) -> None:
    """A report that lacks events would look like one that does not."""
    owner.archive(0, [_event(1, "call.answered")])
    owner.connection.execute("UPDATE callfold.log_segments SET checksum = checksum + 1")
    with pytest.raises(SegmentError, match="fails its checksum"):
        _refold(owner)


def test_event_on_which_our_code_fails_is_named(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its lane and entry, as a projector would park it."""
    owner.archive(0, [_event(1, "call.answered")])
    broken = FOLDS[Kind.ATTEMPT]._replace(evolve=lambda _state, _event: 1 // 0)
    monkeypatch.setitem(FOLDS, Kind.ATTEMPT, broken)
    with pytest.raises(FoldFailedError, match=r"lane 0, entry \d+-0: ZeroDivisionError"):
        _refold(owner)
