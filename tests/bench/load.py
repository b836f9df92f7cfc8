"""Seeded traffic, written to a file as packed XADD commands, so that publishing costs nothing.

Several campaigns of `services.tooling.traffic` run at once; 5 % of their events come twice and
20 % late. What their reports must show is kept beside the file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.tooling.traffic import Campaign, CampaignPlan, Event, disorder, to_json
from shared.contracts.codec import EVENT_FIELD
from shared.contracts.stream_names import partition_of, partition_stream
from shared.limits import PARTITIONS_DEFAULT
from tests.bench.raw_redis import RawRedis, packed

ORGANIZATION_ID = "org-bench"
#: The partitions of a fresh installation.
PARTITIONS = PARTITIONS_DEFAULT
EXECUTIONS = 20
#: Events that one contact of the simulated campaigns brings on average, repetitions included.
EVENTS_PER_CONTACT = 38.1
#: Events sent at a time where nothing paces them.
FRAME_EVENTS = 500

_STARTED_AT = datetime(2026, 9, 1, 8, tzinfo=UTC)
_STREAMS = [partition_stream(partition).encode() for partition in range(PARTITIONS)]


@dataclass(frozen=True, slots=True)
class Load:
    """Events ready to be published, and what must come of them."""

    path: Path
    #: Of each frame its length in bytes and its number of commands, in the order of the file.
    frames: Sequence[tuple[int, int]]
    #: Entries, repetitions included.
    events: int
    #: Bytes of JSON of all entries.
    json_bytes: int
    #: Per execution what `…/report` must show.
    truths: Mapping[str, dict[str, Any]]

    def read_frames(self) -> Iterator[tuple[bytes, int]]:
        """Each frame's packed commands, and how many they are."""
        with self.path.open("rb") as file:
            for length_bytes, commands in self.frames:
                yield file.read(length_bytes), commands

    def publish(self, redis_url: str) -> None:
        """Add all entries to their streams, as fast as Redis takes them."""
        with RawRedis(redis_url) as redis:
            for commands, count in self.read_frames():
                redis.ask(commands, count)


def campaigns_of(events: int, *, seed: int, executions: int = EXECUTIONS) -> list[Campaign]:
    """Campaigns that bring about this many entries in all, once disordered."""
    contacts = max(1, round(events / EVENTS_PER_CONTACT / executions))
    return [
        Campaign(
            CampaignPlan(
                organization_id=ORGANIZATION_ID,
                execution_id=f"execution-{number:02}",
                program_id="program-bench",
                contacts=contacts,
                seed=seed + number,
                started_at=_STARTED_AT,
                enrolled_ahead=100,
                dialer_sources=(f"/dialer/{number}-1", f"/dialer/{number}-2"),
                billing_source=f"/billing/{number}",
            )
        )
        for number in range(executions)
    ]


def write_campaigns(
    path: Path, campaigns: Sequence[Campaign], *, seed: int, frame_events: int = FRAME_EVENTS
) -> Load:
    """Play campaigns beside one another, repeat and delay some events, and write them down."""
    events = disorder(_interleaved([campaign.events() for campaign in campaigns]), seed=seed)
    messages = ((str(event["subject"]), to_json(event)) for event in events)
    frames, count, json_bytes = write_frames(path, messages, frame_events)
    truths = {campaign.plan.execution_id: campaign.truth.report() for campaign in campaigns}
    return Load(path, frames, count, json_bytes, truths)


def write_frames(
    path: Path, messages: Iterable[tuple[str, bytes]], frame_events: int
) -> tuple[list[tuple[int, int]], int, int]:
    """Write events (subject, JSON) as packed commands.

    Returns: the frames as in `Load`, the number of events, and the bytes of their JSON.
    """
    frames: list[tuple[int, int]] = []
    frame: list[bytes] = []
    count = json_bytes = 0
    with path.open("wb") as file:
        for subject, event in messages:
            frame.append(xadd(subject, event))
            count += 1
            json_bytes += len(event)
            if len(frame) == frame_events:
                frames.append((file.write(b"".join(frame)), len(frame)))
                frame.clear()
        if frame:
            frames.append((file.write(b"".join(frame)), len(frame)))
    return frames, count, json_bytes


def xadd(subject: str, event: bytes) -> bytes:
    """The packed command that publishes one event to its partition."""
    stream = _STREAMS[partition_of(subject, PARTITIONS)]
    return packed(b"XADD", stream, b"*", EVENT_FIELD, event)


def _interleaved(streams: list[Iterator[Event]]) -> Iterator[Event]:
    """One event of each campaign in turn, until all are over."""
    while streams:
        for stream in list(streams):
            event = next(stream, None)
            if event is None:
                streams.remove(stream)
            else:
                yield event
