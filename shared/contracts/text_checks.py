"""The rules for text that msgspec does not know: key bytes, control characters, U+0000.

Most events are plain ASCII without an escape, where nothing here can fail: `codec` looks at the
bytes once and comes here only for the others.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from shared.contracts.park_reasons import ParkReason
from shared.errors import ContractError
from shared.limits import ID_BYTES_MAX

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
#: Numbers beyond a double do not matter here, and must not fail.
_decode_any = msgspec.json.Decoder(float_hook=str).decode


def plain(raw: bytes) -> bool:
    """Whether the JSON text can hold neither escapes, nor control characters, nor non-ASCII."""
    return raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def check_text(raw: bytes, event: Struct) -> None:
    """Check every text of an event that is not `plain`.

    Raises:
        ContractError: bytes that are not UTF-8, U+0000 anywhere, or a key that is too long in
            bytes or holds a control character.
    """
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(ParkReason.NOT_JSON, f"not UTF-8: {error.reason}") from None
    if b"\\u0000" in raw and _has_nul(_decode_any(raw)):
        raise ContractError(ParkReason.NUL_CHARACTER, "U+0000 in a string")
    for path, key in _keys(event, "$"):
        if _CONTROL.search(key):
            raise ContractError(_reason(path), f"control character in a key - at `{path}`")
        if len(key.encode()) > ID_BYTES_MAX:
            raise ContractError(_reason(path), f"over {ID_BYTES_MAX} bytes - at `{path}`")


def _reason(path: str) -> ParkReason:
    return ParkReason.WRONG_SHAPE if path.startswith("$.data") else ParkReason.MALFORMED_ATTRIBUTE


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, list):
        return any(map(_has_nul, value))
    if isinstance(value, dict):
        return any("\x00" in name or _has_nul(item) for name, item in value.items())
    return False


Keys = Iterator[tuple[str, str]]


def _keys(struct: Struct, path: str) -> Keys:
    for name, wire_name, walk in _walks(type(struct)):
        value = getattr(struct, name)
        if value is not None and value is not msgspec.UNSET:
            yield from walk(value, f"{path}.{wire_name}")


@cache
def _walks(struct_class: type[Struct]) -> tuple[tuple[str, str, Callable[[Any, str], Keys]], ...]:
    hints = get_type_hints(struct_class, include_extras=True)
    fields = zip(struct_class.__struct_fields__, struct_class.__struct_encode_fields__, strict=True)
    found = ((name, wire_name, _walk_of(hints[name])) for name, wire_name in fields)
    return tuple((name, wire_name, walk) for name, wire_name, walk in found if walk)


def _walk_of(hint: Any) -> Callable[[Any, str], Keys] | None:
    """How to find the keys in a value of this type; None where there are none."""
    if any(isinstance(meta, Meta) and meta.extra for meta in getattr(hint, "__metadata__", ())):
        return lambda value, path: iter([(path, value)])
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _keys
    origin, args = get_origin(hint), get_args(hint)
    if origin is list and _walk_of(args[0]):
        return _list_keys
    if origin is dict and _walk_of(args[0]):
        return lambda value, path: ((f"{path}.*", name) for name in value)
    if origin is Union or (origin is not None and origin.__name__ == "UnionType"):
        return next((walk for arg in args if (walk := _walk_of(arg))), None)
    return None


def _list_keys(values: list[Struct], path: str) -> Keys:
    for index, value in enumerate(values):
        yield from _keys(value, f"{path}[{index}]")
