"""Checks a run's results before its figures are believed: reports, log, nothing parked."""

import http.client
from collections.abc import Mapping
from decimal import Decimal
from json import loads
from typing import Any

import psycopg

from tests.bench.load import Load
from tests.bench.product import Product
from tests.equality import differences

_ANSWER_S = 30.0
_DIFFERENCES_SHOWN = 5


class WrongResultError(Exception):
    """A side of a benchmark did not do its work, so its time means nothing."""


def check_installation(running: Product, *published: Load, events_beside: int = 0) -> None:
    """Every report equals the generator's truth, and the log holds each entry once.

    Args:
        events_beside: entries that were published beside the loads.

    Raises:
        WrongResultError: with the first differences.
    """
    check_log(running.database_url, sum(load.events for load in published) + events_beside)
    if not running.read_api_port:
        running.start_read_api()
    key = running.api_key()
    for load in published:
        check_reports(running.read_api_port, key, load.truths)


def check_log(database_url: str, events: int) -> None:
    """The log holds this many entries, and nothing was parked."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT (SELECT coalesce(sum(events), 0) FROM callfold.log_segments),"
            " (SELECT coalesce(sum(entries), 0) FROM callfold.parked_events)"
        ).fetchone()
    if row is None or (int(row[0]), int(row[1])) != (events, 0):
        raise WrongResultError(f"log and parked hold {row}; expected {events} and 0")


def check_reports(port: int, key: str, truths: Mapping[str, Any]) -> None:
    """The three metrics of each main report are those of the truth."""
    wrong: list[str] = []
    for execution_id, truth in truths.items():
        report = loads(fetch(port, report_path(execution_id), key), parse_float=Decimal)
        found = {
            name: {figure: report[name].get(figure) for figure in figures}
            for name, figures in truth.items()
        }
        wrong += differences(truth, found, execution_id)
    if wrong:
        raise WrongResultError("; ".join(wrong[:_DIFFERENCES_SHOWN]))


def report_path(execution_id: str) -> str:
    """Where the main report of an execution is."""
    return f"/program-execution/{execution_id}/report"


def fetch(port: int, path: str, key: str) -> bytes:
    """The body of an answer, which must be 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
    try:
        connection.request("GET", path, headers={"x-api-key": key})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise WrongResultError(f"{path} answers {response.status}: {body[:200]!r}")
    return body
