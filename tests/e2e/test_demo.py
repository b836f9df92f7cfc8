"""`callfold demo` from outside: a fresh machine's first command, which must notice a lost event."""

import json
import signal
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import run_callfold, start_callfold

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
_SMALL = ("demo", "--contacts", "150", "--json")
_PATIENCE_S = 110


def summary_of(output: str) -> dict[str, Any]:
    """The one JSON object that a run prints, decimals exact."""
    assert output.count("\n") == 1
    summary: dict[str, Any] = json.loads(output, parse_float=Decimal)
    return summary


def test_every_figure_of_the_reports_equals_the_truth() -> None:
    """Retries, loops, duplicates and disorder change no figure."""
    done = run_callfold(*_SMALL, timeout_s=_PATIENCE_S)
    assert done.returncode == 0, done.stderr
    summary = summary_of(done.stdout)
    assert summary["differences"] == []
    assert summary["figures"] == summary["truth"]
    assert summary["truth"]["report"]["contactMetrics"]["totalContacts"] == 150
    assert summary["entries"] - summary["events"] == summary["duplicates"] > 0


def test_lost_event_is_noticed_and_named(tmp_path: Path) -> None:
    """With --break a figure differs, exit code 3; the next run in that directory is whole again."""
    directory = ("--data-dir", str(tmp_path / "data"))
    broken = run_callfold(*_SMALL, *directory, "--break", timeout_s=_PATIENCE_S)
    assert broken.returncode == 3, broken.stderr
    summary = summary_of(broken.stdout)
    assert summary["lostEventId"] is not None
    assert summary["differences"]
    for difference in summary["differences"]:
        assert difference["figure"].startswith("report.contactMetrics.")
        assert difference["report"] != difference["truth"]
    whole = run_callfold(*_SMALL, *directory, timeout_s=_PATIENCE_S)
    assert whole.returncode == 0, whole.stderr
    assert summary_of(whole.stdout)["executionId"] != summary["executionId"]


def test_kept_demo_answers_until_it_is_interrupted() -> None:
    """With --keep the printed URL and key work, and Ctrl-C ends every process."""
    with start_callfold(*_SMALL, "--keep") as process:
        assert process.stdout is not None
        summary = summary_of(process.stdout.readline())
        request = urllib.request.Request(  # noqa: S310 -- our own loopback URL
            f"{summary['readApiUrl']}/program-execution/{summary['executionId']}/report",
            headers={"x-api-key": summary["apiKey"]},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 -- as above
            body = json.load(answer, parse_float=Decimal)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert body["contactMetrics"] == summary["truth"]["report"]["contactMetrics"]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(request, timeout=5)  # noqa: S310 -- as above


def test_interrupted_demo_leaves_no_verdict_and_no_process() -> None:
    """Without a comparison the exit code is neither 0 nor 3, and what was started has ended."""
    with start_callfold("demo", "--contacts", "20000") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("published"):
                break
        children = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert (130, "") == (process.returncode, output)
    assert len(children) >= 5
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def children_of(parent_pid: int) -> list[int]:
    """The processes that this one started, on Linux."""
    path = Path(f"/proc/{parent_pid}/task/{parent_pid}/children")
    return [int(pid) for pid in path.read_text("ascii").split()]
