"""The quota of parked events in a running projector: settings, metric, lanes that move on."""

import pytest
import redis

from services.projector import stream_keeper
from tests.contract.wire import changed, structured
from tests.installation import Installation, until
from tests.integration.services.projector.lanes_at_hand import add, call, calls, column, stream_of
from tests.integration.services.projector.projector_threads import projector_threads


def test_source_over_its_quota_is_told_and_its_lane_moves_on(
    redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gauge counts sources; good events behind hundreds of bad ones are folded."""
    monkeypatch.setattr(stream_keeper, "_EVERY_S", 0.1)
    installed = Installation(redis_url, database_url)
    bad = [changed(id=str(n), subject="call-1", type="call.exploded") for n in range(300)]
    with (
        redis.Redis.from_url(redis_url) as client,
        projector_threads(redis_url, database_url, parked_events_whole=100) as projector,
    ):
        name = "callfold_parked_sources_over_quota"
        assert 0 == projector.metrics.registry.get_sample_value(name)
        add(client, stream_of("call-1"), [*map(structured, bad), structured(call("call-1"))])
        installed.wait_until_folded()
        until(lambda: projector.metrics.registry.get_sample_value(name) == 1, "it is told", 20)

    assert ["call-1"] == calls(database_url, "call-1")
    kept = column(database_url, "SELECT body IS NOT NULL FROM callfold.parked_events")
    assert (100, 200) == (kept.count(True), kept.count(False))
    sources = "SELECT source FROM callfold.parked_sources WHERE over_since <= now()"
    assert 1 == len(column(database_url, sources))
