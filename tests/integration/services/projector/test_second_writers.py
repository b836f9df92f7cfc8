"""Writers beside the owner: each writes between the engine's read of a state and its commit.

One batch hangs in its commit and the next is folded on top of it, when somebody else writes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import psycopg
import pytest
import redis
from psycopg import conninfo

from services.projector.app import Projector
from services.projector.engine import Engine
from shared.contracts.stream_names import partition_of, partition_stream
from shared.projections.contributions import TALLIES
from shared.storage import repairing
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.following import stand_equally_far
from shared.storage.generation_schemas import create_generation
from shared.storage.repairing import Repairer
from shared.storage.schema import engine_of, migrate
from shared.storage.subject_refold import RepairScope
from shared.storage.subjects import SubjectReader
from tests.contract.wire import json_bytes
from tests.installation import until
from tests.integration.services.projector.lanes_at_hand import call
from tests.integration.services.projector.projector_threads import projector_threads
from tests.same_generations import differing_tables

_PARTITIONS = 2
_CALLS = 12
_ALL, _FEW = range(_CALLS), range(_CALLS // 2)
_REFUSALS = ("FencedError", "StaleStateError")


class Watched:
    """A projector whose calls are charged, and what it made of that."""

    def __init__(self, projector: Projector, redis_url: str, database_url: str) -> None:
        """Nothing is charged yet."""
        self.projector = projector
        self.database_url = database_url
        self.redis = redis.Redis.from_url(redis_url)
        self.connection = connect(database_url, "test")
        self.charges = 0
        #: Partition → its newest entry.
        self.heads: dict[int, tuple[int, int]] = {}

    @property
    def engine(self) -> Engine:
        """The engine of the shift that folds now."""
        assert self.projector._shift is not None
        return self.projector._shift._engine

    def charge(self, calls: range) -> None:
        """Charge calls once each, all at one moment."""
        pipeline: Any = self.redis.pipeline(transaction=True)
        lanes = []
        for subject in (f"call-{number}" for number in calls):
            self.charges += 1
            event = call(subject, id=str(self.charges), type="call.charged", data={"amount": 1})
            lanes.append(partition_of(subject, _PARTITIONS))
            pipeline.xadd(partition_stream(lanes[-1]), {b"event": json_bytes(event)})
        for lane, entry_id in zip(lanes, pipeline.execute(), strict=True):
            ms, seq = entry_id.split(b"-")
            self.heads[lane] = int(ms), int(seq)

    def has_read_all(self) -> bool:
        """Whether all that was published is committed, under way, or folded."""
        reading = self.engine.reading()
        return all(reading.get(lane) == head for lane, head in self.heads.items())

    def refused(self) -> float:
        """How many commits were refused because somebody else wrote."""
        value = self.projector.metrics.registry.get_sample_value
        return sum(value("callfold_commits_total", {"result": r}) or 0 for r in _REFUSALS)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(statement.encode()).fetchall()

    def waits(self, part: str) -> bool:
        """Whether a connection waits for a lock."""
        return bool(
            self.connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database() AND application_name LIKE %s || '%%'",
                (f"callfold {part}",),
            ).fetchall()
        )


@contextmanager
def watched(redis_url: str, database_url: str) -> Iterator[Watched]:
    """A projector that holds all lanes, follows a second generation, and has counted a batch."""
    migrate(database_url, _PARTITIONS)
    engine = engine_of(database_url)
    with engine.begin() as connection:
        create_generation(connection, 2)
    engine.dispose()
    with projector_threads(redis_url, database_url, partitions=_PARTITIONS) as projector:
        found = Watched(projector, redis_url, database_url)
        with found.redis, found.connection:
            found.charge(_ALL)
            assert_exact(found)
            yield found


def assert_exact(found: Watched) -> None:
    """Every charge counts once, and whatever is in memory is what the database holds."""
    charges = "SELECT coalesce(sum(charges), 0)::int FROM gen_1.cost_tallies"
    until(lambda: found.ask(charges) == [(found.charges,)], f"{found.charges} charges count", 20)
    until(lambda: not found.engine._committer.busy, "nothing is under way", 20)
    assert [] == contributions_that_differ(found.connection, 1)
    stored = SubjectReader(found.connection, 1)
    for subjects in found.engine._cache._lanes.values():
        assert stored.load(subjects) == subjects


def between_read_and_commit(found: Watched, write: Callable[[psycopg.Connection], object]) -> None:
    """Somebody writes behind the commit under way, when the next batch is folded on top of it."""
    with (
        connect(found.database_url, "second writer") as writer,
        psycopg.connect(found.database_url) as hot,
    ):
        writing = Thread(target=write, args=(writer,))
        hot.execute("SELECT 1 FROM gen_1.cost_tallies FOR UPDATE")
        found.charge(_FEW)
        until(lambda: found.waits("commits"), "a commit waits for the hot tally", 20)
        found.charge(_ALL)
        until(found.has_read_all, "the next batch is folded", 20)
        writing.start()
        until(lambda: found.waits("second writer"), "the second writer waits", 20)
        hot.rollback()
        writing.join()


def raise_epochs(writer: psycopg.Connection) -> None:
    """The leases were somebody else's for a moment, and are the projector's again."""
    writer.execute("UPDATE callfold.leases SET epoch = epoch + 2")


def raise_one_epoch(writer: psycopg.Connection) -> None:
    """One lane of two is fenced, the other is not."""
    writer.execute("UPDATE callfold.leases SET epoch = epoch + 1 WHERE lane = 1")


def take_leases(writer: psycopg.Connection) -> None:
    """A stranger has the leases, and dies."""
    writer.execute(
        "UPDATE callfold.leases SET owner = 'stranger', epoch = epoch + 1,"
        " expires_at = now() + interval '100 ms'"
    )


def write_states(writer: psycopg.Connection) -> None:
    """Who knows nothing of leases takes back all that calls add; their states say it still."""
    with writer.transaction():
        writer.execute("UPDATE gen_1.attempts SET revision = revision + 1, contribution = '{}'")
        for tally in TALLIES:
            writer.execute(f"DELETE FROM gen_1.{tally}".encode())


def repair(writer: psycopg.Connection) -> None:
    """Rows that the commit under way does not touch are wrong, and an operator repairs them."""
    untouched = [f"call-{number}" for number in _ALL if number not in _FEW]
    damage = "UPDATE gen_1.attempts SET status = 'busy' WHERE attempt_id = ANY(%s)"
    url = conninfo.make_conninfo(writer.info.dsn, password=writer.info.password)
    with connect(url, "reads") as reading:
        reading.execute(damage, (untouched,))
        repairer = Repairer(reading, writer, _PARTITIONS, 1, RepairScope("acme"))
        damages = [
            damage.subject
            for share, _ in repairer.shares()
            for damaged in repairer.repair(share, lambda _events: None)
            for damage in damaged
        ]
        # Rows of the second partition may be written by the owner before they are looked at.
        assert damages
        assert set(damages) <= set(untouched)
        assert [] == list(repairer.correct_tallies())


def test_owner_counts_exactly_beside_whoever_writes(
    redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch is refused and folded anew; the generation that is followed stays its equal."""
    monkeypatch.setattr(repairing, "_BREATH_S", 0)
    with watched(redis_url, database_url) as found:
        for write in (raise_epochs, raise_one_epoch, take_leases, write_states, repair):
            between_read_and_commit(found, write)
            found.charge(_ALL)
            assert_exact(found)
        # Not each time: a lost lease may be noticed before the batch is handed over.
        assert 1 <= found.refused()
        found.connection.execute("UPDATE gen_2.attempts SET revision = revision + 1")
        found.charge(_ALL)
        assert_exact(found)
        until(lambda: stand_equally_far(found.connection, 1, 2), "both stand equally far", 20)
        assert [] == contributions_that_differ(found.connection, 2)
        assert {} == differing_tables(found.connection, 1, 2)
