"""Servers that are away, full or slow: nothing is claimed that Redis did not acknowledge."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.ingest.app import BELIEVED_WHILE_AWAY_S
from services.tooling.embedded import EmbeddedServers
from shared.delivery.connection import redis_client
from shared.errors import StorageError
from shared.storage.api_keys import create_api_key
from shared.storage.read_pool import ReadPool
from shared.storage.schema import migrate
from shared.web_edge.key_ring import BELIEVED_S, KeyRing
from tests.contract.wire import json_bytes
from tests.http_answers import Answer
from tests.installation import free_port
from tests.integration.services.ingest.process import (
    BATCH,
    Ingest,
    running_ingest,
    start_ingest,
)
from tests.integration.services.ingest.streams import (
    ORGANIZATION,
    batch,
    event,
    published,
    stream_of,
)
from tests.servers import embedded_servers

_BODY = batch(*map(event, range(30)))
_MARK = "unlogged"


@pytest.fixture(scope="module")
def own_servers() -> Iterator[EmbeddedServers]:
    """Servers that these tests may stop."""
    with (
        tempfile.TemporaryDirectory(prefix="callfold-tests-") as folder,
        embedded_servers(Path(folder) / "data") as servers,
    ):
        migrate(servers.database_url, 1)
        yield servers


@pytest.fixture(scope="module")
def own_ingest(own_servers: EmbeddedServers) -> Iterator[Ingest]:
    """An ingest above them."""
    with running_ingest(own_servers.redis_url, own_servers.database_url) as running:
        yield running


@pytest.fixture(scope="module")
def own_key(own_servers: EmbeddedServers) -> str:
    """A key of theirs."""
    return create_api_key(own_servers.database_url, ORGANIZATION, ["publish"], "tests")


@pytest.fixture
def own_redis(own_servers: EmbeddedServers) -> Iterator[Any]:
    """A client of their Redis, which was emptied."""
    client = redis_client(own_servers.redis_url)
    client.flushall()
    yield client
    client.close()


def assert_nothing_is_claimed(answer: Answer, why: str) -> None:
    """503 that asks for the whole request again, with the same ids."""
    assert (503, "application/problem+json") == (answer.status, answer.headers["content-type"])
    assert int(answer.headers["retry-after"]) > 0
    assert why in answer.json["detail"]
    assert "the whole request again with the same ids" in answer.json["detail"]
    assert "accepted" not in answer.json


def test_redis_that_goes_away_and_comes_back(
    own_servers: EmbeddedServers, own_ingest: Ingest, own_key: str, own_redis: Any
) -> None:
    """503 meanwhile; the same request is accepted afterwards, without a restart of ours."""
    own_servers.redis.kill()
    try:
        away = own_ingest.post(_BODY, own_key, BATCH)
        assert_nothing_is_claimed(away, "Redis takes no events")
        not_ready = own_ingest.get("/readyz")
        assert (503, True) == (not_ready.status, not_ready.body.startswith(b"redis: "))
        assert 200 == own_ingest.get("/livez").status
    finally:
        own_servers.restart_ended()
    assert {"accepted": 30} == own_ingest.post(_BODY, own_key, BATCH).json
    assert dict.fromkeys((json_bytes(event(number)) for number in range(30)), 1) == published(
        own_servers.redis_url
    )
    own_ingest.wait_until("/readyz", 200)


def test_connection_that_died_while_idle_costs_no_request(
    own_ingest: Ingest, own_key: str, own_redis: Any
) -> None:
    """It is made anew within the request that finds it dead."""
    assert 202 == own_ingest.post(_BODY, own_key, BATCH).status
    own_redis.client_kill_filter(_type="normal", skipme=True)
    assert 202 == own_ingest.post(_BODY, own_key, BATCH).status
    assert {2} == set(published(own_ingest.redis_url).values())


def test_full_redis_takes_nothing_and_says_so(
    own_ingest: Ingest, own_key: str, own_redis: Any
) -> None:
    """`maxmemory` with `noeviction`: refused until there is room again."""
    (before,) = own_redis.config_get("maxmemory").values()
    own_redis.config_set("maxmemory", 1)
    try:
        full = own_ingest.post(_BODY, own_key, BATCH)
        assert_nothing_is_claimed(full, "Redis is full")
    finally:
        own_redis.config_set("maxmemory", int(before))
    assert not published(own_ingest.redis_url)
    assert {"accepted": 30} == own_ingest.post(_BODY, own_key, BATCH).json


def test_request_that_is_half_taken_can_be_sent_again(
    own_ingest: Ingest, own_key: str, own_redis: Any
) -> None:
    """Where one stream refuses, nothing is claimed; sent again, each event is there."""
    stream = stream_of("call-7")
    own_redis.set(stream, "in the way")
    answer = own_ingest.post(_BODY, own_key, BATCH)
    assert_nothing_is_claimed(answer, "Redis takes no events")
    own_redis.delete(stream)
    assert {"accepted": 30} == own_ingest.post(_BODY, own_key, BATCH).json
    found = published(own_ingest.redis_url)
    assert {json_bytes(event(number)) for number in range(30)} == set(found)
    assert max(found.values()) > 1


def test_bad_events_are_not_told_while_redis_takes_none(
    own_ingest: Ingest, own_key: str, own_redis: Any
) -> None:
    """First the good ones must be taken; where there are none, Redis is not asked."""
    own_redis.config_set("maxmemory", 1)
    try:
        mixed = own_ingest.post(batch(event(), {"id": "x"}), own_key, BATCH)
        assert_nothing_is_claimed(mixed, "Redis is full")
        assert 422 == own_ingest.post(batch({"id": "x"}), own_key, BATCH).status
    finally:
        own_redis.config_set("maxmemory", 0)


@pytest.mark.slow
def test_redis_that_hangs_is_given_up(own_ingest: Ingest, own_key: str, own_redis: Any) -> None:
    """A request waits a bounded time; later ones are accepted once Redis answers again."""
    own_redis.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
    try:
        started_s = time.monotonic()
        with ThreadPoolExecutor(3) as senders:
            answers = list(senders.map(lambda _: own_ingest.post(_BODY, own_key, BATCH), range(3)))
        assert time.monotonic() - started_s < 15
        for answer in answers:
            assert_nothing_is_claimed(answer, "Redis")
    finally:
        own_redis.execute_command("CLIENT", "UNPAUSE")
    assert {"accepted": 30} == own_ingest.post(_BODY, own_key, BATCH).json


def test_partitions_that_are_no_number_stop_publishing(
    own_servers: EmbeddedServers, own_key: str, own_redis: Any
) -> None:
    """Nobody guesses where events belong."""
    own_redis.set("callfold:partitions", "many")
    with running_ingest(own_servers.redis_url, own_servers.database_url) as ingest:
        assert_nothing_is_claimed(ingest.post(_BODY, own_key, BATCH), "Redis takes no events")
        own_redis.delete("callfold:partitions")
        assert 202 == ingest.post(_BODY, own_key, BATCH).status


def test_database_that_is_away_stops_nobody_who_published_lately(
    own_servers: EmbeddedServers, own_ingest: Ingest, own_key: str, own_redis: Any
) -> None:
    """Known keys are believed meanwhile, unknown ones wait; revocation counts once it is back."""
    leaver_key = create_api_key(own_servers.database_url, ORGANIZATION, ["publish"], "leaver")
    assert 202 == own_ingest.post(_BODY, leaver_key, BATCH).status
    own_servers.postgres.kill()
    try:
        time.sleep(3.5)  # beyond the moment for which a key is believed anyway
        for _ in range(3):
            assert 202 == own_ingest.post(_BODY, leaver_key, BATCH).status
        unknown = own_ingest.post(_BODY, "cf_00_secret", BATCH)
        assert (503, True) == (unknown.status, "API keys" in unknown.json["detail"])
        assert int(unknown.headers["retry-after"]) > 0
        assert 200 == own_ingest.get("/readyz").status
    finally:
        own_servers.restart_ended()
    assert 202 == own_ingest.post(_BODY, own_key, BATCH).status


async def test_key_is_not_believed_for_ever(database_url: str) -> None:
    """However long the database stays away, a revoked key ends with the time that is promised."""
    migrate(database_url, 1)
    key = create_api_key(database_url, ORGANIZATION, ["publish"], "tests").encode()
    clock_s = 1000.0
    pool = ReadPool(database_url, 1)
    await pool.open()
    keys = KeyRing(pool, while_away_s=BELIEVED_WHILE_AWAY_S, clock_s=lambda: clock_s)
    try:
        assert await keys.grant(key)
        with psycopg.connect(database_url) as connection:
            connection.execute("ALTER TABLE callfold.api_keys RENAME TO away")
        for waited_s in (BELIEVED_S, BELIEVED_WHILE_AWAY_S - 1):
            clock_s = 1000.0 + waited_s
            assert await keys.grant(key)
        clock_s = 1000.0 + BELIEVED_WHILE_AWAY_S
        with pytest.raises(StorageError):
            await keys.grant(key)
        with psycopg.connect(database_url) as connection:
            connection.execute("ALTER TABLE callfold.away RENAME TO api_keys")
        assert await keys.grant(key)
    finally:
        await pool.close()


def test_empty_database_is_not_ready_until_laid_out(
    redis_url: str, empty_database_url: str
) -> None:
    """No key can be looked up; once a projector migrated, it works by itself."""
    with running_ingest(redis_url, empty_database_url) as ingest:
        not_ready = ingest.get("/readyz")
        assert (503, True) == (not_ready.status, b"not laid out" in not_ready.body)
        assert 503 == ingest.post(_BODY, "cf_00_secret", BATCH).status
        migrate(empty_database_url, 1)
        key = create_api_key(empty_database_url, ORGANIZATION, ["publish"], "tests")
        assert 202 == ingest.post(_BODY, key, BATCH).status
        assert 200 == ingest.get("/readyz").status


def test_concurrent_requests_lose_and_repeat_nothing(
    ingest: Ingest, key: str, redis_url: str
) -> None:
    """They share pipelines, not answers."""
    with ThreadPoolExecutor(8) as senders:
        sent = list(
            senders.map(
                lambda number: (
                    ingest.post(json_bytes(event(number)), key).status
                    if number % 2
                    else ingest.post(batch(event(number), {"id": number}), key, BATCH).status
                ),
                range(200),
            )
        )
    assert [422, 202] * 100 == sent
    assert {json_bytes(event(number)): 1 for number in range(200)} == published(redis_url)


def test_end_answers_what_is_under_way(redis_url: str, database_url: str) -> None:
    """SIGTERM in the middle: what was answered with 202 is there, and the end is clean."""
    migrate(database_url, 1)
    key = create_api_key(database_url, ORGANIZATION, ["publish"], "tests")
    accepted: list[int] = []

    def send(start: int) -> None:
        for number in range(start, start + 10_000):
            try:
                answer = ingest.post(json_bytes(event(number)), key)
            except OSError:
                return  # it listens no more
            assert 202 == answer.status
            accepted.append(number)

    with running_ingest(redis_url, database_url) as ingest, ThreadPoolExecutor(4) as senders:
        sending = [senders.submit(send, 10_000 * sender) for sender in range(4)]
        time.sleep(0.5)
        ingest.process.send_signal(signal.SIGTERM)
        for each in sending:
            each.result(timeout=30)
    assert accepted
    assert {json_bytes(event(number)) for number in accepted} <= set(published(redis_url))


def test_logs_hold_neither_keys_nor_payloads(
    own_servers: EmbeddedServers, own_key: str, own_redis: Any
) -> None:
    """Whatever goes wrong."""
    secret = event(id=_MARK, data={"error": _MARK})
    with running_ingest(own_servers.redis_url, own_servers.database_url) as ingest:
        ingest.post(batch(secret, event(id=_MARK, type=_MARK)), own_key, BATCH)
        ingest.post(json_bytes(secret)[:-1], own_key)
        own_redis.config_set("maxmemory", 1)
        ingest.post(json_bytes(secret), own_key)
        own_redis.config_set("maxmemory", 0)
        own_redis.set(stream_of("call-1"), "in the way")
        ingest.post(json_bytes(secret), own_key)
        log = ingest.log.read_text()
    assert "OutOfMemoryError" in log
    assert "WRONGTYPE" in log
    assert _MARK not in log
    assert own_key.split("_")[2] not in log
    assert own_servers.redis_url.split("@")[0].rpartition(":")[2] not in log


def test_taken_port_ends_with_one_line(redis_url: str, database_url: str) -> None:
    """Exit code 1, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start_ingest(
            port, subprocess.PIPE, redis_url=redis_url, database_url=database_url
        )
        _, errors = process.communicate(timeout=20)
    assert 1 == process.returncode
    assert [f"ingest: port {port} of 127.0.0.1 is taken".encode()] == [
        line.split(b";")[0] for line in errors.splitlines()
    ]
    assert b"CALLFOLD_INGEST_PORT" in errors


@pytest.mark.parametrize("missing", ("redis_url", "database_url"))
def test_missing_url_ends_with_one_line(redis_url: str, database_url: str, missing: str) -> None:
    """Exit code 1, naming the variable."""
    settings = {"redis_url": redis_url, "database_url": database_url}
    del settings[missing]
    process = start_ingest(free_port(), subprocess.PIPE, **settings)
    _, errors = process.communicate(timeout=20)
    assert (1, 1) == (process.returncode, len(errors.splitlines()))
    assert f"CALLFOLD_{missing.upper()}".encode() in errors
