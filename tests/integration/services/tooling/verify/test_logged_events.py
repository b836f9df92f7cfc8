"""Which entries of the log count: what was parked or left out does not, what waits does not yet."""

from services.tooling.verify.findings import Verification
from services.tooling.verify.verification import Scope, verify_once
from shared.contracts.entries import Entry
from shared.contracts.park_reasons import ParkReason
from shared.limits import EVENT_BYTES_MAX
from shared.projections.folding import Condemned
from shared.storage.schema import migrate
from tests.contract.wire import binary, changed, padded, structured
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    START,
    LaneOwner,
    call_entry,
    lane_owner,
    subject_in,
)

LANE = 1


def verified(database_url: str) -> Verification:
    """All of it."""
    return verify_once(database_url, Scope(), lambda _part, _entries: None)


def fold(owner: LaneOwner, entries: list[Entry], condemned: Condemned) -> None:
    """Archive and fold entries from the beginning of the lane, but for the condemned."""
    owner.folding.take(LANE, START, entries, condemned)
    owner.commit(owner.folding.harvest())


def test_entries_that_live_did_not_count_are_not_counted(database_url: str) -> None:
    """Bad ones, one that our code failed on, one that only this release can read."""
    failed, unknown = call_entry(3, LANE, word="failed"), call_entry(4, LANE, word="unknown")
    entries = [
        call_entry(1, LANE),
        Entry(NOW_MS + 2, 0, structured(b"not JSON")),
        failed,
        unknown,
        Entry(NOW_MS + 5, 0, binary(changed(id="b", subject=subject_in(LANE)))),
        Entry(NOW_MS + 6, 0, structured(padded(EVENT_BYTES_MAX + 1))),
        call_entry(1, LANE)._replace(ms=NOW_MS + 7),  # known already
        call_entry(8, LANE, data={"outcome": "busy"}),
    ]
    condemned: Condemned = {
        (LANE, failed.ms, failed.seq): (ParkReason.FOLD_FAILED, "our mistake"),
        (LANE, unknown.ms, unknown.seq): (ParkReason.UNKNOWN_TYPE, "an older release"),
    }
    migrate(database_url, PARTITIONS)
    with lane_owner(database_url, "one") as owner:
        owner.take()
        fold(owner, entries, condemned)

        found = verified(database_url)

    assert [] == found.findings
    assert (4, 4) == (found.events, found.not_counted)
    assert 1 == found.executions


def test_events_that_wait_behind_a_breaker_are_checked_but_not_counted(database_url: str) -> None:
    """They are archived and not folded; figures are compared at the fold position."""
    migrate(database_url, PARTITIONS)
    with lane_owner(database_url, "one") as owner:
        owner.take()
        fold(owner, [call_entry(1, LANE)], {})
        waiting = [call_entry(number, LANE, word="waits") for number in range(2, 6)]
        owner.folding.archive(LANE, (NOW_MS + 1, 0), waiting)
        owner.commit(owner.folding.harvest())

        found = verified(database_url)

    assert [] == found.findings
    assert (1, 2) == (found.events, found.segments)


def test_event_that_live_condemned_without_a_trace_is_found(database_url: str) -> None:
    """Nothing says why it does not count, so it should."""
    condemned = call_entry(2, LANE, word="condemned")
    migrate(database_url, PARTITIONS)
    with lane_owner(database_url, "one") as owner:
        owner.take()
        reason = (ParkReason.CRASHED, "twice")
        fold(owner, [call_entry(1, LANE), condemned], {(LANE, condemned.ms, 0): reason})
        owner.connection.execute("DELETE FROM callfold.left_out_entries")

        found = verified(database_url)

    assert {"state", "figure"} == set(found.mismatches)
    [state] = [finding for finding in found.findings if finding.check == "state"]
    assert f"attempt {subject_in(LANE, 'condemned')} of acme" == state.where
    assert f"{LANE}/{condemned.ms}-0" in str(state.expected)
