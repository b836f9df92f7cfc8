"""A call as a row of the calls export (reports.md, Exports).

`export_calls.sql` gives the fixed part; what happened in the nodes is in the attempt's state, the
attributes are in the contact's.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from shared.contracts.event_types import Kind
from shared.contracts.instants import us_text_ms
from shared.folds.attempt import AttemptState, Message, Recording, Step
from shared.folds.contact import Attribute
from shared.folds.states import FOLDS
from shared.reports.call_export_columns import CallExportColumns, ExportedNode, columns_of_type


class Number(str):
    """A number that is written as it was said: an exact amount, or a number out of JSON."""

    __slots__ = ()


#: A plain `str` is text, whatever it begins with; None is an empty cell.
Cell = str | int | None
Row = list[Cell]

_SECOND_US: Final = 1_000_000
#: Of a message that was asked for and of which nothing more is known.
_QUEUED: Final = "queued"
_Attributes = Mapping[str, Attribute]

_decode_attempt: Callable[[bytes], AttemptState] = FOLDS[Kind.ATTEMPT].decode
_decode_contact = FOLDS[Kind.CONTACT].decode


class ExportedCall(NamedTuple):
    """A row of `export_calls.sql`."""

    call_id: str
    contact_id: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    email: str | None
    from_number: str | None
    to_number: str | None
    direction: str | None
    attempt: int
    status: str
    outcome: str | None
    flow_outcome: str | None
    started_us: int
    answered_us: int | None
    ended_us: int | None
    duration_ms: int | None
    #: In decimal; None where nothing was ever charged.
    total_cost: str | None
    #: Of the attempt and of its contact; None where no column needs it, or it is unknown.
    state: bytes | None
    contact_state: bytes | None


class _Visit(NamedTuple):
    """What a call did at one node."""

    state: AttemptState
    node: ExportedNode
    #: The last step there; None where the call never came by.
    step_id: str | None
    step: Step | None
    attributes: _Attributes


class _NodeCells(NamedTuple):
    """Where the cells of a node begin, and what fills them."""

    at: int
    width: int
    node: ExportedNode
    cells: Callable[[_Visit], Iterable[Cell]]
    #: Of the attempt's state, what may fill them where the call never came by; None: always.
    beside: str | None


class CallExportRows:
    """Makes the rows of one export."""

    def __init__(self, columns: CallExportColumns) -> None:
        """`columns` decide what a row holds beyond its fixed part."""
        self._attributes = columns.attributes
        #: The nodes' cells of a call that came by none of them.
        self._blank: Row = []
        #: Nodes that have a result alone, which most have.
        self._results: dict[str, int] = {}
        self._inputs: dict[str, int] = {}
        self._others: list[_NodeCells] = []
        for node in columns.nodes:
            at, width = len(self._blank), columns_of_type(node.type)
            self._blank += [None] * width
            if node.type in _OTHERS:
                cells, beside = _OTHERS[node.type]
                self._others.append(_NodeCells(at, width, node, cells, beside))
            else:
                (self._inputs if node.type == "dtmf" else self._results)[node.id] = at
        self._node_ids = frozenset(node.id for node in columns.nodes)

    def row(self, call: ExportedCall) -> Row:
        """The cells of a call, one for each column."""
        row: Row = [
            *call[:13],
            _instant(call.started_us),
            None if call.answered_us is None else _instant(call.answered_us),
            None if call.ended_us is None else _instant(call.ended_us),
            call.duration_ms,
            None if call.total_cost is None else Number(call.total_cost),
        ]
        state = call.contact_state
        attributes = _NONE if state is None else _decode_contact(state).attributes
        row += [_attribute(attributes, name) for name in self._attributes]
        if self._blank:
            state = call.state
            row += self._nodes(_NOTHING if state is None else _decode_attempt(state), attributes)
        return row

    def _nodes(self, state: AttemptState, attributes: _Attributes) -> Row:
        cells = self._blank.copy()
        last = _last_steps(state.steps, self._node_ids)
        results, inputs = self._results, self._inputs
        for node_id, (_, step) in last.items():
            output = step.exited and step.exited[4]
            if node_id in results:
                cells[results[node_id]] = output
            elif node_id in inputs:
                digits, at = step.digits, inputs[node_id]
                cells[at] = digits and digits[4]
                cells[at + 1] = output
        for at, width, node, fill, beside in self._others:
            if node.id in last or beside is None or getattr(state, beside):
                step_id, step_there = last.get(node.id, _NO_STEP)
                visit = _Visit(state, node, step_id, step_there, attributes)
                cells[at : at + width] = fill(visit)
        return cells


_NONE: Final[_Attributes] = {}
_NOTHING: Final = AttemptState(first_us=0, last_us=0)
_NO_STEP: Final[tuple[str | None, Step | None]] = (None, None)


def _last_steps(steps: Mapping[str, Step], node_ids: frozenset[str]) -> dict[str, tuple[str, Step]]:
    """By node its last step: by start, then by id."""
    last: dict[str, tuple[str, Step]] = {}
    for step_id, step in steps.items():
        node_id = step.named[4]
        if node_id not in node_ids:
            continue
        known = last.get(node_id)
        if known is None or (_start_us(step), step_id) > (_start_us(known[1]), known[0]):
            last[node_id] = (step_id, step)
    return last


def _start_us(step: Step) -> int:
    return step.first_us if step.entered_us is None else step.entered_us


def _result(visit: _Visit) -> str | None:
    step = visit.step
    return None if step is None or step.exited is None else step.exited[4]


def _recording(visit: _Visit) -> Iterable[Cell]:
    found: tuple[str, Recording] | None = None
    for recording_id, recording in visit.state.recordings.items():
        said = recording.recorded
        if said is None or not _is_of(visit, said[4]):
            continue
        if found is None or found[1].recorded is None or said[:4] > found[1].recorded[:4]:
            found = (recording_id, recording)
    if found is None:
        return _result(visit), None, None
    text = found[1].text
    return _result(visit), found[0], None if text is None else text[4]


def _message(visit: _Visit) -> Iterable[Cell]:
    found: Message | None = None
    for message in visit.state.messages.values():
        asked = message.requested
        if asked is None or not _is_of(visit, asked[4]):
            continue
        if found is None or found.requested is None or asked[:4] > found.requested[:4]:
            found = message
    if found is None or found.requested is None:
        return None, None, None
    keys = found.requested[4]
    status = _QUEUED if found.status is None else found.status[4]
    return status, keys.get("body"), keys.get("parts")


def _is_of(visit: _Visit, keys: Mapping[str, Any]) -> bool:
    """Whether an event names the step, or the node and no step."""
    step_id = keys.get("stepId")
    if step_id is None:
        return bool(keys.get("nodeId") == visit.node.id)
    return bool(step_id == visit.step_id)


def _updated_attribute(visit: _Visit) -> Iterable[Cell]:
    """The contact's attribute that the node updates, and its value now: not the node's doing."""
    name = visit.node.attribute
    return name, None if name is None else _attribute(visit.attributes, name)


def _value(visit: _Visit) -> Iterable[Cell]:
    """The final value of the variable that the node sets; without its name, what was set there."""
    state, name = visit.state, visit.node.variable
    ended = state.run_ended[4].get("variables") if state.run_ended else None
    if name is None:
        set_here = [
            (fact[:4], name)
            for name, fact in state.variables.items()
            if _is_of(visit, {"stepId": fact[5], "nodeId": fact[6]})
        ]
        name = max(set_here)[1] if set_here else None
    if name is None:
        return (None,)
    if ended is not None:
        final = msgspec.json.decode(ended, type=dict[str, msgspec.Raw]).get(name)
        if final is not None:
            return (_json_cell(bytes(final)),)
    fact = state.variables.get(name)
    return (_json_cell(None if fact is None else fact[4]),)


#: By node type; the cells of the others are a result, or an input and its branch.
_OTHERS: Final[dict[str, tuple[Callable[[_Visit], Iterable[Cell]], str | None]]] = {
    "collect_audio": (_recording, "recordings"),
    "record": (_recording, "recordings"),
    "sms": (_message, "messages"),
    "update_contact": (_updated_attribute, None),
    "set_variable": (_value, None),
}


def _attribute(attributes: _Attributes, name: str) -> Cell:
    fact = attributes.get(name)
    return None if fact is None else _json_cell(fact[4])


def _json_cell(text: bytes | None) -> Cell:
    """A JSON value as a cell: text without its quotes, numbers as said, the rest as JSON."""
    if text is None or text == b"null":
        return None
    if text[:1] == b'"':
        return str(msgspec.json.decode(text) if b"\\" in text else text[1:-1].decode())
    return text.decode() if text[:1] in _NOT_NUMBERS else Number(text.decode())


#: First bytes of true, false, objects and arrays.
_NOT_NUMBERS: Final = frozenset({b"t", b"f", b"{", b"["})


def _instant(time_us: int) -> str:
    second, us = divmod(time_us, _SECOND_US)
    return f"{_second(second)}{us // 1000:03d}Z"


@lru_cache(maxsize=100_000)
def _second(second: int) -> str:
    """An instant's text up to the point: calls share most of their seconds."""
    return us_text_ms(second * _SECOND_US)[:-4]
