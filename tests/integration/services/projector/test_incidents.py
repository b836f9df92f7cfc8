"""Loss is declared: whoever else trims, deletes or restores a stream is found out, and counted."""

import time

import pytest
import redis

from shared.contracts.stream_names import INBOX_LANE, lane_stream
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from tests.contract.wire import json_bytes
from tests.installation import Installation, until
from tests.integration.services.projector.incidents_at_hand import (
    LANE,
    add,
    charges,
    counted_as_added,
    incidents,
    rounds,
    said,
    sample,
    wait_for,
)
from tests.integration.services.projector.lanes_at_hand import call
from tests.integration.services.projector.projector_threads import projector_threads

pytestmark = pytest.mark.usefixtures("quick_rounds")


def test_own_trimming_is_no_incident(installed: Installation, client: redis.Redis) -> None:
    """Over restarts and all lanes, with as little kept as can be; nor are others who read."""
    client.xgroup_create(lane_stream(LANE), "others", "0", mkstream=True)
    for begin in (0, 1500):
        with projector_threads(installed.redis_url, installed.database_url, stream_keep_ms=0):
            add(client, begin, 1500)
            for number in range(300):
                lane = number % PARTITIONS_DEFAULT
                event = call(f"call-{number}", id=f"{begin}-{number}", type="call.ringing")
                client.xadd(lane_stream(lane), {"event": json_bytes(event)})
            client.xreadgroup("others", "one", {lane_stream(LANE): ">"}, count=10)
            installed.wait_until_folded()
            until(lambda: client.xlen(lane_stream(LANE)) <= 100, "the lane is trimmed", 20)
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
            lane_stream(LANE), minid=client.xinfo_stream(lane_stream(LANE))["last-generated-id"]
        )
        rounds()
        assert [] == incidents(installed)

        client.xtrim(lane_stream(LANE), maxlen=0, approximate=False)
        wait_for(installed, (LANE, "trimmed", 0))
        add(client, 50, 10)
        installed.wait_until_folded()
        client.xtrim(lane_stream(LANE), maxlen=0, approximate=False)
        wait_for(installed, (LANE, "trimmed", 0), (LANE, "trimmed", 0))

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
    client.xtrim(lane_stream(LANE), maxlen=10, approximate=False)
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        wait_for(installed, (LANE, "trimmed", 20))
        installed.wait_until_folded()
        rounds()

        assert 60 == charges(installed)
        assert 20 == sample(projector, "callfold_entries_lost_total")
        assert counted_as_added(installed, client)
        (incident,) = incidents(installed)
        assert lane_stream(LANE) == incident.detail["stream"]
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        rounds()
        assert [(LANE, "trimmed", 20)] == said(installed)
        assert 1 == sample(projector, "callfold_incidents_open", kind="trimmed"), "by any process"


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
                pipeline.xtrim(lane_stream(LANE), maxlen=2, approximate=False)
            else:
                ids = [f"9999999999999-{number}" for number in range(5)]
                for entry_id in ids:
                    pipeline.xadd(lane_stream(LANE), {"event": "x"}, id=entry_id)
                pipeline.xdel(lane_stream(LANE), *ids)
            pipeline.execute()
        wait_for(installed, (LANE, "trimmed", 5))

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
            client.xtrim(lane_stream(LANE), maxlen=5, approximate=False)
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
        wait_for(installed, (LANE, "recreated", None), (INBOX_LANE, "recreated", None))
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
    client.delete(lane_stream(LANE))
    add(client, 50, 3)
    with projector_threads(installed.redis_url, installed.database_url):
        wait_for(installed, (LANE, "recreated", None))
        until(lambda: charges(installed) == 53, "what came then is folded")
        rounds()

        assert counted_as_added(installed, client)
        assert 1 == len(incidents(installed))
