"""`csv`, `xlsx`, `export-memory`: exports over HTTP against what could write them at best.

All read an execution whose flow has twenty nodes with columns. COPY writes the 18 fixed columns
alone, which SQL can give; the spreadsheet writer is given rows that are in memory.
"""

import csv
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

import psutil  # type: ignore[import-untyped]  # ships no types
import psycopg
import rustpy_xlsxwriter

from tests.bench.load import ORGANIZATION_ID
from tests.bench.many_calls import EXECUTION_ID, many_calls
from tests.bench.measurement import Measurement, compare, significant
from tests.bench.process_figures import peak_rss_bytes
from tests.bench.product import Product, product
from tests.bench.truth import WrongResultError
from tests.bench.workbench import Workbench

_CALLS_FULL: Final = 200_000
_CALLS_QUICK: Final = 20_000
_CALLS_OF_MEMORY: Final = 1_000_000
_PATIENCE_S: Final = 600.0
_LOOK_S: Final = 0.1
_RECEIVE_BYTES: Final = 1024 * 1024
_MB: Final = 1_000_000
_AS_IS: Final = "format=csv&profile=machine"
#: Columns that COPY and the export write alike; instants and amounts differ in their spelling.
_ALIKE: Final = 13
_COPY: Final = (
    "COPY (SELECT a.attempt_id, a.contact_id, c.first_name, c.last_name, c.phone, c.email,"
    " a.from_number, a.to_number, a.direction, a.attempt, a.status, a.outcome, a.flow_outcome,"
    " a.started_us, a.answered_us, a.ended_us, a.duration_ms, a.total_cost"
    " FROM gen_1.attempts AS a LEFT JOIN gen_1.contacts AS c"
    " ON c.organization_id = a.organization_id AND c.contact_id = a.contact_id"
    f" WHERE a.organization_id = '{ORGANIZATION_ID}' AND a.execution_id = '{EXECUTION_ID}'"
    " AND a.kind = 'call' ORDER BY c.last_name NULLS LAST, a.attempt, a.attempt_id)"
    " TO STDOUT (FORMAT CSV)"
)


def csv_export(bench: Workbench) -> Measurement:
    """Calls as CSV over HTTP, against COPY of their fixed columns to a file, in rows/s."""
    exported, copied = bench.folder / "calls.csv", bench.folder / "copied.csv"
    with product(bench.servers, bench.folder) as running:
        calls, key = _prepared(bench, running)
        pairs = []
        for _ in range(bench.rounds):
            copy_s = _timed(lambda: _copied(running, copied))
            export_s = _timed(lambda: _downloaded(running, key, _AS_IS, exported))
            pairs.append((calls / export_s, calls / copy_s))
        _check(exported, copied, calls)
    beside = {"calls": calls, "columns": _columns(exported), "bytes": exported.stat().st_size}
    return compare("csv", "rows/s", "COPY of 18 columns to a file", pairs, beside)


def xlsx_export(bench: Workbench) -> Measurement:
    """Calls as XLSX over HTTP, against a writer that is given the same rows, in rows/s."""
    text, exported = bench.folder / "calls.csv", bench.folder / "calls.xlsx"
    written = bench.folder / "written.xlsx"
    with product(bench.servers, bench.folder) as running:
        calls, key = _prepared(bench, running)
        _downloaded(running, key, _AS_IS, text)
        pairs = []
        for _ in range(bench.rounds):
            writer_s = _timed(
                lambda: rustpy_xlsxwriter.write_worksheet(_dictionaries(text), str(written))
            )
            export_s = _timed(lambda: _downloaded(running, key, "format=xlsx", exported))
            pairs.append((calls / export_s, calls / writer_s))
    beside = {
        "calls": calls,
        "columns": _columns(text),
        "bytes": exported.stat().st_size,
        "writer_bytes": written.stat().st_size,
    }
    return compare("xlsx", "rows/s", "rustpy-xlsxwriter alone", pairs, beside)


def export_memory(bench: Workbench) -> Measurement:
    """The most that a process holds while it writes a million calls, in each format."""
    calls_wanted = _CALLS_QUICK if bench.quick else _CALLS_OF_MEMORY
    beside: dict[str, object] = {}
    peaks: list[int] = []
    with product(bench.servers, bench.folder) as running:
        calls, key = _prepared(bench, running, calls_wanted)
        (_, read_api) = running._processes[-1]
        idle_bytes = peak_rss_bytes(read_api.pid)
        for file_format in ("csv", "xlsx", "parquet"):
            path = bench.folder / f"calls.{file_format}"
            with _Watch(read_api.pid) as watch:
                began_s = time.monotonic()
                _downloaded(running, key, f"format={file_format}", path)
                taken_s = time.monotonic() - began_s
            peaks.append(watch.peak_bytes)
            beside |= {
                f"{file_format}_mb": significant(watch.peak_bytes / _MB),
                f"{file_format}_s": significant(taken_s),
                f"{file_format}_file_mb": significant(path.stat().st_size / _MB),
            }
            path.unlink()
        read_api_bytes = peak_rss_bytes(read_api.pid)
    beside |= {"calls": calls, "read_api_mb": significant(read_api_bytes / _MB)}
    pair = (max(*peaks, read_api_bytes) / _MB, idle_bytes / _MB)
    return compare("export-memory", "MB", "read API that exported nothing", [pair], beside)


class _Watch:
    """The most memory that the processes of a read API have held, looked at now and then."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._read_api = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_S):
            for child in self._read_api.children():
                try:
                    # Of the kernel's own count, so that nothing between two looks is missed.
                    self.peak_bytes = max(self.peak_bytes, peak_rss_bytes(child.pid))
                except (psutil.NoSuchProcess, OSError):
                    continue


def _prepared(bench: Workbench, running: Product, calls: int = 0) -> tuple[int, str]:
    """How many calls there are, and a key; the read API runs."""
    wanted = calls or (_CALLS_QUICK if bench.quick else _CALLS_FULL)
    found = many_calls(bench, running, wanted)
    running.start_read_api()
    return found, running.api_key()


def _timed(work: Callable[[], object]) -> float:
    began_s = time.monotonic()
    work()
    return time.monotonic() - began_s


def _copied(running: Product, path: Path) -> None:
    with (
        psycopg.connect(running.database_url) as connection,
        path.open("wb") as file,
        connection.cursor().copy(_COPY) as copy,
    ):
        while piece := copy.read():
            file.write(piece)


def _downloaded(running: Product, key: str, query: str, path: Path) -> None:
    target = f"/program-execution/{EXECUTION_ID}/report/calls/export?{query}"
    connection = http.client.HTTPConnection("127.0.0.1", running.read_api_port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", target, headers={"x-api-key": key})
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise WrongResultError(f"{target} answers {response.status}: {response.read(200)!r}")
        with path.open("wb") as file:
            while piece := response.read(_RECEIVE_BYTES):
                file.write(piece)
    finally:
        connection.close()


def _dictionaries(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _columns(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return len(next(csv.reader(file)))


def _check(exported: Path, copied: Path, calls: int) -> None:
    """Both hold the same calls in the same order."""
    rows = 0
    with (
        exported.open(encoding="utf-8", newline="") as one,
        copied.open(encoding="utf-8", newline="") as other,
    ):
        reader = csv.reader(one)
        next(reader)
        for rows, (row, expected) in enumerate(zip(reader, csv.reader(other), strict=True), 1):
            if row[:_ALIKE] != expected[:_ALIKE]:
                raise WrongResultError(f"row {rows}: {row[:_ALIKE]}; expected {expected[:_ALIKE]}")
    if rows != calls:
        raise WrongResultError(f"{rows} rows; expected {calls}")
