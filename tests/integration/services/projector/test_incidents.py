"""Loss is declared: whoever else trims, deletes or restores a stream is found out, and counted."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

from services.projector import stream_keeper
from services.projector.app import Projector
from services.tooling.__main__ import app
from shared.contracts.stream_names import INBOX_LANE, lane_stream, partition_of
from shared.delivery import stream_resuming
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.incidents import Incident, all_incidents
from tests.contract.wire import json_bytes
from tests.installation import Installation, until
from tests.integration.services.projector.lanes_at_hand import call, column
from tests.integration.services.projector.projector_threads import projector_threads

_ROUND_S = 0.1
_LANE = 3
_SUBJECT = next(f"call-{n}" for n in range(999) if partition_of(f"call-{n}", 16) == _LANE)
#: Far before any cursor: the clock of a server that was set back by decades.
_LOW_MS = 1_000_000


@pytest.fixture
def installed(redis_url: str, database_url: str) -> Installation:
    """Looks at the servers; projectors run in this process."""
    return Installation(redis_url, database_url)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the installation's Redis."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as connected:
        yield connected


@pytest.fixture(autouse=True)
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the streams ten times a second."""
    monkeypatch.setattr(stream_keeper, "_EVERY_S", _ROUND_S)


def add(client: Any, begin: int, entries: int, lane: int = _LANE, ms: int | None = None) -> None:
    """Add events of one call, in a client or a pipeline; with ids of their own where told."""
    for number in range(begin, begin + entries):
        event = call(_SUBJECT, id=str(number), type="call.charged", data={"amount": 1})
        entry_id = "*" if ms is None else f"{ms}-{number}"
        client.xadd(lane_stream(lane), {"event": json_bytes(event)}, id=entry_id)


def charges(installed: Installation) -> int:
    """How many events are folded."""
    (found,) = column(
        installed.database_url, "SELECT coalesce(sum(charges), 0)::int FROM gen_1.cost_tallies"
    )
    return int(found)


def incidents(installed: Installation) -> list[Incident]:
    """Every incident, the latest first."""
    with connect(installed.database_url, "test") as connection:
        return all_incidents(connection)


def said(installed: Installation) -> list[tuple[int, str, int | None]]:
    """Lane, kind and loss of each incident, in order."""
    return sorted((i.lane, i.kind, i.entries_lost) for i in incidents(installed))


def wait_for(installed: Installation, *expected: tuple[int, str, int | None]) -> None:
    """Wait until these incidents are declared, and make sure that no more come."""
    until(lambda: said(installed) == sorted(expected), f"{expected} is declared", 20)
    rounds()
    assert sorted(expected) == said(installed)


def rounds() -> None:
    """Let the keeper look a few times more."""
    time.sleep(8 * _ROUND_S)


def sample(projector: Projector, name: str, **labels: str) -> float:
    """A metric."""
    return projector.metrics.registry.get_sample_value(name, labels) or 0.0


def counted_as_added(installed: Installation, client: redis.Redis, lane: int = _LANE) -> bool:
    """Whether our count of a stream's entries is the stream's own."""
    info: Any = client.xinfo_stream(lane_stream(lane))
    (counted,) = column(
        installed.database_url,
        "SELECT entries_read + entries_unread FROM callfold.lanes WHERE lane = %s",
        lane,
    )
    return bool(counted == info["entries-added"])


def test_own_trimming_is_no_incident(installed: Installation, client: redis.Redis) -> None:
    """Over restarts and all lanes, with as little kept as can be."""
    for begin in (0, 1500):
        with projector_threads(installed.redis_url, installed.database_url, stream_keep_ms=0):
            add(client, begin, 1500)
            for number in range(300):
                lane = number % PARTITIONS_DEFAULT
                event = call(f"call-{number}", id=f"{begin}-{number}", type="call.ringing")
                client.xadd(lane_stream(lane), {"event": json_bytes(event)})
            installed.wait_until_folded()
            until(lambda: client.xlen(lane_stream(_LANE)) <= 100, "the lane is trimmed", 20)
            rounds()

    assert [] == incidents(installed)
    assert 3000 == charges(installed)


def test_trimming_by_somebody_else_is_declared_though_nothing_is_lost(
    installed: Installation, client: redis.Redis
) -> None:
    """Once, however long it is looked at; the next time it happens at another place."""
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        add(client, 0, 50)
        installed.wait_until_folded()
        client.xtrim(
            lane_stream(_LANE), minid=client.xinfo_stream(lane_stream(_LANE))["last-generated-id"]
        )
        rounds()
        assert [] == incidents(installed)

        client.xtrim(lane_stream(_LANE), maxlen=0, approximate=False)
        wait_for(installed, (_LANE, "trimmed", 0))
        add(client, 50, 10)
        installed.wait_until_folded()
        client.xtrim(lane_stream(_LANE), maxlen=0, approximate=False)
        wait_for(installed, (_LANE, "trimmed", 0), (_LANE, "trimmed", 0))

        assert 60 == charges(installed)
        assert 2 == sample(projector, "callfold_incidents_total", kind="trimmed")
        assert projector.health.complaint() is None


def test_entries_trimmed_before_they_were_read_are_counted(
    installed: Installation, client: redis.Redis
) -> None:
    """Exactly, by the owner that takes the lane up; what is left of them is folded."""
    with projector_threads(installed.redis_url, installed.database_url):
        add(client, 0, 50)
        installed.wait_until_folded()
    add(client, 50, 30)
    client.xtrim(lane_stream(_LANE), maxlen=10, approximate=False)
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        wait_for(installed, (_LANE, "trimmed", 20))
        installed.wait_until_folded()
        rounds()

        assert 60 == charges(installed)
        assert 20 == sample(projector, "callfold_entries_lost_total")
        assert counted_as_added(installed, client)
        (incident,) = incidents(installed)
        assert lane_stream(_LANE) == incident.detail["stream"]
    with projector_threads(installed.redis_url, installed.database_url):
        rounds()
        assert [(_LANE, "trimmed", 20)] == said(installed)


@pytest.mark.parametrize("way", ("maxlen", "xdel"))
def test_entries_that_nobody_could_read_are_counted(
    installed: Installation, client: redis.Redis, way: str
) -> None:
    """Added and removed in one go while the projector runs: only the counts can tell."""
    with projector_threads(installed.redis_url, installed.database_url):
        add(client, 0, 50)
        installed.wait_until_folded()
        with client.pipeline(transaction=True) as pipeline:
            add(pipeline, 50, 7)
            if way == "maxlen":
                pipeline.xtrim(lane_stream(_LANE), maxlen=2, approximate=False)
            else:
                ids = [f"9999999999999-{number}" for number in range(5)]
                for entry_id in ids:
                    pipeline.xadd(lane_stream(_LANE), {"event": "x"}, id=entry_id)
                pipeline.xdel(lane_stream(_LANE), *ids)
            pipeline.execute()
        wait_for(installed, (_LANE, "trimmed", 5))

        until(lambda: counted_as_added(installed, client), "the counts meet", 20)
        assert (52 if way == "maxlen" else 57) == charges(installed)


def test_entries_trimmed_after_they_were_read_are_not_lost(
    installed: Installation, client: redis.Redis
) -> None:
    """What is in memory, waiting for its commit, is neither lost nor called so."""
    with projector_threads(installed.redis_url, installed.database_url):
        add(client, 0, 50)
        installed.wait_until_folded()
        with connect(installed.database_url, "test") as blocking, blocking.transaction():
            blocking.execute("LOCK TABLE gen_1.attempts IN SHARE MODE")
            add(client, 50, 30)
            time.sleep(1)
            client.xtrim(lane_stream(_LANE), maxlen=5, approximate=False)
            rounds()
            assert [] == incidents(installed)
        until(lambda: charges(installed) == 80, "all are folded")
        rounds()

        assert [] == incidents(installed)
        assert counted_as_added(installed, client)


def test_stream_that_is_gone_is_declared_and_followed_anew(
    installed: Installation, client: redis.Redis
) -> None:
    """Redis came back empty: every stream that was ever read, and what comes then is folded."""
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        add(client, 0, 50)
        add(client, 50, 1, lane=INBOX_LANE)
        installed.wait_until_folded()
        client.flushdb()
        wait_for(installed, (_LANE, "recreated", None), (INBOX_LANE, "recreated", None))
        add(client, 60, 10)
        until(lambda: charges(installed) == 61, "what came then is folded")
        rounds()

        assert 2 == len(incidents(installed))
        assert counted_as_added(installed, client)
        assert projector.health.complaint() is None


def test_stream_recreated_between_two_looks_is_declared(
    installed: Installation, client: redis.Redis
) -> None:
    """Its ids go on after the cursor, so that only the count shows that it is another one."""
    with projector_threads(installed.redis_url, installed.database_url):
        add(client, 0, 50)
        installed.wait_until_folded()
    client.delete(lane_stream(_LANE))
    add(client, 50, 3)
    with projector_threads(installed.redis_url, installed.database_url):
        wait_for(installed, (_LANE, "recreated", None))
        until(lambda: charges(installed) == 53, "what came then is folded")
        rounds()

        assert counted_as_added(installed, client)
        assert 1 == len(incidents(installed))


def recreate_with_low_ids(client: redis.Redis, begin: int, entries: int) -> None:
    """What a server does whose clock was set back: a new stream, ids before the cursor."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.delete(lane_stream(_LANE))
        add(pipeline, begin, entries, ms=_LOW_MS)
        pipeline.execute()


@pytest.mark.parametrize("running", (True, False))
def test_entries_before_the_cursor_are_added_again_behind_it(
    installed: Installation, client: redis.Redis, running: bool
) -> None:
    """Found by the keeper or at the take-up: nothing waits for ids to pass the cursor."""
    with projector_threads(installed.redis_url, installed.database_url):
        add(client, 0, 50)
        installed.wait_until_folded()
        if running:
            recreate_with_low_ids(client, 40, 200)
            wait_for(installed, (_LANE, "recreated", None))
            until(lambda: charges(installed) == 240, "all are folded", 20)
    if not running:
        recreate_with_low_ids(client, 40, 200)
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        until(lambda: charges(installed) == 240, "all are folded", 20)
        add(client, 240, 5)
        until(lambda: charges(installed) == 245, "what comes then is folded", 20)
        rounds()

        (incident,) = incidents(installed)
        assert ("recreated", 200) == (incident.kind, incident.detail["addedAgain"])
        assert counted_as_added(installed, client)
        assert projector.health.complaint() is None


def test_too_many_entries_before_the_cursor_wait_for_an_operator(
    installed: Installation, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no silence: readiness names the lane, nothing is trimmed, the incident says what to do."""
    monkeypatch.setattr(stream_resuming, "_UNREAD_ENTRIES_MAX", 4)
    with projector_threads(
        installed.redis_url, installed.database_url, stream_keep_ms=0
    ) as projector:
        add(client, 0, 50)
        installed.wait_until_folded()
        recreate_with_low_ids(client, 50, 5)
        wait_for(installed, (_LANE, "recreated", None))
        complaint = projector.health.complaint() or ""
        assert complaint.startswith(f"incident: lane {_LANE}: ")
        assert 50 == charges(installed)
        (incident,) = incidents(installed)
        assert 5 == incident.detail["length"] == client.xlen(lane_stream(_LANE))
        assert f"`callfold incidents resume {_LANE}`" in incident.detail["todo"]

        assert 5 == resumed(installed, "--dry-run")["addedAgain"]
        assert complaint == projector.health.complaint()
        assert 5 == resumed(installed)["addedAgain"]
        until(lambda: charges(installed) == 55, "all are folded")
        until(lambda: projector.health.complaint() is None, "readiness is green", 20)
        add(client, 55, 5)
        until(lambda: charges(installed) == 60, "what comes then is folded")
        rounds()
        assert not resumed(installed)["waited"]
        assert [(_LANE, "recreated", None)] == said(installed)
        assert counted_as_added(installed, client)


def resumed(installed: Installation, *options: str) -> Any:
    """What `callfold incidents resume` says of the lane."""
    urls = {
        "CALLFOLD_REDIS_URL": installed.redis_url,
        "CALLFOLD_DATABASE_URL": installed.database_url,
    }
    words = ["incidents", "resume", str(_LANE), "--json", *options]
    answer = CliRunner().invoke(app, words, env=urls)
    assert 0 == answer.exit_code, answer.output
    return json.loads(answer.stdout)


@pytest.mark.parametrize("added_since", (0, 1))
def test_of_a_stream_restored_older_only_new_entries_are_added_again(
    installed: Installation, client: redis.Redis, added_since: int
) -> None:
    """The log holds the others; it is declared, and readiness stays green."""
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        add(client, 0, 20)
        installed.wait_until_folded()
        binary: Any = redis.Redis.from_url(installed.redis_url)
        backup = binary.dump(lane_stream(_LANE))
        last_id = client.xinfo_stream(lane_stream(_LANE))["last-generated-id"]
        add(client, 20, 30)
        installed.wait_until_folded()
        with binary.pipeline(transaction=True) as pipeline:
            pipeline.restore(lane_stream(_LANE), 0, backup, replace=True)
            if added_since:
                ms, _, seq = last_id.partition("-")
                event = call(_SUBJECT, id="50", type="call.charged", data={"amount": 1})
                fields = {"event": json_bytes(event)}
                pipeline.xadd(lane_stream(_LANE), fields, id=f"{ms}-{int(seq) + 1}")
            pipeline.execute()
        binary.close()
        wait_for(installed, (_LANE, "recreated", None))
        (incident,) = incidents(installed)
        assert added_since == incident.detail["addedAgain"]
        assert projector.health.complaint() is None
        add(client, 20, 40)
        until(lambda: charges(installed) == 60, "what is published again counts once")
        rounds()

        assert counted_as_added(installed, client)
        assert 1 == len(incidents(installed))


def test_entry_id_beyond_all_positions_ends_its_lane_alone(
    installed: Installation, client: redis.Redis
) -> None:
    """What came before is folded, other lanes go on, and a renamed stream sets the lane free."""
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        with client.pipeline(transaction=True) as pipeline:
            add(pipeline, 0, 5)
            pipeline.xadd(lane_stream(_LANE), {"event": json_bytes(beyond())}, id=f"{2**63}-0")
            pipeline.execute()
        out_of_range = {(_LANE, "id_out_of_range", None)}
        until(lambda: set(said(installed)) == out_of_range, "it is declared", 20)
        add(client, 5, 5, lane=_LANE + 1)  # moved to the lane that ended, where nobody reads them
        event = call("another", id="another", type="call.charged", data={"amount": 1})
        client.xadd(
            lane_stream(partition_of("another", PARTITIONS_DEFAULT)), {"event": json_bytes(event)}
        )
        until(lambda: charges(installed) == 6, "other lanes go on")
        complaint = projector.health.complaint() or ""
        assert complaint.startswith(f"incident: lane {_LANE}: an entry id")

        rounds()
        answer = resumed(installed)
        assert (11, 6) == (answer["entries"], answer["addedAgain"])
        until(lambda: charges(installed) == 12, "all are folded")
        until(lambda: projector.health.complaint() is None, "readiness is green", 20)
        rounds()

        assert out_of_range == set(said(installed))
        assert counted_as_added(installed, client)


def beyond() -> dict[str, Any]:
    """The event whose id nobody can keep."""
    return call(_SUBJECT, id="beyond", type="call.charged", data={"amount": 1})
