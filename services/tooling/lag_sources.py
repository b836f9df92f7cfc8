"""Asks PostgreSQL and Redis where the lanes stand, and goes on with one while the other is away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import msgspec
import psycopg
import redis

from shared.contracts.instants import us_text_ms
from shared.contracts.stream_names import INBOX_LANE, lane_stream
from shared.delivery.connection import redis_client
from shared.delivery.publisher import read_partitions
from shared.delivery.stream_lag import Waiting, advertised_marks, server_ms, waiting
from shared.errors import CallfoldError
from shared.storage.connection import connect
from shared.storage.lag import LaneStanding, lane_standings


class LaneLag(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One lane; None is what nobody could say."""

    lane: int
    stream: str
    to_archive: int | None
    to_archive_is_estimate: bool
    to_fold: int | None
    oldest_age_ms: int | None
    owner: str | None = None
    epoch: int | None = None
    lease: str | None = None
    unclean_deaths: int | None = None
    breaker: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at one moment."""

    #: By the clock of Redis, or of the database; None while both are away.
    at: str | None
    lanes: list[LaneLag]
    #: A line for each server that did not answer: which, why, and what that hides.
    unknown: list[str]

    @property
    def total_to_archive(self) -> int | None:
        """Over all lanes."""
        return _sum([lane.to_archive for lane in self.lanes])

    @property
    def total_to_fold(self) -> int | None:
        """Over all lanes."""
        return _sum([lane.to_fold for lane in self.lanes])


class LagSources:
    """Both servers; connections are kept from look to look, and made anew when they broke."""

    def __init__(self, redis_url: str, database_url: str) -> None:
        """Connects at the first look."""
        self._redis = redis_client(redis_url)
        self._database_url = database_url
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._redis.close()
        self._forget_database()

    def look(self) -> Look:
        """Where every lane stands now; never raises for a server that is away."""
        unknown: list[str] = []
        now_ms: int | None = None
        standings: dict[int, LaneStanding] = {}
        try:
            now_ms, standings = self._ask_database()
        except (psycopg.Error, CallfoldError) as error:
            self._forget_database()
            unknown.append(
                f"PostgreSQL: {_first_line(error)}; who owns the lanes and what waits to be folded "
                "is unknown, what waits to be archived is as it was advertised seconds before"
            )
        found: Mapping[int, Waiting] = {}
        try:
            now_ms, found = self._ask_redis(standings)
        except (redis.RedisError, CallfoldError) as error:
            unknown.append(
                f"Redis: {_first_line(error)}; what waits to be archived is unknown"
                + ("" if standings else ", and so is everything else")
            )
        lanes = [
            _lane(lane, standings.get(lane), found.get(lane), now_ms)
            for lane in sorted({*standings, *found})
        ]
        return Look(None if now_ms is None else us_text_ms(now_ms * 1000), lanes, unknown)

    def _forget_database(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask_database(self) -> tuple[int, dict[int, LaneStanding]]:
        if self._connection is None:
            self._connection = connect(self._database_url, "lag")
        now_ms, standings = lane_standings(self._connection)
        return now_ms, {standing.lane: standing for standing in standings}

    def _ask_redis(self, standings: Mapping[int, LaneStanding]) -> tuple[int, dict[int, Waiting]]:
        marks = {lane: (it.position, it.counted) for lane, it in standings.items()}
        if not marks:
            lanes = [INBOX_LANE, *range(read_partitions(self._redis))]
            marks = advertised_marks(self._redis, lanes)
        found = waiting(self._redis, marks)
        if not standings:
            found = {lane: it._replace(is_estimate=True) for lane, it in found.items()}
        return server_ms(self._redis), found


def _lane(
    lane: int, standing: LaneStanding | None, found: Waiting | None, now_ms: int | None
) -> LaneLag:
    since_ms = [
        ms
        for ms in (standing and standing.oldest_unfolded_ms, found and found.oldest_ms)
        if ms is not None
    ]
    waits = LaneLag(
        lane=lane,
        stream=lane_stream(lane),
        to_archive=found.entries if found else None,
        to_archive_is_estimate=found.is_estimate if found else False,
        to_fold=standing.unfolded if standing else None,
        oldest_age_ms=max(0, now_ms - min(since_ms)) if since_ms and now_ms is not None else None,
    )
    if standing is None:
        return waits
    return msgspec.structs.replace(
        waits,
        owner=standing.owner,
        epoch=standing.epoch,
        lease=standing.lease,
        unclean_deaths=standing.unclean_deaths,
        breaker=standing.breaker,
    )


def _sum(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
