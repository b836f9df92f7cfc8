"""`callfold rebuild` and its kin on a running installation, and over a change of the folds."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from json import loads
from typing import Any

import psycopg
import pytest

from shared.contracts.stream_names import partition_of
from shared.limits import PARTITIONS_DEFAULT, SWITCH_BARRIER_MS
from shared.storage import merging
from shared.storage.connection import connect
from shared.storage.merging import SegmentMerger
from shared.storage.schema import migrate
from tests.installation import Installation, free_port, installation, live, until
from tests.same_generations import differing_tables
from tests.whole_system import (
    assert_conserved,
    assert_equals_model,
    assert_interfaces_equal_model,
    messy_events,
    odd_and_messy_events,
    publish,
    reference,
)

_DIFFERENT = 3
#: A release of another fold version, whose one new rule is that a busy line was no answer.
_OTHER_RELEASE = """
import sys
import shared.folds.states
shared.folds.states.FOLD_VERSION += 1
import shared.projections.attempts as attempts
import shared.projections.subjects as subjects
row = attempts.attempt_row
def changed_row(attempt_id, state):
    said = row(attempt_id, state)
    return said._replace(status="no_answer") if said.status == "busy" else said
attempts.attempt_row = subjects.attempt_row = changed_row
"""
#: A release of the same fold version that does not know one type of event yet.
_EARLIER_RELEASE = """
import msgspec
import shared.contracts.codec as codec
decode = codec._decode_event
def decode_known(raw):
    if b'"type":"call.charged"' in raw.replace(b" ", b""):
        raise msgspec.ValidationError("Invalid value 'call.charged' - at `$.type`")
    return decode(raw)
codec._decode_event = decode_known
"""


class Release:
    """The commands and projectors of one release on one installation."""

    def __init__(self, running: Installation, patch: str = "") -> None:
        """`patch` is Python that makes it another release."""
        self._running = running
        self._patch = patch

    def callfold(self, *arguments: str) -> tuple[int, Any]:
        """Run a command; its exit code and what it prints."""
        code = f"{self._patch}\nfrom services.tooling.__main__ import main\nmain()"
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments, "--json"],
            env=self._environment(),
            stdout=subprocess.PIPE,
            timeout=90,
            check=False,
        )
        return ended.returncode, loads(ended.stdout) if ended.stdout else {}

    def start_projector(self) -> subprocess.Popen[bytes]:
        """Start a projector; it is ended with the installation."""
        code = f"{self._patch}\nfrom services.projector.__main__ import main\nsys.exit(main())"
        process = subprocess.Popen(
            [sys.executable, "-c", f"import sys\n{code}"], env=self._environment()
        )
        self._running.processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CALLFOLD_DATABASE_URL": self._running.database_url,
            "CALLFOLD_REDIS_URL": self._running.redis_url,
            "CALLFOLD_PROBE_PORT": str(free_port()),
            "CALLFOLD_LEASE_MS": "1500",
        }


def figures(outcome: dict[str, Any]) -> set[tuple[str, str, int]]:
    """(organization, figure, difference) of the whole numbers that differ."""
    return {
        (execution["organizationId"], figure["figure"], figure["difference"])
        for execution in outcome["comparison"]["executions"]
        for figure in execution["figures"]
        if isinstance(figure.get("difference"), int)
    }


def merge_all(database_url: str) -> int:
    """Merge the segments of every partition as its owner would; returns how many went."""
    with connect(database_url, "test") as connection:
        leases = connection.execute(
            "SELECT lane, epoch, owner FROM callfold.leases WHERE lane >= 0"
        ).fetchall()
        return sum(
            SegmentMerger(connection, owner).merge(lane, epoch) for lane, epoch, owner in leases
        )


@contextmanager
def folded(running: Installation, events: list[dict[str, Any]], seed: int) -> Iterator[None]:
    """Publish events while the block runs; afterwards all of them are folded."""
    publish(running.redis_url, events, seed=seed)
    yield
    running.wait_until_folded()


@pytest.mark.timeout(180)
@pytest.mark.slow
def test_rebuild_equals_live_and_takes_its_place(
    redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside live traffic; then a tally changed by hand is named, and nothing is switched."""
    events = odd_and_messy_events(seed=5, contacts=60)
    half = len(events) // 2
    migrate(database_url, PARTITIONS_DEFAULT)
    with installation(redis_url, database_url) as running:
        release = Release(running)
        for _ in range(2):
            running.start_projector(batch_events_max="200")  # small segments, to be merged
        publish(redis_url, events[:half], seed=5)
        running.wait_until_folded()
        monkeypatch.setattr(merging, "EVENTS_AIM", 300)
        monkeypatch.setattr(merging, "EVENTS_SMALL", 1_000_000)
        assert merge_all(database_url) > 16
        assert release.callfold("rebuild", "--dry-run")[1]["events"] >= half
        with folded(running, events[half:], seed=6):
            code, outcome = release.callfold("rebuild")

        assert (code, outcome["switched"]) == (0, True)
        assert outcome["comparison"]["equal"]
        assert outcome["events"] >= half
        assert outcome["barrierMs"] < SWITCH_BARRIER_MS
        assert release.callfold("verify")[0] == 0  # the third implementation (F24)
        running.start_read_api()
        assert_equals_model(running, reference(events))
        assert_interfaces_equal_model(running, reference(events))
        assert_conserved(running, events)
        with psycopg.connect(database_url, autocommit=True) as connection:
            assert live(connection) == 2
            until(lambda: not differing_tables(connection, 1, 2), "the old one has followed", 20)
            connection.execute(
                "UPDATE gen_2.node_tallies SET steps = steps + 1 WHERE (organization_id,"
                " execution_id, node_id, node_type) = (SELECT organization_id, execution_id,"
                " node_id, node_type FROM gen_2.node_tallies ORDER BY 1, 2, 3, 4 LIMIT 1)"
            )
            code, outcome = release.callfold("rebuild")
            assert live(connection) == 2

        assert (code, outcome["switched"]) == (_DIFFERENT, False)
        tables = outcome["comparison"]["tables"]
        wrong = [t for t in tables if t["changed"] or t["missing"] or t["unexpected"]]
        assert [(t["table"], t["changed"]) for t in wrong] == [("node_tallies", 1)]
        assert release.callfold("drop", "2")[0] == 1  # it is live
        assert release.callfold("switch", "3")[0] == 0
        assert_equals_model(running, reference(events))
        assert release.callfold("drop", "2")[0] == 0
        names = [g["generation"]["number"] for g in release.callfold("generations")[1]]
        assert names == [1, 3]


@pytest.mark.timeout(180)
@pytest.mark.slow
def test_release_with_another_rule_shows_what_changes_and_goes_back(
    redis_url: str, database_url: str
) -> None:
    """Figure by figure with the calls behind them; both releases' projectors wait their turn."""
    events = messy_events(seed=8, contacts=36)
    third = len(events) // 3
    with installation(redis_url, database_url) as running:
        old, new = Release(running), Release(running, _OTHER_RELEASE)
        old.start_projector()
        publish(redis_url, events[:third], seed=1)
        until(lambda: _laid_out(database_url), "the database is laid out")
        running.wait_until_folded()
        new.start_projector()
        code, outcome = new.callfold("rebuild")
        busy = _calls(database_url, "gen_1", "busy")
        assert sum(busy.values()) > 3

        assert (code, outcome["switched"]) == (_DIFFERENT, False)
        whole = {figure for figure in figures(outcome) if figure[1].startswith("callMetrics.")}
        assert whole == {
            (organization_id, name, sign * calls)
            for (organization_id, _), calls in busy.items()
            for name, sign in (("callMetrics.busy", -1), ("callMetrics.noAnswer", 1))
        }
        behind = sum(e["subjects"] for e in outcome["comparison"]["executions"])
        assert behind == sum(busy.values())

        with folded(running, events[third : 2 * third], seed=2):
            assert new.callfold("switch", "2")[0] == 0
        assert _calls(database_url, "gen_2", "busy") == {}
        with folded(running, events[2 * third :], seed=3):
            assert old.callfold("rollback")[0] == 0
        running.start_read_api()
        assert_equals_model(running, reference(events))
        assert_conserved(running, events)
        assert _calls(database_url, "gen_1", "busy")


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_parked_type_that_this_release_knows_is_folded_and_settled(
    redis_url: str, database_url: str
) -> None:
    """All that differs is explained by it, so the switch needs nobody's consent."""
    events = messy_events(seed=9, contacts=20)
    with installation(redis_url, database_url) as running:
        earlier, release = Release(running, _EARLIER_RELEASE), Release(running)
        projector = earlier.start_projector()
        publish(redis_url, events, seed=1)
        until(lambda: _laid_out(database_url), "the database is laid out")
        running.wait_until_folded()
        with psycopg.connect(database_url, autocommit=True) as connection:
            parked = connection.execute("SELECT count(*) FROM callfold.parked_events").fetchone()
            assert parked is not None
            assert parked[0] > 10
            running.kill(projector)
            discarded = _discard_one(release, connection, events)
            code, outcome = release.callfold("rebuild")

            assert (code, outcome["switched"]) == (0, True)
            comparison = outcome["comparison"]
            assert (comparison["equal"], comparison["unexplained"]) == (False, False)
            assert sum(table["explained"] for table in comparison["tables"]) > 0
            elsewhere = connection.execute(
                "SELECT count(*) FROM callfold.parked_events WHERE resolved_at IS NULL"
            ).fetchone()
            assert elsewhere is not None
            assert len(outcome["parkedNowFolded"]) + elsewhere[0] + 1 == parked[0]
        release.start_projector()
        # What lies in another partition than its subject's is found by no rebuild.
        assert release.callfold("parked", "retry", "--reason", "unknown_type")[0] == 0
        running.start_read_api()
        running.wait_until_folded()
        assert_equals_model(running, reference([e for e in events if e["id"] != discarded]))


def _discard_one(
    release: Release, connection: psycopg.Connection, events: list[dict[str, Any]]
) -> str:
    """Discard one parked event that came once and would be folded; its id."""
    times = Counter(event["id"] for event in events)
    rows = connection.execute(
        "SELECT lane, encode(digest, 'hex'), body FROM callfold.parked_events"
        " WHERE mode = 'structured' ORDER BY 1, 2"
    ).fetchall()
    for lane, digest, body in rows:
        event = loads(body)
        if times[event["id"]] == 1 and partition_of(event["subject"], PARTITIONS_DEFAULT) == lane:
            name = f"{lane}-{digest[:16]}"
            assert release.callfold("parked", "discard", name, "--reason", "a test")[0] == 0
            return str(event["id"])
    raise AssertionError("no parked event came once, in its own partition")


def _laid_out(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT to_regclass('gen_1.positions')").fetchone() != (None,)


def _calls(database_url: str, schema: str, status: str) -> dict[tuple[str, str], int]:
    """By organization and execution, the calls of a status."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT organization_id, execution_id, count(*) FROM"
            f" {schema}.attempts WHERE status = %s GROUP BY 1, 2".encode(),
            (status,),
        ).fetchall()
    return {(organization_id, execution_id): calls for organization_id, execution_id, calls in rows}
