"""`callfold:partitions` in the hands of others: set right, declared, and no event goes astray."""

from functools import partial

import pytest
import redis

from services.projector import stream_keeper
from shared.contracts.stream_names import INBOX_LANE, PARTITIONS_KEY, partition_of, partition_stream
from shared.delivery.connection import redis_client
from shared.delivery.publisher import read_partitions
from shared.storage.connection import connect
from shared.storage.incidents import all_incidents
from shared.storage.schema import migrate
from tests.contract.wire import json_bytes
from tests.installation import until
from tests.integration.services.projector.lanes_at_hand import call, calls
from tests.integration.services.projector.projector_threads import projector_threads

_PARTITIONS = 4
_ROUND_S = 0.1


@pytest.fixture(autouse=True)
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after the streams ten times a second."""
    monkeypatch.setattr(stream_keeper, "_EVERY_S", _ROUND_S)
    monkeypatch.setattr(stream_keeper, "_STRAYS_S", _ROUND_S)


def test_number_of_partitions_is_set_right_and_what_went_astray_is_folded(
    redis_url: str, database_url: str
) -> None:
    """Another number, none, or no text at all; events of a publisher that believed it count."""
    client = redis_client(redis_url)
    with projector_threads(redis_url, database_url, partitions=_PARTITIONS) as projector:
        for spoil in (
            partial(client.set, PARTITIONS_KEY, "8"),
            partial(client.delete, PARTITIONS_KEY),
            partial(client.set, PARTITIONS_KEY, "many"),
            partial(_make_list, client),
        ):
            spoil()
            until(lambda: _right(client), "it is set right", 20)
        until(lambda: _declared(database_url) == 4, "each is declared", 20)
        _publish_believing_in(client, 8)
        until(lambda: len(calls(database_url, "call-")) == 20, "what went astray is folded", 20)
        until(lambda: not _stray(client), "nothing is left where nobody reads", 20)
        assert projector.health.complaint() is None

    _make_list(client)
    assert _PARTITIONS == migrate(database_url, partial(read_partitions, client)), "it may start"
    client.close()


def _right(client: redis.Redis) -> bool:
    return bool(client.type(PARTITIONS_KEY) == b"string" and client.get(PARTITIONS_KEY) == b"4")


def _make_list(client: redis.Redis) -> None:
    client.delete(PARTITIONS_KEY)
    client.lpush(PARTITIONS_KEY, "1")


def _declared(database_url: str) -> int:
    """How often somebody changed it."""
    with connect(database_url, "test") as connection:
        found = all_incidents(connection)
    assert {(INBOX_LANE, "partitions_changed", 0)} >= {
        (i.lane, i.kind, i.entries_lost) for i in found
    }
    return sum(incident.times for incident in found)


def _publish_believing_in(client: redis.Redis, partitions: int) -> None:
    for number in range(20):
        event = call(f"call-{number}", type="call.ended", data={"outcome": "busy"})
        stream = partition_stream(partition_of(event["subject"], partitions))
        client.xadd(stream, {"event": json_bytes(event)})


def _stray(client: redis.Redis) -> int:
    return sum(client.xlen(partition_stream(number)) for number in range(_PARTITIONS, 8))
