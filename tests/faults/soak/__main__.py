"""`python -m tests.faults.soak`: an hour of traffic and faults; 0 where all held, else 1.

Progress goes to standard output, the logs of all processes to `processes.log` in the folder. A
failure prints what did not hold, and the command that draws the same campaigns and faults again.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TextIO

from tests.faults.soak.run import Plan
from tests.faults.soak.setting_up import prepared


def main() -> int:
    """Run a soak and print what it found."""
    asked = _arguments()
    for number in (signal.SIGTERM, signal.SIGINT):  # all processes end, also under nohup
        signal.signal(number, signal.default_int_handler)
    plan = Plan(asked.seed, asked.minutes, asked.rate, asked.recovery_s)
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="callfold-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    output = _output_apart(folder / "processes.log")
    began_s = time.monotonic()

    def say(words: str) -> None:
        if not asked.json:
            minutes, seconds = divmod(int(time.monotonic() - began_s), 60)
            output.write(f"{minutes:3}:{seconds:02} {words}\n")

    say(f"{plan.command}; logs and data in {folder}")
    failed, soak = None, None
    try:
        with prepared(plan, folder, say) as soak:
            soak.run(say)
    except Exception as failure:  # noqa: BLE001 -- told, with the seed
        failed = "".join(traceback.format_exception(failure)) + f"\nagain: {plan.command}"
    if asked.json:
        summary = {} if soak is None else soak.summary()
        output.write(json.dumps({"command": plan.command, "failed": failed, **summary}) + "\n")
    else:
        lines = () if soak is None else soak.lines()
        output.writelines(f"{line}\n" for line in ("", *lines, "", failed or "all held"))
    if failed is None and not asked.folder:
        shutil.rmtree(folder)
    return 0 if failed is None else 1


def _output_apart(log: Path) -> TextIO:
    """Our own standard output; what all processes inherit as theirs goes to the log."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    return output


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long faults are injected")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--rate", type=float, default=3_000.0, help="events a second at most")
    parser.add_argument(
        "--recovery-s",
        type=float,
        default=60.0,
        help="how long healing may take; more where others use the machine",
    )
    parser.add_argument("--folder", help="for data and logs, and kept; else one that is removed")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
