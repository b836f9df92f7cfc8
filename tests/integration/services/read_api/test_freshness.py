"""ETags, the instant up to which a report is complete, and a running execution's clock."""

import time
from decimal import Decimal

import psycopg
import pytest

from services.tooling.incidents.known import known_incidents
from shared.storage import tally_tables
from shared.storage.acknowledging import IncidentKey, Measure, acknowledge
from shared.storage.connection import connect
from shared.storage.generation_schemas import create_generation
from tests.http_answers import Answer
from tests.integration.services.read_api.given import Generation, execution_event
from tests.integration.services.read_api.process import ReadApi

_TARGET = "/program-execution/spring/report"
_LANES = (-1, 0, 1, 2, 3)
_PATIENCE_S = 10.0
_INCIDENTS = "x-callfold-incidents"


@pytest.fixture(scope="module", autouse=True)
def spring(generation: Generation) -> None:
    """The execution `spring` is over."""
    generation.mention()
    generation.execution(
        execution_event("execution.started", "09:00:00"),
        execution_event("execution.completed", "10:00:00"),
    )


def test_unchanged_report_is_not_sent_again(
    read_api: ReadApi, generation: Generation, key: str
) -> None:
    """304 on a match, weak or in a list; another body has another tag."""
    first = read_api.get(_TARGET, key)
    etag = first.headers["etag"]
    assert "private, no-cache" == first.headers["cache-control"]
    for sent in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = read_api.get(_TARGET, key, if_none_match=sent)
        assert (304, b"", etag) == (again.status, again.body, again.headers["etag"])
    generation.calls(7, "busy", 1)
    changed = read_api.get(_TARGET, key, if_none_match=etag)
    assert (200, 1) == (changed.status, changed.json["callMetrics"]["busy"])
    assert etag != changed.headers["etag"]


def test_head_is_a_get_without_body(read_api: ReadApi, key: str) -> None:
    """Same status and headers."""
    asked, full = read_api.get(_TARGET, key, method="HEAD"), read_api.get(_TARGET, key)
    assert (200, b"", full.headers["etag"]) == (asked.status, asked.body, asked.headers["etag"])


def test_as_of_is_the_oldest_lane(read_api: ReadApi, generation: Generation, key: str) -> None:
    """An idle lane vouches by its last empty read; one that lags by what it has folded."""
    assert "x-callfold-as-of" not in read_api.get(_TARGET, key).headers
    for lane in _LANES:
        generation.position(lane, 1_766_221_200_500, 1_766_221_200_500, 1_766_221_300_000)
    _wait_for_as_of(read_api, key, "2025-12-20T09:01:40.000Z")
    generation.position(2, 1_766_221_200_500, 1_766_221_200_400, 1_766_221_300_000)
    _wait_for_as_of(read_api, key, "2025-12-20T09:00:00.399Z")
    generation.position(2, 1_766_221_400_000, 1_766_221_400_000, 1_766_221_300_000)
    generation.position(3, 0, 0, 1_766_221_299_000)
    answer = _wait_for_as_of(read_api, key, "2025-12-20T09:01:39.000Z")
    unchanged = read_api.get(_TARGET, key, if_none_match=answer.headers["etag"])
    assert (304, answer.headers["x-callfold-as-of"]) == (
        unchanged.status,
        unchanged.headers["x-callfold-as-of"],
    )


def _wait_for_as_of(read_api: ReadApi, key: str, as_of: str) -> Answer:
    """Ask until the next beat has said so."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        answer = read_api.get(_TARGET, key)
        if answer.headers.get("x-callfold-as-of") == as_of:
            return answer
        assert time.monotonic() < deadline_s, answer.headers
        time.sleep(0.02)


def test_open_incidents_are_told_with_every_report(
    read_api: ReadApi, read_url: str, key: str
) -> None:
    """Those of the organization and of streams; nothing is told once they are acknowledged."""
    assert _INCIDENTS not in read_api.get(_TARGET, key).headers
    with connect(read_url, "test") as connection:
        connection.execute(
            "INSERT INTO callfold.sequence_marks VALUES ('acme', '/a', 9, 9, 3, now()),"
            " ('acme', '/b', 9, 9, 0, NULL), ('bolt', '/a', 9, 9, 1, now())"
        )
        conflict = "(0, 1, {}, 'acme', 'attempt', 'call-1', '/a', 'event-1', 1, 1)"
        connection.execute(
            "INSERT INTO callfold.conflicting_events (lane, ms, seq, organization_id, kind,"
            " subject, source, event_id, first_ms, first_seq)"
            f" VALUES {conflict.format(2)}, {conflict.format(3)}"
        )
        connection.execute(
            "INSERT INTO callfold.incidents (lane, kind, ms, seq, detail, entries_lost, times)"
            " VALUES (0, 'trimmed', 1, 1, '{\"what\": \"gone\"}', 0, 5)"
        )
        known = known_incidents(connection)
        concerned = [k for k in known if k.may_concern in {None, "acme"}]
        _hear_anew(connection)
        _wait_for_incidents(read_api, key, "3")
        # The listing counts numbers by what arrived, and nothing did here.
        assert {"conflict", "trimmed"} == {k.key.kind for k in concerned if k.standing == "open"}
        gap = IncidentKey("sequence_gap", organization_id="acme", source="/a")
        measures = [(k.key, k.measure) for k in concerned]
        acknowledge(connection, [*measures, (gap, Measure(9))], "me", "known")
        _hear_anew(connection)
        _wait_for_incidents(read_api, key, None)


def _hear_anew(connection: psycopg.Connection) -> None:
    """Let the feed begin again, which asks at once; else it does so every ten seconds."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'callfold report-changes' AND datname = current_database()"
    )


def _wait_for_incidents(read_api: ReadApi, key: str, expected: str | None) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while (answer := read_api.get(_TARGET, key)).headers.get(_INCIDENTS) != expected:
        assert time.monotonic() < deadline_s, answer.headers
        time.sleep(0.05)


def test_running_execution_ages_by_whole_seconds(
    read_api: ReadApi, generation: Generation, key: str
) -> None:
    """`durationMs` follows the request's second, and so does the ETag."""
    writer = generation.of("running")
    writer.execution(execution_event("execution.started", "09:00:00.25", execution_id="running"))
    first = read_api.get("/program-execution/running/report", key)
    assert 750 == first.json["durationMs"] % 1000
    assert "actualEndAt" not in first.json
    time.sleep(1.1)
    later = read_api.get(
        "/program-execution/running/report", key, if_none_match=first.headers["etag"]
    )
    assert 200 == later.status
    assert later.json["durationMs"] - first.json["durationMs"] in {1000, 2000}


def test_switch_of_generations_is_followed(
    read_api: ReadApi, generation: Generation, key: str
) -> None:
    """The next request answers from the other generation, also after the old one is gone."""
    before = read_api.get(_TARGET, key)
    with generation.engine.begin() as connection:
        create_generation(connection, 2)
    second = Generation(generation.engine, number=2)
    second.tally(tally_tables.execution_mentions, (1,))
    second.tally(tally_tables.attempt_tallies, ("call", 1, "rejected", 5, 0, 0, 0, 0, Decimal(0)))
    assert before.headers["etag"] == read_api.get(_TARGET, key).headers["etag"]
    second.go_live()
    after = read_api.get(_TARGET, key)
    assert (5, True) == (
        after.json["callMetrics"]["rejected"],
        after.headers["etag"].startswith('"2-'),
    )
    generation.go_live()
    assert before.headers["etag"] == read_api.get(_TARGET, key).headers["etag"]


def test_requests_are_counted_by_route_and_status(read_api: ReadApi, key: str) -> None:
    """Metrics name the route, never an id."""
    read_api.get("/program-execution/secret-id/report", key)
    text = read_api.get("/metrics").body.decode()
    route = 'route="/program-execution/{execution_id}/report"'
    assert f'callfold_requests_total{{{route},status="404"}}' in text
    assert f'callfold_request_seconds_bucket{{le="0.005",{route}}}' in text
    assert "secret-id" not in text
