"""All benchmarks by the name that performance.md gives them."""

from collections.abc import Callable
from typing import Final

from tests.bench.exports import csv_export, export_memory, xlsx_export
from tests.bench.latency import latency_1000
from tests.bench.live import live_1, live_2
from tests.bench.log_bytes import log_bytes
from tests.bench.measurement import Measurement
from tests.bench.memory import memory
from tests.bench.rebuild import rebuild, rebuild_live
from tests.bench.replay import replay
from tests.bench.report_vs_sql import report_vs_sql
from tests.bench.reports import report_changed, report_hot
from tests.bench.workbench import Workbench

BENCHMARKS: Final[dict[str, Callable[[Workbench], Measurement]]] = {
    "live-1": live_1,
    "live-2": live_2,
    "latency-1000": latency_1000,
    "report-hot": report_hot,
    "report-changed": report_changed,
    "report-vs-sql": report_vs_sql,
    "csv": csv_export,
    "xlsx": xlsx_export,
    "export-memory": export_memory,
    "log-bytes": log_bytes,
    "memory": memory,
    "replay": replay,
    "rebuild": rebuild,
    "rebuild-live": rebuild_live,
}
