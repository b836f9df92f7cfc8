"""A flow as one attempt ran it: which flow in which version, its steps, the types of its nodes.

The workflow interface and the call report are made of this.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from shared.contracts.reference_events import FlowNode, FlowPublishedData
from shared.folds.attempt import AttemptState, Step
from shared.folds.facts import merged_keys
from shared.projections.attempts import AttemptRow
from shared.reports.executions import Execution
from shared.reports.published_flows import UNKNOWN_TYPE, FlowChoice, OwnType, node_types

#: A step's id and the step.
NamedStep = tuple[str, Step]


class FlowRun(Struct, frozen=True, gc=False):
    """What an attempt did with a flow."""

    attempt_id: str
    state: AttemptState
    row: AttemptRow
    #: The one that the attempt belongs to.
    execution: Execution
    #: Which flow, and what decides its version.
    choice: FlowChoice
    #: None where that version is not published.
    flow: FlowPublishedData | None
    #: How many steps of the execution carry which type of their own.
    own_types: list[OwnType]

    @property
    def nodes(self) -> dict[str, FlowNode]:
        """The published nodes by id."""
        nodes: dict[str, FlowNode] = {}
        for node in self.flow.nodes if self.flow else ():
            nodes.setdefault(node.id, node)
        return nodes

    @property
    def steps(self) -> list[NamedStep]:
        """Steps with their ids, in order of start, then by id."""
        return sorted(self.state.steps.items(), key=lambda item: (step_start_us(item[1]), item[0]))

    @property
    def node_types(self) -> "NodeTypes":
        """The type of any node (events.md, "A node's type")."""
        own_types = self.own_types
        if self.row.execution_id is None:
            own_types = _own_types(self.state.steps.values())
        return NodeTypes(node_types(self.nodes.values(), own_types))


class NodeTypes(dict[str, str]):
    """Types by node id; of a node that nobody says a type of it is unknown."""

    def __missing__(self, _node_id: str) -> str:
        return UNKNOWN_TYPE


class PublishedVersion(NamedTuple):
    """A published version of a flow, without the flow."""

    version: int
    published_us: int
    version_id: str | None
    name: str


def run_flow_choice(state: AttemptState, row: AttemptRow, execution: Execution) -> FlowChoice:
    """Which flow an attempt ran, and what decides its version (events.md, section 3).

    In its execution's flow it uses the version that it says itself, else the execution's. Where it
    says another flow, or has no execution, its first event stands for the execution's start.
    """
    plan, own_version = execution.plan, _own_version(state)
    if plan is None or row.flow_id not in {None, plan.flow_id}:
        return FlowChoice(row.flow_id, own_version, state.first_us)
    version = plan.flow_version if own_version is None else own_version
    return FlowChoice(plan.flow_id, version, execution.started_us)


def chosen_version(
    choice: FlowChoice, published: Sequence[PublishedVersion]
) -> PublishedVersion | None:
    """The version of a flow that a choice leads to, as the queries of one flow make it.

    Args:
        published: all versions of the flow.
    """
    said, started_us = choice.flow_version, choice.started_us
    if said is not None:
        return next((one for one in published if one.version == said), None)
    by_start = [
        one for one in published if started_us is not None and one.published_us <= started_us
    ]
    return max(by_start) if by_start else min(published, default=None)


def step_start_us(step: Step) -> int:
    """When a step began: its earliest `node.entered`, else its earliest event."""
    return step.first_us if step.entered_us is None else step.entered_us


def own_type(step: Step) -> str | None:
    """The type that the step's own events say."""
    if step.named[5] is not None:
        return step.named[5]
    return None if step.typed is None else step.typed[4]


def _own_version(state: AttemptState) -> int | None:
    """The flow's version as the attempt says it: `call.initiated`, else `run.started`."""
    said = merged_keys(state.initiated)
    if state.run_started is not None:
        said = {**state.run_started[4], **said}
    return said.get("flowVersion")


def _own_types(steps: Iterable[Step]) -> list[OwnType]:
    counts = Counter((step.named[4], own_type(step) or "") for step in steps)
    return [OwnType(*key, steps) for key, steps in counts.items()]
