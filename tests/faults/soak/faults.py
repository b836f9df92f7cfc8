"""Every fault that the soak injects: what it breaks at its beginning and mends at its end.

Each is a context manager over a `Stage`; the soak holds it open for its seconds and measures the
recovery afterwards. Servers are restarted by the thread that started them, so all run there.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from services.tooling.embedded import EmbeddedServers
from shared.storage.connection import connect
from shared.storage.generations import schema_name
from tests.faults.proxy import TcpProxy
from tests.installation import Installation, free_port, live

_LONGEST_FREEZE_LEASES = 2.5
_SLOW_STATEMENT_S = 0.15


@dataclass
class Stage:
    """What there is to break."""

    servers: EmbeddedServers
    running: Installation
    #: Between the mortals and their servers.
    redis_proxy: TcpProxy
    postgres_proxy: TcpProxy
    chance: random.Random
    #: The number of the chapter that is being published.
    chapter: Callable[[], int]
    #: Settings of each projector.
    projector: dict[str, str]
    #: Frozen and cut off, but never killed: its memory is judged.
    elder: "subprocess.Popen[bytes]"
    mortals: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    read_api: "subprocess.Popen[bytes] | None" = None
    read_api_port: int = 0
    ingest: "subprocess.Popen[bytes] | None" = None
    ingest_port: int = 0

    @property
    def lease_s(self) -> float:
        """How long a projector keeps its lanes unheard."""
        return int(self.projector["lease_ms"]) / 1000

    def start_mortal(self) -> None:
        """One projector more that may be killed, and reaches its servers by way of the proxies."""
        urls = {"redis_url": self.redis_proxy.url, "database_url": self.postgres_proxy.url}
        self.mortals.append(self.running.start_projector(**self.projector, **urls))

    def start_read_api(self) -> None:
        """The read API that may be killed; always on the same port."""
        self.read_api_port = self.read_api_port or free_port()
        self.read_api = self.running.start(
            "services.read_api", read_api_port=str(self.read_api_port)
        )

    def start_ingest(self) -> None:
        """Ingest; always on the same port."""
        self.ingest_port = self.ingest_port or free_port()
        self.ingest = self.running.start("services.ingest", ingest_port=str(self.ingest_port))
        self.running.ingest_url = f"http://127.0.0.1:{self.ingest_port}"

    def end(self, process: "subprocess.Popen[bytes]") -> None:
        """End a process the clean way."""
        process.terminate()
        # By the signal itself if it had not come to handle it: then it held nothing.
        assert process.wait(timeout=60) in {0, -signal.SIGTERM}, "it did not end cleanly"
        self.running.processes.remove(process)


Fault = Callable[[Stage], AbstractContextManager[None]]


@contextmanager
def projector_killed(stage: Stage) -> Iterator[None]:
    """F1: kill -9; another one is started when it is over."""
    stage.running.kill(stage.mortals.pop(0))
    yield
    stage.start_mortal()


@contextmanager
def projector_frozen(stage: Stage) -> Iterator[None]:
    """F13: SIGSTOP beyond its lease, then SIGCONT: a zombie with a batch at hand."""
    victim = stage.chance.choice([stage.elder, *stage.mortals])
    victim.send_signal(signal.SIGSTOP)
    try:
        time.sleep(stage.lease_s * stage.chance.uniform(1.2, _LONGEST_FREEZE_LEASES))
        yield
    finally:
        victim.send_signal(signal.SIGCONT)


@contextmanager
def projector_joins(stage: Stage) -> Iterator[None]:
    """F26: one more comes, and leaves cleanly."""
    stage.start_mortal()
    yield
    stage.end(stage.mortals.pop())


@contextmanager
def projector_leaves(stage: Stage) -> Iterator[None]:
    """F26: one leaves cleanly, and comes back."""
    stage.end(stage.mortals.pop(0))
    yield
    stage.start_mortal()


@contextmanager
def redis_killed(stage: Stage) -> Iterator[None]:
    """F3: kill -9 of Redis, restarted from its append-only file."""
    stage.servers.redis.kill()
    yield
    stage.servers.redis.restart()


@contextmanager
def redis_frozen(stage: Stage) -> Iterator[None]:
    """F12: Redis accepts connections and answers nothing."""
    pid = stage.servers.redis.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # killed meanwhile, by a fault beside this one
            os.kill(pid, signal.SIGCONT)


@contextmanager
def connections_cut(stage: Stage) -> Iterator[None]:
    """F11: every connection of the mortals is reset, some times."""
    for _ in range(stage.chance.randint(1, 4)):
        for proxy in (stage.redis_proxy, stage.postgres_proxy):
            proxy.cut()
        time.sleep(stage.chance.uniform(0.0, 0.5))
    yield


@contextmanager
def connections_silent(stage: Stage) -> Iterator[None]:
    """F12: what the mortals say is taken and never answered; what fell silent stays so."""
    proxies = [stage.redis_proxy, stage.postgres_proxy]
    silenced = stage.chance.sample(proxies, stage.chance.randint(1, len(proxies)))
    for proxy in silenced:
        proxy.silence()
    yield
    for proxy in silenced:
        proxy.heal()


@contextmanager
def postgres_killed(stage: Stage) -> Iterator[None]:
    """F8: all of PostgreSQL dies at once and comes back from its write-ahead log."""
    stage.servers.postgres.kill()
    yield
    stage.servers.postgres.restart()


@contextmanager
def postgres_stopped_at_once(stage: Stage) -> Iterator[None]:
    """F8: `pg_ctl stop -m immediate`."""
    os.kill(stage.servers.postgres.pid, signal.SIGQUIT)
    yield
    stage.servers.postgres.restart()


@contextmanager
def backends_ended(stage: Stage) -> Iterator[None]:
    """F8: a session of ours is ended by an administrator, some times, each time another."""
    for _ in range(stage.chance.randint(1, 5)):
        with suppress(psycopg.OperationalError), _session(stage) as connection:
            pids = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'callfold%'"
                " AND application_name NOT LIKE 'callfold soak%' ORDER BY pid"
            ).fetchall()
            connection.execute("SELECT pg_terminate_backend(%s)", stage.chance.choice(pids))
        time.sleep(stage.chance.uniform(0.05, 0.5))
    yield


@contextmanager
def rows_locked(stage: Stage) -> Iterator[None]:
    """F14: another session holds the tallies of the campaigns that are under way."""
    executions = [f"soak {stage.chapter() - back}" for back in (0, 1)]
    # Not by `connect`: it ends a transaction that is idle for long.
    with psycopg.connect(stage.running.database_url) as connection:
        connection.execute(
            sql.SQL(
                "SELECT 1 FROM {} WHERE execution_id = ANY(%s)"
                " ORDER BY organization_id, execution_id, kind, attempt, status FOR UPDATE"
            ).format(_table(connection, "attempt_tallies")),
            (executions,),
        )
        yield


@contextmanager
def table_slow(stage: Stage) -> Iterator[None]:
    """F14: each statement that writes calls takes longer."""
    with _session(stage) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION public.soak_waits() RETURNS trigger LANGUAGE plpgsql AS"
            f" 'BEGIN PERFORM pg_sleep({_SLOW_STATEMENT_S}); RETURN NULL; END'"
        )
        table = _table(connection, "attempts")
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER soak_waits AFTER INSERT ON {} FOR EACH STATEMENT"
                " EXECUTE FUNCTION public.soak_waits()"
            ).format(table)
        )
    yield
    with _session(stage) as connection:
        connection.execute(sql.SQL("DROP TRIGGER IF EXISTS soak_waits ON {}").format(table))


@contextmanager
def read_api_killed(stage: Stage) -> Iterator[None]:
    """A read API dies while it is asked."""
    assert stage.read_api is not None
    stage.running.kill(stage.read_api)
    yield
    stage.start_read_api()


@contextmanager
def ingest_killed(stage: Stage) -> Iterator[None]:
    """Ingest dies with requests at hand."""
    assert stage.ingest is not None
    stage.running.kill(stage.ingest)
    yield
    stage.start_ingest()


#: Name in the closing table → the fault, how long it lasts (s), and how often it is drawn.
FAULTS: dict[str, tuple[Fault, tuple[float, float], int]] = {
    "F1 projector kill -9": (projector_killed, (0.1, 4.0), 4),
    "F3 redis kill -9": (redis_killed, (0.1, 5.0), 2),
    "F8 postgres kill -9": (postgres_killed, (0.1, 5.0), 2),
    "F8 postgres stop immediate": (postgres_stopped_at_once, (0.1, 3.0), 1),
    "F8 backends ended": (backends_ended, (0.0, 1.0), 3),
    "F11 connections cut": (connections_cut, (0.0, 1.0), 2),
    "F12 connections silent": (connections_silent, (1.0, 6.0), 2),
    "F12 redis answers nothing": (redis_frozen, (1.0, 14.0), 1),
    "F13 projector SIGSTOP": (projector_frozen, (0.0, 1.0), 3),
    "F14 rows locked": (rows_locked, (2.0, 8.0), 2),
    "F14 table slow": (table_slow, (3.0, 8.0), 2),
    "F26 projector joins": (projector_joins, (3.0, 8.0), 2),
    "F26 projector leaves": (projector_leaves, (2.0, 6.0), 1),
    "read API kill -9": (read_api_killed, (0.1, 2.0), 1),
    "ingest kill -9": (ingest_killed, (0.1, 2.0), 1),
}
#: What may come on top of another fault.
ON_TOP = (
    "F1 projector kill -9",
    "F3 redis kill -9",
    "F13 projector SIGSTOP",
    "read API kill -9",
    "ingest kill -9",
)


def _session(stage: Stage) -> psycopg.Connection:
    return connect(stage.running.database_url, "soak fault")


def _table(connection: psycopg.Connection, name: str) -> sql.Identifier:
    return sql.Identifier(schema_name(live(connection)), name)
