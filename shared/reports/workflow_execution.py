"""A flow run as a workflow builder sees it: `…/workflows/{workflowId}/executions/{executionId}`.

Source: reports.md, Workflow execution. The list above it shows the same without steps.
"""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.contracts.envelope import says
from shared.contracts.instants import us_text_s
from shared.contracts.reference_events import FlowEdge, FlowNode
from shared.folds.attempt import Step
from shared.projections.attempts import AttemptRow
from shared.reports.flow_runs import FlowRun, PublishedVersion, step_start_us
from shared.reports.published_flows import FlowChoice

_STANDARD = "standard"


class WorkflowVersion(Struct, frozen=True, kw_only=True, gc=False):
    """The version of the workflow that ran; null where it is not known."""

    id: str | None
    name: str | None


class NodeType(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a node's type that was published without a definition."""

    id: str
    type: str
    label: str | None


class WorkflowNode(Struct, frozen=True, kw_only=True, gc=False):
    """The node that a step ran."""

    id: str
    #: The published definition, else what is known.
    type: Raw | NodeType
    #: What the node left behind.
    context: Raw | None


class WorkflowEdge(Struct, frozen=True, kw_only=True, gc=False):
    """The edge by which a step was left."""

    id: str
    type: str
    source: str
    target: str
    value: Raw | None


class WorkflowStep(Struct, frozen=True, kw_only=True, gc=False):
    """One execution of one node."""

    id: str
    start: str
    end: str | None
    node: WorkflowNode
    edge: WorkflowEdge | UnsetType = UNSET


class WorkflowSummary(Struct, frozen=True, kw_only=True, gc=False):
    """An execution without its steps."""

    id: str
    status: str | None
    version: WorkflowVersion
    start: str
    end: str | None


class WorkflowExecution(WorkflowSummary, frozen=True, kw_only=True, gc=False):
    """An execution."""

    steps: list[WorkflowStep]


class WorkflowExecutionAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """The answer."""

    success: bool = True
    data: WorkflowExecution


class Pagination(Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Where in the list a page lies."""

    total_count: int
    limit: int
    offset: int
    has_next: bool


class WorkflowExecutionsAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """The answer with a page of executions, newest first."""

    success: bool = True
    pagination: Pagination
    data: list[WorkflowSummary]


def workflow_execution(run: FlowRun) -> WorkflowExecutionAnswer:
    """The execution of an attempt that is a call or a run."""
    flow, row = run.flow, run.row
    published = None
    if flow is not None:
        published = PublishedVersion(flow.version, 0, flow.version_id, flow.name)
    nodes, types = run.nodes, run.node_types
    edges = flow.edges if flow else []
    return WorkflowExecutionAnswer(
        data=WorkflowExecution(
            id=run.attempt_id,
            status=row.workflow_status,
            version=_version(run.choice, published),
            start=us_text_s(row.started_us),
            end=_text(row.ended_us),
            steps=[
                WorkflowStep(
                    id=step_id,
                    start=us_text_s(step_start_us(step)),
                    end=_text(step.exited[0] if step.exited else None),
                    node=_node(step, nodes.get(step.named[4]), types[step.named[4]]),
                    edge=_followed(step, edges),
                )
                for step_id, step in run.steps
            ],
        )
    )


def workflow_summary(
    attempt_id: str, row: AttemptRow, choice: FlowChoice, published: PublishedVersion | None
) -> WorkflowSummary:
    """The same without steps.

    Args:
        published: the version that the choice leads to.
    """
    return WorkflowSummary(
        id=attempt_id,
        status=row.workflow_status,
        version=_version(choice, published),
        start=us_text_s(row.started_us),
        end=_text(row.ended_us),
    )


def workflow_executions(
    summaries: list[WorkflowSummary], total: int, offset: int, limit: int
) -> WorkflowExecutionsAnswer:
    """One page of a list; beyond its end it is empty."""
    return WorkflowExecutionsAnswer(
        pagination=Pagination(
            total_count=total,
            limit=limit,
            offset=offset,
            has_next=offset + len(summaries) < total,
        ),
        data=summaries,
    )


def _version(choice: FlowChoice, published: PublishedVersion | None) -> WorkflowVersion:
    if published is None:
        said = choice.flow_version
        return WorkflowVersion(id=None if said is None else str(said), name=None)
    version_id = published.version_id
    return WorkflowVersion(
        id=str(published.version) if version_id is None else version_id,
        # An empty name is null.
        name=published.name or None,
    )


def _node(step: Step, node: FlowNode | None, node_type: str) -> WorkflowNode:
    shown: Raw | NodeType
    if node is not None and says(node.definition):
        shown = node.definition
    else:
        shown = NodeType(id=node_type, type=node_type, label=node.label if node else None)
    context = step.exited[6] if step.exited else None
    return WorkflowNode(
        id=step.named[4], type=shown, context=None if context is None else Raw(context)
    )


def _followed(step: Step, edges: Sequence[FlowEdge]) -> WorkflowEdge | UnsetType:
    """The edge that the exit names, else the first one that leaves the node by its output."""
    if step.exited is None:
        return UNSET
    output, edge_id = step.exited[4:6]
    named = next((edge for edge in edges if edge.id == edge_id), None)
    edge = named or next(
        (edge for edge in edges if edge.source == step.named[4] and _leads(edge, output)), None
    )
    if edge is None:
        return UNSET
    return WorkflowEdge(
        id=edge.id,
        type=edge.type or _STANDARD,
        source=edge.source,
        target=edge.target,
        value=edge.value if says(edge.value) else None,
    )


def _leads(edge: FlowEdge, output: str | None) -> bool:
    return output is not None and says(edge.value) and msgspec.json.decode(edge.value) == output


def _text(time_us: int | None) -> str | None:
    return None if time_us is None else us_text_s(time_us)
