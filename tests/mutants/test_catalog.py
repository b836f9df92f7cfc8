"""The table of mutants fits the tree; that each is killed is what `make mutants` proves."""

from collections import Counter
from functools import cache

import pytest

from tests.mutants.catalog import ROOT, catalog
from tests.mutants.workshop import verdict

_MUTANTS = catalog()
_KILLER = "tests/unit/test_a.py::test_b"


def test_every_mutant_changes_one_place_and_names_a_test_that_is_there() -> None:
    """Where the file or the test has changed, so must the mutant."""
    faults = []
    for mutant in _MUTANTS:
        try:
            mutated = mutant.applied(_text(mutant.file))
            if mutant.file.endswith(".py"):
                compile(mutated, mutant.file, "exec")
        except (OSError, ValueError, SyntaxError) as error:
            faults.append(f"{mutant.name}: {error}")
        file, _, function = mutant.killed_by.partition("::")
        if f"def {function}(" not in _text(file):
            faults.append(f"{mutant.name}: no {mutant.killed_by}")
    assert [] == faults


def test_every_mutant_has_its_own_name() -> None:
    """Also across the tables of several areas."""
    assert [] == [name for name, n in Counter(m.name for m in _MUTANTS).items() if n > 1]


@pytest.mark.parametrize(
    ("code", "output", "expected"),
    (
        (0, "1 passed", "survived"),
        (1, f"FAILED {_KILLER} - assert 1 == 2", "killed"),
        (1, f"FAILED {_KILLER}[case] - assert 1 == 2", "killed"),
        (1, f"FAILED {_KILLER} - Failed: Timeout (>60.0s) from pytest-timeout.", "hung"),
        (1, f"ERROR {_KILLER} - OSError: no server", "broken"),
        (2, f"ERROR {_KILLER} - SyntaxError: invalid syntax", "broken"),
        (1, f"FAILED {_KILLER}_and_c - assert 1 == 2", "broken"),
        (None, "", "hung"),
    ),
)
def test_only_a_test_that_failed_by_itself_kills(
    code: int | None, output: str, expected: str
) -> None:
    """A syntax error, a server that is away, another test's failure or a hang prove nothing."""
    assert expected == verdict(code, output, _KILLER)


@cache
def _text(file: str) -> str:
    path = ROOT / file
    return path.read_text() if path.is_file() else ""
