"""Leases and cursors: who owns a lane, and how far it is archived and folded.

A lease is a row with an epoch and the database's clock. A commit locks its lease rows `FOR KEY
SHARE`: that blocks a takeover, which changes the epoch and so the key, but no renewal.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from shared.folds.journal import Position
from shared.limits import LEASE_MS_MAX
from shared.storage.generations import schema_name
from shared.storage.stalled_commits import end_stalled

#: Deaths in a row with something of a lane at hand from which on it is suspected.
DEATHS_SUSPECT: Final = 2
#: No clock that is right gives a longer one.
_LEASE_MAX: Final = f"{LEASE_MS_MAX} milliseconds"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a lane stands when it is taken."""

    position: Position
    #: How far the generation has followed; behind `position` after an open breaker.
    folded: Position
    entries_read: int
    unclean_deaths: int
    #: Why the lane only archives; None where it folds.
    archive_only: str | None


class Held(NamedTuple):
    """The lanes of one projector, as of a renewal."""

    #: Lane → epoch.
    epochs: dict[int, int]
    #: Those of them that only archive.
    archive_only: set[int]
    #: Lane → deaths in a row of its owners.
    deaths: dict[int, int]


class Lanes:
    """The leases of one projector; every statement commits by itself."""

    def __init__(self, connection: psycopg.Connection, projector: str, lease_ms: int) -> None:
        """`connection` must be in autocommit; `projector` is unique to the process."""
        self._connection = connection
        self._projector = projector
        self._lease = f"{lease_ms} milliseconds"

    def beat(self) -> int:
        """Say that this projector is alive; returns how many are.

        One statement, so that leases last where each takes a good part of a second.
        """
        row = self._connection.execute(
            "WITH alive AS (INSERT INTO callfold.projectors"
            " VALUES (%(self)s, now() + %(lease)s::interval) ON CONFLICT (projector)"
            " DO UPDATE SET expires_at = excluded.expires_at),"
            # After an outage all are outdated and all beat at once: none may wait for another.
            " gone AS (DELETE FROM callfold.projectors WHERE projector IN (SELECT projector"
            " FROM callfold.projectors WHERE expires_at < now() AND projector <> %(self)s"
            " FOR UPDATE SKIP LOCKED)),"
            # By a clock that leapt back since: dead owners would hold their lanes that long.
            " far AS (UPDATE callfold.leases SET expires_at = now() + %(lease)s::interval"
            " WHERE lane IN (SELECT lane FROM callfold.leases"
            " WHERE expires_at > now() + %(most)s::interval FOR NO KEY UPDATE SKIP LOCKED)),"
            " further AS (UPDATE callfold.projectors SET expires_at = now() + %(lease)s::interval"
            " WHERE projector IN (SELECT projector FROM callfold.projectors"
            " WHERE expires_at > now() + %(most)s::interval AND projector <> %(self)s"
            " FOR NO KEY UPDATE SKIP LOCKED))"
            " SELECT 1 + count(*) FROM callfold.projectors"
            " WHERE expires_at >= now() AND projector <> %(self)s",
            {"self": self._projector, "lease": self._lease, "most": _LEASE_MAX},
        ).fetchone()
        return int(row[0]) if row else 1

    def live_generation(self, lock: str = "") -> int | None:
        """The generation that is live; None before the first start."""
        statement = f"SELECT live_generation FROM callfold.installation{lock}"
        row = self._connection.execute(statement.encode()).fetchone()
        return int(row[0]) if row else None

    def leave(self) -> None:
        """Say that this projector is gone, so that the others share its lanes at once."""
        self._connection.execute(
            "DELETE FROM callfold.projectors WHERE projector = %s", (self._projector,)
        )

    def renew(self) -> Held:
        """Renew what this projector holds; returns all that it still holds."""
        rows = self._connection.execute(
            "UPDATE callfold.leases SET expires_at = now() + %s::interval"
            " WHERE owner = %s AND expires_at > now()"
            " RETURNING lane, epoch, archive_only IS NOT NULL, unclean_deaths",
            (self._lease, self._projector),
        ).fetchall()
        return Held(
            {lane: epoch for lane, epoch, _, _ in rows},
            {lane for lane, _, archive_only, _ in rows if archive_only},
            {lane: deaths for lane, _, _, deaths in rows},
        )

    def take(self, lanes_max: int, generation: int) -> dict[int, int]:
        """Take up to `lanes_max` lanes that nobody holds; returns lane → epoch.

        None while another generation than `generation` is live: a lease is good for one alone,
        since every switch ends all of them. A lane whose owner let it expire died uncleanly; its
        count goes up until a commit, unless nothing of it was at hand. Of a suspected lane nothing
        is, until `say_at_hand`. Who takes its own lapsed lane again was only paused, and so was who
        says later that it lives (`still_alive`). Who stands still within a commit is ended a lease
        later, for its locks keep all from its lanes.
        """
        with self._connection.transaction():
            # Locked, because what an UPDATE that waited sees of other tables may be outdated.
            if self.live_generation(" FOR SHARE") != generation:
                return {}
            rows = self._connection.execute(
                "UPDATE callfold.leases AS l SET owner = %s, epoch = l.epoch + 1,"
                " expires_at = now() + %s::interval, accused = free.accused,"
                " unclean_deaths = l.unclean_deaths + (free.accused IS NOT NULL)::int,"
                " at_hand = l.unclean_deaths + (free.accused IS NOT NULL)::int < %s"
                " FROM (SELECT lane, CASE WHEN at_hand AND owner <> %s THEN owner END AS accused"
                " FROM callfold.leases WHERE owner IS NULL OR expires_at < now()"
                " ORDER BY lane LIMIT %s FOR UPDATE SKIP LOCKED) AS free"
                " WHERE l.lane = free.lane RETURNING l.lane, l.epoch",
                (self._projector, self._lease, DEATHS_SUSPECT, self._projector, lanes_max),
            ).fetchall()
        if len(rows) < lanes_max:
            end_stalled(self._connection, self._lease)
        return dict(rows)

    def still_alive(self) -> None:
        """Take back the deaths that this projector is thought to have died: it stood still."""
        self._connection.execute(
            "UPDATE callfold.leases SET accused = NULL,"
            " unclean_deaths = greatest(unclean_deaths - 1, 0),"
            " at_hand = at_hand OR unclean_deaths <= %s WHERE accused = %s",
            (DEATHS_SUSPECT, self._projector),
        )

    def release(self, lanes: list[int]) -> None:
        """Give lanes back cleanly; nothing of them may be under way."""
        self._connection.execute(
            "UPDATE callfold.leases SET owner = NULL, expires_at = '-infinity'"
            " WHERE owner = %s AND lane = ANY(%s)",
            (self._projector, lanes),
        )

    def survived(self, lanes: list[int]) -> None:
        """Forget unclean deaths: a batch of these lanes went through."""
        self._connection.execute(
            "UPDATE callfold.leases SET unclean_deaths = 0, at_hand = true"
            " WHERE owner = %s AND lane = ANY(%s) AND unclean_deaths > 0",
            (self._projector, lanes),
        )

    def say_at_hand(
        self,
        suspects: Mapping[int, int],
        at_hand: Collection[int],
        cleared: Mapping[int, int],
    ) -> None:
        """Say of which suspected lanes, held at these epochs, something is at hand from now on.

        Those that were cleared at their epochs are suspected no more, nor are those whose deaths
        were taken back meanwhile.
        """
        said = [(lane, epoch, lane in at_hand, False) for lane, epoch in suspects.items()]
        said += [(lane, epoch, True, True) for lane, epoch in cleared.items()]
        self._connection.execute(
            "UPDATE callfold.leases AS l SET at_hand = s.at_hand OR l.unclean_deaths < %s,"
            " unclean_deaths = CASE WHEN s.cleared THEN 0 ELSE l.unclean_deaths END"
            " FROM unnest(%s::int[], %s::bigint[], %s::bool[], %s::bool[])"
            " AS s(lane, epoch, at_hand, cleared)"
            " WHERE l.lane = s.lane AND l.epoch = s.epoch"
            " AND (s.cleared OR l.at_hand <> s.at_hand)",
            [DEATHS_SUSPECT, *([*column] for column in zip(*said, strict=True))],
        )

    def open_breaker(self, lanes: list[int], reason: str) -> None:
        """From now on only archive these lanes, until an operator releases them."""
        self._connection.execute(
            "UPDATE callfold.leases SET archive_only = %s WHERE lane = ANY(%s)", (reason, lanes)
        )

    def vouch(self, vouched: dict[int, int]) -> None:
        """Say up to which millisecond of Redis' clock lanes were seen empty.

        A lane whose cursor a commit moves at the moment is left out: waiting would cost leases.
        """
        self._connection.execute(
            "UPDATE callfold.lanes AS l SET vouched_ms = greatest(l.vouched_ms, v.ms)"
            " FROM (SELECT lane, v.ms FROM callfold.lanes"
            " JOIN unnest(%s::int[], %s::bigint[]) AS v(lane, ms) USING (lane)"
            " FOR NO KEY UPDATE OF lanes SKIP LOCKED) AS v WHERE l.lane = v.lane",
            (list(vouched), list(vouched.values())),
        )

    def cursors(self, lanes: list[int], generation: int) -> dict[int, Cursor]:
        """Where lanes stand in the log and in a generation."""
        rows = self._connection.execute(
            "SELECT l.lane, l.ms, l.seq, l.entries_read, e.unclean_deaths, e.archive_only"
            " FROM callfold.lanes l JOIN callfold.leases e USING (lane) WHERE lane = ANY(%s)",
            (lanes,),
        ).fetchall()
        folded = fold_positions(self._connection, generation)
        return {
            lane: Cursor(
                (ms, int(seq)), folded.get(lane, (0, 0)), entries_read, deaths, archive_only
            )
            for lane, ms, seq, entries_read, deaths, archive_only in rows
        }


def fold_positions(connection: psycopg.Connection, generation: int) -> dict[int, Position]:
    """How far each lane is folded into a generation; lanes never folded are left out."""
    rows = connection.execute(
        sql.SQL("SELECT lane, ms, seq FROM {}").format(
            sql.Identifier(schema_name(generation), "positions")
        )
    ).fetchall()
    return {lane: (ms, int(seq)) for lane, ms, seq in rows}


def archived_through_ms(connection: psycopg.Connection) -> int:
    """The instant of Redis' clock up to which every partition is archived."""
    row = connection.execute(
        "SELECT min(greatest(vouched_ms, ms - 1)) FROM callfold.lanes WHERE lane >= 0"
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def open_breakers(connection: psycopg.Connection) -> dict[int, str]:
    """Lanes that only archive, with the reason."""
    rows = connection.execute(
        "SELECT lane, archive_only FROM callfold.leases WHERE archive_only IS NOT NULL ORDER BY 1"
    ).fetchall()
    return dict(rows)


def close_breaker(connection: psycopg.Connection, lanes: list[int]) -> list[int]:
    """Let lanes fold again, from where they stopped; returns those that did not."""
    rows = connection.execute(
        "UPDATE callfold.leases SET archive_only = NULL"
        " WHERE lane = ANY(%s) AND archive_only IS NOT NULL RETURNING lane",
        (lanes,),
    ).fetchall()
    return sorted(row[0] for row in rows)
