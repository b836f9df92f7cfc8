"""One step of a replay as lines for people; used by `callfold replay`."""

from collections.abc import Iterator
from typing import Any

import msgspec

from services.tooling.replay.steps import Step
from services.tooling.safe_text import one_line
from shared.contracts.exact_numbers import decode_exact


class _Said(msgspec.Struct):
    """What of an event stands in its first line."""

    type: str
    time: str
    source: str
    id: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


#: Names of what is the key of a part in a list: of tallies' rows, else of a fact's stamp.
_KEYS = ("nodeType", "nodeId", "component", "digits", "executionId", "source", "id")
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(_Said).decode


def step_lines(number: int, step: Step, before: Step | None) -> Iterator[str]:
    """An event, its payload, and what it changed since `before`, the last step with a state."""
    said = _decode(step.event)
    mark = "" if step.fate == "folded" else f"  [{step.fate.upper()}]"
    yield one_line(
        f"{number}. {said.time} {said.type}  {said.source} {said.id}  entry {step.position}"
        f" received {step.received_at}{mark}"
    )
    yield f"   says   {one_line(bytes(said.data))}"
    if step.state is not None:
        yield from _changes("state", before.state if before else None, step.state)
        adds = before.contribution if before else None
        yield from _changes("adds", adds, step.contribution or {})


def _changes(word: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Iterator[str]:
    old, new = dict(_parts(before or {})), dict(_parts(after))
    for name, value in new.items():
        if old.get(name) != value:
            yield f"   {word:<6} {one_line(f'{name} = {value}')}"
    for name in old.keys() - new.keys():
        yield f"   {word:<6} {one_line(name)} is gone"


def _parts(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each part with its name; of an object of objects, or a list of them, each by its own."""
    for name, value in said.items():
        inner = decode_exact(_encode(value))
        if isinstance(inner, dict) and all(isinstance(part, dict) for part in inner.values()):
            yield from ((f"{name}[{key}]", _text(part)) for key, part in inner.items())
        elif isinstance(inner, list) and all(isinstance(part, dict) for part in inner):
            yield from ((f"{name}[{_key(part)}]", _text(part)) for part in inner)
        else:
            yield name, _text(inner)


def _key(part: dict[str, Any]) -> str:
    """What tells the rows of a tally, charges, or facts apart."""
    words = [part[name] for name in _KEYS if part.get(name)]
    return " ".join(map(str, words))


def _text(value: Any) -> str:
    return _encode(value).decode()
