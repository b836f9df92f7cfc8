"""The command `callfold` as a process of its own, for tests that look at it from outside."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def start_callfold(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Start a command; `settings` are the only `CALLFOLD_…` variables that it sees."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALLFOLD_")}
    given = {f"CALLFOLD_{name.upper()}": value for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "services.tooling", *arguments],
        cwd=_ROOT,
        env={**inherited, **given, "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_callfold(
    *arguments: str, timeout_s: float = 50, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; asserts nothing, since some are meant to fail."""
    with start_callfold(*arguments, **settings) as process:
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except BaseException:
            process.terminate()  # it ends its servers
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)
