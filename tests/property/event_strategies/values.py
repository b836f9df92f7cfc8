"""What the keys of generated events hold: small pools, so that facts compete."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

ORGANIZATIONS = ("acme", "bolt")
EXECUTIONS = ("spring", "été")
#: Ids belong to their kind, so every kind uses the same ones, an execution's among them.
SUBJECTS = ("spring", "\U0001f4de/1")
#: In the order of code points, which is not that of UTF-16.
SOURCES = ("/dialer/1", "/dialer/2", "/\ue000", "/\U0001f4de")
EVENT_IDS = ("1", "10", "2", "é")
#: Four instants; the first four texts and the next two are the same one.
TIMES = (
    "2025-12-20T10:00:00Z",
    "2025-12-20T11:00:00+01:00",
    "2025-12-20T10:00:00.0000009Z",
    "2025-12-20T04:30:00.000-05:30",
    "2025-12-20T10:00:00.000001Z",
    "2025-12-20T10:00:00.00000199+00:00",
    "2025-12-20T10:00:02.5Z",
    "1969-12-31T23:59:59.999999Z",
)

sources = st.sampled_from(SOURCES)
event_ids = st.sampled_from(EVENT_IDS)
instants = st.sampled_from(TIMES)
executions = st.sampled_from(EXECUTIONS)

#: Ids and names that payloads refer to.
ids = st.sampled_from(("a", "b", "ß"))
#: Ids of steps, recordings, messages and variables within an attempt.
own_ids = st.sampled_from(("1", "ß"))
node_types = st.sampled_from(("dtmf", "play", "say"))
texts = st.sampled_from(("", "x", 'line "1"\n', "café \u2028"))
booleans = st.booleans()
uints = st.sampled_from((0, 1, 1500, 2**53))
ordinals = st.sampled_from((1, 2, 2**53))
signed = st.sampled_from((-1, 0, 486, 2**53))
#: JSON numbers and strings; some equal, some cancelling, some beyond 64 bits of billionths.
amounts = st.sampled_from(
    (0, 2, "2", "-2", Decimal("0.1"), "0.100", "-0.000000001", "999999999999.999999999")
)
#: Whole inputs of a step: none, short, of the longest that is shown, too long, and the word.
digits = st.sampled_from(("", "1", "12#*", "12345", "other"))
outcomes = st.sampled_from(
    (
        "completed",
        "voicemail",
        "no_answer",
        "busy",
        "rejected",
        "failed",
        "cancelled",
        "no_credits",
        "out_of_the_blue",
    )
)
flow_outcomes = st.sampled_from(
    (
        "completed",
        "user_hangup",
        "failed",
        "timeout",
        "no_answer",
        "busy",
        "rejected",
        "cancelled",
        "out_of_the_blue",
    )
)
#: Objects that are handed through, with nulls and other keys inside.
objects: Strategy = st.sampled_from(
    ({}, {"name": "Zoë", "seen": None}, {"deep": {"amount": Decimal("1.50")}, "list": [1, None]})
)
#: Any JSON but null.
jsons: Strategy = st.sampled_from(("x", "", 7, Decimal("0.10"), False, [], {"deep": [None]}))


def record(required: dict[str, Strategy], optional: dict[str, Strategy]) -> Strategy:
    """Make objects whose optional keys are absent, null or, mostly, said."""
    return st.fixed_dictionaries(
        required, optional={key: value | st.none() | value for key, value in optional.items()}
    )
