"""Processes that are started again whenever they end, as `callfold up` and any orchestrator do."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from tests.installation import Installation, free_port

_GLANCE_S = 0.05


@dataclass
class Restarting:
    """One process of a module; `ends` grows by the exit code of each that ended by itself."""

    running: Installation
    module: str
    settings: dict[str, str]
    ends: list[int] = field(default_factory=list)
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it, with probes on a port of its own."""
        settings = {"probe_port": str(free_port()), "lease_ms": "1500", **self.settings}
        self.process = self.running.start(self.module, **settings)

    def follow(self, over: Event) -> None:
        """Start it again until it is over."""
        while not over.wait(_GLANCE_S):
            code = self.process.poll()
            if code is not None:
                self.ends.append(code)
                self.running.processes.remove(self.process)
                self.start()


@contextmanager
def restarting(running: Installation, module: str, **settings: str) -> Iterator[Restarting]:
    """A process that is started again whenever it ends; it runs on behind the block."""
    one = Restarting(running, module, settings)
    one.start()
    over = Event()
    thread = Thread(target=one.follow, args=[over], name="restarting")
    thread.start()
    try:
        yield one
    finally:
        over.set()
        thread.join()
