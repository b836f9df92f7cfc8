"""`callfold replay execution` with --report, --as-of and --what-if, against the reference model."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from services.tooling.__main__ import app
from services.tooling.replay import reports
from shared.folds.states import FOLD_VERSION
from shared.storage import refolding
from tests.equality import differences
from tests.integration.services.tooling.replay.learned_parts import (
    LearnedParts,
    event_time,
    learned_parts,
    model_reports,
)
from tests.integration.shared.storage.lane_owner import everything
from tests.reference_model import ReferenceModel
from tests.servers import ServersForTests

ORGANIZATION, EXECUTION = "org-a", "execution 0"
#: Both organizations have executions of these names, of other campaigns.
EXECUTIONS = ((ORGANIZATION, EXECUTION), ("org-b", "execution 1"))
_UNKNOWN = 1
_USAGE = 2
_DIFFERENT = 3
_LIMIT_PASSED = 4

#: Counts every busy call as one that failed, then runs the command line.
_OTHER_RULE = """
import sys
from shared.projections import attempts
known = attempts.history_status
attempts.history_status = lambda said: "failed" if said == "busy" else known(said)
from services.tooling.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def parts(servers: ServersForTests) -> Iterator[LearnedParts]:
    """One installation that has folded three parts of messy campaigns."""
    with learned_parts(servers) as learned:
        yield learned


@pytest.fixture(autouse=True)
def database(parts: LearnedParts, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """The database, of which every row and schema is afterwards as it was."""
    monkeypatch.setenv("CALLFOLD_DATABASE_URL", parts.database_url)
    with psycopg.connect(parts.database_url, autocommit=True) as connection:
        before = everything(connection), _schemas(connection)
        yield connection
        assert (everything(connection), _schemas(connection)) == before


def _schemas(connection: psycopg.Connection) -> list[Any]:
    """All schemas but those in which PostgreSQL keeps sessions' temporary tables."""
    return connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_' ORDER BY 1"
    ).fetchall()


def replay(*arguments: str, code: int = 0, execution: tuple[str, str] | None = None) -> Result:
    """Run the command on an execution."""
    organization_id, execution_id = execution or (ORGANIZATION, EXECUTION)
    words = ["replay", "execution", execution_id, "--organization", organization_id, *arguments]
    result = CliRunner().invoke(app, words)
    assert code == result.exit_code, (words, result.output, result.exception)
    return result


def what_if(code: int = 0) -> dict[str, tuple[Any, Any]]:
    """The figures that differ: what live has and what the code at hand makes."""
    answer = json.loads(replay("--what-if", "--json", code=code).stdout, parse_float=Decimal)
    assert answer["equal"] is (code == 0)
    return _by_figure(answer)


def _by_figure(answer: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {row["figure"]: (row.get("live"), row.get("whatIf")) for row in answer["differences"]}


def found_at(execution: tuple[str, str], moment: datetime, by: str) -> dict[str, Any] | None:
    """All five reports as of a moment; None where the execution was not known."""
    arguments = ("--report", "all", "--json", "--as-of", moment.isoformat(), "--by", by)
    owner = ["--organization", execution[0]]
    result = CliRunner().invoke(app, ["replay", "execution", execution[1], *owner, *arguments])
    if result.exit_code == _UNKNOWN:
        assert "no execution" in str(result.exception)
        return None
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout, parse_float=Decimal)["reports"]
    return found


def assert_equal_at(parts: LearnedParts, model: ReferenceModel, moment: datetime, by: str) -> None:
    """Every report of every execution, as of a moment, is the model's."""
    for execution in EXECUTIONS:
        expected = model_reports(model, *execution, moment)
        found = found_at(execution, moment, by)
        assert [] == list(differences(expected, found, f"{moment} {execution}"))[:20]


@pytest.mark.parametrize("known", (1, 2, 3))
def test_as_of_what_was_learned_equals_the_model(parts: LearnedParts, known: int) -> None:
    """At each boundary all five reports are those of the parts that had come by then."""
    assert_equal_at(parts, parts.known(known), parts.learned[known - 1], "learned")


@pytest.mark.parametrize("share", (0.0, 0.4))
def test_as_of_what_had_happened_equals_the_model(parts: LearnedParts, share: float) -> None:
    """By the events' own times, whenever they came; most of one campaign had not begun."""
    times = sorted(event_time(event) for event in parts.events)
    moment = times[int(share * (len(times) - 1))]
    assert_equal_at(parts, parts.happened(moment), moment, "event")


def test_conflict_never_takes_the_place_of_the_first(parts: LearnedParts) -> None:
    """Even where only the later content had happened: which one stands was decided for ever."""
    between = event_time(parts.ended) - timedelta(milliseconds=500)
    assert_equal_at(parts, parts.happened(between), between, "event")
    execution = (parts.ended["organizationid"], parts.ended["executionid"])
    found = found_at(execution, between, "event")
    assert found is not None
    (call,) = (c for c in found["calls"]["data"] if c["callId"] == parts.ended["subject"])
    assert "ongoing" == call["status"]


def test_late_events_make_the_two_clocks_differ(parts: LearnedParts) -> None:
    """What had happened by the newest event of the first part was not all known with it."""
    newest = max(event_time(event) for event in parts.parts[0])

    known = found_at(EXECUTIONS[0], parts.learned[0], "learned")
    happened = found_at(EXECUTIONS[0], newest, "event")

    assert known is not None
    assert happened is not None
    assert known["calls"] != happened["calls"]
    assert known["node-stats"]["nodes"] != happened["node-stats"]["nodes"]


def test_one_report_is_printed_as_the_read_api_says_it(parts: LearnedParts) -> None:
    """Indented for people, and of calls only as many as are asked for."""
    moment = parts.learned[-1]
    known = parts.known(3)
    bill = replay("--report", "billing", "--as-of", moment.isoformat())
    assert known.billing(ORGANIZATION, EXECUTION) == json.loads(bill.stdout, parse_float=Decimal)
    assert "\n  " in bill.stdout
    assert "as of" in bill.stderr

    calls = replay("--report", "calls", "--limit", "3", "--as-of", moment.isoformat())
    assert known.calls(ORGANIZATION, EXECUTION, limit=3) == json.loads(
        calls.stdout, parse_float=Decimal
    )


def test_without_a_time_a_report_is_of_now(parts: LearnedParts) -> None:
    """All that live has folded, with the clock of the moment."""
    before = datetime.now(UTC)
    execution = (ORGANIZATION, "execution 1")
    main = json.loads(replay("--report", "main", execution=execution).stdout, parse_float=Decimal)
    expected = parts.known(3).report(*execution, before)
    assert expected is not None
    expected.pop("durationMs", None)
    main.pop("durationMs", None)
    assert [] == list(differences(expected, main))


def test_a_single_subject_stops_at_the_moment(parts: LearnedParts) -> None:
    """By each clock; what comes after it is counted, and nothing is compared."""
    key = (parts.ended["organizationid"], parts.ended["subject"])
    words = ["replay", "call", key[1], "--organization", key[0], "--json"]

    def events(*arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*words, *arguments])
        assert 0 == result.exit_code, result.output
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    whole = events()
    assert (0, None) == (whole["behindCutoff"], whole["notCompared"])
    just_before = (event_time(parts.ended) - timedelta(microseconds=1)).isoformat()
    happened = events("--as-of", just_before, "--by", "event")
    assert all(step["event"]["id"] != parts.ended["id"] or step["fate"] == "conflict"
               for step in happened["events"])  # fmt: skip
    learned = events("--as-of", parts.learned[0].isoformat())
    for answer in (happened, learned):
        assert answer["notCompared"]
        assert len(whole["events"]) == len(answer["events"]) + answer["behindCutoff"]
        assert 0 < answer["behindCutoff"]


def test_unchanged_code_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0; however few subjects are folded at a time."""
    assert {} == what_if()
    monkeypatch.setattr(refolding, "REFOLDED_SUBJECTS_MAX", 2)
    assert {} == what_if()
    assert re.search(r"equal: all [0-9]{3,} figures", replay("--what-if").stdout)


def test_a_tally_changed_by_hand_is_shown(database: psycopg.Connection) -> None:
    """Exactly its figures, with the value of each side; exit code 3."""
    row = database.execute(
        "SELECT node_id, sum(unique_calls) FROM gen_1.node_tallies WHERE organization_id = %s"
        " AND execution_id = %s GROUP BY node_id ORDER BY 2 DESC LIMIT 1",
        (ORGANIZATION, EXECUTION),
    ).fetchone()
    assert row is not None
    node_id, unique_calls = row
    with _changed(database, "node_tallies", "unique_calls", node_id):
        found = what_if(code=_DIFFERENT)
        text = replay("--what-if", code=_DIFFERENT).stdout

    figure = f"nodes.{node_id}.uniqueCalls"
    assert {figure, f"nodes.{node_id}.percentage"} == found.keys()
    assert (unique_calls + 1, unique_calls) == found[figure]
    assert f"DIFFERENT: {figure}: live {unique_calls + 1}, what if {unique_calls}" in text


@contextmanager
def _changed(
    connection: psycopg.Connection, table: str, column: str, node_id: str
) -> Iterator[None]:
    """One row of a tally has one too many meanwhile."""
    statement = sql.SQL(
        "UPDATE gen_1.{0} SET {1} = {1} + %s WHERE ctid = (SELECT ctid FROM gen_1.{0}"
        " WHERE (organization_id, execution_id, node_id) = (%s, %s, %s) ORDER BY node_type LIMIT 1)"
    ).format(sql.Identifier(table), sql.Identifier(column))
    where = (ORGANIZATION, EXECUTION, node_id)
    connection.execute(statement, (1, *where))
    try:
        yield
    finally:
        connection.execute(statement, (-1, *where))


def test_another_rule_shows_exactly_what_it_changes(parts: LearnedParts) -> None:
    """Code that counts busy calls as failed: two figures, and the status of each of these calls."""
    model = parts.known(3)
    report = model.report(ORGANIZATION, EXECUTION, parts.learned[-1])
    busy = model.calls(ORGANIZATION, EXECUTION, limit=100, status="busy")
    assert report is not None
    assert busy is not None
    assert busy["data"]
    metrics = report["callMetrics"]
    expected = {
        "callMetrics.busy": (metrics["busy"], 0),
        "callMetrics.failed": (metrics["failed"], metrics["failed"] + metrics["busy"]),
        **{f"calls.{call['callId']}.status": ("busy", "failed") for call in busy["data"]},
    }
    owner = ("--organization", ORGANIZATION)
    ended = subprocess.run(
        [sys.executable, "-c", _OTHER_RULE, "replay", "execution", EXECUTION, *owner,
         "--what-if", "--json"],
        env={**os.environ},
        capture_output=True,
        timeout=50,
        check=False,
    )  # fmt: skip

    assert _DIFFERENT == ended.returncode, ended.stderr
    assert expected == _by_figure(json.loads(ended.stdout, parse_float=Decimal))


def test_a_live_generation_of_another_release_is_compared(
    parts: LearnedParts, database: psycopg.Connection
) -> None:
    """What it holds is read where it can be; a single subject says that it was not compared."""
    with _put(database, "callfold.generations", "fold_version", FOLD_VERSION + 6):
        answer = json.loads(replay("--what-if", "--json").stdout)
        assert (FOLD_VERSION + 6, FOLD_VERSION) == (
            answer["liveFoldVersion"], answer["foldVersion"]
        )  # fmt: skip
        assert_equal_at(parts, parts.known(2), parts.learned[1], "learned")
        subject = replay().stdout
        assert "not compared with the database: the live generation 1 has fold version" in subject
        assert "execution.started" in subject


@contextmanager
def _put(connection: psycopg.Connection, table: str, column: str, value: int) -> Iterator[None]:
    """A table of one row says something else meanwhile."""
    old = connection.execute(f"SELECT {column} FROM {table}").fetchone()
    assert old is not None
    connection.execute(f"UPDATE {table} SET {column} = %s", (value,))
    try:
        yield
    finally:
        connection.execute(f"UPDATE {table} SET {column} = %s", old)


def test_a_live_generation_that_cannot_be_read_says_so(database: psycopg.Connection) -> None:
    """Another layout of its tables: one sentence and exit code 1; as-of still works."""
    rename = "ALTER TABLE gen_1.{} RENAME COLUMN {} TO {}"
    for table, column, options in (
        ("contact_tallies", "contacts", ("--what-if",)),
        ("executions", "records", ()),
    ):
        database.execute(rename.format(table, column, "renamed"))
        try:
            error = str(replay(*options, code=1).exception)
            assert "generation 1 has fold version" in error
            assert f'column "{column}" does not exist' in error or "cannot read it" in error
            assert replay("--report", "main").stdout
        finally:
            database.execute(rename.format(table, "renamed", column))


def test_more_calls_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, with what to do; with --limit it goes."""
    monkeypatch.setattr(reports, "REPLAYED_CALLS_MAX", 3)
    assert "give --limit" in replay("--what-if", code=_LIMIT_PASSED).stderr
    assert "equal" in replay("--what-if", "--limit", "3").stdout


def test_options_that_do_not_go_together_are_refused() -> None:
    """Exit code 2 and the option at fault; an unknown execution is exit code 1."""
    for option, arguments in (
        ("--by", ("--by", "event")),
        ("--as-of", ("--what-if", "--as-of", "2026-11-22")),
        ("--limit", ("--report", "main", "--limit", "3")),
    ):
        assert option in replay(*arguments, code=_USAGE).stderr
    result = CliRunner().invoke(app, ["replay", "call", "x", "--organization", "y", "--what-if"])
    assert _USAGE == result.exit_code
    unknown = replay("--what-if", code=_UNKNOWN, execution=(ORGANIZATION, "nobody"))
    assert "has no execution 'nobody'" in str(unknown.exception)
