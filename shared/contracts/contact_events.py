"""Contacts: their profile, and their way through an execution. Subject: the contact id."""

from typing import ClassVar, Final

from msgspec import UNSET, UnsetType

from shared.contracts.envelope import (
    ABSENT,
    Event,
    Id,
    Json,
    JsonObject,
    NoPayload,
    Payload,
    UInt,
    require_object,
)
from shared.contracts.execution_events import ReasonData
from shared.contracts.instants import InstantText, require_instants


class ContactUpdatedData(Payload, frozen=True, kw_only=True, gc=False):
    """Keys to merge into the profile: null removes one, an absent one is left alone."""

    first_name: str | None | UnsetType = UNSET
    last_name: str | None | UnsetType = UNSET
    phone: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    #: Merged name by name; a null value removes its name, a null for all of it says nothing.
    attributes: dict[Id, Json] | None = None


class ContactUpdated(Event, kw_only=True, gc=False, tag="contact.updated"):
    """The profile changed."""

    data: ContactUpdatedData


class EnrolmentEvent(Event, kw_only=True, gc=False):
    """A step of a contact's way through one execution; `status` is what it leaves behind."""

    status: ClassVar[str]
    executionid: Id  # type: ignore[mutable-override]  # required from here on


class ContactEnrolledData(Payload, frozen=True, kw_only=True, gc=False):
    """What the execution knows of the contact."""

    phone: str | None = None
    name: str | None = None
    variables: JsonObject = ABSENT

    def __post_init__(self) -> None:
        """Variables are an object."""
        require_object(self.variables, "variables")


class ContactEnrolled(EnrolmentEvent, kw_only=True, gc=False, tag="contact.enrolled"):
    """The contact takes part."""

    status = "pending"
    data: ContactEnrolledData


class ContactQueued(EnrolmentEvent, kw_only=True, gc=False, tag="contact.queued"):
    """A line is awaited."""

    status = "queued"
    data: NoPayload


class ContactCalling(EnrolmentEvent, kw_only=True, gc=False, tag="contact.calling"):
    """A call is under way."""

    status = "calling"
    data: NoPayload


class ContactRetryScheduledData(Payload, frozen=True, kw_only=True, gc=False):
    """The next try."""

    at: InstantText | None = None
    attempt: UInt | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        """`at` is an instant."""
        require_instants(at=self.at)


class ContactRetryScheduled(EnrolmentEvent, kw_only=True, gc=False, tag="contact.retry_scheduled"):
    """Another try follows."""

    status = "pendingRetry"
    data: ContactRetryScheduledData


class ContactCompleted(EnrolmentEvent, kw_only=True, gc=False, tag="contact.completed"):
    """The contact was reached."""

    status = "completed"
    data: NoPayload


class ContactFailed(EnrolmentEvent, kw_only=True, gc=False, tag="contact.failed"):
    """All tries are spent."""

    status = "failed"
    data: ReasonData


class ContactSkipped(EnrolmentEvent, kw_only=True, gc=False, tag="contact.skipped"):
    """The contact was left out."""

    status = "skipped"
    data: ReasonData


ContactEvent = (
    ContactUpdated
    | ContactEnrolled
    | ContactQueued
    | ContactCalling
    | ContactRetryScheduled
    | ContactCompleted
    | ContactFailed
    | ContactSkipped
)

#: What a contact can be in an execution, in the order of the types.
CONTACT_STATUSES: Final = (
    "pending",
    "queued",
    "calling",
    "pendingRetry",
    "completed",
    "failed",
    "skipped",
)
