"""One step of a replay as lines for people; used by `callfold replay`."""

from collections.abc import Iterator
from typing import Any

import msgspec

from services.tooling.replay_steps import Step
from services.tooling.safe_text import one_line


class _Said(msgspec.Struct):
    """What of an event stands in its first line."""

    type: str
    time: str
    source: str
    id: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


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
        yield from _changes("state", before and before.state, step.state)
        yield from _changes("adds", before and before.contribution, step.contribution or {})


def _changes(word: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Iterator[str]:
    old = {name: _json(value) for name, value in (before or {}).items()}
    new = {name: _json(value) for name, value in after.items()}
    for name, value in new.items():
        if old.get(name) != value:
            yield f"   {word:<6} {one_line(f'{name} = {value}')}"
    for name in old.keys() - new.keys():
        yield f"   {word:<6} {one_line(name)} is gone"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
