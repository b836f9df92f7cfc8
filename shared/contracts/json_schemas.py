"""The structs as JSON Schemas (2020-12), for publishers in other languages.

Read through `msgspec.inspect`, so that names and limits stand in the structs alone; msgspec's own
generator cannot say the defaults of handed-through JSON. Called by `documents` and `asyncapi`.
"""

from typing import Any, Final

from msgspec import inspect

from shared.contracts.envelope import Event
from shared.contracts.event_types import EVENT_CLASSES, WIRE_NAMES

Schema = dict[str, Any]

#: The name under which every event type finds what all of them carry.
ENVELOPE: Final = "CloudEvent"
#: Not published: the codec's own note of `time`.
_INTERNAL = "time_us"
_ENVELOPE_WORDS = (
    "The attributes of every event. Attributes and payload keys that are not named here are kept "
    "and ignored; null is the same as absent, except in contact.updated and extractedData. No "
    "string may hold U+0000, ids have at most 256 bytes of UTF-8, the whole event 1 MiB."
)


def events_document() -> Schema:
    """One JSON Schema that accepts every event of the contract; each type stands in `$defs`."""
    schemas = event_schemas("#/$defs/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:callfold-events:v1",
        "title": "Events that Callfold accepts, version 1",
        "oneOf": [{"$ref": f"#/$defs/{cls.__name__}"} for cls in EVENT_CLASSES],
        "$defs": schemas,
    }


def event_schemas(prefix: str) -> dict[str, Schema]:
    """Every schema by name: the envelope, the events in the contract's order, what they hold.

    Args:
        prefix: what a `$ref` puts before a name.
    """
    writer = _Writer(prefix)
    envelope = {f.name: f for f in _fields(Event) if f.name != _INTERNAL}
    schemas = {ENVELOPE: writer.struct_of(list(envelope.values()), ENVELOPE, _ENVELOPE_WORDS)}
    schemas[ENVELOPE]["properties"]["type"] = {"enum": list(WIRE_NAMES.values())}
    schemas[ENVELOPE]["required"] += ["type", "data"]
    for cls in EVENT_CLASSES:
        own = [f for f in _fields(cls) if f.name != _INTERNAL and f != envelope.get(f.name)]
        schema = writer.struct_of(own, cls.__name__, cls.__doc__ or "")
        schema["properties"]["type"] = {"const": WIRE_NAMES[cls]}
        schemas[cls.__name__] = {"allOf": [{"$ref": f"{prefix}{ENVELOPE}"}], **schema}
    return schemas | writer.payloads


def _fields(cls: type[Event]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(cls)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{cls} is no struct")
    return info.fields


class _Writer:
    """Writes types as schemas and collects the structs that they name."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.payloads: dict[str, Schema] = {}

    def struct_of(self, fields: list[inspect.Field], title: str, words: str) -> Schema:
        """An object with these keys and any others."""
        return {
            "title": title,
            "description": " ".join(words.split()),
            "type": "object",
            "properties": {field.encode_name: self._field(field) for field in fields},
            "required": [field.encode_name for field in fields if field.required],
            "additionalProperties": True,
        }

    def _field(self, field: inspect.Field) -> Schema:
        schema = self._schema(field.type)
        nullable = isinstance(field.type, inspect.UnionType) or not schema
        return schema if field.required or nullable else {"anyOf": [schema, {"type": "null"}]}

    def _schema(self, kind: inspect.Type) -> Schema:
        match kind:
            case inspect.Metadata(type=inner, extra_json_schema=extra):
                return self._schema(inner) | (extra or {})
            case inspect.UnionType(types=kinds):
                return {"anyOf": [self._schema(one) for one in kinds]}
            case inspect.StructType():
                return self._reference(kind)
            case inspect.LiteralType(values=values):
                return {"enum": list(values)} if len(values) > 1 else {"const": values[0]}
            case inspect.ListType(item_type=item):
                return {"type": "array", "items": self._schema(item)}
            case inspect.DictType(key_type=key, value_type=value):
                return {
                    "type": "object",
                    "propertyNames": self._schema(key),
                    "additionalProperties": self._schema(value) or True,
                }
            case _:
                return _scalar(kind)

    def _reference(self, kind: inspect.StructType) -> Schema:
        name = kind.cls.__name__
        if name not in self.payloads:
            self.payloads[name] = {}  # holds the struct's place before those it names
            schema = self.struct_of(list(kind.fields), name, kind.cls.__doc__ or "")
            if kind.tag_field is not None:
                schema["properties"] = {kind.tag_field: {"const": kind.tag}, **schema["properties"]}
                schema["required"].insert(0, kind.tag_field)
            self.payloads[name].update(schema)
        return {"$ref": f"{self._prefix}{name}"}


def _scalar(kind: inspect.Type) -> Schema:
    match kind:
        case inspect.StrType(min_length=least, max_length=most):
            return _present(type="string", minLength=least, maxLength=most)
        case inspect.IntType(ge=least, le=most):
            return _present(type="integer", minimum=least, maximum=most)
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.NoneType():
            return {"type": "null"}
        case inspect.RawType():
            return {}
        case _:
            raise TypeError(f"no schema for {kind}")


def _present(**keys: str | int | None) -> Schema:
    return {key: value for key, value in keys.items() if value is not None}
