"""When a projector looks for what the streams of its lanes have lost."""

from typing import Any

import psycopg
import pytest
import redis

from services.projector.health import Health, Metrics
from services.projector.lane_store import LaneStore
from services.projector.stream_watch import StreamWatch
from shared.contracts.stream_names import lane_stream
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.lanes import Lanes
from shared.storage.schema import migrate
from tests.installation import Installation
from tests.integration.services.projector.incidents_at_hand import LANE, add, said


def _store(installed: Installation) -> LaneStore:
    watch = StreamWatch(redis_client(installed.redis_url), Metrics(), Health())
    return LaneStore(installed.database_url, 1, watch)


def test_questions_do_not_grow_with_lanes(
    installed: Installation, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over slow connections a take-up of all would last so long that others took them."""
    migrate(installed.database_url, PARTITIONS_DEFAULT)
    for lane in range(PARTITIONS_DEFAULT):
        add(client, 0, 20, lane=lane)
    sent = 0
    send: Any = redis.Connection.send_packed_command

    def counted(self: redis.Connection, *words: Any, **options: Any) -> None:
        nonlocal sent
        sent += 1
        send(self, *words, **options)

    monkeypatch.setattr(redis.Connection, "send_packed_command", counted)
    asked = []
    for lanes in (2, PARTITIONS_DEFAULT):
        store = _store(installed)
        store.look({-1: 0})  # connects
        sent = 0
        assert lanes == len(store.look(dict.fromkeys(range(lanes), 0)))
        asked.append(sent)
        store.close()
    assert asked[0] == asked[1]


@pytest.mark.parametrize("again", ("at the same epoch", "at another epoch", "after a disconnect"))
def test_lane_that_was_never_away_is_looked_at_once(
    installed: Installation, client: redis.Redis, again: str
) -> None:
    """It is begun again after each refused batch; but who was away must look again."""
    migrate(installed.database_url, PARTITIONS_DEFAULT)
    add(client, 0, 3)
    newest = client.xinfo_stream(lane_stream(LANE))["last-generated-id"]
    head = tuple(int(part) for part in str(newest).split("-"))
    store = _store(installed)
    with psycopg.connect(installed.database_url, autocommit=True) as connection:
        lanes = Lanes(connection, "test", 60_000)
        epoch = lanes.take(PARTITIONS_DEFAULT + 1, 1)[LANE]
        assert {LANE: head} == store.look({LANE: epoch})
        client.xtrim(lane_stream(LANE), maxlen=0, approximate=False)
        if again == "at another epoch":
            lanes.release([LANE])
            epoch = lanes.take(PARTITIONS_DEFAULT + 1, 1)[LANE]
        elif again == "after a disconnect":
            store.close()
        found = store.look({LANE: epoch})
    store.close()

    if again == "at the same epoch":
        assert {LANE: head} == found  # the stream keeper looks as well, every few seconds
        assert [] == said(installed)
    else:
        assert {} == found
        assert [(LANE, "trimmed", 3)] == said(installed)
