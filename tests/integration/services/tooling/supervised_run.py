"""A process that supervises others, for tests that signal or kill it: `python -m …`.

Arguments: a folder for records and logs, the drain in seconds, then one Python script for each
child. It prints "ready" and ends when it is told to.
"""

import sys
from pathlib import Path

from services.tooling.stop_signals import StopSignals
from services.tooling.supervisor import ProcessSpec, Supervisor


def main(folder: Path, drain_s: float, scripts: list[str]) -> None:
    """Run the scripts until a stop signal, as `callfold up` does."""
    specs = [
        ProcessSpec(name=f"child-{number}", argv=(sys.executable, "-u", "-c", script))
        for number, script in enumerate(scripts, start=1)
    ]
    supervisor = Supervisor(
        specs, records=folder / "records", logs=folder, report=_print_line, drain_s=drain_s
    )
    with StopSignals() as stop:
        try:
            supervisor.start()
            supervisor.wait_until_ready(patience_s=20)
            _print_line("ready")
            supervisor.run(stop, lambda: None)
        finally:
            stop.hold()
            supervisor.stop(urgent=lambda: stop.urgent)
    _print_line("ended")


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
