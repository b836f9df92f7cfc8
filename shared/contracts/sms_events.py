"""Messages. Subject: the call or run it was sent from, or the SMS id where it is the attempt."""

from msgspec import field

from shared.contracts.envelope import (
    ABSENT,
    Event,
    Id,
    JsonObject,
    Ordinal,
    Payload,
    UInt,
    require_object,
)


class SmsRequestedData(Payload, frozen=True, kw_only=True, gc=False):
    """A message to send, with its text as rendered."""

    sms_id: Id
    contact_id: Id | None = None
    attempt: Ordinal | None = None
    node_id: Id | None = None
    step_id: Id | None = None
    from_: str = field(name="from")
    to: str
    body: str
    parts: UInt | None = None
    program_id: Id | None = None
    variables: JsonObject = ABSENT

    def __post_init__(self) -> None:
        """Variables are an object."""
        require_object(self.variables, "variables")


class SmsRequested(Event, kw_only=True, gc=False, tag="sms.requested"):
    """A message is to be sent."""

    data: SmsRequestedData


class SmsSentData(Payload, frozen=True, kw_only=True, gc=False):
    """The provider took it."""

    sms_id: Id
    provider_message_id: str | None = None


class SmsSent(Event, kw_only=True, gc=False, tag="sms.sent"):
    """The message left."""

    data: SmsSentData


class SmsDeliveredData(Payload, frozen=True, kw_only=True, gc=False):
    """It arrived."""

    sms_id: Id


class SmsDelivered(Event, kw_only=True, gc=False, tag="sms.delivered"):
    """The message arrived."""

    data: SmsDeliveredData


class SmsFailedData(Payload, frozen=True, kw_only=True, gc=False):
    """It did not arrive."""

    sms_id: Id
    error: str | None = None


class SmsFailed(Event, kw_only=True, gc=False, tag="sms.failed"):
    """The message did not arrive."""

    data: SmsFailedData


SmsEvent = SmsRequested | SmsSent | SmsDelivered | SmsFailed
