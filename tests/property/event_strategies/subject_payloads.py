"""Payloads of flows, attributes, executions and contacts, as events.md, section 3, lists them."""

from hypothesis import strategies as st

from tests.property.event_strategies.values import (
    Strategy,
    ids,
    instants,
    jsons,
    node_types,
    objects,
    ordinals,
    record,
    texts,
    uints,
)

_nodes = record(
    {"id": ids, "type": node_types},
    {"label": texts, "config": objects, "definition": objects},
)
_edges = record(
    {"id": ids, "source": ids, "target": ids},
    {"type": st.sampled_from(("standard", "failure", "timeout")), "value": jsons},
)
_retry_strategies = st.one_of(
    record({"type": st.just("none")}, {}),
    record({"type": st.just("fixed_delay"), "delayMinutes": uints, "maxRetries": uints}, {}),
    record({"type": st.just("scheduled"), "retryDates": st.lists(instants, max_size=2)}, {}),
)
_wall_times = record({"hour": st.sampled_from((0, 23)), "minute": st.sampled_from((0, 59))}, {})
_weekly = st.lists(record({"startAt": _wall_times, "endAt": _wall_times}, {}), max_size=2)
_pause_windows = record(
    {},
    {
        "monday": _weekly,
        "tuesday": _weekly,
        "wednesday": _weekly,
        "thursday": _weekly,
        "friday": _weekly,
        "saturday": _weekly,
        "sunday": _weekly,
        "advanced": st.lists(record({"startAt": instants, "endAt": instants}, {}), max_size=2),
    },
)
_reason = record({}, {"reason": texts})
_nothing: Strategy = record({}, {})

SUBJECT_PAYLOADS: dict[str, Strategy] = {
    "flow.published": record(
        {
            "name": texts,
            "version": ordinals,
            "nodes": st.lists(_nodes, max_size=3),
            "edges": st.lists(_edges, max_size=3),
        },
        {"versionId": texts, "startNodeId": ids},
    ),
    "attribute.defined": record(
        {"displayName": texts},
        {
            "type": st.sampled_from(
                ("text", "number", "boolean", "date", "phone_number", "email", "url")
            ),
            "position": uints,
        },
    ),
    "attribute.deleted": _nothing,
    "execution.scheduled": record(
        {"programId": ids},
        {
            "programName": texts,
            "flowId": st.sampled_from(("spring", "a")),
            "flowVersion": uints,
            "flowName": texts,
            "audienceId": texts,
            "didPool": st.lists(texts, max_size=2),
            "retryStrategy": _retry_strategies,
            "pauseWindows": _pause_windows,
            "timezone": st.sampled_from(("UTC", "Europe/Paris", "Pacific/Apia")),
            "scheduledStartAt": instants,
            "scheduledStopAt": instants,
            "agentId": ids,
            "batchId": ids,
        },
    ),
    "execution.started": _nothing,
    "execution.paused": record(
        {"reason": st.sampled_from(("manual", "no_credits", "threshold"))}, {}
    ),
    "execution.resumed": _nothing,
    "execution.completed": _reason,
    "execution.stopped": _reason,
    "execution.cancelled": _reason,
    "contact.updated": record(
        {},
        {
            "firstName": texts,
            "lastName": texts,
            "phone": texts,
            "email": texts,
            "attributes": st.dictionaries(ids, st.none() | jsons, max_size=2),
        },
    ),
    "contact.enrolled": record({}, {"phone": texts, "name": texts, "variables": objects}),
    "contact.queued": _nothing,
    "contact.calling": _nothing,
    "contact.retry_scheduled": record({}, {"at": instants, "attempt": uints, "reason": texts}),
    "contact.completed": _nothing,
    "contact.failed": _reason,
    "contact.skipped": _reason,
}
