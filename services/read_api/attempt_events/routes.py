"""The events that were folded into a call, run or lone SMS; an interface of our own.

They come from the log, not from the projections, so who publishes sees what arrived.
"""

from typing import Final

from litestar import Router, route
from msgspec import Raw, Struct

from services.read_api.error_shape import PROBLEM_DETAILS
from services.read_api.reading.answers import Report, ReportAnswer, still
from services.read_api.requests import METHODS, AnyRequest, Requests
from shared.contracts.envelope import Event
from shared.folds.facts import said_json
from shared.storage.raw_events import RawEvents

PATH: Final = "/v1/attempts/{attempt_id:str}/events"
NOT_FOUND: Final = "Attempt not found"


class PublishedEvent(Struct, frozen=True, gc=False, rename="camel"):
    """One event; of its payload what the contract knows."""

    id: str
    source: str
    type: str
    #: As it was published.
    time: str
    execution_id: str | None
    sequence: int | None
    data: Raw


class AttemptEvents(Struct, frozen=True, rename="camel"):
    """The body of a 200; duplicates, conflicts and parked events are not in it."""

    attempt_id: str
    #: By time, then source and id.
    events: list[PublishedEvent]


def attempt_events_routes(log: RawEvents, requests: Requests) -> Router:
    """The route, with errors as problem+json."""

    @route(PATH, http_method=METHODS)
    async def attempt_events(request: AnyRequest) -> ReportAnswer:
        organization_id = await requests.organization(request)
        attempt_id = requests.path_id(request, "attempt_id")

        async def reading() -> Report | None:
            events = await log.of_attempt(organization_id, attempt_id)
            if events is None:
                return None
            return still(0, AttemptEvents(attempt_id, [_published(event) for event in events]))

        return await requests.read(organization_id, reading)

    return Router("/", route_handlers=[attempt_events], exception_handlers=PROBLEM_DETAILS.handlers)


def _published(event: Event) -> PublishedEvent:
    return PublishedEvent(
        event.id,
        event.source,
        str(type(event).__struct_config__.tag),
        event.time,
        event.executionid,
        event.sequence,
        Raw(said_json(event.data)),  # type: ignore[attr-defined]  # each type has its own
    )
