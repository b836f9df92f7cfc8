"""The installation: does its data fit this release, does somebody fold it, is anything open."""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
import redis

from services.tooling.doctor.check import (
    Check,
    doubtful,
    judged,
    lanes_text,
    size_text,
    well,
    wrong,
)
from services.tooling.incidents.known import known_incidents
from shared.contracts.stream_names import INBOX_LANE, PARTITIONS_KEY
from shared.delivery.cluster_client import primaries
from shared.delivery.server_facts import streams_bytes
from shared.errors import StorageError
from shared.folds.states import FOLD_VERSION
from shared.storage.installation_facts import (
    InstallationFacts,
    installation_facts,
    log_of_a_day,
)
from shared.storage.lanes import open_breakers
from shared.storage.parking import sources_over_quota
from shared.storage.schema import pending_migrations

_DAYS: Final = 365


def migration_check(database_url: str) -> Check:
    """Whether the tables are this release's."""
    name = "installation migrations"
    try:
        pending = pending_migrations(database_url)
    except StorageError as error:
        return wrong(name, str(error), "run that release's commands and processes")
    if pending:
        return wrong(name, f"{len(pending)} not applied: {pending[0]} …", "run `callfold migrate`")
    return well(name, "as this release needs them")


def installation_checks(
    connection: psycopg.Connection, client: redis.Redis | None
) -> Iterator[Check]:
    """Everything but the migrations, which must have been applied; `client` is None while away."""
    facts = installation_facts(connection)
    yield _generation(facts)
    if client is not None:
        yield _partitions(client, facts)
        yield _streams(client, facts)
    yield from _projectors(facts)
    yield _breakers(connection)
    yield _incidents(connection)
    yield _parked(connection, facts)
    yield _log(connection)


def _generation(facts: InstallationFacts) -> Check:
    name = "installation generation"
    number, version = facts.live_generation, facts.fold_version
    if version is None:
        return wrong(name, f"generation {number} is live, and missing", "run `callfold rebuild`")
    found = f"generation {number}, fold version {version}; this release folds {FOLD_VERSION}"
    to_do = "start the release that it was folded by, or run `callfold rebuild`"
    return judged(name, found, to_do, good=version == FOLD_VERSION)


def _partitions(client: redis.Redis, facts: InstallationFacts) -> Check:
    name, here = "installation partitions", facts.partitions
    said = client.get(PARTITIONS_KEY)
    text = said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else None
    if text is None:
        found = f"{here} in the database; Redis does not say"
        return doubtful(name, found, "start a projector, which announces them")
    return judged(
        name,
        f"{here} in the database, {text} in Redis",
        f"find who writes {PARTITIONS_KEY}; a projector sets it right within seconds, and forwards"
        " what went to a wrong partition",
        good=text == str(here),
    )


def _streams(client: redis.Redis, facts: InstallationFacts) -> Check:
    used = streams_bytes(client, [INBOX_LANE, *range(facts.partitions)])
    if used is None:
        return well("installation streams", "unknown: this user may not ask by MEMORY USAGE")
    nodes: list[Any] = list(primaries(client))
    share = used / max(1, sum(int(node.info("memory")["used_memory"]) for node in nodes))
    return well(
        "installation streams",
        f"about {size_text(used)} in {facts.partitions + 1} streams, {share:.0%} of Redis' memory",
    )


def _projectors(facts: InstallationFacts) -> Iterator[Check]:
    name, free = "installation projectors", facts.lanes_free
    if not facts.projectors:
        yield wrong(name, "none runs: nothing is folded", "start one")
    elif free:
        found = f"{facts.projectors}; nobody holds lanes {lanes_text(free)}"
        yield doubtful(name, found, "look again; if it stays, `callfold lag` and their logs")
    else:
        yield well(name, f"{facts.projectors}, which hold all lanes")
    if facts.lanes_deadly:
        yield doubtful(
            "installation crashes",
            f"owners of lanes {lanes_text(facts.lanes_deadly)} died without a commit",
            "look at the projectors' logs; the event that does it is found and parked by itself",
        )


def _breakers(connection: psycopg.Connection) -> Check:
    found = open_breakers(connection)
    if not found:
        return well("installation breakers", "none open: every lane folds")
    reason = next(iter(found.values()))
    return wrong(
        "installation breakers",
        f"open for lanes {lanes_text(list(found))}, which only archive: {reason}",
        "roll the release back or forward, then `callfold breaker release`",
    )


def _incidents(connection: psycopg.Connection) -> Check:
    name = "installation incidents"
    kinds: dict[str, int] = {}
    for known in known_incidents(connection):
        if known.standing == "open":
            kinds[known.key.kind] = kinds.get(known.key.kind, 0) + 1
    if not kinds:
        return well(name, "none open")
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return doubtful(name, f"open: {counts}", "`callfold incidents` says what to do about each")


def _parked(connection: psycopg.Connection, facts: InstallationFacts) -> Check:
    over = sources_over_quota(connection)
    found = f"{facts.parked_open:,} open"
    if over:
        found += f"; {over} sources over their quota"
    to_do = "`callfold parked list`, and tell the publisher"
    return judged("installation parked events", found, to_do, good=not over, fatal=False)


def _log(connection: psycopg.Connection) -> Check:
    size_bytes, events = log_of_a_day(connection)
    grows = f"; {size_text(size_bytes * _DAYS)} a year at that" if size_bytes else ""
    return well(
        "installation log",
        f"{events:,} events in {size_text(size_bytes)} within the last day{grows}",
    )
