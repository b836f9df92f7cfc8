"""All benchmarks by the name that performance.md gives them."""

from collections.abc import Callable
from typing import Final

from tests.bench.live import live_1, live_2
from tests.bench.measurement import Measurement
from tests.bench.workbench import Workbench

BENCHMARKS: Final[dict[str, Callable[[Workbench], Measurement]]] = {
    "live-1": live_1,
    "live-2": live_2,
}
