"""What was really lost, by the log, and what the product says was: both must be the same."""

import json
from collections import defaultdict
from typing import Any

from typer.testing import CliRunner

from services.tooling.__main__ import app
from shared.contracts.entries import decode_kept
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.log import Log
from shared.storage.sequences import look_for_gaps, sequence_gaps
from tests.installation import Installation

#: Organization and source.
Source = tuple[str, str]
_DIFFERENT = 3


def archived_ids(running: Installation) -> set[tuple[str, str, str]]:
    """Organization, source and id of every event that the log holds."""
    found = set()
    with connect(running.database_url, "test") as connection:
        log = Log(connection, PARTITIONS_DEFAULT)
        for partition in range(PARTITIONS_DEFAULT):
            for entries in log.entries(partition, (-1, 0)):
                for _, _, mode, kept, _ in entries:
                    event = decode_kept(mode, kept)
                    found.add((event.organizationid, event.source, event.id))
    return found


def not_archived(running: Installation, published: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events of these that the log does not hold."""
    archived = archived_ids(running)
    return [e for e in published if (e["organizationid"], e["source"], e["id"]) not in archived]


def lacking(
    running: Installation, published: list[dict[str, Any]]
) -> dict[Source, tuple[int, int]]:
    """Of each source: numbers lost between those that arrived, and numbers lost behind them all.

    Of the latter nobody can know before a higher one arrives.
    """
    lost: defaultdict[Source, set[int]] = defaultdict(set)
    arrived: defaultdict[Source, set[int]] = defaultdict(set)
    archived = archived_ids(running)
    for event in published:
        source = event["organizationid"], event["source"]
        into = arrived if (*source, event["id"]) in archived else lost
        into[source].add(event["sequence"])
    found = {}
    for source, numbers in lost.items():
        missing = numbers - arrived[source]
        within = {n for n in missing if min(arrived[source]) < n < max(arrived[source])}
        found[source] = len(within), len(missing - within)
    return found


def declared_gaps(running: Installation) -> dict[Source, int]:
    """Numbers of each source that are missing, once it was looked at twice."""
    with connect(running.database_url, "test") as connection:
        look_for_gaps(connection, 0)
        look_for_gaps(connection, 0)
        return {(gap.organization_id, gap.source): gap.missing for gap in sequence_gaps(connection)}


def assert_losses_declared(running: Installation, published: list[dict[str, Any]]) -> int:
    """Gaps name exactly the numbers that the log lacks; returns how many those are."""
    expected = {
        source: within for source, (within, _) in lacking(running, published).items() if within
    }
    assert expected == declared_gaps(running)
    return sum(expected.values())


def listed(running: Installation) -> list[dict[str, Any]]:
    """What `callfold incidents --json` says; its exit code says whether any is open."""
    environment = {"CALLFOLD_DATABASE_URL": running.database_url}
    answer = CliRunner().invoke(app, ["incidents", "--json"], env=environment)
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    is_open = any(incident["standing"] == "open" for incident in found)
    assert (_DIFFERENT if is_open else 0) == answer.exit_code, answer.output
    assert all(incident["toDo"] for incident in found)
    return found


def open_kinds(running: Installation) -> set[str]:
    """The kinds of incidents that are open."""
    return {incident["kind"] for incident in listed(running) if incident["standing"] == "open"}
