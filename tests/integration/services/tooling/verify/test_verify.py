"""`callfold verify` on messy campaigns of two organizations: nothing differs until a fault is laid.

Each fault is planted on its own behind the product's back, found, and taken away again.
"""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from services.tooling.__main__ import app
from services.tooling.exit_codes import DIFFERENT, INTERRUPTED
from shared.folds.journal import unpack_positions
from shared.limits import PARTITIONS_DEFAULT
from shared.metric_names import VERIFIED_AT, VERIFY_MISMATCHES
from shared.storage.connection import connect
from shared.storage.schema import migrate
from tests.command_line import start_callfold
from tests.installation import free_port, installation, until
from tests.servers import ServersForTests, fresh_database, fresh_redis
from tests.whole_system import ORGANIZATIONS, messy_events, publish

EXECUTION = "execution 0"


@pytest.fixture(scope="module")
def database_url(servers: ServersForTests) -> Iterator[str]:
    """A database into which all events were folded, and on which nothing runs any more."""
    with fresh_database(servers) as url:
        migrate(url, PARTITIONS_DEFAULT)
        with installation(fresh_redis(servers), url) as running:
            running.start_projector(batch_events_max="300")
            publish(running.redis_url, messy_events(seed=31, contacts=15), seed=31)
            running.wait_until_folded()
        yield url


@pytest.fixture(autouse=True)
def _environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", database_url)


def verify(*arguments: str, code: int = 0) -> dict[str, Any]:
    """Run the command; what it prints as JSON."""
    result = CliRunner().invoke(app, ["verify", "--json", *arguments])
    assert code == result.exit_code, (result.output, result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def found_by(outcome: dict[str, Any], check: str) -> list[dict[str, Any]]:
    """The findings of one check."""
    return [finding for finding in outcome["findings"] if finding["check"] == check]


@contextmanager
def fault(database_url: str, table: str, statement: str) -> Iterator[tuple[Any, ...]]:
    """Change a table behind the product's back; gives the first row that the statement returns."""
    schema, _, name = table.partition(".")
    of_table, kept = sql.Identifier(schema, name), sql.Identifier(f"kept_{name}")
    with connect(database_url, "test") as connection:
        connection.execute(sql.SQL("CREATE TABLE {} AS TABLE {}").format(kept, of_table))
        try:
            row = connection.execute(statement.encode()).fetchone()
            assert row is not None
            yield row
        finally:
            connection.execute(sql.SQL("TRUNCATE {}").format(of_table))
            connection.execute(sql.SQL("INSERT INTO {} TABLE {}").format(of_table, kept))
            connection.execute(sql.SQL("DROP TABLE {}").format(kept))


def test_folded_campaigns_differ_in_nothing(database_url: str) -> None:
    """All executions, all segments; every event that counts was computed from."""
    outcome = verify()

    assert [] == outcome["findings"]
    assert {} == outcome["mismatches"]
    assert 4 == outcome["executions"]
    assert outcome["figures"] > 500
    assert archived(database_url) == (outcome["segments"], outcome["events"])


def archived(database_url: str) -> tuple[int, int]:
    """Segments and events of the log."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*), sum(events) FROM callfold.log_segments"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


#: One call of the first organization's first execution.
ONE_CALL = (
    "(SELECT attempt_id FROM gen_1.attempts WHERE kind = 'call' AND status = 'completed'"
    f" AND organization_id = '{ORGANIZATIONS[0]}' AND execution_id = '{EXECUTION}'"
    " AND duration_ms > 0 ORDER BY attempt_id LIMIT 1)"
)
OF_ONE_CALL = f"WHERE organization_id = '{ORGANIZATIONS[0]}' AND attempt_id = {ONE_CALL}"
#: The largest segment that is not the last of its partition.
ONE_SEGMENT = (
    "WHERE (partition, first_ms, first_seq) = (SELECT partition, first_ms, first_seq FROM (SELECT"
    " *, lead(events) OVER (PARTITION BY partition ORDER BY first_ms, first_seq) AS following"
    " FROM callfold.log_segments) AS s WHERE following IS NOT NULL ORDER BY events DESC LIMIT 1)"
)


def test_tally_changed_by_hand_is_found_by_its_sum_and_by_the_figures(database_url: str) -> None:
    """Σ contributions names the row and both numbers; the events say what the report should."""
    statement = (
        "UPDATE gen_1.attempt_tallies SET attempts = attempts + 1 WHERE (organization_id,"
        " execution_id, kind, attempt, status) = (SELECT organization_id, execution_id, kind,"
        " attempt, status FROM gen_1.attempt_tallies WHERE kind = 'call' AND status = 'busy'"
        " ORDER BY 1, 2, 3, 4 LIMIT 1)"
        " RETURNING organization_id, execution_id, attempts, attempt"
    )
    with fault(database_url, "gen_1.attempt_tallies", statement) as row:
        organization_id, execution_id, attempts, number = row
        outcome = verify(code=DIFFERENT)

    [tally] = found_by(outcome, "tally")
    assert ("attempts", str(attempts)) == (tally["what"], tally["found"])
    assert (organization_id, execution_id) == (tally["organizationId"], tally["executionId"])
    assert tally["expected"].startswith(f"{attempts - 1} ")
    figures = {finding["what"]: finding for finding in found_by(outcome, "figure")}
    by_number = f"breakdown.perAttempt.{number}.callsFailed"
    assert {"callMetrics.busy", "callMetrics.totalCalls", by_number} <= figures.keys()
    busy = figures["callMetrics.busy"]
    assert int(busy["found"]) == int(busy["expected"]) + 1
    assert set(outcome["mismatches"]) == {"tally", "figure"}


def test_lost_state_is_found_with_its_events(database_url: str) -> None:
    """The log says that the attempt exists; its tallies are still there, its call row is not."""
    statement = f"DELETE FROM gen_1.attempts {OF_ONE_CALL} RETURNING attempt_id, positions"
    with fault(database_url, "gen_1.attempts", statement) as (attempt_id, positions):
        outcome = verify(code=DIFFERENT)

    [state] = found_by(outcome, "state")
    assert "no state" == state["what"]
    assert f"attempt {attempt_id} of {ORGANIZATIONS[0]}" == state["where"]
    assert state["expected"].startswith(f"{len(unpack_positions(positions))} events")
    figures = {finding["what"]: finding for finding in found_by(outcome, "figure")}
    assert None is figures[f"calls.{attempt_id}.callId"]["found"]
    assert not [name for name in figures if name.endswith(".place") and "calls." in name]
    assert found_by(outcome, "tally")


def test_flipped_bit_is_found_by_its_segment_and_the_rest_is_read(database_url: str) -> None:
    """The checksum names the segment; what hangs on its events is undecided, not different."""
    statement = (
        "UPDATE callfold.log_segments SET body = set_byte(body, 99, get_byte(body, 99) # 1)"
        f" {ONE_SEGMENT} RETURNING partition, first_ms, first_seq, events"
    )
    with fault(database_url, "callfold.log_segments", statement) as row:
        partition, first_ms, first_seq, events = row
        outcome = verify(code=DIFFERENT)

    [segment] = found_by(outcome, "segment")
    assert f"segment {partition}/{first_ms}-{first_seq}" == segment["where"]
    assert "checksum" in segment["found"]
    assert {"segment", "undecided"} == set(outcome["mismatches"])
    segments, events_in_all = archived(database_url)
    assert (segments, events_in_all - events) == (outcome["segments"], outcome["events"])


def test_missing_segment_is_found_by_what_states_remember(database_url: str) -> None:
    """The log itself looks whole without it."""
    statement = (
        f"DELETE FROM callfold.log_segments {ONE_SEGMENT}"
        " RETURNING partition, first_ms, first_seq, last_ms, last_seq, events"
    )
    with fault(database_url, "callfold.log_segments", statement) as row:
        partition, first_ms, first_seq, last_ms, last_seq, events = row
        outcome = verify(code=DIFFERENT)

    [gap] = found_by(outcome, "log")
    assert "a segment is missing" == gap["what"]
    place, _, begin = gap["where"].rpartition(" from ")
    assert f"partition {partition}" == place
    lost, _, end = gap["expected"].partition(" entries that states remember, up to ")
    # Duplicates are remembered by nobody: the ends may lie a little within the segment.
    assert events * 0.8 < int(lost) <= events
    assert (first_ms, first_seq) <= position(begin) <= position(end) <= (last_ms, last_seq)
    assert {"log", "undecided"} == set(outcome["mismatches"])


def position(entry_id: str) -> tuple[int, int]:
    """An entry id as it compares."""
    ms, _, seq = entry_id.partition("-")
    return int(ms), int(seq)


def test_contribution_changed_by_hand_is_found_by_the_sum(database_url: str) -> None:
    """What is served is still right, and what the next event would make of it is not."""
    statement = (
        "UPDATE gen_1.attempts SET contribution = jsonb_set(contribution::jsonb, '{attempt,5}',"
        f" '7')::text {OF_ONE_CALL} RETURNING duration_ms"
    )
    with fault(database_url, "gen_1.attempts", statement) as (duration_ms,):
        outcome = verify(code=DIFFERENT)

    [tally] = found_by(outcome, "tally")
    assert "duration_ms" == tally["what"]
    assert int(tally["found"]) - int(tally["expected"].split()[0]) == duration_ms - 7
    assert {"tally": 1} == outcome["mismatches"]


def test_call_row_changed_by_hand_is_found_by_its_figure(database_url: str) -> None:
    """Tallies know nothing of it; the call history serves it."""
    statement = f"UPDATE gen_1.attempts SET status = 'busy' {OF_ONE_CALL} RETURNING attempt_id"
    with fault(database_url, "gen_1.attempts", statement) as (attempt_id,):
        outcome = verify(code=DIFFERENT)

    [figure] = outcome["findings"]
    assert f"calls.{attempt_id}.status" == figure["what"]
    assert ("completed", "busy") == (figure["expected"], figure["found"])


def test_faults_in_different_layers_are_told_apart(database_url: str) -> None:
    """A state without memory, a cursor set back, and a segment whose row says too much."""
    forgotten = f"UPDATE gen_1.attempts SET positions = '' {OF_ONE_CALL} RETURNING attempt_id"
    set_back = "UPDATE callfold.lanes SET ms = ms - 100000 WHERE lane = 3 RETURNING ms, seq"
    says_more = (
        """UPDATE callfold.log_segments SET sources = '{"org-z": {"/x": 1}}',"""
        f" organizations = ARRAY['org-z'] {ONE_SEGMENT} RETURNING partition, first_ms, first_seq"
    )
    with (
        fault(database_url, "gen_1.attempts", forgotten) as (attempt_id,),
        fault(database_url, "callfold.lanes", set_back) as (ms, seq),
        fault(database_url, "callfold.log_segments", says_more) as segment,
    ):
        outcome = verify(code=DIFFERENT)

    assert {"state": 1, "cursor": 2, "segment": 1} == outcome["mismatches"]
    found = {finding["what"]: finding for finding in outcome["findings"]}
    assert f"attempt {attempt_id} of {ORGANIZATIONS[0]}" == found["not folded"]["where"]
    assert f"at most {ms}-{seq}" == found["folded further than archived"]["expected"]
    assert "partition 3" == found["the log goes on behind the cursor"]["where"]
    assert "segment {}/{}-{}".format(*segment) == found["row"]["where"]


def test_one_execution_is_verified_alone(database_url: str) -> None:
    """Without the structure only segments of its organization are read."""
    organization_id = ORGANIZATIONS[1]
    outcome = verify("--no-structure", "--organization", organization_id, "--execution", EXECUTION)

    assert (1, None, {}) == (outcome["executions"], outcome["segments"], outcome["mismatches"])
    assert 0 < outcome["events"] < archived(database_url)[1]


def test_sample_holds_what_its_seed_draws(database_url: str) -> None:
    """A fault is found by a sample that holds it, and by no other."""
    statement = f"UPDATE gen_1.attempts SET status = 'busy' {OF_ONE_CALL} RETURNING attempt_id"
    with fault(database_url, "gen_1.attempts", statement):
        for _ in range(2):
            assert (
                1
                == verify("--no-structure", "--sample", "1", "--seed", "2", code=DIFFERENT)[
                    "executions"
                ]
            )
        assert {} == verify("--no-structure", "--sample", "1", "--seed", "1")["mismatches"]


def test_unknown_execution_fails_and_says_what_to_do() -> None:
    """Nothing was compared, so the answer is not that nothing differs."""
    for more in ((), ("--organization", ORGANIZATIONS[0], "--no-structure")):
        result = CliRunner().invoke(app, ["verify", "--execution", "spring", *more])

        assert 1 == result.exit_code
        assert "no execution 'spring' is served; check" in str(result.exception)


def test_watch_publishes_what_it_found_until_it_is_interrupted(database_url: str) -> None:
    """The time of the last complete verification, and its mismatches by check."""
    statement = f"UPDATE gen_1.attempts SET status = 'busy' {OF_ONE_CALL} RETURNING attempt_id"
    port = free_port()
    arguments = ("--no-structure", "--watch", "1", "--metrics-port", str(port))
    began_s = time.time()
    with start_callfold("verify", *arguments, database_url=database_url) as watching:
        until(lambda: metrics(port).get(f"{VERIFIED_AT[0]}", 0) > began_s, "it verified")
        assert 0 == metrics(port)[f'{VERIFY_MISMATCHES[0]}{{check="figure"}}']
        with fault(database_url, "gen_1.attempts", statement):
            until(
                lambda: metrics(port)[f'{VERIFY_MISMATCHES[0]}{{check="figure"}}'] == 1,
                "it found the fault",
            )
        watching.send_signal(signal.SIGINT)
        output, errors = watching.communicate(timeout=20)

    assert INTERRUPTED == watching.returncode, errors
    assert "equal: nothing differs" in output
    assert "DIFFERENT: 1 figure" in output
    assert "Traceback" not in errors


def metrics(port: int) -> dict[str, float]:
    """What the endpoint says; nothing while it does not answer."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except httpx.HTTPError:
        return {}
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
