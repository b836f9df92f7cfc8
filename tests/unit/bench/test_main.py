"""Tests of the command line, as far as it starts no server."""

import pytest

from tests.bench.__main__ import main
from tests.bench.catalog import BENCHMARKS


def test_unknown_name_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and every name that exists."""
    assert 2 == main(["no-such-benchmark", "live-1"])
    said = capsys.readouterr().out
    assert "no benchmark no-such-benchmark" in said
    assert all(name in said for name in BENCHMARKS)
