"""Looking at what a running projector made of the entries that a test added by itself."""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import psycopg
import redis

from shared.contracts.entries import kept_fields
from shared.contracts.stream_names import partition_of, partition_stream
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.log import Log
from tests.contract.wire import changed, structured
from tests.installation import Installation, free_port, installation, until
from tests.servers import ServersForTests, fresh_database, fresh_redis


class ReadyProjector(NamedTuple):
    """A projector that said it is ready."""

    process: subprocess.Popen[bytes]
    probes_url: str


def start_ready(running: Installation, **settings: str) -> ReadyProjector:
    """Start a projector and wait until its readiness is green."""
    port = free_port()
    process = running.start_projector(probe_port=str(port), **settings)
    probes_url = f"http://127.0.0.1:{port}"
    until(lambda: ready(probes_url) == (200, "ok"), "the projector is ready")
    return ReadyProjector(process, probes_url)


@contextmanager
def one_projector(servers: ServersForTests) -> Iterator[Installation]:
    """An installation of its own on the session's servers, with one projector that is ready."""
    with (
        fresh_database(servers) as database_url,
        installation(fresh_redis(servers), database_url) as running,
    ):
        start_ready(running)
        yield running


def ready(probes_url: str) -> tuple[int, str]:
    """What readiness says; status 0 where nobody listens."""
    try:
        answer = httpx.get(f"{probes_url}/readyz", timeout=5)
    except httpx.HTTPError as error:
        return 0, repr(error)
    return answer.status_code, answer.text


def call(call_id: str, **changes: object) -> dict[str, Any]:
    """An event that makes this subject a call; its id is the subject's."""
    return changed(**{"id": call_id, "subject": call_id, **changes})


def add(client: redis.Redis, stream: str, entries: Iterable[Sequence[bytes]]) -> list[str]:
    """XADD entries as they are, in one pipeline; returns their ids."""
    pipeline: Any = client.pipeline(transaction=False)
    for fields in entries:
        pipeline.execute_command("XADD", stream, "*", *fields)
    return [entry_id.decode() for entry_id in pipeline.execute()]


def stream_of(subject: str) -> str:
    """The stream of a subject's partition under the default N."""
    return partition_stream(partition_of(subject, PARTITIONS_DEFAULT))


def publish(client: redis.Redis, events: Iterable[dict[str, Any]]) -> None:
    """Publish events in structured mode, each to its partition."""
    by_stream: dict[str, list[list[bytes]]] = {}
    for event in events:
        by_stream.setdefault(stream_of(event["subject"]), []).append(structured(event))
    for stream, entries in by_stream.items():
        add(client, stream, entries)


def calls(database_url: str, prefix: str) -> list[str]:
    """Ids of the calls that were counted and begin so."""
    return column(
        database_url,
        "SELECT attempt_id FROM gen_1.attempts WHERE kind = 'call' AND attempt_id LIKE %s"
        " ORDER BY attempt_id",
        f"{prefix}%",
    )


def parked(database_url: str, subject: str) -> list[tuple[Any, ...]]:
    """Reason, entries, type and body of what is parked of a subject."""
    return rows(
        database_url,
        "SELECT reason, entries, event_type, body FROM callfold.parked_events"
        " WHERE subject = %s ORDER BY lane, digest",
        subject,
    )


def archived(database_url: str, partition: int) -> list[list[bytes]]:
    """The fields of every entry that the log holds of a partition, in order."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        log = Log(connection, PARTITIONS_DEFAULT)
        return [
            kept_fields(mode, kept)
            for entries in log.entries(partition, (-1, 0))
            for _, _, mode, kept, _ in entries
        ]


def column(database_url: str, statement: str, *values: object) -> list[Any]:
    """The first column of a query."""
    return [row[0] for row in rows(database_url, statement, *values)]


def rows(database_url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def change(database_url: str, statement: str, *values: object) -> None:
    """Run one statement."""
    with psycopg.connect(database_url) as connection:
        connection.execute(statement.encode(), values)


def metric(probes_url: str, name: str) -> float:
    """A sample of the projector's metrics, by its full name with labels."""
    text = httpx.get(f"{probes_url}/metrics", timeout=5).text
    return next(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith((f"{name} ", f"{name}{{"))
    )
