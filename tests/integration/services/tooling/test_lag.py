"""`callfold lag` against a real Redis and PostgreSQL, and with either of them away."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from shared.contracts.entries import Entry
from shared.contracts.stream_names import INBOX_LANE, INBOX_STREAM, partition_stream
from shared.delivery.connection import redis_client
from shared.delivery.stream_keeping import advertise
from shared.storage import merging
from shared.storage.merging import SegmentMerger
from shared.storage.schema import migrate
from tests.command_line import start_callfold
from tests.installation import free_port
from tests.integration.shared.storage.lane_owner import (
    NOW_MS,
    PARTITIONS,
    LaneOwner,
    call_entry,
    lane_owner,
)


@pytest.fixture
def owner(
    redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LaneOwner]:
    """The owner of all lanes of an installation that the command line is told of."""
    migrate(database_url, PARTITIONS)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)
    monkeypatch.setenv("CALLFOLD_REDIS_URL", redis_url)
    with lane_owner(database_url, "one") as one:
        yield one


def _lag(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["lag", *arguments])


def _json(exit_code: int = 0) -> dict[str, Any]:
    result = _lag("--json")
    assert exit_code == result.exit_code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def _lane(answer: dict[str, Any], lane: int) -> dict[str, Any]:
    (found,) = [it for it in answer["lanes"] if it["lane"] == lane]
    return dict(found)


def _add(redis_url: str, lane: int, entries: list[Entry]) -> None:
    client: Any = redis_client(redis_url)
    for ms, seq, fields in entries:
        client.xadd(partition_stream(lane), {fields[0]: fields[1]}, id=f"{ms}-{seq}")


def test_new_installation_waits_for_nothing(owner: LaneOwner) -> None:
    """Streams that are not there yet hold nothing; nobody owns the lanes."""
    answer = _json()

    assert [INBOX_LANE, 0, 1, 2, 3] == [lane["lane"] for lane in answer["lanes"]]
    assert {"toArchive": 0, "toFold": 0, "oldestAgeMs": None} == answer["total"]
    assert {"free"} == {lane["lease"] for lane in answer["lanes"]}
    assert [] == answer["unknown"]


def test_entries_behind_the_cursor_wait_to_be_archived(owner: LaneOwner, redis_url: str) -> None:
    """Counted by the stream's own count, though archived ones still lie in the stream."""
    owner.take()
    entries = [call_entry(n, 1) for n in range(5)]
    _add(redis_url, 1, entries)
    owner.archive(1, entries[:3])
    client: Any = redis_client(redis_url)
    client.xadd(INBOX_STREAM, {"event": "{}"})

    answer = _json()

    lane = _lane(answer, 1)
    assert (2, False, 0) == (lane["toArchive"], lane["toArchiveIsEstimate"], lane["toFold"])
    assert ("one", 1, "held", None) == tuple(
        lane[k] for k in ("owner", "epoch", "lease", "breaker")
    )
    now_ms = int(client.time()[0]) * 1000
    assert abs(now_ms - (NOW_MS + 3) - lane["oldestAgeMs"]) < 10_000
    assert 1 == _lane(answer, INBOX_LANE)["toArchive"]
    assert 3 == answer["total"]["toArchive"]
    assert lane["oldestAgeMs"] == answer["total"]["oldestAgeMs"]


def test_lane_with_an_open_breaker_shows_what_is_archived_only(
    owner: LaneOwner, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted exactly, also where merging put folded and unfolded entries into one segment."""
    monkeypatch.setattr(merging, "EVENTS_AIM", 6)
    monkeypatch.setattr(merging, "EVENTS_SMALL", 5)
    owner.take()
    entries = [call_entry(n, 2) for n in range(9)]
    _add(redis_url, 2, entries)
    owner.archive(2, entries[:3])
    owner.lanes.open_breaker([2], "a bug")
    old = (entries[2].ms, entries[2].seq)
    for part in (entries[3:7], entries[7:]):
        owner.folding.archive(2, old, part)
        owner.commit(owner.folding.harvest())
        old = (part[-1].ms, part[-1].seq)

    for merged in (0, 2):
        lane = _lane(_json(), 2)
        assert (0, 6, "a bug") == (lane["toArchive"], lane["toFold"], lane["breaker"])
        if not merged:
            assert SegmentMerger(owner.connection, owner.name).merge(2, owner.epochs[2])
    text = _lag().stdout
    assert "a bug" in text
    assert "d" in text.split("│ 2 ", 1)[-1].splitlines()[0]


def test_stream_that_others_changed_is_only_bounded(owner: LaneOwner, redis_url: str) -> None:
    """Counts that do not meet are no figures; the length of the stream is a bound."""
    owner.take()
    entries = [call_entry(n, 0) for n in range(4)]
    _add(redis_url, 0, entries)
    owner.archive(0, entries[:2])
    client: Any = redis_client(redis_url)
    client.execute_command("XSETID", partition_stream(0), f"{NOW_MS + 3}-0", "ENTRIESADDED", 900)

    lane = _lane(_json(), 0)

    assert (4, True) == (lane["toArchive"], lane["toArchiveIsEstimate"])
    assert "~4" in _lag().stdout


def test_without_redis_the_database_s_half_is_shown(
    owner: LaneOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owners and breakers are known; what waits in the streams is not: exit code 1."""
    owner.take()
    monkeypatch.setenv("CALLFOLD_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    answer = _json(exit_code=1)

    assert {(None, 0, "one")} == {
        (lane["toArchive"], lane["toFold"], lane["owner"]) for lane in answer["lanes"]
    }
    assert {"toArchive": None, "toFold": 0, "oldestAgeMs": None} == answer["total"]
    (line,) = answer["unknown"]
    assert line.startswith("Redis: ")
    assert "what waits to be archived is unknown" in _lag().stdout.replace("\n", " ")


def test_without_the_database_the_watermarks_are_shown(
    owner: LaneOwner, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What projectors advertised last is an estimate; owners are unknown."""
    entries = [call_entry(n, 3) for n in range(5)]
    _add(redis_url, 3, entries)
    client: Any = redis_client(redis_url)
    client.set("callfold:partitions", str(PARTITIONS))
    advertise(client, 3, (entries[1].ms, 0), 2)
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", f"postgresql://127.0.0.1:{free_port()}/none")

    answer = _json(exit_code=1)

    lane = _lane(answer, 3)
    assert (3, True, None) == (lane["toArchive"], lane["toArchiveIsEstimate"], lane["toFold"])
    assert (None, None) == (lane["owner"], lane["lease"])
    assert PARTITIONS + 1 == len(answer["lanes"])
    assert answer["unknown"][0].startswith("PostgreSQL: ")


def test_without_either_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are named, and the exit code is 1."""
    monkeypatch.setenv("CALLFOLD_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", f"postgresql://127.0.0.1:{free_port()}/none")

    answer = _json(exit_code=1)

    assert [] == answer["lanes"]
    assert ["PostgreSQL", "Redis"] == [line.split(":")[0] for line in answer["unknown"]]


@pytest.mark.parametrize("arguments", (("--json",), ()))
def test_watching_ends_well_with_ctrl_c(
    owner: LaneOwner, redis_url: str, database_url: str, arguments: tuple[str, ...]
) -> None:
    """It looks every second until it is asked to end, which is no failure."""
    process = start_callfold(
        "lag", "--watch", *arguments, redis_url=redis_url, database_url=database_url
    )
    with process:
        assert process.stdout is not None
        seen = 0
        for line in process.stdout:
            seen += ("toArchive" if arguments else "to archive") in line
            if seen == 2:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert (0, "") == (process.returncode, errors)
