"""Compares a product's answer with the reference model's: values, keys, and their order."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any


def differences(expected: Any, found: Any, path: str = "$") -> Iterator[str]:
    """Every place where two JSON values differ; numbers compare by value, exactly."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if list(expected) != list(found):
            yield f"{path}: keys {list(expected)} but found {list(found)}"
        for key in expected.keys() & found.keys():
            yield from differences(expected[key], found[key], f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{path}: {len(expected)} items but found {len(found)}"
        for index, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif _is_number(expected) and _is_number(found):
        if Decimal(expected) != Decimal(found):
            yield f"{path}: {expected} but found {found}"
    elif type(expected) is not type(found) or expected != found:
        yield f"{path}: {expected!r} but found {found!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
