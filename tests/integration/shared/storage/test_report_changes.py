"""Which changes a commit announces, on a real PostgreSQL: all of its own, once, and no others."""

from collections.abc import Iterator

import psycopg
import pytest

from shared.errors import FencedError
from shared.projections.write_set import WriteSet
from shared.storage.report_changes import Touched, announce, channel_name, decode_touched
from tests.contract.wire import changed
from tests.integration.shared.storage.lane_owner import (
    LaneOwner,
    call_entry,
    entry,
    lane_owner,
)

_HEARD_S = 5.0
_SILENCE_S = 0.3


@pytest.fixture
def owner(laid_out: str) -> Iterator[LaneOwner]:
    """The owner of all lanes."""
    with lane_owner(laid_out, "one") as one:
        one.take()
        yield one


@pytest.fixture
def listener(laid_out: str) -> Iterator[psycopg.Connection]:
    """Who listens to the first generation."""
    with psycopg.connect(laid_out, autocommit=True) as connection:
        connection.execute(f"LISTEN {channel_name(1)}")
        yield connection


def heard(listener: psycopg.Connection) -> Touched | None:
    """What the next commit announces."""
    (notification,) = listener.notifies(timeout=_HEARD_S, stop_after=1)
    return decode_touched(notification.payload)


def test_batch_is_announced_once(owner: LaneOwner, listener: psycopg.Connection) -> None:
    """Every execution of it, by organization; nothing for what names none."""
    owner.commit(
        owner.fold(
            {
                0: [call_entry(1, 0), call_entry(2, 0, "other", executionid="exec-2")],
                1: [call_entry(3, 1, organizationid="zeta")],
            }
        )
    )
    assert {"acme": {"exec-1", "exec-2"}, "zeta": {"exec-1"}} == heard(listener)
    assert [] == list(listener.notifies(timeout=_SILENCE_S))


def test_call_that_moves_to_another_execution_is_announced_in_both(
    owner: LaneOwner, listener: psycopg.Connection
) -> None:
    """A later event names another execution: the call leaves the one, joins the other."""
    owner.archive(0, [call_entry(1, 0)])
    assert {"acme": {"exec-1"}} == heard(listener)
    later = "2026-03-02T10:00:00Z"
    owner.archive(0, [call_entry(2, 0, executionid="exec-0", time=later)])
    moved = owner.connection.execute("SELECT execution_id FROM gen_1.attempts").fetchall()
    assert [("exec-0",)] == moved
    assert {"acme": {"exec-0", "exec-1"}} == heard(listener)


def test_late_detail_that_moves_no_tally_is_announced(
    owner: LaneOwner, listener: psycopg.Connection
) -> None:
    """The call history shows it, though every sum stays."""
    owner.archive(0, [call_entry(1, 0)])
    heard(listener)
    said = {"from": "+212500000001", "to": "+212612345678"}
    owner.archive(0, [call_entry(2, 0, type="call.initiated", data=said)])
    assert {"acme": {"exec-1"}} == heard(listener)


def test_batch_that_moves_no_report_is_not_announced(
    owner: LaneOwner, listener: psycopg.Connection
) -> None:
    """A duplicate changes nothing."""
    owner.archive(0, [call_entry(1, 0)])
    heard(listener)
    duplicate = entry(2, changed(id="call-1", subject=call_subject(owner)))
    owner.archive(0, [duplicate])
    assert [] == list(listener.notifies(timeout=_SILENCE_S))


def call_subject(owner: LaneOwner) -> str:
    """The one call."""
    row = owner.connection.execute("SELECT attempt_id FROM gen_1.attempts").fetchone()
    assert row is not None
    return str(row[0])


def test_batch_that_is_fenced_is_not_announced(
    owner: LaneOwner, listener: psycopg.Connection
) -> None:
    """Nothing of it is there to be read."""
    writes = owner.fold({0: [call_entry(1, 0)]})
    owner.connection.execute("UPDATE callfold.lanes SET seq = 1 WHERE lane = 0")
    with pytest.raises(FencedError):
        owner.commit(writes)
    assert [] == list(listener.notifies(timeout=_SILENCE_S))


def test_rolled_back_announcement_is_not_heard(
    owner: LaneOwner, listener: psycopg.Connection
) -> None:
    """The notification belongs to the transaction, not to the connection."""
    writes: WriteSet = owner.fold({0: [call_entry(1, 0)]})
    with owner.connection.transaction(force_rollback=True):
        announce(owner.connection, 1, writes)
    assert [] == list(listener.notifies(timeout=_SILENCE_S))


def test_other_generation_is_announced_elsewhere(
    owner: LaneOwner, listener: psycopg.Connection
) -> None:
    """A rebuild does not disturb the caches of the live one."""
    announce(owner.connection, 2, owner.fold({0: [call_entry(1, 0)]}))
    assert [] == list(listener.notifies(timeout=_SILENCE_S))
