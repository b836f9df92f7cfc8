"""Samples what must stay flat: processes, connections, tables, Redis; and the leases of all lanes.

A thread of the soak. Processes that live from beginning to end are judged, the others only bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import fmean
from threading import Event, Thread
from time import monotonic
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no types
import psycopg
import redis

from shared.delivery.connection import redis_client
from shared.storage.connection import connect
from tests.installation import Installation, live

_LEASES_EVERY_S = 1.0
_PROCESSES_EVERY_S = 10.0
_TABLES_EVERY_S = 60.0
_MB = 1_000_000


@dataclass
class Series:
    """One figure over the time of the soak."""

    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, at_s: float, value: float) -> None:
        """Note a value."""
        self.seconds.append(at_s)
        self.values.append(value)

    def mean(self, begin: float, end: float) -> float:
        """Mean over a part of the samples, from share to share of their number."""
        count = len(self.values)
        some = self.values[int(count * begin) : max(int(count * end), int(count * begin) + 1)]
        return fmean(some)

    def slope_per_hour(self, begin: float) -> float:
        """Of the straight line through the samples from that share on; 0 of fewer than three."""
        first = int(len(self.values) * begin)
        xs, ys = self.seconds[first:], self.values[first:]
        if len(xs) < 3:
            return 0.0
        x_mean, y_mean = fmean(xs), fmean(ys)
        spread = sum((x - x_mean) ** 2 for x in xs)
        moved = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
        return 3600 * moved / spread if spread else 0.0


class Sampler:
    """Samples in a thread until it is stopped."""

    def __init__(self, running: Installation, elders: dict[str, int]) -> None:
        """`elders` are the processes that live all the time: name → process id."""
        self.series: dict[str, Series] = {}
        #: What was seen of leases that must not be (O4).
        self.wrong: list[str] = []
        #: How often leases were looked at, and how often a lane changed hands.
        self.looks = self.moves = 0
        self.largest_mb = 0.0
        self._running = running
        self._elders = elders
        self._leases: dict[int, tuple[int, str | None]] = {}
        self._began_s = monotonic()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="sampling", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def last(self, name: str) -> float:
        """The last sample, 0 before the first."""
        series = self.series.get(name)
        return series.values[-1] if series else 0.0

    def _run(self) -> None:
        due_s = {self._processes: 0.0, self._servers: 0.0, self._tables: 0.0}
        every_s = {
            self._processes: _PROCESSES_EVERY_S,
            self._servers: _PROCESSES_EVERY_S,
            self._tables: _TABLES_EVERY_S,
        }
        while not self._stopping.wait(_LEASES_EVERY_S):
            try:
                self._look_at_leases()
                for sample, at_s in due_s.items():
                    if monotonic() >= at_s:
                        due_s[sample] = monotonic() + every_s[sample]
                        sample()
            except (psycopg.Error, redis.RedisError, OSError, psutil.NoSuchProcess):
                continue  # a server is away, which is what the soak is for

    def _note(self, name: str, value: float) -> None:
        self.series.setdefault(name, Series()).add(monotonic() - self._began_s, value)

    def _processes(self) -> None:
        for name, pid in self._elders.items():
            process = psutil.Process(pid)
            self._note(f"{name} MB", process.memory_info().rss / _MB)
            self._note(f"{name} descriptors", process.num_fds())
            self._note(f"{name} threads", process.num_threads())
        for started in list(self._running.processes):
            words: Any = started.args
            if words[-1] == "services.projector" and started.poll() is None:
                rss_mb = psutil.Process(started.pid).memory_info().rss / _MB
                self.largest_mb = max(self.largest_mb, rss_mb)

    def _servers(self) -> None:
        client: Any = redis_client(self._running.redis_url)
        self._note("redis MB", client.info("memory")["used_memory"] / _MB)
        client.close()
        with connect(self._running.database_url, "soak") as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'callfold%'"
                " AND application_name NOT LIKE 'callfold soak%'"
            ).fetchone()
        assert row is not None
        self._note("connections", row[0])

    def _tables(self) -> None:
        """Bytes of the log and of the live generation, and how many of their rows are dead."""
        with connect(self._running.database_url, "soak") as connection:
            row = connection.execute(
                "SELECT coalesce(sum(pg_total_relation_size(relid)), 0), sum(n_live_tup),"
                " sum(n_dead_tup) FROM pg_stat_user_tables"
                " WHERE schemaname = %s OR schemaname = 'callfold'",
                (f"gen_{live(connection)}",),
            ).fetchone()
        assert row is not None
        self._note("database MB", float(row[0]) / _MB)
        self._note("dead rows %", 100 * float(row[2] or 0) / max(1.0, float(row[1] or 0)))

    def _look_at_leases(self) -> None:
        with connect(self._running.database_url, "soak") as connection:
            rows = connection.execute("SELECT lane, epoch, owner FROM callfold.leases").fetchall()
        self.looks += 1
        for lane, epoch, owner in rows:
            before_epoch, before_owner = self._leases.get(lane, (0, None))
            if epoch < before_epoch:
                self.wrong.append(f"lane {lane}: epoch {epoch} after {before_epoch}")
            elif epoch == before_epoch and None not in {owner, before_owner}:
                if owner != before_owner:
                    self.wrong.append(f"lane {lane}: two owners in epoch {epoch}")
            else:
                self.moves += epoch != before_epoch
            self._leases[lane] = epoch, owner

    def lines(self) -> Iterator[str]:
        """A table: each figure's beginning, end, most, and slope by the hour after warming up."""
        yield f"{'':34}{'begin':>10}{'end':>10}{'most':>10}{'an hour':>12}"
        for name, series in sorted(self.series.items()):
            begin, end = series.mean(0.0, 0.1), series.mean(0.9, 1.0)
            slope = series.slope_per_hour(1 / 3)
            yield f"{name:34}{begin:10.1f}{end:10.1f}{max(series.values):10.1f}{slope:+12.1f}"
