"""How much waits in the streams behind a cursor, without reading it. Called by `callfold lag`."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import redis

from shared.contracts.stream_names import WATERMARK_GROUP, lane_stream
from shared.delivery.stream_watch import entry_position
from shared.folds.journal import Position

#: A cursor, and how many entries the stream had counted up to it.
Mark = tuple[Position, int]


class Waiting(NamedTuple):
    """What waits in one stream."""

    entries: int
    #: The stream's count and ours do not meet, so `entries` is only bounded by its length.
    is_estimate: bool
    #: The stream time of the first one, in milliseconds of Redis' clock; None where none waits.
    oldest_ms: int | None


def server_ms(client: redis.Redis) -> int:
    """Milliseconds of the server's clock, which entry ids are made of."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def waiting(client: redis.Redis, marks: Mapping[int, Mark]) -> dict[int, Waiting]:
    """What waits behind each lane's mark.

    Raises:
        redis.RedisError: the server is away, or a key holds no stream.
    """
    pipeline: Any = client.pipeline(transaction=False)
    for lane, ((ms, seq), _) in marks.items():
        pipeline.xinfo_stream(lane_stream(lane))
        pipeline.execute_command("XRANGE", lane_stream(lane), f"({ms}-{seq}", "+", "COUNT", 1)
    answers = pipeline.execute(raise_on_error=False)
    found = zip(marks.items(), answers[::2], answers[1::2], strict=True)
    return {lane: _waiting(mark, said, behind) for (lane, mark), said, behind in found}


def advertised_marks(client: redis.Redis, lanes: Iterable[int]) -> dict[int, Mark]:
    """How far each lane is archived as its watermark group says, some seconds late.

    For when the database, which knows exactly, is away.
    """
    asked = list(lanes)
    pipeline: Any = client.pipeline(transaction=False)
    for lane in asked:
        pipeline.xinfo_groups(lane_stream(lane))
    answers = pipeline.execute(raise_on_error=False)
    return {lane: _mark(groups) for lane, groups in zip(asked, answers, strict=True)}


def _waiting(mark: Mark, said: Any, behind: Any) -> Waiting:
    if isinstance(said, redis.ResponseError) and "no such key" in str(said):
        return Waiting(0, is_estimate=False, oldest_ms=None)
    for answer in (said, behind):
        if isinstance(answer, Exception):
            raise answer
    if not behind:
        return Waiting(0, is_estimate=False, oldest_ms=None)
    (position, counted), length = mark, int(said["length"])
    oldest_ms = entry_position(behind[0][0])[0]
    first = said["first-entry"]
    if first and entry_position(first[0]) > position:
        return Waiting(length, is_estimate=False, oldest_ms=oldest_ms)
    entries = int(said["entries-added"]) - counted
    within = min(max(entries, 1), length)
    return Waiting(within, is_estimate=within != entries, oldest_ms=oldest_ms)


def _mark(groups: Any) -> Mark:
    if isinstance(groups, redis.ResponseError) and "no such key" in str(groups):
        return (0, 0), 0
    if isinstance(groups, Exception):
        raise groups
    for group in groups:
        if group["name"] == WATERMARK_GROUP.encode():
            return entry_position(group["last-delivered-id"]), int(group["entries-read"] or 0)
    return (0, 0), 0
