"""The execution of a program, also called campaign or batch. Subject: the execution id."""

from typing import Annotated, Literal
from zoneinfo import available_timezones

from msgspec import Meta, Struct

from shared.contracts.envelope import Event, Id, NoPayload, Payload, UInt
from shared.contracts.instants import InstantText, instant_us, require_instants

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class NoRetry(Struct, frozen=True, gc=False, rename="camel", tag_field="type", tag="none"):
    """A contact is tried once."""


class FixedDelayRetry(
    Struct, frozen=True, gc=False, rename="camel", tag_field="type", tag="fixed_delay"
):
    """A contact is tried again after a delay."""

    delay_minutes: UInt
    max_retries: UInt


class ScheduledRetry(
    Struct, frozen=True, gc=False, rename="camel", tag_field="type", tag="scheduled"
):
    """A contact is tried again at given instants."""

    retry_dates: list[InstantText]

    def __post_init__(self) -> None:
        """Each date is an instant."""
        for date in self.retry_dates:
            instant_us(date)


RetryStrategy = NoRetry | FixedDelayRetry | ScheduledRetry


class WallTime(Payload, frozen=True, kw_only=True, gc=False):
    """A minute of the local day."""

    hour: Annotated[int, Meta(ge=0, le=23)]
    minute: Annotated[int, Meta(ge=0, le=59)]


class WeeklyWindow(Payload, frozen=True, kw_only=True, gc=False):
    """A part of a weekday, in the execution's time zone."""

    start_at: WallTime
    end_at: WallTime


class InstantWindow(Payload, frozen=True, kw_only=True, gc=False):
    """A stretch between two instants."""

    start_at: InstantText
    end_at: InstantText

    def __post_init__(self) -> None:
        """Both ends are instants."""
        require_instants(startAt=self.start_at, endAt=self.end_at)


class PauseWindows(Payload, frozen=True, kw_only=True, gc=False):
    """When an execution rests: by weekday, and between instants."""

    monday: list[WeeklyWindow] | None = None
    tuesday: list[WeeklyWindow] | None = None
    wednesday: list[WeeklyWindow] | None = None
    thursday: list[WeeklyWindow] | None = None
    friday: list[WeeklyWindow] | None = None
    saturday: list[WeeklyWindow] | None = None
    sunday: list[WeeklyWindow] | None = None
    advanced: list[InstantWindow] | None = None


class ExecutionScheduledData(Payload, frozen=True, kw_only=True, gc=False):
    """The plan of an execution, snapshotted at launch."""

    program_id: Id
    program_name: str | None = None
    flow_id: Id | None = None
    flow_version: UInt | None = None
    flow_name: str | None = None
    audience_id: str | None = None
    did_pool: list[str] | None = None
    retry_strategy: RetryStrategy | None = None
    pause_windows: PauseWindows | None = None
    timezone: str | None = None
    scheduled_start_at: InstantText | None = None
    scheduled_stop_at: InstantText | None = None
    agent_id: Id | None = None
    batch_id: Id | None = None

    def __post_init__(self) -> None:
        """Times are instants and the time zone is known."""
        require_instants(
            scheduledStartAt=self.scheduled_start_at, scheduledStopAt=self.scheduled_stop_at
        )
        if self.timezone is not None and self.timezone not in _TIMEZONES:
            raise ValueError("expected `timezone` to be an IANA time zone, such as Europe/Paris")


_TIMEZONES = frozenset(available_timezones())


class _ExecutionEvent(Event, kw_only=True, gc=False):
    """The subject is the execution, so `executionid` may only repeat it."""

    def __post_init__(self) -> None:
        """`executionid` is equal or absent (events.md, section 3)."""
        if self.executionid not in (None, self.subject):
            raise ValueError("expected `executionid` to be absent or equal to `subject`")


class ExecutionScheduled(_ExecutionEvent, kw_only=True, gc=False, tag="execution.scheduled"):
    """An execution is planned."""

    data: ExecutionScheduledData


class ExecutionStarted(_ExecutionEvent, kw_only=True, gc=False, tag="execution.started"):
    """It dials from now on."""

    data: NoPayload


class ExecutionPausedData(Payload, frozen=True, kw_only=True, gc=False):
    """Why it rests."""

    reason: Literal["manual", "no_credits", "threshold"]


class ExecutionPaused(_ExecutionEvent, kw_only=True, gc=False, tag="execution.paused"):
    """It rests until resumed."""

    data: ExecutionPausedData


class ExecutionResumed(_ExecutionEvent, kw_only=True, gc=False, tag="execution.resumed"):
    """It dials again."""

    data: NoPayload


class ReasonData(Payload, frozen=True, kw_only=True, gc=False):
    """An optional reason, in words."""

    reason: str | None = None


class ExecutionCompleted(_ExecutionEvent, kw_only=True, gc=False, tag="execution.completed"):
    """All contacts are done."""

    data: ReasonData


class ExecutionStopped(_ExecutionEvent, kw_only=True, gc=False, tag="execution.stopped"):
    """Its time is over."""

    data: ReasonData


class ExecutionCancelled(_ExecutionEvent, kw_only=True, gc=False, tag="execution.cancelled"):
    """Somebody called it off."""

    data: ReasonData


ExecutionEvent = (
    ExecutionScheduled
    | ExecutionStarted
    | ExecutionPaused
    | ExecutionResumed
    | ExecutionCompleted
    | ExecutionStopped
    | ExecutionCancelled
)
