"""Simulate until so many events were folded, in some processes: `python -m tests.simulation`.

Exit code 1, with the seed and how to run it alone, where a run fails or a fault never happened.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from functools import partial
from multiprocessing import Manager

from tests.simulation.many_runs import EVENTS_PER_RUN, Totals, simulate_until
from tests.simulation.run import RunFailedError, simulate

_TELL_S = 10.0


def main() -> int:
    """Simulate as the arguments say."""
    arguments = _arguments()
    if arguments.seed is not None:
        return _one(arguments.seed, arguments.events_per_run)
    began_s = time.monotonic()
    totals = Totals()
    share = arguments.events // arguments.processes
    with Manager() as manager, ProcessPoolExecutor(arguments.processes) as pool:
        progress, stop = manager.dict(), manager.Event()
        work = [
            pool.submit(
                simulate_until, share, arguments.first_seed + number, arguments.processes,
                arguments.events_per_run, partial(progress.__setitem__, number), stop.is_set,
            )
            for number in range(arguments.processes)
        ]  # fmt: skip
        while wait(work, _TELL_S, FIRST_EXCEPTION).not_done:
            _tell(f"{sum(progress.values()):>12,} events")
            if any(one.done() and one.exception() for one in work):
                break
        stop.set()
        try:
            for one in work:
                totals += one.result()
        except RunFailedError as error:
            _tell(str(error))
            return 1
    return _summary(totals, time.monotonic() - began_s)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="stream entries in all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=1_000_000, help="where seeds begin")
    parser.add_argument("--events-per-run", type=int, default=EVENTS_PER_RUN)
    parser.add_argument("--seed", type=int, help="run this seed alone")
    return parser.parse_args()


def _one(seed: int, events_per_run: int) -> int:
    try:
        done = simulate(seed, events_per_run)
    except RunFailedError as error:
        _tell(str(error))
        return 1
    return _summary(Totals(1, done.events, done.switches, done.simulated_s, done.faults), None)


def _summary(totals: Totals, took_s: float | None) -> int:
    for line in _lines(totals, took_s):
        _tell(line)
    missing = totals.missing() if took_s is not None else []
    if missing:
        _tell(f"never happened: {', '.join(missing)}")
    return 1 if missing else 0


def _lines(totals: Totals, took_s: float | None) -> Iterator[str]:
    figures = {
        "runs": totals.runs,
        "events": totals.events,
        "switches of threads": totals.switches,
        "simulated hours": round(totals.simulated_s / 3600),
        **dict(sorted(totals.faults.items(), key=lambda item: item[0].lower())),
    }
    for name, figure in figures.items():
        yield f"{name:24}{figure:>14,}"
    if took_s is not None:
        yield f"lost 0, doubled 0, wrongly parked 0, in {took_s:.0f} s"


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
