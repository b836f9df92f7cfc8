"""What a repair in place leaves alone, and what ends it."""

from collections.abc import Iterator

import pytest

from shared.contracts.park_reasons import ParkReason
from shared.errors import GenerationError, SegmentError
from shared.storage import repairing
from shared.storage.contribution_sums import contributions_that_differ
from tests.integration.shared.storage.damaged_rows import (
    ALL_BUSY,
    CALLS,
    change,
    charge,
    following,
    owner_who_folded,
    repair,
    saying,
    taken_up,
)
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    LaneOwner,
    everything,
    subject_in,
)
from tests.servers import ServersForTests


@pytest.fixture(autouse=True)
def _breathless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else wants to be folded here."""
    monkeypatch.setattr(repairing, "_BREATH_S", 0)


@pytest.fixture(scope="module")
def folded(servers: ServersForTests) -> Iterator[LaneOwner]:
    """One owner for all tests here."""
    with owner_who_folded(servers) as one:
        yield one


@pytest.fixture
def owner(folded: LaneOwner) -> LaneOwner:
    """The same, whatever a test before did to it."""
    return taken_up(folded)


def test_rows_that_know_more_than_the_log_are_left_alone(owner: LaneOwner) -> None:
    """It may be the log that lost something; with `trust_log` they become what it says."""
    change(owner, "DELETE FROM callfold.log_segments WHERE partition = 2 AND first_ms = %s",
           NOW_MS + 30)  # fmt: skip
    change(owner, "INSERT INTO gen_1.attempts SELECT organization_id, 'nobody', revision, state,"
           " records, positions, contribution, kind, execution_id, contact_id, attempt,"
           " from_number, to_number, direction, status, outcome, flow_outcome, started_us,"
           " answered_us, ended_us, duration_ms, total_cost, number"
           " FROM gen_1.attempts WHERE attempt_id = %s", subject_in(1, "w0"))  # fmt: skip
    before = everything(owner.connection)["attempts"]

    damages, _, _ = repair(owner)
    assert all(damage.beyond_log for damage in damages)
    assert {subject_in(2, f"w{n}") for n in range(CALLS)} | {"nobody"} == {
        damage.subject for damage in damages
    }
    assert before == everything(owner.connection)["attempts"]

    assert damages == repair(owner, trust_log=True)[0]
    assert ([], [], 0) == repair(owner)
    assert [] == contributions_that_differ(owner.connection, 1)


def test_damaged_segment_ends_a_repair_before_anything_is_written(owner: LaneOwner) -> None:
    """Nobody knows what it held, so nothing is right."""
    flip = (
        "UPDATE callfold.log_segments SET body = set_byte(body, 30, get_byte(body, 30) # 1)"
        " WHERE partition = 0"
    )
    change(owner, ALL_BUSY)
    change(owner, flip)
    before = everything(owner.connection)

    with pytest.raises(SegmentError, match="segment 0/"):
        repair(owner)
    assert before == everything(owner.connection)
    change(owner, flip)
    assert repair(owner)[0]


def test_entries_that_live_did_not_fold_are_left_out(owner: LaneOwner) -> None:
    """Those it parked by a verdict of ours, and those that only were archived so far."""
    call, lane = subject_in(0, "w0"), 0
    position = owner.lanes.cursors([lane], 1)[lane].position
    condemned = following(owner, lane, **charge(call, 3))
    verdicts = {(lane, condemned.ms, 0): (ParkReason.FOLD_FAILED, "why")}
    owner.folding.take(lane, position, [condemned], verdicts)
    owner.commit(owner.folding.harvest())
    archived = following(owner, lane, **charge(call, 4))
    owner.folding.archive(lane, (condemned.ms, 0), [archived])
    owner.commit(owner.folding.harvest())
    right = saying(owner)
    change(owner, "DELETE FROM gen_1.attempts WHERE attempt_id = %s AND organization_id = 'acme'",
           call)  # fmt: skip

    assert [call] == [damage.subject for damage in repair(owner)[0]]
    assert right == saying(owner)


def test_generation_that_is_not_live_any_more_is_not_repaired(owner: LaneOwner) -> None:
    """A switch came between."""
    change(owner, "UPDATE callfold.installation SET live_generation = 2")
    with pytest.raises(GenerationError, match="not live"):
        repair(owner)
    change(owner, "UPDATE callfold.installation SET live_generation = 1")
