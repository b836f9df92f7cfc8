"""What every benchmark is given: servers, a folder, the size of the run, its traffic."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.load import FRAME_EVENTS, Load, campaigns_of, write_campaigns
from tests.bench.servers import BenchServers

_SEED = 20_260_901
_EVENTS_FULL = 1_040_000
_EVENTS_QUICK = 100_000


@dataclass(slots=True)
class Workbench:
    """One run of `python -m tests.bench`."""

    servers: BenchServers
    folder: Path
    quick: bool
    #: As asked for; None leaves it to the size of the run.
    rounds_wanted: int | None = None
    _loads: dict[tuple[int, int], Load] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """How often each pair is measured."""
        return self.rounds_wanted or (2 if self.quick else 5)

    def catch_up_load(self) -> Load:
        """The traffic of catch-up measurements."""
        return self.load(_EVENTS_QUICK if self.quick else _EVENTS_FULL)

    def load(self, events: int, *, frame_events: int = FRAME_EVENTS) -> Load:
        """Traffic of about this many entries, made once a run."""
        key = (events, frame_events)
        if key not in self._loads:
            self.note(f"writing about {events:,} events")
            path = self.folder / f"load-{events}-{frame_events}"
            self._loads[key] = write_campaigns(
                path, campaigns_of(events, seed=_SEED), seed=_SEED, frame_events=frame_events
            )
        return self._loads[key]

    def publish_fresh(self, load: Load) -> None:
        """Fill fresh streams, and let the servers come to rest."""
        self.servers.empty_redis()
        load.publish(self.servers.redis_url)
        self.servers.settle()

    def note(self, line: str) -> None:
        """Tell whoever waits what is going on."""
        sys.stderr.write(f"  {line}\n")
        sys.stderr.flush()
