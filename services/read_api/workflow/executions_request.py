"""The parameters of the list of executions: offset, limit, filters."""

from typing import Final

from services.read_api.query_parameters import choice, identifier, instant, integer, read_query
from shared.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PAGE_NUMBER_MAX
from shared.storage.workflow_queries import RunsAsked

_PARAMETERS: Final = frozenset({"offset", "limit", "contactId", "status", "start", "end"})
STATUSES: Final = ("active", "completed", "cancelled", "failed")


def read_executions_request(query_string: bytes) -> RunsAsked:
    """Read the query string.

    Raises:
        BadRequest: a parameter is impossible or said twice; the message names it.
    """
    said = read_query(query_string, _PARAMETERS)
    return RunsAsked(
        offset=integer(said, "offset", 0, PAGE_NUMBER_MAX, least=0),
        limit=integer(said, "limit", PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX),
        status=choice(said, "status", STATUSES),
        contact_id=identifier(said, "contactId"),
        from_us=instant(said, "start"),
        to_us=instant(said, "end"),
    )
