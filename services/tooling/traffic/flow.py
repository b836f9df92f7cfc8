"""The call flow that every simulated call walks, as published and as facts known beforehand."""

from typing import Any, NamedTuple

START_NODE_ID = "dial-1"
FLOW_NAME = "Payment Reminder"
#: The version that calls of the campaign run; one older and one published too late stand beside it.
FLOW_VERSION = 2
#: Walked by calls, but in no published version: known from events alone.
UNPUBLISHED_NODE_ID = "webhook-crm"
#: Named by an edge and by charges, but in no published version and by no step.
RETIRED_NODE_ID = "retired-node"


class FlowNode(NamedTuple):
    """A node as published; `label` None where the flow says none."""

    node_id: str
    node_type: str
    label: str | None


class FlowEdge(NamedTuple):
    """An edge as published; `output` is the exit of the source that takes it."""

    source: str
    output: str
    target: str
    edge_type: str | None = None


#: In published order, which is not the graph's.
NODES = (
    FlowNode("hangup-1", "hangup", "Good-bye"),
    FlowNode("say-holiday", "say", "Holiday Notice"),
    FlowNode("dial-1", "dial", "Dial Contact"),
    FlowNode("dtmf-menu", "dtmf", "Main Menu"),
    FlowNode("say-invalid", "say", "Not Understood"),
    FlowNode("say-vip", "say", None),
    FlowNode("play-welcome", "play", "Welcome Message"),
    FlowNode("play-voicemail", "play", "Voicemail Message"),
    FlowNode("condition-segment", "condition", "Gold customer?"),
    FlowNode("dtmf-account", "dtmf", "Account Number"),
    FlowNode("set-promise", "set_variable", "Promise to Pay"),
    FlowNode("record-message", "record", "Leave a Message"),
    FlowNode("collect-reason", "collect_audio", "Reason"),
    FlowNode("sms-link", "sms", "Send Payment Link"),
    FlowNode("update-contact", "update_contact", "Note the Promise"),
    FlowNode("connect-agent", "connect_agent", "Talk to an Agent"),
    FlowNode("play-survey", "play", "Survey"),
)

EDGES = (
    FlowEdge("dial-1", "onAnswer", "play-welcome"),
    FlowEdge("dial-1", "onMachine", "play-voicemail"),
    FlowEdge("dial-1", "onFailure", "hangup-1", "failure"),
    FlowEdge("play-welcome", "onComplete", "condition-segment"),
    FlowEdge("play-voicemail", "onComplete", "hangup-1"),
    FlowEdge("condition-segment", "branch_1", "dtmf-menu"),
    FlowEdge("condition-segment", "branch_2", "say-vip"),
    FlowEdge("say-vip", "onComplete", "dtmf-menu"),
    FlowEdge("dtmf-menu", "branch_1", "dtmf-account"),
    FlowEdge("dtmf-menu", "branch_2", "record-message"),
    FlowEdge("dtmf-menu", "branch_3", "sms-link"),
    FlowEdge("dtmf-menu", "branch_0", "connect-agent"),
    FlowEdge("dtmf-menu", "branch_9", "dtmf-menu"),
    FlowEdge("dtmf-menu", "branch_7", RETIRED_NODE_ID),
    FlowEdge("dtmf-menu", "onInvalid", "say-invalid", "failure"),
    FlowEdge("dtmf-menu", "onTimeout", "say-invalid", "timeout"),
    FlowEdge("say-invalid", "onComplete", "dtmf-menu"),
    FlowEdge("dtmf-account", "onComplete", "set-promise"),
    FlowEdge("set-promise", "onComplete", "update-contact"),
    FlowEdge("record-message", "onComplete", "collect-reason"),
    FlowEdge("collect-reason", "onComplete", "hangup-1"),
    FlowEdge("sms-link", "onComplete", "update-contact"),
    FlowEdge("update-contact", "onComplete", "hangup-1"),
    FlowEdge("connect-agent", "onComplete", "hangup-1"),
)

#: reports.md, Node stats: breadth first from the start, then the unreachable as published.
#: Written by hand, so that it can disagree with whoever computes it.
GRAPH_ORDER = (
    *("dial-1", "play-welcome", "play-voicemail", "hangup-1", "condition-segment", "dtmf-menu"),
    *("say-vip", "dtmf-account", "record-message", "sms-link", "connect-agent", "say-invalid"),
    *("set-promise", "collect-reason", "update-contact", "say-holiday", "play-survey"),
)

NODE_BY_ID = {node.node_id: node for node in NODES}
#: (edge id, target) of each exit of each node.
EXITS = {
    (edge.source, edge.output): (f"edge-{number}", edge.target)
    for number, edge in enumerate(EDGES, 1)
}


def published(version: int) -> dict[str, Any]:
    """The payload of `flow.published`; only `FLOW_VERSION` carries the facts of this module."""
    in_force = version == FLOW_VERSION
    return {
        "name": FLOW_NAME,
        "version": version,
        "versionId": f"v{version}",
        "startNodeId": START_NODE_ID,
        "nodes": [_node(node, in_force=in_force) for node in NODES],
        "edges": [_edge(number, edge) for number, edge in enumerate(EDGES, 1)],
    }


def _node(node: FlowNode, *, in_force: bool) -> dict[str, Any]:
    if not in_force:
        # A report that reads the wrong version shows it in every row.
        return {"id": node.node_id, "type": "other_version", "label": "Other version"}
    data: dict[str, Any] = {"id": node.node_id, "type": node.node_type}
    if node.label is not None:
        data["label"] = node.label
    if node.node_type == "update_contact":
        data["config"] = {"attributeName": "promise_date"}
    if node.node_type == "dtmf":
        data["config"] = {"timeoutSeconds": 5}
        data["definition"] = {"id": f"type-{node.node_type}", "icon": "keypad", "label": "Keypad"}
    return data


def _edge(number: int, edge: FlowEdge) -> dict[str, Any]:
    data = {"id": f"edge-{number}", "source": edge.source, "target": edge.target}
    if edge.edge_type is not None:
        data["type"] = edge.edge_type
    data["value"] = edge.output
    return data
