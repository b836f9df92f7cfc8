"""`make mutants`: tries every mutant, or those that are named, and fails if one survives."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

import msgspec

from tests.mutants.catalog import ROOT, Mutant, catalog
from tests.mutants.workshop import Trial, Workshop

_INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _options(words)
    mutants = catalog()
    if unknown := set(options.names) - {mutant.name for mutant in mutants}:
        sys.stderr.write(f"no such mutant: {', '.join(sorted(unknown))}\n")
        return 2
    mutants = [m for m in mutants if not options.names or m.name in options.names]
    try:
        for mutant in mutants:
            mutant.applied((ROOT / mutant.file).read_text())
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.list:
        for mutant in mutants:
            _say(f"{mutant.area:14} {mutant.name:44} {mutant.file}")
        return 0
    with TemporaryDirectory(prefix="callfold-mutants-") as folder, ExitStack() as ends:
        jobs = min(options.jobs, len(mutants))
        shops = [ends.enter_context(Workshop(Path(folder) / str(n))) for n in range(jobs)]
        try:
            return _try_all(shops, mutants, as_json=options.json)
        except KeyboardInterrupt:
            return _INTERRUPTED


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="name them and try none")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    return parser.parse_args(words)


def _try_all(shops: list[Workshop], mutants: list[Mutant], *, as_json: bool) -> int:
    began_s = time.monotonic()
    free: SimpleQueue[Workshop] = SimpleQueue()
    for shop in shops:
        free.put(shop)
    with ThreadPoolExecutor(len(shops)) as threads:
        try:
            if not _all_pass(threads, shops, mutants):
                return 1
            under_way = {threads.submit(_try_out, free, m): m for m in mutants}
            verdicts = [
                _tell(under_way[done], done, as_json=as_json) for done in as_completed(under_way)
            ]
        except BaseException:
            for shop in shops:
                shop.stop()
            raise
    killed = verdicts.count("killed")
    seconds = time.monotonic() - began_s
    survived = len(mutants) - killed
    _say(f"{len(mutants)} mutants, {killed} killed, {survived} survived in {seconds:.0f} s")
    return 1 if survived else 0


def _all_pass(threads: ThreadPoolExecutor, shops: list[Workshop], mutants: list[Mutant]) -> bool:
    """Whether the tests pass as long as nothing is wrong: else no failure would prove anything."""
    tests = sorted({mutant.killed_by for mutant in mutants})
    shares = [tests[n :: len(shops)] for n in range(len(shops))]
    runs = [threads.submit(s.passes, t) for s, t in zip(shops, shares, strict=True) if t]
    outputs = [output for passed, output in (run.result() for run in runs) if not passed]
    for output in outputs:
        _say(f"a killing test fails without any mutant:\n{output}")
    return not outputs


def _try_out(free: "SimpleQueue[Workshop]", mutant: Mutant) -> Trial:
    shop = free.get()
    try:
        return shop.try_out(mutant)
    finally:
        free.put(shop)


def _tell(mutant: Mutant, done: "Future[Trial]", *, as_json: bool) -> str:
    trial = done.result()
    if as_json:
        told = {"mutant": mutant, "verdict": trial.verdict, "seconds": round(trial.seconds, 1)}
        _say(msgspec.json.encode(told).decode())
    else:
        test = mutant.killed_by.removeprefix("tests/")
        _say(f"{trial.verdict:8} {trial.seconds:6.1f} s  {mutant.area:13} {mutant.name:44} {test}")
    if trial.verdict in {"broken", "hung"} and not as_json:
        _say(trial.output)
    return trial.verdict


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
