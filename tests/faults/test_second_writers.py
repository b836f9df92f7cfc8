"""Writers beside two projectors under traffic: states, leases, a repair, a second generation.

Nobody here writes a wrong tally, so no tally may ever be off: a repair that had to correct one
would have found what a batch added from a stale cache.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from json import loads
from threading import Event, Thread

import psycopg
import pytest

from services.tooling.exit_codes import OK
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.following import stand_equally_far
from shared.storage.generation_schemas import create_generation
from shared.storage.schema import engine_of, migrate
from tests.command_line import run_callfold
from tests.faults.judging import judge, recovery_s
from tests.faults.tally import FaultTally
from tests.faults.traffic import Traffic
from tests.installation import Installation, installation, until
from tests.same_generations import differing_tables
from tests.whole_system import ORGANIZATIONS, messy_events

_CONTACTS = 150
_PATIENCE_S = 150
_KINDS = ("flows", "attributes", "executions", "contacts", "attempts")
#: Newly written rows are likely to be in the batch under way.
_REWRITE = (
    "UPDATE gen_{generation}.{table} SET revision = revision + 1 WHERE ctid = ANY(ARRAY("
    "SELECT ctid FROM gen_{generation}.{table} ORDER BY ctid DESC LIMIT 40))"
)
_RAISE = "UPDATE callfold.leases SET epoch = epoch + 1 WHERE lane %% 5 = %s"
_TO_A_STRANGER = (
    "UPDATE callfold.leases SET owner = 'stranger', epoch = epoch + 1,"
    " expires_at = now() + interval '200 ms' WHERE lane %% 5 = %s"
)
#: One projector has a lane at this epoch, another at the next, and the first at the one after.
_TO_ANOTHER = (
    "UPDATE callfold.leases SET epoch = epoch + 1, expires_at = now() + interval '1 s',"
    " owner = (SELECT projector FROM callfold.projectors ORDER BY random() LIMIT 1)"
    " WHERE lane %% 5 = %s"
)
_DAMAGE = (
    "UPDATE gen_1.attempts SET status = 'busy', duration_ms = 1 WHERE ctid = ANY(ARRAY("
    "SELECT ctid FROM gen_1.attempts ORDER BY random() LIMIT 50))"
)


class SecondWriters:
    """Everybody who writes beside the owners; `injected` says how often each of them did."""

    def __init__(self, running: Installation, seed: int) -> None:
        """Nobody writes yet."""
        self._running = running
        self._chance = random.Random(seed)
        self._done = Event()
        self.injected: Counter[str] = Counter()
        self.failures: list[str] = []

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write while the block runs."""
        seeds = [self._chance.random() for _ in range(3)]
        threads = [
            Thread(target=self._again_and_again, args=(write, random.Random(seed)))
            for write, seed in zip((self._states, self._leases, self._repair), seeds, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()
        assert [] == self.failures

    def repair(self, organization_id: str) -> None:
        """Repair an organization in place; no tally may be wrong, whatever else is."""
        ended = run_callfold(
            "rebuild", "--organization", organization_id, "--json",
            timeout_s=_PATIENCE_S, database_url=self._running.database_url,
        )  # fmt: skip
        assert ended.returncode == OK, ended.stderr
        outcome = loads(ended.stdout)
        assert outcome["talliesCorrected"] == 0, outcome["tallies"]
        self.injected["rows repaired"] += sum(outcome["repaired"].values())

    def _again_and_again(
        self, write: Callable[[psycopg.Connection, random.Random], None], chance: random.Random
    ) -> None:
        with connect(self._running.database_url, "second writer") as connection:
            while not self._done.wait(chance.uniform(0.05, 0.3)):
                try:
                    write(connection, chance)
                except psycopg.errors.DeadlockDetected:
                    self.injected["deadlocks"] += 1
                except Exception as error:  # noqa: BLE001 -- told at the end, in the test's thread
                    self.failures.append(f"{write.__name__}: {error}")
                    return

    def _states(self, connection: psycopg.Connection, chance: random.Random) -> None:
        statement = _REWRITE.format(generation=chance.choice((1, 2)), table=chance.choice(_KINDS))
        self.injected["states rewritten"] += connection.execute(statement.encode()).rowcount

    def _leases(self, connection: psycopg.Connection, chance: random.Random) -> None:
        statement = chance.choice((_RAISE, _TO_A_STRANGER, _TO_ANOTHER, _TO_ANOTHER))
        lanes = connection.execute(statement.encode(), (chance.randrange(5),)).rowcount
        self.injected["leases moved"] += lanes

    def _repair(self, connection: psycopg.Connection, chance: random.Random) -> None:
        connection.execute(_DAMAGE.encode())
        self.repair(chance.choice(ORGANIZATIONS))


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_second_writers_cost_batches_and_no_figure(
    redis_url: str, database_url: str, tally: FaultTally, seed: int
) -> None:
    """States rewritten, leases that leave and come back, repairs, in two generations at once.

    Judged: reports = model, tallies = sums in both generations, no repair ever found a tally off,
    and the generation that was followed equals the live one.
    """
    migrate(database_url, PARTITIONS_DEFAULT)
    engine = engine_of(database_url)
    with engine.begin() as connection:
        create_generation(connection, 2)
    engine.dispose()
    with installation(redis_url, database_url) as running:
        for _ in range(2):
            running.start_projector()
        running.start_read_api()
        traffic = Traffic(redis_url, messy_events(seed, _CONTACTS), rate_per_s=1_500, seed=seed)
        writers = SecondWriters(running, seed)
        with traffic.flowing(), writers.writing():
            until(lambda: traffic.over, "all is published", _PATIENCE_S)
        seconds = recovery_s(running)
        for organization_id in ORGANIZATIONS:
            writers.repair(organization_id)
        row = judge(running, traffic.acknowledged)
        with connect(database_url, "test") as connection:
            until(lambda: stand_equally_far(connection, 1, 2), "both stand equally far")
            assert [] == contributions_that_differ(connection, 2)
            assert {} == differing_tables(connection, 1, 2)
        assert {"states rewritten", "leases moved", "rows repaired"} <= writers.injected.keys()
        injected = writers.injected.total()
        tally.add("second writers", replace(row, injected=injected, recoveries_s=[seconds]))
