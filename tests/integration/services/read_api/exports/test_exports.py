"""Streamed exports over HTTP, read back with a reader of each format."""

import csv
import io
import socket
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import psutil  # type: ignore[import-untyped]  # ships no types
import psycopg
import pytest

from shared.storage.api_keys import create_api_key
from tests.http_answers import Answer
from tests.installation import until
from tests.integration.services.read_api.exports.given import HEADER, PATH, ROWS, events
from tests.integration.services.read_api.flow_events import fold
from tests.integration.services.read_api.process import ReadApi


@pytest.fixture(scope="module", autouse=True)
def _folded(read_url: str) -> None:
    fold(read_url, *events())
    with psycopg.connect(read_url) as connection:
        connection.execute("UPDATE callfold.lanes SET vouched_ms = 1772442000123")


def _export(read_api: ReadApi, key: str, target: str) -> Answer:
    answer = read_api.get(f"{PATH}/report/{target}", key)
    assert answer.status == 200, answer.body
    return answer


def _csv_rows(answer: Answer, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.body.decode(encoding), newline="")))


def _as_text(rows: list[list[Any]]) -> list[list[str]]:
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


def test_machine_csv_is_every_call_as_it_is(read_api: ReadApi, key: str) -> None:
    """Columns, order, cells: nothing is changed, and there is no byte order mark."""
    answer = _export(read_api, key, "calls/export?format=csv&profile=machine")
    assert [HEADER, *_as_text(ROWS)] == _csv_rows(answer, "utf-8")
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.body.endswith(b"\r\n")


def test_default_csv_neutralises_formulas_and_keeps_numbers(read_api: ReadApi, key: str) -> None:
    """Text and headers that begin like a formula get an apostrophe; a negative amount stays."""
    answer = _export(read_api, key, "calls/export?format=csv")
    header, first, *_ = _csv_rows(answer, "utf-8-sig")
    assert answer.body.startswith(b"\xef\xbb\xbf")
    found = dict(zip(header, first, strict=True))
    assert ("'+212600000001", '\'="x"', "'-#") == (
        found["Phone"],
        found["City"],
        found["'=Menu: Input"],
    )
    assert ("-0.500000001", "-12.5") == (found["Total Cost"], found["'=Balance"])
    assert "'@you\r\nÀ bientôt" == found["Text: Message"]


def test_xlsx_reads_back_as_text_and_numbers(read_api: ReadApi, key: str) -> None:
    """No cell is a formula; numbers are numbers where a double holds them."""
    answer = _export(read_api, key, "calls/export")
    book = openpyxl.load_workbook(io.BytesIO(answer.body))
    assert ["Calls"] == book.sheetnames
    rows = list(book["Calls"].iter_rows())
    assert {"s", "n", "inlineStr"} >= {cell.data_type for row in rows for cell in row}
    header, *cells = [[cell.value for cell in row] for row in rows]
    assert HEADER == header
    expected = [[_spreadsheet(cell) for cell in row] for row in ROWS]
    assert expected == [[_spreadsheet(cell) for cell in row] for row in cells]
    assert (60999, -0.500000001, -12.5) == (cells[0][16], cells[0][17], cells[0][18])


def _spreadsheet(cell: Any) -> Any:
    """As both sides write it: XML turns a carriage return into an escape, `-12.5` into -12.5."""
    if isinstance(cell, str):
        cell = cell.replace("_x000D_", "\r")
        return float(cell) if cell in {"-12.5", "-0.500000001"} else cell
    return cell


def test_parquet_has_types_and_nulls(read_api: ReadApi, key: str, tmp_path: Path) -> None:
    """Instants, integers and exact amounts; text otherwise."""
    path = tmp_path / "calls.parquet"
    path.write_bytes(_export(read_api, key, "calls/export?format=parquet").body)
    found: Any = duckdb.read_parquet(str(path))
    assert HEADER == found.columns
    assert [(row[0],) for row in ROWS] == found.project('"Call ID"').fetchall()
    first = found.project(
        'epoch_us("Started At"), "Duration (ms)", "Total Cost", "Text: Parts", "=Balance"'
    ).fetchall()[0]
    assert (1_772_442_000_123_000, 60999, Decimal("-0.500000001"), 2, "-12.5") == first


def test_summary_has_three_sheets_or_sections(read_api: ReadApi, key: str) -> None:
    """Summary, Breakdown with its total, Node Stats with its totals: the figures of the reports."""
    report = read_api.get(f"{PATH}/report", key).json
    answer = _export(read_api, key, "export")
    book = openpyxl.load_workbook(io.BytesIO(answer.body))
    assert ["Summary", "Breakdown", "Node Stats"] == book.sheetnames
    summary: dict[Any, Any] = dict(_values(book, "Summary"))
    assert report["callMetrics"]["totalCalls"] == summary["callMetrics.totalCalls"] == 4
    assert report["actualStartAt"] == summary["actualStartAt"]
    assert report["billingMetrics"]["totalCreditsUsed"] == -0.500000001
    assert summary["billingMetrics.totalCreditsUsed"] == -0.500000001
    breakdown = _values(book, "Breakdown")
    assert [("attemptNumber", "callsAttempted"), (1, 3), (2, 1), ("Total", 4)] == [
        row[:2] for row in breakdown
    ]
    sections = _csv_rows(_export(read_api, key, "export?format=csv&profile=machine"), "utf-8")
    starts = [number + 1 for number, row in enumerate(sections) if row == []]
    assert [["Summary"], ["Breakdown"], ["Node Stats"]] == [sections[n] for n in (0, *starts)]
    assert [["totalCalls", "5"], ["completedCalls", "1"], ["completionRate", "20.0"]] == (
        sections[-3:]
    )


def _values(book: openpyxl.Workbook, sheet: str) -> list[Any]:
    return list(book[sheet].iter_rows(values_only=True))


def test_headers_name_the_file_and_how_far_it_is(read_api: ReadApi, key: str) -> None:
    """An id with a slash makes no folder; HEAD says the same without a body."""
    answer = _export(read_api, key, "calls/export?format=csv")
    head = read_api.get(f"{PATH}/report/calls/export?format=csv", key, "HEAD")
    assert 'attachment; filename="calls-spring_1.csv"' == answer.headers["content-disposition"]
    assert "2026-03-02T09:00:00.123Z" == answer.headers["x-callfold-as-of"]
    assert (200, b"") == (head.status, head.body)
    for name in ("content-type", "content-disposition", "cache-control", "x-callfold-as-of"):
        assert answer.headers[name] == head.headers[name]


@pytest.mark.parametrize(
    "query", ("format=pdf", "format=parquet", "format=csv&format=csv", "profile=excel", "format=")
)
def test_bad_format_is_refused_in_the_vendors_shape(
    read_api: ReadApi, key: str, query: str
) -> None:
    """400 that names the parameter, before anything of a file."""
    answer = read_api.get(f"{PATH}/report/export?{query}", key)
    assert 400 == answer.status
    assert {"statusCode", "message", "error"} == answer.json.keys()
    assert answer.json["message"].startswith(query.partition("=")[0])


def test_unknown_and_foreign_executions_are_not_found(
    read_api: ReadApi, read_url: str, key: str
) -> None:
    """With one body, for every method and format."""
    foreign = create_api_key(read_url, "other", ["read"], "tests")
    for target in ("report/export", "report/calls/export?format=csv"):
        unknown = read_api.get(f"/program-execution/nothing/{target}", key)
        of_other = read_api.get(f"{PATH}/{target}", foreign)
        assert 404 == unknown.status == of_other.status
        assert unknown.body == of_other.body
        assert 404 == read_api.get(f"{PATH}/{target}", foreign, "HEAD").status


def test_export_whose_process_dies_is_no_file(read_api: ReadApi, read_url: str, key: str) -> None:
    """Before the first byte it is a 503 in the vendor's shape, and the read API goes on."""
    target = f"{PATH}/report/calls/export?format=csv"
    with (
        psycopg.connect(read_url) as blocker,
        ThreadPoolExecutor(1) as threads,
    ):
        blocker.execute("LOCK TABLE gen_1.attempts IN ACCESS EXCLUSIVE MODE")
        asked = threads.submit(read_api.get, target, key)
        until(lambda: _sessions(read_url) == 1, "the export waits for the table")
        (writer,) = psutil.Process(read_api.process.pid).children()
        writer.kill()
        answer = asked.result()
    assert (503, 503) == (answer.status, answer.json["statusCode"])
    assert 200 == read_api.get(target, key).status


def test_client_that_leaves_ends_the_query(read_api: ReadApi, read_url: str, key: str) -> None:
    """A file that nobody waits for holds no snapshot: its process and statement are gone."""
    asked = f"GET {PATH}/report/calls/export HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n"
    with psycopg.connect(read_url) as blocker:
        blocker.execute("LOCK TABLE gen_1.attempts IN ACCESS EXCLUSIVE MODE")
        with socket.create_connection(("127.0.0.1", read_api.port)) as client:
            client.sendall(asked.encode())
            until(lambda: _sessions(read_url) == 1, "the export waits for the table")
        until(lambda: _sessions(read_url) == 0, "its session is gone")


def _sessions(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'callfold export' AND datname = current_database()"
        ).fetchone()
    return int(row[0]) if row else 0
