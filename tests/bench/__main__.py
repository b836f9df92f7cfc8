"""`python -m tests.bench [NAME…] [--json] [--quick] [--rounds N]`: measures, on its own servers."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.catalog import BENCHMARKS
from tests.bench.measurement import json_line, text_line
from tests.bench.servers import bench_servers
from tests.bench.workbench import Workbench


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; returns the exit code: 2 for a name that does not exist."""
    wanted = _parser().parse_args(arguments)
    unknown = [name for name in wanted.names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
        return 2
    with tempfile.TemporaryDirectory(prefix="callfold-bench-") as name:
        folder = Path(name)
        with bench_servers(folder) as servers:
            bench = Workbench(servers, folder, wanted.quick, wanted.rounds)
            for benchmark in wanted.names or BENCHMARKS:
                bench.note(f"{benchmark}:")
                found = BENCHMARKS[benchmark](bench)
                print(json_line(found) if wanted.json else text_line(found), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; or all")
    parser.add_argument("--json", action="store_true", help="one line of JSON a benchmark")
    parser.add_argument("--quick", action="store_true", help="small and few rounds: a smoke test")
    parser.add_argument("--rounds", type=_count, help="of each pair (5; with --quick 2)")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


if __name__ == "__main__":
    sys.exit(main())
