"""Compares reports with the truth, figure by figure; used by `callfold demo`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

#: Where a figure stands: the report's name, then keys and places.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of a report beside what it must be; UNSET where only the other side has it."""

    path: Path
    reported: Any
    truth: Any

    @property
    def is_right(self) -> bool:
        """Whether both are equal: 1.50 is 1.5, and null is not 0."""
        return bool(self.reported == self.truth)

    @property
    def name(self) -> str:
        """The path as in code: `breakdown.perAttempt[0].callsAnswered`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).removeprefix(".")


def compare(reports: Mapping[str, Any], truth: Mapping[str, Any]) -> dict[Path, Figure]:
    """Every value that occurs in either, in the truth's order; numbers are int or Decimal."""
    reported = dict(_values(reports, ()))
    expected = dict(_values(truth, ()))
    return {
        path: Figure(path, reported.get(path, UNSET), expected.get(path, UNSET))
        for path in (*expected, *(path for path in reported if path not in expected))
    }


def _values(value: object, path: Path) -> Iterator[tuple[Path, Any]]:
    """The leaves; an empty list or object is a leaf, so that it is not the same as none."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _values(inner, (*path, key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _values(inner, (*path, place))
    else:
        yield path, value
