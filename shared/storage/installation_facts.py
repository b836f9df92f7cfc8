"""How an installation stands: its generation, who runs it, what is open. For `callfold doctor`."""

from typing import NamedTuple

import psycopg

from shared.errors import GenerationError

_DAY_MS = 86_400_000
_FACTS = (
    "SELECT i.partitions, i.live_generation, g.fold_version,"
    " (SELECT count(*)::int FROM callfold.projectors WHERE expires_at > now()),"
    " (SELECT array_agg(lane ORDER BY lane) FROM callfold.leases"
    " WHERE owner IS NULL OR expires_at <= now()),"
    " (SELECT array_agg(lane ORDER BY lane) FROM callfold.leases WHERE unclean_deaths > 0),"
    " (SELECT count(*)::int FROM callfold.parked_events WHERE resolved_at IS NULL)"
    " FROM callfold.installation i LEFT JOIN callfold.generations g"
    " ON g.generation = i.live_generation"
)
# By the clock of the streams; no index is needed, only the months' own tables are read.
_LOG = (
    "SELECT coalesce(sum(octet_length(body)), 0)::bigint, coalesce(sum(events), 0)::bigint"
    " FROM callfold.log_segments"
    " WHERE first_ms > (extract(epoch FROM now()) * 1000)::bigint - %s"
)


class InstallationFacts(NamedTuple):
    """What the database says of the installation."""

    partitions: int
    live_generation: int
    #: None where the live generation is missing.
    fold_version: int | None
    projectors: int
    #: Lanes that nobody holds, and lanes whose owners died without a commit since.
    lanes_free: list[int]
    lanes_deadly: list[int]
    parked_open: int


def installation_facts(connection: psycopg.Connection) -> InstallationFacts:
    """Ask the database.

    Raises:
        GenerationError: it holds no installation.
    """
    row = connection.execute(_FACTS).fetchone()
    if row is None:
        raise GenerationError("the database holds no installation; start a projector first")
    partitions, generation, fold_version, projectors, free, deadly, parked = row
    return InstallationFacts(
        partitions, generation, fold_version, projectors, free or [], deadly or [], parked
    )


def log_of_a_day(connection: psycopg.Connection) -> tuple[int, int]:
    """Bytes and events that the log took in within the last day."""
    row = connection.execute(_LOG, (_DAY_MS,)).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
