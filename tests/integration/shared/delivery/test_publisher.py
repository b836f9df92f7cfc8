"""The publisher against a real Valkey: pipelines, partitions, retries over crashes, refusals."""

import json
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis

from services.tooling.embedded import DataDirectory, EmbeddedRedis
from shared.contracts.stream_names import PARTITIONS_KEY
from shared.delivery import publisher as publisher_module
from shared.delivery.publisher import Publisher
from shared.errors import PublishError
from shared.limits import EVENT_BYTES_MAX
from tests.contract.wire import changed, padded


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server that this test may kill; what it acknowledged is on disk."""
    with (
        DataDirectory.claim(tmp_path / "data") as directory,
        EmbeddedRedis(directory, fsync="always").start() as server,
    ):
        yield server


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the session's server."""
    with redis.Redis.from_url(redis_url) as connected:
        yield connected


def events(count: int) -> list[dict[str, Any]]:
    """Different events of different subjects."""
    return [changed(id=f"event-{n}", subject=f"call-{n}") for n in range(count)]


def entries(client: redis.Redis) -> dict[bytes, list[dict[str, Any]]]:
    """The events of every stream, in order; each entry must be of structured mode."""
    found: dict[bytes, list[dict[str, Any]]] = {}
    streams: Any = client.keys("callfold:{*}:events")
    for stream in streams:
        read: Any = client.xrange(stream)
        assert all([b"event"] == list(fields) for _, fields in read)
        found[stream] = [json.loads(fields[b"event"]) for _, fields in read]
    return found


def test_each_event_goes_to_the_partition_of_its_subject(
    redis_url: str, client: redis.Redis
) -> None:
    """CRC-32 of the subject's bytes modulo the N that the installation advertises."""
    client.set(PARTITIONS_KEY, "5")
    subjects = ["call-1", "call-2", "appel-é", "通话", *map(str, range(40))]
    sent = [changed(id=subject, subject=subject) for subject in subjects]

    with Publisher(redis_url) as publisher:
        publisher.publish_all(sent)

    found = entries(client)
    assert len(sent) == sum(map(len, found.values()))
    for stream, published in found.items():
        for event in published:
            partition = zlib.crc32(event["subject"].encode("utf-8")) % 5
            assert f"callfold:{{{partition}}}:events".encode() == stream
    assert sorted(subjects) == sorted(e["id"] for found in found.values() for e in found)


def test_without_an_advertised_n_there_are_16_partitions(
    redis_url: str, client: redis.Redis
) -> None:
    """The contract's default holds for an installation that never started."""
    with Publisher(redis_url) as publisher:
        publisher.publish_all(events(200))

    assert {f"callfold:{{{p}}}:events".encode() for p in range(16)} == set(entries(client))


def test_changed_n_is_noticed(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N is read again while publishing goes on."""
    monkeypatch.setattr(publisher_module, "_PARTITIONS_FRESH_S", 0.0)
    client.set(PARTITIONS_KEY, "1")
    with Publisher(redis_url) as publisher:
        publisher.publish_all(events(50))
        client.set(PARTITIONS_KEY, "1024")
        publisher.publish_all(changed(id=f"later-{n}", subject=f"{n}") for n in range(50))

    streams = entries(client)
    assert 50 <= len(streams.pop(b"callfold:{0}:events"))
    assert len(streams) > 30


@pytest.mark.parametrize("text", ("0", "1025", "-1", "many", "", "1.5"))
def test_impossible_n_is_refused_by_name(redis_url: str, client: redis.Redis, text: str) -> None:
    """A damaged key stops the publisher with the key's name instead of scattering events."""
    client.set(PARTITIONS_KEY, text)
    publisher = Publisher(redis_url, patience_s=0)
    publisher.publish(changed())

    with pytest.raises(PublishError, match=PARTITIONS_KEY):
        publisher.flush()


def test_events_are_pipelined(redis_url: str, client: redis.Redis) -> None:
    """No round trip per event: the server reads from the socket far less often than XADDs run."""
    before: Any = client.info("stats")

    with Publisher(redis_url) as publisher:
        publisher.publish_all(events(3000))

    after: Any = client.info("stats")
    assert after["total_commands_processed"] - before["total_commands_processed"] >= 3000
    assert after["total_reads_processed"] - before["total_reads_processed"] < 300


def test_events_of_one_subject_keep_their_order(redis_url: str, client: redis.Redis) -> None:
    """Over many pipelines, entries of a subject stand as they were published."""
    sent = [changed(id=f"event-{n}") for n in range(1700)]

    with Publisher(redis_url) as publisher:
        publisher.publish_all(sent)

    (found,) = entries(client).values()
    assert sent == found


def test_decimals_are_written_exactly(redis_url: str, client: redis.Redis) -> None:
    """An amount does not become a float on its way."""
    with Publisher(redis_url) as publisher:
        amount = Decimal("999999999999.999999999")
        publisher.publish(changed(type="call.charged", data={"amount": amount}))

    (stream,) = entries(client)
    read: Any = client.xrange(stream)
    assert b'"amount":999999999999.999999999' in read[0][1][b"event"]


def test_event_over_the_limit_is_refused_before_it_is_sent(
    redis_url: str, client: redis.Redis
) -> None:
    """1 MiB is published; a byte more would be parked, so the publisher says so at once."""
    with Publisher(redis_url) as publisher:
        publisher.publish_json("call-1", padded(EVENT_BYTES_MAX))
        with pytest.raises(PublishError, match="1048577"):
            publisher.publish_json("call-1", padded(EVENT_BYTES_MAX + 1))

    assert 1 == sum(map(len, entries(client).values()))


def test_events_in_hand_are_not_sent_when_an_error_ends_the_block(
    redis_url: str, client: redis.Redis
) -> None:
    """What a failing program had queued but not flushed was never promised."""
    publisher = Publisher(redis_url)

    def fail_within() -> None:
        with publisher:
            publisher.publish(changed())
            raise LookupError

    with pytest.raises(LookupError):
        fail_within()
    assert {} == entries(client)


def test_server_that_refuses_is_told_after_the_patience(
    redis_url: str, client: redis.Redis
) -> None:
    """A stream that is no stream (or a full memory) is waited for, then named; nothing is lost."""
    client.set(PARTITIONS_KEY, "1")
    client.set("callfold:{0}:events", "in the way")
    publisher = Publisher(redis_url, patience_s=0.2)
    publisher.publish(changed())
    with pytest.raises(PublishError, match="WRONGTYPE"):
        publisher.flush()

    client.delete("callfold:{0}:events")
    publisher.close()

    assert [changed()] == entries(client)[b"callfold:{0}:events"]


def test_server_away_beyond_the_patience_keeps_the_events(own_server: EmbeddedRedis) -> None:
    """The unsent events stay, so that a later flush sends each of them once."""
    publisher = Publisher(own_server.url, patience_s=0.3)
    own_server.kill()
    for event in events(3):
        publisher.publish(event)
    with pytest.raises(PublishError, match="Redis takes no events"):
        publisher.flush()

    own_server.restart()
    publisher.close()

    with redis.Redis.from_url(own_server.url) as client:
        found = [event["id"] for stream in entries(client).values() for event in stream]
    assert ["event-0", "event-1", "event-2"] == sorted(found)


def test_server_killed_while_publishing_loses_no_event(own_server: EmbeddedRedis) -> None:
    """Over two crashes every acknowledged event is there, again with its id where it was resent."""
    sent = [changed(id=f"event-{n}", subject=f"call-{n % 50}") for n in range(12_000)]
    failures: list[Exception] = []

    def publish() -> None:
        try:
            with Publisher(own_server.url) as publisher:
                publisher.publish_all(sent)
        except Exception as error:  # noqa: BLE001 -- the test's own thread reports it
            failures.append(error)

    with redis.Redis.from_url(own_server.url) as client:
        thread = Thread(target=publish)
        thread.start()
        for published in (2_000, 6_000):
            while _published(client) < published:
                assert thread.is_alive()
            own_server.kill()
            assert thread.is_alive()
            own_server.restart()
        thread.join(timeout=40)

        assert not thread.is_alive()
        assert [] == failures
        by_id: dict[str, dict[str, Any]] = {}
        for stream in entries(client).values():
            for event in stream:
                assert event == by_id.setdefault(event["id"], event)
    assert {event["id"]: event for event in sent} == by_id


def _published(client: redis.Redis) -> int:
    streams: Any = client.keys("callfold:{*}:events")
    return sum(client.xlen(stream) for stream in streams)
