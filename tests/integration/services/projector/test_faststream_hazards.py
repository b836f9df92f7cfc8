"""What a stream subscriber of FastStream would lose, repeat or hide, and our lanes must not.

The hazards of reading, acknowledging and readiness; those of an entry's fields are in
`test_plain_fields.py`. One projector serves the module; tests that end it start the next one.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from services.tooling.embedded import DataDirectory, EmbeddedRedis
from shared.contracts.stream_names import (
    CONTROL_CHANNEL,
    INBOX_LANE,
    WATERMARK_GROUP,
    lane_stream,
    partition_of,
)
from shared.limits import PARTITIONS_DEFAULT
from tests.contract.wire import binary, structured
from tests.installation import Installation, installation, until
from tests.integration.services.projector.lanes_at_hand import (
    ReadyProjector,
    add,
    archived,
    call,
    calls,
    column,
    metric,
    parked,
    publish,
    ready,
    rows,
    start_ready,
    stream_of,
)
from tests.servers import ServersForTests, fresh_database

BATCH_EVENTS_MAX = 500


class Module:
    """The servers and the one projector that the tests here hand on to each other."""

    def __init__(self, server: EmbeddedRedis, running: Installation) -> None:
        self.server = server
        self.running = running
        self.database_url = running.database_url
        self.client = redis.Redis.from_url(server.url)
        self.projector = self.start()

    def start(self) -> ReadyProjector:
        """Start a projector, the only one."""
        self.projector = start_ready(self.running, batch_events_max=str(BATCH_EVENTS_MAX))
        return self.projector

    def stop(self) -> None:
        """End the projector cleanly."""
        self.running.stop()

    def folded(self) -> None:
        """Wait until all that was added is folded."""
        self.running.wait_until_folded()


@pytest.fixture(scope="module")
def module(servers: ServersForTests, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Module]:
    """A projector that starts on streams that are filled already; its Redis may be killed."""
    data = tmp_path_factory.mktemp("redis") / "data"
    with (
        DataDirectory.claim(Path(data)) as directory,
        EmbeddedRedis(directory, fsync="always").start() as server,
        fresh_database(servers) as database_url,
    ):
        with redis.Redis.from_url(server.url) as client:
            publish(client, [call(f"early-{n:04d}") for n in range(2000)])
            add(client, lane_stream(INBOX_LANE), [structured(call("early-inbox"))])
        with installation(server.url, database_url) as running:
            found = Module(server, running)
            yield found
            found.client.close()


def test_h1_events_from_before_the_first_start_are_folded(module: Module) -> None:
    """H1: reading begins at the start of every stream, not at its end, the inbox's too."""
    module.folded()

    expected = [*(f"early-{n:04d}" for n in range(2000)), "early-inbox"]
    assert expected == calls(module.database_url, "early-")


def test_h2_restarted_projector_reads_what_is_new(module: Module) -> None:
    """H2: after a clean end, entries from meanwhile and from afterwards are folded, old ones not.

    A reader without anything to read waits in a blocking call and does not spin.
    """
    module.folded()
    module.stop()
    publish(module.client, [call("while-stopped")])
    module.start()
    publish(module.client, [call("after-restart")])
    module.folded()

    assert ["after-restart"] == calls(module.database_url, "after-restart")
    assert ["while-stopped"] == calls(module.database_url, "while-stopped")
    assert 2.0 == metric(module.projector.probes_url, "callfold_entries_total")
    before = _xreads(module.client)
    time.sleep(1)
    assert 1 <= _xreads(module.client) - before <= 30


def _xreads(client: redis.Redis) -> int:
    statistics: Any = client.info("commandstats")
    return int(statistics["cmdstat_xread"]["calls"])


def test_h3_backlog_is_read_in_bounded_batches(module: Module) -> None:
    """H3: however much waits, no batch is larger than its bound, and none of it is lost."""
    module.stop()
    publish(module.client, [call(f"backlog-{n:05d}", subject=f"backlog-{n % 100}")
                            for n in range(20 * BATCH_EVENTS_MAX)])  # fmt: skip
    module.start()
    module.folded()

    url = module.projector.probes_url
    assert 20.0 * BATCH_EVENTS_MAX == metric(url, "callfold_entries_total")
    batches = metric(url, "callfold_batch_entries_count")
    assert batches == metric(url, 'callfold_batch_entries_bucket{le="1000.0"}')
    assert 20 <= batches
    assert 100 == len(calls(module.database_url, "backlog-"))


def test_h4_recovery_after_a_kill_is_not_one_by_one(module: Module) -> None:
    """H4: what a dead projector had read and not committed comes again in whole batches, once."""
    publish(module.client, [call(f"killed-{n:05d}") for n in range(5000)])
    module.running.kill(module.projector.process)
    module.start()
    module.folded()

    assert [f"killed-{n:05d}" for n in range(5000)] == calls(module.database_url, "killed-")
    assert metric(module.projector.probes_url, "callfold_batch_entries_count") <= 100


def test_h5_poison_is_parked_once_and_never_comes_again(module: Module) -> None:
    """H5: an entry that cannot be folded is done with: no redelivery, the next one counts.

    That a restart does not read it again either is H2's: it counts what a new process reads.
    """
    add(module.client, stream_of("poison"), [structured(call("poison", type="call.exploded"))])
    module.folded()
    commits = 'callfold_commits_total{result="ok"}'
    before = metric(module.projector.probes_url, commits)
    time.sleep(0.5)

    assert before == metric(module.projector.probes_url, commits)
    publish(module.client, [call("poison-next", subject="poison")])
    module.folded()
    assert [("unknown_type", 1)] == [row[:2] for row in parked(module.database_url, "poison")]
    assert ["poison"] == calls(module.database_url, "poison")


@pytest.mark.parametrize("mode", ("structured", "binary"))
def test_h6_every_field_of_an_entry_is_kept(module: Module, mode: str) -> None:
    """H6: what is folded is archived as it came, with attributes and keys that nobody knows."""
    event = call(f"kept-{mode}", traceparent="00-1", data={"unknown": ["é", 1.50]})
    fields = structured(event) if mode == "structured" else binary(event)
    add(module.client, stream_of(f"kept-{mode}"), [fields])
    module.folded()

    home = partition_of(f"kept-{mode}", PARTITIONS_DEFAULT)
    assert fields == archived(module.database_url, home)[-1]


@pytest.mark.parametrize(
    "words", (b"", b"[1,2]", b'{"data":"x"}', b"\xff\xfe", b"\x89BIN\r\n\x1a\n")
)
def test_h7_words_on_the_control_channel_change_nothing(module: Module, words: bytes) -> None:
    """H7 cannot apply: lanes have no FastStream handler whose parameters could be filled by data.

    The one handler that there is, of the control channel, takes any bytes for "look again".
    """
    heard: Any = module.client.publish(CONTROL_CHANNEL, words)
    assert 1 == heard
    subject = f"control-{words.hex()}"
    publish(module.client, [call(subject)])
    module.folded()

    assert [subject] == calls(module.database_url, subject)
    assert (200, "ok") == ready(module.projector.probes_url)


def test_h8_nothing_is_acknowledged_before_it_is_committed(module: Module) -> None:
    """H8 cannot apply: there is no Kafka here, and no group that reads or acknowledges.

    The group that operators see only follows the cursors: nothing pending, never ahead of the log.
    """
    publish(module.client, [call("watermark")])
    module.folded()

    def advertised() -> bool:
        lanes = rows(module.database_url, "SELECT lane, ms, seq, entries_read FROM callfold.lanes")
        for lane, ms, seq, entries_read in lanes:
            if not ms:
                continue
            groups: Any = module.client.xinfo_groups(lane_stream(lane))
            group = next((g for g in groups if g["name"] == WATERMARK_GROUP.encode()), None)
            if group is None:
                return False
            assert 0 == group["pending"] == group["consumers"]
            at = tuple(map(int, group["last-delivered-id"].split(b"-")))
            assert at <= (ms, int(seq))
            if (at, group["entries-read"], group["lag"]) != ((ms, int(seq)), entries_read, 0):
                return False
        return True

    until(advertised, "the watermark group shows no lag", patience_s=15)


def test_h9_kill_between_reading_and_committing_counts_once(module: Module) -> None:
    """H9: cursor, log and states move in one transaction; killed twice, each event counts once."""
    for burst in range(2):
        publish(
            module.client,
            [
                call(f"exact-{n % 50}", id=f"{burst}-{n}", type="call.charged", data={"amount": 1})
                for n in range(2000)
            ],
        )
        time.sleep(0.3 * burst)
        module.running.kill(module.projector.process)
        module.start()
    module.folded()

    costs = rows(
        module.database_url,
        "SELECT attempt_id, total_cost::bigint FROM gen_1.attempts"
        " WHERE attempt_id LIKE 'exact-%%'",
    )
    assert {f"exact-{n}": 80 for n in range(50)} == dict(costs)
    (in_log,) = column(module.database_url, "SELECT sum(events)::bigint FROM callfold.log_segments")
    (read,) = column(
        module.database_url,
        "SELECT sum(entries_read)::bigint FROM callfold.lanes WHERE lane >= 0",
    )
    assert in_log == read


def test_h10_readiness_is_red_while_nothing_can_be_read(module: Module) -> None:
    """H10: without Redis the process lives and is not ready; with it, it goes on by itself."""
    url = module.projector.probes_url
    module.server.kill()
    until(lambda: ready(url)[0] == 503, "readiness is red", patience_s=10)
    assert ready(url)[1].startswith("redis: ")
    assert 200 == httpx.get(f"{url}/livez", timeout=5).status_code

    module.server.restart()
    publish(module.client, [call("after-outage")])
    until(lambda: ready(url) == (200, "ok"), "readiness is green again", patience_s=20)
    module.folded()

    assert ["after-outage"] == calls(module.database_url, "after-outage")


@pytest.mark.slow
def test_h10_readiness_is_red_while_redis_does_not_answer(module: Module) -> None:
    """H10: a connection that stands and says nothing is no reading either."""
    url = module.projector.probes_url
    process = module.server.pid
    os.kill(process, signal.SIGSTOP)
    try:
        until(lambda: ready(url)[0] == 503, "readiness is red", patience_s=25)
    finally:
        os.kill(process, signal.SIGCONT)
    until(lambda: ready(url) == (200, "ok"), "readiness is green again", patience_s=20)
