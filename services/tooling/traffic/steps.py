"""Steps of a flow: entered, left, abandoned, with their truth in the attempt's ledger."""

from typing import Any, NamedTuple

from services.tooling.traffic.flow import EXITS, NODE_BY_ID
from services.tooling.traffic.ledger import StepTruth
from services.tooling.traffic.script import AttemptScript

#: What steps of the unpublished node call it; the first is the most frequent one.
_UNPUBLISHED_TYPES = ("webhook", "webhook", "webhook", "webhook", "http_request", None)
_TYPE_UNSAID_SHARE = 0.15
_SECOND_EXIT_SHARE = 0.005
_SECOND_EXIT_DELAY_US = 40_000


class OpenStep(NamedTuple):
    """A step that has been entered; `own_type` None where its events say none."""

    step_id: str
    node_id: str
    own_type: str | None
    entered_us: int

    @property
    def place(self) -> dict[str, Any]:
        """The keys that name the step in a payload."""
        return {"stepId": self.step_id, "nodeId": self.node_id}


def enter(script: AttemptScript, node_id: str) -> OpenStep:
    """A new step of the node: every turn of a loop gets an id of its own."""
    step = _new_step(script, node_id)
    data = step.place
    if step.own_type is not None:
        data["nodeType"] = step.own_type
    node = NODE_BY_ID.get(node_id)
    if node is not None and node.label is not None and script.dice.chance(0.5):
        data["label"] = node.label
    script.say("node.entered", data)
    return step


def leave(script: AttemptScript, step: OpenStep, output: str) -> None:
    """The step's exit; seldom a second, later one, which wins (events.md, rule 3)."""
    data = _exit_data(step, output)
    script.say("node.exited", data)
    exited_us = script.now_us
    if script.dice.chance(_SECOND_EXIT_SHARE):
        script.say("node.exited", data, after_us=_SECOND_EXIT_DELAY_US)
        exited_us += _SECOND_EXIT_DELAY_US
    _note(script, step, (exited_us - step.entered_us) // 1000)


def abandon(script: AttemptScript, step: OpenStep) -> None:
    """No exit is ever said: the step exists, its duration is unknown."""
    _note(script, step, None)


def leave_unseen(script: AttemptScript, node_id: str, output: str) -> None:
    """A step known by its exit alone: it starts and ends there, so it lasted 0 ms."""
    step = _new_step(script, node_id)
    data = _exit_data(step, output)
    if step.own_type is not None:
        data["nodeType"] = step.own_type
    script.say("node.exited", data)
    _note(script, step, 0)


def _new_step(script: AttemptScript, node_id: str) -> OpenStep:
    node = NODE_BY_ID.get(node_id)
    own_type = script.dice.pick(_UNPUBLISHED_TYPES) if node is None else node.node_type
    if script.dice.chance(_TYPE_UNSAID_SHARE):
        own_type = None
    return OpenStep(script.ids.next_part(), node_id, own_type, script.now_us)


def _exit_data(step: OpenStep, output: str) -> dict[str, Any]:
    data = step.place
    data["output"] = output
    edge = EXITS.get((step.node_id, output))
    if edge is not None:
        data["edgeId"] = edge[0]
    return data


def _note(script: AttemptScript, step: OpenStep, duration_ms: int | None) -> None:
    script.ledger.steps.append(StepTruth(step.node_id, step.own_type, duration_ms))
