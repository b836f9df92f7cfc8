"""Redis or PostgreSQL away: the projector stays, says so, and goes on by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from services.tooling.embedded import EmbeddedServers
from shared.delivery.publisher import Publisher
from tests.installation import Installation, free_port, installation, until
from tests.integration.services.projector.lanes_at_hand import (
    ReadyProjector,
    call,
    calls,
    ready,
    rows,
    start_ready,
)
from tests.servers import embedded_servers

_SUBJECTS = 50


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """Servers that these tests may kill."""
    folder: Path = tmp_path_factory.mktemp("servers")
    with embedded_servers(folder / "data") as started:
        yield started


@pytest.fixture
def running(own_servers: EmbeddedServers) -> Iterator[Installation]:
    """An installation on those servers."""
    with installation(own_servers.redis_url, own_servers.database_url) as started:
        yield started


@contextmanager
def traffic(redis_url: str, prefix: str) -> Iterator[list[str]]:
    """Publish events of calls all the time; the list holds the ids of those that Redis took."""
    published: list[str] = []
    done = Event()

    def flow() -> None:
        with Publisher(redis_url) as publisher:
            while not done.wait(0.02):
                ids = [f"{prefix}{n}" for n in range(len(published), len(published) + 10)]
                subjects = [f"{prefix}call-{len(published) + n}" for n in range(10)]
                publisher.publish_all(
                    call(f"{prefix}call-{int(subject.rpartition('-')[2]) % _SUBJECTS}",
                         id=event_id, type="call.charged", data={"amount": 1})
                    for subject, event_id in zip(subjects, ids, strict=True)
                )  # fmt: skip
                published.extend(ids)

    publishing = Thread(target=flow)
    publishing.start()
    try:
        yield published
    finally:
        done.set()
        publishing.join()


def wait_for_trouble(projector: ReadyProjector, *parts: str) -> None:
    """Wait until readiness is red and names a part that is away."""

    def told() -> bool:
        status, words = ready(projector.probes_url)
        return status == 503 and words.startswith(parts) and ": " in words

    until(told, f"readiness tells of {parts}", 25)


def wait_until_well(projector: ReadyProjector) -> None:
    """Wait until readiness is green."""
    until(lambda: ready(projector.probes_url) == (200, "ok"), "readiness is green again", 25)


def away_and_back(own_servers: EmbeddedServers, projector: ReadyProjector) -> None:
    """Kill each server, wait until that is told, start it again and wait until all is well."""
    own_servers.redis.kill()
    wait_for_trouble(projector, "redis")
    own_servers.redis.restart()
    wait_until_well(projector)
    own_servers.postgres.kill()
    wait_for_trouble(projector, "database", "leases")
    own_servers.postgres.restart()
    wait_until_well(projector)


def test_servers_that_die_under_traffic_cost_no_event(
    own_servers: EmbeddedServers, running: Installation
) -> None:
    """The same process waits and goes on; every event that Redis took counts once."""
    projector = start_ready(running)
    with traffic(running.redis_url, "busy-") as published:
        until(lambda: len(calls(running.database_url, "busy-")) == _SUBJECTS, "events are folded")
        away_and_back(own_servers, projector)
        before = len(published)
        until(lambda: len(published) > before + 100, "traffic flows again")
    running.wait_until_folded()

    assert projector.process.poll() is None
    assert [(len(published), len(published))] == rows(
        running.database_url,
        "SELECT sum(charges)::int, sum(cost)::int FROM gen_1.cost_tallies",
    )


def test_servers_that_die_in_a_quiet_time_leave_readiness_green(
    own_servers: EmbeddedServers, running: Installation
) -> None:
    """No event has to come before a projector is ready again; the first that comes counts."""
    projector = start_ready(running)
    away_and_back(own_servers, projector)
    with Publisher(running.redis_url) as publisher:
        publisher.publish(call("quiet-call"))
    running.wait_until_folded()

    assert ["quiet-call"] == calls(running.database_url, "quiet-")
    assert projector.process.poll() is None


@pytest.mark.parametrize("name", ("redis", "postgres"))
def test_projector_started_before_a_server_waits_for_it(
    own_servers: EmbeddedServers, running: Installation, name: str
) -> None:
    """Machines start in any order: it says what it waits for, and works once that is there."""
    server = own_servers.redis if name == "redis" else own_servers.postgres
    server.kill()
    port = free_port()
    process = running.start_projector(probe_port=str(port))
    probes_url = f"http://127.0.0.1:{port}"
    part = "redis" if name == "redis" else "database"

    def tells() -> bool:
        status, words = ready(probes_url)
        return (status, words.partition(":")[0]) == (503, part)

    until(tells, "it tells what it waits for", 30)
    with pytest.raises(AssertionError, match="in vain"):
        until(lambda: process.poll() is not None, "it gave up", 1)
    assert tells()
    assert 200 == httpx.get(f"{probes_url}/livez", timeout=5).status_code
    server.restart()
    wait_until_well(ReadyProjector(process, probes_url))
    with Publisher(running.redis_url) as publisher:
        publisher.publish(call(f"early-{name}"))
    running.wait_until_folded()

    assert [f"early-{name}"] == calls(running.database_url, f"early-{name}")
