"""Tests of the traffic files: what is in them is what their truth was counted from."""

from collections import Counter
from pathlib import Path
from typing import Any

import hiredis

from shared.contracts.codec import decode_event
from shared.contracts.stream_names import partition_of, partition_stream
from tests.bench.call_events import open_calls
from tests.bench.load import PARTITIONS, Load, campaigns_of, write_campaigns, xadd

_SEED = 5


def small_load(folder: Path) -> Load:
    """Two small campaigns."""
    campaigns = campaigns_of(1_000, seed=_SEED, executions=2)
    return write_campaigns(folder / "load", campaigns, seed=_SEED, frame_events=7)


def commands_of(load: Load) -> list[list[bytes]]:
    """All commands of a file, unpacked; each frame must hold as many as it says."""
    commands: list[list[bytes]] = []
    for packed, count in load.read_frames():
        reader = hiredis.Reader()
        reader.feed(packed)
        commands += [reader.gets() for _ in range(count)]
        assert reader.gets() is False
    return commands


def test_every_command_publishes_an_event_to_its_partition(tmp_path: Path) -> None:
    """Each is an XADD whose stream follows from the event's subject."""
    load = small_load(tmp_path)
    commands = commands_of(load)
    assert load.events == len(commands)
    assert load.json_bytes == sum(len(command[4]) for command in commands)
    for name, stream, place, field, event in commands:
        partition = partition_of(decode_event(event).subject, PARTITIONS)
        assert (b"XADD", b"*", b"event") == (name, place, field)
        assert partition_stream(partition).encode() == stream


def test_events_come_twice_and_late_as_the_targets_ask(tmp_path: Path) -> None:
    """About 5 % of the events are repeated, and campaigns run at the same time."""
    events = [decode_event(command[4]) for command in commands_of(small_load(tmp_path))]
    copies = Counter((event.source, event.id) for event in events)
    repeated = sum(copies.values()) - len(copies)
    assert 0.02 < repeated / len(copies) < 0.09
    first_half = [event.executionid for event in events[: len(events) // 2]]
    assert {"execution-00", "execution-01"} <= set(first_half)


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    """Two runs measure the same bytes, and expect the same reports."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one, other = small_load(tmp_path / "one"), small_load(tmp_path / "other")
    assert one.path.read_bytes() == other.path.read_bytes()
    assert one.truths == other.truths


def test_open_calls_are_all_open_before_any_goes_on() -> None:
    """Every call is initiated, answered and enters a node, in three waves; none ends."""
    events: list[Any] = [decode_event(event) for _, event in open_calls("execution-1", 3)]
    types = [event.__struct_config__.tag for event in events]
    assert ["call.initiated"] * 3 + ["call.answered"] * 3 + ["node.entered"] * 3 == types
    assert 3 == len({event.subject for event in events})


def test_packed_command_is_what_redis_reads() -> None:
    """Lengths count bytes, not characters."""
    reader = hiredis.Reader()
    reader.feed(xadd("probe", "é".encode()))
    stream = partition_stream(partition_of("probe", PARTITIONS)).encode()
    assert [b"XADD", stream, b"*", b"event", "é".encode()] == reader.gets()
