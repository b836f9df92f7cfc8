"""What the projector's probes tell, and its metrics; written by the threads, read by HTTP."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared import metric_names as names
from shared.clock import monotonic_s

#: Silence of the engine that counts as a stall.
STALLED_S = 30.0


@dataclass(slots=True)
class Health:
    """Facts that decide readiness: reading, committing, not stalled."""

    #: What is away at the moment: "redis" and "database" by the engine, "leases" by their keeper.
    trouble: dict[str, str] = field(default_factory=dict)
    #: Lanes whose stream holds entries that will not be read until an operator acts, and why.
    waiting: dict[int, str] = field(default_factory=dict)
    #: Why the engine ended unasked; the process exits then.
    failed: str | None = None
    #: When the engine last went round, whatever it found.
    engine_beat_s: float = field(default_factory=monotonic_s)
    #: Whether it folds now, which the watchdog bounds; else it waits for a server, or for nothing.
    folding: bool = False
    #: When Redis last answered a read; None before the first.
    read_s: float | None = None
    #: Since when entries wait for a commit; None when none does.
    uncommitted_since_s: float | None = None
    lanes: tuple[int, ...] = ()
    leases_known: bool = False
    #: Why this projector folds nothing at the moment; None while it does.
    standing_by: str | None = None

    def begin_again(self) -> None:
        """Forget what is true of one shift alone."""
        self.trouble.clear()
        self.waiting.clear()
        self.lanes, self.leases_known = (), False
        self.read_s = self.uncommitted_since_s = None
        self.engine_beat_s = monotonic_s()

    def complaint(self) -> str | None:
        """Why the process is not ready, or None when it is."""
        if self.failed is not None:
            return f"failed: {self.failed}"
        if self.standing_by is not None:
            return f"standing by: {self.standing_by}"
        for part, words in list(self.trouble.items()):
            return f"{part}: {words}"
        for lane, words in list(self.waiting.items()):
            return f"incident: lane {lane}: {words}"
        if not self.leases_known:
            return "starting: no leases yet"
        if self.lanes and self.read_s is None:
            return "starting: nothing read yet"
        now_s = monotonic_s()
        if now_s - self.engine_beat_s > STALLED_S:
            return f"stalled: the engine has not moved for {now_s - self.engine_beat_s:.0f} s"
        since_s = self.uncommitted_since_s
        if since_s is not None and now_s - since_s > STALLED_S:
            return f"stalled: no commit for {now_s - since_s:.0f} s while entries wait"
        return None


class Metrics:
    """The projector's metrics, in a registry of their own."""

    def __init__(self) -> None:
        """Register all of them."""
        self.registry = CollectorRegistry()
        self.entries = Counter(*names.ENTRIES, registry=self.registry)
        self.duplicates = Counter(*names.DUPLICATES, registry=self.registry)
        self.parked = Counter(*names.PARKED, ["reason"], registry=self.registry)
        self.forwarded = Counter(*names.FORWARDED, registry=self.registry)
        self.conflicts = Counter(*names.SUSPECTS, registry=self.registry)
        self.commits = Counter(*names.COMMITS, ["result"], registry=self.registry)
        self.commit_seconds = Histogram(*names.COMMIT_SECONDS, registry=self.registry)
        self.batch_entries = Histogram(
            *names.BATCH_ENTRIES, buckets=(1, 10, 100, 1000, 5000, 20000), registry=self.registry
        )
        self.lanes = Gauge(*names.LANES, registry=self.registry)
        self.lag_ms = Gauge(*names.LAG_MS, ["lane"], registry=self.registry)
        self.cache_bytes = Gauge(*names.CACHE_BYTES, registry=self.registry)
        self.following_lag_ms = Gauge(
            *names.FOLLOWING_LAG_MS, ["generation"], registry=self.registry
        )
        self.incidents = Counter(*names.INCIDENTS, ["kind"], registry=self.registry)
        self.incidents_open = Gauge(*names.INCIDENTS_OPEN, ["kind"], registry=self.registry)
        self.entries_lost = Counter(*names.ENTRIES_LOST, registry=self.registry)
        self.parked_sources_over = Gauge(*names.PARKED_SOURCES_OVER, registry=self.registry)
        self.sequences_missing = Gauge(*names.SEQUENCES_MISSING, registry=self.registry)
        self.trimmed_early = Counter(*names.TRIMMED_EARLY, registry=self.registry)

    def show_lag(
        self, server_ms: int, committed: Mapping[int, tuple[int, int]], idle: Collection[int]
    ) -> None:
        """Say how far behind Redis' clock each lane is committed; idle lanes are not."""
        self.lanes.set(len(committed))
        for lane, (ms, _) in committed.items():
            lag_ms = 0 if lane in idle or not ms else max(0, server_ms - ms)
            self.lag_ms.labels(str(lane)).set(lag_ms)
