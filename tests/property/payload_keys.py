"""What a struct of the contract lets an event say, key by key: what must be seen, and what is.

Both walk the struct as msgspec describes it, so a key that the contract gains is demanded at once.
A sight is a path and what was met there: `absent`, `null`, `said`, or a value of a closed list.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

Sight = tuple[str, str]

#: Set by the codec, never published.
_NOT_PUBLISHED = "(time in microseconds)"


def demanded(info: inspect.Type, path: str = "$") -> Iterator[Sight]:
    """All that a generator has to reach."""
    match info:
        case inspect.StructType():
            for field in _fields(info):
                inside = f"{path}.{field.encode_name}"
                for state in ("said",) if field.required else ("absent", "null", "said"):
                    yield (inside, state)
                yield from demanded(field.type, inside)
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            yield from ((path, value) for value in (schema or {}).get("examples", ()))
            yield from demanded(inner, path)
        case inspect.LiteralType(values=values):
            yield from ((path, str(value)) for value in values)
        case inspect.UnionType(types=members):
            for member in members:
                yield from demanded(member, _inside(path, member))
        case inspect.ListType(item_type=item):
            yield from demanded(item, f"{path}[]")
        case inspect.DictType():
            yield from ((f"{path}.*", state) for state in ("null", "said"))
        case _:
            pass  # text, numbers and handed-through JSON have nothing inside


def sighted(info: inspect.Type, value: Any, path: str = "$") -> Iterator[Sight]:
    """All that one event, or a value inside it, shows."""
    match info:
        case inspect.StructType():
            for field in _fields(info):
                inside = f"{path}.{field.encode_name}"
                said = value.get(field.encode_name)
                if said is not None:
                    yield (inside, "said")
                    yield from sighted(field.type, said, inside)
                else:
                    yield (inside, "null" if field.encode_name in value else "absent")
        case inspect.Metadata(type=inner):
            yield (path, str(value))
            yield from sighted(inner, value, path)
        case inspect.LiteralType():
            yield (path, str(value))
        case inspect.UnionType(types=members):
            for member in members:
                if not isinstance(member, inspect.StructType) or _is(member, value):
                    yield from sighted(member, value, _inside(path, member))
        case inspect.ListType(item_type=item):
            for one in value:
                yield from sighted(item, one, f"{path}[]")
        case inspect.DictType():
            yield from ((f"{path}.*", "null" if v is None else "said") for v in value.values())
        case _:
            pass


def _fields(info: inspect.StructType) -> list[inspect.Field]:
    return [field for field in info.fields if field.encode_name != _NOT_PUBLISHED]


def _is(member: inspect.StructType, value: dict[str, Any]) -> bool:
    """Whether a value is this member of a union."""
    return member.tag is None or bool(value["type"] == member.tag)


def _inside(path: str, member: inspect.Type) -> str:
    """The path of a member of a union, which its tag tells from the others."""
    if isinstance(member, inspect.StructType) and member.tag is not None:
        return f"{path}({member.tag})"
    return path
