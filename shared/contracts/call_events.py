"""Calls. Subject: the call id (of a charge also a run's or an SMS's)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from shared.contracts.amounts import Amount, amount_nano, require_amounts
from shared.contracts.envelope import (
    ABSENT,
    Event,
    Id,
    JsonObject,
    NoPayload,
    Ordinal,
    Payload,
    SignedInt,
    UInt,
    require_object,
)

AnsweredBy = Literal["human", "machine", "unknown"]
#: How a call ended; kept as said, so these are only what reports know.
Outcome = Annotated[
    str,
    Meta(
        examples=[
            "completed", "voicemail", "no_answer", "busy", "rejected", "failed", "cancelled",
            "no_credits",
        ]
    ),
]  # fmt: skip
#: How its flow ended; kept as said too.
FlowOutcome = Annotated[
    str,
    Meta(
        examples=[
            "completed", "user_hangup", "failed", "timeout", "no_answer", "busy", "rejected",
            "cancelled",
        ]
    ),
]  # fmt: skip


class CallInitiatedData(Payload, frozen=True, kw_only=True, gc=False):
    """What is dialled, for whom; merged key by key (events.md, rule 3)."""

    contact_id: Id | None = None
    attempt: Ordinal | None = None
    direction: Literal["outbound", "inbound"] | None = None
    from_: str = field(name="from")
    to: str
    provider: str | None = None
    provider_call_id: str | None = None
    program_id: Id | None = None
    agent_id: Id | None = None
    batch_id: Id | None = None
    flow_id: Id | None = None
    flow_version: UInt | None = None
    hosted: bool | None = None
    context: JsonObject = ABSENT
    welcome_message: str | None = None
    agenda: str | None = None
    variables: JsonObject = ABSENT

    def __post_init__(self) -> None:
        """Handed-through objects must be objects."""
        require_object(self.context, "context")
        require_object(self.variables, "variables")


class CallInitiated(Event, kw_only=True, gc=False, tag="call.initiated"):
    """Dialling began."""

    data: CallInitiatedData


class CallRinging(Event, kw_only=True, gc=False, tag="call.ringing"):
    """The far end rings."""

    data: NoPayload


class CallAnsweredData(Payload, frozen=True, kw_only=True, gc=False):
    """Who picked up, where already known."""

    answered_by: AnsweredBy | None = None


class CallAnswered(Event, kw_only=True, gc=False, tag="call.answered"):
    """Somebody or something picked up."""

    data: CallAnsweredData


class CallAmdCompletedData(Payload, frozen=True, kw_only=True, gc=False):
    """The verdict of answering-machine detection."""

    answered_by: AnsweredBy


class CallAmdCompleted(Event, kw_only=True, gc=False, tag="call.amd_completed"):
    """Answering-machine detection came to a verdict."""

    data: CallAmdCompletedData


class CallEndedData(Payload, frozen=True, kw_only=True, gc=False):
    """How it ended. `outcome` and `flowOutcome` are kept as said, known or not."""

    outcome: Outcome | None = None
    flow_outcome: FlowOutcome | None = None
    duration_ms: UInt | None = None
    hangup_by: str | None = None
    hangup_reason: str | None = None
    hangup_code: SignedInt | None = None
    sip_code: UInt | None = None
    q850_cause: UInt | None = field(name="q850Cause", default=None)
    error: str | None = None
    retry_reason: str | None = None
    final: bool | None = None


class CallEnded(Event, kw_only=True, gc=False, tag="call.ended"):
    """The line is down."""

    data: CallEndedData


class CallFinalized(Event, kw_only=True, gc=False, tag="call.finalized"):
    """Post-processing (recording, transcript, extraction) is done."""

    data: NoPayload


class CallTransferredData(Payload, frozen=True, kw_only=True, gc=False):
    """The leg that the call was handed to."""

    provider_call_id: str | None = None
    status: str
    from_: str = field(name="from")
    to: str
    duration_ms: UInt | None = None
    cost: Amount = ABSENT
    recording_url: str | None = None
    hangup_by: str | None = None
    hangup_reason: str | None = None
    hangup_code: SignedInt | None = None

    def __post_init__(self) -> None:
        """`cost` is an amount."""
        require_amounts(cost=self.cost)


class CallTransferred(Event, kw_only=True, gc=False, tag="call.transferred"):
    """The call was handed to another party."""

    data: CallTransferredData


class CallTranscribedData(Payload, frozen=True, kw_only=True, gc=False):
    """The conversation as text."""

    transcript: str


class CallTranscribed(Event, kw_only=True, gc=False, tag="call.transcribed"):
    """A transcript is there."""

    data: CallTranscribedData


class CallAnalyzedData(Payload, frozen=True, kw_only=True, gc=False):
    """What was read out of the conversation."""

    extracted_data: JsonObject = ABSENT
    voice_analytics: JsonObject = ABSENT

    def __post_init__(self) -> None:
        """Handed-through objects must be objects."""
        require_object(self.extracted_data, "extractedData")
        require_object(self.voice_analytics, "voiceAnalytics")


class CallAnalyzed(Event, kw_only=True, gc=False, tag="call.analyzed"):
    """Extraction is done."""

    data: CallAnalyzedData


class CallRecordedData(Payload, frozen=True, kw_only=True, gc=False):
    """A recording, of the call or of one node."""

    recording_id: Id
    url: str | None = None
    node_id: Id | None = None
    step_id: Id | None = None
    duration_ms: UInt | None = None


class CallRecorded(Event, kw_only=True, gc=False, tag="call.recorded"):
    """A recording is there."""

    data: CallRecordedData


class CallRecordingTranscribedData(Payload, frozen=True, kw_only=True, gc=False):
    """A recording as text."""

    recording_id: Id
    text: str


class CallRecordingTranscribed(Event, kw_only=True, gc=False, tag="call.recording_transcribed"):
    """A recording's transcript is there."""

    data: CallRecordingTranscribedData


class CallChargedData(Payload, frozen=True, kw_only=True, gc=False):
    """An exact amount; negative ones correct earlier charges."""

    amount: Amount
    component: Id | None = None
    node_id: Id | None = None
    node_type: Id | None = None
    duration_ms: UInt | None = None

    def __post_init__(self) -> None:
        """`amount` is an amount."""
        try:
            amount_nano(self.amount)
        except ValueError as error:
            raise ValueError(f"`amount`: {error}") from None


class CallCharged(Event, kw_only=True, gc=False, tag="call.charged"):
    """The attempt cost something; it does not make its subject a call."""

    data: CallChargedData


CallEvent = (
    CallInitiated
    | CallRinging
    | CallAnswered
    | CallAmdCompleted
    | CallEnded
    | CallFinalized
    | CallTransferred
    | CallTranscribed
    | CallAnalyzed
    | CallRecorded
    | CallRecordingTranscribed
    | CallCharged
)
