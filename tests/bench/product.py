"""The product's processes as an operator starts them, and when they have caught up."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis
from prometheus_client.parser import text_string_to_metric_families

from services.tooling.embedded.launcher import launch_command
from shared.contracts.stream_names import CONTROL_CHANNEL
from shared.folds.journal import Position
from shared.metric_names import COMMIT_SECONDS
from shared.storage.api_keys import create_api_key
from shared.storage.schema import migrate
from tests.bench.load import ORGANIZATION_ID, PARTITIONS
from tests.bench.process_figures import peak_rss_bytes, process_cpu_s, rss_bytes
from tests.bench.servers import BenchServers
from tests.installation import free_port

_POLL_S = 0.01
_ANSWER_S = 5.0
_READY_PATIENCE_S = 60.0
_STOP_PATIENCE_S = 30.0
_STALL_S = 60.0
_LOG_CHARACTERS_SHOWN = 2_000
#: Nobody's lanes: a name that no projector has.
_HOLDER = "bench"


class Product:
    """Projectors and the read API on one pair of servers."""

    def __init__(self, servers: BenchServers, database_url: str, logs: Path) -> None:
        """Lays the database out; nothing runs yet."""
        self.servers = servers
        self.database_url = database_url
        self.read_api_port = 0
        self._logs = logs
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._probe_ports: list[int] = []
        migrate(database_url, PARTITIONS)

    def start_projectors(self, count: int) -> None:
        """Start projectors and wait until all are ready and know of each other."""
        ports = [free_port() for _ in range(count)]
        for port in ports:
            self._start("services.projector", {"CALLFOLD_PROBE_PORT": str(port)})
        self._probe_ports += ports
        self._until(lambda: all(map(_is_ready, ports)), "all projectors are ready")
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            self._until(
                lambda: _one(connection, "SELECT count(*) FROM callfold.projectors") == count,
                "all projectors beat",
            )

    def start_read_api(self, **settings: str) -> None:
        """Start a read API and wait until it is ready; one that ran before goes on beside it."""
        self.read_api_port = free_port()
        usual = {
            "CALLFOLD_READ_API_PORT": str(self.read_api_port),
            "CALLFOLD_RATE_LIMIT_PER_MINUTE": str(10**9),  # each is counted, and none refused
        }
        self._start("services.read_api", usual | settings)
        self._until(lambda: _is_ready(self.read_api_port), "the read API is ready")

    def api_key(self) -> str:
        """A key that reads the traffic's organization."""
        return create_api_key(self.database_url, ORGANIZATION_ID, ("read",), "bench")

    def hold_lanes(self) -> None:
        """Keep all lanes from projectors that start now, so that they begin together."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE callfold.leases SET owner = %s, expires_at = 'infinity'", (_HOLDER,)
            )

    def release_lanes(self) -> None:
        """Let the projectors take the lanes, at once."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE callfold.leases SET owner = NULL, expires_at = '-infinity'"
                " WHERE owner = %s",
                (_HOLDER,),
            )
        with redis.Redis.from_url(self.servers.redis_url) as client:
            client.publish(CONTROL_CHANNEL, b"")

    def wait_until_caught_up(self, ends: Mapping[int, Position]) -> float:
        """Wait until every lane is committed up to its stream's end; returns when it was (s)."""
        moved_s, last = time.monotonic(), None
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            while True:
                cursors = _cursors(connection)
                now_s = time.monotonic()
                if all(cursors[lane] >= end for lane, end in ends.items()):
                    return now_s
                if cursors != last:
                    moved_s, last = now_s, cursors
                elif now_s - moved_s > _STALL_S:
                    raise TimeoutError(f"no lane moved for {_STALL_S:.0f} s")
                self._check()
                time.sleep(_POLL_S)

    def projector_cpu_s(self) -> float:
        """CPU seconds that all projectors have used since they started."""
        return sum(process_cpu_s(process.pid) for _, process in self._projectors())

    def commits(self) -> tuple[int, float]:
        """Batches that the projectors have committed, and the seconds that it took."""
        sums = {f"{COMMIT_SECONDS[0]}_count": 0.0, f"{COMMIT_SECONDS[0]}_sum": 0.0}
        for port in self._probe_ports:
            for family in text_string_to_metric_families(_get(port, "/metrics").decode()):
                for sample in family.samples:
                    if sample.name in sums:
                        sums[sample.name] += sample.value
        count, seconds = sums.values()
        return int(count), seconds

    def projector_rss_bytes(self) -> int:
        """Resident memory of the largest projector now."""
        return max(rss_bytes(process.pid) for _, process in self._projectors())

    def projector_peak_rss_bytes(self) -> int:
        """The most that the largest projector ever held; what it holds now where none can tell."""
        return max(peak_rss_bytes(process.pid) for _, process in self._projectors())

    def vacuum(self) -> None:
        """Vacuum and analyze the database, as autovacuum would in time."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    def stop(self) -> None:
        """End all processes the clean way; whoever does not end in time is killed."""
        for _, process in self._processes:
            process.send_signal(signal.SIGTERM)
        for _, process in self._processes:
            try:
                process.wait(timeout=_STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _projectors(self) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        return (one for one in self._processes if one[0] == "services.projector")

    def _start(self, module: str, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "CALLFOLD_REDIS_URL": self.servers.redis_url,
            "CALLFOLD_DATABASE_URL": self.database_url,
            **settings,
        }
        with (self._logs / f"{module}-{len(self._processes)}.log").open("ab") as log:
            process = subprocess.Popen(
                launch_command([sys.executable, "-m", module], death_signal=signal.SIGKILL),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append((module, process))
        return process

    def _until(self, true: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + _READY_PATIENCE_S
        while not true():
            self._check()
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"waited {_READY_PATIENCE_S:.0f} s in vain until {what}")
            time.sleep(_POLL_S)

    def _check(self) -> None:
        for number, (module, process) in enumerate(self._processes):
            if process.poll() is not None:
                log = (self._logs / f"{module}-{number}.log").read_text(encoding="utf-8")
                words = log[-_LOG_CHARACTERS_SHOWN:]
                raise RuntimeError(f"{module} ended with {process.returncode}:\n{words}")


@contextmanager
def product(servers: BenchServers, folder: Path) -> Iterator[Product]:
    """The product on a fresh database; its processes and the database are gone afterwards."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    with servers.fresh_database() as database_url:
        running = Product(servers, database_url, logs)
        try:
            yield running
        finally:
            running.stop()


def _cursors(connection: psycopg.Connection) -> dict[int, Position]:
    rows = connection.execute("SELECT lane, ms, seq FROM callfold.lanes").fetchall()
    return {lane: (ms, int(seq)) for lane, ms, seq in rows}


def _one(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _is_ready(port: int) -> bool:
    try:
        _get(port, "/readyz")
    except (OSError, http.client.HTTPException):
        return False
    return True


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"{path} answers {response.status}")
        return response.read()
    finally:
        connection.close()
