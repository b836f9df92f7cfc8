"""`POST /v1/events` (events.md, "Over HTTP")."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response, Router, post
from litestar.exceptions import HTTPException

from services.ingest import problems
from services.ingest.admission import admit
from services.ingest.event_request import media_type_of, raw_events
from services.ingest.event_writer import EventWriter
from services.ingest.metrics import EventMetrics
from services.ingest.request_body import Bodies, Body
from shared.errors import StorageError
from shared.web_edge.authentication import Authentication
from shared.web_edge.refusals import Refusal, Unavailable

PATH: Final = "/v1/events"

_SCOPE = "publish"
_encode = msgspec.json.Encoder().encode


class Accepted(msgspec.Struct, frozen=True):
    """The body of a 202."""

    accepted: int


def events_routes(
    authentication: Authentication, writer: EventWriter, metrics: EventMetrics
) -> Router:
    """The one route of the contract, with its refusals as problem+json."""
    bodies = Bodies()

    @post(PATH)
    async def publish(request: Request[Any, Any, Any]) -> Response[bytes]:
        headers = request.scope["headers"]
        body = Body(headers, request.receive)
        try:
            identity = await authentication.identity(headers)
            identity.require(_SCOPE)
            media_type = media_type_of(headers)
            async with bodies.read(body) as whole:
                raw = raw_events(media_type, headers, whole)
                admission = await admit(raw, identity.organization_id)
                await writer.write(admission.good)
        except Refusal:
            await body.discard()
            raise
        except StorageError as error:
            await body.discard()
            raise Unavailable(
                f"API keys cannot be looked up, nothing is accepted: {error}"
            ) from error
        accepted = len(admission.good)
        metrics.add(accepted, (bad.reason for bad in admission.bad))
        if admission.bad:
            return problems.bad_events(accepted, admission.bad)
        return Response(
            _encode(Accepted(accepted)),
            status_code=HTTPStatus.ACCEPTED,
            media_type="application/json",
        )

    return Router(
        "/",
        route_handlers=[publish],
        exception_handlers={
            Refusal: problems.refused,
            HTTPException: problems.misrouted,
            Exception: problems.failed,
        },
    )
