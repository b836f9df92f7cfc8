"""Starts what the soak runs on: servers, processes, traffic, judge and sampler."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.tooling.embedded import EmbeddedServers
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.schema import migrate
from tests.faults.proxy import TcpProxy
from tests.faults.soak.faults import Stage
from tests.faults.soak.judge import Asked, judging
from tests.faults.soak.publishing import Publishing
from tests.faults.soak.run import Plan, Soak
from tests.faults.soak.sampling import Sampler
from tests.installation import Installation, installation, until

#: Redis answers once what it was given is on the disk: nothing acknowledged is ever lost.
_FSYNC: Final = "always"
#: Streams are trimmed soon, so that their memory must be flat.
_PROJECTOR = {"lease_ms": "5000", "stream_keep_ms": "60000"}
_PRELOADED = 3


@contextmanager
def prepared(plan: Plan, folder: Path, say: Callable[[str], None]) -> Iterator[Soak]:
    """A soak ready to run; all of it is gone afterwards but the folder."""
    with (
        EmbeddedServers.start(folder / "data", fsync=_FSYNC) as servers,
        TcpProxy(servers.redis_url) as redis_proxy,
        TcpProxy(servers.database_url) as postgres_proxy,
        installation(servers.redis_url, servers.database_url) as running,
    ):
        migrate(running.database_url, PARTITIONS_DEFAULT)
        traffic = Publishing(running, plan.seed, plan.contacts, plan.rate)
        waiting = traffic.preload(_PRELOADED)
        elder = running.start_projector(**_PROJECTOR)
        stage = Stage(
            servers, running, redis_proxy, postgres_proxy,
            random.Random(f"stage {plan.seed}"), lambda: traffic.chapters, _PROJECTOR, elder,
        )  # fmt: skip
        stage.start_mortal()
        capacity = waiting / _folding_s(running)
        traffic.rate_per_s = min(plan.rate, capacity / 2)
        say(
            f"two projectors fold {capacity:,.0f} entries a second of what waited;"
            f" {traffic.rate_per_s:,.0f} are published from now on"
        )
        running.start_read_api()
        elders = {"projector": elder.pid, "read API": running.processes[-1].pid}
        stage.start_read_api()
        stage.start_ingest()
        urls = (running.read_api_url, f"http://127.0.0.1:{stage.read_api_port}")
        asked = Asked(running.redis_url, running.database_url, urls, plan.seed, plan.contacts)
        with judging(asked) as judge:
            yield Soak(plan, stage, judge, traffic, Sampler(running, elders))


def _folding_s(running: Installation) -> float:
    """Seconds from the first commit until all that waits is folded."""
    until(lambda: _archived(running), "the first batch is committed")
    began_s = time.monotonic()
    running.wait_until_folded()
    return time.monotonic() - began_s


def _archived(running: Installation) -> bool:
    with connect(running.database_url, "soak") as connection:
        row = connection.execute("SELECT sum(entries_read) > 0 FROM callfold.lanes").fetchone()
    return row == (True,)
