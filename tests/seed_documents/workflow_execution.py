"""A workflow execution: one step of a node whose type the workflow's builder described in full."""

from typing import Any

from tests.seed_documents import ORGANIZATION, event

WORKFLOW_ID = "workflow"
EXECUTION_ID = "<string>"
PATH = f"/v1/accounts/{ORGANIZATION}/workflows/{WORKFLOW_ID}/executions/%3Cstring%3E"
_AT = "2023-11-07T05:31:56Z"

_PROPERTY: dict[str, Any] = {
    "label": "<string>",
    "helperText": "<string>",
    "link": "<string>",
    "type": "basictext",
    "mandatory": True,
    "args": ["<string>"],
    "options": [{"value": "<string>", "label": "<string>"}],
    "min": 123,
    "max": 123,
    "defaultValue": "<string>",
    "name": "<string>",
    "conditions": [{"property": "<string>", "comparator": "<string>", "value": "<string>"}],
}
_OUTGOING: dict[str, Any] = {
    "type": "timeout",
    "value": {"mandatory": True, "editable": True, "value": "<string>", "default": "<string>"},
    "multiple": True,
    "defaultEdge": True,
}
_NODE_TYPE: dict[str, Any] = {
    "id": "<string>",
    "type": "<string>",
    "group": "<string>",
    "name": "<string>",
    "label": "<string>",
    "description": "<string>",
    "icon": "<string>",
    "properties": [_PROPERTY],
    "outputs": [{"default": True, "path": "<string>", "name": "<string>", "dataType": "boolean"}],
    "validation": {"numEdgeCondition": "exactly", "numEdges": 123, "edges": [_OUTGOING]},
    "supportsReenrollment": True,
    "color": "<string>",
    "status": "<string>",
    "supportLink": "<string>",
}
_EDGE = {"id": "<string>", "source": "<string>", "target": "<string>", "value": "<string>"}
_STEP = {"stepId": "<string>", "nodeId": "<string>"}

EVENTS = [
    event(
        "flow.published",
        WORKFLOW_ID,
        "2023-11-01T00:00:00Z",
        {
            "name": "<string>",
            "version": 1,
            "versionId": "<string>",
            "nodes": [{"id": "<string>", "type": "filter", "definition": _NODE_TYPE}],
            "edges": [_EDGE],
        },
    ),
    event("run.started", EXECUTION_ID, _AT, {"flowId": WORKFLOW_ID, "contactId": "contact"}),
    event("node.entered", EXECUTION_ID, _AT, _STEP),
    event("node.exited", EXECUTION_ID, _AT, {**_STEP, "edgeId": "<string>", "context": {}}),
    event("run.ended", EXECUTION_ID, _AT, {"outcome": "completed"}),
]

EXAMPLE: dict[str, Any] = {
    "success": True,
    "data": {
        "id": "<string>",
        "status": "completed",
        "version": {"id": "<string>", "name": "<string>"},
        "start": "2023-11-07T05:31:56Z",
        "end": "2023-11-07T05:31:56Z",
        "steps": [
            {
                "id": "<string>",
                "start": "2023-11-07T05:31:56Z",
                "end": "2023-11-07T05:31:56Z",
                "node": {"id": "<string>", "type": _NODE_TYPE, "context": {}},
                "edge": {
                    "id": "<string>",
                    "type": "standard",
                    "source": "<string>",
                    "target": "<string>",
                    "value": "<string>",
                },
            }
        ],
    },
}
