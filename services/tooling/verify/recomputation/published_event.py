"""What of a published event the figures need, as a line of JSON that DuckDB reads."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct


class _Data(Struct, rename="camel"):
    """Payload keys of all types; what else is said takes no part in any figure."""

    amount: Any = UNSET
    answered_by: Any = UNSET
    attempt: Any = UNSET
    audience_id: Any = UNSET
    component: Any = UNSET
    contact_id: Any = UNSET
    digits: Any = UNSET
    direction: Any = UNSET
    duration_ms: Any = UNSET
    edges: Any = UNSET
    flow_id: Any = UNSET
    flow_name: Any = UNSET
    flow_outcome: Any = UNSET
    flow_version: Any = UNSET
    from_: Any = msgspec.field(name="from", default=UNSET)
    name: Any = UNSET
    node_id: Any = UNSET
    node_type: Any = UNSET
    nodes: Any = UNSET
    outcome: Any = UNSET
    program_id: Any = UNSET
    reason: Any = UNSET
    scheduled_start_at: Any = UNSET
    scheduled_stop_at: Any = UNSET
    start_node_id: Any = UNSET
    step_id: Any = UNSET
    to: Any = UNSET
    version: Any = UNSET


class PublishedEvent(Struct):
    """One CloudEvent, and where in the log it stands."""

    id: str
    source: str
    subject: str
    type: str
    time: str
    organizationid: str
    data: _Data
    executionid: str | None = None
    #: Set by whoever feeds it; nothing that is published counts.
    arrival: Any = UNSET
    partition: Any = UNSET
    ms: Any = UNSET
    seq: Any = UNSET


#: Numbers with a fraction stay text: a double could not hold each amount.
decode: Final = msgspec.json.Decoder(PublishedEvent, float_hook=str).decode
encode: Final = msgspec.json.Encoder().encode
