"""A stream that is another one, or cannot be read, goes on behind the cursor; no entry is left."""

import json
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

from services.tooling.__main__ import app
from shared.contracts.stream_names import aside_stream, lane_stream, partition_of
from shared.delivery import stream_resuming
from shared.limits import PARTITIONS_DEFAULT
from tests.contract.wire import json_bytes
from tests.installation import Installation, until
from tests.integration.services.projector.incidents_at_hand import (
    LANE,
    SUBJECT,
    add,
    charges,
    counted_as_added,
    incidents,
    rounds,
    said,
    wait_for,
)
from tests.integration.services.projector.lanes_at_hand import call
from tests.integration.services.projector.projector_threads import projector_threads

pytestmark = pytest.mark.usefixtures("quick_rounds")

#: Far before any cursor: the clock of a server that was set back by decades.
_LOW_MS = 1_000_000


def recreate_with_low_ids(client: redis.Redis, begin: int, entries: int) -> None:
    """What a server does whose clock was set back: a new stream, ids before the cursor."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.delete(lane_stream(LANE))
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
            wait_for(installed, (LANE, "recreated", None))
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


@pytest.mark.parametrize("low", (20, 80))
def test_entries_before_the_cursor_are_found_though_ids_have_passed_it(
    installed: Installation, client: redis.Redis, low: int
) -> None:
    """A server's clock was behind, then right: by then fewer came than were read, or more."""
    with projector_threads(installed.redis_url, installed.database_url):
        add(client, 0, 50)
        installed.wait_until_folded()
    recreate_with_low_ids(client, 50, low)
    add(client, 50 + low, 5)
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        wait_for(installed, (LANE, "recreated", None))
        until(lambda: charges(installed) == 55 + low, "all are folded", 20)
        rounds()

        (incident,) = incidents(installed)
        assert low == incident.detail["addedAgain"]
        assert counted_as_added(installed, client)
        assert projector.health.complaint() is None


def test_too_many_entries_before_the_cursor_are_set_aside_for_an_operator(
    installed: Installation, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no silence: readiness names the lane, the incident says what to do; the lane reads on."""
    monkeypatch.setattr(stream_resuming, "_UNREAD_ENTRIES_MAX", 4)
    with projector_threads(
        installed.redis_url, installed.database_url, stream_keep_ms=0
    ) as projector:
        add(client, 0, 50)
        installed.wait_until_folded()
        recreate_with_low_ids(client, 50, 5)
        wait_for(installed, (LANE, "recreated", None))
        complaint = projector.health.complaint() or ""
        assert complaint.startswith(f"incident: lane {LANE}: 5 of its entries lie aside")
        assert 50 == charges(installed)
        (incident,) = incidents(installed)
        assert 5 == incident.detail["length"] == client.xlen(aside_stream(LANE))
        add(client, 60, 5)
        until(lambda: charges(installed) == 55, "what is published now is folded")
        assert f"`callfold incidents resume {LANE}`" in incident.detail["todo"]

        assert 5 == resumed(installed, "--dry-run")["addedAgain"]
        assert complaint == projector.health.complaint()
        assert 5 == resumed(installed)["addedAgain"]
        until(lambda: charges(installed) == 60, "all are folded")
        until(lambda: projector.health.complaint() is None, "readiness is green", 20)
        add(client, 65, 5)
        until(lambda: charges(installed) == 65, "what comes then is folded")
        rounds()
        assert not resumed(installed)["waited"]
        assert [(LANE, "recreated", None)] == said(installed)
        assert counted_as_added(installed, client)


def resumed(installed: Installation, *options: str) -> Any:
    """What `callfold incidents resume` says of the lane."""
    urls = {
        "CALLFOLD_REDIS_URL": installed.redis_url,
        "CALLFOLD_DATABASE_URL": installed.database_url,
    }
    words = ["incidents", "resume", str(LANE), "--json", *options]
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
        backup = binary.dump(lane_stream(LANE))
        last_id = client.xinfo_stream(lane_stream(LANE))["last-generated-id"]
        add(client, 20, 30)
        installed.wait_until_folded()
        with binary.pipeline(transaction=True) as pipeline:
            pipeline.restore(lane_stream(LANE), 0, backup, replace=True)
            if added_since:
                ms, _, seq = last_id.partition("-")
                event = call(SUBJECT, id="50", type="call.charged", data={"amount": 1})
                fields = {"event": json_bytes(event)}
                pipeline.xadd(lane_stream(LANE), fields, id=f"{ms}-{int(seq) + 1}")
            pipeline.execute()
        binary.close()
        wait_for(installed, (LANE, "recreated", None))
        (incident,) = incidents(installed)
        assert added_since == incident.detail["addedAgain"]
        assert projector.health.complaint() is None
        add(client, 20, 40)
        until(lambda: charges(installed) == 60, "what is published again counts once")
        rounds()

        assert counted_as_added(installed, client)
        assert 1 == len(incidents(installed))


@pytest.mark.parametrize("seq", (0, 2**64 - 1))
def test_entry_id_beyond_all_positions_makes_its_stream_begin_anew(
    installed: Installation, client: redis.Redis, seq: int
) -> None:
    """All of it is folded, and publishers go on, though the stream had no id left to give."""
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        with client.pipeline(transaction=True) as pipeline:
            add(pipeline, 0, 5)
            fields: Any = {"event": json_bytes(beyond())}
            pipeline.xadd(lane_stream(LANE), fields, id=f"{2**63 if not seq else 2**64 - 1}-{seq}")
            pipeline.execute()
        add(client, 5, 5, lane=LANE + 1)  # moved to the stream that cannot be read, or added to
        wait_for(installed, (LANE, "id_out_of_range", None))
        until(lambda: charges(installed) == 11, "all are folded", 20)
        add(client, 10, 5)
        until(lambda: charges(installed) == 16, "what is published now is folded")
        until(lambda: projector.health.complaint() is None, "readiness is green", 20)
        rounds()

        assert [(LANE, "id_out_of_range", None)] == said(installed)
        assert counted_as_added(installed, client)
        assert 0 == client.exists(aside_stream(LANE))


def test_key_that_is_no_stream_holds_up_no_lane_and_goes_aside(
    installed: Installation, client: redis.Redis
) -> None:
    """Also while events must be moved into it; what stood there is kept, and said."""
    with projector_threads(installed.redis_url, installed.database_url) as projector:
        add(client, 0, 5)
        installed.wait_until_folded()
        client.set(lane_stream(LANE), "somebody's")
        add(client, 5, 5, lane=LANE + 1)
        event = call("another", id="another", type="call.charged", data={"amount": 1})
        other = lane_stream(partition_of("another", PARTITIONS_DEFAULT))
        client.xadd(other, {"event": json_bytes(event)})
        until(lambda: charges(installed) == 11, "all are folded", 20)
        wait_for(installed, (LANE, "wrong_type", None))
        (incident,) = incidents(installed)
        assert "somebody's" == client.get(incident.detail["movedTo"])
        add(client, 10, 5)
        until(lambda: charges(installed) == 16, "what is published now is folded")
        until(lambda: projector.health.complaint() is None, "readiness is green", 20)
        rounds()
        assert 1 == len(incidents(installed))
        assert counted_as_added(installed, client)


def beyond() -> dict[str, Any]:
    """The event whose id nobody can keep."""
    return call(SUBJECT, id="beyond", type="call.charged", data={"amount": 1})
