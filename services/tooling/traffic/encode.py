"""Events as bytes, in both content modes of the contract (events.md, On a Redis stream)."""

from decimal import Decimal
from json import JSONEncoder
from typing import Any

from services.tooling.traffic.campaign import Event

_json_text = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
#: The only types that carry amounts: the others skip the search for them.
_WITH_MONEY = frozenset({"call.charged", "call.transferred"})


def to_json(event: Event) -> bytes:
    """Structured mode: the event as compact JSON, Decimal amounts as exact JSON numbers."""
    if event["type"] not in _WITH_MONEY:
        return _json_text(event).encode()
    envelope = _json_text({key: value for key, value in event.items() if key != "data"})
    return f'{envelope[:-1]},"data":{_money_json(event["data"])}}}'.encode()


def to_fields(event: Event) -> dict[bytes, bytes]:
    """Binary mode: a field for each attribute, `data` as JSON."""
    fields = {key.encode(): str(value).encode() for key, value in event.items() if key != "data"}
    fields[b"data"] = _money_json(event["data"]).encode()
    return fields


def _money_json(data: dict[str, Any]) -> str:
    """JSON of a payload; the standard encoder knows floats, which amounts must never be."""
    amounts = {key: value for key, value in data.items() if isinstance(value, Decimal)}
    if not amounts:
        return _json_text(data)
    members = [f"{_json_text(key)}:{value:f}" for key, value in amounts.items()]
    rest = _json_text({key: value for key, value in data.items() if key not in amounts})
    if rest != "{}":
        members.append(rest[1:-1])
    return f"{{{','.join(members)}}}"
