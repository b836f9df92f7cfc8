"""Makes another generation live: one row in one transaction, behind a short barrier.

The barrier locks the leases. That waits for the commits under way and holds back new ones, so both
generations stand still; once they stand equally far the row is changed, and every lease ends with
it: an owner that does not know of the switch fails its fence.
"""

from collections.abc import Callable
from time import monotonic, sleep
from typing import NamedTuple

import psycopg

from shared.errors import GenerationError
from shared.limits import SWITCH_BARRIER_MS
from shared.storage.following import stand_equally_far
from shared.storage.generations import COMPLETE
from shared.storage.report_changes import announce_everything

#: Of the barrier, what may be spent on waiting for commits under way.
_LOCK_SHARE = 0.5
_PAUSE_S = 0.01


class Switch(NamedTuple):
    """What was done."""

    before: int
    #: For how long nothing could be committed.
    barrier_ms: float


class BarrierError(GenerationError):
    """The barrier would have held up commits for too long; nothing was changed."""


def switch_to(
    connection: psycopg.Connection,
    generation: int,
    catch_up: Callable[[], int],
    *,
    behind: bool = False,
) -> Switch:
    """Make a generation live.

    Args:
        connection: in autocommit.
        generation: the one to be made live.
        catch_up: follows the log, tells how many events it folded; called within the barrier until
            the generation stands as far as the live one.
        behind: switch wherever it stands; its projectors then follow the log first.

    Raises:
        BarrierError: commits under way took too long, or what was left to fold; try again.
    """
    try:
        with connection.transaction():
            before, started_s = _hold(connection)
            deadline_s = started_s + SWITCH_BARRIER_MS / 1000
            while not (behind or stand_equally_far(connection, before, generation)):
                if not catch_up():
                    sleep(_PAUSE_S)
                if monotonic() > deadline_s:
                    raise BarrierError("what was left to fold took too long")
            _make_live(connection, before, generation)
        return Switch(before, (monotonic() - started_s) * 1000)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise BarrierError("commits under way took too long") from error


def _hold(connection: psycopg.Connection) -> tuple[int, float]:
    """Hold back all commits; returns the live generation, and since when they are held back."""
    wait_ms = int(SWITCH_BARRIER_MS * _LOCK_SHARE)
    connection.execute(f"SET LOCAL lock_timeout = {wait_ms}".encode())
    row = connection.execute(
        "SELECT live_generation FROM callfold.installation FOR UPDATE"
    ).fetchone()
    assert row is not None
    started_s = monotonic()
    connection.execute("SELECT 1 FROM callfold.leases ORDER BY lane FOR UPDATE")
    return int(row[0]), started_s


def _make_live(connection: psycopg.Connection, before: int, generation: int) -> None:
    connection.execute(
        "UPDATE callfold.leases SET owner = NULL, expires_at = '-infinity', epoch = epoch + 1"
    )
    connection.execute(
        "UPDATE callfold.generations SET live_until = CASE WHEN generation = %s THEN now() END"
        " WHERE generation IN (%s, %s)",
        (before, before, generation),
    )
    set_state(connection, generation, COMPLETE)
    connection.execute("UPDATE callfold.installation SET live_generation = %s", (generation,))
    announce_everything(connection, before)


def set_state(connection: psycopg.Connection, generation: int, state: str) -> None:
    """Say whether a generation is being built or complete."""
    connection.execute(
        "UPDATE callfold.generations SET state = %s WHERE generation = %s", (state, generation)
    )
